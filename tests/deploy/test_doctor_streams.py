# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the doctor makes of what it saw of topics; that it sees it is in `tests/broker/test_sasl.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from adapters.connections.stream_look import Looked, Seen, look
from adapters.stream_config import StreamConfig
from deploy.doctor import Finding
from deploy.doctor_streams import DAY_MS, of_look
from deploy.prometheus import free_port

DONE_DAYS = 30
READS, WRITES = frozenset({"READ", "DESCRIBE"}), frozenset({"WRITE", "DESCRIBE"})
SETTINGS = StreamConfig(
    brokers=("k:9093",),
    group="g",
    topics=MappingProxyType({"zaken": "zgw"}),
    quarantine_topic="rommel",
    notices_topic="uit",
)
WELL = Looked(
    None,
    {"zaken": Seen(READS), "rommel": Seen(WRITES), "uit": Seen(WRITES)},
    frozenset(),
    Seen(frozenset({"READ", "DESCRIBE"})),
)


def _found(seen: Looked, settings: StreamConfig = SETTINGS) -> dict[str, Finding]:
    found = list(of_look(settings, seen, DONE_DAYS))
    assert all(one.remedy for one in found if not one.well)
    assert len({one.subject for one in found}) == len(found)
    return {one.subject: one for one in found}


def _ill(seen: Looked, settings: StreamConfig = SETTINGS) -> list[str]:
    return [subject for subject, one in _found(seen, settings).items() if not one.well]


def _with(name: str, topic: Seen) -> Looked:
    return replace(WELL, topics={**WELL.topics, name: topic})


def _keeps(name: str, **keeps: str) -> Looked:
    said = {key.replace("_", "."): value for key, value in keeps.items()}
    return _with(name, replace(WELL.topics[name], keeps=said))


def test_where_all_is_well_every_topic_and_the_group_has_been_looked_at() -> None:
    assert _ill(WELL) == []
    assert {"brokers", "topic zaken", "topic rommel", "topic uit", "group g"} <= set(_found(WELL))


@pytest.mark.parametrize("name", ["zaken", "rommel", "uit"])
@pytest.mark.parametrize("right", ["READ", "WRITE", "DESCRIBE"])
def test_a_right_counts_where_it_is_needed_and_nowhere_else(name: str, right: str) -> None:
    needed = READS if name == "zaken" else WRITES
    found = _found(_with(name, Seen(frozenset({"READ", "WRITE", "DESCRIBE", "ALTER"}) - {right})))
    assert found[f"topic {name}"].well == (right not in needed)
    if right in needed:
        assert right in found[f"topic {name}"].says
        assert right in found[f"topic {name}"].remedy


def test_a_topic_that_may_not_be_seen_lacks_rights_and_one_that_is_not_there_is_another_matter() -> None:
    gone = {name: of for name, of in WELL.topics.items() if name != "zaken"}
    assert "READ" in _found(replace(WELL, topics=gone, forbidden=frozenset({"zaken"})))["topic zaken"].says
    assert "not there" in _found(replace(WELL, topics=gone))["topic zaken"].says


def test_the_group_is_looked_at_where_something_is_read() -> None:
    seen = replace(WELL, group=Seen(frozenset({"DESCRIBE"})))
    assert _ill(seen) == ["group g"]
    assert _ill(seen, replace(SETTINGS, topics=MappingProxyType({}), quarantine_topic=None)) == []


@pytest.mark.parametrize(
    ("name", "keeps", "well"),
    [
        ("zaken", {"retention_ms": str(DONE_DAYS * DAY_MS)}, True),
        ("zaken", {"retention_ms": str(DONE_DAYS * DAY_MS - 1)}, False),
        ("zaken", {"retention_ms": "-1"}, True),
        ("zaken", {"retention_ms": "-1", "cleanup_policy": "compact"}, False),
        ("zaken", {"retention_ms": "-1", "cleanup_policy": "compact,delete"}, False),
        ("zaken", {"cleanup_policy": "delete"}, True),
        ("rommel", {"retention_ms": str(7 * DAY_MS)}, True),
        ("rommel", {"retention_ms": str(7 * DAY_MS - 1)}, False),
        ("rommel", {"retention_ms": "1000", "cleanup_policy": "compact"}, True),
        ("rommel", {"retention_ms": "1000", "cleanup_policy": "compact,delete"}, False),
        ("rommel", {"retention_ms": "much"}, True),
        ("uit", {"retention_ms": "1000"}, True),
    ],
)
def test_what_is_read_again_and_what_a_person_reads_must_stand_long_enough(
    name: str, keeps: Mapping[str, str], well: bool
) -> None:
    ill = {"zaken": "topic zaken, keeps", "rommel": "quarantine topic, keeps"}
    assert _ill(_keeps(name, **keeps)) == ([] if well else [ill[name]])


def test_what_may_not_be_seen_is_said_and_is_not_wrong() -> None:
    assert all(
        "DESCRIBE_CONFIGS" in _found(WELL)[one].says for one in ("quarantine topic, keeps", "topic zaken, keeps")
    )


@pytest.mark.parametrize(
    ("away", "says"), [("_AUTHENTICATION", "do not take"), ("_SSL", "TLS"), ("_TRANSPORT", "_TRANSPORT")]
)
def test_when_the_brokers_keep_away_nothing_else_is_said(away: str, says: str) -> None:
    [found] = of_look(SETTINGS, Looked(away), DONE_DAYS)
    assert not found.well
    assert says in found.says


def test_where_nobody_listens_the_brokers_are_away() -> None:
    settings = replace(SETTINGS, brokers=(f"127.0.0.1:{free_port()}",))
    assert look(settings, 1.0).away is not None


def test_files_that_are_none_are_no_fault_of_the_program() -> None:
    settings = replace(SETTINGS, authorities=Path("/nowhere/ca.pem"))
    assert look(settings, 1.0).away is not None
