# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A municipality that seals and signs by hand, for a real edge: what it registers and what it introduces is its own choice."""

from __future__ import annotations

from dataclasses import replace

import orjson

from adapters.keys import RoleKeys
from adapters.records_own import OWN, OWN_KEY
from consent.grant import CodeProof, bsn_record, code_record, commitment
from schemas.calendar import date_text
from schemas.codes import Code
from schemas.envelope import CONTROL
from schemas.fact import Register, parse_fact
from schemas.manifest import parse_manifest
from tests.adapters.edges import BSN, PROVIDER, Neighbours

SALT = b"\7" * 32
Identity = str | CodeProof


class Sender:
    """Its grant is under row 1 for a provider (introduced by BSN) and under row 5 for a GP practice."""

    def __init__(self, near: Neighbours, oin: str = "9", recipient: str = PROVIDER) -> None:
        self.near, self.world, self.recipient = near, near.world, recipient
        self.party = near.world.party("team-wmo", "0" * 19 + oin)
        # The simulator seals for a party; this one stands for the real edge and holds what everybody may know of it.
        own = OWN.need(near[recipient].store, OWN_KEY)
        role = recipient.rpartition(":")[2]
        self.reader = near.world.party(role, "1" * 19 + oin, admit=False)
        self.reader.address = recipient
        self.reader.keys = RoleKeys.from_bytes(own.keys)
        self.reader.manifest = parse_manifest(own.manifest).manifest
        self.reader.keeps_up = False
        self.begin()

    def begin(self) -> None:
        """Go on with another grant."""
        self.grant = self.party.grant(self.reader, 1 if self.recipient == PROVIDER else 5)

    def register(self, identity: Identity = BSN) -> None:
        """Register this month's handle, committed to this citizen or code."""
        body = parse_fact(self.party.registration(self.grant, self.world.month)).body
        assert isinstance(body, Register)
        record = (
            bsn_record(self.grant.terms, identity, SALT, None)
            if isinstance(identity, str)
            else code_record(self.grant.terms, identity, SALT, None)
        )
        body = replace(body, commitment=commitment(record, self.grant.secret, self.world.month))
        assert self.party.facts(self.party.sign(body))[0].code is Code.IN_FORCE

    def introduction(self, identity: Identity = BSN, **changes: object) -> bytes:
        """The introduction of this citizen, or by this code, with `changes` in its control part."""
        terms = self.grant.terms
        control: dict[str, object] = {
            "automatic": True,
            "event": self.world.random(16).hex(),
            "identity": {"bsn": identity} if isinstance(identity, str) else _code(identity),
            "kind": "introduction",
            "late": False,
            "renews": None,
            "salt": SALT.hex(),
            "secret": self.grant.secret.hex(),
            "source": None,
            "terms": {
                "begin": date_text(terms.begin),
                "categories": list(terms.categories),
                "end": date_text(terms.end),
                "ground": terms.ground,
                "law": terms.law,
                "purpose": terms.purpose,
                "row": terms.row,
            },
        }
        raw = orjson.dumps(control | changes, option=orjson.OPT_SORT_KEYS)
        return self.party.envelope(self.grant, parts=dict.fromkeys(terms.categories, b"") | {CONTROL: raw})

    def event(self, event_id: bytes = b"\1" * 16, **parts: bytes) -> bytes:
        """An event under its grant."""
        return self.party.envelope(self.grant, parts=self.party.event(self.grant, event_id=event_id) | parts)

    def send(self, *frames: bytes) -> list[Code | None]:
        """Each is sent, picked up and answered before the next; the last thing that the sender learns of each."""
        for frame in frames:
            assert self.party.send(frame) == [Code.TAKEN]
            self.near.work(self.recipient)
        return [self.party.outcome(frame) for frame in frames]


def _code(code: CodeProof) -> dict[str, str | None]:
    return {
        "code": None if code.proof is None else code.proof.hex(),
        "line": None if code.line is None else code.line.hex(),
        "until": None if code.until is None else date_text(code.until),
    }
