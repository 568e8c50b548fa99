# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The envelope in which municipalities exchange iStandaard messages (GGk 02.10 on StUF 03.01), stripped.

- Nothing of the envelope is used: the message inside names its sender and its receiver itself. Names of systems and
  users, the reference and the time are dropped here.
- One XML file in base64 is taken out; a text file, or an envelope in an envelope, is refused.
"""

import base64
import binascii
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


def message_in(root: etree._Element) -> bytes:
    """Return the bytes of the one message in this envelope; raises `Malformed`."""
    code, answers = _KINDS[str(root.tag)]
    walk = Walk()
    parts = walk.children(Node(root, _PATH), _GGK, (Child("stuurgegevens"), Child("parameters")))
    for node in parts["stuurgegevens"]:
        _check_addressing(walk, node, code, answers=answers)
    data = b""
    for node in parts["parameters"]:
        for holder in walk.children(node, _GGK, _PARAMETERS)["bericht"]:
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
    for place in (*parts["zender"], *parts["ontvanger"]):
        walk.children(place, _STUF, _SYSTEM)


def _decoded(walk: Walk, node: Node) -> bytes:
    text = walk.text(node)
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        walk.fault(node.path, Keyword.PATTERN)
        return b""
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
