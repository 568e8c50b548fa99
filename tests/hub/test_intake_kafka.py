# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The intake through a real Kafka: what was taken is decided once and in order, whatever comes in between."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters import seal
from adapters.kafka_settings import KafkaSending
from adapters.keys import opening_public_key
from hub import intake_kafka
from hub.client import RefusedError
from hub.hour_keys import HourKeys
from hub.intake_kafka import IntakeWorker
from hub.intake_record import LARGEST_RECORD, Kept, hour_of, wrap
from hub.intake_rules import IntakeStoppedError
from hub.intake_topics import find_topics
from hub.kafka_topics import INTAKE, WORKERS
from hub.murmur2 import partition_of
from hub.store import Step
from schemas import api
from schemas.codes import Code
from schemas.envelope import LARGEST, parse
from schemas.hour_wrap import HourKey, partner_key, read, unwrap
from tests.gateway_site import Site, new_ca
from tests.intake_world import PARTITIONS, IntakeWorld, envelopes, known, running, until
from tests.postgres import cluster
from tests.sending import sent
from tests.simulator import START, Grant, Party


@pytest.fixture
def world(tmp_path: Path) -> Iterator[IntakeWorld]:
    made = IntakeWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pair(world: IntakeWorld) -> tuple[Party, Party]:
    return world.party("team-wmo"), world.party("provider-wmo")


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_kafka, "LOOK", 0.3)


def _ids(frames: list[bytes]) -> list[bytes]:
    return [parse(frame).message_id for frame in frames]


def _decided(world: IntakeWorld, frames: list[bytes], ended: list[Exception]) -> None:
    until(lambda: ended or len(known(world, _ids(frames))) == len(frames))
    assert ended == []


def _value(world: IntakeWorld, number: int, frame: bytes, partition: int | None = None) -> tuple[int, bytes]:
    """What a gateway would write, and where."""
    to = partition_of(parse(frame).handle, PARTITIONS) if partition is None else partition
    hour, key = world.keys.of_now(world.now)
    return to, wrap(Kept(number, 1, frame), to, hour, key, world.random(12))


def _large(party: Party, grant: Grant, more: int) -> bytes:
    """An envelope whose one part is padded to so much more than usual."""
    header, public = party._header(grant, party.world.month, 1, {})
    sizes = {**seal.SIZES, "service": seal.SIZES["service"] + more}
    sealed = seal.seal(header, party.event(grant), opening_public_key(public), sizes)
    return seal.sign_frames([sealed], party.signing)[0]


def _stops(worker: IntakeWorker) -> str:
    """The sentence with which it stops."""
    with pytest.raises(IntakeStoppedError) as stopped:
        worker.run()
    return str(stopped.value)


# -- what is taken is decided


