# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Agreements: what a professional and a citizen settle in one conversation, and how it ends.

Guarantees: only grants whose sender is this edge are made; what another partner would have to tell is named as still to
be asked there; nothing is made without the word of everybody whose word it takes, and nothing against an objection of one of
them; a consent never lasts over a birthday that makes it too little. Consent is kept here in full and nowhere else. A
refusal that the citizen did not take back in this conversation stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters import consent_words
from adapters.address_book import AddressBook
from adapters.agreement_plan import (
    CONSENT,
    AgreementError,
    Conversation,
    Plan,
    Step,
    check_words,
    plan,
    situation_of,
)
from adapters.citizen_text import NOTICE
from adapters.code import OneTimeCode, new_code
from adapters.code_slips import Slip, count_printed, slip
from adapters.consent_receipt import ELSEWHERE, ENDED, About, Agreed, Receipt, about, as_text, had, receipt_of
from adapters.consent_words import OUTGROWN
from adapters.lines import CODE, Wish, begin_anew, end_grant, is_open, make
from adapters.records_outgoing import ACTIVE, FROZEN, GRANTS, Client, Grant
from adapters.records_people import CONSENTS, SPOKEN, Consented, Refused, Spoken
from adapters.refusals import may_agree, refuse
from adapters.shelf import Reads
from adapters.stop_code import stop_code
from adapters.store import Transaction
from adapters.withdrawals import withdraw
from adapters.workplace import Workplace
from consent.decide import longest_validity
from consent.grant import with_a_month
from consent.precedence import WITHDRAWN
from consent.record import ConsentRecord, Given, from_bytes
from consent.whose import (
    CLIENT,
    FOR_A_MINOR,
    Word,
    counts,
    holds_until,
)

