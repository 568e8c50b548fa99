# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a hub must still know when its store was put back from a copy (delivery.md section 6).

* The newest checkpoint that it signed, on disk before anybody is shown it: a store that does not hold it is no longer
  the whole log.
* Who was ever admitted, in the order of their numbers, and who is barred (suspended or removed), on disk before the
  commit that says so: a copy must neither forget to wait for anybody nor let anybody in again.
* Which certificates are revoked: they stand here alone, so no copy of the store brings one back.
* Which machines the hub has: each has a file of its own, and follows what the others do through the store.

It is one small file outside the store and outside its back-ups.
"""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hub.machines import NAME
from hub.registry import ADMITTED, REMOVED, SUSPENDED
from hub.store import AddressRow, StoreError
from schemas.address import need_address
from schemas.note import Checkpoint

_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Revoked:
    """When a certificate was revoked, and the number of its subject as far as the operator had the certificate."""

    day: int
    oin: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest checkpoint, None before the first; who was admitted; per barred address its state; whether the store
    was put back: a copy that holds the newest checkpoint may lack what came after it, so who puts one back says so;
    the revoked certificates by their SHA-256; and the machines of the hub, when there are several.
    """

    checkpoint: Checkpoint | None = None
    admitted: tuple[str, ...] = ()
    barred: Mapping[str, str] = field(default_factory=dict)
    put_back: bool = False
    revoked: Mapping[bytes, Revoked] = field(default_factory=dict)
    machines: tuple[str, ...] = ()


