# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log as the accountability records that Dutch organisations keep: LDV, ADL, NEN 7513.  Pure.

* LDV (Logboek Dataverwerkingen): a line per processing; never a user in it.
* ADL (Authorization Decision Log): a record per decision, first and at pick-up.  A denial is no error.
* NEN 7513 by the Logius extension: the line of LDV with a block that names who: here always an organisation in a role,
  since the hub knows no person.  What LDV forbids and NEN 7513 demands are so two streams, never one.
* No line names a data subject: the hub knows none.  The edges do, each of its own clients.
* A day is all that an entry keeps of time, so a line lasts from the beginning of that day to its end.
* Ids follow from the leaves, so the same entry gives the same line each time, and an id tells nothing else.

What was erased gives no line; the caller says how many there were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from consent.rules import Row, RuleTable
from schemas import entry
from schemas.address import oin_of, role_of
from schemas.calendar import start_of_day
from schemas.codes import Code
from schemas.entry import Entry
from schemas.fact import Register, parse_fact

LDV, ADL, NEN7513 = "ldv", "adl", "nen7513"
KINDS = (LDV, ADL, NEN7513)
OK, ERROR = 1, 2  # status_code of LDV; 0, unknown, is never written
_MESSAGES = frozenset({entry.ACCEPT, entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY})
_FAILED = frozenset(
    {Code.HUB_FAULT.value, Code.KEY_LOST.value, Code.EXPIRED.value, Code.UNREADABLE.value, Code.INVALID_PART.value}
)
_CHECKS = ("signature", "sequence", "grant", "rule-table-of-sender", "rule-table-of-recipient")
Line = dict[str, Any]


class Place(NamedTuple):
    """Whose log it is, for the resource of each line."""

    hub: str
    log: str
    operator: str | None
    version: str


