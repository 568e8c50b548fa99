# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The port of the store: what the pipeline reads, and `commit`.  The store is the truth (delivery.md section 1).

Contract, held by one suite (`tests/contracts/`) for every engine:

* `commit(step)` MUST apply everything or nothing and MUST be durable when it returns.
* It MUST raise `Fenced` when a partition's stored position is not the one the step started from.
* It MUST raise `Stale` when a grant or an address that the step rests on has changed by now, and when a row that the
  step changes isn't there as it must be: a new handle or message id that is there already, a waiting or a fault that
  is over, an envelope that another hand-over has out under a lease, an entry to erase that the log does not have yet.
* Entries MUST get consecutive indexes in commit order, in the same transaction as what they account for.
* After `commit` returns, every later read by every process MUST see it; inside a `look`, what it says of the head may
  be as old as the look.
* Once a commit that erases has returned, no read shows record and salt of those entries, and after the next `tidy` they
  MUST be in no file of the engine: not in a log of changes, nor on a free page.  Their leaves stay.
* The key of a waiting payload MUST be unreadable for good once the commit that ends the waiting has returned.
* Reads never return a time or a number that a caller could take for a promise: all limits are the caller's.

Addresses have numbers (`int`, from 1) in the order of their first admission.  Times are unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schemas.codes import Code
from schemas.entry import Entry

OUTCOME_KEPT_MS = 30 * 86_400_000  # feed lines and stored outcomes
NOTICE_KEPT_MS = 366 * 86_400_000  # feed lines that are no outcome: a sender may be away for long
NOTICES_IN_FEED = frozenset({Code.STOPPED, Code.RESTORED})
FAULT_KEPT_MS = 7 * 86_400_000
NUMBERS_OF_A_LOG = (
    1 << 40
)  # notices: log n numbers them from n times this on, so an old acknowledgement ends no new one


class StoreError(Exception):
    """The store can't do its work: a full disk, a damaged file, a lock held by another.

    Nothing was applied, except where the text says *in doubt*: then the store refuses all work until it was opened
    again, which settles it.
    """


class StaleError(Exception):
    """Something that the step rests on has changed: read and decide again.  Nothing was applied."""


class FencedError(Exception):
    """Another worker has moved the position of this partition: stop, this worker no longer owns it."""


class GrantRow(NamedTuple):
    """One handle of a grant as the path sees it.  `version` rises with every change but that of `last`.

    `end` is the last day (included) when the grant ends in `month`.  `last` is the last sequence used.
    `held_until` (ms) is not 0 while a fault holds the handle.  After day `forget` the row counts as absent.
    """

    handle: bytes
    sender: int
    recipient: int
    month: int
    end: int | None
    row: int
    ground: str
    categories: tuple[str, ...]
    terms_hash: bytes
    stopped: bool
    version: int
    last: int
    held_until: int
    forget: int


class AddressRow(NamedTuple):
    """An address.  `state` is admitted, suspended or removed; `version` rises with every change of this row."""

    number: int
    address: str
    state: str
    version: int
    manifest: bytes | None
    table_hash: bytes | None


class Stored(NamedTuple):
    """The stored outcome of a message id: the SHA-256 of its envelope, who, and the code of now."""

    sha: bytes
    sender: int
    recipient: int
    accept: int
    code: Code


class Waiting(NamedTuple):
    """An envelope that waits for its recipient, without its payload.

    `offered` counts hand-overs; `first_out` is 0 before the first one.
    """

    message_id: bytes
    sender: int
    recipient: int
    handle: bytes
    accept: int
    since: int
    offered: int
    first_out: int
    lease_until: int


class Head(NamedTuple):
    """The end of the log.  `newest_fact` is the index of the newest fact entry, -1 when there is none."""

    size: int
    root: bytes
    newest_fact: int
    committed_at: int


class FeedRow(NamedTuple):
    """A line of somebody's feed.  `frame` is set for `restored`: the signed statement."""

    number: int
    code: Code
    message_id: bytes | None
    handle: bytes | None
    frame: bytes | None


class NoticeRow(NamedTuple):
    """A notice for a recipient; `fact` is None for a stop."""

    number: int
    kind: str
    handles: tuple[bytes, ...]
    fact: bytes | None


class FaultRow(NamedTuple):
    """A frame that the hub failed on, or that came behind one.  `handle` is held until `until` when it came after step 3."""

    number: int
    sender: int | None
    sha: bytes
    handle: bytes | None
    since: int
    until: int


