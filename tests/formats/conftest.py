# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the tests of the formats share: the published standards when they are there, readers, and clean refusals."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.formats.cloudevents import CloudEventsReader
from adapters.formats.iwmo import IwmoReader
from adapters.formats.native import Fault, FormatConfig, Malformed, NativeEvent, Reader, SubjectKind
from tests.formats.format_vectors import TYPES

STANDARDS = Path(os.environ.get("SCHAKEL_STANDARDS") or Path(__file__).parents[2].parent / "shared" / "standards")
# All that a fault may say: a line, or a path of names with places, and a keyword.
SAYS = re.compile(r"(line [0-9]+|/|(/([A-Za-z][A-Za-z0-9_-]{0,40}(\[[0-9]+\])?|[0-9]+|\*|@\*))+): [a-z-]+")


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
        with pytest.raises(Malformed, match=SAYS) as refused:
            reader.read(data)
        faults = refused.value.faults
        assert faults
        assert all(SAYS.fullmatch(str(fault)) for fault in faults)
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
            assert all(SAYS.fullmatch(str(fault)) for fault in refused.faults)
            return None

    return attempt
