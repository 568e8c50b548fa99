# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store on PostgreSQL holds the contract, and what only it can promise: many processes, settings, keys, parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store import Store
from hub.store_postgres import PostgresStore
from tests.contracts.store_contract import (
    StoreContract,
    busy,
    world,
)
from tests.postgres import cluster

__all__ = ["busy", "world"]  # fixtures


class Postgres:
    """Stores in databases of one cluster; after every step the keys in the rows are compared with the queue."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "day.keys"
        self.dsn = ""
        self.stores: list[PostgresStore] = []

    def open(self) -> Store:
        self.dsn = cluster().new()
        return self.another()

    def another(self) -> PostgresStore:
        """One more process on the same database."""
        self.stores.append(PostgresStore(self.dsn, self.keys, lambda: 1_000))
        return self.stores[-1]

    def check(self, store: Store) -> None:
        assert isinstance(store, PostgresStore)
        [row] = store._run("SELECT (SELECT count(*) FROM payload), (SELECT count(*) FROM waiting)")
        assert row[0] == row[1]

    def close(self) -> None:
        for store in self.stores:
            store.close()
        if self.dsn:
            cluster().again(self.dsn)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Postgres]:
    made = Postgres(tmp_path)
    yield made
    made.close()


class TestPostgresStore(StoreContract):
    """Every test of the contract."""
