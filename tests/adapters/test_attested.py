# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge gives every manifest that it publishes the attestation of the certificate that it has at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import peers
from adapters.peers import FalseManifestError
from adapters.records_own import ISSUED, OWN, OWN_KEY
from hub.client import RefusedError
from schemas.attestation import parse_attestation
from schemas.manifest import parse_manifest
from tests.adapters.edges import GP, PROVIDER, TEAM, Neighbours
from tests.certificates import Certificates
from tests.simulator import run

LATER = "2026-03-24 09:00"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = Neighbours(tmp_path, certified=True)
    yield made
    made.close()


def _certificates(near: Neighbours) -> Certificates:
    assert near.certificates is not None
    return near.certificates


def _shown(near: Neighbours, address: str) -> list[bytes]:
    return [one.attestation for one in near.world.hub.manifests(TEAM, address)]


def test_a_renewed_certificate_attests_the_next_manifest_and_needs_no_restart(near: Neighbours) -> None:
    near.settle(1)
    near.attest[TEAM] = _certificates(near).of(TEAM)
    near.open(TEAM)
    near.world.to(LATER)
    near.work(TEAM)
    old, new = (parse_attestation(one).chain for one in _shown(near, TEAM))
    assert old != new


def test_a_hub_that_takes_no_attestation_of_the_certificate_is_told_of_as_such_and_asked_again(
    near: Neighbours,
) -> None:
    near.settle(1)
    good = near.attest[PROVIDER]
    near.attest[PROVIDER] = _certificates(near).over(PROVIDER)
    near.open(PROVIDER)
    near.world.to(LATER)
    with pytest.raises(RefusedError, match="not-attested"):
        near.work(PROVIDER)
    kept = OWN.need(near[PROVIDER].store, OWN_KEY)
    assert (kept.index, len(_shown(near, PROVIDER))) == (None, 1)
    near.attest[PROVIDER] = good
    near.open(PROVIDER)
    near.work(PROVIDER)
    assert OWN.need(near[PROVIDER].store, OWN_KEY).manifest == kept.manifest  # the very bytes that were on disk
    assert len(_shown(near, PROVIDER)) == 2


def test_a_manifest_that_was_published_without_gets_its_attestation_once_there_is_a_certificate(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near.settle(1)
    certificates = Certificates(tmp_path / "certificates", near.world)
    certificates.hub(strict=False)
    near.attest[TEAM] = certificates.of(TEAM)
    near.open(TEAM)
    size = near.world.store.head().size
    near.work(TEAM)
    (shown,) = _shown(near, TEAM)
    assert parse_attestation(shown)
    near.work(TEAM)
    assert (_shown(near, TEAM), near.world.store.head().size) == ([shown], size)
    near.close()


def test_a_hub_that_was_put_back_is_given_again_what_is_over_too_without_an_attestation(near: Neighbours) -> None:
    near.settle(1)
    for day in ("2026-03-24 09:00", "2026-04-14 09:00", "2026-05-05 09:00"):
        near.world.to(day)
        near.work(TEAM)
    work = near[TEAM]._work
    given: list[tuple[bytes, bytes]] = []

    class Listening(type(work.client)):  # type: ignore[misc]  # the way to the hub that this edge has
        async def publish(self, frame: bytes, attestation: bytes = b"") -> tuple[object, int]:
            given.append((frame, attestation))
            return await super().publish(frame, attestation)  # type: ignore[no-any-return]

    near.clients[TEAM] = Listening(near.world.hub, TEAM)
    near.open(TEAM)
    run(peers.publish_again(near[TEAM]._work))
    near.work(TEAM)
    issued = [one.frame for one in ISSUED.scan(near[TEAM].store)]
    assert [frame for frame, _ in given] == issued
    assert [bool(attestation) for _, attestation in given] == [False, False, True, True]


def test_after_a_restore_of_the_hub_a_chain_that_another_key_began_is_not_that_of_the_partner(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near.work()
    frames = {address: OWN.need(near[address].store, OWN_KEY).manifest for address in (PROVIDER, GP)}
    known, met = parse_manifest(frames[PROVIDER]).manifest, near[TEAM]._peers
    assert met._signed_by_the_same(known, [frames[PROVIDER]]) == known
    assert met._signed_by_the_same(known, []) is None
    for shown in ([frames[GP]], [frames[PROVIDER], frames[GP]], [b"\x80"]):
        with pytest.raises(FalseManifestError):
            met._signed_by_the_same(known, shown)
    near.close()
