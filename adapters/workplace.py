# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the parts of one edge work with: its store, its way to the hub, its rules, its clock.

Guarantees: every commit and every call of the hub has a point before and after it, so that a test can stop the edge
anywhere; a transaction never spans a call of the hub.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from adapters.spread import DAYS, release_moment
from adapters.store import EdgeStore, Transaction
from consent.rules import RuleTable
from hub.client import HubClient
from schemas.calendar import day_of, next_working_day, start_of_day
from schemas.registry import Registry

OBJECTION_DAYS: Final = 14
MOST_OBJECTION_DAYS: Final = 28  # no month is shorter
_MINUTES: Final = 1440
P = ParamSpec("P")
T = TypeVar("T")
Attest = Callable[[bytes], bytes]


class EdgeError(ValueError):
    """What was asked can't be done; a Dutch sentence for people, without a number of a client."""


def no_point(_name: str) -> None:
    """The point outside tests: nothing happens."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """One address at its work. `clock` gives unix milliseconds, `random` as many random bytes as asked, `attest` the
    attestation of a manifest by the certificate of now: None where there is no certificate. `spread_days`: over how many
    working days what leaves is spread, 0 for at once. `objection_days`: within how many days a person decides an objection.
    """

    address: str
    store: EdgeStore
    client: HubClient
    rules: RuleTable
    registry: Registry
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    point: Callable[[str], None] = no_point
    attest: Attest | None = None
    spread_days: int = DAYS
    objection_days: int = OBJECTION_DAYS

    @property
    def now(self) -> int:
        """The time."""
        return self.clock()

    @property
    def today(self) -> int:
        """The Dutch calendar day."""
        return day_of(self.clock())

    def release_moment(self, last_day: int) -> int:
        """A moment of its own for what is put in the outbox now and may leave until `last_day`; kept with it, so that a
        crash draws no other."""
        return release_moment(self.now, self.spread_days, self.random, last_day)

    def id(self) -> str:
        """A new random name for a record."""
        return self.random(8).hex()

    @contextmanager
    def commit(self, name: str) -> Iterator[Transaction]:
        """One transaction. A crash before its end: nothing of it has happened; after: all of it."""
        with self.store.transaction() as tx:
            yield tx
            self.point(f"{name}: before the commit")
        self.point(f"{name}: after the commit")

    async def ask(self, name: str, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """One call of the hub. A crash before: the hub knows nothing of it; after: it does, and the edge does not."""
        self.point(f"{name}: before the call")
        answer = await call(*args, **kwargs)
        self.point(f"{name}: after the call")
        return answer


def random_minute(work: Workplace) -> int:
    """A random minute of the next working day, in unix milliseconds."""
    minute = int.from_bytes(work.random(4), "big") % _MINUTES
    return start_of_day(next_working_day(work.today)) + minute * 60_000
