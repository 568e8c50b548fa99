# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The signature of a request: one profile of HTTP Message Signatures (RFC 9421) with Ed25519.

* Signed are method, path, query, the digest of the body (RFC 9530, SHA-256, also of an empty body) and the newest
  checkpoint that the caller knows, whose origin names the log and so the hub that the request is for.
* `created` is a whole minute, `keyid` a signing key of the caller's manifest, `nonce` 16 random bytes, used once.
* There is one spelling of each header; anything else is refused, with the header's name and never its value.

Not signed: `@authority`, which a proxy may change; the origin of the checkpoint stands in its place.
Not checked here: whose key it is, whether it is valid today, the minute, the nonce.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nacl.bindings
import nacl.exceptions

from schemas.canonical import FrameError
from schemas.note import SIZE_LIMIT, Checkpoint
from schemas.signing import SignatureError, SigningKey

DIGEST, CHECKPOINT, INPUT, SIGNATURE = "Content-Digest", "Schakel-Checkpoint", "Signature-Input", "Signature"
HEADERS = (DIGEST, CHECKPOINT, INPUT, SIGNATURE)
NO_CHECKPOINT = "none"
MINUTE = 60
_COVERED = '("@method" "@path" "@query" "content-digest" "schakel-checkpoint")'
_BYTES = r":([A-Za-z0-9+/]{%d}={%d}):"
_DIGEST = re.compile("sha-256=" + _BYTES % (43, 1))
_SIGNATURE = re.compile("schakel=" + _BYTES % (86, 2))
_PARAMETERS = re.compile(
    re.escape(_COVERED)
    + r';created=(0|[1-9][0-9]{0,11});keyid="([0-9a-f]{16})";nonce="([A-Za-z0-9_-]{22})";alg="ed25519";tag="schakel-v1"'
)
_CHECKPOINT = re.compile(
    r'"([\x21\x23-\x5b\x5d-\x7e]{1,128})";size=(0|[1-9][0-9]{0,14});root='
    + _BYTES % (43, 1)
    + "(?:;signature="
    + _BYTES % (86, 2)
    + ")?"
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a request says beside what it asks: its minute (unix seconds), a fresh nonce, the newest checkpoint.

    `proof` is the hub's signature of the checkpoint: what a hub needs to believe that its own log was cut.
    """

    created: int
    nonce: bytes
    checkpoint: Checkpoint | None
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """The headers of a request, well formed; nothing of it is proven before `verify`."""

    stamp: Stamp
    key_id: str
    digest: bytes
    signature: bytes
    parameters: str
    texts: tuple[str, str]  # of content-digest and schakel-checkpoint, as they came

    def verify(self, method: str, target: str, public: bytes) -> None:
        """Returns when `public` signed this request for `target` (path and query as they stand on the wire).

        Raises:
            SignatureError: it did not.
        """
        base = signature_base(_components(method, target, *self.texts), self.parameters)
        try:
            nacl.bindings.crypto_sign_open(self.signature + base, public)
        except (nacl.exceptions.BadSignatureError, ValueError, TypeError):
            raise SignatureError("request signature") from None


def signature_base(components: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """The bytes that are signed (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def sign_request(key: SigningKey, method: str, target: str, body: bytes, stamp: Stamp) -> dict[str, str]:
    """The four headers that prove a request."""
    digest = f"sha-256=:{_base64(body_digest(body))}:"
    known = checkpoint_text(stamp.checkpoint, stamp.proof)
    nonce = urlsafe_b64encode(stamp.nonce).decode().rstrip("=")
    values = f'created={stamp.created};keyid="{key.key_id}";nonce="{nonce}";alg="ed25519";tag="schakel-v1"'
    parameters = f"{_COVERED};{values}"
    signature = key.sign(signature_base(_components(method, target, digest, known), parameters))
    return {
        DIGEST: digest,
        CHECKPOINT: known,
        INPUT: f"schakel={parameters}",
        SIGNATURE: f"schakel=:{_base64(signature)}:",
    }


def read_claim(headers: Mapping[str, str]) -> Claim:
    """What the headers of a request claim.

    Raises:
        FrameError: one is missing or has another form; the path is its name.
    """
    known = headers.get(CHECKPOINT, "")
    parameters = headers.get(INPUT, "").removeprefix("schakel=")
    found = _PARAMETERS.fullmatch(parameters)
    if found is None or not headers[INPUT].startswith("schakel="):
        raise FrameError(f"/{INPUT}", "pattern")
    created, key_id, nonce = found.groups()
    if int(created) % MINUTE:
        raise FrameError(f"/{INPUT}", "minute")
    digest = headers.get(DIGEST, "")
    stamp = Stamp(int(created), urlsafe_b64decode(nonce + "=="), *_read_checkpoint(known))
    return Claim(
        stamp=stamp,
        key_id=key_id,
        digest=_unbase64(_DIGEST.fullmatch(digest), DIGEST),
        signature=_unbase64(_SIGNATURE.fullmatch(headers.get(SIGNATURE, "")), SIGNATURE),
        parameters=parameters,
        texts=(digest, known),
    )


def body_digest(body: bytes) -> bytes:
    """SHA-256 of the body."""
    return hashlib.sha256(body).digest()


def checkpoint_text(checkpoint: Checkpoint | None, proof: bytes = b"") -> str:
    """The value of the header `Schakel-Checkpoint`."""
    if checkpoint is None:
        return NO_CHECKPOINT
    signature = f";signature=:{_base64(proof)}:" if proof else ""
    return f'"{checkpoint.origin}";size={checkpoint.size};root=:{_base64(checkpoint.root)}:{signature}'


def _read_checkpoint(text: str) -> tuple[Checkpoint | None, bytes]:
    if text == NO_CHECKPOINT:
        return None, b""
    found = _CHECKPOINT.fullmatch(text)
    if found is None or int(found[2]) >= SIZE_LIMIT:
        raise FrameError(f"/{CHECKPOINT}", "pattern")
    proof = b"" if found[4] is None else _unbase64_text(found[4], CHECKPOINT)
    return Checkpoint(found[1], int(found[2]), _unbase64_text(found[3], CHECKPOINT)), proof


def _components(method: str, target: str, digest: str, checkpoint: str) -> list[tuple[str, str]]:
    path, _, query = target.partition("?")
    return [
        ("@method", method),
        ("@path", path),
        ("@query", f"?{query}"),  # an empty query is a question mark (RFC 9421, section 2.2.7)
        ("content-digest", digest),
        ("schakel-checkpoint", checkpoint),
    ]


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _unbase64(found: re.Match[str] | None, header: str) -> bytes:
    if found is None:
        raise FrameError(f"/{header}", "pattern")
    return _unbase64_text(found[1], header)


def _unbase64_text(text: str, header: str) -> bytes:
    try:
        raw = a2b_base64(text, strict_mode=True)
    except Base64Error:
        raise FrameError(f"/{header}", "base64") from None
    if _base64(raw) != text:  # bits after the last byte: another spelling of the same value
        raise FrameError(f"/{header}", "base64")
    return raw
