# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel kafka init` where there is nothing to ask: each way to be called wrongly is told, and nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.exits import Exit
from tests.deploy.conftest import Schakel
from tests.deploy.new_hub import FG, NEW


@pytest.fixture
def hub(schakel: Schakel, tmp_path: Path) -> Path:
    assert schakel("hub", "init", tmp_path / "hub", *NEW, *FG).exit_code == Exit.DONE
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Say either --dry-run or --apply."),
        (("--dry-run", "--apply"), "Say either --dry-run or --apply."),
        (("--apply", "--key", "hub.toml"), "Give --certificate and --key together."),
    ],
)
def test_what_is_to_be_done_must_be_said(schakel: Schakel, hub: Path, words: tuple[str, ...], says: str) -> None:
    given = [hub / one if one == "hub.toml" else one for one in words]
    result = schakel("kafka", "init", *given, "--config", hub)
    assert (result.exit_code, says in " ".join(result.output.split())) == (Exit.WRONG_USE, True)


def test_a_hub_without_a_kafka_says_so(schakel: Schakel, hub: Path) -> None:
    result = schakel("kafka", "init", "--dry-run", "--config", hub)
    assert (result.exit_code, "has no table [kafka]" in " ".join(result.output.split())) == (Exit.FAILED, True)
    assert "Kafka" not in schakel("hub", "doctor", "--config", hub).output


def test_a_kafka_without_tls_is_refused_in_strict_mode(schakel: Schakel, hub: Path) -> None:
    with (hub / "hub.toml").open("a") as file:
        file.write('dsn = "host=/run/postgresql dbname=schakel"\n[kafka]\nbrokers = ["127.0.0.1:9092"]\n')
    result = schakel("kafka", "init", "--dry-run", "--config", hub)
    words = " ".join(result.output.split())
    assert (result.exit_code, "/kafka/certificate: is required in strict mode" in words) == (Exit.REFUSED, True)
