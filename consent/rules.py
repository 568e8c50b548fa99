# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The rule table: which role may tell which role what, for which purpose, on which grounds. Data, not code.

Guarantees:
- no row, no message: what no row names is forbidden, and a row that is not in force or does not permit permits nothing;
- a table has one spelling: `RuleTable.raw` are the canonical bytes, `RuleTable.hash` is their SHA-256, and `load`
  takes nothing but canonical bytes, so the hash of what was published is the hash of what decides;
- a cell whose law text was not read is ``None`` and has a mark; a row with such a cell that permits is for tests only;
- no contradiction: no row permits what another closes by law or because nothing was read, and no two rows permit the same;
- no gap in the national base: each role and each other is named by a row that permits or closes (`gaps`);
- a municipality can only take away from the national base (`narrow`).

Marks: ``F`` published file, ``L15`` and ``L26`` law text of 2015 and of 2026, ``S`` excerpt, ``M`` memory, not read,
``D`` our own proposal.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import combinations, product
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, cast

import orjson

from consent.onward import carried_on
from schemas.registry import InvalidPart
from schemas.registry import load as load_registry

_NATIONAL: Final = Path(__file__).parent / "rules" / "national.json"
_LIMIT: Final = 1 << 20
_SETS: Final = ("senders", "recipients", "categories", "grounds")
_SWITCHES: Final = ("in_force", "permits")

JUDGEMENT: Final = "judgement"  # a row that says: not by itself, a person judges the one case
_CLOSES: Final = ("law", "unread")
_NOT_LAW: Final = ("reason", "signed_by")  # columns that hold no law, so nothing in them was or wasn't read

ROLES: Final = (
    "gi",
    "gp",
    "partnership",
    "police",
    "provider-jeugd",
    "provider-wmo",
    "rvdk",
    "school",
    "team-jeugd",
    "team-pw",
    "team-wmo",
    "uwv",
    "veilig-thuis",
    "zvh",
)


Question: TypeAlias = tuple[int, str, str, str, tuple[str, ...]]
"""Row, role of the sender, role of the recipient, ground, categories (sorted, at least one)."""


class TableFault(NamedTuple):
    """One thing that is wrong in a table: the id of its row where it has one, the place, and which rule."""

    row: int | None
    path: str
    keyword: str


class TableError(ValueError):
    """This is not a rule table. `row`, `path` and `keyword` are of the first fault, `faults` has them all."""

    def __init__(self, row: int | None, path: str, keyword: str, more: Iterable[TableFault] = ()) -> None:
        self.row, self.path, self.keyword = row, path, keyword
        self.faults = (TableFault(row, path, keyword), *more)
        super().__init__("; ".join(f"row {fault.row or '-'} {fault.path} {fault.keyword}" for fault in self.faults))


