# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""OP003 of the iStandaarden: a safety hold stands in no message that is read, so a person says it (deploy/docs/refusals.md).

Asked of the real schemas, lists and rules: an edition that brings a place for it makes this fail, and then the edge must read it.
"""

import json
import re
from pathlib import Path

import pytest
from lxml import etree

XS = "{http://www.w3.org/2001/XMLSchema}"
SAYS_IT = re.compile(r"veilig|gevaar|dreig|risico|geheim|afscherm|vertrouwelijk|op003", re.IGNORECASE)
# Words of the lists that are about something else: a file with a password, and kinds of help.
ABOUT_OTHERS = re.compile(r"beveilig|jeugdbescherming|beschermd wonen", re.IGNORECASE)
BOTH = pytest.mark.parametrize("name", ["iwmo", "ijw"])


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


@BOTH
def test_the_rule_says_that_the_messages_are_not_used(standards: Path, name: str) -> None:
    rules = json.loads((standards / "iwmo_ijw" / "regels" / f"{name}-regels.json").read_bytes())
    [rule] = [one for one in rules if one["id"] == "OP003"]
    assert "wordt niet gebruikt" in rule["tekst"]
    assert rule["retourcode"] is None  # so nothing is sent back about it either


@BOTH
def test_no_element_attribute_or_value_of_the_schemas_says_it(standards: Path, name: str) -> None:
    files = sorted((standards / "iwmo_ijw" / "xsd").glob(f"{name}-3.2/**/*.xsd"))
    tags = (f"{XS}element", f"{XS}attribute", f"{XS}enumeration")
    said = [str(one.get("name") or one.get("value")) for file in files for one in etree.parse(file).iter(*tags)]
    assert len(said) > 100
    assert [one for one in said if SAYS_IT.search(one)] == []


@BOTH
def test_no_code_of_the_lists_says_it(standards: Path, name: str) -> None:
    files = sorted((standards / "iwmo_ijw" / "codelijsten" / name).glob("*.json"))
    said = [text for file in files for text in _texts(json.loads(file.read_bytes()))]
    assert len(said) > 1000
    assert [one for one in said if SAYS_IT.search(one) and not ABOUT_OTHERS.search(one)] == []


def test_the_search_finds_what_it_looks_for() -> None:
    for one in ("IndicatieVeiligheid", "Overdracht levert ernstige risico's op", "GeheimAdres", "OP003"):
        assert SAYS_IT.search(one)
        assert not ABOUT_OTHERS.search(one)
