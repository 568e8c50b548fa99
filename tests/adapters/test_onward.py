# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What came under a law that forbids to pass it on, and comes out of the own system again, is told to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import onward
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.formats.native import NativeEvent
from adapters.onward import BY_ID, BY_LIKENESS, OWN_FACT, OnwardError
from adapters.records_incoming import INTRODUCTIONS, TOLD
from adapters.records_outgoing import EVENT, Item
from consent.rules import RuleTable, load
from consent.whose import CLIENT, IN_WRITING, Word
from schemas.calendar import first_day, last_day, month_of
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    GP,
    PARTNERSHIP,
    PROVIDER,
    SCHOOL,
    TEAM,
    TYPIST,
    UWV,
    WORK_TEAM,
    Neighbours,
    allocation,
    start,
)
from tests.simulator import NATIONAL, World

HOSTILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
OWN = "urn:example:uitkeringen"


def read_for(*rows: int) -> RuleTable:
    """The national table in which a text was read for `onward` in these rows too."""
    parsed = orjson.loads(NATIONAL.raw)
    for row in parsed["rows"]:
        if row["id"] in rows:
            row["marks"]["onward"] = "L15"
    return load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    """UWV told the team that something started today; the team may tell others under its own law."""
    neighbours = Neighbours(tmp_path, World(table=read_for(119)))
    for address in (UWV, WORK_TEAM, SCHOOL, PARTNERSHIP):
        neighbours.world.hub.admit(neighbours.open(address).init().raw)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    neighbours[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(16, "vraag-1"))
    neighbours.take(UWV, fact(neighbours, Law.SUWI, "urn:suwi:uwv"))
    neighbours.settle()
    assert neighbours.told(WORK_TEAM) == ["gestart"]
    signed = (Word(CLIENT, manner=IN_WRITING),)
    neighbours[WORK_TEAM].make_agreement("C-1", Conversation(("Team Wmo",), said=signed))
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def fact(
    near: Neighbours,
    law: Law = Law.PARTICIPATIEWET,
    sender: str = OWN,
    name: str = "1",
    kind: Kind = Kind.GESTART,
    ago: int = 0,
    reference: str | None = None,
) -> NativeEvent:
    """Something that a native system says."""
    event = Event(kind, near.world.today - ago, law, None, reference)
    return NativeEvent(event, Citizen(bsn=BSN), sender, None, ("test", sender, name))


def barred(near: Neighbours, address: str = WORK_TEAM) -> list[tuple[str | None, bool]]:
    return [(item.final, item.asks) for item in events(near, address)]


def events(near: Neighbours, address: str = WORK_TEAM) -> list[Item]:
    return [item for item in near[address].items() if item.kind == EVENT]


@pytest.mark.parametrize("spelling", ["{hex}", "{uuid}", "urn:uuid:{uuid}", "{hex}^SCHAKEL", "melding-{hex}"])
def test_onward_what_repeats_the_id_of_our_notice_is_refused_whatever_it_says(near: Neighbours, spelling: str) -> None:
    [told] = TOLD.scan(near[WORK_TEAM].store)
    name = spelling.format(hex=told.event_id.hex(), uuid=UUID(bytes=told.event_id))
    taken = near.take(WORK_TEAM, fact(near, name=name, kind=Kind.BEEINDIGD, ago=3))
    assert (taken.told, taken.not_shared) == (0, 1)
    assert barred(near) == [(BY_ID, True)]
    near.settle()
    assert near.told(TEAM) == []


def test_onward_what_says_the_same_under_another_law_is_refused_and_stands_on_the_screen(near: Neighbours) -> None:
    near.take(WORK_TEAM, fact(near))
    assert barred(near) == [(BY_LIKENESS, True)]
    [line] = [one for one in near[WORK_TEAM].outbox() if one.kind == "gebeurtenis"]
    assert (line.client, line.state, line.asks) == ("C-1", "vraagt een besluit", True)
    assert "de wet verbiedt dat door te geven" in line.why
    near.settle()
    assert near.told(TEAM) == []


