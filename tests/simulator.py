# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A world around the real hub: a clock that can be moved, parties with real keys, envelopes with real seals.

* `World` holds a real `Exchange` with a real log over a store in memory or in a folder; `check()` verifies all of it.
* `Party` is one address: it signs, seals and opens as an edge does, and lies when it is told to.
* `Grant` is what sender and recipient of a grant share.

Randomness of ours comes from a seed; only the library behind HPKE takes its own.  Nothing sleeps.
"""

from __future__ import annotations

import random as randomness
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack
from zoneinfo import ZoneInfo

import orjson

from adapters.keys import (
    RoleKeys,
    is_manifest_due,
    manifest_for,
    new_role_keys,
    opening_private,
    opening_public_key,
    renew,
)
from adapters.seal import open_parts, open_retraction, seal, seal_retraction, sign_frames
from consent.grant import GrantTerms, commitment, end_in_month, handle, longest_end, terms_bytes, terms_hash
from consent.rules import RuleTable, load, national, ways
from deploy.local import LocalClient
from hub.audit.log import Log
from hub.client import Delivery, FactAnswer, FeedItem, Notice, PickUp
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.store import Store
from hub.store_memory import MemoryStore
from hub.store_postgres import PostgresStore
from hub.store_sqlite import DATABASE, SqliteStore
from schemas.calendar import date_text, day_of, month_of
from schemas.codes import Code
from schemas.envelope import CONTROL, Header, parse
from schemas.fact import Register, Stop, sign_facts
from schemas.manifest import Manifest, sign_manifest
from schemas.receipt import sign_receipts
from schemas.signing import SigningKey
from tests import world_check
from tests.postgres import cluster
from tests.world_check import HUB_NAME

ZONE = ZoneInfo("Europe/Amsterdam")
READS = (("progress", (1,)), ("service", (1,)))
BSN = "999900006"
NATIONAL = national(test_mode=True)


def by_code(table: RuleTable, *ids: int) -> RuleTable:
    """The same table with these rows introduced by code."""
    parsed = orjson.loads(table.raw)
    for row in parsed["rows"]:
        row["introduction"] = "code" if row["id"] in ids else row["introduction"]
    return load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


CODED = by_code(NATIONAL, 5)  # row 5: team Wmo tells the GP practice, on consent
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T = TypeVar("T")


def at(text: str) -> int:
    """Unix milliseconds of a time in the Netherlands: `2026-03-03 09:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1000


START = at("2026-03-03 09:00")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a call of the in-process connection, which never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise AssertionError("a call in process waited")


class Lies(TypedDict, total=False):
    """What an envelope may say that isn't so: sealed and signed all the same.

    `missing` leaves a part out, `added` puts one in; `signed_by` signs with the key of another, `sealed_for` seals
    for the key of another.
    """

    message_id: bytes
    source: str
    recipient: str
    handle: bytes
    terms: bytes
    sign_key: str
    seal_key: str
    minute: int
    missing: str
    added: tuple[str, bytes]
    signed_by: Party
    sealed_for: Party


@dataclass(eq=False)
class Grant:
    """The right of `sender` to tell `recipient` about one citizen; both hold `secret`."""

    world: World = field(repr=False)
    sender: Party
    recipient: Party
    terms: GrantTerms
    secret: bytes = field(repr=False)
    last: dict[int, int] = field(default_factory=dict)
    answer: FactAnswer = field(default_factory=lambda: FactAnswer(Code.TRY_LATER))

    def handle(self, month: int | None = None) -> bytes:
        """Its name in a month; this month's."""
        return handle(self.secret, self.world.month if month is None else month)

    def terms_hash(self, month: int) -> bytes:
        """The salted hash of its terms in a month."""
        return terms_hash(self.terms, self.secret, month)

    def next_number(self, month: int) -> int:
        """The next sequence number under the handle of a month."""
        self.last[month] = self.last.get(month, 0) + 1
        return self.last[month]

    def months(self) -> range:
        """The months that a stop names: from last month to the end of the terms."""
        this = self.world.month
        return range(this - 1, max(month_of(self.terms.end), this) + 1)


class World:
    """The hub and everybody around it."""

    def __init__(
        self,
        store: str = "memory",
        folder: Path | None = None,
        seed: int = 1,
        *,
        watched: bool = False,
        table: RuleTable = NATIONAL,
    ) -> None:
        self.now, self.table = START, table
        self.jumped = self.asleep = 0
        self._watched = watched
        self.parties: dict[str, Party] = {}
        self.seen = Seen()
        self.lost_keys: set[bytes] = set()
        self._random = randomness.Random(seed)  # noqa: S311  # must be the same in every run
        self._kind, self._folder, self._dsn = store, folder, ""
        self._hub_key = SigningKey(self.random(32))
        self.trusted = HubClock(self.clock, self.running_time)
        self.hub = self.over(MemoryStore(self.trusted) if store == "memory" else self._on_disk())

    def clock(self) -> int:
        """Unix milliseconds, as the hub's machine shows them."""
        return self.now + self.jumped

    def running_time(self) -> int:
        """Milliseconds of a clock that nobody sets."""
        return self.now - START - self.asleep

    def jump(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> None:
        """Somebody sets the clock of the hub's machine; nobody else's, and no time passes."""
        self.jumped += days * DAY + hours * HOUR + minutes * MINUTE + seconds * 1000

    def suspend(self, *, days: int = 0, hours: int = 0) -> None:
        """The hub's machine stands still while time passes for everybody else; then its clock is right again."""
        self.asleep += days * DAY + hours * HOUR
        self.advance(days=days, hours=hours)

    def random(self, size: int) -> bytes:
        """Random bytes that are the same in every run."""
        return self._random.randbytes(size)

    @property
    def store(self) -> Store:
        """The store of the hub."""
        return self.hub.store

    @property
    def hub_public(self) -> bytes:
        """The public key of the log."""
        return self._hub_key.public

    @property
    def today(self) -> int:
        """The calendar day."""
        return day_of(self.now)

    @property
    def month(self) -> int:
        """The calendar month."""
        return month_of(self.today)

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0, ms: int = 0) -> None:
        """Moves the clock; parties keep their manifests valid meanwhile."""
        self.go(self.now + days * DAY + hours * HOUR + minutes * MINUTE + seconds * 1000 + ms)

    def to(self, text: str) -> None:
        """Moves the clock to a time in the Netherlands: `2026-03-20 09:00`."""
        self.go(at(text))

    def go(self, then: int) -> None:
        """Moves the clock to a time in unix milliseconds, manifests by the day."""
        if then < self.now:
            raise ValueError("time goes forward")
        while self.now < then:
            self.now = min(then, self.now + 10 * DAY)
            for party in self.parties.values():
                if party.keeps_up:
                    party.keep_up()

    def party(self, role: str, oin: str | None = None, *, admit: bool = True) -> Party:
        """A new address with keys and, unless told, its manifest admitted."""
        number = len(self.parties) + 1
        party = Party(self, f"urn:nld:oin:{oin or f'{number:020d}'}:{role}")
        self.parties[party.address] = party
        if admit:
            self.hub.admit(party.frame)
        return party

    def reopen(self) -> None:
        """A new process on the same folder: what was not durable is gone."""
        if self._kind == "memory":
            raise ValueError("a store in memory ends with its process")
        self.hub.store.close()
        self.trusted = HubClock(self.clock, self.running_time)
        self.hub = self.over(self._on_disk())

    def close(self) -> None:
        """Ends the hub in order."""
        self.hub.close()

    def let_go(self) -> None:
        """Lets go of files and connections, as a process does that is killed."""
        self.hub.store.close()

    def check(self) -> None:
        """Verifies the whole world; an assertion names what does not hold."""
        world_check.check(self)

    def dump(self) -> str:
        """The log, the queue and the feeds, for a person."""
        return world_check.dump(self)

    def over(self, store: Store) -> Exchange:
        """A hub over another store; assign it to `hub` before anything happens."""
        if self._watched:
            self.trusted.begin(store.head().committed_at or None)
        return Exchange(store, Log(store, HUB_NAME, self._hub_key), self.table, self.trusted, self.random)

    def _on_disk(self) -> Store:
        if self._folder is None:
            raise ValueError("a store on disk needs a folder")
        if self._kind == "postgres":
            if not self._dsn:
                self._dsn = cluster().new()
                weakref.finalize(self, cluster().again, self._dsn)
            return PostgresStore(self._dsn, self._folder / "day.keys", self.trusted)
        if not (self._folder / DATABASE).exists():
            SqliteStore.create(self._folder)
        return SqliteStore(self._folder, self.trusted)


@dataclass
class Seen:
    """What a witness of this world keeps, to hold the hub to it at the next check."""

    leaves: list[bytes] = field(default_factory=list)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    feeds: dict[int, dict[int, object]] = field(default_factory=dict)


class Party:
    """One address with its keys: as sender, as recipient, or as whoever only stops something."""

    def __init__(self, world: World, address: str) -> None:
        self.world = world
        self.address = address
        self.keys: RoleKeys = new_role_keys(world.random, world.today)
        self.signing = SigningKey(self.keys.signing_seed)
        self.manifest: Manifest = manifest_for(self.keys, address, 1, world.today, READS, None)
        self.frame = sign_manifest(self.signing, self.manifest)
        self.keeps_up = True
        self.acknowledged = 0

    # -- addresses and keys

    def __repr__(self) -> str:
        return f"<{self.role}>"

    @property
    def role(self) -> str:
        """The last segment of the address."""
        return self.address.rpartition(":")[2]

    @property
    def number(self) -> int:
        """Its number at the hub."""
        return self.world.store.addresses()[self.address].number

    @property
    def client(self) -> LocalClient:
        """Its connection to the hub that runs now."""
        return LocalClient(self.world.hub, self.address)

    @property
    def seal_key(self) -> str:
        """The name of the opening key that others should use."""
        return self.manifest.opening[-1].key_id

    def keep_up(self) -> None:
        """Publishes the next manifest when it is due, while the hub has this address admitted."""
        keys = renew(self.keys, self.world.today, self.world.random)
        row = self.world.store.addresses().get(self.address)
        if row is None or row.state != "admitted" or not is_manifest_due(self.manifest, keys, self.world.today):
            return
        self.keys = keys
        following = manifest_for(
            keys, self.address, self.manifest.number + 1, self.world.today, READS, self.manifest.table_hash
        )
        assert self.publish(replace(following, revoked=self.manifest.revoked)) is Code.IN_FORCE

    def publish(self, manifest: Manifest, key: SigningKey | None = None) -> Code:
        """Signs and publishes a manifest; it becomes this party's when the hub takes it."""
        frame = sign_manifest(key or self.signing, manifest)
        code, _ = run(self.client.publish(frame))
        if code is Code.IN_FORCE:
            self.manifest, self.frame = manifest, frame
        return code

    def following(self) -> Manifest:
        """The manifest after the present one, otherwise equal but for its days."""
        number = self.manifest.number + 1
        self.keys = renew(self.keys, self.world.today, self.world.random)
        return replace(
            manifest_for(self.keys, self.address, number, self.world.today, READS, self.manifest.table_hash),
            revoked=self.manifest.revoked,
        )

    def new_signing_key(self) -> None:
        """Takes a new signing key into use and revokes the old one."""
        old, self.keys = self.signing, replace(self.keys, signing_seed=self.world.random(32))
        manifest = replace(self.following(), revoked=(*self.manifest.revoked, old.key_id))
        assert self.publish(manifest, old) is Code.IN_FORCE
        self.signing = SigningKey(self.keys.signing_seed)

    def narrow(self, raw: bytes) -> None:
        """Holds to this rule table from now on."""
        code, _ = run(self.client.publish(raw))
        assert code is Code.IN_FORCE
        assert self.publish(replace(self.following(), table_hash=load(raw).hash)) is Code.IN_FORCE

    # -- grants

    def grant(
        self, recipient: Party, row: int | None = None, *, begin: int | None = None, end: int | None = None
    ) -> Grant:
        """A grant of which the hub knows nothing yet: all that the row permits between these two roles."""
        rows = [way.row for way in ways(self.world.table, self.role, recipient.role).open]
        rule = self.world.table.rows[row] if row is not None else rows[0] if rows else self.world.table.rows[1]
        first = self.world.today if begin is None else begin
        terms = GrantTerms(
            self.address,
            recipient.address,
            rule.id,
            rule.grounds[0],
            rule.categories,
            first,
            longest_end(first, 12) if end is None else end,
            rule.purpose,
            rule.law,
        )
        return Grant(self.world, self, recipient, terms, self.world.random(32))

    def register(
        self,
        recipient: Party,
        row: int | None = None,
        ground: str | None = None,
        categories: tuple[str, ...] | None = None,
        *,
        end: int | None = None,
    ) -> Grant:
        """A grant whose handle of this month is registered; `answer` is what the hub said."""
        grant = self.grant(recipient, row, end=end)
        grant.terms = replace(
            grant.terms, ground=ground or grant.terms.ground, categories=categories or grant.terms.categories
        )
        grant.answer = self.register_month(grant, self.world.month)
        return grant

    def register_month(self, grant: Grant, month: int) -> FactAnswer:
        """Registers the handle of one month."""
        return self.facts(self.registration(grant, month))[0]

    def registration(self, grant: Grant, month: int, day: int | None = None) -> bytes:
        """The signed fact that registers the handle of one month."""
        body = Register(
            month,
            handle(grant.secret, month),
            end_in_month(grant.terms, month),
            grant.terms.recipient,
            grant.terms.row,
            grant.terms.ground,
            grant.terms.categories,
            grant.terms_hash(month),
            commitment(terms_bytes(grant.terms), grant.secret, month),
        )
        return self.sign(body, day)

    def stop(self, grant: Grant) -> FactAnswer:
        """Stops every handle of a grant from last month to the end of its terms."""
        return self.facts(self.stopping(grant))[0]

    def stopping(self, grant: Grant, months: Sequence[int] | None = None, day: int | None = None) -> bytes:
        """The signed fact that stops a grant."""
        named = grant.months() if months is None else months
        return self.sign(Stop(tuple((month, handle(grant.secret, month)) for month in named)), day)

    def sign(self, body: Register | Stop, day: int | None = None) -> bytes:
        """The fact with this body."""
        return sign_facts(self.signing, self.address, self.world.today if day is None else day, [body])[0]

    def facts(self, *frames: bytes) -> list[FactAnswer]:
        """The answers of the hub to signed facts."""
        return run(self.client.facts(frames))

    # -- sending

    def envelope(
        self,
        grant: Grant,
        seq: int | None = None,
        parts: Mapping[str, bytes] | None = None,
        month: int | None = None,
        **lies: Unpack[Lies],
    ) -> bytes:
        """A sealed and signed envelope under the handle of this month (or `month`)."""
        under = self.world.month if month is None else month
        number = grant.next_number(under) if seq is None else seq
        texts = dict(self.event(grant) if parts is None else parts)
        texts.pop(lies.get("missing", ""), None)
        if "added" in lies:
            texts[lies["added"][0]] = lies["added"][1]
        header, public = self._header(grant, under, number, lies)
        sealed = seal(header, texts, opening_public_key(public), random=self.world.random)
        return sign_frames([sealed], lies.get("signed_by", self).signing)[0]

    def introduction(self, grant: Grant, seq: int | None = None) -> bytes:
        """The first envelope under a grant."""
        terms = grant.terms
        control = {
            "automatic": True,
            "event": self.world.random(16).hex(),
            "identity": {"bsn": BSN},
            "kind": "introduction",
            "late": False,
            "renews": None,
            "salt": self.world.random(32).hex(),
            "secret": grant.secret.hex(),
            "source": "100000123",
            "terms": {
                "begin": date_text(terms.begin),
                "categories": list(terms.categories),
                "end": date_text(terms.end),
                "ground": terms.ground,
                "law": terms.law,
                "purpose": terms.purpose,
                "row": terms.row,
            },
        }
        parts = dict.fromkeys(terms.categories, b"") | {CONTROL: _json(control)}
        return self.envelope(grant, seq, parts)

    def retraction(
        self, grant: Grant, event_id: bytes | None = None, month: int | None = None, **lies: Unpack[Lies]
    ) -> bytes:
        """A sealed and signed retraction under the handle of this month (or `month`)."""
        under = self.world.month if month is None else month
        header, public = self._header(grant, under, 0, lies)
        sealed = seal_retraction(header, event_id or self.world.random(16), opening_public_key(public))
        return sign_frames([sealed], lies.get("signed_by", self).signing)[0]

    def event(self, grant: Grant, kind: str = "gestart", event_id: bytes | None = None) -> dict[str, bytes]:
        """The plaintext parts of one event, its control part included."""
        names, day = grant.terms.categories, date_text(self.world.today)
        control = {
            "date": day,
            "event": (event_id or self.world.random(16)).hex(),
            "kind": "event",
            "late": False,
            "schemas": {name: f"{name}/1" for name in names},
        }
        values: dict[str, dict[str, object]] = {
            "progress": {"date": day, "kind": kind},
            "service": {"law": grant.terms.law, "reference": "100000123"},
        }
        return {CONTROL: _json(control)} | {name: _json(values.get(name, {})) for name in names}

    def send(self, *frames: bytes) -> list[Code]:
        """What the hub answers to frames sent in one call."""
        return run(self.client.send(frames))

    def tell(self, grant: Grant, count: int = 1) -> list[bytes]:
        """Sends envelopes that must be accepted; their message ids."""
        frames = [self.envelope(grant) for _ in range(count)]
        assert self.send(*frames) == [Code.TAKEN] * count
        ids = [parse(frame).message_id for frame in frames]
        assert [self.outcomes()[one][0] for one in ids] == [Code.ACCEPTED] * count
        return ids

    def feed(self, after: int = 0) -> list[FeedItem]:
        """All visible lines of its feed."""
        items: list[FeedItem] = []
        more = True
        while more:
            page = run(self.client.outcomes(items[-1].number if items else after))
            items += page.items
            more = page.more
        return items

    def outcomes(self) -> dict[bytes, list[Code]]:
        """The codes in its feed per message id, in order."""
        codes: dict[bytes, list[Code]] = {}
        for item in self.feed():
            if item.message_id is not None:
                codes.setdefault(item.message_id, []).append(item.code)
        return codes

    def outcome(self, frame: bytes) -> Code | None:
        """The last code in its feed for this frame."""
        return self.outcomes().get(parse(frame).message_id, [None])[-1]

    def _header(self, grant: Grant, month: int, number: int, lies: Lies) -> tuple[Header, bytes]:
        reader = lies.get("sealed_for", grant.recipient)
        header = Header(
            message_id=lies.get("message_id") or self.world.random(16),
            source=lies.get("source", self.address),
            retraction=number == 0,
            minute=lies.get("minute", self.world.now // MINUTE),
            recipient=lies.get("recipient", grant.recipient.address),
            handle=lies.get("handle", handle(grant.secret, month)),
            sequence=number,
            terms=lies.get("terms", grant.terms_hash(month)),
            trace=(self.world.random(16), self.world.random(8)),
            sign_key=lies.get("sign_key", self.signing.key_id),
            seal_key=lies.get("seal_key", reader.seal_key),
        )
        return header, reader.manifest.opening[-1].public

    # -- receiving

    def pickup(self, most: int = 100) -> list[Delivery]:
        """What the hub hands over now."""
        return list(self.pick_up(most).deliveries)

    def pick_up(self, most: int = 100, acknowledge: bool = False) -> PickUp:
        """The whole answer of a pick-up; `acknowledge`: the notices of the ones before."""
        answer = run(self.client.pickup(most, 0, self.acknowledged if acknowledge else 0))
        self.acknowledged = max([self.acknowledged, *(notice.number for notice in answer.notices)])
        return answer

    def notices(self) -> list[Notice]:
        """The notices that wait for it; nothing is handed over."""
        return list(run(self.client.pickup(0, 0, 0)).notices)

    def open(self, delivery: Delivery) -> dict[str, bytes]:
        """The plaintext parts of what was handed over."""
        envelope = parse(delivery.envelope)
        return open_parts(envelope, opening_private(self._opening_seed(envelope.seal_key)))

    def open_retraction(self, delivery: Delivery) -> bytes:
        """The event id that is called back."""
        envelope = parse(delivery.envelope)
        return open_retraction(envelope, opening_private(self._opening_seed(envelope.seal_key)))

    def receipt(self, message_id: bytes, code: Code = Code.STORED) -> bytes:
        """A signed receipt."""
        return self.sign_together([(message_id, code)])[0]

    def sign_together(self, answers: Sequence[tuple[bytes, Code]]) -> list[bytes]:
        """Receipts that one signature covers."""
        salted = [(message_id, code, self.world.random(16)) for message_id, code in answers]
        return sign_receipts(self.signing, self.world.today, salted)

    def receipts(self, *frames: bytes) -> list[Code]:
        """The answers of the hub to signed receipts."""
        return run(self.client.receipts(frames))

    def take_all(self, code: Code = Code.STORED) -> list[Delivery]:
        """Picks up and answers until nothing is handed over; all that came."""
        everything: list[Delivery] = []
        while deliveries := self.pickup():
            everything += deliveries
            frames = self.sign_together([(parse(d.envelope).message_id, code) for d in deliveries])
            assert self.receipts(*frames) == [code] * len(frames)
        return everything

    def _opening_seed(self, name: str) -> bytes:
        return next(key.seed for key in self.keys.opening if key.key_id == name)


def _json(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
