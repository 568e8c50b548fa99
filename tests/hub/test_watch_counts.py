# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Outcomes are counted exactly once whatever is killed when: bytes, windows, duplicates, tables that are not whole."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store_memory import MemoryStore
from hub.watch_counts import (
    Batch,
    adds_up,
    hour_of,
    last_key,
    needs_replay,
    read_last,
    read_window,
)
from hub.watch_facts import Facts, alerted
from hub.watch_outcomes import (
    NO_HOUR,
    NOBODY,
    NOT_TOLD,
    Outcome,
    acceptances,
    between,
    outcomes,
    parse,
    partition_of,
    place_of,
    to_bytes,
)
from hub.watch_rules import KEPT_DAYS, What
from schemas import entry
from schemas.calendar import start_of_day
from schemas.canonical import FrameError, encode
from schemas.codes import Code
from schemas.entry import items_of
from tests.watch_log import Counted, GrowingLog
from tests.watch_month import JUDGED, month, plant

DAY = 20_500
PARTITIONS = 4


def of_log(store: MemoryStore, size: int) -> list[Outcome]:
    records = store.records(0, size)
    known = between(records)
    assert acceptances(records) <= known.keys()
    return list(outcomes(1, records, known, lambda _: 10))


def grown(seed: int, count: int) -> tuple[list[Outcome], Counted]:
    log = GrowingLog(MemoryStore(lambda: start_of_day(DAY)), random.Random(seed))  # noqa: S311  # must be the same in every run
    log.grow(count, start_of_day(DAY) + 3_600_000)
    return of_log(log.store, log.size), log.counted  # type: ignore[arg-type]  # it is the one in memory


def chained(found: list[Outcome]) -> dict[int, list[Outcome]]:
    """As the relay writes them: by partition, each with the place of the one before."""
    made: dict[int, list[Outcome]] = {}
    for one in found:
        of = made.setdefault(partition_of(one.partner, PARTITIONS), [])
        of.append(one._replace(before=of[-1].place if of else NOT_TOLD))
    return made


def held(values: dict[bytes, bytes]) -> Counted:
    counted: Counted = Counter()
    for key, raw in values.items():
        if (name := hour_of(key)) is not None:
            for (kind, code), count in read_window(raw).counts.items():
                counted[name.partner, kind, code.value, name.day] += count
    return counted


def put(values: dict[bytes, bytes], changes: Iterator[tuple[bytes, bytes | None]]) -> None:
    for key, raw in changes:
        if raw is None:
            values.pop(key, None)
        else:
            values[key] = raw


class Worker:
    """What the watch does with the records of one partition, with a table that may be lost or be torn off anywhere."""

    def __init__(self, partition: int, topic: list[Outcome], table: list[tuple[bytes, bytes | None]]) -> None:
        self.partition, self.topic, self.table = partition, topic, table
        self.values: dict[bytes, bytes] = {}
        put(self.values, iter(table))
        self.believed = False

    def belongs(self, partner: int) -> bool:
        return partition_of(partner, PARTITIONS) == self.partition

    def work(self, start: int, end: int, torn: int | None) -> None:
        """Counts records; `torn`: it is killed when so many values of the batch stand in the changelog."""
        batch = Batch(self.values, self.partition, self.belongs)
        for offset in range(start, end):
            one = self.topic[offset]
            if not self.believed or batch.last.place < one.before:
                if needs_replay(self.values, self.partition, one) or not adds_up(
                    self.values, self.partition, self.belongs
                ):
                    batch.restart()
                    batch.count(self.topic[:offset])
                    batch.settle()
                self.believed = True
            batch.count([one])
        changes = list(batch.changes().items())
        self.table += changes if torn is None else changes[:torn]
        put(self.values, iter(changes))


@settings(max_examples=120)
@given(st.integers(0, 2**32), st.data())
def test_counts_are_those_of_the_log_whatever_is_killed_when(seed: int, data: st.DataObject) -> None:
    """Batches of any size; killed with any part of a batch written; what was written twice by the relay; tables lost."""
    found, counted = grown(seed, data.draw(st.integers(1, 60)))
    total: Counted = Counter()
    for partition, topic in chained(found).items():
        table: list[tuple[bytes, bytes | None]] = []
        records = _doubled(topic, data)
        worker, done = Worker(partition, records, table), 0
        kills = 0
        while done < len(records):
            end = min(len(records), done + data.draw(st.integers(1, 20)))
            fate = data.draw(st.sampled_from(("goes on", "goes on", "killed", "torn", "table lost", "window lost")))
            kills += fate != "goes on"
            if fate == "goes on" or kills > 12:
                worker.work(done, end, None)
                done = end
                continue
            if fate == "torn":
                worker.work(done, end, data.draw(st.integers(0, 8)))
            elif fate == "table lost":
                table.clear()
            elif fate == "window lost" and table:
                del table[data.draw(st.integers(0, len(table) - 1))]
            worker = Worker(partition, records, table)
        # A window may have been lost after the last record: the next one finds that.
        last = records[-1]
        more = last._replace(place=last.place + 1, before=last.place)
        worker = Worker(partition, [*records, more], table)
        worker.work(len(records), len(records) + 1, None)
        total += held(worker.values)
        total[more.partner, more.kind, more.counts[0][0].value, more.day] -= more.counts[0][1]
        for code, count in more.counts[1:]:
            total[more.partner, more.kind, code.value, more.day] -= count
        assert adds_up(worker.values, partition, worker.belongs)
    assert +total == counted


