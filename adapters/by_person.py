# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Grants that a person makes on another ground than consent: a statutory task, or a written declaration of no objection.

Guarantees:
- the row is named by the person, and permits it between these two roles; its source is named too (the file in which the task
  or the declaration stands) and travels sealed, to the recipient alone;
- a row that rests on consent makes no grant here: that takes an agreement, with its record and receipt;
- of a declaration it is said whose it is, and it ends with the birthday that makes it too little (`adapters.declarations`);
- an objection, withdrawal or hold that stands is not overruled: somebody lifts it first.
"""

import re
from dataclasses import dataclass
from typing import Final

from adapters.agreement import CONSENT, NO_BSN
from adapters.declarations import NO_OBJECTION, Declared, keep, last_day
from adapters.lines import Wish, make
from adapters.records_outgoing import Client, Grant
from adapters.refusals import is_refused
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.decide import longest_validity
from consent.grant import with_a_month
from consent.rules import ways
from schemas.address import role_of

_SOURCE: Final = re.compile(r"[0-9A-Za-z-]{1,64}")  # as the introduction takes it


class NoGroundError(ValueError):
    """This grant can't be made; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a person relies on: the row, where it stands, and until which day (None: the longest that the row allows).

    `declared`: of a declaration of no objection, whose it is.
    """

    row: int
    source: str
    end: int | None = None
    declared: Declared | None = None


def make_grant(tx: Transaction, work: Workplace, client: Client, recipient: str, on: Reliance) -> Grant:
    """The grant under which this edge may tell this address.

    Raises:
        NoGroundError: the row doesn't permit it or rests on consent, a refusal stands, there is no BSN to introduce by, the source is
            no reference, or nobody says whose a declaration is.
        DeclarationError: it is not the declaration of everybody whose it takes.
        NotLawfulError: an end beyond what the row allows.
    """
    if _SOURCE.fullmatch(on.source) is None:
        raise NoGroundError("de bron is een kenmerk van 1 tot 64 letters, cijfers en streepjes")
    found = [way for way in ways(work.rules, role_of(work.address), role_of(recipient)).open if way.row.id == on.row]
    if not found:
        raise NoGroundError("deze regel laat ons deze partner niet inlichten")
    way = next((one for one in found if one.ground != CONSENT), None)
    if way is None:
        raise NoGroundError("op toestemming deelt deze organisatie na een afspraak met de cliënt")
    row = way.row
    if is_refused(tx, client.id, recipient, row):
        raise NoGroundError("er staat een weigering tegen deze partner: hef die eerst op")
    if way.ground == NO_OBJECTION and on.declared is None:
        raise NoGroundError("zeg van wie de schriftelijke verklaring van geen bezwaar is")
    longest = longest_validity(row, work.today)
    end = with_a_month(work.today, longest) if on.end is None else on.end
    if way.ground == NO_OBJECTION and on.declared is not None:
        last = last_day(tx, work, client, row, on.declared)
        end = end if last is None or end > longest else min(end, last)  # a wish beyond the rule is refused as it is
    wish = Wish(client.id, recipient, row, way.ground, row.categories, end, on.source, automatic=False)
    grant = make(tx, work, wish)
    if grant is None:
        raise NoGroundError(NO_BSN)
    if way.ground == NO_OBJECTION and on.declared is not None:
        keep(tx, grant, on.declared)
    return grant
