# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The intake through a real Kafka: what was taken is decided once and in order, whatever comes in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.codes import Code
from schemas.envelope import parse
from tests.intake_world import IntakeWorld, envelopes, known, running, until


@pytest.fixture
def world(tmp_path: Path) -> Iterator[IntakeWorld]:
    made = IntakeWorld(tmp_path)
    yield made
    made.close()


def test_what_a_gateway_writes_a_worker_decides_and_the_recipient_picks_up(world: IntakeWorld) -> None:
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    frames = envelopes(team, provider, 30)
    gateway = world.gateway()
    gateway._look()
    assert gateway.stopped == ""
    assert world.send(gateway, team, *frames) == [Code.TAKEN] * 30
    ids = [parse(frame).message_id for frame in frames]
    assert known(world, ids) == {}
    worker = world.worker()
    with running(worker) as ended:
        until(lambda: len(known(world, ids)) == 30 or ended)
        assert ended == []
    assert set(known(world, ids).values()) == {Code.ACCEPTED}
    assert {one.envelope for one in provider.pickup(200).deliveries} == set(frames)
    assert worker.counts.taken == 30
    world.check()
