# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who is calling: the certificate names the organisation, the signature of the request proves the role.

1. the OIN stands in the certificate's subject (PKIoverheid: serialNumber), which TLS has verified; behind a proxy of
   ours, in the certificate of its header (RFC 9440), which is read from nobody else;
2. the address is that OIN with the role of the path; a key of its manifest signed the request;
3. only then it is told what is wrong: key of another day, clock, replayed.  Before, every answer is the same.

A key that is not revoked still publishes and signs facts when its days are over: nothing may delay a stop, and the
next manifest is signed by a key of the one before.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from hub.gateway_problem import Problem, of_code
from hub.registry import ADMITTED, REMOVED, Partner, Partners
from schemas.address import oin_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.request_signature import Claim, read_claim
from schemas.signing import SignatureError

PROXY_HEADER = "Client-Cert"
PAST_SECONDS = 360  # `created` is the minute's begin
FUTURE_SECONDS = 120
KEPT_SECONDS = PAST_SECONDS + FUTURE_SECONDS + 120  # a clock that is set back by so much is still believed
_OIN = re.compile(r"[0-9]{20}")

PeerCertificate = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of ours: its network address and the SHA-256 of its client certificate; both must be right."""

    address: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate of a partner (DER) and the OIN that it names."""

    oin: str
    certificate: bytes


class Snapshot:
    """Partners and day of a moment, with the addresses of each organisation."""

    def __init__(self, partners: Partners, day: int) -> None:
        self.partners, self.day = partners, day
        self._of: dict[str, list[Partner]] = {}
        for partner in partners.by_address.values():
            self._of.setdefault(oin_of(partner.address), []).append(partner)

    def callers(self, oin: str, role: str | None) -> Sequence[Partner]:
        """Who may be calling: the address of that role, or without a role any address of the organisation."""
        if role is None:
            return self._of.get(oin, [])
        one = self.partners.by_address.get(f"urn:nld:oin:{oin}:{role}")
        return [] if one is None else [one]

    def organisations(self) -> frozenset[str]:
        """Those that have an admitted address."""
        return frozenset(oin for oin, them in self._of.items() if any(one.state == ADMITTED for one in them))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks, as far as its signature is concerned."""

    method: str
    target: str
    headers: Mapping[str, str]
    any_day: bool  # a fact or a publication


class Nonces:
    """The nonces of the window; a request comes once.  They live in memory: after a restart a request of the last
    minutes could come again, which changes nothing, since every request is safe to repeat.

    One is kept longer than the window is wide, by a clock that only runs (seconds): so a clock that is set forgets none,
    and while it is in doubt, when the window refuses nothing, a request still comes once in those minutes."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, bytes], int] = {}

    def use(self, claim: Claim, steady: int) -> bool:
        """Whether this is its first time."""
        name = claim.key_id, claim.stamp.nonce
        if name in self._used:
            return False
        self._used[name] = steady
        return True

    def forget(self, steady: int) -> None:
        """Drops what the window refuses by itself."""
        for name in [name for name, used in self._used.items() if used < steady - KEPT_SECONDS]:
            del self._used[name]

    def __len__(self) -> int:
        return len(self._used)


def claimed(headers: Mapping[str, str]) -> Claim:
    """The claim in the headers of a request.

    Raises:
        Problem: there is none of our profile.
    """
    try:
        return read_claim(headers)
    except FrameError as error:
        raise Problem("not-signed", str(error)) from None


def proven(claim: Claim, asked: Asked, callers: Sequence[Partner], day: int) -> Partner:
    """The caller whose key signed.

    Raises:
        Problem: `unknown-sender` whatever is missing, `key-not-valid` to whoever has the key.
    """
    for partner in callers:
        key = partner.signing.get(claim.key_id)
        if key is None or partner.state == REMOVED:
            continue
        try:
            claim.verify(asked.method, asked.target, key.public)
        except SignatureError:
            break
        if not asked.any_day and partner.signs_with(claim.key_id, day) is None:
            raise of_code(Code.KEY_NOT_VALID)
        return partner
    raise of_code(Code.UNKNOWN_SENDER)


def need_fresh(claim: Claim, nonces: Nonces, now: int | None, steady: int) -> None:
    """Returns when the minute is now (unix seconds) and the nonce is new.

    `now` is None while the hub's own clock is in doubt: then it can refuse nobody's minute, and a stop must get through.
    Who could repeat a request of another minute is its sender alone, since TLS proves the organisation anew.

    Raises:
        Problem: it isn't.
    """
    if now is not None and not now - PAST_SECONDS <= claim.stamp.created <= now + FUTURE_SECONDS:
        raise Problem("clock")
    if not nonces.use(claim, steady):
        raise of_code(Code.REPLAYED)


def oin_of_peer(certificate: PeerCertificate | None) -> str | None:
    """The OIN in a certificate as `ssl` gives it: the one serialNumber of the subject."""
    subject = (certificate or {}).get("subject", ())
    names = [value for part in subject for name, value in part if name == "serialNumber"]  # type: ignore[attr-defined]
    return names[0] if len(names) == 1 and _OIN.fullmatch(names[0]) else None


def shown_in_header(values: Sequence[str], now: int) -> Shown | None:
    """The certificate that a proxy of ours hands on (RFC 9440, section 2.2), valid `now` (unix seconds).

    Not checked here: its chain, which the proxy has verified; that is what makes it a proxy of ours.
    """
    if len(values) != 1 or not (values[0].startswith(":") and values[0].endswith(":")):
        return None
    try:
        raw = b64decode(values[0][1:-1], validate=True)
        certificate = x509.load_der_x509_certificate(raw)
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    except (ValueError, Base64Error):
        return None
    moment = datetime.fromtimestamp(now, UTC)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        return None
    if len(names) != 1 or not isinstance(names[0], str) or not _OIN.fullmatch(names[0]):
        return None
    return Shown(names[0], raw)
