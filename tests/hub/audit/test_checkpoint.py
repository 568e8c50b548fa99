# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Signed checkpoints: frozen notes, hostile notes, and keys."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TypedDict, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from hub.audit.checkpoint import (
    Checkpoint,
    NoteError,
    key_id,
    log_origin,
    open_note,
    parse_verifier_key,
    sign,
    verifier_key,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "checkpoint"


class Notes(TypedDict):
    name: str
    seed: str
    public_key: str
    vkey: str
    origin: str
    size: int
    root: str
    valid: list[str]
    hostile: dict[str, str]


NOTES = cast("Notes", json.loads((VECTORS / "notes.json").read_text(encoding="utf-8")))
NAME, SEED, PUBLIC = NOTES["name"], bytes.fromhex(NOTES["seed"]), bytes.fromhex(NOTES["public_key"])
FROZEN = Checkpoint(NOTES["origin"], NOTES["size"], bytes.fromhex(NOTES["root"]))


def note(name: str) -> bytes:
    return (VECTORS / f"{name}.note").read_bytes()


def test_a_checkpoint_signs_to_the_frozen_note() -> None:
    assert sign(FROZEN, NAME, SEED).encode() == note("valid")


def test_the_frozen_note_opens() -> None:
    assert open_note(note("valid"), NAME, PUBLIC) == open_note(note("valid").decode(), NAME, PUBLIC) == FROZEN


@pytest.mark.parametrize("name", NOTES["valid"])
def test_a_note_signed_by_the_key_opens(name: str) -> None:
    checkpoint = open_note(note(name), NAME, PUBLIC)
    assert note(name).startswith(checkpoint.text().encode() + b"\n")


@pytest.mark.parametrize(("name", "reason"), NOTES["hostile"].items())
def test_a_hostile_note_is_refused(name: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        open_note(note(name), NAME, PUBLIC)


def test_every_note_file_is_listed() -> None:
    assert {path.stem for path in VECTORS.glob("*.note")} == {*NOTES["valid"], *NOTES["hostile"]}


def test_a_refusal_never_quotes_the_note() -> None:
    secret = "999900006"
    hostile = sign(FROZEN, NAME, SEED).replace("\n8\n", f"\n{secret}\n")
    with pytest.raises(NoteError, match="isn't valid") as caught:
        open_note(hostile, NAME, PUBLIC)
    assert secret not in str(caught.value)


def test_a_lone_surrogate_in_a_text_note_is_refused() -> None:
    with pytest.raises(NoteError, match="UTF-8"):
        open_note("\ud800", NAME, PUBLIC)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_byte_of_the_note_can_change(data: st.DataObject) -> None:
    whole = bytearray(note("valid"))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoteError, match=r"the note|a value|the signature"):
        open_note(bytes(whole), NAME, PUBLIC)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.integers(1, 99))
def test_what_was_signed_opens_again(size: int, root: bytes, number: int) -> None:
    checkpoint = Checkpoint(log_origin(NAME, number), size, root)
    assert open_note(sign(checkpoint, NAME, SEED), NAME, PUBLIC) == checkpoint


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300))
def test_arbitrary_input_is_refused_and_nothing_else(garbage: bytes | str) -> None:
    with pytest.raises(NoteError, match=r"the note|a value|the signature"):
        open_note(garbage, NAME, PUBLIC)


def test_a_note_of_ours_counts_for_nobody_else() -> None:
    other = bytes(SigningKey(bytes(32)).verify_key)
    with pytest.raises(NoteError, match="isn't signed by the expected key"):
        open_note(note("valid"), NAME, other)
    with pytest.raises(NoteError, match="isn't signed by the expected key"):
        open_note(note("valid"), "other.example", PUBLIC)


# ------------------------------------------------------------------------------------------------ what isn't signed


@pytest.mark.parametrize("origin", ["other.example/log/1", "hub.example/log", "hub.example/log/x", "hub.example/logs"])
def test_a_key_signs_for_no_other_log(origin: str) -> None:
    with pytest.raises(ValueError, match="neither the name of the key nor a log of it"):
        sign(Checkpoint(origin, 1, bytes(32)), NAME, SEED)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "no\u00a0break", "half\ud800"])
def test_a_name_that_cannot_stand_in_a_note_signs_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="name of a key"):
        sign(FROZEN, name, SEED)
    with pytest.raises(ValueError, match="name of a key"):
        verifier_key(name, PUBLIC)


@pytest.mark.parametrize(
    ("origin", "size", "root", "reason"),
    [
        ("", 1, bytes(32), "origin"),
        ("a\nb", 1, bytes(32), "origin"),
        ("a", -1, bytes(32), "size"),
        ("a", 2**63, bytes(32), "size"),
        ("a", 1, bytes(31), "root"),
    ],
)
def test_a_checkpoint_that_could_not_be_written_cannot_be_made(
    origin: str, size: int, root: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Checkpoint(origin, size, root)


# ------------------------------------------------------------------------------------------------ verifier keys


def test_the_verifier_key_is_the_frozen_one_and_reads_back() -> None:
    assert verifier_key(NAME, PUBLIC) == NOTES["vkey"]
    assert parse_verifier_key(NOTES["vkey"]) == (NAME, PUBLIC)


def test_the_key_id_is_that_of_a_key_published_elsewhere() -> None:
    # The key in the documentation of Go's golang.org/x/mod/sumdb/note.
    name, public = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert (name, key_id(name, public).hex()) == ("PeterNeumann", "c74f20a3")
    assert sha256(b"PeterNeumann\n\x01" + public).hexdigest().startswith("c74f20a3")


def test_every_key_reads_back_also_where_base64_has_a_plus() -> None:
    keys = [sha256(bytes([number])).digest() for number in range(64)]
    texts = [verifier_key(NAME, key) for key in keys]
    assert any(text.count("+") > 2 for text in texts)
    assert [parse_verifier_key(text) for text in texts] == [(NAME, key) for key in keys]


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("", "form name"),
        ("hub.example", "form name"),
        (NOTES["vkey"].replace("hub", "hab"), "doesn't belong"),
        (NOTES["vkey"].replace("+", " ", 1), "form name"),
        (NOTES["vkey"][:-4], "Ed25519"),
        (NOTES["vkey"] + "=", "base64"),
        (NOTES["vkey"].replace(NAME, "hub example"), "form name"),
        (NOTES["vkey"].replace("+A", "+B"), "Ed25519"),
        (f"{NAME}+{key_id(NAME, PUBLIC).hex().upper()}+{NOTES['vkey'].split('+', 2)[2]}", "form name"),
    ],
)
def test_a_verifier_key_that_isnt_one_is_refused(vkey: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        parse_verifier_key(vkey)


def test_a_public_key_of_another_length_gets_no_verifier_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        verifier_key(NAME, PUBLIC[:31])
