# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The example settings are settings, strict ones, and show how hub and edge are made to run."""

from __future__ import annotations

from pathlib import Path

from adapters.config import load_edge_config
from hub.config import load_hub_config

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def test_the_example_of_a_hub_is_strict_and_answers_edges() -> None:
    config = load_hub_config(EXAMPLES / "hub.toml")
    assert config.strict
    assert config.gateway is not None
    assert config.gateway.listen == ("0.0.0.0", 8443)  # noqa: S104  # what the example says


def test_the_example_of_an_edge_is_strict_and_reaches_that_hub() -> None:
    config = load_edge_config(EXAMPLES / "edge.toml")
    assert config.strict
    gateway = load_hub_config(EXAMPLES / "hub.toml").gateway
    assert gateway is not None
    assert config.hub_url == gateway.url
