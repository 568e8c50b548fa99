# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whose words the consents of this edge rest on, and what a birthday does to them.

Guarantees:
- a date of birth stays at this edge: it is on no envelope, no fact, no notice and no screen but that of who asks when;
- on the day on which the words of a consent are no longer enough, what is told under it stops, before anything leaves that day;
- what a birthday ended is not begun again by anything but a new agreement with the words that it takes then; a date of birth
  that is corrected opens nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from adapters.lines import drop, end_grant
from adapters.records_outgoing import ACTIVE, CLIENTS, GRANTS, STOPPED, Client, Grant
from adapters.records_people import BIRTHS, CONSENTS, SPOKEN, Born, Spoken
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.precedence import REVOCABLE
from consent.record import ConsentRecord, from_bytes
from consent.rules import Row
from consent.whose import (
    AUTHORISED,
    CLIENT,
    CURATOR,
    FAMILY,
    GUARDIAN,
    MENTOR,
    PARENT,
    PARTNER,
    SECOND_PARENT,
    Aside,
    Situation,
    Word,
    age_of,
    holds_until,
    is_plausible,
    missing,
    suffices,
    whose,
)

OUTGROWN: Final = "outgrown"
MONTH_AHEAD: Final = 31
WHO: Final = {
    CLIENT: "de cliënt zelf",
    PARENT: "een ouder met gezag",
    SECOND_PARENT: "de andere ouder met gezag",
    GUARDIAN: "de voogd",
    CURATOR: "de curator",
    MENTOR: "de mentor",
    AUTHORISED: "de gemachtigde (schriftelijk)",
    PARTNER: "de echtgenoot of partner",
    FAMILY: "een ouder, kind, broer, zus of grootouder",
}
_OLDER_RECORDS: Final = {  # what a record of before persons were kept apart says of who gave it
    "client": Spoken("", ((CLIENT, "in-person"),)),
    "parents": Spoken("", ((PARENT, "in-person"),), authority=(PARENT,)),
    "representative": Spoken("", ((AUTHORISED, "in-person"),), capable=False, authority=(AUTHORISED,)),
}


class BirthError(ValueError):
    """Nobody alive was born on that day."""

    def __init__(self) -> None:
        super().__init__("deze geboortedatum kan niet: hij ligt in de toekomst of te ver terug")


@dataclass(frozen=True, slots=True)
class Due:
    """A consent that ends within a month, or was ended by a birthday: `ask` is whose word it takes from `on` on.

    `by_age`: the client grows older. Otherwise it has come to the end that was agreed.
    """

    client: str
    consent: str
    recipient: str
    row: int
    on: int
    by_age: bool
    ask: tuple[str, ...]
    stopped: bool


def born(reads: Reads, client: str) -> int | None:
    """The date of birth of an own client, where it is known here."""
    found = BIRTHS.get(reads, client.encode())
    return None if found is None else found.day


def learn(tx: Transaction, work: Workplace, client: str, day: int) -> None:
    """Keep a date of birth; a consent that it shows to be outgrown ends at once.

    Raises:
        BirthError: nobody alive was born on that day.
    """
    if not is_plausible(day, work.today):
        raise BirthError
    BIRTHS.put(tx, Born(client, day))
    stop_outgrown(tx, work, GRANTS.find(tx, "client", client.encode()))


def spoken(reads: Reads, record: ConsentRecord) -> Spoken:
    """Whose words a consent rests on."""
    found = SPOKEN.get(reads, record.id.encode())
    return replace(_OLDER_RECORDS[record.given_by], consent=record.id) if found is None else found


def situation(day_of_birth: int | None, said: Spoken) -> Situation:
    """How matters stand with a client, as far as was said at a consent."""
    return Situation(day_of_birth, said.capable, said.authority, tuple(Aside(*one) for one in said.aside))


def words(said: Spoken) -> tuple[Word, ...]:
    """The words of a consent."""
    return tuple(Word(who, manner=manner) for who, manner in said.words)


def stop_outgrown(tx: Transaction, work: Workplace, grants: list[Grant] | None = None) -> int:
    """End every grant, of these or of all, whose consent is not enough at the age of today; how many.

    Run before anything else of a day. A stop goes to the hub with the next pass, as any other; where the grant had come to its
    end, as one does that was made since its client's age is known, there is nothing to stop at the hub.
    """
    ended = 0
    for grant in _may_be_outgrown(tx, work) if grants is None else grants:
        if grant.state != ACTIVE or not _rests_on_words(grant):
            continue
        said = _spoken_of(tx, work, grant)
        if said is None or _is_enough(tx, work, grant, said):
            continue
        SPOKEN.put(tx, replace(said, outgrown_on=said.outgrown_on or work.today))
        if work.today <= grant.end:
            end_grant(tx, work, grant, OUTGROWN)
        else:
            GRANTS.put(tx, replace(grant, state=STOPPED))
            drop(tx, grant, asks=False)
        ended += 1
    return ended


