# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whoever asks about what is somebody else's learns nothing, not even whether it is there; and each try is counted."""

from __future__ import annotations

import time

import pytest

from schemas import api
from schemas.codes import Code
from schemas.envelope import parse
from tests.hub.gateway_fixtures import Town, town

__all__ = ["town"]  # a fixture

DEEP = 100_000
TABLES = {
    "deep-objects": b'{"a":' * DEEP,
    "deep-lists": b'{"rows":' + b"[" * DEEP,
    "deep-and-whole": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "many-names": b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}",
    "one-name-many-times": b"{" + b",".join([b'"a":0'] * 20_000) + b"}",
    "huge-number": b'{"version":1' + b"0" * 50_000 + b"}",
    "huge-exponent": b'{"version":1e999999999}',
    "no-text": b'{"\xff\xfe":0}',
    "half": b'{"version":"1"',
}


@pytest.mark.parametrize("name", TABLES)
def test_a_bomb_of_json_published_as_a_rule_table_costs_nothing_and_is_malformed(town: Town, name: str) -> None:
    body = api.frames_bytes([TABLES[name]])
    began = time.process_time()
    answer = town.site.request(town.team, "POST", "publish", body)
    assert time.process_time() - began < 1
    assert api.read_published(answer.body) == (Code.MALFORMED, -1)
    assert town.world.hub.meter.refused[Code.MALFORMED] == 1
    town.still_works()


def test_an_envelope_under_a_handle_of_others_ends_as_one_under_a_handle_of_nobody(town: Town) -> None:
    theirs, nobodys = town.gp.register(town.provider, row=1), town.team.grant(town.provider)
    stopped = town.gp.register(town.provider, row=1)
    town.gp.facts(town.gp.stopping(stopped))
    frames = [town.team.envelope(grant) for grant in (theirs, nobodys, stopped)]
    answer = town.site.request(town.team, "POST", "envelopes", api.frames_bytes(frames))
    assert api.read_codes(answer.body, 3) == [Code.TAKEN] * 3
    assert {town.team.outcome(frame) for frame in frames} == {Code.NOT_ACTIVE}
    assert town.world.hub.meter.outcomes[Code.NOT_ACTIVE] == 3
    assert town.provider.pickup() == []
    town.still_works()


def test_a_stop_of_a_handle_that_is_there_is_answered_as_one_of_a_handle_that_is_not(town: Town) -> None:
    theirs, nobodys = town.team.register(town.provider), town.team.grant(town.provider)
    stops = [town.gp.stopping(grant) for grant in (theirs, nobodys)]
    answer = town.site.request(town.gp, "POST", "facts", api.frames_bytes(stops))
    there, not_there = api.read_fact_answers(answer.body, 2)
    assert there == not_there == (Code.IN_FORCE, False)
    town.still_works()


def test_guessed_message_ids_are_answered_alike_and_counted(town: Town) -> None:
    """A message that waits, one that was handed over, one that was refused, and none at all."""
    grant = town.team.register(town.provider)
    [handed_over] = town.team.tell(grant)
    assert len(town.provider.pickup()) == 1
    [waits] = town.team.tell(grant)
    refused = town.team.envelope(town.team.grant(town.provider))
    assert town.team.send(refused) == [Code.TAKEN]
    guesses = [handed_over, waits, parse(refused).message_id, town.world.random(16)]
    receipts = town.gp.sign_together([(guess, Code.STORED) for guess in guesses])
    answer = town.site.request(town.gp, "POST", "receipts", api.frames_bytes(receipts))
    assert api.read_codes(answer.body, len(guesses)) == [Code.NOT_YOURS] * len(guesses)
    assert town.world.hub.meter.refused[Code.NOT_YOURS] == len(guesses)
    assert town.team.outcomes()[handed_over] == [Code.ACCEPTED]
    town.still_works()


def test_the_sender_itself_can_not_answer_for_the_recipient(town: Town) -> None:
    [message_id] = town.team.tell(town.team.register(town.provider))
    receipts = api.frames_bytes(town.team.sign_together([(message_id, Code.STORED)]))
    answer = town.site.request(town.team, "POST", "receipts", receipts)
    assert api.read_codes(answer.body, 1) == [Code.NOT_YOURS]
    assert len(town.provider.pickup()) == 1
    town.still_works()


def test_what_is_not_ones_own_is_counted_by_its_code(town: Town) -> None:
    """An envelope of another, a receipt signed by another, a registration of another's grant, a recipient unknown."""
    refused = town.world.hub.meter.refused
    frame = town.gp.envelope(town.gp.grant(town.provider, row=1))
    town.site.request(town.team, "POST", "envelopes", api.frames_bytes([frame]))
    assert refused[Code.NOT_YOURS] == 1
    [forged] = town.gp.sign_together([(bytes(16), Code.STORED)])
    town.site.request(town.team, "POST", "receipts", api.frames_bytes([forged]))
    assert refused[Code.BAD_SIGNATURE] == 1
    grant = town.team.register(town.provider)
    registration = town.team.registration(grant, town.world.month)
    town.site.request(town.gp, "POST", "facts", api.frames_bytes([registration]))
    assert refused[Code.NOT_THE_SENDER] == 1
    stranger = town.world.party("school", admit=False)
    answer = town.team.register_month(town.team.grant(stranger), town.world.month)
    assert (answer.code, refused[Code.NO_RECIPIENT]) == (Code.NO_RECIPIENT, 1)
    town.site.request(town.team, "POST", "publish", api.frames_bytes([town.gp.frame]))
    assert sum(refused.values()) == 5
    town.still_works()


def test_an_id_that_is_used_again_is_counted(town: Town) -> None:
    grant = town.team.register(town.provider)
    first = town.team.envelope(grant)
    again = town.team.envelope(grant, message_id=parse(first).message_id)
    answer = town.site.request(town.team, "POST", "envelopes", api.frames_bytes([first, again]))
    assert api.read_codes(answer.body, 2) == [Code.TAKEN, Code.ID_REUSED]
    assert town.world.hub.meter.refused[Code.ID_REUSED] == 1
    town.still_works()