def _doubled(topic: list[Outcome], data: st.DataObject) -> list[Outcome]:
    """The relay was killed once and wrote a part again, later, when it no longer knew the hour."""
    if not topic:
        return topic
    cut = data.draw(st.integers(0, len(topic)))
    back = data.draw(st.integers(0, cut))
    again = [one._replace(before=NOT_TOLD, hour=NO_HOUR) for one in topic[back:cut]]
    return topic[:cut] + again + topic[cut:]


def test_plain_counting_would_be_wrong() -> None:
    """The test above is no blank: without the places, the same kills count twice."""
    found, counted = grown(1, 100)
    twice: Counted = Counter()
    for one in [*found, *found[50:]]:
        for code, count in one.counts:
            twice[one.partner, one.kind, code.value, one.day] += count
    assert twice != counted


def test_windows_older_than_is_kept_go_and_the_rest_adds_up() -> None:
    outcome = Outcome(place_of(1, 0), NOT_TOLD, NOT_TOLD, 4, 0, entry.ACCEPT, DAY, 9, ((Code.ACCEPTED, 1),))
    worker = Worker(0, [], [])
    for number, day in enumerate((DAY, DAY + 1, DAY + KEPT_DAYS, DAY + KEPT_DAYS + 1)):
        before = worker.topic[-1].place if worker.topic else NOT_TOLD
        worker.topic.append(outcome._replace(place=place_of(1, number), before=before, day=day))
        worker.work(number, number + 1, None)
        assert adds_up(worker.values, 0, worker.belongs)
    days = {name.day for key in worker.values if (name := hour_of(key))}
    assert days == {DAY + 1, DAY + KEPT_DAYS, DAY + KEPT_DAYS + 1}
    assert read_last(worker.values[last_key(0)]).entries == 3


def test_an_outcome_says_numbers_kinds_and_codes_and_nothing_that_names_a_message() -> None:
    log = GrowingLog(MemoryStore(lambda: start_of_day(DAY)), random.Random(3))  # noqa: S311  # must be the same in every run
    log.grow(300, start_of_day(DAY) + 3_600_000)
    secrets = set()
    for _, raw in log.store.records(0, log.size):
        secrets |= {item for item in items_of(raw) if isinstance(item, bytes) and len(item) > 8}
    for one in of_log(log.store, log.size):  # type: ignore[arg-type]
        assert len(to_bytes(one)) < 80
        assert not any(secret in to_bytes(one) for secret in secrets)
        assert parse(to_bytes(one)) == one


def test_what_is_of_an_acceptance_that_was_erased_counts_at_nobody() -> None:
    raw = encode(entry.receipt(DAY, 7, Code.STORED.value, b"signed"))
    [one] = outcomes(1, [(9, raw)], {}, lambda _: 3)
    assert (one.partner, one.other, one.counts) == (NOBODY, NOBODY, ((Code.STORED, 1),))


def test_an_outcome_of_a_later_log_comes_after_all_of_an_earlier_one() -> None:
    assert place_of(2, 0) > place_of(1, 10**9)


_GOOD = Outcome(place_of(1, 5), place_of(1, 2), place_of(1, 1), 3, 4, entry.ACCEPT, DAY, 9, ((Code.ACCEPTED, 1),))


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": 0},
        {"place": 5},
        {"before": place_of(1, 5)},
        {"settled": place_of(1, 6)},
        {"partner": 1 << 63},
        {"kind": "fact"},
        {"hour": 25},
        {"day": 1 << 62},
    ],
)
def test_a_record_that_is_no_outcome_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FrameError):
        parse(to_bytes(_GOOD._replace(**wrong)))  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [[["accepted", 0]], [["ACCEPTED", 1]], [["accepted"]], [[1, 1]], ["accepted"], 7])
def test_a_record_with_a_count_that_is_none_is_refused(counts: object) -> None:
    with pytest.raises(FrameError):
        parse(encode([1, *_GOOD[:-1], counts]))


@given(st.binary(max_size=80))
def test_any_bytes_are_an_outcome_or_refused(raw: bytes) -> None:
    try:
        found = parse(raw)
    except FrameError:
        return
    assert to_bytes(found) == raw


@pytest.mark.parametrize("raw", [None, b""])
def test_an_empty_record_is_refused(raw: bytes | None) -> None:
    with pytest.raises(FrameError):
        parse(raw)


def test_facts_follow_from_the_table_alone_and_change_with_it() -> None:
    planted = next(one for one in plant(1) if one.what is What.REFUSALS and not one.slight)
    mine = [one for one in month(1)[0] if one.partner == planted.partner and one.day <= planted.day]
    worker = Worker(partition_of(planted.partner, PARTITIONS), [], [])
    batch = Batch(worker.values, worker.partition, worker.belongs)
    batch.count(mine)
    changes = batch.changes()
    live, again = Facts(), Facts()
    live.put(changes.items())
    shown = live.shown(planted.day)
    again.renew((key, raw) for key, raw in changes.items() if raw is not None)
    assert shown == again.shown(planted.day)
    assert planted.is_told_by(shown)
    assert alerted(shown, planted.day + 1)[What.REFUSALS] == {str(planted.partner): 1}
    assert alerted(shown, planted.day + 2)[What.REFUSALS] == {}
    assert planted.day > JUDGED
    gone = [key for key in changes if (name := hour_of(key)) and (name.day, name.hour) == (planted.day, planted.hour)]
    live.put([(key, None) for key in gone])
    assert not planted.is_told_by(live.shown(planted.day))
