# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A process of a hub among the machines of that hub (`hub.machines`): it waits until the others have answered, and answers
them itself for as long as it works.

A hub whose store is a file is one machine, and waits for nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from hub.audit.log import Log
from hub.config import HubConfig
from hub.exchange import Exchange
from hub.machines import Shared, UnheardError, machine_name
from hub.store import StoreError

EVERY = 0.3
Tell = Callable[[tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process waits for other machines, None: for ever; and whom it tells for which."""

    seconds: float | None = 10.0
    tell: Tell = lambda _: None


@contextmanager
def among_machines(
    config: HubConfig, store: Shared | None, exchange: Exchange, log: Log, patience: Patience, *, answers: bool
) -> Iterator[None]:
    """The block is entered when every machine of the hub has said that the database has all that it knows.

    Raises:
        UnheardError: one of them has not, in time.
    """
    if store is None:
        yield
        return
    name = machine_name(config.data_folder)
    store.join(name, _others(name, store, exchange, log) if answers else (), answers=answers)
    _wait(store, patience)
    ending = Event()
    hears = Thread(target=_go_on, args=(store, exchange, log, patience.tell, ending), name="machines", daemon=True)
    if answers:
        hears.start()
    try:
        yield
    finally:
        ending.set()
        if answers:
            hears.join()


def _others(name: str, store: Shared, exchange: Exchange, log: Log) -> tuple[str, ...]:
    """Who must be heard though the database may not say so: it is of before this machine joined, or lacks what came since."""
    is_older = name not in store.hear().machines or exchange.meter.recoveries
    return log.greatest.kept.machines if is_older else ()


def _wait(store: Shared, patience: Patience) -> None:
    began, told = time.monotonic(), tuple[str, ...]()
    while missing := store.hear().missing:
        if missing != told:
            told = missing
            patience.tell(missing)
        if patience.seconds is not None and time.monotonic() > began + patience.seconds:
            raise UnheardError(missing)
        time.sleep(EVERY)
    if told:
        patience.tell(())


def _go_on(store: Shared, exchange: Exchange, log: Log, tell: Tell, ending: Event) -> None:
    told = tuple[str, ...]()
    while not ending.wait(EVERY):
        with suppress(StoreError):  # the database is away, or the file can't be written: others wait, and are told so
            with exchange.gate:
                heard = store.hear()
            if heard.missing != told:
                told = heard.missing
                tell(told)
            if not told:
                log.greatest.know(heard.machines)
