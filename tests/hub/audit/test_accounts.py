# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log as LDV, ADL and NEN 7513: every field that these ask for, and none that they forbid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from consent.rules import without
from hub.audit.accounts import ADL, ERROR, KINDS, LDV, NEN7513, Accounts, Place
from hub.store import Step
from schemas.calendar import start_of_day
from schemas.codes import Code
from schemas.fact import HIGHEST_DAY
from tests.simulator import NATIONAL, Party, World

TEXT = Path(__file__).parents[4] / "shared" / "standards" / "municipality" / "logboek-dataverwerkingen"
# As the standards name them (the Logius extension for NEN 7513, the Authorization Decision Log).
ADL_FIELDS = {"trace_id", "span_id", "event_name", "timestamp", "status", "attributes"}
ADL_CORE = {f"adl.core.{one}" for one in ("request", "response", "policies", "information", "configuration")}
NEN_FIELDS = {
    f"dpl.nen7513.{one}"
    for one in (
        "eventTypeCode",
        "users",
        "participants",
        "autorisatieProtocol",
        "behandelrelatieProtocol",
        "toestemmingsProfiel",
        "controles",
    )
}
USER_FIELDS = {"userID", "userName", "userIsRequestor", "roleIDCode", "purposeOfUse"}


class Scene:
    """A message that arrived, one that expired, one that was refused by a table, one under a stopped grant."""

    def __init__(self) -> None:
        self.world = World()
        self.team, self.provider, self.gp = (self.world.party(role) for role in ("team-wmo", "provider-wmo", "gp"))
        grant = self.team.register(self.provider)
        self.team.tell(grant)
        self.provider.take_all()
        other: Party = self.gp
        denied = other.register(self.team)
        other.narrow(without(NATIONAL, [4]).raw)
        other.send(other.envelope(denied))
        self.team.tell(grant)
        self.team.stop(grant)
        self.team.send(self.team.envelope(grant))
        self.world.advance(days=8)
        self.world.hub.tick()

    def lines(self, kind: str, first: int = 0, last: int = HIGHEST_DAY) -> list[dict[str, Any]]:
        return list(self.accounts().lines(kind, self.entries(), first, last))

    def accounts(self) -> Accounts:
        names = {row.number: row.address for row in self.world.store.addresses().values()}
        place = Place("hub.example.nl", "hub.example.nl/log/1", "Stichting", "1.0")
        tables = {NATIONAL.hash: NATIONAL, without(NATIONAL, [4]).hash: without(NATIONAL, [4])}
        return Accounts(place, names, tables.get, "https://register.example.nl/{law}/{row}")

    def entries(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.world.store.entries(0, self.world.store.head().size)))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def _attributes(line: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in line["attributes"]}


def test_every_line_of_ldv_has_its_fields_their_sizes_and_no_other(scene: Scene) -> None:
    lines = scene.lines(LDV)
    assert {line["name"] for line in lines} >= {"schakel.accept", "schakel.hand-over", "schakel.receipt"}
    for line in lines:
        assert set(line) - {"parent_operation_id"} == {
            "trace_id", "operation_id", "status_code", "name", "start_time", "end_time", "resource", "attributes"
        }  # fmt: skip
        assert (len(bytes.fromhex(line["trace_id"])), len(bytes.fromhex(line["operation_id"]))) == (16, 8)
        assert line["start_time"] < line["end_time"] < line["start_time"] + 25 * 3_600_000
        assert set(_attributes(line)) == {"dpl.core.processing_activity_id"}
        assert _attributes(line)["dpl.core.processing_activity_id"].startswith("https://register.example.nl/")
        assert isinstance(line["resource"]["attributes"], list)
    assert len({line["operation_id"] for line in lines}) == len(lines)


def test_the_fields_of_ldv_are_those_of_its_published_text(scene: Scene) -> None:
    if not TEXT.is_dir():
        pytest.skip("the folder with the published standards is not here")
    text = (TEXT / "02-component-logboek.md").read_text("utf-8")
    cells = re.findall(r"^\| `(\w+)` *\| *([^|]+?) *\| *(verplicht|optioneel) *\|", text, re.MULTILINE)
    table = {name: (kind, must == "verplicht") for name, kind, must in cells[:10]}
    assert len(table) == 10
    statuses = {int(one) for one in re.findall(r"^- (\d): STATUS_CODE", text, re.MULTILINE)}
    known = set(re.findall(r"`(dpl\.core\.\w+)`", text))
    for line in scene.lines(LDV):
        assert set(line) <= set(table)
        assert {name for name, (_, must) in table.items() if must} <= set(line)
        for name in line:
            size = re.match(r"(\d+) byte", table[name][0])
            assert size is None or len(bytes.fromhex(line[name])) == int(size[1])
        assert line["status_code"] in statuses - {0}
        assert set(_attributes(line)) <= known


