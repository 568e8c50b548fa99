# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The coded rules of the iStandaarden: what breaks one is refused, what breaks none is read, also in real examples."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.formats import READERS, ijw, iwmo
from adapters.formats.native import FormatConfig, Keyword, Malformed
from tests.formats.format_vectors import VECTORS
from tests.formats.istandaard_rules import broken

_PREFIXES = {"ijw": ijw.STANDARD.prefix.upper(), "iwmo": iwmo.STANDARD.prefix.upper()}
_READERS = {name: READERS[name](FormatConfig()) for name in _PREFIXES}
_FORWARD = ("301", "305", "307", "315", "317", "319")
_SOURCES = [
    (path.parent.parent.name, path.read_bytes())
    for path in sorted(VECTORS.glob("i*/valid/*.xml"))
    if path.name[:3] in _FORWARD and "envelop" not in path.name
]
_SCHEMAS: dict[tuple[str, str], etree.XMLSchema] = {}
# What the rules speak of: taken away, or given another value that the XSD takes in most places.
_MAY_GO = frozenset(
    {
        *("Budget", "Omvang", "Product", "Code", "Einddatum", "ToewijzingEinddatum", "ToewijzingNummer", "Verzoek"),
        *("BeschikkingNummer", "BeschikkingIngangsdatum", "RedenAfwijzingVerzoek", "Woonplaatsbeginsel"),
        *("OngewijzigdeProducten", "TeWijzigenProducten", "NieuweProducten", "RedenWijziging"),
    }
)
_VALUES: dict[str, list[str]] = {
    "Frequentie": ["1", "2", "4", "6"],
    "Eenheid": ["01", "04", "14", "16", "82", "83", "84"],
    "RedenAfwijzingVerzoek": ["1", "7", "8", "9"],
    "VerzoekAntwoord": ["1", "2"],
    "StatusAanlevering": ["1", "2", "3", "9"],
    "RedenWijziging": ["01", "02", "13"],
    "RedenBeeindiging": ["20", "02", "38"],
    "ToewijzingNummer": ["410001", "0410001", "+410001", "410002"],
    "ReferentieAanbieder": ["REF-2026-0001", "REF-2026-0002"],
    "Bsn": ["999900006", "999900007", "999900018", "000000000"],
    "Code": ["45A31", "45A32"],
}
_DAYS = ["2019-03-01", "2020-12-31", "2021-01-01", "2026-03-01", "2026-03-03", "2028-02-29", "9999-12-31", "2199-12-31"]
_EDITS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9_999), st.integers(0, 9_999)), min_size=1, max_size=4)


def _edited(data: bytes, edits: list[tuple[int, int, int]]) -> etree._Element:
    root = etree.fromstring(data)
    for how, place, which in edits:
        by_name: dict[str, list[etree._Element]] = {}
        for each in root.iter(etree.Element):
            name = etree.QName(each).localname
            asked = (name in _MAY_GO, name in _VALUES, name.endswith("datum"), re.fullmatch(r".+Product", name))[how]
            if asked and each is not root:
                by_name.setdefault(name, []).append(each)
        if not by_name:
            continue
        name = sorted(by_name)[place % len(by_name)]
        element = by_name[name][which % len(by_name[name])]
        if how == 0:
            element.getparent().remove(element)  # type: ignore[union-attr]
        elif how == 1:
            element.text = _VALUES[name][which % len(_VALUES[name])]
        elif how == 2:
            element.text = _DAYS[which % len(_DAYS)]
        else:
            element.addnext(deepcopy(element))
    return root


def _schema(standards: Path, name: str, root: etree._Element) -> etree.XMLSchema:
    (number,) = re.findall(r"/[a-z]+([0-9]{3})/", str(root.tag))
    if (name, number) not in _SCHEMAS:
        file = standards / "iwmo_ijw" / "xsd" / f"{name}-3.2" / f"{_PREFIXES[name]}{number}.xsd"
        _SCHEMAS[name, number] = etree.XMLSchema(file=str(file))
    return _SCHEMAS[name, number]


@given(source=st.sampled_from(_SOURCES), edits=_EDITS)
@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_message_is_read_exactly_when_it_breaks_no_rule(
    standards: Path, source: tuple[str, bytes], edits: list[tuple[int, int, int]]
) -> None:
    name, data = source
    root = _edited(data, edits)
    if not _schema(standards, name, root).validate(root):
        return  # held by the tests against the XSD
    rules = broken(name, root)
    try:
        _READERS[name].read(etree.tostring(root, encoding="UTF-8"))
    except Malformed as refused:
        # The one place where the readers know less than the standard: a day outside the calendar of an event.
        days = all(fault.keyword is Keyword.DATE for fault in refused.faults) and "9999-12-31" in map(_day, root.iter())
        assert rules or days, [str(fault) for fault in refused.faults]
    else:
        assert not rules


def _day(element: etree._Element) -> str | None:
    return element.text


def test_every_real_example_but_the_two_that_are_known_keeps_the_rules(standards: Path) -> None:
    """The table of rules is a transcription: that real messages keep it is what speaks for it."""
    found = {}
    for path in sorted((standards / "iwmo_ijw" / "examples").glob("i*/*.xml")):
        if path.name[-7:-4] not in _FORWARD:
            continue
        name, root = ("ijw" if path.name.startswith("JW") else "iwmo"), etree.parse(str(path)).getroot()
        found[path.name] = broken(name, root) if _schema(standards, name, root).validate(root) else {"XSD"}
    assert {file: rules for file, rules in found.items() if rules} == {"JW315.xml": {"XSD"}, "JW317.xml": {"CS003"}}
    assert len(found) == 9


def test_two_products_without_allocation_are_two_facts_and_each_is_called_back_alone() -> None:
    """Task-oriented help has no number: the product is part of the logical key, and none of it comes out."""
    for name, reader in _READERS.items():
        data = (VECTORS / name / "valid" / "305_drie_producten_zonder_nummer.xml").read_bytes()
        told = reader.read(data)
        assert len({event.identity for event in told}) == len(told) == 3
        root = etree.fromstring(data)
        first, *others = list(root.iter("{*}StartProduct"))
        for other in others:
            other.getparent().remove(other)  # type: ignore[union-attr]
        (state,) = first.iter("{*}StatusAanlevering")
        state.text = "3"
        (back,) = reader.read(etree.tostring(root, encoding="UTF-8"))
        assert back.retracts
        assert back.identity == told[0].identity
        code = first.findtext("{*}Product/{*}Code")
        assert code is not None
        assert code not in str(told[0].identity)
