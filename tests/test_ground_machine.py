# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""No sequence of facts, stops, tables, restarts and restores lets the hub hand over what the table forbids.

The real hub, with parties that sign and seal as edges do and say what is not so. Beside it stands an oracle: it reads the
rows of the rule table as they are written in the file, and keeps what the hub has answered *in force*; none of the code
that decides is used in it. After every step:

- what was handed over was permitted at that moment: both addresses admitted, registered between these two, not stopped, in its
  month (or nine days later), not past its end, exactly its categories, permitted by the tables of both;
- what the hub accepted was permitted when it was, and what was permitted and in order was accepted;
- what was refused has a code in the feed of its sender, what was accepted has an end, and no stop is forgotten.

At the end the whole log is verified, and every decision is recomputed (`tests.world_check`). `make fuzz` runs it far longer.
"""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, cast

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hub.audit.log import Log
from hub.client import HubRecoveringError, RefusedError
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.greatest import NoGreatest
from hub.registry import ADMITTED, REMOVED, SUSPENDED
from hub.store import Store
from hub.store_memory import MemoryStore
from hub.store_sqlite import DATABASE, KEYS, SqliteStore
from schemas.codes import Code
from schemas.envelope import CONTROL, parse
from tests.delivery_runs import SLOW_TO_SHRINK, folder, profile
from tests.simulator import NATIONAL, Grant, Lies, Party, Seen, World, run
from tests.world_check import HUB_NAME

ROLES = ("team-wmo", "provider-wmo", "gp", "team-pw", "uwv", "school", "team-jeugd", "provider-jeugd")
GROUNDS = ("statutory", "consent", "no-objection", "safety")
CATEGORIES = (("progress",), ("progress", "service"), ("service",))
ROWS = tuple(sorted(NATIONAL.rows))
# Two roles and a row that lets the one tell the other, so that much is permitted.
GOOD = tuple(
    (row.id, sender, recipient, ground)
    for row in NATIONAL.rows.values()
    for sender in row.senders
    for recipient in row.recipients
    for ground in row.grounds
    if row.in_force and row.permits and sender in ROLES and recipient in ROLES and sender != recipient
)
REFUSED_BY_STEP_5 = frozenset(
    {
        Code.NOT_ACTIVE,
        Code.MONTH_OVER,
        Code.NOT_PERMITTED_HERE,
        Code.WRONG_TERMS,
        Code.WRONG_PARTS,
        Code.NO_RECIPIENT,
        Code.OLD_RECIPIENT_KEY,
    }
)
# How a row of a table of one's own differs from the base.
NARROWER = ("permits", "in_force", "away", "grounds", "categories", "senders", "recipients", "base")
WIDER = ("more senders", "more recipients", "more permits", "more onward")
MACHINES = True  # tests/fuzz.py runs what is here, too
FEED_DAYS = 30
ROLE, NUMBER = st.sampled_from(ROLES), st.integers(0, 30)
LOOK = st.sampled_from([True, True, False])  # whether something is told, and everybody picks up, right afterwards


class Line(NamedTuple):
    """What the hub said is in force under one handle."""

    sender: str
    recipient: str
    month: int
    end: int | None
    row: int
    ground: str
    categories: tuple[str, ...]
    terms: bytes


@dataclass
class Oracle:
    """What was put in force, and a straightforward reading of what that permits."""

    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)  # rows as written, by address
    states: dict[str, str] = field(default_factory=dict)
    lines: dict[bytes, Line] = field(default_factory=dict)
    stopped: dict[bytes, set[str]] = field(default_factory=dict)  # by whom

    def copy(self) -> Oracle:
        """As it is now; rows and lines are never changed."""
        stopped = {handle: set(who) for handle, who in self.stopped.items()}
        return Oracle(dict(self.tables), dict(self.states), dict(self.lines), stopped)

    def admits(self, address: str) -> bool:
        """Whether it may do anything."""
        return self.states.get(address) == "admitted"

    def both_permit(self, line: Line) -> bool:
        """The rows of both tables as they are written."""
        roles = line.sender.split(":")[-1], line.recipient.split(":")[-1]
        return all(_one_permits(self.tables[one], line, roles) for one in (line.sender, line.recipient))

    def lives(self, handle: bytes, day: int, *, later: int) -> bool:
        """Whether anything but a retraction may pass under it on a day, `later` days after its month too."""
        line = self.lines.get(handle)
        if line is None or self.stopped.get(handle):
            return False
        first, last = _month(line.month)
        return first <= day <= last + later and (line.end is None or day <= line.end)

    def permits(self, frame: bytes, day: int, *, later: int = 0) -> bool:
        """Whether this envelope may pass, by its ground alone."""
        said = parse(frame)
        line = self.lines.get(said.handle)
        if line is None or (line.sender, line.recipient) != (said.source, said.recipient):
            return False
        if not self.admits(line.sender) or not self.admits(line.recipient):
            return False
        if said.retraction:
            return True
        parts = sorted((*line.categories, CONTROL))
        return (
            self.lives(said.handle, day, later=later)
            and self.both_permit(line)
            and (sorted(said.names), said.terms) == (parts, line.terms)
        )


def _one_permits(rows: list[dict[str, object]], line: Line, roles: tuple[str, str]) -> bool:
    return any(
        row["id"] == line.row
        and row["in_force"] is True
        and row["permits"] is True
        and roles[0] in cast("list[str]", row["senders"])
        and roles[1] in cast("list[str]", row["recipients"])
        and line.ground in cast("list[str]", row["grounds"])
        and all(name in cast("list[str]", row["categories"]) for name in line.categories)
        for row in rows
    )


def _month(number: int) -> tuple[int, int]:
    """First and last day of a month, counted from 1970."""
    year, month = divmod(number, 12)
    first = date(year, month + 1, 1)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return (first - date(1970, 1, 1)).days, (following - timedelta(days=1) - date(1970, 1, 1)).days


def _changed(row: dict[str, object], how: str) -> dict[str, object]:
    """The cell of a row that is narrower or wider than in the base."""
    if how in ("permits", "in_force"):
        return {how: False}
    if how in ("grounds", "categories", "senders", "recipients"):
        return {how: cast("list[str]", row[how])[:1]}
    wider: dict[str, object] = {
        "senders": sorted(ROLES),
        "recipients": sorted(ROLES),
        "permits": True,
        "onward": "free",
    }
    column = how.removeprefix("more ")
    return {column: wider[column]} if how in WIDER else {}


def rows_of(raw: bytes) -> list[dict[str, object]]:
    """The rows of a table as they stand in it."""
    return cast("list[dict[str, object]]", orjson.loads(raw)["rows"])


class GroundWorld(World):
    """A hub whose store is put back from a copy, with the file outside it that knows better."""

    def __init__(self, store: str, place: Path) -> None:
        self.greatest = NoGreatest()
        self.place = place
        self.copy: Store | None = None
        super().__init__(store, place)

    def over(self, store: Store) -> Exchange:
        """A hub over a store."""
        log = Log(store, HUB_NAME, self._hub_key, self.greatest)
        return Exchange(store, log, self.table, self.trusted, self.random)

    def restart(self) -> None:
        """A new process: of a store in memory all is durable."""
        if self._kind == "memory":
            self.hub = self.over(self.store)
        else:
            self.reopen()

    def save(self) -> None:
        """Tonight's copy."""
        if isinstance(self.store, SqliteStore):
            (self.place / "copy").unlink(missing_ok=True)
            self.store.copy_to(self.place / "copy")
        else:
            self.copy = deepcopy(self.store, {id(self.trusted): self.trusted})

    def put_back(self) -> None:
        """The store is that copy again, and a person said so."""
        if isinstance(self.store, SqliteStore):
            self.store.close()
            shutil.copy(self.place / "copy", self.place / DATABASE)
            (self.place / KEYS).unlink()
            self.trusted = HubClock(self.clock, self.running_time)
            store: Store = self._on_disk()
        else:
            again = cast("MemoryStore", deepcopy(self.copy, {id(self.trusted): self.trusted}))
            again.lose_keys()
            store = again
        self.seen = Seen()
        self.greatest.was_put_back()
        self.hub = self.over(store)


