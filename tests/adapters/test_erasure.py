# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A client's data are destroyed on request: here, for good, and at everybody who was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters import erasure, kept_numbers, records_incoming, records_outgoing, records_own, records_people
from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.erasure import ErasureError
from adapters.lines import RECALL_DAYS
from adapters.looks import NoNameError, look
from adapters.records_incoming import INTRODUCTIONS, TOLD
from adapters.records_outgoing import CLIENTS, GRANTS, ITEMS, SENDS, SOURCES
from adapters.records_people import CONSENTS, ERASED, REFUSALS
from adapters.rectify import Correction, RectifyError
from adapters.shelf import Shelf
from adapters.store import FILE
from adapters.workplace import EdgeError
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, start
from tests.adapters.rights_case import JANSEN, erased, neighbours, rectified
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.world.check()
    made.close()


def settled(near: Neighbours) -> None:
    """Until every call and stop has arrived, and the day's cleaning after it."""
    near.settle(5)
    near.world.advance(days=1)
    near.settle(2)


def sealed(near: Neighbours, *shelves: Shelf[object]) -> set[bytes]:
    """What stands on the disk for these records: the sealed bytes themselves."""
    db = near[TEAM].store._db  # what stands on the disk is what is asked
    return {row[0] for one in shelves for row in db.execute(f"SELECT sealed FROM r_{one.table.name}")}  # noqa: S608


def on_disk(near: Neighbours) -> bytes:
    folder = near.folder / "team-wmo"
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{FILE}*")))


def test_everybody_who_was_told_has_it_called_back(near: Neighbours) -> None:
    done = erased(near[TEAM])
    assert (done.called_back, done.waits) == (3, True)
    settled(near)
    assert near.told(PROVIDER, "P-1") == []
    assert near.told(GP, "H-1") == []


def test_nothing_of_the_client_is_left_when_everybody_knows(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    erased(edge)
    settled(near)
    for shelf in (CLIENTS, GRANTS, ITEMS, SENDS, SOURCES):
        assert list(shelf.scan(edge.store)) == []
    with pytest.raises(EdgeError):
        edge.client("C-1")
    with pytest.raises(EdgeError):
        edge.client(BSN)
    (kept,) = TOLD.scan(edge.store)
    assert (kept.client, kept.parts) == (None, ())
    (one,) = ERASED.scan(edge.store)
    assert (one.done, one.by) == (True, "A. de Vries")


def test_what_was_destroyed_is_gone_from_the_file(near: Neighbours) -> None:
    """The very bytes that stood there, sealed as they were, stand there no more: nobody needs to trust the seal."""
    before = sealed(near, CLIENTS, TOLD, ITEMS, SOURCES, GRANTS)  # type: ignore[arg-type]
    near[TEAM].store.forget_deleted()
    assert all(one in on_disk(near) for one in before)
    told = sealed(near, TOLD)  # type: ignore[arg-type]
    erased(near[TEAM])
    assert not any(one in on_disk(near) for one in told)  # at once
    settled(near)
    assert not any(one in on_disk(near) for one in before)  # and the rest when everybody knew


def test_nothing_is_destroyed_that_a_call_back_needs(near: Neighbours) -> None:
    """The hub is away: the lines stay until it is back, and the calls still arrive."""
    erased(near[TEAM])
    near.world.advance(days=3)
    near.open(TEAM)
    settled(near)
    assert near.told(GP, "H-1") == []
    assert list(GRANTS.scan(near[TEAM].store)) == []


def test_what_is_told_after_it_is_not_kept(near: Neighbours) -> None:
    erased(near[TEAM])
    near.take(PROVIDER, start("2026-03-04"))
    settled(near)
    assert all(one.parts == () for one in TOLD.scan(near[TEAM].store))
    assert near.told(TEAM) == []


def test_a_statutory_task_that_runs_is_not_broken_off_by_one_click(near: Neighbours) -> None:
    with pytest.raises(ErasureError, match="wettelijke taak"):
        erased(near[TEAM], tasks_are_over=False)
    assert near.told(TEAM, "C-1") == ["gestart"]
    near.settle(2)
    assert near.told(GP, "H-1") == ["in onderzoek"]


def test_nobody_destroys_under_no_name(near: Neighbours) -> None:
    edge = near[TEAM]
    with pytest.raises(NoNameError), edge.workplace.commit("erased") as tx:
        erasure.erase(tx, edge.workplace, None, edge.client("C-1"), "")  # type: ignore[arg-type]  # never reached
    assert near.told(TEAM, "C-1") == ["gestart"]


def test_a_refusal_outlives_it_and_keeps_the_number_for_nothing_else(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "objected"))
    erased(edge)
    settled(near)
    (client,) = edge.clients()
    assert [one.kind for one in REFUSALS.find(edge.store, "client", client.id.encode())] == ["objected"]
    assert list(GRANTS.scan(edge.store)) == []
    edge.import_clients([ClientRow("C-1", BSN, "")])
    assert [one.recipient for one in edge.refusals("C-1")] == [GP]


