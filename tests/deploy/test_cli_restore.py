# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub backup|restore|recover` and `schakel edge backup|restore|restored`, as a person uses them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli import cli
from deploy.exits import Exit
from deploy.put_back import put_hub_back
from hub import key_file
from hub.config import load_hub_config
from tests.deploy.conftest import Schakel

EDGES = ("team-wmo", "zorgaanbieder", "huisarts")
Answer = Callable[..., Any]


def passes(answer: Answer, kept: Path, *edges: str) -> list[dict[str, Any]]:
    """A pass of these edges, one after another."""
    return [answer("edge", "work", "--config", kept / name) for name in edges]


def finding(kind: str, place: Path, subject: str) -> bool:
    """Whether the doctor finds this in order."""
    result = CliRunner().invoke(cli, [kind, "doctor", "--config", str(place), "--json"])
    [found] = [one for one in json.loads(result.stdout)["findings"] if one["subject"] == subject]
    return bool(found["well"])


def test_a_hub_is_put_back_waits_for_its_partners_and_works(kept: Path, schakel: Schakel, answer: Answer) -> None:
    hub, copy = kept / "hub", kept / "copy.db"
    assert answer("hub", "backup", copy, "--config", hub)["entries"] > 40
    passes(answer, kept, *EDGES)
    put = answer("hub", "restore", copy, "--yes", "--config", hub)
    assert Path(put["replaced"]).is_dir()
    found = answer("hub", "recover", "--config", hub)["recovery"]
    assert len(found["awaited"]) == 3
    assert found["log"].endswith("/log/2")
    assert "IN RECOVERY" in schakel("hub", "status", "--config", hub).output
    assert finding("hub", hub, "recovery") is False
    assert [one["waits"] for one in passes(answer, kept, *EDGES)] == ["hub", "hub", ""]
    assert answer("hub", "recover", "--config", hub)["recovery"]["awaited"] == []
    assert [one["waits"] for one in passes(answer, kept, *EDGES)] == ["", "", ""]
    assert finding("hub", hub, "recovery") is True
    assert finding("edge", kept / "huisarts", "log of the hub") is True
    assert schakel("audit", "verify", "--config", hub).exit_code == Exit.DONE
    shown = schakel("audit", "show", "--config", hub).output
    assert shown.count("recovery") == 1
    assert shown.count("confirm") == 3


def test_what_was_revoked_after_the_copy_was_made_stays_revoked_when_it_is_put_back(kept: Path, answer: Answer) -> None:
    hub, copy = kept / "hub", kept / "copy.db"
    answer("hub", "backup", copy, "--config", hub)
    answer("partner", "revoke", "ab" * 32, "--yes", "--config", hub)
    answer("hub", "restore", copy, "--yes", "--config", hub)
    [one] = answer("partner", "list", "--revoked", "--config", hub)
    assert one["fingerprint"] == "ab" * 32


def test_the_operator_gives_up_on_a_partner_that_will_not_return(kept: Path, schakel: Schakel, answer: Answer) -> None:
    hub, copy = kept / "hub", kept / "copy.db"
    answer("hub", "backup", copy, "--config", hub)
    answer("hub", "restore", copy, "--yes", "--config", hub)
    passes(answer, kept, "team-wmo", "zorgaanbieder")
    [missing] = answer("hub", "recover", "--config", hub)["recovery"]["awaited"]
    refused = schakel("hub", "recover", "--without", "urn:nobody", "--yes", "--config", hub)
    assert refused.exit_code == Exit.REFUSED
    assert schakel("hub", "recover", "--without", missing, "--config", hub, typed="n\n").exit_code == Exit.WRONG_USE
    found = answer("hub", "recover", "--without", missing, "--yes", "--config", hub)["recovery"]
    assert found["awaited"] == []


def test_a_hub_that_was_never_put_back_says_so(kept: Path, schakel: Schakel) -> None:
    assert "never put back" in schakel("hub", "recover", "--config", kept / "hub").output


def test_no_copy_is_written_into_the_data_folder_or_over_another(kept: Path, schakel: Schakel) -> None:
    hub = kept / "hub"
    inside = schakel("hub", "backup", hub / "data" / "copy.db", "--config", hub)
    assert (inside.exit_code, "another disk" in inside.output) == (Exit.WRONG_USE, True)
    assert schakel("hub", "backup", kept / "copy.db", "--config", hub).exit_code == Exit.DONE
    again = schakel("hub", "backup", kept / "copy.db", "--config", hub)
    assert (again.exit_code, "already" in again.output) == (Exit.FAILED, True)
    edge = kept / "team-wmo"
    assert schakel("edge", "backup", edge / "data" / "x", "--config", edge).exit_code == Exit.WRONG_USE
    assert schakel("edge", "backup", kept / "team.db", "--config", edge).exit_code == Exit.DONE
    assert schakel("edge", "backup", kept / "team.db", "--config", edge).exit_code == Exit.FAILED


