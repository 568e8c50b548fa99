# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a person needs to know to choose a format: the columns of the table of formats."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How firm the ground under a format is.

    *standard* is checked against the published schema, *draft* follows an unfinished one, *derived* is our own form
    where no standard exists.
    """

    STANDARD = "standard"
    DRAFT = "draft"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class About:
    """One line of the table. `tells` and `told`: rows of the national table that events of it travel under.

    `tells`: the rows under which what is read can leave. `told`: those under which what is written can have come.
    """

    name: str
    partner: str
    standard: str
    version: str
    status: Status
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    tells: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
