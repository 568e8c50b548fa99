# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub worker`: decides what gateways wrote to Kafka; `schakel hub intake`: how it stands with that."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.clock import MachineClock
from deploy.exits import wrong_use
from deploy.groups import Group
from deploy.intake import TopicState, renew, state_of
from deploy.kafka import kafka_of
from deploy.kafka import senders as senders_now
from deploy.logs import Log
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.run_worker import run_worker
from deploy.screen import Screen, bad, good, note, table, with_screen
from hub.config import load_hub_config
from hub.kafka_topics import INTAKE, from_topic
from schemas.settings import Wrong, listen


@click.command(name="worker")
@click.option("--metrics", help="Host and port on which Prometheus may read this worker, such as 127.0.0.1:9465.")
@hub_option
@with_screen
def hub_worker(screen: Screen, metrics: str | None, config: Path | None) -> None:
    """Decide what gateways, and partners in the hub's own network, wrote to Kafka, until SIGTERM.

    Any number of them on any number of machines share the work; at most as many as the intake has partitions have some.
    """
    del screen
    settings = load_hub_config(settings_file(config, HUB_FILE))
    try:
        where = None if metrics is None else listen(metrics, Path())
    except Wrong as wrong:
        raise wrong_use(f"--metrics {wrong}.") from None
    run_worker(settings, Log(MachineClock(settings.clock_file)), where)


@click.group(name="intake", cls=Group)
def hub_intake() -> None:
    """How it stands with the intake through Kafka."""


@hub_intake.command()
@hub_option
@with_screen
def show(screen: Screen, config: Path | None) -> None:
    """What waits in each topic to be decided, and what is wrong with it."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    kafka_of(settings)
    names = [INTAKE, *(from_topic(one) for one in sorted(senders_now(settings).numbers))]
    found = [state_of(settings, name) for name in names]
    wrong = [one.fault for one in found if one.fault is not None]
    screen.answer(
        [_values(one) for one in found],
        table(
            "Intake", ("topic", "waits"), [(one.topic, "-" if one.waiting is None else one.waiting) for one in found]
        ),
        *map(bad, wrong),
        *([] if wrong else [good("Every topic is read from where the store stands.")]),
    )


@hub_intake.command(name="renew")
@click.argument("topic")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_intake_renew(screen: Screen, topic: str, yes: bool, config: Path | None) -> None:
    """Say that TOPIC is the right one as it is now, after Kafka lost or removed something. Workers begin at the first record
    that it has.

    Only where a worker stopped, or `schakel hub intake show` says that something is wrong. What was lost is sent again by
    its senders, about an hour after they sent it.
    """
    settings = load_hub_config(settings_file(config, HUB_FILE))
    asks = "Has somebody found out why, and is this the right Kafka?"
    if not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    before = renew(settings, topic)
    screen.answer(
        {"topic": topic, "was": before.fault},
        good(f"Topic {topic} is read from its first record on."),
        note("Start the workers that stopped."),
    )


def _values(one: TopicState) -> dict[str, object]:
    return {"topic": one.topic, "waiting": one.waiting, "fault": one.fault}
