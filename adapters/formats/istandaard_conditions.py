# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The rules of the iStandaarden between the parts of one line or one answer, which no sequence of elements can say. Pure.

- Return code 0001 goes with all of them: the networks check them by program before a message is passed on, so an event
  from a message that breaks one would tell of what never arrived.
- Of Product and Omvang only is looked at whether a code stands there, and at two code words: none of it comes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.formats.native import Keyword
from adapters.formats.xml_strict import Node, Walk
from schemas.calendar import parse_date

Places = Mapping[str, Sequence[Node]]

REFUSED: Final = "0001"
HOME: Final = "8"  # RedenAfwijzingVerzoek (WJ759): another municipality is responsible
_WEEKLY: Final = "2"  # Frequentie (WMO757)
# From 2021 on these units (WJ756: day, part of a day, euros, pieces) go with a frequency per week, per month or in all.
_UNITS: Final = frozenset({"14", "16", "83", "84"})
_THEIR_FREQUENCIES: Final = frozenset({_WEEKLY, "4", "6"})
_OLD_UNTIL: Final = parse_date("2020-12-31")


@dataclass(frozen=True, slots=True)
class Line:
    """A line about help that is allotted or asked for. `base`: the namespace within its parts; `end`: where its end stands."""

    walk: Walk
    path: str
    places: Places
    base: str
    end: str
    last: int | None

    def check(self) -> None:
        """Budget, size and end; and the product, where the line has a place for one."""
        budget, size = self.places["Budget"], self.places["Omvang"]
        if budget and size:  # CD077, CD078
            self._unexpected(size[0])
        if not self.places[self.end] and (budget or self._word("Frequentie") == _WEEKLY):  # CD075, CD076
            self._missing(self.end)
        if "Product" in self.places:
            self._check_product()
        if self._is_recent and self._word("Eenheid") in _UNITS and self._word("Frequentie") not in _THEIR_FREQUENCIES:
            self.walk.fault(f"{size[0].path}/Frequentie", Keyword.CODE_LIST, REFUSED)  # CS338, CS343

    def _check_product(self) -> None:
        size, product = self.places["Omvang"], self.places["Product"]
        if not product:
            if not self.places["Budget"]:  # CD079
                self._missing("Product")
            return
        coded = _text(product[0], self.base, "Code") is not None
        if coded and not size:  # CD041
            self._missing("Omvang")
        if not coded and size and self._is_recent and not self.places["Budget"]:  # CD080, CD095, CD096
            self._unexpected(size[0])

    @property
    def _is_recent(self) -> bool:
        return self.last is None or self.last > _OLD_UNTIL

    def _word(self, name: str) -> str | None:
        size = self.places["Omvang"]
        return _text(size[0], self.base, name) if size else None

    def _unexpected(self, node: Node) -> None:
        self.walk.fault(node.path, Keyword.UNEXPECTED, REFUSED)

    def _missing(self, name: str) -> None:
        self.walk.fault(f"{self.path}/{name}", Keyword.MISSING, REFUSED)


def check_decision(walk: Walk, path: str, places: Places) -> None:
    """CD043: the number of a decision and the day on which it begins stand together."""
    number, begin = places["BeschikkingNummer"], places["BeschikkingIngangsdatum"]
    if number and not begin:
        walk.fault(f"{path}/BeschikkingIngangsdatum", Keyword.MISSING, REFUSED)
    if begin and not number:
        walk.fault(begin[0].path, Keyword.UNEXPECTED, REFUSED)


def check_groups(walk: Walk, path: str, places: Places) -> None:
    """TR352, TR353: a request for change has something that changes, and says what stays or changes."""
    changes, stays, new = (places[name] for name in ("TeWijzigenProducten", "OngewijzigdeProducten", "NieuweProducten"))
    if not changes and not (stays and new):
        walk.fault(f"{path}/TeWijzigenProducten", Keyword.MISSING, REFUSED)


def check_reason(walk: Walk, path: str, places: Places, reason: str | None, *, rejected: bool) -> None:
    """CD085, CD086: a rejection has its reason, and nothing else has one. TR377, TR409 (iJw): who is responsible then."""
    given = places["RedenAfwijzingVerzoek"]
    if rejected and not given:
        walk.fault(f"{path}/RedenAfwijzingVerzoek", Keyword.MISSING, REFUSED)
    if not rejected and given:
        walk.fault(given[0].path, Keyword.UNEXPECTED, REFUSED)
    home = places.get("Woonplaatsbeginsel")
    if home is None or (given and reason is None):  # iWmo has no place for it; or the reason is no code, which is noted
        return
    if reason == HOME and not home:
        walk.fault(f"{path}/Woonplaatsbeginsel", Keyword.MISSING, REFUSED)
    if reason != HOME and home:
        walk.fault(home[0].path, Keyword.UNEXPECTED, REFUSED)


def product_words(places: Places, base: str) -> tuple[str, str]:
    """Category and code of the product of a line: part of its logical key, never to be kept as they are."""
    product = places["Product"]
    if not product:
        return "", ""
    return _text(product[0], base, "Categorie") or "", _text(product[0], base, "Code") or ""


def _text(node: Node, base: str, name: str) -> str | None:
    return node.element.findtext(f"{{{base}}}{name}")
