# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the gateway answers when it does not do what was asked: problem+json (RFC 9457), always with what to do.

The names are a closed set: the codes of `schemas.codes` and the ones below.  They are also the labels of the counters.
An answer never repeats anything of the request, and says nothing about what the caller may not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from schemas.codes import SENTENCE, Code

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5

# name -> status and what to do
NAMED: dict[str, tuple[int, str]] = {
    "bad-http": (400, "This is not a request of HTTP/1.1 within our limits; mend the program that made it."),
    "digest": (400, "The body is not the one that Content-Digest names; send it again."),
    "not-signed": (401, "The request has no signature of our profile; see the headers in /v1/openapi.json."),
    "clock": (401, "The minute of the request is not now; set the clock, the answer's Date says the hub's time."),
    "no-oin": (403, "The certificate names no organisation: its subject has no serialNumber of 20 digits."),
    "revoked": (403, "The operator of the hub revoked this certificate; call the operator, it never counts again."),
    "other-authority": (
        403,
        "This certificate is not of the hub's own authority, or not of this address; whoever gave it renews it.",
    ),
    "no-route": (404, "There is nothing under this path; see /v1/openapi.json."),
    "method": (405, "This path takes another method; the answer's Allow says which."),
    "slow": (408, "The request did not arrive in time; nothing was stored, send it again."),
    "media-type": (415, "A body is application/cbor without an encoding; see /v1/openapi.json."),
    "rate": (429, "More requests than agreed; wait as long as Retry-After says and send fewer, larger ones."),
    "at-once": (429, "More requests at the same time than agreed; wait for answers before the next one."),
    "polls": (429, "There are as many open polls as agreed; one edge per address polls at a time."),
    "connections": (429, "More connections than agreed; use the ones that are open."),
    "hub-clock": (503, "The hub's own clock jumped and waits to be confirmed; nothing was stored, try again later."),
    "not-ready": (503, "The hub can't write at present; nothing was stored, try again."),
}
_STATUS = {
    Code.MALFORMED: 400,
    Code.TOO_LARGE: 413,
    Code.UNKNOWN_SENDER: 403,
    Code.KEY_NOT_VALID: 401,
    Code.REPLAYED: 401,
    Code.HUB_FAULT: 500,
    Code.TRY_LATER: 503,
    Code.RECOVERING: 503,
}
CODES = tuple(_STATUS)


class Problem(Exception):  # named as in RFC 9457
    """The request ends with this answer.  `name` is a code or one of `NAMED`."""

    def __init__(
        self, name: str, at: str = "", *, close: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name)
        self.name = name
        self.at = at
        self.close = close
        self.status, self.what_to_do = NAMED[name] if name in NAMED else _of_code(Code(name))
        self.headers = dict(headers or {})
        if self.status in {429, 503}:
            self.headers.setdefault("Retry-After", str(RETRY_SECONDS))
        if self.status == 401:
            self.headers["WWW-Authenticate"] = "Signature"

    def body(self) -> bytes:
        """The problem as JSON; `at` is a place in the request and the rule that it breaks, never a value."""
        fields: dict[str, object] = {
            "type": f"urn:schakel:problem:{self.name}",
            "title": self.name,
            "status": self.status,
            "detail": self.what_to_do,
        }
        return json.dumps(fields | ({"at": self.at} if self.at else {})).encode()


def of_code(code: Code) -> Problem:
    """The problem that says this code."""
    return Problem(code.value)


def _of_code(code: Code) -> tuple[int, str]:
    return _STATUS.get(code, 400), SENTENCE[code]
