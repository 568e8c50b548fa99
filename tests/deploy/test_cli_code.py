# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge code`, as people at both ends use it; a code is never among arguments, in a log or in an error."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.edge import Edge, Identity, Tools
from adapters.store import EdgeStore
from adapters.witness import Witness
from deploy.compose import machine_clock, open_hub
from deploy.compose_edge import load_settings, store_key
from deploy.exits import Exit
from deploy.local import LocalClient
from hub.config import load_hub_config
from schemas.registry import load
from tests.deploy.conftest import Schakel
from tests.simulator import CODED, DAY

PRACTICE = "Huisartsenpraktijk De Linde"


@contextmanager
def edges(kept: Path, later: int = 0) -> Iterator[dict[str, Edge]]:
    """The municipality and the practice of the demo, by a table in which the practice is introduced by code."""
    with open_hub(load_hub_config(kept / "hub" / "hub.toml")) as hub:
        found, stores = {}, []
        for name in ("team-wmo", "huisarts"):
            settings = load_settings(kept / name / "edge.toml")
            config = settings.config
            store = EdgeStore(config.data_folder, store_key(config, os.environ))
            stores.append(store)
            client, verifier = LocalClient(hub.exchange, config.address), config.hub_verifier
            assert verifier is not None
            tools = Tools(
                store,
                client,
                Witness(store, *verifier),
                CODED,
                load(),
                lambda: machine_clock() + later,
                os.urandom,
                spread_days=0,
            )
            found[name] = Edge(Identity(config.address, config.own_codes, settings.book), tools)
        yield found
        for store in stores:
            store.close()


def work(both: dict[str, Edge]) -> None:
    for edge in (*both.values(), *both.values()):
        asyncio.run(edge.work())


@pytest.fixture
def code(kept: Path) -> str:
    """One that the citizen has on paper, and whose introduction has arrived at the practice."""
    with edges(kept) as both:
        both["team-wmo"].import_clients([ClientRow("C-77", "999990019", "")])
        both["huisarts"].import_clients([ClientRow("H-77", "999990019", "")])
        [slip] = both["team-wmo"].make_agreement("C-77", Conversation((PRACTICE,))).slips
        work(both)
    assert "Code voor Huisartsenpraktijk De Linde" in slip.text
    assert "Uw burgerservicenummer gaat niet mee" in slip.text
    assert slip.code in slip.text
    return slip.code


def test_a_code_is_entered_from_standard_input_and_said_in_dutch(schakel: Schakel, kept: Path, code: str) -> None:
    enter = ("edge", "code", "enter", "--client", "H-77", "--config", kept / "huisarts")
    result = schakel(*enter, typed=f"{code.lower()}\n")
    assert result.exit_code == Exit.DONE, result.output
    assert "De code is aangenomen. Team Wmo Voorbeeldstad mag u over cliënt H-77 vertellen: voortgang" in " ".join(
        result.output.split()
    )
    assert code not in result.output
    [listed] = json.loads(schakel("edge", "code", "entered", "--json", "--config", kept / "huisarts").stdout)
    assert (listed["client"], listed["sender_name"], listed["waits"]) == ("H-77", "Team Wmo Voorbeeldstad", None)
    again = schakel(*enter, "--json", typed=code)
    assert again.exit_code == Exit.REFUSED
    assert code not in again.output
    with edges(kept, 5 * DAY) as both:
        work(both)
        assert [one.introduced for one in both["team-wmo"].grants("C-77")] == [True]


def test_every_code_that_opens_nothing_gets_the_same_words(schakel: Schakel, kept: Path, code: str) -> None:
    enter = ("edge", "code", "enter", "--client", "H-77", "--config", kept / "huisarts")
    never_given = "0000-0000-0000"
    said = [schakel(*enter, typed=never_given)]
    assert schakel(*enter, typed=code).exit_code == Exit.DONE
    said.append(schakel(*enter, typed=code))
    said += [schakel(*enter, typed=never_given) for _ in range(6)]
    assert {(one.exit_code, one.output) for one in said} == {(Exit.REFUSED, said[0].output)}
    assert "Vraag de cliënt om een nieuwe" in " ".join(said[0].output.split())
    wrong = schakel(*enter, typed="geen code")
    assert (wrong.exit_code, "drie groepen" in wrong.output) == (Exit.REFUSED, True)
    assert "geen code" not in wrong.output
    alarms = schakel("edge", "alarms", "--json", "--config", kept / "huisarts")
    assert "guessed-codes" in alarms.output
    unknown = schakel("edge", "code", "enter", "--client", "H-404", "--config", kept / "huisarts", typed=code)
    assert (unknown.exit_code, "niet bekend" in unknown.output) == (Exit.REFUSED, True)


