# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from adapters import keys
from adapters.keys import KEPT_DAYS, KeyProblem, RoleKeys, StoreKey, new_role_keys, opening_public, renew
from schemas.canonical import FrameError
from schemas.manifest import Manifest, parse_manifest, sign_manifest
from schemas.signing import SigningKey, Verifier

DAY = 20_500
ADDRESS = "urn:nld:oin:00000001234567890000:team-wmo"
READS = (("progress", (1,)), ("service", (1,)))
VECTORS = Path(__file__).parents[1] / "vectors" / "hpke"


def counting(start: int = 0) -> Callable[[int], bytes]:
    """Random bytes that are the same at every run, and never the same twice in one."""
    count = iter(range(start, 1 << 30))
    return lambda size: sha256(next(count).to_bytes(8, "big")).digest()[:size]


def manifest_on(role_keys: RoleKeys, day: int, number: int = 1) -> Manifest:
    return keys.manifest_for(role_keys, ADDRESS, number, day, READS, None)


# -- the store key


def test_no_key_beside_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    inside, below = data / "store.key", data / "deep" / "down" / "store.key"
    keys.new_key_file(inside)
    keys.new_key_file(below)
    outside = tmp_path / "keys" / "store.key"
    keys.new_key_file(outside)

    for path in (inside, below, data / "deep" / ".." / "store.key"):
        with pytest.raises(KeyProblem, match="lies in the data folder"):
            keys.store_key_from_file(path, data, strict=True)
    assert keys.store_key_from_file(inside, data, strict=False) != keys.store_key_from_file(outside, data, strict=True)


def test_no_key_beside_data_by_way_of_links(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys.new_key_file(data / "store.key")
    keys.new_key_file(tmp_path / "keys" / "store.key")
    (tmp_path / "keys" / "link").symlink_to(data / "store.key")
    (tmp_path / "other-way").symlink_to(data)
    (data / "to-outside").symlink_to(tmp_path / "keys" / "store.key")

    for path, folder in (
        (tmp_path / "keys" / "link", data),
        (tmp_path / "other-way" / "store.key", data),
        (data / "store.key", tmp_path / "other-way"),
        (data / "to-outside", data),
    ):
        with pytest.raises(KeyProblem, match="lies in the data folder"):
            keys.store_key_from_file(path, folder, strict=True)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "store.key"
    keys.new_key_file(path)
    path.chmod(mode)

    with pytest.raises(KeyProblem, match="chmod 600"):
        keys.store_key_from_file(path, tmp_path / "data", strict=True)


def test_a_new_key_file_is_for_its_owner_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "store.key"
    old = os.umask(0)
    try:
        keys.new_key_file(path)
    finally:
        os.umask(old)

    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(KeyProblem, match="never overwritten"):
        keys.new_key_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", [b"", b"00" * 31, b"00" * 33, b"zz" * 32, b"0 " * 32, b"00 " * 21 + b"0", b"\xff" * 64]
)
def test_a_key_file_with_anything_but_32_bytes_in_hexadecimal_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "store.key"
    path.write_bytes(text)
    path.chmod(0o600)

    with pytest.raises(KeyProblem, match="isn't 64 hexadecimal characters"):
        keys.store_key_from_file(path, tmp_path / "data", strict=True)


def test_a_key_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="can't be read: No such file"):
        keys.store_key_from_file(tmp_path / "none", tmp_path / "data", strict=True)


def test_the_two_store_keys_differ_from_each_other_and_from_the_secret() -> None:
    secret = bytes(range(32))
    key = StoreKey.from_secret(secret)

    assert len({key.sealing, key.lookup, secret}) == 3
    assert StoreKey.from_secret(secret) == key
    assert key.sealing.hex() not in repr(key)
    assert repr(key.sealing) not in repr(key)


def test_one_passphrase_gives_one_key_however_its_accents_are_typed_and_another_with_another_salt(
    tmp_path: Path,
) -> None:
    salt = keys.passphrase_salt(tmp_path, counting())

    assert keys.passphrase_salt(tmp_path) == salt
    composed = keys.store_key_from_passphrase("caf\u00e9 op de hoek", salt)
    assert keys.store_key_from_passphrase("cafe\u0301 op de hoek", salt) == composed
    assert keys.store_key_from_passphrase("caf\u00e9 op de hoek", salt[::-1]) != composed


