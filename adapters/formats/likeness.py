# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a file is that was refused: a declaration, an older version, a web page, an archive, another format than was said.

- For a person who gave the wrong file, in words of this module alone: nothing of the file is ever repeated, but for numbers
  of versions and names of a standard that are listed here.
- It decides nothing: the file was refused before it is looked at here. Whatever the bytes, it gives a sentence or none.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

import orjson

from adapters.format_names import AUTO
from adapters.formats import SeveralFormats, fhir, ggk, hl7v2, likeness_kinds, the_format
from adapters.formats.likeness_marks import (
    BASE64,
    BY_BEGIN,
    BY_MARK,
    BYTES,
    EMPTY,
    JSON,
    JSON_DAMAGED,
    TEXT,
    UTF_16,
    XML,
    XML_DAMAGED,
    Likeness,
)
from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed
from adapters.formats.oso_lists import NAMESPACE as OSO
from adapters.formats.suwi_lists import SERVICES, SOAP
from adapters.formats.xml_strict import parse, root_tag

_HEAD: Final = 65_536  # bytes that are looked at
_BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = re.compile(rb"\xff\xfe|\xfe\xff|[<{\[MFBU]\x00|\x00[<{\[MFBU]")
_STANDARD: Final = re.compile(r"\{http://www\.istandaarden\.nl/([a-z]+)/([0-9])_([0-9])/[a-z]+([0-9]{3})/")
_NAMES: Final[Mapping[str, str]] = {"iwmo": "iWmo", "ijw": "iJw", "iwlz": "iWlz", "ipgb": "iPgb", "ieb": "iEb"}
_RESOURCE: Final = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{2,40})"')
_OLD_TASK: Final = re.compile(rb'"requester"\s*:\s*\{\s*"agent"|<requester>\s*<agent>')
_MESSAGE: Final = re.compile(rb"MSH\|(?:[^|\r\n]*\|){7}([A-Z]{3})(?:\^([A-Z0-9]{3}))?")
_LETTER: Final = re.compile(rb"(?:UNA.{6}\s*)?UNB\+.{0,500}?UNH\+[^+']{0,35}\+([A-Z]{6})", re.DOTALL)
_FAULT: Final = re.compile(rb"<(?:[A-Za-z0-9_.-]{1,40}:)?Fault[\s>/]")
_ANSWER: Final = re.compile(rb"<(?:[A-Za-z0-9_.-]{1,40}:)?[A-Za-z]{1,80}Response[\s>/]")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{60}[A-Za-z0-9+/=\r\n]*")
# Of these formats a message of a kind that isn't read is recognised too, and told from one that is; of the next ones it is
# told by their readers. Of all others whatever is wrong has its place.
_KINDS: Final = frozenset({"iwmo", "ijw", "fhir", "hl7v2"})
_WHERE_ASKED: Final = frozenset({"suwi", "oso"})


def likeness(data: bytes, read_as: str, faults: Collection[Fault]) -> Likeness | None:
    """Say what a file is that was refused as this format for these faults, where that says more than they do."""
    try:
        found = the_format(data)
    except SeveralFormats:
        return None  # which ones is said already
    except Malformed:
        return _looked_at(data)
    asked = found in _KINDS or (found in _WHERE_ASKED and any(fault.keyword == Keyword.VOCABULARY for fault in faults))
    other = _looked_at(data) if asked and (found in _KINDS or read_as in (found, AUTO)) else None
    return other or (None if read_as in (found, AUTO) else likeness_kinds.of_format(found))


def _looked_at(data: bytes) -> Likeness | None:
    head = data[:_HEAD]
    text = head.removeprefix(_BOM).lstrip()
    if not text:
        return EMPTY
    for begin, found in BY_BEGIN:
        if head.startswith(begin):
            return found
    if _WIDE.match(head) is not None:
        return UTF_16
    if text.startswith((b"{", b"[")):
        return _json(data, text)
    if text.startswith(b"<"):
        return _marked(text) or _xml(data, text)
    if hl7v2.recognises(text):
        return _hl7(data, text)
    return _words(text)


def _marked(text: bytes) -> Likeness | None:
    return next((found for mark, found in BY_MARK if mark.search(text) is not None), None)


def _words(text: bytes) -> Likeness | None:
    letter = _LETTER.match(text)
    if letter is not None:
        return likeness_kinds.letter(letter[1].decode("ascii"))
    if _BASE64.fullmatch(text) is not None:
        return BASE64
    return _marked(text) or (BYTES if b"\0" in text else TEXT)


def _json(data: bytes, text: bytes) -> Likeness | None:
    resource = _RESOURCE.search(text)
    if resource is not None:
        return _fhir(resource[1].decode("ascii"), text)
    return _marked(text) or (JSON if _is_json(data) else JSON_DAMAGED)


def _is_json(data: bytes) -> bool:
    if len(data) > SIZE_LIMIT:
        return True  # as far as anybody looks
    try:
        orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return False
    return True


def _fhir(name: str, text: bytes) -> Likeness | None:
    if _OLD_TASK.search(text) is not None:
        return likeness_kinds.fhir_of_before("Task")
    return None if name in fhir.ABOUT.reads else likeness_kinds.resource(name)


def _xml(data: bytes, text: bytes) -> Likeness | None:
    tag = root_tag(data)
    if tag is None:
        return XML_DAMAGED
    if ggk.is_envelope(tag):
        return _enveloped(data)
    if (found := _standard(tag)) is not None:
        return _istandaard(found)
    namespace, _, name = tag.removeprefix("{").rpartition("}")
    if namespace == "http://hl7.org/fhir":
        return _fhir(name, text)
    if namespace == OSO:
        return likeness_kinds.DOSSIER
    if namespace in SOAP and _FAULT.search(text) is not None:
        return likeness_kinds.SOAP_FAULT
    if SERVICES.encode() in text:
        is_answer = name.endswith("Response") or _ANSWER.search(text) is not None
        return likeness_kinds.SUWI_ANSWER if is_answer else likeness_kinds.SUWI_QUESTION
    if namespace in SOAP:
        return likeness_kinds.SOAP_MESSAGE
    return likeness_kinds.BY_NAMESPACE.get(namespace, XML)


def _standard(tag: str) -> re.Match[str] | None:
    """Name, version and message of an iStandaard, where this is one."""
    found = _STANDARD.match(tag)
    return found if found is not None and found[1] in _NAMES else None


def _istandaard(found: re.Match[str]) -> Likeness | None:
    return likeness_kinds.istandaard(_NAMES[found[1]], f"{found[2]}.{found[3]}", found[4])


def _enveloped(data: bytes) -> Likeness | None:
    try:
        found = _standard(root_tag(ggk.message_in(parse(data, SIZE_LIMIT))) or "")
    except Malformed:
        found = None
    return likeness_kinds.ENVELOPE if found is None else _istandaard(found)


def _hl7(data: bytes, text: bytes) -> Likeness | None:
    kind = _MESSAGE.match(text)
    found = None if kind is None else likeness_kinds.message(kind[1].decode(), (kind[2] or b"").decode())
    if found is not None:
        return found
    return None if data.endswith((b"\r", b"\n")) else likeness_kinds.NO_LAST_END
