# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a citizen agreed to in one conversation, after the fields of ISO/IEC TS 27560.

Guarantees: the record stays at the edge where consent was given; whoever else can hold something of it has a hash. Its
bytes are canonical and validated in both directions. Withdrawal works from now on and leaves what was given readable.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import cast

from schemas import calendar
from schemas.registry import Registry

_SCHEMA = "consent-record/1"


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One consent. Times are unix milliseconds, `begin` and `end` days (both included).

    `principal` is the edge's own number of the client; `notice` the version of the text that was read out or handed
    over. Storage location and retention are those of the row and of the edge's own file, so they are not repeated.
    """

    id: str
    principal: str
    controller: str
    recipients: tuple[str, ...]
    row: int
    purpose: str
    law: str
    categories: tuple[str, ...]
    begin: int
    end: int
    given_at: int
    given_by: str
    manner: str
    notice: str
    language: str = "nl"
    jurisdiction: str = "NL"
    withdrawal: str = "any-partner-or-stop-code"
    state: str = "given"
    withdrawn_at: int | None = None

    def withdrawn(self, at: int) -> "ConsentRecord":
        """The same record after a withdrawal; a second one changes nothing."""
        return self if self.state == "withdrawn" else replace(self, state="withdrawn", withdrawn_at=at)

    def to_bytes(self, registry: Registry) -> bytes:
        """The canonical bytes.

        Raises:
            InvalidPart: a field that the definition does not allow.
        """
        values = asdict(self) | {"begin": calendar.date_text(self.begin), "end": calendar.date_text(self.end)}
        return registry.encode(_SCHEMA, values)

    def reference(self, registry: Registry) -> str:
        """The hash that a sealed introduction names as its source; the random id in it cannot be guessed."""
        return hashlib.sha256(self.to_bytes(registry)).hexdigest()


def from_bytes(raw: bytes, registry: Registry) -> ConsentRecord:
    """The record in these canonical bytes.

    Raises:
        InvalidPart: not exactly such bytes.
    """
    values = registry.validate(_SCHEMA, raw)
    for name in ("begin", "end"):
        values[name] = calendar.parse_date(cast("str", values[name]))
    for name in ("categories", "recipients"):
        values[name] = tuple(cast("list[str]", values[name]))
    return ConsentRecord(**values)  # type: ignore[arg-type]  # the definition has exactly these fields, of these types
