# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The rule table: no row, no message; one spelling; unread law is marked; a municipality can only take away."""

import hashlib
import json
from collections.abc import Callable
from itertools import chain, combinations
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import rules
from consent.rules import RuleTable, TableError, TableFault

ROOT = Path(__file__).parents[2]
LAW_TEXTS = ROOT.parent / "shared" / "standards" / "consent_law" / "wetteksten"
# Text and date that rows name -> its file, the date in its first line, and how an article begins there.
TEXTS = {
    ("wmo-2015", "2015-01-05"): ("wmo2015.md", "versie: 5-1-2015", "### Artikel  {}  "),
    ("jeugdwet", "2026-01-01"): ("jeugdwet.md", "versie: 1-1-2026", "**Artikel {}**"),
    ("bw7", "2015-11-29"): ("bw7-wgbo.md", "versie: 29-11-2015", "### Artikel  {}  "),
    ("participatiewet", "2015-08-30"): ("participatiewet.md", "versie: 30-8-2015", "### Artikel  {}  "),
    ("suwi", "2015-09-12"): ("suwi.md", "versie: 12-9-2015", "### Artikel  {}  "),
    ("wpg", "2015-01-15"): ("wpg.md", "versie: 15-1-2015", "### Artikel  {}  "),
    ("wpo", "2015-08-30"): ("wpo-18a.md", "versie: 30-8-2015", "### Artikel  {}  "),
}
DEFINITION = ROOT / "schemas" / "definitions" / "consent" / "1" / "rule-table.json"
BASE = rules.national(test_mode=True)
CLOSING = {3, 7, 19, 21, 23, 24, *range(907, 919)}
CATEGORIES = ("progress", "service")
NAME = "Janssen-Planted"
BSN = "999900006"
Cells = dict[str, object]


def _table(edit: Callable[[list[Cells]], object]) -> bytes:
    """The national table after an edit of its rows, in canonical bytes."""
    parsed = orjson.loads(BASE.raw)
    edit(parsed["rows"])
    return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)


def _set(index: int, **cells: object) -> bytes:
    return _table(lambda rows: rows[index].update(cells))


def _subsets(items: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(items, size) for size in range(len(items) + 1)))


@pytest.mark.parametrize(
    "categories",
    [(), ("service", "progress"), ("progress", "progress"), ("income",), ("progress", "service", "income")],
)
def test_categories_that_are_empty_unsorted_doubled_or_unknown_are_never_permitted(categories: tuple[str, ...]) -> None:
    assert not BASE.permits(1, "team-wmo", "provider-wmo", "statutory", categories)


def test_rows_with_an_unread_cell_are_for_test_mode_only() -> None:
    assert BASE.test_mode_only == tuple(row.id for row in BASE.rows.values() if row.permits)
    assert set(rules.national(test_mode=False).rows) == CLOSING  # they close, and open nothing
    assert rules.national(test_mode=False).permitted == frozenset()
    assert rules.national(test_mode=False).hash != BASE.hash


def test_a_row_that_permits_nothing_may_have_unread_cells_anywhere() -> None:
    table = rules.load(_set(0, permits=False))

    assert set(BASE.test_mode_only) - set(table.test_mode_only) == {1}
    assert set(rules.without(table, table.test_mode_only).rows) == CLOSING | {1}


def test_every_unread_cell_has_its_mark_and_no_read_law_is_marked_as_memory() -> None:
    for row in BASE.rows.values():
        assert row.unread
        unread = {row.marks[name] for name in row.unread}
        assert unread <= ({"M", "S"} if row.evidence == "S" else {"M"})
        read = set(row.marks) - set(row.unread)
        assert all(row.marks[name] in {row.evidence, "D", "F"} for name in read)
        assert row.signed_by is None


def test_a_row_names_the_articles_that_were_read_for_it_or_none_and_says_what_it_rests_on() -> None:
    for row in BASE.rows.values():
        dates = {source.date[:4] for source in row.source}
        assert dates == {"L15": {"2015"}, "L26": {"2026"}}.get(row.evidence, set())
        if not row.source:
            assert row.evidence in {"D", "M", "S"}
            assert (row.secrecy_ground, row.bsn_ground, row.retention, row.inzage) == (None, None, None, None)
            assert not row.consent_by


def test_a_row_that_says_a_law_was_read_names_the_article() -> None:
    with pytest.raises(TableError, match=r"^row 1 /rows/0/source minItems$"):
        rules.load(_set(0, source=[]))
    assert rules.load(_set(0, source=[], evidence="M")).rows[1].source == ()


def test_a_longest_validity_that_no_text_gives_is_marked_as_ours() -> None:
    assert {(row.longest_months, row.marks["longest_months"]) for row in BASE.rows.values()} == {(12, "D")}


