# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge join`: an edge from the invitation of a hub, and the file with which it asks to be admitted.

The fingerprint of the invitation, on paper or by telephone, anchors the hub here.  What would be refused at the hub later
(a certificate of somebody else, a key that is not its own) is refused before anything is made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.certificate_files import Pair
from deploy.commands.accession import read_file
from deploy.compose import toml, write_new
from deploy.compose_edge import (
    MANIFEST_FILE,
    NewEdge,
    NoHub,
    load_settings,
    make_store,
    open_edge,
    write_edge_settings,
)
from deploy.doctor_tls import named
from deploy.exits import failed, refused, wrong_use
from deploy.fingerprints import compare
from deploy.renewal import key_bytes, request_for
from deploy.screen import Screen, good, note, plain, with_screen
from schemas.address import PATTERN, is_handed_out, oin_of
from schemas.attestation import chain_in, signature_by
from schemas.join import join_bytes
from schemas.manifest import SignedManifest
from schemas.settings import Fault, SettingsError, Wrong, load_toml, pattern, read_values, required, text

JOIN_FILE = "join.schakel"
PARTNERS_PEM, ACCESSION_PEM = "partner-authorities.pem", "accession-authority.pem"
_FILE = click.Path(path_type=Path, dir_okay=False)


def _pem(value: object, folder: Path) -> str:
    if not isinstance(value, str) or not value.startswith("-----BEGIN CERTIFICATE-----") or len(value) > 100_000:
        raise Wrong("must be certificates in PEM")
    return value


