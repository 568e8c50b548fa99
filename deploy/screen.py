# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a command says: tables and colours for people, JSON for programs; never both.

With `--json` exactly one JSON value goes to standard output, and errors go to standard error as one too.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

AS_JSON = "schakel.json"
_WIDTH = 140  # of a table that goes to a file or a pipe


class Screen:
    """Where one command's answer goes."""

    def __init__(self, *, as_json: bool, errors: bool = False) -> None:
        self.as_json = as_json
        self._errors = errors

    @functools.cached_property
    def _console(self) -> Console:
        from rich.console import Console

        out = sys.stderr if self._errors else sys.stdout
        return Console(file=out, width=None if out.isatty() else _WIDTH, highlight=False)

    @property
    def beside(self) -> Screen:
        """The same for people on standard error, where standard output is for something else."""
        return Screen(as_json=self.as_json, errors=True)

    @property
    def width(self) -> int:
        """The columns that a line may have."""
        return self._console.width

    def answer(self, value: object, *parts: RenderableType) -> None:
        """The whole answer of a command: `value` for programs, `parts` for people."""
        if self.as_json:
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
            click.echo(text)
            return
        self.say(*parts)

    def say(self, *parts: RenderableType) -> None:
        """Something for people; nothing when a program listens."""
        if not self.as_json:
            for part in parts:
                self._console.print(part)

    def hint(self, sentence: str) -> None:
        """What a person may want to do next: on standard error, and only where a person sees it."""
        if not self.as_json and sys.stderr.isatty() and sys.stdout.isatty():
            click.echo(click.wrap_text(sentence, self.width), err=True)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        click.echo(data, nl=False)

    @contextmanager
    def progress(
        self, what: str, total: int, *, asked: bool | None = None, each: str = ""
    ) -> Iterator[Callable[[int], None]]:
        """Something long goes on: call what is given with the number done since; `each`: what is done with one call.

        On standard error. A bar where that is a terminal and people listen; lines where it isn't and `asked` is true.
        """
        terminal = sys.stderr.isatty()
        if asked is False or (asked is None and (self.as_json or not terminal)):
            yield _nothing
        elif not terminal:
            yield _Lines(what, total, each).advance
        else:
            with _bar(what, total, each) as advance:
                yield advance


@contextmanager
def _bar(what: str, total: int, each: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr, highlight=False), transient=True) as bar:
        task, calls = bar.add_task(what, total=total or None), 0

        def advance(done: int) -> None:
            nonlocal calls
            calls += 1
            bar.update(task, advance=done, description=f"{what}, {calls} {each}" if each else what)

        yield advance


class _Lines:
    """A line for each tenth of what is to be done, or for each thousand calls where nobody knows how much that is."""

    def __init__(self, what: str, total: int, each: str) -> None:
        self._what, self._total, self._each = what, total, each
        self._calls = self._done = self._tenths = 0

    def advance(self, done: int) -> None:
        self._calls, self._done = self._calls + 1, self._done + done
        tenths = min(10, self._done * 10 // self._total) if self._total else self._calls // 1_000
        if tenths > self._tenths:
            self._tenths = tenths
            count = f"{self._calls} {self._each}" if self._each else ""
            share = f"{tenths * 10} %" if self._total else ""
            click.echo(f"{self._what}: {', '.join(one for one in (share, count) if one)}", err=True)


def _nothing(_done: int) -> None:
    """A bar that nobody sees."""


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Collection[str] = (),
    whole: Collection[str] = (),
) -> RenderableType:
    """A table for people; words in square brackets are shown as they are.

    `numbers`: columns that stand to the right. `whole`: columns whose cells are not broken over two lines.
    """
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table

    # A title is no wider than its table, so a narrow one gets room for it.
    width = max(cell_len(title) + 2, 1)
    shown = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="bold cyan", min_width=width
    )
    for column in columns:
        shown.add_column(
            column, overflow="fold", justify="right" if column in numbers else "left", no_wrap=column in whole
        )
    for row in rows:
        shown.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    return shown


def good(sentence: str) -> RenderableType:
    """A sentence about something that is in order."""
    return _coloured(sentence, "green")


def bad(sentence: str) -> RenderableType:
    """A sentence about something that is not."""
    return _coloured(sentence, "bold red")


def note(sentence: str) -> RenderableType:
    """A sentence that should not be overlooked."""
    return _coloured(sentence, "yellow")


def plain(sentence: str) -> RenderableType:
    """A sentence as it is."""
    return _coloured(sentence, "")


def _coloured(sentence: str, style: str) -> RenderableType:
    from rich.text import Text

    return Text(sentence, style=style)


def with_screen(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `--json` and, as `screen`, the place for its answer."""

    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
    @functools.wraps(command)
    def run(*args: object, as_json: bool, **options: object) -> None:
        click.get_current_context().meta[AS_JSON] = as_json
        command(*args, screen=Screen(as_json=as_json), **options)

    return run