def test_the_articles_that_the_rows_name_stand_in_the_law_text_of_the_date_they_name() -> None:
    if not LAW_TEXTS.is_dir():
        pytest.skip("the shared folder with the law texts is not there")

    cited = [source for row in BASE.rows.values() for source in row.source]

    assert {(source.text, source.date) for source in cited} == set(TEXTS)
    for source in cited:
        file, version, heading = TEXTS[source.text, source.date]
        text = (LAW_TEXTS / file).read_text(encoding="utf-8")
        assert version in text.splitlines()[0]
        article, *_paragraphs = source.article.split("-")
        assert heading.format(article) in text


def test_roles_are_those_of_the_definition() -> None:
    row = json.loads(DEFINITION.read_bytes())["$defs"]["row"]["properties"]

    assert list(rules.ROLES) == row["senders"]["items"]["enum"] == row["recipients"]["items"]["enum"]


def test_the_hash_of_a_table_is_the_hash_of_the_bytes_that_are_published() -> None:
    again = rules.load(BASE.raw)

    assert again.hash == hashlib.sha256(BASE.raw).digest()
    assert again == BASE
    assert again.version == "2026-3"


def test_a_file_for_people_may_have_any_layout_and_gives_the_same_table() -> None:
    parsed = json.loads(BASE.raw)

    assert rules.read(json.dumps(parsed, indent=4).encode()) == BASE
    assert rules.read(json.dumps(dict(reversed(parsed.items()))).encode()) == BASE


def test_bytes_that_are_not_canonical_are_no_published_table() -> None:
    with pytest.raises(TableError, match=r"^row - / canonical$"):
        rules.load(json.dumps(json.loads(BASE.raw)).encode())


@pytest.mark.parametrize(
    ("raw", "path", "keyword"),
    [
        (_set(0, strange=1), "/rows/0", "additionalProperties"),
        (_table(lambda rows: rows[0].pop("route")), "/rows/0", "required"),
        (_set(0, senders=["mayor"]), "/rows/0/senders/0", "enum"),
        (_set(0, recipients=["team-wmo", "gp "]), "/rows/0/recipients/1", "enum"),
        (_set(0, categories=["health"]), "/rows/0/categories/0", "enum"),
        (_set(0, categories=[]), "/rows/0/categories", "minItems"),
        (_set(0, grounds=["habit"]), "/rows/0/grounds/0", "enum"),
        (_set(0, grounds=["statutory", "statutory"]), "/rows/0/grounds", "uniqueItems"),
        (_set(0, longest_months=None), "/rows/0/longest_months", "type"),
        (_set(0, objection=None), "/rows/0/objection", "enum"),
        (_set(0, in_force="yes"), "/rows/0/in_force", "type"),
        (_set(0, evidence="X"), "/rows/0/evidence", "enum"),
        (_set(0, consent_by={"adult": "client"}), "/rows/0/consent_by", "maxProperties"),
        (_set(0, source=[]), "/rows/0/source", "minItems"),
    ],
)
def test_a_table_with_an_unknown_word_or_a_gap_is_refused_with_its_row(raw: bytes, path: str, keyword: str) -> None:
    with pytest.raises(TableError, match=f"^row 1 {path} {keyword}$") as caught:
        rules.load(raw)

    assert (caught.value.row, caught.value.path, caught.value.keyword) == (1, path, keyword)


def test_a_consent_row_that_leaves_out_an_age_is_refused() -> None:
    with pytest.raises(TableError, match=r"^row 5 /rows/4/consent_by required$"):
        rules.load(_set(4, consent_by={"adult": "client"}))


def test_a_consent_row_whose_ages_were_not_read_loads_with_its_mark() -> None:
    row = rules.load(_set(4, consent_by=None)).rows[5]

    assert row.consent_by is None
    assert "consent_by" in row.unread


@pytest.mark.parametrize(
    ("raw", "row", "path", "keyword"),
    [
        (_table(lambda rows: rows.append(rows[4])), 5, "/id", "duplicate"),
        (_table(lambda rows: rows.reverse()), 917, "/id", "order"),
        (_set(0, retention=None, marks={}), 1, "/processing_basis", "mark"),
        (_set(0, categories=["service", "progress"]), 1, "/categories", "order"),
    ],
)
def test_doubled_and_unordered_rows_and_cells_without_a_mark_are_refused(
    raw: bytes, row: int, path: str, keyword: str
) -> None:
    with pytest.raises(TableError, match=f"row {row} {path} {keyword}") as caught:
        rules.load(raw)

    assert TableFault(row, path, keyword) in caught.value.faults


