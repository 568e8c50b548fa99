# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge renew`: a new key and certificate for an edge whose certificate the hub's accession authority gave."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from deploy.certificate_files import Pair
from deploy.clock import MachineClock
from deploy.compose import write_new
from deploy.compose_edge import NoHub, Settings, load_settings, open_edge, reach_hub, store_key
from deploy.exits import failed, wrong_use
from deploy.lending import borrowed
from deploy.options import EDGE_FILE, edge_option, settings_file
from deploy.renewal import renew, request_apart, take_apart
from deploy.screen import Screen, good, note, with_screen
from deploy.way_to_hub import WayToHub
from schemas.manifest import fingerprint_of

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="renew")
@click.option(
    "--request", type=_FILE, help="Instead, when the hub lets this edge in no more: write what to send to its operator."
)
@click.option(
    "--certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="What came back for that."
)
@edge_option
@with_screen
def edge_renew(screen: Screen, request: Path | None, certificate: Path | None, config: Path | None) -> None:
    """Renew the certificate that the hub gave, with a new key. A running edge does so by itself in its last 30 days.

    When the certificate is over, lost or revoked: --request here, `schakel partner certify` at the hub, --certificate here.
    """
    if request is not None and certificate is not None:
        raise wrong_use("Give --request or --certificate, not both.")
    settings = load_settings(settings_file(config, EDGE_FILE))
    if request is not None:
        _ask(screen, settings, request)
        return
    end = _now(settings) if certificate is None else _take(settings, certificate)
    pair = _pair(settings)
    shown = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    screen.answer(
        {"certificate": str(pair.certificate), "until": f"{end:%Y-%m-%d}", "fingerprint": shown},
        good(f"The certificate is renewed with a new key, until {end:%Y-%m-%d}."),
        note(f"Its fingerprint (SHA-256): {shown}"),
    )


def _now(settings: Settings) -> datetime:
    """Over the way to the hub."""
    address, clock = settings.config.address, MachineClock(settings.config.clock_file)
    key, store = store_key(settings.config, os.environ), borrowed(settings.config.data_folder)
    with store, reach_hub(settings.config) as client, open_edge(settings, client, key):
        if not isinstance(client, WayToHub):
            raise failed("This edge can't reach a hub over HTTPS; `schakel edge doctor` says what is missing.")
        return asyncio.run(renew(client, address, clock() // 1000))


def _ask(screen: Screen, settings: Settings, out: Path) -> None:
    key = store_key(settings.config, os.environ)
    with borrowed(settings.config.data_folder), open_edge(settings, NoHub(), key) as edge:
        made = request_apart(edge, _pair(settings), settings.config.address)
    out.unlink(missing_ok=True)
    write_new(out, made)
    # A crash here: the same command makes another key and another file; the last one counts.
    print_ = fingerprint_of(made)
    screen.answer(
        {"request": str(out), "fingerprint": print_},
        good(f"Send {out} to the operator of the hub."),
        note(f"Its fingerprint, for the operator, on paper or by telephone:\n\n    {print_}\n"),
    )


def _take(settings: Settings, certificate: Path) -> datetime:
    with borrowed(settings.config.data_folder):
        return take_apart(_pair(settings), certificate.read_bytes(), settings.config.address)


def _pair(settings: Settings) -> Pair:
    return Pair(settings.config.hub_certificate, settings.config.hub_certificate_key)
