# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The short version of `make chaos`: some of its rows over one town, and that its counting can fail."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos import rows_flood, rows_line, rows_process, rows_store, run
from tests.chaos.proxy import Proxy
from tests.chaos.region import region
from tests.chaos.rows import ROWS, Result, ground_of
from tests.chaos.run import table
from tests.chaos.server import on_database
from tests.chaos.town import Arrived, Town, counted, town

SECONDS = 60.0
WHOLE = Arrived(0, 0, 0)
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh")
MANY = 600


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("chaos") / "net") as made:
        yield made


def test_nothing_is_lost_twice_or_out_of_order_when_hub_and_edges_are_killed(net: Town) -> None:
    rows_process.all_killed(net)
    assert net.settle(SECONDS)[0] == WHOLE


def test_nothing_is_lost_twice_or_out_of_order_when_connections_break_and_answers_vanish(net: Town) -> None:
    for row in (rows_line.request_cut, rows_line.answers_lost):
        row(net, breaks=1)
    assert net.settle(SECONDS)[0] == WHOLE


def test_many_silent_connections_to_a_hub_that_begins_with_few_descriptors_keep_nobody_out(net: Town) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < 2 * MANY:
        pytest.skip("this machine allows a process too few file descriptors")
    net.hub_within(FEW_DESCRIPTORS)
    flood = rows_flood.flooded(net, MANY)
    try:
        assert flood.open >= 0.98 * MANY
        asked = asyncio.run(rows_flood.ask(net, 2.0))
        net.tell(6)
        assert net.settle(SECONDS)[0] == WHOLE
    finally:
        flood.end()
    assert asked.failed == 0
    assert asked.kept
    assert asked.new
    assert net.is_log_sound()


# -- what counts can fail


TOLD = [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]


@pytest.mark.parametrize(
    ("came", "arrived"),
    [
        ({"a": [1, 2, 3], "b": [1, 2]}, WHOLE),
        ({"a": [1, 2, 3], "b": [0, 1, 2]}, WHOLE),  # something that was not told by us
        ({"a": [1, 3], "b": [1, 2]}, Arrived(1, 0, 0)),
        ({"a": [1, 2, 3]}, Arrived(2, 0, 0)),
        ({"a": [1, 2, 2, 3], "b": [1, 2]}, Arrived(0, 1, 0)),
        ({"a": [1, 3, 2], "b": [2, 1]}, Arrived(0, 0, 2)),
        ({}, Arrived(5, 0, 0)),
    ],
)
def test_what_is_lost_twice_or_out_of_order_is_counted(came: dict[str, list[int]], arrived: Arrived) -> None:
    assert counted(TOLD, came) == arrived


@pytest.mark.parametrize("wrong", ["lost", "twice", "out_of_order"])
def test_a_row_is_whole_only_with_three_zeros_and_a_sound_log(wrong: str) -> None:
    good = Result("row", 9, 0, 0, 0, 1.0, True, "what")
    assert good.is_whole
    assert not Result(**(good.as_dict() | {wrong: 1})).is_whole  # type: ignore[arg-type]
    assert not Result(**(good.as_dict() | {"log_sound": False})).is_whole  # type: ignore[arg-type]
    assert table([good]).splitlines()[2] == "| row | 9 | 0 | 0 | 0 | 1.0 | yes | what |"


# -- the table


def test_a_row_that_fails_in_any_way_or_never_ends_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Town) -> str:
        raise subprocess.CalledProcessError(1, "a tool of the ground")

    def hangs(_: Town) -> str:
        threading.Event().wait()
        return ""

    @contextmanager
    def nowhere(_: Path) -> Iterator[Town]:
        yield Town(None, None, None)  # type: ignore[arg-type]

    for row, said in ((fails, "failed: CalledProcessError"), (hangs, "failed: TooLongError it lasted longer than 1 s")):
        monkeypatch.setitem(ROWS, "hub killed under load", row)  # type: ignore[arg-type]
        monkeypatch.setattr(run, "ground_of", lambda _: nowhere)
        found = run.played("hub killed under load", 1)
        assert found.what.startswith(said)
        assert not found.is_whole


def test_rows_of_the_same_sources_stay_in_the_table_and_those_of_others_do_not(tmp_path: Path) -> None:
    names = list(ROWS)[:2]
    rows = {name: Result(name, 9, 0, 0, 0, 1.0, True, "what") for name in names}
    run.write_results(tmp_path, "abc", rows)
    assert run.read_results(tmp_path / "chaos.json", "abc") == rows
    for sources in ("abd", None):
        assert run.read_results(tmp_path / "chaos.json", sources) == {}
    assert f"Rows not played: {len(ROWS) - 2}." in (tmp_path / "chaos.md").read_text()
    for content in ("", "[]", "{}", '{"sources": "abc", "rows": [{}]}', '{"sources": "abc", "rows": 3}'):
        (tmp_path / "chaos.json").write_text(content)
        assert run.read_results(tmp_path / "chaos.json", "abc") == {}


def test_every_row_has_a_ground_and_a_play_that_can_be_called() -> None:
    for name, row in ROWS.items():
        assert callable(row)
        assert callable(ground_of(name))
    grounds = {name: getattr(ground_of(name), "func", ground_of(name)) for name in ROWS}
    assert {ground for name, ground in grounds.items() if name.startswith("Kafka: ")} == {region}
    needs = [name for name, row in ROWS.items() if getattr(row, "func", row).__module__ == rows_store.__name__]
    assert {grounds[name] for name in needs if not name.startswith("Kafka: ")} == {on_database}


# -- the line that fails


@pytest.mark.parametrize(
    ("told", "up", "down"),
    [
        ("pass", 4_000, 4_000),
        ("cut-request 1000 1000", 1_000, None),
        ("cut-answer 1000 1000", 4_000, 1_000),
        ("lose-answers 0 0", 4_000, 0),
        ("refuse", 0, 0),
    ],
)
def test_the_line_does_what_it_is_told(told: str, up: int, down: int | None) -> None:
    """An edge sends 4,000 bytes, a hub answers 4,000 when it has them: what arrives at each."""

    async def story() -> tuple[int, int]:
        heard = 0

        async def hub(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            try:
                while heard < 4_000 and (data := await reader.read(4_000)):
                    heard += len(data)
                if heard == 4_000:
                    writer.write(bytes(4_000))
                    await writer.drain()
                await reader.read()
            except OSError:
                pass
            finally:
                writer.close()

        behind = await asyncio.start_server(hub, "127.0.0.1", 0)
        proxy = Proxy(*behind.sockets[0].getsockname())
        proxy.told(told)
        front = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        got = 0
        try:
            reader, writer = await asyncio.open_connection(*front.sockets[0].getsockname())
            writer.write(bytes(4_000))
            while got < 4_000 and (data := await reader.read(4_000)):
                got += len(data)
            writer.close()
        except OSError:
            pass
        front.close()
        behind.close()
        await asyncio.sleep(0.05)
        return heard, got

    heard, got = asyncio.run(story())
    assert heard == up
    assert down is None or got <= down
    assert told != "pass" or got == 4_000