def _pem_or_none(value: object, folder: Path) -> str:
    return "" if value == "" else _pem(value, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a partner needs to join a hub."""

    address: str = required(pattern(PATTERN, "must be an address"), "The address that is invited.")
    hub: str = required(text(1, 300), "Where the hub answers.")
    hub_key: str = required(text(1, 200), "The verifier key of the hub's log.")
    authorities: str = required(_pem, "The authorities that vouch for the hub's server (PEM).")
    partner_authorities: str = required(
        _pem_or_none, "The authorities that vouch for partners with an OIN (PEM); empty where there are none."
    )
    accession_authority: str = required(
        _pem_or_none,
        "The authority that vouches for the numbers that the hub hands out (PEM); empty where there is none.",
    )


def read_invitation(file: Path) -> Invitation:
    """The invitation in a file.

    Raises:
        SettingsError: it is none.
    """
    faults: list[Fault] = []
    values = read_values(Invitation, load_toml(file), file.parent, {}, faults)
    if faults:
        raise SettingsError(faults)
    return Invitation(**values)  # type: ignore[arg-type]  # each reader gives the type of its field


@dataclass(frozen=True, slots=True)
class Joining:
    """What a partner says when it joins; `more` are further settings, by name, as TOML."""

    name: str
    key_file: Path | None = None
    passphrase_env: str | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    demo: bool = False
    more: tuple[tuple[str, str], ...] = ()


@click.command()
@click.argument("invitation", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--name", required=True, help="Name of the organisation as other partners show it.")
@click.option("--key-file", type=_FILE, help="File for the store key, outside the folder of the edge.")
@click.option("--passphrase-env", help="Environment variable with the passphrase, instead of --key-file.")
@click.option("--certificate", type=_FILE, help="The organisation's own certificate of PKIoverheid, with its chain.")
@click.option("--certificate-key", type=_FILE, help="The key of that certificate.")
@click.option("--fingerprint", help="The fingerprint of the invitation, from paper; then nothing is asked.")
@click.option("--demo", is_flag=True, help="Not strict. For a demo only.")
@with_screen
def join(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    invitation: Path,
    folder: Path,
    name: str,
    key_file: Path | None,
    passphrase_env: str | None,
    certificate: Path | None,
    certificate_key: Path | None,
    fingerprint: str | None,
    demo: bool,
) -> None:
    """Make settings, keys, store and first manifest of an edge in FOLDER from an INVITATION, and the file to join.

    Without a certificate of its own, the edge makes a request for one; the hub certifies it when it admits the edge.
    """
    if (key_file is None) == (passphrase_env is None):
        raise wrong_use("Give either --key-file or --passphrase-env.")
    invited = _invitation(invitation)
    joining = Joining(name, key_file, passphrase_env, certificate, certificate_key, demo)
    _need_right_certificate(invited, joining)  # before anybody compares anything, and before anything is made
    # Whoever can exchange an invitation could stand in for the hub.
    compare(
        screen,
        invitation.read_bytes(),
        fingerprint,
        [f"Hub:         {invited.hub}", f"Address:     {invited.address}"],
        who="the operator of the hub",
        other="This is another fingerprint than that of the invitation. Ask the operator of the hub.",
    )
    signed = make_joining(invited, folder, joining)
    then = (
        "Nothing is sent back: once the operator has admitted this edge, it runs with your own certificate."
        if certificate is not None
        else "The certificate that you get back goes here as hub.crt."
    )
    screen.answer(
        {"address": invited.address, "join": str(folder / JOIN_FILE), "fingerprint": signed.fingerprint},
        good(f"The edge {invited.address} is made in {folder}."),
        plain(f"Send {folder / JOIN_FILE} to the operator of the hub."),
        note(f"Its fingerprint, for the operator, on paper or by telephone:\n\n    {signed.fingerprint}\n"),
        plain(f"{then} Meanwhile: fill in partners.toml. Then: `schakel edge run`."),
    )


def make_joining(invited: Invitation, folder: Path, joining: Joining) -> SignedManifest:
    """Makes the edge and the file with which it joins; its first manifest.

    Raises:
        Stopped: something is there already, or the certificate is missing or one too many.
    """
    own = _has_own_certificate(invited, joining)
    certificate = joining.certificate or folder / "hub.crt"
    key_file = joining.certificate_key or folder / "hub-tls.key"
    chain = _chain(certificate) if own else ()
    more = [("hub", toml(invited.hub))]
    more += [("partner_authorities", toml(PARTNERS_PEM)), ("accession_authority", toml(ACCESSION_PEM))]
    if own:
        more += [("hub_certificate", _path(certificate)), ("hub_certificate_key", _path(key_file))]
    wanted = NewEdge(
        folder,
        invited.address,
        joining.name,
        joining.key_file,
        joining.passphrase_env,
        hub_key=invited.hub_key,
        demo=joining.demo,
        more=(*more, *joining.more),
    )
    settings = load_settings(write_edge_settings(wanted))
    write_new(folder / "hub-authorities.pem", invited.authorities.encode())
    write_new(folder / PARTNERS_PEM, invited.partner_authorities.encode())
    write_new(folder / ACCESSION_PEM, invited.accession_authority.encode())
    if not own:
        write_new(key_file, key_bytes(ec.generate_private_key(ec.SECP256R1())))
    with open_edge(settings, NoHub(), make_store(settings, os.environ)) as edge:
        signed, signing = edge.init(), edge.signing_key()
    write_new(folder / MANIFEST_FILE, signed.raw)
    secret = read_file(key_file, "--certificate-key")
    request = b"" if own else _request(secret, invited.address)
    signature = signature_by(signed.raw, secret) if own else b""
    write_new(folder / JOIN_FILE, join_bytes(signed.raw, request, chain, signing, signature))
    return signed


def _invitation(file: Path) -> Invitation:
    try:
        return read_invitation(file)
    except SettingsError as error:
        raise refused(
            f"This is no invitation of a hub, or it is damaged ({error.faults[0]}). Take the file that the operator of the "
            "hub wrote with `schakel partner invite`."
        ) from None


def _has_own_certificate(invited: Invitation, joining: Joining) -> bool:
    own = joining.certificate is not None
    if own is is_handed_out(oin_of(invited.address)) or own is (joining.certificate_key is None):
        raise wrong_use(
            "Give --certificate and --certificate-key, of PKIoverheid, exactly when the address has an OIN."
        )
    return own


def _need_right_certificate(invited: Invitation, joining: Joining) -> None:
    """The certificate of the organisation is its own, with its key; the hub would admit nobody with another."""
    if not _has_own_certificate(invited, joining):
        return
    certificate, key = joining.certificate or Path(), joining.certificate_key or Path()
    for file, name in ((certificate, "--certificate"), (key, "--certificate-key")):
        read_file(file, name)
    if not Pair(certificate, key).fits():
        raise refused(
            "The files of --certificate and --certificate-key do not belong together, or are no PEM; a key with a password "
            "can't be read."
        )
    found = named("certificate", certificate, oin_of(invited.address))
    if not found.well:
        raise refused(f"{found.says.partition(':')[0]}. Give the certificate of that organisation.")


def _request(secret: bytes, address: str) -> bytes:
    key = load_pem_private_key(secret, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise failed("The key for the certificate is of another kind than `schakel edge join` makes.")
    return request_for(key, address)


def _chain(file: Path) -> tuple[bytes, ...]:
    try:
        return chain_in(read_file(file, "--certificate"))
    except ValueError:
        raise refused("The file of --certificate holds no certificate in PEM.") from None


def _path(file: Path) -> str:
    return toml(str(file.absolute()))
