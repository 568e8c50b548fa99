# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge did about its own clients, as lines of LDV (Logboek Dataverwerkingen): told, and received.

Guarantees:
- one line per processing of one client, none left out that this edge still has, and never a user in it;
- the data subject is the partner's own client number, encrypted under a key that is the organisation's: the same client gives
  the same text, so a citizen's lines can be found, and without the key it says nothing. A BSN is in no line;
- ids follow from what this edge keeps, so the same record gives the same line each time.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from adapters.records import (
    CLIENTS,
    DONE,
    FINAL,
    GRANTS,
    INTRODUCTIONS,
    ITEMS,
    RETRACTED,
    TOLD,
    Item,
    Reads,
    Told,
)

UNKNOWN, OK, ERROR = 0, 1, 2
KEY_BYTES: Final = 64
_PURPOSE: Final = b"schakel/ldv/subject/v1"


class Subject(NamedTuple):
    """Whom and what a line is about."""

    client: str
    row: int
    law: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ProcessingLog:
    """Makes the lines. `activity`: URI of a processing activity, with {law}, {purpose} and {row}."""

    reads: Reads
    key: AESSIV
    activity: str
    resource: Mapping[str, str]

    def lines(self, since: int, until: int) -> Iterator[dict[str, Any]]:
        """What was done from one time (ms) to another, the last not included."""
        for item in ITEMS.scan(self.reads):
            if item.told and since <= (item.taken_at or item.made_at) < until:
                yield self._told(item)
        for told in TOLD.scan(self.reads):
            if told.client is not None and since <= told.came_at < until:
                yield self._received(told, told.client)

    def _told(self, item: Item) -> dict[str, Any]:
        grant = GRANTS.need(self.reads, item.grant.encode())
        end = item.taken_at or item.made_at
        status = UNKNOWN if item.state != FINAL else OK if item.final in (DONE, RETRACTED) else ERROR
        about = Subject(item.client, grant.row, grant.law, grant.purpose)
        return self._line(
            item.event_id, f"out {item.number}", f"schakel.tell.{item.kind}", status, (item.made_at, end), about
        )

    def _received(self, told: Told, client: str) -> dict[str, Any]:
        introduced = INTRODUCTIONS.need(self.reads, told.secret)
        about = Subject(client, introduced.row, introduced.law, introduced.purpose)
        times = (told.came_at, told.came_at)
        return self._line(told.event_id, f"in {told.sender}", "schakel.receive.event", OK, times, about)

    def _line(
        self, event_id: bytes, operation: str, name: str, status: int, times: tuple[int, int], about: Subject
    ) -> dict[str, Any]:
        number = CLIENTS.need(self.reads, about.client.encode()).number
        sealed = self.key.encrypt(number.encode(), [_PURPOSE])
        activity = self.activity.format(law=about.law, purpose=about.purpose, row=about.row)
        return {
            "trace_id": _id(b"trace", event_id, 16),
            "operation_id": _id(b"operation", event_id + operation.encode(), 8),
            "status_code": status,
            "name": name,
            "start_time": times[0],
            "end_time": times[1],
            "resource": {"attributes": [{"key": key, "value": value} for key, value in self.resource.items()]},
            "attributes": [
                {"key": "dpl.core.processing_activity_id", "value": activity},
                {"key": "dpl.core.data_subject_id", "value": b64encode(sealed).decode()},
            ],
        }


def _id(what: bytes, known: bytes, size: int) -> str:
    return hashlib.sha256(what + known).digest()[:size].hex()
