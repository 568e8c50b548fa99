# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Writes the reference page from the program itself: commands, settings, codes, exit codes, formats, rules.

A test holds the page against the program, so what is documented is what there is, and the reverse.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from adapters.config import EdgeConfig
from adapters.formats import READERS, WRITERS
from adapters.kafka_settings import KafkaSending
from adapters.metrics import ALL as EDGE_METRICS
from adapters.problem import SENTENCES
from adapters.stream_config import StreamConfig
from consent.rules import national
from deploy.cli import COMMANDS, cli
from deploy.entries import KINDS
from deploy.exits import MEANING, Exit
from hub.config import GatewayConfig, HubConfig
from hub.intake_metrics import ALL as INTAKE_METRICS
from hub.kafka_settings import KafkaConfig
from hub.metrics import ALL as HUB_METRICS
from hub.watch_metrics import ALL as WATCH_METRICS
from hub.watch_settings import WatchConfig
from schemas.codes import CLASS, SENTENCE, Code
from schemas.metrics import About
from schemas.settings import settings_of

_INTRODUCTION = """# Reference

This page is written by `make docs` from the program; a test fails when the two differ.
The pages for people are [for integrators](integrator.md), [for privacy officers](privacy-officer.md) and
[for operators](operator.md).
"""
_BEGIN = "<!-- formats: made by `make docs` -->"
_END = "<!-- formats: end -->"


def page() -> str:
    """The whole page."""
    sections = [_INTRODUCTION, *_commands(), *_settings(), *_codes(), *_metrics(), *_rest()]
    return "\n".join(sections).rstrip() + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    root = click.Context(cli, info_name="schakel")
    for name in COMMANDS:
        command = cli.get_command(root, name)
        if command is not None:
            yield from _leaves(f"schakel {name}", command)


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from _leaves(f"{name} {word}", inner)


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "Every command has `--help` and `--json`.\n"
    for name, command in commands():
        context = click.Context(command, info_name=name)
        arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
        yield f"### `{' '.join([name, *arguments])}`\n"
        yield inspect.cleandoc(command.help or "") + "\n"
        options = [one for one in command.params if isinstance(one, click.Option) and one.name != "as_json"]
        if options:
            yield from _table(("option", "meaning"), [(f"`{one.opts[0]}`", one.help or "") for one in options])


def _settings() -> Iterator[str]:
    kinds = (
        ("`hub.toml`", HubConfig),
        ("`[gateway]` in `hub.toml`", GatewayConfig),
        ("`[kafka]` in `hub.toml`", KafkaConfig),
        ("`[watch]` in `hub.toml`", WatchConfig),
        ("`edge.toml`", EdgeConfig),
        ("`[kafka]` in `edge.toml`", KafkaSending),
        ("`[streams]` in `edge.toml`", StreamConfig),
    )
    for title, kind in kinds:
        yield f"## Settings: {title}\n"
        yield "An unknown key is refused, and every fault is named at once: `schakel config check`.\n"
        rows = [
            (f"`{one.name}`", "required" if one.required else f"`{one.default}` {one.unit}".strip(), one.meaning)
            for one in settings_of(kind)
        ]
        yield from _table(("setting", "default", "meaning"), rows)


def _codes() -> Iterator[str]:
    yield "## Codes\n"
    yield "How an envelope, fact, receipt or request can end; on the wire, in the log and in the outbox.\n"
    yield from _table(
        ("code", "class", "what it means"), [(f"`{code.value}`", CLASS[code].value, SENTENCE[code]) for code in Code]
    )
    yield "## What can be wrong in a native message\n"
    yield "A problem report names the path and one of these; never a value.\n"
    rows = [(f"`{keyword}`", english) for keyword, (_, english) in SENTENCES.items()]
    yield from _table(("keyword", "what to do"), rows)


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "What Prometheus reads at `metrics_listen`, by the name that stands in queries. Labels have no other values.\n"
    every = (*HUB_METRICS, *INTAKE_METRICS, *WATCH_METRICS, *EDGE_METRICS)
    rows = [(f"`{one.shown}`", one.kind, _label(one), one.meaning) for one in every]
    yield from _table(("metric", "kind", "label", "meaning"), rows)


def _label(about: About) -> str:
    if about.label is None:
        return "-"
    if about.words is None:
        return f"{about.label}: the number of a partner"
    codes = {code.value for code in Code}
    words = ["any code", *sorted(about.words - codes)] if codes <= about.words else sorted(about.words)
    return f"{about.label}: {', '.join(words)}"


def _rest() -> Iterator[str]:
    yield "## Exit codes\n"
    yield from _table(("code", "meaning"), [(f"`{code.value}`", MEANING[code]) for code in Exit])
    yield "## Entries of the log\n"
    yield "Kinds that `schakel audit show` prints: " + ", ".join(f"`{kind}`" for kind in KINDS) + ".\n"
    yield "## Native formats\n"
    yield "How each is recognised, and what becomes of each field: `schakel convert --explain FILE`.\n"
    yield from formats_table()
    yield "## Rules\n"
    yield (
        "Rows of the national base; no row, no message. A row with an unread cell works in test mode only. *closed*: it says that "
        "nothing may be told. *off*: not in force. Numbers: decision 0023.\n"
    )
    yield from _table(
        ("row", "from", "to", "purpose", "law", "grounds", "categories", "introduction", "unread cells"),
        [
            (
                str(row.id),
                ", ".join(row.senders),
                ", ".join(row.recipients),
                row.purpose,
                row.law,
                "*closed*" if not row.permits else ", ".join(row.grounds) if row.in_force else "*off*",
                ", ".join(row.categories) if row.permits else "-",
                row.introduction if row.permits else "-",
                ", ".join(row.unread) or "-",
            )
            for row in national(test_mode=True).rows.values()
        ],
    )


def formats_table() -> Iterator[str]:
    """The table of formats: `tells` and `is told` are rows of the national base."""
    about = [entry.about for entry in READERS.values()] + [entry.about for entry in WRITERS.values()]
    rows = [
        (
            f"`{one.name}`",
            one.partner,
            f"{one.standard} {one.version}",
            one.status.value,
            ", ".join(one.reads) or "-",
            ", ".join(one.writes) or "-",
            ", ".join(map(str, one.tells)) or "-",
            ", ".join(map(str, one.told)) or "-",
        )
        for one in {one.name: one for one in about}.values()
    ]
    yield from _table(("format", "from or to", "standard", "status", "reads", "writes", "tells", "is told"), rows)


def with_formats(readme: str) -> str:
    """The README with its table of formats made anew, between its two marks.

    Raises:
        ValueError: it has lost them.
    """
    before, begin, rest = readme.partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the README has lost the marks around its table of formats")
    made = "\n".join(formats_table())
    return f"{before}{begin}\n{made}{end}{after}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    yield "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    Path(sys.argv[2]).write_text(with_formats(Path(sys.argv[2]).read_text(encoding="utf-8")), encoding="utf-8")
