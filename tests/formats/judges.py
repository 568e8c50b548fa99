# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Strict readers that share no code with ours: expat and the published schemas, and for what has none our own reading.

Each says what it has against a message of which our reader made events; nothing: it takes it too. What our reader steps
over is not judged: names and addresses are not ours to check, and an edge that wants it configures the schemas.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat

import jsonschema_rs
import yaml  # type: ignore[import-untyped]  # ships no types
from lxml import etree

from adapters.formats.fhir_lists import PLACES
from adapters.formats.native import NativeEvent
from schemas.event import Ending, Kind, Law
from tests.formats.istandaard_rules import broken
from tests.formats.judge_fhir_rules import broken_rules

Judge = Callable[[bytes, list[NativeEvent]], list[str]]

# -- XML -------------------------------------------------------------------------------------------------------------


_XSD_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?")
# A comment would cut a text in two.
_ALONE = etree.XMLParser(remove_comments=True, remove_pis=True)


def _well_formed(data: bytes) -> list[str]:
    """What expat, another parser than ours, has against it; a document type is refused."""
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    found: list[str] = []
    parser.StartDoctypeDeclHandler = lambda *_: found.append("a document type")
    try:
        parser.Parse(data.removeprefix(b"\xef\xbb\xbf"), True)
    except expat.ExpatError as error:
        found.append(f"expat: {error}")
    return found


def _everywhere(_: list[str]) -> bool:
    return True


def _schema_says(schema: etree.XMLSchema, root: etree._Element, judged: Callable[[list[str]], bool]) -> list[str]:
    """The findings of an XSD in places that are judged: `judged` gets the names from the root to the place."""
    for leaf in root.iter():
        # White space around a day does not count (XML Schema part 2, 4.3.6), but for libxml2 it does.
        if leaf.text is not None and _XSD_DAY.fullmatch(leaf.text.strip(" \t\r\n")):
            leaf.text = leaf.text.strip(" \t\r\n")
    if schema.validate(root):
        return []
    spaces = {prefix: uri for each in root.iter() for prefix, uri in each.nsmap.items() if prefix}
    found = []
    for entry in schema.error_log:  # type: ignore[attr-defined]  # the stubs know nothing of it
        places = root.xpath(entry.path or "/*", namespaces=spaces)
        assert isinstance(places, list)
        place = places[0]
        assert isinstance(place, etree._Element)
        parent = place.getparent()
        if "This element is not expected" in entry.message and parent is not None:
            place = parent
        line = [etree.QName(each).localname for each in [*reversed(list(place.iterancestors())), place]]
        if judged(line):
            found.append(f"{'/'.join(line)}: {entry.type_name}")
    return found


# Of the iStandaarden: what is stepped over, and what our own checks know less of than the official schema does.
UNREAD = frozenset(
    {
        *("Geboortedatum", "Naam", "Product", "XsdVersie", "Identificatie", "Geslacht", "Verwijzer", "Omvang"),
        *("Commentaar", "Raamcontract", "BeschikkingNummer", "GezagsdragerBekend", "Woonplaatsbeginsel"),
        *("IdentificatieRetour", "XsltVersie", "XsdVersieRetour", "RetourCodes", "Budget"),
        *("Contactgegevens", "Relaties", "Communicatie", "JuridischeStatus"),
        "WettelijkeVertegenwoordiging",
    }
)


def _istandaard(folder: Path, prefix: str) -> Judge:
    schemas: dict[str, etree.XMLSchema] = {}

    def judge(data: bytes, _: list[NativeEvent]) -> list[str]:
        found = _well_formed(data)
        root = etree.fromstring(data, _ALONE)
        if etree.QName(root).namespace == "http://www.stufstandaarden.nl/koppelvlak/ggk0210":
            inner = base64.b64decode(root.findtext("{*}parameters/{*}bericht/{*}xmlBestand") or "")
            found += _well_formed(inner)
            root = etree.fromstring(inner, _ALONE)
        number = re.findall(r"[0-9]{3}", str(etree.QName(root).namespace))[0]
        if number not in schemas:
            schemas[number] = etree.XMLSchema(file=str(folder / f"{prefix}{number}.xsd"))
        found += _schema_says(schemas[number], root, lambda line: not UNREAD & set(line))
        is_return = int(number) % 2 == 0  # tells nothing, whatever it is about
        if found or is_return:
            return found
        for place in [one for one in root.iter(etree.Element) if etree.QName(one).localname in UNREAD]:
            for inside in list(place.iterdescendants(etree.Element)):
                if etree.QName(inside).localname.endswith("Product"):  # of a whole message in there, say: it is dropped
                    inside.getparent().remove(inside)
        return sorted(broken("ijw" if prefix == "JW" else "iwmo", root))

    return judge


