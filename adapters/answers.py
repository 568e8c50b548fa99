# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Requests (315, 317) and their answers (319), which name nobody, brought together in whatever order they are read.

Guarantees:
- whom a request is about is kept under a keyed hash of its reference, and only where it is of or to this organisation; the
  reference itself is never kept;
- an answer of this organisation that is read before its request is kept under that hash: which answer, of which day, read when.
  It is about nobody until the request is read. Then it is told to whom it would have been told: under grants that were made
  before it was read and stand still. What began or was resumed since is told nothing of it;
- it waits for thirty days, and is taken once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from adapters.formats.istandaard_message import answered
from adapters.formats.istandaard_models import REJECTED
from adapters.formats.native import NativeEvent, Request
from adapters.records_outgoing import EARLY, REQUESTS, Early, Requested
from adapters.store import Transaction
from schemas.canonical import encode
from schemas.event import Law
from schemas.identity import Citizen

REQUEST_DAYS: Final = 400  # an answer comes within days; one that says *under investigation* has another after it
EARLY_DAYS: Final = 30  # a request that was in quarantine is repaired by then
_EARLY_MS: Final = EARLY_DAYS * 86_400_000


@dataclass(frozen=True, slots=True)
class Said:
    """One native event, with its citizen where that is known. `since`: when it was read, where that was before its request."""

    native: NativeEvent
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """Brings them together at one edge; `mac` is keyed with its own key, `at` the time at which something counts as read."""

    own_codes: frozenset[str]
    mac: Callable[[bytes], bytes]
    at: int
    today: int

    def together(self, tx: Transaction, events: Iterable[NativeEvent]) -> Iterator[Said]:
        """These events in their order, each request followed by what was answered to it before."""
        for native in events:
            request = native.request
            if request is None:
                yield Said(native)
            elif native.citizen is None:
                yield self._answer(tx, native, self._key(native, request))
            else:
                yield Said(native)
                yield from self._asked(tx, native, request)

    def _asked(self, tx: Transaction, native: NativeEvent, request: Request) -> list[Said]:
        citizen, law = native.citizen, native.event.law
        ours = not self.own_codes.isdisjoint((request.provider, request.municipality))
        if citizen is None or citizen.bsn is None or law is None or not ours:
            return []
        key = self._key(native, request)
        REQUESTS.put(tx, Requested(key, citizen.bsn, self.today))
        return [
            Said(replace(_made(native, law, request, one), citizen=citizen), one.read_at) for one in _taken(tx, key)
        ]

    def _answer(self, tx: Transaction, native: NativeEvent, key: bytes) -> Said:
        asked = REQUESTS.get(tx, key)
        if asked is not None:
            return Said(replace(native, citizen=Citizen(bsn=asked.bsn)))
        if native.sender in self.own_codes:  # what others answer is not told from here
            answer = native.identity[-1]
            name = self.mac(encode([b"early", key, answer]))
            if EARLY.get(tx, name) is None:
                EARLY.put(tx, Early(name, key, answer, native.event.day, self.at))
        return Said(native)

    def _key(self, native: NativeEvent, request: Request) -> bytes:
        words = [native.identity[0], request.provider, request.municipality, request.reference]
        return self.mac(encode([b"request", *words]))


def _made(asked: NativeEvent, law: Law, request: Request, early: Early) -> NativeEvent:
    return answered(asked.identity[0], law, request, early.answer, early.day)


def _taken(tx: Transaction, request: bytes) -> list[Early]:
    found = EARLY.find(tx, "request", request)
    for one in found:
        EARLY.delete(tx, one.key)
    return sorted(found, key=lambda one: (one.day, one.answer == REJECTED))


def purge(tx: Transaction, now: int, today: int) -> None:
    """What was kept has had its time."""
    for request in [one for one in REQUESTS.scan(tx) if today > one.read_on + REQUEST_DAYS]:
        REQUESTS.delete(tx, request.key)
    for early in [one for one in EARLY.scan(tx) if now - one.read_at > _EARLY_MS]:
        EARLY.delete(tx, early.key)
