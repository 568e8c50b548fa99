# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The gateway as a service: its routes and their description, readiness, limits per partner, polls, an orderly end."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from hub.client import HubUnavailableError
from hub.gateway import OPENAPI
from hub.gateway_in_turn import InTurn
from hub.gateway_limits import Limits, Memory, Partnerships
from hub.gateway_problem import CODES, NAMED, Problem
from hub.gateway_routes import LOG, ROUTES
from hub.gateway_turns import ARRIVALS
from hub.registry import SUSPENDED
from hub.store import Step
from hub.store_memory import MemoryStore
from schemas import api
from schemas.codes import Code
from schemas.manifest import sign_manifest
from schemas.signing import SigningKey
from tests.gateway_site import QUICK, Site, new_ca
from tests.hub.gateway_fixtures import Town, town
from tests.simulator import World

__all__ = ["town"]  # a fixture

DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text("utf-8"))


# -- the description


def test_the_description_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_description_has_the_routes_that_there_are_and_no_other() -> None:
    described = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    there = {(f"/v1/{{role}}/{name}", route.method) for name, route in ROUTES.items()}
    there |= {(f"/v1/{name}", route.method) for name, route in LOG.items()}
    assert described == there | {(path, "GET") for path in ("/health/live", "/health/ready", "/v1/openapi.json")}


def test_the_description_names_every_query_problem_and_code() -> None:
    for name, route in {**ROUTES, **LOG}.items():
        path = f"/v1/{name}" if name in LOG else f"/v1/{{role}}/{name}"
        parameters = DOCUMENT["paths"][path][route.method.lower()]["parameters"]
        assert tuple(one["name"] for one in parameters if one.get("in") == "query") == route.query
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["problem"]["properties"]["title"]["enum"]) == {*NAMED, *(code.value for code in CODES)}
    assert schemas["code"]["enum"] == [code.value for code in Code]


def test_the_description_is_served_to_whoever_shook_hands(town: Town) -> None:
    answer = town.site.raw(None, "GET", "/v1/openapi.json", {})
    assert (answer.status, json.loads(answer.body)) == (200, DOCUMENT)


# -- readiness


def test_it_is_ready_while_the_last_commit_probe_is_young(town: Town) -> None:
    assert json.loads(town.site.raw(None, "GET", "/health/ready", {}).body) == {"ready": True}
    town.site.gateway._probed -= 10
    answer = town.site.raw(None, "GET", "/health/ready", {})
    assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "not-ready", "5")
    assert town.site.raw(None, "GET", "/health/live", {}).status == 200
    town.site.wait(town.site.gateway._probe())
    assert town.site.raw(None, "GET", "/health/ready", {}).status == 200


def test_a_store_that_cannot_be_written_makes_no_probe_younger(town: Town) -> None:
    town.site.gateway._probed -= 10
    town.world.store.close()
    town.site.wait(town.site.gateway._probe())
    assert town.site.raw(None, "GET", "/health/ready", {}).problem == "not-ready"


# -- logs


def test_a_log_line_has_route_status_and_trace_and_names_nobody(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    target = "/v1/team-wmo/outcomes?after=0"
    with caplog.at_level(logging.DEBUG):
        for traced in (trace, "00-0AF7-nonsense"):
            headers = town.site.signed(town.team, "GET", target) | {"traceparent": traced}
            assert town.site.raw("00000000000000000001", "GET", target, headers).status == 200
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("schakel")]
    assert [re.sub(r"[\d.]+ ms", "N ms", line) for line in ours] == [
        "outcomes 200 N ms trace=0af7651916cd43dd8448eb211c80319c",
        "outcomes 200 N ms trace=-",
    ]
    assert "00000000000000000001" not in caplog.text


# -- keys


def test_a_key_of_the_manifest_published_a_moment_ago_proves_the_next_request(town: Town) -> None:
    old, new = town.team.signing, SigningKey(town.world.random(32))
    following = town.team.following()
    keys = (replace(following.signing[0], public=new.public), *following.signing)
    frame = sign_manifest(old, replace(following, signing=keys))
    assert town.site.wait(town.site.client(town.team).publish(frame))[0] is Code.IN_FORCE
    town.team.keys = replace(town.team.keys, signing_seed=new.seed)
    town.team.signing = new
    town.still_works()


