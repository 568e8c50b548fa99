# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Attacks that the hub must withstand, each under the name that the threat model gives it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import cbor2
import pytest

from adapters.seal import UnreadableError
from consent.rules import without
from hub.client import RefusedError
from hub.store import Step
from hub.store_memory import MemoryStore
from hub.store_sqlite import DATABASE
from schemas.calendar import first_day, parse_month, start_of_day
from schemas.codes import Code
from schemas.envelope import parse
from schemas.fact import Register, Stop, parse_fact
from tests.hub.scene import Scene, scene
from tests.simulator import Grant, Party, World, run

__all__ = ["scene"]  # a fixture
from tests.world_check import records

MARCH = parse_month("2026-03")


def _outcome(grant: Grant, month: int | None = None) -> Code | None:
    frame = grant.sender.envelope(grant, month=month)
    grant.sender.send(frame)
    return grant.sender.outcome(frame)


def _retract(grant: Grant, month: int) -> Code | None:
    frame = grant.sender.retraction(grant, month=month)
    grant.sender.send(frame)
    return grant.sender.outcome(frame)


# -- 5


def test_only_sender_registers(scene: Scene) -> None:
    """The recipient holds the handle secret, so it can make every handle; it can register none of this sender's."""
    grant = scene.team.grant(scene.provider)
    by_sender = scene.team.registration(grant, MARCH)
    body = parse_fact(by_sender).body
    assert isinstance(body, Register)
    forged = scene.provider.sign(body)  # names itself as the signer: then it is the sender, and the recipient too
    assert [answer.code for answer in scene.provider.facts(forged)] == [Code.NO_RECIPIENT]
    assert [answer.code for answer in scene.provider.facts(by_sender)] == [Code.NOT_THE_SENDER]
    assert [answer.code for answer in scene.gp.facts(by_sender)] == [Code.NOT_THE_SENDER]
    assert _outcome(grant) is Code.NOT_ACTIVE
    assert scene.provider.pickup() == []


def test_only_sender_registers_and_a_handle_that_another_took_lets_nobody_in(scene: Scene) -> None:
    """A recipient that registers the handle first, as a sender to a third, gets no envelope moved anywhere."""
    grant = scene.team.grant(scene.provider)
    squat = scene.provider.grant(scene.team)
    squat.secret = grant.secret
    assert scene.provider.register_month(squat, MARCH).code is Code.IN_FORCE
    assert scene.team.register_month(grant, MARCH).code is Code.HANDLE_TAKEN
    assert _outcome(grant) is Code.NOT_ACTIVE
    assert [party.pickup() for party in (scene.provider, scene.gp, scene.team)] == [[], [], []]


# -- 15


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
@pytest.mark.parametrize("day", [1, 20_000, 99_999])
def test_stop_always_counts(scene: Scene, who: str, day: int) -> None:
    """Whatever its date and its order of months, from receipt on, before the registration too."""
    party: Party = getattr(scene, who)
    now, later = scene.team.register(scene.provider), scene.team.grant(scene.provider)
    for grant in (now, later):
        fact = party.stopping(grant, months=[MARCH + 2, MARCH - 1, MARCH], day=day)
        assert party.facts(fact)[0].code is Code.IN_FORCE
    assert scene.team.register_month(later, MARCH).code is Code.IN_FORCE
    assert [_outcome(now), _outcome(later)] == [Code.NOT_ACTIVE, Code.NOT_ACTIVE]


