# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Every reader, fed with valid messages that were changed: events or a clean refusal, soon, and never what was not said.

`make fuzz` makes CASES of them per format and prints how many there were.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.formats import READERS
from adapters.formats.native import FormatConfig, Malformed, SubjectKind
from schemas.event import FIRST_DAY, LAST_DAY, Law
from schemas.identity import Citizen
from tests.formats.conftest import SAYS, STANDARDS
from tests.formats.format_vectors import MORE_TYPES
from tests.formats.judges import Judge, judges
from tests.formats.mutants import CANARY, mutants

CASES = 10_000  # per format in `make fuzz`
SLOWEST = 2  # seconds of processor time for one message of a few kB; the slowest here takes a hundredth of that
NAMES = sorted(READERS)
CONFIG = FormatConfig(
    cloudevent_types=MORE_TYPES,
    subject_kind=SubjectKind.BSN,
    laws=dict.fromkeys(("fhir", "hl7v2", "medvri"), Law.WMO),
    own_number_system="HIS",
)


@pytest.fixture(scope="session")
def strict() -> dict[str, Judge]:
    return judges(STANDARDS if STANDARDS.is_dir() else None)


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What became of the messages of one format; `make fuzz` shows it."""
    counter: Counter[str] = Counter()
    yield counter
    request.node.user_properties.append(("cases", dict(counter)))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_changed_message_gives_no_event_that_a_strict_reader_would_refuse_and_no_value_in_its_refusal(
    strict: dict[str, Judge], counted: Counter[str], name: str, data: st.DataObject
) -> None:
    message = data.draw(_MUTANTS[name])
    began = time.process_time()
    try:
        events = _READERS[name].read(message)
    except Malformed as refused:
        events = []
        counted["refused"] += 1
        assert_says_nothing(refused)
    else:
        counted["read"] += 1
    assert time.process_time() - began < SLOWEST
    if events and name in strict:
        assert strict[name](message, events) == []
    for event in events:
        assert FIRST_DAY <= event.event.day <= LAST_DAY
        assert event.citizen is None or Citizen(event.citizen.bsn, event.citizen.own_number) == event.citizen


def assert_says_nothing(refused: Malformed) -> None:
    """Faults, each with a place of the standard and a keyword, and nothing of the message."""
    assert refused.faults
    assert all(SAYS.fullmatch(str(fault)) for fault in refused.faults)
    assert refused.__cause__ is None
    said = f"{refused!s} {refused!r}"
    assert CANARY not in said.upper()
    assert re.search(r"[0-9]{6}", said) is None


_READERS = {name: READERS[name](CONFIG) for name in NAMES}
_MUTANTS = {name: mutants(name) for name in NAMES}
