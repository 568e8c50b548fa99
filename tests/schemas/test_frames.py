# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Every frame: its frozen bytes, what is refused, and that no change goes unseen."""

import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.keys import opening_private
from adapters.seal import UnreadableError, open_parts, open_retraction
from schemas.canonical import FrameError, decode_array, encode
from schemas.codes import RECEIPT_CODES, Code
from schemas.envelope import HIGHEST_SEQUENCE, Header, build, listing_of, parse, peek, to_sign
from schemas.fact import GROUNDS, Register, Stop, parse_fact, sign_facts
from schemas.manifest import OPENING_PUBLIC, VALID_DAYS, Key, Manifest, parse_manifest, sign_manifest
from schemas.receipt import parse_receipt, sign_receipts
from schemas.registry import load
from schemas.signing import SignatureError, SigningKey, Verifier
from tests.schemas.hpke_by_hand import open_box
from tests.schemas.make_frames import SEED, VECTORS, files, header, parse_signed, sealed

FRAMES = ("envelope", "retraction", "register", "stop", "receipt", "manifest")
STORED = {name: json.loads((VECTORS / "frames" / f"{name}.json").read_text()) for name in (*FRAMES, "parts")}
VALID = [(name, vector) for name in FRAMES for vector in STORED[name]["valid"]]
HOSTILE = [(name, vector) for name in FRAMES for vector in STORED[name]["hostile"]]


def raw_of(vector: dict[str, object]) -> bytes:
    zeros = vector.get("zeros", 0)
    assert isinstance(zeros, int)
    return bytes.fromhex(str(vector["hex"])) + bytes(zeros)


def called(pair: tuple[str, dict[str, object]]) -> str:
    return f"{pair[0]}-{pair[1]['name']}"


def holds(frame: str, raw: bytes) -> bool:
    """Whether these bytes are taken, with their signature."""
    try:
        signed, signature = parse_signed(frame, raw)
        Verifier().verify(signed, signature, bytes.fromhex(STORED[frame]["public_key"]))
    except (FrameError, SignatureError):
        return False
    return True


# -- the frozen vectors


def test_the_frozen_vectors_are_made_again_to_the_byte() -> None:
    for name, content in files().items():
        assert (VECTORS / "frames" / name).read_bytes() == content, name


@pytest.mark.parametrize(("frame", "vector"), VALID, ids=map(called, VALID))
def test_a_frozen_frame_is_taken_and_its_signature_holds(frame: str, vector: dict[str, object]) -> None:
    assert holds(frame, raw_of(vector))


@pytest.mark.parametrize(("frame", "vector"), HOSTILE, ids=map(called, HOSTILE))
def test_a_hostile_frame_is_refused_by_path_and_keyword_or_by_its_signature(
    frame: str, vector: dict[str, object]
) -> None:
    raw = raw_of(vector)
    if "error" in vector:
        with pytest.raises(FrameError) as caught:
            parse_signed(frame, raw)
        assert str(caught.value) == vector["error"]
    else:
        assert vector["signature"] is False
        signed, signature = parse_signed(frame, raw)
        with pytest.raises(SignatureError, match="^signature$"):
            Verifier().verify(signed, signature, bytes.fromhex(STORED[frame]["public_key"]))


def test_an_error_of_a_frame_never_holds_what_was_in_it() -> None:
    planted = b"GEHEIM-999900006"
    raw = raw_of(STORED["envelope"]["valid"][0]).replace(b"nl.schakel.envel", planted)

    with pytest.raises(FrameError) as caught:
        parse(raw)
    assert planted.decode() not in str(caught.value)
    assert caught.value.__cause__ is None


# -- the parts of the frozen envelopes


@pytest.mark.parametrize(("place", "content"), [(0, "event"), (1, "introduction")])
def test_the_frozen_envelopes_open_to_the_frozen_parts(place: int, content: str) -> None:
    envelope = parse(raw_of(STORED["envelope"]["valid"][place]))
    parts = open_parts(envelope, opening_private(SEED))

    assert {name: text.decode() for name, text in parts.items()} == STORED["parts"][content]


def test_the_frozen_box_holds_the_frozen_keys_in_the_order_of_the_list() -> None:
    envelope = parse(raw_of(STORED["envelope"]["valid"][0]))
    keys = open_box(SEED, envelope.box, b"schakel/envelope/v1\0" + sha256(envelope.header).digest())

    assert [keys[n : n + 32].hex() for n in (0, 32, 64)] == [STORED["parts"]["keys"][name] for name in envelope.names]


