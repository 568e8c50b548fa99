# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A consent whose grant another address stopped is withdrawn here from the commit in which this edge hears of it, whatever the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from adapters.agreement import Conversation, receipt_now
from adapters.clients import ClientRow
from adapters.consent_export import DPV, export
from adapters.consent_receipt import as_text
from adapters.objections import Objecting
from adapters.records_people import CONSENTS, REFUSALS
from adapters.rights import report
from consent.record import from_bytes
from tests.adapters.edges import BSN, GP, PROVIDER, REGISTRY, TEAM, Neighbours, allocation, objected, status
from tests.simulator import run

NAME = "Praktijk Voorbeeld"
NO = "er is nee gezegd"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = Neighbours(tmp_path)
    made[TEAM].import_clients([ClientRow("C-1", BSN, "wmo"), ClientRow("C-2", "999990019", "wmo")])
    made[GP].import_clients([ClientRow("H-1", BSN, "zvw")])
    for number in ("C-1", "C-2"):
        made[TEAM].make_agreement(number, Conversation((NAME,)))
    made.settle(3)
    yield made
    made.world.check()
    made.close()


def states(near: Neighbours, number: str = "C-1") -> list[tuple[str, int | None]]:
    edge = near[TEAM]
    kept = CONSENTS.find(edge.store, "client", edge.client(number).id.encode())
    return [(one.state, one.withdrawn_at) for one in (from_bytes(each.raw, REGISTRY) for each in kept)]


def code_of(near: Neighbours) -> str:
    return near[TEAM].agreements("C-1")[-1].stop_code


def paper(near: Neighbours) -> str:
    edge = near[TEAM]
    return as_text(receipt_now(edge.store, edge.workplace, edge.identity.book, edge.client("C-1")))


def heard(near: Neighbours) -> None:
    """The sender hears of a stop at a random minute of the next working day."""
    near.world.advance(days=4)
    near.settle(2)


STOPPED_THERE: dict[str, Callable[[Neighbours], object]] = {
    "the stop code at a third partner": lambda near: run(near[PROVIDER].stop_with_code(code_of(near))),
    "the stop code at the recipient": lambda near: run(near[GP].stop_with_code(code_of(near))),
    "an objection at the recipient": lambda near: objected(near, GP, Objecting(TEAM, incoming=True), "H-1"),
    "a hold at the recipient": lambda near: run(near[GP].stop_incoming("H-1", TEAM, "held")),
}


@pytest.mark.parametrize("way", STOPPED_THERE)
def test_a_consent_that_was_stopped_at_another_partner_is_withdrawn_here_when_the_stop_is_heard(
    near: Neighbours, way: str
) -> None:
    STOPPED_THERE[way](near)
    assert states(near) == [("given", None)]  # nobody here can know yet
    heard(near)
    assert [state for state, _ in states(near)] == ["withdrawn"]
    assert states(near, "C-2") == [("given", None)]
    raw, _ = export(near[TEAM].store, near[TEAM].workplace, near[TEAM].client("C-1"), DPV)
    assert "ConsentWithdrawn" in orjson.dumps(orjson.loads(raw)).decode()
    assert list(REFUSALS.scan(near[TEAM].store)) == []  # nobody refused anything here


def test_why_it_was_stopped_there_makes_no_difference_here_and_nobody_is_said_to_have_said_no(tmp_path: Path) -> None:
    seen = []
    for number, way in enumerate(STOPPED_THERE):
        near = Neighbours(tmp_path / str(number))
        near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
        near[GP].import_clients([ClientRow("H-1", BSN, "zvw")])
        near[TEAM].make_agreement("C-1", Conversation((NAME,)))
        near.settle(3)
        STOPPED_THERE[way](near)
        heard(near)
        edge = near[TEAM]
        found = report(edge.store, edge.workplace, edge.identity.book, edge.client("C-1"), "client")
        stopped = [one.withdrawn_on is not None for one in found.consents]
        seen.append((paper(near), stopped, found.objections, [one.state for one in edge.agreements("C-1")]))
        near.close()
    assert all(one == seen[0] for one in seen)
    text, stopped, objections, state = seen[0]
    assert (NAME in text, NO in text, stopped, objections, state) == (True, False, [True], (), ["elsewhere"])


