# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge sends over Kafka, by its own sender."""

from __future__ import annotations

import asyncio

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.connections.kafka import AskHourKey, KafkaSender
from adapters.kafka_settings import KafkaSending
from schemas.codes import Code
from schemas.hour_wrap import HourKey, read, unwrap

HOUR_KEY = HourKey(500_000, 3_600, b"of one partner in one hour: 32 B")


async def ask_hour_key() -> HourKey:
    """What a gateway would answer."""
    return HOUR_KEY


def key_of(number: int, hour: int) -> AESGCM | None:
    """What the hub would open with."""
    del number  # every partner of these tests has the same
    return AESGCM(HOUR_KEY.key) if hour == HOUR_KEY.hour else None


def frame_in(value: bytes | None) -> bytes:
    """The frame in a record that was sent under the key of these tests."""
    wrapped = read(value or b"")
    assert wrapped is not None
    frame = unwrap(wrapped, AESGCM(HOUR_KEY.key))
    assert frame is not None
    return frame


def sent(
    settings: KafkaSending, *frames: bytes, seconds: float = 30.0, hour_key: AskHourKey = ask_hour_key
) -> tuple[list[Code], str | None]:
    """The answers of an edge's own sender, and what keeps it away."""

    async def ask() -> tuple[list[Code], str | None]:
        sender = KafkaSender(settings, hour_key, seconds)
        try:
            return await sender.send(frames), sender.away
        finally:
            await sender.close()

    return asyncio.run(ask())
