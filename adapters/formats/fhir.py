# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""FHIR R4 resources as events: Task, ServiceRequest, CarePlan, EpisodeOfCare, Appointment, Communication.

- Alone or in a Bundle, JSON or XML. A file is taken whole or refused whole, with every fault that was found.
- A status of the standard that says nothing that is told is refused by name (`no-event`), and so is a plan or option.
- The client is known by BSN or by the own numbering system, never by name; a reference is followed within the file only.
- Codes, reasons, notes, narrative, inputs and outputs are dropped before an object of ours exists.
- FHIR has no word for the law: the configuration says under which law this system's messages are told.

The identity has no day in it: a resource says the same status again whenever anything else in it changes. When it last
changed stands in `course`; the edge, which has the history, tells by it a status that came back, and a resumption.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark, xml_mark
from adapters.formats.fhir_lists import NO_ORDERS, RESOURCES, Resource
from adapters.formats.fhir_shape import TYPE, Kept, R4Schema, read
from adapters.formats.moments import day_of_match, dutch_day, moment, moment_of_match
from adapters.formats.native import Course, FormatConfig, Keyword, NativeEvent
from adapters.formats.xml_strict import Walk
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="fhir",
    partner="huisarts en zorgnetwerk",
    standard="HL7 FHIR",
    version="R4",
    status=Status.STANDARD,
    reads=("Task", "ServiceRequest", "CarePlan", "EpisodeOfCare", "Appointment", "Communication", "Bundle"),
    tells=(2, 4, 8, 9, 10, 11, 12, 13, 14, 111, 114, 122, 214, 222, 311, 522, 901),
)
_IN_JSON, _IN_XML = json_mark(rb'"resourceType"\s*:'), xml_mark(b"http://hl7.org/fhir")
BSN: Final = "http://fhir.nl/fhir/NamingSystem/bsn"
AGB: Final = "http://fhir.nl/fhir/NamingSystem/agb-z"
URA: Final = "http://fhir.nl/fhir/NamingSystem/ura"

_BSN = re.compile(r"[0-9]{9}")
_CODES = {AGB: re.compile(r"[0-9]{8}"), URA: re.compile(r"[0-9]{1,8}")}
_OWN_NUMBER = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")
_KEY_LIMIT = 512
_DAY_OF = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)(?:\.[0-9]{1,12})?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead>0[0-9]|1[0-4]):(?P<past>[0-5][0-9])))?"
)
_VERSION = re.compile(r"/_history/[A-Za-z0-9.-]{1,64}\Z")
_BUNDLES = frozenset({"collection", "transaction", "batch", "message", "searchset"})
# In the standard, and no statement of how things are now: versions, answers, and a clinical document.
_OTHER_BUNDLES = frozenset({"document", "history", "transaction-response", "batch-response"})
_TELLING = frozenset({"POST", "PUT"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})


def recognises(data: bytes) -> bool:
    """Whether this looks like FHIR, damaged or not: by the key or the namespace that every resource has."""
    return _IN_JSON(data) or _IN_XML(data)


class FhirReader:
    """Reads one resource or one Bundle; JSON is validated against the official schema too when it is configured."""

    name = "fhir"

    def __init__(self, config: FormatConfig) -> None:
        self._law = config.laws.get(self.name)
        self._own_number_system = config.own_number_system
        self._schema = None if config.fhir_schema is None else R4Schema(config.fhir_schema)

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return the events, what is called back first; raises `Malformed`."""
        walk = Walk()
        resource, source = read(data, walk)
        # What is told under no law can be told to nobody; the rest of the file is looked at all the same.
        if self._law is None:
            walk.fault("/", Keyword.LAW)
        file = _File(walk, self._law or Law.WMO, self._own_number_system)
        events = file.events(resource)
        # Last, and only where nothing was found: our own checks say where.
        if self._schema is not None and source is not None and not walk.faults and not self._schema.takes(source):
            walk.fault(f"/{resource[TYPE]}", Keyword.SCHEMA)
        walk.finish()
        return sorted(events, key=lambda event: not event.retracts)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One resource that tells, where it stands, and what its references may point at."""

    resource: Kept
    path: str
    others: Mapping[str, Kept]


