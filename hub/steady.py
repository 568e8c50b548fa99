# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A process that answers others: what the interpreter does by itself must not be noticed by who waits.

* A full collection of garbage looks at every object that there is, and everything stands still meanwhile (42 ms of CPU
  measured in a hub that had just started).  What a process holds once it is up stays until it ends, so it is left out.
* A thread that computes lets another go on after 5 ms only, each time that the other comes back from the system, which
  one request does some ten times.  Here it is a tenth of that.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005


def settle() -> None:
    """The process is up: what it holds from here on is what it gathers while it works."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