def _may_be_outgrown(reads: Reads, work: Workplace) -> list[Grant]:
    """Of whom an age is known that changed whose word it takes since any consent that can still last was given."""
    longest = max((row.longest_months for row in work.rules.rows.values()), default=12)
    since = work.today - 31 * (longest + 1)
    return [
        grant
        for state in ("open", "renews")
        for grant in GRANTS.scan(reads, state)
        if _rests_on_words(grant)
        and (day_of_birth := born(reads, grant.client)) is not None
        and age_of(day_of_birth, since) != "adult"
    ]


def _is_enough(reads: Reads, work: Workplace, grant: Grant, said: Spoken) -> bool:
    """Whether the words of a consent are enough today. One that was outgrown once stays so."""
    if said.outgrown_on is not None:
        return False
    day_of_birth, row = born(reads, grant.client), work.rules.rows.get(grant.row)
    if day_of_birth is None or row is None:  # without the row nothing passes anyhow
        return True
    answer = whose(row, situation(day_of_birth, said), work.today, parents_too=said.parents_too)
    return suffices(answer, words(said))


def declaration_key(grant: Grant) -> str:
    """By what the declarations of a line are kept: they go on when its grant is begun anew."""
    return f"line/{grant.line}"


def _rests_on_words(grant: Grant) -> bool:
    """On consent, or on a written declaration of no objection."""
    return grant.consent is not None or grant.ground in REVOCABLE


def _spoken_of(reads: Reads, work: Workplace, grant: Grant) -> Spoken | None:
    key = declaration_key(grant) if grant.consent is None else grant.consent
    found = SPOKEN.get(reads, key.encode())
    if found is not None:
        return found
    if grant.consent is None:  # a declaration of before it was asked whose it is
        return Spoken(key, ((CLIENT, "in-writing"),))
    kept = CONSENTS.get(reads, grant.consent.encode())
    return None if kept is None else spoken(reads, from_bytes(kept.raw, work.registry))


def due(reads: Reads, work: Workplace, days: int = MONTH_AHEAD) -> list[Due]:
    """What ends within so many days, and what a birthday ended in as many: soonest first, with whom to ask."""
    found = [one for client in CLIENTS.scan(reads) for one in _due(reads, work, client, days)]
    return sorted(found, key=lambda one: (one.on, one.client, one.recipient, one.row))


def _due(reads: Reads, work: Workplace, client: Client, days: int) -> Iterator[Due]:
    grants = [one for one in GRANTS.find(reads, "client", client.id.encode()) if one.state == ACTIVE]
    # Of a renewal that is not introduced yet both are open: what counts is the newest.
    newest = {(one.recipient, one.row): one.consent for one in grants}
    day_of_birth = born(reads, client.id)
    yield from _declared_due(reads, work, client, grants, days)
    for kept in CONSENTS.find(reads, "client", client.id.encode()):
        record = from_bytes(kept.raw, work.registry)
        row, said = work.rules.rows.get(record.row), spoken(reads, record)
        if record.state != "given" or row is None:
            continue
        in_force = newest.get((record.recipients[0], record.row))
        if said.outgrown_on is not None and in_force is None:
            on, by_age, stopped = said.outgrown_on, True, True
            wanted = work.today <= on + days
        else:
            on, by_age = ends(row, day_of_birth, said, record)
            stopped = False
            wanted = in_force == record.id and work.today < on <= work.today + days
        if wanted:
            ask = _ask(row, day_of_birth, said, on)
            yield Due(client.number, record.id, record.recipients[0], row.id, on, by_age, ask, stopped)


def _declared_due(reads: Reads, work: Workplace, client: Client, grants: list[Grant], days: int) -> Iterator[Due]:
    """Of declarations of no objection: the newest grant of each line, which ends by age or by what was agreed."""
    for grant in {one.line: one for one in grants if one.consent is None and one.ground in REVOCABLE}.values():
        row, said = work.rules.rows.get(grant.row), _spoken_of(reads, work, grant)
        if row is None or said is None or not work.today < grant.end + 1 <= work.today + days:
            continue
        now = situation(born(reads, client.id), said)
        answer = whose(row, now, grant.end + 1, parents_too=said.parents_too)
        by_age = not suffices(answer, words(said))
        ask = missing(answer, ()) or (("representative",) if not said.capable else ())
        yield Due(client.number, "", grant.recipient, row.id, grant.end + 1, by_age, ask, stopped=False)


def ends(row: Row, day_of_birth: int | None, said: Spoken, record: ConsentRecord) -> tuple[int, bool]:
    """The first day on which a consent is over, and whether it is by age."""
    now = situation(day_of_birth, said)
    last = holds_until(row, now, record.begin, words(said), parents_too=said.parents_too)
    if last is not None and last <= record.end:
        return last + 1, True
    return record.end + 1, False


def _ask(row: Row, day_of_birth: int | None, said: Spoken, on: int) -> tuple[str, ...]:
    """Whose word it takes on that day, as far as it is known who there is then."""
    answer = whose(row, situation(day_of_birth, said), on, parents_too=said.parents_too)
    return missing(answer, ()) or (("representative",) if not said.capable else ())
