# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Two organisations with topics of their own, on a real broker: what is read, told, set aside, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka import Message, Producer

from adapters.records_outgoing import EVENT
from adapters.store import FILE
from adapters.stream_metrics import KNOWN, QUARANTINED, TAKEN
from deploy.clock import MachineClock
from deploy.net import Net, Partner
from deploy.story import messages
from deploy.story.person import CITIZEN, Person
from schemas.calendar import day_of
from tests.kafka import Kafka, kafka
from tests.streams_site import Site, allocations, clients, two_with_topics, until

TODAY = day_of(MachineClock(None)())
PEOPLE = clients(6, CITIZEN)
# A BSN of a test that stands in everything that can't be read; it must not stand in any report.
PLANTED = b"999990007"


@pytest.fixture(scope="module")
def broker() -> Kafka:
    return kafka()


@pytest.fixture(scope="module")
def sites(broker: Kafka) -> tuple[Site, Site]:
    team = Site(broker, broker.unused("gemeente"), {"wmo": "iwmo", "zaken": "cloudevents"})
    provider = Site(broker, broker.unused("zorg"), {"uit": "auto"}, notices="cloudevents")
    team.make(2)
    provider.make(3)
    return team, provider


@pytest.fixture(scope="module")
def net(sites: tuple[Site, Site], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with two_with_topics(tmp_path_factory.mktemp("net") / "n", *sites, PEOPLE) as made:
        yield made


def _told(partner: Partner) -> list[bytes]:
    """The ids of the events that this edge tells or told."""
    with partner.desk() as edge:
        return [item.event_id for item in edge.items() if item.kind == EVENT]


def _reviews(person: Person, numbers: Sequence[int]) -> list[bytes]:
    """Events of the case system about one person; no two of them have one id."""
    first = int(person.bsn) * 10_000
    return [messages.status(person, messages.REVIEW_TYPE, first + number, TODAY - 1) for number in numbers]


def _reports(site: Site, of: str) -> list[dict[str, object]]:
    """In the order of the records that they are about."""
    every = [json.loads(record.value() or b"") for record in site.records("quarantine")]
    found = [one for one in every if one["topic"] == site.topic(of)]
    return sorted(found, key=lambda one: (one["partitie"], one["offset"]))


def _counted(partner: Partner) -> dict[str, float]:
    host, port = partner.settings.config.metrics_listen or ("", 0)
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [line.partition("{outcome=")[2] for line in lines if line.startswith("schakel_edge_stream_records_total{")]
    return {name.strip('"'): float(count) for name, _, count in (line.partition("} ") for line in found)}


# -- in and out --------------------------------------------------------------------------------------------------


def test_what_a_topic_says_is_told_and_comes_out_in_the_other_topic(net: Net, sites: tuple[Site, Site]) -> None:
    team, provider = sites
    started = messages.start(PEOPLE[0], messages.Support(TODAY - 20, TODAY - 14, TODAY + 180), TODAY - 12)
    provider.put("uit", started)
    until(lambda: any(b'"gestart"' in (one.value() or b"") for one in team.records("notices")))
    toegewezen = json.loads(provider.records("notices")[0].value() or b"")
    assert toegewezen["type"] == "nl.schakel.voortgang.toegewezen"
    net.team.process.need_alive()


def test_the_same_record_twice_and_the_same_message_in_the_folder_tell_once(net: Net, sites: tuple[Site, Site]) -> None:
    team, provider = sites
    (review,) = _reviews(PEOPLE[1], [1])
    before, known = len(provider.names()), _counted(net.team)[KNOWN]
    team.put("zaken", review, review)
    until(lambda: len(provider.names()) == before + 1)
    net.team.put("nog-eens.json", review)
    until(lambda: not net.team.waiting())
    team.put("zaken", review)
    until(lambda: _counted(net.team)[KNOWN] == known + 2)
    assert len(_told(net.team)) == len(set(_told(net.team)))
    assert len(provider.names()) == before + 1


def test_notices_about_one_client_have_one_key_that_says_nothing_and_keep_their_order(
    net: Net, sites: tuple[Site, Site]
) -> None:
    team, provider = sites
    before = provider.records("notices")
    for number in range(10, 14):
        team.put("zaken", *(_reviews(person, [number])[0] for person in PEOPLE))
    until(lambda: len(provider.records("notices")) == len(before) + 4 * len(PEOPLE))
    keys: dict[str, list[Message]] = {}
    for one in provider.records("notices"):
        keys.setdefault((one.key() or b"").decode(), []).append(one)
    assert len(keys) == len(PEOPLE)
    assert all(len({one.partition() for one in of}) == 1 for of in keys.values())
    assert all(len(key) == 32 and not key.isdigit() for key in keys)
    numbers = {person.bsn for person in PEOPLE} | {
        json.loads(one.value() or b"")["subject"] for of in keys.values() for one in of
    }
    assert not [key for key in keys for number in numbers if number in key]
    assert len({json.loads(of[0].value() or b"")["subject"] for of in keys.values()}) == len(PEOPLE)
    # What is about one client stands in the order in which it was told: each first is its allocation.
    assert all(json.loads(of[0].value() or b"")["type"].endswith("toegewezen") for of in keys.values())
    net.provider.process.need_alive()


def test_what_a_transaction_took_back_is_never_told(net: Net, sites: tuple[Site, Site], broker: Kafka) -> None:
    team, provider = sites
    before = len(provider.names())
    producer = Producer(broker.client(**{"transactional.id": "bron"}))
    producer.init_transactions(30)
    for ends, number in ((producer.abort_transaction, 30), (producer.commit_transaction, 31)):
        producer.begin_transaction()
        producer.produce(team.topic("zaken"), _reviews(PEOPLE[2], [number])[0], partition=0)
        producer.flush(30)
        ends(30)
    until(lambda: len(provider.names()) == before + 1)
    team.put("zaken", _reviews(PEOPLE[2], [32])[0], partition=0)
    until(lambda: len(provider.names()) == before + 2)
    net.team.process.need_alive()


def test_records_that_their_producer_packed_are_read(net: Net, sites: tuple[Site, Site]) -> None:
    team, provider = sites
    before = len(provider.names())
    for number, packed in enumerate(("gzip", "snappy", "lz4", "zstd")):
        producer = Producer(team.kafka.client(**{"compression.type": packed}))
        producer.produce(team.topic("zaken"), _reviews(PEOPLE[3], [40 + number])[0])
        assert producer.flush(30) == 0
    until(lambda: len(provider.names()) == before + 4)
    net.team.process.need_alive()


# -- bad input ---------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[bytes | None, list[tuple[str, bytes | None]], str]] = {
    "empty": (b"", [], "not-well-formed"),
    "white space": (b" \n", [], "not-well-formed"),
    "a tombstone": (None, [], "tombstone"),
    "oversized": (b'{"a": "' + PLANTED + b"x" * (1 << 20) + b'"}', [], "too-large"),
    "not UTF-8": (b'{"subject": "\xff\xfe' + PLANTED + b'"}', [], "encoding"),
    "another format": (b"<bericht>" + PLANTED + b"</bericht>", [], "not-well-formed"),
    "a field twice": (b'{"id": "' + PLANTED + b'", "id": 2}', [], "duplicate-key"),
    "nested": (b"[" * 100_000, [], "too-deep"),
    "half in headers": (b'{"a": 1}', [("ce_id", PLANTED), ("ce_type", b"x")], "headers"),
    "packed inside": (b"\x1f\x8b" + PLANTED, [("content-encoding", b"gzip")], "headers"),
    "another charset": (b'{"a": 1}', [("content-type", b"application/json; charset=utf-16")], "headers"),
    "two minds": (b'{"a": 1}', [("content-type", b"a/b"), ("Content-Type", b"c/d")], "headers"),
    "a header that is no text": (b'{"a": 1}', [("content-type", b"\xff")], "headers"),
    "very many headers": (b'{"a": 1}', [(f"h{number}", PLANTED) for number in range(101)], "too-large"),
    "very large headers": (b'{"a": 1}', [("h", PLANTED * 10_000)], "too-large"),
}


