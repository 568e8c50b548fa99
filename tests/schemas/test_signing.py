# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from schemas.canonical import FrameError
from schemas.signing import MOST_TOGETHER, SignatureError, SigningKey, Verifier, key_id, parse_signature, signed_bytes

KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
ROOT_TAG = b"schakel/sign/root/v1\0"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def messages(count: int) -> list[bytes]:
    return [b"message %d" % n for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 100, 1023, 1024])
def test_each_of_those_signed_together_is_proven_alone(count: int) -> None:
    verifier = Verifier()
    signatures = KEY.sign_together(messages(count))

    assert len({ed25519 for ed25519, _, _ in signatures}) == 1
    for message, signature in zip(messages(count), signatures, strict=True):
        verifier.verify(message, signature, KEY.public)
        assert parse_signature(list(signature), "/signature") == signature


@pytest.mark.parametrize("count", [1, 2, 3, 6, 13, 64])
def test_what_is_signed_is_the_root_that_an_outside_library_finds(count: int) -> None:
    tree = InmemoryTree(algorithm="sha256")
    for message in messages(count):
        tree.append_entry(message)
    ed25519 = KEY.sign_together(messages(count))[0][0]

    assert nacl.bindings.crypto_sign_open(ed25519 + ROOT_TAG + tree.get_root(), KEY.public)


def test_signed_alone_is_signed_together_with_nobody() -> None:
    assert KEY.sign_alone(b"one") == KEY.sign_together([b"one"])[0]
    assert KEY.sign_alone(b"one")[1:] == (0, [])


def test_between_one_and_a_thousand_twenty_four_are_signed_together() -> None:
    for count in (0, MOST_TOGETHER + 1):
        with pytest.raises(ValueError, match="between 1 and 1024"):
            KEY.sign_together(messages(count))


def test_a_message_that_was_not_signed_has_no_way_to_the_root() -> None:
    signatures = KEY.sign_together(messages(5))
    for signature in signatures:
        with pytest.raises(SignatureError, match="^signature$"):
            Verifier().verify(b"another", signature, KEY.public)


def test_the_way_of_one_message_proves_no_other() -> None:
    signatures = KEY.sign_together(messages(5))
    for n, message in enumerate(messages(5)):
        for m, signature in enumerate(signatures):
            if n != m:
                with pytest.raises(SignatureError):
                    Verifier().verify(message, signature, KEY.public)


def test_a_node_of_the_tree_can_not_pass_for_a_message() -> None:
    """A leaf is hashed apart from a node: cutting the way short proves nothing."""
    ed25519, index, path = KEY.sign_together(messages(4))[0]
    for cut in (path[1:], path[:1], []):
        with pytest.raises(SignatureError):
            Verifier().verify(path[0] + path[1], (ed25519, index, cut), KEY.public)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.data())
def test_a_signature_with_anything_changed_is_refused(count: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, count - 1))
    message = messages(count)[place]
    ed25519, turns, path = KEY.sign_together(messages(count))[place]
    what = data.draw(st.sampled_from(["ed25519", "turns", "node", "shorter", "longer"]))
    if what == "ed25519":
        bit = data.draw(st.integers(0, 511))
        ed25519 = (int.from_bytes(ed25519, "big") ^ 1 << bit).to_bytes(64, "big")
    elif what == "turns":
        turns ^= 1 << data.draw(st.integers(0, len(path) - 1))
    elif what == "node":
        node = data.draw(st.integers(0, len(path) - 1))
        path = [*path[:node], bytes([path[node][0] ^ 1]) + path[node][1:], *path[node + 1 :]]
    elif what == "shorter":
        path = path[:-1]
    else:
        path = [*path, bytes(32)]

    with pytest.raises(SignatureError):
        Verifier().verify(message, (ed25519, turns, path), KEY.public)


def test_a_key_verifies_only_what_it_signed_also_after_another_was_verified() -> None:
    verifier = Verifier()
    mine, theirs = KEY.sign_together(messages(2)), OTHER.sign_together(messages(2))
    verifier.verify(messages(2)[0], mine[0], KEY.public)
    verifier.verify(messages(2)[0], theirs[0], OTHER.public)

    for signature, public in ((mine[1], OTHER.public), (theirs[1], KEY.public)):
        with pytest.raises(SignatureError):
            verifier.verify(messages(2)[1], signature, public)


def test_a_root_that_was_checked_helps_no_other_signature() -> None:
    verifier = Verifier()
    (ed25519, index, path), _ = KEY.sign_together(messages(2))
    verifier.verify(messages(2)[0], (ed25519, index, path), KEY.public)

    with pytest.raises(SignatureError):
        verifier.verify(messages(2)[0], (bytes(64), index, path), KEY.public)
    with pytest.raises(SignatureError):
        verifier.verify(b"forged", (ed25519, index, path), KEY.public)


def test_a_verifier_that_keeps_one_root_verifies_all_the_same() -> None:
    verifier = Verifier(most=1)
    for name in (b"a", b"b", b"c"):
        batch = [name + message for message in messages(3)]
        for message, signature in zip(batch, KEY.sign_together(batch), strict=True):
            verifier.verify(message, signature, KEY.public)
            with pytest.raises(SignatureError):
                verifier.verify(message + b"!", signature, KEY.public)


def test_a_malleated_signature_is_refused() -> None:
    ed25519, index, path = KEY.sign_alone(b"message")
    s = int.from_bytes(ed25519[32:], "little") + GROUP_ORDER

    with pytest.raises(SignatureError):
        Verifier().verify(b"message", (ed25519[:32] + s.to_bytes(32, "little"), index, path), KEY.public)


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"", bytes(31)])
def test_a_public_key_of_low_order_or_another_length_verifies_nothing(public: bytes) -> None:
    for ed25519 in (KEY.sign_alone(b"m")[0], b"\x01" + bytes(63), bytes(64)):
        with pytest.raises(SignatureError):
            Verifier().verify(b"m", (ed25519, 0, []), public)


def test_two_frames_with_equal_pieces_are_kept_apart_by_their_tag() -> None:
    assert signed_bytes(b"a\0", b"x", b"y") != signed_bytes(b"b\0", b"x", b"y")
    assert signed_bytes(b"a\0", b"xy") != signed_bytes(b"a\0", b"x", b"y")
    assert len(signed_bytes(b"a\0", b"x", b"y")) == 2 + 64


@pytest.mark.parametrize(
    ("value", "keyword"),
    [
        (None, "list"),
        ([bytes(64), 0], "array"),
        ([bytes(64), 0, [], 0], "list"),
        ([bytes(63), 0, []], "bytes\\(64\\)"),
        ([bytes(64), 1, []], "integer"),
        ([bytes(64), False, []], "integer"),
        ([bytes(64), 0, [bytes(32)] * 11], "list"),
        ([bytes(64), 0, [bytes(33)]], "bytes\\(32\\)"),
        ([bytes(64), 4, [bytes(32)] * 2], "integer"),
    ],
)
def test_a_signature_of_another_form_is_refused(value: object, keyword: str) -> None:
    with pytest.raises(FrameError, match=f"^/signature: {keyword}$"):
        parse_signature(value, "/signature")


def test_the_name_of_a_key_is_the_begin_of_its_hash() -> None:
    assert KEY.key_id == key_id(KEY.public)
    assert len(KEY.key_id) == 16
    assert KEY.key_id != OTHER.key_id
