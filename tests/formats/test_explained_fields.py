# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What is explained as used has an effect, and what is explained as dropped has none: each field is changed and read.

- A change in a field that is used changes the events, or the message is refused; in at least one message here.
- A change in a field that is dropped changes nothing. Only one that is `checked` may have the message refused, and any where the
  schema of the standard is held in the whole message.
"""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types
from lxml import etree

from adapters.formats import (
    READERS,
    fhir_fields,
    hl7v2_fields,
    oso_fields,
    oso_lists,
    suwi_fields,
    suwi_lists,
    the_format,
    zgw_fields,
)
from adapters.formats.explain import Explained, Ground
from adapters.formats.fhir import AGB, BSN
from adapters.formats.fhir_lists import PLACES, RESOURCES
from adapters.formats.hl7v2_lists import MESSAGES
from adapters.formats.native import FormatConfig, Malformed, NativeEvent, Reader, SubjectKind
from adapters.formats.xml_shape import Shape
from schemas.event import Law
from tests.formats.format_vectors import MORE_TYPES, VECTORS, with_every_segment
from tests.formats.test_fhir_reader import OWN, as_bytes, as_xml, full, with_canaries

CONFIG = FormatConfig(
    cloudevent_types=MORE_TYPES, subject_kind=SubjectKind.BSN, laws={"fhir": Law.WMO, "hl7v2": Law.WMO}
)
# A value that matters only where it is a certain one.
TELLING = {"/MSH/3/1": ["SCHAKEL"], "/Communication/instantiatesUri": ["urn:schakel:melding"]}
NUMBERS = {"fhir": OWN, "hl7v2": "HIS"}
# What MEDVRI says is for a person, so nothing of it is used; iWmo and iJw have tests of their own.
CHANGED = [name for name in READERS if name not in ("medvri", "iwmo", "ijw")]
# Of these the whole message is held against its standard, also what is dropped.
HELD_WHOLE = frozenset({"oso", "suwi"})
_DATE = re.compile(r"(?P<month>(?:19|20)[0-9]{2}-?[01][0-9]-?)(?P<day>[0-3][0-9])")
_NAMESPACE = "{http://hl7.org/fhir}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a message: its path, and the message with another value there; None: without it."""

    path: tuple[str, ...]
    value: object
    change: Callable[[object], bytes]


def reader_of(name: str) -> Reader:
    config = FormatConfig(
        cloudevent_types=CONFIG.cloudevent_types,
        subject_kind=CONFIG.subject_kind,
        laws=CONFIG.laws,
        own_number_system=NUMBERS.get(name),
    )
    return READERS[name](config)


def explain(name: str, data: bytes) -> list[Explained]:
    found = READERS[name].explain
    assert found is not None
    return found(data)


def messages(name: str) -> list[bytes]:
    """The valid vectors of a format, its canary messages, and one of every status for FHIR."""
    found = [path.read_bytes() for path in sorted((VECTORS / name / "valid").iterdir())]
    if name == "fhir":
        found += [one for kind in RESOURCES for one in _of_every_kind(kind)]
        found += [as_bytes(one) for kind in RESOURCES for one in (_pointing(kind), _in_a_bundle(kind))]
    if name == "hl7v2":
        one_of_each = ("ref_i12", "rri_i12_afgewezen", "siu_s12", "oru_r01")
        found += [_filled((VECTORS / name / "valid" / f"{one}.hl7").read_bytes()) for one in one_of_each]
        # Without the number that comes first, and with no moment but that of the message.
        for before, after in (
            (b"\rSCH||A-1^HIS", b"\rSCH|A-1^HIS|"),
            (b"|F-1^LAB|", b"||"),
            (b"R-100^HIS|20260302", b"|20260302||||R-100^HIS"),
        ):
            found += [data.replace(before, after) for data in found if before in data and data.count(b"MSH|") == 1]
    return found


