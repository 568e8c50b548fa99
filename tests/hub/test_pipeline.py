# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The six steps: what is wrong with an envelope is refused with its own code, and nothing else is lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.rules import without
from hub.pipeline import Question, check, is_counted, keys_of
from hub.registry import REMOVED, SUSPENDED
from hub.store import GrantRow
from schemas.calendar import first_day
from schemas.codes import CLASS, Class, Code
from schemas.envelope import Envelope, parse
from schemas.signing import Verifier
from tests import lies
from tests.over_kafka import kinds, new_world
from tests.simulator import Grant, Party, World


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    gp: Party
    grant: Grant


@pytest.fixture(params=kinds("memory", "sqlite"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    team, provider, gp = world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    yield Scene(world, team, provider, gp, team.register(provider))
    world.close()


def _goes_on(scene: Scene) -> None:
    """The next honest envelope under the same grant arrives, and the whole world still holds."""
    frame = scene.team.envelope(scene.grant)
    assert scene.team.send(frame) == [Code.TAKEN]
    assert scene.team.outcome(frame) is Code.ACCEPTED
    assert frame in [delivery.envelope for delivery in scene.provider.pickup()]
    scene.world.check()


def _checked(scene: Scene, frame: bytes, via: Party | None = None) -> Envelope | Code:
    partners = scene.world.hub.partners()
    address = (via or scene.team).address
    return check(frame, address, keys_of(address, partners, scene.world.today), Verifier())


def _pair(scene: Scene) -> tuple[bytes, bytes]:
    return scene.team.envelope(scene.grant), scene.team.envelope(scene.grant)


# -- steps 1 to 3: answered, counted, nothing stored

BEFORE_THE_STORE: dict[str, tuple[Code, Callable[[Scene, bytes, bytes], bytes]]] = {
    "empty": (Code.MALFORMED, lambda _, one, __: lies.truncated(one, 0)),
    "cut in the header": (Code.MALFORMED, lambda _, one, __: lies.truncated(one, 100)),
    "cut by one byte": (Code.MALFORMED, lambda _, one, __: lies.truncated(one, len(one) - 1)),
    "one byte more": (Code.MALFORMED, lambda _, one, __: one + b"\0"),
    "too large": (Code.TOO_LARGE, lambda _, one, __: one + bytes(64 * 1024)),
    "header of another": (Code.BAD_SIGNATURE, lambda _, one, two: lies.swapped(one, two, "header")),
    "box of another": (Code.BAD_SIGNATURE, lambda _, one, two: lies.swapped(one, two, "box")),
    "list of another": (Code.MALFORMED, lambda _, one, two: lies.swapped(one, two, "list")),
    "parts of another": (Code.MALFORMED, lambda _, one, two: lies.swapped(one, two, "parts")),
    "signature of another": (Code.BAD_SIGNATURE, lambda _, one, two: lies.swapped(one, two, "signature")),
    "one part and list entry of another": (
        Code.BAD_SIGNATURE,
        lambda _, one, two: lies.with_swapped_part(one, two, "progress"),
    ),
    "a part changed under its list": (Code.MALFORMED, lambda _, one, __: lies.loose_list(one)),
    "a part taken away on the way": (Code.BAD_SIGNATURE, lambda _, one, __: lies.without_part(one, "service")),
    "the control part taken away": (Code.MALFORMED, lambda _, one, __: lies.without_part(one, "control")),
    "a part added on the way": (Code.BAD_SIGNATURE, lambda _, one, __: lies.with_part(one, "income", bytes(528))),
    "signed by another partner": (
        Code.BAD_SIGNATURE,
        lambda scene, one, _: lies.resigned(one, scene.provider.signing, named=False),
    ),
    "signed by another partner, who is named": (
        Code.KEY_NOT_VALID,
        lambda scene, one, _: lies.resigned(one, scene.provider.signing, named=True),
    ),
    "from the address of another": (
        Code.NOT_YOURS,
        lambda scene, _, __: scene.team.envelope(scene.grant, 1, source=scene.provider.address),
    ),
}


@pytest.mark.parametrize("name", BEFORE_THE_STORE)
def test_what_fails_before_the_decision_is_answered_with_its_code_and_stores_nothing(scene: Scene, name: str) -> None:
    code, lie = BEFORE_THE_STORE[name]
    frame = lie(scene, *_pair(scene))
    before = scene.world.store.counts()
    assert scene.team.send(frame) == [code]
    assert scene.world.store.counts() == before
    assert scene.team.feed() == []
    _goes_on(scene)


@pytest.mark.parametrize("name", BEFORE_THE_STORE)
def test_a_bad_envelope_between_two_good_ones_takes_neither_with_it(scene: Scene, name: str) -> None:
    code, lie = BEFORE_THE_STORE[name]
    bad = lie(scene, *_pair(scene))
    one, two = _pair(scene)
    assert scene.team.send(one, bad, two) == [Code.TAKEN, code, Code.TAKEN]
    assert [scene.team.outcome(frame) for frame in (one, two)] == [Code.ACCEPTED, Code.ACCEPTED]
    scene.world.check()


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 4000), cut=st.booleans())
def test_no_bit_of_a_signed_envelope_can_be_turned_and_no_byte_taken_away(place: int, cut: bool) -> None:
    world = World()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    frame = team.envelope(team.register(provider))
    place %= len(frame)
    changed = lies.truncated(frame, place) if cut else lies.flipped(frame, place)
    keys = keys_of(team.address, world.hub.partners(), world.today)
    refusal = check(changed, team.address, keys, Verifier())
    assert refusal in {Code.MALFORMED, Code.BAD_SIGNATURE, Code.KEY_NOT_VALID, Code.NOT_YOURS}