def test_a_denial_is_no_error_and_what_failed_is_one(scene: Scene) -> None:
    by_code = {
        line["attributes"]["adl.core.response"]["context"]["reason"]: line["attributes"]["adl.core.response"][
            "decision"
        ]
        for line in scene.lines(ADL)
    }
    assert by_code["accepted"] is True
    assert by_code["not-permitted-here"] is by_code["not-active"] is False
    assert {line["status"] for line in scene.lines(ADL)} == {"Ok"}
    failed = [line["name"] for line in scene.lines(LDV) if line["status_code"] == ERROR]
    assert failed == ["schakel.expiry"]


def test_every_decision_is_a_record_of_adl_with_request_answer_policies_and_facts(scene: Scene) -> None:
    lines = scene.lines(ADL)
    assert {line["event_name"] for line in lines} == {"schakel.accept", "schakel.hand-over"}
    for line in lines:
        assert (set(line), set(line["attributes"])) == (ADL_FIELDS, ADL_CORE)
        core = line["attributes"]
        assert core["adl.core.request"]["subject"]["id"] in scene.world.parties
        assert all(one["hash"] and one["version"] for one in core["adl.core.policies"])
        assert core["adl.core.information"]
    denied = next(
        one for one in lines if one["attributes"]["adl.core.response"]["context"]["reason"] == "not-permitted-here"
    )
    assert {one["hash"] for one in denied["attributes"]["adl.core.policies"]} == {
        NATIONAL.hash.hex(), without(NATIONAL, [4]).hash.hex()
    }  # fmt: skip


def test_nen_7513_names_who_in_a_stream_of_its_own_and_ldv_never_does(scene: Scene) -> None:
    for plain, line in zip(scene.lines(LDV), scene.lines(NEN7513), strict=True):
        found = _attributes(line)
        assert set(found) == NEN_FIELDS | set(_attributes(plain))
        assert {**line, "attributes": plain["attributes"]} == plain
        users = found["dpl.nen7513.users"]
        assert all(set(user) == USER_FIELDS for user in users)
        assert sum(user["userIsRequestor"] for user in users) == 1
        assert "userID" not in json.dumps(plain)
        assert not any(party.address in json.dumps(plain) for party in scene.world.parties.values())


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_names_a_data_subject_a_handle_or_an_id_of_a_message(scene: Scene, kind: str) -> None:
    text = "".join(map(json.dumps, scene.lines(kind)))
    assert "data_subject" not in text
    assert "participantObjectID" not in text
    entries = [item for _, item in scene.entries() if item.salt is not None and item.record[6:12] == b"accept"]
    assert len(entries) >= 3
    for item in entries:
        assert item.record[13:29].hex() not in text
        assert item.record[65:81].hex() not in text
        assert item.salt.hex() not in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_log_gives_the_same_lines_and_days_choose_among_them(scene: Scene, kind: str) -> None:
    today = scene.world.today
    assert scene.lines(kind) == scene.lines(kind)
    old, new = scene.lines(kind, last=today - 8), scene.lines(kind, first=today - 7)
    assert [*old, *new] == scene.lines(kind)
    assert old
    stamp = "timestamp" if kind == ADL else "start_time"
    assert all(line[stamp] == start_of_day(today - 8) for line in old)


def test_what_was_erased_gives_no_line_and_is_counted(scene: Scene) -> None:
    before = scene.lines(LDV)
    index = next(index for index, item in scene.entries() if item.record[6:12] == b"accept")
    scene.world.store.commit(Step(at=scene.world.now, erases=[(index, index + 1)]))
    accounts = scene.accounts()
    after = list(accounts.lines(LDV, scene.entries(), 0, HIGHEST_DAY))
    gone = [line for line in before if line not in after]
    assert {line["name"] for line in gone} == {"schakel.accept", "schakel.hand-over", "schakel.receipt"}
    assert len({line["trace_id"] for line in gone}) == 1
    assert accounts.erased == len(gone) == 3


def test_the_outcomes_of_this_log_are_those_that_the_tests_speak_of(scene: Scene) -> None:
    codes = {line["attributes"]["adl.core.response"]["context"]["reason"] for line in scene.lines(ADL)}
    assert codes >= {Code.ACCEPTED, Code.NOT_PERMITTED_HERE, Code.NOT_ACTIVE}
