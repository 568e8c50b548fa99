# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a conversation can settle: with which partner, by which rule, and whose word that takes.

Guarantees: nothing is written here; no partner is left out without a sentence about whom to ask instead; without an age
nothing is planned. Sentences are Dutch and hold no number and no name of a client.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from adapters import consent_words
from adapters.address_book import AddressBook, Partner
from adapters.consent_words import WHO
from adapters.records_outgoing import Client
from adapters.shelf import Reads
from adapters.workplace import Workplace
from consent.rules import Row, RuleTable, ways
from consent.whose import (
    CAPACITIES,
    CLIENT,
    IN_WRITING,
    REPRESENTATIVES,
    Answer,
    Aside,
    Situation,
    Word,
    is_plausible,
    missing,
    must_be_written,
    whose,
)
from schemas.address import role_of

CONSENT: Final = "consent"
NO_AGE: Final = (
    "van deze cliënt is geen geboortedatum bekend, en die bepaalt wie toestemming geeft: vraag ernaar, of zeg dat de "
    "cliënt volwassen is"
)
_REASON: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_LONGEST_NAME: Final = 64
_OTHERS: Final = {
    "statutory": "een wettelijke taak",
    "no-objection": "een schriftelijke verklaring van geen bezwaar",
    "safety": "veiligheid",
}


class AgreementError(ValueError):
    """This can't be agreed here; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """With whom, for how long, about whom, and who said yes or no; `end` None is the last whole month that the rule allows.

    `born` None: as it is known here; where it is not, `adult` says that the client is one. `parents_too`: from twelve to fifteen
    the word of those with authority is asked besides the child's.
    """

    partners: tuple[str, ...]
    end: int | None = None
    said: tuple[Word, ...] = (Word(CLIENT),)
    born: int | None = None
    adult: bool = True
    capable: bool = True
    authority: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()
    objects: tuple[str, ...] = ()
    parents_too: bool = True
    language: str = "nl"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule by which a partner may be told on consent, and whose word that takes today."""

    partner: Partner
    row: Row
    answer: Answer


