# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub whose store is not the newest: when it finds out, what it drops, when it works again."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.audit.log import Log
from hub.client import HubRecoveringError, RefusedError
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.greatest import Greatest, GreatestFile, NoGreatest
from hub.registry import ADMITTED, REMOVED, SUSPENDED
from hub.store import AddressRow, Step, StoreError
from hub.store_sqlite import SqliteStore
from hub.store_sqlite_sql import SCHEMA_VERSION
from schemas.codes import Code
from schemas.note import Checkpoint
from schemas.restored import sign_restored
from schemas.signing import SigningKey
from tests.lies import flipped
from tests.over_kafka import kinds, new_world
from tests.simulator import NATIONAL, Party, World
from tests.world_check import HUB_NAME


@pytest.fixture(params=kinds("memory", "sqlite", "postgres"))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = new_world(request.param, tmp_path)
    team, provider = made.party("team-wmo"), made.party("provider-wmo")
    team.tell(team.register(provider), 3)
    yield made
    made.let_go()


def put_back(world: World) -> None:
    """The hub's own file says that its store was put back."""
    hub_over_again(world, world.hub.log.greatest)


def hub_over_again(world: World, greatest: Greatest) -> None:
    """A new process on the same store, with what the file outside it says: that the store was put back."""
    greatest.was_put_back()
    log = Log(world.store, HUB_NAME, world._hub_key, greatest)
    world.hub = Exchange(world.store, log, NATIONAL, HubClock(world.clock), world.random)


def people(world: World) -> tuple[Party, Party]:
    """Who tells, and who is told."""
    team, provider = list(world.parties.values())[:2]
    return team, provider


# -- the gate


def test_a_hub_that_was_put_back_decides_and_hands_over_nothing_before_everybody_has_repeated(world: World) -> None:
    team, provider = people(world)
    put_back(world)
    began = world.hub.recovery()
    assert began is not None
    assert (began.number, began.open) == (2, False)
    frame = team.envelope(team.register(provider))
    assert world.hub.send(team.address, [frame]) == [Code.RECOVERING]
    with pytest.raises(HubRecoveringError):
        world.hub.pickup(provider.address, 10, 0)
    assert world.hub.ready([provider.address]) == set()
    assert world.hub.repeated(team.address, 2, 0) is Code.IN_FORCE
    assert world.hub.repeated(team.address, 2, 0) is Code.IN_FORCE
    assert [one.address for one in world.hub.awaited()] == [provider.address]
    assert world.hub.repeated(provider.address, 1, 0) is Code.NOT_NEXT
    assert world.hub.send(team.address, [frame]) == [Code.RECOVERING]
    assert world.hub.repeated(provider.address, 2, 0) is Code.IN_FORCE
    assert world.hub.send(team.address, [frame]) == [Code.TAKEN]
    assert len(world.hub.pickup(provider.address, 10, 0).deliveries) == 1
    world.check()


def test_stops_count_while_the_gate_is_closed(world: World) -> None:
    team, provider = people(world)
    grant = team.register(provider)
    put_back(world)
    assert provider.stop(grant).code is Code.IN_FORCE
    for party in (team, provider):
        world.hub.repeated(party.address, 2, 0)
    team.send(team.envelope(grant))
    [item] = world.hub.outcomes(team.address, 0).items
    assert item.code is Code.NOT_ACTIVE
    world.check()


def test_whom_the_operator_gives_up_suspends_or_removes_is_not_waited_for(world: World) -> None:
    team, provider = people(world)
    gp = world.party("gp")
    put_back(world)
    world.hub.will_not_return(team.address)
    with pytest.raises(RefusedError):
        world.hub.will_not_return(team.address)
    world.hub.set_state(provider.address, SUSPENDED)
    assert [one.address for one in world.hub.awaited()] == [gp.address]
    world.hub.set_state(gp.address, REMOVED)
    assert world.hub.awaited() == []
    world.check()


def test_a_hub_without_partners_is_open_at_once() -> None:
    world = World()
    put_back(world)
    began = world.hub.recovery()
    assert began is not None
    assert began.open


