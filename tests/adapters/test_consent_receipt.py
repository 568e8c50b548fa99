# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The papers for the citizen: what they say, how plainly, and that they are complete by themselves.

"Plainly" is looked at by two coarse measures: no sentence is long, and none uses a word of the office. Whether people of
language level B1 understand it, only such people can tell.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from adapters.agreement import Conversation, receipt_now
from adapters.citizen_text import NOTICE, citizen_text
from adapters.clients import ClientRow
from adapters.consent_receipt import _HAPPENED, About, Agreed, Had, Receipt, about, as_text, receipt_of
from consent.whose import CLIENT, FOR_A_MINOR, MENTOR, PARENT, REPRESENTATIVES, SECOND_PARENT, Situation, Word
from deploy.receipt_html import receipt_html
from deploy.receipt_pdf import receipt_pdf
from schemas.calendar import parse_date
from schemas.event import Kind
from tests.adapters.edges import BOOK, BSN, GP, TEAM, Neighbours, status
from tests.simulator import run

LONGEST_SENTENCE = 15  # words
OFFICE_WORDS = re.compile(
    r"\b(grondslag|verwerk\w*|verstrek\w*|betrokkene|conform|inzake|betreffende|middels|derhalve|teneinde|indien|tevens|"
    r"omtrent|ingevolge|krachtens|alsmede|gegevensverwerking|verwerkingsverantwoordelijke|persoonsgegevens|cliënt|wettelijk\w*|"
    r"inlichten|vertegenwoordiger|toestemming|registreren|dient|dienen|voorts|zulks|jegens|nadien|voornoemde?)\b",
    re.IGNORECASE,
)
TODAY = parse_date("2026-03-03")
CODE = "-".join(["0f0f"] * 17)
ONE = Agreed("a1", GP, "Praktijk Voorbeeld", ("progress", "service"), TODAY, TODAY + 364, "given", CODE, by_code=True)
TEXTS = {"2026-2": "988a7541838d6668"}


def _everything() -> Receipt:
    """A receipt with every sentence that there is."""
    made = [
        replace(ONE, by=(CLIENT, PARENT, SECOND_PARENT), by_age=True),
        *(replace(ONE, by=(who,)) for who in REPRESENTATIVES),
        replace(ONE, state="withdrawn"),
        replace(ONE, state="outgrown"),
    ]
    hows = ("", "dit is teruggenomen", "dit is onderweg", "dit kwam niet aan")
    told = [Had("Praktijk Voorbeeld", TODAY, what, how) for what in _HAPPENED.values() for how in hows]
    asked = (
        "Aan Zorg Voorbeeld vertellen wij alleen iets als dat van de wet mag.",
        "Mag Team Jeugd iets vertellen aan Praktijk Voorbeeld? Zeg het bij Team Jeugd.",
    )
    return receipt_of(made, asked, About(), TODAY, told)


def _sentences(text: str) -> list[str]:
    found = re.split(r"(?<=[.!?:])\s+|\n", text)
    return [sentence.strip(" -") for sentence in found if sentence.strip(" -")]


PAPERS = {
    "receipt": as_text(_everything()),
    "empty receipt": as_text(receipt_of([], (), About(), TODAY, [])),
    "child": as_text(receipt_of([ONE], (), about(Situation(TODAY - 3000), TODAY), TODAY)),
    "text": citizen_text(["Praktijk Voorbeeld"]),
}


@pytest.mark.parametrize("name", PAPERS)
def test_no_sentence_for_the_citizen_is_long_or_has_a_word_of_the_office(name: str) -> None:
    for sentence in _sentences(PAPERS[name]):
        assert len(sentence.split()) <= LONGEST_SENTENCE, sentence
        assert OFFICE_WORDS.search(sentence) is None, sentence


def test_a_long_sentence_and_an_office_word_are_found() -> None:
    assert len(" ".join(["woord"] * 16).split()) > LONGEST_SENTENCE
    assert OFFICE_WORDS.search("Wij verstrekken dit conform de afspraak.")


def test_the_text_of_a_version_never_changes() -> None:
    text = citizen_text(["Praktijk Voorbeeld"]) + citizen_text(["A", "B"], "uw kind")
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == TEXTS[NOTICE], "a changed text is a new version"


def test_who_is_spoken_to_is_who_decides() -> None:
    child, young = TODAY - 8 * 365, TODAY - 14 * 365
    assert about(Situation(child, authority=(PARENT,)), TODAY).whom == "uw kind"
    assert about(Situation(young, authority=(PARENT,)), TODAY).whom == "u"
    assert about(Situation(young, capable=False, authority=FOR_A_MINOR), TODAY).whom == "uw kind"
    assert about(Situation(None, capable=False, authority=(MENTOR,)), TODAY).whom == "de persoon voor wie u beslist"
    assert about(Situation(None), TODAY).whom == "u"