def _oso(standards: Path) -> Judge:
    schema = etree.XMLSchema(file=str(standards / "education" / "oso-2019.1" / "OSO_gegevensset.xsd"))
    return lambda data, _: _well_formed(data) + _schema_says(schema, etree.fromstring(data, _ALONE), _everywhere)


_SUWI = {
    "UWVAanvrUitkStatusInfoResponse": "UWVDossierAanvraagUitkeringStatusGSD-v0200-b01",
    "GSDReintegratieInfoResponse": "GSDDossierReintegratie-v0200-b04",
    "UwvWbPersoonsInfoResponse": "UWVWbDossierPersoonGSD-v0200-b01",
    "BijstandsregelingenInfoResponse": "Bijstandsregelingen-v0500-b04",
}


def _suwi(standards: Path) -> Judge:
    schemas: dict[str, etree.XMLSchema] = {}

    def judge(data: bytes, _: list[NativeEvent]) -> list[str]:
        root = etree.fromstring(data, _ALONE)
        body = root.find("{*}Body")
        if body is not None:
            (root,) = body
        name = etree.QName(root).localname
        if name not in schemas:
            (file,) = (standards / "suwi" / "suwiml" / _SUWI[name]).glob("Diensten/*/*/BodyReaction.xsd")
            schemas[name] = etree.XMLSchema(file=str(file))
        alone = etree.fromstring(etree.tostring(root, with_tail=False))
        return _well_formed(data) + _schema_says(schemas[name], alone, _everywhere)

    return judge


# -- FHIR ------------------------------------------------------------------------------------------------------------


def _fhir(standards: Path) -> Judge:
    schema = json.loads((standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json").read_bytes())
    judges: dict[str, jsonschema_rs.Validator] = {}

    def takes(resource: Mapping[str, Any]) -> bool:
        name = resource["resourceType"]
        if name not in judges:
            judges[name] = jsonschema_rs.validator_for(
                {"$schema": schema["$schema"], "definitions": schema["definitions"], "$ref": f"#/definitions/{name}"}
            )
        return judges[name].is_valid(resource)

    def judge(data: bytes, _: list[NativeEvent]) -> list[str]:
        if data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            found = _well_formed(data)
            root = etree.fromstring(data, _ALONE)
            kept = _kept_xml(root, etree.QName(root).localname)
        else:
            value = _strict_json(data)
            kept = _kept_json(value, value["resourceType"])
            found = broken_rules(value)
        resources = [one["resource"] for one in kept.get("entry", []) if "resource" in one]
        refused = [one["resourceType"] for one in [kept, *resources] if not takes(one)]
        return found + [f"the schema of R4 refuses {name}" for name in refused]

    return judge


def _kept_json(value: Mapping[str, Any], table: str) -> dict[str, Any]:
    """Only the places that are kept; of a resource that nobody reads its type alone."""
    kept = {"resourceType": value["resourceType"]} if "resourceType" in value else {}
    for name, item in value.items():
        place = PLACES[table].get(name)
        if place is None or not place.kept or (place.many and not isinstance(item, list)):
            continue
        items = [_inner_json(one, place.inside) for one in (item if place.many else [item])]
        items = [one for one in items if one is not None]
        if items:
            kept[name] = items if place.many else items[0]
    return kept


def _inner_json(item: Any, table: str | None) -> Any:
    if table != "Resource":
        return item if table is None or item is None else _kept_json(item, table)
    name = item.get("resourceType")
    return _kept_json(item, name) if name in PLACES else None


def _kept_xml(element: etree._Element, table: str) -> dict[str, Any]:
    """The same of a resource in XML."""
    kept: dict[str, Any] = {"resourceType": table} if "meta" in PLACES[table] or table == "Bundle" else {}
    for child in element.iterchildren(etree.Element):
        place = PLACES[table].get(etree.QName(child).localname)
        if place is None or not place.kept:
            continue
        item: Any = child.get("value")
        if place.inside == "Resource":
            name = etree.QName(child[0]).localname
            item = _kept_xml(child[0], name) if name in PLACES else None
        elif place.inside is not None:
            item = _kept_xml(child, place.inside)
        elif place.name == "doNotPerform" and item is not None:
            item = item == "true"
        if item is None or item == {}:
            continue
        if place.many:
            kept.setdefault(place.name, []).append(item)
        else:
            kept[place.name] = item
    return kept


# -- JSON ------------------------------------------------------------------------------------------------------------


def _strict_json(data: bytes) -> Any:
    """JSON by the standard library, as strict as it can be made; raises ValueError."""

    def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        pairs = list(pairs)
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key that stands twice")
        return dict(pairs)

    def no_constant(_: str) -> None:
        raise ValueError("a constant that is not JSON")

    value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)
    json.dumps(value, ensure_ascii=False).encode()  # half a character has no UTF-8
    return value


def _by_schema(schema: Mapping[str, Any], reduced: Callable[[Any], Any] = lambda value: value) -> Judge:
    validator = jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True)

    def judge(data: bytes, _: list[NativeEvent]) -> list[str]:
        value = reduced(_strict_json(data))
        return [f"{list(error.instance_path)}: {error.kind.name}" for error in validator.iter_errors(value)]

    return judge


