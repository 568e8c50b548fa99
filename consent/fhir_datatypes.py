# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The datatypes of FHIR R4 that a Consent is made of: codings, references, periods; each with what can be wrong in it.

Guarantees: an element that is not in the list of its type is a fault, with FHIR's own name or a star; `modifierExtension` and what
FHIR says instead of a value are such. Nothing is guessed: what is at fault gives nothing.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from consent.fhir_consent import Period
from consent.fhir_json import ConsentFault
from schemas import calendar

TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_IN_CODING: Final = frozenset({"code", "display", "extension", "id", "system", "userSelected", "version"})
_IN_CONCEPT: Final = frozenset({"coding", "extension", "id", "text"})
_IN_REFERENCE: Final = frozenset({"display", "extension", "id", "identifier", "reference", "type"})
_IN_IDENTIFIER: Final = frozenset({"assigner", "extension", "id", "period", "system", "type", "use", "value"})
_MOMENT: Final = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
    r"(T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]))?)?)?"
)
_TEXT: Final = re.compile(r"[^\s|]{1,512}")


class Datatypes:
    """Reads datatypes of one document and notes every fault. `own`: the reference by which the document names itself."""

    def __init__(self) -> None:
        self.faults: list[ConsentFault] = []
        self.own = ""

    def fault(self, path: str, keyword: str) -> None:
        """Something is wrong here."""
        self.faults.append(ConsentFault(path, keyword))

    def known(self, value: Mapping[str, object], names: frozenset[str], path: str) -> None:
        """No element but these. `_name` is what FHIR has for what was said instead of a value: not understood here."""
        for key in value.keys() - names:
            known = key in ("modifierExtension", "implicitRules", "contained") or key.removeprefix("_") in names
            self.fault(f"{path}/{key}" if known else f"{path}/*", "unexpected")

    def items(self, value: object, path: str) -> list[object]:
        if value is None:
            return []
        if not isinstance(value, list) or not value:
            self.fault(path, "type")
            return []
        return value

    def each(self, value: object, path: str) -> list[tuple[object, str]]:
        return [(one, f"{path}[{number}]") for number, one in enumerate(self.items(value, path), 1)]

    def codings(self, value: object, path: str) -> list[object]:
        if not isinstance(value, dict):
            self.fault(path, "missing" if value is None else "type")
            return []
        self.known(value, _IN_CONCEPT, path)
        if "coding" not in value:
            self.fault(f"{path}/coding", "missing")
        return self.items(value.get("coding"), f"{path}/coding")

    def concept(self, value: object, system: str, codes: frozenset[str], path: str) -> frozenset[str]:
        """The codes of a concept of a closed list; each must be known, since each may be the one that counts."""
        return frozenset(
            code for one in self.codings(value, path) for code in self.coding(one, system, codes, f"{path}/coding")
        )

    def coding(self, value: object, system: str, codes: frozenset[str], path: str) -> frozenset[str]:
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self.known(value, _IN_CODING, path)
        code = value.get("code")
        if value.get("system") != TERMS + system or not isinstance(code, str) or code not in codes:
            self.fault(path, "code-list")
            return frozenset()
        return frozenset({code})

    def open_coding(self, value: object, path: str) -> frozenset[str]:
        """A code of a list that is not closed: a terminology of content."""
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self.known(value, _IN_CODING, path)
        return self.pair(value.get("system"), value.get("code"), path)

    def pair(self, system: object, value: object, path: str) -> frozenset[str]:
        if not (isinstance(system, str) and isinstance(value, str)):
            self.fault(path, "missing")
        elif _TEXT.fullmatch(system) is None or _TEXT.fullmatch(value) is None:
            self.fault(path, "pattern")
        else:
            return frozenset({f"{system}|{value}"})
        return frozenset()

    def reference(self, value: object, path: str, *, named: bool = True) -> frozenset[str]:
        """Every name that a reference gives; `named`: at least one."""
        if not isinstance(value, dict):
            self.fault(path, "missing" if value is None else "type")
            return frozenset()
        self.known(value, _IN_REFERENCE, path)
        found: set[str] = set()
        if "reference" in value:
            where = value["reference"]
            if not isinstance(where, str) or _TEXT.fullmatch(where) is None:
                self.fault(f"{path}/reference", "pattern")
            elif where.startswith("#") or (self.own and f"/{where}".endswith(f"/{self.own}")):
                self.fault(f"{path}/reference", "cycle")
            else:
                found.add(where)
        identifier = value.get("identifier")
        if isinstance(identifier, dict):
            self.known(identifier, _IN_IDENTIFIER, f"{path}/identifier")
            found |= self.pair(identifier.get("system"), identifier.get("value"), f"{path}/identifier")
        elif identifier is not None:
            self.fault(f"{path}/identifier", "type")
        if named and not found:
            self.fault(path, "missing")
        return frozenset(found)

    def period(self, value: object, path: str) -> Period | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(path, "type")
            return None
        self.known(value, frozenset({"end", "extension", "id", "start"}), path)
        start, end = self._days(value.get("start"), f"{path}/start"), self._days(value.get("end"), f"{path}/end")
        if start is None and end is None:
            self.fault(path, "missing")
            return None
        first, last = (start or _OPEN).first, (end or _OPEN).last
        if first is not None and last is not None and first > last:
            self.fault(path, "contradiction")
        sure_first = first + 1 if first is not None and (start or _OPEN).timed else first
        sure_last = last - 1 if last is not None and (end or _OPEN).timed else last
        return Period(first, last, sure_first, sure_last)

    def _days(self, value: object, path: str) -> "_Days | None":
        """The first and last day that a moment can mean."""
        if value is None:
            return None
        parts = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if parts is None:
            self.fault(path, "pattern")
            return None
        try:
            return _days_of(*parts.groups())
        except (ValueError, OverflowError):
            self.fault(path, "date")
            return None


class _Days(NamedTuple):
    first: int | None
    last: int | None
    timed: bool


_OPEN: Final = _Days(None, None, timed=False)


def _days_of(year: str, month: str | None, day: str | None, time: str | None) -> _Days:
    first = calendar.parse_date(f"{year}-{month or '01'}-{day or '01'}")
    if time is not None:
        moment = datetime.fromisoformat(f"{year}-{month}-{day}{time}")
        here = calendar.day_of(int(moment.timestamp() * 1000))
        return _Days(here, here, timed=True)
    if day is not None:
        return _Days(first, first, timed=False)
    of_month = monthrange(int(year), int(month or "12"))[1]
    return _Days(first, calendar.parse_date(f"{year}-{month or '12'}-{of_month}"), timed=False)
