# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a step of the pipeline holds: on what it rests, the record of each decision, what is queued, used up and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.pipeline import Decided, Known, code_of, forget_day, question_of, step
from hub.registry import SUSPENDED, Partners
from hub.store import Refused, Tell, Use
from schemas.calendar import last_day
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.entry import ACCEPT, items_of
from schemas.envelope import Envelope, parse
from tests.over_kafka import new_world
from tests.simulator import Grant, Party, World
from tests.store_steps import grant

NOW = 1_773_000_000_000
WEEK = 7 * 86_400_000


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    grant: Grant

    def known(self, *handles: bytes) -> Known:
        store = self.world.hub.store
        return Known(self.world.hub.partners(), store.grants(handles), {}, store.head().newest_fact, self.world.today)

    def step(self, *envelopes: Envelope) -> tuple[Known, Decided]:
        known = self.known(*(one.handle for one in envelopes))
        numbers = count(1)
        return known, step(envelopes, known, NOW, lambda size: next(numbers).to_bytes(2, "big") * (size // 2))

    def envelope(self, grant: Grant | None = None) -> Envelope:
        return parse(self.team.envelope(grant or self.grant))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    world = new_world("memory", tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    yield Scene(world, team, provider, team.register(provider))
    world.close()


def _numbers(scene: Scene) -> tuple[int, int]:
    rows = scene.world.hub.store.addresses()
    return rows[scene.team.address].number, rows[scene.provider.address].number


def test_a_decision_rests_on_the_grant_and_on_both_addresses_as_they_were(scene: Scene) -> None:
    envelope = scene.envelope()
    known, decided = scene.step(envelope)
    sender, recipient = _numbers(scene)
    assert decided.answers == [Code.TAKEN]
    assert decided.step.rests_on_grants == [(envelope.handle, known.grants[envelope.handle].version)]
    versions = {number: known.partners.by_number[number].version for number in (sender, recipient)}
    assert decided.step.rests_on_addresses == versions


def test_a_refusal_rests_on_there_being_no_grant_and_no_such_recipient(scene: Scene) -> None:
    envelope = replace(scene.envelope(), handle=bytes(16), recipient="urn:nld:oin:00000000000000000099:gp")
    known, decided = scene.step(envelope)
    sender, _ = _numbers(scene)
    assert decided.step.rests_on_grants == [(bytes(16), 0)]
    assert decided.step.rests_on_addresses == {sender: known.partners.by_number[sender].version}
    assert decided.step.refused == [Refused(envelope.message_id, envelope.sha, sender, 0, 0, Code.NOT_ACTIVE)]
    assert items_of(decided.step.entries[0].record)[9] == 0


def test_the_record_of_an_acceptance_holds_all_that_was_asked_and_what_it_rests_on(scene: Scene) -> None:
    envelope = scene.envelope()
    known, decided = scene.step(envelope)
    sender, recipient = _numbers(scene)
    [entry] = decided.step.entries
    table = known.partners.by_number[sender].table.hash
    record = items_of(entry.record)
    assert record == [
        1,
        known.day,
        ACCEPT,
        envelope.message_id,
        envelope.sha,
        False,
        envelope.handle,
        envelope.sequence,
        sender,
        recipient,
        envelope.sign_key,
        envelope.seal_key,
        list(envelope.names),
        envelope.terms,
        known.grants[envelope.handle].row,
        [table, table],
        known.newest_fact,
        Code.ACCEPTED.value,
    ]
    assert entry.salt is not None
    assert len(entry.salt) == 32
    assert code_of(entry.record) is Code.ACCEPTED
    assert question_of(record)[:5] == (False, envelope.handle, envelope.sequence, sender, recipient)


def test_what_is_no_record_of_an_acceptance_has_no_code(scene: Scene) -> None:
    facts = [one for one in scene.world.hub.store.entries(0, scene.world.hub.store.head().size) if one.salt is not None]
    for one in facts:
        with pytest.raises(FrameError):
            code_of(one.record)


def test_what_is_accepted_waits_seven_days_at_most_under_a_key_of_its_own(scene: Scene) -> None:
    one, two = scene.envelope(), scene.envelope()
    _, decided = scene.step(one, two)
    first, second = decided.step.joins
    assert (first.since, first.due) == (NOW, NOW + WEEK)
    assert (first.entry, second.entry) == (0, 1)
    assert len(first.key) == 32
    assert first.key != second.key
    for join, envelope in zip((first, second), (one, two), strict=True):
        assert AESGCM(join.key).decrypt(bytes(12), join.wrapped, None) == envelope.raw
    sender, _ = _numbers(scene)
    assert decided.step.tells == [Tell(sender, 0, Code.ACCEPTED, one.message_id) for one in (one, two)]


def test_the_numbers_of_one_handle_are_used_up_once_from_what_the_store_had_to_the_last(scene: Scene) -> None:
    envelopes = [scene.envelope() for _ in range(3)]
    known, decided = scene.step(*envelopes)
    row = known.grants[envelopes[0].handle]
    assert decided.step.uses == [Use(row.handle, row.version, row.last, envelopes[-1].sequence)]


def test_within_a_batch_a_number_that_does_not_rise_is_replayed_and_is_counted_from_the_last(scene: Scene) -> None:
    first, second = scene.envelope(), scene.envelope()
    again = replace(first, message_id=bytes(16), sha=bytes(32))
    _, decided = scene.step(second, again)
    assert [code_of(one.record) for one in decided.step.entries] == [Code.ACCEPTED, Code.REPLAYED]
    assert [one.new for one in decided.step.uses] == [second.sequence]


def test_within_a_batch_the_same_bytes_are_decided_once_and_an_id_that_is_reused_changes_no_outcome(
    scene: Scene,
) -> None:
    one = scene.envelope()
    _, decided = scene.step(one, one, replace(one, sha=bytes(32)))
    assert decided.answers == [Code.TAKEN, Code.ACCEPTED, Code.ID_REUSED]
    assert [code_of(entry.record) for entry in decided.step.entries] == [Code.ACCEPTED, Code.ID_REUSED]
    assert (len(decided.step.joins), decided.step.refused, len(decided.step.tells)) == (1, [], 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"state": SUSPENDED}, Code.UNKNOWN_SENDER), ({"signing": {}}, Code.KEY_NOT_VALID)],
    ids=["suspended", "key revoked"],
)
def test_what_became_of_the_sender_after_its_bytes_were_checked_is_asked_again(
    scene: Scene, changed: dict[str, object], code: Code
) -> None:
    envelope = scene.envelope()
    known = scene.known(envelope.handle)
    everyone = known.partners.by_address.values()
    known.partners = Partners(
        replace(one, **changed) if one.address == scene.team.address else one  # type: ignore[arg-type]
        for one in everyone
    )
    decided = step([envelope], known, NOW, bytes)
    assert [code_of(one.record) for one in decided.step.entries] == [code]
    assert (decided.step.joins, [one.code for one in decided.step.refused]) == ([], [code])


@pytest.mark.parametrize(
    ("stopped", "end", "newer", "last"),
    [
        (False, None, False, "month"),
        (True, 20_000, True, "month"),  # the newer handle is remembered instead
        (True, None, False, 19_990),
        (False, 20_000, False, 20_000),
        (True, 20_000, False, 19_990),  # stopped before its end
        (True, 19_000, False, 19_000),  # had ended before somebody stopped it
    ],
)
def test_a_row_is_remembered_for_a_year_from_the_day_on_which_nothing_could_pass_any_more(
    stopped: bool, end: int | None, newer: bool, last: int | str
) -> None:
    row = grant(stopped=stopped, end=end)
    found = forget_day(row, 19_990, newer)
    assert found == (last_day(row.month) + 9 if isinstance(last, str) else last + 366)
