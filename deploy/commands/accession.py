# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Accession in two steps: `schakel partner invite`, `schakel edge join`, then `schakel partner admit`.

What goes on paper or by telephone are two fingerprints: that of the invitation, which anchors the hub at the partner,
and that of the manifest, which anchors the partner at the hub.  Everything else may travel as it likes.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from deploy.compose import authorities_of, machine_clock, toml, write_new
from deploy.compose_edge import (
    MANIFEST_FILE,
    NewEdge,
    NoHub,
    load_settings,
    make_store,
    open_edge,
    write_edge_settings,
)
from deploy.dev_ca import DevCa
from deploy.exits import failed, refused, wrong_use
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.renewal import key_bytes, request_for
from deploy.screen import Screen, good, note, plain, with_screen
from hub.accession_authority import AuthorityFiles, check_join, new_number
from hub.config import GatewayConfig, HubConfig, load_hub_config
from schemas.address import PATTERN, is_handed_out, oin_of, role_of
from schemas.attestation import attestation_bytes, chain_in, signature_by
from schemas.canonical import FrameError
from schemas.join import LARGEST, Join, join_bytes, parse_join
from schemas.manifest import SignedManifest, parse_manifest
from schemas.settings import Fault, SettingsError, Wrong, load_toml, pattern, read_values, required, text
from schemas.signing import Verifier

JOIN_FILE = "join.schakel"
PARTNERS_PEM, ACCESSION_PEM = "partner-authorities.pem", "accession-authority.pem"
_FILE = click.Path(path_type=Path, dir_okay=False)
_ROLE = r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"


# -- the operator invites ----------------------------------------------------------------------------------------


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


@click.command()
@click.option("--address", help="Address of a partner that has an OIN and a certificate that names it.")
@click.option("--role", help="Role of a partner that has no OIN: the hub hands out a number.")
@click.option("--out", type=_FILE, required=True, help="Where the invitation goes.")
@hub_option
@with_screen
def invite(screen: Screen, address: str | None, role: str | None, out: Path, config: Path | None) -> None:
    """Write the invitation for one partner: where the hub is, its keys, and the address the partner will have."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    address, content = make_invitation(settings, address, role)
    write_new(out, content)
    print_ = grouped(content)
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


# -- the partner joins -------------------------------------------------------------------------------------------


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
    invited = read_invitation(invitation)
    _compare_invitation(screen, invitation.read_bytes(), invited, fingerprint)
    joining = Joining(name, key_file, passphrase_env, certificate, certificate_key, demo)
    signed = make_joining(invited, folder, joining)
    screen.answer(
        {"address": invited.address, "join": str(folder / JOIN_FILE), "fingerprint": signed.fingerprint},
        good(f"The edge {invited.address} is made in {folder}."),
        plain(f"Send {folder / JOIN_FILE} to the operator of the hub."),
        note(f"Its fingerprint, for the operator, on paper or by telephone:\n\n    {signed.fingerprint}\n"),
        plain("A certificate that you get back goes here as hub.crt. Next: fill in partners.toml; `schakel edge run`."),
    )


def make_joining(invited: Invitation, folder: Path, joining: Joining) -> SignedManifest:
    """Makes the edge and the file with which it joins; its first manifest.

    Raises:
        Stopped: something is there already, or the certificate is missing or one too many.
    """
    own = joining.certificate is not None
    if own is is_handed_out(oin_of(invited.address)) or own is (joining.certificate_key is None):
        raise wrong_use(
            "Give --certificate and --certificate-key, of PKIoverheid, exactly when the address has an OIN."
        )
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
    secret = _read(key_file, "certificate-key")
    request = b"" if own else _request(secret, invited.address)
    signature = signature_by(signed.raw, secret) if own else b""
    write_new(folder / JOIN_FILE, join_bytes(signed.raw, request, chain, signing, signature))
    return signed


def _compare_invitation(screen: Screen, raw: bytes, invited: Invitation, given: str | None) -> None:
    """Whoever can exchange an invitation could stand in for the hub."""
    if given is not None:
        if given.replace(" ", "").lower() != hashlib.sha256(raw).hexdigest():
            raise refused("This is another fingerprint than that of the invitation. Ask the operator of the hub.")
        return
    if screen.as_json:
        raise wrong_use("Give --fingerprint with --json: there is nobody to compare it.")
    screen.say(plain(f"Hub:         {invited.hub}"), plain(f"Address:     {invited.address}"))
    screen.say(note(f"Fingerprint: {grouped(raw)}"))
    if not click.confirm("Did the operator of the hub give exactly this fingerprint, on paper or by telephone?"):
        raise refused("Nothing was made.")


def _request(secret: bytes, address: str) -> bytes:
    key = load_pem_private_key(secret, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise failed("The key for the certificate is of another kind than `schakel edge join` makes.")
    return request_for(key, address)


def _chain(file: Path) -> tuple[bytes, ...]:
    try:
        return chain_in(_read(file, "certificate"))
    except ValueError:
        raise refused("The file of --certificate holds no certificate in PEM.") from None


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
    )


# -- inside ------------------------------------------------------------------------------------------------------


def grouped(raw: bytes) -> str:
    """The SHA-256 of a file as people read it to each other."""
    digest = hashlib.sha256(raw).hexdigest()
    return " ".join(digest[place : place + 8] for place in range(0, 64, 8))


def _pem_of(file: Path, name: str) -> str:
    """The certificates in a file, without what stands around them."""
    try:
        found = x509.load_pem_x509_certificates(_read(file, name))
    except ValueError:
        raise failed(f"The file of {name} holds no certificate in PEM.") from None
    return b"".join(one.public_bytes(Encoding.PEM) for one in found).decode()


def _path(file: Path) -> str:
    return toml(str(file.absolute()))


def _read(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise failed(f"The file of {name} can't be read: {error.strerror}.") from None