def test_who_entered_a_code_is_seen_by_the_privacy_officer_and_has_a_name(
    schakel: Schakel, answer: Callable[..., Any], kept: Path
) -> None:
    practice = ("--config", kept / "huisarts")
    with edges(kept) as both:
        both["huisarts"].import_clients([ClientRow("H-77", "999990019", "")])
    entered = schakel(
        "edge", "code", "enter", "--client", "H-77", "--as", "A. Assistente", *practice, typed="0000-0000-0000"
    )
    assert entered.exit_code == Exit.REFUSED
    [seen] = answer("edge", "looks", "H-77", *practice)
    assert (seen["by"], seen["what"]) == ("A. Assistente", "of een code bij u hoort")
    nobody = schakel("edge", "code", "enter", "--client", "H-77", "--as", " ", *practice, typed="0000-0000-0000")
    assert nobody.exit_code == Exit.REFUSED


def test_who_enters_a_code_against_a_hold_is_told_that_nothing_of_it_is_shown(
    schakel: Schakel, kept: Path, code: str
) -> None:
    practice = ("--config", kept / "huisarts")
    with edges(kept) as both:
        asyncio.run(both["huisarts"].stop_incoming("H-77", None, "held"))
    said = schakel("edge", "code", "enter", "--client", "H-77", *practice, typed=code)
    assert said.exit_code == Exit.DONE
    assert "er wordt niets van getoond" in said.output
    assert "Het eerste bericht" not in said.output
    [listed] = json.loads(schakel("edge", "code", "entered", "--json", *practice).stdout)
    assert listed["waits"] == "refused"


def test_a_code_can_not_be_given_as_an_argument(schakel: Schakel, kept: Path, code: str) -> None:
    result = schakel("edge", "code", "enter", code, "--client", "H-77", "--config", kept / "huisarts")
    assert result.exit_code == Exit.WRONG_USE
    assert schakel("edge", "code", "enter", "--code", code, "--client", "H-77").exit_code == Exit.WRONG_USE


def test_who_waits_for_a_code_is_listed_and_another_is_printed(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, code: str
) -> None:
    team = ("--config", kept / "team-wmo")
    [line] = answer("edge", "code", "waiting", *team)
    assert (line["client"], line["recipient"]) == ("C-77", PRACTICE)
    assert line["state"].startswith("wacht tot Huisartsenpraktijk De Linde de code heeft ingevoerd")
    printed = schakel("edge", "code", "print", "C-77", "--for", PRACTICE, *team)
    assert printed.exit_code == Exit.DONE
    assert "Team Wmo Voorbeeldstad" in printed.output
    assert code not in printed.output
    [slip] = answer("edge", "code", "print", "C-77", "--for", PRACTICE, *team)
    assert slip["code"] in slip["text"]
    nobody = schakel("edge", "code", "print", "C-77", "--for", "Dokter Onbekend", *team)
    assert (nobody.exit_code, "staat niet in het adresboek" in nobody.output) == (Exit.WRONG_USE, True)
    with edges(kept, 6_000) as both:
        work(both)
        work(both)
    enter = ("edge", "code", "enter", "--client", "H-77", "--config", kept / "huisarts")
    assert schakel(*enter, typed=code).exit_code == Exit.REFUSED
    entered = schakel(*enter, "--json", typed=slip["code"])
    assert (entered.exit_code, json.loads(entered.stdout)["client"]) == (Exit.DONE, "H-77")


def test_an_agreement_says_for_whom_there_is_a_code_only_where_there_is_one(
    answer: Callable[..., Any], kept: Path
) -> None:
    client = answer("edge", "code", "waiting", "--config", kept / "team-wmo")
    assert client == []
    number = answer("grant", "list", "--config", kept / "team-wmo")[0]["client"]
    made = answer("agreement", "make", number, "--with", PRACTICE, "--config", kept / "team-wmo")
    assert made["codes"] == []  # the national table introduces the practice by BSN


def test_no_code_is_in_a_line_of_the_log(
    schakel: Schakel, kept: Path, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    schakel("edge", "code", "enter", "--client", "H-77", "--config", kept / "huisarts", typed=code)
    with edges(kept, 5 * DAY) as both:
        work(both)
    bare = code.replace("-", "")
    assert [record for record in caplog.records if code in str(record.__dict__) or bare in str(record.__dict__)] == []
