# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The routes of `/v1/`: which there are, what each asks of the exchange, and the bytes of its answer.

`hub/openapi.json` describes the same routes in words; a test holds the two together.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import astuple, dataclass, field
from functools import partial
from itertools import islice
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote

from hub.accession_authority import AuthorityFiles, JoinError, OtherAuthorityError
from hub.client import PickUp
from hub.exchange import Exchange
from hub.gateway_caller import Snapshot
from hub.gateway_in_turn import FEW_FACTS, PART, Intake, InTurn, Polls
from hub.gateway_problem import Problem
from hub.gateway_turns import FACTS, Parts
from schemas import api
from schemas.address import need_address
from schemas.canonical import FrameError

ROLE = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
HASHES = 128  # of a proof made in one go
CBOR = api.MEDIA_TYPE
TEXT = "text/plain; charset=utf-8"
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A proven request.  `polling` counts an open poll while it is entered; `certificate` is what was shown (DER),
    `need_valid` raises a problem once it is revoked."""

    via: str
    query: Mapping[str, int]
    named: str
    body: bytes
    polling: Callable[[], AbstractContextManager[None]]
    certificate: bytes
    need_valid: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One route.  `any_day`: a key whose days are over still proves the caller."""

    name: str
    method: str
    answer: Callable[[Services, Call], Awaitable[bytes]]
    query: tuple[str, ...] = ()
    any_day: bool = False
    media_type: str = CBOR


@dataclass(frozen=True, slots=True)
class Found:
    """A route with what its path says; `role` is None for what is about the log."""

    route: Route
    role: str | None
    named: str