def test_what_a_gateway_writes_a_worker_decides_and_the_recipient_picks_up(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    frames, gateway, worker = envelopes(*pair, 30), world.gateway(), world.worker()
    gateway._look()
    assert world.send(gateway, pair[0], *frames) == [Code.TAKEN] * 30
    assert (known(world, _ids(frames)), gateway.written) == ({}, 30)
    with running(worker) as ended:
        _decided(world, frames, ended)
        until(lambda: worker.counts.lag == 0)
    assert set(known(world, _ids(frames)).values()) == {Code.ACCEPTED}
    assert {one.envelope for one in pair[1].pickup(200)} == set(frames)
    assert (worker.counts.taken, worker.counts.fenced, sum(worker.counts.refused.values())) == (30, 0, 0)
    world.check()


def test_a_gateway_answers_refusals_at_once_and_writes_nothing_for_them(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    gateway, grant = world.gateway(), pair[0].register(pair[1])
    gateway._look()
    frames = [pair[0].envelope(grant), b"no frame", pair[0].envelope(grant, signed_by=pair[1]), bytes(LARGEST + 1)]
    codes = world.send(gateway, pair[0], *frames)
    assert codes == [Code.TAKEN, Code.MALFORMED, Code.BAD_SIGNATURE, Code.TOO_LARGE]
    assert gateway.written == 1


def test_the_largest_legal_envelope_passes_gateway_broker_and_worker(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    gateway, grant = world.gateway(), pair[0].register(pair[1])
    gateway._look()
    frame = _large(pair[0], grant, LARGEST - len(_large(pair[0], grant, 0)))
    assert LARGEST - 8 <= len(frame) <= LARGEST
    assert world.send(gateway, pair[0], frame) == [Code.TAKEN]
    with running(world.worker()) as ended:
        _decided(world, [frame], ended)
    assert [one.envelope for one in pair[1].pickup(10)] == [frame]


def test_a_partner_in_the_hubs_network_sends_on_its_topic_and_as_nobody_else(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    team, provider = pair
    other = world.party("gp")
    topic, grant = world.own_topic(team), team.register(provider)
    good, forged, of_other = (
        team.envelope(grant),
        team.envelope(grant, signed_by=other),
        other.envelope(other.register(team, 5)),
    )
    last = team.envelope(team.register(provider))
    sealed = [world.wrapped(team, frame) for frame in (good, forged, of_other, bytes(LARGEST + 1), b"no frame")]
    world.put(topic, *sealed, b"", None)
    world.put(topic, good)  # as it is, under no key
    world.put(topic, world.wrapped(other, good))  # under the key of another partner
    world.put(topic, sealed[0], key=b"key")
    world.put(topic, sealed[0], headers=[("partner", b"000009")])
    world.put(topic, world.wrapped(team, last))
    worker = world.worker()
    with running(worker) as ended:
        _decided(world, [good, last], ended)
    assert worker.counts.taken == 2
    assert worker.counts.refused == {
        Code.BAD_SIGNATURE: 1,
        Code.NOT_YOURS: 1,
        Code.MALFORMED: 7,
        Code.TOO_LARGE: 1,
    }
    assert team.outcome(forged) is Code.BAD_SIGNATURE
    assert known(world, _ids([of_other])) == {}
    assert other.outcomes() == {}
    world.check()


def test_records_that_no_gateway_wrote_are_refused_and_counted_and_the_rest_goes_on(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    team, provider = pair
    frames = envelopes(team, provider, 12)
    values = [_value(world, team.number, frame) for frame in frames]
    to, value = values[0]
    bad: list[tuple[int, bytes | None, Code]] = [
        (to, None, Code.MALFORMED),
        (to, b"", Code.MALFORMED),
        (to, value[:20], Code.MALFORMED),
        (to, value[:-5], Code.MALFORMED),
        (to, bytes(LARGEST_RECORD + 1), Code.TOO_LARGE),
        ((to + 1) % PARTITIONS, value, Code.MALFORMED),
        (*_value(world, team.number, frames[0], partition=(to + 1) % PARTITIONS), Code.MALFORMED),
        (to, b"\1" + (1).to_bytes(4, "big") + value[5:], Code.KEY_LOST),
        (*_value(world, provider.number, frames[0]), Code.NOT_YOURS),
        (*_value(world, 99, frames[0]), Code.UNKNOWN_SENDER),
    ]
    for partition, raw, _ in bad:
        world.put(INTAKE, raw, partition=partition)
    world.put(INTAKE, value, partition=to, headers=[("partner", b"000009")])
    world.put(INTAKE, value, partition=to, key=b"another")
    for partition, raw in values:
        world.put(INTAKE, raw, partition=partition)
    worker = world.worker()
    with running(worker) as ended:
        _decided(world, frames, ended)
        until(lambda: sum(worker.counts.refused.values()) == len(bad) + 2)
    assert worker.counts.refused == {
        Code.MALFORMED: 8,
        Code.TOO_LARGE: 1,
        Code.KEY_LOST: 1,
        Code.NOT_YOURS: 1,
        Code.UNKNOWN_SENDER: 1,
    }
    assert worker.counts.taken == 12
    world.check()


# -- positions


def test_the_next_worker_goes_on_where_the_store_is_whatever_kafka_remembers(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    frames, gateway = envelopes(*pair, 20), world.gateway()
    gateway._look()
    world.send(gateway, pair[0], *frames[:10])
    with running(world.worker()) as ended:
        _decided(world, frames[:10], ended)
    # Somebody sets what Kafka remembers of the group to where it began.
    liar = Consumer(world.broker.client(**{"group.id": WORKERS}))
    liar.commit(offsets=[TopicPartition(INTAKE, one, 0) for one in range(PARTITIONS)], asynchronous=False)
    liar.close()
    world.send(gateway, pair[0], *frames[10:])
    size = world.store.head().size
    worker = world.worker()
    with running(worker) as ended:
        _decided(world, frames, ended)
    assert (worker.counts.taken, world.store.head().size) == (10, size + 10)


def test_a_worker_whose_partition_another_moved_is_fenced_and_goes_on_from_there(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    frames, gateway, worker = envelopes(*pair, 40), world.gateway(), world.worker()
    gateway._look()
    with running(worker) as ended:
        until(lambda: worker.counts.assigned == PARTITIONS)
        with worker._exchange._lock:  # it stands still, as a process does that was suspended
            for part in range(PARTITIONS):
                world.put(INTAKE, b"decided by another", partition=part)
            world.store.commit(Step(world.now, positions=[(part, 0, 1) for part in range(PARTITIONS)]))
        world.send(gateway, pair[0], *frames)
        _decided(world, frames, ended)
    assert worker.counts.fenced > 0
    assert (worker.counts.taken, worker.counts.refused) == (40, {})
    world.check()


# -- where it does not go on by itself


def test_a_topic_made_anew_stops_the_worker_and_is_read_after_a_person_says_so(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    frames, gateway = envelopes(*pair, 3), world.gateway()
    gateway._look()
    world.send(gateway, pair[0], *frames[:2])
    with running(world.worker()) as ended:
        _decided(world, frames[:2], ended)
        world.make_topic(INTAKE, PARTITIONS, "flush.messages")
        until(lambda: ended)
    assert f"opic {INTAKE} " in str(ended[0])  # not there, another, or shorter: the moment decides
    says = _stops(world.worker())
    assert "was deleted and made anew, or this is another Kafka" in says
    assert f"schakel hub intake renew {INTAKE}" in says
    gateway._look()
    assert gateway.stopped == says
    found = find_topics(world.broker.admin(), [INTAKE])[INTAKE]
    world.places.renew(INTAKE, found, dict.fromkeys(range(PARTITIONS), 0))
    gateway._look()
    assert world.send(gateway, pair[0], *frames) == [Code.TAKEN] * 3
    with running(world.worker()) as ended:
        _decided(world, frames, ended)
    world.check()


def test_a_topic_that_is_gone_stops_the_worker_where_it_was_known(world: IntakeWorld) -> None:
    with running(worker := world.worker()) as ended:
        until(lambda: worker.counts.assigned == PARTITIONS)
        world.drop_topic(INTAKE)
        until(lambda: ended)
    assert f"Topic {INTAKE} is not there" in str(ended[0])
    assert f"Topic {INTAKE} is not there" in _stops(world.worker())


def test_a_log_that_begins_after_the_position_stops_the_worker(world: IntakeWorld, pair: tuple[Party, Party]) -> None:
    for part in range(PARTITIONS):
        world.put(INTAKE, b"one", b"two", partition=part)
    admin = world.broker.admin()
    for answer in admin.delete_records([TopicPartition(INTAKE, 2, 1)]).values():
        answer.result(30)
    says = _stops(world.worker())
    assert f"Partition 2 of topic {INTAKE} begins at 1, and everything from 0 on is not decided" in says
    assert world.places.positions([2]) == {2: 0}


def test_a_log_that_ends_before_the_position_stops_the_worker(world: IntakeWorld) -> None:
    world.store.commit(Step(world.now, positions=[(1, 0, 5)]))
    assert f"Partition 1 of topic {INTAKE} ends at 0, and 5 was decided before" in _stops(world.worker())


def test_another_number_of_partitions_stops_worker_and_gateway(world: IntakeWorld) -> None:
    world.make_topic(INTAKE, PARTITIONS + 1)
    says = _stops(world.worker())
    assert (
        f"has {PARTITIONS + 1} partitions, was begun with {PARTITIONS + 1}, and the settings say {PARTITIONS}" in says
    )
    gateway = world.gateway()
    gateway._look()
    assert gateway.stopped == says


def test_a_group_that_somebody_else_uses_stops_a_worker_at_its_start_and_is_counted_later(
    world: IntakeWorld,
) -> None:
    stranger = Consumer(
        world.broker.client(**{"group.id": WORKERS, "partition.assignment.strategy": "cooperative-sticky"})
    )
    with running(worker := world.worker()) as ended:
        until(lambda: worker.counts.assigned == PARTITIONS)
        stranger.subscribe([INTAKE])
        until(lambda: stranger.poll(0.2) is None and worker.counts.strangers == 1)
        assert ended == []
    says = _stops(world.worker())
    stranger.close()
    assert f"The consumer group {WORKERS} is used by 1 other program" in says


def test_a_group_that_is_used_in_another_way_stops_the_worker(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Consumer(world.broker.client(**{"group.id": WORKERS, "client.id": "schakel-worker-of-before"}))
    stranger.subscribe([INTAKE])
    until(lambda: stranger.poll(0.2) is None and stranger.assignment())
    says = _stops(world.worker())
    stranger.close()
    assert f"The consumer group {WORKERS} is used by another program, in another way" in says


# -- what goes away and comes back


def test_while_the_store_is_away_nothing_is_lost_and_the_worker_goes_on_by_itself(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    frames, gateway, worker = envelopes(*pair, 20), world.gateway(), world.worker()
    gateway._look()
    world.send(gateway, pair[0], *frames)
    more = envelopes(*pair, 20)
    values = [_value(world, pair[0].number, frame) for frame in more]
    with running(worker) as ended:
        _decided(world, frames, ended)
        cluster().kill()
        for partition, raw in values:
            world.put(INTAKE, raw, partition=partition)
        until(lambda: worker.counts.waits_for)
        cluster().start()
        until(lambda: _are_known(world, more))
        assert ended == []
    assert worker.counts.taken == 40
    world.check()


def _are_known(world: IntakeWorld, frames: list[bytes]) -> bool:
    try:
        return len(known(world, _ids(frames))) == len(frames)
    except Exception:  # noqa: BLE001  # the store of the test was cut off too
        return False


def test_while_the_brokers_do_not_answer_envelopes_get_503_and_everything_else_goes_on(
    world: IntakeWorld, pair: tuple[Party, Party], tmp_path: Path
) -> None:
    team, provider = pair
    waiting, frame = envelopes(team, provider, 2)
    gateway = world.gateway(seconds=1.0)
    site = Site(world, new_ca(tmp_path / "ca"), intake=gateway)
    body = api.frames_bytes([frame])
    with running(world.worker()) as ended:
        until(lambda: site.request(team, "POST", "envelopes", api.frames_bytes([waiting])).status == 200)
        _decided(world, [waiting], ended)
        failed = gateway.failed
        _signal(world, signal.SIGSTOP)
        try:
            away = site.request(team, "POST", "envelopes", body)
            assert (away.status, away.problem) == (503, "try-later")
            assert int(away.headers["retry-after"]) > 0
            assert gateway.failed > failed
            # Pick-up, receipts, facts, feed.
            [delivery] = site.wait(site.client(provider).pickup(10, 0.0, 0)).deliveries
            assert delivery.envelope == waiting
            receipt = provider.receipt(parse(waiting).message_id)
            assert site.wait(site.client(provider).receipts([receipt])) == [Code.STORED]
            stop = team.stopping(team.register(provider))
            [answer] = site.wait(site.client(team).facts([stop]))
            assert answer.code is Code.IN_FORCE
            assert site.wait(site.client(team).outcomes(0)).items
        finally:
            _signal(world, signal.SIGCONT)
        until(lambda: site.request(team, "POST", "envelopes", body).status == 200)
        _decided(world, [frame], ended)
    assert [one.envelope for one in provider.take_all()] == [frame]
    site.close()
    world.check()


# -- destroyed means unreadable, in the broker too


def test_copies_of_the_brokers_segments_open_with_no_key_that_still_exists(
    world: IntakeWorld, pair: tuple[Party, Party], tmp_path: Path
) -> None:
    team, provider = pair
    frames, gateway = envelopes(team, provider, 12), world.gateway()
    gateway._look()
    world.send(gateway, team, *frames)
    key_files = ("hour.keys", "day.keys")
    with running(worker := world.worker()) as ended:
        _decided(world, frames, ended)
        copies = [
            one.read_bytes()
            for one in world.broker.nodes[0].data.rglob("*.log")
            if one.parent.name.removeprefix(f"{INTAKE}-").isdecimal()
        ]
        held = b"".join(copies)
        # No frame stands there as it is: neither its header nor what it seals.
        for frame in frames:
            envelope = parse(frame)
            assert envelope.handle not in held
            assert envelope.message_id.hex().encode() not in held
            assert frame[200:232] not in held
        assert set(_opened(copies, [tmp_path / name for name in key_files])) == set(frames)
        # Every one is acknowledged, and the hour goes by.
        assert len(provider.take_all()) == 12
        world.advance(hours=1, minutes=6)
        until(lambda: ended or hour_of(START) not in world.keys._file.read())
        assert ended == []
    assert _opened(copies, [tmp_path / name for name in key_files]) == []
    assert world.keys.of(hour_of(START)) is None
    assert worker.counts.taken == 12
    world.check()


def test_copies_of_the_segments_of_a_partners_topic_open_with_no_key_that_still_exists(
    world: IntakeWorld, pair: tuple[Party, Party], tmp_path: Path
) -> None:
    """From the edge's own sender, with the key that the gateway gave it, to the thief of the brokers' disk."""
    team, provider = pair
    topic, gateway = world.own_topic(team), world.gateway()
    frames = envelopes(team, provider, 12)
    site = Site(world, new_ca(tmp_path / "ca"), intake=gateway)
    try:
        assert site.wait(site.client(provider).hour_key()) is None  # it sends over the gateway
        given = site.wait(site.client(team).hour_key())
        assert given is not None
        assert (given.hour, given.seconds) == (hour_of(START), 3_600)

        async def ask() -> HourKey | None:
            return given

        way = KafkaSending(brokers=world.settings.brokers, topic=topic)
        assert sent(way, *frames, hour_key=ask) == ([Code.TAKEN] * 12, None)
    finally:
        site.close()
    key_files = [tmp_path / "hour.keys", tmp_path / "day.keys"]
    with running(worker := world.worker()) as ended:
        _decided(world, frames, ended)
        folder = world.broker.nodes[0].data / f"{topic}-0"
        copies = [one.read_bytes() for one in folder.glob("*.log")]
        held = b"".join(copies)
        for frame in frames:
            envelope = parse(frame)
            assert envelope.handle not in held
            assert envelope.message_id.hex().encode() not in held
            assert frame[200:232] not in held
        assert set(_opened_of_partner(copies, key_files, team.number)) == set(frames)
        assert _opened_of_partner(copies, key_files, provider.number) == []
        assert given.key not in b"".join(one.read_bytes() for one in key_files)  # it stands nowhere
        assert len(provider.take_all()) == 12
        world.advance(hours=1, minutes=6)
        until(lambda: ended or hour_of(START) not in world.keys._file.read())
        assert ended == []
    assert _opened_of_partner(copies, key_files, team.number) == []
    assert world.keys.of_partner(team.number, hour_of(START)) is None
    assert worker.counts.taken == 12
    world.check()


def test_a_partner_that_holds_back_its_topic_does_not_keep_the_envelopes_of_others_readable(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    team, provider = pair
    topic, others, gateway = world.own_topic(team), envelopes(provider, team, 3), world.gateway()
    [late] = envelopes(team, provider, 1)
    record = world.wrapped(team, late)
    gateway._look()
    assert world.send(gateway, provider, *others) == [Code.TAKEN] * 3
    with running(world.worker(tuple)) as ended:  # it reads the topic of nobody
        _decided(world, others, ended)
        world.advance(hours=2)
        until(lambda: ended or min(world.places.hours().values(), default=0) > hour_of(START))
        world.keys.tidy(world.now)
        assert world.keys.of(hour_of(START)) is not None
        world.advance(hours=2)
        until(lambda: ended or min(world.places.hours().values(), default=0) > hour_of(START) + 2)
        world.keys.tidy(world.now)
        assert world.keys.of(hour_of(START)) is None
        assert ended == []
    world.put(topic, record)
    with running(worker := world.worker()) as ended:
        until(lambda: worker.counts.refused[Code.KEY_LOST] or ended)
        world.put(topic, world.wrapped(team, late))  # its sender has it still, and sends it again
        _decided(world, [late], ended)
    world.check()


def test_a_suspended_partner_gets_no_key_of_the_hour(world: IntakeWorld, pair: tuple[Party, Party]) -> None:
    world.own_topic(pair[0])
    gateway = world.gateway()
    assert gateway.hour_key(pair[0].address) is not None
    assert gateway.hour_key(pair[1].address) is None
    world.exchange.set_state(pair[0].address, "suspended")
    with pytest.raises(RefusedError):
        gateway.hour_key(pair[0].address)


def test_the_key_of_an_hour_stays_while_something_of_it_is_not_decided_and_goes_after_72_hours(
    world: IntakeWorld, pair: tuple[Party, Party]
) -> None:
    [frame] = envelopes(*pair, 1)
    to, value = _value(world, pair[0].number, frame)
    world.places.keep_hours(dict.fromkeys([one for one in range(PARTITIONS) if one != to], hour_of(world.now) + 50))
    world.advance(hours=71)
    world.keys.tidy(world.now)
    assert world.keys.of(hour_of(START)) is not None
    world.put(INTAKE, value, partition=to)
    world.advance(hours=2)
    world.keys.tidy(world.now)
    assert world.keys.of(hour_of(START)) is None
    with running(worker := world.worker()) as ended:
        until(lambda: worker.counts.refused[Code.KEY_LOST] or ended)
        assert ended == []
        # Its sender has it still, and sends it again.
        world.put(INTAKE, (again := _value(world, pair[0].number, frame))[1], partition=again[0])
        _decided(world, [frame], ended)


def test_a_hub_that_stood_still_for_weeks_makes_its_keys_again(world: IntakeWorld) -> None:
    world.keys.tidy(world.now)
    for days in (5, 20, 200):
        old = hour_of(world.now)
        world.advance(days=days)
        world.keys.tidy(world.now)
        assert world.keys.of_now(world.now)[0] == hour_of(world.now)
        assert (world.keys.of(old), world.keys.lacks(world.now)) == (None, False)


def test_a_machine_that_lacks_the_key_of_an_hour_refuses_nothing_and_waits_for_the_file(
    world: IntakeWorld, pair: tuple[Party, Party], tmp_path: Path
) -> None:
    [frame] = envelopes(*pair, 1)
    to, value = _value(world, pair[0].number, frame)
    world.put(INTAKE, value, partition=to)
    moved = (tmp_path / "hour.keys").rename(tmp_path / "elsewhere.keys")
    worker = world.worker()
    worker._keys = HourKeys(tmp_path / "hour.keys", world.places, PARTITIONS)
    with running(worker) as ended:
        until(lambda: "copy the file of hour keys" in worker.counts.waits_for or ended)
        assert (ended, worker.counts.refused, world.places.positions([to])) == ([], {}, {to: 0})
        moved.rename(tmp_path / "hour.keys")
        _decided(world, [frame], ended)


def _opened(copies: list[bytes], files: list[Path]) -> list[bytes]:
    """Every frame that opens in these copies under any key that stands anywhere in these files."""
    content = [file.read_bytes() for file in files if file.exists()]
    keys = {one[at : at + 32] for one in content for at in range(8, len(one), 64)} - {bytes(32)}
    values = [value for copy in copies for value in _values(copy) if len(value) > 60]
    found = []
    for value in values:
        for key in keys:
            for partition in range(PARTITIONS):
                about = b"schakel/intake/v1\0" + value[1:5] + partition.to_bytes(4, "big")
                with contextlib.suppress(InvalidTag):
                    found.append(AESGCM(key).decrypt(value[5:17], value[17:], about)[8:])
    return found


def _opened_of_partner(copies: list[bytes], files: list[Path], number: int) -> list[bytes]:
    """The same for what a partner wrapped, under any key that its number leads to from any of those keys."""
    content = [file.read_bytes() for file in files if file.exists()]
    keys = {one[at : at + 32] for one in content for at in range(8, len(one), 64)} - {bytes(32)}
    found = []
    for value in [value for copy in copies for value in _values(copy)]:
        wrapped = read(value)
        assert wrapped is not None
        for key in keys:
            derived = partner_key(key, number, wrapped.hour)
            found += [frame for one in (key, derived) if (frame := unwrap(wrapped, AESGCM(one))) is not None]
    return found


def _values(segment: bytes) -> Iterator[bytes]:
    """The values in a segment of Kafka: batches of records, format 2."""
    at = 0
    while at + 61 <= len(segment):
        length, count = (
            int.from_bytes(segment[at + 8 : at + 12], "big"),
            int.from_bytes(segment[at + 57 : at + 61], "big"),
        )
        if not length:
            return  # what was set aside for later
        place = at + 61
        for _ in range(count):
            size, place = _varint(segment, place)
            end, place = place + size, place + 1
            for _ in range(2):
                _, place = _varint(segment, place)
            key, place = _varint(segment, place)
            place += max(key, 0)
            value, place = _varint(segment, place)
            if value > 0:
                yield segment[place : place + value]
            place = end
        at += 12 + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at


def _signal(world: IntakeWorld, number: signal.Signals) -> None:
    process = world.broker.nodes[0].process
    assert process is not None
    process.send_signal(number)
