# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge as a process: whole files, a store that is lent and leased, a hub that is away, how it ends."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.config import load_edge_config
from adapters.edge import Edge
from adapters.sources.watched import WatchedFolder, _is_written
from adapters.store import StoreTakenError
from deploy.compose import machine_clock
from deploy.compose_edge import NoHub, open_edge, store_key
from deploy.dev_ca import DevCa
from deploy.exits import Exit
from deploy.lending import on_loan
from deploy.net import Net, Process
from deploy.run_edge import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_POLL, MOST_FAILED, SHORTEST_POLL, _Pace
from deploy.story.world import TEAM
from hub.control_socket import is_served
from schemas.address import oin_of
from tests.chaos.ground import NotHereError, fill, small_disk
from tests.deploy.conftest import Schakel
from tests.deploy.nets import let_look, net_of, wait_for

Answer = Callable[..., Any]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "n", TEAM) as found:
        yield found


@pytest.fixture
def watched(kept: Path) -> tuple[WatchedFolder, Path]:
    config = load_edge_config(kept / "team-wmo" / "edge.toml")
    return WatchedFolder(config), config.in_folder


# -- whole files -------------------------------------------------------------------------------------------------


def test_a_file_is_taken_when_it_is_the_same_at_two_looks(watched: tuple[WatchedFolder, Path]) -> None:
    folder, place = watched
    (place / "a.xml").write_bytes(b"half")
    assert not folder.look()
    assert folder.files() == []
    with (place / "a.xml").open("ab") as file:
        file.write(b" and whole")
    assert not folder.look()
    assert folder.look()
    assert [folder.read(one) for one in folder.files()] == [b"half and whole"]


def test_a_file_that_grows_keeps_no_other_from_being_taken(watched: tuple[WatchedFolder, Path]) -> None:
    folder, place = watched
    (place / "a.xml").write_bytes(b"whole")
    for step in range(3):
        with (place / "b.xml").open("ab") as file:
            file.write(b"x" * (step + 1))
        folder.look()
    assert [one.path.name for one in folder.files()] == ["a.xml"]


def test_a_file_that_somebody_has_open_for_writing_is_waited_for_however_long_he_rests(
    watched: tuple[WatchedFolder, Path],
) -> None:
    folder, place = watched
    with (place / "a.xml").open("wb") as file:
        file.write(b"half")
        file.flush()
        assert [folder.look() for _ in range(5)] == [False] * 5
        assert folder.files() == []
        file.write(b" and whole")
    folder.look()
    assert folder.look()
    with (place / "a.xml").open("rb"):  # who only reads keeps nobody waiting
        assert [folder.read(one) for one in folder.files()] == [b"half and whole"]


