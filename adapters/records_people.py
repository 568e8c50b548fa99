# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge keeps of people: what they refused, objected to, asked, agreed to, looked at and decided.

Guarantees: days, months and times are integers as everywhere; who decided stands beside when.
"""

from dataclasses import dataclass
from typing import Final

from adapters.shelf import Shelf, gone_key, number_key, some
from adapters.store import Table


@dataclass(frozen=True, slots=True, repr=False)
class Refused:
    """An objection, withdrawal or hold of one client, or an exception to one. Only a person lifts it.

    `recipient` and `role` None: for all; `row` None: whatever the row. `incoming`: against being told by that partner, not
    against telling it. `overruled`: of an objection, where its row lets it be weighed. `lifted_by`: the person who lifted it; empty
    where the citizen took it back.
    """

    id: str
    client: str
    recipient: str | None
    kind: str
    since: int
    lifted_at: int | None = None
    incoming: bool = False
    role: str | None = None
    row: int | None = None
    overruled: bool = False
    lifted_by: str = ""


REFUSALS: Final = Shelf(
    Table("refusal", ("client",)), Refused, lambda r: r.id.encode(), lambda r: some(client=r.client)
)


@dataclass(frozen=True, slots=True, repr=False)
class Objection:
    """What is to be done about an objection: its refusal, the effects of the rows that it is about, and by whom it was decided.

    `decide_by` None: there is nothing to decide. `outcome` is empty until somebody has decided. `ended`: the grants that it
    ended. `informed_on`: the day on which a professional told the citizen what comes of it.
    """

    number: int
    client: str
    refusal: str
    effects: tuple[str, ...]
    made_on: int
    given_by: str
    decide_by: int | None
    ended: tuple[str, ...] = ()
    outcome: str = ""
    decided_on: int | None = None
    decided_by: str = ""
    reason: str = ""
    informed_on: int | None = None
    informed_by: str = ""


OBJECTIONS: Final = Shelf(
    Table("objection", ("client", "refusal")),
    Objection,
    lambda r: number_key(r.number),
    lambda r: some(client=r.client, refusal=r.refusal),
)


@dataclass(frozen=True, slots=True, repr=False)
class Asking:
    """What this edge asked a partner: to be told about a client under a row of theirs. `item`: of the outbox."""

    item: int
    client: str
    partner: str
    row: int
    on: int


ASKINGS: Final = Shelf(
    Table("asking", ("client",)), Asking, lambda r: number_key(r.item), lambda r: some(client=r.client)
)


@dataclass(frozen=True, slots=True, repr=False)
class AskedFor:
    """What a partner asked of this edge, under its own grant of this secret. `answer` is empty until a person gave one."""

    number: int
    sender: str
    event_id: bytes
    secret: bytes
    row: int
    came_on: int
    answer: str = ""
    by: str = ""
    answered_on: int | None = None


ASKED_FOR: Final = Shelf(
    Table("asked_for", ("event",)),
    AskedFor,
    lambda r: number_key(r.number),
    lambda r: {"event": gone_key(r.sender, r.event_id)},
)


@dataclass(frozen=True, slots=True)
class Consented:
    """A consent record with the grants that rest on it. `elsewhere`: it is withdrawn since another address stopped a grant of it, for
    a reason that nobody here is told."""

    id: str
    client: str
    raw: bytes
    grants: tuple[str, ...]
    elsewhere: bool = False


CONSENTS: Final = Shelf(
    Table("consent", ("client",)), Consented, lambda r: r.id.encode(), lambda r: some(client=r.client)
)


@dataclass(frozen=True, slots=True, repr=False)
class Spoken:
    """Whose words (capacity, manner) a consent rests on, and how matters stood with the client when they were given.

    `outgrown_on`: the day on which a birthday had made them too few; nothing under this consent goes on from then.
    """

    consent: str
    words: tuple[tuple[str, str], ...]
    capable: bool = True
    authority: tuple[str, ...] = ()
    aside: tuple[tuple[str, str, str], ...] = ()
    parents_too: bool = True
    outgrown_on: int | None = None


SPOKEN: Final = Shelf(Table("consent_words"), Spoken, lambda r: r.consent.encode())


@dataclass(frozen=True, slots=True, repr=False)
class Born:
    """The date of birth of an own client: only to know whose consent counts, and told to nobody."""

    client: str
    day: int


BIRTHS: Final = Shelf(Table("birth"), Born, lambda r: r.client.encode())


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """Somebody saw what is kept about a client: `by` as the person gave it, `account` as the machine knows it.

    `why` and `what` are of closed lists (`adapters.looks`); `tasks` are those whose chain view was shown, as purpose/law.
    """

    id: str
    client: str
    at: int
    by: str
    account: str
    why: str
    what: str
    tasks: tuple[str, ...] = ()


LOOKS: Final = Shelf(Table("look", ("client",)), Look, lambda r: r.id.encode(), lambda r: some(client=r.client))


@dataclass(frozen=True, slots=True, repr=False)
class Limited:
    """A named person decided that something is not in the report to the citizen (`adapters.rights_limits`).

    `partner` or `item` None: not limited to it. `against`: who asks, the client or a representative; None for both.
    """

    id: str
    client: str
    ground: str
    by: str
    at: int
    partner: str | None = None
    item: bytes | None = None
    against: str | None = None
    ended_at: int | None = None
    ended_by: str | None = None


LIMITS: Final = Shelf(Table("limited", ("client",)), Limited, lambda r: r.id.encode(), lambda r: some(client=r.client))


@dataclass(frozen=True, slots=True, repr=False)
class Informed:
    """The citizen was told that a partner tells us something, or a named person found that the law asks it not."""

    client: str
    sender: str
    purpose: str
    law: str
    by: str
    at: int
    exception: str | None = None


INFORMED: Final = Shelf(
    Table("informed", ("client",)),
    Informed,
    lambda r: f"{r.client}/{r.sender}/{r.purpose}/{r.law}".encode(),
    lambda r: some(client=r.client),
)


@dataclass(frozen=True, slots=True, repr=False)
class Erased:
    """A client whose data were destroyed on request; `done`: nothing is left that a retraction still needs. `back_on`: since when
    it is a client again."""

    client: str
    by: str
    at: int
    done: bool = False
    back_on: int | None = None


ERASED: Final = Shelf(Table("erased"), Erased, lambda r: r.client.encode())
