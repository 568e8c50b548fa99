# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit` as controller, FG and operator use it, on what the demo left at its hub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from deploy import office_audit
from deploy.commands.desk import at_desk
from deploy.compose import open_hub
from deploy.exits import Exit
from deploy.log_reading import read_log
from deploy.viewer import account
from hub.config import load_hub_config
from hub.control_socket import is_served
from hub.store import Step
from schemas import entry
from schemas.calendar import date_text, parse_date
from tests.deploy.conftest import Schakel
from tests.deploy.nets import day_told, wait_for
from tests.deploy.test_cli_faults import SERVE

Answer = Callable[..., Any]
TEAM, PROVIDER = "urn:nld:oin:00000009999999990001:team-wmo", "urn:nld:oin:00000009999999990002:provider-wmo"


@pytest.fixture
def hub(kept: Path) -> Path:
    """The hub, whose clock a file moves."""
    settings = kept / "hub" / "hub.toml"
    settings.write_text(settings.read_text() + 'clock_file = "clock.toml"\n')
    _pass(kept / "hub", 0)
    return kept / "hub"


def _pass(hub: Path, days: int) -> None:
    (hub / "clock.toml").write_text(f"passed_seconds = {days * 86_400}\n")


@pytest.fixture
def keys(answer: Answer, hub: Path, tmp_path: Path) -> dict[str, Path]:
    """Keys of controller and FG that stand in the log for 31 days."""
    made = {role: tmp_path / f"{role}.key" for role in ("controller", "fg")}
    for role, file in made.items():
        public = answer("audit", "key", role, file)["public"]
        answer("audit", "officer", role, public, "--config", hub)
    _pass(hub, 31)
    return made


def _ordered(answer: Answer, hub: Path, tmp_path: Path, *selection: object) -> Path:
    file = tmp_path / "opdracht.txt"
    answer("audit", "erase", file, "--reason", "citizen", *selection, "--config", hub)
    return file


def _ids(answer: Answer, kept: Path) -> str:
    return str(answer("edge", "trace", 2, "--config", kept / "team-wmo")["id"])


# -- erasing


