# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One message of the iStandaarden on its way to events: the checks of the standard, by the shape of the message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from adapters.formats.istandaard_conditions import (
    REFUSED,
    Line,
    Places,
    check_decision,
    check_groups,
    check_reason,
    product_words,
)
from adapters.formats.istandaard_models import (
    ANSWER,
    ANSWERS,
    FIRST,
    IDENTIFICATION,
    REASONS,
    REJECTED,
    REJECTIONS,
    REMOVAL,
    WITHDRAWN,
    Message,
    Shape,
    Standard,
)
from adapters.formats.moments import DAY_MS, ms_of_day
from adapters.formats.native import Allocation, Keyword, NativeEvent, Request
from adapters.formats.xml_strict import SPACE, Child, Node, Walk
from schemas.calendar import date_text, parse_date
from schemas.event import FIRST_DAY, LAST_DAY, Event, Kind, Law
from schemas.identity import Citizen

_MUNICIPALITY = re.compile(r"[0-9]{4}")
_AGB = re.compile(r"[0-9]{8}")
_BSN = re.compile(r"[0-9]{9}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_REFERENCE = re.compile(r"(?=.*[^ \t])[^\r\n]{1,36}")
_RETURN_CODE = re.compile(r"[0-9A-Z]{4}")
_NUMBER_LIMIT = 999_999_999
_NO_END = parse_date("9999-12-31")

_WISHED = (
    Child("GewensteIngangsdatum"),
    Child("Einddatum", required=False),
    Child("Omvang", required=False),
    Child("Budget", required=False),
)
# The groups of a request for change (317), in their order, and what stands in each.
_CHANGES = (
    ("OngewijzigdeProducten", "OngewijzigdProduct"),
    ("TeWijzigenProducten", "TeWijzigenProduct"),
    ("NieuweProducten", "NieuwProduct"),
)
_CHANGE_MODELS: Mapping[str, Sequence[Child]] = {
    "OngewijzigdProduct": (Child("ToewijzingNummer"),),
    "TeWijzigenProduct": (Child("ToewijzingNummer"), *_WISHED),
    "NieuwProduct": (Child("Product", required=False), *_WISHED),
}


@dataclass(frozen=True, slots=True)
class _Header:
    sender: str
    receiver: str
    dated: int


class Reading:
    """One message under inspection; its faults are in `walk`."""

    def __init__(self, standard: Standard, message: Message) -> None:
        self.walk = Walk()
        self._standard = standard
        self._message = message
        self._namespace = standard.namespace(message)

    def events(self, root: Node) -> list[NativeEvent]:
        """Return what the message says; of no worth where `walk` has faults."""
        message = self._message
        parts = self._children(root, message.root)
        header = self._header(parts["Header"])
        events: list[NativeEvent] = []
        for body in parts[message.top]:
            places = self._children(body, message.body)
            if message.shape is Shape.ANSWER:
                events.extend(self._answer(places, header))
            elif message.shape is Shape.RETURN:
                self._return_codes(places["RetourCodes"])
            else:
                events.extend(self._client(places, header))
        return events

    def _header(self, nodes: Sequence[Node]) -> _Header | None:
        if not nodes:
            return None
        header = self._children(nodes[0], self._message.header)
        self._must_be(header, "BerichtCode", self._message.code, Keyword.MESSAGE_CODE)
        self._must_be(header, "BerichtVersie", "3", Keyword.VERSION)
        self._must_be(header, "BerichtSubversie", "2", Keyword.VERSION)
        codes = (_MUNICIPALITY, _AGB) if self._message.from_municipality else (_AGB, _MUNICIPALITY)
        sender = self._pattern(header, "Afzender", codes[0])
        receiver = self._pattern(header, "Ontvanger", codes[1])
        dated = None
        for node in header["BerichtIdentificatie"]:
            dated = self._day(self.walk.children(node, self._standard.base, IDENTIFICATION), "Dagtekening")
        if self._message.shape is Shape.RETURN:
            self._day(header, "DagtekeningRetour")
            self._return_codes(header["RetourCodes"])
        if sender is None or receiver is None or dated is None:
            return None
        return _Header(sender, receiver, dated)

    def _return_codes(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            for code in self._children(node, (Child("RetourCode", many=True),))["RetourCode"]:
                if _RETURN_CODE.fullmatch(self.walk.text(code)) is None:
                    self.walk.fault(code.path, Keyword.PATTERN)

    def _client(self, parts: Places, header: _Header | None) -> list[NativeEvent]:
        citizen = self._citizen(parts)
        seen: set[tuple[str, ...]] = set()
        events = []
        for product in self._products(parts):
            event = self._product(product, header, citizen)
            if event is None:
                continue
            key, code = _key(event)
            if key in seen:
                self.walk.fault(product.path, Keyword.DUPLICATE, code)
            seen.add(key)
            events.append(event)
        return events

    def _products(self, parts: Places) -> Sequence[Node]:
        message = self._message
        if message.shape is Shape.CHANGE:
            return parts["Verzoek"]
        groups = [self._children(group, (Child(message.product, many=True),)) for group in parts[message.products]]
        return [product for group in groups for product in group[message.product]]

    def _citizen(self, parts: Places) -> Citizen | None:
        bsn = self._pattern(parts, "Bsn", _BSN)
        if bsn is None:
            return None
        try:
            return Citizen(bsn=bsn)
        except ValueError:  # CS002
            self.walk.fault(parts["Bsn"][0].path, Keyword.ELEVEN_TEST, REFUSED)
            return None

    def _product(self, node: Node, header: _Header | None, citizen: Citizen | None) -> NativeEvent | None:
        parts = self._children(node, self._message.model)
        if self._message.shape is Shape.ALLOCATION:
            return self._allocation(node.path, parts, header, citizen)
        if self._message.shape in (Shape.REQUEST, Shape.CHANGE):
            return self._request(node.path, parts, header, citizen)
        number = self._number(parts)
        begin = self._day(parts, "Begindatum")
        # Read for its form only: no rule of the standard relates it to another date in these messages.
        self._day(parts, "ToewijzingIngangsdatum")
        status = self._status(parts)
        reason: str | None = None
        if self._message.shape is Shape.STOP:
            reason, day = (
                self._listed(parts, "RedenBeeindiging", frozenset(self._standard.endings)),
                self._day(parts, "Einddatum"),
            )
            self._ordered(parts, "Einddatum", begin, day)
            if reason is None:
                return None
            kind, ending = self._standard.endings[reason]
        else:
            kind, ending, day = Kind.GESTART, None, begin
        if header is None or citizen is None or begin is None or day is None or status is None:
            return None
        more = () if reason is None else (date_text(day), reason)
        return NativeEvent(
            event=Event(kind, day, self._standard.law, ending, number),
            citizen=citizen,
            sender=header.sender,
            receiver=header.receiver,
            identity=self._identity(header, citizen, number or self._unnumbered(parts), begin, more),
            retracts=status == REMOVAL,
            reason=reason,
        )

    def _unnumbered(self, parts: Places) -> str:
        """What tells a line without allocation from another (task-oriented help): its product, by a digest alone."""
        words = product_words(parts, self._standard.base)
        return "product " + sha256("\0".join(words).encode()).hexdigest()[:32] if any(words) else ""

    def _allocation(
        self, path: str, parts: Places, header: _Header | None, citizen: Citizen | None
    ) -> NativeEvent | None:
        number = self._number(parts)
        begin = self._day(parts, "Ingangsdatum")
        # 9999-12-31 is how some systems write *no end*.
        end = self._day(parts, "Einddatum", _NO_END)
        allotted = self._day(parts, "Toewijzingsdatum")
        settled = self._time(parts, "Toewijzingstijd")
        # Read for its form only: the request that is answered is told by the 319.
        self._pattern(parts, "ReferentieAanbieder", _REFERENCE)
        self._ordered(parts, "Einddatum", begin, end)
        self._line(path, parts, "Einddatum", end).check()
        change = self._listed(parts, "RedenWijziging", self._standard.changes) if parts["RedenWijziging"] else None
        if change == WITHDRAWN and begin != end:  # CS335
            self.walk.fault(parts["RedenWijziging"][0].path, Keyword.DATE_ORDER, REFUSED)
        if header is None or citizen is None or number is None or begin is None or allotted is None or settled is None:
            return None
        # Ended before the message was dated: nothing is told under it any more.
        over = end is not None and end < header.dated
        more = ("" if end is None else date_text(end), date_text(allotted), change or "")
        return NativeEvent(
            event=Event(
                Kind.TOEGEWEZEN if change is None else Kind.GEWIJZIGD, allotted, self._standard.law, None, number
            ),
            citizen=citizen,
            sender=header.sender,
            receiver=header.receiver,
            identity=self._identity(header, citizen, number, begin, more),
            allocation=Allocation(
                number,
                begin,
                None if end == _NO_END else end,
                change,
                withdrawn=over or change == WITHDRAWN,
                stated=allotted * DAY_MS + settled,
            ),
        )

    def _request(self, path: str, parts: Places, header: _Header | None, citizen: Citizen | None) -> NativeEvent | None:
        """A request of a provider (315, 317): one per reference, on the day that the message was dated."""
        reference = self._pattern(parts, "ReferentieAanbieder", _REFERENCE)
        if self._message.shape is Shape.CHANGE:
            self._listed(parts, "RedenVerzoek", REASONS)
            self._check_changes(path, parts)
        else:
            # Read for their form only: what is asked for has not happened.
            begin, end = self._day(parts, "ToewijzingIngangsdatum"), self._day(parts, "ToewijzingEinddatum", _NO_END)
            self._ordered(parts, "ToewijzingEinddatum", begin, end)
            self._day(parts, "BeschikkingIngangsdatum")
            check_decision(self.walk, path, parts)
            self._line(path, parts, "ToewijzingEinddatum", end).check()
        if header is None or citizen is None or reference is None:
            return None
        first = (self._standard.name, header.sender, citizen.bsn or "", "", self._message.number)
        return NativeEvent(
            event=Event(Kind.AANGEMELD, header.dated, self._standard.law),
            citizen=citizen,
            sender=header.sender,
            receiver=header.receiver,
            identity=(*first, reference),
            request=Request(header.sender, header.receiver, reference),
        )

    def _check_changes(self, path: str, parts: Places) -> None:
        check_groups(self.walk, path, parts)
        for group, name in _CHANGES:
            seen: set[str | None] = set()
            for node in parts[group]:
                for product in self._children(node, (Child(name, many=True),))[name]:
                    self._check_change(product, name, seen)

    def _check_change(self, node: Node, name: str, seen: set[str | None]) -> None:
        places = self._children(node, _CHANGE_MODELS[name])
        if name != "NieuwProduct":
            number = self._number(places)
            if number is not None and number in seen:  # TR101
                self.walk.fault(node.path, Keyword.DUPLICATE, REFUSED)
            seen.add(number)
        if name != "OngewijzigdProduct":
            begin, end = self._day(places, "GewensteIngangsdatum"), self._day(places, "Einddatum", _NO_END)
            self._ordered(places, "Einddatum", begin, end)
            self._line(node.path, places, "Einddatum", end).check()

    def _answer(self, parts: Places, header: _Header | None) -> list[NativeEvent]:
        """The answer of a municipality (319): only the edge that read the request knows about whom it is."""
        reference = self._pattern(parts, "ReferentieAanbieder", _REFERENCE)
        answer = self._listed(parts, "VerzoekAntwoord", frozenset(ANSWERS))
        reason = self._listed(parts, "RedenAfwijzingVerzoek", REJECTIONS)
        if answer is not None:
            check_reason(self.walk, f"/Bericht/{self._message.top}", parts, reason, rejected=answer == REJECTED)
        if header is None or reference is None or answer is None:
            return []
        request = Request(header.receiver, header.sender, reference)
        return [answered(self._standard.name, self._standard.law, request, answer, header.dated)]

    def _line(self, path: str, places: Places, end: str, last: int | None) -> Line:
        return Line(self.walk, path, places, self._standard.base, end, last)

    def _identity(
        self, header: _Header, citizen: Citizen, number: str, begin: int, more: tuple[str, ...]
    ) -> tuple[str, ...]:
        first = (self._standard.name, header.sender, citizen.bsn or "", number, self._message.number)
        return (*first, date_text(begin), *more)

    def _children(self, node: Node, model: Sequence[Child]) -> dict[str, list[Node]]:
        return self.walk.children(node, self._namespace, model)

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
            self.walk.fault(parts[name][0].path, Keyword.DATE, REFUSED)
            return None
        return day

    def _time(self, parts: Places, name: str) -> int | None:
        text = self._text(parts, name)
        if text is None:
            return None
        found = ms_of_day(text.strip(SPACE))
        if found is None:
            self.walk.fault(parts[name][0].path, Keyword.PATTERN)
        return found

    def _ordered(self, parts: Places, name: str, begin: int | None, end: int | None) -> None:
        if begin is not None and end is not None and end < begin:  # TR018, CS003
            self.walk.fault(parts[name][0].path, Keyword.DATE_ORDER, REFUSED)

    def _listed(self, parts: Places, name: str, codes: frozenset[str]) -> str | None:
        text = self._text(parts, name)
        if text is None or text in codes:
            return text
        self.walk.fault(parts[name][0].path, Keyword.CODE_LIST, REFUSED)
        return None

    def _status(self, parts: Places) -> str | None:
        text = self._text(parts, "StatusAanlevering")
        if text is None or text in (FIRST, REMOVAL):
            return text
        self.walk.fault(parts["StatusAanlevering"][0].path, Keyword.STATUS, REFUSED)  # CS058
        return None


def answered(standard: str, law: Law, request: Request, answer: str, day: int) -> NativeEvent:
    """What an answer says, by its code; about whom, only who knows the request can tell."""
    return NativeEvent(
        event=Event(ANSWERS[answer], day, law),
        citizen=None,
        sender=request.municipality,
        receiver=request.provider,
        identity=(standard, request.municipality, request.provider, request.reference, ANSWER.number, answer),
        request=request,
    )


def _key(event: NativeEvent) -> tuple[tuple[str, ...], str]:
    """What may stand in a message once, and the return code when it stands there again."""
    if event.allocation is not None:  # TR101: the number is the logical key of an allocation
        return (event.allocation.number,), REFUSED
    if event.retracts:
        return ("removal", *event.identity), REFUSED
    if event.request is not None:  # TR383
        return event.identity, REFUSED
    if event.reason is None:  # TR074
        return event.identity, "9074"
    # TR413, TR415: one temporary stop and one other stop per start; end date and reason make no difference.
    temporary = event.event.kind is Kind.ONDERBROKEN
    return (str(temporary), *event.identity[:-2]), "9413" if temporary else "9415"
