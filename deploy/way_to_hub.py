# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The way of an edge to a hub somewhere else: HTTPS as its settings say, signed with the key that its store holds.

Envelopes go over the hub's Kafka where the settings say so; nothing else does.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence

from adapters.config import EdgeConfig
from adapters.connections.https import HttpsClient, Place, Signer
from adapters.connections.kafka import KafkaSender
from adapters.edge import Edge
from deploy.certificate_files import Pair, settle
from deploy.clock import MachineClock
from deploy.compose import Clock, Random
from hub.client import Seen
from schemas.codes import Code
from schemas.signing import SigningKey


class WayError(Exception):
    """Certificate, key or authorities can't be read; the sentence says which settings name them."""


class WayToHub(HttpsClient):
    """`keep`: connections stay open between calls, for a process; else each call has its own, for a command."""

    def __init__(
        self, config: EdgeConfig, clock: Clock | None = None, random: Random = os.urandom, *, keep: bool
    ) -> None:
        self._place = Place(
            config.hub_url or "", config.hub_certificate, config.hub_certificate_key, (config.hub_authorities,)
        )
        self.pair = Pair(config.hub_certificate, config.hub_certificate_key)
        self._keep = keep
        self.kafka = None if config.kafka is None else KafkaSender(config.kafka, self.hour_key)
        self._edge: Edge | None = None
        clock = clock or MachineClock(config.clock_file)
        settle(self.pair)
        try:
            self._loaded = self._stamp()
            super().__init__(self._place, Signer(config.address, self._key, self._seen, clock, random))
        except (OSError, ssl.SSLError):
            raise WayError(_UNREADABLE) from None

    def belongs_to(self, edge: Edge | None) -> None:
        """From now on requests are signed for this edge; for none while its store is away."""
        self._edge = edge

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        if self.kafka is None:
            return await super().send(envelopes)
        try:
            return await self.kafka.send(envelopes)
        finally:
            if not self._keep:
                await self.kafka.close()

    async def close(self) -> None:
        """Lets go of the connections."""
        if self.kafka is not None and self._keep:
            await self.kafka.close()
        await super().close()

    async def reload(self) -> None:
        """Reads certificate, key and authorities again; connections are made anew.

        Raises:
            WayError: they can't be read; everything stays as it is.
        """
        try:
            self._loaded = self._stamp()  # before: what can't be read is no news at the next look
            self._context = self._place.context()
        except (OSError, ssl.SSLError):
            raise WayError(_UNREADABLE) from None
        await self.close()

    def is_behind(self) -> bool:
        """Whether the file of the certificate changed since it was last read: somebody renewed it."""
        try:
            return self._stamp() != self._loaded
        except OSError:
            return False

    def _stamp(self) -> tuple[int, int]:
        found = self.pair.certificate.stat()
        return found.st_ino, found.st_mtime_ns

    async def _ask(self, method: str, target: str, body: bytes, wait: float, most: int) -> bytes:
        try:
            return await super()._ask(method, target, body, wait, most)
        finally:
            if not self._keep:
                await self.close()

    def _key(self) -> SigningKey:
        if self._edge is None:
            raise RuntimeError("a way to the hub without an edge has nothing to sign with")
        return self._edge.signing_key()

    def _seen(self) -> Seen | None:
        return None if self._edge is None else self._edge.seen()


_UNREADABLE = "hub_certificate, hub_certificate_key or hub_authorities can't be read, or do not belong together"