def test_a_key_whose_days_are_over_still_publishes_and_stops_but_reads_nothing(town: Town) -> None:
    grant = town.team.register(town.provider)
    town.team.keeps_up = False
    town.world.advance(days=31)
    town.site.wait(town.site.gateway._services.refresh())
    answer = town.site.request(town.team, "GET", "outcomes?after=0")
    assert (answer.status, answer.problem) == (401, "key-not-valid")
    stop = town.site.request(town.team, "POST", "facts", api.frames_bytes([town.team.stopping(grant)]))
    assert api.read_fact_answers(stop.body, 1) == [(Code.IN_FORCE, False)]
    frame = sign_manifest(town.team.signing, town.team.following())
    published = town.site.request(town.team, "POST", "publish", api.frames_bytes([frame]))
    assert api.read_published(published.body)[0] is Code.IN_FORCE


# -- group commit


class Counting(MemoryStore):
    """Counts commits."""

    commits = 0

    def commit(self, step: Step) -> int:
        self.commits += 1
        return super().commit(step)


def test_envelopes_of_many_requests_share_a_commit(tmp_path: Path) -> None:
    world = World()
    store = Counting(world.clock)
    world.hub = world.over(store)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    frames = [team.envelope(team.register(provider)) for _ in range(24)]
    site = Site(world, new_ca(tmp_path))
    services, before = site.gateway._services, store.commits

    async def story() -> list[list[Code]]:
        return await asyncio.gather(*(services.in_turn.send(team.address, [one], services.snapshot) for one in frames))

    assert site.wait(story()) == [[Code.TAKEN]] * 24
    assert store.commits - before == 1
    world.check()
    site.close()


