# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub with a team, a provider and a GP, and no grant yet; the whole world is verified at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.over_kafka import kinds, new_world
from tests.simulator import Party, World


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    gp: Party


@pytest.fixture(params=kinds("memory", "sqlite"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    yield Scene(world, world.party("team-wmo"), world.party("provider-wmo"), world.party("gp"))
    world.check()
    world.close()
