# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Accession and publication: what joins the log in public.  Steps for manifests, rule tables and admissions.

A manifest is the next one of its address or nothing, and its attestation stands beside it, out of the log; a table only narrows the national base; the same bytes
published again change nothing.  Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consent.rules import RuleTable
from hub.attestations import Attestations, sha_of
from hub.registry import Partner, Partners, check_manifest, check_table
from hub.store import Step, Store
from schemas import entry
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.manifest import SignedManifest, parse_manifest
from schemas.signing import Verifier

Published = tuple[Code, int]
Attested = list[tuple[bytes, bytes]]  # SHA-256 of a manifest, its attestation
NOWHERE = -1  # the index in an answer that put nothing into the log


def publish(
    partner: Partner, frame: bytes, store: Store, national: RuleTable, verifier: Verifier, now: int
) -> Step | Published:
    """The step that publishes `frame` for `partner`, or the answer when there is nothing to commit."""
    step = Step(at=now, rests_on_addresses={partner.number: partner.version}, entries=[entry.public(frame)])
    if frame[:1] == b"{":
        return _table(frame, store, national, step)
    known = next((index for index, old in store.manifests(partner.number) if old == frame), None)
    if known is not None:
        return Code.IN_FORCE, known
    # A hub that was put back is given the manifests again that it has lost, which may be over by now.
    late = store.recovery() is not None
    signed = check_manifest(frame, partner.manifest, day_of(now), verifier, late=late)
    if isinstance(signed, Code):
        return signed, NOWHERE
    if signed.manifest.address != partner.address:
        return Code.NOT_YOURS, NOWHERE
    table_hash = signed.manifest.table_hash
    if table_hash is not None and store.table(table_hash) is None:
        return Code.NOT_NEXT, NOWHERE
    step.manifests.append((0, partner.number, frame, table_hash))
    return step


@dataclass(frozen=True, slots=True)
class Offered:
    """What is published: a manifest with its attestation, which may be empty, or a table.  `admitting`: by the operator."""

    frame: bytes
    attestation: bytes = b""
    admitting: bool = False


def attest(offered: Offered, number: int | None, store: Store, rules: Attestations, now: int) -> Attested | Code:
    """What to keep beside the manifest of address `number` (None: a new one), or the code of the refusal.

    One that has an attestation keeps it: who publishes the same manifest again needs no other.  Not checked here: the
    manifest itself (`publish`, `first_manifest`).

    Raises:
        HubUnavailableError: the authorities can't be read at present.
    """
    sha, signed = sha_of(offered.frame), parse_manifest(offered.frame)
    if store.attestations([sha]):
        return []
    if offered.attestation:
        return [(sha, offered.attestation)] if rules.hold(offered.attestation, signed, now) else Code.NOT_ATTESTED
    earlier = () if number is None else store.manifests(number)
    had = bool(store.attestations(sha_of(frame) for _, frame in earlier))
    return Code.NOT_ATTESTED if rules.need(signed, now, had=had, admitting=offered.admitting) else []


def _table(frame: bytes, store: Store, national: RuleTable, step: Step) -> Step | Published:
    table = check_table(frame, national)
    if isinstance(table, Code):
        return table, NOWHERE
    if store.table(table.hash) is not None:
        return Code.IN_FORCE, NOWHERE
    step.tables.append((table.hash, frame))
    return step


def first_manifest(frame: bytes, partners: Partners, day: int, verifier: Verifier) -> SignedManifest | Code:
    """The manifest with which an address is admitted, else the code of the refusal."""
    signed = check_manifest(frame, None, day, verifier)
    if isinstance(signed, Code):
        return signed
    known = partners.by_address.get(signed.manifest.address)
    is_first = known is None or known.manifest is None or known.manifest == signed.manifest
    return signed if is_first else Code.NOT_NEXT


def state_step(address: str, state: str, number: int, is_new: bool, now: int, random: Callable[[int], bytes]) -> Step:
    """The step that gives an address a state: admitted, suspended or removed."""
    record = entry.admission(day_of(now), number, address, state)
    step = Step(at=now, entries=[entry.committed(record, random(32))])
    step.admissions.append((address, state, None if is_new else number))
    return step