def _of_every_kind(kind: str) -> Iterator[bytes]:
    """One resource with a canary in every place per kind of event, and one that says no more than it must."""
    one_each = {meaning and meaning[0]: status for status, meaning in RESOURCES[kind].meanings.items()}
    for number, status in enumerate(one_each.values()):
        resource = {**with_canaries(kind)[0], "status": status}
        yield as_bytes(resource)
        if number == 0:
            yield as_xml(resource)
        bare = dict.fromkeys(("identifier", "executionPeriod", "period", "authoredOn", "created", "sent", "start"))
        yield as_bytes({place: value for place, value in resource.items() if place not in bare})
        yield as_bytes({place: value for place, value in resource.items() if place not in {**bare, "lastModified": 0}})


_NAMED: dict[str, dict[str, Any]] = {
    "Patient": {"id": "p", "identifier": [{"use": "official", "system": BSN, "value": "999900006"}]},
    "Organization": {"id": "o", "identifier": [{"use": "official", "system": AGB, "value": "01234567"}]},
    "PractitionerRole": {"id": "r", "organization": {"reference": "ORGANISATIE", "display": "KANARIE"}},
}


def _pointing(kind: str, patient: str = "#p", organisation: str = "#o", role: str = "#r") -> dict[str, Any]:
    """A resource whose references point at others, inside it or beside it."""
    rules, resource = RESOURCES[kind], full(kind)
    status = next(status for status, meaning in rules.meanings.items() if meaning is not None)
    resource |= {"status": status, "contained": [{"resourceType": name, **one} for name, one in _NAMED.items()]}
    resource["contained"][-1]["organization"] = {"reference": organisation, "display": "KANARIE"}
    whom = {"reference": patient, "type": "Patient"}
    for number, place in enumerate(dict.fromkeys([*rules.teller.values(), rules.told])):
        if place == "participant":
            actors = ({"actor": whom}, {"actor": {"reference": role}})
            resource[place] = [{**one, "status": "accepted"} for one in actors]
        elif place is not None:
            one = {"reference": role if number == 0 else organisation, "type": "Organization"}
            resource[place] = [one] if PLACES[kind][place].many else one
    return resource if rules.subject == "participant" else {**resource, rules.subject: whom}


def _in_a_bundle(kind: str) -> dict[str, Any]:
    patient = "Patient/p" if kind == "Task" else "https://his.example/Patient/p"
    resource = _pointing(kind, patient, "Organization/o", "PractitionerRole/r")
    entries = [{"resource": one, "search": {"mode": "include"}} for one in resource.pop("contained")]
    entries[0]["fullUrl"] = "https://his.example/Patient/p"
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "meta": {"lastUpdated": "2026-03-03T10:00:00Z"},
        "entry": [{"resource": {**resource, "text": {"div": "KANARIE"}}, "search": {"mode": "match"}}, *entries],
    }


def _filled(data: bytes) -> bytes:
    """Every field that holds nothing gets something to say, and every segment that may be there stands there."""
    lines = data.decode("latin-1").rstrip("\r\n").splitlines()
    kind = next(line.split("|")[8].split("^")[0] for line in lines if line.startswith("MSH"))
    filled = []
    for line in lines:
        segment, *fields = line.split("|")
        read = {"MSH": {17, 18}, "PID": set(), "RF1": {7, 8, 9}, "SCH": {1, 2, 25}, "OBR": {2, 3}}
        first = 2 if segment == "MSH" else 1
        if segment in read and segment != "MSH":
            fields += [""] * (20 - len(fields))
            fields = [
                text or ("" if place in read[segment] else f"KANARIE{place}^KANARIE&KANARIE")
                for place, text in enumerate(fields, first)
            ]
        filled.append("|".join([segment, *fields]))
    if not any(line.startswith(("BHS", "FHS")) for line in lines) and data.count(b"MSH|") == 1:
        filled = with_every_segment(kind, filled)
    return "".join(f"{line}\r" for line in filled).encode("latin-1")


# -- the leaves of a message -----------------------------------------------------------------------------------------


