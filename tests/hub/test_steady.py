# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a process holds once it is up is not looked at again and again while others wait."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SERVES = """
import gc, sys
from deploy import run_hub
from hub.steady import SWITCH_SECONDS, settle
held = len(gc.get_objects())
settle()
left = len(gc.get_objects())
print(held > 10_000, left < held / 100, gc.get_freeze_count() > held / 2, gc.isenabled())
print(abs(sys.getswitchinterval() - SWITCH_SECONDS) < 1e-9)
class Made: pass
one = Made(); one.itself = one; del one
print(gc.collect() >= 1)
"""


def test_what_a_hub_holds_once_it_is_up_is_collected_no_more_and_what_it_makes_later_is() -> None:
    command = [sys.executable, "-c", _SERVES]
    root = Path(__file__).parents[2]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=root).stdout.split()
    assert told == ["True"] * 6