def test_a_second_recovery_waits_for_everybody_again(world: World) -> None:
    put_back(world)
    for party in world.parties.values():
        world.hub.repeated(party.address, 2, 0)
    assert world.hub.awaited() == []
    put_back(world)
    assert len(world.hub.awaited()) == 2
    began = world.hub.recovery()
    assert began is not None
    assert began.number == 3
    assert world.hub.repeated(people(world)[0].address, 2, 0) is Code.NOT_NEXT


# -- what is dropped


def test_nothing_that_waited_survives_and_its_keys_are_gone(world: World) -> None:
    waiting = [row.message_id for row in world.store.due(1 << 60, 100)]
    assert len(waiting) == 3
    put_back(world)
    assert world.store.payloads(waiting) == {}
    assert world.hub.outcomes(people(world)[0].address, 0).items == ()
    world.check()


def test_an_old_acknowledgement_ends_no_notice_of_the_new_log(world: World) -> None:
    team, provider = people(world)
    put_back(world)
    for party in (team, provider):
        world.hub.repeated(party.address, 2, 0)
    team.register(provider)
    picked = world.hub.pickup(provider.address, 0, 1_000_000)
    assert len(picked.notices) == 2


# -- whose word begins a recovery


def test_only_a_checkpoint_that_this_hub_signed_begins_a_recovery(world: World) -> None:
    head = world.store.head()
    lie = Checkpoint(world.hub.log.origin, head.size + 1, bytes(32))
    for signature in (b"", bytes(64), SigningKey(bytes(32)).sign(lie.text().encode())):
        world.hub.shown(lie, signature)
        world.hub.shown(Checkpoint(f"{world.hub.log.origin}0", 1, bytes(32)), signature)
        world.hub.shown(Checkpoint("hub.elsewhere/log/7", 1, bytes(32)), signature)
    assert world.hub.recovery() is None


@pytest.mark.parametrize("more", [1, 0])
def test_a_checkpoint_of_this_hub_that_its_log_does_not_hold_begins_one(world: World, more: int) -> None:
    shown = Checkpoint(world.hub.log.origin, world.store.head().size + more, bytes(range(32)))
    world.hub.shown(shown, world._hub_key.sign(shown.text().encode()))
    began = world.hub.recovery()
    assert began is not None
    assert not began.open
    world.check()


def test_a_checkpoint_of_a_later_log_begins_one_with_the_number_after_it(world: World) -> None:
    shown = Checkpoint(world.hub.log.origin[:-1] + "6", 1, bytes(range(32)))
    world.hub.shown(shown, world._hub_key.sign(shown.text().encode()))
    began = world.hub.recovery()
    assert began is not None
    assert began.number == 7


def test_checkpoints_of_this_very_log_and_of_those_before_change_nothing(world: World) -> None:
    old = world.hub.checkpoint().split("\n")
    put_back(world)
    number = world.hub.log.number
    world.party("gp")
    for name, size in ((old[0], 1_000_000), (world.hub.log.origin, 0)):
        root = bytes(32) if size else Checkpoint(world.hub.log.origin, 0, bytes(32)).root
        world.hub.shown(Checkpoint(name, size, root), b"")
    assert world.hub.log.number == number


# -- the file outside the store


def hub_over(store: SqliteStore, path: Path) -> Exchange:
    key = SigningKey(bytes(32))
    return Exchange(
        store,
        Log(store, "hub.example", key, GreatestFile(path)),
        NATIONAL,
        HubClock(lambda: 1_700_000_000_000),
        os.urandom,
    )


def test_the_file_keeps_what_was_signed_before_anybody_sees_it(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path / "data")
    file = tmp_path / "greatest.json"
    hub = hub_over(SqliteStore(tmp_path / "data"), file)
    assert json.loads(file.read_text())["checkpoint"][1] == 0  # an empty hub has a file from its first start on
    hub.probe()
    note = hub.checkpoint().split("\n")
    assert json.loads(file.read_text())["checkpoint"][:2] == [note[0], int(note[1])]
    assert file.stat().st_mode & 0o077 == 0
    hub.close()


def test_a_checkpoint_that_the_file_can_t_keep_is_not_shown(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path / "data")
    world = World()
    greatest = GreatestFile(tmp_path / "greatest.json")
    log = Log(world.store, "hub.example", SigningKey(bytes(32)), greatest)
    greatest._path = tmp_path / "away" / "greatest.json"
    world.party("gp")
    with pytest.raises(StoreError, match="can't be written"):
        log.checkpoint(1)


