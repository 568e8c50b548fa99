# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log as the hub keeps it: signs checkpoints, makes proofs.

Checkpoints are at most five seconds apart while entries arrive.  A note is kept before it is shown, and no size is
ever signed that is smaller than one signed before: a store that lost entries can't pass for the log that it was.
After a recovery the log has the next number (`hub.recovery`), and is signed at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import nacl.bindings
import nacl.exceptions

from hub.audit.checkpoint import Checkpoint, log_origin, open_note, sign, verifier_key
from hub.audit.merkle import consistency_proof, inclusion_proof, root_at
from hub.greatest import Greatest, NoGreatest
from hub.store import Store, StoreError
from schemas.api import MOST_PROVEN
from schemas.note import log_number
from schemas.signing import SigningKey

EVERY_MS = 5_000
_REMEMBERED = 10_000


class Log:
    """The log of one hub: its name, its key, its store, and what is known of it outside the store."""

    def __init__(self, store: Store, name: str, key: SigningKey, greatest: Greatest | None = None) -> None:
        self._store = store
        self._name = name
        self._key = key
        self.greatest = greatest or NoGreatest()
        self._signed_at = -EVERY_MS
        self._held: set[Checkpoint] = set()

    @property
    def number(self) -> int:
        """The number of this log: 1, and one more with each recovery."""
        recovery = self._store.recovery()
        return 1 if recovery is None else recovery.number

    @property
    def name(self) -> str:
        """The name of the hub, which orders name too."""
        return self._name

    @property
    def origin(self) -> str:
        """The name of this log, which every checkpoint of it begins with."""
        return log_origin(self._name, self.number)

    @property
    def verifier_key(self) -> str:
        """Name and public key, as an outsider gives them to `verify.py`."""
        return verifier_key(self._name, self._key.public)

    def checkpoint(self, now: int) -> str:
        """The newest checkpoint; a new one when entries came and the last is five seconds old.

        Raises:
            StoreError: the log is shorter than a checkpoint that was signed.
        """
        # In this order: another process may commit and sign in between, and no checkpoint is of a later log than `head`.
        note, head = self._store.last_checkpoint(), self._store.head()
        last = None if note is None else open_note(note, self._name, self._key.public)
        if last is not None and last.size > head.size:
            raise StoreError("the log is shorter than a checkpoint that was signed: restore the newest backup")
        fresh = last is not None and (last.size == head.size or now - self._signed_at < EVERY_MS)
        if note is not None and last is not None and last.origin == self.origin and fresh:
            self._keep(last)
            return note
        point = Checkpoint(self.origin, head.size, head.root)
        note = sign(point, self._name, self._key.seed)
        self._store.keep_checkpoint(note, head.size)
        # The note is durable before anybody sees it. A crash here: it is shown at the next call.
        self._keep(point)
        # And so is that it was shown, where no copy of the store is put back over it.
        self._remember(point)
        self._signed_at = now
        return note

    def opened(self, note: str) -> Checkpoint:
        """The checkpoint in a note that the key of this log signed.

        Raises:
            NoteError: it did not.
        """
        return open_note(note, self._name, self._key.public)

    def keep_head(self) -> None:
        """Keeps outside the store how far the log is, signed or not."""
        head = self._store.head()
        self._keep(Checkpoint(self.origin, head.size, head.root))

    def _keep(self, point: Checkpoint) -> None:
        # Who is in it is read after it, so nobody is forgotten who was there then.
        self.greatest.keep(point, self._store.addresses().values())

    def is_remembered(self, shown: Checkpoint) -> bool:
        """Whether this log was found to hold the checkpoint before; reads nothing."""
        return shown in self._held

    def holds(self, shown: Checkpoint) -> bool:
        """Whether a checkpoint of this hub's name is of this log, or of one that it was begun on or after."""
        if shown in self._held:
            return True
        number, own = log_number(shown.origin, self._name), self.number
        if number == own:
            held = shown.size <= self._store.head().size and root_at(self._store, shown.size) == shown.root
        else:
            held = number is None or number < own
        if held and number == own:
            self._remember(shown)
        return held

    def contains(self, kept: Checkpoint) -> bool:
        """Whether the entries of this log, by whatever numbers it went, begin with those of the checkpoint."""
        return kept.size <= self._store.head().size and root_at(self._store, kept.size) == kept.root

    def is_signed(self, shown: Checkpoint, signature: bytes) -> bool:
        """Whether the key of this log signed the checkpoint."""
        if log_number(shown.origin, self._name) is None:
            return False
        try:
            nacl.bindings.crypto_sign_open(signature + shown.text().encode(), self._key.public)
        except (nacl.exceptions.BadSignatureError, ValueError, TypeError):
            return False
        return True

    def number_of(self, shown: Checkpoint) -> int:
        """The number of the log that a checkpoint is of."""
        return log_number(shown.origin, self._name) or 0

    def _remember(self, point: Checkpoint) -> None:
        if len(self._held) >= _REMEMBERED:
            self._held.clear()
        self._held.add(point)

    def forget_held(self) -> None:
        """Another log begins: nothing that was found before says anything of it."""
        self._held.clear()

    def inclusion(self, indexes: Sequence[int], size: int) -> Iterator[bytes]:
        """The one proof that these entries, whose indexes rise, stand in the log of `size`, hash by hash.

        Raises:
            ValueError: there is no such entry or size; none, or too many entries.
        """
        self._check(size)
        if len(indexes) > MOST_PROVEN:
            raise ValueError("more entries than one proof is made of")
        return inclusion_proof(self._store, indexes, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of `new` extends that of `old`.

        Raises:
            ValueError: there is no such size.
        """
        self._check(new)
        return consistency_proof(self._store, old, new)

    def _check(self, size: int) -> None:
        if size > self._store.head().size:
            raise ValueError("the log has not grown to that size")
