# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iWmo 3.2: what is read, what is refused, and what never leaves the message."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from lxml import etree

from adapters.formats.iwmo import IwmoReader
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Reader
from schemas.event import CATEGORIES, Ending, Kind
from tests.formats.format_vectors import VECTORS, everything_in

VALID = VECTORS / "iwmo" / "valid"
START, STOP = VALID / "305_gestart.xml", VALID / "307_volgens_plan.xml"
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
BUDGET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("reason", "kind", "ending"),
    [
        ("02", Kind.BEEINDIGD, Ending.OVERLEDEN),
        ("19", Kind.BEEINDIGD, Ending.VOLGENS_PLAN),
        ("20", Kind.ONDERBROKEN, None),
        ("21", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("22", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("23", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("31", Kind.BEEINDIGD, Ending.VERHUISD),
        ("36", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("37", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("38", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("39", Kind.BEEINDIGD, Ending.ANDER_DOMEIN),
    ],
)
def test_a_reason_of_the_wmo_becomes_a_class_and_does_not_travel(
    iwmo: IwmoReader, reason: str, kind: Kind, ending: Ending | None
) -> None:
    data = STOP.read_bytes().replace(b"<m:RedenBeeindiging>19<", f"<m:RedenBeeindiging>{reason}<".encode())
    (event,) = iwmo.read(data)
    assert (event.event.kind, event.event.ending, event.reason) == (kind, ending, reason)
    assert reason not in everything_in([event]) - {event.reason, event.identity[-1]}
    assert json.dumps(event.event.parts(CATEGORIES)).find(f'"{reason}"') == -1


def test_one_changed_date_in_a_real_message_is_refused(iwmo: IwmoReader, refuses: Refuses, standards: Path) -> None:
    data = (standards / "iwmo_ijw" / "examples" / "iwmo-3.2" / "WMO305.xml").read_bytes()
    faults = refuses(iwmo, data.replace(b"<wmo305:Begindatum>2025-04-04", b"<wmo305:Begindatum>2025-06-31"))
    assert faults == (Fault("/Bericht/Client/StartProducten/StartProduct[2]/Begindatum", Keyword.DATE, "0001"),)


# Every value of the maximal message that may become part of an object.
ALLOWED = {
    "999900018": "Bsn",
    "9991": "Afzender",
    "98765401": "Ontvanger",
    "410002": "ToewijzingNummer",
    "410003": "ToewijzingNummer",
    "2026-02-18": "Toewijzingsdatum",
    "2026-02-19": "Toewijzingsdatum",
    "2026-03-01": "Ingangsdatum",
    "2026-03-02": "Ingangsdatum",
    "2027-02-28": "Einddatum",
    "04": "RedenWijziging",
}


def test_canary_of_a_maximal_message_only_the_allowed_values_come_out(iwmo: IwmoReader) -> None:
    path = VALID / "301_maximaal.xml"
    leaves = [leaf for leaf in etree.parse(str(path)).getroot().iter() if len(leaf) == 0]
    values = {(etree.QName(leaf).localname, leaf.text or "") for leaf in leaves}
    assert len(values) > 50
    events = iwmo.read(path.read_bytes())
    out = everything_in(events)
    carried = {text for name, text in values if ALLOWED.get(text) == name}
    assert carried == set(ALLOWED)
    assert out >= set(ALLOWED)
    stays = {text for _, text in values} - set(ALLOWED)
    assert not stays & out
    long = {text for text in stays if len(text) > 3}
    assert long
    shown = repr(events) + "".join(out)
    assert not [text for text in long if text in shown]
    # What a log line would show has no number of a person or a case either.
    assert not [number for number in ("999900018", "410002", "410003") if number in repr(events)]


def test_a_message_of_more_than_a_mebibyte_is_refused_unparsed(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"</m:Bericht>", b"<!--" + b"x" * 1024 * 1024 + b"--></m:Bericht>")
    assert refuses(iwmo, data) == (Fault("/", Keyword.TOO_LARGE),)


def test_a_crowd_of_wrong_products_gives_at_most_a_hundred_faults(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"</m:StartProducten>", b"<m:StartProduct/>" * 20_000 + b"</m:StartProducten>")
    assert len(refuses(iwmo, data)) <= 200


def test_comments_and_cdata_inside_a_value_do_not_cut_it_in_two(iwmo: IwmoReader) -> None:
    plain = START.read_bytes()
    split = plain.replace(b">999900006<", b">9999<!-- x --><?x y?><![CDATA[00006]]><")
    assert split != plain
    assert iwmo.read(split) == iwmo.read(plain)


def test_the_same_product_removed_and_delivered_again_has_one_identity_and_is_called_back_first(
    iwmo: IwmoReader,
) -> None:
    product = re.search(rb" *<m:StartProduct>.*</m:StartProduct>\n", START.read_bytes(), re.DOTALL)
    assert product is not None
    removal = product[0].replace(b"<m:StatusAanlevering>1<", b"<m:StatusAanlevering>3<")
    first, second = iwmo.read(START.read_bytes().replace(product[0], product[0] + removal))
    assert (first.retracts, second.retracts) == (True, False)
    assert first.identity == second.identity


def test_an_allocation_until_the_year_9999_has_no_end(iwmo: IwmoReader) -> None:
    data = (VALID / "301_toegewezen.xml").read_bytes()
    (event,) = iwmo.read(data.replace(b"2027-02-28", b"9999-12-31"))
    assert event.allocation is not None
    assert event.allocation.end is None
    assert "9999-12-31" in event.identity


def test_the_product_code_makes_no_difference_to_any_event(iwmo: IwmoReader) -> None:
    other = START.read_bytes().replace(b"07B31", b"07B99").replace(b">07<", b">02<")
    assert iwmo.read(other) == iwmo.read(START.read_bytes())


def test_a_prefix_that_is_a_name_does_not_reach_a_fault(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"m:", b"Wiebrechtje:").replace(b"xmlns:m=", b"xmlns:Wiebrechtje=")
    broken = data.replace(b"<Wiebrechtje:Geslacht>2<", b"<Wiebrechtje:Geslacht>Zandlopersma<").replace(
        b">98765401<", b"><"
    )
    faults = refuses(iwmo, broken)
    assert "Wiebrechtje" not in str(faults)
    assert faults[0] == Fault("/Bericht/Header/Afzender", Keyword.PATTERN)


def test_with_official_xsds_a_wrong_code_in_a_part_that_is_not_read_is_refused_too(
    refuses: Refuses, xsd_dir: Path
) -> None:
    reader = IwmoReader(FormatConfig(xsd_dir=xsd_dir))
    data = START.read_bytes()
    assert refuses(reader, data.replace(b"<m:Geslacht>2<", b"<m:Geslacht>7<")) == (
        Fault("/Bericht/Client/Geslacht", Keyword.CODE_LIST),
    )
    assert refuses(reader, data.replace(b"<b:Code>07B31<", b"<b:Code>07B31TELANG<")) == (
        Fault("/Bericht/Client/StartProducten/StartProduct[1]/Product/Code", Keyword.PATTERN),
    )
    assert refuses(reader, data.replace(b"Voornamen", b"Roepnaam")) == (Fault("/Bericht/Client/Naam/*", Keyword.ORDER),)


def test_a_folder_without_the_official_xsds_is_named_when_the_reader_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^WMO301\.xsd is missing or is not a schema$"):
        IwmoReader(FormatConfig(xsd_dir=tmp_path))
