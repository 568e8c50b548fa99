# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Which manifests need the attestation of a certificate, and which attestations this hub takes.

* In a strict hub with a gateway every manifest needs one.  In any other an address that ever had one needs it for good.
* Two need none: the first manifest of a partner that asks for a certificate, which it gets with its admission and with
  which it publishes that manifest again; and one that is over, which a hub that was put back is given again.
* One that is given always has to hold, and its certificate must not be one that the operator revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256

from hub.client import HubUnavailableError
from hub.gateway_revoked import is_revoked
from schemas.address import is_handed_out, oin_of
from schemas.attestation import AttestationError, Authorities, parse_attestation, verify_attestation
from schemas.calendar import day_of
from schemas.canonical import FrameError
from schemas.manifest import SignedManifest


@dataclass(frozen=True, slots=True)
class Attestations:
    """How a hub looks at attestations: `authorities` reads those that it takes, `revoked` the certificates (SHA-256) that it
    does not, and `strict` says that every manifest needs one."""

    authorities: Callable[[], Authorities]
    revoked: Callable[[], Collection[bytes]]
    strict: bool

    def need(self, signed: SignedManifest, now: int, *, had: bool, admitting: bool) -> bool:
        """Whether this manifest needs one; `now` in unix milliseconds, `had`: its address ever gave one."""
        if signed.manifest.until < day_of(now):
            return False
        return had or (self.strict and not (admitting and is_handed_out(oin_of(signed.manifest.address))))

    def hold(self, raw: bytes, signed: SignedManifest, now: int) -> bool:
        """Whether this one vouches for this manifest; `now` in unix milliseconds.

        Raises:
            HubUnavailableError: the authorities can't be read at present.
        """
        try:
            authorities = self.authorities()
        except (OSError, ValueError):
            raise HubUnavailableError("the hub can't read the authorities that it takes; try again") from None
        is_over = signed.manifest.until < day_of(now)
        try:
            attestation = parse_attestation(raw)
            verify_attestation(attestation, signed, authorities, None if is_over else now // 1000)
        except (FrameError, AttestationError):
            return False
        return not is_revoked(attestation.chain[0], self.revoked())


def sha_of(manifest: bytes) -> bytes:
    """The name of a manifest under which its attestation is kept."""
    return sha256(manifest).digest()
