# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A poll for no envelope at all: it says that there is one, and takes nothing."""

from __future__ import annotations

import asyncio

from hub.client import PickUp
from tests.hub.gateway_fixtures import Town, town

__all__ = ["town"]


async def _acknowledged(town: Town) -> None:
    """What was told to the GP so far is acknowledged, so that a poll waits."""
    client = town.site.client(town.gp)
    notices = (await client.pickup(0, 0, 0)).notices
    assert (await client.pickup(0, 0, notices[-1].number)).notices == ()


def test_a_poll_for_no_envelope_answers_when_there_is_one_and_leases_nothing(town: Town) -> None:
    grant, client = town.team.register(town.gp), town.site.client(town.gp)

    async def story() -> tuple[PickUp, PickUp]:
        await _acknowledged(town)
        poll = asyncio.ensure_future(client.pickup(0, 50, 0))
        done, _ = await asyncio.wait({poll}, timeout=0.3)
        assert not done
        await asyncio.to_thread(town.team.tell, grant)
        asked = await asyncio.wait_for(poll, 10)
        return asked, await client.pickup(10, 0, 0)

    asked, taken = town.site.wait(story())
    assert (asked.deliveries, asked.notices) == ((), ())
    assert [one.count for one in taken.deliveries] == [1]


def test_a_poll_for_no_envelope_that_is_left_keeps_nothing_from_the_next(town: Town) -> None:
    grant, client = town.team.register(town.gp), town.site.client(town.gp)

    async def story() -> PickUp:
        await _acknowledged(town)
        poll = asyncio.ensure_future(client.pickup(0, 50, 0))
        await asyncio.wait({poll}, timeout=0.2)
        await asyncio.to_thread(town.team.tell, grant)
        poll.cancel()  # at the very moment that something came
        await asyncio.gather(poll, return_exceptions=True)
        return await client.pickup(10, 0, 0)

    assert [one.count for one in town.site.wait(story()).deliveries] == [1]


def test_a_poll_for_no_envelope_ends_with_its_time(town: Town) -> None:
    async def story() -> PickUp:
        return await town.site.client(town.provider).pickup(0, 0.3, 0)

    assert town.site.wait(story()) == PickUp((), ())
