# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The form `school`: four things that a school or partnership (samenwerkingsverband) tells, and what it is told.

- `tlv` (admission to special education), `opp` (development plan), `arrangement` and `verzuim` (absence): what, since
  when or until when. No diagnosis, category, number of hours, teacher or parent has a place in it.
- The pupil is named by the school's own number alone: nothing says that a BSN may be used between these parties.
- The law is `onderwijs`, which is said of every school alike. Which pupil's plan or absence it was stays with the school;
  only that something was set, changed or ended leaves.

No standard exists between these parties: this is our own form.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark
from adapters.formats.explain import CLIENT, DAY, Explained, Fields
from adapters.formats.json_look import NUMBER_LIMIT, Look
from adapters.formats.native import FormatConfig, Keyword, NativeEvent, Notice
from adapters.formats.own_form import ENTRY_FIELDS, ID, explain_form, known, read_form, write_form
from schemas.calendar import date_text
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="school",
    partner="school en samenwerkingsverband",
    standard="Schakel school",
    version="1",
    status=Status.DERIVED,
    reads=("tlv", "opp", "arrangement", "verzuim"),
    writes=("melding",),
    tells=(20, 119, 211, 314, 422, 906),
    told=(9, 12, 18, 118, 119, 903),
)
recognises = json_mark(rb'"formaat"\s*:\s*"schakel-school"')
FORM: Final = "schakel-school"
LAW: Final = Law.ONDERWIJS


class Matter(StrEnum):
    """What an entry is about."""

    TLV = "tlv"
    OPP = "opp"
    ARRANGEMENT = "arrangement"
    VERZUIM = "verzuim"


class Happening(StrEnum):
    """What happened to it."""

    AANGEVRAAGD = "aangevraagd"
    AFGEWEZEN = "afgewezen"
    TOEGEKEND = "toegekend"
    GESTART = "gestart"
    GEWIJZIGD = "gewijzigd"
    BEEINDIGD = "beeindigd"
    GEMELD = "gemeld"


_ASKED: Final = {
    Happening.AANGEVRAAGD: Kind.AANGEMELD,
    Happening.AFGEWEZEN: Kind.AFGEWEZEN,
    Happening.TOEGEKEND: Kind.TOEGEWEZEN,
    Happening.BEEINDIGD: Kind.BEEINDIGD,
}
# What can happen to which, and what it is in the shared vocabulary.
MEANINGS: Final[Mapping[Matter, Mapping[Happening, Kind]]] = {
    Matter.TLV: _ASKED,
    Matter.ARRANGEMENT: _ASKED,
    Matter.OPP: {
        Happening.GESTART: Kind.GESTART,
        Happening.GEWIJZIGD: Kind.GEWIJZIGD,
        Happening.BEEINDIGD: Kind.BEEINDIGD,
    },
    Matter.VERZUIM: {Happening.GEMELD: Kind.AANGEMELD},
}
FIELDS: Final[Fields] = {
    **ENTRY_FIELDS,
    "soort": "what the event is, with gebeurtenis; which of the four it is about stays behind",
    "gebeurtenis": "what the event is, with soort",
    "afloop": "the class of the ending",
    "datum": DAY,
    "leerlingnummer": CLIENT,
}
_NAMES: Final = known(("soort", "gebeurtenis", "afloop", "datum", "leerlingnummer"))


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each field; raises `Malformed`."""
    return explain_form(data, FORM, FIELDS)


class SchoolReader:
    """Reads one file of entries."""

    name = "school"

    def __init__(self, config: FormatConfig) -> None:
        pass  # the form has no settings: it says itself what it means

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per entry; raises `Malformed`."""
        return read_form(data, FORM, _event)


class SchoolWriter:
    """Writes one file of entries."""

    name = "school"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the JSON; raises ValueError when there is nothing to write."""
        return write_form(FORM, notices, _entry)


def _event(look: Look, sender: str) -> NativeEvent | None:
    look.only(_NAMES)
    identity, number = look.text("id", ID), look.text("leerlingnummer", limit=NUMBER_LIMIT)
    matter, happening = look.word("soort", Matter), look.word("gebeurtenis", Happening)
    ending, day = look.word("afloop", Ending, required=False), look.day("datum")
    retracts = look.flag("ingetrokken")
    kind = None if matter is None or happening is None else MEANINGS[matter].get(happening)
    if kind is None and matter is not None and happening is not None:
        look.fault("gebeurtenis", Keyword.CODE_LIST)
    if ending is not None and happening not in (None, Happening.BEEINDIGD):
        look.fault("afloop", Keyword.UNEXPECTED)
    if look.faults or identity is None or number is None or kind is None or day is None:
        return None
    return NativeEvent(
        event=Event(kind, day, LAW, ending),
        citizen=Citizen(own_number=number),
        sender=sender,
        receiver=None,
        identity=("school", sender, identity),
        retracts=retracts,
    )


def _entry(notice: Notice) -> dict[str, object]:
    event = notice.event
    return {
        "gebeurtenis": None if event is None else event.kind.value,
        "afloop": None if event is None or event.ending is None else event.ending.value,
        "datum": None if event is None else date_text(event.day),
        "leerlingnummer": notice.own_number,
    }
