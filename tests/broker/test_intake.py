# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The intake over three brokers with TLS and their own authorizer, with no more than `schakel kafka init` gives the hub."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from adapters.seal import sign_frames
from deploy.compose import machine_clock, open_hub, open_worker
from deploy.intake import intake_of, worker_of
from hub.client import HubUnavailableError
from hub.config import load_hub_config
from hub.kafka_acls import HUB, Allow, Withdraw, acls
from hub.kafka_cluster import apply
from schemas.codes import Code
from schemas.envelope import parse
from tests.bench.material import SMALL, envelopes, partner
from tests.broker.conftest import Site
from tests.intake_world import until

T = TypeVar("T")


async def _at_once(call: Callable[[], T]) -> T:
    return call()


def test_gateway_and_worker_need_no_more_than_the_permissions_that_the_hub_has(site: Site) -> None:
    config = load_hub_config(site.folder / "hub.toml")
    today = machine_clock() // 86_400_000
    pair = partner("team-wmo", 201, today), partner("provider-wmo", 202, today)
    with open_hub(config) as hub, intake_of(hub) as intake:
        for one in pair:
            hub.exchange.admit(one.manifest)
        frames = sign_frames(envelopes(hub.exchange, pair, SMALL, 40), pair[0].signing)
        assert intake is not None
        intake._look()
        assert intake.stopped == ""
        checked = hub.exchange.check(pair[0].address, frames, *hub.exchange.snapshot())
        assert asyncio.run(intake.take(checked, _at_once)) == [Code.TAKEN] * 40
        intake.close()
        ids = [parse(frame).message_id for frame in frames]
        with open_worker(config) as other, worker_of(other) as worker:
            thread = threading.Thread(target=worker.run)
            thread.start()
            try:
                until(lambda: len(hub.store.stored(ids)) == 40 or not thread.is_alive())
                until(lambda: worker.counts.lag == 0 or not thread.is_alive())
                worker._looked = 0.0  # once more, so that what it tells Kafka is allowed too
                until(lambda: worker._looked or not thread.is_alive())
                assert thread.is_alive()
                assert len(worker.topics) == 3  # the intake, and those of the two that may send
                assert (worker.counts.left_out, worker.counts.strangers) == (0, 0)
            finally:
                worker.stop()
                thread.join(60)
        assert len(hub.store.stored(ids)) == 40


def test_a_gateway_that_may_not_write_answers_and_goes_on_by_itself_when_it_may(site: Site) -> None:
    """The library gives such a producer up for good; nothing waits for it, and another takes its place."""
    config = load_hub_config(site.folder / "hub.toml")
    today = machine_clock() // 86_400_000
    pair = partner("team-wmo", 203, today), partner("provider-wmo", 204, today)
    writes = [one for one in acls([]) if one.principal == HUB and one.operation == "write"]
    admin = site.kafka.admin()
    with open_hub(config) as hub, intake_of(hub) as intake:
        for one in pair:
            hub.exchange.admit(one.manifest)
        frames = sign_frames(envelopes(hub.exchange, pair, SMALL, 8), pair[0].signing)
        assert intake is not None

        def sent() -> list[Code]:
            intake._look()
            checked = hub.exchange.check(pair[0].address, frames, *hub.exchange.snapshot())
            try:
                return asyncio.run(asyncio.wait_for(intake.take(checked, _at_once), 30))
            except HubUnavailableError:
                return []

        list(apply(admin, [Withdraw(one) for one in writes]))
        answers = [sent() for _ in range(3)]
        assert [one for one in answers if one and Code.TAKEN in one] == []
        list(apply(admin, [Allow(one) for one in writes]))
        until(lambda: sent() == [Code.TAKEN] * 8)
        intake.close()
