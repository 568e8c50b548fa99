# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A file of HL7 v2 taken apart: into messages, their segments, and the fields of the few segments that are read.

- A segment that nobody reads (diagnoses, remarks, results, relations) is dropped by its name, before the parser.
- The parser is `hl7lw`, wrapped: it puts values in its errors, lets some of Python's own errors through, and keeps the
  separators of an earlier message, so each message has a parser of its own and none of its errors goes further.
- Batches (FHS, BHS, BTS, FTS) must be whole: what they count must be there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hl7lw import Hl7Parser
from hl7lw.exceptions import Hl7Exception

from adapters.formats.hl7v2_lists import CHARACTER_SETS, READ
from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed

# A segment of which no field is filled is its name alone.
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}(?:\|[^\r\n]*)?")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# The separators that the standard recommends; since version 2.7 there is a fifth.
_SEPARATORS = re.compile(rb"(?:MSH|BHS|FHS)\|\^~\\&(#?)(?:\||\Z)")
_FRAME = re.compile(rb"\x0b|\x1c")  # of MLLP, which carries messages over a line and has no place in a file
_FOREIGN = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_COUNT = re.compile(rb"[0-9]{1,9}")
_CHARACTER_SET = 18
_NO_VALUE = '""'
_STARTS = (b"MSH", b"FHS", b"BHS")
_OTHER_END = re.compile(rb"[\r\n]")
_AROUND = (b"FHS", b"BHS", b"BTS", b"FTS")


@dataclass(frozen=True, slots=True)
class Raw:
    """One message: the names of all its segments, and the bytes of those that are read."""

    number: int
    names: tuple[str, ...]
    segments: tuple[bytes, ...] = field(repr=False)
    # Whether it has the fifth separator, with which a value that was cut off ends.
    truncates: bool = False

    def places(self) -> Iterator[tuple[str, ...]]:
        """Segment, field, component and further subcomponent of whatever holds a value; of what is not read its name.

        A segment that was there before is `NAME[2]`, however often.
        """
        read = iter(self.segments)
        seen: set[str] = set()
        for name in self.names:
            shown = f"{name}[2]" if name in seen else name
            seen.add(name)
            if name in READ:
                yield from ((shown, *place) for place in _filled(next(read), header=name == "MSH"))
            else:
                yield (name,)


def _filled(segment: bytes, *, header: bool) -> Iterator[tuple[str, ...]]:
    fields = segment.decode("ascii", "replace").split("|")[1:]
    if header:  # the separators themselves are its first two fields
        yield ("1",)
        yield ("2",)
        fields = ["", *fields]
        fields[1] = ""
    for number, text in enumerate(fields, 1):
        for one in text.split("~"):
            for place, component in enumerate(one.split("^"), 1):
                first, *others = component.split("&")
                if first:
                    yield str(number), str(place)
                yield from ((str(number), str(place), str(inner)) for inner, sub in enumerate(others, 2) if sub)


def batch_segments(data: bytes) -> list[str]:
    """The names of the segments around the messages of a batch; raises `Malformed`."""
    return [line[:3].decode("ascii") for line in _lines(data) if line[:3] in _AROUND]


def messages(data: bytes) -> list[Raw]:
    """Take a file apart; raises `Malformed`."""
    if len(data) > SIZE_LIMIT:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    if data.startswith(_FOREIGN) or b"\0" in data:
        raise Malformed((Fault("/", Keyword.ENCODING),))
    if _FRAME.search(data) is not None:
        raise Malformed((Fault("/", Keyword.FRAMING),))
    if _CONTROL.search(data) is not None:
        raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),))
    return _Batches(_lines(data)).messages()


def _lines(data: bytes) -> list[bytes]:
    """The segments. The standard ends them with a carriage return; a file that came as text may have line feeds."""
    end = b"\r\n" if b"\r\n" in data else b"\n" if b"\n" in data else b"\r"
    # Without the last end a segment may be half of one.
    if not data.endswith(end):
        mixed = not data or _OTHER_END.search(data.replace(end, b"")) is not None
        if mixed:  # or nothing at all
            raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),))
        raise Malformed((Fault(f"line {data.count(end) + 1}", Keyword.UNTERMINATED),))
    lines = data.removesuffix(end).split(end)
    for number, line in enumerate(lines, 1):
        if _SEGMENT.fullmatch(line) is None:
            other = line[:3] in _STARTS and line[3:4] != b"|"
            raise Malformed((Fault(f"line {number}", Keyword.SEPARATORS if other else Keyword.NOT_WELL_FORMED),))
    return lines