def _text(**rules: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, **rules}


def _maybe(**rules: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, _text(**rules)]}


# After the JSON Schema of CloudEvents 1.0; the types of extensions are those of its section 3.1, and so is what no text may have.
_NO_CHARACTERS = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef\\ufffe\\uffff]*$"
_EVENT = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": _text(pattern=_NO_CHARACTERS),
        "source": _text(format="uri-reference"),
        "specversion": {"const": "1.0"},
        "type": _text(pattern=_NO_CHARACTERS),
        "subject": _maybe(pattern=_NO_CHARACTERS),
        "time": _maybe(format="date-time"),
        "datacontenttype": _maybe(pattern='^[^/ \\s;]+/[^/ \\s;]+([ \\t]*;[ \\t]*[^=;\\s]+=("[^"]*"|[^;\\s"]+))*$'),
        "dataschema": _maybe(format="uri"),
        "data": True,
        "data_base64": {
            "type": ["string", "null"],
            "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        },
    },
    "additionalProperties": {
        "type": ["string", "boolean", "integer", "null"],
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
        "pattern": _NO_CHARACTERS,
    },
    "not": {"required": ["data", "data_base64"]},
}
_CLOUDEVENTS = {"if": {"type": "array"}, "then": {"items": _EVENT}, "else": _EVENT}

_DAY = {"type": "string", "format": "date"}
_TEAM_ENTRY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "soort", "datum", "wet"],
    "anyOf": [{"required": ["clientnummer"]}, {"required": ["bsn"]}],
    "additionalProperties": False,
    "properties": {
        "id": _text(pattern="^[0-9A-Za-z._:-]{1,64}$"),
        "soort": {"enum": [kind.value for kind in Kind]},
        "afloop": {"enum": [None, *(ending.value for ending in Ending)]},
        "datum": _DAY,
        "wet": {"enum": [law.value for law in Law]},
        "kenmerk": _maybe(pattern="^[0-9A-Za-z-]{1,64}$"),
        "clientnummer": _maybe(maxLength=64),
        "bsn": _maybe(pattern="^[0-9]{9}$"),
        "ingetrokken": {"type": ["boolean", "null"]},
    },
    "if": {"properties": {"afloop": {"type": "string"}}, "required": ["afloop"]},
    "then": {"properties": {"soort": {"const": "beeindigd"}}},
}
_ENDS: dict[str, Any] = {"enum": ["aangevraagd", "toegekend", "afgewezen", "beeindigd"]}
_SCHOOL_ENTRY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "soort", "gebeurtenis", "datum", "leerlingnummer"],
    "additionalProperties": False,
    "properties": {
        "id": _text(pattern="^[0-9A-Za-z._:-]{1,64}$"),
        "soort": True,
        "gebeurtenis": True,
        "afloop": {"enum": [None, *(ending.value for ending in Ending)]},
        "datum": _DAY,
        "leerlingnummer": _text(maxLength=64),
        "ingetrokken": {"type": ["boolean", "null"]},
    },
    "oneOf": [
        {"properties": {"soort": {"enum": ["tlv", "arrangement"]}, "gebeurtenis": _ENDS}},
        {"properties": {"soort": {"const": "opp"}, "gebeurtenis": {"enum": ["gestart", "gewijzigd", "beeindigd"]}}},
        {"properties": {"soort": {"const": "verzuim"}, "gebeurtenis": {"const": "gemeld"}}},
    ],
    "if": {"properties": {"afloop": {"type": "string"}}, "required": ["afloop"]},
    "then": {"properties": {"gebeurtenis": {"const": "beeindigd"}}},
}


