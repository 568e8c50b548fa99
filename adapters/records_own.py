# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge keeps of itself: keys and manifests, its place in the feed, the log it follows, copies and restores.

Guarantees: days, months and times are integers as everywhere; secrets and frames are bytes.
"""

from dataclasses import dataclass
from typing import Final

from adapters.shelf import Reads, Shelf, number_key
from adapters.store import Table, Transaction

OWN_KEY: Final = b"own"


@dataclass(frozen=True, slots=True)
class Place:
    """Where this edge is: the feed, notices acknowledged, and its counters."""

    origin: str = ""
    feed: int = 0
    notices: int = 0
    items: int = 0
    facts: int = 0
    cleaned_on: int = 0


_PLACES: Final = Shelf(Table("place"), Place, lambda _: b"place")


@dataclass(frozen=True, slots=True, repr=False)
class Own:
    """The keys of this address and its newest manifest; `index` is None until the hub has it in its log, and `attested`
    says that it has an attestation of it, too."""

    keys: bytes
    manifest: bytes
    index: int | None = None
    attested: bool = False


OWN: Final = Shelf(Table("own"), Own, lambda _: OWN_KEY)


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest that this edge made, by its number and SHA-256: any other under its address is not its own."""

    number: int
    sha: bytes


MADE: Final = Shelf(Table("manifest_made"), Made, lambda r: r.sha)


@dataclass(frozen=True, slots=True)
class Peer:
    """The newest manifest of another address that was verified, in log number `log` of the hub."""

    address: str
    frame: bytes
    index: int
    log: int = 1


PEERS: Final = Shelf(Table("peer"), Peer, lambda r: r.address.encode())


@dataclass(frozen=True, slots=True)
class Issued:
    """A manifest of this address that the hub has had: what a hub that was put back is given again, in order."""

    number: int
    frame: bytes


ISSUED: Final = Shelf(Table("issued"), Issued, lambda r: number_key(r.number))


@dataclass(frozen=True, slots=True)
class Followed:
    """The log of the hub that this edge follows, by its number: whether it has repeated its facts there, and whether the
    hub's gate was open since."""

    log: int
    repeated: bool = False
    open: bool = False


_FOLLOWED: Final = Shelf(Table("followed"), Followed, lambda _: b"log")


@dataclass(frozen=True, slots=True)
class OfOthers:
    """How many messages were read on a day that were neither from nor to this organisation."""

    day: int
    messages: int


OF_OTHERS: Final = Shelf(Table("of_others"), OfOthers, lambda r: number_key(r.day))


@dataclass(frozen=True, slots=True)
class Backup:
    """When this copy was made: it stands in the copy, and in the store that it is of."""

    at: int


_BACKUPS: Final = Shelf(Table("backup"), Backup, lambda _: b"newest")


@dataclass(frozen=True, slots=True)
class Restore:
    """This edge was put back from a copy of `saved_at`.

    `log`: number of the hub's log in the copy. `told_in`: that in which the hub was told. Then, each once: a person
    `confirmed_at` that stops and refusals made since are signed again; `planned_at`, what had been stopped here since was
    put down (`ended`, ids of grants; `forgotten`, how many handles); everything of before was `stopped_at` the hub; its
    lines were begun `anew_at`; files were `read_at` again.
    """

    at: int
    saved_at: int
    log: int
    told_in: int = 0
    confirmed_at: int | None = None
    planned_at: int | None = None
    stopped_at: int | None = None
    anew_at: int | None = None
    read_at: int | None = None
    ended: tuple[str, ...] = ()
    forgotten: int = 0
    remakes: bool = False


RESTORES: Final = Shelf(Table("restore"), Restore, lambda r: number_key(r.at))


def place(reads: Reads) -> Place:
    """Where this edge is."""
    return _PLACES.get(reads, b"place") or Place()


def move(tx: Transaction, new: Place) -> None:
    """This edge is somewhere else now. Every item of a batch counts on here, so it is written once for all of them."""
    _PLACES.hold(tx, new)


def followed(reads: Reads) -> Followed | None:
    """The log of the hub that this edge follows."""
    return _FOLLOWED.get(reads, b"log")


def follow(tx: Transaction, new: Followed) -> None:
    """This edge follows that log now, or is further in it."""
    _FOLLOWED.put(tx, new)


def backed_up(reads: Reads) -> Backup | None:
    """The newest copy that was made of this store."""
    return _BACKUPS.get(reads, b"newest")


def back_up(tx: Transaction, at: int) -> None:
    """A copy is made now."""
    _BACKUPS.put(tx, Backup(at))
