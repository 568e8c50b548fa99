# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The attestation of a manifest: its organisation's certificate vouches for it, with the chain enclosed.

    [1, chain, signature]

* The key of the first certificate of the chain (DER, leaf first) signs the SHA-256 of the manifest under a domain tag.
  ECDSA or RSA-PSS, each over SHA-256.
* It travels beside the manifest and never stands in the log, so an organisation may renew its certificate at any time.
* Who vouches for whom are two lists that never meet: the authority of a hub vouches for the numbers that it hands out,
  and never for an organisation that has an OIN; all others vouch for OINs and never for such a number.
* A certificate vouches for a manifest when its chain held on the first day, or began to hold later in its days.  What became
  of it since changes nothing: the manifest lasts 30 days by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from schemas.address import is_handed_out, oin_of
from schemas.calendar import start_of_day
from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list
from schemas.manifest import Manifest, SignedManifest
from schemas.signing import signed_bytes

LARGEST = 32 * 1024
MOST_CERTIFICATES = 8
_TAG = b"schakel/sign/attestation/v1\0"
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class AttestationError(ValueError):
    """This attestation does not hold, or can't be made; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A parsed attestation; `chain` begins with the certificate whose key signed."""

    chain: tuple[bytes, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who vouches for those that have an OIN, and who for the numbers that a hub hands out."""

    organisations: tuple[x509.Certificate, ...]
    accession: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, organisations: Iterable[bytes], accession: bytes) -> Authorities:
        """The authorities in these files (PEM); one without a certificate names nobody.

        Raises:
            ValueError: a certificate can't be read.
        """
        return cls(tuple(one for pem in organisations for one in _in_pem(pem)), tuple(_in_pem(accession)))


def signature_by(manifest: bytes, key: bytes) -> bytes:
    """The signature of a manifest by the key (PEM) of a certificate.

    Raises:
        AttestationError: a key of another kind.
    """
    loaded, message = load_pem_private_key(key, None), signed_bytes(_TAG, manifest)
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        return loaded.sign(message, ec.ECDSA(hashes.SHA256()))
    if isinstance(loaded, rsa.RSAPrivateKey):
        return loaded.sign(message, _pss(), hashes.SHA256())
    raise AttestationError("the key of the certificate is neither RSA nor of an elliptic curve")


def chain_in(pem: bytes) -> tuple[bytes, ...]:
    """The chain (DER) in the file of a certificate (PEM).

    Raises:
        ValueError: there is none.
    """
    return tuple([one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(pem)])


def attestation_bytes(chain: Sequence[bytes], signature: bytes) -> bytes:
    """The frame of an attestation."""
    return encode([1, list(chain), signature])


def attest(manifest: bytes, certificate: bytes, key: bytes) -> bytes:
    """The attestation of a manifest by the certificate with its chain, and its key, in these files (PEM).

    Raises:
        AttestationError: they can't be read, or do not belong together.
    """
    try:
        chain, signature = chain_in(certificate), signature_by(manifest, key)
        leaf = x509.load_der_x509_certificate(chain[0])
    except (ValueError, TypeError) as error:
        if isinstance(error, AttestationError):
            raise
        raise AttestationError("the certificate or its key can't be read") from None
    if not _has_signed(leaf, manifest, signature):
        raise AttestationError("the key does not belong to the certificate")
    return attestation_bytes(chain, signature)


def parse_attestation(raw: bytes) -> Attestation:
    """The attestation in `raw`; nothing of it is verified yet.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    version, chain, signature = decode_array(raw, 3)
    need_int(version, 1, 1, "/version")
    certificates = tuple(need_bytes(one, None, "/chain") for one in need_list(chain, MOST_CERTIFICATES, "/chain"))
    if not certificates:
        raise FrameError("/chain", "minItems")
    return Attestation(certificates, need_bytes(signature, None, "/signature"))


def verify_attestation(
    attestation: Attestation, signed: SignedManifest, authorities: Authorities, now: int | None = None
) -> None:
    """Returns when this attestation vouches for this manifest: its chain holds `now` (unix seconds), or without that it held
    at some moment of the manifest's days.

    1. the leaf names the number of the address; 2. the chain leads to an authority that vouches for such numbers; 3. the key of the leaf signed the manifest.  Not checked here: that a certificate was
    revoked (the hub, by its own list), and the signature of the role's key (with the manifest).

    Raises:
        AttestationError: it doesn't.
    """
    oin = oin_of(signed.manifest.address)
    trusted = authorities.accession if is_handed_out(oin) else authorities.organisations
    try:
        chain = [x509.load_der_x509_certificate(one) for one in attestation.chain]
        names = [one.value for one in chain[0].subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    except ValueError:
        raise AttestationError("a certificate of the chain can't be read") from None
    # (1) whom the leaf names
    if names != [oin]:
        raise AttestationError("the certificate names another organisation than the address")
    # (2) to whom the chain leads
    moments = _begins(signed.manifest, (*chain, *trusted)) if now is None else [datetime.fromtimestamp(now, UTC)]
    if not any(_is_led_to(trusted, chain, moment) for moment in moments):
        raise AttestationError(
            "the certificate does not lead to an authority that is taken for it, or not in those days"
        )
    # (3) whether its key was at hand
    if not _has_signed(chain[0], signed.raw, attestation.signature):
        raise AttestationError("the key of the certificate did not sign the manifest")


def _begins(manifest: Manifest, certificates: Sequence[x509.Certificate]) -> list[datetime]:
    """The moments of the manifest's days at which a chain of these can begin to hold: who asks to join has none yet."""
    first, end = (
        datetime.fromtimestamp(start_of_day(day) // 1000, UTC) for day in (manifest.begin, manifest.until + 1)
    )
    begins = (one.not_valid_before_utc for one in certificates)
    return sorted({first, *(begin for begin in begins if first < begin < end)})


def _is_led_to(trusted: Sequence[x509.Certificate], chain: Sequence[x509.Certificate], moment: datetime) -> bool:
    # A client's certificate names an organisation, no host: extensions that matter are looked at by TLS itself.
    anything = verification.ExtensionPolicy.permit_all()
    of_authorities = verification.ExtensionPolicy.webpki_defaults_ca()
    try:
        policy = verification.PolicyBuilder().store(verification.Store(list(trusted))).time(moment)
        policy = policy.extension_policies(ee_policy=anything, ca_policy=of_authorities)
        policy.build_client_verifier().verify(chain[0], list(chain[1:]))
    except (ValueError, verification.VerificationError):
        return False
    return True


def _has_signed(leaf: x509.Certificate, manifest: bytes, signature: bytes) -> bool:
    message, key = signed_bytes(_TAG, manifest), leaf.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, _pss(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _in_pem(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem) if _BEGIN in pem else []


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
