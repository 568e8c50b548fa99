# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""OSO 2019.1, dossiers from a school to a partnership (profiles POSWV and VOSWV), as a source of small events.

- A dossier is no status: of its hundreds of fields a declaration (tlv), a plan (opp) and an arrangement become events: that
  it was granted, started or ended, and when. Everything else is dropped before an object with it can exist: diagnosis,
  medicine, documents, marks, absence in hours, numbers of decisions, parents.
- What the parents decided counts. Nothing is told of a dossier that they did not see, disagree with, or did not permit
  (`inzage`), nor of one that is provisional.
- A category that is not to be delivered (`categorie_uitlevering`) is not told, even when its block is there: neither the
  support itself nor, without the pupil, the school or what the parents saw, anything of it.
- What the schema of the standard refuses is refused, also where it stands in what is dropped.
- The pupil is named by the school's own number; BSN and education number are not read.
- An end or start that lies after the day of the dossier is a plan, and not told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from adapters.formats.about import About, Status
from adapters.formats.content_marks import xml_mark
from adapters.formats.explain import Explained, by_place, explained, xml_paths
from adapters.formats.native import SIZE_LIMIT, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.oso_fields import FIELDS
from adapters.formats.oso_lists import (
    ANSWERS,
    ARRANGEMENT,
    ARRANGEMENT_CLUSTER,
    CATEGORIES,
    CATEGORY_WORDS,
    CONSENT,
    DELIVERED,
    DOSSIER,
    METADATA,
    NAMESPACE,
    NO,
    OPP,
    PUPIL,
    SCHOOL,
    SUPPORT,
    TELLS,
    TLV,
    TO_PARTNERSHIP,
    VERSION,
    YES,
)
from adapters.formats.school import LAW
from adapters.formats.xml_shape import Shape, day_in, hold_to
from adapters.formats.xml_strict import SPACE, Node, Walk, parse
from schemas.calendar import date_text, parse_date
from schemas.event import FIRST_DAY, LAST_DAY, Event, Kind
from schemas.identity import Citizen

ABOUT: Final = About(
    name="oso",
    partner="school",
    standard="OSO",
    version="2019.1",
    status=Status.STANDARD,
    reads=("POSWV", "VOSWV"),
    tells=(20, 211, 314, 422, 906),
)
recognises = xml_mark(NAMESPACE.encode())
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")
_BRIN = re.compile(r"[0-9A-Z]{4}")
_PLACE = re.compile(r"[0-9]{2}")
_TRUE, _FALSE = ("true", "1"), ("false", "0")

Places = Mapping[str, Sequence[Node]]


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose dossier it is, of which day, about whom."""

    sender: str
    day: int
    citizen: Citizen


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each field; raises `Malformed`."""
    return explained(xml_paths(_dossier(data)), by_place(FIELDS))


def _dossier(data: bytes) -> etree._Element:
    root = parse(data, SIZE_LIMIT)
    if root.tag != f"{{{NAMESPACE}}}dossier":
        raise Malformed((Fault("/dossier", Keyword.VOCABULARY),))
    return root


