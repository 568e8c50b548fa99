# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The address of a partner: an organisation (OIN) in one role, `urn:nld:oin:<20 digits>:<role>`.

OIN: Organisatie-identificatienummer of Logius, 20 digits.
"""

from __future__ import annotations

import re

from schemas.canonical import FrameError

PATTERN = r"urn:nld:oin:[0-9]{20}:[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"
_ADDRESS = re.compile(PATTERN)


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
