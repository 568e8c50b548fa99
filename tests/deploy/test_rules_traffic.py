# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A dry run tells of recorded decisions what another table would have done, and nothing that the log does not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent import rules
from deploy.rules_traffic import Kind, Line, _Counts, dry_run
from hub.audit.export import ExportError, read_export, write_export
from hub.audit.replay import Asked, replay
from hub.registry import Partners
from schemas import entry
from schemas.calendar import last_day, month_of
from schemas.canonical import encode
from schemas.codes import Code
from schemas.entry import Entry
from tests.bench import material

BASE = rules.national(test_mode=True)
WITHOUT = rules.without(BASE, [1])
KIND = Kind(1, "statutory", "team-wmo", "provider-wmo")
SENT = 7


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Entry]]:
    """The log of a hub without row 1, to which seven messages under row 1 came."""
    monkeypatch.setattr(material, "bench_table", lambda: WITHOUT)
    site = material.site(tmp_path / "hub", material.SMALL, SENT)
    site.hub.send(site.sender.address, site.frames)
    yield site.store.entries(0, site.store.head().size)
    site.hub.close()


def test_what_a_wider_table_would_have_released_is_counted(refused: list[Entry]) -> None:
    found = dry_run(refused, WITHOUT, BASE)

    assert (found.decisions, found.undecidable) == (SENT, 0)
    assert (found.released, found.refused) == ((Line(KIND, SENT),), ())


def test_the_same_table_changes_nothing_and_a_narrower_one_releases_nothing(refused: list[Entry]) -> None:
    for table in (WITHOUT, rules.without(BASE, [1, 2]), rules.national(test_mode=False)):
        found = dry_run(refused, WITHOUT, table)
        assert (found.decisions, found.released, found.refused) == (SENT, (), ())


def test_a_table_that_a_partner_published_keeps_its_say(refused: list[Entry]) -> None:
    counts = _Counts(BASE)

    def own(asked: Asked) -> None:
        everyone = [replace(one, own_table=True) for one in asked.partners.by_number.values()]
        counts.asked(asked._replace(partners=Partners(everyone)))

    replay(refused, WITHOUT, own)
    assert counts.came.decisions == SENT
    assert not counts.came.released


@pytest.fixture
def picked_up(tmp_path: Path) -> Iterator[list[Entry]]:
    """The log of a hub that accepted seven messages under row 1 and handed five of them over."""
    site = material.site(tmp_path / "hub", material.SMALL, SENT)
    site.hub.send(site.sender.address, site.frames)
    assert len(site.hub.pickup(site.recipient.address, 5, 0).deliveries) == 5
    yield site.store.entries(0, site.store.head().size)
    site.hub.close()


def test_what_would_not_have_been_handed_over_at_a_pick_up_is_counted_apart(picked_up: list[Entry]) -> None:
    found = dry_run(picked_up, BASE, WITHOUT)
    assert (found.decisions, found.pickups) == (SENT + 5, 5)
    assert (found.refused, found.released) == ((Line(KIND, SENT),), ())
    assert (found.kept_back, found.handed_over) == ((Line(KIND, 5),), ())
    same = dry_run(picked_up, BASE, BASE)
    assert (same.pickups, same.refused, same.kept_back, same.handed_over) == (5, (), (), ())


def test_a_pick_up_in_the_days_after_the_month_of_its_handle_is_asked_as_a_pick_up(picked_up: list[Entry]) -> None:
    """Accepted in the month, handed over in the first days of the next."""
    changed = []
    for one in picked_up:
        record = entry.items_of(one.record) if one.salt and one.record else []
        if record and record[2] == entry.HAND_OVER:
            day = record[1]
            assert isinstance(day, int)
            record[1] = last_day(month_of(day)) + 3
            changed.append(one._replace(record=encode(record)))
        else:
            changed.append(one)
    found = dry_run(changed, BASE, BASE)
    assert (found.pickups, found.kept_back, found.handed_over) == (5, (), ())


def test_what_was_kept_back_at_a_pick_up_would_have_been_handed_over_by_a_wider_table(
    picked_up: list[Entry],
) -> None:
    """The hub got a narrower table between the two decisions."""
    changed = []
    for one in picked_up:
        record = entry.items_of(one.record) if one.salt and one.record else []
        if record and record[2] == entry.HAND_OVER:
            record[-1] = Code.NOT_PERMITTED_HERE.value
            changed.append(one._replace(record=encode(record)))
        else:
            changed.append(one)
    found = dry_run(changed, BASE, BASE)
    assert (found.handed_over, found.kept_back, found.released) == ((Line(KIND, 5),), (), ())


def test_erased_entries_are_counted_as_not_decidable_and_never_guessed(refused: list[Entry]) -> None:
    erased = [Entry(one.leaf, None, b"") if index % 2 and one.salt else one for index, one in enumerate(refused)]
    found = dry_run(erased, WITHOUT, BASE)

    assert found.undecidable > 0
    assert found.decisions < SENT
    assert sum(line.number or 0 for line in found.released) <= found.decisions


def test_an_export_gives_back_the_entries_that_were_written(refused: list[Entry]) -> None:
    lines = list(write_export(refused, [f"x\n{len(refused)}\ny\n"]))

    assert list(read_export(lines[1:])) == refused


@pytest.mark.parametrize("spoil", ["0 AAAA", "0", "1 ", "x", "0 ! - AAAA", "0 AAAA AAAA", "0 AAAA - AAAA", "0 - - -"])
def test_a_line_that_is_no_entry_is_refused_with_its_number(spoil: str, refused: list[Entry]) -> None:
    lines = list(write_export(refused, [f"x\n{len(refused)}\ny\n"]))[1:]
    with pytest.raises(ExportError, match="^entry 0 of the export is broken"):
        list(read_export([spoil, *lines[1:]]))


def test_a_record_that_is_not_the_one_of_its_leaf_is_refused(refused: list[Entry]) -> None:
    swapped = [refused[0], refused[1]._replace(record=refused[2].record), *refused[2:]]
    lines = list(write_export(swapped, [f"x\n{len(refused)}\ny\n"]))[1:]

    with pytest.raises(ExportError, match="^entry 1 "):
        list(read_export(lines))