def leaves(data: bytes) -> list[Leaf]:
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return _json_leaves(json.loads(text))
    if text.startswith(b"<"):
        return _xml_leaves(etree.fromstring(text))
    if text.startswith((b"MSH", b"BHS", b"FHS")):
        return _hl7_leaves(data.decode("latin-1"))
    return _csv_leaves(data.decode("utf-8-sig"))


def _json_leaves(whole: Any) -> list[Leaf]:
    found: list[Leaf] = []

    def changed(place: tuple[Any, ...], value: object) -> bytes:
        copy = deepcopy(whole)
        holder = copy
        for step in place[:-1]:
            holder = holder[step]
        if value is None:
            del holder[place[-1]]
        else:
            holder[place[-1]] = value
        return json.dumps(copy).encode()

    def walk(value: Any, place: tuple[Any, ...], path: tuple[str, ...]) -> None:
        if isinstance(value, list):
            for number, item in enumerate(value):
                walk(item, (*place, number), path)
        elif isinstance(value, dict):
            kind = value.get("resourceType")
            below = path if kind is None else (*path, kind)
            for key, item in value.items():
                if key != "resourceType":
                    walk(item, (*place, key), (*below, key.removeprefix("_") if kind else key))
        elif value is not None:
            found.append(Leaf(path, value, lambda new, place=place: changed(place, new)))

    walk(whole, (), ())
    return found


def _xml_leaves(root: etree._Element) -> list[Leaf]:
    found = []
    elements = list(root.iter())
    for number, element in enumerate(elements):
        fhir = str(element.tag).startswith(_NAMESPACE)
        if element.get("value") is None if fhir else len(element):
            continue

        def changed(new: object, number: int = number, *, fhir: bool = fhir) -> bytes:
            copy = deepcopy(root)
            target = list(copy.iter())[number]
            parent = target.getparent()
            if new is None and parent is not None:
                parent.remove(target)
            elif fhir:
                target.set("value", str(new))
            else:
                target.text = str(new)
            return etree.tostring(copy, encoding="UTF-8")

        path = [*reversed(list(element.iterancestors())), element]
        names = tuple(etree.QName(one).localname for one in path)
        if names[:2] == ("Envelope", "Body"):
            names = names[2:]  # an answer out of its envelope
        found.append(Leaf(names, element.get("value") if fhir else element.text or "", changed))
    return found


def _hl7_leaves(text: str) -> list[Leaf]:
    found = []
    pieces = re.split(r"([\r\n|~^&]+)", text)
    segment, field, component, inner, seen = "", 0, 1, 1, set[str]()
    for number, piece in enumerate(pieces):
        if number % 2:
            for sign in piece:
                if sign in "\r\n":
                    segment = ""
                elif sign == "|":
                    field, component, inner = field + 1, 1, 1
                elif sign == "~":
                    component, inner = 1, 1
                elif sign == "^":
                    component, inner = component + 1, 1
                else:
                    inner += 1
            continue
        if not segment and piece:
            if piece == "MSH":
                seen = set()
            segment, field, component, inner = piece, 1 if piece == "MSH" else 0, 1, 1
            shown = f"{piece}[2]" if piece in seen else piece
            seen.add(piece)
            continue
        if piece and piece != "\\":

            def changed(new: object, number: int = number) -> bytes:
                return "".join([*pieces[:number], str(new or ""), *pieces[number + 1 :]]).encode("latin-1")

            names = (shown, str(field), str(component)) + ((str(inner),) if inner > 1 else ())
            found.append(Leaf(names, piece, changed))
    return found


def _csv_leaves(text: str) -> list[Leaf]:
    """By lines and separators: no vector has one inside a value."""
    lines = text.splitlines(keepends=True)
    mark = ";" if ";" in lines[0] else ","
    names = lines[0].rstrip("\r\n").split(mark)
    found = []
    for row, line in enumerate(lines[1:], 1):
        cells = line.rstrip("\r\n").split(mark)
        for column, cell in enumerate(cells):
            if not cell or '"' in line:
                continue

            def changed(new: object, row: int = row, column: int = column, cells: list[str] = cells) -> bytes:
                other = [*cells[:column], str(new or ""), *cells[column + 1 :]]
                return "".join([*lines[:row], mark.join(other) + "\r\n", *lines[row + 1 :]]).encode()

            found.append(Leaf((names[column],), cell, changed))
    return found


