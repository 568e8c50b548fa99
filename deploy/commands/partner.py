# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel partner`: who takes part in a hub.  Each command asks the running hub, or opens its store when none runs."""

from __future__ import annotations

import re
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from deploy.commands.accession import certify, invite, read_candidate
from deploy.commands.certify import partner_certify
from deploy.exits import refused, wrong_use
from deploy.fingerprints import compare
from deploy.groups import Group
from deploy.office import admit_values, open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, plain, table, with_screen
from hub.config import load_hub_config
from hub.registry import ADMITTED, REMOVED, SUSPENDED
from schemas.calendar import date_text

_SECTIONS = {
    "Take part": ("invite", "admit", "certify", "list"),
    "Stop taking part": ("suspend", "resume", "remove", "revoke"),
}


@click.group(cls=Group, sections=_SECTIONS)
def partner() -> None:
    """Invite, admit, list, suspend and remove the partners of a hub."""


partner.add_command(invite)
partner.add_command(partner_certify)


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
    # A hub that admits what nobody compared would vouch for a stranger.
    signed = candidate.manifest
    compare(
        screen,
        signed.raw,
        fingerprint,
        [f"Address:     {signed.manifest.address}", f"Valid until: {date_text(signed.manifest.until)}"],
        who="the partner",
        other="This is another fingerprint than that of the manifest. Ask the partner; admit nothing.",
    )
    with open_office(settings) as office:
        admitted = office("admit", admit_values(candidate.manifest.raw, candidate.attestation))
    # A crash here: the partner is admitted and has no certificate; the same command goes on with that.
    certificate = certify(settings, candidate, certificate_out or file.with_suffix(".crt"))
    answer = {**admitted, "certificate": None if certificate is None else str(certificate)}
    told = [good(f"{admitted['address']} is admitted, as number {admitted['number']}.")]
    if certificate is not None:
        told.append(plain(f"Its certificate is in {certificate}; send it to the partner, as hub.crt of its edge."))
    screen.answer(answer, *told)


@partner.command(name="list")
@click.option("--revoked", is_flag=True, help="Instead: the certificates that were revoked.")
@hub_option
@with_screen
def list_partners(screen: Screen, revoked: bool, config: Path | None) -> None:
    """Every address that was ever admitted."""
    what = "revoked" if revoked else "partners"
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office(what, {})[what]
    rows = [tuple(one.values()) for one in found]
    if revoked:
        screen.answer(found, table("Revoked certificates", ("SHA-256", "number of the subject", "revoked on"), rows))
    else:
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


@partner.command()
@click.argument("certificate")
@_YES
@hub_option
@with_screen
def revoke(screen: Screen, certificate: str, yes: bool, config: Path | None) -> None:
    """Revoke a client certificate at once and for good: CERTIFICATE is its SHA-256, or a file with it.

    Its address stays as it is, and goes on with another certificate; `suspend` stops the address.
    """
    settings = load_hub_config(settings_file(config, HUB_FILE))
    fingerprint, oin = _certificate(certificate)
    asks = f"Revoke the certificate {fingerprint} for good?"
    if not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    with open_office(settings) as office:
        office("revoke", {"fingerprint": fingerprint, "oin": oin})
    screen.answer({"fingerprint": fingerprint, "number": oin}, good(f"The certificate {fingerprint} is revoked."))


def _certificate(given: str) -> tuple[str, str | None]:
    """The SHA-256 in hexadecimals, and whom it names when the certificate itself is there."""
    digits = re.sub(r"[:\s]", "", given).lower()
    if re.fullmatch(r"[0-9a-f]{64}", digits):
        return digits, None
    try:
        raw = Path(given).read_bytes()
        read = (
            x509.load_pem_x509_certificates(raw)[0] if raw.startswith(b"-----") else x509.load_der_x509_certificate(raw)
        )
    except (OSError, ValueError):
        raise wrong_use(
            "Give the SHA-256 of a certificate in 64 hexadecimals, or a file with the certificate."
        ) from None
    names = [str(one.value) for one in read.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    return read.fingerprint(hashes.SHA256()).hex(), names[0] if len(names) == 1 else None


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
