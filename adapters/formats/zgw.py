# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""ZGW (Zaken API 1.5, Notificaties API 1.0): a case, its status and its result, as events.

One JSON object holds the resources that belong together, each as the API gives it:

    {"notificatie": {...}, "zaak": {...}, "status": {...}, "resultaat": {...}, "rollen": [{...}]}

- `zaak` and `rollen` are always needed: a notification is a URL and names nobody, so alone, as the Notificaties API sends it or in
  this object, it is refused with what has to be fetched (`to-fetch`).
- With a notification only what it is about becomes an event; without one, all that the resources say.
- A type is a URL of the municipality's own catalogue; the table of the configuration says what it means.
- Descriptions, explanations, names, addresses, and every person but the one it is about, are dropped before an object
  with them can exist. Two persons that it could be about: refused, because guessing would tell of another.
- A suspension or an extension has no date in the standard, so it makes no event; its status does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark
from adapters.formats.explain import Explained, by_place, explained, json_paths
from adapters.formats.json_look import NINE_DIGITS, URI_REFERENCE, Look, finish, parse_object
from adapters.formats.native import Course, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.zgw_fields import FIELDS
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="zgw",
    partner="gemeentelijk team met een zaaksysteem",
    standard="ZGW Zaken 1.5, Notificaties",
    version="1.0",
    status=Status.STANDARD,
    reads=("notificatie", "Zaak", "Status", "Resultaat", "Rol"),
    writes=("Status",),
    tells=(1, 5, 6, 11, 14, 17, 18, 106, 114, 115, 122, 222, 311, 322, 414, 902, 903, 904, 905),
    told=(2, 4, 6, 8, 9, 12, 15, 16, 20, 22, 106, 901, 902, 903, 905),
)
recognises = json_mark(rb'"zaak"\s*:\s*\{|"hoofdObject"\s*:\s*"')
_PARTS = frozenset({"notificatie", "zaak", "status", "resultaat", "rollen"})
_URL = re.compile(r"(?=https?://[A-Za-z0-9])" + URI_REFERENCE.pattern)
_URL_LIMIT = 1000
_REFERENCE = re.compile(r"[0-9A-Za-z-]{1,40}")
# What the Zaken API always answers with besides what is read; an answer without these is none.
_CASE = ("uuid", "bronorganisatie", "einddatum", "status", "resultaat")
_RESOURCE = ("uuid",)
_ROLE = ("url", "uuid", "roltype")
# The person that a case is about: who has an interest in it, and only without such a one, who asked.
_ABOUT: Final = ("belanghebbende", "initiator")
# A role written in another way could be that of whom the case is about: then the wrong person would be told of.
_ROLES: Final = frozenset(
    {*_ABOUT, "adviseur", "behandelaar", "beslisser", "klantcontacter", "zaakcoordinator", "mede_initiator"}
)
_PERSON: Final = "natuurlijk_persoon"
_KINDS: Final = frozenset({_PERSON, "niet_natuurlijk_persoon", "vestiging", "organisatorische_eenheid", "medewerker"})
_CHANNEL: Final = "zaken"


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each field; raises `Malformed`."""
    item = parse_object(data).item
    return explained(json_paths({"notificatie": item} if _is_bare(item) else item), by_place(FIELDS))


@dataclass(frozen=True, slots=True)
class Notification:
    """What changed, as the source announces it; the change itself has to be fetched there."""

    case: str
    resource: str
    action: str
    url: str
    day: int


@dataclass(frozen=True, slots=True)
class _Case:
    url: str
    law: Law
    sender: str
    reference: str | None
    begin: int
    end: int | None


class ZgwReader:
    """Reads one case as it was fetched, with the notification that announced it."""

    name = "zgw"

    def __init__(self, config: FormatConfig) -> None:
        self._types = config.cloudevent_types

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return what happened in the case; raises `Malformed`, also when nothing in it can be told."""
        whole = parse_object(data)
        if _is_bare(whole.item):
            if _notification(whole) is not None and not whole.faults:
                whole.fault("resourceUrl", Keyword.TO_FETCH)
            finish(whole)
        whole.only(_PARTS)
        told = _Reading(whole, self._types).events()
        if not told and not whole.faults:
            whole.fault("zaak", Keyword.NO_EVENT)
        whole.faults[:] = [_as_to_fetch(fault) for fault in whole.faults]
        finish(whole)
        return told


