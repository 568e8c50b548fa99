# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who looked at whom, when and why, as NEN 7513: every field that the extension asks for, in a stream of its own."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from adapters.clients import ClientRow
from adapters.could_see import look as look_up
from adapters.looks import CHAIN_VIEW, LOG, SUPERVISION, WHY, Viewer, look, looks_at, record
from adapters.person_log import PersonLog, seen, source
from adapters.processing_log import ProcessingLog
from adapters.records_incoming import TOLD
from adapters.rights_limits import Scope
from adapters.shelf import gone_key
from schemas.address import oin_of, role_of
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours
from tests.adapters.rights_case import JANSEN, erased, limited, neighbours, shown, the_report

KEY = AESSIV(bytes(range(64)))
END = 1 << 62
# The names as the Logius extension for NEN 7513 has them.
BLOCK = {
    f"dpl.nen7513.{one}"
    for one in (
        *("eventTypeCode", "users", "participants", "autorisatieProtocol", "behandelrelatieProtocol"),
        *("toestemmingsProfiel", "controles"),
    )
}
USER = {
    *("userID", "alternateUserID", "userName", "userIsRequestor", "roleIDCode", "purposeOfUse"),
    *("networkAccessPointTypeCode", "networkAccessPointID"),
}
PARTICIPANT = {
    f"participantObject{one}"
    for one in (
        *(
            "TypeCode",
            "TypeCodeRole",
            "DataLifeCycle",
            "IDTypeCode",
            "PermissionPolicySet",
            "Sensitivity",
            "ID",
            "Name",
        ),
        *("Detail", "Description"),
    )
}
SOURCE = {f"nen7513.{one}" for one in ("AuditEnterpriseSiteID", "AuditSourceId", "AuditSourceTypeCode")}
FG = Viewer("A. de Vries", "account-2", SUPERVISION)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def ldv(near: Neighbours, address: str = TEAM) -> ProcessingLog:
    resource = {"service.name": "schakel", **source(address)}
    return ProcessingLog(near[address].store, KEY, "urn:x:{law}:{purpose}:{row}", resource, address)


def lines(near: Neighbours, client: str | None = None, since: int = 0, until: int = END) -> list[dict[str, Any]]:
    return list(PersonLog(ldv(near), client).lines(since, until))


def attributes(line: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in line["attributes"]}


def looks_in(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in found if line["name"].startswith("schakel.look.")]


def of_whom(line: dict[str, Any]) -> str:
    sealed = b64decode(attributes(line)["dpl.core.data_subject_id"])
    return KEY.decrypt(sealed, [b"schakel/ldv/subject/v1"]).decode()


