# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A revoked certificate is refused at once, on connections and polls that are open, under any form, and for good."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.connections.https import HttpsClient, HubRefusedError
from deploy.dev_ca import Files
from hub.client import HandleState
from hub.gateway_limits import Limits
from hub.gateway_revoked import _twins, fingerprints
from hub.greatest import GreatestFile, Revoked
from hub.store import StoreError
from schemas import api
from schemas.address import oin_of
from tests.gateway_site import Site, new_ca
from tests.hub.gateway_fixtures import Proxied, Town, header_of, proxied, town
from tests.simulator import World

_DAY = datetime(2026, 1, 1, tzinfo=UTC)
__all__ = ["proxied", "town"]  # fixtures


def _der(files: Files) -> bytes:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_bytes(Encoding.DER)


def _revoke(town: Town, files: Files) -> None:
    town.world.hub.revoke(sha256(_der(files)).digest(), None)


def test_the_next_request_with_a_revoked_certificate_is_refused_and_another_certificate_goes_on(town: Town) -> None:
    town.still_works()
    _revoke(town, town.site.files(oin_of(town.team.address)))
    answer = town.site.request(town.team, "GET", "outcomes?after=0")
    assert (answer.status, answer.problem) == (403, "revoked")
    assert answer.headers["connection"] == "close"
    assert town.site.gateway.counts.refused["revoked"] == 1
    assert town.site.request(town.gp, "GET", "handles").status == 200
    town.site._files[oin_of(town.team.address)] = town.site.ca.client(oin_of(town.team.address), "again")
    town.still_works()


def test_a_connection_that_is_open_is_refused_at_its_next_request(town: Town) -> None:
    client = town.site.client(town.team)
    town.site.wait(client.handles())
    _revoke(town, town.site.files(oin_of(town.team.address)))
    with pytest.raises(HubRefusedError, match="revoked"):
        town.site.wait(client.handles())


def test_what_comes_with_a_revoked_certificate_is_not_done(town: Town) -> None:
    grant = town.team.register(town.provider)
    stopping = api.frames_bytes([town.team.stopping(grant)])
    _revoke(town, town.site.files(oin_of(town.team.address)))
    before = town.world.store.head().size
    assert town.site.request(town.team, "POST", "facts", stopping).problem == "revoked"
    assert town.world.store.head().size == before