class Halting(MemoryStore):
    """Stops after the first hand-over, until it is told to go on; notes how many join and how many go out per commit."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock)
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.noted: list[tuple[int, int]] = []

    def commit(self, step: Step) -> int:
        start = super().commit(step)
        self.noted.append((len(step.joins), len(step.offers)))
        if step.offers and not self.begun.is_set():
            self.begun.set()
            self.goes_on.wait(60)
        return start


def test_what_arrives_while_somebody_comes_for_much_is_decided_together_before_his_next_part(tmp_path: Path) -> None:
    world = World()
    store = Halting(world.clock)
    world.hub = world.over(store)
    team, provider, gp = world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    team.tell(team.register(provider), 120)
    frames = [team.envelope(team.register(gp)) for _ in range(3)]
    site = Site(world, new_ca(tmp_path))
    services = site.gateway._services
    in_turn, store.noted = services.in_turn, []

    async def story() -> int:
        handed = asyncio.create_task(services.hand_over(provider.address, 200, 0))
        await asyncio.get_running_loop().run_in_executor(None, store.begun.wait)
        sent = []
        for number, frame in enumerate(frames, 1):
            sent.append(asyncio.create_task(in_turn.send(team.address, [frame], services.snapshot)))
            while sum(map(len, in_turn._waiting.values())) < number or ARRIVALS not in in_turn._turns._rows:  # noqa: ASYNC110  # of another thread
                await asyncio.sleep(0)  # it has arrived, at a moment of its own
        store.goes_on.set()
        assert await asyncio.gather(*sent) == [[Code.TAKEN]] * 3
        return len((await handed).deliveries)

    assert site.wait(story()) == 120
    assert [one for one in store.noted if one != (0, 0)] == [(0, 50), (3, 0), (0, 50), (0, 20)]
    world.check()
    site.close()


def test_whoever_loads_much_is_taken_in_turn_with_whoever_sends_little(town: Town) -> None:
    order: list[str] = []

    class Exchange:
        def check(self, via: str, frames: Sequence[bytes], partners: object, day: int) -> Any:
            return type("Checked", (), {"via": via, "frames": frames})

        def decide(self, requests: Sequence[Any]) -> list[list[Code]]:
            order.extend(f"{one.via}{len(one.frames)}" for one in requests)
            order.append("|")
            return [[Code.TAKEN] * len(one.frames) for one in requests]

    in_turn = InTurn(Exchange())  # type: ignore[arg-type]
    snapshot = town.site.gateway._services.snapshot

    async def story() -> None:
        bulk = [in_turn.send("bulk", [b""] * 7, snapshot) for _ in range(30)]
        await asyncio.gather(*bulk, in_turn.send("small", [b""], snapshot))

    town.site.wait(story())
    in_turn.close()
    batches = " ".join(order).split("|")
    assert "small1" in batches[0]
    assert [sum(int(one[4:]) for one in batch.split() if one.startswith("bulk")) for batch in batches] == [196, 14, 0]


# -- limits per partner


def test_more_requests_than_agreed_are_told_to_wait_and_others_are_not(tmp_path: Path) -> None:
    world = World()
    team, gp = world.party("team-wmo"), world.party("gp")
    site = Site(world, new_ca(tmp_path), replace(QUICK, rate=0.001, burst=3))
    answers = [site.request(team, "GET", "handles") for _ in range(5)]
    assert [one.status for one in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].problem == "rate"
    assert int(answers[-1].headers["retry-after"]) > 900
    assert site.request(gp, "GET", "handles").status == 200
    assert site.gateway.counts.refused["rate"] == 2
    site.close()


def test_an_edge_that_asks_too_much_waits_as_long_as_it_is_told_and_is_not_lost(tmp_path: Path) -> None:
    world = World()
    gp = world.party("gp")
    site = Site(world, new_ca(tmp_path), replace(QUICK, rate=4, burst=2))
    client = site.client(gp)

    async def story() -> list[int]:
        return [len(await client.handles()) for _ in range(4)]

    assert site.wait(story()) == [0, 0, 0, 0]
    assert site.gateway.counts.refused["rate"] >= 1
    site.close()


def test_a_partner_without_tokens_gets_them_back_with_time() -> None:
    partners = Partnerships(Limits(rate=2, burst=2))
    load = partners.take("one", 10.0)
    partners.take("one", 10.0)
    with pytest.raises(Problem, match="rate") as caught:
        partners.take("one", 10.4)
    assert caught.value.headers["Retry-After"] == "1"
    assert partners.take("one", 10.6) is load
    partners.forget(11.0)
    assert partners.take("one", 11.5) is load
    partners.forget(20.0)
    assert partners.take("one", 20.0) is not load


def test_made_up_roles_give_no_room_of_their_own(tmp_path: Path) -> None:
    world = World()
    team = world.party("team-wmo")
    site = Site(world, new_ca(tmp_path), replace(QUICK, rate=0.001, burst=2))
    paths = [f"/v1/role-{n}/handles" for n in range(4)]
    assert [site.request(team, "GET", path).status for path in paths] == [403, 403, 429, 429]
    assert site.request(team, "GET", "handles").status == 200
    site.close()


def test_only_so_many_polls_are_open_and_they_are_not_counted_as_work(tmp_path: Path) -> None:
    world = World()
    gp = world.party("gp")
    site = Site(world, new_ca(tmp_path), replace(QUICK, polls=1, at_once=1))
    client, opened = site.client(gp), asyncio.Event()
    really = site.gateway._polls.open

    def told(address: str) -> asyncio.Future[None]:
        opened.set()
        return really(address)

    site.gateway._polls.open = told  # type: ignore[method-assign]

    async def story() -> None:
        poll = asyncio.ensure_future(client.pickup(1, 30, 0))
        await opened.wait()
        assert await client.handles() == []
        with pytest.raises(HubUnavailableError, match="status 429"):
            await client.pickup(1, 30, 0)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)

    site.wait(story())
    assert site.gateway.counts.refused["polls"] == 1
    site.close()


def test_a_poll_whose_partner_is_suspended_ends_at_once(town: Town) -> None:
    client = town.site.client(town.gp)

    async def story() -> None:
        poll = asyncio.ensure_future(client.pickup(1, 30, 0))
        await asyncio.to_thread(town.world.hub.set_state, town.gp.address, SUSPENDED)
        await poll

    with pytest.raises(Exception, match="unknown-sender"):
        town.site.wait(story())
    assert town.site.gateway._polls._open == {}


def test_the_bodies_in_hand_have_a_limit_together() -> None:
    memory = Memory(100)
    with memory.share() as one, memory.share() as other:
        one.add(60, 100)
        with pytest.raises(Problem, match="too-large"):
            other.add(40, 30)
        with pytest.raises(Problem, match="try-later"):
            one.add(1, 100)
    assert memory.held == 0


# -- the end


def test_at_an_orderly_stop_an_open_poll_is_answered_and_nothing_new_is_taken(town: Town) -> None:
    client, opened = town.site.client(town.gp), asyncio.Event()
    really = town.site.gateway._polls.open

    def told(address: str) -> asyncio.Future[None]:
        opened.set()
        return really(address)

    town.site.gateway._polls.open = told  # type: ignore[method-assign]

    async def story() -> None:
        poll = asyncio.ensure_future(client.pickup(1, 50, 0))
        await opened.wait()
        await town.site.gateway.stop()
        assert (await poll).deliveries == ()
        with pytest.raises(HubUnavailableError, match="no answer"):
            await client.handles()

    town.site.wait(story())


def test_renewed_certificates_are_taken_without_a_stop(town: Town) -> None:
    town.still_works()
    renewed = town.site.ca.server()
    assert renewed.certificate == town.site.tls.certificate
    town.site.gateway.reload()
    town.still_works()
