# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""`make bench-region` finds the lines of every module that has some, and 20,000,000 grants are loaded as they are read."""

from pathlib import Path

from hub.postgres_link import connect
from hub.store import Step
from hub.store_postgres import PostgresStore
from tests.bench import region, region_grants
from tests.postgres import cluster


def test_every_module_of_a_region_has_lines() -> None:
    assert {"store.postgres", "region.latency", "region.withdrawal", "region.outage", "grants20M"} <= set(
        region.gathered()
    )


def test_grants_loaded_in_bulk_are_to_the_store_what_it_would_have_written_itself(tmp_path: Path) -> None:
    dsn = cluster().bare()
    PostgresStore.create(dsn)
    store = PostgresStore(dsn, tmp_path / "day.keys")
    store.commit(Step(1, admissions=[(f"urn:{one}", "admitted", None) for one in "ab"]))
    first = region_grants.template()
    store.commit(Step(2, registers=[first]))
    db = connect(dsn)
    region_grants.load(db, 300)
    db.close()
    handles = [region_grants.handle_of(number) for number in range(300)]
    found = store.grants(handles)
    assert found == {one: first._replace(handle=one, terms_hash=one + one) for one in handles}
    assert store.counts()["grants"] == 300
    store.close()
