# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Agreements: what a professional and a citizen settle in one conversation, and how it ends.

Guarantees: only grants whose sender is this edge are made; what another partner would have to tell is named as still to
be asked there; consent is kept here in full and nowhere else; the receipt says in plain Dutch what was agreed, until
when, and how to stop it. A refusal that the citizen did not take back in this conversation stands.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.address_book import AddressBook, Partner
from adapters.code import OneTimeCode, new_code
from adapters.code_slips import Slip, count_printed, in_words, slip
from adapters.lines import CODE, Wish, begin_anew, end_grant, make
from adapters.records import ACTIVE, CONSENTS, FROZEN, GRANTS, Client, Consented, Grant, Reads, Refused
from adapters.refusals import HELD, OBJECTED, WITHDRAWN, concerns, refuse, standing
from adapters.stop_code import stop_code
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.decide import longest_validity
from consent.record import ConsentRecord, from_bytes
from consent.rules import Row, RuleTable, ways
from schemas.address import role_of

CONSENT: Final = "consent"
NO_BSN: Final = "van deze cliënt is geen BSN bekend; volgens deze regel herkent de ontvanger de cliënt daaraan"
NOTICE: Final = "2026-1"  # version of the text that the receipt is made of
_PRINCIPAL: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_OTHERS: Final = {
    "statutory": "een wettelijke taak",
    "no-objection": "een schriftelijke verklaring van geen bezwaar",
    "safety": "veiligheid",
}
_CATEGORIES: Final = {"progress": "dat hulp begint, verandert en stopt", "service": "onder welke wet en toewijzing"}


class AgreementError(ValueError):
    """This can't be agreed here; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who agreed, how, and for how long; `end` None is the longest that the rule allows."""

    partners: tuple[str, ...]
    end: int | None = None
    given_by: str = "client"
    manner: str = "in-person"
    language: str = "nl"


@dataclass(frozen=True, slots=True)
class Agreed:
    """One consent of an agreement, as it stands."""

    id: str
    recipient: str
    recipient_name: str
    categories: tuple[str, ...]
    begin: int
    end: int
    state: str
    stop_code: str
    by_code: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """What came of a conversation: what this edge will tell, what is to be asked elsewhere, the receipt, and a slip with a
    code for each partner that can't know otherwise whom it is about.
    """

    made: tuple[Agreed, ...]
    asked: tuple[str, ...]
    receipt: str
    slips: tuple[Slip, ...] = ()


def make_agreement(
    tx: Transaction, work: Workplace, book: AddressBook, client: Client, talk: Conversation
) -> Agreement:
    """Make the grants of a conversation, with their consent records.

    Raises:
        AgreementError: an unknown partner, an objection or hold that stands, or no BSN to introduce by.
        NotLawfulError: an end beyond what the rule allows.
        TooManyCodesError: the codes that it asks for may not be printed any more today.
    """
    named = [_named(book, name) for name in talk.partners]
    rows = {partner.address: _rows(work.rules, work.address, partner.address) for partner in named}
    for partner in named:
        if rows[partner.address] and not _is_free(tx, client, partner):
            raise AgreementError(f"er staat een bezwaar of blokkade tegen {partner.name}: hef die eerst op")
    made = [_agree(tx, work, client, talk, (partner, row)) for partner in named for row in rows[partner.address]]
    slips = tuple(slip(tx, book, grant, code) for _, grant, code in made if code is not None)
    agreed = tuple(_agreed(work, book, consented, grant) for consented, grant, _ in made)
    asked = tuple(dict.fromkeys(_to_be_asked(work, named, rows)))
    return Agreement(agreed, asked, receipt(agreed, asked), slips)


def without_consent(rules: RuleTable, sender: str, recipient: str) -> str:
    """Why consent is no ground between these two roles, and what is; with the numbers of the rows."""
    found = ways(rules, sender, recipient)
    if found.open:
        others = ", ".join(f"{_OTHERS[way.ground]} (regel {way.row.id})" for way in found.open)
        return f"toestemming is hier de grond niet, wel {others}"
    if found.closed:
        return f"dat mag niet, ook niet met toestemming (regel {', '.join(str(row.id) for row in found.closed)})"
    return "geen regel staat dat toe"


def _named(book: AddressBook, name: str) -> Partner:
    partner = book.by_name(name)
    if partner is None:
        raise AgreementError("deze partner staat niet in het adresboek")
    return partner


def _rows(rules: RuleTable, sender: str, recipient: str) -> list[Row]:
    roles = role_of(sender), role_of(recipient)
    return [row for row in rules.rows.values() if rules.permits(row.id, *roles, CONSENT, row.categories)]


def _is_free(reads: Reads, client: Client, partner: Partner) -> bool:
    """A consent given anew replaces one that was withdrawn; an objection or hold is lifted apart, by a person."""
    blocking = (OBJECTED, HELD)
    return not any(
        concerns(refusal, partner.address) and (refusal.kind in blocking or refusal.recipient is None)
        for refusal in standing(reads, client.id)
    )


