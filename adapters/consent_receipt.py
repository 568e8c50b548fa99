# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The consent receipt: what the citizen takes home, in Dutch at level B1, as text, and as the parts of a page.

Guarantees: it says what was agreed, with whom, until when, what is told and what never, what the partners have had already,
how to stop, and whom to tell separately; it has no BSN, no number and no name of a client. The same facts give the same
receipt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook
from adapters.citizen_text import CATEGORIES, NOTICE
from adapters.code_slips import in_words
from adapters.consent_words import OUTGROWN
from adapters.records_outgoing import DONE, EVENT, GRANTS, ITEMS, SENT, Client, Item
from adapters.shelf import Reads
from consent.whose import FOR_A_MINOR, Situation, age_of
from schemas.event import Kind
from schemas.registry import Registry

CONSENT: Final = "consent"
GIVEN: Final = "given"
ELSEWHERE: Final = (
    "elsewhere"  # another address stopped it; on paper it reads as what ended, for nobody knows who said no
)
ENDED: Final = "ended"  # nothing is told under it any more, whatever ended it: an objection and a hold look alike
_SAID_BY: Final = {
    "client": "{self}",
    "parent": "een ouder",
    "second-parent": "de andere ouder",
    "guardian": "de voogd",
    "curator": "de curator",
    "mentor": "de mentor",
    "authorised": "de gemachtigde",
    "partner": "de partner",
    "family": "familie",
}
_HAPPENED: Final = {
    Kind.AANGEMELD: "er is om hulp gevraagd",
    Kind.IN_ONDERZOEK: "er wordt gekeken welke hulp nodig is",
    Kind.AFGEWEZEN: "deze hulp komt er niet",
    Kind.TOEGEWEZEN: "er komt hulp",
    Kind.GESTART: "de hulp is begonnen",
    Kind.GEWIJZIGD: "de hulp is veranderd",
    Kind.ONDERBROKEN: "de hulp is even gestopt",
    Kind.HERVAT: "de hulp gaat weer verder",
    Kind.BEEINDIGD: "de hulp is gestopt",
    Kind.ACTIE_BELEGD: "er is afgesproken wie iets doet",
    Kind.ACTIE_AFGEROND: "wat was afgesproken, is gedaan",
    Kind.UITKOMST_BESCHIKBAAR: "er is een uitkomst",
}
_GONE: Final = "er is iets verteld; wat precies, bewaren wij niet meer"


@dataclass(frozen=True, slots=True)
class Agreed:
    """One consent of an agreement, as it stands. `by`: the capacities of who said yes. `by_age`: a birthday ends it."""

    id: str
    recipient: str
    recipient_name: str
    categories: tuple[str, ...]
    begin: int
    end: int
    state: str
    stop_code: str
    by_code: bool = False
    by: tuple[str, ...] = ("client",)
    row: int = 0
    by_age: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """How the reader is spoken to: the citizen, a child's parent, or who decides for somebody else."""

    whom: str = "u"
    self: str = "uzelf"


@dataclass(frozen=True, slots=True)
class Had:
    """Something that a partner was told under an agreement."""

    recipient: str
    day: int
    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, then items of a list, then a stop code for somebody, each as the reader needs it."""

    title: str
    sentences: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    stop_code: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, made on a day, of a version of the text."""

    title: str
    made_on: int
    notice: str
    sections: tuple[Section, ...]


def about(now: Situation, today: int) -> About:
    """How to speak: to the citizen from twelve on who can decide, else to who decides."""
    if age_of(now.born, today) == "under-12" or (not now.capable and any(one in FOR_A_MINOR for one in now.authority)):
        return About("uw kind", "uw kind zelf")
    return About() if now.capable else About("de persoon voor wie u beslist", "de persoon zelf")


def had(reads: Reads, book: AddressBook, registry: Registry, client: Client) -> list[Had]:
    """What partners were told on consent about a client, oldest first."""
    found = [
        (item.number, Had(book.name_of(grant.recipient), item.day, _what(registry, item), _how(item)))
        for grant in GRANTS.find(reads, "client", client.id.encode())
        if grant.ground == CONSENT
        for item in ITEMS.find(reads, "grant_made", grant.id.encode())
        if item.kind == EVENT and item.told
    ]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _what(registry: Registry, item: Item) -> str:
    progress = dict(item.parts).get("progress")
    if progress is None:  # destroyed some time after it was told
        return _GONE
    return _HAPPENED[Kind(str(registry.validate("progress/1", progress)["kind"]))]


def _how(item: Item) -> str:
    if item.dead:
        return "dit is teruggenomen"
    return "" if item.final == DONE else "dit is onderweg" if item.state == SENT else "dit kwam niet aan"