def test_a_short_passphrase_is_refused_and_not_repeated() -> None:
    with pytest.raises(KeyProblem, match="at least 12 characters") as caught:
        keys.store_key_from_passphrase("geheimpje", bytes(16))
    assert "geheimpje" not in str(caught.value)


# -- the keys of a role


def test_the_keys_of_a_role_survive_being_written_down() -> None:
    made = renew(new_role_keys(counting(), DAY), DAY + 20, counting(100))

    assert RoleKeys.from_bytes(made.to_bytes()) == made
    assert len(made.opening) == 2


def test_no_secret_of_a_role_is_in_its_repr() -> None:
    made = new_role_keys(counting(), DAY)

    for secret in (made.signing_seed, made.event_key, made.opening[0].seed):
        assert repr(secret)[2:-1] not in repr(made)


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x84\x02\x40\x40\x80", b"\x84\x01\x40\x40\x80"])
def test_anything_else_is_no_role_keys(raw: bytes) -> None:
    with pytest.raises(FrameError):
        RoleKeys.from_bytes(raw)


def test_a_manifest_of_new_keys_is_valid_for_thirty_days_and_signed_by_its_own_key() -> None:
    made = new_role_keys(counting(), DAY)
    signed = parse_manifest(sign_manifest(SigningKey(made.signing_seed), manifest_on(made, DAY)))

    assert (signed.manifest.begin, signed.manifest.until) == (DAY, DAY + 29)
    key = signed.manifest.signing_key(signed.key_id)
    assert key is not None
    Verifier().verify(signed.signed, signed.signature, key.public)


def test_the_next_opening_key_is_there_from_day_twenty_and_not_before() -> None:
    made = new_role_keys(counting(), DAY)

    assert renew(made, DAY + 19, counting(100)) == made
    renewed = renew(made, DAY + 20, counting(100))
    assert renewed.opening[0] == made.opening[0]
    assert renewed.opening[1].begin == DAY + 20
    assert renew(renewed, DAY + 21, counting(200)) == renewed


def test_an_opening_key_is_kept_nine_days_past_its_manifest_and_then_gone() -> None:
    made = new_role_keys(counting(), DAY)
    renewed = renew(made, DAY + 20, counting(100))
    last = renewed.opening[0].until

    assert renewed.opening[0] in renew(renewed, last + KEPT_DAYS, counting(200)).opening
    assert renewed.opening[0] not in renew(renewed, last + KEPT_DAYS + 1, counting(200)).opening


def test_an_edge_that_was_off_for_months_has_a_new_opening_key_at_once() -> None:
    renewed = renew(new_role_keys(counting(), DAY), DAY + 200, counting(100))

    assert [key.begin for key in renewed.opening] == [DAY + 200]


def test_a_manifest_names_only_opening_keys_that_others_may_still_seal_for() -> None:
    made = renew(new_role_keys(counting(), DAY), DAY + 20, counting(100))

    assert len(manifest_on(made, DAY + 29).opening) == 2
    assert [key.begin for key in manifest_on(made, DAY + 30).opening] == [DAY + 20]


def test_others_seal_for_the_newest_key_of_a_manifest_that_is_not_over() -> None:
    made = renew(new_role_keys(counting(), DAY), DAY + 20, counting(100))
    manifest = manifest_on(made, DAY + 20, 2)

    newest = keys.key_to_seal_for(manifest, DAY + 25)
    assert newest is not None
    assert newest.key_id == made.opening[1].key_id
    assert keys.key_to_seal_for(manifest, DAY + 19) is None
    assert keys.key_to_seal_for(manifest, DAY + 50) is None


def test_a_manifest_is_due_when_there_is_none_on_its_day_twenty_and_when_it_lacks_the_newest_key() -> None:
    made = new_role_keys(counting(), DAY)
    manifest = manifest_on(made, DAY)

    assert keys.is_manifest_due(None, made, DAY)
    assert not keys.is_manifest_due(manifest, made, DAY + 19)
    assert keys.is_manifest_due(manifest, made, DAY + 20)
    assert keys.is_manifest_due(manifest, new_role_keys(counting(300), DAY), DAY)


def test_an_opening_key_expands_as_the_frozen_vector_says() -> None:
    for vector in json.loads((VECTORS / "xwing.json").read_text())["vectors"]:
        public = opening_public(bytes.fromhex(vector["seed"]))
        assert sha256(public).hexdigest() == vector["public_sha256"]


@pytest.mark.parametrize("size", [0, 1215, 1217])
def test_a_public_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="1216 bytes"):
        keys.opening_public_key(bytes(size))