def test_an_older_checkpoint_never_replaces_a_newer_one(tmp_path: Path) -> None:
    file = GreatestFile(tmp_path / "greatest.json")
    newer = Checkpoint("hub.example/log/2", 5, bytes(32))
    file.keep(newer)
    file.keep(Checkpoint("hub.example/log/2", 4, bytes(32)))
    file.keep(Checkpoint("hub.example/log/1", 500, bytes(32)))
    assert GreatestFile(tmp_path / "greatest.json").kept.checkpoint == newer


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"checkpoint": null, "barred": {}, "put_back": false}', b"\xff", b"9" * 5000]
    + [
        json.dumps({"checkpoint": point, "admitted": admitted, "barred": barred, "put_back": False}).encode()
        for point, admitted, barred in (
            (["x", -1, ""], [], {}),
            (["x", 1, "!"], [], {}),
            (["x", 1], [], {}),
            (None, ["nobody"], {}),
            (None, [], {"urn": "king"}),
            (None, [], []),
        )
    ]
    + [
        json.dumps({"checkpoint": None, "admitted": [], "barred": {}, "put_back": False, "machines": machines}).encode()
        for machines in (5, "hub", [5], ["hub"], ["A-00000001"], [["a-00000001"]], ["../a-00000001"])
    ],
)
def test_a_file_that_is_damaged_stops_the_hub_and_is_never_guessed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "greatest.json").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        GreatestFile(tmp_path / "greatest.json")


def test_what_the_file_says_of_partners_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = GreatestFile(tmp_path / "greatest.json")
    one, two = (f"urn:nld:oin:0000000100000000000{n}:gp" for n in (1, 2))
    for address in (one, two, one):
        file.admit(address)
    file.bar(one, SUSPENDED)
    file.bar(two, REMOVED)
    file.bar(one, None)
    file.know(("a-00000001", "b-00000002"))
    kept = GreatestFile(tmp_path / "greatest.json").kept
    assert (kept.admitted, dict(kept.barred)) == ((one, two), {two: REMOVED})
    assert kept.machines == ("a-00000001", "b-00000002")


def test_the_file_follows_who_stands_in_the_store_and_keeps_whom_the_store_does_not_know_yet(tmp_path: Path) -> None:
    """Another machine may have admitted them; numbers are given in their order."""
    file = GreatestFile(tmp_path / "greatest.json")
    one, two, new = (f"urn:nld:oin:0000000100000000000{n}:gp" for n in (1, 2, 3))
    file.admit(two)
    file.admit(new)  # written here, not committed yet
    file.bar(new, SUSPENDED)
    file.bar(two, SUSPENDED)
    rows = [AddressRow(2, two, ADMITTED, 0, None, None), AddressRow(1, one, REMOVED, 0, None, None)]
    file.keep(Checkpoint("hub.example/log/1", 5, bytes(32)), rows)
    kept = GreatestFile(tmp_path / "greatest.json").kept
    assert (kept.admitted, dict(kept.barred)) == ((one, two, new), {new: SUSPENDED, one: REMOVED})
    file.keep(Checkpoint("hub.example/log/1", 4, bytes(32)), [rows[0], rows[1]._replace(state=ADMITTED)])
    assert dict(GreatestFile(tmp_path / "greatest.json").kept.barred) == {new: SUSPENDED}


def test_whoever_was_admitted_since_the_copy_is_waited_for_under_the_same_number(world: World) -> None:
    greatest = NoGreatest()
    for party in world.parties.values():
        greatest.admit(party.address)
    late = "urn:nld:oin:00000001000000000099:gp"
    greatest.admit(late)  # after the copy was made
    hub_over_again(world, greatest)
    found = world.hub.partners().by_address[late]
    assert (found.number, found.state, found.manifest) == (3, ADMITTED, None)
    assert late in {one.address for one in world.hub.awaited()}


# -- an edge that was put back


def test_a_statement_of_a_restore_reaches_everybody_and_is_in_the_log(world: World) -> None:
    team, provider = people(world)
    frame = sign_restored(provider.signing, provider.address, world.today, world.today - 1)
    size = world.store.head().size
    assert world.hub.restored(provider.address, frame) is Code.IN_FORCE
    assert world.store.head().size == size + 1
    for party in (team, provider):
        item = world.hub.outcomes(party.address, 0).items[-1]
        assert (item.code, item.frame, item.message_id, item.handle) == (Code.RESTORED, frame, None, None)
    world.check()


