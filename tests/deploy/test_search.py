# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The search can fail: whatever is planted, in whichever form, is found; and what it says never holds what it found."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from stdnum.nl import bsn as stdnum_bsn

from adapters.keys import RoleKeys, manifest_for, new_role_keys, opening_public_key
from adapters.seal import seal, sign_frames
from deploy import search_guesses
from deploy.demo import tell
from deploy.exits import Exit
from deploy.search import ANY_BSN, OPENING_KEY, SearchError, Secrets, Trace, find_in_texts, find_traces
from deploy.search_storage import read_folder
from deploy.story.person import CITIZEN
from hub import key_file
from hub.store_sqlite import SqliteStore
from hub.store_sqlite_sql import PACKED
from schemas.canonical import encode
from schemas.envelope import Header
from schemas.manifest import sign_manifest
from schemas.signing import SigningKey
from tests.deploy.conftest import Schakel

OWN = "999990019"
OTHER = "999900006"  # in no list of secrets: it can only be guessed
NAME = "Zeldenrust-Müller"
NUMBER = "K-448120"
TEXT = "Mevrouw is gevallen en durft 's nachts niet meer alleen te zijn."
SECRETS = Secrets({"the surname": NAME}, {"her BSN": OWN, "her client number": NUMBER}, {"the remark": TEXT})
BLIND = bytes(range(200, 256)) * 40  # nothing of anybody


def search(folder: Path, *, thorough: bool = False, keys: tuple[bytes, ...] = ()) -> list[Trace]:
    return find_traces(folder, SECRETS, keys, thorough=thorough)


def packed(number: str, size: int, order: str) -> bytes:
    return int(number).to_bytes(size, order)  # type: ignore[arg-type]  # one of the two words


SPELT = {
    "UTF-8": NAME.encode(),
    "UTF-8 in capitals": NAME.upper().encode(),
    "UTF-8 in small letters": NAME.lower().encode(),
    "Latin-1": NAME.encode("latin-1"),
    "UTF-16 LE": NAME.encode("utf-16-le"),
    "UTF-16 BE": NAME.encode("utf-16-be"),
    "the u with its dots apart": NAME.replace("ü", "u\u0308").encode(),
    "percent signs": quote(NAME).encode(),
    "every sign a percent sign": "".join(f"%{byte:02X}" for byte in NAME.encode()).encode(),
    "JSON": json.dumps({"name": NAME}).encode(),
    "hex": NAME.encode().hex().encode(),
    "hex in capitals": NAME.encode().hex().upper().encode(),
    "hex of UTF-16": NAME.encode("utf-16-le").hex().encode(),
    "base64": b64encode(NAME.encode()),
    "base64 one on": b64encode(b"x" + NAME.encode() + b"yz"),
    "base64 two on": b64encode(b"xy" + NAME.encode() + b"z"),
    "base64 of UTF-16": b64encode(NAME.encode("utf-16-le")),
    "base64 for addresses": urlsafe_b64encode(b"~~~" + NAME.encode() + b"~"),
    "base64 in hex": b64encode(NAME.encode()).hex().encode(),
    "hex in base64 in hex": b64encode(NAME.encode().hex().encode()).hex().encode(),
}


@pytest.mark.parametrize("form", SPELT)
def test_a_name_is_found_in_every_spelling(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + SPELT[form] + BLIND)
    assert {trace.label for trace in search(tmp_path)} == {"the surname"}


NUMBERS = {
    "digits": OWN.encode(),
    "in groups": b"9999.90.019",
    "with spaces": b"999 990 019",
    "UTF-16 LE": OWN.encode("utf-16-le"),
    "UTF-16 BE": OWN.encode("utf-16-be"),
    "hex": OWN.encode().hex().encode(),
    "base64": b64encode(b"bsn=" + OWN.encode()),
    "percent signs": "".join(f"%{byte:02x}" for byte in OWN.encode()).encode(),
    "within digits": b"00" + OWN.encode() + b"00",
    "eight bytes": b"\xff" + packed(OWN, 8, "big") + b"\xff",
    "eight bytes, small end first": b"\xff" + packed(OWN, 8, "little") + b"\xff",
}


