# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a withdrawal does to the records of consent: they say that it was withdrawn, and when.

Guarantees: whichever way the citizen withdraws at this edge (one agreement, one partner, all, or with the stop code of the
receipt), every consent that it is about and that has not come to its end says so from that commit on; so it does from the commit in
which this edge hears that another address stopped it, for that may have been the stop code, and nothing rests on it again; what was
withdrawn keeps its first moment; what had ended before is no withdrawal and stays as it was.
"""

from dataclasses import replace

from adapters.records_people import CONSENTS
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.record import from_bytes


def withdraw(
    tx: Transaction,
    work: Workplace,
    client: str,
    partner: str | None,
    row: int | None = None,
    *,
    elsewhere: bool = False,
) -> int:
    """Mark what this client agreed to with a partner, or with all for None, under one row or any; how many.

    `elsewhere`: another address stopped it. Said here after that, it is the citizen's own withdrawal, of the first moment.
    """
    marked = 0
    for consented in CONSENTS.find(tx, "client", client.encode()):
        record = from_bytes(consented.raw, work.registry)
        about = partner is None or partner in record.recipients
        if not about or row not in (None, record.row) or work.today > record.end:
            continue
        if record.state == "given":
            raw = record.withdrawn(work.now).to_bytes(work.registry)
            CONSENTS.put(tx, replace(consented, raw=raw, elsewhere=elsewhere))
            marked += 1
        elif consented.elsewhere and not elsewhere:
            CONSENTS.put(tx, replace(consented, elsewhere=False))
    return marked
