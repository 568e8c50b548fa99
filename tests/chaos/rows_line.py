# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows in which the line between edges and hub fails, and the network as a whole."""

from __future__ import annotations

import time

from tests.chaos.ground import Cable
from tests.chaos.town import Town

_BREAKS = 8  # before the line is whole again
_PATIENCE = 45.0
_AWAY_SECONDS = 12.0
_DELAYED_SECONDS = 20.0


def request_cut(town: Town, breaks: int = _BREAKS) -> str:
    """Connections break in the middle of what an edge sends."""
    return _broken(town, "cut-request 600 5000", breaks)


def answer_cut(town: Town, breaks: int = _BREAKS) -> str:
    """Connections break in the middle of what the hub answers."""
    return _broken(town, "cut-answer 200 4000", breaks)


def answers_lost(town: Town, breaks: int = _BREAKS) -> str:
    """The hub hears and does everything; its answers never arrive."""
    return _broken(town, "lose-answers 200 4000", breaks)


def delayed(town: Town) -> str:
    """Every answer comes two seconds late: one second in each direction."""
    town.line.tell("delay 1")
    began = time.monotonic()
    town.tell(18, rate=3)
    time.sleep(max(0.0, _DELAYED_SECONDS - (time.monotonic() - began)))
    during = len(town.told) - town.arrived().lost
    town.line.tell("pass")
    return f"for {_DELAYED_SECONDS:.0f} s; {during} of {len(town.told)} arrived meanwhile"


def network_gone(town: Town) -> str:
    """The cable of the sending edge is out: nothing answers, not even with a refusal."""
    cable = Cable(town, 0)
    town.tell(18, rate=10)
    cable.pull()
    town.tell(18, rate=18 / _AWAY_SECONDS)
    cable.plug()
    return f"for {_AWAY_SECONDS:.0f} s, in a network namespace"


def _broken(town: Town, how: str, wanted: int) -> str:
    before = town.line.tell(how)["broken"]
    end, breaks = time.monotonic() + _PATIENCE, 0
    while breaks < wanted and time.monotonic() < end:
        town.tell(6, rate=6)
        breaks = town.line.tell(how)["broken"] - before
    town.line.tell("pass")
    assert breaks, "the line has broken connections"
    return f"{breaks} connections broke"
