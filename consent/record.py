# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a citizen agreed to in one conversation, after the fields of ISO/IEC TS 27560 (as drafts of it and DPV name them: its own
text was not at hand).

Guarantees: the record stays at the edge where consent was given; whoever else can hold something of it has a hash. Its
bytes are canonical and validated in both directions. Withdrawal works from now on and leaves what was given readable. A record
of an earlier version is read as it is and written as it was, so that its reference stays what a sealed introduction names.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Final, cast

from schemas import calendar
from schemas.registry import Registry

SCHEMA: Final = "consent-record/2"
_FIRST: Final = "consent-record/1"
DISCLOSURE: Final = "disclosure"
_SECOND: Final = (
    *("ground", "objection", "operations", "processing_basis", "provenance", "retention", "schema", "secrecy_ground"),
    *("special_exception", "storage", "table"),
)
_PERSONS: Final = ("act", "given")


@dataclass(frozen=True, slots=True)
class Given:
    """One person's yes: the capacity in which it was said, and when. Who it was stands in no record."""

    by: str
    at: int
    manner: str


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One consent. Times are unix milliseconds, `begin` and `end` days (both included).

    `principal` is the edge's own number of the client; `notice` the version of the text that was read out or handed
    over. `act`: that it is consent to tell others, which consent to help is not. `given`: everybody who said yes, each apart;
    `given_by` is the first in rank of them. Storage location and retention are those of the row and of the edge's own file, so they are not repeated.
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
    act: str = DISCLOSURE
    given: tuple[Given, ...] = ()
    schema: str = SCHEMA
    ground: str | None = "consent"
    processing_basis: str | None = None
    special_exception: str | None = None
    secrecy_ground: str | None = None
    retention: str | None = None
    objection: str | None = None
    table: str | None = None
    operations: tuple[str, ...] | None = ("disclose",)
    provenance: str | None = "own-file"
    storage: str | None = "edge-of-controller"

    @property
    def uuid(self) -> str:
        """The id in the form of a UUID."""
        return "-".join((self.id[:8], self.id[8:12], self.id[12:16], self.id[16:20], self.id[20:]))

    def withdrawn(self, at: int) -> "ConsentRecord":
        """The same record after a withdrawal; a second one changes nothing."""
        return self if self.state == "withdrawn" else replace(self, state="withdrawn", withdrawn_at=at)

    def to_bytes(self, registry: Registry) -> bytes:
        """The canonical bytes.

        Raises:
            InvalidPart: a field that the definition does not allow.
        """
        values = asdict(self) | {"begin": calendar.date_text(self.begin), "end": calendar.date_text(self.end)}
        if self.schema == _FIRST:
            values = {name: value for name, value in values.items() if name not in _SECOND + _PERSONS}
        elif not self.given:
            del values["given"]
        return registry.encode(self.schema, values)

    def reference(self, registry: Registry) -> str:
        """The hash that a sealed introduction names as its source; the random id in it cannot be guessed."""
        return hashlib.sha256(self.to_bytes(registry)).hexdigest()


def from_bytes(raw: bytes, registry: Registry) -> ConsentRecord:
    """The record in these canonical bytes.

    Raises:
        InvalidPart: not exactly such bytes.
    """
    first = b'"schema":' not in raw  # the field that version 1 did not have; no value can hold a quotation mark
    values = registry.validate(_FIRST if first else SCHEMA, raw)
    if first:
        values |= dict.fromkeys(_SECOND) | {"schema": _FIRST}
    for name in ("begin", "end"):
        values[name] = calendar.parse_date(cast("str", values[name]))
    for name in ("categories", "recipients", "operations"):
        if isinstance(values[name], list):
            values[name] = tuple(cast("list[str]", values[name]))
    given = cast("list[dict[str, object]]", values.pop("given", []))
    values["given"] = tuple(Given(**one) for one in given)  # type: ignore[arg-type]  # as the definition has it
    return ConsentRecord(**values)  # type: ignore[arg-type]  # the definitions have exactly these fields, of these types
