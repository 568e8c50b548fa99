# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""By which mark in its content a file is recognised, damaged or not; its name says nothing."""

import re
from collections.abc import Callable

_HEAD = 65_536  # bytes in which a mark is looked for
_SPACE = b"\xef\xbb\xbf \t\r\n"


def json_mark(pattern: bytes) -> Callable[[bytes], bool]:
    """Recognise a JSON object with this in it, and that is no CloudEvent, which may carry anything."""
    mark, other = re.compile(pattern), re.compile(rb'"specversion"\s*:')

    def recognises(data: bytes) -> bool:
        is_object = data.lstrip(_SPACE).startswith(b"{")
        return is_object and mark.search(data, 0, _HEAD) is not None and other.search(data, 0, _HEAD) is None

    return recognises


def xml_mark(namespace: bytes) -> Callable[[bytes], bool]:
    """Recognise XML that names this namespace near its start."""
    mark = re.compile(rb"""=\s*["']""" + re.escape(namespace))

    def recognises(data: bytes) -> bool:
        return data.lstrip(_SPACE).startswith(b"<") and mark.search(data, 0, _HEAD) is not None

    return recognises


def text_mark(pattern: bytes) -> Callable[[bytes], bool]:
    """Recognise text that begins like this."""
    mark = re.compile(pattern, re.DOTALL)
    return lambda data: mark.match(data) is not None
