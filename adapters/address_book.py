# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The address book of an edge, `partners.toml`: who the partners are, in our addresses and in native codes.

    [[partner]]
    address = "urn:nld:oin:00000001234567890000:team-wmo"
    name = "Team Wmo Voorbeeldstad"
    municipality = { code = "9999", law = "wmo" }

    [[partner]]
    address = "urn:nld:oin:00000001234567890001:provider-wmo"
    name = "Zorg Voorbeeld"
    agb = ["12345678"]

Guarantees: one address, and one name, stands for one partner; a native code stands for at most one address under one
law (municipality) or in one role (AGB); every fault of the file is told at once, by path and without values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from schemas.address import PATTERN, role_of
from schemas.event import Law
from schemas.settings import Fault, Read, SettingsError, Wrong, choice, load_toml, many, pattern, text, unknown_keys

T = TypeVar("T")

_MOST: Final = 2_000
KEYS: Final = ("address", "name", "agb", "municipality", "sources", "fingerprint")
_MUNICIPALITY: Final = {
    "code": pattern("[0-9]{4}", "must be four digits"),
    "law": choice(*Law),
}


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner as the address book has it."""

    address: str
    name: str
    agb: tuple[str, ...] = ()
    municipality: tuple[str, Law] | None = None
    # `source` of the CloudEvents that this partner's systems write.
    sources: tuple[str, ...] = ()
    # SHA-256 of its first manifest, when people compared it; without spaces.
    fingerprint: str | None = None

    @property
    def role(self) -> str:
        """The role in the address."""
        return role_of(self.address)


class AddressBook:
    """Partners, to be looked up by what a native message or a person calls them."""

    def __init__(self, partners: tuple[Partner, ...]) -> None:
        self.partners = partners
        self._by_address = {one.address: one for one in partners}
        self._by_name = {one.name.casefold(): one for one in partners}

    def by_address(self, address: str) -> Partner | None:
        """The partner with this address."""
        return self._by_address.get(address)

    def by_name(self, name: str) -> Partner | None:
        """The partner with this Dutch name, or address; large or small letters are the same."""
        return self._by_name.get(name.strip().casefold()) or self._by_address.get(name)

    def by_code(self, code: str, *, law: Law | None = None, role: str | None = None) -> Partner | None:
        """The one partner for which this native code stands under this law, in this role; None when not exactly one."""
        found = [one for one in self.partners if _stands_for(one, code, law) and role in (None, one.role)]
        return found[0] if len(found) == 1 else None

    def name_of(self, address: str) -> str:
        """The Dutch name, or the address when the book doesn't have it."""
        partner = self._by_address.get(address)
        return address if partner is None else partner.name

    def __len__(self) -> int:
        return len(self.partners)


def load_address_book(file: Path) -> AddressBook:
    """The address book in this file.

    Raises:
        SettingsError: every fault of it.
    """
    raw = load_toml(file)
    faults = unknown_keys(raw, ("partner",), "")
    items = raw.get("partner", [])
    if not isinstance(items, list) or len(items) > _MOST:
        raise SettingsError([*faults, Fault("/partner", f"must be at most {_MOST} times [[partner]]")], file.name)
    partners = [_partner(item, f"/partner/{number}", faults) for number, item in enumerate(items)]
    faults += _twice(partners)
    if faults:
        raise SettingsError(faults, file.name)
    return AddressBook(tuple(one for one in partners if one is not None))


def _partner(item: object, path: str, faults: list[Fault]) -> Partner | None:
    if not isinstance(item, dict):
        faults.append(Fault(path, "must be a table"))
        return None
    before = len(faults)
    faults += unknown_keys(item, KEYS, path)
    address = _value(item, "address", pattern(PATTERN, "must be urn:nld:oin:<20 digits>:<role>"), path, faults)
    name = _value(item, "name", text(1, 80), path, faults)
    for key, value in (("address", address), ("name", name)):
        if value is None and key not in item:
            faults.append(Fault(f"{path}/{key}", "this setting is required"))
    agb = _value(item, "agb", many(pattern("[0-9]{8}", "must be eight digits"), 100), path, faults)
    sources = _value(item, "sources", many(text(1, 256), 50), path, faults)
    municipality = _value(item, "municipality", _municipality, path, faults)
    fingerprint = _value(item, "fingerprint", _fingerprint, path, faults)
    if len(faults) > before or address is None or name is None:
        return None
    return Partner(address, name, agb or (), municipality, sources or (), fingerprint)


def _value(item: Mapping[str, object], key: str, read: Read[T], path: str, faults: list[Fault]) -> T | None:
    if key not in item:
        return None
    try:
        return read(item[key], Path())
    except Wrong as wrong:
        faults.append(Fault(f"{path}/{key}{wrong.path}", wrong.rule))
        return None


def _municipality(value: object, folder: Path) -> tuple[str, Law]:
    if not isinstance(value, dict) or value.keys() != _MUNICIPALITY.keys():
        raise Wrong("must be a table with code and law, and nothing else")
    words = {}
    for key, read in _MUNICIPALITY.items():
        try:
            words[key] = read(value[key], folder)
        except Wrong as wrong:
            raise Wrong(wrong.rule, f"/{key}") from None
    return words["code"], Law(words["law"])


def _fingerprint(value: object, folder: Path) -> str:
    joined = value.replace(" ", "").lower() if isinstance(value, str) else value
    return pattern("[0-9a-f]{64}", "must be the 64 hexadecimal characters of a fingerprint")(joined, folder)


def _stands_for(partner: Partner, code: str, law: Law | None) -> bool:
    if code in partner.agb or code in partner.sources:
        return True
    return (
        partner.municipality is not None and partner.municipality[0] == code and law in (None, partner.municipality[1])
    )


def _twice(partners: list[Partner | None]) -> Iterator[Fault]:
    """What stands for two partners at once."""
    seen: set[tuple[str, ...]] = set()
    for number, one in enumerate(partners):
        if one is None:
            continue
        marks: list[tuple[str, ...]] = [("address", one.address), ("name", one.name.casefold())]
        marks += [("agb", code, one.role) for code in one.agb] + [("sources", code, one.role) for code in one.sources]
        if one.municipality is not None:
            marks.append(("municipality", *one.municipality, one.role))
        for mark in marks:
            if mark in seen:
                yield Fault(f"/partner/{number}/{mark[0]}", "stands for another partner already")
            seen.add(mark)
