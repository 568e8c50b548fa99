# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who stands at a command that shows or decides something about a client."""

from __future__ import annotations

import os
import pwd

from adapters.looks import HELP, Viewer


def account() -> str:
    """The account of the machine under which this runs; no variable of the environment can make it another."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without a name, as in some containers
        return f"account {os.getuid()}"


def viewer(name: str | None, why: str = HELP) -> Viewer:
    """Who looks: as this person says, else the account.

    Raises:
        NoNameError: the name can't be one.
    """
    known = account()
    return Viewer(known if name is None else name, known, why)