def test_what_was_asked_before_the_certificate_was_revoked_gets_no_answer_after(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = town.world.hub.handles

    def meanwhile(via: str) -> list[HandleState]:
        _revoke(town, town.site.files(oin_of(town.team.address)))
        return really(via)

    monkeypatch.setattr(town.world.hub, "handles", meanwhile)
    assert town.site.request(town.team, "GET", "handles").problem == "revoked"


async def _open(client: HttpsClient, town: Town, most: int) -> asyncio.Task[object]:
    opened, really = asyncio.Event(), town.site.gateway._polls.open

    def told(address: str) -> asyncio.Future[bool]:
        opened.set()
        return really(address)

    town.site.gateway._polls.open = told  # type: ignore[method-assign]
    poll: asyncio.Task[object] = asyncio.ensure_future(client.pickup(most, 30, 0))
    await opened.wait()
    town.site.gateway._polls.open = really  # type: ignore[method-assign]
    return poll


@pytest.mark.parametrize("most", [0, 10])
def test_an_open_poll_of_a_revoked_certificate_ends_at_once_and_those_of_others_go_on(town: Town, most: int) -> None:
    mine, other = town.site.client(town.team), town.site.client(town.gp)

    async def story() -> None:
        poll, beside = await _open(mine, town, most), await _open(other, town, most)
        _revoke(town, town.site.files(oin_of(town.team.address)))
        with pytest.raises(HubRefusedError, match="revoked"):
            await asyncio.wait_for(poll, 5)
        done, _ = await asyncio.wait({beside}, timeout=0.3)
        assert not done
        beside.cancel()

    town.site.wait(story())


def test_nothing_is_handed_over_on_an_open_poll_of_a_revoked_certificate(town: Town) -> None:
    provider = town.site.client(town.provider)
    grant = town.team.register(town.provider)
    notices = town.provider.world.hub.pickup(town.provider.address, 0, 0).notices
    town.provider.world.hub.pickup(town.provider.address, 0, notices[-1].number)

    async def story() -> None:
        poll = await _open(provider, town, 10)
        _revoke(town, town.site.files(oin_of(town.provider.address)))
        town.team.tell(grant)
        with pytest.raises(HubRefusedError, match="revoked"):
            await asyncio.wait_for(poll, 5)

    town.site.wait(story())


def test_a_revoked_certificate_behind_a_proxy_is_refused(proxied: Proxied) -> None:
    files = proxied.partners.client(oin_of(proxied.team.address), "team")
    assert proxied.ask(proxied.team, proxied.proxy, header_of(files)).status == 200
    proxied.world.hub.revoke(sha256(_der(files)).digest(), None)
    assert proxied.ask(proxied.team, proxied.proxy, header_of(files)).problem == "revoked"
    other = proxied.partners.client(oin_of(proxied.team.address), "team")
    assert proxied.ask(proxied.team, proxied.proxy, header_of(other)).status == 200


def _is_valid(certificate: bytes) -> bool:
    made = x509.load_der_x509_certificate(certificate)
    try:
        made.verify_directly_issued_by(made)
    except InvalidSignature:
        return False
    return True


def _twin(files: Files, folder: Path) -> Files:
    """The same certificate with the other signature that is as valid."""
    twin = _twins(_der(files))[0]  # the authority's key is of the first curve
    made = Files(folder / "twin.crt", files.key)
    made.certificate.write_bytes(x509.load_der_x509_certificate(twin).public_bytes(Encoding.PEM))
    return made


def test_the_twin_of_a_revoked_certificate_is_refused_though_its_sha_256_is_another(town: Town, tmp_path: Path) -> None:
    oin = oin_of(town.team.address)
    files = town.site.files(oin)
    town.site._files[oin] = twin = _twin(files, tmp_path)
    assert sha256(_der(twin)).digest() != sha256(_der(files)).digest()
    town.still_works()  # TLS takes it
    _revoke(town, files)
    assert town.site.request(town.team, "GET", "handles").problem == "revoked"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_certificate_and_its_twin_are_found_under_each_others_sha_256(curve: ec.EllipticCurve) -> None:
    key, name = ec.generate_private_key(curve), x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(1).not_valid_before(_DAY).not_valid_after(_DAY).sign(key, hashes.SHA256())
    raw = made.public_bytes(Encoding.DER)
    valid = [one for one in _twins(raw) if _is_valid(one)]
    assert len(valid) == 1
    assert sha256(raw).digest() in fingerprints(valid[0])
    assert sha256(valid[0]).digest() in fingerprints(raw)


def test_whoever_stole_a_revoked_certificate_takes_no_connection_from_its_owner(tmp_path: Path) -> None:
    world = World()
    team = world.party("team-wmo")
    site, oin = Site(world, new_ca(tmp_path / "ca"), Limits(connections=2)), oin_of(team.address)
    stolen = site.files(oin)
    world.hub.revoke(sha256(_der(stolen)).digest(), None)
    context = site.context(oin)

    async def hold() -> list[asyncio.StreamWriter]:
        return [(await asyncio.open_connection("127.0.0.1", site.port, ssl=context))[1] for _ in range(2)]

    held = site.wait(hold())
    site._files[oin] = site.ca.client(oin, "again")
    assert site.request(team, "GET", "handles").status == 200
    for one in held:
        one.close()
    site.close()


# -- what is kept outside the store


def test_what_is_revoked_is_known_after_a_start_and_after_a_copy_was_put_back(tmp_path: Path) -> None:
    file = tmp_path / "greatest.json"
    greatest = GreatestFile(file)
    greatest.revoke(b"a" * 32, Revoked(20_000, "9" * 20))
    greatest.revoke(b"b" * 32, Revoked(20_001, None))
    greatest.was_put_back()
    greatest.admit("urn:nld:oin:00000001234567890000:gp")
    assert GreatestFile(file).kept.revoked == {b"a" * 32: Revoked(20_000, "9" * 20), b"b" * 32: Revoked(20_001, None)}


def test_revoked_again_it_keeps_its_first_day(tmp_path: Path) -> None:
    greatest = GreatestFile(tmp_path / "greatest.json")
    greatest.revoke(b"a" * 32, Revoked(20_000, None))
    greatest.revoke(b"a" * 32, Revoked(20_005, "9" * 20))
    assert greatest.kept.revoked == {b"a" * 32: Revoked(20_000, None)}


def test_what_can_not_be_kept_is_not_revoked_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    greatest = GreatestFile(folder / "greatest.json")
    folder.rmdir()
    with pytest.raises(StoreError, match="can't be written"):
        greatest.revoke(b"a" * 32, Revoked(20_000, None))
    assert greatest.kept.revoked == {}


def test_a_file_of_an_earlier_version_has_nothing_revoked_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "greatest.json"
    whole = {"checkpoint": None, "admitted": [], "barred": {}, "put_back": False}
    file.write_text(json.dumps(whole))
    assert GreatestFile(file).kept.revoked == {}
    for wrong in (
        [["aa", 1, None]],
        [["zz" * 32, 1, None]],
        [["aa" * 32, "1", None]],
        [["aa" * 32, 1, 2]],
        [["aa" * 32]],
    ):
        file.write_text(json.dumps(whole | {"revoked": wrong}))
        with pytest.raises(StoreError, match="damaged"):
            GreatestFile(file)
