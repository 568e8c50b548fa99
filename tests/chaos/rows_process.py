# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows in which a process is killed (SIGKILL) while it works, or stays away."""

from __future__ import annotations

import random
import time

from tests.chaos.town import Town, until

_TIMES = 3
_chance = random.Random(4)  # noqa: S311  # when to kill


def hub_killed(town: Town, times: int = _TIMES) -> str:
    """The hub, under load."""
    for _ in range(times):
        town.tell(20, rate=25)
        town.hub.kill()
        town.tell(6)
        town.hub.start()
        until(lambda: town.hub.events("listening"), 30, "the hub listens again")
    return f"killed {times} times, while 25 events a second came"


def sender_killed(town: Town, times: int = _TIMES) -> str:
    """The sending edge, while it has envelopes in hand."""
    for _ in range(times):
        town.tell(24)
        until(lambda: len(town.team.waiting()) < 24, 30, "the edge takes files")
        time.sleep(_chance.uniform(0.0, 0.3))
        town.team.process.kill()
        town.team.process.start()
    return f"killed {times} times, in the middle of 24 events"


def recipient_killed(town: Town, times: int = _TIMES) -> str:
    """The receiving edge, while envelopes come."""
    for _ in range(times):
        town.tell(24)
        until(lambda: len(town.team.waiting()) < 24, 30, "the sending edge takes files")
        time.sleep(_chance.uniform(0.1, 0.6))
        town.provider.process.kill()
        town.provider.process.start()
    return f"killed {times} times, in the middle of 24 events"


def all_killed(town: Town) -> str:
    """Everybody at once: a power cut."""
    town.tell(18, rate=30)
    processes = (town.hub, town.team.process, town.provider.process)
    for process in processes:
        process.kill()
    town.tell(6)
    for process in processes:
        process.start()
    return "24 events around it"


def partner_away_10_s(town: Town) -> str:
    """The receiving edge is down for ten real seconds."""
    town.provider.process.stop()
    town.tell(30, rate=3)
    town.provider.process.start()
    return "30 events meanwhile"
