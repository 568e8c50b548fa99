# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel partner certify`: another certificate of the hub for a partner that can't come in with the one it had.

Its certificate is over, lost or revoked, so it can't renew over the line.  The address, its keys and its grants stay: the
request is signed by the role's key, which stands in the newest manifest that the hub has of it.
"""

from __future__ import annotations

import base64
from pathlib import Path

import click

from deploy.commands.accession import Candidate, certify
from deploy.compose import machine_clock
from deploy.exits import refused
from deploy.fingerprints import compare
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, plain, with_screen
from hub.accession_authority import check_join
from hub.config import load_hub_config
from schemas.attestation import Authorities
from schemas.canonical import FrameError
from schemas.join import LARGEST, Join, parse_join
from schemas.signing import Verifier


@click.command(name="certify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fingerprint", help="The fingerprint of FILE as the partner gave it on paper; then nothing is asked.")
@click.option(
    "--certificate-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the certificate goes. Without it: beside FILE, as .crt.",
)
@hub_option
@with_screen
def partner_certify(
    screen: Screen, file: Path, fingerprint: str | None, certificate_out: Path | None, config: Path | None
) -> None:
    """Give an admitted partner another certificate of the hub, for the FILE that `schakel edge renew --request` made."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    with file.open("rb") as opened:
        raw = opened.read(LARGEST + 1)
    asked = _read(raw)
    address = asked.manifest.manifest.address
    # An older file asks for a key that may be stolen by now: people say that it is this one.
    compare(
        screen,
        raw,
        fingerprint,
        [f"Address:     {address}"],
        who="the partner",
        other="This is another fingerprint than that of the file. Ask the partner; nothing was made.",
    )
    with open_office(settings) as office:
        newest = office("manifest", {"address": address})["manifest"]
    if base64.b64decode(newest) != asked.manifest.raw:
        raise refused(
            "The hub has another manifest of this address, perhaps a newer one. Ask the partner for a new file."
        )
    certificate = certify(settings, Candidate(asked.manifest, asked), certificate_out or file.with_suffix(".crt"))
    screen.answer(
        {"address": address, "certificate": str(certificate)},
        good(f"The certificate for {address} is in {certificate}."),
        plain("Send it to the partner, for `schakel edge renew --certificate`."),
    )


def _read(raw: bytes) -> Join:
    """A request for a handed-out number, signed by a key of the manifest beside it."""
    try:
        asked = parse_join(raw)
    except FrameError:
        raise refused("This is no file of `schakel edge renew --request`; ask the partner for it.") from None
    if not asked.request:
        raise refused("This partner has a certificate of another authority, which gives it the next one.")
    check_join(asked, Authorities((), ()), machine_clock() // 1000, Verifier())
    return asked
