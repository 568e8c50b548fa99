# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge kept`, and `schakel grant refusals` and `lift`, as a professional and a privacy officer use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.clients import register
from adapters.records_people import ERASED, Erased
from deploy.exits import Exit
from schemas.identity import Citizen
from tests.deploy.conftest import Schakel
from tests.deploy.test_cli_sources import TEAM, opened

Answer = Callable[..., Any]


def erased_before(kept: Path) -> str:
    """At the team a client was erased by an earlier version, which left a number without a mark and a refusal."""
    with opened(kept, TEAM) as edge, edge.workplace.commit("test") as tx:
        client = register(tx, edge.workplace, Citizen(bsn="999990020", own_number="C-77"))
        ERASED.put(tx, Erased(client.id, "A. de Vries", edge.workplace.now, done=True))
    return client.number


def test_numbers_of_who_is_erased_are_listed_and_a_person_says_who_came_back(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    team = ("--config", kept / TEAM)
    assert answer("edge", "kept", *team) == []
    assert "geen nummer meer" in schakel("edge", "kept", *team).output
    number = erased_before(kept)
    answer("grant", "hold", number, *team)
    [one] = answer("edge", "kept", *team)
    assert (one["client"], one["in_doubt"], one["until"]) == (number, True, None)
    assert answer("edge", "outbox", *team)["numbers_in_doubt"] == 1
    assert "schakel edge kept" in schakel("edge", "outbox", *team).output
    shown = schakel("edge", "kept", *team).output
    assert number in shown
    assert "99999" not in shown  # by the own number alone
    by = ("--by", "N. Kijkt")
    for wrong in (("--gone", number), by, ("--gone", number, "--back", number, *by)):
        assert schakel("edge", "kept", *wrong, *team).exit_code == Exit.WRONG_USE
    assert schakel("edge", "kept", "--gone", number, "--by", " ", *team).exit_code == Exit.REFUSED
    [one] = answer("edge", "kept", "--gone", number, *by, *team)
    assert (one["in_doubt"], one["why"]) == (False, "om een weigering na te komen")
    assert one["until"] > one["since"]
    again = schakel("edge", "kept", "--back", number, *by, *team)
    assert (again.exit_code, number in again.output) == (Exit.REFUSED, False)


def test_a_refusal_is_lifted_by_name_and_stays_to_be_seen(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = ("--config", kept / TEAM)
    number = answer("grant", "list", "--all", *team)[0]["client"]
    made = answer("grant", "object", number, "--incoming", *team)
    answer(
        "grant", "decide-objection", made["number"], "--outcome", "upheld", "--by", "N. Beslist", "--reason", "r", *team
    )
    before = answer("grant", "refusals", number, *team)
    one = before[-1]
    assert one["decision"].startswith("gegrond, N. Beslist op ")
    assert schakel("grant", "lift", number, "--incoming", *team).exit_code == Exit.WRONG_USE
    assert schakel("grant", "lift", number, "--incoming", "--by", " ", *team).exit_code == Exit.REFUSED
    told = answer("grant", "lift", number, "--by", "N. Heft op", *team)["lifted"]
    assert told == len(before) - 1  # those against telling, of the demo
    assert "niets opgeheven" in schakel("grant", "lift", number, "--by", "N. Heft op", *team).output
    assert answer("grant", "lift", number, "--incoming", "--by", "N. Heft op", *team) == {"lifted": 1}
    assert answer("grant", "refusals", number, *team) == []
    one = answer("grant", "refusals", number, "--all", *team)[-1]
    assert (one["lifted_by"], one["lifted"] >= one["since"]) == ("N. Heft op", True)
    assert "opgeheven" in schakel("grant", "refusals", number, "--all", *team).output
