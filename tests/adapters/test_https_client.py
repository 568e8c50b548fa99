# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The connection over HTTPS keeps the contract of the port, and says *unavailable* for whatever is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.connections.https import HttpsClient, HubRefusedError, Place, _parts
from adapters.keys import StoreKey
from adapters.store import EdgeStore
from adapters.witness import Witness
from hub.client import HubClient, HubUnavailableError, Seen
from hub.gateway_problem import NAMED
from schemas import api
from schemas.address import oin_of
from schemas.codes import Code
from schemas.note import Checkpoint
from tests.contracts.client_contract import ClientContract
from tests.gateway_site import HOST, QUICK, Site, new_ca
from tests.simulator import World
from tests.world_check import HUB_NAME

T = TypeVar("T")
PARTNER = "urn:nld:oin:00000000000000000001:team-wmo"


class OverHttps:
    """Every call goes through TLS and a gateway on loopback."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.site = Site(world, new_ca(folder))

    def connect(self, address: str) -> HubClient:
        return self.site.client(self.world.parties[address])

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self.site.wait(call)

    def break_store(self) -> None:
        self.world.store.close()


@pytest.fixture(params=["memory", "sqlite"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OverHttps]:
    world = World(request.param, tmp_path / "hub")
    way = OverHttps(world, tmp_path / "ca")
    yield way
    way.site.close()
    world.store.close()


class TestHttpsClient(ClientContract):
    """Every test of the contract."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(World(), new_ca(tmp_path))
    yield site
    site.close()


def test_every_request_says_the_newest_checkpoint_that_the_edge_knows(site: Site) -> None:
    team, shown = site.world.party("team-wmo"), list[tuple[Checkpoint, bytes]]()
    site.world.hub.shown = lambda *what: shown.append(what)  # type: ignore[method-assign]  # what the hub is told
    known = Seen("hub.example/log/1", 12, bytes(range(32)), bytes(range(64)))
    site.wait(site.client(team, known).outcomes(0))
    site.wait(site.client(team).outcomes(0))
    assert shown == [(Checkpoint(known.origin, known.size, known.root), known.signature)]


def test_a_hub_whose_store_can_not_be_written_is_not_ready(site: Site) -> None:
    client = site.client(site.world.party("team-wmo"))
    assert site.wait(client.ready())
    site.gateway._probed -= 10
    assert not site.wait(client.ready())


def test_more_than_one_request_may_hold_is_cut_and_answered_in_one_list(site: Site) -> None:
    team, provider = site.world.party("team-wmo"), site.world.party("provider-wmo")
    grant = team.register(provider)
    frames = [team.envelope(grant) for _ in range(3)]
    sent = [frames[0]] + [b"\0"] * 400 + [frames[1], bytes(70_000), frames[2]]
    answers = site.wait(site.client(team).send(sent))
    assert [i for i, code in enumerate(answers) if code is Code.TAKEN] == [0, 401, 403]
    assert answers[402] is Code.TOO_LARGE
    assert site.gateway.counts.answered["envelopes", 200] == 3


def test_what_an_edge_asks_of_hundreds_of_deliveries_stays_far_below_the_rate(tmp_path: Path) -> None:
    """Two entries of each delivery are proven: one request each would be refused as too many."""
    world = World()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    site = Site(world, new_ca(tmp_path / "ca"), replace(QUICK, rate=0.001, burst=7))
    for count in (200, 150):  # under a handle each: what is out holds the rest of its handle back
        team.tell(team.register(provider), count)
    handed = provider.pickup(200) + provider.pickup(200)
    world.advance(seconds=5)
    with EdgeStore.create(tmp_path / "edge", StoreKey.from_secret(bytes(32))) as store:
        witness = Witness(store, HUB_NAME, world.hub_public)
        with store.transaction() as tx:
            for one in handed:
                account = witness.verify_delivery(one, sha256(one.envelope).digest())
                witness.keep(tx, account.accept, world.now)
                witness.keep(tx, account.hand_over, world.now)
        assert site.wait(witness.prove_deliveries(site.client(provider))) == 0
        assert witness.overdue(world.now + 10**9) == []
    answered = site.gateway.counts.answered
    assert answered["inclusion", 200] == 4
    assert [status for _, status in answered if status != 200] == []
    site.close()


def test_lists_are_cut_where_a_request_is_full_and_nothing_is_lost() -> None:
    sizes = [1, api.LARGEST_BODY - 9, 5, api.LARGEST_BODY + 5, 7] + [20] * 450
    frames = [bytes(size) for size in sizes]
    parts = list(_parts(frames))
    assert [frame for part in parts for frame in part] == frames
    assert max(len(part) for part in parts) <= api.MOST_FRAMES
    assert all(len(api.frames_bytes(part)) <= api.LARGEST_BODY for part in parts if len(part) > 1)
    assert list(_parts([])) == []


