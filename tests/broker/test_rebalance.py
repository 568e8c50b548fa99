# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Workers come and go once a second while envelopes come in: each is decided once, in the order of its handle."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from schemas.codes import Code
from schemas.envelope import parse
from tests.intake_world import IntakeWorld, known, running, until


def test_one_rebalance_a_second_under_load_loses_nothing_and_keeps_the_order(
    tmp_path: Path,
) -> None:
    world = IntakeWorld(tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grants = [team.register(provider) for _ in range(20)]
    frames = [team.envelope(grant) for _ in range(25) for grant in grants]
    gateway, steady = world.gateway(), world.worker()
    gateway._look()
    done = threading.Event()

    def load() -> None:
        for start in range(0, len(frames), 20):
            assert world.send(gateway, team, *frames[start : start + 20]) == [Code.TAKEN] * 20
            done.wait(0.15)
        done.set()

    with running(steady) as ended, ExitStack() as open_now:
        sender = threading.Thread(target=load)
        sender.start()
        comings = 0
        while not done.wait(1.0):
            open_now.close()  # the one of before leaves, another comes
            others = open_now.enter_context(running(world.worker()))
            assert others == []
            comings += 1
        sender.join()
        ids = [parse(frame).message_id for frame in frames]
        until(lambda: ended or len(known(world, ids)) == len(frames))
        assert ended == []
    assert comings >= 2
    assert set(known(world, ids).values()) == {Code.ACCEPTED}
    got = [parse(one.envelope) for one in provider.take_all()]
    assert len(got) == len(frames)
    for grant in grants:
        numbers = [one.sequence for one in got if one.handle == grant.handle()]
        assert numbers == list(range(1, 26))
    world.check()
    world.close()
