# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge renews the certificate that the hub gave: nothing that ends in the middle leaves it without one that works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.config import load_edge_config
from adapters.edge import Edge
from deploy import certificate_files
from deploy.certificate_files import Pair, change, put_back, settle
from deploy.compose_edge import attests_with, reads_authorities
from deploy.dev_ca import DevCa
from deploy.exits import Exit
from deploy.net import Net
from deploy.renewal import BEFORE, RenewalError, confirm, is_due, key_bytes, renew, request_for, take_apart
from deploy.story.world import PRACTICE, TEAM
from deploy.way_to_hub import WayError, WayToHub
from hub.accession_authority import PARTNER_DAYS, AuthorityFiles, make_authority
from hub.client import HubUnavailableError, Seen
from schemas.attestation import parse_attestation, verify_attestation
from schemas.calendar import day_of
from schemas.canonical import encode
from schemas.join import join_bytes, parse_join
from schemas.manifest import parse_manifest, sign_manifest
from schemas.signing import SigningKey
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for
from tests.gateway_site import Site, new_ca
from tests.simulator import Party, World

NUMBER = "99" + "0" * 17 + "7"
DAY = 86_400
WRITES = 14  # of a renewal
Answer = Callable[..., Any]


class Ended(BaseException):
    """The power goes."""


@dataclass
class Signs:
    """What a way asks of its edge."""

    party: Party

    def signing_key(self) -> SigningKey:
        return self.party.signing

    def seen(self) -> Seen | None:
        return None


