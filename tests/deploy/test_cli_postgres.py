# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub whose store is a PostgreSQL database, by its commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.compose import open_hub
from deploy.exits import Exit
from deploy.story.world import TEAM
from hub.config import load_hub_config
from hub.store import Step
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for
from tests.deploy.new_hub import FG, NEW
from tests.postgres import Cluster, cluster

FILES = ("hub.toml", "log.key", "accession.key", "accession.crt", "greatest.json", "day.keys")


@pytest.fixture
def hub(schakel: Schakel, tmp_path: Path) -> Iterator[Path]:
    dsn = cluster().bare()
    made = schakel("hub", "init", tmp_path / "hub", *NEW, *FG, "--dsn", dsn)
    assert made.exit_code == Exit.DONE, made.output
    assert "day.keys goes in no backup" in " ".join(made.output.split())
    yield tmp_path / "hub"
    cluster().again(dsn)


def test_a_hub_in_a_database_is_made_once_and_tells_how_it_is(
    schakel: Schakel, answer: Callable[..., Any], hub: Path, tmp_path: Path
) -> None:
    status = answer("hub", "status", "--config", hub)
    assert (status["strict"], status["counts"]["entries"]) == (True, 0)
    assert [path.name for path in (hub / "data").glob("hub.*")] == ["hub.lock"]
    dsn = load_hub_config(hub / "hub.toml").dsn
    again = schakel("hub", "init", tmp_path / "other", *NEW, *FG, "--dsn", dsn)
    assert (again.exit_code, "a store in this database already" in " ".join(again.output.split())) == (
        Exit.FAILED,
        True,
    )
    assert not (tmp_path / "other" / "hub.toml").exists()
    assert {one["name"]: one["value"] for one in answer("config", "show", hub)}["dsn"] == dsn


def test_the_doctor_tells_of_the_database(schakel: Schakel, hub: Path) -> None:
    def says(subject: str) -> list[str]:
        result = schakel("hub", "doctor", "--config", hub, "--json")
        return [one["says"] for one in json.loads(result.stdout)["findings"] if one["subject"] == subject]

    assert "It takes commits" in says("store")[0]
    assert says("database") == []
    moved = (hub / "day.keys").rename(hub / "moved.keys")
    assert "lacks keys of days to come" in says("database")[0]
    moved.rename(hub / "day.keys")
    cluster().admin("ALTER SYSTEM SET fsync = off")
    cluster().admin("SELECT pg_reload_conf()")
    try:
        assert any("fsync of the database is off: what it commits could be lost" in one for one in says("store"))
    finally:
        cluster().admin("ALTER SYSTEM RESET fsync")
        cluster().admin("SELECT pg_reload_conf()")


def test_copies_are_the_work_of_the_database_and_the_commands_say_so(
    schakel: Schakel, hub: Path, tmp_path: Path
) -> None:
    copy = schakel("hub", "backup", tmp_path / "copy", "--config", hub)
    assert (copy.exit_code, "pg_basebackup" in copy.output) == (Exit.FAILED, True)
    (tmp_path / "copy").write_bytes(b"")
    back = schakel("hub", "restore", tmp_path / "copy", "--yes", "--config", hub)
    assert (back.exit_code, "PostgreSQL's own tools" in back.output) == (Exit.FAILED, True)


def test_several_machines_with_the_same_files_work_on_one_database(hub: Path, tmp_path: Path) -> None:
    """Each has its own folder; what one commits and signs the other goes on from."""
    config = load_hub_config(hub / "hub.toml")
    with open_hub(config) as one:
        one.exchange.probe()
        other = tmp_path / "second"
        other.mkdir()
        for name in FILES:
            if (hub / name).exists():
                shutil.copy(hub / name, other / name)
        with open_hub(load_hub_config(other / "hub.toml")) as two:
            for number, hub_of in enumerate((one, two, one, two)):
                now = hub_of.store.now() + 6_000
                hub_of.store.commit(Step(now, admissions=[(f"urn:nld:oin:{number}:gp", "admitted", None)]))
                hub_of.log.checkpoint(now)
            assert len(one.exchange.partners().by_number) == len(two.exchange.partners().by_number) == 4
            assert one.exchange.checkpoint() == two.exchange.checkpoint()
            assert (one.log.number, two.log.number) == (1, 1)


def test_a_running_hub_goes_on_after_its_process_and_its_database_were_killed(
    answer: Callable[..., Any], schakel: Schakel, tmp_path: Path
) -> None:
    server = Cluster()
    with net_of(tmp_path / "net", TEAM, dsn=server.bare()) as net:
        folder = net.folder / "hub"
        second = schakel("hub", "run", "--config", folder)
        assert (second.exit_code, "another process" in second.output) == (Exit.FAILED, True)
        entries = answer("hub", "status", "--config", folder)["counts"]["entries"]
        net.hub.kill()
        net.hub.start()
        wait_for(lambda: net.hub.events("listening"))
        server.kill()
        server.start()
        # It says why it can't, until the database is back, and then goes on by itself.
        wait_for(lambda: schakel("hub", "status", "--config", folder, "--json").exit_code == Exit.DONE)
        findings = schakel("hub", "doctor", "--config", folder, "--json")
        store = [one for one in json.loads(findings.stdout)["findings"] if one["subject"] == "store"]
        assert [one["well"] for one in store] == [True]
        assert answer("hub", "status", "--config", folder)["counts"]["entries"] >= entries
        net.hub.need_alive()
    server.remove()
