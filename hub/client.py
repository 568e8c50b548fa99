# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The port an edge uses to reach the hub: the only thing of `hub` that `adapters` may import.

In process and HTTPS are two ways of it, with one contract suite; inside the hub's own network `send`, and nothing else,
may go over Kafka (`adapters.connections.kafka`), where a record that is not known to be kept is `try-later`.  No caller may assume that an outcome is in an
answer: `send` says `taken`, the outcome comes in the feed.  Every call carries the newest checkpoint that the
edge knows; a connection is made with a callable that gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.codes import SENTENCE, Code


class RefusedError(Exception):
    """The request is refused as a whole; its code says what to do, for instance that no such address is admitted."""

    def __init__(self, code: Code) -> None:
        super().__init__(f"{code.value}: {SENTENCE[code]}")
        self.code = code


class HubUnavailableError(Exception):
    """The hub did not answer, or said that it can't at present.  Nothing is known to be stored: try again."""


class HubRecoveringError(HubUnavailableError):
    """The hub was put back from a copy: it takes facts, and nothing else before every partner has repeated its own."""

    def __init__(self) -> None:
        super().__init__(SENTENCE[Code.RECOVERING])


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint as an edge keeps it: the origin (name of the log), its size and root, and the hub's signature.

    Shown to a hub that does not hold it, the signature is what proves that its log was cut.
    """

    origin: str
    size: int
    root: bytes
    signature: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the log of now began: its number, its first entry with what opens it, and whether the gate is open."""

    number: int
    index: int
    record: bytes
    salt: bytes
    open: bool


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One line of the outcomes feed.  `handle` is set for `stopped`, `frame` (the signed statement) for `restored`,
    `message_id` for everything else."""

    number: int
    code: Code
    message_id: bytes | None
    handle: bytes | None
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """Outcomes after a number.  Numbers belong to an origin: with another origin, read from 0."""

    origin: str
    items: tuple[FeedItem, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One envelope handed over, with its entry `handed over`: index, record and salt, which prove the leaf.

    That entry names the index of the acceptance, whose record and salt are `accept` and `accept_salt`: they name the
    envelope and what was decided on it, so one entry accounts for one envelope.
    """

    envelope: bytes
    count: int
    index: int
    record: bytes
    salt: bytes
    accept: bytes
    accept_salt: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to grants in which this address is the recipient.

    `register`: `fact` holds the sender's signed fact.  `stop`: only the handles; never by whom or why.
    """

    number: int
    kind: str
    handles: tuple[bytes, ...]
    fact: bytes | None


@dataclass(frozen=True, slots=True)
class PickUp:
    """The answer to a pick-up."""

    deliveries: tuple[Delivery, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class FactAnswer:
    """`in-force` means: from now on.  `stopped_by_other`: another address stopped one of these handles."""

    code: Code
    stopped_by_other: bool = False


@dataclass(frozen=True, slots=True)
class LoggedFact:
    """One's own fact as the log has it: index of its entry, frame, and the day and salt that prove the leaf."""

    index: int
    frame: bytes
    day: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class HandleState:
    """One's own registered handle; `stopped` is None, "me" or "other"."""

    month: int
    handle: bytes
    stopped: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """A manifest in the log: its bytes, the index of its leaf, and its attestation, empty where there is none."""

    frame: bytes
    index: int
    attestation: bytes = b""


class HubClient(Protocol):
    """One address's way to the hub.  Every method may raise `HubUnavailableError` or `RefusedError`."""

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """Per envelope: `taken`, the stored outcome of the same id and bytes, or a refusal that needs no store."""

    async def outcomes(self, after: int) -> Feed:
        """The feed after a number; kept 30 days, nothing is acknowledged."""

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """At most `most` envelopes for this address, and notices after number `acknowledged`."""

    async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
        """Per signed receipt: its own code when counted, `not-yours` or a refusal.  Repeatable, also late."""

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        """Signed facts, each in force when answered so.  They never queue behind envelopes."""

    async def facts_after(self, index: int) -> list[LoggedFact]:
        """One's own facts as the log has them, from entry `index` on."""

    async def handles(self) -> list[HandleState]:
        """One's own registered handles that are not forgotten."""

    async def recovery(self) -> Recovery | None:
        """How the log of now began; None while it is the first."""

    async def repeated(self, number: int, size: int) -> Code:
        """Says that every fact which this address signed was repeated in log `number`; `size`: of the checkpoint known.

        `in-force`, also when it was said before; `not-next` when the log has another number by now.
        """

    async def restored(self, frame: bytes) -> Code:
        """Publishes the signed statement that this edge was put back from a back-up.

        Everybody is told in the feed; registrations and stops in which it is the recipient are handed over again.
        """

    async def publish(self, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        """Publishes a manifest with its attestation, or a rule table; the code and the index of its leaf."""

    async def renew(self, request: bytes) -> bytes:
        """A certificate (PEM) for the new key of a certificate request (PKCS#10, DER), under the number of this address.

        Refused unless the connection shows a certificate that the hub's own accession authority gave to this address.
        """

    async def manifests(self, address: str) -> list[Published]:
        """All manifests of an address that the log has, oldest first; the last one counts."""

    async def checkpoint(self) -> str:
        """The newest signed checkpoint (C2SP note)."""

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of size `new` extends that of size `old`."""

    async def inclusion(self, indexes: Sequence[int], size: int) -> list[bytes]:
        """The one proof that these entries stand in the log of `size`: rising, at most `schemas.api.MOST_PROVEN`."""
