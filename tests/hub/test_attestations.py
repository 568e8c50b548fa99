# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a hub asks of the attestation of a manifest: when it needs one, and which hold."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.renewal import key_bytes, request_for
from hub.accession_authority import Authority, make_authority
from hub.attestations import Attestations, sha_of
from hub.client import HubUnavailableError, RefusedError
from hub.exchange import Exchange
from hub.registry import ADMITTED, SUSPENDED
from schemas.address import oin_of
from schemas.attestation import Authorities, attest, parse_attestation, verify_attestation
from schemas.codes import Code
from schemas.manifest import parse_manifest, sign_manifest
from tests.certificates import Attest, Certificates
from tests.simulator import NATIONAL, Party, World, run

SMALL = "99000000000000000007"


class Scene:
    """A strict hub that looks at attestations, with a team that has an OIN and a practice that has none."""

    def __init__(self, folder: Path, *, strict: bool = True) -> None:
        self.world = World()
        self.certificates = Certificates(folder, self.world)
        self.hub = self.certificates.hub(strict=strict)
        self.team = self.world.party("team-wmo", admit=False)
        self.practice = self.world.party("gp", SMALL, admit=False)
        self.team.keeps_up = self.practice.keeps_up = False
        self.attest: dict[str, Attest] = {one.address: self.certificates.of(one.address) for one in self.both}

    @property
    def both(self) -> tuple[Party, Party]:
        return self.team, self.practice

    def admitted(self) -> Scene:
        self.hub.admit(self.team.frame, self.attested(self.team))
        self.hub.admit(self.practice.frame)
        return self

    def attested(self, party: Party, frame: bytes | None = None) -> bytes:
        return self.attest[party.address](party.frame if frame is None else frame)

    def publish(self, party: Party, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        return run(party.client.publish(frame, attestation))

    def following(self, party: Party) -> bytes:
        return sign_manifest(party.signing, party.following())

    def kept(self, frame: bytes) -> bytes | None:
        return self.world.store.attestations([sha_of(frame)]).get(sha_of(frame))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# -- admission ---------------------------------------------------------------------------------------------------------


def test_an_organisation_with_an_oin_is_admitted_with_the_attestation_of_its_certificate_only(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="not-attested"):
        scene.hub.admit(scene.team.frame)
    with pytest.raises(RefusedError, match="not-attested"):
        scene.hub.admit(scene.team.frame, scene.certificates.by_accession(scene.team.address)(scene.team.frame))
    assert scene.world.store.addresses() == {}
    attestation = scene.attested(scene.team)
    assert scene.hub.admit(scene.team.frame, attestation).state == ADMITTED
    assert scene.kept(scene.team.frame) == attestation


def test_a_partner_without_an_oin_is_admitted_first_and_attests_the_same_manifest_when_it_comes_in(
    scene: Scene,
) -> None:
    scene.admitted()
    assert scene.kept(scene.practice.frame) is None
    index = scene.world.store.manifests(2)[0][0]
    size = scene.world.store.head().size
    assert scene.publish(scene.practice, scene.practice.frame) == (Code.NOT_ATTESTED, -1)
    attestation = scene.attested(scene.practice)
    assert scene.publish(scene.practice, scene.practice.frame, attestation) == (Code.IN_FORCE, index)
    assert scene.kept(scene.practice.frame) == attestation
    assert scene.world.store.head().size == size
    (shown,) = run(scene.team.client.manifests(scene.practice.address))
    assert shown.attestation == attestation


def test_the_first_attestation_of_a_manifest_stays_and_the_same_manifest_again_needs_none(scene: Scene) -> None:
    scene.admitted()
    first = scene.kept(scene.team.frame)
    for again in (b"", b"anything", scene.attested(scene.team)):
        assert scene.publish(scene.team, scene.team.frame, again)[0] is Code.IN_FORCE
        assert scene.kept(scene.team.frame) == first


def test_a_suspended_partner_comes_back_with_the_manifest_that_it_had(scene: Scene) -> None:
    scene.admitted()
    scene.hub.set_state(scene.team.address, SUSPENDED)
    assert scene.hub.admit(scene.team.frame).state == ADMITTED


# -- publication -------------------------------------------------------------------------------------------------------


def test_the_next_manifest_needs_the_certificate_and_a_renewed_one_will_do(scene: Scene) -> None:
    scene.admitted()
    scene.world.advance(days=20)
    frame = scene.following(scene.team)
    assert scene.publish(scene.team, frame) == (Code.NOT_ATTESTED, -1)
    assert [one for _, one in scene.world.store.manifests(1)] == [scene.team.frame]
    renewed = scene.certificates.of(scene.team.address)
    assert scene.publish(scene.team, frame, renewed(frame))[0] is Code.IN_FORCE
    shown = run(scene.practice.client.manifests(scene.team.address))
    assert [one.frame for one in shown] == [scene.team.frame, frame]
    assert parse_attestation(shown[0].attestation).chain != parse_attestation(shown[1].attestation).chain


@pytest.mark.parametrize(
    "what", ["another manifest", "another partner", "a stranger", "over", "the hub", "no frame", "cut"]
)
def test_an_attestation_that_does_not_hold_is_refused_and_counted_and_nothing_joins_the_log(
    scene: Scene, what: str
) -> None:
    scene.admitted()
    scene.world.advance(days=20)
    frame, address = scene.following(scene.team), scene.team.address
    other = sign_manifest(scene.team.signing, replace(scene.team.following(), until=scene.world.today + 3))
    bad = {
        "another manifest": scene.attested(scene.team, other),
        "another partner": scene.attested(scene.practice, frame),
        "a stranger": scene.certificates.by_a_stranger(address)(frame),
        "over": scene.certificates.over(address)(frame),
        "the hub": scene.certificates.by_accession(address)(frame),
        "no frame": b"attestation",
        "cut": scene.attested(scene.team, frame)[:-1],
    }[what]
    size = scene.world.store.head().size
    assert scene.publish(scene.team, frame, bad) == (Code.NOT_ATTESTED, -1)
    assert scene.hub.meter.refused[Code.NOT_ATTESTED] == 1
    assert scene.world.store.head().size == size
    assert scene.kept(frame) is None
    assert scene.publish(scene.team, frame, scene.attested(scene.team, frame))[0] is Code.IN_FORCE


def test_a_revoked_certificate_vouches_for_nothing_more(scene: Scene) -> None:
    scene.admitted()
    scene.world.advance(days=20)
    frame = scene.following(scene.team)
    attestation = scene.attested(scene.team, frame)
    scene.hub.revoke(sha256(parse_attestation(attestation).chain[0]).digest(), oin_of(scene.team.address))
    assert scene.publish(scene.team, frame, attestation) == (Code.NOT_ATTESTED, -1)
    assert scene.publish(scene.team, frame, scene.certificates.of(scene.team.address)(frame))[0] is Code.IN_FORCE


def test_a_certificate_must_hold_when_the_manifest_is_published_not_only_on_its_first_day(scene: Scene) -> None:
    scene.admitted()
    frame = scene.following(scene.team)
    attestation = scene.certificates.soon_over(scene.team.address)(frame)
    scene.world.advance(days=5)
    verify_attestation(parse_attestation(attestation), parse_manifest(frame), scene.certificates.authorities())
    assert scene.publish(scene.team, frame, attestation) == (Code.NOT_ATTESTED, -1)


def test_a_certificate_that_ended_since_takes_nothing_from_what_it_vouched_for(scene: Scene) -> None:
    scene.admitted()
    frame = scene.following(scene.team)
    attestation = scene.certificates.soon_over(scene.team.address)(frame)
    assert scene.publish(scene.team, frame, attestation)[0] is Code.IN_FORCE
    scene.world.advance(days=5)
    shown = run(scene.practice.client.manifests(scene.team.address))[-1]
    verify_attestation(parse_attestation(shown.attestation), parse_manifest(frame), scene.certificates.authorities())


def test_while_the_authorities_can_not_be_read_nothing_is_published_and_nothing_is_refused_for_good(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path).admitted()
    log = scene.hub.log

    def unreadable() -> Authorities:
        raise FileNotFoundError

    rules = Attestations(unreadable, lambda: log.greatest.kept.revoked, strict=True)
    world = scene.world
    world.hub = Exchange(world.store, log, NATIONAL, world.trusted, world.random, rules)
    frame = scene.following(scene.team)
    with pytest.raises(HubUnavailableError, match="can't read the authorities"):
        scene.publish(scene.team, frame, scene.attested(scene.team, frame))
    scene.certificates.hub()
    assert scene.publish(scene.team, frame, scene.attested(scene.team, frame))[0] is Code.IN_FORCE


def test_a_table_needs_no_attestation(scene: Scene) -> None:
    scene.admitted()
    assert scene.publish(scene.team, NATIONAL.raw)[0] is Code.IN_FORCE


def test_a_hub_that_was_put_back_takes_a_manifest_that_is_over_without_one(scene: Scene) -> None:
    scene.admitted()
    scene.world.advance(days=29)
    late = scene.following(scene.team)
    scene.world.advance(days=40)
    rules = Attestations(scene.certificates.authorities, dict, strict=True)
    assert not rules.need(parse_manifest(late), scene.world.now, had=True, admitting=False)
    assert rules.hold(scene.attested(scene.team, late), parse_manifest(late), scene.world.now)
    fresh = scene.following(scene.team)
    assert rules.need(parse_manifest(fresh), scene.world.now, had=True, admitting=False)


# -- a hub that is not strict ------------------------------------------------------------------------------------------


def test_a_hub_that_is_not_strict_asks_it_of_whoever_ever_gave_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, strict=False)
    scene.hub.admit(scene.team.frame, scene.attested(scene.team))
    scene.hub.admit(scene.practice.frame)
    scene.world.advance(days=20)
    team, practice = (scene.following(one) for one in scene.both)
    assert scene.publish(scene.team, team)[0] is Code.NOT_ATTESTED
    assert scene.publish(scene.practice, practice)[0] is Code.IN_FORCE
    assert scene.publish(scene.team, team, scene.attested(scene.team, team))[0] is Code.IN_FORCE


def test_a_hub_that_knows_no_certificates_keeps_no_attestation(tmp_path: Path) -> None:
    world = World()
    team = world.party("team-wmo")
    certificates = Certificates(tmp_path, world)
    assert run(team.client.publish(team.frame, certificates.of(team.address)(team.frame)))[0] is Code.IN_FORCE
    assert world.store.attestations([sha_of(team.frame)]) == {}


# -- the hub's own authority -------------------------------------------------------------------------------------------


def test_a_certificate_of_the_accession_authority_vouches_for_the_number_in_it(scene: Scene) -> None:
    now = scene.world.now // 1000
    secret, certificate = make_authority("hub.example", now)
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key, scene.practice.address)
    made = Authority(secret, certificate).certify(request, scene.practice.address, now)
    log = scene.hub.log
    rules = Attestations(lambda: Authorities.read([], certificate), lambda: log.greatest.kept.revoked, strict=True)
    world = scene.world
    world.hub = Exchange(world.store, log, NATIONAL, world.trusted, world.random, rules)
    world.hub.admit(scene.practice.frame)
    assert (
        scene.publish(scene.practice, scene.practice.frame, attest(scene.practice.frame, made, key_bytes(key)))[0]
        is Code.IN_FORCE
    )