class Ground(RuleBasedStateMachine):
    """Everything that bears on whether something may pass."""

    store = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.dir = folder()
        self.world = GroundWorld(self.store, Path(self.dir.name))
        self.oracle = Oracle()
        self.grants: list[Grant] = []
        self.facts: list[tuple[str, Grant, tuple[int, ...]]] = []  # who stopped what, for the time after a restore
        self.behind: dict[Party, tuple[Oracle, list[bytes]]] = {}  # who has repeated nothing since a restore
        self.fed: dict[Party, int] = {}
        self.own_tables: dict[Party, list[bytes]] = {}
        self.taken: dict[bytes, tuple[Party, int]] = {}
        self.saved: Oracle | None = None

    @initialize()
    def everybody(self) -> None:
        """Each role once, and something under way."""
        for role in ROLES:
            party = self.world.party(role)
            self.oracle.tables[party.address] = rows_of(NATIONAL.raw)
            self.oracle.states[party.address] = "admitted"
        self.copy()

    def party(self, role: str) -> Party:
        """The party in a role."""
        return next(one for one in self.world.parties.values() if one.role == role)

    # -- who takes part, and by which table ------------------------------------------------------------------------

    @rule(
        k=NUMBER, recipients=st.booleans(), state=st.sampled_from([SUSPENDED, REMOVED, ADMITTED, ADMITTED]), then=LOOK
    )
    def partner(self, k: int, recipients: bool, state: str, then: bool) -> None:
        """The operator suspends or removes a partner of whom or for whom something waits, or lets it take part again: then
        its manifest goes on."""
        if not self.grants:
            return
        self.told(k, 1)
        grant = self.grants[k % len(self.grants)]
        party = grant.recipient if recipients else grant.sender
        before = self.oracle.states[party.address]
        self.world.hub.set_state(party.address, state)
        self.oracle.states[party.address] = state
        if state == ADMITTED and before != ADMITTED:
            if party in self.behind:
                self._repeat(party, *self.behind.pop(party))
            party.keep_up()
        if then:
            self._all_pick_up()

    @rule(
        k=NUMBER,
        recipients=st.booleans(),
        how=st.sampled_from([*NARROWER, *WIDER]),
        others=st.sets(st.sampled_from(ROWS)),
        then=LOOK,
    )
    def table(self, k: int, recipients: bool, how: str, others: set[int], then: bool) -> None:
        """Sender or recipient of something holds to a table of its own from now on, or to the base again; what goes
        beyond the base is no table, and the one of before holds."""
        if not self.grants:
            return
        grant = self.grants[k % len(self.grants)]
        party, shut = grant.recipient if recipients else grant.sender, {grant.terms.row, *others}
        if not self.oracle.admits(party.address):
            return
        parsed = orjson.loads(NATIONAL.raw)
        if how == "away":
            parsed["rows"] = [row for row in parsed["rows"] if row["id"] not in shut]
        before = deepcopy(parsed)
        for row in parsed["rows"]:
            if row["id"] == grant.terms.row:
                row.update(_changed(row, how))
        raw = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
        if how not in WIDER:
            party.narrow(raw)
            self.own_tables.setdefault(party, []).append(raw)
            self.oracle.tables[party.address] = rows_of(raw)
        elif parsed != before:
            assert run(party.client.publish(raw))[0] is Code.MALFORMED, f"a table beyond the base was taken: {how}"
        if then:
            self._looked(k)

    # -- facts -----------------------------------------------------------------------------------------------------

    @rule(
        good=st.sampled_from(GOOD),
        categories=st.sampled_from([*[("progress",)] * 4, ("progress", "service")]),
        ends=st.sampled_from([None, 0, 1, 40]),
        stops=st.sampled_from([*[None] * 7, ROLES[0]]),
        times=st.integers(1, 3),
    )
    def under_way(
        self,
        good: tuple[int, str, str, str],
        categories: tuple[str, ...],
        ends: int | None,
        stops: str | None,
        times: int,
    ) -> None:
        """A grant that the base permits, but perhaps for its categories, and something under it; or stopped before
        anybody had registered it."""
        row, sender, recipient, ground = good
        grant = self._grant(sender, recipient, row, ground, categories, ends)
        if stops is not None:
            self.stopped(len(self.grants) - 1, stops, then=False)
        self._in_force(grant, self.world.month)
        self.told(len(self.grants) - 1, times)

    @rule(
        sender=ROLE,
        recipient=ROLE,
        row=st.sampled_from((*ROWS, 4711)),
        ground=st.sampled_from(GROUNDS),
        categories=st.sampled_from(CATEGORIES),
    )
    def registered_anything(
        self, sender: str, recipient: str, row: int, ground: str, categories: tuple[str, ...]
    ) -> None:
        """A grant of which the hub must find out itself that no row lets anything pass under it."""
        if sender != recipient:
            self._in_force(self._grant(sender, recipient, row, ground, categories, None), self.world.month)

    def _grant(
        self, sender: str, recipient: str, row: int, ground: str, categories: tuple[str, ...], ends: int | None
    ) -> Grant:
        one, other = self.party(sender), self.party(recipient)
        grant = one.grant(other, end=None if ends is None else self.world.today + ends)
        grant.terms = replace(grant.terms, row=row, ground=ground, categories=categories)
        self.grants.append(grant)
        return grant

    def _in_force(self, grant: Grant, month: int) -> None:
        try:
            answer = grant.sender.register_month(grant, month)
        except RefusedError:
            assert not self.oracle.admits(grant.sender.address)
            return
        if answer.code is not Code.IN_FORCE:
            return
        assert self.oracle.admits(grant.sender.address), "a fact of somebody who takes no part was taken"
        terms = grant.terms
        end = terms.end if _month(month)[0] <= terms.end <= _month(month)[1] else None
        line = Line(
            terms.sender,
            terms.recipient,
            month,
            end,
            terms.row,
            terms.ground,
            terms.categories,
            grant.terms_hash(month),
        )
        self.oracle.lines[grant.handle(month)] = line

    @rule(k=NUMBER)
    def next_month(self, k: int) -> None:
        """This month's handle of an older grant, and from the 20th next month's."""
        if self.grants:
            grant = self.grants[k % len(self.grants)]
            self._in_force(grant, self.world.month)
            self._in_force(grant, self.world.month + 1)

    @rule(k=NUMBER, by=ROLE, then=LOOK)
    def stopped(self, k: int, by: str, then: bool) -> None:
        """Whoever knows a handle stops its grant."""
        if not self.grants:
            return
        grant, party = self.grants[k % len(self.grants)], self.party(by)
        try:
            answer = party.stop(grant)
        except RefusedError:
            assert not self.oracle.admits(party.address)
            return
        months = tuple(grant.months())
        if answer.code is Code.IN_FORCE:
            self.facts.append((party.address, grant, months))
            self._stopped_by(party, grant, months)
        if then:
            self._looked(k)

    def _stopped_by(self, party: Party, grant: Grant, months: tuple[int, ...]) -> None:
        for month in months:
            self.oracle.stopped.setdefault(grant.handle(month), set()).add(party.address)

    # -- envelopes -------------------------------------------------------------------------------------------------

    @rule(k=NUMBER, times=st.integers(1, 3))
    def told(self, k: int, times: int) -> None:
        """Envelopes that are as they should be, whatever became of their grant."""
        if self.grants:
            grant = self.grants[k % len(self.grants)]
            for _ in range(times):
                self._send(grant, grant.sender.envelope(grant), right=True)

    @rule(k=NUMBER, other=NUMBER)
    def told_wrong(self, k: int, other: int) -> None:
        """Wrong parts, another one's handle, other terms, another recipient, last month, another key, an old number; and
        a retraction, which passes while anybody remembers its grant."""
        if not self.grants:
            return
        grant, strange = self.grants[k % len(self.grants)], self.grants[other % len(self.grants)]
        party, names = grant.sender, grant.terms.categories
        more = [name for name in CATEGORIES[1] if name not in names]
        lies: list[Lies] = [
            {"missing": names[-1]},
            *[Lies(added=(name, b"{}")) for name in more],
            {"handle": strange.handle(), "terms": strange.terms_hash(self.world.month)},
            {"terms": bytes(32)},
            {"recipient": strange.recipient.address},
            {"signed_by": strange.sender},
            {"sealed_for": strange.recipient},
        ]
        frames = [party.envelope(grant, **lie) for lie in lies]
        frames += [
            party.envelope(grant, month=self.world.month - 1),
            party.envelope(grant, seq=1),
            party.retraction(grant),
        ]
        for frame in frames:
            self._send(grant, frame, right=False)

    def _send(self, grant: Grant, frame: bytes, *, right: bool) -> None:
        party = grant.sender
        try:
            [answer] = party.send(frame)
        except RefusedError:
            assert not self.oracle.admits(party.address)
            return
        permitted = self.oracle.permits(frame, self.world.today)
        if answer is not Code.TAKEN:  # refused before its ground was asked
            assert answer not in REFUSED_BY_STEP_5
            assert not (right and permitted), f"what is permitted was refused: {answer.value}"
            return
        self.taken[parse(frame).message_id] = party, self.world.today
        code = self._outcome(party, frame)
        assert code is not None, "what was decided has no outcome"
        if code is Code.ACCEPTED:
            assert permitted, "the hub accepted what no row permits"
        elif right:
            assert not permitted, f"what is permitted was refused: {code.value}"
            assert code in REFUSED_BY_STEP_5 | {Code.REPLAYED, Code.UNKNOWN_SENDER, Code.KEY_NOT_VALID}

    def _outcome(self, party: Party, frame: bytes) -> Code | None:
        """What the feed says of it, read from where it was read before."""
        items = party.feed(self.fed.get(party, 0))
        self.fed[party] = items[-1].number if items else self.fed.get(party, 0)
        found = [item.code for item in items if item.message_id == parse(frame).message_id]
        return found[-1] if found else None

    @rule(most=st.sampled_from([1, 100]), answers=st.booleans())
    def picked_up(self, most: int, answers: bool) -> None:
        """What is handed over to everybody, and perhaps its receipts."""
        self._all_pick_up(most, answers)

    def _looked(self, k: int) -> None:
        """Whether what just happened bears on what is told now, and on what waits."""
        self.told(k, 1)
        self._all_pick_up()

    def _all_pick_up(self, most: int = 100, answers: bool = False) -> None:
        for party in self.world.parties.values():
            self._picked_up(party, most, answers)

    def _picked_up(self, party: Party, most: int, answers: bool) -> None:
        try:
            deliveries = party.pickup(most)
        except RefusedError:
            assert not self.oracle.admits(party.address)
            return
        for delivery in deliveries:
            said = parse(delivery.envelope)
            assert said.recipient == party.address, "handed over to another"
            assert self.oracle.permits(delivery.envelope, self.world.today, later=9), "handed over what no row permits"
        ids = [parse(one.envelope).message_id for one in deliveries]
        if answers and ids:
            party.receipts(*[party.receipt(one) for one in ids])

    # -- time, crashes, copies -------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 24, 24, 48, 24 * 6, 24 * 17, None]), then=LOOK)
    def time(self, hours: int | None, then: bool) -> None:
        """Time passes, or it is the first of next month."""
        _, last = _month(self.world.month)
        days = last + 1 - self.world.today if hours is None else 0
        self.world.advance(days=days, hours=hours or 0)
        if then:
            self._looked(len(self.grants) - 1)

    @rule()
    def restarted(self) -> None:
        """The hub is another process."""
        self.world.restart()

    @rule()
    def copy(self) -> None:
        """Tonight's copy."""
        self.world.save()
        self.saved = self.oracle.copy()

    @rule(nobody_repeats=st.booleans())
    def put_back(self, nobody_repeats: bool) -> None:
        """Yesterday's copy. Nothing passes before everybody who takes part has repeated what it signed.

        Who takes no part repeats nothing: what it alone stopped since the copy the hub can't know (delivery.md section 6).
        """
        before, self.oracle = self.oracle, cast("Oracle", self.saved).copy()
        admitted = [party for party in self.world.parties.values() if before.admits(party.address)]
        for party in self.world.parties.values():
            manifests = [one.frame for one in run(admitted[0].client.manifests(party.address))]
            self.behind.setdefault(party, (before, manifests))
        self.world.put_back()
        self.taken, self.fed = {}, {}  # it is dropped: senders seal again
        # Who was barred since is barred again; whom people had let take part again since, they must let in once more.
        states = {one: state if state != ADMITTED else self.oracle.states[one] for one, state in before.states.items()}
        self.oracle.states = states
        admitted = [party for party in admitted if self.oracle.admits(party.address)]
        if nobody_repeats:
            self._nothing_passes(admitted)
        began = self.world.hub.recovery()
        assert began is not None
        for party in admitted:
            self._repeat(party, *self.behind.pop(party))
            assert run(party.client.repeated(began.number, 0)) is Code.IN_FORCE
        known = cast("Oracle", self.saved).stopped
        self.oracle.stopped = {
            name: {one for one in who if self.oracle.admits(one) or one in known.get(name, set())}
            for name, who in before.stopped.items()
        }
        self.world.advance(minutes=1)

    def _nothing_passes(self, admitted: list[Party]) -> None:
        for grant in self.grants[-3:]:
            if grant.sender in admitted:
                assert grant.sender.send(grant.sender.envelope(grant)) == [Code.RECOVERING]
        for party in admitted:
            try:
                assert not party.pickup(), "handed over before everybody had repeated"
            except HubRecoveringError:
                continue

    def _repeat(self, party: Party, before: Oracle, manifests: list[bytes]) -> None:
        """As an edge does: its tables and manifests, what it stopped, what it registered, and that this is all."""
        for raw in self.own_tables.get(party, []):
            assert run(party.client.publish(raw))[0] is Code.IN_FORCE
        for frame in manifests:
            run(party.client.publish(frame))
        self.oracle.tables[party.address] = before.tables[party.address]
        for by, grant, months in self.facts:
            if by == party.address:
                assert party.facts(party.stopping(grant, months))[0].code is Code.IN_FORCE
                self._stopped_by(party, grant, months)
        for grant in self.grants:
            if grant.sender is party:
                for month in (self.world.month, self.world.month + 1):
                    if grant.handle(month) in before.lines:
                        self._in_force(grant, month)

    # -- always ----------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_that_is_over_waits_to_be_seen(self) -> None:
        """The hub shows no handle as usable that the oracle has as stopped."""
        if self.world.hub.recovery() is not None and not self._is_open():
            return
        for party in self.world.parties.values():
            if self.oracle.admits(party.address):
                for state in run(party.client.handles()):
                    assert bool(state.stopped) or not self.oracle.stopped.get(state.handle), "a stop was forgotten"

    def _is_open(self) -> bool:
        began = self.world.hub.recovery()
        return began is None or began.open

    def teardown(self) -> None:
        """Everything has an outcome with a code; the whole log, by other code, and every decision once more."""
        try:
            self._everything_has_a_reason()
            self.world.check()
        finally:
            self.world.close()
            self.dir.cleanup()

    def _everything_has_a_reason(self) -> None:
        self.world.advance(days=8)  # longer than anything waits, and than it takes before a stop is seen
        self.world.hub.tick()
        for party in self.world.parties.values():
            if not self.oracle.admits(party.address):
                continue
            found = party.outcomes()
            for message_id, (sender, day) in self.taken.items():
                if sender is party and self.world.today - day < FEED_DAYS:
                    assert found[message_id][-1] is not Code.ACCEPTED, "what was accepted has no end"


class GroundOnDisk(Ground):
    """The same over the embedded store, whose real copies are put back."""

    store = "sqlite"


@SLOW_TO_SHRINK
def test_nothing_passes_that_the_table_forbids_in_whatever_order_things_happen() -> None:
    run_state_machine_as_test(Ground, settings=profile(40))


@SLOW_TO_SHRINK
def test_nothing_passes_that_the_table_forbids_over_the_embedded_store_either() -> None:
    run_state_machine_as_test(GroundOnDisk, settings=profile(6))
