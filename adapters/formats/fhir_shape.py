# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""FHIR R4 in JSON or XML, checked against the table of places and brought down to what is kept.

- Both give the same plain structure: objects, lists and texts of the places that the table keeps, and nothing else.
- An element that the table does not know, stands twice, or stands (in XML) out of order is a fault.
- `modifierExtension` and `implicitRules` are faults: the standard forbids to read what they may have changed. So they are
  in the header of a message, of which nothing else is read.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import TypeAlias

import jsonschema_rs
import orjson
from lxml import etree

from adapters.formats import json_strict
from adapters.formats.fhir_lists import CHOICES, PLACES, RESOURCES, Place
from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed
from adapters.formats.xml_strict import SPACE, Walk, parse

_DEPTH_LIMIT = 32
NAMESPACE = "{http://hl7.org/fhir}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,60}")
_BOOLEANS = frozenset({"doNotPerform", "active"})
# The forms of the primitives that are kept, by the name of their place; section *Datatypes* of the standard.
_MOMENT = re.compile(
    r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?"
)
_INSTANT = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
)
_FORMS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("authoredOn", "lastModified", "created", "sent", "received", "start", "end"), _MOMENT),
    "instant": _INSTANT,
    "id": re.compile(r"[A-Za-z0-9.-]{1,64}"),
    # The mark counts as white space in the pattern of the official schema (ECMAScript), and not in Python's.
    **dict.fromkeys(("system", "fullUrl", "type"), re.compile(r"[^\s\ufeff]+")),
}
# A text of R4 has four kinds of white space and no other.
_FOREIGN_SPACE = re.compile(r"[^\S \r\n\t]|\ufeff")
# The code lists of those that have one; a status of a resource is looked up by whoever reads it.
_CODES: Mapping[str, frozenset[str]] = {
    "use": frozenset({"usual", "official", "temp", "secondary", "old"}),
    "participation": frozenset({"accepted", "declined", "tentative", "needs-action"}),
    "link": frozenset({"replaced-by", "replaces", "refer", "seealso"}),
}
_DATED = frozenset({_MOMENT, _INSTANT})
_DAY = len("2026-03-03")
_READ = frozenset(RESOURCES) | {"Patient", "Organization", "PractitionerRole"}
_RESOURCES = _READ | {"Bundle"}
_ON_RESOURCE = frozenset({_XSI})
_ON_STRUCTURE = frozenset({"id"})
TYPE = "resourceType"
_HEADER = "MessageHeader"
_CHANGES_ALL = ("implicitRules", "modifierExtension")

# A kept structure: texts, structures and lists of these by the name of their place.
Kept: TypeAlias = dict[str, "str | Kept | list[str | Kept]"]


class R4Schema:
    """The official JSON Schema of R4: it knows also what is dropped. Compiled once; says yes or no, and no value.

    Raises:
        ValueError: the file is missing or is not that schema.
    """

    def __init__(self, file: Path) -> None:
        try:
            schema = orjson.loads(file.read_bytes())
            self._judges = {
                name: jsonschema_rs.validator_for(
                    {
                        "$schema": schema["$schema"],
                        "definitions": schema["definitions"],
                        "$ref": f"#/definitions/{name}",
                    }
                )
                for name in (*RESOURCES, "Bundle")
            }
        except (OSError, ValueError, KeyError, TypeError):
            raise ValueError(f"{file.name} is missing or is not the JSON Schema of FHIR R4") from None

    def takes(self, resource: Mapping[str, object]) -> bool:
        """Whether the whole resource is as the standard says; its type is one that is read."""
        return self._judges[str(resource[TYPE])].is_valid(resource)


def read(data: bytes, walk: Walk) -> tuple[Kept, Mapping[str, object] | None]:
    """The one resource in these bytes, and the JSON it stands in; raises `Malformed`, notes what else is wrong."""
    name, root = parsed(data)
    if isinstance(root, Mapping):
        return _Json(walk).structure(root, name, f"/{name}"), root
    return _Xml(walk).structure(root, name, f"/{name}"), None


def parsed(data: bytes) -> tuple[str, etree._Element | Mapping[str, object]]:
    """The type of the one resource in these bytes, and what the parser made of it; raises `Malformed`."""
    if data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"<"):
        root = parse(data, SIZE_LIMIT, _DEPTH_LIMIT)
        name = str(root.tag).removeprefix(NAMESPACE)
        if not str(root.tag).startswith(NAMESPACE) or name not in {*RESOURCES, "Bundle"}:
            raise Malformed((Fault("/", Keyword.VOCABULARY),))
        return name, root
    value = json_strict.parse(data, SIZE_LIMIT, _DEPTH_LIMIT)
    if not isinstance(value, dict):
        raise Malformed((Fault("/", Keyword.TYPE),))
    found = value.get(TYPE)
    if not isinstance(found, str) or found not in {*RESOURCES, "Bundle"}:
        raise Malformed((Fault("/resourceType", Keyword.VOCABULARY),))
    return found, value


