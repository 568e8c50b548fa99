# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The papers for the privacy officer: every partner, row, term and unread cell is named; nothing is made up, nothing breaks out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.fg.law_words import AGES
from consent.fg.paper import LAWYER, picture, plain, table
from consent.fg.papers import (
    MISSING,
    Facts,
    dpia,
    privacy_statement,
    processor_agreement,
    register_of_controller,
    register_of_processor,
    roles_and_flows,
)
from consent.fg.rows import Party, in_use, unread_cells
from consent.fg.words import (
    CATEGORIES,
    FOR_CITIZENS,
    GROUNDS,
    GROUNDS_FOR_CITIZENS,
    LAW_CELLS,
    ROLES,
    TERMS,
)
from consent.rules import ROLES as KNOWN
from consent.rules import national
from schemas.address import oin_of
from tests.adapters.edges import BOOK, TEAM

WHOLE = national(test_mode=True)
PARTIES = tuple(Party(one.address, one.name, "admitted") for one in BOOK.partners)
USED = tuple(in_use(WHOLE, PARTIES, working=set(WHOLE.rows)))
HUB = Facts(
    day="2026-03-02",
    name="hub.voorbeeld.nl",
    owner="Stichting Hub",
    fg_contact="fg@voorbeeld.example",
    parties=PARTIES,
    used=USED,
    table_version=WHOLE.version,
    table_hash=WHOLE.hash.hex(),
    strict=True,
    test_mode=False,
    controllers=("Gemeente A", "Gemeente B"),
    measured="Van 100 paren 23.",
    risks=("Wie met wie uitwisselt.",),
)
EDGE = replace(
    HUB,
    name="Team Wmo Voorbeeldstad",
    address=TEAM,
    used=tuple(in_use(WHOLE, PARTIES, working=set(WHOLE.rows), of=TEAM)),
    parties=tuple(one for one in PARTIES if one.address != TEAM),
)
PAPERS: dict[str, tuple[Callable[[Facts], str], Facts]] = {
    "dpia": (dpia, HUB),
    "register of the processor": (register_of_processor, HUB),
    "register of a controller": (register_of_controller, EDGE),
    "processor agreement": (processor_agreement, HUB),
    "privacy statement": (privacy_statement, EDGE),
    "roles": (roles_and_flows, HUB),
}
FOR_THE_FG = [name for name in PAPERS if name != "privacy statement"]


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_names_every_partner_and_every_row_in_use(name: str) -> None:
    make, facts = PAPERS[name]
    text = make(facts)
    assert facts.used
    assert [one.address for one in facts.parties if one.address not in text and str(one.name) not in text] == []
    assert [one.row.id for one in facts.used if re.search(rf"\b{one.row.id}\b", text) is None] == []
    assert LAWYER in text


@pytest.mark.parametrize("name", [name for name in FOR_THE_FG if name != "roles"])
def test_a_paper_names_every_term_and_says_which_nothing_enforces(name: str) -> None:
    make, facts = PAPERS[name]
    text = make(facts)
    assert [one.what for one in TERMS if one.what not in text or one.how_long not in text] == []
    assert text.count("niet vanzelf") == sum(one.at is None for one in TERMS)


def test_the_dpia_names_every_cell_that_nobody_read() -> None:
    text = dpia(HUB)
    section = text.partition("## Cellen die niemand heeft gelezen")[2].partition("\n## ")[0]
    for one in USED:
        assert all(cell in section for cell in unread_cells(one.row)), one.row.id
    assert any(unread_cells(one.row) for one in USED)


