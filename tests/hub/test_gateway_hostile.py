# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Bad input over the network: each is answered clearly, counted, and the next request goes through."""

from __future__ import annotations

import asyncio
import socket
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from hub.client import HandleState
from hub.gateway_limits import Limits
from hub.gateway_listener import ACCEPTS_AT_ONCE
from hub.gateway_routes import LOG, ROUTES
from schemas import api
from schemas.address import oin_of
from schemas.canonical import encode
from schemas.codes import Code
from schemas.envelope import parse
from tests.gateway_site import HOST, QUICK, Answer, Site, new_ca
from tests.hub.gateway_fixtures import Town, impatient, town
from tests.simulator import World

__all__ = ["impatient", "town"]  # fixtures

SEND = "/v1/team-wmo/envelopes"
MANY = 300


def _post(town: Town, body: bytes, name: str = "envelopes", **headers: str) -> Answer:
    target = f"/v1/team-wmo/{name}"
    signed = town.site.signed(town.team, "POST", target, body)
    return town.site.raw(oin_of(town.team.address), "POST", target, signed | headers, body)


def _refused(town: Town, answer: Answer, status: int, problem: str) -> None:
    assert (answer.status, answer.problem) == (status, problem)
    assert town.site.gateway.counts.refused[problem] == 1
    town.still_works()


# -- silence and slowness


@pytest.mark.parametrize("begun", [b"", b"POST /v1/team-wmo/envelopes HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "])
def test_half_a_request_and_silence_is_told_that_it_is_slow(impatient: Town, begun: bytes) -> None:
    answer = impatient.site.bytes(oin_of(impatient.team.address), begun)
    _refused(impatient, answer, 408, "slow")


