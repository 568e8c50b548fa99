# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The in-process way of `hub.client.HubClient`: for the demo, for tests, and for one organisation that tries Schakel.

The address is the connection's: nothing proves it here, since caller and hub are one process.  Everything else is
the same as over a network; the contract suite holds both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hub.client import (
    FactAnswer,
    Feed,
    HandleState,
    HubUnavailableError,
    LoggedFact,
    PickUp,
    Published,
    Recovery,
    RefusedError,
    Seen,
)
from hub.exchange import Exchange
from hub.store import StoreError
from schemas.codes import Code
from schemas.note import Checkpoint


class LocalClient:
    """One address's way to an exchange in the same process; `seen` gives the newest checkpoint that it knows."""

    def __init__(self, exchange: Exchange, address: str, seen: Callable[[], Seen | None] = lambda: None) -> None:
        self._exchange = exchange
        self._via = address
        self._seen = seen

    def _asked(self) -> Exchange:
        """The exchange, to which every call shows the newest checkpoint known."""
        seen = self._seen()
        if seen is not None:
            self._exchange.shown(Checkpoint(seen.origin, seen.size, seen.root), seen.signature)
        return self._exchange

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().send(self._via, envelopes)

    async def outcomes(self, after: int) -> Feed:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().outcomes(self._via, after)

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """See `HubClient`.  There is nothing to wait for: who would send is this process."""
        del wait_seconds
        with _unavailable():
            return self._asked().pickup(self._via, most, acknowledged)

    async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().receipts(self._via, receipts)

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().facts(self._via, facts)

    async def facts_after(self, index: int) -> list[LoggedFact]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().facts_after(self._via, index)

    async def handles(self) -> list[HandleState]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().handles(self._via)

    async def recovery(self) -> Recovery | None:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().recovery()

    async def repeated(self, number: int, size: int) -> Code:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().repeated(self._via, number, size)

    async def restored(self, frame: bytes) -> Code:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().restored(self._via, frame)

    async def publish(self, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().publish(self._via, frame, attestation)

    async def renew(self, request: bytes) -> bytes:
        """See `HubClient`.  Within one process nobody shows a certificate."""
        del request
        with _unavailable():
            self._asked().need_to_vouch(self._via)
        raise RefusedError(Code.NOT_YOURS)

    async def manifests(self, address: str) -> list[Published]:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().manifests(self._via, address)

    async def checkpoint(self) -> str:
        """See `HubClient`."""
        with _unavailable():
            return self._asked().checkpoint()

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """See `HubClient`."""
        with _unavailable(), _no_such_place():
            return self._asked().log.consistency(old, new)

    async def inclusion(self, indexes: Sequence[int], size: int) -> list[bytes]:
        """See `HubClient`."""
        with _unavailable(), _no_such_place():
            return list(self._asked().log.inclusion(indexes, size))


@contextmanager
def _no_such_place() -> Iterator[None]:
    """A log that is shorter than an edge knows, since its hub was put back: the answer of the gateway."""
    try:
        yield
    except ValueError:
        raise RefusedError(Code.MALFORMED) from None


class _unavailable:  # noqa: N801  # reads as a statement: with _unavailable():
    """A store that can't do its work is, to an edge, a hub that is away."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StoreError):
            raise HubUnavailableError("the hub's store can't be written at present; try again") from error
