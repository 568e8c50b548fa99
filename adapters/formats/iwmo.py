# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iWmo 3.2 messages 301 (allocation), 305 (start) and 307 (stop) as events.

- One event per product. A message is taken whole or refused whole, with every fault that was found.
- Name, date of birth, address, relations, product codes and free text stay behind: no object here ever holds them.
- The checks below hold with and without the official XSDs; a configured folder of XSDs adds what they say of the rest.

Return code 0001 (refused for technical reasons) goes with the rules that the standard checks by program: CS002, CS003,
CS058, CS335, CS336, TR018 and TR101. TR074, TR413 and TR415 are checked within the message. What needs history, today's
date or a list that changes (TR019, TR056, TR063, TR069, TR071, TR135, TR378, TR414) is not checked here: `read`
remembers nothing and has no clock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from adapters.formats.iwmo_lists import (
    ALLOCATION,
    BASE,
    CHANGES,
    ENDINGS,
    FIRST,
    HEADER,
    IDENTIFICATION,
    MESSAGES,
    REMOVAL,
    ROOT,
    STOP,
    WITHDRAWN,
    Message,
)
from adapters.formats.native import Allocation, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.xml_strict import SPACE, Child, Node, Walk, parse, schema_faults
from schemas.calendar import date_text, parse_date
from schemas.event import FIRST_DAY, LAST_DAY, Event, Kind, Law
from schemas.identity import Citizen