@HOSTILE
@given(names=st.lists(st.text(max_size=80), max_size=4))
def test_whatever_a_message_calls_itself_it_is_compared_and_nothing_breaks(near: Neighbours, names: list[str]) -> None:
    edge = near[WORK_TEAM]
    said = fact(near, ago=5).event
    assert (
        onward.bar(edge.store, edge.workplace, edge.client("C-1"), (said,), names, onward.kept_rows(edge.workplace))
        is None
    )


@pytest.mark.parametrize("more", [{"ago": 40}, {"kind": Kind.BEEINDIGD}])
def test_an_earlier_month_or_another_kind_is_a_fact_of_ones_own(near: Neighbours, more: dict[str, object]) -> None:
    assert near.take(WORK_TEAM, fact(near, **more)).told == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("days", [0, 1, 30, 200, 360])
@pytest.mark.parametrize("reference", [None, "zaak-1"])
def test_onward_what_is_retold_on_another_day_is_recognised_in_all_the_months_of_the_line(
    near: Neighbours, days: int, reference: str | None
) -> None:
    near.world.advance(days=days)
    told = near.take(WORK_TEAM, fact(near, name="later", reference=reference))
    assert (told.told, barred(near)) == (0, [(BY_LIKENESS, True)])
    with pytest.raises(OnwardError, match="doorgeven verbiedt"):
        near[WORK_TEAM].tell_again(events(near)[0].number)


def test_onward_the_first_day_of_the_month_of_what_was_told_is_recognised_too(near: Neighbours) -> None:
    """Many systems write down a month."""
    assert near.take(WORK_TEAM, fact(near, ago=near.world.today - first_day(month_of(near.world.today)))).told == 0


@pytest.mark.parametrize("between", [Kind.BEEINDIGD, Kind.ONDERBROKEN, Kind.AFGEWEZEN])
def test_a_second_start_after_an_end_that_we_were_told_of_is_ours(near: Neighbours, between: Kind) -> None:
    near.world.advance(days=20)
    near.take(UWV, fact(near, Law.SUWI, "urn:suwi:uwv", "3", kind=between))
    near.settle(2)
    assert near.take(WORK_TEAM, fact(near, name="before", ago=1)).told == 0
    near.world.advance(days=20)
    assert near.take(WORK_TEAM, fact(near, name="second")).told == 1
    assert near.take(WORK_TEAM, fact(near, name="end", kind=between)).told == 0  # the end itself is not ours


def test_after_the_last_month_of_the_line_it_is_a_fact_of_ones_own(near: Neighbours) -> None:
    edge = near[WORK_TEAM]
    [line] = INTRODUCTIONS.scan(edge.store)
    last = last_day(month_of(line.end))
    for day, why in ((last, BY_LIKENESS), (last + 1, None)):
        said = Event(Kind.GESTART, day, Law.PARTICIPATIEWET, None, None)
        assert (
            onward.bar(edge.store, edge.workplace, edge.client("C-1"), (said,), (), onward.kept_rows(edge.workplace))
            == why
        )


@pytest.mark.parametrize(("told", "said", "why"), [("a-1", "a-2", None), ("a-1", "a-1", BY_LIKENESS)])
def test_two_cases_with_a_reference_each_are_two_facts(near: Neighbours, told: str, said: str, why: str | None) -> None:
    """Under a row that passes the reference on."""
    edge = near[WORK_TEAM]
    [came] = TOLD.scan(edge.store)
    full = Event(Kind.GESTART, near.world.today, Law.SUWI, None, told).parts(("service",))
    service = edge.workplace.registry.encode("service/1", full["service"])
    with edge.workplace.commit("test") as tx:
        TOLD.put(tx, replace(came, parts=(*came.parts, ("service", service))))
    event = Event(Kind.GESTART, near.world.today + 1, Law.SUWI, None, said)
    assert (
        onward.bar(edge.store, edge.workplace, edge.client("C-1"), (event,), (), onward.kept_rows(edge.workplace))
        == why
    )