@dataclass
class Place:
    """An edge's certificate in a folder, and a hub that renews it."""

    site: Site
    party: Party
    folder: Path
    authority: AuthorityFiles

    @property
    def pair(self) -> Pair:
        return Pair(self.folder / "hub.crt", self.folder / "hub-tls.key")

    def start(self) -> WayToHub:
        """The way of a process that starts."""
        world = self.site.world
        way = WayToHub(load_edge_config(self.folder / "edge.toml"), lambda: world.now, world.random, keep=False)
        way.belongs_to(cast("Edge", Signs(self.party)))
        return way

    def renew(self, way: WayToHub) -> None:
        self.site.wait(renew(way, self.party.address, int(time.time())))

    def confirm(self, way: WayToHub) -> None:
        self.site.wait(confirm(way, int(time.time())))

    def works(self, way: WayToHub) -> None:
        assert self.pair.fits()
        assert self.site.wait(way.checkpoint())

    def beside(self) -> list[str]:
        return sorted(one.name for one in self.folder.iterdir() if one.suffix in (".new", ".old"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    now, world, folder = int(time.time()), World(), tmp_path / "edge"
    folder.mkdir()
    secret, certificate = make_authority("hub.example", now)
    files = AuthorityFiles(tmp_path / "accession.key", tmp_path / "accession.crt")
    files.key.write_bytes(secret)
    files.certificate.write_bytes(certificate)
    ca = new_ca(tmp_path / "ca")
    site = Site(world, ca, authority=files)
    party = world.party("gp", NUMBER)
    (folder / "hub-authorities.pem").write_bytes(ca.files.certificate.read_bytes())
    (folder / "edge.toml").write_text(
        f'address = "{party.address}"\nname = "Praktijk"\nkey_file = "../store.key"\nhub = "{site.url}"\n'
        f'hub_key = "{world.hub.log.verifier_key}"\n'
        'partner_authorities = "hub-authorities.pem"\naccession_authority = "../accession.crt"\n'
    )
    made = Place(site, party, folder, files)
    key = ec.generate_private_key(ec.SECP256R1())
    made.pair.key.write_bytes(key_bytes(key))
    made.pair.certificate.write_bytes(files.read().certify(request_for(key, party.address), party.address, now))
    yield made
    site.close()


def test_the_next_manifest_is_attested_by_the_renewed_certificate_and_by_none_while_it_changes(place: Place) -> None:
    config, today = load_edge_config(place.folder / "edge.toml"), day_of(int(time.time()) * 1000)
    frame = sign_manifest(place.party.signing, replace(place.party.manifest, begin=today, until=today + 1))
    attest, read = attests_with(config), reads_authorities(config)
    assert attest is not None
    assert read is not None
    before = parse_attestation(attest(frame))
    way = place.start()
    place.renew(way)
    after = parse_attestation(attest(frame))
    assert before.chain != after.chain
    for one in (before, after):
        verify_attestation(one, parse_manifest(frame), read())
    key = place.pair.key.read_bytes()
    for broken in (key_bytes(ec.generate_private_key(ec.SECP256R1())), b""):
        place.pair.key.write_bytes(broken)
        with pytest.raises(HubUnavailableError, match="do not belong together"):
            attest(frame)
    place.pair.key.unlink()
    with pytest.raises(HubUnavailableError, match="can't be read"):
        attest(frame)
    place.pair.key.write_bytes(key)
    assert parse_attestation(attest(frame)).chain == after.chain


def _ends_after(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], bool]:
    """The power goes after so many changes on the disk; call what is returned to know whether it did."""
    done = 0

    def counted(really: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            if done == number:
                raise Ended("the power goes")
            result = really(*arguments, **named)
            done += 1
            return result

        return call

    monkeypatch.setattr(certificate_files, "write_new", counted(certificate_files.write_new))
    monkeypatch.setattr(os, "link", counted(os.link))
    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    return lambda: done == number


def test_a_renewed_certificate_has_a_new_key_and_works_and_nothing_stays_beside_it(place: Place) -> None:
    way, before = place.start(), place.pair.key.read_bytes()
    place.renew(way)
    place.works(way)
    place.works(place.start())
    assert place.pair.key.read_bytes() != before
    assert place.pair.key.stat().st_mode & 0o777 == 0o600
    assert place.beside() == []


@pytest.mark.parametrize("number", range(WRITES))
def test_a_renewal_that_ends_after_any_write_leaves_a_certificate_that_works(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    way = place.start()
    with monkeypatch.context() as patched:
        ended = _ends_after(patched, number)
        with pytest.raises(Ended, match="power"):
            place.renew(way)
        assert ended()
    after = place.start()
    place.works(after)
    place.confirm(after)
    place.works(after)
    assert [one for one in place.beside() if one.endswith(".crt.old")] == []
    place.renew(after)
    place.works(after)
    assert place.beside() == []


def test_every_write_of_a_renewal_is_among_those_that_are_tried(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = _ends_after(monkeypatch, WRITES)
    place.renew(place.start())
    assert ended(), "there are fewer or more writes than the test above ends at"


def _strange(place: Place, tmp_path: Path) -> None:
    """The new pair lies beside, and its authority is not one of the hub's."""
    files = DevCa(tmp_path / "strange", int(time.time()), strict=False).client(NUMBER, "x")
    place.pair.new.certificate.write_bytes(files.certificate.read_bytes())
    place.pair.new.key.write_bytes(files.key.read_bytes())


def test_a_new_certificate_that_the_hub_does_not_take_is_put_back(place: Place, tmp_path: Path) -> None:
    way, before = place.start(), place.pair.certificate.read_bytes()
    _strange(place, tmp_path)
    change(place.pair)
    assert place.pair.fits()
    assert way.is_behind()
    with pytest.raises(RenewalError, match="the old one is in use"):
        place.confirm(way)
    assert place.pair.certificate.read_bytes() == before
    place.works(way)
    assert place.beside() == []


@pytest.mark.parametrize("number", range(6))
def test_putting_back_that_ends_after_any_write_leaves_the_old_certificate(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _strange(place, tmp_path)
    before = place.pair.certificate.read_bytes()
    change(place.pair)
    with monkeypatch.context() as patched:
        _ends_after(patched, number)
        try:
            put_back(place.pair)
        except Ended:
            assert number < 6
    way = place.start()
    if place.pair.is_unconfirmed():
        with pytest.raises(RenewalError, match="old one is in use"):
            place.confirm(way)
    assert place.pair.certificate.read_bytes() == before
    place.works(way)


def test_a_hub_that_is_away_leaves_what_there_is(place: Place) -> None:
    way, before = place.start(), place.pair.certificate.read_bytes()
    way._url = "https://127.0.0.1:1"
    with pytest.raises(HubUnavailableError, match="no answer"):
        place.renew(way)
    assert place.pair.certificate.read_bytes() == before
    place.works(place.start())


def test_what_a_hub_gives_for_another_key_is_not_put_in_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    way, before = place.start(), place.pair.certificate.read_bytes()

    async def lies(request: bytes) -> bytes:
        return before

    monkeypatch.setattr(way, "renew", lies)
    with pytest.raises(RenewalError, match="no certificate for this key"):
        place.renew(way)
    assert place.pair.certificate.read_bytes() == before
    place.works(way)


def test_a_certificate_that_can_not_be_read_is_news_once_and_the_old_one_is_shown(place: Place) -> None:
    way = place.start()
    good = place.pair.certificate.read_bytes()
    place.pair.certificate.write_bytes(b"broken")
    assert way.is_behind()
    with pytest.raises(WayError, match="can't be read"):
        place.site.wait(way.reload())
    assert not way.is_behind()
    assert place.site.wait(way.checkpoint())
    place.pair.certificate.write_bytes(good)
    assert way.is_behind()


def test_files_of_which_nothing_belongs_together_are_left_alone(place: Place) -> None:
    place.pair.key.write_bytes(key_bytes(ec.generate_private_key(ec.SECP256R1())))
    before = place.pair.certificate.read_bytes()
    settle(place.pair)
    assert place.pair.certificate.read_bytes() == before


def test_a_running_edge_renews_in_the_last_thirty_days_what_the_hub_gave(place: Place) -> None:
    end = x509.load_pem_x509_certificate(place.pair.certificate.read_bytes()).not_valid_after_utc.timestamp()
    first = int(end - BEFORE.total_seconds())
    assert [is_due(place.pair, place.party.address, now) for now in (first - 1, first, int(end), int(end) + DAY)] == [
        False,
        True,
        False,
        False,
    ]
    assert not is_due(place.pair, TEAM.address, first)


# -- the process


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "n", PRACTICE, TEAM) as found:
        yield found


def _end_of(file: Path) -> float:
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()


def _apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own."""
    program = "from deploy.cli import cli; cli()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_an_edge_that_runs_renews_by_itself(net: Net) -> None:
    practice, hub = net.partners[0], net.config
    config, now = practice.settings.config, int(time.time())
    practice.process.kill()
    key = load_pem_private_key(config.hub_certificate_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = AuthorityFiles(hub.accession_key, hub.accession_certificate).read()
    old = authority.certify(request_for(key, config.address), config.address, now - (PARTNER_DAYS - 20) * DAY)
    config.hub_certificate.write_bytes(old)
    practice.process.start()
    wait_for(lambda: practice.process.events("renewed"))
    assert _end_of(config.hub_certificate) > now + (PARTNER_DAYS - 2) * DAY
    wait_for(lambda: not Pair(config.hub_certificate, config.hub_certificate_key).is_unconfirmed())
    practice.process.need_alive()
    assert practice.process.events("not-renewed") == []


def test_renewed_by_a_command_the_running_edge_shows_the_new_one(net: Net, answer: Answer) -> None:
    practice = net.partners[0]
    config = practice.settings.config
    before, read = config.hub_certificate.read_bytes(), len(practice.process.events("reloaded"))
    told = answer("edge", "renew", "--config", config.data_folder.parent)
    assert config.hub_certificate.read_bytes() != before
    assert len(told["fingerprint"]) == 64
    wait_for(lambda: len(practice.process.events("reloaded")) > read)
    practice.process.need_alive()


def test_a_partner_with_an_oin_is_told_who_renews_its_certificate(net: Net, schakel: Schakel) -> None:
    result = schakel("edge", "renew", "--config", net.partners[1].settings.config.data_folder.parent)
    assert result.exit_code == Exit.FAILED
    assert "whoever gave its certificate renews it" in result.output


def test_a_revoked_certificate_is_refused_by_the_running_hub_and_by_the_next_and_another_goes_on(
    net: Net, answer: Answer
) -> None:
    practice = net.partners[0]
    config, process = practice.settings.config, practice.process
    place = config.data_folder.parent
    answer("partner", "revoke", config.hub_certificate, "--yes", "--config", net.folder / "hub")
    wait_for(lambda: any(one.get("name") == "revoked" for one in process.events("refused")))
    net.hub.kill()
    net.hub.start()
    wait_for(lambda: net.hub.events("listening"))
    doctor = _apart("edge", "doctor", "--config", str(place), "--json")
    assert "revoked the certificate of this edge" in doctor.stdout
    asked, back = net.folder / "again.schakel", net.folder / "again.crt"
    told = answer("edge", "renew", "--request", asked, "--config", place)
    named = ("--fingerprint", told["fingerprint"], "--certificate-out", back, "--config", net.folder / "hub")
    answer("partner", "certify", asked, *named)
    count = len(process.events("reloaded"))
    answer("edge", "renew", "--certificate", back, "--config", place)
    wait_for(lambda: len(process.events("reloaded")) > count)
    wait_for(lambda: _apart("edge", "work", "--config", str(place)).returncode == Exit.DONE)
    process.need_alive()
    assert not Pair(config.hub_certificate, config.hub_certificate_key).is_unconfirmed()


def test_a_certificate_by_another_way_is_for_the_key_of_the_last_request_of_an_admitted_partner_only(
    net: Net, answer: Answer, schakel: Schakel
) -> None:
    practice = net.partners[0]
    config, hub = practice.settings.config, net.folder / "hub"
    place, asked, back = config.data_folder.parent, net.folder / "one.schakel", net.folder / "one.crt"
    before = config.hub_certificate.read_bytes()
    first = answer("edge", "renew", "--request", asked, "--config", place)["fingerprint"]
    wrong = schakel("partner", "certify", asked, "--fingerprint", "00" * 32, "--config", hub)
    assert (wrong.exit_code, back.exists()) == (Exit.REFUSED, False)
    answer("partner", "certify", asked, "--fingerprint", first, "--certificate-out", back, "--config", hub)
    answer("edge", "renew", "--request", net.folder / "two.schakel", "--config", place)
    late = schakel("edge", "renew", "--certificate", back, "--config", place)
    assert late.exit_code == Exit.FAILED
    assert "no certificate for this key" in late.output
    assert config.hub_certificate.read_bytes() == before
    answer("partner", "suspend", config.address, "--yes", "--config", hub)
    suspended = schakel("partner", "certify", asked, "--fingerprint", first, "--config", hub)
    assert suspended.exit_code == Exit.REFUSED
    answer("partner", "resume", config.address, "--config", hub)
    assert schakel("partner", "certify", place / "manifest.schakel", "--config", hub).exit_code == Exit.REFUSED
    both = schakel("edge", "renew", "--request", asked, "--certificate", back, "--config", place)
    assert both.exit_code == Exit.WRONG_USE


def test_a_manifest_that_a_stranger_made_for_the_address_of_a_partner_gets_no_certificate(
    net: Net, schakel: Schakel
) -> None:
    stranger = Party(World(), net.partners[0].settings.config.address)
    request = request_for(ec.generate_private_key(ec.SECP256R1()), stranger.address)
    asked = net.folder / "stranger.schakel"
    asked.write_bytes(join_bytes(stranger.frame, request, (), stranger.signing, b""))
    print_ = sha256(asked.read_bytes()).hexdigest()
    result = schakel("partner", "certify", asked, "--fingerprint", print_, "--config", net.folder / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "another manifest" in result.output
    assert not asked.with_suffix(".crt").exists()


def test_a_request_that_another_key_than_the_roles_signed_gets_no_certificate(
    net: Net, answer: Answer, schakel: Schakel
) -> None:
    place, asked = net.partners[0].settings.config.data_folder.parent, net.folder / "three.schakel"
    answer("edge", "renew", "--request", asked, "--config", place)
    join = parse_join(asked.read_bytes())
    changed = encode([1, join.manifest.raw, b"x" + join.request, [], list(join.signature), b""])
    asked.write_bytes(changed)
    print_ = sha256(changed).hexdigest()
    result = schakel("partner", "certify", asked, "--fingerprint", print_, "--config", net.folder / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "does not cover" in result.output


@pytest.mark.parametrize("number", range(12))
def test_taking_a_certificate_that_came_by_another_way_may_end_after_any_write(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    key, address = ec.generate_private_key(ec.SECP256R1()), place.party.address
    place.pair.new.key.write_bytes(key_bytes(key))
    made = place.authority.read().certify(request_for(key, address), address, int(time.time()))
    with monkeypatch.context() as patched:
        _ends_after(patched, number)
        with pytest.raises(Ended, match="power"):
            take_apart(place.pair, made, address)
    way = place.start()
    place.works(way)
    if place.pair.new.key.exists():  # nothing was changed yet: the same command again
        take_apart(place.pair, made, address)
    place.confirm(way)
    assert place.pair.certificate.read_bytes() == made
    place.works(way)
    assert not place.pair.is_unconfirmed()


def test_a_lost_key_is_replaced_by_the_pair_that_came_by_another_way(place: Place) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    place.pair.new.key.write_bytes(key_bytes(key))
    address = place.party.address
    made = place.authority.read().certify(request_for(key, address), address, int(time.time()))
    place.pair.key.unlink()
    take_apart(place.pair, made, address)
    place.works(place.start())
    assert place.beside() == []