def test_a_look_says_who_at_whom_when_and_why(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    (line,) = looks_in(lines(near))
    found = attributes(line)
    assert (line["name"], line["status_code"], line["start_time"]) == ("schakel.look.chain-view", 1, near.world.now)
    assert of_whom(line) == "C-1"
    assert found["dpl.nen7513.users"] == [
        {
            "userID": "account-1",
            "userName": "J. Jansen",
            "userIsRequestor": True,
            "roleIDCode": "team-wmo",
            "purposeOfUse": "help",
        }
    ]
    (participant,) = found["dpl.nen7513.participants"]
    assert participant["participantObjectID"] == found["dpl.core.data_subject_id"]
    assert found["dpl.core.processing_activity_id"] == "urn:x:wmo:onderzoek-en-heroverweging:0"
    assert "dpl.nen7513.behandelrelatieProtocol" not in found  # nobody checked it


def test_every_line_has_the_fields_of_the_extension_and_no_others(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    look_up(edge.workplace, FG, edge.client("C-1"), near.world.today)
    found = lines(near)
    assert {line["name"] for line in found} >= {
        "schakel.tell.event",
        "schakel.tell.introduction",
        "schakel.receive.event",
        "schakel.look.chain-view",
        "schakel.look.could-see",
    }
    core = {"dpl.core.processing_activity_id", "dpl.core.data_subject_id"}
    must = {
        f"dpl.nen7513.{one}" for one in ("eventTypeCode", "users", "participants", "autorisatieProtocol", "controles")
    }
    for line in found:
        named = attributes(line)
        assert core | must <= set(named) <= core | BLOCK
        assert all(
            {"userID", "userName", "userIsRequestor", "roleIDCode"} <= set(one) <= USER
            for one in named["dpl.nen7513.users"]
        )
        assert sum(one["userIsRequestor"] for one in named["dpl.nen7513.users"]) == 1
        assert all(set(one) <= PARTICIPANT for one in named["dpl.nen7513.participants"])
        resource = {pair["key"]: pair["value"] for pair in line["resource"]["attributes"]}
        assert set(resource) >= SOURCE
        assert (len(bytes.fromhex(line["trace_id"])), len(bytes.fromhex(line["operation_id"]))) == (16, 8)
    assert len({line["operation_id"] for line in found}) == len(found)


def test_what_was_told_and_received_names_organisations_and_no_person(near: Neighbours) -> None:
    found = [line for line in lines(near) if line["name"].endswith(".event")]
    for line in found:
        users = attributes(line)["dpl.nen7513.users"]
        assert {one["userName"] for one in users} <= {TEAM, PROVIDER, GP}
        assert all(
            (one["userID"], one["roleIDCode"]) == (oin_of(one["userName"]), role_of(one["userName"])) for one in users
        )
        assert [one["userName"] for one in users if one["userIsRequestor"]] == [TEAM]
    profiles = {attributes(line)["dpl.nen7513.toestemmingsProfiel"] for line in found}
    assert profiles == {"statutory", "consent"}


def test_the_stream_is_that_of_ldv_with_a_block_and_ldv_itself_has_no_user(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    plain = list(ldv(near).lines(0, END))
    told = [line for line in lines(near) if line not in looks_in(lines(near))]
    assert len(plain) == len(told) > 3
    for line, more in zip(plain, told, strict=True):
        assert {**more, "attributes": line["attributes"]} == line
        assert more["attributes"][: len(line["attributes"])] == line["attributes"]
    text = json.dumps(plain)
    assert not any(word in text for word in ("users", "Jansen", "account-1", "schakel.look"))


def test_no_line_holds_a_bsn_or_an_own_number_that_can_be_read(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    text = json.dumps(lines(near))
    assert BSN not in text
    assert "C-1" not in text


def test_a_look_at_two_tasks_is_two_operations_of_one_trace(near: Neighbours) -> None:
    edge = near[TEAM]
    with edge.store.transaction() as tx:
        record(tx, edge.workplace, JANSEN, edge.client("C-1").id, CHAIN_VIEW, ("a/wmo", "b/jeugdwet"))
    found = looks_in(lines(near))
    assert len({line["trace_id"] for line in found}) == 1
    assert {attributes(line)["dpl.core.processing_activity_id"] for line in found} == {
        "urn:x:wmo:a:0",
        "urn:x:jeugdwet:b:0",
    }


def test_a_client_who_was_erased_is_in_it_under_a_mark_that_names_nobody(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    gone = edge.client("C-1").id
    erased(edge)
    near.settle(5)
    near.world.advance(days=1)
    near.settle(2)
    assert edge.clients() == []
    (line,) = looks_in(lines(near))
    assert of_whom(line) == f"erased/{gone}"


def test_times_choose_and_the_last_is_not_included(near: Neighbours) -> None:
    edge, now = near[TEAM], near.world.now
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    assert looks_in(lines(near, until=now)) == looks_in(lines(near, since=now + 1)) == []
    assert len(looks_in(lines(near, since=now, until=now + 1))) == 1


def test_one_client_alone_can_be_asked_for(near: Neighbours) -> None:
    edge = near[TEAM]
    edge.import_clients([ClientRow("C-2", "999990019", "")])
    for number in ("C-1", "C-2"):
        look(edge.workplace, edge.identity.book, JANSEN, [edge.client(number)])
    other = edge.client("C-2").id
    assert {of_whom(line) for line in lines(near, other)} == {"C-2"}
    assert PersonLog(ldv(near), other).clients(0, END) == {other}
    assert {of_whom(line) for line in lines(near)} == {"C-1", "C-2"}


def test_having_the_log_is_a_look_at_every_client_and_is_in_the_next(near: Neighbours) -> None:
    edge = near[TEAM]
    log = PersonLog(ldv(near))
    with edge.workplace.commit("log exported") as tx:
        seen(tx, edge.workplace, FG, log.clients(0, END))
    (kept,) = looks_at(edge.store, edge.client("C-1").id)
    assert (kept.by, kept.account, kept.why, kept.what) == ("A. de Vries", "account-2", "supervision", LOG)
    assert [line["name"] for line in looks_in(lines(near))] == ["schakel.look.log"]
    (row,) = the_report(edge).seen
    assert (row.by, row.what) == ("A. de Vries", LOG)
    assert WHY[row.why] in "".join(shown(the_report(edge))[1])


def test_the_look_of_who_has_the_log_betrays_no_line_that_is_withheld(tmp_path: Path) -> None:
    """Byte for byte: a report with something withheld is that of an edge that was never told, also when the log was exported."""
    found = []
    for told in (True, False):
        near = neighbours(tmp_path / str(told), told=told)
        edge = near[TEAM]
        if told:
            item = next(iter(TOLD.scan(edge.store)))
            limited(edge, "wmo-5.3.2-4", Scope(item=gone_key(item.sender, item.event_id)))
        near.world.advance(days=1)
        with edge.workplace.commit("log exported") as tx:
            today = near.world.now - 3_600_000  # only what happened since: nothing
            seen(tx, edge.workplace, FG, PersonLog(ldv(near)).clients(today, END))
        found.append([one.what for one in the_report(edge).seen])
        near.close()
    assert found[0] == found[1] == [LOG]
