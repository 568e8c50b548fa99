# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The page for operators says of the brokers what these tests run with, and of the topics what is made."""

from __future__ import annotations

import re
from pathlib import Path

from hub.kafka_topics import INTAKE_PARTITIONS, OUTCOMES_PARTITIONS
from tests.kafka import Kafka

PAGE = (Path(__file__).parents[2] / "deploy" / "docs" / "kafka.md").read_text(encoding="utf-8")


def test_the_brokers_of_these_tests_are_set_as_the_page_says(three: Kafka) -> None:
    block = PAGE.partition("```properties\n")[2].partition("```")[0]
    said = dict(line.split("=", 1) for line in block.splitlines() if not line.startswith("#"))
    assert len(said) > 5
    for node in three.nodes:
        assert {name: three.settings_of(node).get(name) for name in said} == said


def test_the_page_names_the_partitions_that_are_made() -> None:
    assert re.search(rf"`schakel.intake` \| `partitions`, {INTAKE_PARTITIONS} ", PAGE)
    assert re.search(rf"`schakel.outcomes` \| `outcomes_partitions`, {OUTCOMES_PARTITIONS} ", PAGE)
