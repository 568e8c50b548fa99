# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Notices for the partner's own system by a way that takes time and may break, such as a topic.

Guarantees: every notice is sent at least once, with the same bytes and the same native id each time; what is about one
client goes under one key and in the order in which it came, the next when the one before was confirmed; the key says
nothing about the client; what is called back while it was on its way is called back there too.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters import peers
from adapters.edge import Edge
from adapters.formats.native import Writer
from adapters.inbound import notice_key
from adapters.notices import Notices
from adapters.records_incoming import NOTICES, TOLD, Notify
from adapters.shelf import gone_key
from schemas.canonical import encode

_KEY: Final = b"key of notices"
_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notice as it leaves. `name`: as a file would be called, from the event id; a second one of it is the same."""

    key: bytes
    name: str
    content: bytes = field(repr=False)


# Sends notices, and says of each whether it is certain that it arrived.
Send = Callable[[Sequence[Outgoing]], Awaitable[Sequence[bool]]]


async def send_notices(edge: Edge, writer: Writer, send: Send) -> tuple[int, bool]:
    """Sends what waits; how many arrived, and whether something is left that did not."""
    notices = Notices.of(edge.workplace, edge.identity)
    arrived, stuck = 0, set[bytes]()
    while True:
        first = _first_of_each_client(edge, stuck)
        if not first:
            return arrived, bool(stuck)
        going: list[tuple[bytes, Notify, Outgoing]] = []
        for client, waiting in first.items():
            made = _outgoing(edge, notices, writer, waiting)
            if made is None:
                _mark(edge, waiting, sent=False)
            else:
                going.append((client, waiting, made))
        answers = await send([one for _, _, one in going]) if going else ()
        for (client, waiting, _), is_there in zip(going, answers, strict=True):
            if is_there:
                arrived += 1
            else:
                stuck.add(client)
            _mark(edge, waiting, sent=True, arrived=is_there)


def _first_of_each_client(edge: Edge, stuck: set[bytes]) -> dict[bytes, Notify]:
    """By client; what is about nobody any more stands for itself."""
    found: dict[bytes, Notify] = {}
    for waiting in NOTICES.scan(edge.store, "due"):
        told = TOLD.get(edge.store, gone_key(waiting.sender, waiting.event_id))
        client = waiting.key if told is None or told.client is None else told.client.encode()
        if client not in stuck:
            found.setdefault(client, waiting)
    return found


def _outgoing(edge: Edge, notices: Notices, writer: Writer, waiting: Notify) -> Outgoing | None:
    notice = notices.notice(waiting)
    if notice is None:
        return None
    told = TOLD.need(edge.store, gone_key(waiting.sender, waiting.event_id))
    secret = peers.own_keys(edge.workplace).event_key
    key = hmac.digest(secret, encode([_KEY, str(told.client)]), "sha256")[:_KEY_BYTES]
    ending = "-ingetrokken" if waiting.retracted else ""
    return Outgoing(key.hex().encode(), f"{waiting.event_id.hex()}{ending}{writer.suffix}", writer.write([notice]))


def _mark(edge: Edge, waiting: Notify, *, sent: bool, arrived: bool = True) -> None:
    with edge.workplace.commit("notice") as tx:
        now = NOTICES.need(tx, waiting.key)
        if not now.written and arrived:
            NOTICES.put(tx, replace(now, written=True))
        elif now.written and sent and not waiting.retracted:
            # It was called back while it was on its way, and then counted as never seen: it may have been.
            told = TOLD.get(tx, gone_key(waiting.sender, waiting.event_id))
            back = None if told is None else notice_key(told, retracted=True)
            if back is not None and NOTICES.get(tx, back) is None:
                NOTICES.put(tx, Notify(back, waiting.event_id, waiting.sender, retracted=True))
    # A crash before this commit: the same bytes are sent again under the same key and name.
