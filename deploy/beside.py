# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whether an edge, or a key of one, lies where a hub is: whoever takes such a machine has both halves.

Looked at: the folders of every file that the hub's settings name, with what lies below them; the folders beside that of the hub,
with what lies in those; and the environment.  Not looked at: other disks, other users, and folders far away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from deploy.exits import failed
from deploy.options import EDGE_FILE
from hub.config import HubConfig

EDGE_MARKS = (EDGE_FILE, "edge.sqlite", "edge.lock", "passphrase.salt")
_DEEPEST = 3
_MOST = 5_000  # folders looked at; a hub stands in a folder of its own
# What the passphrase of an edge is called, as far as a name can tell.
_SECRET = re.compile(r"SCHAKEL_(?:STORE|EDGE)\w*|\w*EDGE\w*(?:PASSPHRASE|PASSWORD|_KEY)\w*|\w*SCHAKEL\w*PASSPHRASE\w*")


def refuse_beside_an_edge(config: HubConfig, environment: Mapping[str, str] | None = None) -> None:
    """Strict mode: nothing of an edge lies in, below or beside the hub's folders, or in its environment.

    Raises:
        Stopped: there is an edge, or a key of one.
    """
    if not config.strict:
        return
    if any(_has_mark(folder) for folder in _near(config)):
        raise failed(
            "There is an edge beside this hub. In strict mode a hub does not start there: whoever takes this machine "
            "would have both. Move one of the two to another machine; only a demo sets strict = false."
        )
    if name := _key_in(os.environ if environment is None else environment):
        raise failed(
            f"The environment variable {name} holds or leads to the key of an edge. In strict mode a hub does not start "
            "with it: whoever takes this process would have both. Take it out of this environment."
        )


def _near(config: HubConfig) -> Iterator[Path]:
    """Every folder that is looked at, once; nearest first, since the number is limited."""
    data = config.data_folder.resolve()
    own = list(dict.fromkeys([data, data.parent, *_folders_of(config)]))
    seen: set[Path] = set()
    for folder in own:
        yield from _below(folder, _DEEPEST, seen)
    for folder in _folders_in(data.parent.parent):
        yield from _below(folder, 1, seen)


def _folders_of(config: HubConfig) -> Iterator[Path]:
    """The folder of every file that the settings name."""
    for one in fields(config):
        value = getattr(config, one.name)
        if isinstance(value, Path) and one.name != "data_folder":
            yield value.resolve().parent


def _below(folder: Path, depth: int, seen: set[Path]) -> Iterator[Path]:
    if folder in seen or len(seen) >= _MOST:
        return
    seen.add(folder)
    yield folder
    if depth:
        for inside in _folders_in(folder):
            yield from _below(inside, depth - 1, seen)


def _folders_in(place: Path) -> list[Path]:
    """The folders in a place, those that a link leads to included."""
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return []
    return [found for entry in entries if (found := _folder(entry)) is not None]


def _folder(entry: Path) -> Path | None:
    """Where an entry leads, when that is a folder; one that this user may not look at is none to him."""
    try:
        return entry.resolve() if entry.is_dir() else None
    except (OSError, RuntimeError):  # no permission; a link that leads to itself
        return None


def _has_mark(folder: Path) -> bool:
    return any(_exists(folder / mark) for mark in EDGE_MARKS)


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False  # a folder that this user may not enter gives it nothing


def _key_in(environment: Mapping[str, str]) -> str | None:
    """The name of a variable that is an edge's passphrase, or leads to an edge."""
    return next((name for name, value in environment.items() if _SECRET.fullmatch(name) or _leads(value)), None)


def _leads(value: str) -> bool:
    if not value.startswith(("/", "./", "../")) or len(value) > 4096 or "\0" in value:
        return False
    places: Iterable[Path] = (Path(value), Path(value).parent)
    return any(_has_mark(place) for place in places)
