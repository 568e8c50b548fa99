# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What one edge keeps: the types of its records, and the shelf on which each stands.

Guarantees:
- a record that was read is the record that was written, field by field in their order; a field added later stands
  last and has its default in older records;
- what a record can be found by is declared here once; only a state word and a time stand in plain text on disk;
- days, months and times are integers as everywhere; secrets and frames are bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar

from adapters.store import Found, Plain, Record, Table, Transaction, Value

# States of a grant. Only `active` lets anything leave; `stopping` is ended here and not yet known to the hub.
ACTIVE: Final = "active"
STOPPING: Final = "stopping"
STOPPED: Final = "stopped"
FROZEN: Final = "frozen"
REPLACED: Final = "replaced"

# Why a stop was decided, where that says when it leaves: against an automatic grant, in a random minute.
AUTOMATIC_REFUSED: Final = "automatic-refused"

# Kinds of what waits in the outbox, and its states.
INTRODUCTION: Final = "introduction"
EVENT: Final = "event"
RETRACTION: Final = "retraction"
REQUEST: Final = "request"  # to be told: a person there answers
WAITING: Final = "waiting"
SENT: Final = "sent"
FINAL: Final = "final"
ASKS: Final = "asks"  # stands in place of the state while a person must look

# How something in the outbox ended, when no code of the hub says it.
DONE: Final = "done"
RETRACTED: Final = "retracted"
NOT_SHARED: Final = "not-shared"

T = TypeVar("T")


