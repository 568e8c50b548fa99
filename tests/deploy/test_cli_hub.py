# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy.beside import EDGE_MARKS
from deploy.exits import Exit
from hub.audit import verify as outsider
from tests.deploy.conftest import Schakel
from tests.deploy.new_hub import FG, NEW

GP = "urn:nld:oin:00000009999999990003:gp"


def test_a_hub_is_made_once_with_who_runs_it_for_whom(
    schakel: Schakel, answer: Callable[..., Any], tmp_path: Path
) -> None:
    assert schakel("hub", "init", tmp_path / "hub", *NEW, *FG).exit_code == Exit.DONE
    before = {path: path.read_bytes() for path in (tmp_path / "hub").glob("*") if path.is_file()}
    again = schakel("hub", "init", tmp_path / "hub", *NEW, *FG)
    assert again.exit_code == Exit.FAILED
    assert "never overwritten" in again.output
    assert before == {path: path.read_bytes() for path in (tmp_path / "hub").glob("*") if path.is_file()}
    status = answer("hub", "status", "--config", tmp_path / "hub")
    assert (status["operator"], status["controllers"]) == ("Stichting Hub", ["Gemeente A", "Gemeente B"])
    assert status["strict"] is True


def test_what_is_not_given_is_asked(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel(
        "hub", "init", tmp_path / "hub", typed="hub.voorbeeld.nl\nStichting Hub\nGemeente A\nfg@a.example\n"
    )
    assert result.exit_code == Exit.DONE
    assert 'operator = "Stichting Hub"' in (tmp_path / "hub" / "hub.toml").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--name", "HUB voorbeeld", *NEW[2:], *FG),
        (*NEW[:2], "--operator", "x", *NEW[4:], *FG),
        (*NEW[:4], "--controllers", " ; ", *FG),
        (*NEW, "--fg-contact", "a\x07b"),
    ],
)
def test_a_hub_that_can_not_be_leaves_nothing(schakel: Schakel, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    result = schakel("hub", "init", tmp_path / "hub", *wrong)
    assert result.exit_code == Exit.REFUSED
    assert not list((tmp_path / "hub").glob("*"))


@pytest.mark.parametrize("mark", EDGE_MARKS)
@pytest.mark.parametrize("place", ["hub/data", "hub", "edge", "hub/data/../other"])
def test_a_strict_hub_does_not_start_beside_an_edge(schakel: Schakel, tmp_path: Path, mark: str, place: str) -> None:
    assert schakel("hub", "init", tmp_path / "hub", *NEW, *FG).exit_code == Exit.DONE
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / mark).touch()
    result = schakel("hub", "status", "--config", tmp_path / "hub")
    assert result.exit_code == Exit.FAILED
    assert "edge beside this hub" in result.output


