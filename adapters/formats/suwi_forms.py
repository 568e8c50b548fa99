# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The forms of a text in SuwiML, by a letter and a length: what a place of `suwi_lists` says behind its colon.

| word | form |
| --- | --- |
| `a40` | at most 40 signs |
| `x2` | exactly 2 signs |
| `d4` | exactly 4 digits |
| `w200`, `v3` | at most 200, exactly 3 signs, none of them a digit |
| `n2` | a whole number of at most 2 digits |

Most codes have such a form and no list: no meaning of a code stands here.
"""

from collections.abc import Mapping
from typing import Final

from adapters.formats.native import Keyword
from adapters.formats.xml_shape import Text, pattern

_DAY: Final = (
    r"(?:0{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?!0000)[0-9]{4}(?:0[0-9]|1[0-2])(?:[0-2][0-9]|3[01]))"
)
_BY_LETTER: Final = {
    "a": ".{{0,{0}}}",
    "x": ".{{{0}}}",
    "d": r"\d{{{0}}}",
    "w": r"\D{{0,{0}}}",
    "v": r"\D{{{0}}}",
    "n": r"\+?0*[0-9]{{1,{0}}}|-0+",
}
_BY_NAME: Final[Mapping[str, Text]] = {
    # Zeros stand for what the source does not know, or for no day at all.
    "day": pattern(rf"0{{8}}|{_DAY}", keyword=Keyword.DATE),
    "moment": pattern(
        r"(?!0000)[0-9]{4}(?:0[0-9]|1[0-2])(?:[0-2][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{2}",
        keyword=Keyword.DATE,
    ),
    "initials": pattern(r"[A-Z]{1,6}|[.]"),
    "postcode": pattern(r"[1-9][0-9]{3}[A-Za-z]{2}"),
    "duration": pattern(r"\d{2}[0-5]\d"),
    "percentage": pattern(r"[0-9]{5}"),
    "sign": pattern(r"[+-]", keyword=Keyword.CODE_LIST),
    "every": pattern(r"0[1-9]|10|20", keyword=Keyword.CODE_LIST),
    "text": pattern(r".*"),
}


def form(word: str) -> Text:
    """The form that a word of the table names."""
    named = _BY_NAME.get(word)
    if named is not None:
        return named
    return pattern(_BY_LETTER[word[0]].format(int(word[1:])), trimmed=word[0] == "n")
