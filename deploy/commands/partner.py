# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel partner`: who takes part in a hub.  Each command asks the running hub, or opens its store when none runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from deploy.commands.accession import Candidate, certify, invite, read_candidate
from deploy.exits import refused, wrong_use
from deploy.office import admit_values, open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, note, plain, table, with_screen
from hub.config import load_hub_config
from hub.registry import ADMITTED, REMOVED, SUSPENDED
from schemas.calendar import date_text


@click.group()
def partner() -> None:
    """Invite, admit, list, suspend and remove the partners of a hub."""


partner.add_command(invite)


@partner.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--fingerprint", help="The fingerprint as the partner gave it on paper; then nothing is asked.")
@click.option(
    "--certificate-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the certificate goes, for a partner that has none of its own. Without it: beside FILE, as .crt.",
)
@hub_option
@with_screen
def admit(
    screen: Screen, file: Path, fingerprint: str | None, certificate_out: Path | None, config: Path | None
) -> None:
    """Admit the partner of a join file, or of a bare first manifest, once people have compared its fingerprint."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    candidate = read_candidate(settings, file)
    _compare(screen, candidate, fingerprint)
    with open_office(settings) as office:
        admitted = office("admit", admit_values(candidate.manifest.raw))
    # A crash here: the partner is admitted and has no certificate; the same command goes on with that.
    certificate = certify(settings, candidate, certificate_out or file.with_suffix(".crt"))
    answer = {**admitted, "certificate": None if certificate is None else str(certificate)}
    told = [good(f"{admitted['address']} is admitted, as number {admitted['number']}.")]
    if certificate is not None:
        told.append(plain(f"Its certificate is in {certificate}; send it to the partner, as hub.crt of its edge."))
    screen.answer(answer, *told)


def _compare(screen: Screen, candidate: Candidate, given: str | None) -> None:
    """People compare; a hub that admits what nobody compared would vouch for a stranger."""
    signed = candidate.manifest
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
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("partners", {})["partners"]
    rows = [tuple(one.values()) for one in found]
    screen.answer(found, table("Partners", ("number", "address", "state", "keys valid until"), rows))


_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@partner.command()
@click.argument("address")
@_YES
@hub_option
@with_screen
def suspend(screen: Screen, address: str, yes: bool, config: Path | None) -> None:
    """Suspend an address at once: nothing is accepted from it or handed to it until it is resumed. Its keys stay."""
    _set_state(screen, address, SUSPENDED, config, asks=None if yes else f"Suspend {address}?")


@partner.command()
@click.argument("address")
@hub_option
@with_screen
def resume(screen: Screen, address: str, config: Path | None) -> None:
    """Let a suspended address take part again, with the keys that it had."""
    _set_state(screen, address, ADMITTED, config, asks=None)


@partner.command()
@click.argument("address")
@_YES
@hub_option
@with_screen
def remove(screen: Screen, address: str, yes: bool, config: Path | None) -> None:
    """Remove an address at once: nothing is accepted from it or handed to it any more."""
    _set_state(screen, address, REMOVED, config, asks=None if yes else f"Remove {address}?")


def _set_state(screen: Screen, address: str, state: str, config: Path | None, *, asks: str | None) -> None:
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if asks is not None and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    with open_office(settings) as office:
        _need_known(office("partners", {})["partners"], address, state)
        now = office("state", {"address": address, "state": state})
    screen.answer({"address": now["address"], "state": now["state"]}, good(f"{now['address']} is {now['state']}."))


def _need_known(everyone: list[dict[str, object]], address: str, wanted: str) -> None:
    """Who was removed comes back by `admit` alone, with a manifest that people compare."""
    states = [one["state"] for one in everyone if one["address"] == address]
    if not states:
        raise refused("No partner has this address; `schakel partner list` shows them all.")
    if wanted == ADMITTED and states == [REMOVED]:
        raise refused("This partner was removed. Invite and admit it anew.")
