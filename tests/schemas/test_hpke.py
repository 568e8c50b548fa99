# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The library that seals against the published vectors, and against HPKE and X-Wing written out by hand."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from adapters.keys import opening_private, opening_public, opening_public_key
from tests.schemas.hpke_by_hand import (
    AES_128_GCM,
    DHKEM_X25519,
    key_and_nonce,
    open_box,
    seal_box,
    x25519_shared,
    xwing_shared,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "hpke"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@pytest.fixture(scope="module")
def draft() -> dict[str, str]:
    vector: dict[str, str] = json.loads((VECTORS / "xwing.json").read_text())["draft"]
    return vector


def test_hpke_by_hand_opens_the_vector_of_rfc_9180() -> None:
    vector = {
        k: bytes.fromhex(v) for k, v in json.loads((VECTORS / "rfc9180.json").read_text()).items() if k != "source"
    }
    shared = x25519_shared(vector["private"], vector["enc"])
    key, nonce = key_and_nonce(DHKEM_X25519, AES_128_GCM, shared, vector["info"])

    assert AESGCM(key).decrypt(nonce, vector["ciphertext"], vector["aad"]) == vector["plaintext"]


def test_our_opening_key_is_the_public_key_of_the_xwing_draft(draft: dict[str, str]) -> None:
    public = opening_public(bytes.fromhex(draft["seed"]))

    assert public.hex().startswith(draft["public_begins"])
    assert sha256(public).hexdigest() == draft["public_sha256"]


def test_xwing_by_hand_gives_the_shared_secret_of_the_draft(draft: dict[str, str]) -> None:
    assert xwing_shared(bytes.fromhex(draft["seed"]), bytes.fromhex(draft["ciphertext"])).hex() == draft["shared"]


@pytest.mark.parametrize("seed", [bytes(range(32)), bytes(32), b"\xff" * 32])
def test_what_the_library_seals_is_opened_by_hand(seed: bytes) -> None:
    box = SUITE.encrypt(b"the keys of the parts", opening_public_key(opening_public(seed)), b"info")

    assert open_box(seed, box, b"info") == b"the keys of the parts"
    with pytest.raises(InvalidTag):
        open_box(seed, box, b"other")


def test_what_was_sealed_by_hand_on_the_encapsulation_of_the_draft_is_opened_by_the_library(
    draft: dict[str, str],
) -> None:
    seed, encapsulated = bytes.fromhex(draft["seed"]), bytes.fromhex(draft["ciphertext"])
    box = seal_box(seed, encapsulated, b"the keys of the parts", b"info")

    assert SUITE.decrypt(box, opening_private(seed), b"info") == b"the keys of the parts"
