# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The decision: both tables, the state of the grant, the calendar day, and nothing else."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import rules
from consent.decide import Moment, Registered, Verdict, decide, lawful, longest_validity, role_of
from consent.grant import GrantTerms
from consent.rules import RuleTable
from schemas import calendar
from schemas.registry import Fault

NATIONAL = rules.national(test_mode=True)
WITHOUT_GP = rules.without(NATIONAL, [5])
EMPTY = rules.without(NATIONAL, [1, 2, 5])
MARCH = calendar.parse_month("2026-03")
OIN = "urn:nld:oin:0000000100000000000"
TEAM, PROVIDER, GP = f"{OIN}1:team-wmo", f"{OIN}2:provider-wmo", f"{OIN}3:gp"
GRANT = Registered(
    sender=TEAM,
    recipient=GP,
    month=MARCH,
    end=None,
    row=5,
    ground="consent",
    categories=("progress",),
    stopped=False,
)
TERMS = GrantTerms(
    sender=TEAM,
    recipient=GP,
    row=5,
    ground="consent",
    categories=("progress",),
    begin=calendar.parse_date("2026-03-02"),
    end=calendar.parse_date("2027-03-01"),
    purpose="zvw-zorg",
    law="wmo",
)


def _table_with(number: int, **cells: object) -> RuleTable:
    parsed = orjson.loads(NATIONAL.raw)
    parsed["rows"] = [row | cells if row["id"] == number else row for row in parsed["rows"]]
    return rules.load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


def _decide(grant: Registered, day: str, moment: Moment) -> Verdict:
    return decide((NATIONAL, NATIONAL), grant, calendar.parse_date(day), moment)


@pytest.mark.parametrize(
    ("day", "accept", "pickup"),
    [
        ("2026-02-28", Verdict.NOT_ACTIVE, Verdict.NOT_ACTIVE),
        ("2026-03-01", Verdict.PERMIT, Verdict.PERMIT),
        ("2026-03-31", Verdict.PERMIT, Verdict.PERMIT),
        ("2026-04-01", Verdict.MONTH_OVER, Verdict.PERMIT),
        ("2026-04-09", Verdict.MONTH_OVER, Verdict.PERMIT),
        ("2026-04-10", Verdict.MONTH_OVER, Verdict.NOT_ACTIVE),
    ],
)
def test_a_handle_accepts_in_its_month_and_delivers_nine_days_longer(
    day: str, accept: Verdict, pickup: Verdict
) -> None:
    assert _decide(GRANT, day, Moment.ACCEPT) is accept
    assert _decide(GRANT, day, Moment.PICKUP) is pickup


@pytest.mark.parametrize("moment", list(Moment))
def test_an_end_counts_exactly_and_its_day_is_included(moment: Moment) -> None:
    ending = GRANT._replace(end=calendar.parse_date("2026-03-20"))

    assert _decide(ending, "2026-03-20", moment) is Verdict.PERMIT
    assert _decide(ending, "2026-03-21", moment) is Verdict.NOT_ACTIVE


def test_the_nine_days_after_a_month_do_not_reach_past_an_end() -> None:
    ending = GRANT._replace(end=calendar.parse_date("2026-03-31"))

    assert _decide(ending, "2026-03-31", Moment.PICKUP) is Verdict.PERMIT
    assert _decide(ending, "2026-04-01", Moment.PICKUP) is Verdict.NOT_ACTIVE


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("state", [{"stopped": True}, {"end": calendar.parse_date("2026-03-01")}])
def test_stopped_and_ended_grants_look_the_same(state: dict[str, int], moment: Moment) -> None:
    for day in ("2026-03-15", "2026-04-05", "2026-05-01"):
        assert _decide(GRANT._replace(**state), day, moment) is Verdict.NOT_ACTIVE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        GRANT._replace(row=4),
        GRANT._replace(row=1),
        GRANT._replace(ground="statutory"),
        GRANT._replace(categories=("progress", "service")),
        GRANT._replace(categories=()),
        GRANT._replace(sender=PROVIDER),
        GRANT._replace(recipient=f"{OIN}3:uwv"),
        GRANT._replace(sender=GP, recipient=TEAM),
        GRANT._replace(recipient=f"{OIN}3"),
    ],
)
def test_what_no_row_says_is_not_permitted(changed: Registered) -> None:
    assert _decide(changed, "2026-03-15", Moment.ACCEPT) is Verdict.NOT_PERMITTED


@pytest.mark.parametrize("strict", [WITHOUT_GP, EMPTY, _table_with(5, in_force=False), _table_with(5, permits=False)])
@pytest.mark.parametrize("moment", list(Moment))
def test_either_side_can_forbid(strict: RuleTable, moment: Moment) -> None:
    day = calendar.parse_date("2026-03-15")

    assert decide((strict, NATIONAL), GRANT, day, moment) is Verdict.NOT_PERMITTED
    assert decide((NATIONAL, strict), GRANT, day, moment) is Verdict.NOT_PERMITTED