__all__ = ["CONSENT", "Agreed", "Agreement", "AgreementError", "Conversation", "Plan", "plan"]
NO_BSN: Final = "van deze cliënt is geen BSN bekend; volgens deze regel herkent de ontvanger de cliënt daaraan"
_PRINCIPAL: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


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
        AgreementError: an unknown partner, an objection or hold that stands, somebody's word that is missing, an age that
            nobody has said, or no BSN to introduce by.
        NotLawfulError: an end beyond what the rule allows.
        TooManyCodesError: the codes that it asks for may not be printed any more today.
    """
    planned = plan(tx, work, book, client, talk)
    if talk.born is not None:
        consent_words.learn(tx, work, client.id, talk.born)
    for step in planned.steps:
        if not may_agree(tx, client.id, step.partner.address, step.row):
            raise AgreementError(f"er staat een bezwaar of blokkade tegen {step.partner.name}: hef die eerst op")
    for step in planned.steps:
        check_words(work, talk, step)
    now = situation_of(tx, client, talk)
    made = [_agree(tx, work, client, talk, step) for step in planned.steps]
    slips = tuple(slip(tx, book, grant, code) for _, grant, code in made if code is not None)
    agreed = tuple(_agreed(tx, work, book, consented, grant) for consented, grant, _ in made)
    paper = receipt_of(agreed, planned.asked_plainly, about(now, work.today), work.today)
    return Agreement(agreed, planned.asked, as_text(paper), slips)


def _agree(
    tx: Transaction, work: Workplace, client: Client, talk: Conversation, step: Step
) -> tuple[Consented, Grant, OneTimeCode | None]:
    """One consent with its grant, and the code that introduces it where it needs one."""
    partner, row = step.partner, step.row
    code = new_code(partner.address, work.random) if row.introduction == CODE else None
    record = _record(tx, work, client, talk, step)
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
    words = tuple((word.who, word.manner) for word in _needed_words(talk, step))
    aside = tuple((one.who, one.by, one.reason) for one in talk.aside)
    SPOKEN.put(tx, Spoken(record.id, words, talk.capable, talk.authority, aside, talk.parents_too))
    consented = Consented(record.id, client.id, record.to_bytes(work.registry), (grant.id,))
    return CONSENTS.put(tx, consented), grant, code


def _record(reads: Reads, work: Workplace, client: Client, talk: Conversation, step: Step) -> ConsentRecord:
    """The record of one consent: to tell others, said by these, until a birthday at most. Unless that or a
    wish ends it, it ends with a month: see `consent.grant.with_a_month`."""
    row, number = step.row, client.number
    words = _needed_words(talk, step)
    longest = longest_validity(row, work.today)
    wished = with_a_month(work.today, longest) if talk.end is None else talk.end
    now = situation_of(reads, client, talk)
    last = holds_until(row, now, work.today, words, parents_too=talk.parents_too)
    return ConsentRecord(
        id=work.random(16).hex(),
        principal=number if _PRINCIPAL.fullmatch(number) else client.id,
        controller=work.address,
        recipients=(step.partner.address,),
        row=row.id,
        purpose=row.purpose,
        law=row.law,
        categories=row.categories,
        begin=work.today,
        # A wish beyond the rule stays as it is, so that it is refused and not shortened without a word.
        end=wished if last is None or wished > longest else min(wished, last),
        given_at=work.now,
        given_by=_kind(words[0].who),
        manner=words[0].manner,
        notice=NOTICE,
        language=talk.language,
        given=tuple(Given(word.who, work.now, word.manner) for word in words),
        processing_basis=row.processing_basis,
        special_exception=row.special_exception,
        secrecy_ground=row.secrecy_ground,
        retention=row.retention,
        objection=row.objection,
        table=work.rules.hash.hex(),
    )


def _needed_words(talk: Conversation, step: Step) -> tuple[Word, ...]:
    """The words that this consent rests on; what others said besides is not kept."""
    by = {word.who: word for word in talk.said if counts(word)}
    return tuple(by[one.who] for one in step.answer.needed)


def _kind(who: str) -> str:
    return CLIENT if who == CLIENT else "parents" if who in FOR_A_MINOR else "representative"


def _agreed(reads: Reads, work: Workplace, book: AddressBook, consented: Consented, grant: Grant) -> Agreed:
    record = from_bytes(consented.raw, work.registry)
    said = consent_words.spoken(reads, record)
    state = OUTGROWN if record.state == "given" and said.outgrown_on is not None else record.state
    if consented.elsewhere:
        state = ELSEWHERE
    elif state == "given" and not is_open(reads, grant.line, work.today):
        state = ENDED
    return Agreed(
        record.id,
        grant.recipient,
        book.name_of(grant.recipient),
        record.categories,
        record.begin,
        record.end,
        state,
        stop_code(grant.secret),
        grant.by_code,
        tuple(who for who, _ in said.words),
        record.row,
        _is_ended_by_age(reads, work, consented.client, record, said),
    )


def _is_ended_by_age(reads: Reads, work: Workplace, client: str, record: ConsentRecord, said: Spoken) -> bool:
    row = work.rules.rows.get(record.row)
    if row is None:
        return False
    return consent_words.ends(row, consent_words.born(reads, client), said, record)[1]


# -- showing and ending ----------------------------------------------------------------------------------------------


def agreements(reads: Reads, work: Workplace, book: AddressBook, client: Client) -> list[Agreed]:
    """Every consent of this client, as it stands."""
    return [
        _agreed(reads, work, book, consented, GRANTS.need(reads, consented.grants[-1].encode()))
        for consented in CONSENTS.find(reads, "client", client.id.encode())
    ]


def receipt_now(reads: Reads, work: Workplace, book: AddressBook, client: Client, also: Sequence[str] = ()) -> Receipt:
    """The receipt of everything that this client agreed to, as it stands, with what the partners have had.

    `also`: partners that were spoken of, though there may be no agreement with them.
    """
    made = _newest(agreements(reads, work, book, client))
    talk = Conversation((*(one.recipient for one in made if one.state == "given"), *also))
    elsewhere = plan(reads, work, book, client, talk).asked_plainly
    return receipt_of(
        made, elsewhere, _reader(reads, work, client), work.today, had(reads, book, work.registry, client)
    )


def _newest(made: list[Agreed]) -> list[Agreed]:
    """Of each partner and rule how it stands now: what was given anew is not told as ended."""
    return list({(one.recipient, one.row): one for one in made}.values())


def _reader(reads: Reads, work: Workplace, client: Client) -> About:
    kept = CONSENTS.find(reads, "client", client.id.encode())
    if not kept:
        return About()
    said = consent_words.spoken(reads, from_bytes(kept[-1].raw, work.registry))
    return about(consent_words.situation(consent_words.born(reads, client.id), said), work.today)


def end_agreement(tx: Transaction, work: Workplace, consent: str) -> Grant | None:
    """The citizen withdraws a consent: nothing leaves under it from this commit on; None when there is none.

    The refusal that it leaves outlives the grant. A renewal of the same line ends too.
    """
    consented = CONSENTS.get(tx, consent.encode())
    if consented is None:
        return None
    record = from_bytes(consented.raw, work.registry).withdrawn(work.now)
    CONSENTS.put(tx, replace(consented, raw=record.to_bytes(work.registry), elsewhere=False))
    last = GRANTS.need(tx, consented.grants[-1].encode())
    withdraw(tx, work, consented.client, last.recipient, last.row)  # what it renewed rests on it no more either
    refuse(tx, Refused(work.id(), consented.client, last.recipient, WITHDRAWN, work.now, row=last.row))
    for grant in GRANTS.find(tx, "line", last.line.encode()):
        if grant.state in (ACTIVE, FROZEN):
            end_grant(tx, work, grant, WITHDRAWN)
    return last