class Join(NamedTuple):
    """An accepted envelope joins the queue.  `entry` is the place of its entry within the step.

    `wrapped` is the payload under `key` (32 random bytes, AES-256-GCM, nonce zero: each key is used once).
    """

    message_id: bytes
    sha: bytes
    sender: int
    recipient: int
    handle: bytes
    entry: int
    since: int
    due: int
    wrapped: bytes
    key: bytes


class Refused(NamedTuple):
    """A decided refusal: its outcome is stored, its payload is not."""

    message_id: bytes
    sha: bytes
    sender: int
    recipient: int
    entry: int
    code: Code


class Offer(NamedTuple):
    """A hand-over: new count and lease of a waiting envelope.  `due` is when the waiting ends by itself."""

    message_id: bytes
    offered: int
    first_out: int
    lease_until: int
    due: int


class Leave(NamedTuple):
    """The waiting of an envelope ends: payload and key are destroyed, `code` is its outcome."""

    message_id: bytes
    code: Code


class Use(NamedTuple):
    """A sequence number is used up: `last` was `old` under this `version` and becomes `new`."""

    handle: bytes
    version: int
    old: int
    new: int


class Tell(NamedTuple):
    """A line for the feed of address number `to`, visible from `at` (0: at once).  It gets its number then."""

    to: int
    at: int
    code: Code
    message_id: bytes | None = None
    handle: bytes | None = None
    frame: bytes | None = None


class Notify(NamedTuple):
    """A notice for the recipient `to`, visible from `at`."""

    to: int
    at: int
    kind: str
    handles: tuple[bytes, ...]
    fact: bytes | None


class StopRow(NamedTuple):
    """`signer` stopped `handle`, registered or not; known until day `forget`."""

    handle: bytes
    signer: int
    month: int
    forget: int


class SetAside(NamedTuple):
    """A frame that the pipeline failed on, wrapped for the operator; `handle` is held until `until`."""

    sender: int | None
    sha: bytes
    handle: bytes | None
    until: int
    since: int
    wrapped: bytes
    key: bytes


class NewLog(NamedTuple):
    """Log `number` begins with the entry at `place` of this step.

    Queue, stored outcomes, feeds and what was set aside are dropped; notices get numbers above any of an earlier log.
    """

    number: int
    place: int
    awaited: tuple[int, ...]


class RecoveryRow(NamedTuple):
    """How the log of now began: its number, the index of its first entry, who has not confirmed yet."""

    number: int
    entry: int
    awaited: frozenset[int]


