# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Strict mode: no hub beside an edge, and none whose operator, controllers or privacy officer nobody named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.beside import EDGE_MARKS, refuse_beside_an_edge
from deploy.exits import Exit, Stopped
from hub.config import HubConfig, load_hub_config
from tests.deploy.conftest import Schakel

NEW = ("--name", "hub.voorbeeld.nl", "--operator", "Stichting Hub", "--controllers", "Gemeente A; Gemeente B")
FG = ("--fg-contact", "fg@voorbeeld.example")
DPIA = "DPIA 2026-014"


@pytest.fixture
def hub(schakel: Schakel, tmp_path: Path) -> Path:
    """The folder of a strict hub, with room around it."""
    folder = tmp_path / "machine" / "hub"
    assert schakel("hub", "init", folder, *NEW, *FG).exit_code == Exit.DONE
    return folder


PLACES = {
    "in the same folder": "hub",
    "in its data folder": "hub/data",
    "below it": "hub/edges/team/data",
    "below its data folder": "hub/data/old/edge",
    "side by side": "edge",
    "side by side, in a data folder": "edge/data",
}


@pytest.mark.parametrize("mark", EDGE_MARKS)
@pytest.mark.parametrize("place", PLACES)
def test_strict_refuses_hub_beside_edge(schakel: Schakel, hub: Path, place: str, mark: str) -> None:
    folder = hub.parent / PLACES[place]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / mark).touch()
    for command in (("hub", "status"), ("partner", "list"), ("audit", "show")):
        result = schakel(*command, "--config", hub)
        assert result.exit_code == Exit.FAILED, command
        assert "edge beside this hub" in result.output


def test_strict_refuses_hub_beside_edge_that_a_link_leads_to(schakel: Schakel, hub: Path, tmp_path: Path) -> None:
    far = tmp_path / "elsewhere" / "far" / "edge"
    far.mkdir(parents=True)
    (far / "edge.sqlite").touch()
    assert schakel("hub", "status", "--config", hub).exit_code == Exit.DONE
    (hub / "link").symlink_to(far)
    assert "edge beside this hub" in schakel("hub", "status", "--config", hub).output


def test_strict_refuses_hub_beside_edge_whatever_else_lies_there(schakel: Schakel, hub: Path) -> None:
    (hub.parent / "a-loop").symlink_to(hub.parent / "a-loop")
    (hub.parent / "a-loop-of-folders").symlink_to(hub.parent)
    (hub.parent / "broken").symlink_to(hub.parent / "nothing")
    (hub.parent / "file").touch()
    assert schakel("hub", "status", "--config", hub).exit_code == Exit.DONE
    (hub.parent / "z-edge").mkdir()
    (hub.parent / "z-edge" / "edge.toml").touch()
    assert "edge beside this hub" in schakel("hub", "status", "--config", hub).output


