# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`hub doctor` and `edge doctor`: each finding when all is well and when it is not, with its remedy."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.sources.folder import REPORT
from adapters.witness import EVIDENCE
from deploy import doctor, doctor_edge, doctor_tls
from deploy.commands.desk import at_desk
from deploy.compose import machine_clock, open_hub
from deploy.dev_ca import DevCa
from deploy.doctor import Finding
from deploy.doctor_hub import Moment, of_store
from deploy.doctor_tls import Pem
from deploy.exits import Exit
from deploy.net import Net
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import TEAM as WHO
from hub.client import Feed, FeedItem, HubUnavailableError, Seen
from hub.config import load_hub_config
from hub.store import Step
from schemas.address import oin_of
from schemas.calendar import day_of
from schemas.codes import Code
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of

TEAM = "urn:nld:oin:00000009999999990001:team-wmo"
DAY_MS = 86_400_000


def _look(schakel: Schakel, side: str, place: Path, *, well: bool = False) -> dict[str, Any]:
    """The findings that are not well, by their subject; whether anything is must be what the exit code says."""
    result = schakel(side, "doctor", "--config", place, "--json")
    assert result.exit_code == (Exit.DONE if well else Exit.FAILED), result.output
    answer = json.loads(result.stdout)
    assert answer["well"] is well
    assert all(one["remedy"] for one in answer["findings"] if not one["well"])
    return {one["subject"]: one for one in answer["findings"] if not one["well"]}


def _ill(found: Finding, says: str) -> None:
    assert not found.well
    assert says in found.says
    assert found.remedy


# -- the commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "place"), [("hub", "hub"), ("edge", "team-wmo"), ("edge", "huisarts")])
def test_all_is_well_after_a_demo(schakel: Schakel, kept: Path, side: str, place: str) -> None:
    assert _look(schakel, side, kept / place, well=True) == {}
    assert "All is well." in schakel(side, "doctor", "--config", kept / place).output


@pytest.mark.parametrize(
    ("side", "place", "key"), [("hub", "hub", "hub-log.key"), ("edge", "team-wmo", "team-wmo.key")]
)
def test_a_key_that_others_may_read_is_found(schakel: Schakel, kept: Path, side: str, place: str, key: str) -> None:
    (kept / "keys" / key).chmod(0o644)
    found = _look(schakel, side, kept / place)
    assert len(found) == 2  # the key, and the store that is not opened with it
    first = next(one for subject, one in found.items() if subject.startswith("key of"))
    assert first["remedy"] == "Run `chmod 600` on it."


@pytest.mark.parametrize(
    ("side", "place", "key"), [("hub", "hub", "hub-log.key"), ("edge", "team-wmo", "team-wmo.key")]
)
@pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b" 0" * 32])
def test_a_key_that_is_none_is_found_and_not_shown(
    schakel: Schakel, kept: Path, side: str, place: str, key: str, content: bytes
) -> None:
    (kept / "keys" / key).write_bytes(content)
    found = _look(schakel, side, kept / place)
    assert any("64 hexadecimals" in one["says"] for one in found.values())
    assert "zz" not in json.dumps(found)


def test_a_data_folder_that_others_may_read_is_found(schakel: Schakel, kept: Path) -> None:
    (kept / "hub" / "data").chmod(0o755)
    assert _look(schakel, "hub", kept / "hub")["data folder"]["remedy"] == "Run `chmod 700` on it."


@pytest.mark.parametrize(("side", "place", "file"), [("hub", "hub", "hub.db"), ("edge", "team-wmo", "edge.sqlite")])
def test_a_store_that_is_gone_or_damaged_is_found(
    schakel: Schakel, kept: Path, side: str, place: str, file: str
) -> None:
    store = kept / place / "data" / file
    store.write_bytes(b"this is no database" * 500)
    assert "damaged" in _look(schakel, side, kept / place)["store"]["says"]
    store.unlink()
    assert "there is no" in _look(schakel, side, kept / place)["store"]["says"].lower()


