# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The rules of the intake that ask nobody: partitions, records, when it may not go on."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from hub.intake_record import HOUR_MS, LARGEST_RECORD, Kept, hour_of, unwrap, wrap
from hub.intake_rules import (
    FROM_KEPT_HOURS,
    KEPT_HOURS,
    TopicRow,
    all_passed,
    first_kept,
    hour_passed,
    place_of,
    position_fault,
    topic_fault,
)
from hub.kafka_record import Record, Refused
from hub.kafka_topics import INTAKE
from hub.murmur2 import murmur2, partition_of
from schemas.codes import Code
from schemas.envelope import LARGEST

KEY, OTHER = AESGCM(bytes(32)), AESGCM(b"k" * 32)
HOUR = 500_000


# What Kafka's own tests hold its partitioner to.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_partition_is_that_of_kafkas_own_partitioner(text: bytes, value: int) -> None:
    assert murmur2(text) == value & 0xFFFFFFFF
    assert partition_of(text, 48) == (value & 0x7FFFFFFF) % 48


def test_handles_spread_evenly_over_the_partitions() -> None:
    counts = Counter(partition_of(os.urandom(16), 48) for _ in range(48_000))
    assert len(counts) == 48
    assert max(counts.values()) < 1_300


def _record(value: bytes | None, partition: int = 3, **more: object) -> Record:
    return Record(INTAKE, partition, None, value, ())._replace(**more)


def _wrapped(frame: bytes = b"frame", partition: int = 3, hour: int = HOUR) -> bytes:
    return wrap(Kept(7, 2, frame), partition, hour, KEY, os.urandom(12))


def _key_of(hour: int) -> AESGCM | None:
    return KEY if hour == HOUR else None


