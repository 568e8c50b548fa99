# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Certificates as a doctor sees them: read, with their key, for how long, and vouched for by whom."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from socket import create_connection

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from deploy.doctor import Finding, fine, private, wrong

DAYS = 30  # before the end, in which a new certificate can be had
_SECONDS = 10.0
_RENEW = "Get a new one, put it in its place, and send the process SIGHUP."
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what it listens on, and where that is reached


@dataclass(frozen=True, slots=True)
class Pem:
    """The files of a certificate with its chain, its key, and the authorities that should vouch for it, if known."""

    certificate: Path
    key: Path
    authorities: tuple[Path, ...]


def days(*, strict: bool) -> int:
    """From how many days left a certificate is wrong; those of `schakel dev-ca` last only a week."""
    return DAYS if strict else 1


def certificate(subject: str, pem: Pem, now: int, *, ends_in: int = DAYS, renew: str = _RENEW) -> Iterator[Finding]:
    """Everything about a certificate; `now` in unix milliseconds.  `ends_in`: from how many days left it is wrong;
    `renew`: what to do then."""
    yield private(f"{subject}, key", pem.key)
    try:
        chain = x509.load_pem_x509_certificates(pem.certificate.read_bytes())
        key = load_pem_private_key(pem.key.read_bytes(), None)
        authorities = [one for file in pem.authorities for one in x509.load_pem_x509_certificates(file.read_bytes())]
    except (OSError, ValueError, TypeError):
        named = ", ".join(str(one) for one in (pem.certificate, pem.key, *pem.authorities) if not _is_pem(one))
        says = (
            f"Can't be read as PEM: {named}." if named else "The key has a password, or is of a kind that is not known."
        )
        yield wrong(subject, says, "See that the settings name files in PEM that are there, the key without password.")
        return
    if chain[0].public_key() != key.public_key():
        yield wrong(subject, "Key and certificate do not belong together.", "Put back the two that do.")
        return
    yield _days(subject, chain, now, ends_in, renew)
    yield _led(subject, chain, authorities)


def _is_pem(file: Path) -> bool:
    try:
        return file.read_bytes().lstrip().startswith(b"-----BEGIN ")
    except OSError:
        return False


def _days(subject: str, chain: Sequence[x509.Certificate], now: int, ends_in: int, renew: str) -> Finding:
    moment = datetime.fromtimestamp(now / 1000, UTC)
    end = min(one.not_valid_after_utc for one in chain)
    left = (end - moment).days
    if max(one.not_valid_before_utc for one in chain) > moment:
        return wrong(
            subject, "It is not valid yet.", "Look at the clock of this machine first, then at the certificate."
        )
    if end < moment:
        return wrong(subject, f"It ended on {end:%Y-%m-%d}: nobody takes it any more.", _RENEW)
    if left < ends_in:
        return wrong(subject, f"It ends on {end:%Y-%m-%d}, in {left} days.", renew)
    return fine(subject, f"Valid until {end:%Y-%m-%d}, {left} days.")


def _led(subject: str, chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> Finding:
    """Whether each is issued by the next, and the last by an authority."""
    name = f"{subject}, chain"
    whole = all(_issued(one, by) for one, by in pairwise(chain))
    if whole and not authorities:
        return fine(name, "Each certificate is issued by the next.")
    if whole and (chain[-1] in authorities or any(_issued(chain[-1], by) for by in authorities)):
        return fine(name, "It leads to the authority that the settings name.")
    return wrong(
        name,
        "It isn't whole, or doesn't lead to an authority that the settings name.",
        "Put the certificates between in the same file, in order; and see that the file of authorities is the right one.",
    )


def named(subject: str, file: Path, oin: str) -> Finding:
    """Whether a certificate names this organisation, where a hub looks: in the serialNumber of its subject."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError):
        return wrong(subject, "It can't be read, so nobody knows whom it names.", "Mend the certificate first.")
    names = [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    if names == [oin]:
        print_ = found.fingerprint(hashes.SHA256()).hex()
        return fine(subject, f"It names {oin}, the number of this partner. Its SHA-256 is {print_}.")
    return wrong(
        subject,
        f"It names {' and '.join(names) or 'no number'}, and this partner has {oin}: the hub takes nothing sent with it.",
        "Set hub_certificate and hub_certificate_key in edge.toml to those of this organisation.",
    )


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def answers(subject: str, listen: tuple[str, int], authorities: Path, seconds: float = _SECONDS) -> Finding:
    """Whether a server that these authorities vouch for answers here.  Not checked: under which name others reach it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    host, port = _EVERYWHERE.get(listen[0], listen[0]), listen[1]
    try:
        context.load_verify_locations(authorities)
        with create_connection((host, port), seconds) as plain, context.wrap_socket(plain):
            return fine(subject, f"It answers on {host}, port {port}.")
    except ssl.SSLError:
        return wrong(
            subject,
            f"What answers on {host}, port {port} shows no certificate that server_authorities vouch for.",
            "See what else listens there; after a new certificate, send `schakel hub run` SIGHUP.",
        )
    except OSError as error:
        return wrong(
            subject,
            f"Nothing answers on {host}, port {port} ({error.strerror or 'no answer in time'}).",
            "Start it with `schakel hub run`, and read its log when it ends at once.",
        )
