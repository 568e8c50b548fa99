# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Three machines as processes on one database that is put back: what an operator sees, and does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.exits import Exit
from deploy.net import Net, Process
from deploy.prometheus import free_port
from deploy.story.world import TEAM
from hub.config import load_hub_config
from hub.machines import machine_name
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for
from tests.deploy.new_hub import FG, NEW
from tests.postgres import cluster, name_in

FILES = ("hub.toml", "accession.key", "accession.crt", "greatest.json", "day.keys")


class Machines:
    """The hub of a net, and two more machines of it."""

    def __init__(self, net: Net, dsn: str) -> None:
        self.net, self.dsn = net, dsn
        self.folders = [net.folder / name for name in ("hub", "hub-b", "hub-c")]
        self.processes = [net.hub]
        for folder in self.folders[1:]:
            folder.mkdir()
            for name in FILES:
                if (self.folders[0] / name).exists():
                    shutil.copy(self.folders[0] / name, folder / name)
            text = (folder / "hub.toml").read_text(encoding="utf-8")
            text = re.sub(r'listen = "127.0.0.1:\d+"', lambda _: f'listen = "127.0.0.1:{free_port()}"', text)
            (folder / "hub.toml").write_text(text, encoding="utf-8")
            self.processes.append(Process(("hub", "run", "--config", str(folder)), net.folder / f"{folder.name}.log"))
            self.processes[-1].start()
        wait_for(lambda: all(self.listens(which) for which in range(3)))

    def listens(self, which: int) -> bool:
        self.processes[which].need_alive()
        return bool(self.processes[which].events("listening"))

    def waits_for(self, which: int) -> set[str]:
        self.processes[which].need_alive()
        told = self.processes[which].events("waits-for-machines")
        return set(str(told[-1]["machines"]).split()) if told else set()

    def name(self, which: int) -> str:
        return machine_name(load_hub_config(self.folders[which] / "hub.toml").data_folder)

    def repeats(self, hub: Process) -> None:
        """Returns when the edge has repeated its facts; it begins anew, since it would wait for up to a minute."""
        self.net.team.process.kill()
        self.net.team.process.start()
        wait_for(lambda: hub.events("recovery") and hub.events("recovery")[-1]["awaited"] == 0)

    def end(self) -> None:
        for process in self.processes[1:]:
            process.end()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    dsn = cluster().bare()
    with net_of(tmp_path / "net", TEAM, dsn=dsn) as net:
        made = Machines(net, dsn)
        yield made
        made.end()


def test_a_late_machine_serves_nothing_of_yesterdays_database_and_one_that_is_gone_is_given_up_with_one_command(
    machines: Machines, schakel: Schakel, answer: Callable[..., Any]
) -> None:
    a, b, c = machines.processes
    name, own = name_in(machines.dsn), machines.folders
    for process in machines.processes:
        process.kill()
    cluster()._let_go()
    _end_sessions(name)
    cluster().admin(f"CREATE DATABASE {name}_yesterday TEMPLATE {name}")
    for process in machines.processes:
        process.start()
    wait_for(lambda: all(machines.listens(which) for which in range(3)))
    c.kill()  # away for all that comes
    suspended = schakel("partner", "suspend", TEAM.address, "--yes", "--config", own[0])
    assert suspended.exit_code == Exit.DONE, suspended.output
    assert schakel("partner", "resume", TEAM.address, "--config", own[0]).exit_code == Exit.DONE
    b.kill()
    entries = answer("hub", "status", "--config", own[0])["counts"]["entries"]
    a.kill()
    _end_sessions(name)
    cluster().admin(f"ALTER DATABASE {name} RENAME TO {name}_gone")
    cluster().admin(f"ALTER DATABASE {name}_yesterday RENAME TO {name}")

    c.start()
    wait_for(lambda: machines.waits_for(2) == {machines.name(0), machines.name(1)})
    assert not machines.listens(2)
    shown = schakel("hub", "machines", "--config", own[2], "--json")
    assert set(json.loads(shown.stdout)["awaited"]) == {machines.name(0), machines.name(1)}
    a.start()
    wait_for(lambda: machines.waits_for(0) == {machines.name(1)} == machines.waits_for(2))
    assert not machines.listens(0)
    assert not machines.listens(2)
    # b has burnt down.
    unsure = schakel("hub", "machines", "--without", machines.name(1), "--config", own[0], typed="n\n")
    assert (unsure.exit_code, "Nothing was changed" in unsure.output) == (Exit.WRONG_USE, True)
    gone = schakel("hub", "machines", "--without", machines.name(1), "--yes", "--config", own[0])
    assert (gone.exit_code, "Nobody waits for a machine" in " ".join(gone.output.split())) == (Exit.DONE, True)
    again = schakel("hub", "machines", "--without", machines.name(1), "--yes", "--config", own[0])
    assert (again.exit_code, "has no machine" in " ".join(again.output.split())) == (Exit.REFUSED, True)
    wait_for(lambda: machines.listens(0) and machines.listens(2))
    machines.repeats(a)
    found = [answer("hub", "recover", "--config", own[which])["recovery"] for which in (0, 2)]
    assert found[0] == found[1]
    assert found[0]["seen"] == f"log 1, {entries} entries"


