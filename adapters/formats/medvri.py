# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A MEDVRI letter (EDIFACT): looked at only to know that it is whole, then for a person at this edge.

- No event ever comes from it. What it says is free text, and nobody but a person can tell what may go to whom.
- So `read` always raises: `for-a-person` at each letter when the file is whole, or what is wrong with it.
- The header and the counts are looked at; a name, a number or a line of text never becomes an object of ours.

Derived: the grammar is EDIFACT, syntax 1 to 3; which segments a letter has, we know from a few samples. The tokenizer
is that of `pydifact`; its parser would refuse the numbered lines of text (`TXT:1`) and write the header to the log.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.token import Token
from pydifact.tokenizer import Tokenizer

from adapters.formats.about import About, Status
from adapters.formats.content_marks import text_mark
from adapters.formats.explain import Explained, Fields, Ground, by_place, explained
from adapters.formats.native import SIZE_LIMIT, Fault, FormatConfig, Keyword, Malformed, NativeEvent
from adapters.formats.xml_strict import Walk
from schemas.calendar import parse_date

ABOUT: Final = About(
    name="medvri",
    partner="huisarts",
    standard="EDIFACT MEDVRI",
    version="1",
    status=Status.DERIVED,
    reads=("MEDVRI",),
)
recognises = text_mark(rb"(?:UNA.{6}[\r\n]*)?UNB\+.{0,500}MEDVRI")
# No field of a letter is used: a person reads it.
FIELDS: Final[Fields] = {
    **dict.fromkeys(("UNA", "UNB", "UNH", "UNT", "UNZ"), Ground.CHECKED),
    "GGA": Ground.OTHERS,
    "DET": Ground.FREE_TEXT,
    "PID": Ground.IDENTITY,
    "PAD": Ground.IDENTITY,
    "TXT": Ground.FREE_TEXT,
    "GGO": Ground.OTHERS,
}
_FOREIGN = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
_ADVICE = "UNA:+.? '"  # the separators that everybody has; others would only be there to confuse
_SAYS = re.compile(rb"UNA(.{6})[\r\n]*(?=UNB)", re.DOTALL)
# The mark of decimals is the sender's own, and the fifth place is for a later syntax: neither divides anything here.
_SEPARATORS = re.compile(rb":\+[.,]\?[ *]'")
_HEAD = re.compile(rb"UNB\+(UNO[A-Z])")
_DATE, _TIME = re.compile(r"[0-9]{6}(?:[0-9]{2})?"), re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]")
_SYNTAX = frozenset({"1", "2", "3", "4"})
_SETS: Mapping[bytes, str] = {b"UNOA": "ascii", b"UNOB": "ascii", b"UNOC": "iso8859-1", b"UNOY": "utf-8"}
_COUNT = re.compile(r"[0-9]{1,6}")
_ENVELOPE = frozenset({"UNB", "UNH", "UNT", "UNZ"})
_LETTER = frozenset({"GGA", "DET", "PID", "PAD", "TXT", "GGO"})
_MUST = ("GGA", "DET", "PID", "TXT", "GGO")
_SINGLE = frozenset(_MUST) - {"TXT"} | {"PAD"}


@dataclass(frozen=True, slots=True)
class _Segment:
    """The name; of the envelope also what is in it, and of a letter nothing."""

    name: str
    elements: Sequence[Sequence[str]] = field(repr=False)

    def text(self, element: int, component: int = 1) -> str:
        if element > len(self.elements) or component > len(self.elements[element - 1]):
            return ""
        return self.elements[element - 1][component - 1]


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each segment; raises `Malformed`."""
    return explained(((segment.name,) for segment in _segments(text_of(data))), by_place(FIELDS))


class MedvriReader:
    """Looks whether a file of letters is whole."""

    name = "medvri"

    def __init__(self, config: FormatConfig) -> None:
        # Nothing to configure: no setting may ever let a letter through.
        pass

    def read(self, data: bytes) -> list[NativeEvent]:
        """Raise `Malformed`, always: that each letter is for a person, or why the file is not whole."""
        segments = list(_segments(text_of(data)))
        walk = Walk()
        letters = _interchange(segments, walk)
        walk.finish()
        raise Malformed(tuple(Fault(f"/{number}/TXT", Keyword.FOR_A_PERSON) for number in range(1, letters + 1)))


def text_of(data: bytes) -> str:
    """The text of a file after its advice of separators; raises `Malformed` where it can't be one of letters."""
    if len(data) > SIZE_LIMIT:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    if data.startswith(_FOREIGN) or b"\0" in data:
        raise Malformed((Fault("/", Keyword.ENCODING),))
    advice = _SAYS.match(data)
    if advice is not None:
        if _SEPARATORS.fullmatch(advice[1]) is None:
            raise Malformed((Fault("/UNA", Keyword.SEPARATORS),))
        data = data[advice.end() :]
    head = _HEAD.match(data)
    if head is None:
        raise Malformed((Fault("/UNB", Keyword.VOCABULARY),))
    charset = _SETS.get(head[1])
    if _CONTROL.search(data) is not None:
        raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),))
    if charset is None:
        raise Malformed((Fault("/UNB/1", Keyword.CHARACTER_SET),))
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        raise Malformed((Fault("/UNB/1", Keyword.CHARACTER_SET),)) from None


