# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The connection in process keeps the contract of the port, over either store."""

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.local import LocalClient
from hub.client import HubClient
from tests.contracts.client_contract import ClientContract
from tests.simulator import World, run

T = TypeVar("T")


class InProcess:
    """Calls go straight to the exchange of the world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def connect(self, address: str) -> HubClient:
        """A connection of an address."""
        return LocalClient(self.world.hub, address)

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        """The answer, which is there at once."""
        return run(call)

    def break_store(self) -> None:
        """A closed store does no work."""
        self.world.store.close()


@pytest.fixture(params=["memory", "sqlite"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InProcess]:
    world = World(request.param, tmp_path)
    yield InProcess(world)
    world.store.close()


class TestLocalClient(ClientContract):
    """Every test of the contract."""
