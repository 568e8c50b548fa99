# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The keys of the hours, under which envelopes lie in Kafka until they are decided (delivery.md section 5).

One small file on each machine of a hub, in no backup, like the keys of the days (`hub.day_keys`); the database knows the
name of each key.

* The key of an hour is destroyed when every partition has passed that hour, at the latest after 72 hours: what the brokers
  and copies of their disks still hold of it then opens nowhere.
* A partner that sends over Kafka has a key of its own in each hour, derived from that of the hour: it ends with it.
* A machine that has another key than the database names, or none, is told so; it neither writes nor refuses a record for it.
* A key that is destroyed is not a lost message: what was not decided its sender has still, and sends again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.day_keys import DayKeys, name_of
from hub.intake_places import Places
from hub.intake_record import hour_of
from hub.intake_rules import all_passed, first_kept
from hub.store import StoreError
from schemas.hour_wrap import partner_key

AHEAD_HOURS = 14 * 24  # so that the file need not be copied between machines more often than every other week
_SLOTS = 512
COPY_KEYS = "copy the file of hour keys from the machine that made it (the setting hour_keys_file of [kafka])"


class HourKeys:
    """The keys of the hours on this machine.  `senders`: the numbers of the partners that send over Kafka now.  Every
    method raises StoreError when file or database can't be used."""

    def __init__(
        self, path: Path, places: Places, partitions: int, senders: Callable[[], Collection[int]] = frozenset
    ) -> None:
        self._file = DayKeys(path, _SLOTS, "hour")
        self._places, self._partitions, self._senders = places, partitions, senders
        self._secrets: dict[int, bytes] = {}
        self._keys: dict[tuple[int, int | None], AESGCM] = {}  # of an hour, and of a partner in it

    def of_now(self, now: int) -> tuple[int, AESGCM]:
        """The hour of now and its key, to wrap under."""
        hour = hour_of(now)
        return hour, self._key(hour, None, self._secret_of_now(hour))

    def of(self, hour: int) -> AESGCM | None:
        """The key of an hour, to open with; None when it is destroyed, or never was."""
        return self._opening(hour, None)

    def for_partner(self, number: int, now: int) -> tuple[int, bytes]:
        """The hour of now and the key that this partner wraps under."""
        hour = hour_of(now)
        return hour, partner_key(self._secret_of_now(hour), number, hour)

    def of_partner(self, number: int, hour: int) -> AESGCM | None:
        """The key of a partner and an hour, to open with; None when that of the hour is destroyed, or never was."""
        return self._opening(hour, number)

    def tidy(self, now: int) -> int:
        """Destroys the keys that nothing needs any more, makes those of the hours to come; how many this machine destroyed."""
        first = self._first(now)
        destroyed = self._file.destroy(
            first
        )  # before others are made: after long rest their places in the file are needed
        self._secrets = {hour: key for hour, key in self._secrets.items() if hour >= first}
        self._keys = {one: key for one, key in self._keys.items() if one[0] >= first}
        # A crash here: the names say that there are keys which this machine destroyed; the next time drops them. Other
        # machines destroy theirs by themselves.
        self._places.drop_key_names(first)
        names = self._places.key_names()
        self._make([hour for hour in range(hour_of(now), hour_of(now) + AHEAD_HOURS) if hour not in names])
        return destroyed

    def lacks(self, now: int) -> bool:
        """Whether this machine lacks the key of an hour that the database names."""
        own, first = self._file.read(), self._first(now)
        return any(
            hour >= first and (hour not in own or name_of(own[hour]) != name)
            for hour, name in self._places.key_names().items()
        )

    def _first(self, now: int) -> int:
        """The first hour whose key something may still need."""
        passed = all_passed(self._places.hours(), self._partitions, self._senders(), hour_of(now))
        return first_kept(now, passed)

    def _secret_of_now(self, hour: int) -> bytes:
        key = self._found(hour)
        if key is None:
            self._make([hour])
            key = self._found(hour)
        if key is None:
            raise StoreError("the database has no key of this hour, and did not take one; try again")
        return key

    def _opening(self, hour: int, number: int | None) -> AESGCM | None:
        known = self._keys.get((hour, number))
        if known is not None:
            return known
        secret = self._found(hour)
        return None if secret is None else self._key(hour, number, secret)

    def _key(self, hour: int, number: int | None, secret: bytes) -> AESGCM:
        key = self._keys.get((hour, number))
        if key is None:
            key = AESGCM(secret if number is None else partner_key(secret, number, hour))
            self._keys[hour, number] = key
        return key

    def _make(self, hours: Iterable[int]) -> None:
        if missing := list(hours):
            keys = self._file.make(missing)
            # A crash here: this machine has keys of hours that nobody wrapped anything under.
            self._places.add_key_names({hour: name_of(keys[hour]) for hour in missing})

    def _found(self, hour: int) -> bytes | None:
        if (known := self._secrets.get(hour)) is not None:
            return known
        name = self._places.key_names().get(hour)
        if name is None:
            return None
        key = self._file.read().get(hour)
        if key is None or name_of(key) != name:
            raise StoreError(f"this machine lacks the key of an hour: {COPY_KEYS}")
        self._secrets[hour] = key
        return key