# -- what has been told ----------------------------------------------------------------------------------------------


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo", parse_date("1950-01-01"))])
    neighbours[GP].import_clients([ClientRow("H-7", BSN, "")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def _now(near: Neighbours) -> str:
    edge = near[TEAM]
    return as_text(receipt_now(edge.store, edge.workplace, BOOK, edge.client("C-1")))


def test_a_receipt_of_later_says_what_each_partner_has_had_and_what_was_taken_back(near: Neighbours) -> None:
    edge = near[TEAM]
    made = edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), adult=False)).made[0]
    assert "Wij hebben nog niets verteld." in _now(near)
    near.settle(3)
    near.take(TEAM, status(1, Kind.GESTART, near.world.today), status(2, Kind.GEWIJZIGD, near.world.today))
    near.settle(3)
    assert "Praktijk Voorbeeld, over 3 maart 2026: de hulp is begonnen" in _now(near)
    assert "de hulp is veranderd" in _now(near)
    edge.retract_all("C-1")
    assert "de hulp is begonnen (dit is teruggenomen)" in _now(near)
    assert made.stop_code in _now(near)
    run(edge.end_agreement(made.id))
    after = _now(near)
    assert "Praktijk Voorbeeld: er is nee gezegd" in after
    assert made.stop_code not in after
    near.world.advance(days=40)
    near.settle(2)
    assert "er is iets verteld; wat precies, bewaren wij niet meer" in _now(near)
    assert BSN not in after
    assert "C-1" not in after


def test_a_partner_that_was_agreed_with_anew_is_not_told_of_as_stopped(near: Neighbours) -> None:
    edge, talk = near[TEAM], Conversation(("Praktijk Voorbeeld",))
    run(edge.end_agreement(edge.make_agreement("C-1", talk).made[0].id))
    edge.make_agreement("C-1", talk)
    assert "Dit is gestopt" not in _now(near)
    assert "Wij mogen Praktijk Voorbeeld iets vertellen" in _now(near)


def test_a_receipt_for_a_parent_speaks_of_the_child_and_says_who_said_yes(near: Neighbours) -> None:
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo", parse_date("2016-01-01"))])
    talk = Conversation(("Praktijk Voorbeeld",), said=(Word(PARENT),), authority=(PARENT,), adult=False)
    near[TEAM].make_agreement("C-1", talk)
    assert "Wij vertellen over uw kind:" in _now(near)
    assert "Ja gezegd: een ouder." in _now(near)


# -- on paper --------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Everything in a page that would do something or come from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


HOSTILE = '<script>alert(1)</script> & "Zorg" <img src=x onerror=y>'


def test_the_page_has_no_script_and_nothing_from_elsewhere_whatever_a_partner_is_called() -> None:
    receipt = receipt_of([replace(ONE, recipient_name=HOSTILE)], (HOSTILE,), About(), TODAY, [])
    page = _Page()
    raw = receipt_html(receipt, HOSTILE)
    page.feed(raw.decode())
    assert not {"script", "img", "link", "iframe", "object", "form", "a", "svg"} & set(page.tags)
    assert not {name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "url(" not in raw.decode()
    assert "@import" not in raw.decode()
    assert 'lang="nl"' in raw.decode()
    assert "default-src 'none'" in raw.decode()
    assert receipt_html(receipt, HOSTILE) == raw


def test_the_pdf_has_the_same_bytes_each_time_its_letters_in_it_and_no_hostile_mark_up() -> None:
    receipt = replace(_everything(), title="Wat u hebt afgesproken <b>x</b>")
    name = "Stichting Één Ĳssel & Çağlar, ő 漢 <b>"
    raw = receipt_pdf(receipt, name)
    assert receipt_pdf(receipt, name) == raw
    assert raw.startswith(b"%PDF-")
    assert set(re.findall(rb"/BaseFont /[A-Z]{6}\+(\w+)", raw)) == {b"BitstreamVeraSans"}
    assert raw.count(b"/BaseFont") == len(re.findall(rb"/BaseFont /[A-Z]{6}\+", raw)), (
        "a letter that is not in the file"
    )
    assert b"/FontFile2" in raw
    assert b"/JavaScript" not in raw
    assert b"/URI" not in raw
    assert b"nl-NL" in raw


def test_the_pdf_of_a_very_long_receipt_has_all_its_pages() -> None:
    told = [Had("Praktijk Voorbeeld", TODAY, "de hulp is begonnen", "")] * 400
    raw = receipt_pdf(receipt_of([ONE] * 12, (), About(), TODAY, told), "Gemeente Voorbeeld")
    assert len(re.findall(rb"/Type /Page\b(?!s)", raw)) > 10
    assert zlib.crc32(raw) == zlib.crc32(
        receipt_pdf(receipt_of([ONE] * 12, (), About(), TODAY, told), "Gemeente Voorbeeld")
    )
