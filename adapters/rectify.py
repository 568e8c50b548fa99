# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What was told wrongly about a client is called back everywhere, and told rightly where that is still lawful (AVG art. 16 and 19).

Guarantees:
- one commit: whoever was told the wrong thing has it called back, or nothing is changed;
- the right thing is told anew under a line that is active today, against no refusal, and only with the categories of its
  grant; where there is none, it is called back and nothing else, and that is said;
- the right thing leaves after the call has arrived (`adapters.outbound`), so that nobody has both.
"""

from dataclasses import dataclass
from typing import Final

from adapters import restore
from adapters.intake import Intake
from adapters.lines import add_item, is_live, newest
from adapters.records_outgoing import EVENT, GRANTS, ITEMS, WAITING, Client, Grant, Item
from adapters.refusals import is_refused
from adapters.shelf import number_key
from adapters.spread import AT_ONCE
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.address import role_of
from schemas.event import Ending, Event, Kind, Law

PUT_BACK: Final = (
    "deze edge is teruggezet uit een reservekopie en nog niet weer aan het werk: zie `schakel edge restored`"
)
NOTHING_GIVEN: Final = "geef op wat er anders moet zijn: soort, datum, afloop of toewijzing"
DESTROYED: Final = "de inhoud is hier al vernietigd: geef soort en datum op"


class RectifyError(ValueError):
    """This can't be put right; a Dutch sentence for the professional, without a number of a client."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What should have been told; None is as it was."""

    kind: Kind | None = None
    day: int | None = None
    ending: Ending | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Rectified:
    """Addresses that were told the wrong thing: told anew, or only called back."""

    told_again: tuple[str, ...]
    only_called_back: tuple[str, ...]


def rectify(
    tx: Transaction, work: Workplace, intake: Intake, client: Client, number: int, right: Correction
) -> Rectified:
    """Call back what stands under this number, at every recipient, and tell it rightly.

    Raises:
        RectifyError: it was not told about this client or is called back already, what is right is no event, or this edge was
            put back and waits.
    """
    if restore.is_restoring(tx) or restore.reads_again(tx) is not None:
        raise RectifyError(PUT_BACK)
    item = ITEMS.get(tx, number_key(number))
    if item is None or item.kind != EVENT or item.client != client.id or not (item.told or item.state == WAITING):
        raise RectifyError("onder dit nummer is niets over deze cliënt verteld; `edge told` noemt de nummers")
    if item.dead:
        raise RectifyError("dit is al teruggenomen")
    if right == Correction():
        raise RectifyError(NOTHING_GIVEN)
    wrong = [
        one
        for one in ITEMS.find(tx, "identity", item.identity)
        if one.kind == EVENT and one.client == client.id and not one.dead and (one.told or one.state == WAITING)
    ]
    event = _right(work, [item, *wrong], GRANTS.need(tx, item.grant.encode()), right)
    again, called_back = list[str](), list[str]()
    for one in wrong:
        grant = GRANTS.need(tx, one.grant.encode())
        intake.retract(tx, one)
        heir = newest(tx, grant.line)
        if heir is not None and _may_be_told(tx, work, heir, event):
            _tell(tx, work, intake, heir, one, event)
            again.append(grant.recipient)
        else:
            called_back.append(grant.recipient)
    return Rectified(tuple(again), tuple(called_back))


def _right(work: Workplace, told: list[Item], grant: Grant, right: Correction) -> Event:
    """The event as it should be, from what is still here of what was told and what a person says."""
    found = [event for one in told if (event := _event(work, one)) is not None]
    whole = next((event for event in found if event.law is not None), found[0] if found else None)
    kind, day = right.kind, right.day
    if whole is not None:
        kind, day = kind or whole.kind, whole.day if day is None else day
    if kind is None or day is None:
        raise RectifyError(DESTROYED)
    kept = whole.ending if whole is not None and kind is Kind.BEEINDIGD else None
    reference = right.reference or (None if whole is None else whole.reference)
    try:
        return Event(kind, day, Law(grant.law), right.ending or kept, reference)
    except ValueError:
        raise RectifyError(
            "dit is geen gebeurtenis: een afloop hoort alleen bij beëindigd, en de datum moet bestaan"
        ) from None


def _event(work: Workplace, item: Item) -> Event | None:
    if not item.parts:
        return None
    return Event.from_parts({name: work.registry.validate(f"{name}/1", raw) for name, raw in item.parts})


def _may_be_told(tx: Transaction, work: Workplace, grant: Grant, event: Event) -> bool:
    if not is_live(grant, work.today) or is_refused(tx, grant.client, grant.recipient, work.rules.rows.get(grant.row)):
        return False
    if event.law is None or event.law.value != grant.law:
        return False
    return work.rules.permits(
        grant.row, role_of(work.address), role_of(grant.recipient), grant.ground, grant.categories
    )


def _tell(tx: Transaction, work: Workplace, intake: Intake, grant: Grant, wrong: Item, event: Event) -> None:
    registry = work.registry
    parts = tuple(
        (name, registry.encode(f"{name}/{registry.versions(name)[-1]}", part))
        for name, part in sorted(event.parts(grant.categories).items())
    )
    new = Item(
        number=0,
        kind=EVENT,
        event_id=intake.event_id(tx, grant, wrong.identity),
        grant=grant.id,
        line=grant.line,
        client=grant.client,
        identity=wrong.identity,
        day=event.day,
        parts=parts,
        made_at=work.now,
        release_at=AT_ONCE,
    )
    add_item(tx, new)