def test_a_running_machine_that_saw_more_begins_the_recovery_by_itself_and_the_others_wait_for_it(
    machines: Machines, schakel: Schakel, answer: Callable[..., Any]
) -> None:
    """The server comes back with an older database under three processes that run."""
    a = machines.processes[0]
    name = name_in(machines.dsn)
    cluster()._let_go()
    cluster().admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    _end_sessions(name)
    cluster().admin(f"CREATE DATABASE {name}_yesterday TEMPLATE {name}")
    cluster().admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_for(
        lambda: all(schakel("hub", "status", "--config", one, "--json").exit_code == 0 for one in machines.folders)
    )
    before = answer("hub", "status", "--config", machines.folders[0])["counts"]["entries"]
    answer("partner", "suspend", TEAM.address, "--yes", "--config", machines.folders[1])
    answer("partner", "resume", TEAM.address, "--config", machines.folders[1])
    for one in machines.folders:  # each has seen what will be gone
        wait_for(lambda one=one: answer("hub", "status", "--config", one)["counts"]["entries"] > before)  # type: ignore[misc]
    cluster().admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    _end_sessions(name)
    cluster().admin(f"ALTER DATABASE {name} RENAME TO {name}_gone")
    cluster().admin(f"ALTER DATABASE {name}_yesterday RENAME TO {name}")
    wait_for(lambda: any(process.events("lacks") for process in machines.processes))
    wait_for(lambda: a.events("recovery"))
    wait_for(lambda: all(len(process.events("listening")) == 2 for process in machines.processes))
    machines.repeats(a)
    found = [answer("hub", "recover", "--config", folder)["recovery"] for folder in machines.folders]
    assert found == [found[0]] * 3
    assert found[0]["log"].endswith(("/log/2", "/log/3", "/log/4"))


def test_that_the_database_was_put_back_can_be_said_and_the_next_start_is_in_recovery(
    schakel: Schakel, answer: Callable[..., Any], tmp_path: Path
) -> None:
    """It holds the newest checkpoint that was signed, and so nobody could find out what it lacks."""
    made = schakel("hub", "init", tmp_path / "hub", *NEW, *FG, "--dsn", cluster().bare())
    assert made.exit_code == Exit.DONE, made.output
    hub = tmp_path / "hub"
    assert answer("hub", "recover", "--config", hub)["recovery"] is None
    unsure = schakel("hub", "recover", "--put-back", "--config", hub, typed="n\n")
    assert (unsure.exit_code, "Nothing was changed" in unsure.output) == (Exit.WRONG_USE, True)
    assert answer("hub", "recover", "--put-back", "--yes", "--config", hub) == {"put_back": True}
    assert answer("hub", "recover", "--config", hub)["recovery"]["log"].endswith("/log/2")
    assert answer("hub", "recover", "--config", hub)["recovery"]["log"].endswith("/log/2")


def test_a_hub_on_a_file_has_no_machines(schakel: Schakel, tmp_path: Path) -> None:
    assert schakel("hub", "init", tmp_path / "hub", *NEW, *FG).exit_code == Exit.DONE
    found = schakel("hub", "machines", "--config", tmp_path / "hub")
    assert (found.exit_code, "waits for no other" in " ".join(found.output.split())) == (Exit.FAILED, True)


def _end_sessions(name: str) -> None:
    cluster().admin(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"  # noqa: S608
    )