@dataclass(slots=True)
class Services:
    """What the routes work with."""

    exchange: Exchange
    in_turn: InTurn
    polls: Polls
    authority: AuthorityFiles | None
    clock: Callable[[], int]
    intake: Intake | None = None
    snapshot: Snapshot = field(init=False)
    ending: bool = False

    async def refresh(self) -> Snapshot:
        """Partners and day as they are now."""
        self.snapshot = Snapshot(*await self.in_turn.run(self.exchange.snapshot))
        return self.snapshot

    async def ask(self, method: Callable[Concatenate[str, P], T], via: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What a method of the exchange answers to an address, when it is its turn."""
        return await self.in_turn.run(partial(method, via, *args, **kwargs), via)

    async def in_parts(
        self, method: Callable[[str, Sequence[bytes]], list[T]], call: Call, whose: str, size: int
    ) -> list[T]:
        """The answers to the frames in a body, each of which stands alone."""
        frames = api.read_frames(call.body)

        def parts() -> Parts[list[T]]:
            answers = method(call.via, frames[:size])
            while len(answers) < len(frames):
                yield
                answers += method(call.via, frames[len(answers) : len(answers) + size])
            return answers

        return await self.in_turn.run_parts(parts(), whose)

    async def hand_over(self, via: str, most: int, acknowledged: int) -> PickUp:
        """What waits for an address: who comes for much is not noticed by who sends one."""
        exchange = self.exchange

        def parts() -> Parts[PickUp]:
            answer = exchange.begin_pickup(via, most, acknowledged, PART)
            while answer.left:
                yield
                exchange.go_on(answer, PART)
            return answer.whole()

        return await self.in_turn.run_parts(parts(), via)


def find(method: str, path: str) -> Found:
    """The route of a request.

    Raises:
        Problem: there is none, or it takes another method.
    """
    parts = path.split("/")[1:]
    if parts[:1] != ["v1"] or not path.startswith("/"):
        raise Problem("no-route")
    role, named, name = None, "", "/".join(parts[1:])
    if name not in LOG:
        role, name = (parts[1], "/".join(parts[2:])) if len(parts) > 2 else ("", "")
        if name.startswith("manifests/"):
            name, named = "manifests/{address}", _address(name.removeprefix("manifests/"))
    route = LOG.get(name) if role is None else ROUTES.get(name)
    if route is None or role is not None and ROLE.fullmatch(role) is None:
        raise Problem("no-route")
    if route.method != method:
        raise Problem("method", headers={"Allow": route.method})
    return Found(route, role, named)


def read_query(text: str, names: tuple[str, ...]) -> dict[str, int]:
    """The numbers of a query: each name once, nothing else.

    Raises:
        Problem: it has another form.
    """
    pairs = [part.partition("=") for part in text.split("&")] if text else []
    values = {name: value for name, _, value in pairs}
    if sorted(name for name, _, _ in pairs) != sorted(names):
        raise Problem("malformed", "/query: names")
    if not all(_NUMBER.fullmatch(value) for value in values.values()):
        raise Problem("malformed", "/query: number")
    return {name: int(value) for name, value in values.items()}


def _address(text: str) -> str:
    try:
        return need_address(unquote(text, errors="strict"), "/address")
    except (FrameError, UnicodeDecodeError):
        raise Problem("no-route") from None


async def _envelopes(services: Services, call: Call) -> bytes:
    frames = api.read_frames(call.body)
    return api.codes_bytes(await services.in_turn.send(call.via, frames, services.snapshot))


async def _outcomes(services: Services, call: Call) -> bytes:
    feed = await services.ask(services.exchange.outcomes, call.via, call.query["after"])
    lines = [(item.number, item.code, item.message_id, item.handle, item.frame) for item in feed.items]
    return api.feed_bytes(feed.origin, lines, feed.more)


async def _pickup(services: Services, call: Call) -> bytes:
    most, wait_ms, acknowledged = api.read_pickup(call.body)
    if not wait_ms:
        return _picked_up(await services.hand_over(call.via, most, acknowledged))
    with call.polling():
        return _picked_up(await _poll(services, call, most, acknowledged, wait_ms / 1000))


async def _poll(services: Services, call: Call, most: int, acknowledged: int, seconds: float) -> PickUp:
    """For no envelope at all (`most` is 0) it answers when there is one, and since nothing was handed over, whoever
    waits may go away at any moment."""
    via, clock = call.via, asyncio.get_running_loop().time
    until, is_there = clock() + seconds, False
    while True:
        changed = services.polls.open(via)  # before looking: what comes in between is not missed
        try:
            found = await services.hand_over(via, most, acknowledged)
            left = until - clock()
            if found.deliveries or found.notices or left <= 0 or is_there or services.ending:
                return found
            acknowledged = 0  # it is acknowledged
            done, _ = await asyncio.wait([changed], timeout=left)
            call.need_valid()
            is_there = not most and bool(done) and changed.result()
        finally:
            services.polls.close(via, changed)


def _picked_up(found: PickUp) -> bytes:
    parcels = [
        (one.envelope, one.count, one.index, one.record, one.salt, one.accept, one.accept_salt)
        for one in found.deliveries
    ]
    return api.picked_up_bytes(parcels, [(one.number, one.kind, one.handles, one.fact) for one in found.notices])


async def _receipts(services: Services, call: Call) -> bytes:
    return api.codes_bytes(await services.in_parts(services.exchange.receipts, call, call.via, PART))


async def _facts(services: Services, call: Call) -> bytes:
    answers = await services.in_parts(services.exchange.facts, call, FACTS, FEW_FACTS)
    return api.fact_answers_bytes([(one.code, one.stopped_by_other) for one in answers])


async def _my_facts(services: Services, call: Call) -> bytes:
    found = await services.ask(services.exchange.facts_after, call.via, call.query["from"])
    return api.logged_bytes([(one.index, one.frame, one.day, one.salt) for one in found])


async def _handles(services: Services, call: Call) -> bytes:
    states = await services.ask(services.exchange.handles, call.via)
    return api.handles_bytes([(one.month, one.handle, one.stopped) for one in states])


async def _hour_key(services: Services, call: Call) -> bytes:
    intake = services.intake
    return api.hour_key_bytes(
        None if intake is None else await services.in_turn.run(partial(intake.hour_key, call.via))
    )


async def _recovery(services: Services, call: Call) -> bytes:
    del call  # the same for everybody
    began = await services.in_turn.run(services.exchange.recovery)
    return api.began_bytes(None if began is None else astuple(began))


async def _repeated(services: Services, call: Call) -> bytes:
    number, size = api.read_repeated(call.body)
    return api.codes_bytes([await services.ask(services.exchange.repeated, call.via, number, size)])


async def _restored(services: Services, call: Call) -> bytes:
    frames = api.read_frames(call.body, 1)
    if not frames:
        raise Problem("malformed", "/: minItems")
    return api.codes_bytes([await services.ask(services.exchange.restored, call.via, frames[0])])


async def _publish(services: Services, call: Call) -> bytes:
    frames = api.read_frames(call.body, 2)
    if not frames:
        raise Problem("malformed", "/: minItems")
    code, index = await services.ask(services.exchange.publish, call.via, *frames)
    await services.refresh()  # the next request may be signed with a key of this manifest
    return api.published_bytes(code, index)


async def _certificate(services: Services, call: Call) -> bytes:
    frames, authority = api.read_frames(call.body, 1), services.authority
    if not frames:
        raise Problem("malformed", "/: minItems")
    await services.ask(services.exchange.need_to_vouch, call.via)
    if authority is None:
        raise Problem("other-authority")
    vouching = await asyncio.to_thread(authority.read)
    try:
        made = vouching.renew(call.certificate, frames[0], call.via, services.clock() // 1000)
    except OtherAuthorityError:
        raise Problem("other-authority") from None
    except JoinError:
        raise Problem("malformed", "/0: request") from None
    # Nothing is kept. A crash here: the edge has no answer, shows what it has, and asks again.
    return api.certificate_bytes(made)


async def _manifests(services: Services, call: Call) -> bytes:
    found = await services.ask(services.exchange.manifests, call.via, call.named)
    return api.indexed_bytes([(one.index, one.frame, one.attestation) for one in found])


async def _checkpoint(services: Services, call: Call) -> bytes:
    return (await services.in_turn.run(services.exchange.checkpoint)).encode()


async def _consistency(services: Services, call: Call) -> bytes:
    old, new = call.query["old"], call.query["new"]
    with _no_such_place("/query"):
        return api.hashes_bytes(await services.in_turn.run(partial(services.exchange.log.consistency, old, new)))


async def _inclusion(services: Services, call: Call) -> bytes:
    """In parts, with the work of others in between: entries far apart in a long log take many reads."""
    indexes, size = api.read_entries(call.body)

    def parts() -> Parts[list[bytes]]:
        with _no_such_place("/"):
            proof = services.exchange.log.inclusion(indexes, size)
        hashes = list(islice(proof, HASHES))
        while part := list(islice(proof, HASHES)):
            hashes += part
            yield
        return hashes

    return api.hashes_bytes(await services.in_turn.run_parts(parts(), call.via))


@contextmanager
def _no_such_place(path: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise Problem("malformed", f"{path}: there is no such place in the log") from None


ROUTES = {
    route.name: route
    for route in (
        Route("envelopes", "POST", _envelopes),
        Route("outcomes", "GET", _outcomes, ("after",)),
        Route("pickup", "POST", _pickup),
        Route("receipts", "POST", _receipts),
        Route("facts", "POST", _facts, any_day=True),
        Route("facts/mine", "GET", _my_facts, ("from",)),
        Route("handles", "GET", _handles),
        Route("hour-key", "GET", _hour_key),
        Route("repeated", "POST", _repeated, any_day=True),
        Route("restored", "POST", _restored, any_day=True),
        Route("publish", "POST", _publish, any_day=True),
        Route("certificate", "POST", _certificate),
        Route("manifests/{address}", "GET", _manifests),
    )
}
LOG = {
    route.name: route
    for route in (
        Route("checkpoint", "GET", _checkpoint, media_type=TEXT),
        Route("recovery", "GET", _recovery),
        Route("consistency", "GET", _consistency, ("old", "new")),
        Route("inclusion", "POST", _inclusion),
    )
}
