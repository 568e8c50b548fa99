# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The hub renews the certificates of its own accession authority, for whoever shows one and signs, and no other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deploy.dev_ca import Files
from deploy.renewal import key_bytes, request_for
from hub.accession_authority import (
    PARTNER_DAYS,
    Authority,
    AuthorityFiles,
    JoinError,
    OtherAuthorityError,
    make_authority,
)
from hub.registry import SUSPENDED
from schemas import api
from schemas.address import oin_of
from tests.gateway_site import Answer, Site, new_ca
from tests.simulator import Party, World

NUMBER = "99" + "0" * 17 + "7"


@dataclass
class Office:
    """A hub with its accession authority, a practice that has a certificate of it, and a team that has another's."""

    site: Site
    authority: AuthorityFiles
    gp: Party
    team: Party
    key: ec.EllipticCurvePrivateKey

    def show(self, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
        """From now on the practice shows this certificate."""
        self.key = key
        folder = self.authority.key.parent
        files = Files(folder / "gp.crt", folder / "gp.key")
        files.certificate.write_bytes(certificate)
        files.key.write_bytes(key_bytes(key))
        self.site._files[NUMBER] = files

    def ask(self, who: Party, request: bytes) -> Answer:
        return self.site.request(who, "POST", "certificate", api.frames_bytes([request]))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    world, now = World(), int(time.time())
    secret, certificate = make_authority("hub.example", now)
    files = AuthorityFiles(tmp_path / "accession.key", tmp_path / "accession.crt")
    files.key.write_bytes(secret)
    files.certificate.write_bytes(certificate)
    site = Site(world, new_ca(tmp_path / "ca"), authority=files)
    key = ec.generate_private_key(ec.SECP256R1())
    made = Office(site, files, world.party("gp", NUMBER), world.party("team-wmo"), key)
    made.show(key, files.read().certify(request_for(key, made.gp.address), made.gp.address, now))
    yield made
    site.close()


def test_a_partner_of_the_hubs_own_authority_gets_a_certificate_for_a_new_key_under_its_number(office: Office) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    answer = office.ask(office.gp, request_for(key, office.gp.address))
    assert answer.status == 200
    made = api.read_certificate(answer.body)
    certificate = x509.load_pem_x509_certificate(made)
    assert certificate.public_key() == key.public_key() != office.key.public_key()
    assert [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)] == [NUMBER]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(office.authority.certificate.read_bytes()))
    days = (certificate.not_valid_after_utc - datetime.fromtimestamp(office.site.world.now / 1000, UTC)).days
    assert days in (PARTNER_DAYS - 1, PARTNER_DAYS)


def test_of_a_request_only_the_key_is_taken_over(office: Office) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = api.read_certificate(office.ask(office.gp, request_for(key, office.team.address)).body)
    subject = x509.load_pem_x509_certificate(made).subject
    assert office.team.address not in subject.rfc4514_string()
    assert oin_of(office.team.address) not in subject.rfc4514_string()


def test_a_certificate_of_another_authority_is_not_renewed(office: Office) -> None:
    request = request_for(ec.generate_private_key(ec.SECP256R1()), office.team.address)
    answer = office.ask(office.team, request)
    assert (answer.status, answer.problem) == (403, "other-authority")


def test_a_handed_out_number_in_a_certificate_of_another_authority_is_not_renewed(office: Office) -> None:
    office.site._files[NUMBER] = office.site.ca.client(NUMBER, "stranger")
    answer = office.ask(office.gp, request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address))
    assert (answer.status, answer.problem) == (403, "other-authority")


@pytest.mark.parametrize("what", ["the key that it has", "garbage", "a changed request", "two requests", "none"])
def test_what_is_no_request_for_a_new_key_gets_no_certificate(office: Office, what: str) -> None:
    good = request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address)
    frames = {
        "the key that it has": [request_for(office.key, office.gp.address)],
        "garbage": [b"garbage"],
        "a changed request": [good[:-1] + bytes([good[-1] ^ 1])],
        "two requests": [good, good],
        "none": [],
    }[what]
    answer = office.site.request(office.gp, "POST", "certificate", api.frames_bytes(frames))
    assert (answer.status, answer.problem) == (400, "malformed")


def test_a_suspended_address_gets_no_certificate(office: Office) -> None:
    office.site.world.hub.set_state(office.gp.address, SUSPENDED)
    answer = office.ask(office.gp, request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address))
    assert (answer.status, answer.problem) == (403, "unknown-sender")


def test_a_stolen_certificate_without_the_key_of_the_role_is_not_renewed(office: Office) -> None:
    thief = Party(office.site.world, office.gp.address)
    answer = office.ask(thief, request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address))
    assert (answer.status, answer.problem) == (403, "unknown-sender")


def test_no_certificate_is_given_while_the_clock_of_the_hub_is_in_doubt(office: Office) -> None:
    office.site.world.hub.clock.begin(None)
    office.site.world.suspend(hours=1)
    answer = office.ask(office.gp, request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address))
    assert (answer.status, answer.problem) == (503, "hub-clock")


def test_the_key_of_the_authority_is_read_only_when_it_is_needed(office: Office) -> None:
    away = office.authority.key.rename(office.authority.key.with_suffix(".away"))
    assert office.site.request(office.gp, "GET", "handles").status == 200
    request = request_for(ec.generate_private_key(ec.SECP256R1()), office.gp.address)
    answer = office.ask(office.gp, request)
    assert (answer.status, answer.problem) == (500, "hub-fault")
    away.rename(office.authority.key)
    assert office.ask(office.gp, request).status == 200


def test_the_number_in_the_certificate_must_be_that_of_the_address() -> None:
    now = int(time.time())
    authority, key = Authority(*make_authority("hub.example", now)), ec.generate_private_key(ec.SECP256R1())
    mine, other = (f"urn:nld:oin:99{number:018d}:gp" for number in (1, 2))
    shown = x509.load_pem_x509_certificate(authority.certify(request_for(key, mine), mine, now))
    raw, request = shown.public_bytes(Encoding.DER), request_for(ec.generate_private_key(ec.SECP256R1()), mine)
    authority.renew(raw, request, mine, now)
    with pytest.raises(OtherAuthorityError, match="another number"):
        authority.renew(raw, request, other, now)
    with pytest.raises(JoinError, match="has a certificate already"):
        authority.renew(raw, request_for(key, mine), mine, now)
