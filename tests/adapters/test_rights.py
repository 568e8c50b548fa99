# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a citizen sees on request, and that what is kept from it leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from adapters.looks import Viewer, look
from adapters.records_incoming import TOLD
from adapters.rights import A_MESSAGE, CALLED_BACK
from adapters.rights_limits import (
    CLIENT,
    GROUNDS,
    REPRESENTATIVE,
    SAFETY,
    LimitError,
    Scope,
    end_limit,
    limits,
    row_of,
    shows,
)
from adapters.shelf import gone_key, number_key
from deploy.rights_texts import MAYBE
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, start
from tests.adapters.rights_case import JANSEN, client, limited, neighbours, shown, the_report, with_column
from tests.simulator import NATIONAL, run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.world.check()
    made.close()


def test_the_report_says_who_told_us_whom_we_told_on_which_ground_and_who_looked(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    found = the_report(edge)
    assert [(one.partner, one.what, one.ground.row) for one in found.received] == [("Zorg Voorbeeld", "gestart", 2)]
    assert {(one.partner, one.what, one.ground.row) for one in found.told} == {
        ("Zorg Voorbeeld", "toegewezen", 1),
        ("Zorg Voorbeeld", "in onderzoek", 1),
        ("Praktijk Voorbeeld", "in onderzoek", 5),
    }
    (consent,) = found.consents
    assert (consent.partner, consent.given_by, consent.withdrawn_on) == ("Praktijk Voorbeeld", "client", None)
    assert {one.row for one in found.grounds} == {1, 2, 5}
    ground = next(one for one in found.grounds if one.row == 2)
    assert ("wmo-2015", "5.2.2-a") in {(one.text, one.article) for one in ground.sources}
    assert "processing_basis" in ground.unread
    assert [(one.by, one.why) for one in found.seen] == [("J. Jansen", "help")]
    assert BSN not in "".join(shown(found)[1])


def test_what_its_sender_called_back_is_in_the_report_without_its_content(near: Neighbours) -> None:
    near.take(PROVIDER, start(retracts=True))
    near.settle(2)
    (one,) = the_report(near[TEAM]).received
    assert (one.what, one.state, one.day, one.reference) == (A_MESSAGE, CALLED_BACK, None, None)
    assert one.called_back_on == near.world.today
    (ours,) = [one for one in the_report(near[PROVIDER], "P-1").told if one.state == CALLED_BACK]
    assert (ours.what, ours.called_back_on) == ("gestart", near.world.today)
    assert near.told(TEAM, "C-1") == []


def test_what_was_called_back_is_destroyed_at_the_next_cleaning(near: Neighbours) -> None:
    near.take(PROVIDER, start(retracts=True))
    near.settle(2)
    near[TEAM].store.forget_deleted()
    near.world.advance(days=1)
    near.work(TEAM)
    assert [told.parts for told in TOLD.scan(near[TEAM].store)] == [()]


@pytest.mark.parametrize("scope", ["partner", "told", "received"])
def test_two_reports_differ_by_the_lines_withheld_and_by_nothing_else(near: Neighbours, scope: str) -> None:
    edge = near[TEAM]
    whole = the_report(edge)
    event = next(TOLD.scan(edge.store))
    item = next(one for one in edge.told("C-1") if one.recipient == "Praktijk Voorbeeld").number
    ground, where, gone = {
        "partner": ("avg-23-uavg-41", Scope(partner=GP), {"Praktijk Voorbeeld"}),
        "told": ("avg-15-4", Scope(item=number_key(item)), set()),
        "received": ("wmo-5.3.2-4", Scope(item=gone_key(event.sender, event.event_id)), set()),
    }[scope]
    made = limited(edge, ground, where)
    less = the_report(edge)
    for before, after in zip(shown(whole)[:2], shown(less)[:2], strict=True):
        rows_before, rows_after = [
            [line for line in one if "<tr><td" in line or " | " in line] for one in (before, after)
        ]
        assert set(rows_after) < set(rows_before)
        rest_before, rest_after = [
            [line for line in one if "<tr><td" not in line and " | " not in line] for one in (before, after)
        ]
        empty = "Hier staat niets."
        assert [one for one in rest_before if empty not in one and "table" not in one] == [
            one for one in rest_after if empty not in one and "table" not in one
        ]
        assert not any(name in line for name in gone for line in after)
    text = shown(less)[2].decode()
    assert made.id not in text
    assert "A. de Vries" not in text
    assert ground not in text


def test_a_report_with_something_withheld_is_that_of_an_edge_that_was_never_told(tmp_path: Path) -> None:
    """Byte for byte: nothing counts, no number has a gap, nothing names a record."""
    told, never = neighbours(tmp_path / "told"), neighbours(tmp_path / "never", told=False)
    item = next(iter(TOLD.scan(told[TEAM].store)))
    assert shown(the_report(told[TEAM])) != shown(the_report(never[TEAM]))
    limited(told[TEAM], "wmo-5.3.2-4", Scope(item=gone_key(item.sender, item.event_id)))
    for one in told[TEAM].told("C-1"):
        if one.kind != "toegewezen":
            limited(told[TEAM], "avg-15-4", Scope(item=number_key(one.number)))
    assert shown(the_report(told[TEAM])) == shown(the_report(never[TEAM]))
    told.close()
    never.close()


def test_every_report_has_the_same_sentence_whether_or_not_something_was_withheld(near: Neighbours) -> None:
    before = shown(the_report(near[TEAM]))
    limited(near[TEAM], "avg-23-uavg-41", Scope())
    after = shown(the_report(near[TEAM]))
    for one in (before, after):
        assert sum(MAYBE in line for line in one[0]) == sum(MAYBE in line for line in one[1]) == 1
        assert orjson.loads(one[2])["remark"] == MAYBE
    assert not any(digit.isdigit() for digit in MAYBE)


def test_a_hold_for_safety_is_invisible_in_the_report(tmp_path: Path) -> None:
    """Held, or closed for any other reason: the same bytes."""
    found = []
    for why in ("held", "closed"):
        near = neighbours(tmp_path / why)
        run(near[TEAM].stop("C-1", GP, why))
        near.settle(2)
        found.append(shown(the_report(near[TEAM])))
        near.close()
    assert found[0] == found[1]
    assert "geldt niet meer" in "".join(found[0][1])


def test_an_incoming_hold_is_invisible_too(tmp_path: Path) -> None:
    near = neighbours(tmp_path)
    before = shown(the_report(near[TEAM]))
    run(near[TEAM].stop_incoming("C-1", GP, "held"))
    assert shown(the_report(near[TEAM])) == before
    near.close()


def test_what_the_citizen_objected_to_is_in_the_report(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "objected"))
    (one,) = the_report(near[TEAM]).objections
    assert (one.partner, one.kinds, one.lifted_on) == ("Praktijk Voorbeeld", ("objected",), None)