def test_controller_and_fg_erase_together_and_everything_still_holds(
    schakel: Schakel, answer: Answer, kept: Path, hub: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    message = _ids(answer, kept)
    accept = answer("audit", "explain", message, "--config", hub)["decisions"][0]["entry"]
    answer("audit", "checkpoint", "--config", hub)
    file = _ordered(answer, hub, tmp_path, "--first", accept, "--last", accept)
    assert answer("audit", "sign", file, keys["fg"], "--yes")["signed"] == ["fg"]
    result = schakel("audit", "carry-out", file, "--config", hub)
    assert (result.exit_code, "de verwerkingsverantwoordelijke heeft dat nog niet" in result.output) == (
        Exit.REFUSED,
        True,
    )
    assert answer("audit", "sign", file, keys["controller"], "--yes")["signed"] == ["controller", "fg"]
    done = answer("audit", "carry-out", file, "--config", hub)
    assert done["erased"] == 1
    verified = answer("audit", "verify", "--config", hub)
    assert (verified["sound"], verified["erased"], verified["erased_unlawfully"]) == (True, 1, [])
    replayed = answer("audit", "replay", "--config", hub)
    assert {"index": accept, "why": "erased"} in replayed["not_decidable"]
    assert (replayed["sound"], replayed["differs"]) == (True, [])
    assert answer("audit", "show", "--kind", "erasure", "--config", hub)[0]["code"] == "citizen, 1 entries"
    assert schakel("audit", "explain", message, "--config", hub).exit_code == Exit.FAILED
    again = schakel("audit", "carry-out", file, "--config", hub)
    assert (again.exit_code, "al gewist" in again.output) == (Exit.REFUSED, True)


def test_who_signs_sees_what_and_is_asked(
    schakel: Schakel, answer: Answer, hub: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    file = _ordered(answer, hub, tmp_path, "--partner", "provider-wmo")
    before = file.read_text()
    result = schakel("audit", "sign", file, keys["fg"], typed="n\n")
    assert result.exit_code == Exit.FAILED
    assert "verzoek van een burger" in result.output
    assert file.read_text() == before
    assert schakel("audit", "sign", file, keys["fg"], "--json").exit_code == Exit.WRONG_USE
    result = schakel("audit", "sign", file, keys["fg"], typed="y\n")
    assert (result.exit_code, "Getekend als de FG" in result.output) == (Exit.DONE, True)
    result = schakel("audit", "sign", file, keys["fg"], "--yes")
    assert (result.exit_code, "al getekend" in result.output) == (Exit.REFUSED, True)


def test_one_person_with_both_keys_signs_once(
    schakel: Schakel, answer: Answer, hub: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    file = _ordered(answer, hub, tmp_path, "--partner", "provider-wmo")
    copied = tmp_path / "copied.key"
    copied.write_text(keys["fg"].read_text().replace("role fg", "role controller"))
    copied.chmod(0o600)
    answer("audit", "sign", file, keys["fg"], "--yes")
    result = schakel("audit", "sign", file, copied, "--yes")
    assert (result.exit_code, "voor de andere rol" in result.output) == (Exit.REFUSED, True)


def test_an_order_of_too_young_entries_is_not_made(schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path) -> None:
    result = schakel(
        "audit", "erase", tmp_path / "o", "--reason", "court", "--partner", "provider-wmo", "--config", hub
    )
    assert (result.exit_code, "geen gewist worden" in result.output) == (Exit.REFUSED, True)
    assert not (tmp_path / "o").exists()
    assert schakel("audit", "erase", tmp_path / "o", "--reason", "court", "--config", hub).exit_code == Exit.WRONG_USE


def test_an_inquiry_holds_up_erasing_until_two_close_it(
    schakel: Schakel, answer: Answer, hub: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    file = _ordered(answer, hub, tmp_path, "--partner", "provider-wmo")
    for one in keys.values():
        answer("audit", "sign", file, one, "--yes")
    opening, closing = tmp_path / "open", tmp_path / "close"
    answer("audit", "inquiry", "open", opening, "--reason", "complaint", "--config", hub)
    answer("audit", "sign", opening, keys["fg"], "--yes")
    assert answer("audit", "carry-out", opening, "--config", hub)["erased"] == 0
    assert answer("audit", "officer", "--config", hub)["inquiry"] is not None
    assert "loopt een onderzoek" in schakel("audit", "officer", "--config", hub).output
    result = schakel("audit", "carry-out", file, "--config", hub)
    assert (result.exit_code, "Er loopt een onderzoek" in result.output) == (Exit.REFUSED, True)
    answer("audit", "inquiry", "close", closing, "--reason", "done", "--config", hub)
    for one in keys.values():
        answer("audit", "sign", closing, one, "--yes")
    answer("audit", "carry-out", closing, "--config", hub)
    assert answer("audit", "carry-out", file, "--config", hub)["erased"] > 3
    assert answer("audit", "verify", "--config", hub)["sound"]


def test_what_was_erased_by_nobody_fails_verify_and_replay(schakel: Schakel, answer: Answer, hub: Path) -> None:
    index = answer("audit", "search", "--kind", "accept", "--config", hub)["entries"][0]["index"]
    with open_hub(load_hub_config(hub / "hub.toml")) as running:
        running.store.commit(Step(at=running.store.now(), erases=[(index, index + 1)]))
    for command in ("verify", "replay"):
        result = schakel("audit", command, "--config", hub, "--json")
        assert result.exit_code == Exit.FAILED
        assert json.loads(result.stdout)["erased_unlawfully"] == [index]
        assert f"regel {index} is gewist zonder dat het mocht" in schakel("audit", command, "--config", hub).output


@pytest.mark.parametrize("text", ["", "schakel order v1\n00", "schakel officer key v1\nrole fg\nseed 00\n", "\x80"])
def test_files_that_are_no_order_or_no_key_are_refused(
    schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path, text: str
) -> None:
    file, key = tmp_path / "file", tmp_path / "fg.key"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    answer("audit", "key", "fg", key)
    assert schakel("audit", "sign", file, key, "--yes").exit_code == Exit.REFUSED
    assert schakel("audit", "carry-out", file, "--config", hub).exit_code == Exit.REFUSED
    assert schakel("audit", "key", "fg", key).exit_code == Exit.FAILED
    key.chmod(0o644)
    assert "chmod 600" in schakel("audit", "sign", file, key, "--yes").output
    order = tmp_path / "order"
    answer("audit", "key", "controller", order)
    assert schakel("audit", "sign", order, file, "--yes").exit_code == Exit.REFUSED


@pytest.mark.parametrize("public", ["zz", "00", "00" * 33])
def test_what_is_no_public_key_is_not_registered(schakel: Schakel, hub: Path, public: str) -> None:
    assert schakel("audit", "officer", "fg", public, "--config", hub).exit_code == Exit.REFUSED
    assert schakel("audit", "officer", "fg", "--config", hub).exit_code == Exit.WRONG_USE


def test_a_hub_that_runs_carries_out_refuses_explains_and_exports_as_well(
    schakel: Schakel, answer: Answer, kept: Path, hub: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    message = _ids(answer, kept)
    command = [sys.executable, "-c", SERVE, str(hub / "hub.toml")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: is_served(hub / "data"))
            assert answer("audit", "explain", message, "--config", hub)["code"] == "accepted"
            file = _ordered(answer, hub, tmp_path, "--partner", "provider-wmo")
            result = schakel("audit", "carry-out", file, "--config", hub)
            assert (result.exit_code, "Twee moeten tekenen" in result.output) == (Exit.REFUSED, True)
            for one in keys.values():
                answer("audit", "sign", file, one, "--yes")
            assert answer("audit", "carry-out", file, "--config", hub)["erased"] > 3
            assert answer("audit", "export", tmp_path / "ldv", "--as", "ldv", "--config", hub)["erased"] > 3
            left = answer("audit", "search", "--partner", "provider-wmo", "--config", hub)["entries"]
            assert {one["kind"] for one in left} == {"admission", "fact"}
        finally:
            running.send_signal(signal.SIGKILL)
    assert answer("audit", "verify", "--config", hub)["sound"]


# -- reading the whole log


def test_the_whole_log_is_shown_verified_replayed_proven_and_tried_while_the_hub_runs_as_when_it_does_not(
    answer: Answer, schakel: Schakel, hub: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.json"
    assert schakel("rules", "show", "--save", table).exit_code == Exit.DONE

    def everything(name: str) -> list[Any]:
        of = ("--config", hub)
        export, proof = tmp_path / f"{name}.export", tmp_path / f"{name}.proof"
        return [
            answer("audit", "show", "--most", 1_000, *of),
            answer("audit", "verify", "--export", export, *of),
            answer("audit", "replay", *of),
            answer("audit", "prove", 3, "--out", proof, *of)["size"],
            answer("rules", "diff", table, table, "--traffic", hub)["traffic"],
            export.read_bytes().partition(b"checkpoint ")[0],
            proof.read_bytes().partition(b"\n\n")[0],
        ]

    answer("audit", "checkpoint", "--config", hub)
    before = everything("before")
    with subprocess.Popen([sys.executable, "-c", SERVE, str(hub / "hub.toml")], stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: is_served(hub / "data"))
            assert everything("meanwhile") == before
        finally:
            running.send_signal(signal.SIGKILL)
    assert before[1]["sound"]


def test_entries_are_given_as_many_as_go_into_one_answer_and_none_is_left_out(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_hub_config(hub / "hub.toml")
    with open_hub(config) as opened:
        size = opened.store.head().size
        whole = opened.store.entries(0, size)
    monkeypatch.setattr(office_audit, "_PAGE_BYTES", 500)  # a table alone is larger
    with read_log(config) as log:
        assert log.entries(0, size) == whole
        assert log.entries(2, 5) == whole[2:5]
        assert log.entries(size, size + 9) == []
    with open_hub(config) as opened:
        page = office_audit.REQUESTS["entries"](opened, {"start": 0, "end": size})["entries"]
        assert 0 < len(page) < size


# -- explaining


def test_a_message_is_explained_in_one_sentence_and_in_fields(
    schakel: Schakel, answer: Answer, kept: Path, hub: Path
) -> None:
    message = _ids(answer, kept)
    found = answer("audit", "explain", message.upper(), "--config", hub)
    assert (found["sender"], found["recipient"]) == (TEAM, PROVIDER)
    assert (found["code"], found["row"], found["law"], found["ground"]) == ("accepted", 1, "wmo", "statutory")
    assert [one["moment"] for one in found["decisions"]] == ["accept", "hand-over"]
    assert {one["replayed"] for one in found["decisions"]} == {"same"}
    (fact,) = found["facts"]
    with open_hub(load_hub_config(hub / "hub.toml")) as running:
        record = entry.items_of(running.store.entries(fact["entry"], fact["entry"] + 1)[0].record)
        accept = entry.items_of(running.store.records(found["decisions"][0]["entry"], 1 << 40)[0][1])
    assert (record[2], fact["kind"], fact["signer"]) == ("fact", "register", TEAM)
    assert [one["hash"] for one in found["tables"]] == [one.hex() for one in accept[15]]  # type: ignore[attr-defined]
    sentence = found["sentence"]
    assert sentence.count(".") - sentence.count("(..") * 2 == 1
    for word in (
        "toegestaan",
        "regel 1",
        "wettelijke taak",
        f"logboekregel {fact['entry']}",
        found["tables"][0]["version"],
    ):
        assert word in sentence
    assert sentence.split(";")[0] in schakel("audit", "explain", message, "--config", hub).output.replace("\n", " ")


def test_a_message_that_the_log_does_not_have_is_said_to_be_unknown(schakel: Schakel, hub: Path) -> None:
    result = schakel("audit", "explain", "00" * 16, "--config", hub)
    assert (result.exit_code, "Geen regel van het logboek" in result.output) == (Exit.FAILED, True)
    assert schakel("audit", "explain", "5", "--config", hub).exit_code == Exit.WRONG_USE


def test_a_grant_is_explained_as_it_was_on_a_day(answer: Answer, kept: Path, hub: Path) -> None:
    today = day_told()
    with open_hub(load_hub_config(hub / "hub.toml")) as running:
        index = next(i for i, one in running.store.records(0, 1 << 40) if one[6:12] == b"accept")
        handle = entry.items_of(running.store.entries(index, index + 1)[0].record)[6].hex()  # type: ignore[attr-defined]
    before = answer("grant", "explain", handle, "--at", date_text(today - 1), "--config", hub)
    assert (before["code"], before["facts"], before["row"]) == ("not-active", [], None)
    assert "niet bekend" in before["sentence"]
    on_day = answer("grant", "explain", handle, "--at", f"{date_text(today)}T10:00", "--config", hub)
    assert on_day["facts"]
    assert on_day["row"] is not None
    _pass(hub, 60)
    later = answer("grant", "explain", handle, "--config", hub)
    assert (later["code"], later["facts"]) == ("not-active", on_day["facts"])
    nothing = answer("grant", "explain", "ab" * 16, "--config", hub)
    assert (nothing["sender"], nothing["code"]) == (None, "not-active")


# -- searching


def test_search_finds_by_partner_row_code_day_and_outcome(schakel: Schakel, answer: Answer, hub: Path) -> None:
    everything = answer("audit", "show", "--most", 1_000, "--config", hub)

    def search(*arguments: object) -> list[dict[str, Any]]:
        return list(answer("audit", "search", *arguments, "--config", hub)["entries"])

    indexes = [one["index"] for one in search("--partner", "gp")]
    assert indexes == [
        one["index"]
        for one in everything
        if any(who.endswith(":gp") for who in one["partners"]) and one["kind"] != "manifest"
    ]
    assert indexes
    accepted = search("--code", "accepted", "--kind", "accept")
    assert [one["index"] for one in accepted] == [
        one["index"] for one in everything if (one["kind"], one["code"]) == ("accept", "accepted")
    ]
    rows = {one["row"] for one in accepted}
    for row in rows:
        assert {one["row"] for one in search("--row", row)} == {row}
    stored = search("--outcome", "stored", "--kind", "accept")
    assert {one["outcome"] for one in stored} == {"stored"}
    assert search("--outcome", "expired") == []
    today = everything[-1]["day"]
    assert len(search("--from", today, "--until", today, "--kind", "accept")) == len(accepted)
    assert search("--from", date_text(parse_date(today) + 1)) == []
    assert search("--until", date_text(parse_date(today) - 1)) == []
    assert [one["kind"] for one in search("--kind", "manifest", "--partner", TEAM)][:1] == ["manifest"]
    page = answer("audit", "search", "--most", 2, "--config", hub)
    assert (len(page["entries"]), page["more"]) == (2, True)
    assert "vraag verder met --after" in schakel("audit", "search", "--most", 2, "--config", hub).output
    assert "Geen regel" in schakel("audit", "search", "--partner", "uwv", "--config", hub).output
    assert schakel("audit", "search", "--from", "2026-02-30", "--config", hub).exit_code == Exit.WRONG_USE


# -- replay of an export


def test_an_export_is_replayed_without_the_hub(schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path) -> None:
    export = tmp_path / "log.export"
    here = answer("audit", "verify", "--export", export, "--config", hub)["decisions"]
    found = answer("audit", "replay", "--export", export, "--test-mode")
    assert (found["same"], found["differs"], found["not_decidable"]) == (here["same"], [], [])
    assert found["same"] > 5
    export.write_text(export.read_text().replace(" ", "", 1))
    assert schakel("audit", "replay", "--export", export, "--test-mode").exit_code == Exit.REFUSED


# -- at an edge


def test_an_edge_says_who_could_see_what_on_a_day(schakel: Schakel, answer: Answer, kept: Path) -> None:
    number = answer("grant", "list", "--config", kept / "team-wmo")[0]["client"]
    day = answer("grant", "list", "--config", kept / "team-wmo")[0]["begin"]
    found = answer("edge", "could-see", number, "--at", day, "--config", kept / "team-wmo")["sights"]
    assert {one["partner"] for one in found if one["way"] == "out"} >= {PROVIDER}
    output = schakel("edge", "could-see", number, "--at", day, "--config", kept / "team-wmo").output
    assert "mocht het horen" in output
    looks = answer("edge", "looks", number, "--config", kept / "team-wmo")
    assert [(one["by"], one["why"]) for one in looks if "op een dag" in one["what"]] == [
        (account(), "supervision"),
        (account(), "supervision"),
    ]
    early = schakel("edge", "could-see", number, "--at", "2020-01-01", "--config", kept / "team-wmo").output
    assert "kon niemand" in early
    assert schakel("edge", "could-see", number, "--at", "3", "--config", kept / "team-wmo").exit_code == Exit.WRONG_USE


# -- accountability


@pytest.mark.parametrize("kind", ["ldv", "adl", "nen7513"])
def test_the_log_is_exported_as_lines_of_json(
    schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "out.jsonl"
    done = answer("audit", "export", target, "--as", kind, "--config", hub)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(lines) == done["lines"] > 5
    assert ("users" in target.read_text()) == (kind == "nen7513")
    assert schakel("audit", "export", target, "--as", kind, "--config", hub).exit_code == Exit.FAILED
    wrong = schakel("audit", "export", tmp_path / "o", "--as", kind, "--activity", "urn:{name}", "--config", hub)
    assert (wrong.exit_code, (tmp_path / "o").exists()) == (Exit.WRONG_USE, False)
    own = tmp_path / "own.jsonl"
    answer("audit", "export", own, "--as", "ldv", "--activity", "urn:x:{row}", "--until", "2020-01-01", "--config", hub)
    assert own.read_text() == ""


def test_an_edge_exports_what_it_did_with_its_clients_encrypted_and_no_user(
    schakel: Schakel, answer: Answer, kept: Path, tmp_path: Path
) -> None:
    key, lines, numbers = tmp_path / "subject.key", {}, {}
    for partner in ("team-wmo", "zorgaanbieder"):
        out = tmp_path / f"{partner}.jsonl"
        done = answer("edge", "log-export", out, "--subject-key", key, "--config", kept / partner)
        lines[partner] = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(lines[partner]) == done["lines"] > 0
        assert done["new_key"] == (partner == "team-wmo")
        with at_desk(kept / partner) as (opened, _):
            numbers[partner] = {one.number for one in opened.clients()}
            secret = {one.bsn for one in opened.clients() if one.bsn}
        assert not any(one in out.read_text() for one in numbers[partner] | secret)
    for partner, found in lines.items():
        subjects = set()
        for line in found:
            pairs = {pair["key"]: pair["value"] for pair in line["attributes"]}
            assert set(pairs) == {"dpl.core.processing_activity_id", "dpl.core.data_subject_id"}
            assert (len(line["trace_id"]), len(line["operation_id"]), line["status_code"] in (0, 1, 2)) == (
                32,
                16,
                True,
            )
            assert line["start_time"] <= line["end_time"]
            opener = AESSIV(bytes.fromhex(key.read_text()))
            sealed = b64decode(pairs["dpl.core.data_subject_id"])
            subjects.add(opener.decrypt(sealed, [b"schakel/ldv/subject/v1"]).decode())
        assert subjects
        assert subjects <= numbers[partner]
        assert len({line["operation_id"] for line in found}) == len(found)
    assert {line["name"] for line in lines["zorgaanbieder"]} >= {"schakel.receive.event", "schakel.tell.event"}
    empty = tmp_path / "empty.jsonl"
    answer("edge", "log-export", empty, "--subject-key", key, "--until", "2020-01-01", "--config", kept / "team-wmo")
    assert empty.read_text() == ""
    assert (
        schakel("edge", "log-export", empty, "--subject-key", key, "--config", kept / "team-wmo").exit_code
        == Exit.FAILED
    )
    key.write_text("00")
    other = tmp_path / "other.jsonl"
    refused = schakel("edge", "log-export", other, "--subject-key", key, "--config", kept / "team-wmo")
    assert (refused.exit_code, other.exists()) == (Exit.REFUSED, False)
    key.chmod(0o644)
    assert (
        "chmod 600" in schakel("edge", "log-export", other, "--subject-key", key, "--config", kept / "team-wmo").output
    )


def test_the_privacy_officer_exports_who_looked_by_name_and_that_is_a_look(
    schakel: Schakel, answer: Answer, kept: Path, tmp_path: Path
) -> None:
    team, key, out = kept / "team-wmo", tmp_path / "subject.key", tmp_path / "nen.jsonl"
    number = answer("grant", "list", "--config", team)[0]["client"]
    schakel("edge", "view", number, "--as", "J. Jansen", "--why", "help", "--config", team)
    export = ("edge", "log-export", out, "--subject-key", key, "--config", team, "--as", "nen7513")
    assert schakel(*export).exit_code == Exit.WRONG_USE
    assert schakel(*export, "--by", " ").exit_code == Exit.REFUSED
    assert (out.exists(), len(answer("edge", "looks", number, "--config", team))) == (False, 2)
    done = answer(*export, "--by", "A. de Vries")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert (done["as"], done["lines"], out.stat().st_mode & 0o077) == ("nen7513", len(lines), 0)
    users = [
        (one["userName"], one["userID"], one["purposeOfUse"])
        for line in lines
        if line["name"].startswith("schakel.look.")
        for pair in line["attributes"]
        if pair["key"] == "dpl.nen7513.users"
        for one in pair["value"]
    ]
    assert ("J. Jansen", account(), "help") in users
    assert ("A. de Vries", account(), "supervision") in users
    with at_desk(team) as (opened, _):
        assert not any(one.bsn in out.read_text() for one in opened.clients() if one.bsn)
    assert answer("edge", "looks", number, "--config", team)[-1]["by"] == "A. de Vries"
    assert "A. de Vries" in schakel("edge", "inzage", number, "--config", team).output
    one = ("edge", "log-export", tmp_path / "one.jsonl", "--subject-key", key, "--config", team)
    assert schakel(*one, "--client", number).exit_code == Exit.WRONG_USE
    answer(*one, "--as", "nen7513", "--by", "A. de Vries", "--client", number)
    assert schakel(*export, "--by", "A. de Vries").exit_code == Exit.FAILED