def test_strict_refuses_hub_beside_edge_at_its_key_or_its_data_elsewhere(
    schakel: Schakel, hub: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "disk"
    (other / "edge").mkdir(parents=True)
    (other / "edge" / "edge.sqlite").touch()
    file = hub / "hub.toml"
    said = file.read_text()
    assert schakel("hub", "status", "--config", hub).exit_code == Exit.DONE
    file.write_text(said + f'greatest_file = "{other}/greatest.json"\n')
    assert "edge beside this hub" in schakel("hub", "status", "--config", hub).output


def test_strict_refuses_hub_beside_edge_that_was_really_made(schakel: Schakel, hub: Path) -> None:
    address = "urn:nld:oin:00000009999999990003:gp"
    edge = hub.parent / "edge"
    made = schakel(
        "edge", "init", edge, "--address", address, "--name", "Praktijk", "--key-file", hub.parent / "store.key"
    )
    assert made.exit_code == Exit.DONE, made.output
    assert "edge beside this hub" in schakel("hub", "status", "--config", hub).output


@pytest.mark.parametrize(
    "name", ["SCHAKEL_STORE", "SCHAKEL_EDGE_TEAM", "TEAM_EDGE_PASSPHRASE", "MY_SCHAKEL_PASSPHRASE"]
)
def test_strict_refuses_hub_beside_edge_keys_in_its_environment(schakel: Schakel, hub: Path, name: str) -> None:
    result = schakel("hub", "status", "--config", hub, env={name: "geheime-woorden-hier"})
    assert result.exit_code == Exit.FAILED
    assert name in result.output
    assert "geheime-woorden-hier" not in result.output


def test_strict_refuses_hub_beside_edge_that_its_environment_leads_to(
    schakel: Schakel, hub: Path, tmp_path: Path
) -> None:
    far = tmp_path / "elsewhere" / "edge"
    far.mkdir(parents=True)
    for value in (far, far / "edge.toml"):
        assert schakel("hub", "status", "--config", hub, env={"WHERE": str(value)}).exit_code == Exit.DONE
    (far / "edge.toml").touch()
    for value in (far, far / "edge.toml"):
        assert schakel("hub", "status", "--config", hub, env={"WHERE": str(value)}).exit_code == Exit.FAILED


def test_an_environment_without_an_edge_stops_no_hub(hub: Path) -> None:
    config = load_hub_config(hub / "hub.toml")
    harmless = {
        "PATH": "/usr/bin",
        "HOME": str(hub),
        "GPG_PASSPHRASE": "x",
        "EDGE": "no",
        "SCHAKEL_STANDARDS": "/x",
        "LONG": "/" * 9000,
    }
    refuse_beside_an_edge(config, harmless)
    with pytest.raises(Stopped, match="SCHAKEL_STORE"):
        refuse_beside_an_edge(config, harmless | {"SCHAKEL_STORE": ""})


def test_a_hub_that_is_not_strict_may_stand_anywhere(hub: Path) -> None:
    (hub / "edge.sqlite").touch()
    refuse_beside_an_edge(HubConfig(name="h", data_folder=hub / "data", strict=False), {"SCHAKEL_STORE": "x"})
    with pytest.raises(Stopped, match="edge beside this hub"):
        refuse_beside_an_edge(HubConfig(name="h", data_folder=hub / "data"), {})


# -- who runs it, for whom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["operator", "controllers", "fg_contact"])
def test_a_strict_hub_does_not_start_without_its_people(schakel: Schakel, hub: Path, missing: str) -> None:
    file = hub / "hub.toml"
    file.write_text(re.sub(rf"^{missing} = .*\n", "", file.read_text(), flags=re.MULTILINE))
    result = schakel("hub", "status", "--config", hub)
    assert result.exit_code == Exit.REFUSED
    assert f"/{missing}" in result.output


def test_an_operator_that_is_a_controller_says_so(schakel: Schakel, hub: Path) -> None:
    file = hub / "hub.toml"
    file.write_text(file.read_text().replace("Stichting Hub", "gemeente  a"))
    result = schakel("hub", "status", "--config", hub)
    assert result.exit_code == Exit.REFUSED
    assert "/operator_dpia" in result.output


def test_an_operator_that_is_a_partner_is_asked_for_its_dpia_and_every_status_page_repeats_it(
    schakel: Schakel, answer: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "machine" / "hub"
    own = ("--name", "hub.voorbeeld.nl", "--operator", "Gemeente A", "--controllers", "Gemeente A; Gemeente B", *FG)
    assert schakel("hub", "init", folder, *own, typed=f"{DPIA}\n").exit_code == Exit.DONE
    for command in ("status", "doctor"):
        shown = (
            schakel("hub", command, "--config", folder, "--json").output
            + schakel("hub", command, "--config", folder).output
        )
        assert "itself a partner" in shown, command
        assert DPIA in shown, command
    assert answer("hub", "status", "--config", folder)["operator_dpia"] == DPIA
    assert load_hub_config(folder / "hub.toml").operator_dpia == DPIA


def test_an_operator_that_is_no_partner_is_not_asked(schakel: Schakel, hub: Path) -> None:
    assert "itself a partner" not in schakel("hub", "status", "--config", hub).output


def test_a_partner_with_the_number_of_the_operator_stops_a_strict_hub_that_does_not_say_so(
    schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    lone = tmp_path / "apart" / "machine"
    lone.mkdir(parents=True)
    (kept / "hub").rename(lone / "hub")
    (kept / "keys").rename(lone / "keys")
    file = lone / "hub" / "hub.toml"
    said = (
        file.read_text()
        .replace("strict = false\n", "")
        .replace("test_mode = true", "")
        .replace("Gemeente Voorbeeldstad", "Stichting Hub")
    )
    first = answer_of(schakel("partner", "list", "--json", "--config", lone / "hub"))
    oin = re.search(r"urn:nld:oin:([0-9]{20})", first)
    assert oin is not None
    file.write_text(said + f'operator_oin = "{oin[1]}"\n')
    result = schakel("hub", "status", "--config", lone / "hub")
    assert result.exit_code == Exit.FAILED
    assert "is a partner of it" in result.output
    file.write_text(file.read_text() + f'operator_dpia = "{DPIA}"\n')
    assert DPIA in schakel("hub", "status", "--config", lone / "hub").output


def answer_of(result: Any) -> str:
    assert result.exit_code == Exit.DONE, result.output
    return str(result.output)
