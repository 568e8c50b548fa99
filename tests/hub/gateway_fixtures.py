# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The fixtures of the gateway's tests: a world with a team, a provider and a GP behind a gateway on loopback."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.dev_ca import DevCa, Files
from hub.gateway_caller import PROXY_HEADER, Proxy
from hub.gateway_limits import Limits
from tests.gateway_site import HOST, IMPATIENT, QUICK, Answer, Site, new_ca
from tests.simulator import Party, World

MINE = "/v1/team-wmo/handles"


@dataclass
class Town:
    """A site with its partners."""

    site: Site
    world: World
    team: Party
    provider: Party
    gp: Party

    def still_works(self) -> None:
        """The next request goes through."""
        assert self.site.request(self.team, "GET", "outcomes?after=0").status == 200


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    yield from _town(tmp_path, QUICK)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Town]:
    """Its gateway waits for nobody."""
    yield from _town(tmp_path, IMPATIENT)


def _town(folder: Path, limits: Limits) -> Iterator[Town]:
    world = World()
    people = [world.party(role) for role in ("team-wmo", "provider-wmo", "gp")]
    site = Site(world, new_ca(folder / "ca"), limits)
    yield Town(site, world, *people)
    site.close()


def header_of(files: Files) -> dict[str, str]:
    """What a proxy says of the certificate that it saw."""
    der = x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_bytes(Encoding.DER)
    return {PROXY_HEADER: f":{b64encode(der).decode()}:"}


class Proxied:
    """A gateway that believes the proxy at one network address with one certificate."""

    def __init__(self, folder: Path, address: str = HOST) -> None:
        self.world = World()
        self.team, self.gp = self.world.party("team-wmo"), self.world.party("gp")
        ca = new_ca(folder / "ca")
        self.proxy = ca.client(None, "proxy")
        der = x509.load_pem_x509_certificate(self.proxy.certificate.read_bytes()).public_bytes(Encoding.DER)
        self.site = Site(self.world, ca, proxies=(Proxy(address, hashlib.sha256(der).digest()),))
        self.partners = DevCa(folder / "partners", self.world.now // 1000, strict=False)

    def ask(self, party: Party, over: Files, header: dict[str, str]) -> Answer:
        self.site._files["over"] = over
        return self.site.raw("over", "GET", MINE, self.site.signed(party, "GET", MINE) | header)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    one = Proxied(tmp_path)
    yield one
    one.site.close()
