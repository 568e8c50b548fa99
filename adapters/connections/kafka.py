# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Sends envelopes over the hub's Kafka, for an edge in the hub's own network.  Everything else goes over the gateway.

* `taken` is said when the brokers have a record as often as the topic asks for, and not before.
* What they do not have, or of which that is not known, is `try-later`: the same bytes go again, which is harmless, and what
  goes over the gateway (pick-up, receipts, stops) is not held up.
* What is refused after that is not answered here: whatever the hub decides comes in the feed, and what has no outcome
  after an hour goes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from threading import Lock

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from adapters.kafka_settings import KafkaSending
from schemas.codes import Code
from schemas.envelope import LARGEST
from schemas.kafka_way import client_settings

SECONDS = 5.0  # until what the brokers did not confirm goes again
_PROBE_SECONDS = 1.0  # of a look whether they are back: a pass of the edge waits for it
_MORE = 5.0  # the library itself says by then what became of each
_NO_REPORT = "_TIMED_OUT"
_TOGETHER = 500
_BATCH_BYTES = 100_000  # the topic takes no more than 131,072 at once
_CRITICAL = 2
_PARTITION = 0  # the only one, so what an edge sends stays in its order
_log = logging.getLogger(__name__)


class KafkaSender:
    """The `send` of `hub.client.HubClient`, over Kafka.  `away`: the name of what keeps records from the brokers."""

    def __init__(self, settings: KafkaSending, seconds: float = SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._producer: Producer | None = None
        self._lock = Lock()
        self.away: str | None = None

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`. It never fails as a whole: what could not be sent is `try-later`, and `away` says why."""
        return await asyncio.to_thread(self._send, list(envelopes))

    def look(self) -> str | None:
        """The name of what keeps it from sending now, as far as can be told without sending; None where nothing does."""
        with self._lock:
            found = self._looked(self._seconds)
            self._let_go()
            return found

    async def close(self) -> None:
        """Lets go of the connections. Nothing waits in them: `send` came back."""
        await asyncio.to_thread(self._drop)

    def _send(self, envelopes: list[bytes]) -> list[Code]:
        with self._lock:
            if self.away is not None and (still := self._looked(_PROBE_SECONDS)) is not None:
                self.away = still
                return [Code.TRY_LATER] * len(envelopes)
            codes = list[Code]()
            for some in _parts(envelopes):
                codes += self._send_some(some)
                if self.away is not None:
                    break
            return codes + [Code.TRY_LATER] * (len(envelopes) - len(codes))

    def _looked(self, seconds: float) -> str | None:
        topic = self._settings.topic
        try:
            found = self._connected().list_topics(topic, timeout=seconds).topics[topic]
        except KafkaException as error:
            return _name(error)
        return None if found.error is None else str(found.error.name())

    def _send_some(self, envelopes: Sequence[bytes]) -> list[Code]:
        codes, kept_away = [Code.TRY_LATER] * len(envelopes), list[str]()
        try:
            producer = self._connected()
        except KafkaException as error:  # its files can't be used: they may change just now
            self.away = _name(error)
            return codes
        for place, envelope in enumerate(envelopes):
            if not 0 < len(envelope) <= LARGEST:
                codes[place] = Code.TOO_LARGE if envelope else Code.MALFORMED
                continue
            report = partial(_reported, codes, kept_away, place)
            try:
                producer.produce(self._settings.topic, envelope, partition=_PARTITION, on_delivery=report)
            except (BufferError, KafkaException) as error:
                kept_away.append(_name(error))
        producer.flush(self._seconds + _MORE)
        # A crash here: what the brokers have is decided all the same, and the same bytes go again and change nothing.
        if Code.TRY_LATER in codes:
            self.away = kept_away[0] if kept_away else _NO_REPORT
            self._let_go()
        else:
            self.away = None
        return codes

    def _connected(self) -> Producer:
        if self._producer is None:
            wanted: dict[str, str | int | float | bool] = {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "none",
                "batch.size": _BATCH_BYTES,
                "linger.ms": 5,
                "message.timeout.ms": int(self._seconds * 1_000),
                "queue.buffering.max.messages": 2 * _TOGETHER,
                "log_level": _CRITICAL,  # what keeps it away is said once, by whoever asks for it
            }
            self._producer = Producer(client_settings(self._settings, wanted), logger=_log)
        return self._producer

    def _let_go(self) -> None:
        """A client that lost a record, or broke, is not used again: nothing of it may arrive later by itself."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _drop(self) -> None:
        with self._lock:
            self._let_go()


def _parts(envelopes: list[bytes]) -> list[list[bytes]]:
    return [envelopes[start : start + _TOGETHER] for start in range(0, len(envelopes), _TOGETHER)]


def _reported(codes: list[Code], kept_away: list[str], place: int, error: KafkaError | None, _: Message) -> None:
    if error is None:
        codes[place] = Code.TAKEN
    elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        codes[place] = Code.TOO_LARGE
    else:
        kept_away.append(str(error.name()))


def _name(error: Exception) -> str:
    """The name of the fault, without its text."""
    return str(error.args[0].name()) if isinstance(error, KafkaException) else type(error).__name__