def test_what_we_knew_ourselves_before_it_was_told_to_us_is_ours(near: Neighbours) -> None:
    near.world.advance(days=1)
    assert near.take(WORK_TEAM, fact(near, name="ours", kind=Kind.GEWIJZIGD)).told == 1
    near.take(UWV, fact(near, Law.SUWI, "urn:suwi:uwv", "2", kind=Kind.GEWIJZIGD))
    near.settle(6)
    assert near.told(WORK_TEAM) == ["gestart", "gewijzigd"]
    assert [final for final, _ in barred(near)] != [BY_LIKENESS]


def test_nobody_tells_it_again(near: Neighbours) -> None:
    [told] = TOLD.scan(near[WORK_TEAM].store)
    near.take(WORK_TEAM, fact(near, name=told.event_id.hex()), fact(near, name="2"))
    by_id, by_likeness = events(near)
    for item in (by_id, by_likeness):
        with pytest.raises(OnwardError, match="doorgeven verbiedt"):
            near[WORK_TEAM].tell_again(item.number)
    assert barred(near) == [(BY_ID, True), (BY_LIKENESS, True)]


def test_a_person_may_say_that_what_only_looked_like_it_is_ours_and_then_it_can_be_told(near: Neighbours) -> None:
    near.settle()
    near.take(WORK_TEAM, fact(near))
    [item] = events(near)
    edge = near[WORK_TEAM]
    with edge.workplace.commit("test") as tx:
        onward.own_fact(tx, item.number)
    assert barred(near) == [(OWN_FACT, True)]
    edge.tell_again(item.number)
    assert [one.state for one in events(near)] == ["waiting"]


def test_what_was_recognised_by_its_id_nobody_makes_ours(near: Neighbours) -> None:
    [told] = TOLD.scan(near[WORK_TEAM].store)
    near.take(WORK_TEAM, fact(near, name=told.event_id.hex()))
    edge, [item] = near[WORK_TEAM], events(near)
    for number in (item.number, 4711):
        with pytest.raises(OnwardError), edge.workplace.commit("test") as tx:
            onward.own_fact(tx, number)
    assert barred(near) == [(BY_ID, True)]


def test_ones_own_telling_goes_on_while_what_came_is_refused(near: Neighbours) -> None:
    taken = near.take(WORK_TEAM, fact(near), fact(near, name="2", kind=Kind.GEWIJZIGD))
    assert (taken.told, taken.not_shared) == (1, 1)


def test_where_no_text_was_read_nothing_is_held_back(near: Neighbours) -> None:
    """Rows 1 and 2: our own proposal binds nobody; the team tells the practice what it knows of its own provision."""
    for address in (TEAM, PROVIDER):
        near.take(address, allocation())
    near.settle()
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.take(PROVIDER, start())
    near.settle()
    assert "gestart" in near.told(TEAM)
    own = NativeEvent(start().event, Citizen(bsn=BSN), "9999", None, ("zgw", "zaak-1", "gestart"))
    assert near.take(TEAM, own).told == 2
    near.settle()
    assert near.told(GP) == ["gestart"]


def test_onward_what_the_partnership_told_the_school_stays_at_the_school_by_the_column_of_its_row(
    near: Neighbours,
) -> None:
    near[PARTNERSHIP].grant_by_person("C-1", SCHOOL, Reliance(119, "TLV-7"))
    [slip] = near[PARTNERSHIP].print_codes("C-1", SCHOOL)
    near.settle()
    assert near[SCHOOL].enter_code("C-1", slip.code, TYPIST) is not None
    near.settle()
    near.world.advance(days=2)
    near.settle()
    near.take(PARTNERSHIP, fact(near, Law.ONDERWIJS, "urn:example:verband", "tlv", Kind.TOEGEWEZEN))
    near.settle()
    assert near.told(SCHOOL) == ["toegewezen"]
    near[SCHOOL].make_agreement("C-1", Conversation(("Team Wmo",)))
    near.take(SCHOOL, fact(near, Law.ONDERWIJS, "urn:schakel:brin:99ZZ00", "a", Kind.TOEGEWEZEN))
    near.take(SCHOOL, fact(near, Law.ONDERWIJS, "urn:schakel:brin:99ZZ00", "b", Kind.AANGEMELD))
    assert barred(near, SCHOOL) == [(BY_LIKENESS, True), (None, False)]
