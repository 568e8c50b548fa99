# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""SuwiML: answers of UWV and of municipal social services to a question about one person, as events.

- Four services: application for a benefit, re-integration, UWV-WERKbedrijf, welfare. The answer may stand in its SOAP
  envelope.
- An answer says everything each time. Each fact names its service in `polled`, and the edge tells only what it didn't see
  before: it keeps a keyed hash of each fact, and not the answer.
- Days of applying, deciding, starting and ending are read, and the BSN. Names, addresses, nationality, documents, amounts, debts,
  sanctions, partners, ability to work, views, bans and every code but that of a decision are dropped.
- The law is that of who answers: SUWI for the services of UWV, the Participatiewet for those of a municipality.
- A decision means what the table of the configuration says (`suwi:beslissing:01`): its code list is not published.
- `FWI` (a fault) and `NietGerechtigd` are refused as what they are; `NietsGevonden` is an answer without events.
- A day that the source doesn't know in full (zeros) makes no event. What was got under this law is told on by nobody but its source.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from adapters.formats import suwi_lists as places
from adapters.formats.about import About, Status
from adapters.formats.content_marks import xml_mark
from adapters.formats.explain import Explained, Ground, by_place, explained, xml_paths
from adapters.formats.native import SIZE_LIMIT, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.suwi_fields import FIELDS
from adapters.formats.xml_shape import Shape, hold_to
from adapters.formats.xml_strict import SPACE, Node, Walk, parse
from schemas.calendar import date_text, parse_date
from schemas.event import FIRST_DAY, LAST_DAY, Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="suwi",
    partner="UWV en gemeentelijke sociale dienst",
    standard="SuwiML",
    version="v0200, v0500",
    status=Status.STANDARD,
    reads=("AanvraagUitkeringStatus", "Reintegratie", "UWVWb persoon", "Bijstandsregelingen"),
    tells=(15, 16, 17, 18, 106, 115, 118, 322, 414, 514, 905),
)
recognises = xml_mark(b"http://bkwi.nl/SuwiML/Diensten/")
DECISION_PREFIX: Final = "suwi:beslissing:"
UWV: Final = "urn:suwi:uwv"
_BSN = re.compile(r"[0-9]{9}")
_DATE = re.compile(r"[0-9]{8}")
_COLUMN = re.compile(r"\+?0*[0-9]{1,2}")
_PARTY = re.compile(r"[0-9]{4}")
_DECISION = re.compile(r"[0-9]{2}")

Places = Mapping[str, Sequence[Node]]
# What happened, on which day, and the source that says so.
Fact = tuple[Kind, int, str]


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each field of the answer; raises `Malformed`."""
    root = parse(data, SIZE_LIMIT)
    answer = _unwrapped(root)
    if str(answer.tag) not in _SERVICES:
        raise Malformed((Fault("/", Keyword.VOCABULARY),))
    envelope = [] if answer is root else [Explained("/Envelope", 1, dropped=Ground.TECHNICAL)]
    name = etree.QName(answer).localname
    fields = FIELDS[name]
    if answer.find("ClientSuwi") is not None:  # a warning beside the answer
        fields = {**fields, f"{name}/FWI": Ground.FREE_TEXT}
    return envelope + explained(xml_paths(answer), by_place(fields))


class SuwiReader:
    """Reads one answer."""

    name = "suwi"

    def __init__(self, config: FormatConfig) -> None:
        self._decisions = {
            name.removeprefix(DECISION_PREFIX): kind
            for name, (kind, _) in config.cloudevent_types.items()
            if name.startswith(DECISION_PREFIX)
        }

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return every fact of the answer; raises `Malformed`, also when the source gave no answer."""
        root = _unwrapped(parse(data, SIZE_LIMIT))
        service = _SERVICES.get(str(root.tag))
        if service is None:
            raise Malformed((Fault("/", Keyword.VOCABULARY),))
        reading, node = _Reading(service, self._decisions), Node(root, f"/{etree.QName(root).localname}")
        events = reading.events(node)
        hold_to(service.answer, node, reading.walk)
        reading.walk.finish()
        return events