class Elsewhere(NamedTuple):
    """What can't be settled here, for the professional, and in plain words for the citizen."""

    sentence: str
    plain: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversation can settle here, partner by partner and rule by rule, and what must be asked elsewhere."""

    steps: tuple[Step, ...]
    elsewhere: tuple[Elsewhere, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """What must be asked elsewhere, for the professional."""
        return tuple(one.sentence for one in self.elsewhere)

    @property
    def asked_plainly(self) -> tuple[str, ...]:
        """The same for the citizen."""
        return tuple(one.plain for one in self.elsewhere)

    @property
    def needed(self) -> tuple[str, ...]:
        """Everybody whose word it takes for any of it."""
        return tuple(dict.fromkeys(one.who for step in self.steps for one in step.answer.needed))

    def objected(self, objects: Sequence[str]) -> list[Partner]:
        """The partners that an objection of one of these closes."""
        return list(dict.fromkeys(step.partner for step in self.steps if set(objects) & set(step.answer.blocks)))


def plan(reads: Reads, work: Workplace, book: AddressBook, client: Client, talk: Conversation) -> Plan:
    """What this conversation is about, and whose word it takes. Changes nothing.

    Raises:
        AgreementError: an unknown partner; or it can't be told whose word it takes, for want of an age.
    """
    named = list(dict.fromkeys(_named(book, name) for name in talk.partners))
    now = situation_of(reads, client, talk)
    if talk.born is not None and not is_plausible(talk.born, work.today):
        raise AgreementError("deze geboortedatum kan niet: hij ligt in de toekomst of te ver terug")
    steps, rows = list[Step](), dict[str, list[Row]]()
    for partner in named:
        rows[partner.address] = consent_rows(work.rules, work.address, partner.address)
        for row in rows[partner.address]:
            steps.append(Step(partner, row, whose(row, now, work.today, parents_too=talk.parents_too)))
    return Plan(tuple(steps), tuple(dict.fromkeys(_to_be_asked(work, named, rows))))


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


def consent_rows(rules: RuleTable, sender: str, recipient: str) -> list[Row]:
    """The rules by which one address may tell another on consent."""
    roles = role_of(sender), role_of(recipient)
    return [row for row in rules.rows.values() if rules.permits(row.id, *roles, CONSENT, row.categories)]


def situation_of(reads: Reads, client: Client, talk: Conversation) -> Situation:
    """How matters stand, as far as it can be: what was said must be sayable, and an age must be known."""
    day_of_birth = talk.born if talk.born is not None else consent_words.born(reads, client.id)
    if day_of_birth is None and not talk.adult:
        raise AgreementError(NO_AGE)
    if not {*talk.authority, *(one.who for one in talk.aside)} <= set(REPRESENTATIVES):
        raise AgreementError("onbekende hoedanigheid van wie beslist of het gezag heeft")
    if not {*talk.objects, *(word.who for word in talk.said)} <= set(CAPACITIES):
        raise AgreementError("onbekende hoedanigheid van wie iets heeft gezegd")
    for one in talk.aside:
        if not 0 < len(one.by) <= _LONGEST_NAME or not one.by.isprintable() or _REASON.fullmatch(one.reason) is None:
            raise AgreementError(
                "wie een vertegenwoordiger passeert, noemt zijn eigen naam en de vindplaats van de reden in het dossier"
            )
    return Situation(day_of_birth, talk.capable, talk.authority, talk.aside)


def check_words(work: Workplace, talk: Conversation, step: Step) -> None:
    """Whether everybody has said yes whose word it takes for this, and nobody no."""
    name, answer = step.partner.name, step.answer
    if answer.unread and not work.rules.test_mode_only:  # a table outside test mode has no such row
        raise AgreementError(f"voor {name} is nog niet gelezen wie er volgens de wet toestemming geeft")
    objecting = [who for who in answer.blocks if who in talk.objects]
    if objecting:
        raise AgreementError(f"er is bezwaar tegen {name}, van {_listed(objecting)}: dan mag het niet")
    if not answer.needed:
        raise AgreementError(
            f"voor {name} kan nu niemand toestemming geven: zeg wie het gezag heeft of voor de cliënt beslist"
        )
    if lacking := missing(answer, talk.said):
        raise AgreementError(
            f"voor {name} ontbreekt de toestemming van {_listed(lacking)}; hulp willen of niets zeggen is geen toestemming "
            "om te vertellen"
        )

    needed = [one.who for one in answer.needed]
    if must_be_written(step.row) and any(word.who in needed and word.manner != IN_WRITING for word in talk.said):
        raise AgreementError(
            f"voor {name} moet de toestemming op papier staan: de wet vraagt een schriftelijke verklaring (regel {step.row.id}). "
            "Laat haar ondertekenen, en zeg het erbij met `--manner in-writing`"
        )


def _listed(who: Sequence[str]) -> str:
    return " en ".join(WHO[one] for one in who)


def _to_be_asked(work: Workplace, named: Sequence[Partner], rows: dict[str, list[Row]]) -> Iterator[Elsewhere]:
    ours = role_of(work.address)
    for partner in named:
        name = partner.name
        if not rows[partner.address]:
            why = without_consent(work.rules, ours, role_of(partner.address))
            other = bool(ways(work.rules, ours, role_of(partner.address)).open)
            plain = f"Aan {name} vertellen wij {'alleen iets als dat van de wet mag' if other else 'niets'}."
            yield Elsewhere(f"{name} kunnen wij niet inlichten: {why}", plain)
        if consent_rows(work.rules, partner.address, work.address):
            yield Elsewhere(
                f"vraag bij {name} of die ons mag inlichten", f"Mag {name} ons iets vertellen? Zeg het daar."
            )
        for other_one in named:
            if other_one is not partner and consent_rows(work.rules, partner.address, other_one.address):
                yield Elsewhere(
                    f"vraag bij {name} of die {other_one.name} mag inlichten",
                    f"Mag {name} iets vertellen aan {other_one.name}? Zeg het bij {name}.",
                )
