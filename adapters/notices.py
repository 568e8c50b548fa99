# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Notices for the partner's own system: what came through the hub, in a format that this system reads.

Guarantees: every notice is handed over at least once, under a name and a native id made from the event id, so that a
second time is seen as such; what was called back before it was written is never written; what is called back later
follows under the same native id, also when its content was destroyed meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from adapters.address_book import AddressBook
from adapters.chain_view import event_of
from adapters.formats.native import Notice, Writer
from adapters.records_incoming import INTRODUCTIONS, NOTICES, TOLD, Notify
from adapters.records_outgoing import CLIENTS
from adapters.shelf import gone_key
from adapters.workplace import Workplace
from schemas.calendar import day_of
from schemas.event import Law


class Whose(Protocol):
    """What an edge is called by, and how its own system knows clients."""

    @property
    def book(self) -> AddressBook: ...
    @property
    def notices_with_bsn(self) -> bool: ...
    @property
    def own_number_system(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Notices:
    """What waits for the own system."""

    work: Workplace
    book: AddressBook
    with_bsn: bool
    own_system: str | None

    @classmethod
    def of(cls, work: Workplace, whose: "Whose") -> "Notices":
        """Those of this edge."""
        return cls(work, whose.book, whose.notices_with_bsn, whose.own_number_system)

    def write(self, writer: Writer, deliver: Callable[[str, bytes], None]) -> int:
        """Write each waiting notice to a file of its own and hand it over; how many."""
        written = 0
        for waiting in list(NOTICES.scan(self.work.store, "due")):
            notice = self.notice(waiting)
            if notice is not None:
                ending = "-ingetrokken" if waiting.retracted else ""
                self.work.point("notice: before the file")
                deliver(f"{waiting.event_id.hex()}{ending}{writer.suffix}", writer.write([notice]))
                written += 1
            with self.work.commit("notice") as tx:
                NOTICES.put(tx, replace(waiting, written=True))
            # A crash before this commit: the same bytes are written again under the same name.
        return written

    def pending(self) -> list[Notice]:
        """The notices that wait."""
        found = [self.notice(waiting) for waiting in NOTICES.scan(self.work.store, "due")]
        return [notice for notice in found if notice is not None]

    def notice(self, waiting: Notify) -> Notice | None:
        """The notice; None when there is nothing left to tell."""
        told = TOLD.get(self.work.store, gone_key(waiting.sender, waiting.event_id))
        if told is None or told.client is None or not (told.parts or waiting.retracted):
            return None
        client = CLIENTS.need(self.work.store, told.client.encode())
        introduced = INTRODUCTIONS.need(self.work.store, told.secret)
        return Notice(
            event_id=told.event_id,
            event=event_of(self.work.registry, told) if told.parts else None,
            law=Law(introduced.law),
            task=introduced.purpose,
            sender_name=self.book.name_of(told.sender),
            own_number=client.number,
            bsn=client.bsn if self.with_bsn else None,
            retracted=waiting.retracted,
            told_on=day_of(told.came_at),
            sender=told.sender,
            own_system=self.own_system,
        )
