# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where a command finds its settings: `--config FILE`, or the file of its kind in this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from deploy.exits import wrong_use

HUB_FILE = "hub.toml"
EDGE_FILE = "edge.toml"
_PATH = click.Path(path_type=Path)


def hub_option(command: Callable[..., None]) -> Callable[..., None]:
    """`--config` of a command that works on a hub."""
    about = f"Settings of the hub, or their folder. Without it: {HUB_FILE} in this folder."
    return click.option("--config", type=_PATH, metavar="FILE", help=about)(command)


def edge_option(command: Callable[..., None]) -> Callable[..., None]:
    """`--config` of a command that works on an edge."""
    about = f"Settings of the edge, or their folder. Without it: {EDGE_FILE} in this folder."
    return click.option("--config", type=_PATH, metavar="FILE", help=about)(command)


def settings_file(given: Path | None, name: str) -> Path:
    """The file that is meant.

    Raises:
        Stopped: there is none; nothing was done.
    """
    file = Path(name) if given is None else given / name if given.is_dir() else given
    if given is not None and not given.exists():
        raise wrong_use("There is no such folder or file as --config says.")
    if not file.is_file():
        kind = name.removesuffix(".toml")
        where = "in this folder" if given is None else "there"
        raise wrong_use(
            f"There is no {file.name if given else name} {where}. Give --config FILE, or make one with "
            f"`schakel {kind} init`."
        )
    return file
