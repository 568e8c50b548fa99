# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whether a certificate is revoked: its SHA-256 is among those that the operator named.

An ECDSA signature (r, s) has a twin (r, n - s) that is as valid and that anybody can work out.  The signature of an
authority is no part of what it signs, so whoever stole a certificate could show it with the twin, and under another
SHA-256.  So a certificate is looked for under both.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

# The orders of P-256, P-384 and P-521 (FIPS 186-4, D.1.2): the certificate does not tell on which of them it was signed.
_ORDERS = (
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
)


def is_revoked(certificate: bytes | None, revoked: Collection[bytes]) -> bool:
    """Whether a certificate (DER) is among those of which this is the SHA-256."""
    return bool(revoked) and certificate is not None and any(one in revoked for one in fingerprints(certificate))


@lru_cache(maxsize=4096)
def fingerprints(certificate: bytes) -> tuple[bytes, ...]:
    """The SHA-256 of a certificate (DER), then those of its twins."""
    return tuple(sha256(one).digest() for one in (certificate, *_twins(certificate)))


def _twins(certificate: bytes) -> list[bytes]:
    try:
        read = x509.load_der_x509_certificate(certificate)
        r, s = decode_dss_signature(read.signature)
    except ValueError:  # RSA and Ed25519 have no twins
        return []
    body, end = read.tbs_certificate_bytes, _bits(read.signature)
    # RFC 5280, section 4.1: a sequence of what is signed, the algorithm, and the signature as a bit string.
    start = len(certificate) - len(end)
    algorithm = certificate[certificate.index(body) + len(body) : start]
    return [
        _der(0x30, body + algorithm + _bits(encode_dss_signature(r, order - s))) for order in _ORDERS if 0 < s < order
    ]


def _bits(signature: bytes) -> bytes:
    return _der(0x03, b"\0" + signature)


def _der(tag: int, content: bytes) -> bytes:
    """X.690, sections 8.1.2 to 8.1.5."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
