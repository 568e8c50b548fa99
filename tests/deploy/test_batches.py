# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Files with many messages in the folder of an edge: one bad message goes alone, and a crash tells nothing twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.format_names import AUTO
from adapters.intake import Intake
from adapters.records_outgoing import EVENT
from adapters.sources.folder import Folder, NativeFile
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, Desk, World, make_world, open_world
from deploy.work import one_pass
from schemas.calendar import day_of, parse_date, start_of_day

NOON = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000
TODAY = day_of(NOON)
VECTORS = Path(__file__).parents[1] / "vectors"
BAD = (VECTORS / "iwmo" / "hostile" / "bsn_elfproef.xml").read_bytes()
COUNT = 12


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    make_world(tmp_path / "place")
    with open_world(tmp_path / "place", DemoClock(NOON)) as opened:
        yield opened


def statuses(count: int = COUNT) -> list[bytes]:
    found = [messages.status(CITIZEN, messages.STATUS_TYPE, number, TODAY - 1) for number in range(count)]
    return [json.dumps(json.loads(one)).encode() for one in found]


def allocate(place: World) -> None:
    place.team.put("000.xml", messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_900)))
    place.settle()


def reports(desk: Desk) -> list[dict[str, object]]:
    return [json.loads(path.read_bytes()) for path in desk.settings.config.quarantine_folder.glob("*.rapport.json")]


def told(desk: Desk) -> list[bytes]:
    return [item.event_id for item in desk.edge.items() if item.kind == EVENT]


class PowerCutError(Exception):
    """The process ends here."""


def cut_after(place: World, monkeypatch: pytest.MonkeyPatch, count: int, together: int = 1) -> None:
    """Let a pass of the team end in the middle of a batch, after so many commits of so many messages."""
    edge, left = place.team.edge, [count]
    take = edge.take_together

    async def counted(*arguments: Any, **options: Any) -> Any:
        if not left[0]:
            raise PowerCutError
        left[0] -= 1
        return await take(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(edge, "take_together", counted)
        with pytest.raises(PowerCutError):
            asyncio.run(one_pass(edge, place.team.settings.config, place.clock, together=together))


def test_of_a_batch_one_bad_message_goes_to_quarantine_alone_with_its_place(place: World) -> None:
    support = messages.Support(TODAY, TODAY, 20_900)
    batch = [messages.allocation(CITIZEN, support), BAD, messages.start(CITIZEN, support, TODAY)]
    place.team.put("batch.xml", b"\n".join(batch))
    done = place.work(place.team)
    assert (done.read, done.quarantined, done.left, done.grants) == (2, 1, 0, 1)
    (report,) = reports(place.team)
    assert (report["bericht"], report["gelezen"]) == (2, False)
    quarantine, done_folder = place.team.settings.config.quarantine_folder, place.team.settings.config.done_folder
    (kept,) = [path for path in quarantine.iterdir() if not path.name.endswith(".rapport.json")]
    assert kept.read_bytes() == BAD.strip()
    assert kept.name.startswith(hashlib.sha256(BAD.strip()).hexdigest()[:32])
    assert [path.name for path in done_folder.iterdir()] == [report["bestand"]]


def test_a_message_that_is_too_large_is_refused_alone(place: World) -> None:
    large = BAD.replace(b"?>", b"?><!--" + b"x" * (1 << 20) + b"-->", 1)
    good = messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_900))
    place.team.put("batch.xml", b"\n".join([large, good]))
    done = place.work(place.team)
    assert (done.read, done.quarantined) == (1, 1)
    (report,) = reports(place.team)
    faults = report["fouten"]
    assert isinstance(faults, list)
    assert (report["bericht"], faults[0]["fout"]) == (1, "too-large")


def test_a_file_larger_than_a_batch_may_be_is_not_read(place: World) -> None:
    folder = place.team.settings.config.in_folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "huge.xml").open("wb") as file:
        file.truncate((1 << 26) + 1)
    done = place.work(place.team)
    assert (done.read, done.quarantined) == (0, 1)