def alterations(value: object) -> Iterator[object]:
    """Another value of the same kind, where there is one, and one that is nobody's."""
    if isinstance(value, bool):
        yield not value
        return
    if isinstance(value, int | float):
        yield value + 1
        return
    text = str(value)
    date = _DATE.search(text)
    if date is not None:
        yield text[: date.start("day")] + ("05" if date["day"] != "05" else "06") + text[date.end("day") :]
    elif text:
        last = text[-1]
        yield text[:-1] + (str((int(last) + 1) % 10) if last in "0123456789" else "q" if last != "q" else "z")
    yield "KANARIE"


# -- the promise -----------------------------------------------------------------------------------------------------


def _read(reader: Reader, data: bytes) -> list[NativeEvent] | None:
    try:
        return reader.read(data)
    except Malformed:
        return None


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_explained_as_used_reaches_the_event_and_what_is_dropped_never_does(name: str) -> None:
    reader, used, felt = reader_of(name), set[str](), set[str]()
    for data in messages(name):
        before = _read(reader, data)
        if before is None:
            continue
        fields = {tuple(field.path.split("/")[1:]): field for field in explain(name, data)}
        for leaf in leaves(data):
            lengths = range(len(leaf.path), 0, -1)
            field = next((fields[leaf.path[:length]] for length in lengths if leaf.path[:length] in fields), None)
            if field is None or field.dropped is not None:
                # Also what no table knows, which is shown as `*`.
                ground = None if field is None else field.dropped
                for value in alterations(leaf.value):
                    after = _read(reader, leaf.change(value))
                    # Bytes in text are of a form too: another text is no CloudEvent.
                    may_refuse = ground is Ground.CHECKED or name in HELD_WHOLE or leaf.path == ("data_base64",)
                    assert after == before or (after is None and may_refuse), leaf.path
                continue
            # A resource means the same alone and in a Bundle.
            place = field.path.removeprefix("/Bundle/entry/resource")
            used.add(place)
            if place not in felt and any(
                _read(reader, leaf.change(value)) != before
                for value in (*alterations(leaf.value), None, *TELLING.get(field.path, ()))
            ):
                felt.add(place)
    assert used
    assert not sorted(used - felt)


@pytest.mark.parametrize("name", READERS)
def test_no_value_of_a_message_is_in_what_is_explained(name: str) -> None:
    for data in messages(name):
        shown = repr(explain(name, data))
        assert not [word for word in ("KANARIE", "anarie", "999900006", "999900018", "2031") if word in shown]


@pytest.mark.parametrize("name", READERS)
def test_a_field_that_no_table_knows_is_shown_as_unknown_and_not_by_its_name(name: str) -> None:
    data = messages(name)[0]
    strange = {
        b"{": lambda: data.replace(b"{", b'{"Zandlopersma": "x", "KANARIE": {"y": 1},', 1),
        b"[": lambda: data.replace(b"{", b'{"Zandlopersma": "x", "KANARIE": {"y": 1},', 1),
        b"<": lambda: re.sub(rb"(</[^<>]+>\s*)\Z", rb"<Zandlopersma>KANARIE</Zandlopersma>\1", data.rstrip()),
        b"M": lambda: data + b"ZZZ|KANARIE\r",
        b"U": lambda: data.replace(b"PAD+", b"ZZZ+", 1),
        b"a": lambda: data.replace(b"\r\n", b",Zandlopersma\r\n", 1).replace(b"\r\n", b",KANARIE\r\n"),
    }[data.lstrip()[:1]]()
    assert strange != data
    fields = explain(name, strange)
    assert [field for field in fields if field.dropped is Ground.UNKNOWN and field.path.endswith("*")]
    assert "Zandlopersma" not in repr(fields)
    assert "KANARIE" not in repr(fields)


