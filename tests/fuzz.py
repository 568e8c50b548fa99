# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""For `make fuzz`: only the properties, each with SCHAKEL_FUZZ times the examples that its test asks for.

- A module that says `MACHINES` reads SCHAKEL_FUZZ itself; its tests may take as long as they need.
- A module that says `CASES` wants so many of each of its properties, and SCHAKEL_FUZZ / 10 times as many. What its tests
  counted is shown at the end.
"""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

_SETTINGS = "_hypothesis_internal_use_settings"  # hypothesis has no public way to give a finished test other settings


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is no property and gives the rest more examples."""
    factor = int(os.environ.get("SCHAKEL_FUZZ", "10"))
    machines = [item for item in items if getattr(getattr(item, "module", None), "MACHINES", False)]
    for item in machines:
        item.add_marker(pytest.mark.timeout(0))
    properties = [item for item in items if is_hypothesis_test(getattr(item, "obj", None))]
    config.hook.pytest_deselected(items=[item for item in items if item not in properties + machines])
    for test in {item.obj for item in properties if isinstance(item, pytest.Function)}:
        function = getattr(test, "__func__", test)
        wanted = getattr(function, _SETTINGS, None) or settings()
        cases = getattr(sys.modules[function.__module__], "CASES", wanted.max_examples * 10) * factor // 10
        more = settings(wanted, max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck))
        setattr(function, _SETTINGS, more)
    items[:] = properties + machines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many cases there were, by what the tests counted."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counts in (
                getattr(report, "user_properties", ()) if getattr(report, "when", "") == "teardown" else ()
            ):
                if name == "cases":
                    said = ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
                    terminalreporter.write_line(f"{report.nodeid}: {sum(counts.values()):,} cases, {said}")