def test_the_proof_of_consent_stays_for_its_term_and_then_goes(near: Neighbours) -> None:
    edge = near[TEAM]
    (consent,) = CONSENTS.scan(edge.store)
    until = near.world.today + 60 + RECALL_DAYS
    assert erased(edge).consents_until == until
    settled(near)
    (kept,) = CONSENTS.scan(edge.store)
    assert kept.raw == consent.raw
    assert CONSENTS.find(edge.store, "client", consent.client.encode()) == []
    near.world.advance(days=until - near.world.today)
    near.work(TEAM)
    assert list(CONSENTS.scan(edge.store)) == [kept]
    near.world.advance(days=1)
    near.work(TEAM)
    assert list(CONSENTS.scan(edge.store)) == []


def test_twice_is_once(near: Neighbours) -> None:
    erased(near[TEAM])
    again = erased(near[TEAM])
    assert (again.destroyed, again.called_back, again.stopped) == (0, 0, 0)
    settled(near)
    assert near[TEAM].clients() == []


def test_one_clients_erasure_leaves_another_as_it_is(near: Neighbours) -> None:
    near[TEAM].import_clients([ClientRow("C-2", "999990019", "")])
    erased(near[TEAM])
    settled(near)
    assert [one.number for one in near[TEAM].clients()] == ["C-2"]


def test_every_kind_of_record_about_a_client_is_known_to_the_erasure() -> None:
    """A table that can be found by client must be destroyed with the client, or be named here with the reason why not."""
    source = Path(erasure.__file__).read_text(encoding="utf-8")
    kept = {"LOOKS": "who looked is kept for its own term of five years, under an id that names nobody any more"}
    shelves = {
        name: one
        for subject in (records_incoming, records_outgoing, records_own, records_people)
        for name, one in vars(subject).items()
        if isinstance(one, Shelf) and "client" in one.table.indexes
    }
    assert len(shelves) >= 9
    assert [name for name in shelves if f" {name}," not in source and name not in kept] == []


def test_an_edge_that_was_put_back_destroys_and_rectifies_nothing_before_it_works_again(near: Neighbours) -> None:
    copy = near.folder / "copy"
    near[TEAM].back_up(copy)
    near[TEAM].was_put_back()
    with pytest.raises(ErasureError, match="teruggezet"):
        erased(near[TEAM])
    with pytest.raises(RectifyError, match="teruggezet"):
        rectified(near[TEAM], near[TEAM].told("C-1")[0].number, Correction(Kind.AFGEWEZEN))
    assert near.told(TEAM, "C-1") == ["gestart"]


def test_a_crash_between_the_two_steps_loses_nothing(near: Neighbours) -> None:
    """Killed at every commit of the passes that follow: what was told is called back, and then everything goes."""
    erased(near[TEAM])
    for stop_at in range(6):
        commits = 0

        def crash(name: str) -> None:
            nonlocal commits
            commits += "after the commit" in name
            if commits > stop_at:  # noqa: B023  # read at once
                raise KeyboardInterrupt

        near.points[TEAM] = crash
        with suppress(KeyboardInterrupt):
            near.open(TEAM)
            near.work(TEAM)
        del near.points[TEAM]
        near.open(TEAM)
    settled(near)
    assert near.told(GP, "H-1") == []
    assert near[TEAM].clients() == []
    assert list(GRANTS.scan(near[TEAM].store)) == []