def _form(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["formaat", "versie", "afzender", "meldingen"],
        "additionalProperties": False,
        "properties": {
            "formaat": {"const": name},
            "versie": {"const": "1"},
            "afzender": _text(format="uri-reference", maxLength=256),
            "meldingen": {"type": "array", "items": entry},
        },
    }


def _team() -> Judge:
    in_json = _by_schema(_form("schakel-team", _TEAM_ENTRY))
    line = jsonschema_rs.Draft202012Validator(
        {**_TEAM_ENTRY, "properties": {**_TEAM_ENTRY["properties"], "afzender": _text(format="uri-reference")}},
        validate_formats=True,
    )

    def judge(data: bytes, events: list[NativeEvent]) -> list[str]:
        text = data.decode("utf-8-sig")
        if text.lstrip().startswith(("{", "[")):
            return in_json(data, events)
        text = text.lstrip("\r\n")
        head = text.partition("\n")[0]
        delimiter = ";" if head.count(";") > head.count(",") else ","
        found = []
        for row in csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter):
            # Those beyond the header are a list, under no name.
            filled = any("".join(value or "").strip() for value in row.values())
            if not filled:  # a row of separators alone
                continue
            entry: dict[Any, Any] = {name and name.strip(): value for name, value in row.items() if value}
            if "ingetrokken" in entry:
                entry["ingetrokken"] = {"ja": True, "nee": False}[entry["ingetrokken"].lower()]
            found += [error.kind.name for error in line.iter_errors(entry)]
        return found

    return judge


# What the reader looks at in each resource of the Zaken and Notificaties API.
_ZGW_READ = {
    "zaak": (
        "Zaak",
        {
            *("url", "zaaktype", "verantwoordelijkeOrganisatie", "startdatum", "einddatum", "identificatie"),
        },
    ),
    "status": ("Status", {"url", "zaak", "statustype", "datumStatusGezet"}),
    "resultaat": ("Resultaat", {"url", "zaak", "resultaattype"}),
    "rollen": ("Rol", {"zaak", "omschrijvingGeneriek", "betrokkeneType"}),
    "notificatie": ("Message", {"kanaal", "hoofdObject", "resourceUrl", "aanmaakdatum", "resource", "actie"}),
}


def _zgw(standards: Path) -> Judge:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parts: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for file in ("zaken-openapi.yaml", "notificaties-openapi.yaml"):
        text = (standards / "municipality" / "zgw" / file).read_text("utf-8")
        known |= yaml.load(text, loader)["components"]["schemas"]  # noqa: S506  # a safe loader
    for part, (name, read) in _ZGW_READ.items():
        rules = known[name]
        properties = {key: _nullable(rule) for key, rule in rules["properties"].items() if key in read}
        parts[part] = {"type": "object", "properties": properties, "required": sorted(read & set(rules["required"]))}
    parts["rollen"] = {"type": "array", "items": parts["rollen"]}
    schema = {
        "type": "object",
        "properties": parts,
        "required": ["zaak", "rollen"],
        "additionalProperties": False,
        "components": {"schemas": known},
    }
    # A part that says null is one that is not there.
    return _by_schema(schema, lambda value: {key: item for key, item in value.items() if item is not None})


