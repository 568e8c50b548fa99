# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log as the hub keeps it: signs checkpoints, makes proofs.

Checkpoints are at most five seconds apart while entries arrive.  A note is kept before it is shown, and no size is
ever signed that is smaller than one signed before: a store that lost entries can't pass for the log that it was.
"""

from __future__ import annotations

from hub.audit.checkpoint import Checkpoint, log_origin, open_note, sign, verifier_key
from hub.audit.merkle import consistency_proof, inclusion_proof
from hub.store import Store, StoreError
from schemas.signing import SigningKey

EVERY_MS = 5_000


class Log:
    """The log of one hub: its name, the number of its origin, its key and its store."""

    def __init__(self, store: Store, name: str, key: SigningKey, number: int = 1) -> None:
        self._store = store
        self._name = name
        self._key = key
        self.origin = log_origin(name, number)
        self._signed_at = -EVERY_MS

    @property
    def verifier_key(self) -> str:
        """Name and public key, as an outsider gives them to `verify.py`."""
        return verifier_key(self._name, self._key.public)

    def checkpoint(self, now: int) -> str:
        """The newest checkpoint; a new one when entries came and the last is five seconds old."""
        head, note = self._store.head(), self._store.last_checkpoint()
        size = -1 if note is None else open_note(note, self._name, self._key.public).size
        if size > head.size:
            raise StoreError("the log is shorter than a checkpoint that was signed: restore the newest backup")
        if note is not None and (size == head.size or now - self._signed_at < EVERY_MS):
            return note
        note = sign(Checkpoint(self.origin, head.size, head.root), self._name, self._key.seed)
        self._store.keep_checkpoint(note, head.size)
        # The note is durable before anybody sees it. A crash here: it is shown at the next call.
        self._signed_at = now
        return note

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that entry `index` stands in the log of `size`.

        Raises:
            ValueError: there is no such entry or size.
        """
        self._check(size)
        return inclusion_proof(self._store, index, size)

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