def test_a_row_that_says_so_keeps_everything_under_it_from_the_report(tmp_path: Path) -> None:
    near = neighbours(tmp_path, table=with_column(NATIONAL, "inzage", False, 5))
    found = the_report(near[TEAM])
    assert "Praktijk Voorbeeld" not in "".join(shown(found)[1])
    assert found.consents == ()
    assert found.received
    near.close()


def test_what_was_told_for_safety_is_shown_only_where_the_row_says_so() -> None:
    row = NATIONAL.rows[22]
    assert row.inzage is None
    assert shows(row, "statutory")
    assert not shows(row, SAFETY)
    assert not shows(None, SAFETY)
    assert shows(NATIONAL.rows[2], SAFETY)  # its cell says yes


def test_a_row_that_was_taken_out_is_read_from_the_national_table() -> None:
    assert row_of(NATIONAL, 5) is NATIONAL.rows[5]
    smaller = with_column(NATIONAL, "inzage", False, 5)
    assert row_of(smaller, 5).inzage is False  # type: ignore[union-attr]
    assert row_of(NATIONAL, 9999) is None


def test_a_ground_of_one_law_limits_nothing_of_another(near: Neighbours) -> None:
    whole = shown(the_report(near[TEAM]))
    limited(near[TEAM], "jeugdwet-7.3.10", Scope())
    limited(near[TEAM], "bw7-456", Scope())
    assert shown(the_report(near[TEAM])) == whole


def test_a_child_under_twelve_sees_nothing_of_the_wmo_and_the_representative_does(near: Neighbours) -> None:
    edge = near[TEAM]
    limited(edge, "wmo-5.3.2-2-a", Scope())
    child, parent = the_report(edge), the_report(edge, asker=REPRESENTATIVE)
    assert (child.received, child.told, child.permissions, child.consents) == ((), (), (), ())
    assert parent.received
    assert parent.told


def test_a_ground_against_one_asker_is_refused_for_the_other(near: Neighbours) -> None:
    with pytest.raises(LimitError):
        limited(near[TEAM], "wmo-5.3.2-3", Scope(against=CLIENT))
    with pytest.raises(LimitError):
        limited(near[TEAM], "wob-10", Scope())
    assert limits(near[TEAM].store, client(near[TEAM]).id) == []


def test_a_decision_ends_by_a_named_person_and_stays_on_record(near: Neighbours) -> None:
    edge = near[TEAM]
    whole = shown(the_report(edge))
    made = limited(edge, "avg-23-uavg-41", Scope())
    with edge.workplace.commit("end") as tx:
        end_limit(tx, edge.workplace, made.id, "B. Bakker")
    assert shown(the_report(edge)) == whole
    (kept,) = limits(edge.store, client(edge).id)
    assert (kept.by, kept.ended_by) == ("A. de Vries", "B. Bakker")
    with pytest.raises(LimitError), edge.workplace.commit("again") as tx:
        end_limit(tx, edge.workplace, made.id, "B. Bakker")


def test_every_ground_says_its_article_and_whether_its_text_was_read() -> None:
    assert {one.mark for one in GROUNDS.values()} <= {"L15", "L26", "M"}
    assert all("artikel" in one.article for one in GROUNDS.values())
    assert all(one.mark == "M" for name, one in GROUNDS.items() if name.startswith("avg"))


def test_the_report_of_one_client_holds_nothing_of_another(near: Neighbours) -> None:
    assert the_report(near[GP], "H-1").received
    assert all(one.partner == "Team Wmo" for one in the_report(near[GP], "H-1").received)


def test_the_html_runs_nothing_and_fetches_nothing_and_escapes_what_it_shows(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, Viewer("<script>alert(1)</script>", "a"), [edge.client("C-1")])
    text = "\n".join(shown(the_report(edge))[0])
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert not any(word in text for word in ("http:", "https:", "src=", "href=", "url(", "@import"))
    assert not re.search(r"<[^>]*\son[a-z]+=", text)