@dataclass(slots=True)
class Accounts:
    """Reads entries in order and gives lines.  `table`: a rule table by its hash, None for the national base."""

    place: Place
    names: dict[int, str]
    table: Callable[[bytes], RuleTable | None]
    activity: str  # URI of a processing activity, with {law}, {purpose} and {row}
    erased: int = 0
    _messages: dict[int, _Message] = field(default_factory=dict)
    _facts: dict[bytes, list[int]] = field(default_factory=dict)
    _grounds: dict[bytes, str] = field(default_factory=dict)

    def lines(self, kind: str, entries: Iterable[tuple[int, Entry]], first_day: int, last_day: int) -> Iterator[Line]:
        """The lines of these days; `entries` from index 0 on, since what a line rests on stands before it."""
        for index, item in entries:
            if not item.record:
                self.erased += 1
                continue
            if item.salt is None:
                continue
            record = entry.items_of(item.record)
            done = self._take(index, item.leaf, record)
            if done is not None and first_day <= done.day <= last_day and (kind != ADL or done.decides):
                yield {LDV: self._ldv, ADL: self._adl, NEN7513: self._nen7513}[kind](done)

    def _take(self, index: int, leaf: bytes, record: list[object]) -> _Done | None:
        kind, day = str(record[2]), cast("int", record[1])
        if kind == entry.FACT:
            body = parse_fact(cast("bytes", record[3])).body
            handles = [body.handle] if isinstance(body, Register) else [handle for _, handle in body.handles]
            for handle in handles:
                self._facts.setdefault(handle, []).append(index)
            if isinstance(body, Register):
                self._grounds[body.handle] = body.ground
        if kind not in _MESSAGES:
            return None
        if kind == entry.ACCEPT:
            self._messages[index] = self._message(leaf, record)
        accept = index if kind == entry.ACCEPT else cast("int", record[3])
        message = self._messages.get(accept)
        if message is None:  # the acceptance was erased: who and why went with it
            self.erased += 1
            return None
        code = str(record[4] if kind == entry.RECEIPT else record[-1])
        facts = [*self._facts.get(message.handle, ())]
        return _Done(index, kind, day, leaf, code, message, facts)

    def _message(self, leaf: bytes, record: list[object]) -> _Message:
        handle, sender, recipient = cast("bytes", record[6]), cast("int", record[8]), cast("int", record[9])
        row, hashes = cast("int | None", record[14]), cast("list[bytes | None]", record[15])
        tables = [self.table(one) for one in hashes if one is not None]
        rule = None if row is None or not tables or tables[0] is None else tables[0].rows.get(row)
        who = (self.names.get(sender), self.names.get(recipient))
        categories = [one for one in cast("list[str]", record[12]) if one != "control"]
        return _Message(leaf, handle, who, row, rule, hashes, tables, categories)

    # -- LDV

    def _ldv(self, done: _Done) -> Line:
        line: Line = {
            "trace_id": _id("trace", done.message.leaf, 16),
            "operation_id": _id("operation", done.leaf, 8),
            "status_code": ERROR if done.code in _FAILED else OK,
            "name": f"schakel.{done.kind}",
            "start_time": start_of_day(done.day),
            "end_time": start_of_day(done.day + 1) - 1,
            "resource": {"attributes": _pairs(self._resource())},
            "attributes": _pairs({"dpl.core.processing_activity_id": self._activity(done.message)}),
        }
        if done.kind != entry.ACCEPT:
            line["parent_operation_id"] = _id("operation", done.message.leaf, 8)
        return line

    def _resource(self) -> dict[str, str]:
        named = {"service.name": "schakel", "service.version": self.place.version, "schakel.hub": self.place.hub}
        return named | ({} if self.place.operator is None else {"schakel.operator": self.place.operator})

    def _activity(self, message: _Message) -> str:
        rule = message.rule
        law, purpose = ("none", "none") if rule is None else (rule.law, rule.purpose)
        return self.activity.format(law=law, purpose=purpose, row=message.row or 0)

    # -- ADL

    def _adl(self, done: _Done) -> Line:
        message = done.message
        sender, recipient = message.who
        return {
            "trace_id": _id("trace", message.leaf, 16),
            "span_id": _id("operation", done.leaf, 8),
            "event_name": f"schakel.{done.kind}",
            "timestamp": start_of_day(done.day),
            "status": "Ok",  # it was decided, one way or the other
            "attributes": {
                "adl.core.request": {
                    "subject": {"type": "organisation-in-a-role", "id": sender},
                    "action": {"name": "tell" if done.kind == entry.ACCEPT else "hand-over"},
                    "resource": {
                        "type": "message",
                        "id": f"entry {done.index}",
                        "properties": {"recipient": recipient, "categories": message.categories},
                    },
                },
                "adl.core.response": {"decision": done.code == Code.ACCEPTED, "context": {"reason": done.code}},
                "adl.core.policies": [
                    {
                        "id": f"row {message.row}",
                        "version": None if table is None else table.version,
                        "hash": None if hashed is None else hashed.hex(),
                    }
                    for hashed, table in zip(message.hashes, [*message.tables, None, None], strict=False)
                ],
                "adl.core.information": [{"id": f"entry {index}", "type": "fact"} for index in done.facts],
                "adl.core.configuration": {"log": self.place.log, "version": self.place.version, "hub": self.place.hub},
            },
        }

    # -- NEN 7513

    def _nen7513(self, done: _Done) -> Line:
        message, line = done.message, self._ldv(done)
        purpose = None if message.rule is None else message.rule.purpose
        acts = message.who[0 if done.kind in (entry.ACCEPT, entry.EXPIRY) else 1]
        ground = self._grounds.get(message.handle)
        block = {
            "eventTypeCode": f"schakel.{done.kind}",
            "users": [
                {
                    "userID": oin_of(one),
                    "userName": one,
                    "userIsRequestor": one == acts,
                    "roleIDCode": role_of(one),
                    "purposeOfUse": purpose,
                }
                for one in message.who
                if one is not None
            ],
            "participants": [
                {
                    "participantObjectPermissionPolicySet": f"row {message.row}",
                    "participantObjectSensitivity": message.categories,
                }
            ],
            "autorisatieProtocol": " ".join(
                ["schakel", *(one.hex()[:16] for one in message.hashes if one is not None)]
            ),
            "behandelrelatieProtocol": f"row {message.row}",
            "toestemmingsProfiel": ground,
            "controles": [done.code] if done.decides and done.code != Code.ACCEPTED else list(_CHECKS),
        }
        line["attributes"] += _pairs({f"dpl.nen7513.{name}": value for name, value in block.items()})
        return line


@dataclass(frozen=True, slots=True)
class _Message:
    leaf: bytes
    handle: bytes
    who: tuple[str | None, str | None]
    row: int | None
    rule: Row | None
    hashes: list[bytes | None]
    tables: list[RuleTable | None]
    categories: list[str]


@dataclass(frozen=True, slots=True)
class _Done:
    index: int
    kind: str
    day: int
    leaf: bytes
    code: str
    message: _Message
    facts: list[int]

    @property
    def decides(self) -> bool:
        """Whether something was decided in it."""
        return self.kind in (entry.ACCEPT, entry.HAND_OVER)


def _id(what: str, leaf: bytes, size: int) -> str:
    return hashlib.sha256(what.encode() + leaf).digest()[:size].hex()


def _pairs(values: dict[str, Any]) -> list[Line]:
    return [{"key": key, "value": value} for key, value in values.items()]
