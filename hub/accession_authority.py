# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who may join, and the hub's own authority for partners without a certificate (a GP practice, a school).

* The authority vouches only for numbers that a hub handed out: 20 digits that begin with 99, where no OIN of Logius
  does.  So it can never name an organisation that has an OIN.
* It certifies the key of a request that a compared manifest covers, for an address that was invited; and later a new key
  for whoever shows the certificate that it gave.
* A certificate of another authority counts when it leads to an authority that the hub takes, names the OIN of the
  address, and its key signed the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schemas.address import HANDED_OUT, is_handed_out, oin_of
from schemas.attestation import AttestationError, Authorities, verify_attestation
from schemas.canonical import FrameError
from schemas.join import Join
from schemas.signing import SignatureError, Verifier

AUTHORITY_DAYS = 3650
PARTNER_DAYS = 365
_BEFORE = timedelta(minutes=5)  # clocks differ


class JoinError(ValueError):
    """This join file can't be admitted; the sentence says why."""


class OtherAuthorityError(JoinError):
    """This certificate is not of the hub's own authority, or not of that address."""


def new_number(taken: Collection[str], random: Callable[[int], bytes]) -> str:
    """A number for a partner that has no OIN, other than those taken."""
    while True:
        number = f"{HANDED_OUT}{int.from_bytes(random(16), 'big') % 10**18:018d}"
        if number not in taken:
            return number


def make_authority(name: str, now: int) -> tuple[bytes, bytes]:
    """Key and certificate (PEM) of the accession authority of a hub; `now` in unix seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Schakel accession {name}"[:64])])
    builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret, certificate.public_bytes(Encoding.PEM)


class Authority:
    """The accession authority at work."""

    def __init__(self, key: bytes, certificate: bytes) -> None:
        loaded = load_pem_private_key(key, None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise JoinError("the key of the accession authority is of another kind; put it back from its backup")
        self._key = loaded
        self._certificate = x509.load_pem_x509_certificate(certificate)
        if self._certificate.public_key() != loaded.public_key():
            raise JoinError("key and certificate of the accession authority do not belong together")

    def certify(self, request: bytes, address: str, now: int) -> bytes:
        """A certificate (PEM) for the key of this request, naming the number in the address; `now` in unix seconds.

        Nothing else of the request is taken over.

        Raises:
            JoinError: the number is no handed-out one, or the request is not in order.
        """
        if not is_handed_out(oin_of(address)):
            raise JoinError("this organisation has an OIN: it needs a certificate that names it, of PKIoverheid")
        public = _requested(request)
        names = [
            x509.NameAttribute(NameOID.COMMON_NAME, address[:64]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, oin_of(address)),
        ]
        builder = _builder(x509.Name(names), self._certificate.subject, public, now, PARTNER_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return builder.add_extension(own, critical=False).sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def renew(self, shown: bytes, request: bytes, address: str, now: int) -> bytes:
        """A certificate (PEM) for the new key of this request, for an address that shows (DER) the one that it has.

        1. this authority issued what is shown, 2. for the number of the address; 3. the request is in order and asks for
        another key.  Not checked here: the days of what is shown and that its key is at hand (TLS), that the address is
        admitted and signed the request (the gateway).

        Raises:
            OtherAuthorityError: (1) or (2) is not so.
            JoinError: (3) is not so.
        """
        # (1) who issued what is shown
        present = x509.load_der_x509_certificate(shown)
        try:
            present.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            raise OtherAuthorityError("the certificate is not of this authority") from None
        # (2) for whom
        names = [one.value for one in present.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
        if names != [oin_of(address)]:
            raise OtherAuthorityError("the certificate has another number than the address")
        # (3) for which key
        if _requested(request) == present.public_key():
            raise JoinError("the certificate request asks for the key that has a certificate already")
        return self.certify(request, address, now)


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """Where the authority's key and certificate stand.  The key is in memory only while it is at work."""

    key: Path
    certificate: Path

    def read(self) -> Authority:
        """The authority.

        Raises:
            OSError, ValueError: they can't be read, or do not belong together.
        """
        return Authority(self.key.read_bytes(), self.certificate.read_bytes())


def check_join(join: Join, authorities: Authorities, now: int, verifier: Verifier) -> None:
    """Returns when everything in a join file belongs together; `now` in unix seconds.

    1. a key of the manifest signed what stands beside it; then either 2. the request is in order and asks for a number
    of ours, or 3. the certificate enclosed attests the manifest of an organisation that has an OIN.  Not checked here:
    the manifest itself (`Exchange.admit`), its fingerprint (people).

    Raises:
        JoinError: it doesn't.
    """
    # (1) what stands beside the manifest
    try:
        join.verify_role(verifier)
    except (SignatureError, FrameError):
        raise JoinError("the manifest does not cover what stands beside it; ask the partner for a new file") from None
    oin = oin_of(join.manifest.manifest.address)
    # (2) who asks for a certificate
    if join.request:
        if not is_handed_out(oin):
            raise JoinError("this organisation has an OIN: it needs a certificate that names it, of PKIoverheid")
        _requested(join.request)
        return
    # (3) who has one
    if is_handed_out(oin):
        raise JoinError("this number is a hub's to give: who joins with it asks for a certificate, and encloses none")
    try:
        verify_attestation(join.attestation, join.manifest, authorities, now)
    except AttestationError as error:
        raise JoinError(str(error)) from None


def _requested(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        asked = x509.load_der_x509_csr(request)
        public = asked.public_key()
        is_signed = asked.is_signature_valid
    except ValueError:
        raise JoinError("the certificate request can't be read") from None
    if not is_signed or not isinstance(public, ec.EllipticCurvePublicKey):
        raise JoinError("the certificate request is not signed by its own key of an elliptic curve")
    return public


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: int, days: int
) -> x509.CertificateBuilder:
    begin = datetime.fromtimestamp(now, UTC) - _BEFORE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
