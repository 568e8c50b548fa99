# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Accession at the hub: `schakel partner invite`, and what `schakel partner admit` reads; `schakel edge join` is between.

What goes on paper or by telephone are two fingerprints: that of the invitation, which anchors the hub at the partner,
and that of the manifest, which anchors the partner at the hub.  Everything else may travel as it likes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.compose import authorities_of, machine_clock, toml, write_new
from deploy.dev_ca import DevCa
from deploy.exits import failed, refused, wrong_use
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, note, plain, with_screen
from hub.accession_authority import AuthorityFiles, check_join, new_number
from hub.config import GatewayConfig, HubConfig, load_hub_config
from schemas.address import PATTERN, oin_of, role_of
from schemas.attestation import attestation_bytes
from schemas.canonical import FrameError
from schemas.join import LARGEST, Join, parse_join
from schemas.manifest import SignedManifest, fingerprint_of, parse_manifest
from schemas.settings import Wrong, pattern
from schemas.signing import Verifier

_FILE = click.Path(path_type=Path, dir_okay=False)
_ROLE = r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"


# -- the operator invites ----------------------------------------------------------------------------------------


@click.command()
@click.option("--address", help="Address of a partner that has an OIN and a certificate that names it.")
@click.option("--role", help="Role of a partner that has no OIN: the hub hands out a number.")
@click.option("--out", type=_FILE, required=True, help="Where the invitation goes.")
@hub_option
@with_screen
def invite(screen: Screen, address: str | None, role: str | None, out: Path, config: Path | None) -> None:
    """Write the invitation for one partner: where the hub is, its keys, and the address the partner will have."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if out.exists():  # before a number is handed out
        raise failed(f"{out.name} is there already and is never overwritten. Choose another with --out.")
    address, content = make_invitation(settings, address, role)
    write_new(out, content)
    print_ = fingerprint_of(content)
    screen.answer(
        {"address": address, "invitation": str(out), "fingerprint": print_},
        good(f"The invitation for {address} is in {out}."),
        note(f"Its fingerprint, for the partner, on paper or by telephone:\n\n    {print_}\n"),
        plain(
            "Next: the partner runs `schakel edge join`, and you `schakel partner admit` with the file that it makes."
        ),
    )


def make_invitation(settings: HubConfig, address: str | None, role: str | None) -> tuple[str, bytes]:
    """The address that is invited from now on, and the content of its invitation.

    Raises:
        Stopped: the hub has no gateway, or what was given is no address or role.
    """
    gateway = _need_gateway(settings)
    with open_office(settings) as office:
        everyone, vkey = office("partners", {})["partners"], office("status", {})["verifier_key"]
    known = {oin_of(one["address"]) for one in everyone} | {name.partition("-")[0] for name in _invited(settings)}
    address = _address(address, role, known)
    partners = [_pem_of(one, "client_authorities") for one in gateway.client_authorities]
    own = settings.accession_certificate
    lines = [
        f"# Invitation to exchange through the hub {settings.name}. Compare its fingerprint before using it.",
        f"address = {toml(address)}",
        f"hub = {toml(gateway.url)}",
        f"hub_key = {toml(vkey)}",
        f"authorities = {toml(_pem_of(gateway.server_authorities, 'server_authorities'))}",
        f"partner_authorities = {toml(''.join(partners))}",
        f"accession_authority = {toml(_pem_of(own, 'accession_certificate') if own.exists() else '')}",
        "",
    ]
    content = "\n".join(lines).encode()
    _remember(settings, address, content)
    return address, content


def _need_gateway(settings: HubConfig) -> GatewayConfig:
    if settings.gateway is None:
        raise failed("This hub has no table [gateway] in its settings, so no partner can reach it. Fill it in first.")
    return settings.gateway


def _address(address: str | None, role: str | None, known: set[str]) -> str:
    if (address is None) == (role is None):
        raise wrong_use("Give either --address, for a partner with an OIN, or --role, for one without.")
    try:
        if address is not None:
            return pattern(PATTERN, "Give --address as urn:nld:oin:<20 digits>:<role>.")(address, Path())
        pattern(_ROLE, "A role is small letters, digits and dashes.")(role, Path())
    except Wrong as wrong:
        raise wrong_use(wrong.rule) from None
    return f"urn:nld:oin:{new_number(known, os.urandom)}:{role}"


def _invitations(settings: HubConfig) -> Path:
    return settings.data_folder / "invitations"


def _invited(settings: HubConfig) -> list[str]:
    return [path.name for path in _invitations(settings).glob("*.toml")]


def _invitation(settings: HubConfig, address: str) -> Path:
    return _invitations(settings) / f"{oin_of(address)}-{role_of(address)}.toml"


def _remember(settings: HubConfig, address: str, content: bytes) -> None:
    place = _invitation(settings, address)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    if not place.exists():
        write_new(place, content)
    # A crash here: the address is invited and nobody has the invitation; the same command writes it again.


# -- the operator admits -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who asks to be admitted; without `join` it is a bare manifest."""

    manifest: SignedManifest
    join: Join | None

    @property
    def attestation(self) -> bytes:
        """The attestation of the manifest; empty for who asks for a certificate, or gave a bare manifest."""
        if self.join is None or self.join.request:
            return b""
        return attestation_bytes(self.join.chain, self.join.certificate_signature)


