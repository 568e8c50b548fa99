# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Threat 25: what one person agreed to introduces nobody else, by BSN nor by code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.code import OneTimeCode, new_code
from adapters.records_incoming import INTRODUCTIONS
from consent.grant import CodeProof
from schemas.codes import Code
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, TYPIST, Neighbours, status
from tests.hostile_sender import SALT, Sender
from tests.simulator import CODED, World

OTHER_BSN = "999990019"
TALK = Conversation(("Praktijk Voorbeeld",))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path, World(table=CODED))
    neighbours.work()
    neighbours[PROVIDER].import_clients([ClientRow("P-1", BSN, ""), ClientRow("P-2", OTHER_BSN, "")])
    neighbours[GP].import_clients([ClientRow("H-1", BSN, ""), ClientRow("H-2", OTHER_BSN, "")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


@pytest.fixture
def sender(near: Neighbours) -> Sender:
    return Sender(near, recipient=GP)


def code_for(near: Neighbours) -> tuple[OneTimeCode, CodeProof]:
    """A code and what stands for it in an introduction."""
    code = new_code(GP, near.world.random)
    return code, CodeProof(code.proof(SALT), near.world.today + 14, None)


def views(near: Neighbours) -> dict[str, list[str]]:
    return {number: near.told(GP, number) for number in ("H-1", "H-2")}


# -- by BSN ----------------------------------------------------------------------------------------------------------


def test_grant_is_tied_to_citizen_by_bsn(near: Neighbours) -> None:
    sender = Sender(near)
    sender.register(BSN)
    assert sender.send(sender.introduction(OTHER_BSN), sender.event()) == [Code.INVALID_PART, Code.UNKNOWN_HANDLE]
    assert near.told(PROVIDER, "P-2") == near.told(PROVIDER, "P-1") == []


def test_grant_is_tied_to_citizen_by_bsn_also_when_another_renews_it(near: Neighbours) -> None:
    """What an introduction says that it renews ties nobody: the citizen is the one whom its own registration is about."""
    sender = Sender(near)
    sender.register(BSN)
    assert sender.send(sender.introduction(BSN)) == [Code.STORED]
    before = sender.grant
    sender.begin()
    sender.register(OTHER_BSN)
    frame = sender.introduction(OTHER_BSN, renews=before.secret.hex(), automatic=False)
    assert sender.send(frame, sender.event()) == [Code.STORED, Code.STORED]
    assert (near.told(PROVIDER, "P-1"), near.told(PROVIDER, "P-2")) == ([], ["gestart"])


# -- by code ---------------------------------------------------------------------------------------------------------


def test_grant_is_tied_to_citizen_by_the_code_that_was_registered(near: Neighbours, sender: Sender) -> None:
    """The code that one person handed over does not open the grant of another."""
    code, agreed = code_for(near)
    sender.register(agreed)
    assert sender.send(sender.introduction(agreed)) == [Code.STORED]
    sender.begin()
    _, other = code_for(near)
    sender.register(other)
    assert sender.send(sender.introduction(agreed), sender.event()) == [Code.INVALID_PART, Code.UNKNOWN_HANDLE]
    assert near[GP].enter_code("H-1", code.text, TYPIST) is not None
    assert [one.client is not None for one in INTRODUCTIONS.scan(near[GP].store)] == [True]
    assert views(near) == {"H-1": [], "H-2": []}


def test_grant_is_tied_to_citizen_and_a_row_by_code_is_not_introduced_by_bsn_nor_the_reverse(
    near: Neighbours, sender: Sender
) -> None:
    sender.register(BSN)
    assert sender.send(sender.introduction(BSN)) == [Code.NOT_PERMITTED]
    provider = Sender(near, "8")
    _, agreed = code_for(near)
    provider.register(agreed)
    assert provider.send(provider.introduction(agreed)) == [Code.NOT_PERMITTED]


def test_grant_is_tied_to_citizen_who_handed_the_code_over_once(near: Neighbours) -> None:
    """Two people of one municipality, each with a code, at one practice: each is told about where the own code was typed."""
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo"), ClientRow("C-2", OTHER_BSN, "wmo")])
    codes = [near[TEAM].make_agreement(number, TALK).slips[0].code for number in ("C-1", "C-2")]
    near.settle(2)
    assert near[GP].enter_code("H-2", codes[1], TYPIST) is not None
    assert near[GP].enter_code("H-1", codes[1], TYPIST) is None
    assert near[GP].enter_code("H-1", codes[0], TYPIST) is not None
    near.world.advance(days=4)
    near.settle(3)
    near.take(TEAM, status(1, Kind.GESTART, near.world.today))  # about the first
    near.settle(2)
    assert views(near) == {"H-1": ["gestart"], "H-2": []}


def test_grant_is_tied_to_citizen_of_the_grant_that_it_goes_on_from_and_of_no_other(
    near: Neighbours, sender: Sender
) -> None:
    code, agreed = code_for(near)
    sender.register(agreed)
    sender.send(sender.introduction(agreed), sender.event())
    assert near[GP].enter_code("H-1", code.text, TYPIST) is not None
    known = sender.grant
    goes_on = CodeProof(None, None, known.secret)
    # Another sender that has come to know the secret, and the same sender for another purpose.
    thief = Sender(near, "7", GP)
    thief.register(goes_on)
    assert thief.send(thief.introduction(goes_on), thief.event(b"\2" * 16)) == [Code.STORED, Code.STORED]
    # An introduction that says so, where its registration says otherwise.
    sender.begin()
    _, other = code_for(near)
    sender.register(other)
    assert sender.send(sender.introduction(goes_on)) == [Code.INVALID_PART]
    assert views(near) == {"H-1": ["gestart"], "H-2": []}
    # Its own sender's renewal, as registered.
    sender.begin()
    sender.register(goes_on)
    assert sender.send(sender.introduction(goes_on), sender.event(b"\3" * 16)) == [Code.STORED, Code.STORED]
    assert views(near) == {"H-1": ["gestart", "gestart"], "H-2": []}


@pytest.mark.parametrize("other", [{"purpose": "iets-anders"}, {"law": "jeugdwet"}])
def test_grant_is_tied_to_citizen_and_goes_on_for_one_purpose_and_law_only(
    near: Neighbours, sender: Sender, other: dict[str, str]
) -> None:
    code, agreed = code_for(near)
    sender.register(agreed)
    sender.send(sender.introduction(agreed))
    assert near[GP].enter_code("H-1", code.text, TYPIST) is not None
    known = sender.grant
    with near[GP].workplace.commit("as if it was for something else") as tx:
        INTRODUCTIONS.put(tx, replace(INTRODUCTIONS.need(tx, known.secret), **other))
    goes_on = CodeProof(None, None, known.secret)
    sender.begin()
    sender.register(goes_on)
    assert sender.send(sender.introduction(goes_on), sender.event()) == [Code.STORED, Code.STORED]
    assert views(near) == {"H-1": [], "H-2": []}


def test_grant_is_tied_to_citizen_and_a_code_that_two_senders_brought_opens_neither(
    near: Neighbours, sender: Sender
) -> None:
    """Somebody at another partner saw the slip and introduces with it as well."""
    code, agreed = code_for(near)
    thief = Sender(near, "7", GP)
    for one in (sender, thief):
        one.register(agreed)
        assert one.send(one.introduction(agreed)) == [Code.STORED]
    assert near[GP].enter_code("H-1", code.text, TYPIST) is None
    thief.party.stop(thief.grant)
    near.world.advance(days=4)
    near.work(GP)
    assert near[GP].enter_code("H-1", code.text, TYPIST) is not None
    assert [one.sender for one in INTRODUCTIONS.scan(near[GP].store) if one.client] == [sender.party.address]


def test_grant_is_tied_to_citizen_and_a_new_code_is_not_taken_to_be_of_the_same_one(
    near: Neighbours, sender: Sender
) -> None:
    """Typed at the wrong client: the sender prints another, and nothing more is told where the first was typed."""
    code, agreed = code_for(near)
    sender.register(agreed)
    sender.send(sender.introduction(agreed))
    assert near[GP].enter_code("H-2", code.text, TYPIST) is not None
    before = sender.grant
    sender.begin()
    second, proof = code_for(near)
    anew = proof._replace(line=before.secret)
    sender.register(anew)
    assert sender.send(sender.introduction(anew), sender.event()) == [Code.STORED, Code.STORED]
    assert views(near) == {"H-1": [], "H-2": []}
    assert near[GP].enter_code("H-1", second.text, TYPIST) is not None
    assert views(near) == {"H-1": ["gestart"], "H-2": []}


@pytest.mark.parametrize("wrong", ["no day", "no proof", "nothing"])
def test_an_introduction_that_says_half_a_code_is_refused(near: Neighbours, sender: Sender, wrong: str) -> None:
    _, agreed = code_for(near)
    said = {
        "no day": agreed._replace(until=None),
        "no proof": agreed._replace(proof=None),
        "nothing": CodeProof(None, None, None),
    }[wrong]
    sender.register(said)
    assert sender.send(sender.introduction(said)) == [Code.INVALID_PART]
    assert list(INTRODUCTIONS.scan(near[GP].store)) == []


def test_a_code_counts_until_its_own_day_whatever_the_grant_lasts(near: Neighbours, sender: Sender) -> None:
    code, agreed = code_for(near)
    agreed = agreed._replace(until=near.world.today)
    sender.register(agreed)
    sender.send(sender.introduction(agreed))
    near.world.advance(days=1)
    assert near[GP].enter_code("H-1", code.text, TYPIST) is None
    assert sender.grant.terms.end > near.world.today


def test_no_sender_makes_a_code_last_longer_than_a_fortnight(near: Neighbours, sender: Sender) -> None:
    code, agreed = code_for(near)
    agreed = agreed._replace(until=near.world.today + 300)
    sender.register(agreed)
    sender.send(sender.introduction(agreed))
    near.world.advance(days=15)
    assert near[GP].enter_code("H-1", code.text, TYPIST) is None
