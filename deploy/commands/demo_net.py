# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel demo-net`: one Wmo case of three partners over a network, with processes that are killed in the middle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from deploy.demo_net import tell
from deploy.exits import failed, wrong_use
from deploy.screen import Screen, with_screen


@click.command(name="demo-net")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Leave everything in this folder, which must be new or empty.",
)
@with_screen
def demo_net(screen: Screen, keep: Path | None) -> None:
    """Tell one Wmo case with a hub and three edges as processes over mutual TLS; kill two edges and the hub in
    between.

    Exit code 1 when a step does not do what it says, or when anything of the citizen is found at the hub.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise wrong_use("This folder is not empty, and nothing is overwritten. Name a new one.")
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="schakel-net-") as folder:
            held = tell(Path(folder), screen, kept=False)
    else:
        held = tell(keep, screen, kept=True)
    if not held:
        raise failed("The demo did not hold: see above what was found.")