def test_where_the_system_does_not_say_who_writes_two_looks_decide(
    watched: tuple[WatchedFolder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, place = watched

    def no_leases(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(fcntl, "fcntl", no_leases)
    with (place / "a.xml").open("wb") as file:
        file.write(b"half")
        file.flush()
        folder.look()
        assert folder.look()


def test_a_file_that_goes_between_two_looks_is_no_news(watched: tuple[WatchedFolder, Path]) -> None:
    folder, place = watched
    (place / "a.xml").write_bytes(b"whole")
    folder.look()
    (place / "a.xml").unlink()
    assert not folder.look()
    assert not _is_written(place / "a.xml")


def test_a_file_that_stays_is_given_again_and_is_news_once(watched: tuple[WatchedFolder, Path]) -> None:
    folder, place = watched
    (place / "a.xml").write_bytes(b"whole")
    folder.look()
    assert folder.look()
    for _ in range(2):
        assert len(folder.files()) == 1
        assert not folder.look()


def test_a_file_that_changed_after_the_last_look_is_not_given(watched: tuple[WatchedFolder, Path]) -> None:
    folder, place = watched
    (place / "a.xml").write_bytes(b"whole")
    folder.look()
    assert folder.look()
    (place / "a.xml").write_bytes(b"another")
    assert folder.files() == []


# -- pace --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "share"), [(0, 0.5), (255, 1.0)])
def test_a_hub_that_is_away_is_asked_ever_later_up_to_a_minute_shortened_by_chance(chance: int, share: float) -> None:
    pace = _Pace(lambda n: bytes([chance] * n))
    waits, now = [], 0.0
    for _ in range(9):
        waits.append(pace.away(now))
        now += waits[-1]
    assert waits == pytest.approx([share * min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(9)])
    assert not pace.is_due(now - 0.1)
    assert pace.is_due(now)


def test_what_fails_before_the_hub_is_asked_again_makes_the_pause_no_longer() -> None:
    pace = _Pace(lambda n: bytes([255] * n))
    assert pace.away(0.0) == FIRST_PAUSE
    assert [pace.away(FIRST_PAUSE / 4) for _ in range(20)] == [FIRST_PAUSE * 3 / 4] * 20
    assert pace.is_due(FIRST_PAUSE)
    assert pace.away(FIRST_PAUSE) == 2 * FIRST_PAUSE


def test_a_hub_that_answers_is_polled_ever_longer_until_something_moves() -> None:
    pace = _Pace(bytes)
    pace.away(0.0)
    for _ in range(9):
        pace.answered(moved=False)
    assert (pace.pause, pace.poll) == (0.0, LONGEST_POLL)
    pace.answered(moved=True)
    assert pace.poll == SHORTEST_POLL


# -- the process -------------------------------------------------------------------------------------------------


def test_commands_work_while_the_edge_runs_and_it_goes_on_after_them(answer: Answer, net: Net) -> None:
    place, process = net.team.settings.config.data_folder.parent, net.team.process
    assert answer("edge", "view", "--config", place) == []
    assert answer("edge", "outbox", "--config", place)["outbox"] == []
    assert len(process.events("lent")) >= 2
    net.team.put("onleesbaar.xml", b"<geen bericht>")
    wait_for(lambda: not net.team.waiting())
    wait_for(lambda: any(one["quarantined"] == 1 for one in process.events("pass")))


def test_where_it_is_spread_the_hub_does_not_see_when_a_file_came(net: Net) -> None:
    """The file is taken while a poll waits, and the poll goes on."""
    telling = Process(("hub", "run", "--requests", "--config", str(net.folder / "hub")), net.hub.log)
    settings = net.team.settings.config.data_folder.parent / "edge.toml"
    written, process, alone = settings.read_text(), net.team.process, False
    process.stop()
    net.hub.stop()
    try:
        telling.start()
        wait_for(lambda: telling.events("listening"))
        settings.write_text(written.replace("spread_days = 0", "spread_days = 2"))
        process.start()
        wait_for(lambda: telling.events("request"))
        for number in range(8):
            asked, passed = len(telling.events("request")), len(process.events("pass"))
            net.team.put(f"komt-{number}.xml", b"<geen bericht>")
            wait_for(lambda before=passed: len(process.events("pass")) > before)
            alone = alone or len(telling.events("request")) == asked
    finally:
        process.stop()
        telling.stop()
        settings.write_text(written)
        net.hub.start()
        wait_for(lambda: net.hub.events("listening"))
        process.start()
    wait_for(lambda: process.events("has-store"))
    assert alone


def test_a_system_that_rests_while_it_writes_has_its_file_taken_whole(net: Net) -> None:
    process, config = net.team.process, net.team.settings.config
    with (config.in_folder / "traag.xml").open("wb") as file:
        file.write(b"<geen ")
        file.flush()
        let_look(4)
        assert [one.name for one in net.team.waiting()] == ["traag.xml"]
        file.write(b"bericht, traag>")
    wait_for(lambda: not net.team.waiting())
    assert b"<geen bericht, traag>" in [one.read_bytes() for one in config.quarantine_folder.iterdir()]
    process.need_alive()


def test_a_command_that_is_killed_gives_the_store_back(answer: Answer, net: Net) -> None:
    config = net.team.settings.config
    program = (
        "import sys, pathlib; from deploy.lending import borrowed\n"
        f"with borrowed(pathlib.Path({str(config.data_folder)!r})):\n    print('has it', flush=True); sys.stdin.read()"
    )
    command = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stdout.readline() == b"has it\n"
    command.send_signal(signal.SIGKILL)
    command.communicate()
    assert answer("edge", "view", "--config", config.data_folder.parent) == []


def test_an_edge_that_takes_the_store_just_before_a_command_opens_it_is_asked_to_lend_it(net: Net) -> None:
    process, settings = net.team.process, net.team.settings
    key, tries = store_key(settings.config, os.environ), list[int]()
    assert process.stop() == 0

    def late() -> AbstractContextManager[Edge]:
        tries.append(1)
        if len(tries) == 1:  # nobody was served when the command looked
            process.start()
            wait_for(lambda: process.events("has-store"))
        return open_edge(settings, NoHub(), key)

    with on_loan(settings.config.data_folder, late) as edge:
        assert edge.address == settings.config.address
        assert process.events("lent")
    assert len(tries) == 2


def test_a_store_that_nobody_lends_ends_a_command_with_a_sentence(net: Net) -> None:
    process, settings = net.team.process, net.team.settings
    key = store_key(settings.config, os.environ)
    assert process.stop() == 0
    again = on_loan(settings.config.data_folder, lambda: open_edge(settings, NoHub(), key), wait=0.3)
    with open_edge(settings, NoHub(), key), pytest.raises(StoreTakenError, match="another process"):
        again.__enter__()
    process.start()
    wait_for(lambda: process.events("has-store"))


def test_a_standby_waits_and_takes_over_when_the_edge_is_killed(answer: Answer, net: Net, tmp_path: Path) -> None:
    place = net.team.settings.config.data_folder.parent
    standby = Process(("edge", "run", "--config", str(place)), tmp_path / "standby.log")
    standby.start()
    try:
        wait_for(lambda: standby.events("waits-for-store"))
        assert answer("edge", "view", "--config", place) == []  # lent, and the standby leaves it alone
        assert not standby.events("has-store")
        net.team.process.kill()
        wait_for(lambda: standby.events("has-store"))
        assert answer("edge", "view", "--config", place) == []
        assert standby.events("lent")
        assert standby.stop() == 0
    finally:
        standby.end()
        net.team.process.start()
    wait_for(lambda: net.team.process.events("has-store"))


def test_of_two_standbys_one_takes_over_and_the_other_goes_on_waiting(net: Net, tmp_path: Path) -> None:
    place = net.team.settings.config.data_folder.parent
    standbys = [Process(("edge", "run", "--config", str(place)), tmp_path / f"{name}.log") for name in ("a", "b")]
    try:
        for one in standbys:
            one.start()
        for one in standbys:
            wait_for(lambda one=one: one.events("waits-for-store"))  # type: ignore[misc]
        net.team.process.kill()
        wait_for(lambda: any(one.events("has-store") for one in standbys))
        assert [bool(one.events("has-store")) for one in standbys].count(True) == 1
        assert [one.stop() for one in standbys] == [0, 0]
    finally:
        for one in standbys:
            one.end()
        net.team.process.start()
    wait_for(lambda: net.team.process.events("has-store"))


GOOD = (Path(__file__).parents[1] / "vectors" / "iwmo" / "valid" / "305_gestart.xml").read_bytes()


def test_an_edge_on_a_full_disk_says_so_at_its_start_and_while_it_runs_and_works_as_soon_as_there_is_room(
    net: Net,
) -> None:
    process, folder = net.team.process, net.team.settings.config.data_folder
    assert process.stop() == 0
    kept = folder.with_name("data.kept")
    with ExitStack() as stack:
        try:
            small_disk(folder, stack)
        except NotHereError:
            process.start()
            pytest.skip("this machine lets nobody mount a small disk of his own")
        filler = fill(folder)
        process.start()
        wait_for(lambda: process.events("waits-for-room"))
        let_look(MOST_FAILED + 2)  # as often as it would try a store that is broken
        process.need_alive()
        assert (len(process.events("waits-for-room")), process.events("has-store")) == (1, [])
        filler.unlink()
        wait_for(lambda: process.events("has-store"))
        filler, place = fill(folder), net.team.settings.config
        faults = len(process.events("fault"))
        net.team.put("a.xml", b"\n".join([GOOD.replace(b"?>", b"?><!--%d-->" % one, 1) for one in range(300)]))
        wait_for(lambda: len(process.events("waits-for-room")) == 2)
        filler.unlink()
        wait_for(lambda: not list(place.in_folder.iterdir()))
        assert len(process.events("fault")) == faults
        assert process.stop() == 0
        shutil.copytree(folder, kept)
    shutil.rmtree(folder, ignore_errors=True)
    kept.rename(folder)
    process.start()
    wait_for(lambda: process.events("has-store"))


def test_a_store_with_another_key_ends_the_process_with_a_sentence(net: Net, schakel: Schakel, tmp_path: Path) -> None:
    place = net.team.settings.config.data_folder.parent
    other = tmp_path / "kopie"
    net.team.process.kill()
    try:
        shutil.copytree(place, other, ignore=shutil.ignore_patterns("*.sock"))
    finally:
        net.team.process.start()
    key = tmp_path / "ander.key"
    key.write_text("11" * 32 + "\n")
    key.chmod(0o600)
    text = (other / "edge.toml").read_text()
    (other / "edge.toml").write_text(re.sub("key_file = .*", f'key_file = "{key}"', text, count=1))
    result = schakel("edge", "run", "--config", other)
    assert result.exit_code == Exit.FAILED
    assert "key" in result.output
    wait_for(lambda: net.team.process.events("has-store"))


def test_certificates_are_read_again_at_sighup_and_what_can_not_be_read_changes_nothing(net: Net) -> None:
    file, process = net.team.settings.config.hub_certificate, net.team.process
    good = file.read_bytes()
    try:
        file.write_bytes(b"broken")
        os.kill(process.process_id, signal.SIGHUP)
        wait_for(lambda: process.events("not-reloaded"))
    finally:
        file.write_bytes(good)
    os.kill(process.process_id, signal.SIGHUP)
    wait_for(lambda: process.events("reloaded"))
    assert process.events("hub-away") == []


def test_after_sighup_the_new_certificate_is_the_one_that_is_shown(net: Net) -> None:
    config, process = net.team.settings.config, net.team.process
    good = [one.read_bytes() for one in (config.hub_certificate, config.hub_certificate_key)]
    strange = DevCa(net.folder / "strange-ca", machine_clock() // 1000, strict=False)
    files = strange.client(oin_of(TEAM.address), "team-wmo")

    def show(certificate: bytes, key: bytes) -> None:
        config.hub_certificate.write_bytes(certificate)
        config.hub_certificate_key.write_bytes(key)
        os.kill(process.process_id, signal.SIGHUP)

    try:
        show(files.certificate.read_bytes(), files.key.read_bytes())
        wait_for(lambda: process.events("hub-away"))  # it does not take a strange one
    finally:
        show(*good)
    wait_for(lambda: process.events("hub-back"))


def test_while_the_hub_is_away_files_are_taken_and_it_ends_in_order(net: Net) -> None:
    net.hub.kill()
    process = net.team.process
    try:
        wait_for(lambda: process.events("hub-away"))
        net.team.put("ook-onleesbaar.xml", b"<geen bericht!>")
        wait_for(lambda: not net.team.waiting())
        assert process.stop() == 0
        assert not is_served(net.team.settings.config.data_folder)
    finally:
        net.hub.start()
        wait_for(lambda: net.hub.events("listening"))
        process.start()
    wait_for(lambda: process.events("has-store"))


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    """The child would sleep for ten minutes; it is gone soon after whoever started it was killed."""
    program = (
        "import pathlib, sys, time; from deploy.net import Process\n"
        "sleeps = (sys.executable, '-c', 'import time; time.sleep(600)')\n"
        f"one = Process((), pathlib.Path({str(tmp_path / 'x.log')!r}), within=sleeps)\n"
        "one.start(); print(one.process_id, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        try:
            assert _runs(child)
            starter.kill()
            starter.wait()
            wait_for(lambda: not _runs(child))
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_an_edge_without_a_hub_somewhere_else_does_not_run(schakel: Schakel, kept: Path) -> None:
    result = schakel("edge", "run", "--config", kept / "team-wmo")
    assert result.exit_code == Exit.FAILED
    assert "https://" in result.output


def test_strict_mode_takes_https_and_no_hub_in_the_same_process(net: Net, tmp_path: Path, schakel: Schakel) -> None:
    lines = f'address = "{TEAM.address}"\nname = "T"\nkey_file = "../t.key"\nhub_key = "{net.team.settings.config.hub_key}"\n'
    file = tmp_path / "e" / "edge.toml"
    file.parent.mkdir()
    https = lines + 'hub = "https://hub.example:8443"\n'
    file.write_text(https)
    assert schakel("config", "check", file).exit_code == Exit.REFUSED
    file.write_text(https + 'partner_authorities = "p.pem"\naccession_authority = "a.pem"\n')
    assert schakel("config", "check", file).exit_code == Exit.DONE
    file.write_text(lines + 'hub = "local:../hub"\n')
    assert schakel("config", "check", file).exit_code == Exit.REFUSED
