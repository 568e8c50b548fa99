# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Before it takes traffic the hub proves to itself that it refuses: messages whose answer is known go through its own steps.

With every table that it loaded, made anew at each start and stored nowhere:

1. what a row closes is refused, whatever ground it claims; and so is what no row names;
2. a message of a grant that was stopped, one with a signature that doesn't hold, and one from an unknown sender are refused;
3. what a row permits is accepted; a table that permits nothing has no such message.

They are signed envelopes, and pass the functions that take those of partners: `pipeline.check` and `pipeline.step`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from consent.rules import ROLES, Question, RuleTable
from hub import pipeline
from hub.registry import ADMITTED, Partner, Partners, make_partner
from hub.store import AddressRow, GrantRow
from schemas.calendar import day_of, last_day, month_of
from schemas.codes import Code
from schemas.envelope import CONTROL, Header, build, listing_of, to_sign
from schemas.manifest import OPENING_PUBLIC, Key, Manifest, sign_manifest
from schemas.signing import SigningKey, Verifier

# Known without any table: a partnership's file is closed to third parties (WPO 18a(13)), and a municipality only narrows.
_NEVER: Final[tuple[Question, ...]] = (
    (19, "partnership", "uwv", "consent", ("progress",)),
    (19, "partnership", "team-wmo", "statutory", ("progress",)),
    (9999, "team-wmo", "gp", "consent", ("progress",)),
)
_GROUNDS: Final = ("consent", "no-objection", "safety", "statutory")


class SelfTestError(Exception):
    """This hub would let pass what it must refuse, or refuse what it must take; it does not start."""


def prove(tables: Iterable[RuleTable], now: int) -> None:
    """Returns when every message whose answer is known gets that answer.

    Raises:
        SelfTestError: one does not; says which row.
    """
    for table in {one.hash: one for one in tables}.values():
        world = _World(table, now)
        for question in _denied(table):
            world.expect(question, Code.NOT_PERMITTED_HERE)
        for question in _permitted(table):
            world.expect(question, Code.ACCEPTED)
            world.expect(question, Code.NOT_ACTIVE, stopped=True)
        world.expect_forgery_refused()


def _denied(table: RuleTable) -> Iterator[Question]:
    yield from _NEVER
    for row in table.rows.values():
        if not row.live:
            yield from ((row.id, row.senders[0], row.recipients[-1], ground, row.categories) for ground in _GROUNDS)


def _permitted(table: RuleTable) -> Iterator[Question]:
    """One of each row that lets anything pass."""
    for row in table.rows.values():
        if row.live:
            yield row.id, row.senders[0], row.recipients[-1], row.grounds[0], row.categories


@dataclass(frozen=True, slots=True)
class _Keys:
    signing: SigningKey
    opening: Key


class _World:
    """A partner in every role, all with one table; nothing of it is stored."""

    def __init__(self, table: RuleTable, now: int) -> None:
        self._now, self._day = now, day_of(now)
        self._keys = {role: self._made() for role in ROLES}
        self._partners = Partners(
            partner for number, role in enumerate(ROLES, 1) for partner in self._pair(number, role, table)
        )
        self._verifier = Verifier()
        self._sequence = 0

    def expect(self, question: Question, code: Code, *, stopped: bool = False) -> None:
        """Sends a message under a grant for this question, and looks at what is decided."""
        found = self._answer(question, stopped=stopped)
        if found is not code:
            raise SelfTestError(
                f"the hub tested itself and did not start: a message under row {question[0]} that must end "
                f"{code.value} ended {found.value}. Install Schakel again, and tell the supplier this line"
            )

    def expect_forgery_refused(self) -> None:
        """A message with one bit of its signature turned, and one of a sender that nobody knows."""
        sender, recipient, signer = _address(1, ROLES[0]), _address(2, ROLES[1]), self._keys[ROLES[0]]
        raw = self._sealed(sender, recipient, signer, bytes(16), ("progress",), forged=True)
        keys = pipeline.keys_of(sender, self._partners, self._day)
        unknown = pipeline.keys_of(_address(99, ROLES[0]), self._partners, self._day)
        found = pipeline.check(raw, sender, keys, self._verifier), pipeline.check(raw, sender, unknown, self._verifier)
        if found != (Code.BAD_SIGNATURE, Code.UNKNOWN_SENDER):
            raise SelfTestError(
                "the hub tested itself and did not start: it would take a message with a false signature, or of nobody. "
                "Install Schakel again, and tell the supplier this line"
            )

    def _answer(self, question: Question, *, stopped: bool) -> Code:
        row, sender_role, recipient_role, ground, categories = question
        # Two of one role are two organisations: the second of each role receives.
        sender, recipient = (
            self._partners.by_address[_address(2 * ROLES.index(role) + number, role)]
            for number, role in ((1, sender_role), (2, recipient_role))
        )
        self._sequence += 1
        handle, month = self._sequence.to_bytes(16, "big"), month_of(self._day)
        who = (sender.number, recipient.number, month, None, row, ground, categories)
        grant = GrantRow(handle, *who, bytes(32), stopped, 1, 0, 0, last_day(month) + 9)
        raw = self._sealed(sender.address, recipient.address, self._keys[sender_role], handle, categories)
        keys = pipeline.keys_of(sender.address, self._partners, self._day)
        checked = pipeline.check(raw, sender.address, keys, self._verifier)
        if isinstance(checked, Code):
            return checked
        known = pipeline.Known(self._partners, {handle: grant}, {}, -1, self._day)
        decided = pipeline.step([checked], known, self._now, os.urandom)
        return pipeline.code_of(decided.step.entries[0].record)

    def _sealed(
        self,
        sender: str,
        recipient: str,
        signer: _Keys,
        handle: bytes,
        categories: tuple[str, ...],
        *,
        forged: bool = False,
    ) -> bytes:
        names = tuple(sorted((CONTROL, *categories)))
        parts = [os.urandom(32) for _ in names]
        trace, opening = (os.urandom(16), os.urandom(8)), self._keys[recipient.rpartition(":")[2]].opening
        where = (sender, False, self._now // 60_000, recipient, handle, 1)
        header = Header(os.urandom(16), *where, bytes(32), trace, signer.signing.key_id, opening.key_id).to_bytes()
        box, listing = os.urandom(64), listing_of(names, parts)
        ed25519, turns, path = signer.signing.sign_alone(
            to_sign(retraction=False, header=header, box=box, listing=listing)
        )
        if forged:
            ed25519 = bytes([ed25519[0] ^ 1, *ed25519[1:]])
        return build(header, box, listing, (ed25519, turns, path), parts)

    def _made(self) -> _Keys:
        return _Keys(SigningKey(os.urandom(32)), Key(os.urandom(OPENING_PUBLIC), self._day, self._day + 1))

    def _pair(self, number: int, role: str, table: RuleTable) -> Iterator[Partner]:
        keys = self._keys[role]
        for own in (2 * number - 1, 2 * number):
            address, days = _address(own, role), (self._day, self._day + 1)
            signing = (Key(keys.signing.public, *days),)
            manifest = Manifest(1, address, *days, signing, (keys.opening,), (("progress", (1,)),), None, ())
            row = AddressRow(own, address, ADMITTED, 1, sign_manifest(keys.signing, manifest), None)
            yield make_partner(row, table)


def _address(number: int, role: str) -> str:
    return f"urn:nld:oin:99{number:018d}:{role}"