@given(st.binary(min_size=1, max_size=300), st.integers(0, 47), st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_what_is_wrapped_opens_to_the_same(frame: bytes, partition: int, number: int, log: int) -> None:
    kept = Kept(number, log, frame)
    value = wrap(kept, partition, HOUR, KEY, os.urandom(12))
    assert frame[8:] == b"" or frame[8:] not in value or len(frame) < 12
    assert unwrap(_record(value, partition), _key_of) == (HOUR, kept)


def test_the_largest_legal_envelope_passes_and_one_byte_more_does_not() -> None:
    assert len(_wrapped(bytes(LARGEST))) == LARGEST_RECORD
    found = unwrap(_record(_wrapped(bytes(LARGEST))), _key_of)
    assert isinstance(found, tuple)
    assert unwrap(_record(_wrapped(bytes(LARGEST + 1))), _key_of)[1] is Code.TOO_LARGE


@pytest.mark.parametrize(
    ("record", "code", "says"),
    [
        (_record(None), Code.MALFORMED, "It is empty"),
        (_record(b""), Code.MALFORMED, "It is empty"),
        (_record(_wrapped()[:30]), Code.MALFORMED, "It is cut off"),
        (_record(_wrapped()[:-1]), Code.MALFORMED, "It was changed"),
        (_record(_wrapped(), partition=4), Code.MALFORMED, "moved to another partition"),
        (_record(_wrapped(), key=b"key"), Code.MALFORMED, "a key or headers"),
        (_record(_wrapped(), headers=(("schakel-sender", b"9"),)), Code.MALFORMED, "a key or headers"),
        (_record(b"\2" + _wrapped()[1:]), Code.MALFORMED, "of a newer Schakel"),
        (_record(_wrapped(hour=HOUR - 1)), Code.KEY_LOST, "The key of its hour is destroyed"),
        (_record(bytes(LARGEST_RECORD + 1)), Code.TOO_LARGE, "larger than an envelope"),
    ],
)
def test_a_record_that_no_gateway_wrote_is_refused_with_a_sentence(record: Record, code: Code, says: str) -> None:
    found = unwrap(record, _key_of)
    assert isinstance(found, Refused)
    assert found.code is code
    assert says in found.says


@given(st.binary(max_size=200), st.integers(0, 47))
def test_whatever_stands_in_the_topic_is_opened_or_refused(value: bytes, partition: int) -> None:
    assert isinstance(unwrap(_record(b"\1" + HOUR.to_bytes(4, "big") + value, partition), _key_of), Refused)
    assert isinstance(unwrap(_record(value, partition), lambda _: OTHER), Refused)


def test_places_are_one_to_one() -> None:
    places = [place_of(INTAKE, one) for one in range(1_000)]
    places += [place_of(f"schakel.from.{one:06d}", 0) for one in range(1, 1_000)]
    assert None not in places
    assert len(set(places)) == len(places)
    assert [place_of("schakel.from.000001", 1), place_of("schakel.other", 0), place_of("schakel.from.000000", 0)] == [
        None
    ] * 3


def test_a_topic_is_used_only_while_it_is_the_one_that_the_store_remembers() -> None:
    known = TopicRow("cluster", "id", 48)
    assert topic_fault(INTAKE, None, known, 48) is None
    assert topic_fault(INTAKE, known, known, 48) is None
    for found, wanted, says in [
        (None, 48, "is not there"),
        (known._replace(topic_id="new"), 48, "deleted and made anew"),
        (known._replace(cluster="new"), 48, "another Kafka"),
        (known._replace(partitions=96), 48, "has 96 partitions, was begun with 48"),
        (known, 96, "the settings say 96"),
        (known._replace(partitions=96), 96, "was begun with 48"),
    ]:
        assert says in (topic_fault(INTAKE, known, found, wanted) or "")
    assert "has 12 partitions" in (topic_fault(INTAKE, None, known._replace(partitions=12), 48) or "")


def test_a_log_that_does_not_hold_the_position_is_said_with_what_to_do() -> None:
    assert [position_fault(INTAKE, 0, 5, low, high) for low, high in ((0, 5), (5, 5), (0, 9), (5, 9))] == [None] * 4
    for low, high, says in ((6, 9, "Kafka has removed it"), (0, 4, "the brokers lost records")):
        fault = position_fault(INTAKE, 0, 5, low, high) or ""
        assert says in fault
        assert f"schakel hub intake renew {INTAKE}" in fault


@given(st.integers(10**12, 2 * 10**12), st.integers(0, 400))
def test_no_key_is_destroyed_that_a_record_may_still_need_and_none_is_kept_past_72_hours(now: int, back: int) -> None:
    hour = hour_of(now)
    assert hour_passed(now, None, caught_up=True) <= hour
    assert hour_of(now - 4 * 60_000) >= hour_passed(now, None, caught_up=True) >= hour_of(now - HOUR_MS)
    assert hour_passed(now, hour - back, caught_up=False) < hour - back + 1
    assert hour_passed(now, None, caught_up=False) == 0
    assert first_kept(now, 0) == hour - KEPT_HOURS
    assert first_kept(now, hour - 1) == hour - 1


def test_an_hour_has_passed_when_every_partition_has() -> None:
    assert all_passed({0: 7, 1: 5, 2: 9}, 3) == 5
    assert all_passed({0: 7, 2: 9}, 3) == 0


def test_the_topic_of_a_partner_holds_up_the_keys_of_all_for_three_hours_and_no_longer() -> None:
    four = place_of("schakel.from.000004", 0)
    assert four is not None
    hours = {0: 107, 1: 105, four: 104}
    assert all_passed(hours, 2, [], 107) == 105
    assert all_passed(hours, 2, [4], 107) == 104
    assert all_passed(hours, 2, [4, 9], 107) == 107 - FROM_KEPT_HOURS  # nobody reads the topic of 9
    assert all_passed({0: 90, 1: 105, four: 104}, 2, [4, 9], 107) == 90  # the intake itself holds them up as before
    assert all_passed({**hours, four: 109}, 2, [4], 107) == 105


@given(st.dictionaries(st.integers(0, 5), st.integers(0, 500)), st.sets(st.integers(1, 3)), st.integers(0, 500))
def test_partners_never_let_a_key_go_before_the_intake_does(hours: dict[int, int], senders: set[int], now: int) -> None:
    theirs = {place_of(f"schakel.from.{one:06d}", 0) or 0: hours.get(one, 0) for one in senders}
    found = all_passed(hours | theirs, 3, senders, now)
    assert min(now - FROM_KEPT_HOURS, all_passed(hours, 3)) <= found <= all_passed(hours, 3)
    assert all(found <= max(one, now - FROM_KEPT_HOURS) for one in theirs.values())
