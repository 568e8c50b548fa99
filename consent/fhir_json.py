# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The JSON of a FHIR Consent, read without trust, and the errors that say what is wrong with one.

Guarantees: size and depth are limited before anything is parsed; a name that stands twice in one object, `null`, NaN, half a
surrogate and bytes after the value are refused; an error holds no value.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

SIZE_LIMIT: Final = 1 << 18
_MOST_BRACKETS: Final = 64  # of one in another, in the whole document


class ConsentFault(NamedTuple):
    """One thing that is wrong, safe to log and to show."""

    path: str
    keyword: str


class ConsentError(ValueError):
    """This is no FHIR R4 Consent that can be relied on; with every fault, by place and rule."""

    def __init__(self, faults: Iterable[ConsentFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path} {fault.keyword}" for fault in self.faults))


def parse(raw: bytes) -> Mapping[str, object]:
    """The one resource in these bytes.

    Raises:
        ConsentError: it is not a Consent, or could be read in two ways.
    """
    if len(raw) > SIZE_LIMIT:
        raise ConsentError([ConsentFault("/", "too-large")])
    try:
        text = raw.decode("utf-8")
        _need_shallow(text)
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate is in no text
    except ConsentError:
        raise
    except (ValueError, RecursionError):
        raise ConsentError([ConsentFault("/", "json")]) from None  # the cause holds the document
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise ConsentError([ConsentFault("/resourceType", "code-list")])
    return value


def _need_shallow(text: str) -> None:
    bare = re.sub(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', "", text, flags=re.DOTALL)
    depth = 0
    for sign in re.findall(r"[\[\]{}]", bare):
        depth += 1 if sign in "[{" else -1
        if depth > _MOST_BRACKETS:
            raise ConsentError([ConsentFault("/", "too-deep")])


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ConsentError([ConsentFault("/", "duplicate-key")])
    if None in made.values():  # FHIR has none; read as absent it would take a condition away from a permit
        raise ConsentError([ConsentFault("/", "null")])
    return made


def _refused(_text: str) -> object:
    raise ValueError("no number")
