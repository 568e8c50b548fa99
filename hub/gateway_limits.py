# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What one partner may use of the gateway, so that no partner is noticed by another; and what was counted.

A partner is an address once it is known, else all of its organisation together: making up roles gives no room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hub.gateway_problem import Problem
from schemas.api import LARGEST_BODY
from schemas.codes import Code


@dataclass(frozen=True, slots=True)
class Limits:
    """Per partner, except where it says otherwise.  Times are seconds."""

    rate: float = 50.0  # requests a second, on average
    burst: int = 200  # requests at once after a silence
    at_once: int = 16
    polls: int = 2
    connections: int = 64  # per certificate
    all_connections: int = 12_000  # of everybody
    body: int = LARGEST_BODY
    handshake: float = 10.0
    head: float = 10.0  # until the head of a request is whole
    whole_body: float = 30.0
    idle: float = 75.0  # a connection between two requests


@dataclass(slots=True)
class Load:
    """What one partner uses now."""

    tokens: float
    filled: float
    requests: int = 0
    polls: int = 0


class Partnerships:
    """The loads of all partners; a partner that uses nothing and may burst again is forgotten."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loads: dict[str, Load] = {}

    def take(self, name: str, now: float) -> Load:
        """The load of a partner after one more request.

        Raises:
            Problem: it has no request left at present.
        """
        load = self._loads.get(name)
        if load is None:
            load = self._loads[name] = Load(self._limits.burst, now)
        load.tokens = min(self._limits.burst, load.tokens + (now - load.filled) * self._limits.rate)
        load.filled = now
        if load.tokens < 1:
            wait = int((1 - load.tokens) / self._limits.rate) + 1
            raise Problem("rate", headers={"Retry-After": str(wait)})
        load.tokens -= 1
        return load

    @contextmanager
    def request(self, load: Load) -> Iterator[None]:
        """While a request is worked on.

        Raises:
            Problem: so many are worked on already.
        """
        if load.requests >= self._limits.at_once:
            raise Problem("at-once")
        load.requests += 1
        try:
            yield
        finally:
            load.requests -= 1

    @contextmanager
    def poll(self, load: Load) -> Iterator[None]:
        """While a poll is open; it is not one of the requests that are worked on.

        Raises:
            Problem: so many are open already.
        """
        if load.polls >= self._limits.polls:
            raise Problem("polls")
        load.polls += 1
        load.requests -= 1
        try:
            yield
        finally:
            load.requests += 1
            load.polls -= 1

    def forget(self, now: float) -> None:
        """Drops the loads that say nothing any more."""
        full = self._limits.burst / self._limits.rate
        done = [n for n, one in self._loads.items() if not one.requests and not one.polls and now - one.filled > full]
        for name in done:
            del self._loads[name]


class Memory:
    """The bytes of all bodies together that are worked on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def need_room(self, size: int) -> None:
        """Returns when a body of this size still fits.

        Raises:
            Problem: it doesn't at present.
        """
        if self.held + size > self._most:
            raise Problem(Code.TRY_LATER.value, close=True)

    @contextmanager
    def share(self) -> Iterator[Share]:
        """The part of one request, given back at its end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.size


class Share:
    """What one request holds of the memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.size = 0

    def add(self, size: int, most: int) -> None:
        """The next piece of a body of at most `most` bytes.

        Raises:
            Problem: too large, or no room at present.
        """
        self._memory.need_room(size)
        self.size += size
        self._memory.held += size
        if self.size > most:
            raise Problem(Code.TOO_LARGE.value, close=True)


@dataclass(slots=True)
class Counts:
    """What happened since the start, under closed names: `answered` by route and status, `refused` by problem.

    Connections: `accepted` by the system, `shaken` hands (TLS and certificate in order), `silent` ended without a
    whole request.  What is accepted and not shaken was refused by TLS.
    """

    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    shaken: int = 0
    silent: int = 0
    smuggled: int = 0  # certificate headers that came from no proxy of ours