@pytest.mark.parametrize("form", NUMBERS)
def test_a_bsn_is_found_in_every_spelling(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + NUMBERS[form] + BLIND)
    assert {trace.label for trace in search(tmp_path)} == {"her BSN"}


@pytest.mark.parametrize("form", NUMBERS)
def test_a_bsn_that_nobody_named_is_found_as_well(form: str, tmp_path: Path) -> None:
    own, other = (f"{number[:4]}.{number[4:6]}.{number[6:]}" for number in (OWN, OTHER))
    plant = NUMBERS[form].replace(OWN.encode(), OTHER.encode()).replace(own.encode(), other.encode())
    plant = plant.replace(b"999 990 019", b"999 900 006")
    for old, new in zip(_spellings(OWN), _spellings(OTHER), strict=True):
        plant = plant.replace(old, new)
    (tmp_path / "file").write_bytes(BLIND + plant + BLIND)
    assert {trace.label for trace in search(tmp_path, thorough=True)} == {ANY_BSN}
    assert search(tmp_path) == []


def _spellings(number: str) -> list[bytes]:
    raw = number.encode()
    return [
        number.encode("utf-16-le"),
        number.encode("utf-16-be"),
        raw.hex().encode(),
        b64encode(b"bsn=" + raw),
        "".join(f"%{byte:02x}" for byte in raw).encode(),
        packed(number, 8, "big"),
        packed(number, 8, "little"),
    ]


@pytest.mark.parametrize("planted", [TEXT, TEXT[:24], TEXT[-24:], TEXT[13:37], TEXT.upper()])
def test_a_fragment_of_a_text_is_found(planted: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + planted.encode() + BLIND)
    assert {trace.label for trace in search(tmp_path)} == {"the remark"}


def test_an_own_client_number_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + b"k 448120 and K-448120")
    assert {trace.label for trace in search(tmp_path)} == {"her client number"}


DIGESTS = {
    "MD5": hashlib.md5(OTHER.encode(), usedforsecurity=False).digest(),
    "SHA-1": hashlib.sha1(OTHER.encode(), usedforsecurity=False).digest(),
    "SHA-256": hashlib.sha256(OTHER.encode()).digest(),
    "SHA-256 cut to 16 bytes": hashlib.sha256(OTHER.encode()).digest()[:16],
    "SHA-512": hashlib.sha512(OTHER.encode()).digest(),
    "SHA-512 cut to 32 bytes": hashlib.sha512(OTHER.encode()).digest()[:32],
    "SHA3-256": hashlib.sha3_256(OTHER.encode()).digest(),
    "BLAKE2b": hashlib.blake2b(OTHER.encode()).digest(),
    "BLAKE2b of 16 bytes": hashlib.blake2b(OTHER.encode(), digest_size=16).digest(),
    "BLAKE2s": hashlib.blake2s(OTHER.encode()).digest(),
    "SHA-256 of four bytes": hashlib.sha256(packed(OTHER, 4, "big")).digest(),
    "SHA-256 of eight bytes, small end first": hashlib.sha256(packed(OTHER, 8, "little")).digest(),
}


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hex": lambda raw: raw.hex().encode(),
    "hex behind another sign": lambda raw: b"f" + raw.hex().encode(),
    "base64": b64encode,
    "base64 behind other signs": lambda raw: b"ab/" + b64encode(raw),
    "base64 of more": lambda raw: b64encode(b"x" + raw + b"y"),
}


def test_a_short_name_is_found_in_base64(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + b" " + b64encode(b"Bakker") + b" " + BLIND)
    assert find_traces(tmp_path, Secrets({"the surname": "Bakker"})) == [Trace("file", "the surname", "base64")]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["SHA-256", "SHA-512 cut to 32 bytes", "MD5"])
def test_a_hash_is_found_in_every_spelling(form: str, spelling: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + b" " + SPELLINGS[spelling](DIGESTS[form]) + b" " + BLIND)
    assert [trace.label for trace in find_traces(tmp_path, Secrets(numbers={"her BSN": OTHER}))] == ["her BSN"]


@pytest.mark.parametrize("form", DIGESTS)
def test_a_hash_of_any_test_bsn_is_found(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + DIGESTS[form] + BLIND)
    assert {trace.label for trace in search(tmp_path, thorough=True)} == {ANY_BSN}
    assert search(tmp_path) == []


