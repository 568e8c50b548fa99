# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""HL7 v2 messages as events: REF^I12 and RRI^I12 (referral), SIU (appointment), ORU^R01 (that a result arrived).

- A file holds one message, many, or a batch, and is taken whole or refused whole, with every fault that was found.
- The client is known by the numbers in PID-3 alone: a BSN (NLMINBIZA) or one of the own numbering authority.
- The sender is MSH-4. A test message (MSH-11) is refused: nobody is told what did not happen.
- Of a result nothing is read but that it is there. Names, diagnoses, remarks, rooms and physicians are dropped.

Statuses are told by our own reading of tables 0283 and 0278 (`hl7v2_lists.py`); the others are refused by name. An
identity has no message number in it: the same appointment or referral in the same state is the same event. One that
comes back to a state after another is a new one: by `course` the edge, which has the history, tells the two apart.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import text_mark
from adapters.formats.explain import Explained, Verdict, by_place, explained
from adapters.formats.hl7v2_fields import FIELDS
from adapters.formats.hl7v2_lists import (
    APPOINTMENTS,
    ARRIVED,
    EXPIRED,
    FILLER_STATUS,
    MESSAGES,
    NOT_ARRIVED,
    NOT_TAKEN,
    NOT_TODAY,
    OTHER_TRIGGERS,
    REFERRAL_STATUS,
    TAKEN,
    TODAY,
    TRIGGERS,
    TRUNCATING,
    VERSIONS,
    Message,
)
from adapters.formats.hl7v2_moments import is_sound, stamp
from adapters.formats.hl7v2_order import out_of_order
from adapters.formats.hl7v2_parts import Raw, Segments, batch_segments, messages
from adapters.formats.native import Course, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.xml_strict import Walk
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="hl7v2",
    partner="huisarts en ziekenhuis",
    standard="HL7 v2",
    version="2.3 tot 2.8",
    status=Status.DERIVED,
    reads=("REF^I12", "RRI^I12", "SIU", "ORU^R01"),
    writes=("RRI^I12",),
    tells=(2, 4, 12, 13, 14, 111, 122, 214, 311, 522, 901),
    told=(5, 9, 13, 18, 118, 901, 903, 906),
)
# A message, a batch or a file of batches; also in the frame of MLLP, so that its refusal says what to do.
recognises = text_mark(rb"\x0b?(?:MSH\||BHS\||FHS\|)")
WRITTEN_BY = "SCHAKEL"  # MSH-3 of what our own writer makes
BSN_AUTHORITY = "NLMINBIZA"

_BSN = re.compile(r"[0-9]{9}")
# Printable ASCII without a separator or an escape: a number or code that would need one is none of ours.
_CODE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?")
_ESCAPE = "\\"
_CUT_OFF = "#"
_READ_OF_HEADER = (3, 4, 7, 9, 10, 11, 12)
_DIVIDED = frozenset("~&")


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each segment and field; raises `Malformed`."""
    places = [(_kind(raw), *place) for raw in messages(data) for place in raw.places()]
    # Around the messages stands the same whatever they are.
    around = [(next(iter(FIELDS)), segment) for segment in batch_segments(data)]
    return explained([*places, *around], lambda path: _verdict(path[0])(path[1:]))


@cache
def _verdict(kind: str) -> Callable[[tuple[str, ...]], Verdict]:
    return by_place(FIELDS[kind])


def _kind(raw: Raw) -> str:
    kind = Segments(raw).component("MSH", 9, 1)
    if kind not in MESSAGES:
        raise Malformed((Fault(f"/{raw.number}/MSH/9", Keyword.VOCABULARY),))
    return kind


class Hl7v2Reader:
    """Reads one file of messages."""

    name = "hl7v2"

    def __init__(self, config: FormatConfig) -> None:
        self._law = config.laws.get(self.name)
        self._own_authority = config.own_number_system

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return the events in the order of the messages; raises `Malformed`."""
        raws = messages(data)
        walk = Walk()
        if self._law is None:
            walk.fault("/", Keyword.LAW)
        found: list[NativeEvent] = []
        # Per referral, appointment or result the state it is in; called off, all that it may have been in.
        newest: dict[tuple[str, ...], dict[tuple[str, ...], NativeEvent]] = {}
        for raw in raws:
            for event in _Reading(raw, walk, self._law or Law.WMO, self._own_authority).events():
                states = newest.setdefault(event.identity if event.course is None else event.course.key, {})
                before = states.get(event.identity)
                if not event.retracts:
                    states.clear()
                states[event.identity] = event
                # Booked, called off and booked again are three; the same twice running is one.
                if before is None or before.retracts != event.retracts:
                    found.append(event)
                # The same fact on another day is a mistake that only the sender can mend.
                elif replace(before, course=event.course) != event and not event.retracts:
                    walk.fault(f"/{raw.number}/MSH/10", Keyword.DUPLICATE)
        walk.finish()
        return found


