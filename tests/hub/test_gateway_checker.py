# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Frames checked in another process get the answers that the hub would give, and a checker that fails costs nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import fields
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from hub import gateway_checker, pipeline
from hub.gateway_checker import MOST_STARTS, Checker, Checkers
from schemas.codes import Code
from schemas.envelope import Envelope
from schemas.signing import Verifier
from tests.simulator import World

SECONDS = 30.0


class Case:
    """An envelope in order with its sender's keys, and a checker."""

    def __init__(self) -> None:
        world = World()
        team, provider = world.party("team-wmo"), world.party("provider-wmo")
        grant = team.grant(provider)
        self.via, self.frame = team.address, team.envelope(grant)
        partners, day = world.hub.snapshot()
        self.keys = pipeline.keys_of(self.via, partners, day)
        self.checker = Checker()

    def asked(self, *frames: bytes, via: str | None = None) -> list[Envelope | Code]:
        """What it says, once it has started."""
        told = self.checker.check(via or self.via, self.keys, frames)
        if told is None and self.checker._line is not None:
            assert wait([self.checker._line], SECONDS), "it did not start"
            told = self.checker.check(via or self.via, self.keys, frames)
        assert told is not None
        return told

    @property
    def number(self) -> int:
        assert self.checker._process is not None
        return self.checker._process.pid


@pytest.fixture
def case() -> Iterator[Case]:
    made = Case()
    yield made
    made.checker.close()


def test_a_checker_says_of_every_frame_what_the_hub_itself_says(case: Case) -> None:
    spoilt = bytearray(case.frame)
    spoilt[-1] ^= 1
    frames = [case.frame, b"", bytes(spoilt), bytes(65 * 1024), case.frame]
    told = case.asked(*frames)
    own = [pipeline.check(frame, case.via, case.keys, Verifier()) for frame in frames]
    assert told == own
    assert [type(getattr(told[0], one.name)) for one in fields(Envelope)] == [
        type(getattr(own[0], one.name)) for one in fields(Envelope)
    ]
    assert told[1:4] == [Code.MALFORMED, Code.MALFORMED, Code.TOO_LARGE]


def test_a_checker_refuses_what_came_over_anothers_connection_or_under_a_key_that_is_gone(case: Case) -> None:
    assert case.asked(case.frame, via="urn:nld:oin:00000000000000000099:gp") == [Code.NOT_YOURS]
    case.keys = {}
    assert case.asked(case.frame) == [Code.KEY_NOT_VALID]
    case.keys = None
    assert case.asked(case.frame) == [Code.UNKNOWN_SENDER]


def test_while_a_checker_starts_or_when_it_was_killed_the_hub_checks_by_itself_and_another_is_started(
    case: Case,
) -> None:
    assert case.checker.check(case.via, case.keys, [case.frame]) is None
    case.asked(case.frame)
    first = case.number
    os.kill(first, signal.SIGKILL)
    assert case.checker.check(case.via, case.keys, [case.frame]) is None
    assert isinstance(case.asked(case.frame)[0], Envelope)
    assert case.number != first


def test_of_a_checker_that_dies_again_and_again_no_more_are_started(case: Case) -> None:
    for _ in range(MOST_STARTS):
        case.asked(case.frame)
        os.kill(case.number, signal.SIGKILL)
        assert case.checker.check(case.via, case.keys, [case.frame]) is None
    assert case.checker.check(case.via, case.keys, [case.frame]) is None
    assert case.checker._process is None


@pytest.mark.parametrize("answer", [b"", b"\x80", b"\x81\x00", b"\x81\x65other", b"\x81\x81\x00"])
def test_what_a_checker_says_in_another_form_is_not_believed(
    case: Case, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.asked(case.frame)
    assert case.checker._line is not None

    class Line:
        """Its line, on which something else stands."""

        send_bytes = close = staticmethod(lambda *_: None)
        recv_bytes = staticmethod(lambda: answer)

    case.checker._line.close()
    monkeypatch.setattr(case.checker, "_line", Line())
    assert case.checker.check(case.via, case.keys, [case.frame]) is None
    assert case.checker._process is None


def test_a_checker_ends_by_itself_when_the_hub_is_gone_and_not_by_a_signal_meant_for_the_hub(case: Case) -> None:
    case.asked(case.frame)
    process, line = case.checker._process, case.checker._line
    assert process is not None
    assert line is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)
    assert isinstance(case.asked(case.frame)[0], Envelope)
    line.close()
    assert process.wait(SECONDS) == 0
    case.checker._line = None


def test_a_checker_has_nothing_of_the_hub_open_but_its_line(case: Case, tmp_path: Path) -> None:
    held = (tmp_path / "store").open("wb")
    os.set_inheritable(held.fileno(), True)
    case.asked(case.frame)
    open_files = [str(one.readlink()) for one in Path(f"/proc/{case.number}/fd").iterdir()]
    held.close()
    assert str(tmp_path / "store") not in open_files


def test_every_thread_that_asks_has_a_checker_of_its_own_and_all_end_together(case: Case) -> None:
    checkers = Checkers()
    assert checkers.check(case.via, case.keys, [case.frame]) is None
    assert checkers.check(case.via, case.keys, [case.frame]) is None or len(checkers._all) == 1
    started = checkers._all[0]._process
    assert started is not None
    checkers.close()
    assert started.returncode is not None
    assert gateway_checker.usable_cores() >= 1
