# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store in memory holds the contract."""

from __future__ import annotations

import pytest

from hub.store import Store
from hub.store_memory import MemoryStore
from tests.contracts.store_contract import Engine, StoreContract, busy, world

__all__ = ["busy", "world"]  # fixtures


class _Memory:
    def open(self) -> Store:
        return MemoryStore(lambda: 1_000)

    def check(self, store: Store) -> None:
        """Nothing beyond the port."""


@pytest.fixture
def engine() -> Engine:
    return _Memory()


class TestMemoryStore(StoreContract):
    """Every test of the contract."""