def _inner_type(name: object, path: str, walk: Walk) -> str | None:
    """The table of a resource inside another; None: a resource that is not read."""
    if not isinstance(name, str) or _TYPE.fullmatch(name) is None:
        walk.fault(path, Keyword.TYPE)
    # In what is contained stands nothing that tells, and nothing that contains more (dom-2).
    elif name == "Bundle" or (name in RESOURCES and "/contained" in path) or path.count("/contained") > 1:
        walk.fault(path, Keyword.UNEXPECTED)
    elif name in _READ:
        return name
    return None


def _unread(name: object, names: Collection[str], own: object, path: str, walk: Walk) -> Kept:
    """What is left of a resource that is not read: of the header of a message its type, and that nothing changes it; of
    what is contained the id, so that a reference to it points somewhere."""
    if name == _HEADER:
        for one in _CHANGES_ALL:
            if one in names:
                walk.fault(f"{path}/{one}", Keyword.UNEXPECTED)
        return {TYPE: _HEADER}
    return {TYPE: "", "id": own} if isinstance(own, str) and "/contained" in path else {TYPE: ""}


def _sound(form: str, value: str, path: str, walk: Walk) -> str | None:
    """A kept primitive when it has the form of the standard."""
    pattern = _FORMS.get(form)
    if (pattern is not None and pattern.fullmatch(value) is None) or _FOREIGN_SPACE.search(value) is not None:
        walk.fault(path, Keyword.PATTERN)
    elif form in _CODES and value not in _CODES[form]:
        walk.fault(path, Keyword.CODE_LIST)
    elif pattern in _DATED and not _on_the_calendar(value):
        walk.fault(path, Keyword.DATE)
    else:
        return value
    return None


def _on_the_calendar(said: str) -> bool:
    """Whether there is such a day, or such a year."""
    try:
        date.fromisoformat(said[:_DAY] if len(said) >= _DAY else f"{said[:4]}-01-01")
    except ValueError:
        return False
    return True


def _one_of_each_choice(names: Mapping[str, object], table: str, path: str, walk: Walk) -> None:
    for choice in CHOICES.get(table, ()):
        there = [name for name in choice if name in names]
        for name in there[1:]:
            walk.fault(f"{path}/{name}", Keyword.REPEATED)