def lifted(near: Neighbours, number: str = "C-1") -> None:
    near[TEAM].lift_refusals(number, None, "N. Heft op")
    near[TEAM].lift_refusals(number, None, "N. Heft op", incoming=True)


def cleaned(near: Neighbours) -> None:
    near.world.advance(days=1)
    near.work(TEAM)


def test_the_number_that_was_kept_for_a_refusal_goes_when_the_refusal_is_lifted(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "withdrawn"))
    erased(edge)
    settled(near)
    assert [one.number for one in edge.clients()] == ["C-1"]
    before = sealed(near, CLIENTS, REFUSALS)  # type: ignore[arg-type]
    assert all(one in on_disk(near) for one in before)
    cleaned(near)
    assert [one.number for one in edge.clients()] == ["C-1"]  # it still stands
    lifted(near)
    cleaned(near)
    assert edge.clients() == []
    assert list(REFUSALS.scan(edge.store)) == []
    assert not any(one in on_disk(near) for one in before)
    cleaned(near)
    assert kept_numbers.all_kept(edge.store) == []


def test_a_number_is_kept_while_one_of_two_refusals_stands_in_either_direction(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "held"))
    run(edge.stop_incoming("C-1", PROVIDER, "withdrawn"))
    erased(edge)
    settled(near)
    edge.lift_refusals("C-1", None, "N. Heft op", incoming=True)
    cleaned(near)
    assert [one.kind for one in edge.refusals("C-1")] == ["held"]
    edge.lift_refusals("C-1", None, "N. Heft op", kinds=("held",))
    cleaned(near)
    assert edge.clients() == []


def test_a_client_who_came_back_is_not_destroyed_when_the_refusal_is_lifted(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "withdrawn"))
    erased(edge)
    settled(near)
    edge.import_clients([ClientRow("C-1", BSN, "wmo")])
    lifted(near)
    cleaned(near)
    assert [one.number for one in edge.clients()] == ["C-1"]


def test_a_client_with_whom_something_was_agreed_again_is_not_destroyed_either(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", PROVIDER, "held"))
    erased(edge)
    settled(near)
    edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    edge.lift_refusals("C-1", None, "N. Heft op", kinds=("held",))
    cleaned(near)
    cleaned(near)
    assert [one.number for one in edge.clients()] == ["C-1"]


def test_a_client_about_whom_a_partner_began_to_tell_again_is_not_destroyed_either(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "withdrawn"))
    erased(edge)
    settled(near)
    near[GP].make_agreement("H-1", Conversation(("Team Wmo",)))
    near.settle(3)
    lifted(near)
    cleaned(near)
    assert [one.number for one in edge.clients()] == ["C-1"]


def test_a_kept_number_stays_while_what_was_turned_away_names_it(near: Neighbours) -> None:
    """Nothing names a client that is gone: what was refused of a partner goes first."""
    edge = near[TEAM]
    run(edge.stop_incoming("C-1", GP, "held"))
    erased(edge)
    settled(near)
    near[GP].make_agreement("H-1", Conversation(("Team Wmo",), end=near.world.today + 30))
    near.settle(3)
    (turned_away,) = [one for one in INTRODUCTIONS.scan(edge.store) if one.client is not None]
    assert turned_away.withheld
    edge.lift_refusals("C-1", None, "N. Heft op", incoming=True, kinds=("held",))
    cleaned(near)
    assert [one.number for one in edge.clients()] == ["C-1"]
    near.world.advance(days=500)
    near.work(TEAM)
    cleaned(near)
    assert [one for one in INTRODUCTIONS.scan(edge.store) if one.client is not None] == []
    assert edge.clients() == []
