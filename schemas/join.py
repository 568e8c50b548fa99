# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The join file: what a partner gives the operator of a hub to be admitted.

    [1, manifest, request, chain, signature of the role, signature of the certificate]

* People compare one fingerprint, that of the manifest.  A key of the manifest signs the rest, so nothing beside it can
  be exchanged: neither the certificate request nor the certificates.
* Who has a certificate encloses it with its chain (DER, leaf first), and its key signs the manifest: what every later
  manifest travels with as its attestation.  Who has none encloses a certificate request (PKCS#10, DER) instead; exactly one of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.attestation import Attestation
from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list
from schemas.manifest import SignedManifest, parse_manifest
from schemas.signing import Signature, SigningKey, Verifier, parse_signature, signed_bytes

LARGEST = 64 * 1024
_ROLE_TAG = b"schakel/sign/join/v1\0"


@dataclass(frozen=True, slots=True)
class Join:
    """A parsed join file."""

    manifest: SignedManifest
    request: bytes
    chain: tuple[bytes, ...]
    signature: Signature
    certificate_signature: bytes

    @property
    def attestation(self) -> Attestation:
        """The attestation of the manifest, by whoever has a certificate."""
        return Attestation(self.chain, self.certificate_signature)

    def verify_role(self, verifier: Verifier) -> None:
        """Returns when a key of the manifest signed what stands beside it.

        Raises:
            SignatureError: it didn't.
            FrameError: the manifest has no such key.
        """
        key = self.manifest.manifest.signing_key(self.manifest.key_id)
        if key is None:
            raise FrameError("/key", "const")
        verifier.verify(_role_bytes(self.manifest.raw, self.request, self.chain), self.signature, key.public)


def join_bytes(
    manifest: bytes, request: bytes, chain: tuple[bytes, ...], key: SigningKey, certificate_signature: bytes
) -> bytes:
    """The join file, signed by a key of the manifest."""
    signature = key.sign_alone(_role_bytes(manifest, request, chain))
    return encode([1, manifest, request, list(chain), list(signature), certificate_signature])


def parse_join(raw: bytes) -> Join:
    """The join file in `raw`; its signatures are not yet verified.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    version, manifest, request, chain, signature, certificate_signature = decode_array(raw, 6)
    need_int(version, 1, 1, "/version")
    certificates = tuple(need_bytes(one, None, "/chain") for one in need_list(chain, 8, "/chain"))
    asked = need_bytes(request, None, "/request")
    if bool(asked) == bool(certificates):
        raise FrameError("/chain", "oneOf")
    return Join(
        parse_manifest(need_bytes(manifest, None, "/manifest")),
        asked,
        certificates,
        parse_signature(signature, "/signature"),
        need_bytes(certificate_signature, None, "/certificate_signature"),
    )


def _role_bytes(manifest: bytes, request: bytes, chain: tuple[bytes, ...]) -> bytes:
    return signed_bytes(_ROLE_TAG, manifest, request, encode(list(chain)))
