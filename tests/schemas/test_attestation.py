# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Attestations: the frozen vectors, and that only the key of the right certificate vouches for a manifest."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.attestation import (
    AttestationError,
    Authorities,
    attest,
    chain_in,
    parse_attestation,
    signature_by,
    verify_attestation,
)
from schemas.canonical import FrameError
from schemas.manifest import parse_manifest
from tests.schemas import make_attestations
from tests.schemas.make_attestations import ALWAYS, FILE, OIN, ROOT, authority, certificate, key, leaf, name
from tests.schemas.make_frames import manifests

STORED = json.loads(FILE.read_text())
NOBODY = Authorities((), ())
Vector = dict[str, object]
FIRST = manifests()[0]


def raw_of(vector: Vector) -> bytes:
    zeros = vector.get("zeros", 0)
    assert isinstance(zeros, int)
    return bytes.fromhex(str(vector["hex"])) + bytes(zeros)


def judged(vector: Vector, authorities: Authorities) -> None:
    signed = parse_manifest(bytes.fromhex(str(vector["manifest"])))
    now = vector.get("now")
    assert now is None or isinstance(now, int)
    verify_attestation(parse_attestation(raw_of(vector)), signed, authorities, now)


def stored_authorities() -> Authorities:
    root, accession = (
        x509.load_der_x509_certificate(bytes.fromhex(STORED[one])) for one in ("organisations", "accession")
    )
    return Authorities((root,), (accession,))


def secret(made: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(*chain: bytes) -> bytes:
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain)


def test_the_frozen_attestations_are_made_again_to_the_byte() -> None:
    assert make_attestations.content() == FILE.read_bytes()


@pytest.mark.parametrize("vector", STORED["valid"], ids=lambda one: one["name"])
def test_a_frozen_attestation_holds_and_for_nobody_without_its_authority(vector: Vector) -> None:
    judged(vector, stored_authorities())
    with pytest.raises(AttestationError, match="does not lead to an authority"):
        judged(vector, NOBODY)


@pytest.mark.parametrize("vector", STORED["hostile"], ids=lambda one: one["name"])
def test_a_hostile_attestation_is_refused_by_path_and_keyword_or_with_its_reason(vector: Vector) -> None:
    with pytest.raises((FrameError, AttestationError)) as caught:
        judged(vector, stored_authorities())
    assert str(caught.value) == vector.get("error", vector.get("refused"))
    assert type(caught.value) is (FrameError if "error" in vector else AttestationError)


def test_no_byte_of_an_attestation_can_be_changed_or_cut() -> None:
    vector = STORED["valid"][0]
    raw = raw_of(vector)
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 1
        for bad in (bytes(changed), raw[:place]):
            with pytest.raises((FrameError, AttestationError)):
                judged(vector | {"hex": bad.hex()}, stored_authorities())


def test_an_error_of_an_attestation_never_holds_what_was_in_it() -> None:
    for vector in STORED["hostile"]:
        told = str(vector.get("error", vector.get("refused")))
        assert OIN not in told


def test_what_is_attested_with_an_elliptic_or_an_rsa_key_holds() -> None:
    public_rsa = rsa.generate_private_key(65537, 2048)
    made = x509.CertificateBuilder(name(ROOT), name("partner", OIN), public_rsa.public_key(), 77, *ALWAYS)
    signed = made.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key(ROOT).public_key()), critical=False
    ).sign(key(ROOT), hashes.SHA256())
    for chain, own in (((leaf(OIN),), key("partner")), ((signed.public_bytes(Encoding.DER),), public_rsa)):
        raw = attest(FIRST, pem(*chain), secret(own))
        verify_attestation(parse_attestation(raw), parse_manifest(FIRST), stored_authorities())
        changed = raw[:-1] + bytes([raw[-1] ^ 1])
        with pytest.raises(AttestationError, match="did not sign"):
            verify_attestation(parse_attestation(changed), parse_manifest(FIRST), stored_authorities())


def test_nothing_is_attested_with_a_key_of_another_certificate_or_kind_or_with_what_is_none() -> None:
    files = {"certificate": pem(leaf(OIN)), "key": secret(key("partner"))}
    for change, why in (
        ({"key": secret(key("thief"))}, "does not belong"),
        ({"key": secret(ed25519.Ed25519PrivateKey.generate())}, "neither RSA nor"),
        ({"key": b"none"}, "can't be read"),
        ({"certificate": b"none"}, "can't be read"),
    ):
        with pytest.raises(AttestationError, match=why):
            attest(FIRST, **(files | change))
    with pytest.raises(AttestationError, match="neither RSA nor"):
        signature_by(FIRST, secret(ed25519.Ed25519PrivateKey.generate()))


def test_a_chain_is_read_leaf_first_and_authorities_from_files_that_may_be_empty(tmp_path: Path) -> None:
    between = authority("Between", ROOT)
    assert chain_in(pem(leaf(OIN), between)) == (leaf(OIN), between)
    read = Authorities.read([b"", b"# nobody\n", pem(authority(ROOT))], b"")
    assert (len(read.organisations), read.accession) == (1, ())
    with pytest.raises(ValueError, match=r"."):
        Authorities.read([b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"], b"")


def test_a_certificate_counts_to_its_last_second_on_the_first_day() -> None:
    begin = datetime.fromtimestamp(make_attestations.BEGIN.timestamp(), UTC)
    for end, holds in ((begin, True), (begin - timedelta(seconds=1), False)):
        chain = leaf(OIN, days=(begin - timedelta(days=9), end))
        raw = make_attestations.vouched(FIRST, chain)
        if holds:
            verify_attestation(parse_attestation(raw), parse_manifest(FIRST), stored_authorities())
        else:
            with pytest.raises(AttestationError, match="not in those days"):
                verify_attestation(parse_attestation(raw), parse_manifest(FIRST), stored_authorities())


def test_a_certificate_that_may_sign_certificates_still_has_to_name_the_organisation() -> None:
    made = certificate(name("partner"), key("partner").public_key(), ROOT, ALWAYS, signs=True)
    with pytest.raises(AttestationError, match="names another organisation"):
        verify_attestation(
            parse_attestation(make_attestations.vouched(FIRST, made)), parse_manifest(FIRST), stored_authorities()
        )
