# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What operators watch: every metric documented, labels closed, nothing of a person; and a scrape of what runs."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from adapters import metrics as edge_metrics
from adapters.desk import Backlog
from adapters.metrics import EdgeMetrics
from adapters.records_outgoing import ASKS, SENT, WAITING
from deploy.compose import machine_clock
from deploy.dev_ca import DevCa
from deploy.net import Net, Process
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import PROVIDER, TEAM
from hub import intake_metrics, watch_metrics
from hub import metrics as hub_metrics
from schemas.buckets import Buckets
from schemas.calendar import day_of
from schemas.metrics import About, histogram, labelled
from tests.deploy.nets import net_of, wait_for

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "deploy" / "docs" / "reference.md").read_text(encoding="utf-8")
ALL = (*hub_metrics.ALL, *intake_metrics.ALL, *watch_metrics.ALL, *edge_metrics.ALL)
START = 1_000_000_000_000


# -- documented ------------------------------------------------------------------------------------------------------


def test_every_metric_is_in_the_reference_with_its_meaning_and_the_reverse() -> None:
    section = REFERENCE.partition("## Metrics\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(schakel_[a-z_]+)` \|", section, re.MULTILINE) == [one.shown for one in ALL]
    assert all(one.meaning in section for one in ALL)


@pytest.mark.parametrize("about", ALL, ids=lambda about: about.name)
def test_a_metric_has_a_name_of_its_own_and_a_whole_sentence(about: About) -> None:
    assert [one.name for one in ALL].count(about.name) == 1
    assert about.meaning[0].isupper()
    assert about.meaning.endswith(".")
    assert (about.label is None) <= (about.words is None)
    assert about.words is None or all(re.fullmatch(r"[a-z-]+", word) for word in about.words)


# -- closed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["urn:nld:oin:00000001234567890000:gp", "999900006 ", "", "-1", "\u0661", "x"])
def test_a_partner_is_shown_by_its_number_or_not_at_all(value: str) -> None:
    with pytest.raises(ValueError, match="outside its closed set"):
        labelled(hub_metrics.WAITING, {"1": 1.0, value: 1.0})


@pytest.mark.parametrize("about", [one for one in ALL if one.words is not None], ids=lambda about: about.name)
def test_a_word_that_was_not_declared_is_no_label(about: About) -> None:
    with pytest.raises(ValueError, match="outside its closed set"):
        labelled(about, {"somebody": 1.0})


def test_a_metric_without_a_label_takes_none() -> None:
    with pytest.raises(ValueError, match="outside its closed set"):
        labelled(hub_metrics.COMMIT_AGE, {"accepted": 1.0})


def test_durations_are_counted_in_whole_buckets_and_never_summed() -> None:
    buckets = Buckets((5, 10))
    for milliseconds in (-3, 5, 6, 11):
        buckets.add(milliseconds)
    assert buckets.upwards() == [("0.005", 2), ("0.01", 3), ("+Inf", 4)]
    assert {sample.name for sample in histogram(hub_metrics.DELIVERABLE, buckets).samples} == {
        "schakel_hub_accept_to_deliverable_seconds_bucket"
    }


# -- an edge ---------------------------------------------------------------------------------------------------------


def _values(found: Iterator[Metric]) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels.values()): one.value for family in found for one in family.samples}