ADDRESSES = st.sampled_from([TEAM, PROVIDER, GP, f"{OIN}4:uwv"])
TABLES = st.sampled_from(
    [NATIONAL, WITHOUT_GP, EMPTY, _table_with(1, categories=["progress"]), _table_with(2, permits=False)]
)
GRANTS = st.builds(
    Registered,
    sender=ADDRESSES,
    recipient=ADDRESSES,
    month=st.integers(MARCH - 1, MARCH + 1),
    end=st.none() | st.integers(calendar.first_day(MARCH) - 5, calendar.last_day(MARCH) + 5),
    row=st.sampled_from([1, 2, 5, 7]),
    ground=st.sampled_from(["consent", "safety", "statutory"]),
    categories=st.sampled_from([(), ("progress",), ("service",), ("progress", "service"), ("health",)]),
    stopped=st.booleans(),
)
NEARLY = st.builds(
    lambda grant, other: other._replace(
        sender=grant[0], recipient=grant[1], row=grant[2], ground=grant[3], categories=grant[4]
    ),
    st.sampled_from(
        [
            (TEAM, GP, 5, "consent", ("progress",)),
            (TEAM, PROVIDER, 1, "statutory", ("progress", "service")),
            (PROVIDER, TEAM, 2, "statutory", ("service",)),
        ]
    ),
    GRANTS,
)
QUESTIONS = st.tuples(
    TABLES,
    TABLES,
    GRANTS | NEARLY,
    st.integers(calendar.first_day(MARCH) - 40, calendar.last_day(MARCH) + 60),
    st.sampled_from(list(Moment)),
)


@given(QUESTIONS)
@settings(max_examples=400, deadline=None)
def test_nothing_passes_that_one_of_both_tables_forbids_or_under_a_grant_that_is_not_active(
    question: tuple[RuleTable, RuleTable, Registered, int, Moment],
) -> None:
    ours, theirs, grant, day, moment = question

    verdict = decide((ours, theirs), grant, day, moment)

    asked = (grant.row, role_of(grant.sender), role_of(grant.recipient), grant.ground, grant.categories)
    lawful_for_both = ours.permits(*asked) and theirs.permits(*asked)
    open_for = 0 if moment is Moment.ACCEPT else 9
    in_time = calendar.first_day(grant.month) <= day <= calendar.last_day(grant.month) + open_for
    alive = not grant.stopped and (grant.end is None or day <= grant.end)
    assert (verdict is Verdict.PERMIT) == (lawful_for_both and in_time and alive)
    assert verdict is not Verdict.NOT_PERMITTED or (in_time and alive)
    assert verdict is not Verdict.MONTH_OVER or (moment is Moment.ACCEPT and alive and not in_time)


@given(QUESTIONS)
@settings(max_examples=100, deadline=None)
def test_which_table_is_whose_changes_nothing(
    question: tuple[RuleTable, RuleTable, Registered, int, Moment],
) -> None:
    ours, theirs, grant, day, moment = question

    assert decide((ours, theirs), grant, day, moment) is decide((theirs, ours), grant, day, moment)


def test_two_roles_of_one_organisation_are_two_addresses() -> None:
    assert role_of(f"{OIN}1:team-wmo") == "team-wmo"
    assert role_of(f"{OIN}1:team-pw") == "team-pw"


def test_terms_within_their_row_have_no_fault() -> None:
    assert lawful(NATIONAL, TERMS, "bsn") == ()


@pytest.mark.parametrize(
    ("terms", "introduction", "faults"),
    [
        (replace(TERMS, row=6000), "bsn", (Fault("/row", "unknown"),)),
        (replace(TERMS, row=7, purpose="uitvoering-taken-wmo"), "code", (Fault("/row", "not-permitted"),)),
        (replace(TERMS, ground="safety"), "bsn", (Fault("/row", "not-permitted"),)),
        (replace(TERMS, purpose="levering-voorziening"), "bsn", (Fault("/purpose", "differs"),)),
        (replace(TERMS, law="jeugdwet"), "bsn", (Fault("/law", "differs"),)),
        (TERMS, "code", (Fault("/introduction", "differs"),)),
        (replace(TERMS, end=TERMS.begin - 1), "bsn", (Fault("/end", "before-begin"),)),
        (replace(TERMS, end=TERMS.end + 1), "bsn", (Fault("/end", "too-long"),)),
        (
            replace(TERMS, categories=("progress", "service"), end=TERMS.end + 400),
            "code",
            (Fault("/row", "not-permitted"), Fault("/introduction", "differs"), Fault("/end", "too-long")),
        ),
    ],
)
def test_terms_beyond_their_row_are_named_before_they_are_registered(
    terms: GrantTerms, introduction: str, faults: tuple[Fault, ...]
) -> None:
    assert lawful(NATIONAL, terms, introduction) == faults


def test_a_grant_of_one_day_is_lawful() -> None:
    assert lawful(NATIONAL, replace(TERMS, end=TERMS.begin), "bsn") == ()


def test_a_grant_without_an_end_gets_the_longest_validity_of_its_row() -> None:
    row = _table_with(5, longest_months=3).rows[5]

    assert calendar.date_text(longest_validity(row, TERMS.begin)) == "2026-06-01"
    assert longest_validity(NATIONAL.rows[5], TERMS.begin) == TERMS.end
