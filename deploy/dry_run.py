# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Native messages read without an edge: the events that are in them, or the report of what is wrong.

* The format is given, or told by the content of each file; a name of a file says nothing.
* Numbers of people are masked unless asked; a report holds no value of a message in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import orjson

from adapters.config import EdgeConfig
from adapters.format_names import AUTO
from adapters.formats import READERS, SeveralFormats, the_format
from adapters.formats.batch import parts
from adapters.formats.explain import Explained
from adapters.formats.likeness import likeness
from adapters.formats.likeness_marks import Likeness
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, NativeEvent, Notice, Reader
from adapters.problem import problem_report
from deploy.exits import wrong_use
from schemas.calendar import date_text
from schemas.event import Law
from schemas.identity import Citizen, mask

_LARGEST = 1 << 20  # bytes; every reader refuses more by itself too
_NO_FORMAT = "?"
_MASKED = "*****"
_MASKED_REFERENCE = "gemaskeerd"  # a reference is letters, digits and hyphens
_SENDER = "(afzender)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: its events, or its problem report; and what becomes of each field, where asked."""

    name: str
    format: str
    events: Sequence[NativeEvent]
    report: Mapping[str, object] | None
    fields: Sequence[Explained] | None = None
    number: int | None = None  # its place, where the file has many messages
    looks_like: Likeness | None = None  # what it is, where it was refused for being something else

    @property
    def title(self) -> str:
        """By what a person finds it."""
        return self.name if self.number is None else f"{self.name}, message {self.number}"


class DryRun:
    """Reads one file after the other. `source`: the format of all; None: each by its content.

    `edge`: an edge whose settings say which format a file has, by its suffix, and how large it may be.
    """

    def __init__(
        self, config: FormatConfig, source: str | None, *, explains: bool, edge: EdgeConfig | None = None
    ) -> None:
        self._config = config
        self._source = source
        self._explains = explains
        self._edge = edge
        self._largest = _LARGEST if edge is None else edge.largest_file
        self._readers: dict[str, Reader] = {}
        if source is not None:
            self._reader(source)

    def read(self, name: str, file: BinaryIO, suffix: str = "") -> Iterator[Outcome]:
        """Read one file, message by message; what is wrong with one stands in its outcome and stops no other."""
        said = self._said(suffix)
        found = parts(file, self._largest)
        first, second = next(found), next(found, None)
        if second is None:
            yield self._read(name, said, first.data, None)
            return
        for part in chain((first, second), found):
            yield self._read(name, said, part.data, part.number)

    def too_large(self, name: str, size: int) -> Outcome | None:
        """The outcome of a file that the edge would not read for its size; None where it would."""
        if self._edge is None or size <= max(self._edge.largest_file, self._edge.largest_batch):
            return None
        return _refused(name, self._source or _NO_FORMAT, (Fault("/", Keyword.TOO_LARGE),))

    def _said(self, suffix: str) -> str:
        """The format of a file with this suffix, `auto` where its content says so."""
        if self._source is not None or self._edge is None:
            return self._source or AUTO
        return self._edge.formats_in.get(suffix.lower(), _NO_FORMAT)

    def unreadable(self, name: str) -> Outcome:
        """The outcome of a file that the system doesn't give."""
        return _refused(name, self._source or _NO_FORMAT, (Fault("/", Keyword.UNREADABLE),))

    def _read(self, name: str, said: str, data: bytes | None, number: int | None) -> Outcome:
        found = _NO_FORMAT if said == AUTO else said
        if data is None:
            return _refused(name, found, (Fault("/", Keyword.TOO_LARGE),), number=number)
        fields = None
        try:
            if said == AUTO:
                found = the_format(data)
            if found == _NO_FORMAT:  # the settings know no format for its suffix
                raise Malformed((Fault("/", Keyword.VOCABULARY),))  # noqa: TRY301  # as whatever else nobody reads
            fields = self._fields(found, data)
            return Outcome(name, found, self._reader(found).read(data), None, fields, number)
        except SeveralFormats as error:
            found, faults = " or ".join(error.names), error.faults
        except Malformed as error:
            faults = error.faults
        return _refused(name, found, faults, fields, number, likeness(data, said, faults))

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            try:
                self._readers[name] = READERS[name](self._config)
            except ValueError as error:  # a schema that was given is none; the sentence names its file
                raise wrong_use(f"The {name} messages can't be validated: {error}.") from error
        return self._readers[name]

    def _fields(self, name: str, data: bytes) -> Sequence[Explained] | None:
        explain = READERS[name].explain
        return explain(data) if self._explains and explain is not None else None


def _refused(
    name: str,
    format: str,
    faults: tuple[Fault, ...],
    fields: Sequence[Explained] | None = None,
    number: int | None = None,
    looks_like: Likeness | None = None,
) -> Outcome:
    report = orjson.loads(problem_report(name, format, faults, looks_like=looks_like))
    return Outcome(name, format, (), report, fields, number, looks_like)


def as_json(one: Outcome, *, shown: bool) -> dict[str, object]:
    """What a program gets; `shown`: with the numbers of people."""
    answer: dict[str, object] = {"file": one.name, "format": one.format}
    if one.number is not None:
        answer["message"] = one.number
    if one.report is not None:
        answer["problem"] = one.report
    else:
        answer["events"] = [event_as_json(event, shown=shown) for event in one.events]
    if one.fields is not None:
        answer["fields"] = [
            {
                "path": field.path,
                "count": field.count,
                "used": field.used,
                "dropped": None if field.dropped is None else field.dropped.name.lower().replace("_", "-"),
            }
            for field in one.fields
        ]
    return answer


def event_as_json(native: NativeEvent, *, shown: bool) -> dict[str, object]:
    """One event."""
    event = native.event
    return {
        "kind": event.kind.value,
        "day": date_text(event.day),
        "law": None if event.law is None else event.law.value,
        "ending": None if event.ending is None else event.ending.value,
        "reference": event.reference if shown or event.reference is None else _MASKED,
        "citizen": _who(native.citizen, shown=shown),
        "from": native.sender,
        "to": native.receiver,
        "retracts": native.retracts,
        "grants": native.allocation is not None,
        "answers": native.citizen is None,
    }


def _who(citizen: Citizen | None, *, shown: bool) -> dict[str, str | None]:
    if citizen is None:  # the answer to a request names nobody
        return {"bsn": None, "own_number": None}
    bsn = citizen.bsn if shown or citizen.bsn is None else mask(citizen.bsn)
    number = citizen.own_number if shown or citizen.own_number is None else _MASKED
    return {"bsn": bsn, "own_number": number}


def as_notices(outcomes: Iterable[Outcome], *, shown: bool) -> list[Notice]:
    """What a recipient would be told."""
    events = chain.from_iterable(one.events for one in outcomes)
    return [_notice(place, native, shown=shown) for place, native in enumerate(events)]


def _notice(place: int, native: NativeEvent, *, shown: bool) -> Notice:
    event, citizen = native.event, native.citizen
    if event.reference is not None and not shown:
        event = replace(event, reference=_MASKED_REFERENCE)
    bsn = None if citizen is None else citizen.bsn
    number = (None if citizen is None else citizen.own_number) or bsn or ""
    return Notice(
        event_id=bytes(8) + place.to_bytes(8, "big"),  # nothing of the message: a hash of a BSN can be guessed
        event=event,
        law=event.law or Law.WMO,
        task="dry-run",
        sender_name=native.sender or _SENDER,
        own_number=number if shown and number else _MASKED,
        bsn=bsn if shown else None,
        retracted=native.retracts,
        told_on=event.day,
    )
