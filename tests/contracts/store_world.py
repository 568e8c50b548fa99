# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store under its contract: every engine is opened empty, and verified whole after every step."""

from __future__ import annotations

from typing import Protocol

import pytest

from hub.store import (
    GrantRow,
    Notify,
    Step,
    Store,
)
from schemas.codes import Code
from tests.store_steps import (
    ADDRESSES,
    RECIPIENT,
    SENDER,
    accept,
    aside,
    check_store,
    everything,
    grant,
    handle,
    message,
)


class Engine(Protocol):
    """An engine as its tests see it."""

    def open(self) -> Store:
        """A new, empty store."""

    def check(self, store: Store) -> None:
        """What only this engine can be asked, after every step."""


class World:
    """A store with three addresses and a grant, verified after every step."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = engine.open()
        self.do(Step(1, admissions=[(address, "admitted", None) for address in ADDRESSES]))
        self.do(Step(2, registers=[grant()]))

    def do(self, step: Step) -> int:
        index = self.store.commit(step)
        self.check()
        return index

    def check(self) -> None:
        check_store(self.store)
        self.engine.check(self.store)

    def refuse(self, step: Step, error: type[Exception], match: str) -> None:
        """This step must be refused and change nothing at all."""
        before = everything(self.store)
        with pytest.raises(error, match=match):
            self.store.commit(step)
        assert everything(self.store) == before
        self.check()

    def grant(self, name: str = "h") -> GrantRow:
        return self.store.grants([handle(name)])[handle(name)]

    def waiting(self, now: int = 200, most: int = 100, recipient: int = RECIPIENT) -> list[bytes]:
        return [row.message_id for row in self.store.waiting(recipient, now, most)]

    def code(self, name: str) -> Code:
        return self.store.stored([message(name)])[message(name)].code

    def feed(self, address: int = SENDER, after: int = 0, most: int = 100) -> list[tuple[int, Code]]:
        return [(line.number, line.code) for line in self.store.feed(address, after, most)]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def busy(world: World) -> World:
    """Something of everything is there, so that a full step has something to change."""
    world.do(accept("m", "p"))
    world.do(Step(120, registers=[grant("held")]))
    world.do(Step(130, set_aside=[aside("held")]))
    world.do(Step(140, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
    return world
