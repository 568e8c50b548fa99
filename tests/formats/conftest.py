# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the tests of the formats share: the vectors, the published standards when they are there, and readers."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from adapters.formats.cloudevents import CloudEventsReader
from adapters.formats.iwmo import IwmoReader
from adapters.formats.native import Fault, FormatConfig, Malformed, NativeEvent, Reader, SubjectKind
from schemas.event import Kind, Law

VECTORS = Path(__file__).parents[1] / "vectors"
STANDARDS = Path(__file__).parents[2].parent / "shared" / "standards"
TYPES = {
    "nl.voorbeeldgemeente.wmo.melding-ontvangen": (Kind.AANGEMELD, Law.WMO),
    "nl.voorbeeldgemeente.wmo.ondersteuning-gestart": (Kind.GESTART, Law.WMO),
}
# All that a fault may say: a line, or a path of names with places, and a keyword.
_SAYS = re.compile(r"(line [0-9]+|/|(/([A-Za-z_]+(\[[0-9]+\])?|[0-9]+|\*|@\*))+): [a-z-]+")


@pytest.fixture(scope="session")
def standards() -> Path:
    if not STANDARDS.is_dir():
        pytest.skip("the folder with the published standards is not here")
    return STANDARDS


@pytest.fixture(scope="session")
def xsd_dir(standards: Path) -> Path:
    return standards / "iwmo_ijw" / "xsd" / "iwmo-3.2"


@pytest.fixture(scope="session", params=["own checks", "with official XSDs"])
def iwmo(request: pytest.FixtureRequest) -> IwmoReader:
    """The reader in its two ways of working: they must not differ in what they take."""
    if request.param == "own checks":
        return IwmoReader(FormatConfig())
    return IwmoReader(FormatConfig(xsd_dir=request.getfixturevalue("xsd_dir")))


@pytest.fixture(scope="session")
def cloudevents() -> CloudEventsReader:
    return CloudEventsReader(FormatConfig(cloudevent_types=TYPES, subject_kind=SubjectKind.BSN))


@pytest.fixture(scope="session")
def refuses() -> Callable[[Reader, bytes], tuple[Fault, ...]]:
    """Read what must be refused, and check that the refusal says nothing of the message."""

    def refuse(reader: Reader, data: bytes) -> tuple[Fault, ...]:
        with pytest.raises(Malformed, match=_SAYS) as refused:
            reader.read(data)
        faults = refused.value.faults
        assert faults
        assert all(_SAYS.fullmatch(str(fault)) for fault in faults)
        # A cause would carry the document into a traceback.
        assert refused.value.__cause__ is None
        return faults

    return refuse


@pytest.fixture(scope="session")
def reads_or_refuses() -> Callable[[Reader, bytes], list[NativeEvent] | None]:
    """Read what may be anything: events or a clean refusal, and nothing else."""

    def attempt(reader: Reader, data: bytes) -> list[NativeEvent] | None:
        try:
            return reader.read(data)
        except Malformed as refused:
            assert refused.faults
            assert all(_SAYS.fullmatch(str(fault)) for fault in refused.faults)
            return None

    return attempt


def hostile(format_name: str) -> list[Any]:
    """Every hostile vector with the first fault it must give."""
    folder = VECTORS / format_name / "hostile"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert {path.name for path in folder.iterdir()} == {*expected, "expected.json"}
    return [pytest.param(folder / name, fault, id=name) for name, fault in expected.items()]


def valid(format_name: str) -> list[Any]:
    """Every valid vector with the events it must give."""
    folder = VECTORS / format_name
    expected = json.loads((folder / "expected_valid.json").read_text("utf-8"))
    assert {path.name for path in (folder / "valid").iterdir()} == set(expected)
    return [pytest.param(folder / "valid" / name, events, id=name) for name, events in expected.items()]


def everything_in(events: Iterable[NativeEvent]) -> set[str]:
    """Every single value in the events, as text."""
    found: set[str] = set()

    def gather(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                gather(item)
        elif isinstance(value, list | tuple):
            for item in value:
                gather(item)
        elif value is not None:
            found.add(str(value))

    for event in events:
        gather(asdict(event))
    return found
