# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Alerts and dashboard ask only for metrics that there are, and a page says what to do about each alert."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from adapters import metrics as edge_metrics
from deploy.prometheus import EDGE_JOB, HUB_JOB, RULES
from hub import metrics as hub_metrics
from hub import watch_metrics
from schemas.metrics import About
from tests.prometheus import need

DEPLOY = Path(__file__).parents[2] / "deploy"
TESTS = DEPLOY / "alerts" / "schakel.test.yml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "schakel.json").read_text(encoding="utf-8"))
PAGE = (DEPLOY / "docs" / "alerts.md").read_text(encoding="utf-8")
KNOWN: dict[str, About] = {one.shown: one for one in (*hub_metrics.ALL, *watch_metrics.ALL, *edge_metrics.ALL)}
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def _alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))


def _named(text: str) -> set[str]:
    return set(re.findall(r"schakel_[a-z_]+", text))


def _expressions() -> str:
    return "\n".join(re.findall(r"expr: (.*?)\n        \w+:", RULES.read_text(encoding="utf-8"), re.DOTALL))


def _promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_alerts_and_dashboard_ask_for_metrics_that_there_are() -> None:
    assert len(QUERIES) > 10
    assert _named(" ".join(QUERIES)) - KNOWN.keys() == set()
    assert _named(_expressions()) - KNOWN.keys() == set()


def test_no_two_panels_of_the_dashboard_have_one_number_or_one_place() -> None:
    panels = DASHBOARD["panels"]
    assert len({one["id"] for one in panels}) == len({(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels})
    assert len({one["id"] for one in panels}) == len(panels)


def test_every_metric_is_on_the_dashboard() -> None:
    assert KNOWN.keys() - _named(" ".join(QUERIES)) == set()


@pytest.mark.parametrize("text", [*QUERIES, RULES.read_text(encoding="utf-8"), TESTS.read_text(encoding="utf-8")])
def test_a_label_that_is_asked_for_is_one_that_the_metric_can_have(text: str) -> None:
    for name, label, words in re.findall(r'(schakel_[a-z_]+)\{(\w+)=~?"([^"]+)"', text):
        if label != "le":
            assert KNOWN[name].label == label
            assert [word for word in words.split("|") if not KNOWN[name].allows(word)] == []


def test_the_page_says_what_to_do_about_each_alert_and_about_no_other() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == _alerts()
    anchors = re.findall(r"page: deploy/docs/alerts\.md#(\w+)", RULES.read_text(encoding="utf-8"))
    assert anchors == [one.lower() for one in _alerts()]


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    names = re.findall(r"^- name: (.+)$", TESTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(names) == {f"{one} {how}" for one in _alerts() for how in ("fires", "is silent")}


def test_alerts_fire_when_they_shall_and_are_silent_just_below() -> None:
    result = _promtool("test", "rules", TESTS)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_query_of_the_dashboard_can_be_read_by_prometheus(tmp_path: Path) -> None:
    """As rules, because promtool reads those without a server."""
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(QUERIES)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    result = _promtool("check", "rules", file)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_example_for_prometheus_reads_both_jobs_and_the_rules(tmp_path: Path) -> None:
    text = (DEPLOY / "examples" / "prometheus.yml").read_text(encoding="utf-8")
    assert re.findall(r"job_name: (.+)", text) == [HUB_JOB, EDGE_JOB]
    (place,) = re.findall(r"- (/.*rules\.yml)", text)
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace(place, str(RULES)), encoding="utf-8")
    result = _promtool("check", "config", file)
    assert result.returncode == 0, result.stdout + result.stderr
