# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""JSON from a stranger, read without trust.

- UTF-8 without a byte order mark; size and depth are limited, depth before anything is parsed.
- A key that stands twice in one object is refused, however it is escaped: two readers could take different ones.
- NaN, Infinity, unpaired surrogates and bytes after the value are refused (by orjson).
"""

import re
from collections.abc import Iterable

import orjson

from adapters.formats.native import Fault, Keyword, Malformed

# Also matches a string that never ends, so that one pass over any bytes is linear.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_HOLDERS = (dict, list)
_FOREIGN = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def parse(data: bytes, size_limit: int, depth_limit: int) -> object:
    """Return the value; raises `Malformed`."""
    if len(data) > size_limit:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    if data.startswith(_FOREIGN) or b"\0" in data:
        raise Malformed((Fault("/", Keyword.ENCODING),))
    bare = _STRING.sub(b"", data)
    if _too_deep(bare, depth_limit):
        raise Malformed((Fault("/", Keyword.TOO_DEEP),))
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        # `from None`: the cause keeps the whole document.
        raise Malformed((Fault("/", _what_is_wrong(data)),)) from None
    # In valid JSON each member has one colon outside strings, and each key that was not lost is in a dict.
    if bare.count(b":") != _keys(value):
        raise Malformed((Fault("/", Keyword.DUPLICATE_KEY),))
    return value


def _too_deep(bare: bytes, limit: int) -> bool:
    if bare.count(b"[") + bare.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False


def _keys(value: object) -> int:
    """How many members all objects have together."""
    count, holders = 0, [value]
    for holder in holders:  # it grows on the way
        inside: Iterable[object] = ()
        if isinstance(holder, dict):
            count += len(holder)
            inside = holder.values()
        elif isinstance(holder, list):
            inside = holder
        for one in inside:
            if isinstance(one, _HOLDERS):
                holders.append(one)  # noqa: PERF401  # a list made here first takes half as long again
    return count


def _what_is_wrong(data: bytes) -> Keyword:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return Keyword.ENCODING
    return Keyword.NOT_WELL_FORMED