@pytest.mark.parametrize("paper", [dpia(HUB), register_of_controller(EDGE)], ids=["dpia", "register"])
def test_no_code_of_the_table_stands_on_a_paper_where_a_word_should(paper: str) -> None:
    codes = {"consent_by", "at-consent", "with-decision", *AGES} | {
        row.purpose for row in WHOLE.rows.values() if "-" in row.purpose
    }
    codes |= {
        value for row in WHOLE.rows.values() for value in (row.secrecy_ground, row.bsn_ground, row.retention) if value
    }
    assert [one for one in sorted(codes) if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", paper)] == []
    assert "levering van de voorziening (Wmo 2015)" in paper
    assert "Wmo 2015 art. 5.2.1, lid 2, onder a" in paper


def test_the_dpia_says_how_the_hub_runs_what_was_measured_and_what_stays() -> None:
    text = dpia(replace(HUB, strict=False, test_mode=True))
    assert "Van 100 paren 23." in text
    assert "Wie met wie uitwisselt." in text
    assert "**NEE**: deze hub mag naast een edge staan" in text
    assert "**JA**: er zijn regels in gebruik" in text
    assert HUB.table_hash in text
    assert "**NEE**" not in dpia(HUB)
    assert MISSING in dpia(replace(HUB, measured=""))


@pytest.mark.parametrize("name", ["dpia", "register of the processor", "processor agreement", "roles"])
def test_every_paper_of_a_hub_repeats_that_its_operator_is_a_partner(name: str) -> None:
    make, facts = PAPERS[name]
    assert "De beheerder is zelf partner" not in make(facts)
    text = make(replace(facts, owner_dpia="DPIA 2026-014"))
    assert "De beheerder is zelf partner" in text
    assert "DPIA 2026-014" in text
    assert "heeft het OIN van een partner" in make(replace(facts, owner_oin=oin_of(TEAM)))


@pytest.mark.parametrize("name", PAPERS)
def test_what_is_not_set_is_said_to_be_missing(name: str) -> None:
    make, facts = PAPERS[name]
    bare = replace(facts, owner=None, fg_contact=None, controllers=(), parties=(), used=())
    text = make(bare)
    assert MISSING in text
    assert "None" not in text
    assert "{{" not in make(facts)


def test_a_row_that_works_in_test_mode_only_says_so() -> None:
    (row,) = [one for one in in_use(WHOLE, PARTIES, working={2}) if one.row.id == 1]
    assert "nee: alleen in testmodus" in dpia(replace(HUB, used=(row,)))
    assert "nee: alleen in testmodus" not in dpia(HUB)


def test_a_citizen_is_told_of_rules_that_work_only() -> None:
    text = privacy_statement(replace(EDGE, used=tuple(in_use(WHOLE, PARTIES, working={5}, of=TEAM))))
    assert re.findall(r"regel ([0-9]+)\)", text) == ["5"]


def test_a_row_that_works_although_a_cell_was_not_read_says_so() -> None:
    assert "ja, in testmodus: niet alles is gelezen" in dpia(HUB)


def test_a_row_is_in_use_where_two_partners_are_its_sender_and_recipient_and_it_permits() -> None:
    pairs = [(one.role, other.role) for one in PARTIES for other in PARTIES if one is not other]
    found = {one.row.id for one in USED}
    for row in WHOLE.rows.values():
        named = any(sender in row.senders and recipient in row.recipients for sender, recipient in pairs)
        between = row.in_force and row.permits and named
        assert (row.id in found) is between, row.id
    assert in_use(WHOLE, PARTIES[:1], working=set(WHOLE.rows)) == []
    assert all(TEAM.rpartition(":")[2] in (*one.senders, *one.recipients) for one in EDGE.used)


def test_every_role_category_ground_and_law_cell_has_a_word() -> None:
    assert set(KNOWN) <= set(ROLES)
    rows = WHOLE.rows.values()
    for known in (CATEGORIES, FOR_CITIZENS):
        assert {name for row in rows for name in row.categories} <= set(known)
    for known in (GROUNDS, GROUNDS_FOR_CITIZENS):
        assert {name for row in rows for name in row.grounds} <= set(known)
    assert all(hasattr(row, name) for row in rows for name in LAW_CELLS)


@pytest.mark.parametrize("term", [one for one in TERMS if one.at], ids=lambda term: str(term.at[1]))
def test_a_term_on_paper_is_the_one_that_the_program_keeps_to(term: object) -> None:
    module, name, number = term.at  # type: ignore[attr-defined]
    assert getattr(import_module(module), name) == number


def test_the_citizen_reads_no_term_that_is_not_one() -> None:
    text = privacy_statement(EDGE)
    said = set(re.findall(r"[0-9]+\s+(?:dagen|maanden)", text))
    known = " ".join(one.how_long for one in TERMS)
    assert said
    assert all(" ".join(one.split()) in known for one in said)


@given(st.text(max_size=60))
def test_a_name_can_not_break_a_paper(name: str) -> None:
    text = plain(name)
    assert "\n" not in text
    assert "<" not in re.sub(r"\\<", "", text)
    assert "|" not in re.sub(r"\\.", "", table(("naam",), [(text,)]).splitlines()[2][2:-2])


def test_the_picture_is_sound_and_fetches_nothing() -> None:
    root = ET.fromstring(picture())  # noqa: S314  # our own file
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = " ".join(part for part in root.itertext())
    assert all(word in texts for word in ("verantwoordelijke", "verwerker", "edge van A", "geen BSN"))
    assert "href" not in picture()
    assert "script" not in picture()