@dataclass(slots=True)
class Step:
    """Everything that one batch changes.  Empty lists change nothing.

    `at` is the time of the commit.  `rests_on_grants` (handle, version; version 0: there is no row) and
    `rests_on_addresses` (number, version) are compared in the transaction.
    `position` is `(partition, old, new)`, None for a gateway's own batch; `positions` are those of a batch that was read
    from several partitions, each named once.
    """

    at: int
    rests_on_grants: list[tuple[bytes, int]] = field(default_factory=list)
    rests_on_addresses: dict[int, int] = field(default_factory=dict)
    position: tuple[int, int, int] | None = None
    positions: list[tuple[int, int, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    leaves: list[Leave] = field(default_factory=list)
    outcomes: list[Leave] = field(default_factory=list)
    tells: list[Tell] = field(default_factory=list)
    notifies: list[Notify] = field(default_factory=list)
    registers: list[GrantRow] = field(default_factory=list)
    stops: list[tuple[bytes, int, int]] = field(default_factory=list)  # handle, version, new forget
    stop_rows: list[StopRow] = field(default_factory=list)
    # place in entries, numbers of the signer and of the recipient (None: a stop), frame
    facts: list[tuple[int, int, int | None, bytes]] = field(default_factory=list)
    admissions: list[tuple[str, str, int | None]] = field(default_factory=list)  # address, state, number (None: new)
    manifests: list[tuple[int, int, bytes, bytes | None]] = field(default_factory=list)  # place, number, frame, table
    tables: list[tuple[bytes, bytes]] = field(default_factory=list)  # hash, raw
    attestations: list[tuple[bytes, bytes]] = field(default_factory=list)  # SHA-256 of the manifest, raw
    acknowledged: list[tuple[int, int]] = field(default_factory=list)  # address number, notices up to this number
    set_aside: list[SetAside] = field(default_factory=list)
    released: list[int] = field(default_factory=list)  # numbers of faults that are over
    new_log: NewLog | None = None
    confirmed: list[int] = field(default_factory=list)  # numbers of addresses that are no longer awaited
    standing: list[int] = field(default_factory=list)  # places of entries that say who may erase, and what was
    erases: list[tuple[int, int]] = field(default_factory=list)  # first and end of entries of before this step


class Store(Protocol):
    """Reads and the one write.  All reads see everything that any earlier `commit` of any process wrote."""

    def commit(self, step: Step) -> int:
        """Applies `step`; the index of its first entry (the size of the log when it has none).

        Raises:
            StaleError, FencedError, StoreError: nothing was applied.
        """

    def look(self) -> AbstractContextManager[None]:
        """One look at the head for one request: until it is left, and until this thread commits or reading fails, `now`,
        `head`, `addresses`, `recovery`, and whether anything is due or ripe, may be as one moment had them.  That moment is
        never before the newest reading of grants in it.  Entered again inside, it is the same look."""

    def now(self) -> int:
        """The time that decisions use: the clock's, never earlier than the last commit."""

    def head(self) -> Head:
        """The end of the log."""

    def addresses(self) -> dict[str, AddressRow]:
        """All addresses by their text.  Callers keep nothing: an engine makes this cheap to call per batch."""

    def grants(self, handles: Iterable[bytes]) -> dict[bytes, GrantRow]:
        """The rows of those handles that have one."""

    def stored(self, message_ids: Iterable[bytes]) -> dict[bytes, Stored]:
        """The stored outcomes of those ids that have one."""

    def stops(self, handles: Iterable[bytes]) -> list[StopRow]:
        """Who stopped these handles."""

    def waiting(self, recipient: int, now: int, most: int) -> list[Waiting]:
        """The first `most` envelopes for a recipient in order of acceptance, leaving out every handle of which
        one is out under a lease."""

    def has_something(self, recipients: Iterable[int], now: int) -> set[int]:
        """Those of these recipients whom a pick-up would give something now: a `waiting` envelope or a notice."""

    def find_waiting(self, message_ids: Iterable[bytes]) -> dict[bytes, Waiting]:
        """Those of these ids that still wait."""

    def due(self, now: int, most: int) -> list[Waiting]:
        """Envelopes whose waiting ends by itself at or before `now`."""

    def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
        """Per id the wrapped payload and its key; None when the key is lost."""

    def ripen(self, now: int) -> int:
        """Gives a number to the feed lines and notices that have become visible; how many."""

    def feed(self, address: int, after: int, most: int) -> list[FeedRow]:
        """The visible feed lines of an address after a number."""

    def notices(self, address: int, most: int) -> list[NoticeRow]:
        """The visible notices of an address that it has not acknowledged."""

    def facts_of(self, address: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """The facts that an address signed, from entry `index` on."""

    def registrations(self, recipient: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """The registrations in which an address is the recipient, from entry `index` on."""

    def recovery(self) -> RecoveryRow | None:
        """How the log of now began; None while it is the first."""

    def manifests(self, address: int) -> list[tuple[int, bytes]]:
        """All manifests of an address with the index of their leaf, oldest first."""

    def attestations(self, manifests: Iterable[bytes]) -> dict[bytes, bytes]:
        """The attestations of those manifests, by their SHA-256, that have one; the first of each stays."""

    def table(self, table_hash: bytes) -> bytes | None:
        """A published rule table."""

    def entries(self, start: int, end: int) -> list[Entry]:
        """The entries of `start` to `end` (not included); an erased one has an empty record."""

    def records(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Index and record of those of these entries that are no public ones and were not erased; for long readings."""

    def standing(self, start: int) -> list[tuple[int, Entry]]:
        """The entries, from index `start` on, that a step has named as `standing`."""

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """Node hashes for proofs, as `hub.audit.merkle.NodeSource` asks."""

    def last_checkpoint(self) -> str | None:
        """The newest signed checkpoint that was kept."""

    def keep_checkpoint(self, note: str, size: int) -> None:
        """Keeps a signed checkpoint.  MUST be durable before the note is shown to anybody.

        Raises:
            StaleError: one of a larger size was kept before.
        """

    def faults(self) -> list[FaultRow]:
        """What was set aside and is not over."""

    def fault_frame(self, number: int) -> bytes | None:
        """The frame of a fault, None when it is over."""

    def backlog(self) -> dict[int, tuple[int, int]]:
        """Per recipient for whom something waits: how many envelopes, and the `since` of the first accepted."""

    def counts(self) -> dict[str, int]:
        """Figures for the status page: entries, addresses, waiting, grants, faults."""

    def forget(self, day: int, now: int) -> int:
        """Deletes what the terms of architecture.md section 10 end: grants and stops whose day has passed, feed
        lines and stored outcomes after 30 days (those that are no outcome after 366), frames set aside
        after 7, once they hold nothing; how many rows."""

    def tidy(self, now: int) -> None:
        """The regular work of the engine; the owner calls it at least every minute."""

    def close(self) -> None:
        """Lets go of files and locks."""
