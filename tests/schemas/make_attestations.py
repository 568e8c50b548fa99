# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Makes the byte vectors of attestations: `python -m tests.schemas.make_attestations` writes them.

The file is frozen: a test asks that this gives the same bytes again (keys from labels, deterministic ECDSA of RFC 6979).
It holds the authorities, and per vector the manifest and the attestation. `error` is what the parser says, path and
keyword; `refused` why an attestation that parses vouches for nothing; `now` (unix seconds) when the chain must hold then.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from adapters.keys import manifest_for, new_role_keys
from schemas.attestation import (
    LARGEST,
    AttestationError,
    Authorities,
    attestation_bytes,
    parse_attestation,
    verify_attestation,
)
from schemas.calendar import start_of_day
from schemas.canonical import FrameError, encode
from schemas.manifest import parse_manifest, sign_manifest
from schemas.signing import SigningKey, signed_bytes
from tests.schemas.make_frames import DAY, SENDER, VECTORS, changed, every_frame, fixed, manifests

FILE = VECTORS / "attestation" / "attestations.json"
OIN = SENDER.split(":")[3]
HANDED_OUT = "urn:nld:oin:99000000000000000007:gp"
TAG = b"schakel/sign/attestation/v1\0"
BEGIN = datetime.fromtimestamp(start_of_day(DAY) // 1000, UTC)  # of the first day of the manifest
YEAR = timedelta(days=365)
ROOT, ACCESSION, STRANGER = "Test root", "Test accession", "Another root"

Vector = dict[str, object]
Days = tuple[datetime, datetime]
ALWAYS: Days = (BEGIN - YEAR, BEGIN + YEAR)


def key(label: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(fixed(f"certificate key {label}"), "big") >> 1, ec.SECP256R1())


def name(common: str, *numbers: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            *[x509.NameAttribute(NameOID.SERIAL_NUMBER, number) for number in numbers],
        ]
    )