def test_an_envelope_from_a_removed_partner_is_refused(scene: Scene) -> None:
    frame = scene.team.envelope(scene.grant)
    scene.world.hub.set_state(scene.team.address, REMOVED)
    assert scene.team.send(frame) == [Code.UNKNOWN_SENDER]
    assert scene.provider.pickup() == []
    scene.world.check()


def test_an_envelope_from_a_suspended_partner_is_refused_until_it_is_readmitted(scene: Scene) -> None:
    frame = scene.team.envelope(scene.grant)
    scene.world.hub.set_state(scene.team.address, SUSPENDED)
    assert scene.team.send(frame) == [Code.UNKNOWN_SENDER]
    scene.world.hub.set_state(scene.team.address, "admitted")
    assert scene.team.send(frame) == [Code.TAKEN]
    _goes_on(scene)


def test_an_envelope_from_an_address_that_was_never_admitted_is_refused(scene: Scene) -> None:
    stranger = scene.world.party("team-wmo", admit=False)
    frame = stranger.envelope(stranger.grant(scene.provider))
    assert stranger.send(frame) == [Code.UNKNOWN_SENDER]
    _goes_on(scene)


def test_an_envelope_that_another_partner_brings_is_refused(scene: Scene) -> None:
    frame = scene.team.envelope(scene.grant)
    assert scene.provider.send(frame) == [Code.NOT_YOURS]
    assert scene.team.send(frame) == [Code.TAKEN]


def test_a_signing_key_counts_until_the_last_day_of_its_manifest_and_no_longer(scene: Scene) -> None:
    scene.team.keeps_up = False
    last = scene.team.manifest.until
    scene.world.advance(days=last - scene.world.today)
    assert isinstance(_checked(scene, scene.team.envelope(scene.grant)), Envelope)
    scene.world.advance(days=1)
    assert _checked(scene, scene.team.envelope(scene.grant)) is Code.KEY_NOT_VALID


def test_a_revoked_signing_key_is_refused_and_the_new_one_is_taken(scene: Scene) -> None:
    before = scene.team.envelope(scene.grant)
    scene.team.new_signing_key()
    assert scene.team.send(before) == [Code.KEY_NOT_VALID]
    _goes_on(scene)


