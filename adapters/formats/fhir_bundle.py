# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One file of FHIR taken apart: which resources in it tell something, and what their references point at.

- The rules of a Bundle that its schema doesn't say are checked here; their numbers are those of the standard (bdl-2 ...).
- A reference is followed within the file only, and as the standard resolves it: `Patient/1` in a resource of one server
  is the patient of that server, whatever another server in the same file calls `Patient/1`.
- What two resources share points at neither.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.formats.fhir_lists import RESOURCES
from adapters.formats.fhir_shape import TYPE, Kept, inside, structures, text
from adapters.formats.native import Keyword
from adapters.formats.xml_strict import Walk

_VERSION: Final = re.compile(r"/_history/[A-Za-z0-9.-]{1,64}\Z")
# Where a server keeps a resource: the server, and the name by which a reference on that server calls it.
_ON_A_SERVER: Final = re.compile(r"(https?://\S+/)([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})")
_BUNDLES: Final = frozenset({"collection", "transaction", "batch", "message", "searchset"})
# In the standard, and no statement of how things are now: versions, answers, and a clinical document.
_OTHER_BUNDLES: Final = frozenset({"document", "history", "transaction-response", "batch-response"})
_ORDERS: Final = frozenset({"transaction", "batch"})
_TELLING: Final = frozenset({"POST", "PUT"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})


@dataclass(frozen=True, slots=True)
class Found:
    """A resource that a reference points at, and where it stands."""

    resource: Kept
    path: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource that tells, where it stands, and what its references may point at.

    `server`: where its own `fullUrl` says that it is kept; None: nowhere.
    """

    resource: Kept
    path: str
    others: Mapping[str, Found]
    server: str | None

    def target(self, reference: Kept) -> Found | None:
        """What this reference points at inside the file; None: something elsewhere, or nothing."""
        said = text(reference, "reference")
        if said is None:
            return None
        name = _VERSION.sub("", said)
        return self.others.get(f"{self.server}{name}") or self._by_name(name)

    def _by_name(self, name: str) -> Found | None:
        found = self.others.get(name)
        # On another server than this resource's own the same name is another's.
        elsewhere = self.server is not None and found is not None and f"{_ELSEWHERE}{name}" in self.others
        return None if elsewhere else found

    def points_nowhere(self, reference: Kept) -> bool:
        """Whether it points inside this resource at what isn't there (ref-1)."""
        said = text(reference, "reference")
        return said is not None and len(said) > 1 and said.startswith("#") and said not in self.others


_ELSEWHERE: Final = "\0"  # stands in no reference


def word(walk: Walk, found: str | None, path: str, good: frozenset[str], other: frozenset[str]) -> None:
    """A code that must be there: one of those that tell, one of the standard that does not, or neither."""
    if found is None:
        walk.fault(path, Keyword.MISSING)
    elif found not in good:
        walk.fault(path, Keyword.NO_EVENT if found in other else Keyword.CODE_LIST)


def entries(resource: Kept, walk: Walk) -> Iterator[Entry]:
    """The resources that tell; notes what is wrong around them."""
    if resource[TYPE] != "Bundle":
        path = f"/{resource[TYPE]}"
        yield Entry(resource, path, _contained(resource, path, {}, walk), None)
        return
    kind = text(resource, "type")
    word(walk, kind, "/Bundle/type", _BUNDLES, _OTHER_BUNDLES)
    found = structures(resource, "entry")
    if kind == "message" and not (found and _type_of(found[0]) == "MessageHeader"):  # bdl-12
        walk.fault("/Bundle/entry[1]/resource/MessageHeader", Keyword.MISSING)
    others = _addresses(found, walk)
    for number, entry in enumerate(found, 1):
        path = f"/Bundle/entry[{number}]"
        one = entry.get("resource")
        if not _counts(entry, kind, path, walk) or not isinstance(one, dict) or one[TYPE] not in RESOURCES:
            continue
        place = _ON_A_SERVER.fullmatch(text(entry, "fullUrl") or "")
        path = f"{path}/resource"
        yield Entry(one, path, _contained(one, path, others, walk), None if place is None else place[1])


def _type_of(entry: Kept) -> str:
    one = entry.get("resource")
    return str(one[TYPE]) if isinstance(one, dict) else ""


def _counts(entry: Kept, kind: str | None, path: str, walk: Walk) -> bool:
    """Whether the entry says how things are, and is not an order to a server or a companion of what was asked."""
    if "response" in entry:
        walk.fault(f"{path}/response", Keyword.UNEXPECTED)
    if "search" in entry and kind != "searchset":  # bdl-2
        walk.fault(f"{path}/search", Keyword.UNEXPECTED)
    mode = inside(entry, "search", "mode")
    if mode is not None:
        word(walk, mode, f"{path}/search/mode", frozenset({"match", "include", "outcome"}), frozenset())
    if kind in _ORDERS:  # bdl-3
        method = inside(entry, "request", "method")
        word(walk, method, f"{path}/request/method", _TELLING, _METHODS - _TELLING)
        if inside(entry, "request", "url") is None:
            walk.fault(f"{path}/request/url", Keyword.MISSING)
    elif "request" in entry:
        walk.fault(f"{path}/request", Keyword.UNEXPECTED)
    if "resource" not in entry and not entry.keys() & {"request", "response"}:  # bdl-5
        walk.fault(f"{path}/resource", Keyword.MISSING)
    return mode in (None, "match")


def _addresses(found: list[Kept], walk: Walk) -> dict[str, Found]:
    """What a reference may say -> the resource; and which of the short names belong to one server alone."""
    known: dict[str, Found] = {}
    shared: set[str] = set()
    full: set[str] = set()
    for number, entry in enumerate(found, 1):
        resource, url = entry.get("resource"), text(entry, "fullUrl")
        path = f"/Bundle/entry[{number}]"
        if url is not None and url in full:
            walk.fault(f"{path}/fullUrl", Keyword.DUPLICATE)
        if url is not None and _VERSION.search(url) is not None:  # bdl-8
            walk.fault(f"{path}/fullUrl", Keyword.PATTERN)
        if not isinstance(resource, dict):
            continue
        names = {f"{resource[TYPE]}/{text(resource, 'id')}"} if "id" in resource else set()
        if url is not None:
            full.add(url)
            place = _ON_A_SERVER.fullmatch(url)
            names |= {url} if place is None else {url, place[2], f"{_ELSEWHERE}{place[2]}"}
            if place is not None and "id" in resource and place[2] != f"{resource[TYPE]}/{text(resource, 'id')}":
                walk.fault(f"{path}/fullUrl", Keyword.MISMATCH)
        shared |= names & known.keys()
        known.update(dict.fromkeys(names, Found(resource, f"{path}/resource")))
    return {name: one for name, one in known.items() if name not in shared}


def _contained(resource: Kept, path: str, others: Mapping[str, Found], walk: Walk) -> Mapping[str, Found]:
    inner: dict[str, Found] = {}
    for number, one in enumerate(structures(resource, "contained"), 1):
        name, place = f"#{text(one, 'id')}", f"{path}/contained[{number}]"
        if name in inner:  # which of the two a reference means nobody can say
            walk.fault(f"{place}/id", Keyword.DUPLICATE)
        elif "id" in one:
            inner[name] = Found(one, place)
    return {**others, **inner} if inner else others
