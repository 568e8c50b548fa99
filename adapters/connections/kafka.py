# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Sends envelopes over the hub's Kafka, for an edge in the hub's own network.  Everything else goes over the gateway.

* `taken` is said when the brokers have a record as often as the topic asks for, and not before.
* What they do not have, or of which that is not known, is `try-later`: the same bytes go again, which is harmless, and what
  goes over the gateway (pick-up, receipts, stops) is not held up.
* What is refused after that is not answered here: whatever the hub decides comes in the feed, and what has no outcome
  after an hour goes again.
* Nothing leaves but under the key of the hour (`schemas.hour_wrap`), which the gateway gives; it is in memory only, and no
  longer than its hour.  Without one everything is `try-later`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.connections.https import HubRefusedError
from adapters.kafka_settings import KafkaSending
from hub.client import HubUnavailableError
from schemas.codes import Code
from schemas.envelope import LARGEST
from schemas.hour_wrap import NONCE_SIZE, HourKey, wrap
from schemas.kafka_way import client_settings

NO_HOUR_KEY = "NO_HOUR_KEY"  # the gateway does not answer, or gives this address no key
SECONDS = 5.0  # until what the brokers did not confirm goes again
_PROBE_SECONDS = 1.0  # of a look whether they are back: a pass of the edge waits for it
_MORE = 5.0  # the library itself says by then what became of each
_NO_REPORT = "_TIMED_OUT"
_GIVEN_UP = "_FATAL"
_TOGETHER = 500
_BATCH_BYTES = 100_000  # the topic takes no more than 131,072 at once
_CRITICAL = 2
_PARTITION = 0  # the only one, so what an edge sends stays in its order
_log = logging.getLogger(__name__)


AskHourKey = Callable[[], Awaitable[HourKey | None]]


class KafkaSender:
    """The `send` of `hub.client.HubClient`, over Kafka.  `ask`: gets the key of the hour from the gateway.  `away`: the name
    of what keeps records from the brokers."""

    def __init__(self, settings: KafkaSending, ask: AskHourKey, seconds: float = SECONDS) -> None:
        self._settings, self._ask = settings, ask
        self._seconds = seconds
        self._producer: Producer | None = None
        self._lock = Lock()
        self._key: HourKey | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self.away: str | None = None

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`. It never fails as a whole: what could not be sent is `try-later`, and `away` says why."""
        key = await self._hour_key()
        if key is None:
            self.away = NO_HOUR_KEY
            return [Code.TRY_LATER] * len(envelopes)
        return await asyncio.to_thread(self._send, list(envelopes), key)

    async def close(self) -> None:
        """Lets go of the connections and of the key. Nothing waits in them: `send` came back."""
        self._forget()
        await asyncio.to_thread(self._drop)

    async def _hour_key(self) -> HourKey | None:
        """The key of the hour; None when there is none at present."""
        if self._key is None:
            try:
                found = await self._ask()
            except (HubUnavailableError, HubRefusedError) as error:
                _log.info("there is no key of the hour: %s", type(error).__name__)
                return None
            if found is not None:
                self._key = found
                self._forgetting = asyncio.get_running_loop().call_later(found.seconds, self._forget)
        return self._key

    def _forget(self) -> None:
        """The hour is over, or this sender is: what was wrapped can't be opened here any more."""
        self._key = None
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    def _send(self, envelopes: list[bytes], key: HourKey) -> list[Code]:
        with self._lock:
            if self.away is not None and (still := self._looked(_PROBE_SECONDS)) is not None:
                self.away = still
                return [Code.TRY_LATER] * len(envelopes)
            codes = list[Code]()
            for some in _parts(envelopes):
                codes += self._send_some(some, key)
                if self.away is not None:
                    break
            return codes + [Code.TRY_LATER] * (len(envelopes) - len(codes))

    def _looked(self, seconds: float) -> str | None:
        try:
            return _look(self._connected(), self._settings.topic, seconds)
        except KafkaException as error:
            return _name(error)

    def _send_some(self, envelopes: Sequence[bytes], key: HourKey) -> list[Code]:
        codes, kept_away = [Code.TRY_LATER] * len(envelopes), list[str]()
        try:
            producer = self._connected()
        except KafkaException as error:  # its files can't be used: they may change just now
            self.away = _name(error)
            return codes
        sealer = AESGCM(key.key)
        for place, envelope in enumerate(envelopes):
            if not 0 < len(envelope) <= LARGEST:
                codes[place] = Code.TOO_LARGE if envelope else Code.MALFORMED
                continue
            report = partial(_reported, codes, kept_away, place)
            value = wrap(envelope, key.hour, sealer, os.urandom(NONCE_SIZE))
            try:
                producer.produce(self._settings.topic, value, partition=_PARTITION, on_delivery=report)
            except (BufferError, KafkaException) as error:
                kept_away.append(_name(error))
        try:
            producer.flush(self._seconds + _MORE)
        except (KafkaException, SystemError):  # the library gave this producer up, and says it in either way
            kept_away.append(_GIVEN_UP)
        # A crash here: what the brokers have is decided all the same, and the same bytes go again and change nothing.
        if Code.TRY_LATER in codes:
            self.away = kept_away[0] if kept_away else _NO_REPORT
            self._let_go()
        else:
            self.away = None
        return codes

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = _producer(self._settings, self._seconds)
        return self._producer

    def _let_go(self) -> None:
        """A client that lost a record, or broke, is not used again: nothing of it may arrive later by itself."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaException, SystemError):  # as above
                producer.purge()
                producer.flush(0)

    def _drop(self) -> None:
        with self._lock:
            self._let_go()


def look(settings: KafkaSending, seconds: float = SECONDS) -> str | None:
    """The name of what keeps an edge with these settings from its topic now, as far as can be told without sending; None
    where nothing does."""
    try:
        return _look(_producer(settings, seconds), settings.topic, seconds)
    except KafkaException as error:
        return _name(error)


def _look(producer: Producer, topic: str, seconds: float) -> str | None:
    found = producer.list_topics(topic, timeout=seconds).topics[topic]
    return None if found.error is None else str(found.error.name())


def _producer(settings: KafkaSending, seconds: float) -> Producer:
    wanted: dict[str, str | int | float | bool] = {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "none",
        "batch.size": _BATCH_BYTES,
        "linger.ms": 5,
        "message.timeout.ms": int(seconds * 1_000),
        "queue.buffering.max.messages": 2 * _TOGETHER,
        "log_level": _CRITICAL,  # what keeps it away is said once, by whoever asks for it
    }
    return Producer(client_settings(settings, wanted), logger=_log)


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