# -- step 4


def test_the_same_bytes_again_get_the_stored_outcome_and_change_nothing(scene: Scene) -> None:
    frame = scene.team.envelope(scene.grant)
    scene.team.send(frame)
    size = scene.world.store.head().size
    assert scene.team.send(frame, frame) == [Code.ACCEPTED, Code.ACCEPTED]
    assert scene.world.store.head().size == size
    assert [delivery.envelope for delivery in scene.provider.take_all()] == [frame]
    assert scene.team.send(frame) == [Code.STORED]
    scene.world.check()


def test_the_same_bytes_twice_in_one_call_count_once(scene: Scene) -> None:
    frame = scene.team.envelope(scene.grant)
    assert scene.team.send(frame, frame) == [Code.TAKEN, Code.ACCEPTED]
    assert len(scene.provider.pickup()) == 1
    scene.world.check()


@pytest.mark.parametrize("together", [True, False])
def test_a_sequence_number_that_was_used_is_refused(scene: Scene, together: bool) -> None:
    one, again = scene.team.envelope(scene.grant, 7), scene.team.envelope(scene.grant, 7)
    if together:
        scene.team.send(one, again)
    else:
        scene.team.send(one)
        scene.team.send(again)
    assert [scene.team.outcome(frame) for frame in (one, again)] == [Code.ACCEPTED, Code.REPLAYED]
    scene.grant.last[scene.world.month] = 7
    _goes_on(scene)


def test_numbers_may_leave_gaps_and_never_go_back(scene: Scene) -> None:
    frames = [scene.team.envelope(scene.grant, number) for number in (3, 9, 5, 10)]
    scene.team.send(*frames)
    wanted = [Code.ACCEPTED, Code.ACCEPTED, Code.REPLAYED, Code.ACCEPTED]
    assert [scene.team.outcome(frame) for frame in frames] == wanted
    scene.world.check()


def test_an_envelope_that_was_refused_in_the_decision_uses_up_its_number(scene: Scene) -> None:
    refused = scene.team.envelope(scene.grant, 4, terms=bytes(32))
    later = scene.team.envelope(scene.grant, 4)
    scene.team.send(refused, later)
    assert [scene.team.outcome(frame) for frame in (refused, later)] == [Code.WRONG_TERMS, Code.REPLAYED]
    scene.world.check()


