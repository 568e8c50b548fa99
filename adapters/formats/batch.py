# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Many messages in one file, one after the other, without holding more than one of them.

- XML documents that each begin with their declaration; JSON values that each begin on a line of their own; HL7 v2 messages
  that each begin with their MSH. No such boundary can stand within a valid message of its kind, so a message is never cut
  in two by what it says. A batch of HL7 v2 (FHS, BHS) counts what is in it, and is one.
- A file with one message is that message, byte for byte.
- A message that is larger than any may be is passed over, counted, and not kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

_CHUNK: Final = 1 << 16
_LONGEST_BOUNDARY: Final = 64  # bytes that are searched again with the next chunk
_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"

# How the first message begins -> where the next one does: at the end of what this finds.
_BOUNDARIES: Final = (
    (b"<", re.compile(rb"(?=(?:\xef\xbb\xbf)?<\?xml[ \t\r\n])")),
    (b"{[", re.compile(rb"[}\]][ \t]{0,16}\r?\n[ \t\r\n]{0,16}(?=[{\[])")),
    (b"M", re.compile(rb"(?:\r\n|\r|\n)(?=MSH[^A-Za-z0-9\r\n])")),
)
_BY_LINES: Final = _BOUNDARIES[-1][1]  # its last line end belongs to a message


@dataclass(frozen=True, slots=True)
class Part:
    """One message and its place in the file, from 1; `data` is None where it is too large."""

    number: int
    data: bytes | None = field(repr=False)


def parts(file: BinaryIO, largest: int, step: int = _CHUNK) -> Iterator[Part]:
    """Give the messages of a file in their order, reading `step` bytes at a time; an empty file is one empty message."""
    held = bytearray(_head(file, step))
    boundary = _boundary(held)
    around = b"" if boundary is _BY_LINES else _SPACE
    number, searched, dropped = 0, _begun(held), False
    while True:
        while boundary is not None and (found := boundary.search(held, searched)) is not None:
            number += 1
            data = bytes(held[: found.end()])
            yield Part(number, None if dropped or found.end() > largest else data.strip(around))
            del held[: found.end()]
            searched, dropped = _begun(held), False
        searched = max(searched, len(held) - _LONGEST_BOUNDARY)
        if len(held) > largest + _LONGEST_BOUNDARY:
            del held[:-_LONGEST_BOUNDARY]
            searched, dropped = 0, True
        chunk = file.read(step)
        if not chunk:
            break
        held += chunk
    if number == 0 or held.strip(_SPACE) or dropped:
        data = bytes(held) if number == 0 else bytes(held).strip(around)
        yield Part(number + 1, None if dropped or len(held) > largest else data)


def _head(file: BinaryIO, size: int) -> bytes:
    """Enough of the file to see how it begins, also where it comes in bits."""
    held = b""
    while len(held) < size and (chunk := file.read(size - len(held))):
        held += chunk
    return held


def _begun(held: bytes | bytearray) -> int:
    """Where in a message that begins here the next one can begin: past its own beginning."""
    return len(held) - len(held.removeprefix(_BOM).lstrip(_SPACE)) + 1


def _boundary(held: bytes | bytearray) -> re.Pattern[bytes] | None:
    first = bytes(held.removeprefix(_BOM).lstrip(_SPACE)[:1])
    return next((pattern for begins, pattern in _BOUNDARIES if first and first in begins), None)