def test_every_bad_record_has_a_report_and_is_counted_and_the_next_record_goes_on(
    net: Net, sites: tuple[Site, Site]
) -> None:
    team, provider = sites
    before, counted = len(provider.names()), _counted(net.team)
    for number, (value, headers, _) in enumerate(BAD.values()):
        team.put("zaken", value, key=PLANTED, headers=headers, partition=0)
        team.put("zaken", _reviews(PEOPLE[4], [60 + number])[0], partition=0)
    until(lambda: len(provider.names()) == before + len(BAD))
    until(lambda: len(_reports(team, "zaken")) == len(BAD))
    found = _reports(team, "zaken")
    assert [[one["fout"] for one in report["fouten"]] for report in found] == [[word] for _, _, word in BAD.values()]  # type: ignore[attr-defined]
    until(lambda: team.committed("zaken") == team.end("zaken"))
    after = _counted(net.team)
    assert (after[QUARANTINED] - counted[QUARANTINED], after[TAKEN] - counted[TAKEN]) == (len(BAD), len(BAD))
    written = b"".join((one.value() or b"") + (one.key() or b"") for one in team.records("quarantine"))
    assert PLANTED not in written
    assert PLANTED not in net.team.process.log.read_bytes()


def test_a_report_leads_to_its_record(net: Net, sites: tuple[Site, Site]) -> None:
    _, provider = sites
    provider.put("uit", b"rommel " + PLANTED, partition=1)
    until(lambda: _reports(provider, "uit"))
    report = _reports(provider, "uit")[-1]
    places = {(one.partition(), one.offset()): one.value() for one in provider.records("uit")}
    assert places[report["partitie"], report["offset"]] == b"rommel " + PLANTED  # type: ignore[index]
    net.provider.process.need_alive()


