# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge renews its certificate of the hub's accession authority: a new key, the same number, the same two files.

The key is made here and never leaves this machine.  Until the hub has answered to the new certificate the old one stays
beside it, and is put back when the hub does not answer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from adapters.connections.https import HubRefusedError
from adapters.edge import Edge
from deploy.certificate_files import (
    Pair,
    change,
    forget,
    is_over,
    keep_new,
    put_back,
    read_certificate,
    replace,
    settle,
)
from deploy.way_to_hub import WayError, WayToHub
from hub.client import HubUnavailableError
from schemas.address import is_handed_out, oin_of
from schemas.join import join_bytes

BEFORE = timedelta(days=30)  # before the end, a running edge renews by itself
_NOT_TAKEN = frozenset(
    {"no-oin", "unknown-sender", "revoked"}
)  # the hub answers, and takes this certificate for nobody's


class RenewalError(Exception):
    """The certificate is not renewed, and the one that was there is in use; the sentence says why."""


def is_due(pair: Pair, address: str, now: int) -> bool:
    """Whether a running edge renews now (unix seconds): only what the hub's own authority gave, near its end."""
    read = read_certificate(pair.certificate) if is_handed_out(oin_of(address)) else None
    moment = datetime.fromtimestamp(now, UTC)
    return read is not None and moment < read.not_valid_after_utc <= moment + BEFORE


async def renew(way: WayToHub, address: str, now: int) -> datetime:
    """Renews the certificate with which `way` reaches the hub; when the new one is over.  `now` in unix seconds.

    Raises:
        RenewalError: it is not renewed; the old one is in use.
        HubUnavailableError: the hub is away; the same.
    """
    _need_handed_out(address)
    await confirm(way, now)
    pair, key = way.pair, ec.generate_private_key(ec.SECP256R1())
    keep_new(pair.new.key, key_bytes(key))
    try:
        made = await way.renew(request_for(key, address))
    except HubRefusedError as error:
        raise RenewalError(f"the hub does not renew this certificate ({error.name}); ask its operator") from None
    end = _end_of(made, key, address)
    keep_new(pair.new.certificate, made)
    change(pair)
    await confirm(way, now)
    return end


def request_apart(edge: Edge, pair: Pair, address: str) -> bytes:
    """What an edge that can't come in sends by another way: a request for a new key, signed by the role's key.

    Raises:
        RenewalError: this certificate is not the hub's to give.
    """
    _need_handed_out(address)
    settle(pair)
    key = ec.generate_private_key(ec.SECP256R1())
    keep_new(pair.new.key, key_bytes(key))
    return join_bytes(edge.newest_issued(), request_for(key, address), (), edge.signing_key(), b"")


def take_apart(pair: Pair, made: bytes, address: str) -> datetime:
    """Puts the certificate in place that came back for such a request; a person decided, so the old one is not kept.

    Raises:
        RenewalError: it is not for the key that was made then; nothing is changed.
    """
    try:
        key = load_pem_private_key(pair.new.key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise RenewalError("no request of this edge waits for a certificate: make one with --request") from None
    end = _end_of(made, key, address)
    keep_new(pair.new.certificate, made)
    if pair.fits():
        change(pair)
    else:
        replace(pair)
    forget(pair)
    return end


async def confirm(way: WayToHub, now: int) -> None:
    """Forgets the old pair when the hub answers to the one in place, else puts it back; nothing when there is none.

    Raises:
        RenewalError: it was put back.
    """
    pair = way.pair
    settle(pair)
    if not pair.is_unconfirmed():
        return
    works = await _works(way)
    if works or not pair.old.fits() or is_over(pair.old.certificate, datetime.fromtimestamp(now, UTC)):
        forget(pair)
        return
    put_back(pair)
    await way.reload()
    raise RenewalError("the hub did not answer to the new certificate, so the old one is in use; try again later")


async def _works(way: WayToHub) -> bool:
    try:
        await way.reload()
        await way.checkpoint()
    except HubRefusedError as error:
        return error.name not in _NOT_TAKEN
    except (HubUnavailableError, WayError):
        return False
    return True


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as its file holds it (PEM)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_for(key: ec.EllipticCurvePrivateKey, address: str) -> bytes:
    """The certificate request of a key (PKCS#10, DER)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def _need_handed_out(address: str) -> None:
    if not is_handed_out(oin_of(address)):
        raise RenewalError("this organisation has an OIN: whoever gave its certificate renews it")


def _end_of(made: bytes, key: PrivateKeyTypes, address: str) -> datetime:
    """When what the hub gave is over; it is for this key and this number, or nothing is put in place."""
    wrong = RenewalError("what the hub gave is no certificate for this key and this number; tell its operator")
    try:
        certificate = x509.load_pem_x509_certificate(made)
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    except ValueError:
        raise wrong from None
    if names != [oin_of(address)] or certificate.public_key() != key.public_key():
        raise wrong
    return certificate.not_valid_after_utc
