# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel demo`: a household, ten partners and a hub, on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from deploy.demo import tell
from deploy.exits import failed, wrong_use
from deploy.screen import Screen, with_screen


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Leave everything in this folder, which must be new or empty.",
)
@with_screen
def demo(screen: Screen, keep: Path | None) -> None:
    """Tell of a household and ten partners over the real parts, and search the hub for everything of it.

    Exit code 1 when a step does not do what it says, or when anything of the citizen is found at the hub.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="schakel-demo-") as folder:
            held = tell(Path(folder), screen, kept=False)
    else:
        if keep.exists() and any(keep.iterdir()):
            raise wrong_use("This folder is not empty, and nothing is overwritten. Name a new one.")
        held = tell(keep, screen, kept=True)
    if not held:
        raise failed("The demo did not hold: see above what was found.")