class GreatestFile:
    """The file.  One process of a machine writes it: the one that has the store."""

    def __init__(self, path: Path) -> None:
        """Reads the file, when there is one.

        Raises:
            StoreError: it is not one of ours; it must be put back or removed by a person, never guessed.
        """
        self._path = path
        self._lock = threading.RLock()
        self.existed = path.exists()
        self._kept = _read(path) if self.existed else Kept()

    @property
    def kept(self) -> Kept:
        """What it says."""
        return self._kept

    def keep(self, checkpoint: Checkpoint, addresses: Iterable[AddressRow] = ()) -> None:
        """Keeps the checkpoint durably, when it is newer than the one kept; and who stands in the store that it is of,
        which another machine may have changed.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            kept = _with_point(self._kept, checkpoint, addresses)
            if kept != self._kept:
                self._write(kept)

    def know(self, machines: tuple[str, ...]) -> None:
        """Keeps which machines the hub has.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            if machines != self._kept.machines:
                self._write(replace(self._kept, machines=machines))

    def was_put_back(self) -> None:
        """A copy of the store was put in its place, or it lacks what it had: the next start begins in recovery.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            self._write(replace(self._kept, put_back=True))

    def admit(self, address: str) -> None:
        """Keeps that an address is admitted for the first time.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            if address not in self._kept.admitted:
                self._write(_with_admitted(self._kept, address))

    def bar(self, address: str, state: str | None) -> None:
        """Keeps that an address is suspended or removed; None: it is neither any more.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            kept = _with_barred(self._kept, address, state)
            if kept != self._kept:
                self._write(kept)

    def revoke(self, fingerprint: bytes, revoked: Revoked) -> None:
        """Keeps that a certificate is revoked, for good.

        Raises:
            StoreError: it can't be written.
        """
        with self._lock:
            kept = _with_revoked(self._kept, fingerprint, revoked)
            if kept is not self._kept:
                self._write(kept)
                # Revoked from here on. A crash here: at the next start too; the command is repeated and changes nothing.

    def _write(self, kept: Kept) -> None:
        point = kept.checkpoint
        shown = None if point is None else [point.origin, point.size, b64encode(point.root).decode()]
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as opened:
                json.dump(
                    {
                        "checkpoint": shown,
                        "admitted": kept.admitted,
                        "barred": dict(kept.barred),
                        "put_back": kept.put_back,
                        "revoked": [[name.hex(), one.day, one.oin] for name, one in kept.revoked.items()],
                        "machines": kept.machines,
                    },
                    opened,
                )
                opened.flush()
                os.fsync(descriptor)
            new.rename(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreError(f"the file of the greatest checkpoint can't be written: {error.strerror}") from None
        # Durable. A crash before the rename: the older one stands, which asks no more than the store holds.
        self._kept = kept


class NoGreatest:
    """In memory, for a hub that lives and ends with its process, as in benches and in the machine of the tests."""

    def __init__(self, *, existed: bool = True) -> None:
        self.existed = existed
        self.kept = Kept()

    def keep(self, checkpoint: Checkpoint, addresses: Iterable[AddressRow] = ()) -> None:
        """See `GreatestFile`."""
        self.kept = _with_point(self.kept, checkpoint, addresses)

    def know(self, machines: tuple[str, ...]) -> None:
        """See `GreatestFile`."""
        self.kept = replace(self.kept, machines=machines)

    def was_put_back(self) -> None:
        """See `GreatestFile`."""
        self.kept = replace(self.kept, put_back=True)

    def admit(self, address: str) -> None:
        """See `GreatestFile`."""
        self.kept = _with_admitted(self.kept, address)

    def bar(self, address: str, state: str | None) -> None:
        """See `GreatestFile`."""
        self.kept = _with_barred(self.kept, address, state)

    def revoke(self, fingerprint: bytes, revoked: Revoked) -> None:
        """See `GreatestFile`."""
        self.kept = _with_revoked(self.kept, fingerprint, revoked)


Greatest = GreatestFile | NoGreatest


def _with_point(kept: Kept, checkpoint: Checkpoint, addresses: Iterable[AddressRow]) -> Kept:
    if _is_newer(checkpoint, kept):
        kept = replace(kept, checkpoint=checkpoint, put_back=False)
    states = {row.address: row.state for row in sorted(addresses, key=lambda row: row.number)}
    if not states:
        return kept
    # In the order of their numbers; behind them those whose admission was written here and not committed yet.
    admitted = (*states, *(one for one in kept.admitted if one not in states))
    barred = {one: state for one, state in states.items() if state != ADMITTED}
    left = {one: state for one, state in kept.barred.items() if one not in states}
    return replace(kept, admitted=admitted, barred=left | barred)


def _with_admitted(kept: Kept, address: str) -> Kept:
    return kept if address in kept.admitted else replace(kept, admitted=(*kept.admitted, address))


def _with_barred(kept: Kept, address: str, state: str | None) -> Kept:
    barred = {one: its for one, its in kept.barred.items() if one != address}
    return replace(kept, barred=barred if state is None else barred | {address: state})


def _with_revoked(kept: Kept, fingerprint: bytes, revoked: Revoked) -> Kept:
    return kept if fingerprint in kept.revoked else replace(kept, revoked={**kept.revoked, fingerprint: revoked})


def _is_newer(checkpoint: Checkpoint, kept: Kept) -> bool:
    return kept.checkpoint is None or kept.put_back or _position(checkpoint) > _position(kept.checkpoint)


def _position(checkpoint: Checkpoint) -> tuple[int, int]:
    """Number of the log and size: the order in which checkpoints of one hub are newer."""
    number = checkpoint.origin.rpartition("/log/")[2]
    return int(number) if number.isdecimal() else 0, checkpoint.size


def _read(path: Path) -> Kept:
    try:
        with path.open("rb") as opened:
            raw = json.loads(opened.read(_LARGEST))
        shown, barred, put_back = raw["checkpoint"], raw["barred"], raw["put_back"] is True
        admitted = tuple(need_address(one, "/admitted") for one in raw["admitted"])
        point = None if shown is None else Checkpoint(shown[0], shown[1], b64decode(shown[2], validate=True))
        # A file of an earlier version has none.
        revoked = {_fingerprint(name): _revoked(day, oin) for name, day, oin in raw.get("revoked", [])}
        machines = tuple(_machine(one) for one in raw.get("machines", []))
        if not isinstance(barred, dict) or set(barred.values()) - {SUSPENDED, REMOVED}:
            raise ValueError("barred")  # noqa: TRY301  # told as all else below
    except OSError as error:
        raise StoreError(f"the file of the greatest checkpoint can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError):
        raise StoreError(
            "the file of the greatest checkpoint is damaged. Put it back from the other machine, or remove it: the hub "
            "then starts in recovery, whoever was suspended must be suspended again, and certificates revoked again"
        ) from None
    return Kept(point, admitted, barred, put_back, revoked, machines)


def _machine(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise ValueError("machines")
    return name


def _fingerprint(name: str) -> bytes:
    raw = bytes.fromhex(name)
    if len(raw) != 32:
        raise ValueError("revoked")
    return raw


def _revoked(day: object, oin: object) -> Revoked:
    if type(day) is not int or not (oin is None or isinstance(oin, str)):
        raise ValueError("revoked")
    return Revoked(day, oin)
