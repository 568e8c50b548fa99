# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a FHIR R4 Consent of another system, in JSON or XML, may do here: it proposes, and a person decides.

Guarantees:
- a permit in it never becomes a grant, nor a consent: it says with whom a conversation can be held, and under which rule;
- a refusal that is sure becomes, once a person confirmed it, an objection of this client against that partner; it outlives
  every grant like any other. A refusal that only may be meant is shown, and left to that person;
- a document about somebody else is refused as far as its numbers tell, and one that names no number of ours says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook, Partner
from adapters.agreement import CONSENT
from adapters.consent_xml import as_json, is_xml
from adapters.records_outgoing import Client
from adapters.workplace import Workplace
from consent.fhir_consent import Answer, Consent, Effect, Question, Said, ask, rules
from consent.fhir_consent_read import read
from consent.fhir_export import CATEGORY, CLIENTS, PURPOSE, URI
from consent.rules import Row
from schemas.address import role_of

BSN: Final = "http://fhir.nl/fhir/NamingSystem/bsn"
AGB: Final = "http://fhir.nl/fhir/NamingSystem/agb-z"
_TELLING: Final = frozenset({"access", "disclose"})  # what is told can be read: a refusal of either refuses


class OfAnotherError(ValueError):
    """The document is about somebody else; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the document says of telling one partner. `rows`: under which of our rules it permits it."""

    partner: Partner
    answer: Answer
    sure: bool
    rows: tuple[int, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether it becomes a refusal when a person confirms."""
        return self.answer is Answer.DENY and self.sure


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is put before a person. `everyone`: it refuses whoever may come. `patient_compared`: it has a number of the client's."""

    lines: tuple[Line, ...]
    everyone: bool
    patient_compared: bool

    @property
    def refused(self) -> tuple[str | None, ...]:
        """Against whom refusals come: addresses, or None alone for all partners."""
        return (None,) if self.everyone else tuple(line.partner.address for line in self.lines if line.refuses)


def propose(raw: bytes, client: Client, work: Workplace, book: AddressBook) -> Proposal:
    """What this document could change for this client.

    Raises:
        ConsentError: it is no document that can be relied on.
        OfAnotherError: it is about somebody else.
    """
    consent = read(as_json(raw) if is_xml(raw) else raw)
    compared = _compare(consent, client, work.address)
    others = [one for one in book.partners if one.address != work.address]
    lines = tuple(_line(consent, one, work) for one in others)
    return Proposal(lines, _refuses_everyone(consent, work), compared)


def _compare(consent: Consent, client: Client, address: str) -> bool:
    """Whether a number in it is the client's.

    Raises:
        OfAnotherError: a number of ours in it is of somebody else.
    """
    found = False
    for system, own in ((BSN, client.bsn), (f"{address}:{CLIENTS}", client.number)):
        said = {name.removeprefix(f"{system}|") for name in consent.patient if name.startswith(f"{system}|")}
        if said and own is not None and said != {own}:
            raise OfAnotherError("dit document gaat over een andere cliënt; er is niets gewijzigd")
        found = found or bool(said and own is not None)
    return found


def _line(consent: Consent, partner: Partner, work: Workplace) -> Line:
    rows = tuple(row.id for row in _rows(work, partner) if _permits(consent, partner, work, row))
    said = ask(consent, _question(work, _names(partner)))
    if rows:
        return Line(partner, Answer.PERMIT, sure=True, rows=rows)
    return Line(partner, said.answer, said.sure)


def _rows(work: Workplace, partner: Partner) -> Iterator[Row]:
    for row in work.rules.rows.values():
        if work.rules.permits(row.id, role_of(work.address), partner.role, CONSENT, row.categories):
            yield row


def _permits(consent: Consent, partner: Partner, work: Workplace, row: Row) -> bool:
    """Whether it permits all that the row would tell, for the row's purpose."""
    codes = frozenset({f"{PURPOSE}|{row.purpose}"})
    return all(
        ask(consent, _question(work, _names(partner), frozenset({f"{CATEGORY}|{one}"}), codes)).answer is Answer.PERMIT
        for one in row.categories
    )


def _question(
    work: Workplace,
    recipient: frozenset[str],
    classes: frozenset[str] | None = None,
    codes: frozenset[str] | None = None,
) -> Question:
    actors = {"CST": frozenset({f"{URI}|{work.address}"}), "PRCP": recipient}
    return Question(work.today, actors, actions=_TELLING, classes=classes, codes=codes)


def _names(partner: Partner) -> frozenset[str]:
    return frozenset({f"{URI}|{partner.address}", *(f"{AGB}|{code}" for code in partner.agb)})


def _refuses_everyone(consent: Consent, work: Workplace) -> bool:
    """A refusal of everything to everybody: of a recipient of whom nothing is known too, and with no exception."""
    said = ask(consent, Question(work.today))
    return said == Said(Answer.DENY, sure=True) and not any(rule.effect is Effect.PERMIT for rule in rules(consent))
