# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The coded rules of the iStandaarden that need no history, read a second time from their published table.

Shares no code with the readers. Asked only of messages that the official XSD takes. Of the 315 the rules about the referrer
are left out, as those about persons and addresses are: they are not the reader's.
"""

from __future__ import annotations

from collections import Counter

from lxml import etree

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_ENDS = {"AangevraagdProduct": "ToewijzingEinddatum"}
_BEGINS = {
    "ToegewezenProduct": "Ingangsdatum",
    "AangevraagdProduct": "ToewijzingIngangsdatum",
    "TeWijzigenProduct": "GewensteIngangsdatum",
    "NieuwProduct": "GewensteIngangsdatum",
    "StopProduct": "Begindatum",
}


def _text(element: etree._Element, path: str) -> str | None:
    found = element.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
    return None if found is None else found.strip(" \t\r\n")


def _has(element: etree._Element, name: str) -> bool:
    return element.find(f"{{*}}{name}") is not None


def _of_line(line: etree._Element, name: str) -> set[str]:
    end = _text(line, _ENDS.get(name, "Einddatum"))
    budget, size, recent = _has(line, "Budget"), _has(line, "Omvang"), (end or "9999") > "2020-12-31"
    often, unit = _text(line, "Omvang/Frequentie"), _text(line, "Omvang/Eenheid")
    found = {
        "CD075": budget and end is None,
        "CD076": often == "2" and end is None,
        "CD077": budget and size,
        "CS338": unit in ("14", "16", "83", "84") and recent and often not in ("2", "4", "6"),
    }
    if name != "TeWijzigenProduct":
        code = _text(line, "Product/Code")
        found |= {
            "CD041": code is not None and not size,
            "CD079": not budget and not _has(line, "Product"),
            "CD080": code is None and size and recent,
        }
    return {rule for rule, broken in found.items() if broken}


def _of_answer(root: etree._Element, name: str) -> set[str]:
    (answer,) = root.findall("{*}Antwoord")
    kind, reason = _text(answer, "VerzoekAntwoord"), _text(answer, "RedenAfwijzingVerzoek")
    home = _has(answer, "Woonplaatsbeginsel")
    found = {
        "CD085": kind == "1" and reason is None,
        "CD086": kind == "2" and reason is not None,
        "TR377": name == "ijw" and reason == "8" and not home,
        "TR409": name == "ijw" and reason != "8" and home,
    }
    return {rule for rule, broken in found.items() if broken}


def _of_request_for_change(root: etree._Element) -> set[str]:
    stays, changes, new = (
        len(list(root.iter(f"{{*}}{name}"))) for name in ("OngewijzigdProduct", "TeWijzigenProduct", "NieuwProduct")
    )
    return {rule for rule, broken in {"TR352": not stays + changes, "TR353": not changes + new}.items() if broken}


def _key(line: etree._Element, name: str) -> list[tuple[object, ...]]:
    """What a line may be only once."""
    number = _text(line, "ToewijzingNummer")
    case = None if number is None else int(number)
    if name in ("ToegewezenProduct", "OngewijzigdProduct", "TeWijzigenProduct"):
        return [(name, case)]
    if name == "AangevraagdProduct":
        return [(name, _text(line, "ReferentieAanbieder"))]
    if name not in ("StartProduct", "StopProduct"):
        return []
    # With a number the allocation has one actual start (TR326); without, the product is what tells lines apart.
    product = (_text(line, "Product/Categorie"), _text(line, "Product/Code")) if case is None else None
    state, begin = _text(line, "StatusAanlevering"), _text(line, "Begindatum")
    if name == "StartProduct" or state == "3":
        end = (_text(line, "RedenBeeindiging"), _text(line, "Einddatum"))
        return [(name, state, case, product, begin, *end)]
    temporary = _text(line, "RedenBeeindiging") == "20"
    return [(name, state, case, product, begin, temporary)]  # TR413, TR415


def broken(name: str, root: etree._Element) -> set[str]:
    """The rules that this message of this standard breaks."""
    found: set[str] = set()
    for bsn in root.iter("{*}Bsn"):
        digits = [int(sign) for sign in bsn.text or ""]
        if not any(digits) or sum(a * b for a, b in zip(digits, _WEIGHTS, strict=True)) % 11:
            found.add("CS002")
    keys: Counter[tuple[object, ...]] = Counter()
    for line in root.iter(etree.Element):
        kind = etree.QName(line).localname
        begin, end = _text(line, _BEGINS.get(kind, "-")), _text(line, _ENDS.get(kind, "Einddatum"))
        if begin is not None and end is not None and end < begin:
            found.add("CS003")
        if kind in ("ToegewezenProduct", "AangevraagdProduct", "TeWijzigenProduct", "NieuwProduct"):
            found |= _of_line(line, kind)
        change = _text(line, "RedenWijziging") if kind == "ToegewezenProduct" else None
        if change == "01" or (change == "13" and begin != end):
            found.add("CS336" if change == "01" else "CS335")
        if kind in ("StartProduct", "StopProduct") and _text(line, "StatusAanlevering") not in ("1", "3"):
            found.add("CS058")
        if kind == "AangevraagdProduct" and _has(line, "BeschikkingNummer") != _has(line, "BeschikkingIngangsdatum"):
            found.add("CD043")
        keys.update(_key(line, kind))
    if any(count > 1 for count in keys.values()):
        found.add("TR101")
    if next(root.iter("{*}Verzoek"), None) is not None:
        found |= _of_request_for_change(root)
    if _has(root, "Antwoord"):
        found |= _of_answer(root, name)
    return found
