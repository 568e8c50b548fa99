# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The relay of the watch in the hub's own process: the log is copied to Kafka as it grows, and nothing waits for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from deploy.logs import Event, Log
from hub.config import HubConfig
from hub.store import Store, StoreError

if TYPE_CHECKING:
    from hub.watch_relay import Relay

COPY_EVERY = 1.0
AGAIN_AFTER = 5.0


async def relay(store: Store, config: HubConfig, clock: Callable[[], int], log: Log) -> None:
    """Copies for as long as the hub runs; returns at once without the table [watch].  What is in the way is logged once,
    and tried again, whatever it is: nobody else would hear of it."""
    if config.kafka is None or config.watch is None:
        return
    from hub.watch_relay import Relay

    copying, told = Relay(store, config.kafka, config.kafka.outcomes_partitions, clock), ""
    ending = threading.Event()
    try:
        while True:
            fault = await asyncio.to_thread(copied, copying, ending)
            if fault != told:
                log(Event.WATCH_RELAY, fault=fault or None)
                told = fault
            await asyncio.sleep(AGAIN_AFTER if fault else COPY_EVERY)
    finally:
        # The hub ends when its threads do: the page in hand is the last, however many there are.
        ending.set()
        copying.close()


def copied(copying: Relay, ending: threading.Event) -> str:
    """Copies all there is, until `ending`; what is in the way, as a word or a sentence."""
    from hub.watch_relay import RelayAwayError, RelayError

    try:
        while not ending.is_set() and copying.step():
            pass
    except RelayAwayError:
        return "kafka-away"
    except StoreError:
        return "store-away"
    except RelayError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # ours: without this the task would be over, and nobody told
        copying.close()  # it begins with what the topic holds
        return f"fault: {type(error).__name__}"
    return ""
