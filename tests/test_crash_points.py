# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One message's whole way, ended at every durable write of the hub and of every edge; and a process that is killed.

The folders of all are copied at every point that any of them reaches. Each copy is then what is left after the power
went: everything starts again from it, the professional and the own system do once more what they had no answer to,
and the chain view must be right, with nothing lost and nothing twice. Of the hub, database and key file are also taken
from two points that follow each other, in both ways. (A store with synchronous=NORMAL: tests/hub/test_store_sqlite.py.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapters.records_outgoing import ITEMS, WAITING
from hub.store_sqlite import KEYS
from tests import delivery_world, world_check
from tests.delivery_runs import folder
from tests.delivery_world import BSN, DAY, MOMENT, START, DeliveryWorld

Files = dict[str, bytes]
SKIPPED = ("-shm", ".lock")  # made anew by whoever opens the store first
CITIZENS, EACH, KILLS = 50, 20, 4


@dataclass(frozen=True)
class Copy:
    """What lay on the disks when somebody reached a point."""

    who: str
    point: str
    now: int
    files: Files
    notices: Files


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory where that can be."""
    made = folder()
    yield Path(made.name)
    made.cleanup()


def files_in(where: Path, before: Files) -> Files:
    """Every file, by its path; bytes that did not change are kept once."""
    found: Files = {}
    for path in sorted(where.rglob("*")):
        name = str(path.relative_to(where))
        if path.is_file() and not name.endswith(SKIPPED):
            content = path.read_bytes()
            found[name] = before[name] if before.get(name) == content else content
    return found


def write(where: Path, files: Files) -> None:
    """The disks as they were copied."""
    for name, content in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (where / name).write_bytes(content)


def way(world: DeliveryWorld) -> None:
    """An agreement, one event, and everything that follows from them until the sender has heard that it is there."""
    if not world.actors["A"].edge.agreements(BSN["c0"]):
        world.agree("c0")
    for _ in range(2):
        world.work("A")
        world.work("G")
    world.native("A", world.event_of("A", "c0", 1))
    for _ in range(2):
        world.work("A")
        world.work("G")
    world.work("A")


def filmed(where: Path) -> list[Copy]:
    """Every point of the way with what lay on the disks there."""
    world = DeliveryWorld(where, store="sqlite")
    world.know("A", "c0")
    copies: list[Copy] = []

    def watch(who: str, point: str) -> None:
        before = copies[-1].files if copies else {}
        files = files_in(where, before)
        if files != before:
            copies.append(Copy(who, point, world.now, files, dict(world.actors["G"].notices)))

    world.watch = watch
    way(world)
    world.watch = None
    check_arrived(world)
    world.close()
    return copies


def left_after_a_crash(copies: list[Copy]) -> Iterator[Copy]:
    """Every copy; and database and key file of the hub from two copies that follow each other, in both ways."""
    keys = f"hub/{KEYS}"
    for number, copy in enumerate(copies):
        yield copy
        before = copies[number - 1].files if number else copy.files
        if before[keys] is not copy.files[keys]:
            yield replace(copy, point=f"{copy.point}, its keys lost", files=copy.files | {keys: before[keys]})
            yield replace(copy, point=f"{copy.point}, the keys alone", files=before | {keys: copy.files[keys]})


def check_arrived(world: DeliveryWorld) -> None:
    """The chain view is right, the own system was told, sender and hub know, and nothing is there twice."""
    assert world.view("G", "c0") == [("Team Wmo", "actie belegd")]
    assert len(world.arrived("G")) == 1
    assert len(world.actors["G"].notices) == 1
    sender = world.actors["A"].edge
    assert [grant.state for grant in sender.grants()] == ["active"]
    assert [(item.kind, item.final, item.asks) for item in sender.items()] == [
        ("introduction", "done", False),
        ("event", "done", False),
    ]
    world_check.check(world)  # type: ignore[arg-type]  # it asks for what both worlds have
    assert world_check.all_waiting(world) == []  # type: ignore[arg-type]


def test_after_a_crash_at_any_durable_write_nothing_is_lost_and_nothing_is_there_twice(place: Path) -> None:
    copies = filmed(place / "film")
    assert {copy.who for copy in copies} == {"hub", "A", "G"}
    assert len(copies) > 50  # points with the same files as the one before are one
    for number, copy in enumerate(left_after_a_crash(copies)):
        where = place / str(number)
        write(where, copy.files)
        world = DeliveryWorld(where, seed=2 + number, store="sqlite", now=copy.now + MOMENT)
        world.actors["G"].notices |= copy.notices
        try:
            way(world)
            # What was handed over to a process that is gone is offered again when its lease is over, and what was
            # taken and has no outcome is sent again after an hour.
            world.advance(2 * 3_600_000)
            way(world)
            check_arrived(world)
        except BaseException as error:
            error.add_note(f"after a crash at copy {number}: {copy.who}, {copy.point}")
            raise
        finally:
            world.close()


# -- a process that is killed


def citizens() -> dict[str, str]:
    """Numbers for tests that pass the eleven-test."""
    found: list[str] = []
    for number in range(999900006, 999990019):
        digits = [int(sign) for sign in str(number)]
        if sum(w * d for w, d in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), digits, strict=True)) % 11 == 0:
            found.append(str(number))
        if len(found) == CITIZENS:
            break
    return {f"c{number}": bsn for number, bsn in enumerate(found)}


def crowd(where: Path, run: int) -> DeliveryWorld:
    """A world over SQLite with many citizens; each run is later than the one before."""
    delivery_world.BSN.update(citizens())
    return DeliveryWorld(where, seed=100 + run, store="sqlite", now=START + run * DAY // 4)


def tell_everything(where: Path, run: int) -> None:
    """What the process does that is killed: every file that there is, and passes of both edges in between."""
    world = crowd(where, run)
    for number in range(CITIZENS * EACH):
        world.native("A", world.event_of("A", f"c{number % CITIZENS}", number))
        if number % 20 == 19:
            world.work("A")
            world.work("G")
    for _ in range(4):
        world.work("A")
        world.work("G")
    world.close()


def test_a_process_killed_in_the_middle_of_a_thousand_messages_loses_none_and_tells_none_twice(place: Path) -> None:
    world = crowd(place / "all", 0)
    for client in citizens():
        world.know("A", client)
        world.know("G", client)
        world.agree(client)
    world.flow("A", "G", "A", rounds=1)
    world.close()
    killed = 0
    for run in range(1, KILLS + 1):
        child = start(place / "all", run)
        killed += kill_after_growth(child, place / "all", run)
    assert killed >= 2, "the process was done before it could be killed"
    assert start(place / "all", KILLS + 1).wait(timeout=200) == 0
    world = crowd(place / "all", KILLS + 2)
    world.flow("A", "G", "A", rounds=2)
    came = world.arrived("G")
    assert len(came) == len({one.event_id for one in came}) == CITIZENS * EACH
    for client in citizens():
        assert world.view("G", client) == [("Team Wmo", "actie belegd")] * EACH
    store = world.actors["A"].edge.store
    assert [item.final for item in ITEMS.scan(store)] == ["done"] * (CITIZENS + CITIZENS * EACH)
    assert not list(ITEMS.scan(store, WAITING))
    world_check.check(world)  # type: ignore[arg-type]
    assert world_check.all_waiting(world) == []  # type: ignore[arg-type]
    world.close()


def start(where: Path, run: int) -> subprocess.Popen[bytes]:
    """The process that tells everything."""
    root = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.test_crash_points", str(where), str(run)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


def kill_after_growth(child: subprocess.Popen[bytes], where: Path, run: int) -> bool:
    """End the process with SIGKILL once the write-ahead log of the hub has changed often enough; whether it was."""
    wal, seen, changes = where / "hub" / "hub.db-wal", b"", 0
    while child.poll() is None:
        try:
            status = wal.stat()
            now = f"{status.st_size} {status.st_mtime_ns}".encode()
        except FileNotFoundError:
            now = b"gone"
        if now != seen:
            seen, changes = now, changes + 1
        if changes > 40 + 57 * run:
            child.send_signal(signal.SIGKILL)
            child.wait()
            return True
    assert child.returncode == 0
    return False


if __name__ == "__main__":
    tell_everything(Path(sys.argv[1]), int(sys.argv[2]))
