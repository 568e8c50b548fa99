# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Topics over TLS behind Kafka's own authorizer; brokers that go away and come back; topics that are not there."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from urllib.request import urlopen

import pytest

from deploy.clock import MachineClock
from deploy.compose import toml
from deploy.net import Net
from deploy.story import messages
from deploy.story.person import CITIZEN
from schemas.calendar import day_of
from tests.kafka import Kafka
from tests.streams_site import Site, two_with_topics, until

TODAY = day_of(MachineClock(None)())


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    made = Kafka(tls=True)
    yield made
    made.remove()


def _tls(broker: Kafka, name: str) -> Mapping[str, str]:
    assert broker.authority is not None
    files = broker.authority.identity(name)
    return {
        "authorities": toml(str(broker.authority.file)),
        "certificate": toml(str(files.certificate)),
        "certificate_key": toml(str(files.key)),
    }


@pytest.fixture(scope="module")
def sites(broker: Kafka) -> tuple[Site, Site]:
    team = Site(broker, "gemeente", {"wmo": "iwmo", "zaken": "cloudevents"}, more=_tls(broker, "gemeente"))
    provider = Site(broker, "zorg", {"uit": "iwmo"}, more=_tls(broker, "zorg"))
    for site in (team, provider):
        site.make()
        site.permit()
    return team, provider


@pytest.fixture(scope="module")
def net(sites: tuple[Site, Site], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with two_with_topics(tmp_path_factory.mktemp("net") / "n", *sites, [CITIZEN]) as made:
        yield made


def _review(number: int) -> bytes:
    return messages.status(CITIZEN, messages.REVIEW_TYPE, number, TODAY - 1)


def test_over_tls_and_with_no_more_rights_than_the_page_names_records_are_told(
    net: Net, sites: tuple[Site, Site]
) -> None:
    team, provider = sites
    before = len(provider.records("notices"))
    team.put("zaken", _review(1), b"rommel")
    until(lambda: len(provider.records("notices")) == before + 1)
    until(lambda: len(team.records("quarantine")) == 1)
    assert json.loads(team.records("quarantine")[0].value() or b"")["topic"] == team.topic("zaken")
    net.team.process.need_alive()


def _shown(net: Net) -> dict[str, float]:
    """What the alert looks at."""
    host, port = net.team.settings.config.metrics_listen or ("", 0)
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    names = {"connected": "schakel_edge_stream_connected", "brokers": 'schakel_edge_stream_obstacle{kind="brokers"}'}
    return {short: float(lines[name]) for short, name in names.items()}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_while_its_brokers_are_away_an_edge_goes_on_and_resumes_where_it_was(
    net: Net, sites: tuple[Site, Site], broker: Kafka, how: signal.Signals
) -> None:
    team, provider = sites
    before, number = provider.names(), 100 * how
    there = [len(one.process.events("brokers-there")) for one in net.partners]
    away = [len(one.process.events("brokers-away")) for one in net.partners]
    team.put("zaken", _review(number))
    until(lambda: len(provider.names()) == len(before) + 1)
    broker.stop(how)
    for one, count in zip(net.partners, away, strict=True):
        until(lambda one=one, count=count: len(one.process.events("brokers-away")) > count)  # type: ignore[misc]
    assert _shown(net) == {"connected": 0.0, "brokers": 1.0}
    net.team.put(f"map-{number}.json", _review(number + 1))  # the folder goes on, and the hub
    until(lambda: not net.team.waiting())
    until(lambda: "in onderzoek" in net.provider.seen())
    broker.start()
    for one, count in zip(net.partners, there, strict=True):
        until(lambda one=one, count=count: len(one.process.events("brokers-there")) > count)  # type: ignore[misc]
    assert _shown(net) == {"connected": 1.0, "brokers": 0.0}
    team.put("zaken", _review(number + 2))
    until(lambda: len(provider.names()) == len(before) + 3)
    assert len(provider.names()) == len(before) + 3
    assert net.team.process.events("brokers-there")


def test_a_topic_that_is_not_there_is_named_and_what_comes_is_read_once_it_is_made(
    sites: tuple[Site, Site], broker: Kafka, net: Net
) -> None:
    """The edge is started anew with one more topic in its settings."""
    team, provider = sites
    process, config = net.team.process, net.team.settings.config
    file = config.data_folder.parent / "edge.toml"
    was = file.read_text(encoding="utf-8")
    later = f"{team.name}.later"
    assert process.stop() == 0
    file.write_text(was.replace("topics = { ", f'topics = {{ "{later}" = "cloudevents", '), encoding="utf-8")
    before = len(provider.records("notices"))
    process.start()
    until(lambda: process.events("topic-missing"))
    assert process.events("topic-missing")[0]["topics"] == later
    broker.topic(later)
    Site(broker, team.name, {"later": "cloudevents"}).permit()
    Site(broker, team.name, {}).put("later", _review(90_000))
    until(lambda: process.events("brokers-there"))
    until(lambda: len(provider.records("notices")) == before + 1)


def test_who_shows_no_certificate_or_another_one_reads_nothing(
    sites: tuple[Site, Site], broker: Kafka, net: Net
) -> None:
    _, provider = sites
    process, config = net.provider.process, net.provider.settings.config
    file = config.data_folder.parent / "edge.toml"
    was = file.read_text(encoding="utf-8")
    other = _tls(broker, "vreemde")
    assert process.stop() == 0
    before = provider.committed("uit")
    text = was
    for name in ("certificate", "certificate_key"):
        text = text.replace(f"{name} = {provider.more[name]}", f"{name} = {other[name]}")
    assert text != was
    file.write_text(text, encoding="utf-8")
    provider.put("uit", b"rommel")
    process.start()
    until(lambda: process.events("topic-missing") or process.events("brokers-away"))
    assert not process.events("brokers-there")
    assert process.stop() == 0
    assert provider.committed("uit") == before
    file.write_text(was, encoding="utf-8")
    process.start()
    until(lambda: provider.committed("uit") == before + 1)