# -- kills and ends ----------------------------------------------------------------------------------------------


def _worker(partner: Partner) -> int:
    """The process id of the stream worker, a child of the edge."""
    children = Path(f"/proc/{partner.process.process_id}/task/{partner.process.process_id}/children").read_text()
    (found,) = [int(one) for one in children.split() if b"stream_worker" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return found


def test_an_edge_killed_in_the_middle_tells_nothing_twice_and_loses_nothing(net: Net, sites: tuple[Site, Site]) -> None:
    team, provider = sites
    before, told = provider.names(), set(_told(net.team))
    sent = 0
    for round_ in range(4):
        numbers = range(1000 + 10 * round_, 1010 + 10 * round_)
        team.put("zaken", *(one for person in PEOPLE for one in _reviews(person, numbers)))
        sent += 10 * len(PEOPLE)
        if round_ == 3:
            os.kill(_worker(net.team), signal.SIGKILL)
            continue
        if round_ != 1:  # once before anything was acknowledged, else somewhere on the way
            acknowledged = team.committed("zaken")
            until(lambda of=acknowledged: team.committed("zaken") > of)  # type: ignore[misc]
        worker = _worker(net.team)
        net.team.process.kill()
        until(lambda of=worker: not Path(f"/proc/{of}").exists(), 5)  # type: ignore[misc]
        net.team.process.start()
        until(lambda: net.team.process.events("has-store"))
        until(lambda: net.team.process.events("brokers-there"))
    until(lambda: team.committed("zaken") == team.end("zaken"))
    until(lambda: len(provider.names()) >= len(before) + sent)
    events = [one for one in _told(net.team) if one not in told]
    assert len(events) == len(set(events)) == sent
    assert set((provider.names() - before).values()) == {1}


def test_an_edge_that_is_asked_to_end_acknowledges_what_it_took_and_its_worker_ends_too(
    net: Net, sites: tuple[Site, Site]
) -> None:
    team, provider = sites
    before, worker = len(provider.names()), _worker(net.team)
    team.put("zaken", _reviews(PEOPLE[5], [5000])[0])
    until(lambda: len(provider.names()) == before + 1)
    assert net.team.process.stop() == 0
    assert not Path(f"/proc/{worker}").exists()
    assert team.committed("zaken") == team.end("zaken")
    net.team.process.start()
    until(lambda: net.team.process.events("brokers-there"))


def test_while_the_hub_is_away_an_allocation_waits_and_what_stands_behind_it(
    net: Net, sites: tuple[Site, Site]
) -> None:
    team, provider = sites
    (newcomer,) = clients(len(PEOPLE) + 1, CITIZEN)[len(PEOPLE) :]
    before, had = len(provider.names()), team.committed("wmo")
    net.hub.stop()
    team.put("wmo", b"rommel", partition=0)
    team.put("wmo", *allocations([newcomer]), partition=0)
    team.put("wmo", b"rommel", partition=0)
    team.put("zaken", *_reviews(PEOPLE[0], [6000]))
    until(lambda: "waits 1.0" in _page(net.team))
    until(lambda: team.committed("wmo") == had + 1)
    assert len(_reports(team, "wmo")) == 1
    net.hub.start()
    provider.put("uit", *allocations([newcomer]))
    until(lambda: team.committed("wmo") == had + 3)
    until(lambda: len(provider.names()) == before + 2)
    assert len(_reports(team, "wmo")) == 2


def test_an_edge_put_back_from_a_copy_reads_its_topics_again(
    net: Net, sites: tuple[Site, Site], tmp_path: Path
) -> None:
    team, _ = sites
    first, second = clients(len(PEOPLE) + 3, CITIZEN)[len(PEOPLE) + 1 :]
    data, copy = net.team.settings.config.data_folder, tmp_path / "copy.db"
    with net.team.desk() as edge:
        edge.back_up(copy)
    had = team.committed("wmo")
    team.put("wmo", *allocations([first]))
    until(lambda: team.committed("wmo") == had + 1)
    assert net.team.process.stop() == 0
    for one in data.glob(f"{FILE}*"):
        one.unlink()
    copy.rename(data / FILE)
    with net.team.desk() as edge:
        edge.was_put_back()
        assert first.bsn not in {client.bsn for client in edge.clients()}
        edge.confirm_restore()
    net.team.process.start()
    team.put("wmo", *allocations([second]))
    until(lambda: team.committed("wmo") == had + 2)
    with net.team.desk() as edge:
        assert edge.reads_again() is None
        assert {first.bsn, second.bsn} <= {client.bsn for client in edge.clients()}


def _page(partner: Partner) -> str:
    host, port = partner.settings.config.metrics_listen or ("", 0)
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())