@pytest.mark.parametrize("taken", [1, 5, COUNT - 1])
def test_a_batch_that_was_cut_short_is_taken_up_again_and_tells_nothing_twice(
    place: World, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    allocate(place)
    before = len(told(place.team))
    place.team.put("batch.json", b"\n".join(statuses()))
    cut_after(place, monkeypatch, taken)
    assert len(told(place.team)) == before + taken
    assert [path.name for path in place.team.settings.config.in_folder.iterdir()] == ["batch.json"]
    place.settle()
    events = told(place.team)
    assert len(events) == len(set(events)) == before + COUNT
    assert not list(place.team.settings.config.in_folder.iterdir())
    place.work(place.team)
    assert told(place.team) == events


def test_a_batch_that_was_cut_short_between_two_commits_is_taken_up_again_and_tells_nothing_twice(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate(place)
    before = len(told(place.team))
    place.team.put("batch.json", b"\n".join(statuses()))
    cut_after(place, monkeypatch, 1, together=5)
    assert len(told(place.team)) == before + 5
    place.settle()
    assert len(told(place.team)) == len(set(told(place.team))) == before + COUNT


def test_of_a_batch_that_was_cut_short_what_was_taken_is_not_read_again(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a machine that is stopped more often than the whole file takes to read would never come to its end."""
    allocate(place)
    place.team.put("batch.json", b"\n".join(statuses()))
    cut_after(place, monkeypatch, COUNT - 2)
    read = [0]
    take = Intake.take

    def counted(*arguments: Any, **options: Any) -> Any:
        read[0] += 1
        return take(*arguments, **options)

    monkeypatch.setattr(Intake, "take", counted)
    done = place.work(place.team)
    assert (done.read, read[0]) == (COUNT, 2)
    assert len(told(place.team)) == len(set(told(place.team))) == 1 + COUNT


async def _refused(*_arguments: Any, **_options: Any) -> Any:
    raise AssertionError("the hub was asked something")


def test_the_feed_is_read_once_for_all_allocations_that_are_taken_together(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing automatic is made before the feed was read to its end: once for each commit, and not for each message."""
    one = messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_900))
    tag = b"<m:ToewijzingNummer>"
    before, _, after = one.partition(tag)
    place.team.put("batch.xml", b"\n".join(before + tag + b"%d" % (number + 1) + after[9:] for number in range(COUNT)))
    client, asked = place.team.edge._work.client, [0]
    outcomes = client.outcomes

    async def counted(*arguments: Any, **options: Any) -> Any:
        asked[0] += 1
        return await outcomes(*arguments, **options)

    monkeypatch.setattr(client, "outcomes", counted)
    config = place.team.settings.config
    done = asyncio.run(one_pass(place.team.edge, config, place.clock, exchange=False, together=5))
    assert (done.read, done.grants, asked[0]) == (COUNT, 1, 3)


def test_a_pass_that_asks_the_hub_nothing_takes_all_but_what_needs_its_feed(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate(place)
    place.team.put("gericht.json", statuses(1)[0])
    place.team.put("toewijzing.xml", messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_900)))
    place.team.put("stapel.xml", b"\n".join([messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_901))] * 2))
    config, client = place.team.settings.config, place.team.edge._work.client
    with monkeypatch.context() as patched:
        for name in ("outcomes", "checkpoint", "manifests", "handles", "recovery", "facts", "send", "pickup"):
            patched.setattr(client, name, _refused)
        done = asyncio.run(one_pass(place.team.edge, config, place.clock, exchange=False, asks=False))
    assert (done.told, done.left) == (1, 2)
    left = sorted(path.name for path in config.in_folder.iterdir())
    assert left == ["stapel.xml", "toewijzing.xml"]
    assert asyncio.run(one_pass(place.team.edge, config, place.clock)).left == 0
    assert not list(config.in_folder.iterdir())


