# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log of a hub read from end to end, over its office: the same whether the hub runs or not, and nothing waits for it.

The hub gives entries as it has them, some megabytes at a time, and judges nothing: who verifies does that with what came.
What is erased while somebody reads is erased in what comes after.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy.office import Office, open_office
from hub.audit import verify as outsider
from hub.config import HubConfig
from schemas.entry import Entry


@dataclass(frozen=True, slots=True)
class LogReading:
    """One reading.  `size`: entries as it began; `names`: the address of each number of a partner."""

    size: int
    verifier_key: str
    names: Mapping[int, str]
    _office: Office = field(repr=False)

    def entries(self, start: int, end: int) -> list[Entry]:
        """The entries from `start` to `end` (not included)."""
        found: list[Entry] = []
        while start + len(found) < end:
            page = self._office("entries", {"start": start + len(found), "end": end})["entries"]
            if not page:  # the log is shorter: never asked for by who reads up to its size
                break
            found += [
                Entry(_bytes(leaf), None if salt is None else _bytes(salt), _bytes(record))
                for leaf, salt, record in page
            ]
        return found

    def signed(self) -> tuple[str, int]:
        """The newest checkpoint, signed over at least what is there now, and its size."""
        note = str(self._office("checkpoint", {})["note"])
        return note, outsider.open_note(note, *outsider.parse_verifier_key(self.verifier_key)).size

    def last_signed(self) -> str | None:
        """The checkpoint that the store holds already, which any newer one must extend."""
        return self._office("last-checkpoint", {})["note"]  # type: ignore[no-any-return]  # text or null

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path from an entry to the root of the log of this size."""
        return [_bytes(one) for one in self._office("inclusion", {"index": index, "size": size})["path"]]


@contextmanager
def read_log(config: HubConfig) -> Iterator[LogReading]:
    """The log of the hub of these settings.

    Raises:
        StoreError, Stopped: no hub runs, and its store can't be opened.
    """
    with open_office(config) as office:
        told = office("log", {})
        names = {int(number): str(address) for number, address in told["names"]}
        yield LogReading(int(told["size"]), str(told["verifier_key"]), names, office)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