KEY16, KEY32 = bytes(range(16)), bytes(range(32))
KEYED: dict[str, Callable[[bytes], bytes]] = {
    "HMAC-SHA-256": lambda key: hmac.digest(key, OTHER.encode(), "sha256"),
    "HMAC-SHA-256 cut to 16 bytes": lambda key: hmac.digest(key, OTHER.encode(), "sha256")[:16],
    "HMAC-SHA-512": lambda key: hmac.digest(key, OTHER.encode(), "sha512"),
    "HMAC-SHA-512 cut to 32 bytes": lambda key: hmac.digest(key, OTHER.encode(), "sha512")[:32],
    "salted before": lambda key: hashlib.sha256(key + OTHER.encode()).digest(),
    "salted behind": lambda key: hashlib.sha256(OTHER.encode() + key).digest(),
}
PLACES: dict[str, Callable[[bytes], dict[str, bytes]]] = {
    "in a file of its own": lambda key: {"key": key},
    "as hex in JSON": lambda key: {"key": b'{"handle":"' + key.hex().encode() + b'"}'},
    "in base64": lambda key: {"key": b"key: " + b64encode(key)},
    "within a frame": lambda key: {"key": encode([1, "x", [key, b"y"]])},
    "as a leaf": lambda key: {"key": encode([1, b"\0" + key])},
    "in a row of keys": lambda key: {"key": bytes(32) + key + bytes(96)},
    "within a frame within a frame": lambda key: {"key": encode([1, encode([2, key])])},
}


@pytest.mark.parametrize("key", [KEY16, KEY32], ids=["16 bytes", "32 bytes"])
@pytest.mark.parametrize("form", KEYED)
def test_an_hmac_of_any_test_bsn_under_a_stored_value_is_found(form: str, key: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "file").write_bytes(BLIND + KEYED[form](key))
    assert {trace.label for trace in search(tmp_path, thorough=True)} == {ANY_BSN}


@pytest.mark.parametrize("place", PLACES)
def test_the_key_of_an_hmac_is_seen_wherever_it_stands(place: str, tmp_path: Path) -> None:
    for name, content in PLACES[place](KEY32).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "file").write_bytes(BLIND + hmac.digest(KEY32, OWN.encode(), "sha256")[:16])
    assert [trace.label for trace in search(tmp_path)] == ["her BSN"]


def test_an_hmac_of_a_name_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(encode([KEY16, hmac.digest(KEY16, NAME.lower().encode(), "sha256")]))
    assert [trace.label for trace in search(tmp_path)] == ["the surname"]


def test_a_key_that_the_hub_keeps_elsewhere_is_tried_when_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLIND + hmac.digest(KEY32, OWN.encode(), "sha256"))
    assert search(tmp_path) == []
    assert search(tmp_path, keys=(KEY32,)) == [Trace("file", "her BSN", "HMAC-SHA-256")]


def test_a_secret_in_the_name_of_a_file_or_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / f"folder of {OWN}").mkdir()
    assert {trace.label for trace in search(tmp_path)} == {"her BSN"}