class _File:
    """One file on its way to events."""

    def __init__(self, walk: Walk, law: Law, own_number_system: str | None) -> None:
        self._walk = walk
        self._law = law
        self._own_number_system = own_number_system

    def events(self, resource: Kept) -> list[NativeEvent]:
        found: dict[tuple[object, ...], NativeEvent] = {}
        entries = list(self._entries(resource))
        if not entries:
            self._walk.fault("/Bundle/entry", Keyword.NO_EVENT)
        for entry in entries:
            for event in self._told(entry):
                stated = None if event.course is None else event.course.at
                if found.setdefault((event.identity, stated), event) != event:
                    self._walk.fault(entry.path, Keyword.DUPLICATE)
        return list(found.values())

    # -- bundles ---------------------------------------------------------------------------------------------------

    def _entries(self, resource: Kept) -> Iterator[_Entry]:
        if resource[TYPE] != "Bundle":
            yield _Entry(resource, f"/{resource[TYPE]}", _contained(resource, {}))
            return
        kind = _text(resource, "type")
        self._word(kind, "/Bundle/type", _BUNDLES, _OTHER_BUNDLES)
        entries = _structures(resource, "entry")
        others = self._addresses(entries)
        for number, entry in enumerate(entries, 1):
            path = f"/Bundle/entry[{number}]"
            one = entry.get("resource")
            if not self._counts(entry, kind, path) or not isinstance(one, dict) or one[TYPE] not in RESOURCES:
                continue
            yield _Entry(one, f"{path}/resource", _contained(one, others))

    def _counts(self, entry: Kept, kind: str | None, path: str) -> bool:
        """Whether the entry says how things are, and is not an order to a server or a companion of what was asked."""
        if "response" in entry:
            self._walk.fault(f"{path}/response", Keyword.UNEXPECTED)
        mode = _inside(entry, "search", "mode")
        if mode is not None:
            self._word(mode, f"{path}/search/mode", frozenset({"match", "include", "outcome"}), frozenset())
        if kind in ("transaction", "batch"):
            method = _inside(entry, "request", "method")
            self._word(method, f"{path}/request/method", _TELLING, _METHODS - _TELLING)
        elif "request" in entry:
            self._walk.fault(f"{path}/request", Keyword.UNEXPECTED)
        return mode in (None, "match")

    def _addresses(self, entries: list[Kept]) -> dict[str, Kept]:
        """What a reference may say -> the resource; what two resources share points at neither."""
        found: dict[str, Kept] = {}
        shared: set[str] = set()
        full: set[str] = set()
        for number, entry in enumerate(entries, 1):
            resource, url = entry.get("resource"), _text(entry, "fullUrl")
            if url is not None and url in full:
                self._walk.fault(f"/Bundle/entry[{number}]/fullUrl", Keyword.DUPLICATE)
            if not isinstance(resource, dict):
                continue
            names = {f"{resource[TYPE]}/{_text(resource, 'id')}"} if "id" in resource else set()
            if url is not None:
                full.add(url)
                names.add(url)
            shared |= names & found.keys()
            found.update(dict.fromkeys(names, resource))
        return {name: resource for name, resource in found.items() if name not in shared}

    def _word(self, word: str | None, path: str, good: frozenset[str], other: frozenset[str]) -> None:
        if word is None:
            self._walk.fault(path, Keyword.MISSING)
        elif word not in good:
            self._walk.fault(path, Keyword.NO_EVENT if word in other else Keyword.CODE_LIST)

    # -- one resource ----------------------------------------------------------------------------------------------

    def _told(self, entry: _Entry) -> list[NativeEvent]:
        rules = RESOURCES[str(entry.resource[TYPE])]
        status = _text(entry.resource, "status")
        path = f"{entry.path}/status"
        self._word(status, path, frozenset(rules.meanings), frozenset(rules.statuses))
        self._intent(entry, rules)
        citizen = self._citizen(entry, rules)
        key = self._key(entry)
        if status is None or status not in rules.meanings or citizen is None or key is None:
            return []
        meaning = rules.meanings[status]
        if meaning is None:
            return self._called_back(entry, rules, citizen, key)
        kind, ending = meaning
        course = self._course(entry, rules, citizen, key)
        day, teller = self._day(entry, rules.days[kind]), self._organisation(entry, rules.teller[kind])
        if teller is None:
            self._walk.fault(f"{entry.path}/{rules.teller[kind]}", Keyword.MISSING)
        if day is None or teller is None:
            return []
        return [
            NativeEvent(
                event=Event(kind, day, self._law, ending),
                citizen=citizen,
                sender=teller,
                receiver=self._receiver(entry, rules, kind),
                identity=(*course.key, kind.value),
                course=course,
            )
        ]

    def _called_back(self, entry: _Entry, rules: Resource, citizen: Citizen, key: tuple[str, ...]) -> list[NativeEvent]:
        """Everything that may have been told about this resource by whoever is named in it."""
        places = dict.fromkeys(place for days in rules.days.values() for place in days)
        day, course = self._day(entry, tuple(places)), self._course(entry, rules, citizen, key)
        tellers = {kind: self._organisation(entry, place) for kind, place in rules.teller.items()}
        if not any(tellers.values()):
            self._walk.fault(f"{entry.path}/{next(iter(rules.teller.values()))}", Keyword.MISSING)
        if day is None:
            return []
        return [
            NativeEvent(
                event=Event(kind, day, self._law),
                citizen=citizen,
                sender=teller,
                receiver=self._receiver(entry, rules, kind),
                identity=(*course.key, kind.value),
                retracts=True,
                course=course,
            )
            for kind, teller in tellers.items()
            if teller is not None
        ]

    def _intent(self, entry: _Entry, rules: Resource) -> None:
        if rules.intents is not None:
            intent = _text(entry.resource, "intent")
            self._word(intent, f"{entry.path}/intent", frozenset(rules.intents), frozenset(NO_ORDERS))
        if _text(entry.resource, "doNotPerform") == "true":
            self._walk.fault(f"{entry.path}/doNotPerform", Keyword.NO_EVENT)

    def _key(self, entry: _Entry) -> tuple[str, ...] | None:
        """What stays the same as long as the resource is about the same thing."""
        kind = str(entry.resource[TYPE])
        for identifier in _structures(entry.resource, "identifier"):
            system, value = _text(identifier, "system"), _text(identifier, "value")
            if _text(identifier, "use") != "old" and system is not None and value is not None:
                if len(system) + len(value) <= _KEY_LIMIT:
                    return ("fhir", kind, system, value)
                self._walk.fault(f"{entry.path}/identifier", Keyword.PATTERN)
                return None
        name = _text(entry.resource, "id")
        if name is None:
            self._walk.fault(f"{entry.path}/id", Keyword.MISSING)
            return None
        return ("fhir", kind, "", name)

    def _course(self, entry: _Entry, rules: Resource, citizen: Citizen, key: tuple[str, ...]) -> Course:
        """Whose statuses these are, and when the resource was last changed: by its own word, or by the server's."""
        changed = _text(entry.resource, "lastModified") or _inside(entry.resource, "meta", "lastUpdated")
        parts = None if changed is None else _DAY_OF.fullmatch(changed)
        at = None if parts is None else _moment_of(parts)
        who = (citizen.bsn or "", citizen.own_number or "")
        return Course((*key, *who), at, restated=True, resumes=rules.resumes)

    def _day(self, entry: _Entry, places: tuple[str, ...]) -> int | None:
        for place in places:
            structure, _, name = place.rpartition(".")
            text = _inside(entry.resource, structure, name) if structure else _text(entry.resource, name)
            if text is None:
                continue
            parts = _DAY_OF.fullmatch(text)
            path = f"{entry.path}/{place.replace('.', '/')}"
            # The standard allows a year or a month alone; nothing happened on these.
            day = None if parts is None else _day_of(parts)
            if day is None:
                self._walk.fault(path, Keyword.DATE)
            return day
        self._walk.fault(f"{entry.path}/{places[0].replace('.', '/')}", Keyword.MISSING)
        return None

    # -- who -------------------------------------------------------------------------------------------------------

    def _citizen(self, entry: _Entry, rules: Resource) -> Citizen | None:
        path = f"{entry.path}/{rules.subject}"
        if rules.subject == "participant":
            references = [one for one in _actors(entry) if _points_at(one, entry, "Patient")]
        else:
            references = _structures(entry.resource, rules.subject)
        if not references:
            self._walk.fault(path, Keyword.MISSING)
            return None
        if len(references) > 1:  # about several persons at once: which of them is not ours to choose
            self._walk.fault(path, Keyword.REPEATED)
            return None
        if not _may_be(references[0], entry, "Patient"):
            self._walk.fault(path, Keyword.NO_EVENT)
            return None
        return self._numbers(_identifiers(references[0], entry, "Patient"), path)

    def _numbers(self, identifiers: list[Kept], path: str) -> Citizen | None:
        found: dict[str, set[str]] = {BSN: set(), self._own_number_system or "": set()}
        for identifier in identifiers:
            system, value = _text(identifier, "system"), _text(identifier, "value")
            if system in found and system and value is not None and _text(identifier, "use") != "old":
                found[system].add(value)
        bsns, numbers = found[BSN], found[self._own_number_system or ""]
        where = f"{path}/identifier"
        if len(bsns) > 1 or len(numbers) > 1:
            self._walk.fault(where, Keyword.REPEATED)
        elif not bsns and not numbers:
            self._walk.fault(where, Keyword.MISSING)
        elif not all(map(_BSN.fullmatch, bsns)) or not all(map(_OWN_NUMBER.fullmatch, numbers)):
            self._walk.fault(where, Keyword.PATTERN)
        else:
            try:
                return Citizen(next(iter(bsns), None), next(iter(numbers), None))
            except ValueError:
                self._walk.fault(where, Keyword.ELEVEN_TEST)
        return None

    def _organisation(self, entry: _Entry, place: str) -> str | None:
        """The code of the one organisation that is named here; a person's own number is never used."""
        references = _actors(entry) if place == "participant" else _structures(entry.resource, place)
        codes = {code for reference in references if (code := self._code(reference, entry)) is not None}
        if len(codes) > 1:
            self._walk.fault(f"{entry.path}/{place}", Keyword.REPEATED)
        return codes.pop() if len(codes) == 1 else None

    def _code(self, reference: Kept, entry: _Entry) -> str | None:
        found: dict[str, str] = {}
        for identifier in _identifiers(reference, entry, "Organization"):
            system, value = _text(identifier, "system"), _text(identifier, "value")
            if system in _CODES and value is not None and _CODES[system].fullmatch(value) is not None:
                found.setdefault(system, value)
        # Both are eight digits, so only one of them can go without saying which it is.
        return found.get(AGB) or (f"{URA}|{found[URA]}" if URA in found else None)

    def _receiver(self, entry: _Entry, rules: Resource, kind: Kind) -> str | None:
        teller = rules.teller[kind]
        others = set(rules.teller.values()) - {teller}
        place = rules.told or next(iter(others), None)
        if place is None:
            return None
        references = _structures(entry.resource, place)
        codes = {code for reference in references if (code := self._code(reference, entry)) is not None}
        return codes.pop() if len(codes) == 1 else None


