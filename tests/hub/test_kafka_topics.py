# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Topics, settings and permissions as data, and what is said of a cluster that differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from hub import kafka_acls as acl
from hub.kafka_acls import Acl, Allow, Withdraw, acl_faults, acls, principal_of
from hub.kafka_record import Record, Refused, Sent, sent_by_partner
from hub.kafka_topics import (
    FROM_LARGEST,
    HOLDS,
    INTAKE,
    MakeTopic,
    SeenTopic,
    SetSetting,
    Topic,
    from_topic,
    layout,
    number_of,
    topic_faults,
    will_do,
)
from schemas.codes import Code
from schemas.envelope import LARGEST
from schemas.hour_wrap import wrap
from tests.sending import HOUR_KEY, key_of

numbers = st.integers(1, 999_999)


def seen_as(topic: Topic, **changed: str) -> SeenTopic:
    settings = dict(topic.settings) | {name.replace("_", "."): value for name, value in changed.items()}
    return SeenTopic(topic.partitions, topic.copies, settings)


# ------------------------------------------------------------------------------------------------ names


@given(numbers)
def test_a_topic_names_its_partner_and_nobody_else(number: int) -> None:
    assert number_of(from_topic(number)) == number
    assert len(from_topic(number)) == len(from_topic(1))


@pytest.mark.parametrize("number", [0, -1, 1_000_000])
def test_no_topic_for_a_number_that_no_partner_has(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 999999"):
        from_topic(number)


@given(st.text(max_size=30) | st.from_regex(r"schakel\.from\.[0-9]{5,7}\n?", fullmatch=True))
def test_a_name_that_is_read_as_a_number_is_exactly_the_name_of_that_number(name: str) -> None:
    number = number_of(name)
    assert number is None or from_topic(number) == name


def test_digits_of_another_script_are_no_number() -> None:
    assert number_of("schakel.from.٠٠٠١٢٣") is None
    assert number_of("schakel.from.000000") is None


@given(st.sets(numbers, max_size=5))
def test_no_topic_name_is_the_beginning_of_another(senders: set[int]) -> None:
    names = [topic.name for topic in layout(senders)]
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]


# ------------------------------------------------------------------------------------------------ topics


def test_three_copies_of_which_two_in_sync_or_one_that_is_flushed() -> None:
    three, one = layout([1]), layout([1], copies=1)
    assert {(topic.copies, topic.settings["min.insync.replicas"]) for topic in three} == {(3, "2")}
    assert not any("flush.messages" in topic.settings for topic in three)
    assert {(topic.copies, topic.settings["flush.messages"]) for topic in one} == {(1, "1")}


@pytest.mark.parametrize("copies", [1, 3])
def test_a_cluster_as_it_must_be_has_no_fault(copies: int) -> None:
    assert not [fault for topic in layout([1, 2], copies=copies) for fault in topic_faults(topic, seen_as(topic))]


def test_a_missing_topic_is_made() -> None:
    [topic, *_] = layout()
    [fault] = topic_faults(topic, None)
    assert fault.change == MakeTopic(topic)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "1"),
        ("retention.ms", "3600000"),
        ("retention.bytes", "1000000"),
        ("segment.ms", "604800000"),
        ("max.message.bytes", "1000"),
        ("cleanup.policy", "compact"),
        ("compression.type", "producer"),
        ("message.timestamp.type", "CreateTime"),
    ],
)
def test_a_setting_that_would_lose_or_keep_too_much_is_set(name: str, value: str) -> None:
    [intake, *_] = layout()
    [fault] = topic_faults(intake, SeenTopic(48, 3, dict(intake.settings) | {name: value}))
    assert fault.change == SetSetting(INTAKE, name, intake.settings[name])
    assert name in fault.says


def test_a_setting_that_the_broker_does_not_tell_is_set() -> None:
    [intake, *_] = layout()
    settings = {name: value for name, value in intake.settings.items() if name != "min.insync.replicas"}
    assert [fault.change for fault in topic_faults(intake, SeenTopic(48, 3, settings))] == [
        SetSetting(INTAKE, "min.insync.replicas", "2")
    ]


