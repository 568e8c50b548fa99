# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make bench`: measures, writes build/bench.json, prints a table and names every line short of its goal.

python -m tests.bench.run [NAME ...]     only the lines whose name begins so; `network`: the long lines too
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import (
    audit_lines,
    batch_line,
    edge_lines,
    format_lines,
    gateway_lines,
    hub_lines,
    log_lines,
    network_lines,
    postgres_lines,
    region_stream,
    rights_line,
    rule_lines,
    watch_line,
    withdrawal_line,
)
from tests.bench.material import LARGE, SMALL
from tests.bench.measure import Line

TARGET = Path("build/bench.json")
Measure = Callable[[Path], list[Line]]

STAGES = ("sender.2kB", "hub.accept.2kB", "hub.deliver.2kB", "recipient.2kB")
ACCEPT, DELIVER = hub_lines.accept, hub_lines.deliver


def _one(measure: Callable[[Path], Line]) -> Measure:
    return lambda root: [measure(root)]


LINES: dict[str, Measure] = {
    "hub.accept.2kB": _one(partial(ACCEPT, content=SMALL, together=1, goal=0.75)),
    "hub.accept.20kB": _one(partial(ACCEPT, content=LARGE, together=1, goal=None)),
    "hub.accept_together.2kB": _one(partial(ACCEPT, content=SMALL, together=32, goal=None)),
    "hub.deliver.2kB": _one(partial(DELIVER, content=SMALL, goal=0.75)),
    "hub.deliver.20kB": _one(partial(DELIVER, content=LARGE, goal=None)),
    "sender.2kB": _one(edge_lines.sender),
    "recipient.2kB": _one(edge_lines.recipient),
    "hub.messages_per_flush": hub_lines.flushes,
    "hub.1M_grants": hub_lines.million_grants,
    "gateway.batch1": _one(partial(gateway_lines.batch, size=1, goal=None)),
    "gateway.batch20": _one(partial(gateway_lines.batch, size=20, goal=None)),
    "gateway.batch100": _one(partial(gateway_lines.batch, size=100, goal=0.7)),
    "gateway.deliver100": _one(partial(gateway_lines.deliver, size=100, goal=None)),
    "gateway.two_cores_ratio": _one(gateway_lines.two_cores),
    "log.verify_1M_s": log_lines.verify_million,
    "rules.decide": rule_lines.decide_alone,
    "rules.decide_1M_grants": rule_lines.decide_among_million,
    "edge.inzage_1M_s": _one(rights_line.inzage),
    "audit.replay_1M_s": audit_lines.replay_million,
    "audit.search_1M": audit_lines.search_million,
    **{name: partial(format_lines.read, name) for name in format_lines.SAMPLES},
    **{name: partial(format_lines.write, name) for name in format_lines.WRITINGS},
    **{name: partial(format_lines.batch_memory, name) for name in format_lines.BATCHES},
}
# Minutes each: only when they are asked for.
NETWORK: dict[str, Measure] = {
    "latency": network_lines.latency,
    "gateway.polls5000": network_lines.polls,
    "outage": network_lines.outage,
    "withdrawal_seconds": withdrawal_line.withdrawal,
    "store.postgres": postgres_lines.commits,
    "edge.allocations": batch_line.allocations,
    "edge.stream": region_stream.stream,
    "hub.watch": watch_line.watch,
}


def main(names: list[str]) -> int:
    """Measures the lines asked for; exit 0 whatever the figures say."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="schakel-bench-") as folder:
        for name, measure in _asked(names).items():
            with console.status(f"measuring {name}"):
                lines += measure(Path(folder) / name)
    lines += _chain(lines)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps([line.as_dict() for line in lines], indent=1) + "\n")
    console.print(table(lines))
    short = [line.name for line in lines if line.met is False]
    console.print(f"Short of their goal: {', '.join(short)}." if short else "Every line with a goal reaches it.")
    console.print(f"Written to {TARGET}. Machines are noisy: trust the ratios.")
    return 0


def _asked(names: list[str]) -> dict[str, Measure]:
    if not names:
        return LINES
    network = NETWORK if "network" in names else {}
    every = LINES | NETWORK
    return {name: every[name] for name in every if name in network or any(name.startswith(asked) for asked in names)}


def _chain(lines: list[Line]) -> list[Line]:
    """All four stages on one core, one after another: what one message costs in the whole."""
    known = {line.name: line for line in lines}
    stages = [known[name] for name in STAGES if name in known]
    if len(stages) != len(STAGES):
        return []
    value = 1 / sum(1 / line.value for line in stages)
    limit = 1 / sum(1 / (line.limit or line.value) for line in stages)
    unit, ratio = stages[0].unit, round(value / limit, 3)
    return [Line("chain.2kB", unit, round(value), round(limit), ratio, "-", None, stages[0].runs)]


def table(lines: list[Line]) -> Table:
    """The lines as people read them."""
    table = Table(title="Schakel: measured beside the bare calls of the same libraries")
    for heading in ("line", "value", "limit", "ratio", "goal", "wall", "own us", "unit"):
        table.add_column(heading, justify="left" if heading in {"line", "unit", "goal"} else "right")
    for line in lines:
        colour = {True: "green", False: "red", None: ""}[line.met]
        figures = (line.value, line.limit, line.ratio)
        cells = [_figure(figure) for figure in figures]
        table.add_row(line.name, *cells, line.goal, _figure(line.wall), _figure(line.own_us), line.unit, style=colour)
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
