# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge did about its own clients, as lines of LDV (Logboek Dataverwerkingen): told, and received.

Guarantees:
- one line per processing of one client, none left out that this edge still has, and never a user in it;
- the data subject is the partner's own client number, encrypted under a key that is the organisation's: the same client gives
  the same text, so a citizen's lines can be found, and without the key it says nothing. A BSN is in no line;
- ids follow from what this edge keeps, so the same record gives the same line each time.

What a line may not say (who) goes beside it, for the stream that must say it: `adapters.person_log`.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from adapters.records_incoming import INTRODUCTIONS, TOLD, Told
from adapters.records_outgoing import CLIENTS, DONE, FINAL, GRANTS, ITEMS, RETRACTED, Item
from adapters.shelf import Reads

UNKNOWN, OK, ERROR = 0, 1, 2
KEY_BYTES: Final = 64
_PURPOSE: Final = b"schakel/ldv/subject/v1"


class Subject(NamedTuple):
    """Whom and what a line is about."""

    client: str
    row: int
    law: str
    purpose: str


class Done(NamedTuple):
    """A processing: its line, and what the line may not say. `sender` told, or tells, `recipient`."""

    line: dict[str, Any]
    about: Subject
    sender: str
    recipient: str
    ground: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcessingLog:
    """Makes the lines. `activity`: URI of a processing activity, with {law}, {purpose} and {row}. `address`: of this edge."""

    reads: Reads
    key: AESSIV
    activity: str
    resource: Mapping[str, str]
    address: str

    def lines(self, since: int, until: int) -> Iterator[dict[str, Any]]:
        """What was done from one time (ms) to another, the last not included."""
        return (done.line for done in self.done(since, until))

    def done(self, since: int, until: int) -> Iterator[Done]:
        """The same, with what only another stream may say."""
        for item in ITEMS.scan(self.reads):
            if item.told and since <= (item.taken_at or item.made_at) < until:
                yield self._told(item)
        for told in TOLD.scan(self.reads):
            if told.client is not None and since <= told.came_at < until:
                yield self._received(told, told.client)

    def _told(self, item: Item) -> Done:
        grant = GRANTS.need(self.reads, item.grant.encode())
        end = item.taken_at or item.made_at
        status = UNKNOWN if item.state != FINAL else OK if item.final in (DONE, RETRACTED) else ERROR
        about = Subject(item.client, grant.row, grant.law, grant.purpose)
        ids = _id(b"trace", item.event_id, 16), _id(b"operation", item.event_id + f"out {item.number}".encode(), 8)
        line = self.line(ids, f"schakel.tell.{item.kind}", status, (item.made_at, end), about)
        return Done(line, about, self.address, grant.recipient, grant.ground, grant.categories)

    def _received(self, told: Told, client: str) -> Done:
        introduced = INTRODUCTIONS.need(self.reads, told.secret)
        about = Subject(client, introduced.row, introduced.law, introduced.purpose)
        ids = _id(b"trace", told.event_id, 16), _id(b"operation", told.event_id + f"in {told.sender}".encode(), 8)
        line = self.line(ids, "schakel.receive.event", OK, (told.came_at, told.came_at), about)
        return Done(line, about, told.sender, self.address, introduced.ground, introduced.categories)

    def line(
        self, ids: tuple[str, str], name: str, status: int, times: tuple[int, int], about: Subject
    ) -> dict[str, Any]:
        """One line; `ids`: trace and operation."""
        activity = self.activity.format(law=about.law, purpose=about.purpose, row=about.row)
        return {
            "trace_id": ids[0],
            "operation_id": ids[1],
            "status_code": status,
            "name": name,
            "start_time": times[0],
            "end_time": times[1],
            "resource": {"attributes": pairs(self.resource)},
            "attributes": pairs(
                {"dpl.core.processing_activity_id": activity, "dpl.core.data_subject_id": self.subject(about.client)}
            ),
        }

    def subject(self, client: str) -> str:
        """Who it is about: the own number under the key; of a client who was erased the mark that names nobody any more."""
        found = CLIENTS.get(self.reads, client.encode())
        number = f"erased/{client}" if found is None else found.number
        return b64encode(self.key.encrypt(number.encode(), [_PURPOSE])).decode()


def pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as both streams write them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def _id(what: bytes, known: bytes, size: int) -> str:
    return hashlib.sha256(what + known).digest()[:size].hex()


def ids_of(look: str, task: str) -> tuple[str, str]:
    """Trace and operation of a look at one task."""
    return _id(b"look", look.encode(), 16), _id(b"look operation", f"{look} {task}".encode(), 8)