class _Batches:
    """One pass over the lines: messages by themselves, or in batches that close as they opened."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._open: list[str] = []
        self._batches = 0
        self._in_batch = 0

    def messages(self) -> list[Raw]:
        groups: list[list[bytes]] = []
        for line in self._lines:
            name = line[:3].decode("ascii")
            if name in ("MSH", "FHS", "BHS") and _SEPARATORS.match(line) is None:
                where = f"/{len(groups) + 1}/MSH/2" if name == "MSH" else f"/{name}/2"
                raise Malformed((Fault(where, Keyword.SEPARATORS),))
            if name == "MSH":
                self._must(self._open in ([], ["FHS"], ["BHS"], ["FHS", "BHS"]), name)
                groups.append([line])
                self._in_batch += 1
            elif name in ("FHS", "BHS"):
                self._begin(name, alone=not groups and not self._batches)
            elif name in ("BTS", "FTS"):
                self._end(name, line)
            else:
                # A segment that stands before any message, or after a batch is closed, belongs to none.
                self._must(bool(self._in_batch), name)
                groups[-1].append(line)
        self._must(not self._open and bool(groups), "MSH")
        return [_raw(number, group) for number, group in enumerate(groups, 1)]

    def _begin(self, name: str, *, alone: bool) -> None:
        allowed = (alone and not self._open) if name == "FHS" else self._open == ["FHS"] or (alone and not self._open)
        self._must(allowed, name)
        self._batches += self._is_bare_batch()
        self._open.append(name)
        self._in_batch = 0

    def _end(self, name: str, line: bytes) -> None:
        opening = "BHS" if name == "BTS" else "FHS"
        self._must(self._open[-1:] == [opening], name)
        counted = self._in_batch if name == "BTS" else self._batches + self._is_bare_batch()
        self._open.pop()
        said = line[len("BTS|") :].split(b"|")[0]
        if said and (_COUNT.fullmatch(said) is None or int(said) != counted):
            raise Malformed((Fault(f"/{name}/1", Keyword.COUNT),))
        self._batches += name == "BTS"
        self._in_batch = 0

    def _is_bare_batch(self) -> bool:
        """Whether messages stand in a file of batches without the header of a batch: they are one all the same."""
        return self._open == ["FHS"] and self._in_batch > 0

    def _must(self, good: bool, name: str) -> None:
        if not good:
            raise Malformed(
                (Fault(f"/{name}", Keyword.ORDER if self._lines[0][:3] in _STARTS else Keyword.VOCABULARY),)
            )


def _raw(number: int, lines: Sequence[bytes]) -> Raw:
    names = tuple(line[:3].decode("ascii") for line in lines)
    fields = lines[0].split(b"|")
    said = fields[_CHARACTER_SET - 1] if len(fields) >= _CHARACTER_SET else b""
    charset = CHARACTER_SETS.get(said.decode("ascii", "replace"))
    where = f"/{number}/MSH/{_CHARACTER_SET}"
    if charset is None:
        raise Malformed((Fault(where, Keyword.CHARACTER_SET),))
    try:
        b"\r".join(lines).decode(charset)
    except UnicodeDecodeError:
        raise Malformed((Fault(where, Keyword.CHARACTER_SET),)) from None
    header = _SEPARATORS.match(lines[0])
    cut = header is not None and bool(header[1])
    # The parser knows four separators.
    whole = (lines[0].replace(b"#", b"", 1), *lines[1:]) if cut else lines
    return Raw(number, names, tuple(line for name, line in zip(names, whole, strict=True) if name in READ), cut)


class Segments:
    """The fields of the segments that are read, of one message."""

    def __init__(self, raw: Raw) -> None:
        # What is read of a field is ASCII; anything else in it must not be taken for something it is not.
        text = b"".join(segment + b"\r" for segment in raw.segments).decode("ascii", "replace")
        try:
            parsed = Hl7Parser().parse_message(text)
        except (Hl7Exception, ValueError, IndexError):
            raise Malformed((Fault(f"/{raw.number}/MSH", Keyword.NOT_WELL_FORMED),)) from None
        # Of segments that may repeat, the first.
        self._first: dict[str, list[str]] = {segment.name: segment.fields for segment in reversed(parsed.segments)}
        self._every = [(segment.name, segment.fields) for segment in parsed.segments]

    def field(self, segment: str, number: int) -> str:
        """The text of a field of the first segment of this name; empty when it isn't there or says *no value*."""
        return _field(self._first.get(segment, ()), number)

    def every(self, segment: str, number: int) -> list[str]:
        """The same of every segment of this name."""
        return [_field(fields, number) for name, fields in self._every if name == segment]

    def component(self, segment: str, number: int, place: int) -> str:
        """The first subcomponent of a component of the first repetition of a field."""
        return _component(self.field(segment, number).partition("~")[0].split("^"), place)

    def repetitions(self, segment: str, number: int, *places: int) -> Iterator[tuple[str, ...]]:
        """Of each repetition of a field the first subcomponents of these components."""
        # By hand: a field object of the parser makes an object of everything in it, and takes longer than all the rest.
        for one in self.field(segment, number).split("~"):
            components = one.split("^")
            yield tuple(_component(components, place) for place in places)


def _field(fields: Sequence[str], number: int) -> str:
    text = fields[number - 1] if number <= len(fields) else ""
    return "" if text == _NO_VALUE else text


def _component(components: Sequence[str], place: int) -> str:
    text = components[place - 1].partition("&")[0] if place <= len(components) else ""
    return "" if text == _NO_VALUE else text
