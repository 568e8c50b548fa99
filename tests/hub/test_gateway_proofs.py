# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Proofs of entries over the network: bad input is answered clearly and costs nothing, and a proof tells nobody more than
another.  That they are right is in the contract of the client."""

from __future__ import annotations

import pytest

from schemas import api
from schemas.address import oin_of
from schemas.canonical import encode
from tests.hub.gateway_fixtures import Town, town

__all__ = ["town"]  # a fixture


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80",
        encode([5]),
        encode([1, 9]),
        encode([5, 0, 0]),
        encode([5, 1, 0]),
        encode([999, 0]),
        encode([0, 0]),
        encode([-1, 0]),
        encode([5, -1]),
        encode([5, True]),
        encode([5, 0.0]),
        encode([5, None]),
        encode([5, [0]]),
        encode([5, b"0"]),
        encode([[5], 0]),
        encode([1 << 53, 0]),
        encode([5, 1 << 64]),
        encode([9_999, *range(api.MOST_PROVEN + 1)]),
        encode([5, *[0] * 1_000_000]),
        encode([5, [0] * 1_000_000]),
        b"\x9b" + b"\xff" * 8,
        b"\x9f\x05\x00\xff",
        b"\x82\x18\x05\x00",
        encode([5, 0]) + b"\0",
        encode({5: 0}),
        b"\x82\x05" + b"\x81" * 900 + b"\x00",
    ],
    ids=range(27),
)
def test_a_proof_of_entries_that_are_none_is_refused(town: Town, body: bytes) -> None:
    town.team.tell(town.team.register(town.provider), 1)
    headers = town.site.signed(town.team, "POST", "/v1/inclusion", body) | {"Content-Type": api.MEDIA_TYPE}
    answer = town.site.raw(oin_of(town.team.address), "POST", "/v1/inclusion", headers, body)
    assert (answer.status, answer.problem) == (400, "malformed")
    assert town.site.gateway.counts.refused["malformed"] == 1
    town.still_works()


def test_a_proof_is_asked_for_in_the_body_and_in_no_other_way(town: Town) -> None:
    answer = town.site.request(town.team, "GET", "/v1/inclusion?index=0&size=1")
    assert (answer.status, answer.problem, answer.headers["allow"]) == (405, "method", "POST")
    answer = town.site.request(town.team, "POST", "/v1/inclusion?index=0&size=1", api.entries_bytes([0], 1))
    assert (answer.status, answer.problem) == (400, "malformed")
    town.still_works()
