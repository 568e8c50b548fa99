# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whether what a partner opened about a client may be shown here already, and for what it waits. Reads only.

Guarantees:
- a refusal is asked before this one (`adapters.refusals.turns_away`); what waits here was refused by nobody yet, and is shown to nobody;
- an objection against being told that nobody has decided holds whatever comes after it where its row lets it be weighed, also what a
  person at the sender made on a task: whoever made it there can't know of it.
"""

from typing import Final

from adapters.records_incoming import Introduced
from adapters.references import is_known
from adapters.refusals import is_undecided
from adapters.shelf import Reads
from adapters.workplace import Workplace

SOURCE: Final = "source"  # what it rests on is not known here
OBJECTION: Final = "objection"  # somebody must decide it first


def waits_for(reads: Reads, work: Workplace, introduced: Introduced, client: str) -> str | None:
    """For what it waits before anything of it is shown; None: for nothing."""
    row = work.rules.rows.get(introduced.row)
    if is_undecided(reads, client, introduced.sender, row):
        return OBJECTION
    return None if is_known(reads, introduced, client) else SOURCE
