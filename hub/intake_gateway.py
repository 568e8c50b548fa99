# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The gateway's half of the intake through Kafka: writes what it takes, and says `taken` when the brokers have it.

* An idempotent producer, `acks=all`: `taken` is answered after the delivery report, so the record is on as many brokers as
  the topic asks for.  Whatever is not confirmed in time is `try-later`; the same bytes again are harmless.
* Nothing is written to a topic that is not the one which the store remembers, or whose settings would lose it: that is
  looked at before the first record and every few seconds.
* While Kafka is away envelopes are answered 503, and only they: nothing else of the gateway waits for it.
* A partner that sends over Kafka itself gets the key of its hour here, since nothing else of it stands in Kafka.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.client import HubUnavailableError
from hub.exchange import Checked
from hub.exchange_intake import IntakeExchange
from hub.hour_keys import HourKeys
from hub.intake_places import Places
from hub.intake_record import LARGEST_RECORD, NONCE_SIZE, Kept, wrap
from hub.intake_rules import IntakeStoppedError
from hub.intake_topics import need_topics
from hub.kafka_cluster import ClusterError, connect, need_safe
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import INTAKE
from hub.murmur2 import partition_of
from hub.store import StoreError
from schemas.codes import Code
from schemas.hour_wrap import HOUR_SECONDS, HourKey
from schemas.kafka_way import client_settings

SECONDS = 5.0  # until what the brokers did not confirm is answered
LOOK = 5.0  # at the topic
TRY = 1.0  # while the brokers are away, one request in this time finds out whether they still are
_POLL = 0.1
Run = Callable[[Callable[[], Any]], Awaitable[Any]]  # how the gateway calls what uses the exchange
_log = logging.getLogger("schakel.intake")
_library = logging.getLogger("confluent_kafka")


