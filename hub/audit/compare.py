# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Comparing what two edges saw of one hub: whether it showed both the same log, and the same manifests.  Pure.

What it guarantees:

- *same* only when both checkpoints are signed by the hub's key and are of one log that grew;
- *forked* only on what an outsider can check with the hub's key alone: two signed checkpoints of one size with two
  roots, or a checkpoint that a signed copy of the log contradicts; or when a manifest has two faces; or when the hub,
  asked for the proof that it must be able to give, gives none that holds (`for_outsiders` tells these apart);
- *open* when more is needed to tell: the reason says what.

A file of what an edge saw is text: the first line, one line `manifest <address> <number> <SHA-256>` per manifest, an
empty line, the note of the newest checkpoint.  A note alone is such a file too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hub.audit import verify
from hub.audit.verify import Head
from schemas.merkle_proof import leaf_hash, verify_consistency

SEEN_MAGIC = "schakel seen v1"
SEEN_LIMIT = 1 << 20
_MANIFEST = re.compile(r"manifest (urn:nld:oin:[0-9]{20}:[a-z0-9-]{1,32}) ([1-9][0-9]{0,8}) ([0-9a-f]{64})")

Prove = Callable[[int, int], Sequence[bytes]]  # the proof that the log of the second size extends that of the first


class SeenError(ValueError):
    """A file of what an edge saw that isn't one."""


@dataclass(frozen=True, slots=True)
class SeenManifest:
    """The newest manifest of an address, as one edge knows it."""

    address: str
    number: int
    sha: str


@dataclass(frozen=True, slots=True)
class SeenFile:
    """What one edge saw."""

    note: str
    manifests: tuple[SeenManifest, ...] = ()


class Verdict(StrEnum):
    """What follows from two files."""

    SAME = "same"
    FORKED = "forked"
    OPEN = "open"


class Reason(StrEnum):
    """Why."""

    EQUAL = "equal"
    EXTENDS = "extends"
    TWO_ROOTS = "two-roots"
    NOT_IN_COPY = "not-in-copy"
    NO_PROOF = "no-proof"
    TWO_MANIFESTS = "two-manifests"
    OTHER_LOG = "other-log"
    NEEDS_PROOF = "needs-proof"
    COPY_TOO_SHORT = "copy-too-short"


FOR_OUTSIDERS = frozenset({Reason.TWO_ROOTS, Reason.NOT_IN_COPY})


@dataclass(frozen=True, slots=True)
class Compared:
    """The verdict, why, both checkpoints, and the addresses of which one edge knows a newer manifest."""

    verdict: Verdict
    reason: Reason
    heads: tuple[Head, Head]
    behind: tuple[str, ...] = ()

    @property
    def for_outsiders(self) -> bool:
        """Whether the two files, with the copy of the log if one was used, prove the fork to anybody."""
        return self.reason in FOR_OUTSIDERS


def seen_text(seen: SeenFile) -> str:
    """The file."""
    lines = [SEEN_MAGIC, *(f"manifest {one.address} {one.number} {one.sha}" for one in seen.manifests), ""]
    return "\n".join(lines) + "\n" + seen.note


def read_seen(text: str) -> SeenFile:
    """What one edge saw.

    Raises:
        SeenError: it has another form.
    """
    if not text.startswith(SEEN_MAGIC + "\n"):
        return SeenFile(text)
    head, gap, note = text.partition("\n\n")
    found = [_MANIFEST.fullmatch(line) for line in head.split("\n")[1:]]
    if not gap or not all(found):
        raise SeenError("a file of what an edge saw has another form")
    return SeenFile(note, tuple(SeenManifest(one[1], int(one[2]), one[3]) for one in found if one is not None))


def compare(one: SeenFile, other: SeenFile, vkey: str, prove: Prove | None = None) -> Compared:
    """What follows from two files; `prove` asks the hub.

    Raises:
        verify.Unsound: a checkpoint isn't signed by this key, or the key is none.
    """
    heads = _heads(one, other, vkey)
    return _with_manifests(_heads_compared(heads, prove), one, other)


def compare_with_copy(one: SeenFile, other: SeenFile, vkey: str, copy: Iterable[str]) -> Compared:
    """The same, by the lines of an export of the log instead of the hub.

    Raises:
        verify.Unsound: a checkpoint or the copy isn't signed by this key, or the copy doesn't hold.
    """
    heads = _heads(one, other, vkey)
    found = _heads_compared(heads, None)
    if found.reason is Reason.NEEDS_PROOF:
        found = _against_copy(heads, list(copy), vkey)
    return _with_manifests(found, one, other)


def _heads(one: SeenFile, other: SeenFile, vkey: str) -> tuple[Head, Head]:
    name, public_key = verify.parse_verifier_key(vkey)
    return verify.open_note(one.note, name, public_key), verify.open_note(other.note, name, public_key)


def _heads_compared(heads: tuple[Head, Head], prove: Prove | None) -> Compared:
    old, new = sorted(heads, key=lambda head: head.size)
    if old.origin != new.origin:
        return Compared(Verdict.OPEN, Reason.OTHER_LOG, heads)
    if old.size == new.size:
        same = old.root == new.root
        return Compared(*((Verdict.SAME, Reason.EQUAL) if same else (Verdict.FORKED, Reason.TWO_ROOTS)), heads)
    if prove is None:
        return Compared(Verdict.OPEN, Reason.NEEDS_PROOF, heads)
    try:
        extends = verify_consistency(old.size, new.size, old.root, new.root, prove(old.size, new.size))
    except ValueError:
        extends = False
    return Compared(*((Verdict.SAME, Reason.EXTENDS) if extends else (Verdict.FORKED, Reason.NO_PROOF)), heads)


def _against_copy(heads: tuple[Head, Head], copy: Sequence[str], vkey: str) -> Compared:
    report = verify.verify_export(copy, vkey)
    if report.head is None or not report.ok:
        raise verify.Unsound("the copy of the log doesn't hold: " + "; ".join(report.faults))
    if report.head.origin != heads[0].origin or report.head.size < max(head.size for head in heads):
        return Compared(Verdict.OPEN, Reason.COPY_TOO_SHORT, heads)
    leaves = b"".join(leaf_hash(leaf) for leaf in _leaves(copy, report.entries))
    roots = verify.roots_at(leaves, {head.size for head in heads})
    holds = all(roots[head.size] == head.root for head in heads)
    return Compared(*((Verdict.SAME, Reason.EXTENDS) if holds else (Verdict.FORKED, Reason.NOT_IN_COPY)), heads)


def _leaves(copy: Sequence[str], entries: int) -> Iterable[bytes]:
    for line in copy[1 : entries + 1]:
        leaf, _ = verify.parse_entry(line.removesuffix("\n").split(" ")[1:])
        yield leaf


def _with_manifests(found: Compared, one: SeenFile, other: SeenFile) -> Compared:
    """A manifest with two faces is a fork, whatever the checkpoints say; a newer one may be on its way."""
    mine = {seen.address: seen for seen in one.manifests}
    shared = [(mine[seen.address], seen) for seen in other.manifests if seen.address in mine]
    behind = tuple(sorted(a.address for a, b in shared if a.number != b.number))
    if found.verdict is not Verdict.FORKED and any(a.number == b.number and a.sha != b.sha for a, b in shared):
        return Compared(Verdict.FORKED, Reason.TWO_MANIFESTS, found.heads, behind)
    return Compared(found.verdict, found.reason, found.heads, behind)
