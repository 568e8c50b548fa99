# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The forms `team` and `school`: both ways, and never the one taken for the other."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.formats import READERS, WRITERS
from adapters.formats.native import Malformed, NativeEvent
from adapters.formats.school import MEANINGS, Happening, Matter
from schemas.event import Ending, Kind, Law
from tests.formats.format_vectors import VECTORS
from tests.formats.test_notices import NOTICE
from tests.formats.test_readers_alike import CONFIG

BUDGET = settings(max_examples=100, deadline=None)


def read(name: str, data: bytes) -> list[NativeEvent]:
    return READERS[name](CONFIG).read(data)


def entries(name: str, **changes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(WRITERS[name]().write([replace(NOTICE, **changes)]))["meldingen"]
    return found


@pytest.mark.parametrize("name", ["team", "school"])
def test_what_the_hub_brought_is_never_read_as_a_fact_of_ones_own(name: str) -> None:
    data = WRITERS[name]().write([NOTICE])
    with pytest.raises(Malformed, match="/afzender: missing"):
        read(name, data)
    whole = json.loads(data) | {"afzender": "urn:x"}
    with pytest.raises(Malformed, match=r"/meldingen/0/\*: unexpected"):
        read(name, json.dumps(whole).encode())


def test_a_notice_in_the_form_of_a_team() -> None:
    assert entries("team", bsn="999900006") == [
        {
            "soort": "gestart",
            "datum": "2026-03-03",
            "wet": "wmo",
            "clientnummer": "P-2026-17",
            "bsn": "999900006",
            "id": NOTICE.event_id.hex(),
            "afzender": "Team Wmo Voorbeeldgemeente",
            "taak": "huisarts Wmo",
            "ontvangenOp": "2026-03-04",
            "ingetrokken": False,
            "opmerking": "niet geverifieerd",
        }
    ]


def test_a_school_is_never_told_a_bsn() -> None:
    (entry,) = entries("school", bsn="999900006")
    assert "999900006" not in json.dumps(entry)
    assert (entry["gebeurtenis"], entry["leerlingnummer"]) == ("gestart", "P-2026-17")


@pytest.mark.parametrize("name", ["team", "school"])
def test_a_retraction_is_the_same_id_again_also_when_its_content_is_gone(name: str) -> None:
    (told,), (gone,) = entries(name), entries(name, event=None, retracted=True)
    assert (gone["id"], gone["ingetrokken"]) == (told["id"], True)
    assert "datum" not in gone


@pytest.mark.parametrize("matter", Matter)
@pytest.mark.parametrize("happening", Happening)
def test_what_can_happen_to_a_matter_of_a_school_has_one_meaning_and_the_rest_is_refused(
    matter: Matter, happening: Happening
) -> None:
    form = json.loads((VECTORS / "school" / "valid" / "teruggenomen.json").read_text("utf-8"))
    form["meldingen"][0] |= {"soort": matter.value, "gebeurtenis": happening.value}
    data = json.dumps(form).encode()
    kind = MEANINGS[matter].get(happening)
    if kind is None:
        with pytest.raises(Malformed, match="^/meldingen/0/gebeurtenis: code-list$"):
            read("school", data)
        return
    (event,) = read("school", data)
    assert (event.event.kind, event.event.law, event.citizen.bsn) == (kind, Law.ONDERWIJS, None)
    # Whether it was absence, a plan or a declaration is not in what leaves.
    assert matter.value not in json.dumps(event.event.parts(["progress", "service"]))


def test_a_csv_cut_off_anywhere_gives_whole_lines_or_nothing() -> None:
    data = (VECTORS / "team" / "valid" / "meldingen.csv").read_bytes()
    whole = read("team", data)
    for end in range(len(data)):
        try:
            events = read("team", data[:end])
        except Malformed:
            continue
        assert data[:end].endswith((b"\r\n", b"\r"))
        assert [event for event in whole if event in events] == events


_LINE = "afzender;id;soort;datum;wet;bsn;ingetrokken\r\nurn:a;{id};gestart;{datum};wmo;{bsn};{back}\r\n"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *[("datum", day) for day in ("2-3-2026", "02-03-2026", "2/3/26", "46083", "2026-3-2", "2026-03-02 00:00:00")],
        *[("bsn", number) for number in ("99900006", "9,999E+08", "999900006,00", "999.900.006", "'999900006")],
        *[("back", word) for word in ("WAAR", "ONWAAR", "TRUE", "0")],
    ],
)
def test_what_a_spreadsheet_made_of_a_value_is_said_by_its_row_and_never_guessed_back(place: str, value: str) -> None:
    good = {"id": "m-1", "datum": "2026-03-02", "bsn": "999900006", "back": "nee"}
    assert len(read("team", _LINE.format(**good).encode())) == 1
    column = "ingetrokken" if place == "back" else place
    second = _LINE.format(**good | {"id": "m-2", place: value}).partition("\n")[2]
    with pytest.raises(Malformed, match=rf"^/regel\[3\]/{column}: spreadsheet$"):
        read("team", (_LINE.format(**good) + second).encode())


def test_rows_and_columns_in_which_nothing_stands_are_passed_over_and_rows_keep_their_number() -> None:
    good = {"id": "m-1", "datum": "2026-03-02", "bsn": "999900006", "back": "nee"}
    head, line = (part + ";;\r\n" for part in _LINE.format(**good).rstrip().split("\r\n"))
    empty = ";;;;;;;;\r\n"
    assert len(read("team", (head + empty + line + empty).encode())) == 1
    with pytest.raises(Malformed, match=r"^/regel\[4\]/soort: code-list$"):
        read("team", (head + empty + "\r\n" + line.replace("gestart", "begonnen")).encode())
    with pytest.raises(Malformed, match=r"^/regel\[2\]: not-well-formed$"):
        read("team", (head + line.replace(";;\r\n", ";;x\r\n")).encode())


_FACTS = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"[0-9A-Za-z._:-]{1,20}", fullmatch=True),
        "soort": st.sampled_from([kind.value for kind in Kind]),
        "datum": st.dates(min_value=date(1970, 1, 1)).filter(lambda day: day.year < 2200).map(str),
        "wet": st.sampled_from([law.value for law in Law]),
        # What begins so is a formula in a spreadsheet, and refused there.
        "clientnummer": st.text(
            st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=64
        ).filter(lambda number: not number.startswith("=")),
    }
)


@given(fact=_FACTS, delimiter=st.sampled_from(",;"), ending=st.none() | st.sampled_from([one.value for one in Ending]))
@BUDGET
def test_json_and_csv_of_one_fact_are_the_same_event(fact: dict[str, str], delimiter: str, ending: str | None) -> None:
    if ending is not None:
        fact = {**fact, "soort": "beeindigd", "afloop": ending}
    form = {"formaat": "schakel-team", "versie": "1", "afzender": "urn:a", "meldingen": [fact]}
    line = {"afzender": "urn:a", **fact}
    text = io.StringIO(newline="")
    lines = csv.DictWriter(text, list(line), delimiter=delimiter)
    lines.writeheader()
    lines.writerow(line)
    assert read("team", json.dumps(form).encode()) == read("team", text.getvalue().encode())