def test_a_bad_message_before_a_cut_is_in_quarantine_once(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allocate(place)
    lines: Sequence[bytes] = statuses(4)
    place.team.put("batch.json", b"\n".join([lines[0], b'{"specversion":"1.0"}', *lines[1:]]))
    cut_after(place, monkeypatch, 2)
    assert [report["bericht"] for report in reports(place.team)] == [2]
    place.settle()
    assert [report["bericht"] for report in reports(place.team)] == [2]
    assert len(set(told(place.team))) == 1 + len(lines)


def test_the_same_message_alone_and_in_a_batch_is_one(place: World) -> None:
    allocate(place)
    first, *rest = statuses(3)
    place.team.put("alone.json", first)
    place.settle()
    before = told(place.team)
    place.team.put("batch.json", b"\n".join([first, *rest]))
    place.settle()
    assert len(told(place.team)) == len(before) + len(rest)


def test_files_that_were_read_are_kept_longer_than_their_term_while_they_must_be_read_again(
    place: World, tmp_path: Path
) -> None:
    allocate(place)
    edge, config = place.team.edge, place.team.settings.config
    edge.back_up(tmp_path / "copy")
    edge.was_put_back()  # and its person takes long
    done = list(config.done_folder.iterdir())
    assert done
    later = int(time.time() * 1000) + (config.done_days + 1) * 86_400_000
    asyncio.run(one_pass(edge, config, lambda: later, exchange=False))
    assert list(config.done_folder.iterdir()) == done


def test_an_edge_that_recognises_files_takes_each_by_its_content_and_quarantines_what_is_nobodys(place: World) -> None:
    config = replace(place.team.settings.config, formats_in={".xml": AUTO, ".json": AUTO, ".txt": AUTO})
    place.team.put("a.json", messages.allocation(CITIZEN, messages.Support(TODAY, TODAY, 20_900)))
    place.team.put("b.xml", statuses(1)[0])
    place.team.put("c.txt", (VECTORS / "ijw" / "valid" / "305_in_envelop.xml").read_bytes())
    place.team.put("d.txt", b"<html/>")
    done = asyncio.run(one_pass(place.team.edge, config, place.clock))
    assert (done.read, done.quarantined, done.grants, done.left) == (3, 1, 1, 0)
    (report,) = reports(place.team)
    assert report["formaat"] == AUTO
    assert report["lijkt_op"]["nl"].startswith("Dit is een webpagina. ")  # type: ignore[index]


def test_a_file_of_another_format_than_its_suffix_says_is_quarantined_with_the_format_that_it_is(place: World) -> None:
    place.team.put("a.xml", (VECTORS / "ijw" / "valid" / "305_gestart.xml").read_bytes())
    place.team.put("b.xyz", (VECTORS / "ijw" / "valid" / "305_gestart.xml").read_bytes() + b"\n")
    done = place.work(place.team)
    assert (done.read, done.quarantined) == (0, 2)
    for report in reports(place.team):
        assert "formaat ijw" in report["lijkt_op"]["nl"]  # type: ignore[index]


def test_a_batch_is_read_once_for_its_name_however_many_of_it_are_refused(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is a digest of all of it: read for each refused message, 50 MB with 10,000 of them would take hours."""
    folder, read = Folder(place.team.settings.config), [0]
    label = folder.label

    def counted(file: NativeFile) -> str:
        read[0] += 1
        return label(file)

    monkeypatch.setattr(folder, "label", counted)
    place.team.put("batch.xml", b"\n".join(BAD.replace(b"?>", b"?><!--%d-->" % number, 1) for number in range(20)))
    done = asyncio.run(one_pass(place.team.edge, place.team.settings.config, place.clock, folder))
    assert done.quarantined == 20
    assert sorted(str(report["bericht"]) for report in reports(place.team)) == sorted(map(str, range(1, 21)))
    assert read[0] == 2  # for the reports, and when it is moved