@pytest.mark.parametrize("content", [b"", b"not a store", b"SQLite format 3\0" + bytes(4096)])
def test_what_is_no_copy_replaces_nothing(kept: Path, schakel: Schakel, answer: Answer, content: bytes) -> None:
    bad = kept / "bad"
    bad.write_bytes(content)
    before = answer("hub", "status", "--config", kept / "hub")["counts"]
    result = schakel("hub", "restore", bad, "--yes", "--config", kept / "hub")
    assert (result.exit_code, "no copy of a hub's store" in result.output) == (Exit.REFUSED, True)
    assert answer("hub", "status", "--config", kept / "hub")["counts"] == before
    result = schakel("edge", "restore", bad, "--yes", "--config", kept / "team-wmo")
    assert (result.exit_code, "everything is as it was" in result.output) == (Exit.REFUSED, True)
    assert answer("edge", "restored", "--config", kept / "team-wmo") == {"restored": None}


def test_a_copy_of_another_edge_replaces_nothing(kept: Path, schakel: Schakel, answer: Answer) -> None:
    answer("edge", "backup", kept / "gp.db", "--config", kept / "huisarts")
    result = schakel("edge", "restore", kept / "gp.db", "--yes", "--config", kept / "team-wmo")
    assert (result.exit_code, "another store key" in result.output) == (Exit.REFUSED, True)
    assert passes(answer, kept, "team-wmo")[0]["waits"] == ""


def test_nothing_is_put_back_without_being_asked(kept: Path, schakel: Schakel, answer: Answer) -> None:
    answer("hub", "backup", kept / "copy.db", "--config", kept / "hub")
    answer("edge", "backup", kept / "team.db", "--config", kept / "team-wmo")
    for kind, file, place in (("hub", "copy.db", "hub"), ("edge", "team.db", "team-wmo")):
        result = schakel(kind, "restore", kept / file, "--config", kept / place, typed="n\n")
        assert result.exit_code == Exit.WRONG_USE
        assert schakel(kind, "restore", kept / file, "--json", "--config", kept / place).exit_code == Exit.WRONG_USE


def test_the_keys_of_what_waited_are_destroyed_with_the_store_that_is_replaced(kept: Path, answer: Answer) -> None:
    hub = kept / "hub"
    answer("hub", "backup", kept / "copy.db", "--config", hub)
    keys = hub / "data" / "hub.keys"
    keys.write_bytes(os.urandom(64))
    held = keys.open("rb")  # who has it open still sees what it is made into
    put_hub_back(load_hub_config(hub / "hub.toml"), kept / "copy.db", 1_000)
    assert held.read() == bytes(64)
    held.close()
    assert not keys.exists()
    assert (hub / "data" / "replaced-1" / "hub.db").exists()


def test_a_restore_that_was_stopped_before_the_store_had_its_name_is_given_again(
    kept: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = kept / "hub"
    answer("hub", "backup", kept / "copy.db", "--config", hub)
    settings = load_hub_config(hub / "hub.toml")

    def dies(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(key_file, "destroy", dies)
        with pytest.raises(KeyboardInterrupt):
            put_hub_back(settings, kept / "copy.db", 1_000)
    # the old store is there still, and its next start is in recovery all the same
    assert len(answer("hub", "recover", "--config", hub)["recovery"]["awaited"]) == 3
    put_hub_back(settings, kept / "copy.db", 1_000)
    assert len(answer("hub", "recover", "--config", hub)["recovery"]["awaited"]) == 3


def test_an_edge_is_put_back_waits_for_a_person_and_goes_on(kept: Path, schakel: Schakel, answer: Answer) -> None:
    team, copy = kept / "team-wmo", kept / "team.db"
    answer("edge", "backup", copy, "--config", team)
    passes(answer, kept, *EDGES)
    put = answer("edge", "restore", copy, "--yes", "--config", team)
    assert Path(put["replaced"]).is_dir()
    assert passes(answer, kept, "team-wmo")[0]["waits"] == "person"
    assert finding("edge", team, "restore") is False
    result = schakel("edge", "restored", "--config", team)
    assert "teruggezet naar" in result.output
    assert "grant stop" in result.output
    plan = answer("edge", "restored", "--config", team)
    assert (plan["confirmed"], plan["unknown"]) == (False, 0)
    client = answer("grant", "list", "--all", "--config", team)[0]["client"]
    made = schakel("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", "--config", team)
    assert (made.exit_code, "teruggezet" in made.output) == (Exit.REFUSED, True)
    assert answer("edge", "restored", "--confirm", "--config", team)["confirmed"] is True
    assert passes(answer, kept, "team-wmo")[0]["waits"] == ""
    passes(answer, kept, *EDGES)
    assert answer("edge", "restored", "--config", team)["files_read"] is True


def test_a_copy_that_does_not_say_when_it_was_made_needs_the_day_from_a_person(
    kept: Path, schakel: Schakel, answer: Answer
) -> None:
    team, copy = kept / "team-wmo", kept / "team.db"
    copy.write_bytes((team / "data" / "edge.sqlite").read_bytes())  # as a copy of the disk would have it
    result = schakel("edge", "restore", copy, "--yes", "--config", team)
    assert (result.exit_code, "geef de dag op" in result.output) == (Exit.REFUSED, True)
    assert passes(answer, kept, "team-wmo")[0]["waits"] == ""
    assert (
        schakel("edge", "restore", copy, "--yes", "--made-on", "gisteren", "--config", team).exit_code == Exit.WRONG_USE
    )
    result = schakel("edge", "restore", copy, "--yes", "--made-on", "2026-01-31", "--config", team)
    assert "The copy of 2026-01-31 is in its place" in result.output
    assert "This copy is older than the files in the folder done" in result.output
    assert passes(answer, kept, "team-wmo")[0]["waits"] == "person"