def certificate(
    subject: x509.Name, of: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey, by: str, days: Days, *, signs: bool
) -> bytes:
    """A certificate (DER) by the authority of this label."""
    usage = x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(by).public_key())
    serial = int.from_bytes(fixed(f"serial {subject.rfc4514_string()} {by} {days}")[:8], "big") >> 1
    builder = x509.CertificateBuilder(name(by), subject, of, serial, *days)
    builder = builder.add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
    builder = builder.add_extension(usage, critical=True).add_extension(own, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
    made = builder.sign(key(by), hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(Encoding.DER)


def authority(label: str, by: str | None = None) -> bytes:
    return certificate(name(label), key(label).public_key(), by or label, ALWAYS, signs=True)


def leaf(*numbers: str, by: str = ROOT, days: Days = ALWAYS) -> bytes:
    return certificate(name("partner", *numbers), key("partner").public_key(), by, days, signs=False)


def vouched(manifest: bytes, *chain: bytes, by: str = "partner", tag: bytes = TAG) -> bytes:
    """The attestation of a manifest by this chain, signed by the key of this label."""
    signature = key(by).sign(signed_bytes(tag, manifest), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return attestation_bytes(chain, signature)


def small() -> bytes:
    """The first manifest of a partner under a number that a hub handed out."""
    numbers = iter(range(1000))
    keys = new_role_keys(lambda size: fixed(f"small {next(numbers)}")[:size], DAY)
    made = manifest_for(keys, HANDED_OUT, 1, DAY, (("progress", (1,)),), None)
    return sign_manifest(SigningKey(keys.signing_seed), made)


def valid() -> Iterator[tuple[str, bytes, bytes, int | None]]:
    """Name, manifest, attestation, now."""
    first, second = manifests()
    now, day = int(BEGIN.timestamp()) + 60, timedelta(days=1)
    yield "issued-by-the-root", first, vouched(first, leaf(OIN)), now
    between = authority("Between", ROOT)
    yield "issued-by-an-authority-between", first, vouched(first, leaf(OIN, by="Between"), between), now
    yield "of-a-later-manifest", second, vouched(second, leaf(OIN)), now + 20 * 86_400
    yield "of-a-number-handed-out", small(), vouched(small(), leaf(HANDED_OUT.split(":")[3], by=ACCESSION)), now
    yield "over-since", first, vouched(first, leaf(OIN, days=(BEGIN - YEAR, BEGIN + day))), None
    yield (
        "begun-in-the-days-of-the-manifest",
        first,
        vouched(first, leaf(OIN, days=(BEGIN + 9 * day, BEGIN + YEAR))),
        None,
    )


def hostile() -> Iterator[tuple[str, bytes, bytes, int | None]]:
    first, second = manifests()
    raw, other = vouched(first, leaf(OIN)), "00000001234567890001"
    now, day, number = int(BEGIN.timestamp()) + 60, timedelta(days=1), HANDED_OUT.split(":")[3]
    for what, bytes_ in every_frame(raw, LARGEST):
        yield what, first, bytes_, None
    yield "without-certificates", first, changed(raw, 1, []), None
    yield "nine-certificates", first, changed(raw, 1, [leaf(OIN)] * 9), None
    yield "certificate-as-text", first, changed(raw, 1, ["leaf"]), None
    yield "signature-as-text", first, changed(raw, 2, "signature"), None
    yield "certificate-that-is-none", first, vouched(first, b"\x30\x03\x02\x01\x01"), None
    yield "second-certificate-that-is-none", first, vouched(first, leaf(OIN), b"\x30\x00"), None
    yield "of-another-manifest", second, raw, None
    yield "of-a-later-manifest-on-an-earlier", first, vouched(second, leaf(OIN)), None
    yield "signed-by-another-key", first, vouched(first, leaf(OIN), by="thief"), None
    yield "signed-under-another-tag", first, vouched(first, leaf(OIN), tag=b"schakel/sign/manifest/v1\0"), None
    yield "signature-empty", first, changed(raw, 2, b""), None
    yield "signature-with-one-bit-changed", first, raw[:-1] + bytes([raw[-1] ^ 1]), None
    yield "another-organisation", first, vouched(first, leaf(other)), None
    yield "no-number", first, vouched(first, leaf()), None
    yield "two-numbers", first, vouched(first, leaf(OIN, other)), None
    yield "another-authority", first, vouched(first, leaf(OIN, by=STRANGER), authority(STRANGER)), None
    yield "the-hubs-own-authority-for-an-oin", first, vouched(first, leaf(OIN, by=ACCESSION)), None
    yield "another-authority-for-a-number-handed-out", small(), vouched(small(), leaf(number)), None
    yield "authority-between-left-out", first, vouched(first, leaf(OIN, by="Between")), None
    partner = certificate(name("partner", other), key("Between").public_key(), ROOT, ALWAYS, signs=False)
    yield "issued-by-a-partner", first, vouched(first, leaf(OIN, by="Between"), partner), None
    yield "over-before-the-first-day", first, vouched(first, leaf(OIN, days=(BEGIN - YEAR, BEGIN - day))), None
    late = (BEGIN + 30 * day, BEGIN + YEAR)
    yield "begun-after-the-last-day", first, vouched(first, leaf(OIN, days=late)), None
    short = (BEGIN - YEAR, BEGIN + day)
    yield "over-now", first, vouched(first, leaf(OIN, days=short)), now + 2 * 86_400
    seed = ed25519.Ed25519PrivateKey.from_private_bytes(fixed("ed25519"))
    odd = certificate(name("partner", OIN), seed.public_key(), ROOT, ALWAYS, signs=False)
    yield "key-of-a-kind-that-is-not-taken", first, attestation_bytes([odd], seed.sign(signed_bytes(TAG, first))), None
    cut = cbor2.loads(raw)
    yield "certificate-cut", first, encode([1, [cut[1][0][:-1]], cut[2]]), None


def authorities() -> Authorities:
    root, accession = (
        x509.load_der_x509_certificate(authority(ROOT)),
        x509.load_der_x509_certificate(authority(ACCESSION)),
    )
    return Authorities((root,), (accession,))


def described(what: str, manifest: bytes, raw: bytes, now: int | None) -> Vector:
    body = raw.rstrip(b"\0")
    short = len(raw) - len(body) > 4096
    vector: Vector = {"name": what, "manifest": manifest.hex(), "hex": (body if short else raw).hex()}
    vector |= {"zeros": len(raw) - len(body)} if short else {}
    vector |= {} if now is None else {"now": now}
    try:
        verify_attestation(parse_attestation(raw), parse_manifest(manifest), authorities(), now)
    except FrameError as error:
        vector["error"] = str(error)
    except AttestationError as error:
        vector["refused"] = str(error)
    return vector


def content() -> bytes:
    made = {
        "organisations": authority(ROOT).hex(),
        "accession": authority(ACCESSION).hex(),
        "valid": [described(*one) for one in valid()],
        "hostile": [described(*one) for one in hostile()],
    }
    return json.dumps(made, indent=1, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(content())