# -- the tables and the standards ------------------------------------------------------------------------------------


def test_every_element_of_fhir_that_the_reader_knows_is_in_its_table() -> None:
    for kind in (*RESOURCES, "Bundle"):
        known = {place.partition("/")[0] for place in fhir_fields.table(kind)}
        assert known >= set(PLACES[kind]), kind


def test_the_other_types_of_resource_are_those_of_the_official_schema(standards: Path) -> None:
    schema = json.loads((standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json").read_bytes())
    read = {*RESOURCES, "Bundle", "Patient", "Organization", "PractitionerRole"}
    assert {*fhir_fields.OTHER_TYPES} == set(schema["discriminator"]["mapping"]) - read


def test_every_segment_that_may_stand_in_a_message_is_in_its_table() -> None:
    for kind, message in MESSAGES.items():
        known = {place.partition("/")[0] for place in hl7v2_fields.FIELDS[kind]}
        assert known >= message.names, kind


def _names(fields: dict[str, Any]) -> set[str]:
    return {name for place in fields for name in place.split("/")}


def _looked_at(lists: ModuleType) -> list[Shape]:
    return [value for name, value in vars(lists).items() if isinstance(value, Shape) and not name.startswith("_")]


def test_every_place_of_oso_and_of_suwi_that_the_reader_knows_is_in_a_table() -> None:
    models = _looked_at(oso_lists)
    assert {child.name for model in models for child in model.children} <= _names(dict(oso_fields.FIELDS)) | {
        child.name for child in oso_lists.CATEGORIES.children
    }
    models = _looked_at(suwi_lists)
    assert {child.name for model in models for child in model.children} <= {
        name for fields in suwi_fields.FIELDS.values() for name in _names(dict(fields))
    }


def test_every_property_of_the_published_api_of_zgw_is_in_its_table(standards: Path) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas: dict[str, Any] = {}
    for file in ("zaken-openapi.yaml", "notificaties-openapi.yaml"):
        text = (standards / "municipality" / "zgw" / file).read_text("utf-8")
        schemas |= yaml.load(text, loader)["components"]["schemas"]  # noqa: S506  # safe
    parts = {"notificatie": "Message", "zaak": "Zaak", "status": "Status", "resultaat": "Resultaat", "rollen": "Rol"}
    for part, schema in parts.items():
        known = {place.split("/")[1] for place in zgw_fields.FIELDS if place.startswith(f"{part}/")}
        assert set(schemas[schema]["properties"]) <= known, part


# What published examples have that is on no list of their standard, or not on ours; dropped as such.
STRANGERS = {
    "eoverdracht-stu3/eOverdracht-Task-REQUESTED.xml": ["/Task/requester/*"],  # STU3
    "scp-orca/test_expected-bundle.json": ["/Bundle/*"],  # `bundleType`; the official schema refuses it too
    "nl-gov-cloudevents/cloudevent_1.json": ["/*"],  # extensions of the sender's own
    "nl-gov-cloudevents/cloudevent_2.json": ["/*"],
    **{f"hl7v2/REF-{name}.hl7": ["/RF1/*"] for name in ("I12-01", "I14-01", "I14-02")},  # a 25th field
}


def test_every_field_of_every_published_example_is_explained(standards: Path) -> None:
    strangers, explained = dict[str, list[str]](), 0
    for path in sorted(standards.glob("*/examples/*/*")):
        data = path.read_bytes()
        if path.suffix == ".hl7":
            data = data.rstrip(b"\r\n") + (b"\n" if b"\n" in data else b"\r")
        try:
            fields = explain(the_format(data), data)
        except Malformed:  # of no format, or another message of it
            continue
        explained += 1
        if unknown := sorted(field.path for field in fields if field.dropped is Ground.UNKNOWN):
            strangers[f"{path.parent.name}/{path.name}"] = unknown
    assert explained > 40
    assert strangers == STRANGERS
