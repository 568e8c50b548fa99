# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The partners as the rules see them: admission, keys and rule table of each address.

* A partner exists from its admission on; its number never changes and is never used again.
* Its keys come from its newest manifest in the log, its table from the hash that this manifest names; who
  published no table uses the national base.
* Manifest n + 1 is signed by a key of manifest n; number 1 by one of its own, and people compared its fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from consent.rules import RuleTable, TableError, load, narrow
from hub.store import AddressRow, Store
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.manifest import Key, Manifest, SignedManifest, parse_manifest
from schemas.signing import SignatureError, Verifier

ADMITTED = "admitted"
SUSPENDED = "suspended"
REMOVED = "removed"
STATES = (ADMITTED, SUSPENDED, REMOVED)


@dataclass(frozen=True, slots=True)
class Partner:
    """One address.  `signing` and `opening` hold the keys that are not revoked, by their name.  `own_table`: it published
    the table itself; else it is the hub's."""

    number: int
    address: str
    state: str
    version: int
    manifest: Manifest | None
    signing: Mapping[str, Key]
    opening: Mapping[str, Key]
    table: RuleTable
    own_table: bool = False

    def signs_with(self, name: str, day: int) -> Key | None:
        """The signing key of that name, when the manifest and the key are valid on `day`."""
        if self.manifest is None or not self.manifest.begin <= day <= self.manifest.until:
            return None
        key = self.signing.get(name)
        return key if key is not None and key.valid(day) else None

    def opens_with(self, name: str, day: int) -> bool:
        """Whether an envelope may still be sealed for the opening key of that name on `day`."""
        key = self.opening.get(name)
        return key is not None and key.valid(day)


class Partners:
    """All partners, by address and by number."""

    def __init__(self, everyone: Iterable[Partner]) -> None:
        self.by_address = {partner.address: partner for partner in everyone}
        self.by_number = {partner.number: partner for partner in self.by_address.values()}

    def admitted(self, number: int) -> Partner | None:
        """The partner of that number while it is admitted."""
        partner = self.by_number.get(number)
        return partner if partner is not None and partner.state == ADMITTED else None


class Directory:
    """Reads partners from the store and keeps what it parsed, by number and version: a change is seen at once."""

    def __init__(self, store: Store, national: RuleTable) -> None:
        self._store = store
        self._national = national
        self._parsed: dict[tuple[int, int], Partner] = {}
        self._rows: Mapping[str, AddressRow] | None = None
        self._last: tuple[tuple[tuple[int, int], ...], Partners] | None = None

    def partners(self) -> Partners:
        """Everyone, as the store has them now."""
        rows = self._store.addresses()
        if self._last is not None and rows is self._rows:  # thousands of partners need no second look
            return self._last[1]
        self._rows = rows
        versions = tuple([(row.number, row.version) for row in rows.values()])
        if self._last is None or self._last[0] != versions:
            self._last = versions, Partners([self._partner(row) for row in rows.values()])
        return self._last[1]

    def _partner(self, row: AddressRow) -> Partner:
        known = self._parsed.get((row.number, row.version))
        if known is None:
            table = self._national
            if row.table_hash is not None:
                table = within(load(self._store.table(row.table_hash) or b""), self._national)
            known = make_partner(row, table)
            self._parsed[row.number, row.version] = known
        return known


def within(own: RuleTable, base: RuleTable) -> RuleTable:
    """The table of a partner, of which nothing counts that the base of now does not permit: it may be of before."""
    return own if own.permitted <= base.permitted else replace(own, permitted=own.permitted & base.permitted)


def make_partner(row: AddressRow, table: RuleTable) -> Partner:
    """The partner of a row of the store, with its rule table."""
    manifest = None if row.manifest is None else parse_manifest(row.manifest).manifest
    signing = {} if manifest is None else _usable(manifest.signing, manifest)
    opening = {} if manifest is None else _usable(manifest.opening, manifest)
    return Partner(
        row.number, row.address, row.state, row.version, manifest, signing, opening, table, row.table_hash is not None
    )


def _usable(keys: tuple[Key, ...], manifest: Manifest) -> Mapping[str, Key]:
    return MappingProxyType({key.key_id: key for key in keys if key.key_id not in manifest.revoked})


def check_manifest(
    frame: bytes, before: Manifest | None, day: int, verifier: Verifier, *, late: bool = False
) -> SignedManifest | Code:
    """The manifest in `frame` when it is the next one of its address, else the code of the refusal.

    1. it parses; 2. its number follows; 3. it is valid on `day`, or with `late` was so before: it lets nothing pass, but
    those that follow need it; 4. a key of the one before (number 1: its own) signed it.  Not checked here: that the address is the caller's (by the caller), and that the key of number 1 is
    the partner's own (people compare its fingerprint at `partner admit`).
    """
    try:
        signed = parse_manifest(frame)
    except FrameError:
        return Code.MALFORMED
    manifest = signed.manifest
    if manifest.number != (1 if before is None else before.number + 1):
        return Code.NOT_NEXT
    if not manifest.begin <= day or (day > manifest.until and not late):
        return Code.WRONG_DAY
    signers = manifest if before is None else before
    key = signers.signing_key(signed.key_id)
    if key is None or manifest.signing_key(signed.key_id) is None and before is None:
        return Code.NOT_NEXT
    try:
        verifier.verify(signed.signed, signed.signature, key.public)
    except SignatureError:
        return Code.BAD_SIGNATURE
    return signed


def check_table(raw: bytes, national: RuleTable) -> RuleTable | Code:
    """The rule table in `raw` when it only narrows the national base, else `malformed`."""
    try:
        return national if raw == national.raw else narrow(national, raw)
    except TableError:
        return Code.MALFORMED
