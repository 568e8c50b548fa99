# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a program writes to a terminal."""

from __future__ import annotations

import os


def all_written(ours: int) -> bytes:
    """Everything that comes out of our end of a terminal, until the program has closed the other; ours is closed too."""
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return seen
