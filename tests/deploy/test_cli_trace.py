# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`hub trace` and `edge trace`: the way of one message, told at both sides."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.records_outgoing import ITEMS
from adapters.shelf import number_key
from deploy.commands.desk import at_desk
from deploy.compose import machine_clock, open_hub
from deploy.exits import Exit
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.trace import Trace, trace
from hub.config import load_hub_config
from hub.store import SetAside, Step
from schemas.calendar import date_text, day_of
from schemas.entry import committed, fault
from tests.deploy.conftest import Schakel
from tests.deploy.nets import day_told

Answer = Callable[..., Any]
TEAM, PROVIDER = "urn:nld:oin:00000009999999990001:team-wmo", "urn:nld:oin:00000009999999990002:provider-wmo"


def _tell(answer: Answer, kept: Path) -> tuple[int, str]:
    """The team tells something; nobody picks it up."""
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 9, day_of(machine_clock()) - 1)
    (kept / "team-wmo" / "in" / "nieuw.json").write_bytes(event)
    assert answer("edge", "work", "--config", kept / "team-wmo")["sent"] == 1
    (line,) = answer("edge", "outbox", "--config", kept / "team-wmo")["outbox"]
    number = line["number"]
    return number, answer("edge", "trace", number, "--config", kept / "team-wmo")["id"]


def _whats(found: Any) -> list[str]:
    return [step["what"] for step in found["steps"]]


def test_a_message_that_arrived_is_told_the_same_at_sender_hub_and_recipient(answer: Answer, kept: Path) -> None:
    sent = answer("edge", "trace", 2, "--config", kept / "team-wmo")
    assert sent == answer("edge", "trace", sent["id"].upper(), "--config", kept / "team-wmo")
    assert sent["where"] == "Het is bij de ontvanger."
    assert _whats(sent)[-1] == "Ontvangstbewijs van Zorg Thuis Voorbeeld: het is daar bewaard."
    hub = answer("hub", "trace", sent["id"], "--config", kept / "hub")
    assert _whats(hub) == [
        f"Accepted from {TEAM} for {PROVIDER}.",
        "Handed over to the recipient, time 1.",
        "The recipient's signed receipt came: stored.",
    ]
    assert {step["day"] for step in hub["steps"]} == {date_text(day_told())}
    assert hub["where"] == f"It is with {PROVIDER} (stored)."
    came = answer("edge", "trace", sent["id"], "--config", kept / "zorgaanbieder")
    assert came["where"] == "Het is hier binnen."
    assert came["why"] == "Bewaard. De hub heeft het ontvangstbewijs."


def test_a_message_that_waits_says_where_why_and_what_to_do(answer: Answer, kept: Path) -> None:
    number, message = _tell(answer, kept)
    found = answer("edge", "trace", number, "--config", kept / "team-wmo")
    assert found["where"] == "Het staat bij de hub, voor Zorg Thuis Voorbeeld."
    assert found["why"] == "Wacht tot de ontvanger het ophaalt."
    hub = answer("hub", "trace", message, "--config", kept / "hub")
    assert _whats(hub) == [f"Accepted from {TEAM} for {PROVIDER}."]
    assert hub["where"].startswith(f"It waits at the hub for {PROVIDER}, since ")
    assert hub["why"] == "The recipient's edge has not picked it up yet."
    assert "schakel edge doctor" in hub["remedy"]


def test_a_message_for_a_suspended_partner_says_so(answer: Answer, kept: Path) -> None:
    _, message = _tell(answer, kept)
    answer("partner", "suspend", PROVIDER, "--yes", "--config", kept / "hub")
    hub = answer("hub", "trace", message, "--config", kept / "hub")
    assert hub["why"] == "That partner is suspended at present."
    assert "schakel partner resume" in hub["remedy"]


def test_a_message_that_was_handed_over_and_not_answered_says_so(answer: Answer, kept: Path) -> None:
    _, message = _tell(answer, kept)
    config, later = load_hub_config(kept / "hub" / "hub.toml"), machine_clock()
    with open_hub(config) as hub:
        assert len(hub.exchange.pickup(PROVIDER, 1, 0).deliveries) == 1
        out = trace(hub.store, bytes.fromhex(message))
    assert out is not None
    assert [step.what for step in out.steps][1:] == ["Handed over to the recipient, time 1."]
    assert out.where == f"It was handed to {PROVIDER}, and its receipt has not come yet."
    with open_hub(config, lambda: later + 3_600_000) as hub:
        lapsed = trace(hub.store, bytes.fromhex(message))
    assert lapsed is not None
    assert lapsed.why == "It was handed over once, and no receipt came."