class _Reading:
    """One message on its way to events."""

    def __init__(self, raw: Raw, walk: Walk, law: Law, own_authority: str | None) -> None:
        self._raw = raw
        self._walk = walk
        self._law = law
        self._own_authority = own_authority
        self._segments = Segments(raw)
        self._sent = stamp(self._segments.field("MSH", 7))

    def events(self) -> list[NativeEvent]:
        kind, trigger = self._header()
        if kind is None:
            return []
        self._structure(MESSAGES[kind])
        tell: Mapping[str, Callable[[str, Citizen, str], list[NativeEvent]]] = {
            "REF": self._referral,
            "RRI": self._referral,
            "SIU": self._appointment,
            "ORU": self._result,
        }
        citizen, sender = self._citizen(), self._code("MSH", 4)
        if sender is None:
            self._fault("MSH", 4, Keyword.MISSING)
        if citizen is None or sender is None:
            return []
        return tell[kind](trigger, citizen, sender)

    def _fault(self, segment: str, number: int | None, keyword: Keyword) -> None:
        self._walk.fault(f"/{self._raw.number}/{segment}" + ("" if number is None else f"/{number}"), keyword)

    # -- what kind of message --------------------------------------------------------------------------------------

    def _header(self) -> tuple[str | None, str]:
        kind, trigger, structure = next(self._segments.repetitions("MSH", 9, 1, 2, 3))
        if kind not in MESSAGES:
            self._fault("MSH", 9, Keyword.VOCABULARY)
            return None, ""
        if trigger in OTHER_TRIGGERS[kind]:
            self._fault("MSH", 9, Keyword.NO_EVENT)
        # The structure has one name for all its triggers; some senders fill in the trigger of the message instead.
        elif trigger not in TRIGGERS[kind] or structure not in ("", MESSAGES[kind].structure, f"{kind}_{trigger}"):
            self._fault("MSH", 9, Keyword.CODE_LIST)
        # None of them repeats in the standard or has subcomponents there: of `P~T` nobody can say whether it is a test.
        for number in _READ_OF_HEADER:
            self._whole("MSH", number)
        if not self._segments.field("MSH", 10):
            self._fault("MSH", 10, Keyword.MISSING)
        processing = self._segments.component("MSH", 11, 1)
        if processing != "P":
            self._fault("MSH", 11, Keyword.NO_EVENT if processing in ("T", "D") else Keyword.CODE_LIST)
        self._code_of("MSH", 11, self._segments.component("MSH", 11, 2), TODAY, NOT_TODAY)
        version = self._segments.component("MSH", 12, 1)
        if version not in VERSIONS:
            self._fault("MSH", 12, Keyword.VERSION)
        elif self._raw.truncates and version not in TRUNCATING:
            self._fault("MSH", 2, Keyword.SEPARATORS)
        if kind == "RRI" and "MSA" in self._raw.names:
            self._code_of("MSA", 1, self._segments.field("MSA", 1), TAKEN, NOT_TAKEN)
        if self._segments.component("MSH", 3, 1) == WRITTEN_BY:
            self._fault("MSH", 3, Keyword.NO_EVENT)
        return kind, trigger

    def _structure(self, message: Message) -> None:
        names = [name for name in self._raw.names if not name.startswith("Z")]
        counts = Counter(names)
        sound = True
        for name in counts:
            if name not in message.names:
                self._walk.fault(f"/{self._raw.number}/*", Keyword.UNEXPECTED)
            elif name in message.single and counts[name] > 1:
                self._fault(name, None, Keyword.REPEATED)
            else:
                continue
            sound = False
        for name in message.must:
            if name not in counts:
                self._fault(name, None, Keyword.MISSING)
                sound = False
        # What is missing or too many says enough; the order of the rest would only repeat it.
        misplaced = out_of_order(message.order, names) if sound else None
        if misplaced is not None:
            self._fault(misplaced, None, Keyword.ORDER)

    def _code_of(self, segment: str, number: int, text: str, good: frozenset[str], other: frozenset[str]) -> bool:
        """Whether a code is one of those that tell; else it is one of the standard that doesn't, or none."""
        if text not in good:
            unknown = Keyword.CODE_LIST if text else Keyword.MISSING
            self._fault(segment, number, Keyword.NO_EVENT if text in other else unknown)
        return text in good

    def _whole(self, segment: str, number: int) -> bool:
        """Whether a field that the standard has once stands there once: of `P~A` nobody can say which of them holds."""
        whole = _DIVIDED.isdisjoint(self._segments.field(segment, number))
        if not whole:
            self._fault(segment, number, Keyword.REPEATED)
        return whole

    # -- who -------------------------------------------------------------------------------------------------------

    def _citizen(self) -> Citizen | None:
        bsns: set[str] = set()
        numbers: set[str] = set()
        for number, authority in self._segments.repetitions("PID", 3, 1, 4):
            if number and authority == BSN_AUTHORITY:
                bsns.add(number)
            elif number and authority and authority == self._own_authority:
                numbers.add(number)
        if len(bsns) > 1 or len(numbers) > 1:
            self._fault("PID", 3, Keyword.REPEATED)
        elif not bsns and not numbers:
            self._fault("PID", 3, Keyword.MISSING)
        elif not all(map(_BSN.fullmatch, bsns)) or not all(map(self._is_code, numbers)):
            self._fault("PID", 3, Keyword.PATTERN)
        else:
            try:
                return Citizen(next(iter(bsns), None), next(iter(numbers), None))
            except ValueError:
                self._fault("PID", 3, Keyword.ELEVEN_TEST)
        return None

    def _code(self, segment: str, number: int) -> str | None:
        text = self._segments.component(segment, number, 1)
        if not text or self._is_code(text):
            return text or None
        self._fault(segment, number, Keyword.PATTERN)
        return None

    def _key(self, *places: tuple[str, int]) -> tuple[str, str] | None:
        """The number, and who gave it, by which the sender knows what this is about."""
        for segment, number in places:
            text, authority = next(self._segments.repetitions(segment, number, 1, 2))
            if not text:
                continue
            if not self._whole(segment, number):
                return None
            if self._is_code(text) and (not authority or self._is_code(authority)):
                return text, authority
            self._fault(segment, number, Keyword.PATTERN)
            return None
        self._fault(*places[0], Keyword.MISSING)
        return None

    # -- what happened ---------------------------------------------------------------------------------------------

    def _referral(self, trigger: str, citizen: Citizen, sender: str) -> list[NativeEvent]:
        answer = self._segments.component("MSH", 9, 1) == "RRI"
        if not self._whole("RF1", 1):
            return []
        status = self._segments.component("RF1", 1, 1)
        if not status and not answer:  # a referral that says no more is one that was just made
            status = "P"
        if status not in REFERRAL_STATUS:
            missing = Keyword.CODE_LIST if status else Keyword.MISSING
            self._fault("RF1", 1, Keyword.NO_EVENT if status == EXPIRED else missing)
            return []
        key = self._key(("RF1", 6), ("RF1", 11))
        for number in (7, 8, 9):
            if not is_sound(self._segments.field("RF1", number)):
                self._fault("RF1", number, Keyword.DATE)
                return []
        # RF1-9 is when it was dealt with, RF1-7 from when it holds.
        day = self._day(("RF1", 9 if answer else 7), ("MSH", 7))
        return self._event(REFERRAL_STATUS[status], day, citizen, sender, "REF", key)

    def _appointment(self, trigger: str, citizen: Citizen, sender: str) -> list[NativeEvent]:
        status = self._segments.component("SCH", 25, 1).lower()
        key, day = self._key(("SCH", 2), ("SCH", 1)), self._day(("MSH", 7))
        if not self._whole("SCH", 25):
            return []
        if status and status not in FILLER_STATUS:
            self._fault("SCH", 25, Keyword.CODE_LIST)
            return []
        if (trigger, status) not in APPOINTMENTS:
            if trigger in TRIGGERS["SIU"]:
                self._fault("SCH", 25, Keyword.NO_EVENT)
            return []
        kind = APPOINTMENTS[trigger, status]
        if kind is not None:
            return self._event(kind, day, citizen, sender, "SIU", key)
        return [
            event
            for told in (Kind.ACTIE_BELEGD, Kind.ACTIE_AFGEROND)
            for event in self._event(told, day, citizen, sender, "SIU", key, retracts=True)
        ]

    def _result(self, trigger: str, citizen: Citizen, sender: str) -> list[NativeEvent]:
        key, day = self._key(("OBR", 3), ("OBR", 2)), self._day(("MSH", 7))
        states = set(self._segments.every("OBR", 25))
        if not states <= ARRIVED | NOT_ARRIVED:
            self._fault("OBR", 25, Keyword.CODE_LIST)
        elif states.isdisjoint(ARRIVED):
            self._fault("OBR", 25, Keyword.NO_EVENT)
        return self._event(Kind.UITKOMST_BESCHIKBAAR, day, citizen, sender, "ORU", key)

    def _event(
        self,
        kind: Kind,
        day: int | None,
        citizen: Citizen,
        sender: str,
        about: str,
        key: tuple[str, str] | None,
        *,
        retracts: bool = False,
    ) -> list[NativeEvent]:
        if day is None or key is None:
            return []
        course = Course(
            ("hl7v2", about, sender, *key, citizen.bsn or "", citizen.own_number or ""),
            None if self._sent is None else self._sent[1],
            restated=True,
        )
        return [
            NativeEvent(
                event=Event(kind, day, self._law),
                citizen=citizen,
                sender=sender,
                receiver=self._code("MSH", 6),
                identity=(*course.key, kind.value),
                retracts=retracts,
                course=course,
            )
        ]

    def _day(self, *places: tuple[str, int]) -> int | None:
        # Whichever is used, the moment of the message must be sound.
        if self._sent is None:
            self._fault("MSH", 7, Keyword.DATE if self._segments.field("MSH", 7) else Keyword.MISSING)
            return None
        for segment, number in places:
            if not self._segments.field(segment, number):
                continue
            found = self._sent if segment == "MSH" else stamp(self._segments.field(segment, number))
            if found is None:
                self._fault(segment, number, Keyword.DATE)
            return None if found is None else found[0]
        return None

    def _is_code(self, text: str) -> bool:
        cut_off = self._raw.truncates and _CUT_OFF in text
        return _CODE.fullmatch(text) is not None and _ESCAPE not in text and not cut_off
