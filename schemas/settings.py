# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Settings in a TOML file: one documented frozen type each, every fault named at once.

Guarantees:
- a setting has its default, unit and meaning at its field, and what is printed or documented comes from there;
- unknown and moved keys are faults, so a typing error never leaves a default in force;
- a fault names the path and the rule and never a value. No setting holds a secret, only where one is.
"""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from schemas.note import NoteError, parse_verifier_key

T = TypeVar("T")

LARGEST: Final = 1 << 20  # bytes of a settings file
HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-fA-F:]{2,39}\]"
_SHOWN_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Fault(NamedTuple):
    """One thing that is wrong in a settings file."""

    path: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


class SettingsError(ValueError):
    """A settings file that can't be used, with every fault that was found; `file`: its name, where one is known."""

    def __init__(self, faults: Sequence[Fault], file: str = "") -> None:
        said = "; ".join(str(fault) for fault in faults)
        super().__init__(f"{file}: {said}" if file else said)
        self.faults = tuple(faults)


class Wrong(ValueError):
    """A value that a setting can't have. The text says what it must be; `path` where within the value."""

    def __init__(self, rule: str, path: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.path = path


class WrongSection(Wrong):
    """A table of settings with every fault in it; the paths start within the table."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


# Turns what stands in the file into the value; the folder of the file is what relative paths start from.
Read = Callable[[object, Path], T]


class Setting(NamedTuple):
    """What a setting is, for people."""

    name: str
    meaning: str
    unit: str
    default: str
    required: bool


def required(read: Read[T], meaning: str, unit: str = "") -> T:
    """A field whose value must stand in the file."""
    return dataclasses.field(metadata={"read": read, "meaning": meaning, "unit": unit})  # type: ignore[no-any-return]


def optional(read: Read[T], default: T, meaning: str, unit: str = "") -> T:
    """A field with a default; a relative path given as default starts from the folder of the file too."""
    metadata = {"read": read, "meaning": meaning, "unit": unit}
    if type(default).__hash__ is None:  # a read-only mapping, which Python 3.11 takes for one that may change
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _default(one: dataclasses.Field[object]) -> object:
    """The default of a field, MISSING when its value must be given."""
    return one.default if one.default_factory is dataclasses.MISSING else one.default_factory()


def settings_of(kind: type[object]) -> list[Setting]:
    """Every setting of this type, in the order of its fields."""
    found = []
    for one in dataclasses.fields(kind):  # type: ignore[arg-type]  # always a dataclass here
        needed = _default(one) is dataclasses.MISSING
        default = "" if needed else as_text(_default(one))
        found.append(Setting(one.name, one.metadata["meaning"], one.metadata["unit"], default, needed))
    return found


def shown(settings: object) -> list[tuple[str, str]]:
    """Name and value of every setting in force."""
    fields = dataclasses.fields(settings)  # type: ignore[arg-type]
    return [(one.name, as_text(getattr(settings, one.name))) for one in fields]


def as_text(value: object) -> str:
    """A value as it would stand in the file, near enough for a person."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case tuple() | list():
            return ", ".join(as_text(item) for item in value) or "-"
        case _ if dataclasses.is_dataclass(value):
            return as_text(dict(shown(value)))
        case Mapping():
            return ", ".join(f"{key} = {as_text(item)}" for key, item in value.items()) or "-"
        case _:
            return str(value)


def load_toml(path: Path) -> dict[str, object]:
    """The tables of a file.

    Raises:
        SettingsError: it can't be read, is too large or isn't TOML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError([Fault("/", f"the file can't be read: {error.strerror}")], path.name) from None
    if len(raw) > LARGEST:
        raise SettingsError([Fault("/", "the file is larger than 1 MiB")], path.name)
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError:
        raise SettingsError([Fault("/", "the file isn't UTF-8")], path.name) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"at line \d+, column \d+", str(error))
        raise SettingsError(
            [Fault("/", f"the file isn't TOML {place[0] if place else ''}".rstrip())], path.name
        ) from None


def read_values(
    kind: type[object], raw: Mapping[str, object], folder: Path, moved: Mapping[str, str], faults: list[Fault]
) -> dict[str, object]:
    """The values of a settings type by name, faults added to the list. What is at fault has its default, or is missing."""
    fields = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    faults += unknown_keys(raw, fields.keys(), "", moved)
    values: dict[str, object] = {}
    for name, one in fields.items():
        default = _default(one)
        if name in raw:
            try:
                values[name] = one.metadata["read"](raw[name], folder)
                continue
            except WrongSection as wrong:
                faults += [Fault(f"/{name}{fault.path}", fault.rule) for fault in wrong.faults]
            except Wrong as wrong:
                faults.append(Fault(f"/{name}{wrong.path}", wrong.rule))
        elif default is dataclasses.MISSING:
            faults.append(Fault(f"/{name}", "this setting is required"))
        if default is not dataclasses.MISSING:
            values[name] = folder / default if isinstance(default, Path) else default
    return values


def unknown_keys(
    raw: Mapping[str, object], known: Sequence[str] | object, path: str, moved: Mapping[str, str] | None = None
) -> list[Fault]:
    """A fault for every key that isn't known; one that has moved is told where to."""
    found = []
    for key in raw:
        if key in known:  # type: ignore[operator]
            continue
        place = f"{path}/{key}" if _SHOWN_KEY.fullmatch(key) else f"{path}/?"
        now = (moved or {}).get(key)
        found.append(Fault(place, "unknown setting" if now is None else f"this setting is now called {now}"))
    return found


def rules_settings(table: Path | None, signature: Path | None, key: str | None, *, strict: bool) -> list[Fault]:
    """What is wrong between the three settings about a rule table, which hub and edge both have."""
    if table is None:
        alone = {"rules_signature": signature, "rules_key": key}
        return [Fault(f"/{name}", "goes with rules_file") for name, value in alone.items() if value is not None]
    missing = [name for name, value in (("rules_signature", signature), ("rules_key", key)) if value is None]
    if len(missing) == 2 and not strict:
        return []
    return [Fault(f"/{name}", "is required with rules_file: a table that nobody signed") for name in missing]


# ------------------------------------------------------------------------------------- readers of one value


def text(least: int, most: int) -> Read[str]:
    """Text of so many characters, none of them a control character."""

    def read(value: object, _: Path) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most or not value.isprintable():
            raise Wrong(f"must be text of {least} to {most} characters")
        return value

    return read


def pattern(expression: str, rule: str) -> Read[str]:
    """Text of one form; `rule` says which."""
    compiled = re.compile(expression)

    def read(value: object, _: Path) -> str:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise Wrong(rule)
        return value

    return read


def verifier_key(rule: str) -> Read[str]:
    """A verifier key, the one line by which a signer is known; `rule` says which."""

    def read(value: object, folder: Path) -> str:
        line = text(1, 200)(value, folder)
        try:
            parse_verifier_key(line)
        except NoteError:
            raise Wrong(rule) from None
        return line

    return read


def choice(*words: str) -> Read[str]:
    """One of these words."""

    def read(value: object, _: Path) -> str:
        if not isinstance(value, str) or value not in words:
            raise Wrong("must be one of: " + ", ".join(words))
        return value

    return read


def whole(low: int, high: int) -> Read[int]:
    """An integer, both limits included."""

    def read(value: object, _: Path) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Wrong(f"must be a whole number from {low} to {high}")
        return value

    return read


def listen(value: object, _: Path) -> tuple[str, int]:
    """A host and a port to listen on.

    Raises:
        Wrong: it is none.
    """
    found = re.fullmatch(rf"({HOST}):([0-9]{{1,5}})", value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65_535:
        raise Wrong("must be a host and a port, such as 10.0.0.5:8443")
    return found[1].strip("[]"), int(found[2])


def flag(value: object, _: Path) -> bool:
    """True or false.

    Raises:
        Wrong: it is neither.
    """
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def path(value: object, folder: Path) -> Path:
    """A path; a relative one starts from the folder of the file.

    Raises:
        Wrong: it is none.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise Wrong("must be a path")
    return folder / value


def section(kind: type[T]) -> Read[T]:
    """A table with the settings of another type."""

    def read(value: object, folder: Path) -> T:
        if not isinstance(value, dict):
            raise Wrong("must be a table")
        faults: list[Fault] = []
        values = read_values(kind, value, folder, {}, faults)
        if faults:
            raise WrongSection(faults)
        return kind(**values)

    return read


def many(read_one: Read[T], most: int) -> Read[tuple[T, ...]]:
    """A list of different values."""

    def read(value: object, folder: Path) -> tuple[T, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise Wrong(f"must be a list of at most {most}")
        found = []
        for number, item in enumerate(value):
            try:
                found.append(read_one(item, folder))
            except Wrong as wrong:
                raise Wrong(wrong.rule, f"/{number}{wrong.path}") from None
        if len(set(found)) != len(found):
            raise Wrong("must not hold the same value twice")
        return tuple(found)

    return read
