# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A real Prometheus that reads the running demo has an answer to every query of the dashboard and of the alerts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.demo_net import STEPS
from deploy.net import set_up
from deploy.prometheus import EDGE_JOB, FILE, HUB_JOB
from tests.deploy.nets import wait_for
from tests.deploy.test_alerts import QUERIES
from tests.prometheus import Prometheus, need, prometheus

RATE = "5s"  # Grafana's own value for $__rate_interval is four scrapes
COMPARED = re.compile(r" (?:>|<|==) [\d* ]+\b")
# What has no series while all is well, and why.
EMPTY = {
    "sum by (code) (rate(schakel_hub_refusals_total[5s])) > 0": (
        "Edges send nothing that a hub refuses before it stores anything; forgers do, and none is in this story."
    ),
}
# Nobody in this story has topics of its own, and its hub no Kafka, over which nobody sends, and no watch.
NOT_HERE = re.compile(r'schakel(?:_(?:edge_stream|edge_kafka|watch|worker|hub_intake)_|-watch")')


@dataclass(frozen=True, slots=True)
class Told:
    """The story, as Prometheus saw it."""

    server: Prometheus
    begin: float
    end: float
    rules: list[dict[str, Any]]

    def labels(self, query: str) -> list[dict[str, str]]:
        """The labels of what a query gives over the time of the story."""
        return [one.labels for one in self.server.series(query, self.begin, self.end)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    program = need("prometheus")
    folder = tmp_path_factory.mktemp("watched") / "n"
    with ExitStack() as stack:
        net = set_up(folder, stack)
        server = stack.enter_context(prometheus(program, folder / FILE, folder / "prometheus"))
        wait_for(server.ready)
        wait_for(lambda: len(server.ask("query", query="up == 1")["result"]) == len(net.partners) + 1)
        begin = time.time()
        for _, step in STEPS[:-1]:
            step(net)
        wait_for(lambda: all(one["lastEvaluation"][:4] != "0001" for one in _rules(server)))
        told_at = time.time()
        wait_for(lambda: _scraped(server) > told_at)  # what the last step did is in Prometheus too
        end, rules = time.time(), _rules(server)
        STEPS[-1][1](net)
        yield Told(server, begin, end, rules)


def _scraped(server: Prometheus) -> float:
    return min(float(one["value"][1]) for one in server.ask("query", query="timestamp(up)")["result"])


def _rules(server: Prometheus) -> list[dict[str, Any]]:
    return [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]


def test_every_query_of_the_dashboard_has_a_series_but_those_that_are_rightly_empty(told: Told) -> None:
    queries = [query.replace("$__rate_interval", RATE) for query in QUERIES if not NOT_HERE.search(query)]
    assert len(queries) > 20
    assert [query for query in queries if not told.labels(query)] == list(EMPTY)
    # Where something is compared, there is something to compare: else it would be empty whatever happened.
    assert [query for query in queries if not told.labels(COMPARED.sub("", query))] == []


def test_every_alert_is_loaded_in_health_and_none_fires_but_for_certificates_of_a_week(told: Told) -> None:
    assert {one["name"]: one["health"] for one in told.rules} == {one["name"]: "ok" for one in told.rules}
    assert len(told.rules) > 10
    firing = {one["name"] for one in told.rules if one["state"] == "firing"}
    assert firing == {"SchakelHubCertificateEnds", "SchakelCertificateEnds"}


def test_what_every_alert_compares_has_a_series(told: Told) -> None:
    here = [one for one in told.rules if not NOT_HERE.search(one["query"])]
    empty = [one["name"] for one in here if not told.labels(COMPARED.sub("", one["query"]))]
    assert empty == []


def test_no_side_of_an_alert_is_left_uncompared(told: Told) -> None:
    sides = [side for one in told.rules for side in one["query"].split(" or ")]
    assert [side for side in sides if not COMPARED.search(side)] == []
    here = [side for side in sides if not NOT_HERE.search(side)]
    assert [side for side in here if not told.labels(COMPARED.sub("", side))] == []


def test_jobs_and_names_are_those_that_rules_and_page_speak_of(told: Told) -> None:
    (answers,) = (COMPARED.sub("", one["query"]) for one in told.rules if one["name"] == "SchakelDoesNotAnswer")
    found = {(one["job"], one["instance"]) for one in told.labels(answers)}
    assert found == {(HUB_JOB, "hub"), *((EDGE_JOB, name) for name in ("team-wmo", "zorgaanbieder", "huisarts"))}
