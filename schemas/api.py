# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The bytes of requests and answers over HTTPS, for both sides: canonical CBOR arrays, nothing else.

What a list may hold is known before it is decoded: a head that announces more is refused without reading on.  Every
reader raises `FrameError` with the place and the rule, never a value.  The words stand in `hub/openapi.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list, need_text
from schemas.codes import Code
from schemas.hour_wrap import HOUR_SECONDS, KEY_SIZE, HourKey

MEDIA_TYPE = "application/cbor"
MOST_FRAMES = 200  # in one request
MOST_POLLED = 200
MOST_PROVEN = 200  # entries of the log, together
LONGEST_POLL_MS = 55_000
LARGEST_BODY = 4 * 1024 * 1024  # of a request: the client cuts its lists so
LARGEST_ANSWER = 64 * 1024 * 1024
_MOST_ROWS = 100_000
_HASHES = 128
_LARGEST_ENTRIES = 3 + 9 * (MOST_PROVEN + 1)  # a head, and an integer each
_LARGEST_INT = (1 << 53) - 1
_HIGHEST_HOUR = (1 << 32) - 1
_CODES = {code.value: code for code in Code}

Line = tuple[int, Code, bytes | None, bytes | None, bytes | None]  # number, code, message id, handle, frame
Began = tuple[int, int, bytes, bytes, bool]  # number of the log, index of its first entry, record, salt, open
# envelope, count, index, record and salt of the hand-over, record and salt of the acceptance
Parcel = tuple[bytes, int, int, bytes, bytes, bytes, bytes]
Logged = tuple[int, bytes, int, bytes]  # index, fact, day, salt
Told = tuple[int, str, tuple[bytes, ...], bytes | None]  # number, kind, handles, fact
Indexed = tuple[int, bytes, bytes]  # index, manifest, attestation
Ask = tuple[int, int, int]  # most, wait in milliseconds, acknowledged


# -- requests


def frames_bytes(frames: Sequence[bytes]) -> bytes:
    """`[frame, ...]`: envelopes, receipts, facts; or what is published: a manifest with its attestation, or a table."""
    return encode(list(frames))


def read_frames(raw: bytes, most: int = MOST_FRAMES) -> list[bytes]:
    """The frames of a request."""
    return [need_bytes(item, None, f"/{i}") for i, item in enumerate(_array(raw, most))]


def pickup_bytes(most: int, wait_ms: int, acknowledged: int) -> bytes:
    """`[most, wait in milliseconds, acknowledged]`."""
    return encode([most, wait_ms, acknowledged])


def read_pickup(raw: bytes) -> Ask:
    """What a pick-up asks for."""
    most, wait, acknowledged = decode_array(raw, 3)
    return (
        need_int(most, 0, MOST_POLLED, "/most"),
        need_int(wait, 0, LONGEST_POLL_MS, "/wait"),
        need_int(acknowledged, 0, _LARGEST_INT, "/acknowledged"),
    )


def entries_bytes(indexes: Sequence[int], size: int) -> bytes:
    """`[size of the log, index, ...]`: the entries that are to be proven, rising."""
    return encode([size, *indexes])


def read_entries(raw: bytes) -> tuple[list[int], int]:
    """The indexes of the entries that are to be proven, and the size of the log.

    Raises:
        FrameError: the body has another form.
    """
    if len(raw) > _LARGEST_ENTRIES:
        raise FrameError("/", "size")
    items = [_number(item, f"/{i}") for i, item in enumerate(_array(raw, MOST_PROVEN + 1))]
    if len(items) < 2:
        raise FrameError("/", "minItems")
    return items[1:], items[0]


# -- answers


def codes_bytes(codes: Iterable[Code]) -> bytes:
    """`[code, ...]`."""
    return encode([code.value for code in codes])


def read_codes(raw: bytes, count: int) -> list[Code]:
    """The codes of as many frames as were sent."""
    return [_code(item, f"/{i}") for i, item in enumerate(decode_array(raw, count))]


def feed_bytes(origin: str, lines: Iterable[Line], more: bool) -> bytes:
    """`[origin, [[number, code, message id, handle, frame], ...], more]`."""
    return encode([origin, [[number, code.value, *rest] for number, code, *rest in lines], more])


def read_feed(raw: bytes) -> tuple[str, list[Line], bool]:
    """Origin, lines and whether there is more."""
    origin, rows, more = decode_array(raw, 3)
    lines = []
    for path, (number, code, one, handle, frame) in _rows(rows, 5):
        named = _optional(one, 16, path), _optional(handle, 16, path), _optional(frame, None, path)
        lines.append((_number(number, path), _code(code, path), *named))
    return need_text(origin, 200, "/origin"), lines, _bool(more, "/more")


def picked_up_bytes(parcels: Iterable[Parcel], told: Iterable[Told]) -> bytes:
    """`[[parcel, ...], [[number, kind, [handle, ...], fact], ...]]`."""
    return encode(
        [
            [list(parcel) for parcel in parcels],
            [[number, kind, list(names), fact] for number, kind, names, fact in told],
        ]
    )


def read_picked_up(raw: bytes) -> tuple[list[Parcel], list[Told]]:
    """What a pick-up handed over, and what it told."""
    handed, noticed = decode_array(raw, 2)
    parcels: list[Parcel] = []
    for path, (envelope, count, index, *entries) in _rows(handed, 7):
        numbers = need_int(count, 0, 1_000, path), _number(index, path)
        record, salt, accept, accept_salt = (need_bytes(one, None, path) for one in entries)
        parcels.append((need_bytes(envelope, None, path), *numbers, record, salt, accept, accept_salt))
    told: list[Told] = []
    for path, (number, kind, handles, fact) in _rows(noticed, 4):
        names = tuple(need_bytes(handle, 16, path) for handle in need_list(handles, 1_000, path))
        told.append((_number(number, path), need_text(kind, 16, path), names, _optional(fact, None, path)))
    return parcels, told


def fact_answers_bytes(answers: Iterable[tuple[Code, bool]]) -> bytes:
    """`[[code, stopped by another], ...]`."""
    return encode([[code.value, other] for code, other in answers])


def read_fact_answers(raw: bytes, count: int) -> list[tuple[Code, bool]]:
    """The answers to as many facts as were sent."""
    rows = _rows(decode_array(raw, count), 2)
    return [(_code(code, path), _bool(other, path)) for path, (code, other) in rows]


def logged_bytes(rows: Iterable[Logged]) -> bytes:
    """`[[index, fact, day, salt], ...]`: one's own facts with what proves their leaves."""
    return encode([list(row) for row in rows])


def read_logged(raw: bytes) -> list[Logged]:
    """One's own facts with index, day and salt of their entries."""
    rows = _rows(_array(raw, _MOST_ROWS), 4)
    return [
        (_number(index, path), need_bytes(fact, None, path), _number(day, path), need_bytes(salt, 32, path))
        for path, (index, fact, day, salt) in rows
    ]


def indexed_bytes(rows: Iterable[Indexed]) -> bytes:
    """`[[index, frame, attestation], ...]`: manifests with the index of their leaf; an empty attestation is none."""
    return encode([list(row) for row in rows])


def read_indexed(raw: bytes) -> list[Indexed]:
    """Frames with the index of their leaf and their attestation."""
    rows = _rows(_array(raw, _MOST_ROWS), 3)
    return [
        (_number(index, path), need_bytes(frame, None, path), need_bytes(attestation, None, path))
        for path, (index, frame, attestation) in rows
    ]


def handles_bytes(rows: Iterable[tuple[int, bytes, str | None]]) -> bytes:
    """`[[month, handle, null | "me" | "other"], ...]`."""
    return encode([list(row) for row in rows])


def read_handles(raw: bytes) -> list[tuple[int, bytes, str | None]]:
    """One's own handles with their month and who stopped them.

    Raises:
        FrameError: the body has another form.
    """
    found = []
    for path, (month, handle, stopped) in _rows(_array(raw, _LARGEST_INT), 3):
        if stopped not in {None, "me", "other"}:
            raise FrameError(path, "enum")
        found.append((_number(month, path), need_bytes(handle, 16, path), stopped))
    return found


def began_bytes(began: Began | None) -> bytes:
    """`[number, index, record, salt, open]`, or `[]` while the log is the first of its hub."""
    return encode([] if began is None else list(began))


def read_began(raw: bytes) -> Began | None:
    """How the log of now began.

    Raises:
        FrameError: the body has another form.
    """
    items = _array(raw, 5)
    if not items:
        return None
    if len(items) != 5:
        raise FrameError("/", "array")
    number, index, record, salt, is_open = items
    opens = need_bytes(record, None, "/record"), need_bytes(salt, None, "/salt")
    return _number(number, "/number"), _number(index, "/index"), *opens, _bool(is_open, "/open")


def hour_key_bytes(found: HourKey | None) -> bytes:
    """`[hour, seconds that are left, key]`, or `[]` for an address that does not send over the hub's Kafka."""
    return encode([] if found is None else list(found))


def read_hour_key(raw: bytes) -> HourKey | None:
    """The key under which one's own records are wrapped now.

    Raises:
        FrameError: the body has another form.
    """
    items = _array(raw, 3)
    if not items:
        return None
    if len(items) != 3:
        raise FrameError("/", "array")
    hour, seconds, key = items
    left = need_int(seconds, 1, HOUR_SECONDS, "/seconds")
    return HourKey(need_int(hour, 0, _HIGHEST_HOUR, "/hour"), left, need_bytes(key, KEY_SIZE, "/key"))


def repeated_bytes(number: int, size: int) -> bytes:
    """`[number of the log, size of the checkpoint known]`."""
    return encode([number, size])


def read_repeated(raw: bytes) -> tuple[int, int]:
    """In which log all facts were repeated, and what the caller knew of it."""
    number, size = decode_array(raw, 2)
    return _number(number, "/number"), _number(size, "/size")


def published_bytes(code: Code, index: int) -> bytes:
    """`[code, index]`; -1 for what was refused."""
    return encode([code.value, index])


def read_published(raw: bytes) -> tuple[Code, int]:
    """The code and the index of the leaf."""
    code, index = decode_array(raw, 2)
    return _code(code, "/code"), need_int(index, -1, _LARGEST_INT, "/index")


def certificate_bytes(certificate: bytes) -> bytes:
    """`[certificate]`: in PEM."""
    return encode([certificate])


def read_certificate(raw: bytes) -> bytes:
    """The certificate that was given."""
    return need_bytes(decode_array(raw, 1)[0], None, "/0")


def hashes_bytes(hashes: Iterable[bytes]) -> bytes:
    """`[hash, ...]`: a proof."""
    return encode(list(hashes))


def read_hashes(raw: bytes, entries: int = 1) -> list[bytes]:
    """The hashes of a proof; there are never more than two per level, and per entry that it is of."""
    return [need_bytes(item, 32, f"/{i}") for i, item in enumerate(_array(raw, _HASHES * entries))]


# -- inside


def _array(raw: bytes, most: int) -> list[object]:
    """The items of an array of unknown length, at most `most`: the head decides before anything is decoded."""
    kind, low = (raw[0] >> 5, raw[0] & 31) if raw else (0, 0)
    if kind != 4 or low > 27:  # RFC 8949, section 3: major type 4 is an array, 28 to 31 are no length
        raise FrameError("/", "array")
    length = low if low < 24 else int.from_bytes(raw[1 : 1 + (1 << low - 24)], "big")
    if length > most:
        raise FrameError("/", "maxItems")
    return decode_array(raw, length)


def _rows(value: object, width: int) -> list[tuple[str, list[object]]]:
    rows = []
    for i, item in enumerate(need_list(value, _LARGEST_INT, "/")):
        fields = need_list(item, width, f"/{i}")
        if len(fields) != width:
            raise FrameError(f"/{i}", "array")
        rows.append((f"/{i}", fields))
    return rows


def _code(value: object, path: str) -> Code:
    code = _CODES.get(need_text(value, 32, path))
    if code is None:
        raise FrameError(path, "enum")
    return code


def _number(value: object, path: str) -> int:
    return need_int(value, 0, _LARGEST_INT, path)


def _optional(value: object, size: int | None, path: str) -> bytes | None:
    return None if value is None else need_bytes(value, size, path)


def _bool(value: object, path: str) -> bool:
    if type(value) is not bool:
        raise FrameError(path, "boolean")
    return value
