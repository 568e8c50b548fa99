# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The control part of what is sent, and what is read from one that came.

Guarantees: what is written is valid by its definition, in the highest version that both sides read; what came is
validated before anything of it is looked at, and all that follows works on values of known types.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from adapters.lines import chain, code_of
from adapters.records_incoming import Introduced
from adapters.records_outgoing import CLIENTS, REQUEST, Grant, Item
from adapters.workplace import Workplace
from consent.grant import CodeProof, GrantTerms, bsn_record, code_record
from schemas.calendar import date_text, parse_date
from schemas.envelope import CONTROL
from schemas.manifest import Manifest
from schemas.registry import Fault, InvalidPart, Registry

INTRODUCTION = "introduction"
_VERSION = "1"  # of the control part, which names the versions of the others: it goes with the frame


def common_version(name: str, manifest: Manifest, registry: Registry) -> int:
    """The highest version of a definition that both sides read.

    Raises:
        InvalidPart: there is none.
    """
    ours = registry.versions(name)
    both = [version for named, theirs in manifest.reads if named == name for version in theirs if version in ours]
    if not both:
        raise InvalidPart([Fault("/", "version")])
    return max(both)


def event_control(work: Workplace, item: Item, manifest: Manifest) -> bytes:
    """The control part of an event; its parts are valid in the versions that it names.

    Raises:
        InvalidPart: no common version, or a part that it does not allow.
    """
    schemas: dict[str, object] = {}
    for name, raw in item.parts:
        schemas[name] = f"{name}/{common_version(name, manifest, work.registry)}"
        work.registry.validate(str(schemas[name]), raw)
    control = {
        "kind": "event",
        "event": item.event_id.hex(),
        "date": date_text(item.day),
        "late": item.late,
        "schemas": schemas,
    }
    return work.registry.encode(f"{CONTROL}/{_VERSION}", control)


def introduction_control(work: Workplace, grant: Grant, item: Item) -> bytes:
    """The control part of the introduction of a grant.

    Raises:
        InvalidPart: the client has no BSN.
    """
    renews = next((old.secret.hex() for old in chain(work.store, grant)[1:] if old.introduced), None)
    if (
        grant.proof
    ):  # before its code is typed the recipient must not learn that it was told about the same citizen before
        renews = None
    control = {
        "kind": INTRODUCTION,
        "event": item.event_id.hex(),
        "late": item.late,
        "secret": grant.secret.hex(),
        "salt": grant.salt.hex(),
        "automatic": grant.automatic,
        "renews": renews,
        "source": grant.source,
        "identity": _identity(work, grant),
        "terms": {
            "row": grant.row,
            "ground": grant.ground,
            "categories": list(grant.categories),
            "begin": date_text(grant.begin),
            "end": date_text(grant.end),
            "purpose": grant.purpose,
            "law": grant.law,
        },
    }
    return work.registry.encode(f"{INTRODUCTION}/{_VERSION}", control)


def _identity(work: Workplace, grant: Grant) -> dict[str, object]:
    if not grant.by_code:
        return {"bsn": CLIENTS.need(work.store, grant.client.encode()).bsn}
    proof, until, line = code_of(grant)
    return {
        "code": None if proof is None else proof.hex(),
        "line": None if line is None else line.hex(),
        "until": None if until is None else date_text(until),
    }


def request_control(work: Workplace, item: Item, row: int, manifest: Manifest) -> bytes:
    """The control part of a request to be told under this row.

    Raises:
        InvalidPart: the other side reads no version of it.
    """
    version = common_version(REQUEST, manifest, work.registry)
    return work.registry.encode(f"{REQUEST}/{version}", {"kind": REQUEST, "event": item.event_id.hex(), "row": row})


@dataclass(frozen=True, slots=True, repr=False)
class CameRequest:
    """A valid request to be told."""

    event_id: bytes
    row: int


def read_request(registry: Registry, raw: bytes) -> CameRequest | None:
    """The request in these bytes; None when they are something else."""
    try:
        control = registry.validate(f"{REQUEST}/{_VERSION}", raw)
    except InvalidPart:
        return None
    return CameRequest(bytes.fromhex(str(control["event"])), cast("int", control["row"]))


