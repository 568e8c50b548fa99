# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Searching what a hub stores, or prints, for people: how the claim that it is blind is checked.

* `find_traces` reads every byte of a folder, opened first with every key that stands in it (`search_storage`).
* It looks for given names, numbers and texts in every spelling, and for what can be computed from them: hashes, and
  HMACs under every value of 16 or 32 bytes that the hub stores (`search_guesses`).
* Thorough, it does so for every BSN of the official test range too, known or not.
* A `Trace` says where and in which form, by the caller's label; it never holds what was found.

A digest is found in every spelling, whole or cut to 16 bytes.  Not found is what is sealed under a key that the
folder doesn't hold: that is what the hub is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy import search_guesses as guesses
from deploy.search_storage import SearchError, Storage, read_folder, read_texts

__all__ = ["SearchError", "Secrets", "Trace", "find_in_texts", "find_traces"]

ANY_BSN = "a BSN of the test range"
OPENING_KEY = "a private opening key of a partner"
_SHORT = 64
_RANDOM = frozenset({16, 32, 33, 64})  # lengths of ids, hashes, keys, leaves and signatures
_APART = b"\0\xff\0schakel\0\xff\0"
_SHORTEST_NAME, _SHORTEST_NUMBER, _SHORTEST_TEXT = 5, 6, 8


@dataclass(frozen=True, slots=True, order=True)
class Trace:
    """A form of a secret in a file."""

    file: str
    label: str
    form: str


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What must not be found: label -> value.  Labels may be printed, values never are."""

    names: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = ((self.names, _SHORTEST_NAME), (self.numbers, _SHORTEST_NUMBER), (self.texts, _SHORTEST_TEXT))
        for values, shortest in limits:
            for label, value in values.items():
                if len(value) < shortest:
                    raise ValueError("a secret is too short to be told from chance")
                if value.lower() in label.lower():
                    raise ValueError("the label of a secret holds the secret")

    def all(self) -> Iterator[tuple[str, str]]:
        """Every label with its value."""
        for values in (self.names, self.numbers, self.texts):
            yield from values.items()


def find_traces(folder: Path, secrets: Secrets, keys: Iterable[bytes] = (), *, thorough: bool = False) -> list[Trace]:
    """Every trace of the secrets in the data folder of a hub; `keys` are those that it keeps elsewhere.

    Raises:
        SearchError: something in the folder can't be read.
    """
    return _find(read_folder(folder, keys), secrets, thorough)


def find_in_texts(
    texts: Mapping[str, bytes], secrets: Secrets, keys: Iterable[bytes] = (), *, thorough: bool = False
) -> list[Trace]:
    """Every trace of the secrets in logs and output, named by where they appeared."""
    return _find(read_texts(texts, keys), secrets, thorough)


def _find(storage: Storage, secrets: Secrets, thorough: bool) -> list[Trace]:
    bsns = guesses.bsn_range() if thorough else frozenset[int]()
    numbers = {int(value): label for label, value in secrets.numbers.items() if value.isdecimal()}
    found = {Trace(file, OPENING_KEY, "private key") for file in storage.opening_keys}
    found |= set(_written(storage, secrets))
    found |= set(_as_numbers(storage, dict.fromkeys(bsns, ANY_BSN) | numbers))
    found |= set(_packed_small(storage, numbers))
    if thorough:
        found |= set(_written_bsns(storage, {f"{bsn:09d}" for bsn in bsns}, numbers))
    found |= set(_computed(storage, secrets, bsns))
    return sorted(found)


def _written(storage: Storage, secrets: Secrets) -> Iterator[Trace]:
    whole = _by_file(storage)
    patterns = [(label, guesses.digits_pattern(value)) for label, value in secrets.numbers.items()]
    needles = [(label, *form) for label, value in secrets.all() for form in guesses.spellings(value)]
    needles += [
        (label, *form)
        for label, text in secrets.texts.items()
        for piece in guesses.slices(text)
        for form in guesses.spellings(piece)
    ]
    for file, exact in whole.items():
        folded = exact.lower()
        for label, form, needle, capitals in needles:
            if (needle in exact) if capitals else (needle.lower() in folded):
                yield Trace(file, label, form)
        for label, pattern in patterns:
            if pattern.search(exact):
                yield Trace(file, label, "digits")


def _written_bsns(storage: Storage, bsns: set[str], numbers: Mapping[int, str]) -> Iterator[Trace]:
    for file, exact in _by_file(storage).items():
        for match in guesses.TEST_BSN.finditer(exact):
            digits = bytes(sign for sign in match[0] if sign in b"0123456789").decode()
            if digits in bsns:
                yield Trace(file, numbers.get(int(digits), ANY_BSN), "digits")


def _as_numbers(storage: Storage, numbers: Mapping[int, str]) -> Iterator[Trace]:
    for number, file in storage.numbers.items():
        if number in numbers:
            yield Trace(file, numbers[number], "number")
    for file, exact in _by_file(storage).items():
        for pattern, order in ((guesses.PACKED_BIG, "big"), (guesses.PACKED_LITTLE, "little")):
            for match in pattern.finditer(exact):
                number = int.from_bytes(match[1], order)  # type: ignore[arg-type]  # one of the two words
                if number in numbers:
                    yield Trace(file, numbers[number], "packed number")


def _packed_small(storage: Storage, numbers: Mapping[int, str]) -> Iterator[Trace]:
    """Four bytes are too few to be told from chance in what is random; so only short values are looked at."""
    forms = [(form, label) for number, label in numbers.items() if number < 1 << 32 for form in guesses.packed(number)]
    for data, file in storage.pieces.items():
        if len(data) <= _SHORT and len(data) not in _RANDOM:
            yield from (Trace(file, label, "packed number") for form, label in forms if form in data)


def _computed(storage: Storage, secrets: Secrets, bsns: Iterable[int]) -> Iterator[Trace]:
    windows = _windows(storage)
    hits = {start: (label, form) for label, value in secrets.all() for form, start in guesses.hashes(value)}
    if bsns:
        hits = {start: (ANY_BSN, form) for start, form in guesses.hashes_of_range().items()} | hits
    yield from _located(storage, {start: hits[start] for start in windows & hits.keys()})
    guessed = {f"{bsn:09d}": ANY_BSN for bsn in bsns} | {value: label for label, value in secrets.all()}
    inputs = [(data, label) for value, label in guessed.items() for data in guesses.inputs(value)]
    for key in storage.values:
        for form, function in guesses.keyed(key):
            for data, label in inputs:
                if (start := function(data)[: guesses.DIGEST]) in windows:
                    yield from _located(storage, {start: (label, form)})


def _located(storage: Storage, hits: Mapping[bytes, tuple[str, str]]) -> Iterator[Trace]:
    for start, (label, form) in hits.items():
        yield from (Trace(file, label, form) for data, file in storage.pieces.items() if start in data)


def _windows(storage: Storage) -> set[bytes]:
    """Whatever sixteen bytes stand side by side anywhere: the one question that millions of digests are asked."""
    found: set[bytes] = set()
    for data in storage.pieces:
        found.update([data[at : at + guesses.DIGEST] for at in range(len(data) - guesses.DIGEST + 1)])
    return found


def _by_file(storage: Storage) -> dict[str, bytes]:
    files: dict[str, list[bytes]] = {}
    for data, file in storage.pieces.items():
        files.setdefault(file, []).append(data)
    return {file: _APART.join(pieces) for file, pieces in files.items()}
