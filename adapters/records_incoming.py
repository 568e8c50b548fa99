# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge keeps of being told: introductions, events, receipts, and what others stopped or promised.

Guarantees: days, months and times are integers as everywhere; secrets and frames are bytes.
"""

from dataclasses import dataclass
from typing import Final

from adapters.shelf import Shelf, gone_key, some
from adapters.store import Table


@dataclass(frozen=True, slots=True, repr=False)
class Introduced:
    """An introduction that came in. Without a client it is kept all the same, for who may be registered later.

    `withheld`: a refusal stands against it, so nothing under it is shown. `ended_on`: the day of a stop. By code it has no
    BSN, but the `proof` of its code, if it has one; `message_id` is of the envelope in which it came last. `held`: this edge does
    not know the `source` that it names, and shows nothing of it before it does, or a person accepts it.
    """

    secret: bytes
    sender: str
    bsn: str | None
    row: int
    ground: str
    categories: tuple[str, ...]
    purpose: str
    law: str
    begin: int
    end: int
    renews: bytes | None
    automatic: bool
    came_at: int
    client: str | None = None
    withheld: bool = False
    ended_on: int | None = None
    proof: bytes = b""
    message_id: bytes = b""
    source: str | None = None
    held: bool = False


INTRODUCTIONS: Final = Shelf(
    Table("introduced", ("bsn", "client", "renews")),
    Introduced,
    lambda r: r.secret,
    lambda r: some(bsn=r.bsn, client=r.client, renews=r.renews),
)


@dataclass(frozen=True, slots=True, repr=False)
class Awaited:
    """A code that can still be typed here: `held` until a person has looked at how many its sender introduced."""

    secret: bytes
    sender: str
    proof: bytes
    salt: bytes
    until: int
    held: bool = False


AWAITED: Final = Shelf(Table("awaited_code"), Awaited, lambda r: r.secret)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The second receipt of an introduction by code, from the typing until the hub has it. It leaves when it is due."""

    message_id: bytes
    salt: bytes
    due: int
    frame: bytes | None = None
    sent: bool = False


RECOGNISED: Final = Shelf(
    Table("recognised", (), ("state", "due")),
    Recognised,
    lambda r: r.message_id,
    plain=lambda r: {"state": "sent" if r.sent else "due", "due": r.due},
)


@dataclass(frozen=True, slots=True, repr=False)
class Tally:
    """How often something happened on a day."""

    what: str
    day: int
    count: int


TALLIES: Final = Shelf(Table("tally"), Tally, lambda r: f"{r.day}/{r.what}".encode())


@dataclass(frozen=True, slots=True)
class Known:
    """A handle of an introduction that came in, for one month."""

    handle: bytes
    secret: bytes
    month: int


KNOWN: Final = Shelf(Table("known", ("secret",)), Known, lambda r: r.handle, lambda r: some(secret=r.secret))


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """An event that came in. `parts` is empty once destroyed; `hidden`: called back. The id outlives the content."""

    event_id: bytes
    sender: str
    secret: bytes
    client: str | None
    day: int
    parts: tuple[tuple[str, bytes], ...]
    late: bool
    came_at: int
    hidden: bool = False
    delivered: bytes = b""


TOLD: Final = Shelf(
    Table("told", ("client", "secret")),
    Told,
    lambda r: gone_key(r.sender, r.event_id),
    lambda r: some(client=r.client, secret=r.secret),
)


@dataclass(frozen=True, slots=True)
class Gone:
    """An event that its sender called back, whether it had come or not."""

    sender: str
    event_id: bytes
    on: int


GONE: Final = Shelf(Table("gone"), Gone, lambda r: gone_key(r.sender, r.event_id))


@dataclass(frozen=True, slots=True)
class Answer:
    """The receipt for an envelope, fixed when it was stored. `frame` is there once it was signed."""

    message_id: bytes
    sha: bytes
    code: str
    salt: bytes
    at: int
    frame: bytes | None = None
    sent: bool = False


ANSWERS: Final = Shelf(
    Table("answer", (), ("state", "due")),
    Answer,
    lambda r: r.message_id,
    plain=lambda r: {"state": "sent" if r.sent else "due", "due": r.at},
)


@dataclass(frozen=True, slots=True)
class Promised:
    """A sender's signed registration of a handle in which this address is the recipient: what it says, and the fact."""

    handle: bytes
    month: int
    row: int
    ground: str
    categories: tuple[str, ...]
    terms_hash: bytes
    commitment: bytes
    fact: bytes


PROMISES: Final = Shelf(Table("promise"), Promised, lambda r: r.handle)


@dataclass(frozen=True, slots=True)
class Notify:
    """A notice for the partner's own system, waiting until it was written."""

    key: bytes
    event_id: bytes
    sender: str
    retracted: bool
    written: bool = False


NOTICES: Final = Shelf(
    Table("notice", (), ("state",)),
    Notify,
    lambda r: r.key,
    plain=lambda r: {"state": "written" if r.written else "due"},
)


@dataclass(frozen=True, slots=True)
class Halted:
    """A handle of which the hub has said to this edge that it is stopped, and on which day."""

    handle: bytes
    on: int


HALTED: Final = Shelf(Table("halted"), Halted, lambda r: r.handle)