@pytest.mark.parametrize("value", ["604800000", "-1"])
def test_nothing_shortens_a_retention_but_a_person(value: str) -> None:
    [intake, *_] = layout()
    [fault] = topic_faults(intake, SeenTopic(48, 3, dict(intake.settings) | {"retention.ms": value}))
    assert fault.change is None
    assert "person" in fault.remedy


def test_more_copies_and_more_of_them_in_sync_are_left() -> None:
    [intake, *_] = layout()
    assert not list(topic_faults(intake, SeenTopic(48, 5, dict(intake.settings) | {"min.insync.replicas": "3"})))


@pytest.mark.parametrize(("partitions", "copies"), [(47, 3), (49, 3), (48, 2), (48, 1)])
def test_partitions_and_copies_are_a_persons(partitions: int, copies: int) -> None:
    [intake, *_] = layout()
    [fault] = topic_faults(intake, SeenTopic(partitions, copies, intake.settings))
    assert fault.change is None


@given(st.sampled_from(sorted(HOLDS)), st.text(max_size=8) | st.integers().map(str))
def test_a_value_is_compared_or_refused_whatever_a_broker_says(name: str, found: str) -> None:
    wanted = {**layout(copies=1)[0].settings}[name]
    if found != wanted and will_do(name, wanted, found):
        assert int(found) > int(wanted) or HOLDS[name].value == "must be at most" or found == "-1"


# ------------------------------------------------------------------------------------------------ permissions


@given(st.sets(numbers, max_size=4))
def test_a_partner_may_write_to_its_own_topic_and_nothing_else(senders: set[int]) -> None:
    given = acls(senders)
    for number in senders:
        assert [one for one in given if one.principal == principal_of(number)] == [
            Acl(principal_of(number), "topic", from_topic(number), "write")
        ]


@given(st.sets(numbers, max_size=4))
def test_every_permission_is_literal_and_none_makes_or_changes_anything(senders: set[int]) -> None:
    given = acls(senders)
    assert {(one.pattern, one.permission) for one in given} == {("literal", "allow")}
    assert {one.operation for one in given} <= {"read", "write", "describe", "describe_configs"}
    assert not [one for one in given if "*" in {one.name, one.principal}]
    assert not list(acl_faults(given, given))


def test_what_is_missing_is_given_and_what_one_of_ours_has_more_is_withdrawn() -> None:
    missing = Acl("schakel-000001", "topic", "schakel.from.000001", "write")
    extra = Acl("schakel-000001", "topic", "schakel.from.000002", "write")
    has = [*(one for one in acls([1]) if one != missing), extra]
    assert [fault.change for fault in acl_faults(acls([1]), has)] == [Allow(missing), Withdraw(extra)]


def test_who_sends_no_longer_loses_what_it_had() -> None:
    changes = [fault.change for fault in acl_faults(acls([1]), acls([1, 2]))]
    assert Withdraw(Acl("schakel-000002", "topic", "schakel.from.000002", "write")) in changes
    assert not [change for change in changes if isinstance(change, Allow)]


@pytest.mark.parametrize(
    "extra",
    [
        Acl("*", "topic", "*", "read"),
        Acl("somebody", "topic", "schakel.intake", "read"),
        Acl("somebody", "topic", "schakel.from.000001", "write"),
        Acl("somebody", "topic", "sch", "write", "prefixed"),
        Acl("somebody", "topic", "schakel.from.", "all", "prefixed"),
        Acl("somebody", "group", "schakel.workers", "read"),
        Acl("somebody", "group", "*", "read"),
        Acl("somebody", "cluster", "kafka-cluster", "alter"),
        Acl("*", "transactional_id", "*", "write"),
    ],
)
def test_a_stranger_who_reaches_the_hub_is_told_and_left(extra: Acl) -> None:
    [fault] = acl_faults(acls([1]), [*acls([1]), extra])
    assert fault.change is None
    assert "kafka-acls.sh" in fault.remedy


