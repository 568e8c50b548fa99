# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A group of commands whose help says what each does in a whole sentence, in the order in which people need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

REST = "Also"
_WHOLE = 1_000  # characters: no sentence is cut


class Group(click.Group):
    """`sections` names its commands under what they are for; without it they stand as they were added."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for names in self.sections().values() for name in names]

    def sections(self) -> dict[str, list[str]]:
        """The commands by what they are for; those that no section names come last."""
        if self._sections is None:
            return {"Commands": list(self.commands)}
        named = {title: list(names) for title, names in self._sections.items()}
        left = [name for name in self.commands if not any(name in names for names in named.values())]
        return named | ({REST: left} if left else {})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for title, names in self.sections().items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(_WHOLE)) for name in names])
