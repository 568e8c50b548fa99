# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The fixtures of the gateway's tests: a world with a team, a provider and a GP behind a gateway on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.gateway_limits import Limits
from tests.gateway_site import IMPATIENT, QUICK, Site, new_ca
from tests.simulator import Party, World


@dataclass
class Town:
    """A site with its partners."""

    site: Site
    world: World
    team: Party
    provider: Party
    gp: Party

    def still_works(self) -> None:
        """The next request goes through."""
        assert self.site.request(self.team, "GET", "outcomes?after=0").status == 200


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    yield from _town(tmp_path, QUICK)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Town]:
    """Its gateway waits for nobody."""
    yield from _town(tmp_path, IMPATIENT)


def _town(folder: Path, limits: Limits) -> Iterator[Town]:
    world = World()
    people = [world.party(role) for role in ("team-wmo", "provider-wmo", "gp")]
    site = Site(world, new_ca(folder / "ca"), limits)
    yield Town(site, world, *people)
    site.close()