class _Reading:
    """One answer on its way to events."""

    def __init__(self, service: "_Service", decisions: Mapping[str, Kind]) -> None:
        self.walk = Walk()
        self._service = service
        self._decisions = decisions

    def events(self, root: Node) -> list[NativeEvent]:
        parts = self.children(root, self._service.answer)
        self._outcome(root, parts)
        found: dict[tuple[str, ...], NativeEvent] = {}
        for node in parts["ClientSuwi"]:
            client = self.children(node, self._service.client)
            citizen = self._citizen(client)
            for kind, day, sender in self._service.facts(self, client):
                if citizen is not None:
                    event = self._event(citizen, kind, day, sender)
                    # Two facts of one kind and day are one here: what makes them two stays at the source.
                    found[event.identity] = event
        return list(found.values())

    def _outcome(self, root: Node, parts: Places) -> None:
        """What the source said instead of an answer; a person with a warning beside it is an answer."""
        given = [name for name, nodes in parts.items() if nodes]
        if given == ["FWI"]:
            self.walk.fault(f"{root.path}/FWI", Keyword.SOURCE_FAULT)
        elif given == ["NietGerechtigd"]:
            self.walk.fault(f"{root.path}/NietGerechtigd", Keyword.NOT_ENTITLED)
        elif not given:
            self.walk.fault(f"{root.path}/ClientSuwi", Keyword.MISSING)
        elif given not in (["ClientSuwi"], ["ClientSuwi", "FWI"], ["NietsGevonden"]):
            self.walk.fault(f"{root.path}/{given[-1]}", Keyword.UNEXPECTED)

    def _citizen(self, parts: Places) -> Citizen | None:
        bsn = self.pattern(parts, "Burgerservicenr", _BSN)
        if bsn is None:
            return None
        try:
            return Citizen(bsn=bsn)
        except ValueError:
            self.walk.fault(parts["Burgerservicenr"][0].path, Keyword.ELEVEN_TEST)
            return None

    def _event(self, citizen: Citizen, kind: Kind, day: int, sender: str) -> NativeEvent:
        return NativeEvent(
            event=Event(kind, day, self._service.law),
            citizen=citizen,
            sender=sender,
            receiver=None,
            identity=("suwi", self._service.name, sender, citizen.bsn or "", kind.value, date_text(day)),
            polled=f"suwi {self._service.name}",
        )

    def children(self, node: Node, model: Shape) -> dict[str, list[Node]]:
        return self.walk.children(node, model.space, model.children)

    def pattern(self, parts: Places, name: str, pattern: re.Pattern[str]) -> str | None:
        if not parts[name]:
            return None
        text = self.walk.text(parts[name][0])
        if pattern is _COLUMN:  # a number in this standard, and white space around a number doesn't count
            text = text.strip(SPACE)
        if pattern.fullmatch(text) is None:
            self.walk.fault(parts[name][0].path, Keyword.PATTERN)
            return None
        return text

    def day(self, parts: Places, name: str) -> int | None:
        """The day; None when the source doesn't know all of it, or means *none* by a day out of the calendar."""
        text = self.pattern(parts, name, _DATE)
        if text is None or "0000" in (text[:4], text[4:]) or "00" in (text[4:6], text[6:]):
            return None
        try:
            day = parse_date(f"{text[:4]}-{text[4:6]}-{text[6:]}")
        except ValueError:
            self.walk.fault(parts[name][0].path, Keyword.DATE)
            return None
        return day if FIRST_DAY <= day <= LAST_DAY else None

    def period(self, parts: Places, begins: str, ends: str, kind: Kind, sender: str | None) -> Iterator[Fact]:
        begin, end = self.day(parts, begins), self.day(parts, ends)
        if begin is not None and end is not None and end < begin:
            self.walk.fault(parts[ends][0].path, Keyword.DATE_ORDER)
        if sender is not None and begin is not None:
            yield kind, begin, sender
        if sender is not None and end is not None:
            yield Kind.BEEINDIGD, end, sender

    def application(self, parts: Places, decision: Shape, sender: str | None) -> Iterator[Fact]:
        applied = self.day(parts, "DatAanvraagUitkering")
        if applied is not None and sender is not None:
            yield Kind.AANGEMELD, applied, sender
        for node in parts["BeslissingOpAanvraagUitkering"]:
            found = self.children(node, decision)
            code = self.pattern(found, "CdBeslissingOpAanvraagUitkering", _DECISION)
            day = self.day(found, "DatDagtekeningBeslisOpAanvrUitk")
            if code is None or day is None or sender is None:
                continue
            if code in self._decisions:
                yield self._decisions[code], day, sender
            else:
                self.walk.fault(found["CdBeslissingOpAanvraagUitkering"][0].path, Keyword.UNKNOWN_TYPE)

    def source(self, parts: Places) -> str | None:
        """Who says so: column and party of Suwi."""
        if not parts["Bron"]:
            return None
        found = self.children(parts["Bron"][0], places.SOURCE)
        column, party = self.pattern(found, "CdKolomSuwi", _COLUMN), self.pattern(found, "CdPartijSuwi", _PARTY)
        return None if column is None or party is None else f"urn:suwi:{int(column)}:{party}"


