# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is shown of the name of a file that somebody gave: enough to find it by, and no number of a person.

* What passes the eleven-test is masked to its last four digits, also with separators or without its leading nought, and so is
  every number of nine digits; a date and a time of day stay.
* What a terminal would obey, or can't show, is a question mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.identity import check_bsn, mask

STANDARD_INPUT = Path("-")
_DIGITS = 9
_NUMBER = re.compile(r"(?<![0-9])[0-9](?:[ ._-]?[0-9]){7,8}(?![0-9])")


def printable(text: str) -> str:
    """The text without what a terminal would obey or can't show."""
    return "".join(one if one.isprintable() else "?" for one in text)


def masked(text: str) -> str:
    """The text without a number of a person, printable."""
    return _NUMBER.sub(_shown, printable(text))


def _shown(found: re.Match[str]) -> str:
    digits = "".join(one for one in found[0] if one.isdigit())
    if found[0] == digits and len(digits) == _DIGITS:
        return mask(digits)
    if found[0] != digits and len(digits) != _DIGITS:
        return found[0]  # eight digits with separators are a date
    try:
        return mask(check_bsn(digits.zfill(_DIGITS)))
    except ValueError:
        return found[0]


def names(paths: Iterable[Path], *, shown: bool) -> dict[Path, str]:
    """Each file once, with a name that no other has here: of two of one name as much of their folders as tells them apart.

    `shown`: with the numbers of people in it.
    """
    alike: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        alike.setdefault(path.name, []).append(path)
    found: dict[Path, str] = {}
    taken: dict[str, int] = {}
    for others in alike.values():
        for path in others:
            name = "(standard input)" if path == STANDARD_INPUT else str(_tail(path, others))
            name = printable(name) if shown else masked(name)
            taken[name] = taken.get(name, 0) + 1
            found[path] = name if taken[name] == 1 else f"{name} ({taken[name]})"
    return found


def _tail(path: Path, others: Sequence[Path]) -> Path:
    """The end of a path that none of the others has."""
    for length in range(1, len(path.parts)):
        end = path.parts[-length:]
        if sum(other.parts[-length:] == end for other in others) == 1:
            return Path(*end)
    return path
