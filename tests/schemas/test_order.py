# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Orders of controller and FG: one spelling, signatures that cover everything, nothing hostile read as an order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import entry
from schemas.canonical import FrameError, encode
from schemas.order import (
    CLOSE,
    CONTROLLER,
    ERASE,
    FG,
    LARGEST,
    OPEN,
    Order,
    OrderError,
    SignedOrder,
    as_text,
    from_text,
    parse_order,
)
from schemas.signing import SigningKey

KEYS = {CONTROLLER: SigningKey(bytes([1]) * 32), FG: SigningKey(bytes([2]) * 32)}
ORDER = Order("hub.example.nl", ERASE, bytes(16), 20_000, "citizen", ((3, 5), (7, 9)), bytes(32))


def _signed(order: Order = ORDER) -> SignedOrder:
    return SignedOrder(order).sign(FG, KEYS[FG]).sign(CONTROLLER, KEYS[CONTROLLER])


def test_an_order_keeps_the_same_bytes_on_its_way() -> None:
    """The vector: whatever version reads it later, these bytes are this order."""
    assert ORDER.raw.hex() == (
        "88016e6875622e6578616d706c652e6e6c6565726173655000000000000000000000000000000000194e2067636974697a656e"
        "828203058207095820" + "00" * 32
    )
    assert ORDER.count == 4


def test_the_records_of_keys_inquiries_erasures_and_tables_keep_their_bytes() -> None:
    """The vectors: a log of today is read by every later version."""
    records = [
        entry.officer(20_000, FG, bytes(32)),
        entry.inquiry(20_000, "open", b"signed"),
        entry.erasure(20_000, "citizen", [(3, 5), (7, 8)], b"signed"),
        entry.erasure(20_000, "term", [(0, 1_000)], None),
        entry.rules(20_000, bytes(32)),
    ]
    assert [encode(record).hex() for record in records] == [
        "8501194e20676f6666696365726266675820" + "00" * 32,
        "8501194e2067696e7175697279646f70656e467369676e6564",
        "8601194e20676572617375726567636974697a656e82820305820708467369676e6564",
        "8601194e206765726173757265647465726d8182001903e8f6",
        "8401194e206572756c65735820" + "00" * 32,
    ]
    assert [entry.items_of(encode(record)) for record in records] == records
    assert {str(record[2]) for record in records} == entry.STANDING


@pytest.mark.parametrize("kind", [OPEN, CLOSE])
def test_an_order_goes_from_machine_to_machine_as_text(kind: str) -> None:
    for order in (ORDER, Order("hub", kind, bytes(16), 20_000, "court" if kind == OPEN else "done")):
        for signed in (SignedOrder(order), SignedOrder(order).sign(FG, KEYS[FG]), _signed(order)):
            assert from_text(as_text(signed)) == signed
            assert from_text(as_text(signed).replace("\n", "\r\n")) == signed


@pytest.mark.parametrize(
    "change",
    [
        {"hub": "other"},
        {"day": 20_001},
        {"reason": "court"},
        {"ranges": ((3, 6), (7, 9))},
        {"leaves": bytes([1]) * 32},
        {"nonce": bytes([1]) * 16},
    ],
)
def test_a_signature_covers_every_part(change: dict[str, object]) -> None:
    forged = replace(_signed(), order=replace(ORDER, **change))  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="signature"):
        parse_order(forged.raw)


def test_a_signature_as_fg_is_none_as_controller() -> None:
    (_, public, signature), _ = sorted(_signed().signatures, reverse=True)
    with pytest.raises(FrameError, match="signature"):
        parse_order(replace(_signed(), signatures=((CONTROLLER, public, signature),)).raw)


def test_one_key_never_counts_twice() -> None:
    key = KEYS[FG]
    one, two = SignedOrder(ORDER).sign(FG, key).signatures, SignedOrder(ORDER).sign(CONTROLLER, key).signatures
    with pytest.raises(FrameError, match="order"):
        parse_order(SignedOrder(ORDER, (*two, *one)).raw)
    with pytest.raises(FrameError, match="order"):
        parse_order(SignedOrder(ORDER, (*one, *one)).raw)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "drop"},
        {"reason": "term"},
        {"reason": "complaint"},
        {"ranges": ()},
        {"ranges": ((5, 5),)},
        {"ranges": ((5, 3),)},
        {"ranges": ((3, 5), (4, 9))},
        {"ranges": ((3, 5), (5, 9))},
        {"ranges": ((-1, 5),)},
        {"leaves": None},
        {"nonce": bytes(15)},
        {"day": -1},
        {"hub": "x" * 65},
        {"kind": OPEN, "reason": "court"},
    ],
)
def test_an_order_that_is_not_in_order_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FrameError, match="/1"):
        parse_order(_signed(replace(ORDER, **wrong)).raw)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "schakel order v1", "schakel order v1\nzz", "schakel order v1\nabc", "schakel order v2\n00", "\x00"]
)
def test_a_file_that_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(OrderError, match="no order"):
        from_text(text)


def test_a_file_of_another_frame_is_refused() -> None:
    for raw in (encode([1, b"", []]), encode([2, ORDER.raw, []]), encode([1, ORDER.raw, [["fg", b"", b""]]]), bytes(9)):
        with pytest.raises(OrderError, match="made anew"):
            from_text("schakel order v1\n" + raw.hex())
    with pytest.raises(FrameError, match="size"):
        parse_order(bytes(LARGEST + 1))


@given(at=st.integers(0, len(_signed().raw) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_passes(at: int, bit: int) -> None:
    raw = bytearray(_signed().raw)
    raw[at] ^= 1 << bit
    with pytest.raises(FrameError):  # which rule it breaks depends on the bit
        parse_order(bytes(raw))


@given(raw=st.binary(max_size=200))
def test_random_bytes_are_no_order(raw: bytes) -> None:
    with pytest.raises(FrameError):  # as above
        parse_order(raw)
