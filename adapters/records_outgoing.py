# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge keeps of its telling: clients, sources, grants and their handles, the outbox, and what was stopped.

Guarantees: days, months and times are integers as everywhere; secrets and frames are bytes.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from adapters.shelf import Shelf, number_key, some
from adapters.store import Table

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


@dataclass(frozen=True, slots=True)
class Mark:
    """A native file that was read, shared or not; from an earlier version also what `SaidBefore` and `Answered` are now."""

    digest: bytes
    received_at: int


MARKS: Final = Shelf(Table("mark"), Mark, lambda r: r.digest)


@dataclass(frozen=True, slots=True)
class Answered:
    """That a service which is asked has answered about somebody, last on `day`; `key` and `who` are keyed hashes. `known`: of a client."""

    key: bytes
    who: bytes
    day: int
    known: bool


ANSWERED: Final = Shelf(Table("answered", ("who",)), Answered, lambda r: r.key, lambda r: some(who=r.who or None))


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """By a keyed hash, a fact that such an answer had; `answer` is the key of its `Answered`."""

    key: bytes
    answer: bytes


SAID: Final = Shelf(Table("said_before", ("answer",)), SaidBefore, lambda r: r.key, lambda r: some(answer=r.answer))


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


CLIENTS: Final = Shelf(
    Table("client", ("bsn", "number")), Client, lambda r: r.id.encode(), lambda r: some(bsn=r.bsn, number=r.own_number)
)


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """An allocation between this partner and another. `end` is None while it is open; `closed`: its help has ended.

    `stated`: when the municipality settled it so, as `Allocation` has it; 0 in what has no such moment.
    """

    client: str
    partner: str
    law: str
    number: str
    end: int | None
    withdrawn: bool
    read_at: int
    closed: bool = False
    stated: int = 0


SOURCES: Final = Shelf(
    Table("source", ("client", "partner")),
    Source,
    lambda r: f"{r.client}/{r.partner}/{r.law}/{r.number}".encode(),
    lambda r: some(client=r.client, partner=f"{r.client}/{r.partner}/{r.law}"),
)


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


GRANTS: Final = Shelf(
    Table("grant_made", ("client", "line"), ("state",)),
    Grant,
    lambda r: r.id.encode(),
    lambda r: some(client=r.client, line=r.line),
    # Why a grant is over must not be readable on the disk: a hold looks like a renewal.
    lambda r: {"state": "over" if r.state != ACTIVE else "open" if r.renews is None else "renews"},
)


@dataclass(frozen=True, slots=True)
class Handle:
    """A handle of one of our grants that was registered, with the last sequence used under it.

    `lost`: a hub that was put back does not have it, and has not taken it again; it is registered before it is used.
    `registered_on`: the day on which it was first; 0 where that is not known any more.
    """

    handle: bytes
    grant: str
    month: int
    sequence: int = 0
    lost: bool = False
    registered_on: int = 0


HANDLES: Final = Shelf(Table("handle", ("grant_made",)), Handle, lambda r: r.handle, lambda r: some(grant_made=r.grant))


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


ITEMS: Final = Shelf(
    Table("item", ("grant_made", "line", "event", "identity"), ("state", "due")),
    Item,
    lambda r: number_key(r.number),
    lambda r: some(grant_made=r.grant, line=r.line, event=r.event_id, identity=r.identity or None),
    lambda r: {"state": ASKS if r.asks else r.state, "due": r.release_at},
    attrgetter("number", "grant", "line", "event_id", "identity"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """Which item an envelope was for: one item may have been sealed several times."""

    message_id: bytes
    item: int


SENDS: Final = Shelf(Table("send"), Sent, lambda r: r.message_id)


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


CLOSINGS: Final = Shelf(
    Table("closing", ("client", "line"), ("state",)),
    Closing,
    lambda r: r.id.encode(),
    lambda r: some(client=r.client, line=r.line),
    lambda r: {"state": "due" if r.done_on is None else "done"},
)


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


HISTORY: Final = Shelf(
    Table("happened", ("allocation",)), Happened, lambda r: r.identity, lambda r: some(allocation=r.allocation)
)


@dataclass(frozen=True, slots=True, repr=False)
class Requested:
    """About whom a request was that this edge read: an answer to it names nobody. `key` is a keyed hash."""

    key: bytes
    bsn: str
    read_on: int


REQUESTS: Final = Shelf(Table("requested"), Requested, lambda r: r.key)


@dataclass(frozen=True, slots=True)
class Early:
    """An answer that was read before its request, by the keyed hash of that: of nobody until the request is read."""

    key: bytes
    request: bytes
    answer: str
    day: int
    read_at: int


EARLY: Final = Shelf(Table("answered_early", ("request",)), Early, lambda r: r.key, lambda r: some(request=r.request))


@dataclass(frozen=True, slots=True)
class Recalled:
    """How often an event was called back from one recipient and purpose; part of the next event id."""

    key: bytes
    count: int


RECALLS: Final = Shelf(Table("recalled"), Recalled, lambda r: r.key)


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


ORDERS: Final = Shelf(
    Table("stop_order", (), ("state", "due")),
    Order,
    lambda r: r.id.encode(),
    plain=lambda r: {"state": "done" if r.done else "due", "due": r.due},
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact this edge has signed, kept as long as it must be able to repeat it."""

    number: int
    frame: bytes
    until_month: int


FACTS: Final = Shelf(Table("fact"), Fact, lambda r: number_key(r.number))
