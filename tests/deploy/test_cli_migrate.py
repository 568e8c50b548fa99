# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub migrate`, as an operator uses it: on a hub that stands still, on one that runs, and again after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.exits import Exit
from deploy.story.world import TEAM
from hub.config import load_hub_config
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for
from tests.deploy.new_hub import FG, NEW
from tests.postgres import cluster

Answer = Callable[..., Any]


def test_the_store_of_a_hub_that_stands_still_moves_and_moves_back(
    schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    hub, dsn = tmp_path / "hub", cluster().bare()
    assert schakel("hub", "init", hub, *NEW, *FG).exit_code == Exit.DONE
    key = answer("hub", "status", "--config", hub)["verifier_key"]
    unsure = schakel("hub", "migrate", "--to", dsn, "--config", hub, typed="n\n")
    assert (unsure.exit_code, "Nothing was changed" in unsure.output) == (Exit.WRONG_USE, True)
    there = answer("hub", "migrate", "--to", dsn, "--yes", "--config", hub)
    assert (there["waiting"], there["lost_keys"], there["to"]) == (0, 0, f"the database {dsn}")
    status = answer("hub", "status", "--config", hub)
    assert (status["verifier_key"], status["counts"]["entries"]) == (key, there["entries"] + 1)
    assert "migrated" in schakel("audit", "search", "--kind", "migrated", "--config", hub).output
    shown = schakel("hub", "migrate", "--to", "file", "--yes", "--config", hub).output
    assert "The store is moved" in shown
    assert "Remove day.keys" in shown
    assert load_hub_config(hub / "hub.toml").dsn is None
    assert answer("hub", "status", "--config", hub)["counts"]["entries"] == there["entries"] + 2
    assert schakel("audit", "verify", "--config", hub).exit_code == Exit.DONE


def test_the_store_moves_from_one_database_to_another_and_nobody_is_waited_for_there(
    schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    hub, dsn, other = tmp_path / "hub", cluster().bare(), cluster().bare()
    assert schakel("hub", "init", hub, *NEW, *FG, "--dsn", dsn).exit_code == Exit.DONE
    same = schakel("hub", "migrate", "--to", dsn, "--yes", "--config", hub)
    assert (same.exit_code, "in that database already" in " ".join(same.output.split())) == (Exit.WRONG_USE, True)
    shown = schakel("hub", "migrate", "--to", other, "--yes", "--config", hub)
    assert shown.exit_code == Exit.DONE, shown.output
    assert "Name the new database as dsn on every other machine" in " ".join(shown.output.split())
    assert load_hub_config(hub / "hub.toml").dsn == other
    assert answer("hub", "recover", "--config", hub)["recovery"] is None
    assert len(answer("hub", "machines", "--config", hub)["machines"]) == 1
    assert schakel("audit", "verify", "--config", hub).exit_code == Exit.DONE


def test_settings_that_still_name_the_old_store_say_what_to_do_and_the_command_does_it(
    schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    hub, dsn = tmp_path / "hub", cluster().bare()
    schakel("hub", "init", hub, *NEW, *FG)
    before = (hub / "hub.toml").read_text()
    answer("hub", "migrate", "--to", dsn, "--yes", "--config", hub)
    (hub / "hub.toml").write_text(before)
    refused = schakel("hub", "status", "--config", hub)
    assert refused.exit_code == Exit.FAILED
    assert "name that as dsn in hub.toml" in " ".join(refused.output.split())
    assert "rows" not in answer("hub", "migrate", "--to", dsn, "--yes", "--config", hub)
    assert load_hub_config(hub / "hub.toml").dsn == dsn
    assert schakel("hub", "status", "--config", hub).exit_code == Exit.DONE


def test_where_there_is_a_store_of_another_hub_nothing_is_moved_and_the_hub_goes_on(
    schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    dsn, taken = cluster().bare(), cluster().new()
    with net_of(tmp_path / "net", TEAM, dsn=None) as net:
        hub = net.folder / "hub"
        refused = schakel("hub", "migrate", "--to", taken, "--yes", "--config", hub)
        assert (refused.exit_code, "a store in this database already" in " ".join(refused.output.split())) == (
            Exit.FAILED,
            True,
        )
        entries = net.status()["entries"]
        # A running hub answers, works on the new store, and its edge goes on by itself.
        moved = answer("hub", "migrate", "--to", dsn, "--yes", "--config", hub)
        assert moved["entries"] >= entries
        assert moved["pause_seconds"] > 0
        config = load_hub_config(hub / "hub.toml")
        assert config.dsn == dsn
        wait_for(lambda: schakel("hub", "status", "--config", hub, "--json").exit_code == Exit.DONE)
        net.hub.need_alive()
        assert len(net.hub.events("moved")) == 1
        findings = json.loads(schakel("hub", "doctor", "--config", hub, "--json").stdout)["findings"]
        assert [one["well"] for one in findings if one["subject"] in ("store", "recovery")] == [True, True]
        assert answer("hub", "recover", "--config", hub)["recovery"] is None
    cluster().again(taken)