class OsoReader:
    """Reads one dossier."""

    name = "oso"

    def __init__(self, config: FormatConfig) -> None:
        pass  # the standard leaves nothing to be set

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return what was granted, started or ended; raises `Malformed`, also when nothing of it may be told."""
        reading, root = _Reading(), Node(_dossier(data), "/dossier")
        events = reading.events(root)
        hold_to(DOSSIER, root, reading.walk)
        reading.walk.finish()
        if not events:
            raise Malformed((Fault("/dossier/huidigeschool/leerling/onderwijsondersteuning", Keyword.NO_EVENT),))
        return events


class _Reading:
    """One dossier on its way to events."""

    def __init__(self) -> None:
        self.walk = Walk()

    def events(self, root: Node) -> list[NativeEvent]:
        parts = self._children(root, DOSSIER)
        day = self._metadata(parts["metadata"])
        self._permitted(parts["inzage"], root)
        schools = parts["huidigeschool"]
        if not schools:
            return []
        school = self._children(schools[0], SCHOOL)
        brin, place = self._text(school, "brincode", _BRIN), self._text(school, "vestigingscode", _PLACE)
        if not school["leerling"]:
            return []
        pupil = self._children(school["leerling"][0], PUPIL)
        number = self._text(pupil, "leerlingid", _TEXT)
        if not pupil["leerlingid"]:  # the standard can do without; nobody here can be found without
            self.walk.fault(f"{school['leerling'][0].path}/leerlingid", Keyword.MISSING)
        source = None
        if day is not None and brin is not None and place is not None and number is not None:
            source = _Source(f"urn:schakel:brin:{brin}{place}", day, Citizen(own_number=number))
        return [event for support in pupil["onderwijsondersteuning"] for event in self._support(support, source)]

    def _metadata(self, nodes: Sequence[Node]) -> int | None:
        """The day of the dossier, when it is one that is read here."""
        if not nodes:
            return None
        parts = self._children(nodes[0], METADATA)
        version, transfer = self._text(parts, "standaardversie", _TEXT), self._text(parts, "overstap", _TEXT)
        if version is not None and version != VERSION:
            self.walk.fault(parts["standaardversie"][0].path, Keyword.VERSION)
        if transfer not in TO_PARTNERSHIP:
            self.walk.fault(f"{nodes[0].path}/overstap", Keyword.VOCABULARY)
        if not parts["categorie_uitlevering"]:  # nobody said that anything may be delivered
            self.walk.fault(f"{nodes[0].path}/categorie_uitlevering", Keyword.MISSING)
        for node in parts["categorie_uitlevering"]:
            categories = self._children(node, CATEGORIES)
            words = {name: self._listed(categories, name, CATEGORY_WORDS) for name in categories}
            for name in TELLS:
                if words[name] not in (None, *DELIVERED):
                    self.walk.fault(categories[name][0].path, Keyword.NOT_PERMITTED)
        return self._day(parts, "datum")

    def _permitted(self, nodes: Sequence[Node], root: Node) -> None:
        """Parents saw it, do not disagree, and permit it."""
        if not nodes:
            self.walk.fault(f"{root.path}/inzage", Keyword.NOT_PERMITTED)
            return
        parts = self._children(nodes[0], CONSENT)
        provisional, seen = self._flag(parts, "voorlopigdossier"), self._flag(parts, "inzage")
        agree = self._listed(parts, "akkoord", ANSWERS)
        permit = self._listed(parts, "toestemming", ANSWERS)
        stays = {
            "voorlopigdossier": provisional is not False,
            "inzage": seen is not True,
            "akkoord": agree == NO,
            "toestemming": permit != YES,
        }
        for name, stay in stays.items():
            if stay:
                self.walk.fault(f"{nodes[0].path}/{name}", Keyword.NOT_PERMITTED)

    def _support(self, node: Node, source: _Source | None) -> list[NativeEvent]:
        parts = self._children(node, SUPPORT)
        told: list[NativeEvent | None] = []
        for each in parts["opp"]:
            found = self._children(each, OPP)
            begin, end = self._period(found, "opp_ingangdatum", "opp_einddatum")
            if begin is not None and source is not None and begin <= source.day:
                told.append(_tell(source, Kind.GESTART, begin, ("opp", date_text(begin))))
            told.append(self._ended(source, begin, end, "opp"))
        for each in parts["tlv"]:
            found = self._children(each, TLV)
            told += self._granted(source, found, "tlv", "tlvingangdatum", "tlveinddatum")
        for each in parts["arrangement_pao"]:
            found = self._children(each, ARRANGEMENT)
            told += self._granted(source, found, "arrangement", "arrangement_datum", "arrangement_einddatum")
        for each in parts["arrangement_cluster12"]:
            found = self._children(each, ARRANGEMENT_CLUSTER)
            told += self._granted(source, found, "arrangement", "arrangement_datum", None)
        # Two arrangements of one day are one fact here: what makes them two stays at the school.
        return list({event.identity: event for event in told if event is not None}.values())

    def _granted(
        self, source: _Source | None, parts: Places, what: str, begins: str, ends: str | None
    ) -> list[NativeEvent | None]:
        begin, end = self._period(parts, begins, ends)
        if source is None or begin is None:
            return []
        return [
            _tell(source, Kind.TOEGEWEZEN, begin, (what, date_text(begin))),
            self._ended(source, begin, end, what),
        ]

    def _ended(self, source: _Source | None, begin: int | None, end: int | None, what: str) -> NativeEvent | None:
        if source is None or begin is None or end is None or end > source.day:
            return None
        return _tell(source, Kind.BEEINDIGD, end, (what, date_text(begin), date_text(end)))

    def _period(self, parts: Places, begins: str, ends: str | None) -> tuple[int | None, int | None]:
        begin, end = self._day(parts, begins), None if ends is None else self._day(parts, ends)
        if begin is not None and end is not None and ends is not None and end < begin:
            self.walk.fault(parts[ends][0].path, Keyword.DATE_ORDER)
        return begin, end

    def _children(self, node: Node, model: Shape) -> dict[str, list[Node]]:
        return self.walk.children(node, model.space, model.children)

    def _text(self, parts: Places, name: str, pattern: re.Pattern[str]) -> str | None:
        if not parts[name]:
            return None
        text = self.walk.text(parts[name][0])
        if pattern.fullmatch(text) is None:
            self.walk.fault(parts[name][0].path, Keyword.PATTERN)
            return None
        return text

    def _listed(self, parts: Places, name: str, words: frozenset[str]) -> str | None:
        if not parts[name]:
            return None
        text = self.walk.text(parts[name][0])
        if text not in words:
            self.walk.fault(parts[name][0].path, Keyword.CODE_LIST)
            return None
        return text

    def _flag(self, parts: Places, name: str) -> bool | None:
        if not parts[name]:
            return None
        text = self.walk.text(parts[name][0]).strip(SPACE)
        if text not in (*_TRUE, *_FALSE):
            self.walk.fault(parts[name][0].path, Keyword.TYPE)
            return None
        return text in _TRUE

    def _day(self, parts: Places, name: str) -> int | None:
        if not parts[name]:
            return None
        try:
            day = parse_date(day_in(self.walk.text(parts[name][0]).strip(SPACE)))
        except ValueError:
            day = None
        if day is None or not FIRST_DAY <= day <= LAST_DAY:
            self.walk.fault(parts[name][0].path, Keyword.DATE)
            return None
        return day


def _tell(source: _Source, kind: Kind, day: int, what: tuple[str, ...]) -> NativeEvent:
    return NativeEvent(
        event=Event(kind, day, LAW),
        citizen=source.citizen,
        sender=source.sender,
        receiver=None,
        identity=("oso", source.sender, source.citizen.own_number or "", *what),
    )
