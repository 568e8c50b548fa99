# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The options by which a professional says whose written declaration of no objection is in the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from adapters.declarations import Declared
from consent.whose import CAPACITIES, REPRESENTATIVES
from deploy.exits import wrong_use


def declaration_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options, and gives the command `declared`: None when none of them was given."""

    @click.option(
        "--declared-by",
        "by",
        type=click.Choice(CAPACITIES),
        multiple=True,
        help="Whose written declaration of no objection this is; repeat it for each.",
    )
    @click.option("--adult", is_flag=True, help="The client is an adult; needed where no date of birth is known here.")
    @click.option("--incapable", is_flag=True, help="The client can't decide about this.")
    @click.option(
        "--authority",
        type=click.Choice(REPRESENTATIVES),
        multiple=True,
        help="Who has authority over the client, or represents him; repeat it for each.",
    )
    @wraps(command)
    def with_declared(
        *args: Any,
        by: tuple[str, ...],
        adult: bool,
        incapable: bool,
        authority: tuple[str, ...],
        **options: Any,
    ) -> Any:
        if (adult or incapable or authority) and not by:
            raise wrong_use("Zeg ook van wie de verklaring is: --declared-by.")
        declared = Declared(by, adult, not incapable, authority) if by else None
        return command(*args, declared=declared, **options)

    return with_declared
