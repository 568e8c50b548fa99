# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel kafka`: the topics, settings and permissions that a hub needs in its Kafka."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
from confluent_kafka.admin import AdminClient

from deploy.exits import Exit, wrong_use
from deploy.groups import Group
from deploy.kafka import LEFT, Looked, kafka_of, look, senders
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, table, with_screen
from hub.config import HubConfig, load_hub_config
from hub.kafka_check import Senders
from hub.kafka_cluster import ClusterError, apply, connect
from hub.kafka_topics import Change

_LOOKS, _BETWEEN_SECONDS = 20, 0.25
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Group)
def kafka() -> None:
    """Set up the Kafka of a hub: topics, settings, permissions."""


@kafka.command()
@click.option("--dry-run", "only_look", is_flag=True, help="Print what would be made and changed; change nothing.")
@click.option("--apply", "change", is_flag=True, help="Make topics, settings and permissions, then look again.")
@click.option("--certificate", type=_FILE, help="Certificate of an administrator of Kafka (PEM), instead of the hub's.")
@click.option("--key", type=_FILE, help="The key of that certificate (PEM).")
@hub_option
@with_screen
def init(
    screen: Screen,
    only_look: bool,
    change: bool,
    certificate: Path | None,
    key: Path | None,
    config: Path | None,
) -> None:
    """Compare Kafka with what the hub needs, and make what is missing. It can be run again at any time.

    Nothing is deleted, shortened or made weaker; a partner that is suspended, removed or no longer in `senders` loses its
    permission to write. What only a person may change is told. Exit 1 when something is left to a person.
    """
    if only_look == change:
        raise wrong_use("Say either --dry-run or --apply.")
    if (certificate is None) != (key is None):
        raise wrong_use("Give --certificate and --key together.")
    settings = load_hub_config(settings_file(config, HUB_FILE))
    way = kafka_of(settings)
    if certificate is not None:
        way = replace(way, certificate=certificate.absolute(), key=key and key.absolute())
    who = senders(settings)
    _run(screen, replace(settings, kafka=way), who, apply_it=change)


def _run(screen: Screen, config: HubConfig, who: Senders, *, apply_it: bool) -> None:
    admin = connect(kafka_of(config))
    found = look(config, admin, who, as_hub=False)
    changes = [one.change for one in found.faults if one.change is not None]
    done: list[Change] = []
    if apply_it:
        for one in apply(admin, changes):
            done.append(one)
            screen.say(good(f"Done: {one}."))
        found = _look_again(config, admin, who)
    _show(screen, found, who, done)
    left = [one for one in found.faults if one.change is None or apply_it]
    if left and apply_it:
        click.get_current_context().exit(Exit.FAILED)


def _look_again(config: HubConfig, admin: AdminClient, who: Senders) -> Looked:
    """A broker hears of a change a moment after it was made; what it still lacks or does not know after that is left."""
    for _ in range(_LOOKS):
        with suppress(ClusterError):
            found = look(config, admin, who, as_hub=False)
            if all(one.change is None for one in found.faults):
                return found
        time.sleep(_BETWEEN_SECONDS)
    return look(config, admin, who, as_hub=False)


def _show(screen: Screen, found: Looked, who: Senders, done: list[Change]) -> None:
    would = [str(one.change) for one in found.faults if one.change is not None]
    person = [one for one in found.faults if one.change is None]
    answer = {
        "cluster": found.cluster.cluster_id,
        "brokers": len(found.cluster.brokers),
        "guarded": found.cluster.guarded,
        "done": [str(one) for one in done],
        "would": would,
        "for_a_person": [{"says": one.says, "remedy": one.remedy} for one in person],
        "unused": found.unused,
        "barred": list(who.barred),
    }
    parts = [note(f"Would {one}.") for one in would]
    if person:
        parts.append(table("For a person", ("found", "what to do"), [(one.says, one.remedy) for one in person]))
    if found.unused:
        parts.append(note(f"Topics without a sender: {', '.join(found.unused)}. {LEFT}"))
    if who.barred:
        parts.append(note(f"Not admitted now, so they may not send: {', '.join(who.barred)}."))
    if not found.cluster.guarded:
        parts.append(note("The brokers have no authorizer, so nobody was given or refused anything."))
    verdict = (
        good("Everything is as it must be.") if not found.faults else bad(f"{len(found.faults)} not as it must be.")
    )
    screen.answer(answer, *parts, verdict)