@pytest.mark.parametrize("strange", [NAME, BSN, int(BSN), 0, 12.5, None, {NAME: BSN}, [BSN]])
def test_a_row_without_a_usable_number_is_refused_without_its_content(strange: object) -> None:
    for raw in (_set(1, id=strange), _table(lambda rows: rows.__setitem__(1, strange))):  # type: ignore[call-overload]
        with pytest.raises(TableError, match=r"^row - /rows/1") as caught:
            rules.load(raw)
        assert NAME not in str(caught.value)
        assert BSN not in str(caught.value)
        assert caught.value.row is None


@pytest.mark.parametrize("column", [*json.loads(BASE.raw)["rows"][0], NAME, BSN])
def test_a_planted_name_or_number_never_appears_in_a_fault(column: str) -> None:
    for planted in (NAME, BSN + NAME, int(BSN), {BSN: NAME}, [NAME]):
        with pytest.raises(TableError, match=r"^row ") as caught:
            rules.load(_set(0, **{column: planted}))
        said = str(caught.value) + repr(caught.value.faults)
        assert NAME not in said
        assert BSN not in said


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        (b'{"version":"2026-1","rows":[],"rows":[]}', "json"),
        (b'{"version":"2026-1","rows":[{"id":1,"id":2}]}', "json"),
        (b'{"version":"2026-1","rows":[1.5]}', "json"),
        (b'{"version":"2026-1","rows":[NaN]}', "json"),
        (b'{"version":"2026-1","rows":["\\ud800"]}', "json"),
        (b'{"version":"2026-1","rows":[\xff]}', "json"),
        (b'{"version":', "json"),
        (b"[" * 100_000, "json"),
        (b"", "json"),
        (b" " * ((1 << 20) + 1), "size"),
        (b'{"version":"x","rows":[]}', "pattern"),
    ],
)
def test_a_file_that_is_not_plain_json_of_one_reading_is_refused(text: bytes, keyword: str) -> None:
    with pytest.raises(TableError, match=rf" {keyword}$"):
        rules.read(text)


@pytest.mark.parametrize("cells", [{"in_force": False}, {"permits": False}])
def test_a_row_that_is_not_in_force_or_does_not_permit_permits_nothing(cells: Cells) -> None:
    table = rules.narrow(BASE, _set(0, **cells))

    assert not table.permits(1, "team-wmo", "provider-wmo", "statutory", ("progress",))
    assert table.permits(2, "provider-wmo", "team-wmo", "statutory", ("progress",))


def test_a_municipality_may_take_away_rows_categories_and_months_and_sign() -> None:
    def edit(rows: list[Cells]) -> None:
        del rows[1]
        rows[0].update(categories=["progress"], longest_months=6, signed_by="fg-gemeente-voorbeeld")

    table = rules.narrow(BASE, _table(edit))

    assert table.permitted < BASE.permitted
    assert set(table.rows) == set(BASE.rows) - {2}
    assert table.rows[1].longest_months == 6


@pytest.mark.parametrize(
    ("cells", "path"),
    [
        ({"recipients": ["gp", "provider-wmo"]}, "/recipients"),
        ({"senders": ["team-pw", "team-wmo"]}, "/senders"),
        ({"grounds": ["safety", "statutory"]}, "/grounds"),
        ({"longest_months": 13}, "/longest_months"),
        ({"introduction": "code"}, "/introduction"),
        ({"purpose": "iets-anders"}, "/purpose"),
        ({"law": "jeugdwet"}, "/law"),
        ({"objection": "record"}, "/objection"),
        ({"onward": "allowed"}, "/onward"),
        ({"retention": "wmo-5.3.4-1-99y"}, "/retention"),
        ({"route": "none"}, "/route"),
        ({"source": [{"text": "wmo-2015", "article": "1.1", "date": "2015-01-05"}]}, "/source"),
    ],
)
def test_a_municipality_can_not_widen_or_change_a_row(cells: Cells, path: str) -> None:
    with pytest.raises(TableError, match=f"row 1 {path} narrow"):
        rules.narrow(BASE, _set(0, **cells))


@pytest.mark.parametrize("switch", ["in_force", "permits"])
def test_a_municipality_can_not_switch_a_row_on(switch: str) -> None:
    off = rules.load(_set(0, **{switch: False}))

    with pytest.raises(TableError, match=f"^row 1 /{switch} narrow$"):
        rules.narrow(off, BASE.raw)


def test_a_municipality_can_not_add_a_row() -> None:
    with pytest.raises(TableError, match=r"^row 2 / narrow$"):
        rules.narrow(rules.without(BASE, [2]), BASE.raw)


def _row(rows: list[Cells], number: int) -> Cells:
    return next(row for row in rows if row["id"] == number)


def test_the_national_base_names_each_role_and_each_other() -> None:
    assert rules.gaps(BASE) == ()


