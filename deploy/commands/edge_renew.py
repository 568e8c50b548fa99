# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge renew`: a new key and certificate for an edge whose certificate the hub's accession authority gave."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from deploy.clock import MachineClock
from deploy.compose_edge import load_settings, open_edge, reach_hub, store_key
from deploy.exits import failed
from deploy.lending import borrowed
from deploy.line import Line
from deploy.options import EDGE_FILE, edge_option, settings_file
from deploy.renewal import renew
from deploy.screen import Screen, good, note, with_screen


@click.command(name="renew")
@edge_option
@with_screen
def edge_renew(screen: Screen, config: Path | None) -> None:
    """Renew the certificate that the hub gave, with a new key. A running edge does so by itself in its last 30 days."""
    settings = load_settings(settings_file(config, EDGE_FILE))
    address, clock = settings.config.address, MachineClock(settings.config.clock_file)
    key, store = store_key(settings.config, os.environ), borrowed(settings.config.data_folder)
    with store, reach_hub(settings.config) as client, open_edge(settings, client, key):
        if not isinstance(client, Line):
            raise failed("This edge can't reach a hub over HTTPS; `schakel edge doctor` says what is missing.")
        end = asyncio.run(renew(client, address, clock() // 1000))
        shown = x509.load_pem_x509_certificate(client.pair.certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    screen.answer(
        {"certificate": str(settings.config.hub_certificate), "until": f"{end:%Y-%m-%d}", "fingerprint": shown},
        good(f"The certificate is renewed with a new key, until {end:%Y-%m-%d}."),
        note(f"Its fingerprint (SHA-256): {shown}"),
    )