@dataclass(frozen=True, slots=True, repr=False)
class CameIntroduction:
    """A valid introduction."""

    event_id: bytes
    secret: bytes
    salt: bytes
    automatic: bool
    renews: bytes | None
    source: str | None
    identity: str | CodeProof  # a BSN, or what introduces by code
    terms: GrantTerms

    @property
    def way(self) -> str:
        """The way of introduction, as a row of the rule table names it."""
        return "bsn" if isinstance(self.identity, str) else "code"

    def committed(self) -> bytes:
        """What the commitment of its registration is made over: the citizen, or the code, included."""
        if isinstance(self.identity, str):
            return bsn_record(self.terms, self.identity, self.salt, self.source)
        return code_record(self.terms, self.identity, self.salt, self.source)

    def record(self, came_at: int, message_id: bytes) -> Introduced:
        """What is kept of it."""
        code = None if isinstance(self.identity, str) else self.identity
        terms = self.terms
        return Introduced(
            self.secret,
            terms.sender,
            self.identity if isinstance(self.identity, str) else None,
            terms.row,
            terms.ground,
            terms.categories,
            terms.purpose,
            terms.law,
            terms.begin,
            terms.end,
            self.renews,
            self.automatic,
            came_at,
            proof=b"" if code is None or code.proof is None else code.proof,
            message_id=message_id,
            source=self.source,
        )


@dataclass(frozen=True, slots=True, repr=False)
class CameEvent:
    """A valid event."""

    event_id: bytes
    day: int
    late: bool
    parts: tuple[tuple[str, bytes], ...]


def read_introduction(registry: Registry, raw: bytes, sender: str, recipient: str) -> CameIntroduction:
    """The introduction in these bytes.

    Raises:
        InvalidPart: not as defined.
    """
    control = registry.validate(f"{INTRODUCTION}/{_VERSION}", raw)
    renews, cells = control["renews"], cast("dict[str, object]", control["terms"])
    try:
        terms = GrantTerms(
            sender,
            recipient,
            cast("int", cells["row"]),
            str(cells["ground"]),
            tuple(cast("list[str]", cells["categories"])),
            parse_date(str(cells["begin"])),
            parse_date(str(cells["end"])),
            str(cells["purpose"]),
            str(cells["law"]),
        )
    except ValueError:
        raise InvalidPart([Fault("/terms", "order")]) from None
    return CameIntroduction(
        bytes.fromhex(str(control["event"])),
        bytes.fromhex(str(control["secret"])),
        bytes.fromhex(str(control["salt"])),
        bool(control["automatic"]),
        None if renews is None else bytes.fromhex(str(renews)),
        cast("str | None", control["source"]),
        _who(cast("dict[str, str | None]", control["identity"])),
        terms,
    )


def _who(identity: Mapping[str, str | None]) -> str | CodeProof:
    bsn = identity.get("bsn")
    if bsn is not None:
        return bsn
    proof, line = (None if text is None else bytes.fromhex(text) for text in (identity["code"], identity["line"]))
    until = None if identity["until"] is None else parse_date(identity["until"])
    if (proof is None) != (until is None) or (proof is None and line is None):
        raise InvalidPart([Fault("/identity", "code")])
    return CodeProof(proof, until, line)


def read_event(registry: Registry, opened: Mapping[str, bytes]) -> CameEvent:
    """The event in these opened parts, each valid by the definition that the control part names.

    Raises:
        InvalidPart: one is not; or a part is there without a definition, or the reverse.
    """
    control = registry.validate(f"{CONTROL}/{_VERSION}", opened[CONTROL])
    schemas = cast("dict[str, str]", control["schemas"])
    names = sorted(set(opened) - {CONTROL})
    if sorted(schemas) != names:
        raise InvalidPart([Fault("/schemas", "parts")])
    for name in names:
        registry.validate(schemas[name], opened[name])
    return CameEvent(
        bytes.fromhex(str(control["event"])),
        parse_date(str(control["date"])),
        bool(control["late"]),
        tuple((name, opened[name]) for name in names),
    )
