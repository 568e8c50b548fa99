# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Which partner a code in a native message stands for, where a message is the ground to tell. Pure.

Guarantees:
- a code that may stand for several addresses stands for none of them when something is to be told;
- who may tell *us* because of an allocation is looked for apart: to know a source opens nothing on this side.
"""

from collections.abc import Iterable

from adapters.address_book import AddressBook
from adapters.references import ALLOCATION_ROWS, ANSWER_ROWS
from consent.rules import Row, RuleTable
from schemas.address import role_of
from schemas.event import Law


def partner_of(
    book: AddressBook, rules: RuleTable, own: str, code: str | None, law: Law | None, among: frozenset[int]
) -> str | None:
    """The one address that this code stands for and that an allocation under this law, or an answer, lets this side tell."""
    rows = _rows(rules, law, among)
    roles = {role for row in rows if role_of(own) in row.senders for role in row.recipients}
    found = _addresses(book, code, law, roles)
    return found.pop() if len(found) == 1 else None


def tellers(book: AddressBook, rules: RuleTable, own: str, code: str | None, law: Law) -> set[str]:
    """The addresses that this code stands for and that an allocation under this law lets tell this side."""
    rows = _rows(rules, law, ALLOCATION_ROWS)
    return _addresses(book, code, law, {role for row in rows if role_of(own) in row.recipients for role in row.senders})


def _rows(rules: RuleTable, law: Law | None, among: frozenset[int]) -> list[Row]:
    of_law = [row for row in rules.rows.values() if row.id in among]
    return of_law if among is ANSWER_ROWS else [row for row in of_law if law is not None and row.law == law.value]


def _addresses(book: AddressBook, code: str | None, law: Law | None, roles: Iterable[str]) -> set[str]:
    found = [book.by_code(code, law=law, role=role) for role in sorted(roles)] if code is not None else []
    return {one.address for one in found if one is not None}