def test_stop_always_counts_on_the_last_day_of_a_manifest_and_after_it(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.gp.keeps_up = False
    scene.world.advance(days=29)
    scene.team.register_month(grant, scene.world.month)
    scene.world.advance(days=10)
    assert scene.gp.stop(grant).code is Code.IN_FORCE
    scene.team.register_month(grant, scene.world.month)
    assert _outcome(grant) is Code.NOT_ACTIVE


# -- 11


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
def test_stop_reaches_the_old_handle(scene: Scene, who: str) -> None:
    """What waits under last month's name, and what is registered next, both stop with one fact."""
    grant = scene.team.register(scene.provider)
    scene.world.to("2026-03-31 12:00")
    scene.team.register_month(grant, MARCH + 1)
    scene.team.tell(grant)
    scene.world.to("2026-04-03 12:00")
    party: Party = getattr(scene, who)
    party.stop(grant)
    assert scene.provider.pickup() == []
    scene.world.to("2026-04-20 12:00")
    scene.team.register_month(grant, MARCH + 2)
    scene.world.to("2026-05-02 12:00")
    assert _outcome(grant) is Code.NOT_ACTIVE
    assert scene.provider.pickup() == []


# -- 17


def test_roles_do_not_share() -> None:
    """Two roles of one OIN: neither gets, opens, answers or brings what is the other's."""
    world = World()
    oin = "00000000000000000077"
    team = world.party("team-wmo")
    provider, other = world.party("provider-wmo", oin), world.party("team-pw", oin)
    grant = team.register(provider)
    [one] = team.tell(grant)
    assert other.pickup() == []
    [delivery] = provider.pickup()
    assert other.receipts(other.receipt(one)) == [Code.NOT_YOURS]
    assert other.receipts(provider.receipt(one)) == [Code.BAD_SIGNATURE]
    assert other.notices() == []
    with pytest.raises(StopIteration):
        other.open(delivery)  # it has no key of that name
    other.keys, keys = provider.keys, other.keys
    assert other.open(delivery)
    other.keys = keys
    wrong = team.envelope(grant, sealed_for=other, seal_key=provider.seal_key)
    team.send(wrong)
    provider.receipts(provider.receipt(one))
    [delivery] = provider.pickup()
    with pytest.raises(UnreadableError):
        provider.open(delivery)
    back = provider.register(team, 2)
    frame = provider.envelope(back)
    assert other.send(frame) == [Code.NOT_YOURS]
    taken = other.envelope(back)
    other.send(taken)
    assert other.outcome(taken) is Code.NOT_ACTIVE
    world.check()


# -- 9


class Watched(MemoryStore):
    """A store that keeps what every step wrote, so that its sizes can be compared."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.steps: list[Step] = []

    def commit(self, step: Step) -> int:
        """Commits and remembers."""
        self.steps.append(step)
        return super().commit(step)


def _shape(value: object) -> object:
    """Types and lengths of everything in a value, and the names of its fields, but no content."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _shape(item) for key, item in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_shape(item) for item in value]
    return type(value).__name__


def test_header_says_nothing() -> None:
    """Two kinds of event under one grant: equal lengths of every piece, equal keys, equal rows, equal entries."""
    shapes = []
    for kind in ("gestart", "beeindigd"):
        world = World()
        watched = Watched(world)
        world.hub = world.over(watched)
        team, provider = world.party("team-wmo"), world.party("provider-wmo")
        grant = team.register(provider)
        parts = team.event(grant, kind)
        if kind == "beeindigd":
            parts["progress"] = parts["progress"][:-1] + b',"ending":"volgens-plan"}'
            parts["service"] = b'{"law":"wmo"}'
        frame = team.envelope(grant, parts=parts)
        header = parse(frame).header.decode()
        watched.steps.clear()
        team.send(frame)
        [delivery] = provider.pickup()
        provider.receipts(provider.receipt(parse(frame).message_id))
        stored = [[_shape(getattr(step, name)) for name in Step.__dataclass_fields__] for step in watched.steps]
        opened = [[_shape(cbor2.loads(one.record)) for one in step.entries] for step in watched.steps]
        sizes = [_shape(cbor2.loads(frame)), [key.split('":')[0] for key in header.split(',"')], len(header)]
        shapes.append((sizes, stored, opened, len(delivery.envelope), team.feed()[-1].code))
        assert kind not in header
    assert shapes[0] == shapes[1]


def test_header_says_nothing_and_neither_do_the_rows_on_disk(tmp_path: Path) -> None:
    """Every column of every row of the embedded store has the same length for either kind of event."""
    sizes = []
    for kind in ("gestart", "uitkomst-beschikbaar"):
        world = World("sqlite", tmp_path / kind)
        team, provider = world.party("team-wmo"), world.party("provider-wmo")
        grant = team.register(provider)
        team.send(team.envelope(grant, parts=team.event(grant, kind)))
        world.close()  # the file is locked while it is open
        waiting = _row_sizes(tmp_path / kind / DATABASE)
        world.reopen()
        assert len(provider.take_all()) == 1
        world.close()
        sizes.append((waiting, _row_sizes(tmp_path / kind / DATABASE)))
    assert sizes[0] == sizes[1]
    assert sizes[0][0] != sizes[0][1]


def _row_sizes(path: Path) -> set[str]:
    """Table and lengths of the columns of every row."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = [(table, row) for table in tables for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608  # names from the schema
    return {f"{table} {[len(item) if isinstance(item, bytes | str) else item for item in row]}" for table, row in rows}


def test_header_says_nothing_of_which_envelopes_belong_to_one_event(scene: Scene) -> None:
    """No value stands in two envelopes of one event for two recipients, but who sent them, and the minute."""
    one, two = scene.team.register(scene.provider), scene.team.register(scene.gp)
    event = scene.world.random(16)
    frames = [scene.team.envelope(grant, parts=scene.team.event(grant, event_id=event)) for grant in (one, two)]
    values = [set(_fields(frame)) for frame in frames]
    shared = values[0] & values[1]
    known = {scene.team.address, scene.team.signing.key_id, "00000001"}
    assert {value for value in shared if value not in known} <= {"1.0", *_constant(frames[0])}


def _fields(frame: bytes) -> list[object]:
    _, header, box, listing, signature, parts = cbor2.loads(frame)
    inside = [value.split('":"')[-1].strip('"{}') for value in header.decode().split(',"')]
    return [*inside, box, *(bytes(pair[1]) for pair in cbor2.loads(listing)), signature[0], *parts]


def _constant(frame: bytes) -> set[str]:
    """What is the same in all envelopes of this version and minute."""
    inside = [value.split('":"') for value in parse(frame).header.decode().split(',"')]
    return {pair[1].strip('"{}') for pair in inside if pair[0].strip('{"') in {"type", "time", "suite"}}


# -- 28: `poison_is_set_aside` stands in test_poison.py; 11: `withdrawal_race` in test_withdrawal_race.py


# -- 14


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
def test_retract_after_close(scene: Scene, who: str) -> None:
    """A grant that somebody stopped, or that ended, still lets what it told be called back; and nothing else."""
    grant = scene.team.register(scene.provider)
    scene.team.tell(grant)
    scene.provider.take_all()
    party: Party = getattr(scene, who)
    party.stop(grant)
    for months in (0, 5, 6):
        scene.world.advance(days=30 * months)
        event = scene.world.random(16)
        frame = scene.team.retraction(grant, event, month=MARCH)
        scene.team.send(frame)
        [delivery] = scene.provider.pickup()
        assert scene.provider.open_retraction(delivery) == event
        scene.provider.receipts(scene.provider.receipt(parse(frame).message_id))
        assert scene.team.outcome(frame) is Code.STORED
        assert _outcome(grant, MARCH) is Code.NOT_ACTIVE


def test_retract_after_close_uses_up_no_number_and_rests_on_no_table(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.provider.narrow(without(scene.world.table, [1]).raw)
    assert _outcome(grant) is Code.NOT_PERMITTED_HERE
    assert _retract(grant, MARCH) is Code.ACCEPTED
    assert scene.world.store.grants([grant.handle()])[grant.handle()].last == 1
    assert len(scene.provider.pickup()) == 1


def test_retract_after_close_is_for_the_parties_of_the_grant_alone(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.team.stop(grant)
    for party, recipient in ((scene.gp, scene.provider), (scene.provider, scene.team), (scene.team, scene.gp)):
        frame = party.retraction(grant, recipient=recipient.address, sealed_for=recipient)
        party.send(frame)
        assert party.outcome(frame) is Code.NOT_ACTIVE
    assert [party.pickup() for party in (scene.provider, scene.gp, scene.team)] == [[], [], []]


# -- 10


def test_month_turn(scene: Scene) -> None:
    """Next month's handle is registered from the 20th, takes over at midnight, and the old one still delivers."""
    grant = scene.team.register(scene.provider)
    scene.world.to("2026-03-19 23:59")
    assert scene.team.register_month(grant, MARCH + 1).code is Code.WRONG_DAY
    scene.world.to("2026-03-20 00:00")
    assert scene.team.register_month(grant, MARCH + 1).code is Code.IN_FORCE
    scene.world.to("2026-03-31 23:59")
    assert _outcome(grant, MARCH + 1) is Code.NOT_ACTIVE
    old = scene.team.tell(grant)
    scene.world.to("2026-04-01 00:00")
    assert _outcome(grant, MARCH) is Code.MONTH_OVER
    new = scene.team.tell(grant)
    assert [parse(one.envelope).message_id for one in scene.provider.take_all()] == old + new


def test_month_turn_over_the_change_of_the_clock_and_of_the_year(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    for month in range(MARCH, MARCH + 12):
        scene.world.go(start_of_day(first_day(month + 1)) - 1)
        assert scene.team.register_month(grant, month + 1).code is Code.IN_FORCE
        assert _outcome(grant, month) is Code.ACCEPTED
        assert len(scene.provider.take_all()) == 1
        scene.world.advance(ms=1)
        assert _outcome(grant, month) is Code.MONTH_OVER
        scene.team.tell(grant)
        assert len(scene.provider.take_all()) == 1
    assert scene.world.month == MARCH + 12


def test_order_over_the_turn(scene: Scene) -> None:
    """The hub keeps order per handle and never mixes two: what came first is offered first, whichever the handle."""
    grant = scene.team.register(scene.provider)
    scene.world.to("2026-03-31 23:58")
    scene.team.register_month(grant, MARCH + 1)
    old = scene.team.tell(grant, 2)
    scene.world.to("2026-04-01 00:01")
    new = scene.team.tell(grant, 2)
    first = [parse(one.envelope).message_id for one in scene.provider.pickup(most=3)]
    assert first == old + new[:1]
    assert scene.provider.pickup() == []
    scene.provider.receipts(scene.provider.receipt(old[0]), scene.provider.receipt(old[1]))
    assert scene.provider.pickup() == []  # the new handle has one out
    scene.provider.receipts(scene.provider.receipt(new[0]))
    assert [parse(one.envelope).message_id for one in scene.provider.pickup()] == new[1:]


def test_a_refused_envelope_does_not_block_its_handle(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    frames = [scene.team.envelope(grant, terms=bytes(32)), scene.team.envelope(grant)]
    scene.team.send(*frames)
    assert [scene.team.outcome(frame) for frame in frames] == [Code.WRONG_TERMS, Code.ACCEPTED]


def test_a_re_send_after_expiry_is_the_same_outcome_and_a_new_seal_is_delivered(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    frame = scene.team.envelope(grant)
    scene.team.send(frame)
    scene.world.advance(days=7)
    assert scene.team.outcome(frame) is Code.EXPIRED
    assert scene.team.send(frame) == [Code.EXPIRED]
    again = scene.team.tell(grant)
    assert [parse(one.envelope).message_id for one in scene.provider.take_all()] == again


def test_a_replay_long_after_its_outcome_was_forgotten_is_still_refused(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    frame = scene.team.envelope(grant)
    scene.team.send(frame)
    scene.provider.take_all()
    scene.world.advance(days=26)
    assert scene.team.send(frame) == [Code.STORED]
    scene.world.advance(days=33)
    answers = {*scene.team.send(frame), scene.team.outcome(frame)}
    assert answers & {Code.NOT_ACTIVE, Code.KEY_NOT_VALID, Code.OLD_RECIPIENT_KEY}
    assert scene.provider.pickup() == []


# -- nothing stopped reopens, seen from every side


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
def test_nothing_stopped_opens_again_over_the_months(scene: Scene, who: str) -> None:
    grant = scene.team.register(scene.provider)
    early = scene.team.registration(grant, MARCH)
    party: Party = getattr(scene, who)
    party.stop(grant)
    while scene.world.month < MARCH + 12:  # the last month of its terms
        scene.team.facts(early)
        for month in range(scene.world.month, scene.world.month + 2):
            scene.team.register_month(grant, month)
        later_stop = Stop(((MARCH, grant.handle(MARCH)),))
        scene.gp.facts(scene.gp.sign(later_stop))
        for month in (MARCH, scene.world.month):
            assert _outcome(grant, month) in {Code.NOT_ACTIVE, Code.OLD_RECIPIENT_KEY}
        scene.world.advance(days=25)
    entries = scene.world.store.entries(0, scene.world.store.head().size)
    codes = [record[-1] for record in records(entries) if record[2] in {"accept", "hand-over"}]
    assert len(codes) > 10  # the older half is past its term and erased; the hub's answers stand above
    assert "accepted" not in codes


# -- threat 21: a taken-over edge --------------------------------------------------------------------------------------


def test_suspended_partner_tells_and_hears_nothing_from_that_moment_on(scene: Scene) -> None:
    grant, back = scene.team.register(scene.provider), scene.provider.register(scene.team)
    scene.team.tell(grant)
    scene.provider.tell(back)
    scene.world.hub.set_state(scene.team.address, "suspended")
    # What it sent before and was not picked up yet stays where it is; nothing more comes in from it.
    assert scene.provider.pickup() == []
    assert scene.team.send(scene.team.envelope(grant)) == [Code.UNKNOWN_SENDER]
    for call in (scene.team.client.pickup(10, 0, 0), scene.team.client.outcomes(0), scene.team.client.handles()):
        with pytest.raises(RefusedError, match="unknown-sender"):
            run(call)
    # It can stop nothing more, and who stops what it was told is heard.
    assert scene.team.stop(grant).code is Code.UNKNOWN_SENDER
    assert scene.provider.stop(back).code is Code.IN_FORCE
    assert scene.provider.send(scene.provider.envelope(back)) == [Code.TAKEN]


def test_suspended_partner_that_comes_back_finds_stopped_what_was_stopped_meanwhile(scene: Scene) -> None:
    grant, back = scene.team.register(scene.provider), scene.provider.register(scene.team)
    scene.provider.tell(back)
    scene.world.hub.set_state(scene.team.address, "suspended")
    assert scene.provider.stop(back).code is Code.IN_FORCE
    scene.world.hub.set_state(scene.team.address, "admitted")
    assert scene.team.pickup() == []
    assert _outcome(grant) is Code.ACCEPTED