class TestInADatabase:
    @pytest.fixture
    def db(self, tmp_path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value)")
        return db

    @pytest.mark.parametrize("value", [int(OTHER), float(OTHER), OTHER, OTHER.encode(), encode([1, int(OTHER)])])
    def test_a_number_is_found_in_every_type(self, value: object, db: sqlite3.Connection, tmp_path: Path) -> None:
        db.execute("INSERT INTO t (value) VALUES (?)", (value,))
        assert {trace.label for trace in search(tmp_path, thorough=True)} == {ANY_BSN}
        db.close()
        assert {trace.label for trace in search(tmp_path, thorough=True)} == {ANY_BSN}

    @pytest.mark.parametrize("order", ["big", "little"])
    def test_a_number_of_four_bytes_is_found(self, order: str, db: sqlite3.Connection, tmp_path: Path) -> None:
        db.execute("INSERT INTO t (value) VALUES (?)", (packed(OWN, 4, order),))
        assert {trace.label for trace in search(tmp_path)} == {"her BSN"}
        db.close()

    @pytest.mark.parametrize("value", [int(OWN), OWN, NAME])
    def test_what_was_deleted_is_found_while_the_wal_holds_it(
        self, value: object, db: sqlite3.Connection, tmp_path: Path
    ) -> None:
        db.execute("INSERT INTO t VALUES (1, ?)", (value,))
        db.execute("DELETE FROM t")
        assert search(tmp_path) != []
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert search(tmp_path) == []
        db.close()

    def test_a_long_value_over_several_pages_is_found(self, db: sqlite3.Connection, tmp_path: Path) -> None:
        # The name stands across the border of two pages, so that no file holds it in one piece.
        for length in range(4080, 4110):
            db.execute("DELETE FROM t")
            db.execute("INSERT INTO t VALUES (1, ?)", (b"\xee" * length + NAME.encode() + b"\xee" * 9000,))
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert {trace.label for trace in search(tmp_path)} == {"the surname"}
        db.close()

    def test_a_damaged_database_is_no_clean_one(self, db: sqlite3.Connection, tmp_path: Path) -> None:
        db.execute("INSERT INTO t VALUES (1, ?)", ("x" * 10_000,))
        db.close()
        raw = bytearray((tmp_path / "some.db").read_bytes())
        raw[100:] = b"\xab" * (len(raw) - 100)
        (tmp_path / "some.db").write_bytes(raw)
        with pytest.raises(SearchError, match="not everything here can be read"):
            search(tmp_path)


def test_what_is_sealed_is_opened_with_a_key_that_lies_beside_it(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path)
    with sqlite3.connect(tmp_path / "hub.db") as db:
        wrapped = AESGCM(KEY32).encrypt(bytes(12), BLIND + NAME.encode(), None)
        db.execute("INSERT INTO payload VALUES (0, ?)", (wrapped,))
    db.close()
    assert search(tmp_path) == []
    (tmp_path / "hub.keys").write_bytes(bytes(64) + KEY32 + bytes(32))
    assert [trace.label for trace in search(tmp_path)] == ["the surname"]


def _sealed(tmp_path: Path, keys: RoleKeys) -> None:
    """A frame with the name in a sealed part, and the manifest of its reader."""
    manifest = manifest_for(keys, f"urn:nld:oin:{2:020d}:gp", 1, 20_000, (("progress", (1,)),), None)
    reader = manifest.opening[-1]
    header = Header(
        bytes(16),
        f"urn:nld:oin:{1:020d}:team-wmo",
        retraction=False,
        minute=28_000_000,
        recipient=manifest.address,
        handle=KEY16,
        sequence=1,
        terms=bytes(32),
        trace=(bytes(16), bytes(8)),
        sign_key="0" * 16,
        seal_key=reader.key_id,
    )
    part = json.dumps({"name": NAME}).encode()
    sealed = seal(header, {"control": b"{}", "progress": part}, opening_public_key(reader.public), random=_drawn)
    (tmp_path / "frame").write_bytes(sign_frames([sealed], SigningKey(KEY32))[0])
    (tmp_path / "manifest").write_bytes(sign_manifest(SigningKey(keys.signing_seed), manifest))


def _drawn(size: int) -> bytes:
    return hashlib.shake_256(b"seed").digest(size)


def test_a_part_is_opened_when_its_key_lies_in_the_folder(tmp_path: Path) -> None:
    _sealed(tmp_path, new_role_keys(_drawn, 20_000))
    assert search(tmp_path) == []
    (tmp_path / "leak").write_bytes(_drawn(64)[32:])  # the second part's
    assert {trace.label for trace in search(tmp_path)} == {"the surname"}