def test_an_envelope_that_failed_before_the_decision_uses_up_nothing(scene: Scene) -> None:
    honest = scene.team.envelope(scene.grant, 4)
    assert scene.team.send(lies.flipped(honest, len(honest) // 2)) != [Code.TAKEN]
    assert scene.team.send(honest) == [Code.TAKEN]
    assert scene.team.outcome(honest) is Code.ACCEPTED


def test_an_id_that_comes_with_other_bytes_is_refused_and_the_first_keeps_its_outcome(scene: Scene) -> None:
    first = scene.team.envelope(scene.grant)
    other = scene.team.envelope(scene.grant, message_id=parse(first).message_id)
    scene.team.send(first)
    assert scene.team.send(other) == [Code.ID_REUSED]
    assert scene.team.send(first) == [Code.ACCEPTED]
    assert [delivery.envelope for delivery in scene.provider.take_all()] == [first]
    scene.world.check()


def test_an_id_that_another_sender_used_is_refused_and_tells_nothing_of_it(scene: Scene) -> None:
    first = scene.team.envelope(scene.grant)
    scene.team.send(first)
    back = scene.provider.register(scene.team)
    other = scene.provider.envelope(back, message_id=parse(first).message_id)
    assert scene.provider.send(other) == [Code.ID_REUSED]
    assert scene.provider.feed() == []
    scene.world.check()


# -- step 5

DECIDED: dict[str, tuple[Code, Callable[[Scene], bytes]]] = {
    "under a handle that nobody registered": (
        Code.NOT_ACTIVE,
        lambda scene: scene.team.envelope(scene.grant, handle=bytes(16)),
    ),
    "addressed to another than the grant": (
        Code.NOT_ACTIVE,
        lambda scene: scene.team.envelope(scene.grant, recipient=scene.gp.address, sealed_for=scene.gp),
    ),
    "addressed to nobody": (
        Code.NOT_ACTIVE,
        lambda scene: scene.team.envelope(scene.grant, recipient=scene.gp.address[:-2] + "nobody"),
    ),
    "with other terms": (Code.WRONG_TERMS, lambda scene: scene.team.envelope(scene.grant, terms=bytes(32))),
    "with a part missing": (Code.WRONG_PARTS, lambda scene: scene.team.envelope(scene.grant, missing="service")),
    "sealed for a key that the recipient does not have": (
        Code.OLD_RECIPIENT_KEY,
        lambda scene: scene.team.envelope(scene.grant, seal_key="0" * 16),
    ),
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_the_decision_refuses_has_its_code_in_the_feed_and_an_entry_of_its_own(scene: Scene, name: str) -> None:
    code, lie = DECIDED[name]
    size = scene.world.store.head().size
    frame = lie(scene)
    assert scene.team.send(frame) == [Code.TAKEN]
    assert scene.team.outcome(frame) is code
    assert scene.world.store.head().size == size + 1
    assert scene.team.send(frame) == [code]
    assert [party.pickup() for party in (scene.provider, scene.gp)] == [[], []]
    _goes_on(scene)


def test_an_envelope_with_a_part_too_many_for_its_grant_is_refused_whole(scene: Scene) -> None:
    grant = scene.team.register(scene.gp)
    frame = scene.team.envelope(grant, added=("service", b'{"law":"wmo"}'))
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.WRONG_PARTS
    assert scene.gp.pickup() == []
    _goes_on(scene)


def test_the_handle_of_another_grant_does_not_open_this_one(scene: Scene) -> None:
    grant = scene.team.register(scene.gp)
    frame = scene.team.envelope(scene.grant, handle=grant.handle())
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_ACTIVE
    _goes_on(scene)


def test_a_partner_cannot_send_under_the_grant_of_another_sender(scene: Scene) -> None:
    frame = scene.gp.envelope(scene.grant)
    scene.gp.send(frame)
    assert scene.gp.outcome(frame) is Code.NOT_ACTIVE
    number = scene.grant.last.pop(scene.world.month)
    _goes_on(scene)  # and it used up no number of that sender
    assert number == 1


def test_the_recipient_of_a_grant_cannot_send_under_it(scene: Scene) -> None:
    frame = scene.provider.envelope(scene.grant, recipient=scene.team.address, sealed_for=scene.team)
    scene.provider.send(frame)
    assert scene.provider.outcome(frame) is Code.NOT_ACTIVE
    scene.world.check()


@pytest.mark.parametrize(
    ("row", "ground", "categories"),
    [(5, "consent", ("progress",)), (1, "consent", None), (2, None, None)],
)
def test_what_the_tables_do_not_permit_is_refused_although_it_was_registered(
    scene: Scene, row: int, ground: str | None, categories: tuple[str, ...] | None
) -> None:
    grant = scene.team.register(scene.provider, row, ground, categories)
    _is_not_permitted(scene, grant)


def test_a_category_that_the_row_does_not_have_is_refused_although_it_was_registered(scene: Scene) -> None:
    """The GP may know that something moved (row 5), and not under which law: that is for row 1."""
    grant = scene.team.register(scene.gp, 5, "consent", ("progress", "service"))
    assert grant.answer.code is Code.IN_FORCE
    _is_not_permitted(scene, grant)


def _is_not_permitted(scene: Scene, grant: Grant) -> None:
    frame = scene.team.envelope(grant, parts=dict.fromkeys((*grant.terms.categories, "control"), b""))
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_PERMITTED_HERE
    _goes_on(scene)


@pytest.mark.parametrize("narrows", ["sender", "recipient"])
def test_both_tables_must_permit(scene: Scene, narrows: str) -> None:
    party = scene.team if narrows == "sender" else scene.provider
    party.narrow(without(scene.world.table, [1]).raw)
    frame = scene.team.envelope(scene.grant)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_PERMITTED_HERE
    scene.world.check()


def test_an_envelope_for_a_suspended_recipient_is_refused(scene: Scene) -> None:
    scene.world.hub.set_state(scene.provider.address, SUSPENDED)
    frame = scene.team.envelope(scene.grant)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NO_RECIPIENT
    scene.world.check()


def test_a_key_of_the_recipient_that_is_outdated_or_revoked_must_be_sealed_for_again(scene: Scene) -> None:
    old = scene.provider.manifest.opening[0]
    frame = scene.team.envelope(scene.grant)
    scene.provider.publish(replace(scene.provider.following(), revoked=(old.key_id,)))
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.OLD_RECIPIENT_KEY
    assert CLASS[Code.OLD_RECIPIENT_KEY] is Class.SEAL_AGAIN
    scene.world.check()


@pytest.mark.parametrize("kind", ["envelope", "retraction"])
def test_the_time_in_the_header_decides_nothing(scene: Scene, kind: str) -> None:
    minute = (scene.world.now // 60_000) - 400 * 1440
    if kind == "envelope":
        frame = scene.team.envelope(scene.grant, minute=minute)
    else:
        frame = scene.team.retraction(scene.grant, minute=minute)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.ACCEPTED


# -- the decision depends on the day and on nothing else of the time


def _answers(world: World, grant: Grant) -> Code | None:
    frame = grant.sender.envelope(grant, month=grant_month(grant))
    grant.sender.send(frame)
    return grant.sender.outcome(frame)


def grant_month(grant: Grant) -> int:
    return max(grant.last, default=grant.world.month)


def test_a_handle_accepts_to_the_last_moment_of_its_month_and_then_it_is_over(scene: Scene) -> None:
    scene.grant.last[scene.world.month] = 0
    scene.world.to("2026-03-31 23:59")
    assert _answers(scene.world, scene.grant) is Code.ACCEPTED
    scene.world.to("2026-04-01 00:00")
    assert _answers(scene.world, scene.grant) is Code.MONTH_OVER
    scene.world.to("2026-04-09 23:59")
    assert _answers(scene.world, scene.grant) is Code.MONTH_OVER
    scene.world.to("2026-04-10 00:00")
    assert _answers(scene.world, scene.grant) is Code.NOT_ACTIVE
    scene.world.check()


def test_a_grant_accepts_to_the_last_moment_of_its_last_day(scene: Scene) -> None:
    day = first_day(scene.world.month) + 19  # 20 March
    grant = scene.team.register(scene.provider, end=day)
    grant.last[scene.world.month] = 0
    scene.world.to("2026-03-20 23:59")
    assert _answers(scene.world, grant) is Code.ACCEPTED
    scene.world.to("2026-03-21 00:00")
    assert _answers(scene.world, grant) is Code.NOT_ACTIVE
    scene.world.check()


def test_next_months_handle_does_not_accept_before_its_month(scene: Scene) -> None:
    scene.world.to("2026-03-25 09:00")
    april = scene.world.month + 1
    assert scene.team.register_month(scene.grant, april).code is Code.IN_FORCE
    frame = scene.team.envelope(scene.grant, month=april)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_ACTIVE
    scene.world.to("2026-04-01 00:00")
    assert _answers(scene.world, scene.grant) is Code.ACCEPTED
    scene.world.check()


def test_a_row_that_was_forgotten_is_gone_for_the_decision_even_while_it_still_stands_in_the_store(
    scene: Scene,
) -> None:
    row = scene.world.store.grants([scene.grant.handle()])[scene.grant.handle()]
    asked = Question(False, row.handle, 1, row.sender, row.recipient, "", "", (), b"")
    assert is_counted(asked, row, row.forget)
    assert not is_counted(asked, row, row.forget + 1)
    assert isinstance(row, GrantRow)