def test_a_message_that_expired_tells_that_its_payload_is_gone(answer: Answer, kept: Path) -> None:
    _, message = _tell(answer, kept)
    later = machine_clock() + 15 * 86_400_000
    with open_hub(load_hub_config(kept / "hub" / "hub.toml"), lambda: later) as hub:
        hub.exchange.tick()
        found = trace(hub.store, bytes.fromhex(message))
    assert found is not None
    assert "The payload and its key were destroyed." in found.steps[-1].what
    assert found.where == f"It is nowhere any more: it ended as expired, and {TEAM} is told so in its feed."
    assert found.remedy.startswith("Nothing here: the sender's edge seals it again")


def test_a_message_that_the_hub_set_aside_is_found_by_its_own_bytes(answer: Answer, kept: Path) -> None:
    number, message = _tell(answer, kept)
    with at_desk(kept / "team-wmo") as (opened, _):
        frame = ITEMS.need(opened.store, number_key(number)).frame
    assert frame is not None
    other = re.sub(message.encode(), b"f" * 32, frame)
    with open_hub(load_hub_config(kept / "hub" / "hub.toml")) as hub:
        now, key, sha = hub.store.now(), bytes(range(32)), b"s" * 32
        step = Step(at=now, entries=[committed(fault(day_of(now), 1, sha), bytes(32))])
        wrapped = AESGCM(key).encrypt(bytes(12), other, None)
        step.set_aside.append(SetAside(1, sha, None, now + 1, now, wrapped, key))
        hub.store.commit(step)
        found: Trace | None = trace(hub.store, b"\xff" * 16)
        assert trace(hub.store, b"\xfe" * 16) is None
    assert found is not None
    assert found.where == "It is set aside at the hub, wrapped; after seven days it is destroyed."


@pytest.mark.parametrize(("side", "place"), [("hub", "hub"), ("edge", "team-wmo")])
def test_an_unknown_id_gets_a_sentence(schakel: Schakel, kept: Path, side: str, place: str) -> None:
    result = schakel(side, "trace", "0" * 32, "--config", kept / place)
    assert result.exit_code == Exit.FAILED
    assert ("knows nothing of this id" in result.output) or ("is hier niet bekend" in result.output)


@pytest.mark.parametrize(("side", "place"), [("hub", "hub"), ("edge", "team-wmo")])
@pytest.mark.parametrize("wrong", ["x", "0" * 31, "0" * 33, "999900006x"])
def test_what_is_no_id_is_wrong_use(schakel: Schakel, kept: Path, side: str, place: str, wrong: str) -> None:
    assert schakel(side, "trace", wrong, "--config", kept / place).exit_code == Exit.WRONG_USE


def test_no_trace_at_the_hub_shows_a_citizen_a_handle_or_a_client_number(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    sent = answer("edge", "trace", 2, "--config", kept / "team-wmo")["id"]
    shown = schakel("hub", "trace", sent, "--config", kept / "hub").output
    assert CITIZEN.bsn not in shown
    assert re.findall(r"[0-9a-f]{32,}", shown) == [sent]
    edge = schakel("edge", "trace", sent, "--config", kept / "team-wmo").output
    assert CITIZEN.bsn not in edge


def test_a_message_that_the_hub_refused_says_why_at_both_sides_and_asks_a_person(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    answer("partner", "suspend", PROVIDER, "--yes", "--config", kept / "hub")
    number, message = _tell(answer, kept)
    hub = answer("hub", "trace", message, "--config", kept / "hub")
    assert _whats(hub) == [f"Sent by {TEAM} for {PROVIDER}, and refused: no-recipient."]
    assert hub["where"] == f"It is nowhere any more: it ended as no-recipient, and {TEAM} is told so in its feed."
    assert "A person at the sender must look" in hub["remedy"]
    edge = answer("edge", "trace", number, "--config", kept / "team-wmo")
    assert edge["where"] == "Het staat in de outbox en vraagt een besluit."
    assert edge["why"] == "De ontvanger is nu niet aangesloten."
    assert f"`schakel edge settle {number}`" in edge["remedy"]