def _is_extended(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= {"id", "extension"}


# -- what is kept ----------------------------------------------------------------------------------------------------


def text(structure: Kept, name: str) -> str | None:
    """The text in this place; None where there is none."""
    value = structure.get(name)
    return value if isinstance(value, str) else None


def inside(structure: Kept, name: str, inner: str) -> str | None:
    """The text in a place of the structure in this place."""
    value = structure.get(name)
    return text(value, inner) if isinstance(value, dict) else None


def structures(structure: Kept, name: str) -> list[Kept]:
    """The structures in this place, whether it may hold many or one."""
    value = structure.get(name)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


# -- JSON and XML ----------------------------------------------------------------------------------------------------


class _Json:
    """One pass over one resource as orjson gave it."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def structure(self, value: Mapping[str, object], table: str, path: str) -> Kept:
        places = PLACES[table]
        kept: Kept = {TYPE: table}
        if not value:
            self._walk.fault(path, Keyword.MISSING)
        for key, item in value.items():
            if key == TYPE and table in _RESOURCES:
                continue
            place = places.get(key.removeprefix("_"))
            if place is None or (key.startswith("_") and not place.primitive):
                self._walk.fault(f"{path}/*", Keyword.UNEXPECTED)
            elif place.refused:
                self._walk.fault(f"{path}/{place.name}", Keyword.UNEXPECTED)
            elif key.startswith("_"):
                self._beside(item, place, f"{path}/{place.name}")
            else:
                self._place(kept, item, place, f"{path}/{place.name}")
        _one_of_each_choice(value, table, path, self._walk)
        return kept

    def _beside(self, item: object, place: Place, path: str) -> None:
        """The extensions of a primitive."""
        items = item if place.many and isinstance(item, list) else [item]
        if not all(_is_extended(one) or (place.many and one is None) for one in items):
            self._walk.fault(path, Keyword.TYPE)

    def _place(self, kept: Kept, item: object, place: Place, path: str) -> None:
        if not place.many:
            one = self._one(item, place, path)
            if one is not None:
                kept[place.name] = one
            return
        if not isinstance(item, list) or not item:
            self._walk.fault(path, Keyword.TYPE)
            return
        # A null holds the place of a primitive that has extensions only.
        found = [
            self._one(one, place, f"{path}[{number}]")
            for number, one in enumerate(item, 1)
            if one is not None or not place.primitive
        ]
        kept[place.name] = [one for one in found if one is not None]

    def _one(self, item: object, place: Place, path: str) -> "str | Kept | None":
        if place.primitive:
            return self._primitive(item, place, path)
        if not isinstance(item, dict) or not item:
            self._walk.fault(path, Keyword.TYPE)
            return None
        if place.inside == "Resource":
            name = item.get(TYPE)
            table = _inner_type(name, path, self._walk)
            if table is not None:
                return self.structure(item, table, path)
            return _unread(name, item, item.get("id"), path, self._walk)
        return None if place.inside is None else self.structure(item, place.inside, path)

    def _primitive(self, item: object, place: Place, path: str) -> str | None:
        wanted: type | tuple[type, ...] = (str, bool, int, float)
        if place.kept:
            wanted = bool if place.name in _BOOLEANS else str
        if not isinstance(item, wanted) or item == "":
            self._walk.fault(path, Keyword.TYPE)
            return None
        if not place.kept:
            return None
        return _sound(place.form, item, path, self._walk) if isinstance(item, str) else str(item).lower()


class _Xml:
    """One pass over one resource as lxml gave it."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def structure(self, element: etree._Element, table: str, path: str) -> Kept:
        # The id of a structure inside a resource is an attribute in XML.
        places = {name: place for name, place in PLACES[table].items() if name != "id" or table in _RESOURCES}
        order = {name: number for number, name in enumerate(places)}
        kept: Kept = {TYPE: table}
        counts: dict[str, int] = {}
        self._bare(element, path, _ON_RESOURCE if table in _RESOURCES else _ON_STRUCTURE)
        furthest = 0
        for child in element:
            tag = str(child.tag)
            place = places.get(tag.removeprefix(NAMESPACE)) if tag.startswith(NAMESPACE) else None
            if place is None:
                self._walk.fault(f"{path}/*", Keyword.UNEXPECTED)
                continue
            count = counts[place.name] = counts.get(place.name, 0) + 1
            where = f"{path}/{place.name}" + (f"[{count}]" if place.many else "")
            if order[place.name] < furthest:
                self._walk.fault(where, Keyword.ORDER)
            elif place.refused:
                self._walk.fault(f"{path}/{place.name}", Keyword.UNEXPECTED)
            elif count > 1 and not place.many:
                self._walk.fault(where, Keyword.REPEATED)
            else:
                self._place(kept, child, place, where)
            furthest = max(furthest, order[place.name])
        if not counts:
            self._walk.fault(path, Keyword.MISSING)
        _one_of_each_choice(counts, table, path, self._walk)
        return kept

    def _place(self, kept: Kept, child: etree._Element, place: Place, path: str) -> None:
        one = self._one(child, place, path)
        if one is None:
            return
        if place.many:
            inside = kept.setdefault(place.name, [])
            if isinstance(inside, list):
                inside.append(one)
        else:
            kept[place.name] = one

    def _one(self, child: etree._Element, place: Place, path: str) -> "str | Kept | None":
        if place.primitive:
            return self._primitive(child, place, path)
        if place.inside == "Resource":
            return self._resource(child, path)
        if place.inside is not None:
            return self.structure(child, place.inside, path)
        if not len(child):
            self._walk.fault(path, Keyword.MISSING)
        return None

    def _resource(self, child: etree._Element, path: str) -> Kept:
        self._bare(child, path, frozenset())
        if len(child) != 1 or not str(child[0].tag).startswith(NAMESPACE):
            self._walk.fault(path, Keyword.TYPE)
            return {TYPE: ""}
        name = str(child[0].tag).removeprefix(NAMESPACE)
        table = _inner_type(name, path, self._walk)
        if table is not None:
            return self.structure(child[0], table, path)
        names = {str(one.tag).removeprefix(NAMESPACE): one.get("value") for one in child[0]}
        return _unread(name, names, names.get("id"), path, self._walk)

    def _primitive(self, child: etree._Element, place: Place, path: str) -> str | None:
        self._bare(child, path, frozenset({"id", "value"}))
        if any(str(one.tag) != f"{NAMESPACE}extension" for one in child):
            self._walk.fault(f"{path}/*", Keyword.UNEXPECTED)
        value = child.get("value")
        # An id has no content of its own to leave out; every other primitive may have extensions instead of a value.
        if value == "" or (value is None and not len(child)):
            self._walk.fault(path, Keyword.TYPE)
            return None
        if not place.kept or value is None:
            return None
        if place.name in _BOOLEANS and value not in ("true", "false"):
            self._walk.fault(path, Keyword.TYPE)
            return None
        return _sound(place.form, value, path, self._walk)

    def _bare(self, element: etree._Element, path: str, attributes: frozenset[str]) -> None:
        """No text of its own between the elements, and no attribute that the standard does not know."""
        between = [element.text, *(child.tail for child in element)]
        if any(one and one.strip(SPACE) for one in between):
            self._walk.fault(path, Keyword.UNEXPECTED)
        if not attributes.issuperset(map(str, element.attrib)):
            self._walk.fault(f"{path}/@*", Keyword.UNEXPECTED)
