# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What this edge keeps of an allocation, in whatever order its messages are read.

Guarantees (iStandaarden, IV013):
- of two statements about one allocation that one counts which the municipality settled last, and not which was read last: a
  message from quarantine, or sent once more, undoes no shortening and no removal;
- what was taken back begins again only by what was settled after that, and of what was settled before nothing is told;
- a line that a person ended is begun again by what the municipality settled later, which is a new decision, and never by a message
  that says what was known;
- help that has ended is not begun again by a change of its allocation.
"""

from dataclasses import replace

from adapters.formats.native import Allocation
from adapters.records_outgoing import SOURCES, Source
from adapters.references import read_of
from adapters.shelf import Reads
from adapters.store import Transaction
from schemas.event import Law


def keep(tx: Transaction, source: Source) -> bool:
    """Keep this statement, unless a newer one stands there; whether it says anything that was not known."""
    known = read_of(tx, source.client, source.partner, source.law)
    before = next((one for one in known if one.number == source.number), None)
    if before is None:
        SOURCES.put(tx, source)
        return True
    if source.stated > before.stated or (source.stated == before.stated and not before.withdrawn):
        SOURCES.put(tx, replace(source, closed=before.closed))
        return source.stated > before.stated or (source.end, source.withdrawn) != (before.end, before.withdrawn)
    return False


def is_taken_back(reads: Reads, client: str, law: Law, allocation: Allocation) -> bool:
    """Whether this allocation was taken back after what is stated here."""
    return any(
        one.withdrawn and one.stated > allocation.stated
        for one in SOURCES.find(reads, "client", client.encode())
        if (one.number, one.law) == (allocation.number, law.value)
    )
