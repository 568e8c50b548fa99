# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A FHIR R4 Consent in XML, written as the JSON of the same document, which `consent.fhir_consent_read` then reads without trust.

Guarantees:
- XML is parsed as strictly as that of native messages: UTF-8, no DOCTYPE, no entities, limited in size and depth;
- nothing that could change an answer is left out: an element that is not in the table keeps its place and is refused there, an extension
  stays an extension, and an element that stands twice, out of order, in another namespace, with text between its elements or with an
  attribute that FHIR has not is a fault;
- an error names place and rule, never a value.

What the reader of JSON passes over (narrative, metadata, the attachment) is passed over here too, by its name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson
from lxml import etree

from adapters.formats.native import Malformed
from adapters.formats.xml_strict import parse
from consent.fhir_json import SIZE_LIMIT, ConsentError, ConsentFault

_NAMESPACE: Final = "{http://hl7.org/fhir}"
_SCHEMA: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_TEXT, _BOOLEAN, _PASSED, _EXTENSION = "text", "boolean", "passed over", "extension"
_MOST_FAULTS: Final = 20


class _Place(NamedTuple):
    """An element: its name, what is in it (a table, or a word of above), and whether it may stand more than once."""

    name: str
    kind: str
    many: bool = False


_EXTENSIONS: Final = _Place("extension", _EXTENSION, many=True)
_IN_PROVISION: Final = (
    _EXTENSIONS,
    _Place("modifierExtension", _EXTENSION, many=True),
    _Place("type", _TEXT),
    _Place("period", "Period"),
    _Place("actor", "actor", many=True),
    _Place("action", "CodeableConcept", many=True),
    _Place("securityLabel", "Coding", many=True),
    _Place("purpose", "Coding", many=True),
    _Place("class", "Coding", many=True),
    _Place("code", "CodeableConcept", many=True),
    _Place("dataPeriod", "Period"),
    _Place("data", "data", many=True),
)
# In the order of the standard.
_PLACES: Final[Mapping[str, tuple[_Place, ...]]] = MappingProxyType(
    {
        "Consent": (
            _Place("id", _TEXT),
            _Place("meta", _PASSED),
            _Place("implicitRules", _TEXT),
            _Place("language", _TEXT),
            _Place("text", _PASSED),
            _Place("contained", _PASSED, many=True),
            _EXTENSIONS,
            _Place("modifierExtension", _EXTENSION, many=True),
            _Place("identifier", _PASSED, many=True),
            _Place("status", _TEXT),
            _Place("scope", "CodeableConcept"),
            _Place("category", _PASSED, many=True),
            _Place("patient", "Reference"),
            _Place("dateTime", _TEXT),
            _Place("performer", _PASSED, many=True),
            _Place("organization", _PASSED, many=True),
            _Place("sourceAttachment", _PASSED),
            _Place("sourceReference", "Reference"),
            _Place("policy", _PASSED, many=True),
            _Place("policyRule", "CodeableConcept"),
            _Place("verification", "verification", many=True),
            _Place("provision", "provision"),
        ),
        "provision": (*_IN_PROVISION, _Place("provision", "provision", many=True)),
        "actor": (_EXTENSIONS, _Place("role", "CodeableConcept"), _Place("reference", "Reference")),
        "data": (_EXTENSIONS, _Place("meaning", _TEXT), _Place("reference", "Reference")),
        "verification": (
            _EXTENSIONS,
            _Place("verified", _BOOLEAN),
            _Place("verifiedWith", _PASSED),
            _Place("verificationDate", _TEXT),
        ),
        "CodeableConcept": (_EXTENSIONS, _Place("coding", "Coding", many=True), _Place("text", _TEXT)),
        "Coding": (
            _EXTENSIONS,
            *(_Place(name, _TEXT) for name in ("system", "version", "code", "display")),
            _Place("userSelected", _BOOLEAN),
        ),
        "Reference": (
            _EXTENSIONS,
            _Place("reference", _TEXT),
            _Place("type", _TEXT),
            _Place("identifier", "Identifier"),
            _Place("display", _TEXT),
        ),
        "Identifier": (
            _EXTENSIONS,
            _Place("use", _TEXT),
            _Place("type", _PASSED),
            _Place("system", _TEXT),
            _Place("value", _TEXT),
            _Place("period", _PASSED),
            _Place("assigner", _PASSED),
        ),
        "Period": (_EXTENSIONS, _Place("start", _TEXT), _Place("end", _TEXT)),
    }
)


