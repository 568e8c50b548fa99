# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Requests are signed as RFC 9421 says, in one spelling; whatever was changed afterwards is noticed."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import nacl.bindings
import pytest

from schemas.canonical import FrameError
from schemas.request_signature import HEADERS, Stamp, body_digest, read_claim, sign_request, signature_base
from schemas.signing import SignatureError, SigningKey

VECTORS = Path(__file__).parents[1] / "vectors" / "http"
RFC: dict[str, Any] = json.loads((VECTORS / "rfc9421_b26.json").read_text())
OURS: dict[str, Any] = json.loads((VECTORS / "requests.json").read_text())
KEY = SigningKey(bytes.fromhex(OURS["seed"]))


def test_the_example_of_the_rfc_comes_out_byte_for_byte() -> None:
    base = signature_base([(name, value) for name, value in RFC["components"]], RFC["parameters"])
    key = SigningKey(b64decode(RFC["seed"]))
    assert b64encode(key.public).decode() == RFC["public"]
    assert b64encode(key.sign(base)).decode() == RFC["signature"]
    nacl.bindings.crypto_sign_open(b64decode(RFC["signature"]) + base, key.public)


@pytest.mark.parametrize("case", OURS["valid"], ids=lambda case: case["name"])
def test_a_frozen_request_is_read_verified_and_signed_again_to_the_same_bytes(case: dict[str, Any]) -> None:
    claim = read_claim(case["headers"])
    claim.verify(case["method"], case["target"], KEY.public)
    body = bytes.fromhex(case["body"])
    assert claim.digest == body_digest(body)
    assert (claim.key_id, claim.stamp.created, claim.stamp.nonce) == (KEY.key_id, OURS["created"], bytes(range(16)))
    assert sign_request(KEY, case["method"], case["target"], body, claim.stamp) == case["headers"]


@pytest.mark.parametrize("case", OURS["hostile"], ids=lambda case: case["name"])
def test_another_spelling_is_refused_by_header_and_keyword(case: dict[str, Any]) -> None:
    with pytest.raises(FrameError) as caught:
        read_claim(case["headers"])
    assert str(caught.value) == case["fault"]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/team-wmo/envelopes"),
        ("post", "/v1/team-wmo/envelopes"),
        ("POST", "/v1/team-pw/envelopes"),
        ("POST", "/v1/team-wmo/envelopes?x=1"),
        ("POST", "/v1/team-wmo/envelopes/"),
        ("POST", "/v1/team%2Dwmo/envelopes"),
    ],
)
def test_the_signature_is_for_this_method_path_and_query_alone(method: str, target: str) -> None:
    claim = read_claim(OURS["valid"][0]["headers"])
    with pytest.raises(SignatureError, match="request signature"):
        claim.verify(method, target, KEY.public)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_another_request_does_not_fit(name: str) -> None:
    one, other = (
        sign_request(KEY, "POST", "/v1/gp/facts", body, Stamp(OURS["created"] + 60 * len(body), body * 16, point))
        for body, point in ((b"a", None), (b"b", read_claim(OURS["valid"][0]["headers"]).stamp.checkpoint))
    )
    mixed = one | {name: other[name]}
    assert mixed != one
    with pytest.raises(SignatureError, match="request signature"):
        read_claim(mixed).verify("POST", "/v1/gp/facts", KEY.public)


def test_another_key_has_not_signed_it() -> None:
    claim = read_claim(OURS["valid"][0]["headers"])
    with pytest.raises(SignatureError, match="request signature"):
        claim.verify("POST", "/v1/team-wmo/envelopes", SigningKey(bytes(32)).public)
