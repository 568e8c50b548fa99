# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The quick look through the log finds what a slow one finds, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.entries import KINDS, Line, read_lines
from deploy.find_entries import WITHOUT_RECORD, Wanted, find, row_in
from hub.store import Step, Store
from schemas import entry
from schemas.calendar import date_text
from schemas.codes import Code
from schemas.entry import Entry
from tests.simulator import World


class Said(NamedTuple):
    """An entry as the slow look knows it."""

    line: Line
    row: int | None
    outcome: str | None


def _busy() -> World:
    """Messages that arrived, expired, were refused at once and at pick-up, were stopped; over some days and two rows."""
    world = World()
    team, provider, gp = (world.party(role) for role in ("team-wmo", "provider-wmo", "gp"))
    grants = [team.register(provider), team.register(gp), provider.register(team)]
    for day in range(4):
        for grant in grants:
            grant.sender.tell(grant, 2)
        (provider if day % 2 else gp).take_all(Code.STORED if day else Code.UNREADABLE)
        team.send(team.envelope(grants[0], seq=1))
        team.send(team.envelope(grants[1], terms=bytes(32)))
        world.advance(days=1)
    team.stop(grants[0])
    provider.pickup()
    team.send(team.envelope(grants[0]))
    world.advance(days=8)
    world.hub.tick()
    first = next(index for index, one in world.store.records(0, 1 << 40) if one[6:12] == b"accept")
    world.store.commit(Step(at=world.now, erases=[(first, first + 1)]))
    return world


WORLD = _busy()


def _slow(store: Store) -> Iterator[Said]:
    size = store.head().size
    items = store.entries(0, size)
    outcomes: dict[int, str] = {}
    lines = list(read_lines(store, 0, size))
    for line in lines:
        if line.kind == entry.ACCEPT:
            outcomes[line.index] = line.code or ""
        elif line.about in outcomes and line.about is not None and (line.kind, line.code) != ("hand-over", "accepted"):
            outcomes[line.about] = line.code or ""
    for line in lines:
        about = line.index if line.kind == entry.ACCEPT else line.about
        has_one = about is not None and bool(items[about].record)
        row = entry.items_of(items[about or 0].record)[14] if has_one else None
        yield Said(line, row, outcomes.get(-1 if about is None else about))  # type: ignore[arg-type]


SLOW = list(_slow(WORLD.store))
DAYS = [None, *(WORLD.today - 12 + day for day in range(14))]
ASKED = st.builds(
    Wanted,
    partner=st.sampled_from([None, "gp", "provider-wmo", "uwv", next(iter(WORLD.parties))]),
    row=st.sampled_from([None, 1, 2, 5, 99]),
    code=st.sampled_from([None, "accepted", "stored", "wrong-terms", "stop", "register", "admitted", "expired"]),
    kind=st.sampled_from([None, *KINDS]),
    first_day=st.sampled_from(DAYS),
    last_day=st.sampled_from(DAYS),
    outcome=st.sampled_from([None, "accepted", "stored", "expired", "not-active", "unreadable", "replayed"]),
    after=st.sampled_from([0, 3, 40]),
    end=st.sampled_from([None, 30, 60]),
)


def _fits(said: Said, wanted: Wanted) -> bool:
    line = said.line
    dated = wanted.first_day is not None or wanted.last_day is not None
    low = None if wanted.first_day is None else date_text(wanted.first_day)
    high = None if wanted.last_day is None else date_text(wanted.last_day)
    if line.kind in WITHOUT_RECORD:  # found by asking for the kind, and then by partner and code alone
        in_time, of_message = wanted.kind == line.kind, True
    else:
        day = line.day or ""
        in_time = not dated or ((low is None or low <= day) and (high is None or day <= high))
        of_message = wanted.row in (None, said.row) and wanted.outcome in (None, said.outcome)
    return (
        in_time
        and of_message
        and wanted.kind in (None, line.kind)
        and wanted.code in (None, line.code)
        and (wanted.partner is None or line.concerns(wanted.partner))
        and wanted.after <= line.index < (wanted.end or 1 << 40)
    )


@settings(max_examples=300, deadline=None)
@given(wanted=ASKED)
def test_the_quick_look_finds_what_the_slow_one_finds(wanted: Wanted) -> None:
    assert [one.line for one in find(WORLD.store, wanted)] == [one.line for one in SLOW if _fits(one, wanted)]


def test_there_is_enough_to_be_found_for_that_to_mean_something() -> None:
    assert {one.outcome for one in SLOW} >= {"stored", "expired", "unreadable", "replayed", "wrong-terms", "not-active"}
    assert {one.row for one in SLOW} >= {1, 2}
    assert {one.line.kind for one in SLOW} >= {"accept", "hand-over", "receipt", "expiry", "fact", "erased", "manifest"}


@pytest.mark.parametrize("row", [None, 0, 1, 23, 24, 255, 256, 70_000])
@pytest.mark.parametrize("sequence", [1, 24, 256, 1 << 20, 1 << 40])
def test_the_row_is_read_from_its_place_whatever_stands_before_it(row: int | None, sequence: int) -> None:
    for names in ([], ["control"], ["control", "x" * 30, "y"]):
        record: list[object] = [
            1,
            20_000,
            entry.ACCEPT,
            bytes(16),
            bytes(32),
            True,
            bytes(16),
            sequence,
            1,
            300,
            "a" * 16,
            "",
        ]
        item: Entry = entry.committed([*record, names, bytes(32), row, [bytes(32), None], -1, "accepted"], bytes(32))
        assert row_in(item.record) == row
