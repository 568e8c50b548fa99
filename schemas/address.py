# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The address of a partner: an organisation (OIN) in one role, `urn:nld:oin:<20 digits>:<role>`.

OIN: Organisatie-identificatienummer of Logius, 20 digits.  A hub hands out numbers of the same form to partners that have
none: they begin with 99, where no OIN does.
"""

from __future__ import annotations

import re

from schemas.canonical import FrameError

PATTERN = r"urn:nld:oin:[0-9]{20}:[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"
HANDED_OUT = "99"
_ADDRESS = re.compile(PATTERN)
_HANDED_OUT = re.compile(HANDED_OUT + r"[0-9]{18}")


def need_address(value: object, path: str) -> str:
    """`value` as an address.

    Raises:
        FrameError: it is none.
    """
    if type(value) is not str or _ADDRESS.fullmatch(value) is None:
        raise FrameError(path, "address")
    return value


def role_of(address: str) -> str:
    """The role, the last segment of an address."""
    return address.rpartition(":")[2]


def oin_of(address: str) -> str:
    """The 20 digits of the organisation."""
    return address.split(":")[3]


def is_handed_out(oin: str) -> bool:
    """Whether a number is of those that hubs hand out."""
    return _HANDED_OUT.fullmatch(oin) is not None
