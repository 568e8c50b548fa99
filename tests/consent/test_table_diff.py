# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What changes between two tables is told by what they permit; and whether it is a narrowing as hub and edge ask it."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import rules
from consent.rules import RuleTable, TableError
from consent.table_diff import Kind, Told, compare, told

BASE = rules.national(test_mode=True)


def _with(changes: dict[int, dict[str, object] | None], base: RuleTable = BASE) -> RuleTable:
    """The table with cells of rows changed, or rows (None) taken out."""
    parsed = orjson.loads(base.raw)
    kept = [row for row in parsed["rows"] if changes.get(row["id"], {}) is not None]
    parsed["rows"] = [row | (changes.get(row["id"]) or {}) for row in kept]
    return rules.load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


def test_a_table_differs_in_nothing_from_itself() -> None:
    found = compare(BASE, BASE)

    assert found.is_narrowing
    assert (found.gone, found.added, found.changes, found.lost, found.won, found.silenced, found.opened) == ((),) * 7


def test_a_row_that_is_gone_silences_only_who_has_no_other() -> None:
    found = compare(BASE, _with({5: None, 17: None}))

    assert found.gone == (5, 17)
    assert found.is_narrowing
    assert found.lost == (
        Told(5, "team-wmo", "gp", "consent", "progress"),
        Told(17, "team-pw", "uwv", "statutory", "progress"),
    )
    assert found.silenced == (("team-wmo", "gp"),)  # row 115 still lets team-pw tell UWV


def test_a_cell_is_narrowed_widened_or_otherwise_changed() -> None:
    changes = {
        1: {"categories": ["progress"], "longest_months": 6},
        4: {"longest_months": 24},
        5: {"objection": "record"},
    }
    found = compare(BASE, _with(changes))  # type: ignore[arg-type]

    assert {(one.row, one.column): one.kind for one in found.changes} == {
        (1, "categories"): Kind.NARROWED,
        (1, "longest_months"): Kind.NARROWED,
        (4, "longest_months"): Kind.WIDENED,
        (5, "objection"): Kind.OTHER,
    }
    assert not found.is_narrowing
    assert {(one.row, one.path) for one in found.beyond} == {(4, "/longest_months"), (5, "/objection")}
    assert found.lost == (Told(1, "team-wmo", "provider-wmo", "statutory", "service"),)


def test_the_way_back_wins_what_the_way_there_lost() -> None:
    narrower = _with({5: {"permits": False}, 902: {"recipients": ["team-pw"]}})
    there, back = compare(BASE, narrower), compare(narrower, BASE)

    assert (there.lost, there.won) == (back.won, back.lost)
    assert (there.silenced, there.opened) == (back.opened, back.silenced)
    assert there.is_narrowing
    assert not back.is_narrowing


CELLS = st.fixed_dictionaries({}, optional={"permits": st.booleans(), "longest_months": st.integers(1, 24)})
CHANGES = st.dictionaries(st.sampled_from([1, 2, 4, 5, 9, 15, 18, 122, 901]), st.none() | CELLS, max_size=5)


@given(CHANGES)
@settings(max_examples=100, deadline=None)
def test_a_narrowing_wins_nothing_and_what_is_lost_is_permitted_no_more(
    changes: dict[int, dict[str, object] | None],
) -> None:
    new = _with(changes)
    found = compare(BASE, new)

    assert set(found.lost) == told(BASE) - told(new)
    if found.is_narrowing:
        assert not found.won
        assert not found.opened
        assert not any(one.kind is Kind.WIDENED for one in found.changes)
        assert rules.narrow(BASE, new.raw) == new
    else:
        try:
            rules.narrow(BASE, new.raw)
        except TableError as error:
            assert error.faults == found.beyond
