# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One record of a topic as one native message: what it holds, or what is wrong with it.

Guarantees: pure; every record has an end, whatever its bytes: its events, or a report; the report names the place of the
record, path and keyword, and nothing of value, key or headers.

Headers are not read but for those that say that the value is not the message as it stands: another encoding than UTF-8, a
packed value, half of a CloudEvent in headers. Such a record is not read as something else than it is. Nor is one whose value
begins with the id of a schema in a registry (the wire format of Confluent), whatever follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import orjson

from adapters.format_names import AUTO
from adapters.formats import the_format
from adapters.formats.native import Fault, Keyword, Malformed, NativeEvent, Reader
from adapters.intake import Arrived
from adapters.problem import report_on

Headers = Sequence[tuple[str, bytes | None]]

CONFLICT: Final = (Fault("/", Keyword.CLIENT_CONFLICT),)
_MOST_HEADERS: Final = 100
_LARGEST_HEADERS: Final = 1 << 16  # bytes of all of them together
_HALF_A_MESSAGE: Final = "ce_"  # CloudEvents, Kafka binding, binary mode
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
# A zero, the id of the schema, and something (the wire format). Text of two bytes a character begins with a zero too, but has
# another one before its second character.
_MAGIC: Final = 0
_LEAST_REGISTERED: Final = 6
_NOT_PACKED: Final = frozenset({"", "identity"})
_READ: Final = frozenset({"content-type", "content-encoding"})

# What is wrong with the record, whatever message is in it.
_OF_THE_RECORD: Final = frozenset({Keyword.TOO_LARGE, Keyword.TOMBSTONE, Keyword.HEADERS, Keyword.REGISTRY})


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands in its topic. `at`: its time in unix milliseconds, as far as that can be believed."""

    topic: str
    partition: int
    offset: int
    at: int
    value: bytes | None = field(repr=False)
    headers: Headers = field(default=(), repr=False)
    too_large: bool = False  # then its value was left where it is

    @property
    def place(self) -> str:
        """Where it stands: how a person finds it, and how its report is known."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def read(record: Record, readers: Mapping[str, Reader], format: str, largest: int) -> Arrived:
    """The message in a record.

    Raises:
        Malformed: it can't be read.
    """
    if record.too_large or len(record.value or b"") > largest:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    if record.value is None:
        raise Malformed((Fault("/", Keyword.TOMBSTONE),))
    if not record.value:
        raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),))
    fault = _odd(record.headers)
    if fault is not None:
        raise Malformed((fault,))
    if _is_registered(record.value):
        raise Malformed((Fault("/", Keyword.REGISTRY),))
    return Arrived(sha256(record.value).digest(), _events(record.value, readers, format), record.at)


def _events(data: bytes, readers: Mapping[str, Reader], format: str) -> list[NativeEvent]:
    return readers[the_format(data) if format == AUTO else format].read(data)


def _odd(headers: Headers) -> Fault | None:
    """What in the headers says that the value can't be read as it stands; the path never holds a name that stands there."""
    if len(headers) > _MOST_HEADERS or sum(len(name) + len(value or b"") for name, value in headers) > _LARGEST_HEADERS:
        return Fault("/headers", Keyword.TOO_LARGE)
    seen: dict[str, str] = {}
    for number, (name, value) in enumerate(headers):
        name = name.lower()  # noqa: PLW2901  # one name, however it is written
        if name.startswith(_HALF_A_MESSAGE):
            return Fault(f"/headers/{number}", Keyword.HEADERS)
        if name not in _READ:
            continue
        try:
            said = (value or b"").decode("ascii").strip().lower()
        except UnicodeDecodeError:
            return Fault(f"/headers/{number}", Keyword.HEADERS)
        if seen.setdefault(name, said) != said or not _is_plain(name, said):
            return Fault(f"/headers/{number}", Keyword.HEADERS)
    return None


def _is_registered(value: bytes) -> bool:
    return len(value) >= _LEAST_REGISTERED and value[0] == _MAGIC and not (value[1] != 0 and value[2] == 0)


def _is_plain(name: str, said: str) -> bool:
    if name == "content-encoding":
        return said in _NOT_PACKED
    words = [word.strip().partition("=") for word in said.split(";")[1:]]
    return all(charset.strip().strip('"') in _UTF_8 for key, _, charset in words if key.strip() == "charset")


def report(record: Record, format: str, faults: Sequence[Fault]) -> bytes:
    """What goes to the quarantine topic: the same record gives the same bytes."""
    of_the_record = any(fault.keyword in _OF_THE_RECORD for fault in faults)
    said = orjson.loads(report_on(record.place, format, faults, None if of_the_record else record.value))
    place = {"topic": record.topic, "partitie": record.partition, "offset": record.offset}
    del said["bestand"]
    return orjson.dumps({**place, **said}, option=orjson.OPT_INDENT_2) + b"\n"
