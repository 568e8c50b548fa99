# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the edge can't decide and does not keep silent about: a person looks, acts where needed, and says that it is done.

Guarantees:
- it stands until a named person has settled it, or whoever wrote what it is about takes that back;
- the same thing said again is one matter while nobody has settled it;
- to settle it changes nothing else: what must end or begin, a person ends or begins with its own command.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.shelf import Reads, Shelf, number_key
from adapters.store import Table, Transaction
from adapters.workplace import Workplace

END_UNNAMED: Final = "end-unnamed"  # help has ended, and no allocation or file is named: which line is over?
DEATH_TAKEN_BACK: Final = "death-taken-back"
_LONGEST: Final = 200  # signs of a name


class MatterError(ValueError):
    """This can't be settled; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True, repr=False)
class Matter:
    """Something that asks for a person. `about`: by what the same thing is recognised.

    `grants`: those whose lines it is about; `begun`: the grants by which a line of these has begun anew by itself. `due`: that is
    still to be tried.
    """

    number: int
    client: str
    kind: str
    about: str
    grants: tuple[str, ...]
    made_on: int
    begun: tuple[str, ...] = ()
    due: bool = False
    done_on: int | None = None
    done_by: str = ""


MATTERS: Final = Shelf(
    Table("matter", ("client",), ("state",)),
    Matter,
    lambda r: number_key(r.number),
    lambda r: {"client": r.client.encode()},
    lambda r: {"state": "due" if r.done_on is None else "done"},
)


def ask(
    tx: Transaction, work: Workplace, client: str, what: tuple[str, str], grants: Sequence[str], *, due: bool = False
) -> Matter:
    """Ask a person about something; `what`: its kind, and by what it is recognised."""
    kind, about = what
    for one in MATTERS.find(tx, "client", client.encode(), "due"):
        if (one.kind, one.about) == (kind, about):
            named = tuple(dict.fromkeys([*one.grants, *grants]))
            return MATTERS.put(tx, replace(one, grants=named, due=one.due or due))
    number = max((one.number for one in MATTERS.scan(tx)), default=0) + 1
    return MATTERS.put(tx, Matter(number, client, kind, about, tuple(grants), work.today, due=due))


def withdraw(tx: Transaction, client: str, kind: str, about: str) -> None:
    """Whoever wrote it takes it back: nobody need look."""
    for one in MATTERS.find(tx, "client", client.encode(), "due"):
        if (one.kind, one.about) == (kind, about):
            MATTERS.delete(tx, number_key(one.number))


def waiting(reads: Reads) -> list[Matter]:
    """What nobody has settled, oldest first."""
    return list(MATTERS.scan(reads, "due"))


def settle(tx: Transaction, work: Workplace, number: int, by: str) -> Matter:
    """A named person has looked and done what was needed.

    Raises:
        MatterError: there is none of this number that waits, or nobody is named.
    """
    found = MATTERS.get(tx, number_key(number)) if 0 < number < 1 << 63 else None
    name = " ".join(by.split())
    if found is None or found.done_on is not None:
        raise MatterError("er wacht niets met dit nummer")
    if not 0 < len(name) <= _LONGEST:
        raise MatterError("zeg wie het heeft bekeken, in hoogstens 200 tekens")
    return MATTERS.put(tx, replace(found, due=False, done_on=work.today, done_by=name))


def forget(tx: Transaction, client: str) -> None:
    """The client is erased."""
    for one in MATTERS.find(tx, "client", client.encode()):
        MATTERS.delete(tx, number_key(one.number))