class IntakeGateway:
    """Takes envelopes for one gateway.  `stopped`: why it takes none although the brokers answer, for the operator."""

    def __init__(
        self,
        exchange: IntakeExchange,
        config: KafkaConfig,
        places: Places,
        keys: HourKeys,
        seconds: float = SECONDS,
    ) -> None:
        self._exchange, self._config, self._places, self._keys = exchange, config, places, keys
        self._seconds = seconds
        self._producer: Producer | None = None
        self._poller: threading.Thread | None = None
        self._ending = threading.Event()
        self._admin: AdminClient | None = None
        self._is_known = False
        self._away = False
        self._tried = 0.0
        self.stopped = ""
        self.written = 0
        self.failed = 0

    # -- begin and end -------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Looks at topic and keys, at once and every few seconds; ends by being cancelled."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK if self._is_known else TRY)

    def close(self) -> None:
        """What was written is confirmed first, as far as the brokers answer; nothing waits in it afterwards."""
        self._ending.set()
        if self._poller is not None:
            self._poller.join()
        if self._producer is not None:
            self._producer.flush(self._seconds)
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None

    def _look(self) -> None:
        is_known, says = self._is_known, ""
        try:
            self._admin = self._admin or connect(self._config)
            need_topics(self._admin, self._places, [INTAKE], self._config.partitions)
            is_known = False  # the brokers answer, so what they say now counts
            need_safe(self._admin, self._config)
            self._keys.tidy(self._exchange.store.now())
            self._connect()
            is_known = True
        except IntakeStoppedError as error:
            is_known, says = False, str(error)
        except (ClusterError, StoreError) as error:
            says = str(error)
        if says and says != self.stopped:
            _log.warning("no envelopes are taken at present: %s", says)
        self._is_known, self.stopped = is_known, says

    def hour_key(self, via: str) -> HourKey | None:
        """The key under which an address wraps what it sends over Kafka now; None for one that does not.

        Raises:
            RefusedError: it is not admitted.
            StoreError: there is none at present.
        """
        number = self._exchange.sends_over(via, self._config.senders)
        if number is None:
            return None
        now = self._exchange.store.now()
        hour, key = self._keys.for_partner(number, now)
        return HourKey(hour, HOUR_SECONDS - now // 1_000 % HOUR_SECONDS, key)

    # -- taking --------------------------------------------------------------------------------------------------

    async def take(self, checked: Checked, run: Run) -> list[Code]:
        """The answers to a request of envelopes, after what it holds is written.

        Raises:
            HubUnavailableError, StoreError: none of it is.
        """
        asked = await run(partial(self._asked, checked))
        items = [one for one in asked if not isinstance(one, Code)]
        written = iter(await self._write(items) if items else [])
        codes = [one if isinstance(one, Code) else next(written) for one in asked]
        if items and all(code is Code.TRY_LATER for code in codes):
            raise HubUnavailableError("Kafka does not take envelopes at present.")
        # A crash here: the sender has no answer and sends the same bytes again; what was written is decided once.
        return codes

    def _asked(self, checked: Checked) -> list[tuple[int, bytes] | Code]:
        """Per frame partition and value of its record, or its refusal."""
        found = self._exchange.to_write(checked)
        if all(isinstance(one, Code) for one in found):
            return [one for one in found if isinstance(one, Code)]
        hour, key = self._keys.of_now(self._exchange.store.now())
        return [one if isinstance(one, Code) else self._wrapped(*one, hour, key) for one in found]

    def _wrapped(self, handle: bytes, kept: Kept, hour: int, key: AESGCM) -> tuple[int, bytes]:
        to = partition_of(handle, self._config.partitions)
        return to, wrap(kept, to, hour, key, os.urandom(NONCE_SIZE))

    async def _write(self, items: Sequence[tuple[int, bytes]]) -> list[Code]:
        loop = asyncio.get_running_loop()
        producer = self._producer
        if producer is None or not self._is_known or not self._may_try(loop.time()):
            self.failed += len(items)
            return [Code.TRY_LATER] * len(items)
        batch = _Batch(len(items), loop)
        for place, (to, value) in enumerate(items):
            try:
                producer.produce(INTAKE, value, partition=to, on_delivery=partial(batch.reported, place))
            except (BufferError, KafkaException) as error:
                batch.failed(place, error)
        codes = await batch.answer
        written = codes.count(Code.TAKEN)
        self.written += written
        self.failed += len(codes) - written
        self._away = not written
        return codes

    def _may_try(self, now: float) -> bool:
        if self._away and now - self._tried < TRY:
            return False
        self._tried = now
        return True

    def _connect(self) -> None:
        # Before the first record: connecting and getting its number takes a new producer up to a second.
        if self._producer is not None or self._ending.is_set():
            return
        settings: dict[str, str | int | float | bool] = {
            "client.id": "schakel-gateway",
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "none",  # sealed bytes do not get smaller
            "linger.ms": 0,  # what arrives while a request is on its way goes with the next
            "message.max.bytes": max(1_000_000, 2 * LARGEST_RECORD),
            "message.timeout.ms": int(self._seconds * 1_000),
            "queue.buffering.max.messages": 20_000,
            "queue.buffering.max.kbytes": 131_072,
        }
        producer = Producer(client_settings(self._config, settings), logger=_library)
        self._poller = threading.Thread(target=self._poll, args=(producer,), name="produced", daemon=True)
        self._poller.start()
        self._producer = producer

    def _poll(self, producer: Producer) -> None:
        """Hears the reports of a producer.  One that the library gives up reports what it still holds, and the next look
        makes another."""
        is_given_up = False
        while not self._ending.is_set() and not (is_given_up and not len(producer)):
            try:
                producer.poll(_POLL)
            except (KafkaException, SystemError):  # it says so in either way
                is_given_up = True
                if self._producer is producer:
                    self._producer = None
                    _log.warning(
                        "Kafka's library gave up writing to the intake, and begins anew. When it says so again and again: "
                        "`schakel kafka init --dry-run` says whether a permission is missing."
                    )


class _Batch:
    """The reports for the records of one request."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self._codes = [Code.TRY_LATER] * size
        self._left = size
        self._loop = loop
        self._lock = threading.Lock()
        self.answer: asyncio.Future[list[Code]] = loop.create_future()

    def reported(self, place: int, error: KafkaError | None, _: Message) -> None:
        """One report; in the thread that polls."""
        if error is None:
            self._end(place, Code.TAKEN)
        else:
            _log.warning("a record was not confirmed: %s", error.name())
            self._end(place, Code.TRY_LATER)

    def failed(self, place: int, error: Exception) -> None:
        """One that could not even be queued."""
        _log.warning("a record was not queued: %s", type(error).__name__)
        self._end(place, Code.TRY_LATER)

    def _end(self, place: int, code: Code) -> None:
        with self._lock:
            self._codes[place] = code
            self._left -= 1
            is_whole = not self._left
        if is_whole:
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self.answer.done():  # its connection was cut: what was written is decided all the same
            self.answer.set_result(self._codes)