def _nullable(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A property of OpenAPI 3.0 in the words of JSON Schema."""
    return {"anyOf": [{"type": "null"}, dict(rule)]} if rule.get("nullable") else dict(rule)


# -- segments --------------------------------------------------------------------------------------------------------

_CLINICAL = r"(ACC )?(DG1 )*(DRG )*(AL1 )*(PR1 (AUT (CTD )?)?)*(OBR (NTE |OBX |PRT )*)*(PV1 (PV2 )?)?(NTE )*"
_ABOUT = r"(AUT (CTD )?)?(PRD (CTD )*)+PID "
_STRUCTURES = {
    "REF": rf"MSH (SFT )*(UAC )?RF1 {_ABOUT}(NK1 )*(GT1 )*(IN1 (IN2 )?(IN3 )?)*{_CLINICAL}",
    "RRI": rf"MSH (SFT )*(UAC )?(MSA )?RF1 {_ABOUT}{_CLINICAL}",
    "SIU": r"MSH SCH (TQ1 )*(NTE )*PID (PD1 )?(PV1 )?(PV2 )?(OBX )*(DG1 )*"
    r"(RGS (AIS (NTE )*)*(AIG (NTE )*)*(AIL (NTE )*)*(AIP (NTE )*)*)+",
    "ORU": r"MSH (SFT )*(UAC )?PID (PD1 )?(PRT |NTE |NK1 |ARV |OBX )*(PV1 (PV2 )?(PRT )*)?((ORC (PRT )*)?OBR (NTE |ROL |PRT )*"
    r"(TQ1 (TQ2 )*)*(CTD )?(OBX |PRT |NTE )*(FT1 )*(CTI )*(SPM (OBX |PRT )*)*)+(DSC )?",
}
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def _hl7v2(data: bytes, events: list[NativeEvent]) -> list[str]:
    """By hand and from the description: segments that are there and in order, and events that say what stands there."""
    found: list[str] = []
    lines = [line for line in re.split(r"\r\n|\r|\n", data.decode("latin-1")) if line]
    starts = [number for number, line in enumerate(lines) if line.startswith("MSH")]
    bsns: set[str] = set()
    numbers: set[str] = set()
    senders: set[str] = set()
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        message = [line.split("|") for line in lines[start:end] if line[:3] not in ("BTS", "FTS", "BHS")]
        names = [segment[0] for segment in message]
        header = ["MSH", "|", *message[0][1:], *[""] * 20]
        kind = header[9].split("^")[0]
        order = "".join(f"{name} " for name in names if not name.startswith("Z"))
        if re.fullmatch(_STRUCTURES[kind], order) is None:
            found.append("a segment is missing or out of order")
        if kind == "RRI" and any(segment[0] == "MSA" and segment[1] not in ("AA", "CA") for segment in message):
            found.append("an answer that something went wrong")
        states = {[*segment, *[""] * 30][25] for segment in message if segment[0] == "OBR"} - {'""'}
        if kind == "ORU" and states <= set("INOSXYZ") and states:
            found.append("a result that did not arrive")
        if (
            names.count("PID") != 1
            or header[11].split("^")[:2] not in (["P"], ["P", ""], ["P", "T"])
            or not header[12].startswith("2.")
        ):
            found.append("two clients, a test, or another version")
        if not re.match(r"(19|20|21)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", header[7]):
            found.append("no moment")
        senders.add(header[4].split("^")[0].split("&")[0])
        for one in message[names.index("PID")][3].split("~"):
            parts = [part.split("&")[0] for part in [*one.split("^"), *[""] * 4]]
            (bsns if parts[3] == "NLMINBIZA" else numbers).add(parts[0])
    for event in events:
        who = event.citizen
        assert who is not None
        if who.bsn is not None and (who.bsn not in bsns or _eleven(who.bsn)):
            found.append("a BSN that stands nowhere or is none")
        if who.own_number is not None and who.own_number not in numbers:
            found.append("a number that stands nowhere")
        if event.sender not in senders:
            found.append("a sender that stands nowhere")
    return found


def _eleven(bsn: str) -> int:
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, bsn, strict=True)) % 11


def _medvri(_: bytes, events: list[NativeEvent]) -> list[str]:
    return ["an event of a letter"] * len(events)


def judges(standards: Path | None) -> dict[str, Judge]:
    """A strict reader per format; without the published standards those that need none of them."""
    cloudevents = _by_schema(_CLOUDEVENTS)
    found: dict[str, Judge] = {
        "cloudevents": cloudevents,
        "corv": cloudevents,
        "team": _team(),
        "school": _by_schema(_form("schakel-school", _SCHOOL_ENTRY)),
        "hl7v2": _hl7v2,
        "medvri": _medvri,
    }
    if standards is None:
        return found
    xsd = standards / "iwmo_ijw" / "xsd"
    return found | {
        "iwmo": _istandaard(xsd / "iwmo-3.2", "WMO"),
        "ijw": _istandaard(xsd / "ijw-3.2", "JW"),
        "oso": _oso(standards),
        "suwi": _suwi(standards),
        "fhir": _fhir(standards),
        "zgw": _zgw(standards),
    }