class Source(NamedTuple):
    """An article of a law, and the date of the text that was read."""

    text: str
    article: str
    date: str


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. Cells that may be ``None`` hold the law where its text was read, and nothing where it was not."""

    id: int
    purpose: str
    law: str
    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    categories: tuple[str, ...]
    processing_basis: str | None
    special_exception: str | None
    secrecy_ground: str | None
    bsn_ground: str | None
    grounds: tuple[str, ...]
    consent_by: Mapping[str, str | None] | None
    introduction: str
    route: str | None
    onward: str | None
    longest_months: int
    objection: str
    retention: str | None
    inzage: bool | None
    notice: str | None
    source: tuple[Source, ...]
    evidence: str
    in_force: bool
    permits: bool
    reason: str | None
    signed_by: str | None
    marks: Mapping[str, str]

    @property
    def unread(self) -> tuple[str, ...]:
        """The columns (and ages of `consent_by`) whose law text was not read."""
        return tuple(_unread(self))

    @property
    def live(self) -> bool:
        """Whether it lets anything pass."""
        return self.in_force and self.permits


class Way(NamedTuple):
    """A row that lets one role tell another, and one of its grounds."""

    row: Row
    ground: str


class Ways(NamedTuple):
    """What the table says about two roles. Nothing at all: no row names them together, and nothing may be told.

    `by_person` are rows that permit nothing here: a person judges the one case, outside this exchange.
    """

    open: tuple[Way, ...]
    closed: tuple[Row, ...]
    by_person: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTable:
    """A checked table. Made by `load`, `read`, `national` or `narrow`.

    `permitted` holds every question to which the answer is yes; all else is forbidden.
    """

    raw: bytes
    hash: bytes
    version: str
    rows: Mapping[int, Row]
    permitted: frozenset[Question]

    def permits(
        self, row: int, sender_role: str, recipient_role: str, ground: str, categories: tuple[str, ...]
    ) -> bool:
        """Whether this row lets this sender tell this recipient these categories (sorted) on this ground."""
        return (row, sender_role, recipient_role, ground, categories) in self.permitted

    @property
    def test_mode_only(self) -> tuple[int, ...]:
        """The rows that permit although a cell was not read: a hub or edge outside test mode must not use them."""
        return tuple(row.id for row in self.rows.values() if row.permits and row.unread)


def load(raw: bytes) -> RuleTable:
    """The table that these canonical bytes are.

    Raises:
        TableError: not canonical, or not a table; with every fault.
    """
    try:
        parsed = load_registry().validate("rule-table/1", raw)
    except InvalidPart as invalid:
        faults = [TableFault(_row_at(raw, fault.path), fault.path, fault.keyword) for fault in invalid.faults]
        raise _error(faults) from None
    rows = [_row(cells) for cells in cast("list[dict[str, object]]", parsed["rows"])]
    if faults := list(_inconsistencies(rows)):
        raise _error(faults)
    permitted = frozenset(key for row in rows if row.live for key in _keys(row))
    by_id = MappingProxyType({row.id: row for row in rows})
    return RuleTable(raw, hashlib.sha256(raw).digest(), str(parsed["version"]), by_id, permitted)


def read(text: bytes) -> RuleTable:
    """The table in a file for people: JSON in any layout, as long as no name occurs twice in one object.

    Raises:
        TableError: not JSON of that kind, or not a table.
    """
    if len(text) > _LIMIT:
        raise TableError(None, "/", "size")
    try:
        parsed = json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse
        )
        raw = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
    except (ValueError, TypeError, RecursionError):
        raise TableError(None, "/", "json") from None
    return load(raw)


def national(test_mode: bool) -> RuleTable:
    """The national base of this distribution; outside test mode without the rows that have an unread cell.

    Raises:
        TableError: the file of the distribution was changed into something that is no base.
    """
    table = read_base(_NATIONAL.read_bytes())
    if test_mode:
        return table
    return without(table, table.test_mode_only)


def read_base(text: bytes) -> RuleTable:
    """A table that can be a base for others: besides what `read` asks it has no gap.

    Raises:
        TableError: as `read`; or two roles about which no row says anything.
    """
    table = read(text)
    if found := gaps(table):
        raise _error([TableFault(None, f"/{sender}/{recipient}", "gap") for sender, recipient in found])
    return table


def gaps(table: RuleTable) -> tuple[tuple[str, str], ...]:
    """Sender and recipient about which no row in force says that it permits or closes."""
    rows = [row for row in table.rows.values() if row.in_force and row.reason != JUDGEMENT]
    answered = {pair for row in rows for pair in product(row.senders, row.recipients)}
    return tuple(pair for pair in product(ROLES, ROLES) if pair not in answered)


def without(table: RuleTable, rows: Iterable[int]) -> RuleTable:
    """The same table with these rows taken out."""
    gone = frozenset(rows)
    parsed = orjson.loads(table.raw)
    parsed["rows"] = [cells for cells in parsed["rows"] if cells["id"] not in gone]
    return load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


def ways(table: RuleTable, sender_role: str, recipient_role: str) -> Ways:
    """Every row about what one role tells another: on which grounds it may be told, and which rows close it."""
    about = [row for row in table.rows.values() if sender_role in row.senders and recipient_role in row.recipients]
    shut = [row for row in about if not row.live]
    return Ways(
        tuple(Way(row, ground) for row in about if row.live for ground in row.grounds),
        tuple(row for row in shut if row.reason != JUDGEMENT),
        tuple(row for row in shut if row.reason == JUDGEMENT),
    )


def narrow(base: RuleTable, raw: bytes) -> RuleTable:
    """The table of a municipality: the base with rows, roles, categories, grounds or months taken away.

    Raises:
        TableError: not a table, or something in it goes beyond the base or differs from it.
    """
    table = load(raw)
    faults = [fault for row in table.rows.values() for fault in _widenings(base.rows.get(row.id), row)]
    if faults:
        raise _error(faults)
    return table


def _widenings(base: Row | None, row: Row) -> Iterator[TableFault]:
    if base is None:
        yield TableFault(row.id, "/", "narrow")
        return
    for field in fields(Row):
        if field.name == "signed_by":  # each municipality signs its own
            continue
        before, after = getattr(base, field.name), getattr(row, field.name)
        if not _is_narrower(field.name, before, after):
            yield TableFault(row.id, f"/{field.name}", "narrow")


def _is_narrower(column: str, before: object, after: object) -> bool:
    if column in _SETS:
        return set(cast("tuple[str, ...]", after)) <= set(cast("tuple[str, ...]", before))
    if column in _SWITCHES:
        return bool(before) or not after
    if column == "longest_months":
        return cast("int", after) <= cast("int", before)
    return before == after or (column == "reason" and after == "municipality")


def _inconsistencies(rows: list[Row]) -> Iterator[TableFault]:
    seen: set[int] = set()
    for row in rows:
        if row.id in seen:
            yield TableFault(row.id, "/id", "duplicate")
        elif seen and row.id < max(seen):
            yield TableFault(row.id, "/id", "order")
        seen.add(row.id)
        for name in row.unread:
            if name not in row.marks:
                yield TableFault(row.id, f"/{name}", "mark")
        for name in _SETS:
            cells = getattr(row, name)
            if list(cells) != sorted(cells):
                yield TableFault(row.id, f"/{name}", "order")
        if row.permits and row.reason is not None:
            yield TableFault(row.id, "/reason", "permits")
    yield from _contradictions(rows)
    for row_id in carried_on(rows):
        yield TableFault(row_id, "/onward", "carried-on")


def _contradictions(rows: list[Row]) -> Iterator[TableFault]:
    """Rows that answer one question in two ways. A municipality that switches a row off contradicts nobody."""
    closed: dict[tuple[str, ...], int] = {}
    told: dict[tuple[str, ...], int] = {}
    for row in rows:
        if row.in_force and not row.permits and row.reason in _CLOSES:
            closed |= dict.fromkeys(product(row.senders, row.recipients, row.grounds, row.categories), row.id)
    for row in rows:
        if not row.live:
            continue
        asked = list(product(row.senders, row.recipients, row.grounds, row.categories))
        for other in sorted({closed[one] for one in asked if one in closed}):
            yield TableFault(row.id, f"/permits/{other}", "contradiction")
        same = [(row.purpose, row.law, *one) for one in asked]
        for other in sorted({told[one] for one in same if one in told}):
            if other != row.id:
                yield TableFault(row.id, f"/purpose/{other}", "twice")
        told |= dict.fromkeys(same, row.id)


def _unread(row: Row) -> Iterator[str]:
    for field in fields(Row):
        if field.name not in _NOT_LAW and getattr(row, field.name) is None:
            yield field.name
    for age, who in (row.consent_by or {}).items():
        if who is None:
            yield f"consent_by.{age}"


def _keys(row: Row) -> Iterator[Question]:
    """Every question to which this row answers yes, so that an answer is one look-up."""
    sizes = range(1, len(row.categories) + 1)
    choices = [choice for size in sizes for choice in combinations(row.categories, size)]
    for sender, recipient, ground, categories in product(row.senders, row.recipients, row.grounds, choices):
        yield row.id, sender, recipient, ground, categories


def _row(cells: Mapping[str, object]) -> Row:
    """The row in cells that the definition has validated."""
    made = {name: tuple(value) if isinstance(value, list) else value for name, value in cells.items()}
    made["source"] = tuple(Source(**cite) for cite in cast("list[dict[str, str]]", cells["source"]))
    for name in ("consent_by", "marks"):
        if isinstance(value := cells[name], dict):
            made[name] = MappingProxyType(value)
    return Row(**made)  # type: ignore[arg-type]  # the definition has exactly these columns, of these types


def _row_at(raw: bytes, path: str) -> int | None:
    """The id of the row that a path of a fault lies in, when that row has a usable one."""
    steps = path.split("/")
    if len(steps) < 3 or steps[1] != "rows" or not steps[2].isdigit():  # "/rows/<index>"
        return None
    row = orjson.loads(raw)["rows"][int(steps[2])]
    found = row.get("id") if isinstance(row, dict) else None
    return found if type(found) is int and 0 < found < 10_000 else None  # as defined; else it is content


def _error(faults: list[TableFault]) -> TableError:
    first, *more = faults
    return TableError(first.row, first.path, first.keyword, more)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name occurs twice")
    return made


def _refuse(_text: str) -> object:
    raise ValueError("numbers in a table are whole")