def receipt_of(
    made: Sequence[Agreed], asked: Sequence[str], reader: About, today: int, told: Sequence[Had] | None = None
) -> Receipt:
    """The receipt of these consents. `told` None: it was agreed just now, and nobody has had anything under it."""
    sections = [*_agreed(made, reader), *_over(made)]
    if told is not None:
        sections.append(_told(told))
    sections += [_never(reader), _stopping(made), *_separately(asked)]
    return Receipt("Wat u met ons hebt afgesproken", today, NOTICE, tuple(sections))


def _agreed(made: Sequence[Agreed], reader: About) -> Iterator[Section]:
    standing = [one for one in made if one.state == GIVEN]
    for one in standing:
        yield Section(
            f"Wij mogen {one.recipient_name} iets vertellen",
            (f"Wij vertellen over {reader.whom}:",),
            tuple(CATEGORIES[name] for name in one.categories),
            one.stop_code,
            tuple(_terms(one, reader)),
        )
    if not standing:
        yield Section("Wij mogen niets vertellen", ("Er is nu niets afgesproken.",))


def _terms(one: Agreed, reader: About) -> Iterator[str]:
    yield f"Dit geldt van {in_words(one.begin)} tot en met {in_words(one.end)}."
    if one.by_age:
        yield "Daarna geldt het niet meer, want de leeftijd verandert. Wij vragen het dan opnieuw."
    yield f"Ja gezegd: {' en '.join(_SAID_BY[who].format(self=reader.self) for who in one.by)}."
    if one.by_code:
        yield f"Het begint pas als {one.recipient_name} uw code heeft ingevoerd. Of als ze {reader.whom} daar al kennen."


def _over(made: Sequence[Agreed]) -> Iterator[Section]:
    over = [one for one in made if one.state != GIVEN]
    if over:
        yield Section(
            "Dit is gestopt",
            ("Wij vertellen deze partners niets meer:",),
            tuple(f"{one.recipient_name}{_why_over(one)}" for one in over),
        )


def _why_over(one: Agreed) -> str:
    if one.state in (ENDED, ELSEWHERE):
        return ""
    return ": de leeftijd is veranderd, dus wij vragen het opnieuw" if one.state == OUTGROWN else ": er is nee gezegd"


def _told(told: Sequence[Had]) -> Section:
    items = tuple(
        f"{one.recipient}, over {in_words(one.day)}: {one.what}{f' ({one.how})' if one.how else ''}" for one in told
    )
    if not items:
        return Section("Dit hebben wij al verteld", ("Wij hebben nog niets verteld.",))
    return Section("Dit hebben wij al verteld", (), items)


def _never(reader: About) -> Section:
    return Section(
        "Dit vertellen wij nooit",
        (
            f"Wij vertellen niet wat er met {reader.whom} aan de hand is.",
            "Er gaan geen verslagen mee. Er gaan ook geen medische gegevens mee.",
        ),
    )


def _stopping(made: Sequence[Agreed]) -> Section:
    with_codes = any(one.state == GIVEN for one in made)
    return Section(
        "Zo stopt u",
        (
            "U mag altijd stoppen. U hoeft niet te zeggen waarom. De hulp gaat gewoon door.",
            "Bel ons, of kom langs. U mag ook met één partner stoppen, en met de ander niet.",
            *(
                [
                    "U kunt ook naar een andere partner gaan. Geef daar de stopcode die op dit papier staat.",
                    "Bewaar dit papier goed. Wie een stopcode heeft, kan hiermee stoppen.",
                ]
                if with_codes
                else []
            ),
            "Stoppen werkt meteen. Wat al is verteld, weet die partner al. Wij kunnen het wel terugnemen.",
        ),
    )


def _separately(asked: Sequence[str]) -> Iterator[Section]:
    if asked:
        yield Section(
            "Dit regelt u met een ander",
            ("Wij regelen alleen wat wij zelf vertellen. Dit is hiermee nog niet geregeld:",),
            tuple(asked),
            after=("Stopt u bij ons, dan gaat een ander nog door. Zeg het daar dus ook.",),
        )


def as_text(receipt: Receipt) -> str:
    """The receipt as plain text."""
    lines = [receipt.title, ""]
    for section in receipt.sections:
        lines += [section.title, *section.sentences, *(f"- {item}" for item in section.items), *section.after]
        if section.stop_code:
            lines.append(f"Stopcode: {section.stop_code}")
        lines.append("")
    lines.append(f"Gemaakt op {in_words(receipt.made_on)}. Tekst {receipt.notice}.")
    return "\n".join(lines) + "\n"