def test_the_frozen_parts_are_valid_by_their_definitions() -> None:
    registry = load()
    event, introduction = STORED["parts"]["event"], STORED["parts"]["introduction"]

    for name, text in event.items():
        registry.validate(f"{name}/1", text.encode())
    registry.validate("introduction/1", introduction["control"].encode())


def test_the_frozen_retraction_opens_to_its_event_id() -> None:
    retraction = parse(raw_of(STORED["retraction"]["valid"][0]))

    assert open_retraction(retraction, opening_private(SEED)).hex() == STORED["parts"]["retracts"]


def test_the_hostile_envelopes_that_parse_open_to_nothing() -> None:
    for vector in STORED["envelope"]["hostile"]:
        if "error" not in vector and not vector["name"].startswith("sign"):
            with pytest.raises(UnreadableError):
                open_parts(parse(raw_of(vector)), opening_private(SEED))


# -- no change goes unseen


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_no_byte_of_a_frame_can_be_changed(frame: str, flip: int) -> None:
    raw = raw_of(STORED[frame]["valid"][-1])
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= flip
        assert not holds(frame, bytes(changed)), place


@pytest.mark.parametrize("frame", FRAMES)
def test_no_frame_can_be_cut_or_extended(frame: str) -> None:
    raw = raw_of(STORED[frame]["valid"][-1])
    for place in range(len(raw)):
        assert not holds(frame, raw[:place]), place
    for extra in (b"\0", b"\xf6", b"\x80", raw):
        assert not holds(frame, raw + extra)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FRAMES), st.data())
def test_no_stretch_of_a_frame_can_be_replaced_left_out_or_inserted(frame: str, data: st.DataObject) -> None:
    raw = raw_of(data.draw(st.sampled_from(STORED[frame]["valid"])))
    begin = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(begin, min(len(raw), begin + 80)))
    changed = raw[:begin] + data.draw(st.binary(max_size=80)) + raw[end:]

    assert changed == raw or not holds(frame, changed)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([parse, parse_fact, parse_receipt, parse_manifest]), st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(parser: Callable[[bytes], object], raw: bytes) -> None:
    with pytest.raises(FrameError):
        parser(raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([(parse, 6), (parse_fact, 7), (parse_receipt, 6), (parse_manifest, 12)]),
    st.data(),
)
def test_values_of_any_type_in_any_place_are_refused_and_nothing_else_happens(
    parser: tuple[Callable[[bytes], object], int], data: st.DataObject
) -> None:
    parse_one, length = parser
    items = data.draw(st.lists(VALUES, min_size=length, max_size=length))

    with pytest.raises(FrameError):
        parse_one(encode([1, *items[1:]]))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FRAMES), st.integers(0, 11), VALUES)
def test_one_item_of_a_good_frame_can_not_be_anything_else(frame: str, place: int, value: object) -> None:
    raw = raw_of(STORED[frame]["valid"][0])
    items = decode_array(raw, {"envelope": 6, "retraction": 6, "receipt": 6, "manifest": 12}.get(frame, 7))
    items[place % len(items)] = value

    assert encode(items) == raw or not holds(frame, encode(items))


# -- what is built is what is parsed

HASH, HALF = st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16)
ADDRESS = st.builds(
    "urn:nld:oin:{}:{}".format,
    st.from_regex(r"[0-9]{20}", fullmatch=True),
    st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True),
)
KEY_ID = st.from_regex("[0-9a-f]{16}", fullmatch=True)
NAME = st.from_regex("[a-z][a-z0-9-]{0,31}", fullmatch=True)
DAYS = st.integers(0, 100_000)
SIGNER = st.builds(SigningKey, HASH)
MONTHS = st.integers(12, 9999 * 12)
HEADERS = st.builds(
    lambda retraction, sequence, **rest: Header(retraction=retraction, sequence=0 if retraction else sequence, **rest),
    st.booleans(),
    st.integers(1, HIGHEST_SEQUENCE),
    message_id=HALF,
    source=ADDRESS,
    minute=st.integers(0, 130_000_000),
    recipient=ADDRESS,
    handle=HALF,
    terms=HASH,
    trace=st.tuples(HALF, st.binary(min_size=8, max_size=8)),
    sign_key=KEY_ID,
    seal_key=KEY_ID,
)