class _Reading:
    """One case on its way to events."""

    def __init__(self, whole: Look, types: Mapping[str, tuple[Kind, Law]]) -> None:
        self._whole = whole
        self._types = types
        noted = whole.inside("notificatie", required=False)
        self._notification = None if noted is None else _notification(noted)
        self._at = whole.inside("zaak")
        self._case = None if self._at is None else self._read_case(self._at)
        self._citizen = _citizen(whole, self._case)

    def events(self) -> list[NativeEvent]:
        case, notification = self._case, self._notification
        if notification is not None and case is not None and notification.case != case.url:
            self._whole.fault("notificatie/hoofdObject", Keyword.MISMATCH)
        opened = self._announced("zaak")
        events: list[NativeEvent | None] = []
        if opened and case is not None:
            events.append(self._tell(Kind.AANGEMELD, case.begin, case.url))
        if self._announced("status"):
            events.append(self._status())
        if notification is None or not opened:
            events.append(self._closing())
        return [event for event in events if event is not None]

    def _announced(self, resource: str) -> bool:
        """Whether this resource is new; without a notification all that is here may be."""
        notification = self._notification
        return notification is None or (notification.resource, notification.action) == (resource, "create")

    def _read_case(self, look: Look) -> _Case | None:
        look.present(_CASE)
        url, kind = _url(look, "url"), _url(look, "zaaktype")
        sender = look.text("verantwoordelijkeOrganisatie", NINE_DIGITS)
        begin, end = look.day("startdatum"), look.day("einddatum", required=False)
        number = look.text("identificatie", limit=40, required="identificatie" in look.item)
        if begin is not None and end is not None and end < begin:
            look.fault("einddatum", Keyword.DATE_ORDER)
        meaning = self._meaning(look, "zaaktype", kind)
        if url is None or meaning is None or sender is None or begin is None:
            return None
        # A number with other signs has no place in an event, and a case is found without one.
        reference = number if number is not None and _REFERENCE.fullmatch(number) else None
        return _Case(url, meaning[1], f"urn:nld:rsin:{sender}", reference, begin, end)

    def _status(self) -> NativeEvent | None:
        look = self._whole.inside("status", required=self._notification is not None)
        if look is None:
            return None
        look.present(_RESOURCE)
        url = self._belongs(look, announced=self._notification is not None)
        meaning = self._meaning(look, "statustype", _url(look, "statustype"), self._case)
        day = look.moment("datumStatusGezet")
        if url is None or meaning is None or day is None:
            return None
        return self._tell(meaning[0], day, url, at=look.at("datumStatusGezet"))

    def _closing(self) -> NativeEvent | None:
        """What the result means, on the day the case was closed or the result announced; without one, that it ended."""
        announced = self._notification is not None and self._announced("resultaat")
        # A case that has a result isn't told as ended without it: it may have been rejected.
        needed = announced or (self._at is not None and self._at.has("resultaat"))
        look = self._whole.inside("resultaat", required=needed)
        end = None if self._case is None else self._case.end
        if look is None:
            return None if needed or end is None or self._case is None else self._ended(end)
        look.present(_RESOURCE)
        url = self._belongs(look, announced=announced)
        meaning = self._meaning(look, "resultaattype", _url(look, "resultaattype"), self._case)
        day = end if self._notification is None or not announced or end is not None else self._notification.day
        return None if url is None or meaning is None or day is None else self._tell(meaning[0], day, url)

    def _ended(self, day: int) -> NativeEvent | None:
        return None if self._case is None else self._tell(Kind.BEEINDIGD, day, self._case.url)

    def _belongs(self, look: Look, *, announced: bool) -> str | None:
        """The URL of a resource of this case, and of the very resource that was announced."""
        url, of = _url(look, "url"), _url(look, "zaak")
        if self._case is not None and of is not None and of != self._case.url:
            look.fault("zaak", Keyword.MISMATCH)
        if announced and self._notification is not None and url is not None and url != self._notification.url:
            look.fault("url", Keyword.MISMATCH)
        return url

    def _meaning(self, look: Look, name: str, url: str | None, case: _Case | None = None) -> tuple[Kind, Law] | None:
        if url is None:
            return None
        meaning = self._types.get(url)
        if meaning is None:
            look.fault(name, Keyword.UNKNOWN_TYPE)
        elif case is not None and meaning[1] is not case.law:
            look.fault(name, Keyword.MISMATCH)
        return meaning

    def _tell(self, kind: Kind, day: int, url: str, at: int | None = None) -> NativeEvent | None:
        if self._case is None or self._citizen is None:
            return None
        # Each status that is set is a resource of its own, so one that is set again is told again.
        course = Course(("zgw", self._case.sender, self._case.url), at, restated=False, resumes=Kind.GESTART)
        return NativeEvent(
            event=Event(kind, day, self._case.law, None, self._case.reference),
            citizen=self._citizen,
            sender=self._case.sender,
            receiver=None,
            identity=("zgw", url, kind.value),
            course=None if at is None else course,
        )