def test_an_open_poll_is_answered_when_something_comes(site: Site) -> None:
    team, provider = site.world.party("team-wmo"), site.world.party("provider-wmo")
    grant = team.register(provider)
    client, sender = site.client(provider), site.client(team)
    [notice] = site.wait(client.pickup(1, 0, 0)).notices

    opened, really = asyncio.Event(), site.gateway._polls.open

    def told(address: str) -> asyncio.Future[None]:
        opened.set()
        return really(address)

    site.gateway._polls.open = told  # type: ignore[method-assign]

    async def story() -> int:
        poll = asyncio.ensure_future(client.pickup(1, 20, notice.number))
        await opened.wait()
        assert await sender.send([team.envelope(grant)]) == [Code.TAKEN]
        return len((await poll).deliveries)

    assert site.wait(story()) == 1


def test_a_poll_to_which_nothing_comes_ends_in_its_time_with_nothing(site: Site) -> None:
    provider = site.world.party("provider-wmo")
    found = site.wait(site.client(provider).pickup(5, 0.2, 0))
    assert (found.deliveries, found.notices) == ((), ())
    assert site.gateway._polls._open == {}


def test_no_hub_is_unavailable(site: Site) -> None:
    client = site.client(site.world.party("team-wmo"))
    client._url = f"https://{HOST}:1"
    with pytest.raises(HubUnavailableError, match="no answer from the hub"):
        site.wait(client.outcomes(0))


def test_a_hub_with_a_certificate_of_another_authority_is_not_spoken_to(site: Site, tmp_path: Path) -> None:
    client = site.client(site.world.party("team-wmo"))
    mine, other = site.files(oin_of(PARTNER)), new_ca(tmp_path / "other").files
    client._context = Place("", mine.certificate, mine.key, (other.certificate,)).context()
    with pytest.raises(HubUnavailableError, match="Certificate"):
        site.wait(client.outcomes(0))
    assert not site.gateway.counts.answered


@pytest.mark.parametrize("name", ["clock", "no-oin", "other-authority", "revoked"])
def test_a_refusal_that_is_no_code_says_what_its_partner_can_do(name: str) -> None:
    assert name in NAMED
    said = str(HubRefusedError(name, NAMED[name][0]))
    assert said.startswith(f"{name}: ")
    assert "ask its operator" not in said  # what is said of a refusal that nobody here knows


def test_a_refusal_of_the_gateway_is_an_error_of_its_own_with_the_name(site: Site) -> None:
    stranger = site.world.party("team-wmo", admit=False)
    with pytest.raises(HubRefusedError, match="unknown-sender: No admitted address") as caught:
        site.wait(site.client(stranger).outcomes(0))
    assert (caught.value.code, caught.value.status) == (Code.UNKNOWN_SENDER, 403)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"", HubUnavailableError),
        (200, b"\x81\x01", HubUnavailableError),
        (200, b"<html>", HubUnavailableError),
        (302, b"", HubRefusedError),
        (400, b"<html>", HubRefusedError),
        (400, b'{"title":["malformed"]}', HubRefusedError),
        (429, b"", HubUnavailableError),
        (503, b"", HubUnavailableError),
        (0, b"", HubUnavailableError),
    ],
)
def test_whatever_another_server_answers_is_one_of_the_two_errors(
    site: Site, status: int, body: bytes, error: type[Exception]
) -> None:
    party = site.world.party("team-wmo")
    client = site.client(party, seconds=5)

    async def story() -> object:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if status:
                head = (
                    f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\nLocation: /x\r\n\r\n"
                )
                writer.write(head.encode() + body)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(answer, HOST, 0, ssl=site.gateway._context)
        client._url = f"https://{HOST}:{server.sockets[0].getsockname()[1]}"
        async with server:
            return await client.handles()

    with pytest.raises(error, match=r"try again|ask its operator"):
        site.wait(story())


def test_an_answer_that_does_not_come_is_unavailable(site: Site) -> None:
    client = site.client(site.world.party("team-wmo"), seconds=0.2)

    async def story() -> object:
        connections: list[asyncio.StreamWriter] = []

        def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)

        server = await asyncio.start_server(keep, HOST, 0, ssl=site.gateway._context)
        client._url = f"https://{HOST}:{server.sockets[0].getsockname()[1]}"
        try:
            return await client.handles()
        finally:
            for one in connections:
                one.transport.abort()
            server.close()

    with pytest.raises(HubUnavailableError, match="try again"):
        site.wait(story())


def test_a_client_may_be_closed_before_it_was_used(site: Site) -> None:
    async def story() -> None:
        async with site.client(site.world.party("team-wmo")) as client:
            assert isinstance(client, HttpsClient)

    site.wait(story())
