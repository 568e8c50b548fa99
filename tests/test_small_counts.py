# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""No count below five about ground, hold or objection on anything that an operator of a hub watches."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapters import metrics as edge_metrics
from adapters.refusals import REASONS
from consent.rules import national
from deploy.commands.hub import shown_counts
from deploy.logs import Event
from hub import metrics as hub_metrics
from hub import watch_metrics
from hub.metrics import HubMetrics
from schemas.calendar import day_of
from schemas.codes import CLASS, Class, Code
from schemas.event import Kind
from schemas.small_counts import FEWER, FEWEST, UNTOLD, by_code, few, in_words, stepped
from tests.adapters.edges import GP, PROVIDER, TEAM, Neighbours, status
from tests.adapters.rights_case import neighbours
from tests.simulator import run

STOPS = ("closed", "withdrawn", "objected", "held")
GROUNDS = {ground for row in national(test_mode=True).rows.values() for ground in row.grounds}


def scrape(near: Neighbours) -> str:
    """What Prometheus reads of the hub of this world, as it goes over the line."""
    metrics = HubMetrics(near.world.hub, {}, near.folder / "no-certificate")
    metrics.look()
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def stopped_while_it_waits(folder: Path, why: str, times: int = 1) -> Neighbours:
    """A running world in which something waited at the hub when its line was stopped for this reason."""
    near = neighbours(folder)
    for number in range(times):
        near.take(TEAM, status(10 + number, Kind.GEWIJZIGD, day_of(near.world.now)))
    near.work(TEAM)
    run(near[TEAM].stop("C-1", GP, why))
    near.settle(3)
    return near


def small(text: str) -> dict[tuple[str, str], float]:
    """Every count of one to four in a scrape whose label is about ground, hold or objection."""
    return {
        (sample.name, label): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label in sample.labels.values()
        if label in {code.value for code in UNTOLD} and sample.value % FEWEST > 0
    }


@pytest.mark.parametrize("why", STOPS)
def test_small_counts_about_a_stop_are_in_no_scrape_of_a_running_hub(tmp_path: Path, why: str) -> None:
    near = stopped_while_it_waits(tmp_path, why)
    assert 0 < near.world.hub.meter.outcomes[Code.NOT_ACTIVE] < FEWEST  # there is something to hide
    text = scrape(near)
    assert small(text) == {}
    assert f'schakel_hub_messages_total{{outcome="{Code.NOT_ACTIVE.value}"}} 0.0' in text
    near.close()


def test_small_counts_are_found_where_they_stand() -> None:
    """The search above is no blank: it sees the count that a metric without the rule would show."""
    line = 'schakel_hub_messages_total{outcome="not-active"} 3.0\n'
    head = "# TYPE schakel_hub_messages_total counter\n"
    assert small(head + line) == {("schakel_hub_messages_total", "not-active"): 3.0}


def test_small_counts_of_five_are_shown(tmp_path: Path) -> None:
    near = stopped_while_it_waits(tmp_path, "held", times=6)
    count = near.world.hub.meter.outcomes[Code.NOT_ACTIVE]
    assert count > FEWEST
    assert f'outcome="not-active"}} {float(count - count % FEWEST)}' in scrape(near)
    near.close()


def test_small_counts_and_large_ones_are_the_same_whatever_the_reason(tmp_path: Path) -> None:
    """Held, objected, withdrawn, closed: one scrape, but for the ages of things."""
    found = set()
    for why in STOPS:
        near = stopped_while_it_waits(tmp_path / why, why)
        found.add(re.sub(r"^.*seconds.*$", "", scrape(near), flags=re.MULTILINE))
        near.close()
    assert len(found) == 1


def test_small_counts_have_no_label_of_a_ground_a_hold_or_an_objection_to_stand_under() -> None:
    """At hub and edge: no metric is cut by row, ground or kind of stop, and no line of the log names one."""
    about = {*REASONS, *GROUNDS, "hold", "objection", "row", "ground"}
    for one in (*hub_metrics.ALL, *watch_metrics.ALL, *edge_metrics.ALL):
        assert not about & {one.label, *(one.words or ())}, one.name
    assert not about & {event.value for event in Event}


def test_small_counts_of_what_must_be_seen_are_exact() -> None:
    """What an alert waits for is no secret about anybody."""
    counts = Counter({Code.HUB_FAULT: 1, Code.KEY_LOST: 2, Code.ACCEPTED: 3, Code.MALFORMED: 4})
    shown = by_code(counts)
    assert [shown[code.value] for code in counts] == [1, 2, 3, 4]


def test_small_counts_cover_every_code_after_which_a_person_must_look_but_a_fault() -> None:
    asking = {code for code in Code if CLASS[code] is Class.ASK}
    assert asking - UNTOLD == {Code.HUB_FAULT, Code.NOT_ATTESTED}


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_small_counts_rise_by_fives_and_never_fall(one: int, more: int) -> None:
    assert stepped(one) % FEWEST == 0
    assert one - FEWEST < stepped(one) <= one
    assert stepped(one) <= stepped(one + more)


def test_small_counts_are_words_on_the_screens_of_the_hub() -> None:
    assert shown_counts({"entries": 3, "grants": 3}) == {"entries": 3, "grants": FEWER}
    assert shown_counts({"grants": 0}) == {"grants": 0}
    assert shown_counts({"grants": 5}) == {"grants": 5}
    assert [few(count) for count in (0, 1, 4, 5)] == [0, FEWER, FEWER, 5]
    assert in_words("not-active", 2) == f"not-active {FEWER}"
    assert in_words("malformed", 2) == "malformed 2"


def test_small_counts_of_what_did_arrive_are_as_they_were(tmp_path: Path) -> None:
    near = neighbours(tmp_path)
    stored = near.world.hub.meter.outcomes[Code.STORED]
    assert stored > 0
    assert f'outcome="stored"}} {float(stored)}' in scrape(near)
    assert near.told(PROVIDER, "P-1")
    near.close()
