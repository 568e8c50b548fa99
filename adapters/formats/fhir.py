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
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark, xml_mark
from adapters.formats.fhir_bundle import Entry, entries, word
from adapters.formats.fhir_lists import NO_ORDERS, RESOURCES, WRITTEN_BY, Resource
from adapters.formats.fhir_rules import check, day_in, left_behind, moment_in, references
from adapters.formats.fhir_shape import TYPE, Kept, R4Schema, inside, read, structures, text
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


class _File:
    """One file on its way to events."""

    def __init__(self, walk: Walk, law: Law, own_number_system: str | None) -> None:
        self._walk = walk
        self._law = law
        self._own_number_system = own_number_system

    def events(self, resource: Kept) -> list[NativeEvent]:
        found: dict[tuple[object, ...], NativeEvent] = {}
        stated: dict[tuple[object, ...], str] = {}
        telling = list(entries(resource, self._walk))
        if not telling:
            self._walk.fault("/Bundle/entry", Keyword.NO_EVENT)
        for entry in telling:
            for event in self._told(entry):
                at = None if event.course is None else event.course.at
                about = None if event.course is None else event.course.key
                # One resource in two states at one moment, or the same one on two days: which holds nobody can say.
                status = text(entry.resource, "status") or ""
                if stated.setdefault((about, at), status) != status or (
                    found.setdefault((event.identity, at), event) != event
                ):
                    self._walk.fault(entry.path, Keyword.DUPLICATE)
        return list(found.values())

    # -- one resource ----------------------------------------------------------------------------------------------

    def _told(self, entry: Entry) -> list[NativeEvent]:
        rules = RESOURCES[str(entry.resource[TYPE])]
        status = text(entry.resource, "status")
        path = f"{entry.path}/status"
        word(self._walk, status, path, frozenset(rules.meanings), frozenset(rules.statuses))
        self._intent(entry, rules)
        check(entry, rules, self._walk)
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

    def _called_back(self, entry: Entry, rules: Resource, citizen: Citizen, key: tuple[str, ...]) -> list[NativeEvent]:
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

    def _intent(self, entry: Entry, rules: Resource) -> None:
        if rules.intents is not None:
            intent = text(entry.resource, "intent")
            word(self._walk, intent, f"{entry.path}/intent", frozenset(rules.intents), frozenset(NO_ORDERS))
        own = entry.resource.get("instantiatesUri")
        if isinstance(own, list) and WRITTEN_BY in own:
            self._walk.fault(f"{entry.path}/instantiatesUri", Keyword.NO_EVENT)
        if text(entry.resource, "doNotPerform") == "true":
            self._walk.fault(f"{entry.path}/doNotPerform", Keyword.NO_EVENT)

    def _key(self, entry: Entry) -> tuple[str, ...] | None:
        """What stays the same as long as the resource is about the same thing."""
        kind = str(entry.resource[TYPE])
        for identifier in structures(entry.resource, "identifier"):
            system, value = text(identifier, "system"), text(identifier, "value")
            if text(identifier, "use") != "old" and system is not None and value is not None:
                if len(system) + len(value) <= _KEY_LIMIT:
                    return ("fhir", kind, system, value)
                self._walk.fault(f"{entry.path}/identifier", Keyword.PATTERN)
                return None
        name = text(entry.resource, "id")
        if name is None:
            self._walk.fault(f"{entry.path}/id", Keyword.MISSING)
            return None
        return ("fhir", kind, "", name)

    def _course(self, entry: Entry, rules: Resource, citizen: Citizen, key: tuple[str, ...]) -> Course:
        """Whose statuses these are, and when the resource was last changed: by its own word, or by the server's."""
        changed = text(entry.resource, "lastModified") or inside(entry.resource, "meta", "lastUpdated")
        at = None if changed is None else moment_in(changed)
        who = (citizen.bsn or "", citizen.own_number or "")
        return Course((*key, *who), at, restated=True, resumes=rules.resumes)

    def _day(self, entry: Entry, places: tuple[str, ...]) -> int | None:
        for place in places:
            structure, _, name = place.rpartition(".")
            said = inside(entry.resource, structure, name) if structure else text(entry.resource, name)
            if said is None:
                continue
            path = f"{entry.path}/{place.replace('.', '/')}"
            # The standard allows a year or a month alone; nothing happened on these.
            day = day_in(said)
            if day is None:
                self._walk.fault(path, Keyword.DATE)
            return day
        self._walk.fault(f"{entry.path}/{places[0].replace('.', '/')}", Keyword.MISSING)
        return None

    # -- who -------------------------------------------------------------------------------------------------------

    def _citizen(self, entry: Entry, rules: Resource) -> Citizen | None:
        path = f"{entry.path}/{rules.subject}"
        found = references(entry, rules.subject)
        if rules.subject == "participant":
            found = [one for one in found if _points_at(one, entry, "Patient")]
        if not found:
            self._walk.fault(path, Keyword.MISSING)
            return None
        if len(found) > 1:  # about several persons at once: which of them is not ours to choose
            self._walk.fault(path, Keyword.REPEATED)
            return None
        if not _kinds(found[0], entry) <= {"Patient"}:
            self._walk.fault(path, Keyword.NO_EVENT)
            return None
        return self._numbers(self._identifiers(found[0], entry, "Patient"), path)

    def _numbers(self, identifiers: list[Kept], path: str) -> Citizen | None:
        found: dict[str, set[str]] = {BSN: set(), self._own_number_system or "": set()}
        for identifier in identifiers:
            system, value = text(identifier, "system"), text(identifier, "value")
            if system in found and system and value is not None and text(identifier, "use") != "old":
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

    def _organisation(self, entry: Entry, place: str) -> str | None:
        """The code of the one organisation that is named here; a person's own number is never used."""
        codes = {code for one in references(entry, place) if (code := self._code(one, entry)) is not None}
        if len(codes) > 1:
            self._walk.fault(f"{entry.path}/{place}", Keyword.REPEATED)
        return codes.pop() if len(codes) == 1 else None

    def _code(self, reference: Kept, entry: Entry) -> str | None:
        found: dict[str, str] = {}
        for identifier in self._identifiers(reference, entry, "Organization"):
            system, value = text(identifier, "system"), text(identifier, "value")
            if system in _CODES and value is not None and _CODES[system].fullmatch(value) is not None:
                found.setdefault(system, value)
        # Both are eight digits, so only one of them can go without saying which it is.
        return found.get(AGB) or (f"{URA}|{found[URA]}" if URA in found else None)

    def _identifiers(self, reference: Kept, entry: Entry, kind: str) -> list[Kept]:
        """The numbers in a reference, and those of the resource of this type that it points at."""
        found = entry.target(reference)
        if found is not None and found.resource[TYPE] == "PractitionerRole" and kind == "Organization":
            # Of a role the organisation in which somebody has it, and one step only: two roles may point at each other.
            (reference,) = structures(found.resource, "organization") or [{}]
            found = entry.target(reference)
        if found is None or found.resource[TYPE] != kind:
            return structures(reference, "identifier")
        retired = left_behind(found)
        if retired is not None:
            self._walk.fault(retired, Keyword.NO_EVENT)
        return structures(reference, "identifier") + structures(found.resource, "identifier")

    def _receiver(self, entry: Entry, rules: Resource, kind: Kind) -> str | None:
        teller = rules.teller[kind]
        others = set(rules.teller.values()) - {teller}
        place = rules.told or next(iter(others), None)
        if place is None:
            return None
        codes = {code for one in references(entry, place) if (code := self._code(one, entry)) is not None}
        return codes.pop() if len(codes) == 1 else None


def _kinds(reference: Kept, entry: Entry) -> set[str]:
    """Every type of resource that a reference names, and that of what it points at; nothing: nothing tells."""
    target, named, said = entry.target(reference), text(reference, "type"), text(reference, "reference")
    parts = [] if said is None else said.partition("/_history/")[0].split("/")
    kinds = {str(target.resource[TYPE])} if target is not None else {parts[-2]} if len(parts) > 1 else set()
    return kinds if named is None else {*kinds, named}


def _points_at(reference: Kept, entry: Entry, kind: str) -> bool:
    return kind in _kinds(reference, entry) or any(
        text(identifier, "system") == BSN for identifier in structures(reference, "identifier")
    )