@pytest.mark.parametrize("cells", [{"in_force": False}, {"reason": "judgement"}, {"recipients": ["rvdk"]}])
def test_a_base_with_a_gap_is_refused_with_the_two_roles(cells: Cells) -> None:
    text = _table(lambda rows: _row(rows, 913).update(cells))

    with pytest.raises(TableError) as caught:
        rules.read_base(text)

    assert TableFault(None, "/gp/police", "gap") in caught.value.faults
    assert {fault.keyword for fault in caught.value.faults} == {"gap"}
    assert rules.load(text).rows[913]  # for a municipality it is a narrowing


def test_a_judgement_of_one_case_fills_no_gap() -> None:
    gone = rules.without(BASE, [913])

    assert ("gp", "uwv") in rules.gaps(gone)
    assert {"gp", "uwv"} <= {*gone.rows[24].senders, *gone.rows[24].recipients}


def test_a_row_that_permits_what_another_closes_is_a_contradiction() -> None:
    opened = _table(lambda rows: _row(rows, 5).update(recipients=["gp", "uwv"]))

    with pytest.raises(TableError, match=r"^row 5 /permits/3 contradiction$"):
        rules.load(opened)


@pytest.mark.parametrize("reason", ["municipality", None])
def test_a_row_that_a_municipality_switched_off_contradicts_nobody(reason: str | None) -> None:
    table = rules.narrow(BASE, _table(lambda rows: _row(rows, 17).update(permits=False, reason=reason)))

    assert not table.permits(17, "team-pw", "uwv", "statutory", ("progress",))
    assert table.permits(115, "team-pw", "uwv", "statutory", ("progress",))


@pytest.mark.parametrize("reason", ["judgement", "law", "unread"])
def test_a_municipality_closes_in_its_own_name_and_not_in_that_of_the_law(reason: str) -> None:
    with pytest.raises(TableError, match=r"^row 5 /reason narrow$"):
        rules.narrow(BASE, _table(lambda rows: _row(rows, 5).update(permits=False, reason=reason)))


def test_the_same_rule_under_two_numbers_is_refused() -> None:
    doubled = _table(lambda rows: rows.append(_row(rows, 5) | {"id": 9000}))

    with pytest.raises(TableError, match=r"^row 9000 /purpose/5 twice$"):
        rules.load(doubled)


def test_a_row_that_permits_gives_no_reason_for_closing() -> None:
    with pytest.raises(TableError, match=r"^row 5 /reason permits$"):
        rules.load(_table(lambda rows: _row(rows, 5).update(reason="law")))


def test_each_row_that_does_not_permit_says_why() -> None:
    assert {row.id: row.reason for row in BASE.rows.values() if not row.permits} == {
        **dict.fromkeys((3, 19), "law"),
        **dict.fromkeys((7, 21, 24), "judgement"),
        **dict.fromkeys((23, *range(907, 919)), "unread"),
    }


ROWS = st.fixed_dictionaries(
    {},
    optional={
        "senders": st.lists(st.sampled_from(rules.ROLES[-6:]), min_size=1, unique=True).map(sorted),
        "recipients": st.lists(st.sampled_from(rules.ROLES[-6:]), min_size=1, unique=True).map(sorted),
        "categories": st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(sorted),
        "longest_months": st.integers(1, 24),
        "in_force": st.booleans(),
        "permits": st.booleans(),
    },
)


def _edited(base: RuleTable, edits: list[Cells], kept: list[bool]) -> bytes:
    parsed = orjson.loads(base.raw)
    pairs = zip(parsed["rows"], edits, strict=False)
    parsed["rows"] = [row | edit for (row, edit), keep in zip(pairs, kept, strict=False) if keep]
    return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)


_MANY: Cells = {"senders": ["gp", "team-wmo"], "recipients": ["provider-wmo", "uwv", "zvh"]}
WIDE = rules.load(_edited(rules.without(BASE, [3]), [_MANY] * 3, [True] * 3))


@given(st.lists(ROWS, min_size=3, max_size=3), st.lists(st.booleans(), min_size=3, max_size=3))
@settings(max_examples=150, deadline=None)
def test_narrowing_only_removes(edits: list[Cells], kept: list[bool]) -> None:
    raw = _edited(WIDE, edits, kept)
    try:
        table = rules.narrow(WIDE, raw)
    except TableError:
        wider = rules.load(raw)
        assert any(
            not set(wider.rows[number].senders) <= set(WIDE.rows[number].senders)
            or not set(wider.rows[number].recipients) <= set(WIDE.rows[number].recipients)
            or not set(wider.rows[number].categories) <= set(WIDE.rows[number].categories)
            or wider.rows[number].longest_months > 12
            or wider.rows[number].permits > WIDE.rows[number].permits
            or wider.rows[number].in_force > WIDE.rows[number].in_force
            for number in wider.rows
        )
        return

    assert table.permitted <= WIDE.permitted
    assert all(row.longest_months <= WIDE.rows[number].longest_months for number, row in table.rows.items())
