# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The one canonical binary form: CBOR (RFC 8949) arrays, no maps, definite lengths, shortest forms.

Parse = decode, encode again, compare bytes.  So there is exactly one byte string per value, and what was
hashed or signed is what is used.  Errors carry a path and a keyword, never a value.
"""

from __future__ import annotations

import re
from typing import NoReturn

import cbor2

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class FrameError(ValueError):
    """Bytes that are not the frame they should be.  `path` and `keyword` name the place and the rule; no value."""

    def __init__(self, path: str, keyword: str) -> None:
        super().__init__(f"{path}: {keyword}")
        self.path = path
        self.keyword = keyword


def _no_tag(decoder: object) -> NoReturn:
    raise ValueError("frames have no tags")


# What the library would do for these before our own checks see it: compiling a regular expression (tag 35) of a frame's
# size takes seconds; a MIME message (36) is parsed.
_TAGS = {35: _no_tag, 36: _no_tag}


def encode(value: object) -> bytes:
    """The canonical bytes of nested lists of int, bytes, str, bool and None."""
    return cbor2.dumps(value)


def decode_array(raw: bytes, length: int, path: str = "/") -> list[object]:
    """The `length` items of a canonical array.

    Raises:
        FrameError: not CBOR, not the shortest form, no array, another length, or a type that frames do not use.
    """
    try:
        value = cbor2.loads(raw, semantic_decoders=_TAGS)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, MemoryError, TypeError):
        raise FrameError(path, "cbor") from None
    if type(value) is not list or len(value) != length:
        raise FrameError(path, "array")
    try:
        again = cbor2.dumps(value)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, TypeError):
        raise FrameError(path, "type") from None
    if again != raw:
        raise FrameError(path, "canonical")
    return value


def need_bytes(value: object, size: int | None, path: str) -> bytes:
    """`value` as bytes of exactly `size` (None: any size).

    Raises:
        FrameError: it is none.
    """
    if type(value) is not bytes or (size is not None and len(value) != size):
        raise FrameError(path, "bytes" if size is None else f"bytes({size})")
    return value


def need_int(value: object, low: int, high: int, path: str) -> int:
    """`value` as an integer, `low` and `high` included.

    Raises:
        FrameError: it is none.
    """
    if type(value) is not int or not low <= value <= high:
        raise FrameError(path, "integer")
    return value


def need_text(value: object, most: int, path: str) -> str:
    """`value` as text of at most `most` characters.

    Raises:
        FrameError: it is none.
    """
    if type(value) is not str or len(value) > most:
        raise FrameError(path, "text")
    return value


def need_name(value: object, path: str) -> str:
    """`value` as the name of a category: small letters, digits and dashes, at most 32.

    Raises:
        FrameError: it is none.
    """
    if type(value) is not str or _NAME.fullmatch(value) is None:
        raise FrameError(path, "name")
    return value


def need_list(value: object, most: int, path: str) -> list[object]:
    """`value` as a list of at most `most` items.

    Raises:
        FrameError: it is none.
    """
    if type(value) is not list or len(value) > most:
        raise FrameError(path, "list")
    return value