_SIZE_LIMIT = 1024 * 1024  # bytes; a message is about one client, the largest published example has 7,418
_MUNICIPALITY = re.compile(r"[0-9]{4}")
_AGB = re.compile(r"[0-9]{8}")
_BSN = re.compile(r"[0-9]{9}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER_LIMIT = 999_999_999
_REFUSED = "0001"
_NO_END = parse_date("9999-12-31")
_XS_ELEMENT = "{http://www.w3.org/2001/XMLSchema}element"

Places = Mapping[str, Sequence[Node]]


@dataclass(frozen=True, slots=True)
class _Header:
    sender: str
    receiver: str
    dated: int


class IwmoReader:
    """Reads one iWmo message; validates against the official XSDs too when their folder is configured."""

    name = "iwmo"

    def __init__(self, config: FormatConfig) -> None:
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._names: Mapping[str, bool] = {}
        if config.xsd_dir is not None:
            files = {tag: config.xsd_dir / f"WMO{message.number}.xsd" for tag, message in MESSAGES.items()}
            self._schemas = {tag: _compile(file) for tag, file in files.items()}
            self._names = _names_in([*files.values(), config.xsd_dir / "basisschema.xsd"])

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per product, what is called back first; raises `Malformed`."""
        root = parse(data, _SIZE_LIMIT)
        message = MESSAGES.get(str(root.tag))
        if message is None:
            raise Malformed((Fault("/Bericht", Keyword.VOCABULARY),))
        reading = _Reading(message)
        events = reading.events(Node(root, "/Bericht"))
        faults = reading.walk.faults
        if self._schemas:
            places = {fault.path for fault in faults}
            judged = schema_faults(self._schemas[str(root.tag)], root, self._names)
            faults += tuple(fault for fault in judged if fault.path not in places)
        if faults:
            raise Malformed(faults)
        # OP080: the order within a message means nothing; a removal is about what was delivered before.
        return sorted(events, key=lambda event: not event.retracts)


class _Reading:
    """One message on its way to events."""

    def __init__(self, message: Message) -> None:
        self.walk = Walk()
        self._message = message

    def events(self, root: Node) -> list[NativeEvent]:
        parts = self._children(root, ROOT)
        header = self._header(parts["Header"])
        events: list[NativeEvent] = []
        for client in parts["Client"]:
            events.extend(self._client(client, header))
        return events

    def _header(self, nodes: Sequence[Node]) -> _Header | None:
        if not nodes:
            return None
        header = self._children(nodes[0], HEADER)
        self._must_be(header, "BerichtCode", self._message.code, Keyword.MESSAGE_CODE)
        self._must_be(header, "BerichtVersie", "3", Keyword.VERSION)
        self._must_be(header, "BerichtSubversie", "2", Keyword.VERSION)
        codes = (_MUNICIPALITY, _AGB) if self._message.from_municipality else (_AGB, _MUNICIPALITY)
        sender = self._pattern(header, "Afzender", codes[0])
        receiver = self._pattern(header, "Ontvanger", codes[1])
        dated = None
        for node in header["BerichtIdentificatie"]:
            dated = self._day(self.walk.children(node, BASE, IDENTIFICATION), "Dagtekening")
        if sender is None or receiver is None or dated is None:
            return None
        return _Header(sender, receiver, dated)

    def _client(self, node: Node, header: _Header | None) -> list[NativeEvent]:
        parts = self._children(node, self._message.client)
        citizen = self._citizen(parts)
        seen: set[tuple[str, ...]] = set()
        events = []
        for group in parts[self._message.products]:
            for product in self._children(group, (Child(self._message.product, many=True),))[self._message.product]:
                event = self._product(product, header, citizen)
                if event is None:
                    continue
                key, code = _key(event)
                if key in seen:
                    self.walk.fault(product.path, Keyword.DUPLICATE, code)
                seen.add(key)
                events.append(event)
        return events

    def _citizen(self, parts: Places) -> Citizen | None:
        bsn = self._pattern(parts, "Bsn", _BSN)
        if bsn is None:
            return None
        try:
            return Citizen(bsn=bsn)
        except ValueError:  # CS002
            self.walk.fault(parts["Bsn"][0].path, Keyword.ELEVEN_TEST, _REFUSED)
            return None

    def _product(self, node: Node, header: _Header | None, citizen: Citizen | None) -> NativeEvent | None:
        parts = self._children(node, self._message.model)
        if self._message is ALLOCATION:
            return self._allocation(parts, header, citizen)
        number = self._number(parts)
        begin = self._day(parts, "Begindatum")
        # Read for its form only: no rule of the standard relates it to another date in these messages.
        self._day(parts, "ToewijzingIngangsdatum")
        status = self._status(parts)
        reason: str | None = None
        if self._message is STOP:
            reason, day = self._listed(parts, "RedenBeeindiging", frozenset(ENDINGS)), self._day(parts, "Einddatum")
            self._ordered(parts, begin, day)
            if reason is None:
                return None
            kind, ending = ENDINGS[reason]
        else:
            kind, ending, day = Kind.GESTART, None, begin
        if header is None or citizen is None or begin is None or day is None or status is None:
            return None
        return NativeEvent(
            event=Event(kind, day, Law.WMO, ending, number),
            citizen=citizen,
            sender=header.sender,
            receiver=header.receiver,
            identity=self._identity(header, citizen, number, begin, () if reason is None else (date_text(day), reason)),
            retracts=status == REMOVAL,
            reason=reason,
        )

    def _allocation(self, parts: Places, header: _Header | None, citizen: Citizen | None) -> NativeEvent | None:
        number = self._number(parts)
        begin = self._day(parts, "Ingangsdatum")
        # 9999-12-31 is how some systems write *no end*.
        end = self._day(parts, "Einddatum", _NO_END)
        allotted = self._day(parts, "Toewijzingsdatum")
        self._ordered(parts, begin, end)
        change = self._listed(parts, "RedenWijziging", CHANGES) if parts["RedenWijziging"] else None
        if change == WITHDRAWN and begin != end:  # CS335
            self.walk.fault(parts["RedenWijziging"][0].path, Keyword.DATE_ORDER, _REFUSED)
        if header is None or citizen is None or number is None or begin is None or allotted is None:
            return None
        # Ended before the message was dated: nothing is told under it any more.
        over = end is not None and end < header.dated
        more = ("" if end is None else date_text(end), date_text(allotted), change or "")
        return NativeEvent(
            event=Event(Kind.TOEGEWEZEN if change is None else Kind.GEWIJZIGD, allotted, Law.WMO, None, number),
            citizen=citizen,
            sender=header.sender,
            receiver=header.receiver,
            identity=self._identity(header, citizen, number, begin, more),
            allocation=Allocation(
                number, begin, None if end == _NO_END else end, change, withdrawn=over or change == WITHDRAWN
            ),
        )

    def _identity(
        self, header: _Header, citizen: Citizen, number: str | None, begin: int, more: tuple[str, ...]
    ) -> tuple[str, ...]:
        first = ("iwmo", header.sender, citizen.bsn or "", number or "", self._message.number)
        return (*first, date_text(begin), *more)

    def _children(self, node: Node, model: Sequence[Child]) -> dict[str, list[Node]]:
        return self.walk.children(node, self._message.namespace, model)

    def _text(self, parts: Places, name: str) -> str | None:
        """The text of the one element of this name; None when it is not there, which `children` has noted."""
        return self.walk.text(parts[name][0]) if parts[name] else None

    def _must_be(self, parts: Places, name: str, value: str, keyword: Keyword) -> None:
        text = self._text(parts, name)
        # BerichtVersie and BerichtSubversie are integers: white space around them does not count.
        if text is not None and (text.strip(SPACE) if keyword is Keyword.VERSION else text) != value:
            self.walk.fault(parts[name][0].path, keyword)

    def _pattern(self, parts: Places, name: str, pattern: re.Pattern[str]) -> str | None:
        text = self._text(parts, name)
        if text is None or pattern.fullmatch(text) is not None:
            return text
        self.walk.fault(parts[name][0].path, Keyword.PATTERN)
        return None

    def _number(self, parts: Places) -> str | None:
        text = self._text(parts, "ToewijzingNummer")
        if text is None:
            return None
        # An integer: 0300201 and 300201 are one allocation, and must give one identity.
        number = text.strip(SPACE)
        if _INTEGER.fullmatch(number) is not None and 0 <= int(number) <= _NUMBER_LIMIT:
            return str(int(number))
        self.walk.fault(parts["ToewijzingNummer"][0].path, Keyword.PATTERN)
        return None

    def _day(self, parts: Places, name: str, last: int = LAST_DAY) -> int | None:
        text = self._text(parts, name)
        if text is None:
            return None
        try:
            day = parse_date(text.strip(SPACE))
        except ValueError:
            day = None
        if day is None or not FIRST_DAY <= day <= last:
            self.walk.fault(parts[name][0].path, Keyword.DATE, _REFUSED)
            return None
        return day

    def _ordered(self, parts: Places, begin: int | None, end: int | None) -> None:
        if begin is not None and end is not None and end < begin:  # TR018, CS003
            self.walk.fault(parts["Einddatum"][0].path, Keyword.DATE_ORDER, _REFUSED)

    def _listed(self, parts: Places, name: str, codes: frozenset[str]) -> str | None:
        text = self._text(parts, name)
        if text is None or text in codes:
            return text
        self.walk.fault(parts[name][0].path, Keyword.CODE_LIST, _REFUSED)
        return None

    def _status(self, parts: Places) -> str | None:
        text = self._text(parts, "StatusAanlevering")
        if text is None or text in (FIRST, REMOVAL):
            return text
        self.walk.fault(parts["StatusAanlevering"][0].path, Keyword.STATUS, _REFUSED)  # CS058
        return None


def _key(event: NativeEvent) -> tuple[tuple[str, ...], str]:
    """What may stand in a message once, and the return code when it stands there again."""
    if event.allocation is not None:  # TR101: the number is the logical key of an allocation
        return (event.allocation.number,), _REFUSED
    if event.retracts:
        return ("removal", *event.identity), _REFUSED
    if event.reason is None:  # TR074
        return event.identity, "9074"
    # TR413, TR415: one temporary stop and one other stop per start; end date and reason make no difference.
    temporary = event.event.kind is Kind.ONDERBROKEN
    return (str(temporary), *event.identity[:-2]), "9413" if temporary else "9415"


def _compile(file: Path) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(file=str(file))
    except etree.XMLSchemaParseError as error:
        raise ValueError(f"{file.name} is missing or is not a schema") from error


def _names_in(files: Sequence[Path]) -> dict[str, bool]:
    """Every element name of the standard, and whether it may repeat."""
    names: dict[str, bool] = {}
    for file in files:
        for element in etree.parse(str(file)).iter(_XS_ELEMENT):
            name = element.get("name")
            if name is not None:
                names[name] = names.get(name, False) or element.get("maxOccurs", "1") != "1"
    return names
