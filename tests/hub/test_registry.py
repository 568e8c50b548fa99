# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Admission, manifests and rule tables: numbered, signed by the one before, public, and only ever narrower."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from consent.rules import without
from hub.client import RefusedError
from hub.registry import ADMITTED, REMOVED, SUSPENDED, check_manifest
from schemas.codes import Code
from schemas.manifest import Key, sign_manifest
from schemas.signing import SigningKey, Verifier
from tests.lies import flipped, truncated
from tests.over_kafka import kinds, new_world
from tests.simulator import NATIONAL, Party, World, run


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party


@pytest.fixture(params=kinds("memory", "sqlite"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    yield Scene(world, world.party("team-wmo"), world.party("provider-wmo"))
    world.check()
    world.close()


def _publish(party: Party, frame: bytes) -> tuple[Code, int]:
    return run(party.client.publish(frame))


# -- admission


def test_an_admitted_address_has_a_number_keys_and_the_national_table(scene: Scene) -> None:
    partner = scene.world.hub.partners().by_address[scene.team.address]
    assert (partner.number, partner.state, partner.table) == (1, ADMITTED, NATIONAL)
    assert list(partner.signing) == [scene.team.signing.key_id]
    assert scene.world.hub.partners().by_number[1] is partner


def test_admitting_the_same_manifest_again_changes_nothing(scene: Scene) -> None:
    size = scene.world.store.head().size
    assert scene.world.hub.admit(scene.team.frame).number == 1
    assert scene.world.store.head().size == size


def test_another_first_manifest_for_a_known_address_is_refused(scene: Scene) -> None:
    thief = SigningKey(scene.world.random(32))
    day = scene.world.today
    forged = replace(scene.team.manifest, signing=(Key(thief.public, day, day + 29),))
    with pytest.raises(RefusedError, match="not-next"):
        scene.world.hub.admit(sign_manifest(thief, forged))
    assert list(scene.world.hub.partners().by_address[scene.team.address].signing) == [scene.team.signing.key_id]


def test_a_first_manifest_must_be_signed_by_a_key_that_stands_in_it(scene: Scene) -> None:
    stranger = scene.world.party("gp", admit=False)
    other = SigningKey(scene.world.random(32))
    for frame, code in (
        (sign_manifest(other, stranger.manifest), "not-next"),
        (flipped(stranger.frame, len(stranger.frame) - 10), "bad-signature"),
        (truncated(stranger.frame, 500), "malformed"),
        (sign_manifest(stranger.signing, replace(stranger.manifest, number=2)), "not-next"),
    ):
        with pytest.raises(RefusedError, match=code):
            scene.world.hub.admit(frame)
    assert stranger.address not in scene.world.hub.partners().by_address


@pytest.mark.parametrize("days", [-30, 1])
def test_a_manifest_is_published_on_one_of_its_own_days(scene: Scene, days: int) -> None:
    stranger = scene.world.party("gp", admit=False)
    begin = scene.world.today + days
    shifted = replace(stranger.manifest, begin=begin, until=begin + 29)
    with pytest.raises(RefusedError, match="wrong-day"):
        scene.world.hub.admit(sign_manifest(stranger.signing, shifted))


def test_a_refused_admission_leaves_no_trace_of_the_address(scene: Scene) -> None:
    """A first manifest that names a table nobody published is refused before the address is admitted."""
    stranger = scene.world.party("gp", admit=False)
    size = scene.world.store.head().size
    frame = sign_manifest(stranger.signing, replace(stranger.manifest, table_hash=bytes(32)))
    with pytest.raises(RefusedError, match="not-next"):
        scene.world.hub.admit(frame)
    assert scene.world.store.head().size == size
    assert scene.world.hub.admit(stranger.frame).state == ADMITTED


def test_a_suspended_partner_comes_back_with_its_keys_and_its_number(scene: Scene) -> None:
    scene.world.hub.set_state(scene.team.address, SUSPENDED)
    with pytest.raises(RefusedError, match="unknown-sender"):
        scene.team.feed()
    partner = scene.world.hub.set_state(scene.team.address, ADMITTED)
    assert (partner.number, list(partner.signing)) == (1, [scene.team.signing.key_id])
    assert scene.team.feed() == []


def test_the_number_of_a_removed_partner_is_never_given_to_another(scene: Scene) -> None:
    scene.world.hub.set_state(scene.provider.address, REMOVED)
    assert scene.world.party("gp").number == 3


def test_the_state_of_an_unknown_address_can_not_be_set(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="not-yours"):
        scene.world.hub.set_state(scene.team.address + "x", REMOVED)


def test_setting_the_same_state_again_writes_nothing(scene: Scene) -> None:
    scene.world.hub.set_state(scene.team.address, SUSPENDED)
    size = scene.world.store.head().size
    scene.world.hub.set_state(scene.team.address, SUSPENDED)
    assert scene.world.store.head().size == size


# -- manifests


def test_the_next_manifest_follows_in_number_and_is_signed_by_a_key_of_the_one_before(scene: Scene) -> None:
    following = scene.team.following()
    new = SigningKey(scene.world.random(32))
    own = replace(following, signing=(Key(new.public, following.begin, following.until),))
    assert _publish(scene.team, sign_manifest(new, own))[0] is Code.NOT_NEXT
    assert scene.team.publish(replace(following, number=3)) is Code.NOT_NEXT
    assert scene.team.publish(replace(following, number=1, until=following.until - 1)) is Code.NOT_NEXT
    assert _publish(scene.team, sign_manifest(scene.provider.signing, following))[0] is Code.NOT_NEXT
    assert scene.team.publish(own) is Code.IN_FORCE


def test_a_revoked_key_signs_no_further_manifest(scene: Scene) -> None:
    old = scene.team.signing
    scene.team.new_signing_key()
    assert scene.team.publish(scene.team.following(), old) is Code.NOT_NEXT
    assert scene.team.publish(scene.team.following()) is Code.IN_FORCE


def test_a_partner_publishes_no_manifest_of_another(scene: Scene) -> None:
    assert _publish(scene.provider, sign_manifest(scene.team.signing, scene.team.following()))[0] in {
        Code.NOT_NEXT,
        Code.NOT_YOURS,
    }
    stolen = replace(scene.team.following(), address=scene.team.address)
    assert _publish(scene.provider, sign_manifest(scene.provider.signing, stolen))[0] is Code.NOT_YOURS


def test_the_same_manifest_again_gives_the_same_leaf(scene: Scene) -> None:
    frame = sign_manifest(scene.team.signing, scene.team.following())
    first = _publish(scene.team, frame)
    assert first[0] is Code.IN_FORCE
    assert _publish(scene.team, frame) == first
    [entry] = scene.world.store.entries(first[1], first[1] + 1)
    assert entry.leaf == b"\1" + sha256(frame).digest()


def test_everyone_reads_all_manifests_of_an_address_oldest_first(scene: Scene) -> None:
    scene.team.publish(scene.team.following())
    published = run(scene.provider.client.manifests(scene.team.address))
    assert published[-1].frame == scene.team.frame
    assert [scene.world.store.entries(p.index, p.index + 1)[0].record for p in published] == [
        p.frame for p in published
    ]
    assert run(scene.provider.client.manifests(scene.team.address + "x")) == []


def test_a_manifest_is_checked_against_the_one_before_and_nothing_else(scene: Scene) -> None:
    frame = sign_manifest(scene.team.signing, scene.team.following())
    day = scene.world.today
    assert check_manifest(frame, None, day, Verifier()) is Code.NOT_NEXT
    assert check_manifest(frame, scene.provider.manifest, day, Verifier()) is Code.NOT_NEXT
    assert not isinstance(check_manifest(frame, scene.team.manifest, day, Verifier()), Code)


# -- rule tables


def test_a_table_counts_from_the_manifest_that_names_it(scene: Scene) -> None:
    narrow = without(NATIONAL, [1])
    assert _publish(scene.team, narrow.raw)[0] is Code.IN_FORCE
    assert scene.world.hub.partners().by_address[scene.team.address].table == NATIONAL
    scene.team.publish(replace(scene.team.following(), table_hash=narrow.hash))
    assert scene.world.hub.partners().by_address[scene.team.address].table.hash == narrow.hash
    scene.team.publish(replace(scene.team.following(), table_hash=None))
    assert scene.world.hub.partners().by_address[scene.team.address].table == NATIONAL


def test_a_manifest_that_names_an_unpublished_table_is_refused(scene: Scene) -> None:
    assert scene.team.publish(replace(scene.team.following(), table_hash=bytes(32))) is Code.NOT_NEXT


def test_a_table_that_goes_beyond_the_national_base_is_refused(scene: Scene) -> None:
    rows = orjson.loads(NATIONAL.raw)
    rows["rows"][0]["recipients"] = ["gp", "provider-wmo"]
    raw = orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)
    assert _publish(scene.team, raw) == (Code.MALFORMED, -1)


@pytest.mark.parametrize("raw", [b"", b"{}", b"{", b'{"rows":[],"version":"x"}', b"\x8c"])
def test_bytes_that_are_neither_table_nor_manifest_are_refused(scene: Scene, raw: bytes) -> None:
    code, index = _publish(scene.team, raw)
    assert code in {Code.MALFORMED, Code.IN_FORCE}
    assert (index == -1) == (code is Code.MALFORMED)


def test_the_same_table_is_one_leaf_whoever_publishes_it(scene: Scene) -> None:
    narrow = without(NATIONAL, [5]).raw
    code, index = _publish(scene.team, narrow)
    size = scene.world.store.head().size
    assert [_publish(party, narrow)[0] for party in (scene.provider, scene.team)] == [code, code]
    assert (index, code) == (size - 1, Code.IN_FORCE)
    assert scene.world.store.head().size == size
