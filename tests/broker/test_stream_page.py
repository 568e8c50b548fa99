# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The page for integrators with topics of their own, followed step by step: its commands, its settings, its records."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.config import load_edge_config
from deploy.cli import cli
from deploy.net import Process
from tests.kafka import Kafka, kafka
from tests.streams_site import Site, until

PAGE = (Path(__file__).parents[2] / "deploy" / "docs" / "stream-adapter.md").read_text(encoding="utf-8")
STEPS = PAGE.partition("## A working one in ten minutes")[2].partition("\n## ")[0]
LOCAL = "localhost:9092"


def _blocks(kind: str) -> list[str]:
    found = re.findall(rf"^ *```{kind}\n(.*?)^ *```$", STEPS, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def _lines(kind: str, begins: str) -> list[list[str]]:
    return [shlex.split(line) for block in _blocks(kind) for line in block.splitlines() if begins in line]


def _option(words: list[str], name: str) -> str:
    return words[words.index(f"--{name}") + 1]


@pytest.fixture(scope="module")
def broker() -> Kafka:
    return kafka()


def schakel(*words: str) -> Result:
    result = CliRunner().invoke(cli, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _follow(folder: Path, line: str) -> str:
    """A path of the page, in our folder."""
    return str(folder / line) if line.partition("/")[0] == "demo" else line


def test_who_follows_the_page_has_a_working_one(broker: Kafka, tmp_path: Path) -> None:
    assert re.findall(r"^(\d)\. ", STEPS, re.MULTILINE) == ["1", "2", "3", "4", "5", "6"]
    commands = [shlex.split(line) for block in _blocks("sh") for line in block.splitlines()]

    # 1: a hub and three partners
    assert commands[0][:3] == ["schakel", "demo-net", "--keep"]
    result = schakel(*(_follow(tmp_path, word) for word in commands[0][1:]))
    assert result.exit_code == 0, result.output

    # 2: the topics, with the partitions of the page
    for words in _lines("text", "--create"):
        assert _option(words, "bootstrap-server") == LOCAL
        broker.topic(_option(words, "topic"), partitions=int(_option(words, "partitions")))

    # 3: the settings, as they stand there but for the port of our broker
    for block in _blocks("toml"):
        place = tmp_path / "demo" / block.splitlines()[0].removeprefix("# ")
        with (place / "edge.toml").open("a", encoding="utf-8") as file:
            file.write("\n" + block.replace(LOCAL, broker.bootstrap))
        assert load_edge_config(place / "edge.toml").streams is not None

    # 4: checked, and started
    with ExitStack() as stack:
        running: dict[str, Process] = {}
        for words in (
            words for words in commands[1:] if words[1] in ("config", "hub", "edge") and words[2] in ("check", "run")
        ):
            arguments = [_follow(tmp_path, word) for word in words[1:]]
            if words[2] == "check":
                assert schakel(*arguments).exit_code == 0
                continue
            process = Process(tuple(arguments), tmp_path / f"{Path(arguments[-1]).name}.run.log")
            process.start()
            stack.callback(process.end)
            running[Path(arguments[-1]).name] = process
            if words[1] == "hub":
                until(lambda of=process: of.events("listening"))  # type: ignore[misc]
        assert sorted(running) == ["hub", "team-wmo", "zorgaanbieder"]
        for name in ("team-wmo", "zorgaanbieder"):
            until(lambda of=name: running[of].events("brokers-there"))  # type: ignore[misc]

        # 5: two records
        (line,) = [one.strip() for one in _blocks("json")]
        team, provider = Site(broker, "gemeente", {}), Site(broker, "zorg", {})
        good, bad = _lines("text", "console-producer")
        assert (_option(good, "topic"), good[-2:]) == ("gemeente.zaken", ["<", "zaak.json"])
        assert (_option(bad, "topic"), bad[0]) == ("gemeente.zaken", "echo")
        team.put("zaken", line.encode())
        team.put("zaken", bad[1].encode())

        # 6: told, and reported
        seen, reported = (_option(words, "topic") for words in _lines("text", "console-consumer"))
        assert (seen, reported) == ("zorg.berichten", "gemeente.quarantaine")
        until(lambda: any(b"in-onderzoek" in (one.value() or b"") for one in provider.records("berichten")))
        until(lambda: team.records("quarantaine"))
        (report,) = [json.loads(one.value() or b"") for one in team.records("quarantaine")]
        assert (report["topic"], report["gelezen"]) == ("gemeente.zaken", False)
        (view,) = [words for words in commands if words[1:3] == ["edge", "view"]]
        result = schakel(*(_follow(tmp_path, word) for word in view[1:]), "--json")
        assert result.exit_code == 0
        assert json.dumps(json.loads(result.stdout), ensure_ascii=False).count("in onderzoek") >= 1
        assert all(process.stop() == 0 for process in running.values())
    shutil.rmtree(tmp_path / "demo")


@pytest.mark.parametrize("title", ["with TLS", "with a password"])
def test_a_table_for_strict_mode_is_one_that_it_takes(tmp_path: Path, title: str) -> None:
    (block,) = re.findall(rf"```toml\n(# {title}\n.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "edge.toml"
    before = (
        'address = "urn:nld:oin:00000001234567890000:team-wmo"\nname = "Team"\nkey_file = "../k"\nnotices_out = "csv"\n'
    )
    file.write_text(before + block, encoding="utf-8")
    config = load_edge_config(file)
    assert config.strict
    assert config.streams is not None
    assert config.streams.authorities == tmp_path / "kafka-ca.pem"
