# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the hub knows of one message: what happened on which day, where it is now, why, and what to do.

* From the stored outcome, the queue, what was set aside and the entries of the log; nothing is opened or changed.
* Addresses of partners, days and codes only: nothing of a citizen is here to be shown, and no handle or other id is.
* The log is read from the acceptance on, and no further than the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from deploy.entries import pages
from hub.faults import is_behind
from hub.store import FaultRow, Store, Stored, Waiting
from schemas import entry
from schemas.calendar import date_text, day_of
from schemas.canonical import decode_array
from schemas.codes import CLASS, SENTENCE, Class, Code
from schemas.entry import Entry
from schemas.envelope import parse

_CODES = {code.value: code for code in Code}
_REMEDY = {
    Class.DONE: "Nothing needs to be done.",
    Class.FINAL: "It will never succeed as it is: the sender's supplier must look at the program that made it.",
    Class.SEAL_AGAIN: "Nothing here: the sender's edge seals it again by itself, under another id.",
    Class.ASK: "A person at the sender must look: `schakel edge outbox` there says what waits.",
    Class.LATER: "Nothing here: the sender's edge sends the same bytes again later.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to it."""

    day: str
    what: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of one message."""

    id: str
    steps: tuple[Step, ...]
    where: str
    why: str
    remedy: str


def trace(store: Store, message_id: bytes) -> Trace | None:
    """What is known of this message; None when nothing is."""
    stored = store.stored([message_id]).get(message_id)
    if stored is None:
        return _set_aside(store, message_id)
    waiting = store.find_waiting([message_id]).get(message_id)
    steps = (*_accepted(store, stored), *_later(store, stored, waiting))
    if waiting is not None:
        where, why, remedy = _of_waiting(store, waiting)
    else:
        where, why, remedy = _ended(store, stored), SENTENCE[stored.code], _REMEDY[CLASS[stored.code]]
    return Trace(message_id.hex(), steps, where, why, remedy)


def _ended(store: Store, stored: Stored) -> str:
    sender, recipient = _names(store, stored.sender, stored.recipient)
    if CLASS[stored.code] is Class.DONE:
        return f"It is with {recipient} ({stored.code.value})."
    return f"It is nowhere any more: it ended as {stored.code.value}, and {sender} is told so in its feed."


def _names(store: Store, *numbers: int) -> tuple[str, ...]:
    known = {row.number: row.address for row in store.addresses().values()}
    return tuple(known.get(number, "-") for number in numbers)


def _accepted(store: Store, stored: Stored) -> Iterator[Step]:
    """The first decision."""
    (item,) = store.entries(stored.accept, stored.accept + 1) or (Entry(b"", None, b""),)
    if not item.record:
        return
    record = _opened(item)
    sender, recipient = _names(store, stored.sender, stored.recipient)
    code = _CODES[cast("str", record[-1])]
    if code is Code.ACCEPTED:
        yield _step(record, f"Accepted from {sender} for {recipient}.")
    else:
        yield _step(record, f"Sent by {sender} for {recipient}, and refused: {code.value}.")


def _later(store: Store, stored: Stored, waiting: Waiting | None) -> Iterator[Step]:
    """Hand-overs, receipts and expiry, up to the outcome."""
    left = None if waiting is None else waiting.offered
    if left == 0:
        return
    for _, found in pages(store, stored.accept + 1, store.head().size):
        for record in filter(None, map(_about, found)):
            if record[3] != stored.accept:
                continue
            yield _step(record, _said(record))
            if left is not None and record[2] == entry.HAND_OVER:
                left -= 1
            if left == 0 or (left is None and _code(record) is stored.code):
                return


def _about(item: Entry) -> list[object] | None:
    """The record of an entry that belongs to an acceptance."""
    if not item.record or item.salt is None:
        return None
    record = _opened(item)
    return record if record[2] in (entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY) else None


def _opened(item: Entry) -> list[object]:
    return decode_array(item.record, item.record[0] & 0x1F)


def _code(record: list[object]) -> Code:
    return _CODES[cast("str", record[4] if record[2] == entry.RECEIPT else record[-1])]


def _said(record: list[object]) -> str:
    code = _code(record)
    if record[2] == entry.RECEIPT:
        return f"The recipient's signed receipt came: {code.value}."
    if record[2] == entry.EXPIRY:
        return f"Its waiting ended without a receipt: {code.value}. The payload and its key were destroyed."
    if code is Code.ACCEPTED:
        return f"Handed over to the recipient, time {record[4]}."
    return f"Not handed over: the second decision, at pick-up, was {code.value}."


def _step(record: list[object], what: str) -> Step:
    return Step(date_text(cast("int", record[1])), what)


def _of_waiting(store: Store, waiting: Waiting) -> tuple[str, str, str]:
    """Where, why, and what to do."""
    (recipient,) = _names(store, waiting.recipient)
    row = store.addresses().get(recipient)
    where = f"It waits at the hub for {recipient}, since {date_text(day_of(waiting.since))}."
    if row is None or row.state != "admitted":
        state = "unknown" if row is None else row.state
        remedy = "When that is over: `schakel partner resume`. Else it ends by itself as expired."
        return where, f"That partner is {state} at present.", remedy
    doctor = "Ask that partner to run `schakel edge doctor`."
    if not waiting.offered:
        return where, "The recipient's edge has not picked it up yet.", f"When this lasts longer than an hour: {doctor}"
    if waiting.lease_until > store.now():
        where = f"It was handed to {recipient}, and its receipt has not come yet."
        return where, "The recipient's edge has it in hand.", "Nothing: without a receipt it is offered again."
    times = "once" if waiting.offered == 1 else f"{waiting.offered} times"
    return where, f"It was handed over {times}, and no receipt came.", doctor


def _behind(message_id: bytes, row: FaultRow, sender: str) -> Trace:
    return Trace(
        message_id.hex(),
        (Step(date_text(day_of(row.since)), f"Sent by {sender}; it came behind a message that the hub failed on."),),
        "It waits at the hub, wrapped, behind that one.",
        "It is decided when the one before it is over, after seven days at the latest.",
        "Tell the supplier; `schakel hub faults list` shows the one before it.",
    )


def _set_aside(store: Store, message_id: bytes) -> Trace | None:
    """A frame that the hub failed on has no stored outcome; its own bytes hold the id."""
    for row in store.faults():
        frame = store.fault_frame(row.number)
        if frame is None or parse(frame).message_id != message_id:
            continue
        (sender,) = _names(store, row.sender or 0)
        if is_behind(row):
            return _behind(message_id, row, sender)
        what = f"Sent by {sender}; the hub failed on it and set it aside as fault {row.number}."
        return Trace(
            message_id.hex(),
            (Step(date_text(day_of(row.since)), what),),
            "It is set aside at the hub, wrapped; after seven days it is destroyed.",
            SENTENCE[Code.HUB_FAULT],
            f"Tell the supplier, then `schakel hub faults retry {row.number}`, or drop. Messages of the same grant are held back meanwhile and come later.",
        )
    return None