def test_a_hub_is_not_made_beside_an_edge(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "edge.sqlite").touch()
    assert schakel("hub", "init", tmp_path / "hub", *NEW, *FG).exit_code == Exit.FAILED
    assert not (tmp_path / "hub" / "hub.toml").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda key: key.unlink(), "can't be read"),
        (lambda key: key.chmod(0o644), "chmod 600"),
        (lambda key: key.write_text("not hexadecimal"), "64 hexadecimal"),
    ],
)
def test_a_log_key_that_is_not_in_order_stops_the_hub(
    schakel: Schakel, tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    schakel("hub", "init", tmp_path / "hub", *NEW, *FG)
    spoil(tmp_path / "hub" / "log.key")
    result = schakel("hub", "status", "--config", tmp_path / "hub")
    assert result.exit_code == Exit.FAILED
    assert words in result.output


def test_a_hub_that_is_not_strict_says_so_on_its_status(schakel: Schakel, told: Path, kept: Path) -> None:
    assert "NOT STRICT" in schakel("hub", "status", "--config", kept / "hub").output


def test_a_store_that_is_damaged_within_says_what_to_put_back(schakel: Schakel, kept: Path) -> None:
    file = kept / "hub" / "data" / "hub.db"
    with closing(sqlite3.connect(file)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
    result = schakel("hub", "trace", "0" * 32, "--config", kept / "hub")
    assert result.exit_code == Exit.FAILED
    assert "The file of the store is damaged" in result.output
    assert "put a copy back with `schakel hub restore`" in result.output


def test_a_damaged_store_is_a_sentence(schakel: Schakel, kept: Path) -> None:
    (kept / "hub" / "data" / "hub.db").write_bytes(b"not a database" * 100)
    result = schakel("hub", "status", "--config", kept / "hub")
    assert result.exit_code == Exit.FAILED
    assert "no database, or a damaged one" in result.output


# -- partners ----------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_hub(schakel: Schakel, tmp_path: Path) -> Path:
    assert schakel("hub", "init", tmp_path / "apart" / "hub", *NEW, *FG).exit_code == Exit.DONE
    return tmp_path / "apart" / "hub"


@pytest.fixture
def manifest(told: Path, tmp_path: Path) -> Path:
    file = tmp_path / "gp.manifest"
    file.write_bytes((told / "huisarts" / "manifest.schakel").read_bytes())
    return file


def test_a_partner_is_admitted_when_people_compared_the_fingerprint(
    schakel: Schakel, answer: Callable[..., Any], empty_hub: Path, manifest: Path
) -> None:
    result = schakel("partner", "admit", manifest, "--config", empty_hub, typed="y\n")
    assert result.exit_code == Exit.DONE
    digits = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert digits in re.sub(r"\s", "", result.output)
    (listed,) = answer("partner", "list", "--config", empty_hub)
    assert (listed["address"], listed["state"]) == (GP, "admitted")


def test_the_right_fingerprint_needs_no_question(schakel: Schakel, empty_hub: Path, manifest: Path) -> None:
    right = hashlib.sha256(manifest.read_bytes()).hexdigest().upper()
    spaced = " ".join(right[at : at + 8] for at in range(0, 64, 8))
    assert schakel("partner", "admit", manifest, "--fingerprint", spaced, "--config", empty_hub).exit_code == Exit.DONE


@pytest.mark.parametrize("how", [("--fingerprint", "00" * 32), ("--json",), ()])
def test_nobody_is_admitted_whom_nobody_compared(
    schakel: Schakel, answer: Callable[..., Any], empty_hub: Path, manifest: Path, how: tuple[str, ...]
) -> None:
    result = schakel("partner", "admit", manifest, "--config", empty_hub, *how, typed="n\n")
    assert result.exit_code in (Exit.REFUSED, Exit.WRONG_USE)
    assert answer("partner", "list", "--config", empty_hub) == []


@pytest.mark.parametrize(
    "spoil", [lambda _: b"", lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda _: b"x" * 40_000]
)
def test_a_manifest_that_is_none_is_refused(
    schakel: Schakel, empty_hub: Path, manifest: Path, spoil: Callable[[bytes], bytes]
) -> None:
    manifest.write_bytes(spoil(manifest.read_bytes()))
    assert schakel("partner", "admit", manifest, "--config", empty_hub, typed="y\n").exit_code == Exit.REFUSED


def test_a_manifest_with_a_changed_signature_is_refused(schakel: Schakel, empty_hub: Path, manifest: Path) -> None:
    raw = manifest.read_bytes()
    manifest.write_bytes(raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:])
    result = schakel("partner", "admit", manifest, "--config", empty_hub, typed="y\n")
    assert result.exit_code == Exit.REFUSED
    assert "bad-signature" in result.output


def test_a_partner_is_removed_by_who_says_yes(schakel: Schakel, answer: Callable[..., Any], kept: Path) -> None:
    hub = ("--config", kept / "hub")
    assert schakel("partner", "remove", GP, *hub, typed="n\n").exit_code == Exit.WRONG_USE
    assert schakel("partner", "remove", GP, *hub, "--yes").exit_code == Exit.DONE
    states = {one["address"]: one["state"] for one in answer("partner", "list", *hub)}
    assert states[GP] == "removed"
    assert sorted(states.values()) == ["admitted", "admitted", "removed"]


def test_who_is_no_partner_can_not_be_removed(schakel: Schakel, kept: Path) -> None:
    result = schakel("partner", "remove", "urn:nld:oin:00000009999999990009:gp", "--yes", "--config", kept / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "No partner has this address" in result.output


# -- the log -----------------------------------------------------------------------------------------------------


def test_the_log_says_who_told_whom_and_never_about_whom(answer: Callable[..., Any], kept: Path) -> None:
    lines = answer("audit", "show", "--config", kept / "hub")
    assert [line["index"] for line in lines] == list(range(len(lines)))
    kinds = {line["kind"] for line in lines}
    assert {"admission", "manifest", "fact", "accept", "hand-over", "receipt", "sum"} <= kinds
    receipts = [line for line in lines if line["kind"] == "receipt"]
    assert all(lines[line["about"]]["kind"] == "accept" for line in receipts)
    assert all(lines[line["about"]]["partners"] == line["partners"] for line in receipts)


def test_the_log_can_be_looked_at_by_kind_and_partner(answer: Callable[..., Any], kept: Path) -> None:
    hub = ("--config", kept / "hub")
    whole = answer("audit", "show", *hub)
    by_kind = answer("audit", "show", *hub, "--kind", "accept", "--partner", "gp")
    assert by_kind == [line for line in whole if line["kind"] == "accept" and GP in line["partners"]]
    assert by_kind
    later = answer("audit", "show", *hub, "--after", 10, "--most", 5)
    assert later == whole[10:15]


def test_the_log_of_the_demo_is_sound(answer: Callable[..., Any], kept: Path) -> None:
    report = answer("audit", "verify", "--config", kept / "hub")
    assert report["sound"] is True
    assert report["decisions"]["same"] > 10
    assert report["decisions"]["differs"] == report["decisions"]["not_decidable"] == []


def test_an_export_and_a_proof_are_verified_without_the_hub(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, tmp_path: Path
) -> None:
    hub = ("--config", kept / "hub")
    key = answer("hub", "status", *hub)["verifier_key"]
    export, proof = tmp_path / "log.export", tmp_path / "entry.tlog-proof"
    assert schakel("audit", "verify", *hub, "--export", export).exit_code == Exit.DONE
    assert schakel("audit", "prove", 7, *hub, "--out", proof).exit_code == Exit.DONE
    assert outsider.main([str(export), key]) == 0
    assert outsider.main([str(proof), key]) == 0
    for file in (export, proof):
        assert schakel("audit", "verify", "--file", file, "--key", key).exit_code == Exit.DONE
        file.write_text(file.read_text().replace("A", "B", 1))
        assert schakel("audit", "verify", "--file", file, "--key", key).exit_code == Exit.FAILED


def test_a_proof_without_its_record_shows_the_leaf_alone(schakel: Schakel, kept: Path, tmp_path: Path) -> None:
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    schakel("audit", "prove", 7, "--config", kept / "hub", "--out", whole)
    schakel("audit", "prove", 7, "--config", kept / "hub", "--out", bare, "--without-record")
    assert len(bare.read_text().split("\n")[1]) < len(whole.read_text().split("\n")[1])


def test_a_log_must_extend_the_checkpoint_that_was_kept(
    schakel: Schakel, kept: Path, told: Path, tmp_path: Path
) -> None:
    note = schakel("audit", "checkpoint", "--config", kept / "hub").output
    (tmp_path / "note").write_text(note)
    hub = ("--config", kept / "hub", "--previous", tmp_path / "note")
    assert schakel("audit", "verify", *hub).exit_code == Exit.DONE
    lines = note.split("\n")
    (tmp_path / "note").write_text("\n".join([lines[0], str(int(lines[1]) + 1), *lines[2:]]))
    assert schakel("audit", "verify", *hub).exit_code == Exit.FAILED


def test_an_entry_that_is_not_there_can_not_be_proved_and_no_file_is_overwritten(
    schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    hub = ("--config", kept / "hub", "--out", tmp_path / "proof")
    assert schakel("audit", "prove", 100_000, *hub).exit_code == Exit.WRONG_USE
    (tmp_path / "proof").write_text("mine")
    assert schakel("audit", "prove", 1, *hub).exit_code == Exit.FAILED
    assert (tmp_path / "proof").read_text() == "mine"


def test_a_log_with_a_changed_record_is_not_sound(schakel: Schakel, kept: Path) -> None:
    with closing(sqlite3.connect(kept / "hub" / "data" / "hub.db")) as db, db:
        (index,) = db.execute("SELECT max(idx) FROM entry WHERE salt IS NOT NULL").fetchone()
        db.execute("UPDATE entry SET salt = zeroblob(32) WHERE idx = ?", (index,))
    result = schakel("audit", "verify", "--config", kept / "hub")
    assert result.exit_code == Exit.FAILED
    assert f"the record of entry {index} isn't the one that was logged" in result.output
