# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whatever steps come, in whatever order, right or wrong: every engine answers the same and holds the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store import (
    OUTCOME_KEPT_MS,
    FencedError,
    Leave,
    Notify,
    Offer,
    Refused,
    StaleError,
    Step,
    StopRow,
    Store,
    Tell,
    Use,
)
from hub.store_memory import MemoryStore
from hub.store_postgres import PostgresStore
from hub.store_sqlite import SqliteStore
from schemas.codes import Code
from tests.postgres import cluster
from tests.store_steps import DAY, aside, check_store, entry, everything, grant, handle, join, message

NAMES = st.sampled_from("mnopq")
HANDLES = st.sampled_from("hijk")
SMALL = st.integers(0, 3)
TIMES = st.sampled_from([0, 100, 200, 300, 400])
CODES = st.sampled_from([Code.STORED, Code.EXPIRED, Code.NOT_ACTIVE])
ADDRESSES = st.integers(1, 3)


@st.composite
def _steps(draw: st.DrawFn) -> Step:
    step = Step(draw(TIMES), entries=[entry(str(number)) for number in range(4)])
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.integers(0, 15))
        if part <= 2:
            place = len(step.joins) + len(step.refused)  # each decision has an entry of its own
            step.joins.append(join(draw(NAMES), place, draw(HANDLES), draw(TIMES) + 500, draw(ADDRESSES)))
        elif part == 3:
            place = len(step.joins) + len(step.refused)
            no = Refused(message(draw(NAMES)), bytes(32), draw(ADDRESSES), draw(SMALL), place, draw(CODES))
            step.refused.append(no)
        elif part == 4:
            step.registers.append(grant(draw(HANDLES), forget=DAY + draw(SMALL)))
        elif part == 5:
            step.uses.append(Use(handle(draw(HANDLES)), draw(st.integers(1, 2)), draw(SMALL), draw(SMALL)))
        elif part <= 7:
            lease = draw(TIMES)
            step.offers.append(Offer(message(draw(NAMES)), draw(SMALL), lease, lease, draw(TIMES)))
        elif part <= 9:
            (step.leaves if part == 8 else step.outcomes).append(Leave(message(draw(NAMES)), draw(CODES)))
        elif part == 10:
            step.tells.append(Tell(draw(ADDRESSES), draw(TIMES), draw(CODES), message(draw(NAMES))))
            step.notifies.append(Notify(draw(ADDRESSES), draw(TIMES), "stop", (handle(draw(HANDLES)),), None))
        elif part == 11:
            step.stops.append((handle(draw(HANDLES)), draw(st.integers(1, 2)), DAY + draw(SMALL)))
            step.stop_rows.append(StopRow(handle(draw(HANDLES)), draw(ADDRESSES), 24_300, DAY + draw(SMALL)))
        elif part <= 13:
            step.set_aside += [aside(draw(HANDLES), until=draw(TIMES))] * (part == 12)
            step.released.append(draw(st.integers(1, 2)))
            step.acknowledged.append((draw(ADDRESSES), draw(SMALL)))
        elif part == 14:
            first = draw(st.integers(0, 8))
            step.erases.append((first, first + draw(SMALL)))
            step.standing = [draw(SMALL)]
        else:
            step.rests_on_grants.append((handle(draw(HANDLES)), draw(SMALL)))
            step.rests_on_addresses[draw(ADDRESSES)] = 1
            step.position = (draw(SMALL), draw(SMALL), draw(SMALL))
    return step


DOINGS = st.one_of(
    _steps(), _steps(), _steps(), TIMES.map(lambda at: ("ripen", at)), SMALL.map(lambda n: ("forget", n))
)


def _do(store: Store, doing: Step | tuple[str, int]) -> object:
    if isinstance(doing, Step):
        try:
            return store.commit(doing)
        except (StaleError, FencedError) as error:
            return type(error)
    if doing[0] == "ripen":
        return store.ripen(doing[1])
    return store.forget(DAY + doing[1], OUTCOME_KEPT_MS + doing[1] * 100)


@pytest.mark.parametrize(("engine", "examples"), [("sqlite", 40), ("postgres", 12)])
@pytest.mark.parametrize("reopens", [False, True])
def test_every_engine_answers_and_holds_the_same_as_the_one_in_memory(
    tmp_path_factory: pytest.TempPathFactory, engine: str, examples: int, reopens: bool
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(doings=st.lists(DOINGS, max_size=20))
    def run(doings: list[Step | tuple[str, int]]) -> None:
        folder = tmp_path_factory.mktemp("agree") / "store"
        if engine == "sqlite":
            SqliteStore.create(folder)
            _run(lambda: SqliteStore(folder, lambda: 1), doings, reopens=reopens)
        else:
            dsn, keys = cluster().new(), folder.with_name("day.keys")
            _run(lambda: PostgresStore(dsn, keys, lambda: 1), doings, reopens=reopens)
            cluster().again(dsn)

    run()


def _run(opens: Callable[[], Store], doings: list[Step | tuple[str, int]], *, reopens: bool) -> None:
    memory, disk = MemoryStore(lambda: 1), opens()
    start = Step(1, admissions=[(f"urn:{name}", "admitted", None) for name in "abc"], registers=[grant(), grant("i")])
    try:
        for doing in [start, *doings]:
            assert _do(memory, doing) == _do(disk, doing)
            if reopens:
                disk.close()
                disk = opens()
            told, held = everything(memory), everything(disk)
            assert told == held
            for address in (1, 2, 3):
                for now in (0, 100, 250, 400):
                    assert memory.waiting(address, now, 3) == disk.waiting(address, now, 3)
        check_store(disk)
    finally:
        disk.close()
