# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Certificates for the addresses of a world: an authority for organisations, and the hub's own for those without an OIN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.dev_ca import DevCa
from hub.attestations import Attestations
from hub.exchange import Exchange
from schemas.address import is_handed_out, oin_of
from schemas.attestation import Authorities, attest
from tests.simulator import NATIONAL, World

DAYS = 400

Attest = Callable[[bytes], bytes]


class Certificates:
    """Authorities from ten days before the world begins on, and what each of them vouches for."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world, self._folder = world, folder
        self._organisations, self._accession = self._authority("organisations"), self._authority("accession")
        self._ended, self._soon = self._authority("ended", days=3), self._authority("soon", days=12)
        self.partners = [one.files.certificate.read_bytes() for one in (self._organisations, self._ended, self._soon)]

    def authorities(self) -> Authorities:
        """Whom hub and edges take."""
        return Authorities.read(self.partners, self._accession.files.certificate.read_bytes())

    def of(self, address: str) -> Attest:
        """What attests with a new certificate for this address, by the authority that vouches for such numbers."""
        return self._by(self._accession if is_handed_out(oin_of(address)) else self._organisations, address)

    def by_accession(self, address: str) -> Attest:
        """By the hub's own authority, whoever it is for: what a hub can make that lies."""
        return self._by(self._accession, address)

    def by_a_stranger(self, address: str) -> Attest:
        """By an authority that nobody takes."""
        return self._by(self._authority("stranger"), address)

    def over(self, address: str) -> Attest:
        """By a certificate of an authority that is taken, which ended before the world began."""
        return self._by(self._ended, address)

    def soon_over(self, address: str) -> Attest:
        """By a certificate that ends two days after the world began."""
        return self._by(self._soon, address)

    def hub(self, *, strict: bool = True) -> Exchange:
        """The hub of the world, which looks at attestations from now on."""
        log = self.world.hub.log
        rules = Attestations(self.authorities, lambda: log.greatest.kept.revoked, strict)
        made = Exchange(self.world.store, log, NATIONAL, self.world.trusted, self.world.random, rules)
        self.world.hub = made
        return made

    def _authority(self, name: str, days: int = DAYS) -> DevCa:
        return DevCa(self._folder / name, self.world.now // 1000 - 10 * 86_400, strict=False, days=days)

    def _by(self, authority: DevCa, address: str) -> Attest:
        files = authority.client(oin_of(address), f"partner-{self.world.random(4).hex()}")
        return lambda manifest: attest(manifest, files.certificate.read_bytes(), files.key.read_bytes())