@settings(max_examples=60, deadline=None)
@given(HEADERS, st.dictionaries(NAME, st.binary(max_size=50), max_size=8), st.binary(max_size=1200), SIGNER)
def test_an_envelope_is_parsed_as_it_was_built(
    head: Header, parts: dict[str, bytes], box: bytes, key: SigningKey
) -> None:
    parts = {} if head.retraction else {**parts, "control": b"c"}
    names = tuple(sorted(parts))
    ciphertexts = [parts[name] for name in names]
    raw_header, listing = head.to_bytes(), listing_of(names, ciphertexts)
    signature = key.sign_alone(to_sign(head.retraction, raw_header, box, listing))

    raw = build(raw_header, box, listing, signature, ciphertexts)
    made = parse(raw)

    assert peek(raw) == (made.retraction, made.sign_key)
    assert (made.header, made.box, made.listing, made.parts) == (raw_header, box, listing, ciphertexts)
    assert (made.message_id, made.source, made.recipient, made.handle) == (
        head.message_id,
        head.source,
        head.recipient,
        head.handle,
    )
    assert (made.sequence, made.terms, made.sign_key, made.seal_key, made.retraction, made.names) == (
        head.sequence,
        head.terms,
        head.sign_key,
        head.seal_key,
        head.retraction,
        names,
    )
    Verifier().verify(made.signed(), made.signature, key.public)


REGISTERS = st.builds(
    Register,
    month=MONTHS,
    handle=HALF,
    end=st.none() | DAYS,
    recipient=ADDRESS,
    row=st.integers(1, 9999),
    ground=st.sampled_from(GROUNDS),
    categories=st.sets(NAME, min_size=1, max_size=15).map(lambda names: tuple(sorted(names))),
    terms_hash=HASH,
    commitment=HASH,
)
STOPS = st.lists(st.tuples(MONTHS, HALF), min_size=1, max_size=128, unique_by=lambda pair: pair[1]).map(
    lambda pairs: Stop(tuple(pairs))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(REGISTERS | STOPS, min_size=1, max_size=5), SIGNER, ADDRESS, DAYS)
def test_facts_are_parsed_as_they_were_signed(
    bodies: list[Register | Stop], key: SigningKey, signer: str, day: int
) -> None:
    for raw, body in zip(sign_facts(key, signer, day, bodies), bodies, strict=True):
        made = parse_fact(raw)
        assert (made.body, made.signer, made.day, made.key_id) == (body, signer, day, key.key_id)
        Verifier().verify(made.signed, made.signature, key.public)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(HALF, st.sampled_from(list(RECEIPT_CODES.values())), HALF), min_size=1, max_size=9), SIGNER, DAYS
)
def test_receipts_are_parsed_as_they_were_signed(
    answers: list[tuple[bytes, Code, bytes]], key: SigningKey, day: int
) -> None:
    for raw, (message_id, code, _) in zip(sign_receipts(key, day, answers), answers, strict=True):
        made = parse_receipt(raw)
        assert (made.message_id, made.code, made.day) == (message_id, code, day)
        Verifier().verify(made.signed, made.signature, key.public)


def keys(size: int) -> st.SearchStrategy[tuple[Key, ...]]:
    one = st.builds(Key, st.binary(min_size=size, max_size=size), DAYS, DAYS)
    return st.lists(one, min_size=1, max_size=3).map(tuple)


MANIFESTS = st.builds(
    lambda begin, days, **rest: Manifest(begin=begin, until=begin + days, **rest),
    st.integers(0, 99_000),
    st.integers(0, VALID_DAYS - 1),
    number=st.integers(1, 1_000_000),
    address=ADDRESS,
    signing=keys(32),
    opening=keys(OPENING_PUBLIC),
    reads=st.dictionaries(NAME, st.lists(st.integers(1, 999), max_size=4).map(tuple), max_size=4).map(
        lambda reads: tuple(sorted(reads.items()))
    ),
    table_hash=st.none() | HASH,
    revoked=st.lists(KEY_ID, max_size=3).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(MANIFESTS, SIGNER)
def test_a_manifest_is_parsed_as_it_was_signed(manifest: Manifest, key: SigningKey) -> None:
    made = parse_manifest(sign_manifest(key, manifest))

    assert (made.manifest, made.key_id) == (manifest, key.key_id)
    assert made.fingerprint.count(" ") == 7
    Verifier().verify(made.signed, made.signature, key.public)


def test_the_longest_and_shortest_frames_of_one_kind_of_event_are_equally_long() -> None:
    first, second = header(1).to_bytes(), header(HIGHEST_SEQUENCE).to_bytes()

    assert len(first) == len(second)
    assert [len(part) for part in sealed(sequence=1).ciphertexts] == [len(part) for part in sealed().ciphertexts]


def test_a_frame_of_one_kind_is_none_of_another() -> None:
    for frame in FRAMES:
        raw = raw_of(STORED[frame]["valid"][0])
        for other in ("envelope", "register", "receipt", "manifest"):
            same = {frame, other} in ({"envelope", "retraction"}, {"register", "stop"}) or frame == other
            assert same or not holds(other, raw)