def _status(reading: _Reading, client: Places) -> Iterator[Fact]:
    for node in client["AanvraagUitkering"]:
        parts = reading.children(node, places.STATUS_APPLICATION)
        yield from reading.application(parts, places.DECISION_REASON, UWV)


def _reintegration(reading: _Reading, client: Places) -> Iterator[Fact]:
    for relation in client["AtlRelatie"]:
        parts = reading.children(relation, places.REINTEGRATION_RELATION)
        sender = reading.source(parts)
        for node in parts["ReIntegratievoorziening"]:
            provision = reading.children(node, places.PROVISION)
            yield from reading.period(provision, "DatBRv", "DatERv", Kind.GESTART, sender)


def _person(reading: _Reading, client: Places) -> Iterator[Fact]:
    sender = reading.source(client)
    for relation in client["AtlRelatie"]:
        parts = reading.children(relation, places.PERSON_RELATION)
        for node in parts["InschrijvingsgegevensUwvWb"]:
            found = reading.children(node, places.REGISTRATION)
            yield from reading.period(found, "DatInschrijvingUwvWb", "DatEInschrijvingUwvWb", Kind.AANGEMELD, sender)
        for node in parts["DienstverleningUwvWb"]:
            found = reading.children(node, places.SERVICE)
            yield from reading.period(found, "DatBDvlUwvWb", "DatEDvlUwvWb", Kind.GESTART, sender)


def _welfare(reading: _Reading, client: Places) -> Iterator[Fact]:
    for node in client["AanvraagUitkering"]:
        parts = reading.children(node, places.WELFARE_APPLICATION)
        yield from reading.application(parts, places.DECISION, reading.source(parts))
    for node in client["Uitkeringsverhouding"]:
        parts = reading.children(node, places.BENEFIT)
        sender = reading.source(parts)
        yield from reading.period(parts, "DatBUitkeringsverhouding", "DatEUitkeringsverhouding", Kind.GESTART, sender)


@dataclass(frozen=True, slots=True)
class _Service:
    """One question that can be asked, and how its answer is read."""

    name: str
    law: Law
    answer: Shape
    client: Shape
    facts: Callable[[_Reading, Places], Iterator[Fact]]


_SERVICES: Final[Mapping[str, _Service]] = {
    f"{{{places.SERVICES}UWVDossierAanvraagUitkeringStatusGSD/v0200}}UWVAanvrUitkStatusInfoResponse": _Service(
        "aanvraag-status", Law.SUWI, places.STATUS, places.STATUS_CLIENT, _status
    ),
    f"{{{places.SERVICES}GSDDossierReintegratie/v0200}}GSDReintegratieInfoResponse": _Service(
        "reintegratie", Law.PARTICIPATIEWET, places.REINTEGRATION, places.REINTEGRATION_CLIENT, _reintegration
    ),
    f"{{{places.SERVICES}UWVWbDossierPersoonGSD/v0200}}UwvWbPersoonsInfoResponse": _Service(
        "werkbedrijf", Law.SUWI, places.PERSON, places.PERSON_CLIENT, _person
    ),
    f"{{{places.SERVICES}Bijstandsregelingen/v0500}}BijstandsregelingenInfoResponse": _Service(
        "bijstand", Law.PARTICIPATIEWET, places.WELFARE, places.WELFARE_CLIENT, _welfare
    ),
}


def _unwrapped(root: etree._Element) -> etree._Element:
    """The answer, out of its SOAP envelope; the headers of that are for who received it, and signatures were checked there."""
    for soap in places.SOAP:
        if root.tag != f"{{{soap}}}Envelope":
            continue
        bodies = [child for child in root if child.tag == f"{{{soap}}}Body"]
        if len(bodies) != 1 or len(bodies[0]) != 1:
            raise Malformed((Fault("/Envelope/Body", Keyword.MISSING if not bodies else Keyword.UNEXPECTED),))
        if bodies[0][0].tag == f"{{{soap}}}Fault":
            raise Malformed((Fault("/Envelope/Body/Fault", Keyword.SOURCE_FAULT),))
        return bodies[0][0]
    return root
