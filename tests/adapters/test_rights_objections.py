# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a citizen reads of the own objections: no wider than it was said, in one line, and true about what goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.objections import OVERRULED, Objecting
from adapters.records_people import REFUSALS
from adapters.rights_limits import Scope
from adapters.rights_objections import ALL, NOTHING, OVER, PART, Objection
from tests.adapters.edges import GP, PROVIDER, TEAM, Neighbours, decided, objected
from tests.adapters.rights_case import limited, neighbours, shown, the_report
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def found(near: Neighbours) -> list[Objection]:
    return list(the_report(near[TEAM]).objections)


def lines(near: Neighbours) -> list[str]:
    """What the report says under the heading, without days."""
    _, text, _ = shown(the_report(near[TEAM]))
    begin = next(number for number, line in enumerate(text) if "niet eens was" in line)
    part = text[
        begin + 1 : next(number for number in range(begin + 1, len(text)) if "regels die hierboven" in text[number])
    ]
    return [line for line in part if " | " in line and not line.startswith("tegen")]


def test_an_objection_to_one_role_is_not_said_to_be_against_all(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(role="gp"))
    (one,) = found(near)
    assert (one.partner, one.role, one.rows, one.stops) == (None, "gp", (), ALL)
    (line,) = lines(near)
    assert "elke organisatie als huisarts" in line
    assert "alle organisaties" not in line


def test_an_objection_to_one_rule_says_which_and_the_rule_is_explained(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(row=902))
    (one,) = found(near)
    assert (one.partner, one.role, one.rows, one.stops) == (None, None, (902,), ALL)
    assert "alle organisaties, alleen voor regel 902" in lines(near)[0]
    assert 902 in {ground.row for ground in the_report(near[TEAM]).grounds}


def test_one_withdrawal_of_everything_is_one_line(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", None, "withdrawn"))
    assert len(list(REFUSALS.scan(near[TEAM].store))) > 2  # the rules make several of it
    (one,) = found(near)
    assert (one.partner, one.rows, one.kinds, one.stops) == (None, (), ("withdrawn", "objected"), PART)
    (line,) = lines(near)
    assert "toestemming ingetrokken en bezwaar" in line
    assert "behalve wat van de wet toch mag of moet" in line


def test_what_the_law_lets_go_on_is_not_said_to_stop(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(row=122))
    (one,) = found(near)
    assert one.stops == NOTHING
    assert "mogen of moeten dit van de wet toch vertellen" in lines(near)[0]
    assert "niets vertellen" not in lines(near)[0]


def test_of_rules_that_stop_and_rules_that_go_on_each_has_its_line(near: Neighbours) -> None:
    for row in (5, 122, 902):
        objected(near, TEAM, Objecting(row=row))
    assert [(one.rows, one.stops) for one in found(near)] == [((5, 902), ALL), ((122,), NOTHING)]


def test_what_was_overruled_goes_on_and_is_said_to(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    assert [one.stops for one in found(near)] == [ALL]
    decided(near[TEAM], made.number, OVERRULED)
    assert [one.stops for one in found(near)] == [NOTHING]


def test_what_was_taken_back_says_nothing_of_now(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "withdrawn"))
    near[TEAM].lift_refusals("C-1", GP, "N. Heft op")
    (one,) = found(near)
    assert (one.stops, one.lifted_on) == (OVER, near.world.today)
    assert "mogen" not in lines(near)[0]


def test_who_may_know_all_the_same_is_named_unless_a_decision_keeps_that_name_away(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(excepted=(GP,)))
    (one,) = found(near)
    assert one.excepted == ("Praktijk Voorbeeld",)
    assert "alle organisaties, maar niet Praktijk Voorbeeld" in lines(near)[0]
    limited(near[TEAM], "avg-23-uavg-41", Scope(partner=GP))
    assert [one.excepted for one in found(near)] == [()]
    assert "Praktijk" not in "".join(lines(near))


def test_an_exception_that_does_not_count_is_not_named(near: Neighbours) -> None:
    """Against one rule, and an exception for a partner whatever the rule: neither goes before the other, so the refusal wins."""
    objected(near, TEAM, Objecting(row=5, excepted=(PROVIDER,)))
    assert [one.excepted for one in found(near)] == [()]


def test_what_was_said_on_two_days_or_in_two_directions_stays_apart(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(row=902))
    near.world.advance(days=1)
    objected(near, TEAM, Objecting(row=5))
    run(near[TEAM].stop_incoming("C-1", None, "objected"))
    assert [(one.rows, one.incoming) for one in found(near)] == [((902,), False), ((), True), ((5,), False)]
    assert "ons niets vertellen" in lines(near)[1]


def test_a_hold_beside_it_changes_no_sign_of_it(tmp_path: Path) -> None:
    texts = []
    for held in (False, True):
        near = neighbours(tmp_path / str(held))
        run(near[TEAM].stop("C-1", GP, "objected"))
        run(near[TEAM].stop("C-1", PROVIDER, "held" if held else "closed"))
        texts.append(shown(the_report(near[TEAM])))
        near.close()
    assert texts[0] == texts[1]