def _agree(
    tx: Transaction, work: Workplace, client: Client, talk: Conversation, about: tuple[Partner, Row]
) -> tuple[Consented, Grant, OneTimeCode | None]:
    """One consent with its grant, and the code that introduces it where it needs one."""
    partner, row = about
    code = new_code(partner.address, work.random) if row.introduction == CODE else None
    number = client.number
    record = ConsentRecord(
        id=work.random(16).hex(),
        principal=number if _PRINCIPAL.fullmatch(number) else client.id,
        controller=work.address,
        recipients=(partner.address,),
        row=row.id,
        purpose=row.purpose,
        law=row.law,
        categories=row.categories,
        begin=work.today,
        end=longest_validity(row, work.today) if talk.end is None else talk.end,
        given_at=work.now,
        given_by=talk.given_by,
        manner=talk.manner,
        notice=NOTICE,
        language=talk.language,
        processing_basis=row.processing_basis,
        special_exception=row.special_exception,
        secrecy_ground=row.secrecy_ground,
        retention=row.retention,
        objection=row.objection,
        table=work.rules.hash.hex(),
    )
    source = record.reference(work.registry)
    wish = Wish(
        client.id,
        partner.address,
        row,
        CONSENT,
        row.categories,
        record.end,
        source,
        automatic=False,
        consent=record.id,
        code=code,
    )
    grant = make(tx, work, wish)
    if grant is None:
        raise AgreementError(NO_BSN)
    if code is not None and not code.fits(grant.proof, grant.salt):
        if grant.proof and not grant.introduced:  # agreed once more before the code was typed: the paper may be lost
            grant = begin_anew(tx, work, grant, code)
        else:
            code = None  # the recipient knows by the grant before whom it is about
    if code is not None:
        count_printed(tx, work, partner.address)
    consented = Consented(record.id, client.id, record.to_bytes(work.registry), (grant.id,))
    return CONSENTS.put(tx, consented), grant, code


def _agreed(work: Workplace, book: AddressBook, consented: Consented, grant: Grant) -> Agreed:
    record = from_bytes(consented.raw, work.registry)
    return Agreed(
        record.id,
        grant.recipient,
        book.name_of(grant.recipient),
        record.categories,
        record.begin,
        record.end,
        record.state,
        stop_code(grant.secret),
        grant.by_code,
    )


def _to_be_asked(work: Workplace, named: Sequence[Partner], rows: dict[str, list[Row]]) -> Iterator[str]:
    ours = role_of(work.address)
    for partner in named:
        if not rows[partner.address]:
            why = without_consent(work.rules, ours, role_of(partner.address))
            yield f"{partner.name} kunnen wij niet inlichten: {why}"
        if _rows(work.rules, partner.address, work.address):
            yield f"vraag bij {partner.name} of die ons mag inlichten"
        for other in named:
            if other is not partner and _rows(work.rules, partner.address, other.address):
                yield f"vraag bij {partner.name} of die {other.name} mag inlichten"


# -- showing and ending ----------------------------------------------------------------------------------------------


def agreements(reads: Reads, work: Workplace, book: AddressBook, client: Client) -> list[Agreed]:
    """Every consent of this client, as it stands."""
    return [
        _agreed(work, book, consented, GRANTS.need(reads, consented.grants[-1].encode()))
        for consented in CONSENTS.find(reads, "client", client.id.encode())
    ]


def end_agreement(tx: Transaction, work: Workplace, consent: str) -> Grant | None:
    """The citizen withdraws a consent: nothing leaves under it from this commit on; None when there is none.

    The refusal that it leaves outlives the grant. A renewal of the same line ends too.
    """
    consented = CONSENTS.get(tx, consent.encode())
    if consented is None:
        return None
    record = from_bytes(consented.raw, work.registry).withdrawn(work.now)
    CONSENTS.put(tx, replace(consented, raw=record.to_bytes(work.registry)))
    last = GRANTS.need(tx, consented.grants[-1].encode())
    refuse(tx, Refused(work.id(), consented.client, last.recipient, WITHDRAWN, work.now))
    for grant in GRANTS.find(tx, "line", last.line.encode()):
        if grant.state in (ACTIVE, FROZEN):
            end_grant(tx, work, grant, WITHDRAWN)
    return last


def receipt(made: Sequence[Agreed], asked: Sequence[str]) -> str:
    """What the citizen takes home."""
    lines = ["Afspraak over het delen van voortgang", ""]
    for one in made:
        what = " en ".join(_CATEGORIES[name] for name in one.categories)
        lines += [
            f"Wij mogen {one.recipient_name} vertellen {what}.",
            f"Dit geldt van {in_words(one.begin)} tot en met {in_words(one.end)}.",
            *(
                [f"Het begint pas als {one.recipient_name} uw code heeft ingevoerd, of u daar al kent."]
                if one.by_code
                else []
            ),
            "Er gaan geen medische gegevens, verslagen of toelichtingen mee.",
            "U kunt dit altijd stoppen: bij ons, of bij een van de andere partners met deze stopcode.",
            f"Stopcode: {one.stop_code}",
            "",
        ]
    if not made:
        lines += ["Er is niets afgesproken dat wij zelf mogen vertellen.", ""]
    if asked:
        lines += ["Dit is hiermee niet geregeld:", *(f"- {sentence}" for sentence in asked), ""]
    lines.append("Stoppen werkt vanaf het moment dat u het zegt. Wat al is verteld, kan worden ingetrokken.")
    return "\n".join(lines) + "\n"
