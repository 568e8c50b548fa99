# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge missing`, `edge sources` and `edge own-fact`, as a professional uses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.edge import Edge
from adapters.onward import BY_LIKENESS
from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import EVENT, ITEMS
from deploy.compose_edge import NoHub, load_settings, open_edge, store_key
from deploy.exits import Exit
from tests.deploy.conftest import Schakel

TEAM, PROVIDER = "team-wmo", "zorgaanbieder"


@contextmanager
def opened(kept: Path, name: str) -> Iterator[Edge]:
    settings = load_settings(kept / name / "edge.toml")
    with open_edge(settings, NoHub(), store_key(settings.config, os.environ)) as edge:
        yield edge


def held_one(kept: Path) -> str:
    """At the provider one introduction names a source that it has not read; the client's own number."""
    with opened(kept, PROVIDER) as edge:
        one = next(one for one in INTRODUCTIONS.scan(edge.store) if one.client is not None)
        with edge.workplace.commit("test") as tx:
            INTRODUCTIONS.put(tx, replace(one, held=True, source="77"))
        return next(client.number for client in edge.clients() if client.id == one.client)


def test_what_is_missing_names_whom_to_ask_and_no_bsn(schakel: Schakel, answer: Callable[..., Any], kept: Path) -> None:
    with opened(kept, TEAM) as edge:
        client = edge.clients()[0]
    config = kept / TEAM / "edge.toml"
    found = answer("edge", "missing", client.number, "--config", config)
    assert {one["missing"] for one in found} <= {"ask", "person", "message", "refused", "stopped", "no-bsn", "closed"}
    assert all(one["says"] for one in found)
    shown = schakel("edge", "missing", client.number, "--config", config)
    assert shown.exit_code == Exit.DONE
    assert client.bsn is not None
    assert client.bsn not in shown.output
    assert schakel("edge", "missing", "nobody", "--config", config).exit_code == Exit.REFUSED


def test_a_source_that_is_not_known_is_shown_accepted_and_refused(
    schakel: Schakel, answer: Callable[..., Any], kept: Path
) -> None:
    client, config = held_one(kept), kept / PROVIDER / "edge.toml"
    assert answer("edge", "outbox", "--config", config)["unknown_sources"] == 1
    before = schakel("edge", "view", client, "--config", config).output
    [one] = answer("edge", "sources", "--config", config)
    assert (one["client"], one["source"]) == (client, "77")
    assert answer("edge", "sources", "--accept", one["number"], "--config", config) == []
    assert schakel("edge", "view", client, "--config", config).output != before
    assert schakel("edge", "sources", "--accept", one["number"], "--config", config).exit_code == Exit.REFUSED
    held_one(kept)
    [one] = answer("edge", "sources", "--config", config)
    assert answer("edge", "sources", "--refuse", one["number"], "--config", config) == []
    both = schakel("edge", "sources", "--refuse", "1", "--accept", "1", "--config", config)
    assert both.exit_code == Exit.WRONG_USE


def test_what_only_looked_like_what_was_told_can_be_said_to_be_ones_own(schakel: Schakel, kept: Path) -> None:
    with opened(kept, TEAM) as edge:
        item = next(one for one in edge.items() if one.kind == EVENT)
        with edge.workplace.commit("test") as tx:
            ITEMS.put(tx, replace(item, final=BY_LIKENESS, asks=True))
    config = kept / TEAM / "edge.toml"
    assert "own-fact" in schakel("edge", "outbox", "--json", "--config", config).output
    assert schakel("edge", "own-fact", item.number, "--config", config).exit_code == Exit.DONE
    assert schakel("edge", "own-fact", item.number, "--config", config).exit_code == Exit.REFUSED