class Reads(Protocol):
    """A store, or a transaction of it."""

    def get(self, table: Table, key: bytes) -> Record | None:
        """One record."""

    def find(self, table: Table, index: str, value: bytes, state: str | None = None) -> Found:
        """By what they can be found by, all or those in a state."""

    def scan(
        self, table: Table, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Found:
        """All, or those in a state or due."""

    def count(self, table: Table, state: str | None = None) -> int:
        """How many."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A native file that was read, shared or not; or, by a keyed hash, a fact that a polled answer had."""

    digest: bytes
    received_at: int


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """One of this partner's own clients. `number` is the partner's own; without one the id stands for it."""

    id: str
    bsn: str | None
    own_number: str | None
    tasks: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """By what people and notices name this client."""
        return self.own_number or self.id


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """An allocation between this partner and another. `end` is None while it is open; `closed`: its help has ended."""

    client: str
    partner: str
    law: str
    number: str
    end: int | None
    withdrawn: bool
    read_at: int
    closed: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """The right of this edge to tell one recipient about one client.

    `line` is client, recipient, purpose and law; `begun_at` the time at which the first grant of the chain was made.
    `source_end`: it ends with its sources and not with the longest validity. `ours`: replaced by our own renewal, and
    nobody else had stopped it. `noted`: somebody else has stopped it, and this was acted on. `by_code`: introduced not by
    BSN but by a one-time code, with its `proof` and its last day, or by `tie`, the secret of the grant that it goes on from.
    """

    id: str
    line: str
    client: str
    recipient: str
    row: int
    ground: str
    categories: tuple[str, ...]
    purpose: str
    law: str
    begin: int
    end: int
    made_at: int
    begun_at: int
    secret: bytes
    salt: bytes
    source: str | None
    automatic: bool
    renews: str | None = None
    next: str | None = None
    state: str = ACTIVE
    ours: bool = False
    introduced: bool = False
    noted: bool = False
    consent: str | None = None
    by_code: bool = False
    proof: bytes = b""
    code_until: int | None = None
    tie: bytes = b""


@dataclass(frozen=True, slots=True)
class Handle:
    """A handle of one of our grants that was registered, with the last sequence used under it.

    `lost`: a hub that was put back does not have it, and has not taken it again; it is registered before it is used.
    """

    handle: bytes
    grant: str
    month: int
    sequence: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """Something in the outbox, for one recipient.

    `release_at`: not before this time, drawn when it was put here; 0 for at once.
    `told`: its bytes may have left. `dead`: called back. `asks`: a person must look. `frame` is there from sealing
    until the final outcome, so that the same bytes can go again; `taken_at` is None until the hub said `taken`.
    `sent_month` is that of the handle under which it went last.
    """

    number: int
    kind: str
    event_id: bytes
    grant: str
    line: str
    client: str
    identity: bytes
    day: int
    parts: tuple[tuple[str, bytes], ...]
    made_at: int
    release_at: int
    state: str = WAITING
    final: str | None = None
    asks: bool = False
    late: bool = False
    tries: int = 0
    undecided: bool = False
    dead: bool = False
    told: bool = False
    message_id: bytes | None = None
    handle: bytes | None = None
    frame: bytes | None = None
    sent_month: int | None = None
    taken_at: int | None = None
    done_on: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Which item an envelope was for: one item may have been sealed several times."""

    message_id: bytes
    item: int


@dataclass(frozen=True, slots=True, repr=False)
class Refused:
    """An objection, withdrawal or hold of one client, or an exception to one. Only a person lifts it.

    `recipient` and `role` None: for all; `row` None: whatever the row. `incoming`: against being told by that partner, not
    against telling it. `overruled`: of an objection, where its row lets it be weighed.
    """

    id: str
    client: str
    recipient: str | None
    kind: str
    since: int
    lifted_at: int | None = None
    incoming: bool = False
    role: str | None = None
    row: int | None = None
    overruled: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Objection:
    """What is to be done about an objection: its refusal, the effects of the rows that it is about, and by whom it was decided.

    `decide_by` None: there is nothing to decide. `outcome` is empty until somebody has decided. `ended`: the grants that it
    ended. `informed_on`: the day on which a professional told the citizen what comes of it.
    """

    number: int
    client: str
    refusal: str
    effects: tuple[str, ...]
    made_on: int
    given_by: str
    decide_by: int | None
    ended: tuple[str, ...] = ()
    outcome: str = ""
    decided_on: int | None = None
    decided_by: str = ""
    reason: str = ""
    informed_on: int | None = None
    informed_by: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Asking:
    """What this edge asked a partner: to be told about a client under a row of theirs. `item`: of the outbox."""

    item: int
    client: str
    partner: str
    row: int
    on: int


@dataclass(frozen=True, slots=True, repr=False)
class AskedFor:
    """What a partner asked of this edge, under its own grant of this secret. `answer` is empty until a person gave one."""

    number: int
    sender: str
    event_id: bytes
    secret: bytes
    row: int
    came_on: int
    answer: str = ""
    by: str = ""
    answered_on: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Closing:
    """Why a line ends by itself: an event that says that the case is over. It ends once `item` has arrived there; 0: it is not
    told in this line, and need not arrive. `source`: the allocation that the event names. `ended`: the grants that it ended.
    `shut`: the sources (by key) that a death closed; `taken_back`: it was no death.
    """

    id: str
    client: str
    line: str
    item: int
    source: str | None
    why: str
    made_on: int
    done_on: int | None = None
    ended: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    taken_back: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Happened:
    """What this partner itself wrote about an allocation or a course: from it follows whether a start is a resumption.

    `moments`: when its source stated it (ms since 1970 UTC, in order); none for an allocation.
    """

    identity: bytes
    allocation: bytes
    kind: str
    day: int
    retracted: bool = False
    moments: tuple[int, ...] = ()
    ending: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Requested:
    """About whom a request was that this edge read: an answer to it names nobody. `key` is a keyed hash."""

    key: bytes
    bsn: str
    read_on: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """How often an event was called back from one recipient and purpose; part of the next event id."""

    key: bytes
    count: int


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """A stop that must reach the hub, from the moment it was decided here until the hub has said that it is in force."""

    id: str
    secret: bytes
    end: int
    why: str
    grant: str | None
    introduction: bytes | None
    due: int
    done: bool = False
    frame: bytes | None = None
    by_other: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Introduced:
    """An introduction that came in. Without a client it is kept all the same, for who may be registered later.

    `withheld`: a refusal stands against it, so nothing under it is shown. `ended_on`: the day of a stop. By code it has no
    BSN, but the `proof` of its code, if it has one; `message_id` is of the envelope in which it came last. `held`: this edge does
    not know the `source` that it names, and shows nothing of it before it does, or a person accepts it.
    """

    secret: bytes
    sender: str
    bsn: str | None
    row: int
    ground: str
    categories: tuple[str, ...]
    purpose: str
    law: str
    begin: int
    end: int
    renews: bytes | None
    automatic: bool
    came_at: int
    client: str | None = None
    withheld: bool = False
    ended_on: int | None = None
    proof: bytes = b""
    message_id: bytes = b""
    source: str | None = None
    held: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Awaited:
    """A code that can still be typed here: `held` until a person has looked at how many its sender introduced."""

    secret: bytes
    sender: str
    proof: bytes
    salt: bytes
    until: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Recognised:
    """The second receipt of an introduction by code, from the typing until the hub has it. It leaves when it is due."""

    message_id: bytes
    salt: bytes
    due: int
    frame: bytes | None = None
    sent: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Tally:
    """How often something happened on a day."""

    what: str
    day: int
    count: int


@dataclass(frozen=True, slots=True)
class Known:
    """A handle of an introduction that came in, for one month."""

    handle: bytes
    secret: bytes
    month: int


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """An event that came in. `parts` is empty once destroyed; `hidden`: called back. The id outlives the content."""

    event_id: bytes
    sender: str
    secret: bytes
    client: str | None
    day: int
    parts: tuple[tuple[str, bytes], ...]
    late: bool
    came_at: int
    hidden: bool = False
    delivered: bytes = b""


@dataclass(frozen=True, slots=True)
class Gone:
    """An event that its sender called back, whether it had come or not."""

    sender: str
    event_id: bytes
    on: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The receipt for an envelope, fixed when it was stored. `frame` is there once it was signed."""

    message_id: bytes
    sha: bytes
    code: str
    salt: bytes
    at: int
    frame: bytes | None = None
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Promised:
    """A sender's signed registration of a handle in which this address is the recipient: what it says, and the fact."""

    handle: bytes
    month: int
    row: int
    ground: str
    categories: tuple[str, ...]
    terms_hash: bytes
    commitment: bytes
    fact: bytes


@dataclass(frozen=True, slots=True)
class Notify:
    """A notice for the partner's own system, waiting until it was written."""

    key: bytes
    event_id: bytes
    sender: str
    retracted: bool
    written: bool = False


@dataclass(frozen=True, slots=True)
class Consented:
    """A consent record with the grants that rest on it."""

    id: str
    client: str
    raw: bytes
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Spoken:
    """Whose words (capacity, manner) a consent rests on, and how matters stood with the client when they were given.

    `outgrown_on`: the day on which a birthday had made them too few; nothing under this consent goes on from then.
    """

    consent: str
    words: tuple[tuple[str, str], ...]
    capable: bool = True
    authority: tuple[str, ...] = ()
    aside: tuple[tuple[str, str, str], ...] = ()
    parents_too: bool = True
    outgrown_on: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Born:
    """The date of birth of an own client: only to know whose consent counts, and told to nobody."""

    client: str
    day: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact this edge has signed, kept as long as it must be able to repeat it."""

    number: int
    frame: bytes
    until_month: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where this edge is: the feed, notices acknowledged, and its counters."""

    origin: str = ""
    feed: int = 0
    notices: int = 0
    items: int = 0
    facts: int = 0
    cleaned_on: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Own:
    """The keys of this address and its newest manifest; `index` is None until the hub has it in its log, and `attested`
    says that it has an attestation of it, too."""

    keys: bytes
    manifest: bytes
    index: int | None = None
    attested: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest that this edge made, by its number and SHA-256: any other under its address is not its own."""

    number: int
    sha: bytes


@dataclass(frozen=True, slots=True)
class Halted:
    """A handle of which the hub has said to this edge that it is stopped, and on which day."""

    handle: bytes
    on: int


@dataclass(frozen=True, slots=True)
class Peer:
    """The newest manifest of another address that was verified, in log number `log` of the hub."""

    address: str
    frame: bytes
    index: int
    log: int = 1


@dataclass(frozen=True, slots=True)
class Issued:
    """A manifest of this address that the hub has had: what a hub that was put back is given again, in order."""

    number: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Followed:
    """The log of the hub that this edge follows, by its number: whether it has repeated its facts there, and whether the
    hub's gate was open since."""

    log: int
    repeated: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """When this copy was made: it stands in the copy, and in the store that it is of."""

    at: int


@dataclass(frozen=True, slots=True)
class Restore:
    """This edge was put back from a copy of `saved_at`.

    `log`: number of the hub's log in the copy. `told_in`: that in which the hub was told. Then, each once: a person
    `confirmed_at` that stops and refusals made since are signed again; `planned_at`, what had been stopped here since was
    put down (`ended`, ids of grants; `forgotten`, how many handles); everything of before was `stopped_at` the hub; its
    lines were begun `anew_at`; files were `read_at` again.
    """

    at: int
    saved_at: int
    log: int
    told_in: int = 0
    confirmed_at: int | None = None
    planned_at: int | None = None
    stopped_at: int | None = None
    anew_at: int | None = None
    read_at: int | None = None
    ended: tuple[str, ...] = ()
    forgotten: int = 0
    remakes: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """Somebody saw what is kept about a client: `by` as the person gave it, `account` as the machine knows it.

    `why` and `what` are of closed lists (`adapters.looks`); `tasks` are those whose chain view was shown, as purpose/law.
    """

    id: str
    client: str
    at: int
    by: str
    account: str
    why: str
    what: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Limited:
    """A named person decided that something is not in the report to the citizen (`adapters.rights_limits`).

    `partner` or `item` None: not limited to it. `against`: who asks, the client or a representative; None for both.
    """

    id: str
    client: str
    ground: str
    by: str
    at: int
    partner: str | None = None
    item: bytes | None = None
    against: str | None = None
    ended_at: int | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Informed:
    """The citizen was told that a partner tells us something, or a named person found that the law asks it not."""

    client: str
    sender: str
    purpose: str
    law: str
    by: str
    at: int
    exception: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Erased:
    """A client whose data were destroyed on request; `done`: nothing is left that a retraction still needs."""

    client: str
    by: str
    at: int
    done: bool = False


@dataclass(frozen=True, slots=True)
class Shelf(Generic[T]):
    """One kind of record, with its key and what it can be found by."""

    table: Table
    kind: type[T]
    key: Callable[[T], bytes]
    index: Callable[[T], Mapping[str, bytes]] = field(default=lambda _: {})
    plain: Callable[[T], Mapping[str, Plain]] = field(default=lambda _: {})

    def put(self, tx: Transaction, record: T) -> T:
        """Write a record, whole."""
        tx.put(self.table, self.key(record), _fields(self.kind)(record), self.index(record), self.plain(record))
        return record

    def get(self, reads: Reads, key: bytes) -> T | None:
        """The record with this key."""
        found = reads.get(self.table, key)
        return None if found is None else self._from(found)

    def need(self, reads: Reads, key: bytes) -> T:
        """The record with this key, which must be there: another record names it."""
        found = self.get(reads, key)
        if found is None:
            raise LookupError(f"a record of {self.table.name} that another record names is not there")
        return found

    def find(self, reads: Reads, index: str, value: bytes, state: str | None = None) -> list[T]:
        """In the order in which they were first written."""
        return [self._from(record) for _, record in reads.find(self.table, index, value, state)]

    def scan(
        self, reads: Reads, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Iterator[T]:
        """In the order in which they were first written."""
        for _, record in reads.scan(self.table, state, due_until, limit):
            yield self._from(record)

    def delete(self, tx: Transaction, key: bytes) -> bool:
        """Whether there was one."""
        return tx.delete(self.table, key)

    def _from(self, record: Record) -> T:
        return self.kind(*[_frozen(value) if type(value) is list else value for value in record])


def number_key(number: int) -> bytes:
    """The key of a numbered record."""
    return number.to_bytes(8, "big")


def gone_key(sender: str, event_id: bytes) -> bytes:
    """Event ids count per sender: nobody can call back what another told."""
    return sender.encode() + b"\0" + event_id


def _some(**values: str | bytes | None) -> dict[str, bytes]:
    return {
        name: value.encode() if isinstance(value, str) else value for name, value in values.items() if value is not None
    }


MARKS: Final = Shelf(Table("mark"), Mark, lambda r: r.digest)
CLIENTS: Final = Shelf(
    Table("client", ("bsn", "number")), Client, lambda r: r.id.encode(), lambda r: _some(bsn=r.bsn, number=r.own_number)
)
SOURCES: Final = Shelf(
    Table("source", ("client", "partner")),
    Source,
    lambda r: f"{r.client}/{r.partner}/{r.law}/{r.number}".encode(),
    lambda r: _some(client=r.client, partner=f"{r.client}/{r.partner}/{r.law}"),
)
GRANTS: Final = Shelf(
    Table("grant_made", ("client", "line"), ("state",)),
    Grant,
    lambda r: r.id.encode(),
    lambda r: _some(client=r.client, line=r.line),
    # Why a grant is over must not be readable on the disk: a hold looks like a renewal.
    lambda r: {"state": "over" if r.state != ACTIVE else "open" if r.renews is None else "renews"},
)
HANDLES: Final = Shelf(
    Table("handle", ("grant_made",)), Handle, lambda r: r.handle, lambda r: _some(grant_made=r.grant)
)
ITEMS: Final = Shelf(
    Table("item", ("grant_made", "line", "event", "identity"), ("state", "due")),
    Item,
    lambda r: number_key(r.number),
    lambda r: _some(grant_made=r.grant, line=r.line, event=r.event_id, identity=r.identity or None),
    lambda r: {"state": ASKS if r.asks else r.state, "due": r.release_at},
)
SENDS: Final = Shelf(Table("send"), Sent, lambda r: r.message_id)
REFUSALS: Final = Shelf(
    Table("refusal", ("client",)), Refused, lambda r: r.id.encode(), lambda r: _some(client=r.client)
)
OBJECTIONS: Final = Shelf(
    Table("objection", ("client", "refusal")),
    Objection,
    lambda r: number_key(r.number),
    lambda r: _some(client=r.client, refusal=r.refusal),
)
ASKINGS: Final = Shelf(
    Table("asking", ("client",)), Asking, lambda r: number_key(r.item), lambda r: _some(client=r.client)
)
ASKED_FOR: Final = Shelf(
    Table("asked_for", ("event",)),
    AskedFor,
    lambda r: number_key(r.number),
    lambda r: {"event": gone_key(r.sender, r.event_id)},
)
CLOSINGS: Final = Shelf(
    Table("closing", ("client", "line"), ("state",)),
    Closing,
    lambda r: r.id.encode(),
    lambda r: _some(client=r.client, line=r.line),
    lambda r: {"state": "due" if r.done_on is None else "done"},
)
HISTORY: Final = Shelf(
    Table("happened", ("allocation",)), Happened, lambda r: r.identity, lambda r: _some(allocation=r.allocation)
)
REQUESTS: Final = Shelf(Table("requested"), Requested, lambda r: r.key)
RECALLS: Final = Shelf(Table("recalled"), Recalled, lambda r: r.key)
ORDERS: Final = Shelf(
    Table("stop_order", (), ("state", "due")),
    Order,
    lambda r: r.id.encode(),
    plain=lambda r: {"state": "done" if r.done else "due", "due": r.due},
)
INTRODUCTIONS: Final = Shelf(
    Table("introduced", ("bsn", "client", "renews")),
    Introduced,
    lambda r: r.secret,
    lambda r: _some(bsn=r.bsn, client=r.client, renews=r.renews),
)
AWAITED: Final = Shelf(Table("awaited_code"), Awaited, lambda r: r.secret)
RECOGNISED: Final = Shelf(
    Table("recognised", (), ("state", "due")),
    Recognised,
    lambda r: r.message_id,
    plain=lambda r: {"state": "sent" if r.sent else "due", "due": r.due},
)
TALLIES: Final = Shelf(Table("tally"), Tally, lambda r: f"{r.day}/{r.what}".encode())
KNOWN: Final = Shelf(Table("known", ("secret",)), Known, lambda r: r.handle, lambda r: _some(secret=r.secret))
TOLD: Final = Shelf(
    Table("told", ("client", "secret")),
    Told,
    lambda r: gone_key(r.sender, r.event_id),
    lambda r: _some(client=r.client, secret=r.secret),
)
GONE: Final = Shelf(Table("gone"), Gone, lambda r: gone_key(r.sender, r.event_id))
ANSWERS: Final = Shelf(
    Table("answer", (), ("state", "due")),
    Answer,
    lambda r: r.message_id,
    plain=lambda r: {"state": "sent" if r.sent else "due", "due": r.at},
)
PROMISES: Final = Shelf(Table("promise"), Promised, lambda r: r.handle)
NOTICES: Final = Shelf(
    Table("notice", (), ("state",)),
    Notify,
    lambda r: r.key,
    plain=lambda r: {"state": "written" if r.written else "due"},
)
CONSENTS: Final = Shelf(
    Table("consent", ("client",)), Consented, lambda r: r.id.encode(), lambda r: _some(client=r.client)
)
SPOKEN: Final = Shelf(Table("consent_words"), Spoken, lambda r: r.consent.encode())
BIRTHS: Final = Shelf(Table("birth"), Born, lambda r: r.client.encode())
FACTS: Final = Shelf(Table("fact"), Fact, lambda r: number_key(r.number))
PEERS: Final = Shelf(Table("peer"), Peer, lambda r: r.address.encode())
MADE: Final = Shelf(Table("manifest_made"), Made, lambda r: r.sha)
HALTED: Final = Shelf(Table("halted"), Halted, lambda r: r.handle)
ISSUED: Final = Shelf(Table("issued"), Issued, lambda r: number_key(r.number))
_FOLLOWED: Final = Shelf(Table("followed"), Followed, lambda _: b"log")
_BACKUPS: Final = Shelf(Table("backup"), Backup, lambda _: b"newest")
RESTORES: Final = Shelf(Table("restore"), Restore, lambda r: number_key(r.at))
LOOKS: Final = Shelf(Table("look", ("client",)), Look, lambda r: r.id.encode(), lambda r: _some(client=r.client))
LIMITS: Final = Shelf(Table("limited", ("client",)), Limited, lambda r: r.id.encode(), lambda r: _some(client=r.client))
INFORMED: Final = Shelf(
    Table("informed", ("client",)),
    Informed,
    lambda r: f"{r.client}/{r.sender}/{r.purpose}/{r.law}".encode(),
    lambda r: _some(client=r.client),
)
ERASED: Final = Shelf(Table("erased"), Erased, lambda r: r.client.encode())
OWN_KEY: Final = b"own"
OWN: Final = Shelf(Table("own"), Own, lambda _: OWN_KEY)
_PLACES: Final = Shelf(Table("place"), Place, lambda _: b"place")


def place(reads: Reads) -> Place:
    """Where this edge is."""
    return _PLACES.get(reads, b"place") or Place()


def move(tx: Transaction, new: Place) -> None:
    """This edge is somewhere else now."""
    _PLACES.put(tx, new)


def followed(reads: Reads) -> Followed | None:
    """The log of the hub that this edge follows."""
    return _FOLLOWED.get(reads, b"log")


def follow(tx: Transaction, new: Followed) -> None:
    """This edge follows that log now, or is further in it."""
    _FOLLOWED.put(tx, new)


def backed_up(reads: Reads) -> Backup | None:
    """The newest copy that was made of this store."""
    return _BACKUPS.get(reads, b"newest")


def back_up(tx: Transaction, at: int) -> None:
    """A copy is made now."""
    _BACKUPS.put(tx, Backup(at))


_READERS: Final[dict[type, Callable[[object], tuple[Value, ...]]]] = {}


def _fields(kind: type) -> Callable[[object], tuple[Value, ...]]:
    # Values in the order of the fields, read in one call; a tuple stands on disk as a list does.
    if kind not in _READERS:
        names = kind.__slots__  # type: ignore[attr-defined]
        first = attrgetter(names[0])
        _READERS[kind] = attrgetter(*names) if len(names) > 1 else lambda record: (first(record),)
    return _READERS[kind]


def _frozen(value: list[Value]) -> tuple[object, ...]:
    return tuple([_frozen(one) if type(one) is list else one for one in value])