def test_a_hub_store_of_another_version_is_found(schakel: Schakel, kept: Path) -> None:
    db = sqlite3.connect(kept / "hub" / "data" / "hub.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert "made by a newer Schakel" in _look(schakel, "hub", kept / "hub")["store"]["says"]


def test_a_store_that_another_process_has_is_found(schakel: Schakel, kept: Path) -> None:
    with open_hub(load_hub_config(kept / "hub" / "hub.toml")):
        assert "another process works with this store" in _look(schakel, "hub", kept / "hub")["store"]["says"].lower()
    with at_desk(kept / "team-wmo"):
        assert set(_look(schakel, "edge", kept / "team-wmo")) == {"store"}


def test_a_clock_that_was_set_back_is_found(schakel: Schakel, kept: Path) -> None:
    ahead = machine_clock() + 3_600_000
    with open_hub(load_hub_config(kept / "hub" / "hub.toml"), lambda: ahead) as hub:
        hub.store.commit(Step(at=ahead))
    assert "behind the last commit" in _look(schakel, "hub", kept / "hub")["clock"]["says"]


@pytest.mark.parametrize(("side", "place"), [("hub", "hub"), ("edge", "team-wmo")])
def test_settings_with_a_fault_are_a_finding(schakel: Schakel, kept: Path, side: str, place: str) -> None:
    with (kept / place / f"{side}.toml").open("a") as file:
        file.write("\nno_such_setting = 1\n")
    assert "schakel config show" in _look(schakel, side, kept / place)["settings"]["remedy"]


def test_a_hub_that_is_away_is_found_by_its_edge(schakel: Schakel, kept: Path) -> None:
    (kept / "hub" / "data").rename(kept / "away")
    assert "can't be reached" in _look(schakel, "edge", kept / "team-wmo")["connection"]["says"]


def test_a_hub_that_refuses_this_edge_is_found(schakel: Schakel, kept: Path) -> None:
    assert schakel("partner", "suspend", TEAM, "--yes", "--config", kept / "hub").exit_code == Exit.DONE
    found = _look(schakel, "edge", kept / "team-wmo")
    assert "refuses this edge" in found["connection"]["says"]
    assert "admit" in found["connection"]["remedy"]


def test_a_strict_hub_without_a_gateway_is_found(schakel: Schakel, tmp_path: Path) -> None:
    new = ("--name", "hub.voorbeeld.nl", "--operator", "Hub", "--controllers", "Gemeente A", "--fg-contact", "fg@a.nl")
    assert schakel("hub", "init", tmp_path / "hub", *new).exit_code == Exit.DONE
    found = _look(schakel, "hub", tmp_path / "hub")
    assert set(found) == {"gateway"}
    assert "[gateway]" in found["gateway"]["remedy"]


def test_an_edge_that_never_worked_is_told_what_is_missing(schakel: Schakel, tmp_path: Path) -> None:
    made = ("--address", TEAM, "--name", "Team", "--key-file", tmp_path / "k")
    assert schakel("edge", "init", tmp_path / "edge", *made).exit_code == Exit.DONE
    found = _look(schakel, "edge", tmp_path / "edge")
    assert set(found) == {"admission", "connection"}


def test_a_fork_that_was_seen_is_told(schakel: Schakel, kept: Path) -> None:
    with at_desk(kept / "team-wmo") as (opened, _), opened.store.transaction() as tx:
        tx.put(EVIDENCE, b"0", ["the log has become shorter", "note"])
    assert "forked" in _look(schakel, "edge", kept / "team-wmo")["log of the hub"]["says"]


def test_files_put_aside_and_files_not_taken_are_counted(schakel: Schakel, kept: Path) -> None:
    place = kept / "team-wmo"
    for name in ("a.xml", f"a.xml{REPORT}", "b.xml"):
        (place / "quarantine" / name).write_bytes(b"")
    for name in ("old.xml", ".unfinished", "new.xml"):
        (place / "in" / name).write_bytes(b"")
    for name in ("old.xml", ".unfinished"):
        os.utime(place / "in" / name, (0, 0))
    found = _look(schakel, "edge", place)
    assert found["quarantine"]["says"].startswith("2 files were")
    assert found["files to take"]["says"].startswith("1 in ")


def test_an_edge_whose_own_code_is_wrong_is_told_that_nothing_it_reads_is_from_or_to_it(
    schakel: Schakel, kept: Path
) -> None:
    place = kept / "zorgaanbieder"
    settings = place / "edge.toml"
    settings.write_text(settings.read_text().replace(messages.AGB, "87654321"))
    day = day_of(machine_clock())
    support = messages.Support(day, day, day + 30)
    (place / "in" / "other.xml").write_bytes(messages.allocation(CITIZEN, support))
    worked = schakel("edge", "work", "--config", place)
    assert "1 message(s) were neither from nor to this organisation." in worked.output
    found = _look(schakel, "edge", place)
    assert set(found) == {"own codes"}
    assert found["own codes"]["says"] == (
        "1 message of the last 7 days was neither from nor to this organisation: nothing was told."
    )
    assert "agb" in found["own codes"]["remedy"]
    assert CITIZEN.bsn not in json.dumps(found)


# -- beside running processes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "n", WHO) as found:
        yield found


def test_a_running_hub_and_edge_are_looked_at_without_stopping_them(schakel: Schakel, net: Net) -> None:
    assert _look(schakel, "hub", net.folder / "hub", well=True) == {}
    found = _look(schakel, "edge", net.folder / net.team.who.folder, well=True)
    assert found == {}
    net.hub.need_alive()
    net.team.process.need_alive()
    unknown = schakel("hub", "trace", "0" * 32, "--config", net.folder / "hub")
    assert "knows nothing of this id" in unknown.output


@contextmanager
def _settings(net: Net, old: str, new: str) -> Iterator[Path]:
    """The settings of the team's edge with something else in them."""
    place = net.folder / net.team.who.folder
    file = place / "edge.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    try:
        file.write_text(text.replace(old, new), encoding="utf-8")
        yield place
    finally:
        file.write_text(text, encoding="utf-8")


def test_a_certificate_of_another_organisation_is_found_by_its_name(schakel: Schakel, net: Net) -> None:
    with _settings(net, "ca/team-wmo", "ca/zorgaanbieder") as place:
        found = _look(schakel, "edge", place)
    assert set(found) == {"certificate for the hub, name", "connection"}
    assert (
        "00000009999999990002, and this partner has 00000009999999990001"
        in (found["certificate for the hub, name"]["says"])
    )
    assert "unknown-sender" in found["connection"]["says"]


def test_a_certificate_with_the_key_of_another_is_found_and_no_connection_is_tried(schakel: Schakel, net: Net) -> None:
    with _settings(net, "ca/team-wmo.key", "ca/zorgaanbieder.key") as place:
        found = _look(schakel, "edge", place)
    assert set(found) == {"certificate for the hub", "connection"}
    assert found["connection"]["remedy"].startswith("Mend that first")


def test_an_edge_that_waits_for_its_certificate_is_told_who_gives_it(schakel: Schakel, net: Net) -> None:
    with _settings(net, "ca/team-wmo.crt", "ca/not-yet.crt") as place:
        found = _look(schakel, "edge", place)
    assert set(found) == {"certificate for the hub", "connection"}
    assert "operator of the hub, who admits this edge" in found["certificate for the hub"]["remedy"]


def test_a_store_with_another_key_is_told_which_setting_names_it(schakel: Schakel, net: Net) -> None:
    with _settings(net, "keys/team-wmo.key", "keys/log.key") as place:
        found = _look(schakel, "edge", place)
    assert set(found) == {"store"}
    assert "key_file" in found["store"]["remedy"]


def test_a_hub_whose_certificate_others_vouch_for_is_told_from_one_that_is_away(schakel: Schakel, net: Net) -> None:
    file = net.team.settings.config.hub_authorities
    good = file.read_bytes()
    try:
        other = DevCa(net.folder / "other-ca", machine_clock() // 1000, strict=False)
        file.write_bytes(other.files.certificate.read_bytes())
        found = _look(schakel, "edge", net.folder / net.team.who.folder)
    finally:
        file.write_bytes(good)
    assert set(found) == {"connection"}
    assert "hub_authorities do not vouch for" in found["connection"]["says"]


def test_an_edge_whose_certificate_is_of_a_strange_authority_is_told_to_look_at_it(schakel: Schakel, net: Net) -> None:
    files = DevCa(net.folder / "strange-ca", machine_clock() // 1000, strict=False).client(oin_of(TEAM), "team-wmo")
    with _settings(net, str(net.folder / "ca" / "team-wmo"), str(files.certificate.with_suffix(""))) as place:
        found = _look(schakel, "edge", place)
    assert set(found) == {"connection"}
    assert "does not take the certificate of this edge" in found["connection"]["remedy"]


def test_a_hub_that_was_killed_is_found_at_both_sides(schakel: Schakel, net: Net) -> None:
    net.hub.kill()
    assert _look(schakel, "hub", net.folder / "hub")["gateway"]["says"] == "The hub does not run."
    found = _look(schakel, "edge", net.folder / net.team.who.folder)
    assert "can't be reached" in found["connection"]["says"]


# -- the checks --------------------------------------------------------------------------------------------------


def test_a_disk_with_little_room_is_found(tmp_path: Path) -> None:
    assert doctor.room(tmp_path, lambda _: doctor.ROOM).well
    _ill(doctor.room(tmp_path, lambda _: doctor.ROOM - 1), "511 MB are free")
    _ill(doctor.room(tmp_path / "gone"), "can't be looked at")


def test_a_clock_may_differ_two_seconds() -> None:
    assert doctor.clock(1_000_000, 1_002_000).well
    _ill(doctor.clock(1_000_000, 1_003_000), "3 s behind")


@pytest.mark.parametrize(("until", "says"), [(None, "no manifest"), (99, "were valid until"), (105, "not renewed")])
def test_a_manifest_that_is_over_or_soon_will_be_is_found(until: int | None, says: str) -> None:
    _ill(doctor.manifest("manifest", until, 100, own=True), says)
    assert doctor.manifest("manifest", 106, 100, own=True).well


def test_a_folder_is_there_and_a_folder(tmp_path: Path) -> None:
    assert doctor.folder("folder in", tmp_path).well
    (tmp_path / "file").write_bytes(b"")
    _ill(doctor.folder("folder in", tmp_path / "file"), "is no folder")
    _ill(doctor.folder("folder in", tmp_path / "gone"), "is not there")


def test_a_partner_without_valid_keys_and_a_fault_are_found_at_the_hub() -> None:
    told: dict[str, Any] = {
        "schema_version": 1,
        "entries": 3,
        "committed_at": 5,
        "jump_seconds": 0,
        "faults": 2,
        "log": 1,
        "awaited": 0,
        "revoked": 1,
    }
    told |= {"partners": [{"address": TEAM, "until": 99}]}
    found = {one.subject: one for one in of_store(told, Moment(5, 100))}
    _ill(found[f"manifest of {TEAM}"], "were valid until")
    _ill(found["faults"], "failed on 2 messages")
    assert found["clock"].well
    [clock] = [one for one in of_store(told | {"jump_seconds": -300}, Moment(5, 100)) if one.subject == "clock"]
    _ill(clock, "300 s behind what it should be")


def test_a_hub_that_answers_and_can_not_write_is_not_well() -> None:
    assert doctor_edge.answered(ready=True).well
    _ill(doctor_edge.answered(ready=False), "can't write at present")


@pytest.mark.parametrize("cause", [aiohttp.ServerDisconnectedError(), aiohttp.ClientOSError(104, "reset by peer")])
def test_a_connection_that_is_closed_or_reset_points_at_the_certificate(cause: Exception) -> None:
    error = HubUnavailableError("away")
    error.__cause__ = cause
    assert "does not take the certificate of this edge" in doctor_edge.unreached(error).remedy


def test_a_position_in_the_feed_is_well_until_it_is_of_another_log_or_far_behind() -> None:
    line = FeedItem(4, Code.STORED, bytes(16), None)
    assert doctor_edge.position("o", 3, Feed("o", (line,), more=False)).well
    _ill(doctor_edge.position("", 0, Feed("o", (), more=False)), "never read")
    _ill(doctor_edge.position("o", 3, Feed("p", (), more=False)), "another log")
    _ill(doctor_edge.position("o", 3, Feed("o", (line,), more=True)), "more than 1 lines wait")


def test_a_checkpoint_of_another_key_or_a_shorter_log_is_found(kept: Path) -> None:
    with open_hub(load_hub_config(kept / "hub" / "hub.toml")) as hub:
        note = hub.exchange.checkpoint()
        size, origin = hub.store.head().size, hub.log.origin
    with at_desk(kept / "team-wmo") as (_, settings):
        verifier = settings.config.hub_verifier
    assert verifier is not None
    assert doctor_edge.checkpoint(note, verifier, None).well
    assert doctor_edge.checkpoint(note, verifier, Seen(origin, 1, bytes(32))).well
    _ill(doctor_edge.checkpoint(note, verifier, Seen(origin, size + 1, bytes(32))), "shorter")
    _ill(doctor_edge.checkpoint(note, verifier, Seen("other", 1, bytes(32))), "another")
    _ill(doctor_edge.checkpoint(note, (verifier[0], bytes(32)), None), "did not sign")


# -- certificates ------------------------------------------------------------------------------------------------


def _pem(folder: Path) -> tuple[Pem, int]:
    now = machine_clock()
    authority = DevCa(folder / "ca", now // 1000, strict=False, days=60)
    server = authority.server()
    return Pem(server.certificate, server.key, (authority.files.certificate,)), now


def _found(pem: Pem, now: int) -> list[Finding]:
    return [one for one in doctor_tls.certificate("certificate", pem, now) if not one.well]


def test_a_certificate_counts_its_days(tmp_path: Path) -> None:
    pem, now = _pem(tmp_path)
    assert _found(pem, now) == []
    for days, says in ((35, "It ends on"), (61, "It ended on"), (-9, "not valid yet")):
        (found,) = _found(pem, now + days * DAY_MS)
        _ill(found, says)


def test_a_certificate_without_its_key_its_authority_or_its_file_is_found(tmp_path: Path) -> None:
    pem, now = _pem(tmp_path / "a")
    other, _ = _pem(tmp_path / "b")
    (found,) = _found(Pem(pem.certificate, other.key, pem.authorities), now)
    _ill(found, "do not belong together")
    (found,) = _found(Pem(pem.certificate, pem.key, other.authorities), now)
    _ill(found, "doesn't lead to an authority")
    (found,) = _found(Pem(tmp_path / "gone", pem.key, pem.authorities), now)
    _ill(found, f"Can't be read as PEM: {tmp_path / 'gone'}.")
    assert _found(Pem(pem.certificate, pem.key, ()), now) == []
    pem.certificate.write_bytes(pem.certificate.read_bytes() + other.certificate.read_bytes())
    (found,) = _found(Pem(pem.certificate, pem.key, ()), now)
    _ill(found, "isn't whole")
    _ill(doctor_tls.named("name", tmp_path / "gone", "1"), "can't be read")
    _ill(doctor_tls.named("name", pem.authorities[0], "1"), "It names no number")


def test_nobody_who_answers_and_somebody_else_who_does_are_told_apart(tmp_path: Path) -> None:
    pem, _ = _pem(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = ("0.0.0.0", server.getsockname()[1])  # noqa: S104
        _ill(doctor_tls.answers("gateway", listen, pem.authorities[0], seconds=0.2), "no answer in time")
    _ill(doctor_tls.answers("gateway", listen, pem.authorities[0]), "Nothing answers")


def test_today_is_the_day_of_the_clock(kept: Path) -> None:
    with at_desk(kept / "team-wmo") as (opened, _):
        now = machine_clock() + 40 * DAY_MS
        found = {one.subject: one for one in doctor_edge.of_store(opened, Moment(now, day_of(now)))}
    _ill(found["manifest"], "were valid until")
    with at_desk(kept / "team-wmo") as (opened, _):
        before = machine_clock() - 2 * DAY_MS
        found = {one.subject: one for one in doctor_edge.of_store(opened, Moment(before, day_of(before)))}
    _ill(found["clock"], "behind the last commit")
