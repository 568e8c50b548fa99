# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""CloudEvents of CORV 2.0 (Samen onder Handbereik), from a Zorg- en Veiligheidshuis, as events.

- One thing leaves: *an action is assigned to you*, its day and the house's own number of the person it is about. That an
  outcome is available or was seen, minutes, decisions and other persons stay; such an event is refused by name.
- `type` and `source` are translated to the NL GOV profile first, and looked up under that name:
  `overleg.actie-belegd` is `nl.samen-onder-handbereik.overleg.actie-belegd`, `/oin/<oin>/systeem/<naam>` is
  `urn:nld:oin:<oin>:systeem:<naam>`.
- The subject is a number of the house itself; a BSN is refused, because nothing says that it may stand there.
- `data` and all else is dropped before any object of ours exists.

The specifications are drafts and name no event for an action, so its type comes from the configuration.
"""

import re
from typing import Final

from adapters.formats import cloudevents, json_strict
from adapters.formats.about import About, Status
from adapters.formats.content_marks import of_corv
from adapters.formats.explain import Explained, Fields
from adapters.formats.json_look import (
    DEPTH_LIMIT,
    NINE_DIGITS,
    NUMBER_LIMIT,
    URI_REFERENCE,
    Look,
    read_each,
)
from adapters.formats.native import SIZE_LIMIT, FormatConfig, Keyword, NativeEvent, SubjectKind
from schemas.event import Event, Kind
from schemas.identity import Citizen

ABOUT: Final = About(
    name="corv",
    partner="Zorg- en Veiligheidshuis en justitieketen",
    standard="CORV 2.0 / Samen onder Handbereik, CloudEvents",
    version="1.0",
    status=Status.DRAFT,
    reads=("actie belegd",),
    writes=("event",),
    tells=(22, 614),
    told=(12, 122, 222, 322, 422, 522),
)
recognises = of_corv
FIELDS: Final[Fields] = {
    **cloudevents.FIELDS,
    "type": "whether an action is assigned, and under which law, by the table of the configuration; does not travel",
}
PREFIX: Final = "nl.samen-onder-handbereik."
_TYPE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_SOURCE = re.compile(r"/oin/([0-9]{20})/systeem/([A-Za-z0-9._~-]{1,64})")
_FUNCTION: Final = "uitwisselen-uitkomst-overleg."
# Known, and nothing that may leave.
_STAYS: Final = frozenset({_FUNCTION + "uitkomst-beschikbaar-gesteld", _FUNCTION + "uitkomst-ingezien"})


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each attribute; raises `Malformed`."""
    return cloudevents.explain(data, FIELDS)


class CorvReader:
    """Reads one CloudEvent or one batch."""

    name = "corv"

    def __init__(self, config: FormatConfig) -> None:
        self._types = config.cloudevent_types
        self._subject_kind = config.subject_kind

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per assigned action; raises `Malformed`, also for what may not leave."""
        return read_each(json_strict.parse(data, SIZE_LIMIT, DEPTH_LIMIT), "", self._event)

    def _event(self, look: Look) -> NativeEvent | None:
        cloudevents.check_attributes(look)
        identity, source = look.text("id"), look.text("source", URI_REFERENCE)
        event, citizen = self._assigned(look, look.moment("time")), self._citizen(look)
        if look.faults or identity is None or source is None or event is None or citizen is None:
            return None
        sender = translated_source(source)
        return NativeEvent(event, citizen, sender, None, ("corv", sender, identity))

    def _assigned(self, look: Look, day: int | None) -> Event | None:
        name = look.text("type", _TYPE)
        if name is None:
            return None
        if name in _STAYS:
            look.fault("type", Keyword.NO_EVENT)
            return None
        meaning = self._types.get(translated_type(name))
        if meaning is None:
            look.fault("type", Keyword.UNKNOWN_TYPE)
        elif meaning[0] is not Kind.ACTIE_BELEGD:
            look.fault("type", Keyword.NO_EVENT)
        return None if meaning is None or day is None else Event(meaning[0], day, meaning[1])

    def _citizen(self, look: Look) -> Citizen | None:
        subject = look.text("subject", limit=NUMBER_LIMIT)
        if subject is None:
            return None
        bare = NINE_DIGITS.fullmatch(subject) is not None
        if subject.lower().startswith("urn:nld:bsn") or (bare and self._subject_kind is not SubjectKind.OWN_NUMBER):
            look.fault("subject", Keyword.SUBJECT)
            return None
        return Citizen(own_number=subject)


def translated_type(name: str) -> str:
    """The type as the NL GOV profile wants it: in reverse domain names."""
    return PREFIX + name


def translated_source(source: str) -> str:
    """The source as the NL GOV profile wants it; one that follows another pattern is a URI already."""
    parts = _SOURCE.fullmatch(source)
    return source if parts is None else f"urn:nld:oin:{parts[1]}:systeem:{parts[2]}"
