# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel partner`: who takes part in a hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from deploy.compose import open_hub
from deploy.exits import refused, wrong_use
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, note, plain, table, with_screen
from hub.config import load_hub_config
from hub.registry import REMOVED
from schemas.calendar import date_text
from schemas.canonical import FrameError
from schemas.manifest import LARGEST, SignedManifest, parse_manifest


@click.group()
def partner() -> None:
    """Admit, list and remove the partners of a hub."""


@partner.command()
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fingerprint", help="The fingerprint as the partner gave it on paper; then nothing is asked.")
@hub_option
@with_screen
def admit(screen: Screen, manifest: Path, fingerprint: str | None, config: Path | None) -> None:
    """Admit the address of a first manifest, once people have compared its fingerprint."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    with manifest.open("rb") as file:
        raw = file.read(LARGEST + 1)
    try:
        signed = parse_manifest(raw)
    except FrameError:
        raise refused("This is no manifest; ask the partner for the file that `schakel edge init` made.") from None
    _compare(screen, signed, fingerprint)
    with open_hub(settings) as running:
        admitted = running.exchange.admit(signed.raw)
    screen.answer(
        {"address": admitted.address, "number": admitted.number, "state": admitted.state},
        good(f"{admitted.address} is admitted, as number {admitted.number}."),
    )


def _compare(screen: Screen, signed: SignedManifest, given: str | None) -> None:
    """People compare; a hub that admits what nobody compared would vouch for a stranger."""
    if given is not None:
        if given.replace(" ", "").lower() != hashlib.sha256(signed.raw).hexdigest():
            raise refused("This is another fingerprint than that of the manifest. Ask the partner; admit nothing.")
        return
    if screen.as_json:
        raise wrong_use("Give --fingerprint with --json: there is nobody to compare it.")
    screen.say(
        plain(f"Address:     {signed.manifest.address}"),
        plain(f"Valid until: {date_text(signed.manifest.until)}"),
        note(f"Fingerprint: {signed.fingerprint}"),
    )
    if not click.confirm("Did the partner give exactly this fingerprint, on paper or by telephone?"):
        raise refused("Nothing was admitted.")


@partner.command(name="list")
@hub_option
@with_screen
def list_partners(screen: Screen, config: Path | None) -> None:
    """Every address that was ever admitted."""
    with open_hub(load_hub_config(settings_file(config, HUB_FILE))) as running:
        everyone = sorted(running.exchange.partners().by_number.items())
    found = [
        {
            "number": number,
            "address": one.address,
            "state": one.state,
            "keys_until": None if one.manifest is None else date_text(one.manifest.until),
        }
        for number, one in everyone
    ]
    rows = [tuple(one.values()) for one in found]
    screen.answer(found, table("Partners", ("number", "address", "state", "keys valid until"), rows))


@partner.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def remove(screen: Screen, address: str, yes: bool, config: Path | None) -> None:
    """Remove an address at once: nothing is accepted from it or handed to it any more."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if not yes and (screen.as_json or not click.confirm(f"Remove {address}?")):
        raise wrong_use("Nothing was removed; say --yes to remove it.")
    with open_hub(settings) as running:
        removed = running.exchange.set_state(address, REMOVED)
    screen.answer({"address": removed.address, "state": removed.state}, good(f"{removed.address} is removed."))
