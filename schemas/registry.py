# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The definitions of everything that is sealed or kept as JSON, and the one door through which such bytes come in.

Guarantees:
- bytes that were validated are the bytes that are used: only the one canonical spelling of a value is accepted, so
  duplicate keys, white space, other escapes and ``1.0`` for ``1`` never pass;
- every fault is named at once, by path and keyword; a fault never holds a value, nor a name that the definition
  itself does not contain;
- there is no field for free text in any definition.

A *schema id* is ``name/version``: ``progress/1``. The files under ``definitions/`` can be used without this module.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, cast

import orjson
from jsonschema_rs import Draft202012Validator, ValidationError

_FOLDER: Final = Path(__file__).parent / "definitions"
_LIMIT: Final = 4096
_LIMITS: Final[Mapping[str, int]] = MappingProxyType({"rule-table": 1 << 20})  # public data, much larger than a part
_BSN_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)

SIZE_CLASS: Final[dict[str, int]] = {"control": 512, "introduction": 2048, "progress": 1024, "service": 512}
"""Bytes that a part takes up before it is sealed, its four length bytes included; published in ``sizes.json``."""


class Fault(NamedTuple):
    """One thing that is wrong, safe to log and to send back."""

    path: str
    keyword: str


class InvalidPart(ValueError):
    """These bytes are not a valid instance of the definition; says where and which rule, never what."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path} {fault.keyword}" for fault in self.faults))


@dataclass(frozen=True, slots=True)
class _Definition:
    validator: Draft202012Validator
    known: frozenset[str]
    limit: int
    has_integers: bool


@dataclass(frozen=True, slots=True)
class Registry:
    """All definitions by schema id; made by `load`."""

    _definitions: Mapping[str, _Definition]
    _versions: Mapping[str, tuple[int, ...]]

    def validate(self, schema_id: str, raw: bytes) -> dict[str, object]:
        """The value that these canonical bytes spell.

        Raises:
            InvalidPart: unknown schema id, too long, not JSON, not canonical, or not as defined.
        """
        definition = self._definitions.get(schema_id)
        if definition is None:
            raise InvalidPart([Fault("/", "schema")])
        if len(raw) > definition.limit:
            raise InvalidPart([Fault("/", "size")])
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise InvalidPart([Fault("/", "json")]) from None  # the cause holds the document
        if orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS) != raw:
            raise InvalidPart([Fault("/", "canonical")])
        if not definition.validator.is_valid(parsed):
            raise InvalidPart(_faults(definition, parsed))
        if definition.has_integers and _has_float(parsed):
            # JSON Schema takes 1.0 for an integer; that would be a second spelling of one value.
            raise InvalidPart([Fault("/", "integer")])
        return parsed  # type: ignore[no-any-return]  # every definition says `type: object`

    def encode(self, schema_id: str, obj: Mapping[str, object]) -> bytes:
        """The canonical bytes of this value.

        Raises:
            InvalidPart: as `validate`.
        """
        try:
            raw = orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            raise InvalidPart([Fault("/", "json")]) from None
        self.validate(schema_id, raw)
        return raw

    def versions(self, category: str) -> tuple[int, ...]:
        """The versions of this definition that can be read, oldest first; none for an unknown name."""
        return self._versions.get(category, ())

    @property
    def schema_ids(self) -> tuple[str, ...]:
        """Every schema id, sorted."""
        return tuple(sorted(self._definitions))


def load(folder: Path = _FOLDER) -> Registry:
    """Read all definitions in a folder ``<family>/<version>/<name>.json``; those of the distribution unless told."""
    found = {
        f"{file.stem}/{file.parent.name}": _define(file)
        for file in sorted(folder.glob("*/*/*.json"))
        if not file.name.endswith(".example.json")
    }
    versions: dict[str, list[int]] = {}
    for schema_id in found:
        name, _, version = schema_id.rpartition("/")
        versions.setdefault(name, []).append(int(version))
    ordered = {name: tuple(sorted(numbers)) for name, numbers in versions.items()}
    return Registry(MappingProxyType(found), MappingProxyType(ordered))


def _define(file: Path) -> _Definition:
    text = file.read_bytes()
    schema = orjson.loads(text)
    validator = Draft202012Validator(schema, validate_formats=True, formats={"bsn": _passes_eleven_test})
    return _Definition(validator, frozenset(_names(schema)), _LIMITS.get(file.stem, _LIMIT), b'"integer"' in text)


def _names(schema: object) -> Iterator[str]:
    """The property names that the definition itself contains."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def _faults(definition: _Definition, parsed: object) -> list[Fault]:
    return sorted({_fault(error, definition.known, parsed) for error in definition.validator.iter_errors(parsed)})


def _fault(error: ValidationError, known: frozenset[str], parsed: object) -> Fault:
    """What may be said of an error of the library, whose own message holds the value or the unexpected name."""
    path = "/".join(_safe_steps(error.instance_path, known, parsed))
    keyword = next(step for step in reversed(error.schema_path) if isinstance(step, str))
    return Fault("/" + path, keyword)


def _safe_steps(path: Iterable[str | int], known: frozenset[str], value: object) -> Iterator[str]:
    """An index of an array, or a name that the definition contains; anything else is a question mark.

    The library gives a property whose *name* is a number as an integer too, and such a name can be a BSN: so a step
    counts as an index only where the value is an array.
    """
    for step in path:
        is_index = isinstance(value, list) and isinstance(step, int)
        is_name = isinstance(value, dict) and step in known
        value = cast("dict[str | int, object]", value)[step] if is_index or is_name else None
        yield str(step) if is_index or is_name else "?"


def _has_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)


def _passes_eleven_test(text: str) -> bool:
    """Nine digits that can be a BSN. Called by the validator for strings that need not have matched the pattern."""
    if len(text) != len(_BSN_WEIGHTS) or not (text.isascii() and text.isdigit()):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_BSN_WEIGHTS, text, strict=True))
    return total % 11 == 0 and text != "000000000"