def test_a_recipient_that_was_put_back_is_given_registrations_and_stops_again(world: World) -> None:
    team, provider = people(world)
    grant = team.register(provider)
    team.stop(grant)
    world.advance(days=4)
    newest = world.hub.pickup(provider.address, 0, 0).notices[-1].number
    assert world.hub.pickup(provider.address, 0, newest).notices == ()
    frame = sign_restored(provider.signing, provider.address, world.today, world.today - 1)
    world.hub.restored(provider.address, frame)
    assert [one.kind for one in world.hub.pickup(provider.address, 0, 0).notices] == ["register", "register"]
    world.advance(days=4)  # when something was stopped is told on the next working day, as always
    assert [one.kind for one in world.hub.pickup(provider.address, 0, 0).notices] == ["register", "register", "stop"]


@pytest.mark.parametrize(
    ("by", "code"), [("team-wmo", Code.NOT_YOURS), ("provider-wmo", Code.BAD_SIGNATURE), ("nobody", Code.MALFORMED)]
)
def test_a_statement_that_its_partner_did_not_sign_is_refused(world: World, by: str, code: Code) -> None:
    team, provider = people(world)
    if by == "nobody":
        frame = b"\x80"
    elif by == "team-wmo":
        frame = sign_restored(team.signing, team.address, world.today, world.today)
    else:
        frame = flipped(sign_restored(provider.signing, provider.address, world.today, world.today), -5)
    size = world.store.head().size
    assert world.hub.restored(provider.address, frame) is code
    assert world.store.head().size == size


# -- the store of an earlier version


def test_a_store_of_the_version_before_is_brought_up_to_date_and_knows_its_recipients(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    team.register(provider)
    folder = tmp_path
    world.store.close()
    file = next(folder.rglob("hub.db"))
    db = sqlite3.connect(file, isolation_level=None)
    for statement in (
        "DROP INDEX fact_for",
        "ALTER TABLE fact DROP COLUMN recipient",
        "DROP TABLE recovery",
        "DROP TABLE awaited",
        "ALTER TABLE feed DROP COLUMN frame",
        "DROP TABLE attestation",
        "DROP TABLE standing",
        "PRAGMA user_version = 1",
    ):
        db.execute(statement)
    db.close()
    store = SqliteStore(file.parent, world.clock)
    assert store._db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert len(store.registrations(2, 0, 10)) == 1
    assert store.recovery() is None
    store.close()


def test_a_store_of_before_attestations_has_none_and_takes_them(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    team = world.party("team-wmo")
    world.store.close()
    db = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    for statement in ("DROP TABLE attestation", "DROP TABLE standing", "PRAGMA user_version = 2"):
        db.execute(statement)
    db.close()
    store = SqliteStore(tmp_path, world.clock)
    assert store._db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert store.manifests(1)[0][1] == team.frame
    assert store.attestations([bytes(32)]) == {}
    store.commit(Step(world.now, attestations=[(bytes(32), b"raw")]))
    assert store.attestations([bytes(32)]) == {bytes(32): b"raw"}
    store.close()


def test_a_copy_is_made_while_the_store_works_on_and_holds_no_key(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path / "one")
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    team.tell(team.register(provider), 3)
    store = world.store
    assert isinstance(store, SqliteStore)
    store.copy_to(tmp_path / "copy.db")
    with pytest.raises(StoreError, match="already"):
        store.copy_to(tmp_path / "copy.db")
    raw = (tmp_path / "copy.db").read_bytes()
    for payload in store.payloads([row.message_id for row in store.due(1 << 60, 10)]).values():
        assert payload is not None
        assert payload[1] not in raw
    (tmp_path / "two").mkdir()
    (tmp_path / "copy.db").rename(tmp_path / "two" / "hub.db")
    copied = SqliteStore(tmp_path / "two", world.clock)
    assert copied.head() == store.head()
    assert copied.grants([]) == {}
    assert set(copied.payloads([row.message_id for row in copied.due(1 << 60, 10)]).values()) == {None}
    copied.close()
    store.close()
