# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""By which mark in its content a file is recognised, damaged or not; its name says nothing."""

import re
from collections.abc import Callable, Iterator

import orjson

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


# -- CloudEvents: of a case system (NL GOV profile) or of a Veiligheidshuis (CORV) -----------------------------------

_IS_EVENT = re.compile(rb'"specversion"\s*:')
_TYPE = re.compile(rb'"type"\s*:\s*"([^"\\]{1,512})"')
_SOURCE = re.compile(rb'"source"\s*:\s*"([^"\\]{1,512})"')
# As CORV 2.0 names its systems, and as nobody else does.
_CORV_SOURCE = re.compile(r"/oin/[0-9]{20}/systeem/.+")
_CORV_FUNCTION = "uitwisselen-uitkomst-overleg."
_CORV_TYPE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
# The profile wants a type to begin with a domain name in reverse; a type of CORV begins with one of its functions.
_DOMAIN = re.compile(r"(?:[a-z]{2}|com|org|net|info|gov|edu|int|example)\..+")


def of_a_case_system(data: bytes) -> bool:
    """Recognise a CloudEvent or a batch, damaged or not, that no CORV system says it wrote."""
    return is_cloudevent(data) and set(_by_corv(data)) != {True}


def of_corv(data: bytes) -> bool:
    """Recognise the same by a source or a type as CORV writes them."""
    return is_cloudevent(data) and set(_by_corv(data)) != {False}


def is_cloudevent(data: bytes) -> bool:
    """Recognise a CloudEvent or a batch, damaged or not, of whoever."""
    return data.lstrip(_SPACE)[:1] in (b"{", b"[") and _IS_EVENT.search(data, 0, _HEAD) is not None


def _by_corv(data: bytes) -> Iterator[bool | None]:
    """Of each event whether CORV wrote it; None: it could be either."""
    for source, kind in _sources_and_types(data):
        if _CORV_SOURCE.fullmatch(source) is not None or kind.startswith(_CORV_FUNCTION):
            yield True
        elif _CORV_TYPE.fullmatch(kind) is None or _DOMAIN.fullmatch(kind) is not None:
            yield False
        else:
            yield None


def _sources_and_types(data: bytes) -> Iterator[tuple[str, str]]:
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:  # damaged: the first that can be seen
        found = (pattern.search(data, 0, _HEAD) for pattern in (_SOURCE, _TYPE))
        source, kind = ("" if one is None else one[1].decode("utf-8", "replace") for one in found)
        yield source, kind
        return
    for one in value if isinstance(value, list) else [value]:
        event = one if isinstance(one, dict) else {}
        yield str(event.get("source", "")), str(event.get("type", ""))