def is_xml(raw: bytes) -> bool:
    """Whether these bytes begin as XML does; JSON of a resource begins with a brace."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"<")


def as_json(raw: bytes) -> bytes:
    """The same document in JSON, for the reader.

    Raises:
        ConsentError: it is no plain XML of a Consent; with the faults, by place and rule.
    """
    try:
        root = parse(raw, SIZE_LIMIT)
    except Malformed as error:
        raise ConsentError(ConsentFault(one.path, str(one.keyword)) for one in error.faults) from None
    if root.tag != f"{_NAMESPACE}Consent":
        raise ConsentError([ConsentFault("/resourceType", "code-list")])
    walk = _Walk()
    root.attrib.pop(_SCHEMA, "")
    document = walk.structure(root, "Consent", "/Consent")
    if walk.faults:
        raise ConsentError(walk.faults[:_MOST_FAULTS])
    return orjson.dumps({"resourceType": "Consent"} | document)


class _Walk:
    """One pass over one document; notes every fault."""

    def __init__(self) -> None:
        self.faults: list[ConsentFault] = []

    def _fault(self, path: str, keyword: str) -> None:
        self.faults.append(ConsentFault(path, keyword))

    def structure(self, element: etree._Element, table: str, path: str) -> dict[str, object]:
        """An object of the JSON: the elements of one table, each in its place and order."""
        made: dict[str, object] = {}
        known = set() if table == "Consent" else {"id"}  # a resource has its id as an element
        if (own := self._attributes(element, path, known).get("id")) is not None:
            made["id"] = own
        places = {place.name: (number, place) for number, place in enumerate(_PLACES[table])}
        last = 0
        for child in element:
            name = self._name(child, path)
            if name is None:
                continue
            if name not in places:
                made["*"] = True  # not of this type: the reader refuses it where it stands
                continue
            number, place = places[name]
            if number < last:
                self._fault(f"{path}/{name}", "order")
            last = max(last, number)
            self._put(made, child, place, f"{path}/{name}")
        self._no_text(element, path)
        if not made:
            self._fault(path, "missing")
        return made

    def _put(self, made: dict[str, object], child: etree._Element, place: _Place, path: str) -> None:
        value = self._value(made, child, place, path)
        if place.many:
            found = made.setdefault(place.name, [])
            if isinstance(found, list):
                found.append(value)
        elif place.name in made:
            self._fault(path, "duplicate-key")
        elif value is not None:
            made[place.name] = value

    def _value(self, made: dict[str, object], child: etree._Element, place: _Place, path: str) -> object:
        if place.kind == _PASSED:
            return {}
        if place.kind == _EXTENSION:
            return {"url": self._attributes(child, path, {"id", "url"}).get("url", "")}
        if place.kind in (_TEXT, _BOOLEAN):
            return self._primitive(made, child, place, path)
        return self.structure(child, place.kind, path)

    def _primitive(self, made: dict[str, object], child: etree._Element, place: _Place, path: str) -> object:
        attributes = self._attributes(child, path, {"id", "value"})
        if len(child) or "id" in attributes:  # something is said beside the value, or instead of it
            made[f"_{place.name}"] = {}
        self._no_text(child, path)
        value = attributes.get("value")
        if value is None and not len(child):
            self._fault(path, "missing")
        if place.kind == _BOOLEAN and value in ("true", "false"):
            return value == "true"
        return value

    def _attributes(self, element: etree._Element, path: str, known: set[str]) -> dict[str, str]:
        found = {str(name): str(value) for name, value in element.attrib.items()}
        if found.keys() - known:
            self._fault(path, "unexpected")
        return found

    def _name(self, child: etree._Element, path: str) -> str | None:
        tag = str(child.tag)
        if not tag.startswith(_NAMESPACE):
            self._fault(f"{path}/*", "unexpected")
            return None
        return tag.removeprefix(_NAMESPACE)

    def _no_text(self, element: etree._Element, path: str) -> None:
        if any(text and text.strip() for text in (element.text, *(child.tail for child in element))):
            self._fault(path, "text")
