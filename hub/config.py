# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of a hub, `hub.toml`: who runs it for whom, and where it keeps what.

Guarantees: in strict mode, the default, a hub doesn't start without naming who operates it, for which controllers, and
how their privacy officer (FG) is reached; nothing insecure can be set. Every fault of the file is told at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from schemas.settings import (
    Fault,
    SettingsError,
    flag,
    load_toml,
    many,
    optional,
    path,
    pattern,
    read_values,
    required,
    text,
)

MOVED: Final[Mapping[str, str]] = MappingProxyType({})  # a key of an earlier version -> its name now


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """Every setting of a hub. Paths are made absolute or start from the folder of the file."""

    name: str = required(
        pattern(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?", "must be a host name in small letters"),
        "The name of the hub, by which its log and its verifier key are known. It never changes.",
    )
    data_folder: Path = optional(path, Path("data"), "Folder of the store: grants, waiting envelopes, the log.")
    key_file: Path = optional(
        path, Path("log.key"), "File with the seed of the key that signs the log; `schakel hub init` makes it."
    )
    strict: bool = optional(
        flag, default=True, meaning="Refuse every insecure setting. Only a demo or a test switches this off."
    )
    test_mode: bool = optional(
        flag, default=False, meaning="Load rules whose law text was not read yet. Refused in strict mode."
    )
    operator: str | None = optional(
        text(2, 120), None, "The organisation that runs this hub; it runs no edge. Required in strict mode."
    )
    controllers: tuple[str, ...] = optional(
        many(text(2, 120), 500), (), "The organisations on whose behalf it runs. Required in strict mode."
    )
    fg_contact: str | None = optional(
        text(2, 120), None, "How citizens and partners reach the privacy officer (FG). Required in strict mode."
    )


def load_hub_config(file: Path) -> HubConfig:
    """The settings in this file.

    Raises:
        SettingsError: every fault of it.
    """
    raw, folder = load_toml(file), file.absolute().parent
    faults: list[Fault] = []
    values = read_values(HubConfig, raw, folder, MOVED, faults)
    values.setdefault("name", "")
    config = HubConfig(**values)  # type: ignore[arg-type]  # each reader gives the type of its field
    named = {fault.path for fault in faults}
    faults += [fault for fault in _together(config) if fault.path not in named]
    if faults:
        raise SettingsError(faults)
    return config


def _together(config: HubConfig) -> list[Fault]:
    """What is wrong between settings that are right by themselves."""
    if not config.strict:
        return []
    needed = {"operator": config.operator, "controllers": config.controllers, "fg_contact": config.fg_contact}
    faults = [
        Fault(f"/{name}", "this setting is required in strict mode") for name, value in needed.items() if not value
    ]
    if config.test_mode:
        faults.append(Fault("/test_mode", "refused in strict mode"))
    if config.key_file.resolve().is_relative_to(config.data_folder.resolve()):
        # A back-up or copy of the store must not let anybody sign for the log.
        faults.append(Fault("/key_file", "lies in data_folder: refused in strict mode"))
    return faults
