# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a person gives on a command line and a program wants exactly: a day, a partner, the URI of an activity.

In Dutch, since most of these commands are for professionals and privacy officers; in English for who runs an edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.exits import wrong_use
from schemas.calendar import parse_date

if TYPE_CHECKING:
    from deploy.compose_edge import Settings


def the_day(option: str, text: str, *, english: bool = False) -> int:
    """The day that an option gives.

    Raises:
        Stopped: it is none.
    """
    try:
        return parse_date(text)
    except ValueError:
        if english:
            raise wrong_use(f"{option} is a day that exists, written as 2026-03-31.") from None
        raise wrong_use(f"{option} is een dag die bestaat, geschreven als 2026-03-31.") from None


def day_if_given(option: str, text: str | None) -> int | None:
    """The day that an option gives; None where it was left out.

    Raises:
        Stopped: it is no day.
    """
    return None if text is None else the_day(option, text)


def the_activity(text: str) -> str:
    """The URI of a processing activity, in which the words of a line are filled in.

    Raises:
        Stopped: something else stands in braces.
    """
    try:
        text.format(law="", purpose="", row=0)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise wrong_use("--activity is een URI met tussen accolades alleen {law}, {purpose} en {row}.") from None
    return text


def partner_address(settings: Settings, name: str, *, english: bool = False) -> str:
    """The address of the partner that is called by its name or address.

    Raises:
        Stopped: the address book does not have it.
    """
    found = settings.book.by_name(name)
    if found is not None:
        return found.address
    if english:
        raise wrong_use("This partner is not in the address book; give its name or address as it stands there.")
    raise wrong_use("Deze partner staat niet in het adresboek; geef de naam of het adres zoals het daar staat.")
