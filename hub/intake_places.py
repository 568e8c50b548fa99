# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the store keeps of the intake beside its positions: which topics they are of, how far each partition is, and the
names of the keys of hours.

The positions themselves move with a step (`Step.positions`) and are only read here; `renew` alone sets them, when a
person says so.  It has a connection of its own and makes another when that was lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psycopg

from hub import postgres_link as link
from hub.intake_rules import TopicRow
from hub.postgres_link import bytea_array, int8_array
from hub.store import StoreError

_READ_TOPIC = "SELECT cluster, topic_id, partitions FROM intake_topic WHERE topic = %b"
_ADD_TOPIC = "INSERT INTO intake_topic VALUES (%b, %b, %b, %b) ON CONFLICT DO NOTHING"
_RENEW_TOPIC = (
    "INSERT INTO intake_topic VALUES (%b, %b, %b, %b) ON CONFLICT (topic) DO UPDATE SET cluster = excluded.cluster,"
    " topic_id = excluded.topic_id, partitions = excluded.partitions"
)
_READ_POSITIONS = "SELECT partition, next FROM position WHERE partition = ANY (%b)"
_SET_POSITIONS = (
    "INSERT INTO position SELECT * FROM unnest(%b, %b) ON CONFLICT (partition) DO UPDATE SET next = excluded.next"
)
_READ_HOURS = "SELECT partition, hour FROM intake_hour"
_KEEP_HOURS = (
    "INSERT INTO intake_hour SELECT part, hour::int FROM unnest(%b, %b) AS one(part, hour) ORDER BY part"
    " ON CONFLICT (partition) DO UPDATE SET hour = greatest(intake_hour.hour, excluded.hour)"
)
_READ_KEYS = "SELECT hour, name FROM hour_key"
_ADD_KEYS = "INSERT INTO hour_key SELECT hour::int, name FROM unnest(%b, %b) AS one(hour, name) ON CONFLICT DO NOTHING"
_DROP_KEYS = "DELETE FROM hour_key WHERE hour < %b"
Row = tuple[Any, ...]


class Places:
    """What the store keeps of the intake.  Every method raises StoreError when the database does not answer."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lock = threading.Lock()
        self._db: psycopg.Connection | None = None

    def topic(self, topic: str) -> TopicRow | None:
        """The topic as it was when it was first used; None when it never was."""
        rows = self._ask(_READ_TOPIC, (topic,))
        return TopicRow(*rows[0]) if rows else None

    def remember(self, topic: str, found: TopicRow) -> TopicRow:
        """Keeps which topic is used from now on, where none was kept; the one that is kept."""
        self._ask(_ADD_TOPIC, (topic, *found))
        # A crash here: the next start finds it kept, and nothing was read from it yet.
        return self.topic(topic) or found

    def positions(self, places: Sequence[int]) -> dict[int, int]:
        """The offset of the next record to decide, by place; 0 where none was decided."""
        rows = self._ask(_READ_POSITIONS, (int8_array(places),))
        return dict.fromkeys(places, 0) | dict(rows)

    def renew(self, topic: str, found: TopicRow, positions: Mapping[int, int]) -> None:
        """From now on the topic is this one, and is read from these positions: a person says so."""

        def change(db: psycopg.Connection) -> list[Row]:
            with db.transaction():
                db.execute(_RENEW_TOPIC, (topic, *found))
                db.execute(_SET_POSITIONS, (int8_array(list(positions)), int8_array(list(positions.values()))))
            return []

        self._do(change)
        # Both or none. A crash here: the command is repeated and changes nothing more.

    def hours(self) -> dict[int, int]:
        """By partition, the hour before which everything is decided."""
        return dict(self._ask(_READ_HOURS))

    def keep_hours(self, hours: Mapping[int, int]) -> None:
        """Keeps how far partitions are; never back."""
        self._ask(_KEEP_HOURS, (int8_array(list(hours)), int8_array(list(hours.values()))))

    def key_names(self) -> dict[int, bytes]:
        """The names of the keys that are not destroyed, by hour."""
        return dict(self._ask(_READ_KEYS))

    def add_key_names(self, names: Mapping[int, bytes]) -> None:
        """Keeps names where there are none; the first stays."""
        self._ask(_ADD_KEYS, (int8_array(list(names)), bytea_array(list(names.values()))))

    def drop_key_names(self, before: int) -> None:
        """Forgets the names of the hours before this one: their keys are destroyed."""
        self._ask(_DROP_KEYS, (before,))

    def close(self) -> None:
        """Lets go of the connection."""
        with self._lock:
            self._drop()

    def _ask(self, statement: str, values: Iterable[object] = ()) -> list[Row]:
        given = list(values)

        def ask(db: psycopg.Connection) -> list[Row]:
            cursor = db.execute(statement.encode(), given, binary=True)
            return cursor.fetchall() if cursor.description else []

        return self._do(ask)

    def _do(self, call: Callable[[psycopg.Connection], list[Row]]) -> list[Row]:
        with self._lock:
            if self._db is None:
                self._db = link.connect(self._dsn)
            try:
                return call(self._db)
            except psycopg.Error as error:
                said = link.one_line(error)
                if self._db.closed or self._db.broken:
                    self._drop()
                raise StoreError(f"the store does not tell of the intake ({said})") from None

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
