# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Which rule table a hub or edge uses: the national base, or the signed table of a municipality that narrows it.

A table that is not in order, widens the base, isn't signed by the key in the settings or whose signature is over stops
whoever would use it from starting; the sentence names row and column, or the reason.  It is looked at once, at the start.
With a signature that is over only a desk opens, at which a person refuses or stops and no rule permits anything, and who
reads the log of a hub or bars a partner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from consent.rules import RuleTable, TableError, TableFault, narrow, national, read
from consent.signed_table import LARGEST, Signed, UnsignedError, Why, open_signature
from deploy.table_faults import in_english
from schemas.calendar import date_text
from schemas.note import parse_verifier_key

_LARGEST_TABLE = 1 << 20
_WHY = {
    Why.NOT_SIGNED: "its signature is not of the key in rules_key. Ask the privacy officer (FG) for the file and the key",
    Why.OTHER_TABLE: "its hash is another than the one that was signed. Put the table back that was signed, or have it signed",
    Why.NOT_YET: "its signature begins on a later day. Wait for that day, or look at the clock",
    Why.OVER: "its signature is over. Ask the privacy officer (FG) to look at it and sign it anew: `schakel rules sign`",
    Why.TOO_LONG: "its signature runs longer than three years. Ask for one that ends earlier",
}


class RulesError(ValueError):
    """The rule table of the settings can't be used; a sentence that says why and what to do."""


class RulesSettings(Protocol):
    """The settings that name a table, of a hub or of an edge."""

    @property
    def test_mode(self) -> bool: ...
    @property
    def strict(self) -> bool: ...
    @property
    def rules_file(self) -> Path | None: ...
    @property
    def rules_signature(self) -> Path | None: ...
    @property
    def rules_key(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class InForce:
    """The table in force; `own` when it is a municipality's, `signed` who said so, `over` when that signature no longer counts."""

    table: RuleTable
    own: bool = False
    signed: Signed | None = None
    over: bool = False

    @property
    def usable(self) -> RuleTable:
        """The table to decide by: one that permits nothing when its signature is over."""
        return replace(self.table, permitted=frozenset()) if self.over else self.table


def rules_in_force(settings: RulesSettings, day: int, *, lapsed: bool = False) -> InForce:
    """The table that these settings name, on this day; with `lapsed` also one whose signature is over, and says so.

    Raises:
        RulesError: it can't be used.
    """
    if settings.rules_file is None:
        return InForce(_base(test_mode=settings.test_mode))
    table = _municipal(_read(settings.rules_file, "rules_file", _LARGEST_TABLE), test_mode=settings.test_mode)
    if settings.rules_signature is None or settings.rules_key is None:  # strict mode asks for both
        return InForce(table, own=True)
    note = _read(settings.rules_signature, "rules_signature", LARGEST)
    try:
        signed = open_signature(note, parse_verifier_key(settings.rules_key), table.hash, day)
    except UnsignedError as error:
        if lapsed and error.why is Why.OVER:
            return InForce(table, own=True, over=True)
        raise RulesError(f"The rule table in rules_file can't be used: {_WHY[error.why]}.") from None
    return InForce(table, own=True, signed=signed)


def as_values(rules: InForce) -> dict[str, Any]:
    """What is in force, for a screen: version, hash, who signed it until when, rows that are for test mode only."""
    signed = rules.signed
    return {
        "version": rules.table.version,
        "hash": rules.table.hash.hex(),
        "own": rules.own,
        "permitting": len(rules.table.permitted),
        "test_mode_only": [row.id for row in rules.table.rows.values() if row.live and row.unread],
        "municipality": None if signed is None else signed.municipality,
        "signed_by": None if signed is None else signed.name,
        "until": None if signed is None else date_text(signed.until),
        "over": rules.over,
    }


def _base(*, test_mode: bool) -> RuleTable:
    try:
        return national(test_mode)
    except TableError as error:
        raise RulesError(
            f"The national rule table of this installation was changed: {in_english(error.faults)}. Install Schakel again."
        ) from None


def _municipal(text: bytes, *, test_mode: bool) -> RuleTable:
    try:
        table = narrow(_base(test_mode=True), read(text).raw)
    except TableError as error:
        raise _unusable(error.faults) from None
    if not test_mode and table.test_mode_only:
        raise _unusable([TableFault(row, "/", "test-mode") for row in table.test_mode_only])
    return table


def _unusable(faults: Iterable[TableFault]) -> RulesError:
    return RulesError(
        f"The rule table in rules_file can't be used: {in_english(faults)}. "
        "`schakel rules check` says of every fault what to do."
    )


def _read(file: Path, setting: str, most: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise RulesError(
            f"The file of {setting} can't be read: {error.strerror}. Put it back, or change the setting."
        ) from None
