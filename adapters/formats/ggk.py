# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The envelope in which municipalities exchange iStandaard messages (GGk 02.10 on StUF 03.01), stripped.

- Nothing of the envelope is used: the message inside names its sender and its receiver itself. Names of systems and
  users, the reference and the time are dropped here.
- One XML file in base64 is taken out; a text file, or an envelope in an envelope, is refused. Each value of the envelope
  has the form of its schema and nothing within it, so that nothing can hide there.
- What StUF itself sends back is refused by name: a fault (Fo01 to Fo03), or an acknowledgement, which tells nothing.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

from adapters.formats.native import Fault, Keyword, Malformed
from adapters.formats.xml_strict import SPACE, Child, Node, Walk, parse

_GGK: Final = "http://www.stufstandaarden.nl/koppelvlak/ggk0210"
_STUF: Final = "http://www.egem.nl/StUF/StUF0301"
# Root element -> what its berichtcode must be, and whether it names the message that it answers.
_KINDS: Final = {
    f"{{{_GGK}}}envelopHeenbericht-ggk_Di01": ("Di01", False),
    f"{{{_GGK}}}envelopRetourbericht-ggk_Du01": ("Du01", True),
}
# Messages that StUF has for every interface: what was sent went wrong, or was taken.
_SIGNALS: Final = {
    **{f"{{{_STUF}}}Fo0{number}Bericht": Keyword.SOURCE_FAULT for number in (1, 2, 3)},
    **{f"{{{_STUF}}}Bv0{number}Bericht": Keyword.NO_EVENT for number in (1, 2, 3, 4)},
}
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_VERSION: Final = re.compile(r"[0-9]{4}")
# The form of each value by its schema; `berichtcode` and the message itself are looked at apart.
_FORMS: Final = {
    "organisatie": re.compile(r"(?s:.){0,200}"),
    "applicatie": re.compile(r"(?s:.){3,50}"),
    "administratie": re.compile(r"(?s:.){0,50}"),
    "gebruiker": re.compile(r"(?s:.){0,100}"),
    "referentienummer": _UUID,
    "crossRefnummer": _UUID,
    "tijdstipBericht": re.compile(r"[0-9]{8,17}"),
    "functie": re.compile(r"(?s:.){0,30}"),
    "applicatieVersie": _VERSION,
    "applicatieSubversie": _VERSION,
    "functieVersie": _VERSION,
    "functieSubversie": _VERSION,
}
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_NO_SPACE: Final = dict.fromkeys(map(ord, SPACE))
_PATH: Final = "/Envelop"
_MESSAGE: Final = f"{_PATH}/parameters/bericht/xmlBestand"
_SYSTEM: Final = (
    Child("organisatie"),
    Child("applicatie"),
    Child("administratie", required=False),
    Child("gebruiker", required=False),
)
_PARAMETERS: Final = (
    Child("applicatieVersie"),
    Child("applicatieSubversie"),
    Child("functieVersie"),
    Child("functieSubversie"),
    Child("bericht"),
)


def is_envelope(tag: str) -> bool:
    """Whether a root element is one of the two envelopes."""
    return tag in _KINDS


def refuse_signal(tag: str) -> None:
    """Raise `Malformed` where this is a message of StUF itself: nothing can be taken from it, whatever the format set here."""
    keyword = _SIGNALS.get(tag)
    if keyword is not None:
        raise Malformed((Fault("/Bericht", keyword),))


def message_in(root: etree._Element) -> bytes:
    """Return the bytes of the one message in this envelope; raises `Malformed`."""
    code, answers = _KINDS[str(root.tag)]
    walk = Walk()
    parts = walk.children(Node(root, _PATH), _GGK, (Child("stuurgegevens"), Child("parameters")))
    for node in parts["stuurgegevens"]:
        _check_addressing(walk, node, code, answers=answers)
    data = b""
    for node in parts["parameters"]:
        places = walk.children(node, _GGK, _PARAMETERS)
        _check_forms(walk, places)
        for holder in places["bericht"]:
            for file in walk.children(holder, _GGK, (Child("xmlBestand"),))["xmlBestand"]:
                data = _decoded(walk, file)
    walk.finish()
    return data


def _check_addressing(walk: Walk, node: Node, code: str, *, answers: bool) -> None:
    crossing = (Child("crossRefnummer"),) if answers else ()
    model = (
        Child("berichtcode"),
        Child("zender"),
        Child("ontvanger"),
        Child("referentienummer"),
        Child("tijdstipBericht"),
        *crossing,
        Child("functie"),
    )
    parts = walk.children(node, _STUF, model)
    for place in parts["berichtcode"]:
        if walk.text(place) != code:
            walk.fault(place.path, Keyword.MESSAGE_CODE)
    _check_forms(walk, parts)
    for place in (*parts["zender"], *parts["ontvanger"]):
        _check_forms(walk, walk.children(place, _STUF, _SYSTEM))


def _check_forms(walk: Walk, places: Mapping[str, list[Node]]) -> None:
    for name, form in _FORMS.items():
        for node in places.get(name, ()):
            if form.fullmatch(walk.text(node)) is None:
                walk.fault(node.path, Keyword.PATTERN)


def _decoded(walk: Walk, node: Node) -> bytes:
    text = walk.text(node).translate(_NO_SPACE)
    if _BASE64.fullmatch(text) is None:  # the decoder takes a sign too many at the end
        walk.fault(node.path, Keyword.PATTERN)
        return b""
    data = base64.b64decode(text)
    if not data.strip(SPACE.encode()):
        walk.fault(node.path, Keyword.MISSING)
    return data


def parsed(data: bytes, size_limit: int) -> etree._Element:
    """Parse what came out of an envelope; raises `Malformed`, whose lines would be those of a file that nobody has."""
    try:
        return parse(data, size_limit)
    except Malformed as refused:
        faults = tuple(Fault(_MESSAGE, fault.keyword) for fault in refused.faults)
    raise Malformed(faults)


def refuse_nested(root: etree._Element) -> None:
    """Raise `Malformed` where what came out of an envelope is one again."""
    if is_envelope(str(root.tag)):
        raise Malformed((Fault(_MESSAGE, Keyword.VOCABULARY),))
