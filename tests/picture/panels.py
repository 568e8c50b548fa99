# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The panels of a Grafana dashboard as one page of HTML, drawn from the answers of a Prometheus.

What is drawn is what the queries of the dashboard gave; its look is like Grafana's, and it is not Grafana.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from math import ceil, floor, log10
from typing import Any

from tests.prometheus import Prometheus, Series

WIDTH, ROW, GAP = 1600, 34, 8  # a page, one unit of height of a dashboard, between two panels
_COLOURS = (
    "#73bf69",
    "#f2cc0c",
    "#5794f2",
    "#ff9830",
    "#f2495c",
    "#b877d9",
    "#8ab8ff",
    "#96d98d",
    "#fa6400",
    "#c4162a",
)
_LEFT, _RIGHT, _TOP, _BOTTOM, _LINE = 62, 12, 34, 40, 17
_STYLE = """
body { margin: 0; background: #111217; color: #ccccdc; font: 13px 'DejaVu Sans', sans-serif; position: relative }
svg { position: absolute; background: #181b1f; border: 1px solid #2c3235; border-radius: 2px }
text { fill: #9fa7b3; font-size: 11px } .title { fill: #d8d9da; font-size: 13px; font-weight: bold }
line { stroke: #2c3235 } polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round }
"""


def page(dashboard: Mapping[str, Any], server: Prometheus, begin: int, end: int, step: int) -> tuple[str, int]:
    """The page, and how high it is."""
    panels = [(one, _lines(one, server, begin, end, step)) for one in dashboard["panels"]]
    height = max((one["gridPos"]["y"] + one["gridPos"]["h"]) * ROW for one, _ in panels) + GAP
    drawn = "".join(_panel(one, lines, begin, end, step) for one, lines in panels)
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><body style='height:{height}px'>{drawn}", height


def _lines(panel: Mapping[str, Any], server: Prometheus, begin: int, end: int, step: int) -> list[tuple[str, Series]]:
    """The series of a panel with what stands in its legend."""
    found = []
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", f"{max(4 * step, 15)}s")
        for one in server.series(query, begin, end, step):
            words = re.sub(r"\{\{(\w+)\}\}", lambda name, one=one: one.labels.get(name[1], ""), target["legendFormat"])
            found.append((words, one))
    return found


def _panel(panel: Mapping[str, Any], lines: Sequence[tuple[str, Series]], begin: int, end: int, step: int) -> str:
    place, unit = panel["gridPos"], panel["fieldConfig"]["defaults"].get("unit", "short")
    column = (WIDTH - GAP) / 24
    wide, high = column * place["w"] - GAP, place["h"] * ROW - GAP
    legend = list(_legend(lines, unit, wide))
    rows = 1 + max((row for row, _, _, _ in legend), default=0)
    bottom = high - _BOTTOM - (rows - 1) * _LINE
    top = _top(max((value for _, one in lines for _, value in one.values), default=0.0))

    def x(at: float) -> float:
        return _LEFT + (at - begin) / (end - begin) * (wide - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return bottom - max(value, 0) / top * (bottom - _TOP)

    drawn = [f"<text class=title x=12 y=22>{escape(panel['title'])}</text>"]
    for part in range(5):
        level = y(top * part / 4)
        drawn.append(f"<line x1={_LEFT} x2={wide - _RIGHT:.0f} y1={level:.1f} y2={level:.1f} />")
        drawn.append(f"<text x={_LEFT - 8} y={level + 4:.1f} text-anchor=end>{_figure(top * part / 4, unit)}</text>")
    for at in range(begin - begin % 60 + 60, end, 60):
        said = datetime.fromtimestamp(at, UTC).strftime("%H:%M")
        drawn.append(f"<line x1={x(at):.1f} x2={x(at):.1f} y1={_TOP} y2={bottom:.1f} />")
        drawn.append(f"<text x={x(at):.1f} y={bottom + 15:.1f} text-anchor=middle>{said}</text>")
    for number, (_, one) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        for piece in _pieces(one.values, step):
            points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in piece)
            drawn.append(f'<polyline stroke="{colour}" points="{points}" />')
    for row, left, colour, words in legend:
        level = bottom + 31 + row * _LINE
        drawn.append(f'<rect x={left:.0f} y={level - 6:.1f} width=14 height=4 fill="{colour}" />')
        drawn.append(f"<text x={left + 19:.0f} y={level:.1f}>{escape(words)}</text>")
    where = f"left:{GAP + column * place['x']:.0f}px;top:{place['y'] * ROW + GAP}px"
    return f"<svg style='{where}' width={wide:.0f} height={high}>{''.join(drawn)}</svg>"


def _legend(lines: Iterable[tuple[str, Series]], unit: str, wide: float) -> Iterator[tuple[int, float, str, str]]:
    """Row, place, colour and words per series, as many in a row as fit."""
    row, left = 0, 12.0
    for number, (name, one) in enumerate(lines):
        words = f"{name}  max {_figure(max(value for _, value in one.values), unit)}"
        size = 40 + 6.6 * len(words)
        if left + size > wide and left > 12:  # the first in a row
            row, left = row + 1, 12.0
        yield row, left, _COLOURS[number % len(_COLOURS)], words
        left += size


def _pieces(values: Sequence[tuple[float, float]], step: int) -> Iterator[list[tuple[float, float]]]:
    """What hangs together: where nothing was read, nothing is drawn."""
    piece: list[tuple[float, float]] = []
    for at, value in values:
        if value != value or (piece and at - piece[-1][0] > step):  # noqa: PLR0124  # not a number
            yield piece
            piece = []
        if value == value:  # noqa: PLR0124
            piece.append((at, value))
    yield piece


def _top(most: float) -> float:
    """A round number above all of them."""
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next(power * times for times in (1, 2, 4, 8, 10, 20) if power * times >= most * 1.05)


def _figure(value: float, unit: str) -> str:
    if unit == "s" and 0 < value < 1:
        return f"{value * 1000:.3g} ms"
    digits = max(0, 2 - ceil(log10(value))) if 0 < value < 100 else 0
    said = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return said + {"s": " s", "d": " d", "ops": "/s"}.get(unit, "")
