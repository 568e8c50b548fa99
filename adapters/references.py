# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Which native message is the source of which statutory grant, and whether this edge knows the source that another names.

| rows | source | who has it |
| --- | --- | --- |
| 1, 2, 8, 904 | an allocation (301 of iWmo or iJw): its number | municipality and provider |
| 15, 115 | an answer over Suwinet: a digest of all that it says | who asked, and who answered |

Guarantees:
- under every other row this edge makes no statutory grant by itself: no message names both the help and the other partner,
  or the law asks for a judgement (16 on request, 17 if not disproportionate), or the citizen hands over a code;
- a reference is known only when this edge has read that message itself, about this client, of or to that partner;
- an answer has no number that both sides know, so its reference is made of what it says: who did not read it can't name it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from adapters.formats.native import NativeEvent
from adapters.records_incoming import INTRODUCTIONS, Introduced
from adapters.records_outgoing import SOURCES, Source
from adapters.shelf import Reads
from adapters.store import Transaction
from schemas.canonical import encode

STATUTORY: Final = "statutory"
ALLOCATION_ROWS: Final = frozenset({1, 2, 8, 904})  # the rows for which an allocation is the ground
ANSWER_ROWS: Final = frozenset({15, 115})  # the rows for which an answer that was asked for is the ground
SOURCE_ROWS: Final = ALLOCATION_ROWS | ANSWER_ROWS
# And those in which a person names the help that recipient and sender share: of another allocation nothing is told.
ONE_ALLOCATION_ROWS: Final = ALLOCATION_ROWS | {10}
ANSWER: Final = "answer"  # stands in place of the law of an allocation
ANYBODY: Final = ""  # stands in place of who was answered, whom an answer does not name
_ANSWER_MS: Final = 366 * 86_400_000  # after this an answer is forgotten when there is another
_ANSWERS: Final = "suwi "  # how the service of an answer over Suwinet is called in `polled`


def is_answer(native: NativeEvent) -> bool:
    """Whether this stood in an answer over Suwinet."""
    return native.polled is not None and native.polled.startswith(_ANSWERS)


def brings_ground(native: NativeEvent) -> bool:
    """Whether a grant may be made because of this message: then the feed of the hub is read to its end before."""
    return native.allocation is not None or is_answer(native)


def answer_reference(events: Iterable[NativeEvent]) -> str:
    """The reference of an answer about one person: equal at who asked and at who answered."""
    said = sorted({native.identity for native in events})
    return "suwi-" + hashlib.sha256(encode([list(one) for one in said])).hexdigest()[:32]


def answers(events: Sequence[NativeEvent]) -> dict[tuple[str, str], list[NativeEvent]]:
    """The events of a file that stood in answers over Suwinet, by who answered and about whom."""
    found: dict[tuple[str, str], list[NativeEvent]] = {}
    for native in events:
        if is_answer(native) and native.sender is not None and native.citizen is not None and native.citizen.bsn:
            found.setdefault((native.sender, native.citizen.bsn), []).append(native)
    return found


def sources_of(reads: Reads, client: str, partner: str, row: int, law: str) -> list[Source]:
    """What this edge has read that may carry a grant under this row and its law about a client with this partner."""
    return read_of(reads, client, partner, ANSWER if row in ANSWER_ROWS else law)


def forget_answers(tx: Transaction, client: str, partner: str, now: int) -> None:
    """What was answered more than a year ago is not kept beside a newer answer."""
    for one in read_of(tx, client, partner, ANSWER):
        if now - one.read_at > _ANSWER_MS:
            SOURCES.delete(tx, SOURCES.key(one))


def read_of(reads: Reads, client: str, partner: str, law: str) -> list[Source]:
    """What was read about a client with this partner under one law, or (`ANSWER`) was answered."""
    return SOURCES.find(reads, "partner", f"{client}/{partner}/{law}".encode())


def is_known(reads: Reads, introduced: Introduced, client: str) -> bool:
    """Whether this edge knows what an introduction rests on.

    Asked only of what its sender's edge made by itself on a task, by BSN: for what a person made that person stands,
    consent has its record, and a code was typed by who knows whom it is about.
    """
    if not introduced.automatic or introduced.ground != STATUTORY or introduced.bsn is None:
        return True
    if introduced.source is None or introduced.row not in SOURCE_ROWS:
        return False
    read = [
        one
        for partner in (introduced.sender, ANYBODY)
        for one in sources_of(reads, client, partner, introduced.row, introduced.law)
    ]
    return any(one.number == introduced.source for one in read) or _goes_on(reads, introduced, client)


def _goes_on(reads: Reads, introduced: Introduced, client: str) -> bool:
    """Whether it renews one with the same source that stands here: known, or accepted by a person."""
    before = None if introduced.renews is None else INTRODUCTIONS.get(reads, introduced.renews)
    if before is None or (before.sender, before.client, before.source) != (
        introduced.sender,
        client,
        introduced.source,
    ):
        return False
    return not before.held and not before.withheld
