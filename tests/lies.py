# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What can be done to the bytes of a signed envelope or an attestation on its way: swapped, added, taken away, cut, signed by another.

Each function gives a frame of the right shape (but for `truncated`), so that only the rule under test can refuse it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

from schemas.canonical import decode_array, encode
from schemas.envelope import Envelope, build, listing_of, parse, to_sign
from schemas.signing import SigningKey

Piece = Literal["header", "box", "list", "signature", "parts"]
_PLACE: dict[Piece, int] = {"header": 1, "box": 2, "list": 3, "signature": 4, "parts": 5}


def swapped(raw: bytes, other: bytes, piece: Piece) -> bytes:
    """`raw` with one piece of `other`."""
    mine, theirs = decode_array(raw, 6), decode_array(other, 6)
    mine[_PLACE[piece]] = theirs[_PLACE[piece]]
    return encode(mine)


def with_swapped_part(raw: bytes, other: bytes, name: str) -> bytes:
    """`raw` with one ciphertext of `other`, and a list that fits it."""
    mine, theirs = parse(raw), parse(other)
    parts = list(mine.parts)
    parts[mine.names.index(name)] = theirs.parts[theirs.names.index(name)]
    return _built(mine, mine.names, parts)


def without_part(raw: bytes, name: str) -> bytes:
    """`raw` without one part, and a list that fits it."""
    mine = parse(raw)
    left = [(n, part) for n, part in zip(mine.names, mine.parts, strict=True) if n != name]
    return _built(mine, tuple(n for n, _ in left), [part for _, part in left])


def with_part(raw: bytes, name: str, ciphertext: bytes) -> bytes:
    """`raw` with one part more, and a list that fits it."""
    mine = parse(raw)
    pairs = sorted([*zip(mine.names, mine.parts, strict=True), (name, ciphertext)])
    return _built(mine, tuple(n for n, _ in pairs), [part for _, part in pairs])


def resigned(raw: bytes, key: SigningKey, named: bool) -> bytes:
    """`raw` signed by another key; `named`: the header names that key too."""
    mine = parse(raw)
    header = mine.header
    if named:
        header = header.replace(mine.sign_key.encode(), key.key_id.encode())
    signature = key.sign_alone(to_sign(mine.retraction, header, mine.box, mine.listing))
    return build(header, mine.box, mine.listing, signature, mine.parts)


def truncated(raw: bytes, length: int) -> bytes:
    """The first bytes of it."""
    return raw[:length]


def flipped(raw: bytes, place: int) -> bytes:
    """`raw` with one bit of one byte turned."""
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)


def without_chain(raw: bytes) -> bytes:
    """An attestation with half of its certificate."""
    frame = decode_array(raw, 3)
    (leaf,) = cast("list[bytes]", frame[1])
    frame[1] = [leaf[: len(leaf) // 2]]
    return encode(frame)


def loose_list(raw: bytes) -> bytes:
    """`raw` with the first ciphertext changed and its list left as it was."""
    frame = decode_array(raw, 6)
    parts = list(cast("list[bytes]", frame[5]))
    parts[0] = flipped(parts[0], 0)
    frame[5] = parts
    return encode(frame)


def _built(mine: Envelope, names: tuple[str, ...], parts: list[bytes]) -> bytes:
    changed = replace(mine, names=names, parts=parts, listing=listing_of(names, parts))
    return build(changed.header, changed.box, changed.listing, changed.signature, changed.parts)
