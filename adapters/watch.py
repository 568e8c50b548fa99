# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge looks after by itself at the hub: its own manifests, its own stops, and proofs that stay away.

Guarantees: whatever is amiss becomes an alarm for a person (`adapters.alarms`), never an error, so that a hub can't
end an edge's work by lying; nothing that the hub shows is believed without its place in the log.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from adapters import alarms
from adapters.alarms import Lie
from adapters.records_outgoing import FACTS
from adapters.records_own import MADE, OWN, OWN_KEY, place
from adapters.shelf import Shelf, number_key
from adapters.store import Table
from adapters.witness import NotProvenError, Unproven, Witness
from adapters.workplace import Workplace
from hub.client import LoggedFact
from schemas import entry
from schemas.canonical import FrameError
from schemas.fact import Stop, parse_fact

WATCH_MS: Final = 600_000  # between two looks when nothing new was signed
_HERE: Final = b"here"
_MOST_PAGES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Watched:
    """How far was looked: the log, the next of its entries, the newest of one's own facts; and when."""

    origin: str = ""
    index: int = 0
    fact: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class UsedTable:
    """A rule table with which this edge has worked."""

    hash: bytes


WATCHED: Final = Shelf(Table("watched"), Watched, lambda _: _HERE)
TABLES: Final = Shelf(Table("table_used"), UsedTable, lambda r: r.hash)


@dataclass(frozen=True, slots=True)
class Watch:
    """What one edge looks after."""

    work: Workplace
    witness: Witness

    async def look(self) -> bool:
        """Look when it is time, or when a fact was signed since; whether it looked.

        Raises:
            LogForkError: what the hub shows isn't in its log.
            HubUnavailableError: no answer; it is looked again at the next pass.
        """
        self._remember_table()
        here = WATCHED.get(self.work.store, _HERE) or Watched()
        if here.fact == place(self.work.store).facts and 0 <= self.work.now - here.at < WATCH_MS:
            return False
        found = await self._own_manifests()
        here, missing = await self._stops(here)
        waiting = await self.witness.prove_deliveries(self.work.client)
        found += missing
        if waiting:
            found += [(Lie.OFF_THE_LOG, f"entry {index}") for index in self.witness.overdue(self.work.now)]
        with self.work.commit("watched") as tx:
            for lie, about in found:
                alarms.sound(tx, lie, about, self.work.now)
            WATCHED.put(tx, replace(here, at=self.work.now))
        # A crash before this commit: it is looked again from the same place, and finds the same.
        return True

    def _remember_table(self) -> None:
        known = UsedTable(self.work.rules.hash)
        if TABLES.get(self.work.store, known.hash) is None:
            with self.work.commit("table used") as tx:
                TABLES.put(tx, known)

    # -- one's own manifests -----------------------------------------------------------------------------------------

    async def _own_manifests(self) -> list[tuple[Lie, str]]:
        """What the hub shows of this address that this edge did not make, or lacks of what it made."""
        own = OWN.need(self.work.store, OWN_KEY)
        shown = await self.work.ask("own manifests", self.work.client.manifests, self.work.address)
        found = [
            (Lie.OWN_MANIFEST, f"entry {one.index}")
            for one in shown
            if MADE.get(self.work.store, hashlib.sha256(one.frame).digest()) is None
        ]
        if own.index is None:
            return found
        if not shown or (shown[-1].frame, shown[-1].index) != (own.manifest, own.index):
            return [*found, (Lie.OWN_MANIFEST, f"entry {own.index} is not the newest shown")]
        if own.attested and not shown[-1].attestation:
            found.append((Lie.OWN_MANIFEST, f"entry {own.index} is shown without its attestation"))
        with suppress(NotProvenError):  # the hub signs a checkpoint within seconds: the next look finds it
            await self.witness.manifest_in_log(self.work.client, own.manifest, own.index)
        return found

    # -- one's own stops ---------------------------------------------------------------------------------------------

    async def _stops(self, here: Watched) -> tuple[Watched, list[tuple[Lie, str]]]:
        """Every stop that the hub answered as in force stands in its log; those that don't."""
        origin, signed = self._origin(), place(self.work.store).facts
        if here.origin != origin:
            # Another log, which a person has accepted: what was signed under the one before is not asked of it.
            here = Watched(origin, 0, here.fact if not here.origin else signed)
        logged, index = await self._read(here.index)
        missing = self._not_in(logged, here.fact, signed)
        if missing and here.index:  # a stop that was said before gets no entry of its own: look at all of them
            logged, index = await self._read(0)
            missing = self._not_in(logged, here.fact, signed)
        found = [(Lie.SWALLOWED_STOP, f"stop {number}") for number in missing]
        return replace(here, index=index, fact=signed), found

    def _origin(self) -> str:
        newest = self.witness.newest()
        return "" if newest is None else newest.origin

    async def _read(self, index: int) -> tuple[set[bytes], int]:
        """The handles that this address stopped by the log, from an entry on; each entry is kept to be proven."""
        stopped = set[bytes]()
        for _ in range(_MOST_PAGES):  # a hub that never ends its list must not keep this edge from its work
            page = await self.work.ask("own facts", self.work.client.facts_after, index)
            if not page:
                break
            index = max(index, page[-1].index) + 1
            stops = [(one, handles) for one in page if (handles := self._stopped_by(one.frame))]
            with self.work.commit("own facts") as tx:
                for one, _ in stops:
                    self.witness.keep(tx, _unproven(one), self.work.now)
            # A crash here: the same page is read again, and each of its entries is proven once.
            stopped.update(*(handles for _, handles in stops))
        return stopped, index

    def _stopped_by(self, frame: bytes) -> set[bytes]:
        try:
            fact = parse_fact(frame)
        except FrameError:
            return set()
        body = fact.body
        if fact.signer != self.work.address or not isinstance(body, Stop):
            return set()
        return {handle for _, handle in body.handles}

    def _not_in(self, logged: set[bytes], after: int, until: int) -> list[int]:
        """The numbers of one's own stops of which the log lacks a handle."""
        kept = [FACTS.get(self.work.store, number_key(number)) for number in range(after + 1, until + 1)]
        return [one.number for one in kept if one is not None and not self._stopped_by(one.frame) <= logged]


def _unproven(one: LoggedFact) -> Unproven:
    return Unproven(one.index, entry.committed(entry.fact(one.day, one.frame), one.salt).leaf)