def _is_bare(item: Mapping[str, object]) -> bool:
    """Whether this is a notification as the Notificaties API sends it, and not what was fetched behind it."""
    return "hoofdObject" in item and _PARTS.isdisjoint(item)


def _as_to_fetch(fault: Fault) -> Fault:
    """A resource that is not here stands at the source: nobody can fill it in."""
    absent = fault.keyword == Keyword.MISSING and fault.path.removeprefix("/") in _PARTS
    return Fault(fault.path, Keyword.TO_FETCH) if absent else fault


def read_notification(data: bytes) -> Notification:
    """What a notification announces, so that it can be fetched; raises `Malformed`."""
    look = parse_object(data)
    found = _notification(look)
    if found is None or look.faults:
        raise Malformed(tuple(look.faults))
    return found


def _notification(look: Look) -> Notification | None:
    channel = look.text("kanaal", limit=50)
    if channel is not None and channel != _CHANNEL:
        look.fault("kanaal", Keyword.VOCABULARY)
    case, url, day = _url(look, "hoofdObject"), _url(look, "resourceUrl"), look.moment("aanmaakdatum")
    resource, action = look.text("resource", limit=100), look.text("actie", limit=100)
    if case is None or url is None or resource is None or action is None or day is None:
        return None
    return Notification(case, resource, action, url, day)


def _listed(look: Look, name: str, words: frozenset[str]) -> str | None:
    text = look.text(name, limit=80)
    if text is not None and text not in words:
        look.fault(name, Keyword.CODE_LIST)
    return text


def _url(look: Look, name: str) -> str | None:
    return look.text(name, _URL, limit=_URL_LIMIT)


def _citizen(whole: Look, case: _Case | None) -> Citizen | None:
    """The one person that the case is about."""
    found: dict[str, dict[str, Citizen]] = {role: {} for role in _ABOUT}
    before = len(whole.faults)
    for look in whole.each("rollen"):
        look.present(_ROLE)
        of = _url(look, "zaak")
        if case is not None and of is not None and of != case.url:
            look.fault("zaak", Keyword.MISMATCH)
        role, kind = _listed(look, "omschrijvingGeneriek", _ROLES), _listed(look, "betrokkeneType", _KINDS)
        if role not in found or kind != _PERSON:
            continue
        person = look.inside("betrokkeneIdentificatie")
        citizen = None if person is None else person.bsn("inpBsn", person.text("inpBsn"))
        if citizen is not None and citizen.bsn is not None:
            found[role][citizen.bsn] = citizen
    people = next((found[role] for role in _ABOUT if found[role]), {})
    if len(people) == 1:
        return next(iter(people.values()))
    if len(whole.faults) == before:
        whole.fault("rollen", Keyword.SUBJECT)
    return None
