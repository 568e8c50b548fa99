# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Entries of the audit log and their leaves (wire.md sections 1 and 5).

A record is a canonical array `[1, day, kind, ...]`.  Its leaf is 33 bytes: `00` and a salted commitment, or `01` and
the SHA-256 of something public (a manifest, a rule table).  Record and salt stand beside the leaf and can be
destroyed while every proof stays valid.  Records carry days, never a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from schemas.canonical import decode_array, encode

FACT = "fact"
ADMISSION = "admission"
ACCEPT = "accept"
HAND_OVER = "hand-over"
RECEIPT = "receipt"
EXPIRY = "expiry"
FAULT = "fault"
RETRIED = "retried"  # the pipeline decided on it; the acceptance beside this entry says how
FAILED_AGAIN = "failed-again"
DROPPED = "dropped"
SUM = "sum"
RECOVERY = "recovery"
CONFIRM = "confirm"
RESTORED = "restored"
MIGRATED = "migrated"  # the store was moved to another engine; the log goes on
OFFICER = "officer"  # a key of the controller or of the FG is registered
INQUIRY = "inquiry"
ERASURE = "erasure"
RULES = "rules"  # the table by which the hub itself decides, from here on
STANDING = frozenset(
    {OFFICER, INQUIRY, ERASURE, RULES}
)  # who may erase, whether anybody may, what was; and by which table
BY_EDGE, BY_OPERATOR = "edge", "operator"  # who confirmed
_sha256 = hashlib.sha256


class Entry(NamedTuple):
    """A leaf with what opens it.  `salt` is None for something public: then `record` is the public bytes."""

    leaf: bytes
    salt: bytes | None
    record: bytes


def committed(record: Sequence[object], salt: bytes) -> Entry:
    """The entry of a record; `salt` is 32 random bytes."""
    raw = encode(record)
    return Entry(committed_leaf(raw, salt), salt, raw)


def committed_leaf(raw: bytes, salt: bytes) -> bytes:
    """The leaf of a record in its canonical bytes; whoever got them from others has decoded them first."""
    return b"\0" + _sha256(salt + raw).digest()


def public(frame: bytes) -> Entry:
    """The entry of something public."""
    return Entry(b"\1" + _sha256(frame).digest(), None, frame)


def items_of(record: bytes) -> list[object]:
    """The items of a record, which has at most 23.

    Raises:
        FrameError: it is no canonical array.
    """
    return decode_array(record, record[0] & 0x1F if record else 0)


def fact(day: int, frame: bytes) -> list[object]:
    """A signed fact, whole."""
    return [1, day, FACT, frame]


def admission(day: int, number: int, address: str, state: str) -> list[object]:
    """An address was admitted, suspended or removed."""
    return [1, day, ADMISSION, number, address, state]


def hand_over(day: int, accept: int, count: int, newest_fact: int, code: str) -> list[object]:
    """The second decision on the envelope of entry `accept`; `count` is how often it was offered, this time included."""
    return [1, day, HAND_OVER, accept, count, newest_fact, code]


def receipt(day: int, accept: int, code: str, frame: bytes) -> list[object]:
    """The recipient's signed receipt for the envelope of entry `accept`."""
    return [1, day, RECEIPT, accept, code, frame]


def expiry(day: int, accept: int, code: str) -> list[object]:
    """The waiting of the envelope of entry `accept` ended without a receipt."""
    return [1, day, EXPIRY, accept, code]


def fault(day: int, number: int | None, sha: bytes) -> list[object]:
    """The hub failed on a frame of partner `number` with this SHA-256 and set it aside."""
    return [1, day, FAULT, number, sha]


def fault_handled(day: int, number: int | None, sha: bytes, what: str) -> list[object]:
    """What the operator did about a frame that was set aside: `RETRIED`, `FAILED_AGAIN` or `DROPPED`."""
    return [1, day, FAULT, number, sha, what]


def refusal_sum(day: int, number: int | None, counts: Sequence[tuple[str, int]]) -> list[object]:
    """How often partner `number` (None: unknown) was refused at steps 1 to 3 since the last such entry."""
    return [1, day, SUM, number, [list(pair) for pair in counts]]


def recovery(day: int, number: int, seen: tuple[int, int, bytes], found: int, awaited: Sequence[int]) -> list[object]:
    """Log `number` begins on top of the `found` entries of a store that is not the newest.

    `seen` is the newest checkpoint that anybody has shown: number of its log, size, root.  `awaited` are the numbers of
    the partners that must repeat their facts before anything is decided.
    """
    return [1, day, RECOVERY, number, *seen, found, list(awaited)]


def confirm(day: int, number: int, size: int, by: str) -> list[object]:
    """Partner `number` has repeated all facts that it signed; or the operator says that it will not return.

    `size` is that of the newest checkpoint that it knew.
    """
    return [1, day, CONFIRM, number, size, by]


def restored(day: int, number: int, frame: bytes) -> list[object]:
    """The signed statement of partner `number` that its edge was put back from a back-up."""
    return [1, day, RESTORED, number, frame]


def migrated(day: int, before: str, after: str, found: int, root: bytes) -> list[object]:
    """The store was moved from one engine to another, when the log had `found` entries and this root."""
    return [1, day, MIGRATED, before, after, found, root]


def rules(day: int, table_hash: bytes) -> list[object]:
    """From now on the hub decides by this table, which stands in the log, for whoever published none of its own."""
    return [1, day, RULES, table_hash]


def officer(day: int, role: str, public: bytes) -> list[object]:
    """From now on the controller or the FG (`role`) signs with this Ed25519 key."""
    return [1, day, OFFICER, role, public]


def inquiry(day: int, act: str, request: bytes) -> list[object]:
    """An inquiry was opened or closed (`act`), as the signed request says; while one is open nothing is erased."""
    return [1, day, INQUIRY, act, request]


def erasure(day: int, reason: str, ranges: Sequence[tuple[int, int]], request: bytes | None) -> list[object]:
    """Record and salt of the entries in `ranges` (first, end) were destroyed in the commit that logged this.

    `request` is what controller and FG signed; None when the term of these entries was over.
    """
    return [1, day, ERASURE, reason, [list(pair) for pair in ranges], request]