def read_candidate(settings: HubConfig, file: Path) -> Candidate:
    """Who asks to be admitted with this file.

    Raises:
        Stopped, JoinError: the file is none that can be admitted.
    """
    with file.open("rb") as opened:
        raw = opened.read(LARGEST + 1)
    try:
        asked = parse_join(raw)
    except FrameError:
        return _bare(settings, raw)
    try:
        authorities = authorities_of(settings)
    except OSError as error:
        raise failed(f"The files of the authorities can't be read: {error.strerror}.") from None
    check_join(asked, authorities, machine_clock() // 1000, Verifier())
    if not _invitation(settings, asked.manifest.manifest.address).exists():
        raise refused("This hub did not invite that address. Run `schakel partner invite` first.")
    return Candidate(asked.manifest, asked)


def _bare(settings: HubConfig, raw: bytes) -> Candidate:
    try:
        signed = parse_manifest(raw)
    except FrameError:
        raise refused(
            "This is neither a join file nor a manifest; ask the partner for the file that it made."
        ) from None
    if settings.strict and settings.gateway is not None:
        raise refused("A bare manifest proves no certificate. Ask the partner for the file of `schakel edge join`.")
    return Candidate(signed, None)


def certify(settings: HubConfig, candidate: Candidate, out: Path) -> Path | None:
    """Writes the certificate of an admitted partner that asked for one; where it is.

    Raises:
        JoinError, Stopped: it can't be made.
    """
    if candidate.join is None or not candidate.join.request:
        return None
    files = AuthorityFiles(settings.accession_key, settings.accession_certificate)
    try:
        authority = files.read()
    except OSError as error:
        raise failed(f"The files of the accession authority can't be read: {error.strerror}.") from None
    address = candidate.manifest.manifest.address
    pem = authority.certify(candidate.join.request, address, machine_clock() // 1000)
    out.unlink(missing_ok=True)
    write_new(out, pem)
    return out


# -- for tests and the demo --------------------------------------------------------------------------------------


@click.command(name="dev-ca")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--oin", "oins", multiple=True, help="An organisation that gets a certificate; may be given again.")
@hub_option
@with_screen
def dev_ca(screen: Screen, folder: Path, oins: tuple[str, ...], config: Path | None) -> None:
    """Make a certificate authority for tests on this machine, a server certificate, and one per --oin, in FOLDER.

    Refused when the hub is strict: it vouches for whatever it is asked to.
    """
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if not all(re.fullmatch("[0-9]{20}", oin) for oin in oins):
        raise wrong_use("An OIN is 20 digits, as in the address of the organisation.")
    if (folder / "ca.crt").exists():
        raise failed("There is an authority in this folder already; it is never overwritten.")
    authority = DevCa(folder, machine_clock() // 1000, strict=settings.strict)
    server = authority.server()
    clients = {oin: authority.client(oin, f"partner-{number}") for number, oin in enumerate(oins, 1)}
    place = folder.absolute()
    shown = [
        "[gateway]",
        'listen = "127.0.0.1:8443"',
        'url = "https://127.0.0.1:8443"',
        f"certificate = {toml(str(place / server.certificate.name))}",
        f"key = {toml(str(place / server.key.name))}",
        f"server_authorities = {toml(str(place / 'ca.crt'))}",
        f"client_authorities = [{toml(str(place / 'ca.crt'))}]",
    ]
    answer = {oin: {"certificate": str(one.certificate), "key": str(one.key)} for oin, one in clients.items()}
    screen.answer(
        {"authority": str(folder / "ca.crt"), "clients": answer, "gateway": "\n".join(shown)},
        good(f"An authority for tests, and for nothing else, is in {folder}. For hub.toml:"),
        plain("\n".join(["", *shown, ""])),
        *(plain(f"For {oin}: {one.certificate}, with the key {one.key}.") for oin, one in clients.items()),
    )


# -- inside ------------------------------------------------------------------------------------------------------


def _pem_of(file: Path, name: str) -> str:
    """The certificates in a file, without what stands around them."""
    try:
        found = x509.load_pem_x509_certificates(read_file(file, name))
    except ValueError:
        raise failed(f"The file of {name} holds no certificate in PEM.") from None
    return b"".join(one.public_bytes(Encoding.PEM) for one in found).decode()


def read_file(file: Path, name: str) -> bytes:
    """What is in the file that `name` names: an option, or a setting.

    Raises:
        Stopped: it can't be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise failed(f"The file of {name} can't be read: {error.strerror}.") from None