@pytest.mark.parametrize(
    "extra",
    [
        Acl("somebody", "topic", "orders", "all"),
        Acl("somebody", "topic", "orders.", "read", "prefixed"),
        Acl("monitor", "topic", "schakel.intake", "describe"),
        Acl("monitor", "cluster", "kafka-cluster", "describe"),
        Acl("somebody", "topic", "schakel.intake", "read", permission="deny"),
        Acl("*", "topic", "orders", "read", permission="deny"),
    ],
)
def test_others_in_the_same_kafka_are_none_of_our_business(extra: Acl) -> None:
    assert not list(acl_faults(acls([1]), [*acls([1]), extra]))


@pytest.mark.parametrize(
    "denial",
    [
        Acl("schakel-hub", "topic", "schakel.intake", "read", permission="deny"),
        Acl("*", "topic", "*", "write", permission="deny"),
        Acl("*", "topic", "schakel.", "all", "prefixed", "deny"),
    ],
)
def test_a_denial_of_what_is_needed_is_told_and_never_taken_away(denial: Acl) -> None:
    [fault] = acl_faults(acls([1]), [*acls([1]), denial])
    assert fault.change is None


def test_a_permission_from_one_machine_only_is_not_the_one_that_is_needed() -> None:
    [need] = [one for one in acls([1]) if one.principal == "schakel-000001"]
    faults = acl_faults(acls([1]), [*(one for one in acls([1]) if one != need), replace(need, host="10.0.0.1")])
    assert [fault.change for fault in faults] == [Allow(need), Withdraw(replace(need, host="10.0.0.1"))]


def test_the_names_of_principals_can_not_be_mistaken() -> None:
    assert principal_of(1) not in {acl.HUB, acl.WATCHER}
    assert principal_of(12) == "schakel-000012"


# ------------------------------------------------------------------------------------------------ records


def _wrapped(frame: bytes, hour: int = HOUR_KEY.hour, key: bytes = HOUR_KEY.key) -> bytes:
    return wrap(frame, hour, AESGCM(key), bytes(12))


def test_a_record_is_one_frame_and_nothing_beside_it() -> None:
    record = Record("schakel.from.000123", 0, None, _wrapped(b"frame"), [])
    assert sent_by_partner(record, key_of) == Sent(123, HOUR_KEY.hour, b"frame")


@pytest.mark.parametrize(
    ("record", "number", "code"),
    [
        (Record("schakel.intake", 0, None, b"x", []), None, Code.UNKNOWN_SENDER),
        (Record("schakel.from.000001", 1, None, b"x", []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, b"", b"x", []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, b"key", b"x", []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, b"x", [("sender", b"2")]), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, b"x", [("sender", None)]), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, b"", []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, None, []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, _wrapped(bytes(LARGEST + 1)), []), 1, Code.TOO_LARGE),
        (Record("schakel.from.000001", 0, None, b"a frame that nobody wrapped" * 4, []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, _wrapped(b"")[:-1], []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, b"\2" + _wrapped(b"frame")[1:], []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, _wrapped(b"frame")[:-1] + b"x", []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, _wrapped(b"frame", key=bytes(32)), []), 1, Code.MALFORMED),
        (Record("schakel.from.000001", 0, None, _wrapped(b"frame", HOUR_KEY.hour - 1), []), 1, Code.KEY_LOST),
    ],
)
def test_anything_else_is_refused_with_what_to_do(record: Record, number: int | None, code: Code) -> None:
    refused = sent_by_partner(record, key_of)
    assert isinstance(refused, Refused)
    assert (refused.number, refused.code) == (number, code)
    assert ":" in refused.says


def test_the_largest_envelope_fits() -> None:
    record = Record("schakel.from.000001", 0, None, _wrapped(bytes(LARGEST)), [])
    assert isinstance(sent_by_partner(record, key_of), Sent)
    assert len(_wrapped(bytes(LARGEST))) < FROM_LARGEST
