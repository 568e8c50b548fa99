# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub doctor` and `schakel edge doctor`: what is not well, and what to do about it.  Exit 1 when anything is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from adapters.keys import KeyProblem
from adapters.store import StoreError as EdgeStoreError
from deploy import doctor_edge, doctor_hub, doctor_kafka, doctor_streams
from deploy.clock import MachineClock
from deploy.compose_edge import Settings, load_settings, open_edge, reach_hub, store_key
from deploy.doctor import Finding, wrong
from deploy.doctor_hub import NOT_TOLD, Moment
from deploy.exits import Exit
from deploy.kafka import senders
from deploy.lending import on_loan
from deploy.office import open_office
from deploy.options import EDGE_FILE, HUB_FILE, edge_option, hub_option, settings_file
from deploy.screen import Screen, bad, good, table, with_screen
from hub.config import HubConfig, load_hub_config
from schemas.calendar import day_of
from schemas.settings import SettingsError


@click.command(name="doctor")
@hub_option
@with_screen
def hub_doctor(screen: Screen, config: Path | None) -> None:
    """Look at keys, clock, certificates, gateway, disk, store and manifests: what is not well, and what to do.

    Works beside a running hub, and makes one test commit. Exit 1 when anything is not well.
    """
    file = settings_file(config, HUB_FILE)
    try:
        findings = list(_of_hub(load_hub_config(file)))
    except SettingsError as error:
        findings = [_settings(file, error)]
    _show(screen, "Hub", findings)


@click.command(name="doctor")
@edge_option
@with_screen
def edge_doctor(screen: Screen, config: Path | None) -> None:
    """Look at keys, clock, certificate, hub, disk, store, manifest, feed, folders and topics: what is not well, what to do.

    Borrows the store of a running edge for a moment, and makes one test commit. Exit 1 when anything is not well.
    """
    file = settings_file(config, EDGE_FILE)
    try:
        findings = list(_of_edge(load_settings(file)))
    except SettingsError as error:
        findings = [_settings(file, error)]
    _show(screen, "Edge", findings)


def _of_hub(config: HubConfig) -> Iterator[Finding]:
    clock = MachineClock(config.clock_file)
    yield from doctor_hub.of_files(config, _moment(clock))
    try:
        with open_office(config) as office:
            told = office("health", {})
    except NOT_TOLD as error:
        yield doctor_hub.no_store(error)
    else:
        yield from doctor_hub.of_store(told, _moment(clock))
        yield from _of_kafka(config)


def _of_kafka(config: HubConfig) -> Iterator[Finding]:
    """Who may send over it is known by the store, so it is looked at when that was."""
    if config.kafka is None:
        return
    try:
        who = senders(config)
    except NOT_TOLD as error:
        yield doctor_hub.no_store(error)
    else:
        yield from doctor_kafka.of_kafka(config, who)


def _of_edge(settings: Settings) -> Iterator[Finding]:
    config = settings.config
    clock = MachineClock(config.clock_file)
    yield from doctor_edge.of_files(config, _moment(clock))
    yield from doctor_kafka.of_edge(config)
    yield from doctor_streams.of_streams(config, clock())
    try:
        key = store_key(config, os.environ)
        folder = config.data_folder
        with reach_hub(config) as client, on_loan(folder, lambda: open_edge(settings, client, key)) as opened:
            # Inside: what the hub is asked is signed with the key in the store.
            found = [*doctor_edge.of_store(opened, _moment(clock)), *doctor_edge.of_hub(opened, client, config)]
    except (EdgeStoreError, KeyProblem, *NOT_TOLD) as error:
        found = [doctor_edge.no_store(error)]
    yield from found


def _moment(clock: MachineClock) -> Moment:
    now = clock()
    return Moment(now, day_of(now))


def _settings(file: Path, error: SettingsError) -> Finding:
    return wrong("settings", str(error), f"Mend {file.name}; `schakel config show` explains each setting.")


def _show(screen: Screen, title: str, findings: list[Finding]) -> None:
    ill = [one for one in findings if not one.well]
    rows = [("well" if one.well else "NOT WELL", one.subject, one.says, one.remedy) for one in findings]
    verdict = good("All is well.") if not ill else bad(f"Not well: {', '.join(one.subject for one in ill)}.")
    answer = {"well": not ill, "findings": [asdict(one) for one in findings]}
    screen.answer(answer, table(title, ("", "what", "found", "what to do"), rows), verdict)
    if ill:
        click.get_current_context().exit(Exit.FAILED)
