# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge sends over Kafka, by its own sender."""

from __future__ import annotations

import asyncio

from adapters.connections.kafka import KafkaSender
from adapters.kafka_settings import KafkaSending
from schemas.codes import Code


def sent(settings: KafkaSending, *frames: bytes, seconds: float = 30.0) -> tuple[list[Code], str | None]:
    """The answers of an edge's own sender, and what keeps it away."""

    async def ask() -> tuple[list[Code], str | None]:
        sender = KafkaSender(settings, seconds)
        try:
            return await sender.send(frames), sender.away
        finally:
            await sender.close()

    return asyncio.run(ask())