def test_it_is_withdrawn_in_the_commit_that_holds_the_line_whatever_crashes(near: Neighbours) -> None:
    class Crash(BaseException):
        pass

    run(near[PROVIDER].stop_with_code(code_of(near)))
    near.world.advance(days=4)
    for place in ("before", "after"):

        def point(name: str, place: str = place) -> None:
            if name == f"feed: {place} the commit":
                raise Crash

        near.points[TEAM] = point
        near.open(TEAM)
        with pytest.raises(Crash):
            run(near[TEAM].work())
        del near.points[TEAM]
        near.open(TEAM)
        held = bool(near[TEAM].held_lines())
        assert (held, states(near)[0][0]) == ((False, "given") if place == "before" else (True, "withdrawn"))


def test_the_answer_to_ones_own_stop_says_it_too(near: Neighbours) -> None:
    run(near[PROVIDER].stop_with_code(code_of(near)))
    run(near[TEAM].stop("C-1", GP, "closed"))  # a professional closes it, and does not know
    assert states(near) == [("withdrawn", near.world.now)]


def test_what_was_closed_here_alone_is_not_withdrawn(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "closed"))
    heard(near)
    assert states(near) == [("given", None)]


def test_a_stop_that_is_heard_after_the_end_of_the_consent_withdraws_nothing(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-2", Conversation((NAME,), end=near.world.today + 3))
    near.settle(3)
    code = near[TEAM].agreements("C-2")[-1].stop_code
    near.world.advance(days=3)
    run(near[PROVIDER].stop_with_code(code))
    heard(near)
    assert states(near, "C-2")[-1] == ("given", None)


def test_the_older_paper_withdraws_what_was_renewed_too(near: Neighbours) -> None:
    code = code_of(near)
    near.world.advance(days=20)
    near.settle(2)
    near[TEAM].make_agreement("C-1", Conversation((NAME,), end=near.world.today + 300))
    near.settle(3)
    run(near[PROVIDER].stop_with_code(code))
    heard(near)
    heard(near)
    assert [state for state, _ in states(near)] == ["withdrawn", "withdrawn"]


def test_what_rests_on_a_task_is_no_consent_and_has_none_withdrawn(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.take(PROVIDER, allocation())
    near.settle(3)
    number = next(one.number for one in near[PROVIDER].clients())
    run(near[PROVIDER].stop_incoming(number, TEAM, "held"))
    heard(near)
    assert [one.recipient for one in near[TEAM].held_lines()] == ["Zorg Voorbeeld"]
    assert states(near) == [("given", None)]


def test_said_here_afterwards_it_is_the_citizens_own_withdrawal_with_its_first_moment(near: Neighbours) -> None:
    run(near[PROVIDER].stop_with_code(code_of(near)))
    heard(near)
    first = states(near)
    assert NO not in paper(near)
    near.world.advance(days=2)
    run(near[TEAM].stop("C-1", GP, "withdrawn"))
    assert states(near) == first
    assert NO in paper(near)


def test_what_is_agreed_anew_stands_beside_it_and_tells(near: Neighbours) -> None:
    run(near[PROVIDER].stop_with_code(code_of(near)))
    heard(near)
    near[TEAM].make_agreement("C-1", Conversation((NAME,)))
    near.settle(3)
    assert [state for state, _ in states(near)] == ["withdrawn", "given"]
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(3)
    assert near.told(GP) == ["in onderzoek"]
    heard(near)  # the notice of the old stop comes no second time
    assert [state for state, _ in states(near)] == ["withdrawn", "given"]