def test_an_edge_tells_the_age_of_what_waits_of_its_last_pass_and_of_its_certificate(tmp_path: Path) -> None:
    certificate = DevCa(tmp_path / "ca", START // 1000, strict=False).server().certificate
    now = [START]
    metrics = EdgeMetrics(certificate, lambda: now[0])
    outbox = {WAITING: Backlog(2, START - 60_000), SENT: Backlog(0, 0), ASKS: Backlog(1, START - 5_000)}
    metrics.look(lambda: outbox, lambda: False)
    now[0] += 4_000
    metrics.look(dict, lambda: False)  # too early: what was seen stays
    found = _values(metrics.collect())
    assert found["schakel_edge_outbox_items", WAITING] == 2
    assert found["schakel_edge_outbox_oldest_seconds", WAITING] == 64
    assert found["schakel_edge_outbox_oldest_seconds", SENT] == 0
    assert found["schakel_edge_ask_a_person_items",] == 1
    assert found["schakel_edge_last_pass_age_seconds",] == 4
    before = found["schakel_edge_certificate_days_left",]
    assert before > 0
    metrics.passed()
    now[0] += 86_400_000
    found = _values(metrics.collect())
    assert found["schakel_edge_last_pass_age_seconds",] == 86_400
    assert found["schakel_edge_certificate_days_left",] == pytest.approx(before - 1)


def test_a_certificate_that_can_not_be_read_has_no_days_left(tmp_path: Path) -> None:
    metrics = EdgeMetrics(tmp_path / "none", lambda: START)
    metrics.look(dict, lambda: False)
    assert not any(name == "schakel_edge_certificate_days_left" for name, *_ in _values(metrics.collect()))


# -- what runs -------------------------------------------------------------------------------------------------------


def _scrape(process: Process) -> str:
    port = int(str(process.events("metrics")[-1]["port"]))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def _read(text: str) -> dict[tuple[str, ...], float]:
    return _values(iter(text_string_to_metric_families(text)))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "n", TEAM, PROVIDER) as found:
        yield found


def _open_set(text: str) -> list[tuple[str, str]]:
    """Labels of a scrape that no metric has declared."""
    known = {one.shown: one for one in ALL}
    found = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            about = known[sample.name]
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            found += [one for one in labels.items() if one[0] != about.label or not about.allows(one[1])]
    return found


def test_a_running_hub_counts_what_it_accepts_and_shows_who_waits_by_number(net: Net) -> None:
    net.provider.process.kill()
    today = day_of(machine_clock())
    support = messages.Support(allotted=today - 20, begin=today - 14, end=today + 180)
    net.team.put("toewijzing.xml", messages.allocation(CITIZEN, support))
    wait_for(lambda: _read(_scrape(net.hub))["schakel_hub_messages_total", "accepted"] >= 1)
    wait_for(lambda: sum(v for (name, *_), v in _read(_scrape(net.hub)).items() if name == hub_metrics.WAITING.name))
    text = _scrape(net.hub)
    found = _read(text)
    assert (
        found["schakel_hub_accept_to_deliverable_seconds_bucket", "+Inf"]
        == found["schakel_hub_messages_total", "accepted"]
    )
    assert found["schakel_hub_last_commit_age_seconds",] < 30
    assert found["schakel_hub_checkpoint_age_seconds",] < 30
    assert 6 < found["schakel_hub_certificate_days_left",] <= 7  # of a development authority
    net.provider.process.start()
    wait_for(lambda: _read(_scrape(net.hub))["schakel_hub_accept_to_receipt_seconds_bucket", "+Inf"] >= 1)
    assert _open_set(text) == []
    named = re.sub(r" [0-9.e+-]+$", "", text, flags=re.MULTILINE)  # a measured time may have any digits
    for secret in (CITIZEN.bsn, CITIZEN.family_name, "urn:nld:oin", "999"):
        assert secret not in named


def test_a_running_edge_tells_its_outbox_its_last_pass_and_its_certificate(net: Net) -> None:
    wait_for(lambda: ("schakel_edge_certificate_days_left",) in _read(_scrape(net.team.process)))
    text = _scrape(net.team.process)
    found = _read(text)
    assert {state for name, *state in found if name == "schakel_edge_outbox_items" for state in state} == {
        WAITING,
        SENT,
        ASKS,
    }
    assert 0 <= found["schakel_edge_last_pass_age_seconds",] < 60
    assert found["schakel_edge_certificate_days_left",] > 0
    assert _open_set(text) == []


def test_without_the_setting_nothing_listens_for_metrics(net: Net) -> None:
    process, file = net.provider.process, net.provider.settings.config.data_folder.parent / "edge.toml"
    listening = process.events("metrics")[-1]
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(one for one in lines if "metrics_listen" not in one), encoding="utf-8")
    process.stop()
    process.start()
    wait_for(lambda: process.events("has-store"))
    assert process.events("metrics") == []
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(str(listening["port"])))):
        pass