def test_half_a_body_and_silence_is_told_that_it_is_slow(impatient: Town) -> None:
    body = api.frames_bytes([bytes(1_000)])
    headers = impatient.site.signed(impatient.team, "POST", SEND, body) | {
        "Content-Length": str(len(body)),
        "Host": "x",
    }
    head = "\r\n".join([f"POST {SEND} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())])
    answer = impatient.site.bytes(oin_of(impatient.team.address), head.encode() + b"\r\n\r\n" + body[:500])
    _refused(impatient, answer, 408, "slow")
    assert impatient.site.gateway._memory.held == 0


def test_a_sender_of_one_byte_at_a_time_does_not_hold_the_gateway(impatient: Town) -> None:
    body = api.frames_bytes([bytes(1_000)])
    headers = impatient.site.signed(impatient.team, "POST", SEND, body) | {
        "Content-Length": str(len(body)),
        "Host": "x",
    }
    head = "\r\n".join([f"POST {SEND} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())])

    async def story() -> bytes:
        context = impatient.site.context(oin_of(impatient.team.address))
        reader, writer = await asyncio.open_connection(HOST, impatient.site.port, ssl=context)
        writer.write(head.encode() + b"\r\n\r\n")
        answer = asyncio.ensure_future(reader.read())
        for one in body:
            if answer.done():
                break
            writer.write(bytes([one]))
            await asyncio.wait([answer], timeout=0.02)
        writer.close()
        return await answer

    _refused(impatient, Answer(impatient.site.wait(story())), 408, "slow")


def test_a_connection_that_only_shakes_hands_is_counted_when_it_goes(town: Town) -> None:
    async def story() -> None:
        context = town.site.context(oin_of(town.team.address))
        reader, writer = await asyncio.open_connection(HOST, town.site.port, ssl=context)
        writer.close()
        await reader.read()

    town.site.wait(story())
    town.still_works()
    assert town.site.gateway.counts.silent == 1


def test_many_connections_that_say_nothing_hold_nobody_up(tmp_path: Path) -> None:
    world = World()
    team = world.party("team-wmo")
    limits = Limits(head=20, connections=MANY - 20, handshake=30)
    site = Site(world, new_ca(tmp_path), limits)

    async def story() -> list[bytes]:
        context = site.context("00000000000000000077")
        opened = [await asyncio.open_connection(HOST, site.port, ssl=context) for _ in range(MANY)]
        told = [await asyncio.wait_for(reader.read(), 10) for reader, _ in opened[-20:]]
        began = time.monotonic()
        assert await site.client(team).handles() == []
        assert time.monotonic() - began < 10
        for _, writer in opened:
            writer.transport.abort()
        return told

    told = [Answer(one) for one in site.wait(story())]
    assert {(one.status, one.problem) for one in told} == {(429, "connections")}
    assert site.gateway.counts.refused["connections"] == 20
    site.close()


def test_a_stranger_who_says_nothing_costs_little_memory(town: Town) -> None:
    """Before hands are shaken anybody can have thousands of connections."""

    async def story() -> int:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        opened = [socket.create_connection((HOST, town.site.port)) for _ in range(MANY // 3)]
        for _ in opened:  # each waits in the queue of the system already
            await asyncio.sleep(0.01)
        assert town.site.gateway.counts.accepted == len(opened)
        cost = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for one in opened:
            one.close()
        return cost // len(opened)

    assert town.site.wait(story()) < 60_000
    town.still_works()


def test_the_queue_of_new_connections_is_longer_than_what_is_accepted_at_once(town: Town) -> None:
    """While the gateway is busy, many more come than it takes in one go: none of them is turned away."""
    opened = []
    for _ in range(10 * ACCEPTS_AT_ONCE):  # nobody accepts meanwhile: the loop of the gateway does not run
        one = socket.socket()
        one.settimeout(5)
        one.connect((HOST, town.site.port))
        opened.append(one)
    for one in opened:
        one.close()
    town.still_works()
    assert town.site.gateway.counts.accepted > len(opened)


# -- size and form


def test_a_body_of_a_gigabyte_is_refused_when_it_is_announced(town: Town) -> None:
    headers = town.site.signed(town.team, "POST", SEND, b"x")
    head = [f"POST {SEND} HTTP/1.1", "Host: x", "Content-Length: 1073741824"]
    raw = "\r\n".join([*head, *(f"{name}: {value}" for name, value in headers.items())]).encode() + b"\r\n\r\n"
    answer = town.site.bytes(oin_of(town.team.address), raw + bytes(100_000))
    _refused(town, answer, 413, "too-large")
    assert answer.headers["connection"] == "close"


def test_a_body_that_does_not_say_its_size_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    world = World()
    team = world.party("team-wmo")
    site = Site(world, new_ca(tmp_path), replace(QUICK, body=10_000, whole_body=20))
    headers = site.signed(team, "POST", SEND, b"x") | {"Transfer-Encoding": "chunked", "Host": "x"}
    head = "\r\n".join([f"POST {SEND} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]).encode()
    answer = site.bytes(oin_of(team.address), head + b"\r\n\r\n" + (b"3e8\r\n" + bytes(1_000) + b"\r\n") * 12)
    assert (answer.status, answer.problem) == (413, "too-large")
    assert site.gateway._memory.held == 0
    assert site.request(team, "GET", "handles").status == 200
    site.close()


def test_a_question_with_a_body_is_refused(town: Town) -> None:
    body = b"why"
    headers = town.site.signed(town.team, "GET", "/v1/team-wmo/handles", body)
    answer = town.site.raw(oin_of(town.team.address), "GET", "/v1/team-wmo/handles", headers, body)
    _refused(town, answer, 413, "too-large")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/cbor; charset=utf-8", "*/*"])
def test_another_content_type_is_refused(town: Town, kind: str) -> None:
    _refused(town, _post(town, api.frames_bytes([b"x"]), **{"Content-Type": kind}), 415, "media-type")


def test_a_compressed_body_is_refused_and_never_unpacked(town: Town) -> None:
    _refused(town, _post(town, bytes(100), **{"Content-Encoding": "gzip"}), 415, "media-type")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/team-wmo",
        "/v1/team-wmo/",
        "/v2/team-wmo/handles",
        "/v1/team-wmo/handles/",
        "/v1//handles",
    ]
    + ["/v1/Team/handles", "/v1/team-wmo/../gp/handles", "/v1/team-wmo/manifests/x", "/v1/team-wmo/manifests/%ff"]
    + ["/v1/team-wmo/facts/of/gp", "/metrics", "/health", "/v1/checkpoint/", "/v1/team%2Dwmo/handles"],
)
def test_an_unknown_route_is_refused(town: Town, path: str) -> None:
    _refused(town, town.site.request(town.team, "GET", path), 404, "no-route")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH"])
def test_another_method_is_refused_and_told_the_right_one(town: Town, method: str) -> None:
    answer = town.site.request(town.team, method, "envelopes")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert town.site.gateway.counts.refused["method"] == 1
    town.still_works()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "after",
        "after=",
        "after=x",
        "after=-1",
        "after=01",
        "after=1&after=2",
        "after=1&to=2",
        "after=9999999999999999",
    ]
    + ["After=1", "after=%31", "&after=1", "after=1;", "after=１".encode().decode("latin-1")],
)
def test_a_query_of_another_form_is_refused(town: Town, query: str) -> None:
    answer = town.site.request(town.team, "GET", f"outcomes?{query}".encode("ascii", "replace").decode())
    _refused(town, answer, 400, "malformed")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
    ]
    + [b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 10_000 + b"\r\n\r\n"]
    + [
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ]
    + [b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
)
def test_what_is_no_http_is_answered_without_repeating_it(town: Town, raw: bytes) -> None:
    answer = town.site.bytes(oin_of(town.team.address), raw)
    _refused(town, answer, 400, "bad-http")
    assert b"NONSENSE" not in answer.body


# -- bombs


DEEP = b"\x81" * 100_000 + b"\x00"
BOMBS = {
    "deep": (DEEP, "/: cbor"),
    "announces-a-terabyte": (b"\x9b\x00\x00\x01\x00\x00\x00\x00\x00", "/: maxItems"),
    "a-string-of-a-terabyte": (b"\x81\x5b\x00\x00\x01\x00\x00\x00\x00\x00", "/: cbor"),
    "endless": (b"\x9f\x40\xff", "/: array"),
    "regular-expression": (b"\x81\xd8\x23\x7a\x00\x0c\x00\x00" + b"(a?)" * (0xC0000 // 4), "/: cbor"),
    "too-many": (api.frames_bytes([b""] * 201), "/: maxItems"),
    "a-map": (b"\xa1\x00\x00", "/: array"),
    "json": (b"[" * 10_000, "/: array"),
    "json-object": (b'{"a":1}', "/: array"),
    "text-for-bytes": (b"\x81\x61a", "/0: bytes"),
    "long-form": (b"\x98\x01\x41a", "/: canonical"),
    "something-behind": (b"\x81\x41a\x00", "/: canonical"),
    "nothing": (b"", "/: array"),
    "shared-reference": (b"\x82\xd8\x1c\x81\x00\xd8\x1d\x00", ""),
    "huge-number": (b"\x81\xc4\x82\x1a\x7f\xff\xff\xff\x01", ""),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_cbor_costs_nothing_and_says_the_rule_that_it_breaks(town: Town, name: str) -> None:
    body, at = BOMBS[name]
    target = "/v1/team-wmo/facts"
    headers = town.site.signed(town.team, "POST", target, body) | {"Content-Type": api.MEDIA_TYPE}
    began = time.process_time()
    answer = town.site.raw(oin_of(town.team.address), "POST", target, headers, body)
    assert time.process_time() - began < 1
    assert orjson.loads(answer.body).get("at", "").endswith(at)
    _refused(town, answer, 400, "malformed")


@pytest.mark.parametrize(
    "body", [[], [201, 0, 0], [-1, 0, 0], [1, 55_001, 0], [1, 0, -1], [1, 0], [True, 0, 0], [1, 0, 1 << 53]]
)
def test_a_pickup_that_asks_for_something_else_is_refused(town: Town, body: list[int]) -> None:
    _refused(town, _post(town, encode(body), "pickup"), 400, "malformed")


@pytest.mark.parametrize("path", ["/v1/consistency?old=2&new=1", "/v1/consistency?old=0&new=999"])
def test_a_proof_of_what_is_not_in_the_log_is_refused(town: Town, path: str) -> None:
    _refused(town, town.site.request(town.team, "GET", path), 400, "malformed")


def test_a_publication_of_nothing_or_of_more_than_a_manifest_with_its_attestation_is_refused(town: Town) -> None:
    for frames in ([], [b"a", b"b", b"c"]):
        answer = _post(town, api.frames_bytes(frames), "publish")
        assert (answer.status, answer.problem) == (400, "malformed")
    town.still_works()


# -- what is somebody else's


def test_an_envelope_of_another_partner_in_ones_own_connection_is_not_yours(town: Town) -> None:
    frame = town.gp.envelope(town.gp.grant(town.provider, row=1))
    assert api.read_codes(_post(town, api.frames_bytes([frame])).body, 1) == [Code.NOT_YOURS]
    assert town.gp.outcomes() == {}
    town.still_works()


def test_a_receipt_for_somebody_elses_message_is_the_same_as_one_for_nothing(town: Town) -> None:
    """Also with its id known or guessed: no answer tells whether such a message waits."""
    [message_id] = town.team.tell(town.team.register(town.provider))
    guesses = [message_id, bytes(16), *(town.world.random(16) for _ in range(20))]
    receipts = town.gp.sign_together([(guess, Code.STORED) for guess in guesses])
    answer = town.site.request(town.gp, "POST", "receipts", api.frames_bytes(receipts))
    answers = api.read_codes(answer.body, len(guesses))
    assert answers == [Code.NOT_YOURS] * len(guesses)
    assert town.provider.pickup()
    town.still_works()


def test_a_pickup_for_another_role_is_nobodys(town: Town) -> None:
    grant = town.team.register(town.provider)
    town.team.tell(grant)
    sister = town.world.party("team-pw", oin_of(town.provider.address))
    target, body = "/v1/provider-wmo/pickup", api.pickup_bytes(10, 0, 0)
    headers = town.site.signed(sister, "POST", target, body)
    answer = town.site.raw(oin_of(sister.address), "POST", target, headers, body)
    _refused(town, answer, 403, "unknown-sender")
    own = town.site.request(sister, "POST", "pickup", body)
    assert api.read_picked_up(own.body) == ([], [])
    assert len(town.provider.pickup()) == 1


def test_facts_for_grants_that_one_is_not_in_are_refused_and_tell_nothing(town: Town) -> None:
    grant = town.team.register(town.provider)
    registration = town.team.registration(grant, town.world.month)
    stop = town.team.stopping(grant)
    answer = town.site.request(town.gp, "POST", "facts", api.frames_bytes([registration, stop]))
    assert api.read_fact_answers(answer.body, 2) == [(Code.NOT_THE_SENDER, False), (Code.NOT_YOURS, False)]
    town.team.tell(grant)
    town.still_works()


def test_reading_tells_only_what_is_ones_own(town: Town) -> None:
    grant = town.team.register(town.provider)
    [message_id] = town.team.tell(grant)
    gp = [town.site.request(town.gp, "GET", path).body for path in ("outcomes?after=0", "facts/mine?from=0", "handles")]
    assert api.read_feed(gp[0])[1:] == ([], False)
    assert api.read_indexed(gp[1]) == api.read_handles(gp[2]) == []
    for body in gp:
        assert grant.handle() not in body
        assert message_id not in body
    unknown = town.site.request(town.gp, "GET", "manifests/urn:nld:oin:00000000000000000042:school")
    assert api.read_indexed(unknown.body) == []
    assert parse(town.provider.pickup()[0].envelope).message_id == message_id


# -- our own faults, and connections that end


def test_a_fault_of_ours_is_answered_without_what_it_was_about(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    def handles(via: str) -> list[HandleState]:
        raise KeyError("999900006")

    town.world.hub.handles = handles  # type: ignore[method-assign]
    answer = town.site.request(town.team, "GET", "handles")
    _refused(town, answer, 500, "hub-fault")
    assert b"999900006" not in answer.body
    assert [record.getMessage() for record in caplog.records] == ["handles failed: KeyError"]


def test_an_answer_names_no_library(town: Town) -> None:
    for path in ("handles", "/nowhere", "/health/live"):
        assert town.site.request(town.team, "GET", path).headers["server"] == "schakel"


def test_envelopes_of_a_connection_cut_before_the_answer_are_stored_once(town: Town) -> None:
    frame = town.team.envelope(town.team.register(town.provider))
    body = api.frames_bytes([frame])
    headers = town.site.signed(town.team, "POST", SEND, body) | {"Content-Length": str(len(body)), "Host": "x"}
    head = "\r\n".join([f"POST {SEND} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())])

    async def story() -> None:
        context = town.site.context(oin_of(town.team.address))
        _, writer = await asyncio.open_connection(HOST, town.site.port, ssl=context)
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.transport.abort()

    town.site.wait(story())
    answer = api.read_codes(_post(town, body).body, 1)
    assert answer in ([Code.TAKEN], [Code.ACCEPTED])  # the first time arrived whole, or it did not
    assert api.read_codes(_post(town, body).body, 1) == [Code.ACCEPTED]
    assert len(town.provider.pickup()) == 1


# -- everything


def test_every_route_refuses_whoever_is_not_admitted_in_the_same_way(town: Town) -> None:
    stranger = town.world.party("school", admit=False)
    answers = set()
    for name, route in ROUTES.items():
        path = name.replace("{address}", town.team.address)
        query = "&".join(f"{one}=0" for one in route.query)
        body = api.frames_bytes([b"x"]) if route.method == "POST" else b""
        answer = town.site.request(stranger, route.method, f"{path}?{query}" if query else path, body)
        answers.add((answer.status, answer.body))
    for name, route in LOG.items():
        query = "&".join(f"{one}=0" for one in route.query)
        body = api.entries_bytes([0], 1) if route.method == "POST" else b""
        answer = town.site.request(stranger, route.method, f"/v1/{name}?{query}" if query else f"/v1/{name}", body)
        answers.add((answer.status, answer.body))
    assert len(answers) == 1
    assert {status for status, _ in answers} == {403}
    town.still_works()
