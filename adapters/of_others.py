# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How many messages were neither from nor to this organisation: most often an own code in its settings is wrong, and then
nothing is told while everything seems well.

Guarantees:
- what is kept is a number per day, for two weeks: nothing of a message, of whom it is or about whom;
- an answer over Suwinet is from who was asked, and names nobody that asked: it is never counted.
"""

from collections.abc import Sequence
from typing import Final

from adapters.formats.native import NativeEvent
from adapters.records_own import OF_OTHERS, OfOthers
from adapters.references import is_answer
from adapters.shelf import Reads, number_key
from adapters.store import Transaction

DAYS: Final = 7  # of which the doctor tells
KEPT_DAYS: Final = 14


def are_of_others(events: Sequence[NativeEvent], own_codes: frozenset[str]) -> bool:
    """Whether nothing in this message is from or to this organisation; what names nobody says nothing."""
    parties = {code for one in events for code in (one.sender, one.receiver) if code is not None}
    return bool(parties) and parties.isdisjoint(own_codes) and not any(is_answer(one) for one in events)


def count(tx: Transaction, today: int) -> None:
    """One more today; many in one transaction are written once."""
    before = OF_OTHERS.get(tx, number_key(today))
    OF_OTHERS.hold(tx, OfOthers(today, 1 if before is None else before.messages + 1))


def of_late(reads: Reads, today: int) -> int:
    """How many there were in the last days, today's too."""
    found = (OF_OTHERS.get(reads, number_key(day)) for day in range(today - DAYS + 1, today + 1))
    return sum(one.messages for one in found if one is not None)


def purge(tx: Transaction, today: int) -> None:
    """What was counted has had its time."""
    for one in [one for one in OF_OTHERS.scan(tx) if one.day < today - KEPT_DAYS]:
        OF_OTHERS.delete(tx, number_key(one.day))
