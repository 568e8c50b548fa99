# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the hub answers to requests: the errors of its shell.  The rules themselves answer with codes.

`RefusedError` is for the caller of a request (its code says what to do); `HubUnavailableError` means that nothing
was stored and the same request may come again.  Bad arguments of our own code are built-in errors.
"""

from __future__ import annotations

from schemas.codes import SENTENCE, Code


class RefusedError(Exception):
    """The request is refused as a whole."""

    def __init__(self, code: Code) -> None:
        super().__init__(f"{code.value}: {SENTENCE[code]}")
        self.code = code