def _day_of(parts: re.Match[str]) -> int | None:
    if parts["hour"] is None:
        return dutch_day(parts["date"], 12, 0, 0, 0)
    return day_of_match(parts)


def _moment_of(parts: re.Match[str]) -> int | None:
    return moment(parts["date"], 12, 0, 0, 0) if parts["hour"] is None else moment_of_match(parts)


def _text(structure: Kept, name: str) -> str | None:
    value = structure.get(name)
    return value if isinstance(value, str) else None


def _inside(structure: Kept, name: str, inner: str) -> str | None:
    value = structure.get(name)
    return _text(value, inner) if isinstance(value, dict) else None


def _structures(structure: Kept, name: str) -> list[Kept]:
    value = structure.get(name)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _contained(resource: Kept, others: Mapping[str, Kept]) -> Mapping[str, Kept]:
    inner = {f"#{_text(one, 'id')}": one for one in _structures(resource, "contained") if "id" in one}
    return {**others, **inner} if inner else others


def _actors(entry: _Entry) -> list[Kept]:
    return [actor for one in _structures(entry.resource, "participant") for actor in _structures(one, "actor")]


def _target(reference: Kept, entry: _Entry) -> Kept | None:
    text = _text(reference, "reference")
    return None if text is None else entry.others.get(_VERSION.sub("", text))


def _kind_of(reference: Kept, entry: _Entry) -> str | None:
    """The type of resource a reference names; None when nothing tells."""
    target = _target(reference, entry)
    if target is not None:
        return str(target[TYPE])
    named = _text(reference, "type")
    if named is not None:
        return named
    parts = _VERSION.sub("", _text(reference, "reference") or "").split("/")
    return parts[-2] if len(parts) > 1 else None


def _may_be(reference: Kept, entry: _Entry, kind: str) -> bool:
    return _kind_of(reference, entry) in (None, kind)


def _points_at(reference: Kept, entry: _Entry, kind: str) -> bool:
    return _kind_of(reference, entry) == kind or any(
        _text(identifier, "system") == BSN for identifier in _structures(reference, "identifier")
    )


def _identifiers(reference: Kept, entry: _Entry, kind: str) -> list[Kept]:
    """The numbers in a reference, and those of the resource of this type that it points at."""
    target = _target(reference, entry)
    if target is not None and target[TYPE] == "PractitionerRole" and kind == "Organization":
        return [one for inner in _structures(target, "organization") for one in _identifiers(inner, entry, kind)]
    there = _structures(target, "identifier") if target is not None and target[TYPE] == kind else []
    return _structures(reference, "identifier") + there