def _segments(text: str) -> Iterator[_Segment]:
    """The segments, as the tokenizer finds them; what stands in a letter is let go token by token."""
    # The tokenizer lets a lone release sign after the last segment pass.
    if not text.rstrip("\r\n ").endswith("'"):
        raise Malformed((Fault("/", Keyword.UNTERMINATED),))
    elements = [[""]]
    try:
        for token in Tokenizer().get_tokens(text, Characters.from_str(_ADVICE)):
            if token.type is Token.Type.TERMINATOR:
                yield _Segment(elements[0][0], elements[1:])
                elements = [[""]]
            elif token.type is Token.Type.DATA_SEPARATOR:
                elements.append([""])
            elif token.type is Token.Type.COMPONENT_SEPARATOR:
                elements[-1].append("")
            elif elements == [[""]] or elements[0][0] in _ENVELOPE:
                elements[-1][-1] = token.value
    except EDISyntaxError:
        raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),)) from None


def _interchange(segments: Sequence[_Segment], walk: Walk) -> int:
    """Check one interchange; the number of its letters."""
    head, inside, tail = segments[0], segments[1:-1], segments[-1]
    if head.name != "UNB" or tail.name != "UNZ":
        walk.fault("/UNB" if head.name != "UNB" else "/UNZ", Keyword.MISSING)
        return 0
    for element in range(1, 6):
        if not head.text(element):
            walk.fault(f"/UNB/{element}", Keyword.MISSING)
    if head.text(1, 2) not in _SYNTAX:
        walk.fault("/UNB/1", Keyword.VERSION)
    if head.text(4) and not _is_moment(head.text(4), head.text(4, 2)):
        walk.fault("/UNB/4", Keyword.DATE)
    letters: list[list[_Segment]] = []
    for segment in inside:
        if segment.name == "UNH":
            letters.append([])
        if not letters or segment.name in ("UNB", "UNZ"):
            walk.fault("/UNH", Keyword.ORDER)
            return 0
        letters[-1].append(segment)
    for number, letter in enumerate(letters, 1):
        _letter(letter, f"/{number}", walk)
    if not letters:
        walk.fault("/UNH", Keyword.MISSING)
    _counted(tail, len(letters), head.text(5), "/UNZ", walk)
    return len(letters)


def _is_moment(day: str, clock: str) -> bool:
    """Whether a day, of six figures or of eight, and a time are on calendar and clock."""
    if _DATE.fullmatch(day) is None or _TIME.fullmatch(clock) is None:
        return False
    whole = day if len(day) == 8 else f"20{day}"  # with the century, or without
    try:
        parse_date(f"{whole[:4]}-{whole[4:6]}-{whole[6:]}")
    except ValueError:
        return False
    return True


def _letter(segments: Sequence[_Segment], path: str, walk: Walk) -> None:
    head, tail = segments[0], segments[-1]
    if head.text(2) != "MEDVRI":
        walk.fault(f"{path}/UNH/2", Keyword.VOCABULARY)
        return
    if head.text(2, 2) != "1":
        walk.fault(f"{path}/UNH/2", Keyword.VERSION)
    if tail.name != "UNT":
        walk.fault(f"{path}/UNT", Keyword.MISSING)
        return
    names = [segment.name for segment in segments[1:-1]]
    if not _LETTER.issuperset(names):
        walk.fault(f"{path}/*", Keyword.UNEXPECTED)
    for name in sorted(_SINGLE):
        if names.count(name) > 1:
            walk.fault(f"{path}/{name}", Keyword.REPEATED)
    furthest = 0
    for name in _MUST:
        if name not in names:
            walk.fault(f"{path}/{name}", Keyword.MISSING)
            continue
        if names.index(name) < furthest:
            walk.fault(f"{path}/{name}", Keyword.ORDER)
        furthest = max(furthest, names.index(name))
    _counted(tail, len(segments), head.text(1), f"{path}/UNT", walk)


def _counted(tail: _Segment, count: int, reference: str, path: str, walk: Walk) -> None:
    """What a closing segment says must be what is there: how many, and the number of what it closes."""
    said = tail.text(1)
    if _COUNT.fullmatch(said) is None or int(said) != count:
        walk.fault(f"{path}/1", Keyword.COUNT)
    if not reference or tail.text(2) != reference:
        walk.fault(f"{path}/2", Keyword.COUNT)
