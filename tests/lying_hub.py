# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub that lies to one address: the real one, of which single answers are changed on their way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from deploy.local import LocalClient
from hub.client import Delivery, FactAnswer, PickUp, Published
from schemas.codes import Code
from schemas.fact import Stop, parse_fact
from tests.simulator import World

Change = Callable[[Delivery], Delivery]


class LyingHub(LocalClient):
    """What is set here is done to this address; nothing is set at first."""

    def __init__(self, world: World, address: str) -> None:
        super().__init__(world.hub, address)
        self.deliver: Change | None = None
        self.withholds = self.swallows_stops = False
        self.shown: Callable[[str, list[Published]], list[Published]] | None = None
        self.held: list[Delivery] = []
        self.keeps_back = False
        self.kept_back: list[bytes] = []

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """Withheld deliveries are handed over as soon as they are withheld no longer."""
        answer = await super().pickup(most, wait_seconds, acknowledged)
        if self.withholds:
            self.held += answer.deliveries
            return replace(answer, deliveries=())
        deliveries = [*self.held, *answer.deliveries] if most else list(answer.deliveries)
        if most:
            self.held = []
        if self.deliver is not None:
            deliveries = [self.deliver(one) for one in deliveries]
        return replace(answer, deliveries=tuple(deliveries))

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """What is kept back is said to be taken."""
        if not self.keeps_back:
            return await super().send(envelopes)
        self.kept_back += envelopes
        return [Code.TAKEN] * len(envelopes)

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        """A swallowed stop is answered as if it were in force."""
        if self.swallows_stops and isinstance(parse_fact(facts[0]).body, Stop):
            return [FactAnswer(Code.IN_FORCE)] * len(facts)
        return await super().facts(facts)

    async def manifests(self, address: str) -> list[Published]:
        """Others than there are, when told to."""
        found = await super().manifests(address)
        return found if self.shown is None else self.shown(address, found)
