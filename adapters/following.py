# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Lines that follow what was read: they last as long as their allocations, or as the answers on which they rest.

Guarantees: nothing is made against a refusal, nor in a line that waits for a person (`adapters.lines.make`); what has ended is
not opened, a new grant is made; where the table has no room, nobody is told.
"""

from adapters.lines import NotLawfulError, Wish, end_grant, is_live, line_name, make, newest
from adapters.records_outgoing import ACTIVE, GRANTS, Client, Grant
from adapters.references import ALLOCATION_ROWS, SOURCE_ROWS, STATUTORY, sources_of
from adapters.refusals import CLOSED
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.decide import longest_validity
from consent.rules import Row, RuleTable
from schemas.address import role_of


def active_grants(reads: Reads, client: Client, today: int) -> list[Grant]:
    """The newest active grant of every line about this client, where it may be used today."""
    # A line is about one client, so all its grants are among these, in the order in which they were made.
    newest_of: dict[str, Grant | None] = {}
    for grant in GRANTS.find(reads, "client", client.id.encode()):
        newest_of[grant.line] = grant if grant.state == ACTIVE else newest_of.get(grant.line)
    return [grant for grant in newest_of.values() if grant is not None and is_live(grant, today)]


def statutory_rows(rules: RuleTable, sender: str, recipient: str, law: str) -> list[Row]:
    """The rows for which an allocation between these two is the ground for this side to tell."""
    return [row for row in rows_among(rules, sender, recipient, ALLOCATION_ROWS) if row.law == law]


def rows_among(rules: RuleTable, sender: str, recipient: str, among: frozenset[int]) -> list[Row]:
    """Those of these rows that permit a statutory grant between two addresses."""
    roles = role_of(sender), role_of(recipient)
    return [
        row
        for row in rules.rows.values()
        if row.id in among and rules.permits(row.id, *roles, STATUTORY, row.categories)
    ]


def follow_sources(
    tx: Transaction, work: Workplace, client: str, partner: str, row: Row, *, automatic: bool = True
) -> bool:
    """Make the line last as long as its allocations: a new grant, a renewal, or its end; whether anything changed."""
    old = newest(tx, line_name(client, partner, row))
    sources = [
        source
        for source in sources_of(tx, client, partner, row.id, row.law)
        if not source.withdrawn and not source.closed and (source.end is None or source.end >= work.today)
    ]
    if not sources:
        if old is None or not is_live(old, work.today):
            return False
        for grant in GRANTS.find(tx, "line", old.line.encode()):
            if grant.state == ACTIVE:
                end_grant(tx, work, grant, CLOSED)
        return True
    last = None if any(source.end is None for source in sources) else max(source.end or 0 for source in sources)
    if old is not None and is_live(old, work.today) and _end(row, old.begin, last) == old.end:
        return False
    wish = Wish(
        client,
        partner,
        row,
        STATUTORY,
        row.categories,
        _end(row, work.today, last),
        sources[-1].number,
        automatic=automatic,
    )
    try:
        made = make(tx, work, wish)
    except NotLawfulError:  # the table has no room for it: nobody is told
        return False
    return made is not None and made != old


def rests_on_source(reads: Reads, grant: Grant) -> bool:
    """Whether a message that this edge read is the ground of this grant, and not what a person named as its source."""
    sources = sources_of(reads, grant.client, grant.recipient, grant.row, grant.law)
    return grant.row in SOURCE_ROWS and any(source.number == grant.source for source in sources)


def _end(row: Row, begin: int, last: int | None) -> int:
    longest = longest_validity(row, begin)
    return longest if last is None else min(last, longest)