def test_a_private_opening_key_is_seen_and_used(tmp_path: Path) -> None:
    keys = new_role_keys(_drawn, 20_000)
    _sealed(tmp_path, keys)
    (tmp_path / "leak").write_text(keys.opening[-1].seed.hex())
    assert {trace.label for trace in search(tmp_path)} == {"the surname", OPENING_KEY}


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("INSERT INTO grants VALUES (x'00', 1, 0, 0, 0, 0, ?)", PACKED.pack(1, 2, 24_314, 0, 1, 1, 2, KEY32)),
        ("INSERT INTO tile VALUES (0, 0, x'00', ?)", bytes(64) + KEY32 + bytes(32)),
        ("INSERT INTO entry VALUES (0, ?, NULL, NULL)", b"\0" + KEY32),
    ],
    ids=["the terms of a grant", "a hash of a tile", "a leaf"],
)
def test_every_value_that_a_store_packs_is_tried_as_a_key(statement: str, value: bytes, tmp_path: Path) -> None:
    SqliteStore.create(tmp_path)
    with sqlite3.connect(tmp_path / "hub.db") as db:
        db.execute(statement, (value,))
    db.close()
    (tmp_path / "file").write_bytes(hmac.digest(KEY32, OWN.encode(), "sha256"))
    assert [trace.label for trace in search(tmp_path)] == ["her BSN"]


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path)
    assert search(tmp_path, thorough=True) == []


def test_a_full_key_file_holds_nothing(tmp_path: Path) -> None:
    key_file.create(tmp_path / "hub.keys")
    keys = key_file.KeyFile(tmp_path / "hub.keys", [])
    keys.write([hashlib.sha256(bytes([number])).digest() for number in range(20)])
    keys.close()
    assert search(tmp_path, thorough=True) == []


def test_a_folder_that_is_not_there_is_no_clean_one(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="there is no such folder"):
        search(tmp_path / "none")


def test_logs_and_output_are_searched_in_the_same_way() -> None:
    texts = {"the log": b"INFO client 9999.90.019 stored", "output": b"done"}
    assert {(trace.file, trace.label) for trace in find_in_texts(texts, SECRETS)} == {("the log", "her BSN")}


# -- the demo's own search


def _key_of_the_hub(folder: Path) -> bytes:
    return min(value for value in read_folder(folder / "hub").values if len(value) == 16)


PLANTS: dict[str, Callable[[Path], bytes]] = {
    "her BSN": lambda _: CITIZEN.bsn.encode(),
    "a hash of her BSN": lambda _: hashlib.sha256(CITIZEN.bsn.encode()).digest(),
    "an HMAC of her BSN under a value of the hub": lambda at: hmac.digest(
        _key_of_the_hub(at), CITIZEN.bsn.encode(), "sha256"
    )[:16],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_demo_exits_1_when_a_bsn_is_planted(plant: str, monkeypatch: pytest.MonkeyPatch, schakel: Schakel) -> None:
    def before_search(folder: Path) -> None:
        (folder / "hub" / "data" / "cache").write_bytes(BLIND + PLANTS[plant](folder) + BLIND)

    monkeypatch.setattr("deploy.commands.demo.tell", partial(tell, before_search=before_search))
    result = schakel("demo")
    assert result.exit_code == (Exit.DONE if plant == "nothing" else Exit.FAILED)
    assert ("FOUND: BSN of the grandmother in data/cache" in result.output) == (plant != "nothing")
    assert CITIZEN.bsn not in result.output


# -- what it guesses, and what it says


def test_every_bsn_of_the_test_range_is_guessed_and_no_other() -> None:
    guessed = sorted(search_guesses.bsn_range())
    wanted = [number for number in range(999_900_000, 1_000_000_000) if stdnum_bsn.is_valid(str(number))]
    assert guessed == [number for number in wanted if search_guesses.FIRST <= number <= search_guesses.LAST]
    assert len(guessed) > 9_000
    assert {int(OWN), int(OTHER)} <= set(guessed)


def test_a_trace_and_the_secrets_never_show_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"{NAME} {OWN} {NUMBER} {TEXT}")
    traces = search(tmp_path, thorough=True)
    assert {trace.label for trace in traces} == {"the surname", "her BSN", "her client number", "the remark"}
    shown = f"{traces} {SECRETS!r}"
    assert not [value for value in (NAME, OWN, NUMBER, TEXT) if value in shown]


@pytest.mark.parametrize("wrong", [{"the name": "Bos"}, {"the client Zeldenrust": "Zeldenrust"}])
def test_a_secret_that_would_show_itself_or_be_found_by_chance_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        Secrets(names=wrong)
    assert not [value for value in wrong.values() if value in str(refused.value)]
