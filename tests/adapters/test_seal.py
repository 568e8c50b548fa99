# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.keys import opening_private, opening_public, opening_public_key
from adapters.seal import (
    SIZES,
    Sealed,
    UnreadableError,
    open_parts,
    open_retraction,
    seal,
    seal_retraction,
    sign_frames,
)
from schemas.envelope import Envelope, Header, listing_of, parse
from schemas.signing import SigningKey, Verifier, key_id

SENDER = "urn:nld:oin:00000001234567890000:team-wmo"
RECIPIENT = "urn:nld:oin:00000001234567890001:provider-wmo"
SEED = bytes(range(32))
PRIVATE, PUBLIC = opening_private(SEED), opening_public_key(opening_public(SEED))
OTHER = opening_private(bytes(32))
KEY = SigningKey(b"s" * 32)
EVENT = {"control": b'{"kind":"event"}', "progress": b'{"kind":"gestart"}', "service": b'{"law":"wmo"}'}
INTRODUCTION = {"control": b'{"kind":"introduction"}', "progress": b"", "service": b""}


def header(sequence: int = 1, *, retraction: bool = False, message: bytes = b"m" * 16) -> Header:
    return Header(
        message_id=message,
        source=SENDER,
        retraction=retraction,
        minute=29_000_000,
        recipient=RECIPIENT,
        handle=b"h" * 16,
        sequence=0 if retraction else sequence,
        terms=b"t" * 32,
        trace=(b"r" * 16, b"p" * 8),
        sign_key=KEY.key_id,
        seal_key=key_id(opening_public(SEED)),
    )


def sent(sealed: Sealed) -> Envelope:
    """What arrives of it."""
    return parse(sign_frames([sealed], KEY)[0])


def forged(padded: dict[str, bytes], keys: bytes | None = None) -> Envelope:
    """An envelope of a sender that pads, or fills the box, as it likes, and signs it well."""
    raw = header().to_bytes()
    bound = sha256(raw).digest()
    keys = b"".join(sha256(name.encode()).digest() for name in sorted(padded)) if keys is None else keys
    ciphertexts = [
        AESGCM(sha256(name.encode()).digest()).encrypt(bytes(12), padded[name], bound + name.encode())
        for name in sorted(padded)
    ]
    box = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).encrypt(
        keys, PUBLIC, b"schakel/envelope/v1\0" + bound
    )
    return sent(Sealed(raw, box, listing_of(tuple(sorted(padded)), ciphertexts), ciphertexts, retraction=False))


def padded(text: bytes, size: int) -> bytes:
    return (len(text).to_bytes(4, "big") + text).ljust(size, b"\0")


GOOD = {name: padded(text, SIZES[name]) for name, text in EVENT.items()}


@pytest.mark.parametrize("parts", [EVENT, INTRODUCTION])
def test_what_was_sealed_is_what_is_opened(parts: dict[str, bytes]) -> None:
    assert open_parts(sent(seal(header(), parts, PUBLIC)), PRIVATE) == parts


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["progress", "service"]), st.binary(min_size=1, max_size=508)),
    st.binary(max_size=508),
)
def test_whatever_fits_its_size_class_comes_back(parts: dict[str, bytes], control: bytes) -> None:
    parts = {**parts, "control": control}

    assert open_parts(sent(seal(header(), parts, PUBLIC)), PRIVATE) == parts


def test_the_longest_text_of_a_size_class_fits_and_one_byte_more_does_not() -> None:
    for name, size in (("progress", SIZES["progress"]), ("service", SIZES["service"]), ("control", SIZES["control"])):
        longest = {**EVENT, name: b"x" * (size - 4)}
        assert open_parts(sent(seal(header(), longest, PUBLIC)), PRIVATE) == longest
        with pytest.raises(ValueError, match="longer than its size class"):
            seal(header(), {**EVENT, name: b"x" * (size - 3)}, PUBLIC)


def test_header_says_nothing_two_kinds_of_event_have_pieces_of_equal_length() -> None:
    first = seal(header(1), EVENT, PUBLIC)
    second = seal(header(2), {"control": b"{}", "progress": b'{"kind":"beeindigd"}' * 9, "service": b""}, PUBLIC)

    def lengths(sealed: Sealed) -> list[int]:
        return [len(piece) for piece in (sealed.header, sealed.box, sealed.listing, *sealed.ciphertexts)]

    assert lengths(first) == lengths(second)
    assert len(sign_frames([first], KEY)[0]) == len(sign_frames([second], KEY)[0])


def test_only_an_introduction_has_the_large_control_part_even_when_it_says_little() -> None:
    event, introduction = seal(header(), EVENT, PUBLIC), seal(header(), INTRODUCTION, PUBLIC)

    assert [len(part) - 16 for part in event.ciphertexts] == [512, 1024, 512]
    assert [len(part) - 16 for part in introduction.ciphertexts] == [2048, 1024, 512]


def test_an_envelope_needs_a_control_part_and_names_with_a_size_class() -> None:
    with pytest.raises(ValueError, match="control part"):
        seal(header(), {"progress": b"{}"}, PUBLIC)
    for name in ("health", "introduction"):
        with pytest.raises(ValueError, match="without a size class"):
            seal(header(), {**EVENT, name: b"{}"}, PUBLIC)


def test_a_category_with_a_size_class_of_its_own_can_be_sealed_and_opened() -> None:
    sizes = {**SIZES, "bench": 20_480}
    parts = {**EVENT, "bench": b"b" * 20_000}

    envelope = sent(seal(header(), parts, PUBLIC, sizes))
    assert open_parts(envelope, PRIVATE, sizes) == parts
    with pytest.raises(UnreadableError):
        open_parts(envelope, PRIVATE)


def test_nothing_is_equal_in_two_envelopes_of_one_event() -> None:
    first = seal(header(message=b"1" * 16), EVENT, PUBLIC)
    second = seal(header(message=b"2" * 16), EVENT, PUBLIC)

    assert not {first.box, *first.ciphertexts} & {second.box, *second.ciphertexts}


def test_another_key_opens_nothing_and_the_error_says_no_more_than_that() -> None:
    with pytest.raises(UnreadableError, match="^unreadable$") as caught:
        open_parts(sent(seal(header(), EVENT, PUBLIC)), OTHER)
    assert caught.value.__cause__ is None


def test_a_box_of_another_envelope_opens_nothing() -> None:
    first, second = seal(header(1), EVENT, PUBLIC), seal(header(2), EVENT, PUBLIC)

    with pytest.raises(UnreadableError):
        open_parts(sent(first._replace(box=second.box)), PRIVATE)


def test_a_header_of_another_envelope_opens_nothing() -> None:
    first, second = seal(header(1), EVENT, PUBLIC), seal(header(2), EVENT, PUBLIC)

    with pytest.raises(UnreadableError):
        open_parts(sent(first._replace(header=second.header)), PRIVATE)


def test_a_part_of_another_envelope_opens_nothing_even_when_its_hash_is_listed_and_signed() -> None:
    first, second = seal(header(1), EVENT, PUBLIC), seal(header(2), EVENT, PUBLIC)
    for place in range(3):
        parts = list(first.ciphertexts)
        parts[place] = second.ciphertexts[place]
        listing = listing_of(tuple(sorted(EVENT)), parts)
        with pytest.raises(UnreadableError):
            open_parts(sent(first._replace(ciphertexts=parts, listing=listing)), PRIVATE)


def test_two_parts_of_one_envelope_can_not_change_places() -> None:
    sealed = seal(header(), EVENT, PUBLIC)
    control, progress, service = sealed.ciphertexts
    parts = [service, progress, control]

    with pytest.raises(UnreadableError):
        open_parts(sent(sealed._replace(ciphertexts=parts, listing=listing_of(tuple(sorted(EVENT)), parts))), PRIVATE)


def test_a_part_left_out_or_added_by_who_signs_opens_nothing() -> None:
    sealed = seal(header(), EVENT, PUBLIC)
    fewer = sealed.ciphertexts[:2]
    more = [*sealed.ciphertexts, sealed.ciphertexts[-1]]

    for names, parts in ((("control", "progress"), fewer), (("control", "progress", "service", "zorg"), more)):
        with pytest.raises(UnreadableError):
            open_parts(sent(sealed._replace(ciphertexts=parts, listing=listing_of(names, parts))), PRIVATE)


def test_the_forger_of_the_next_tests_makes_good_envelopes_when_it_pads_well() -> None:
    assert open_parts(forged(GOOD), PRIVATE) == EVENT


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("progress", padded(b"{}", 1023)),
        ("progress", padded(b"{}", 1025)),
        ("progress", padded(b"{}", 512)),
        ("control", padded(b"{}", 2048)),
        ("progress", padded(b"{}", 1023) + b"\x01"),
        ("progress", (1021).to_bytes(4, "big") + b"x" * 1020),
        ("progress", b"\xff\xff\xff\xff" + b"x" * 1020),
        ("progress", b"\0\0"),
        ("progress", b""),
    ],
)
def test_a_part_that_is_not_padded_to_its_size_class_is_unreadable(name: str, bad: bytes) -> None:
    with pytest.raises(UnreadableError):
        open_parts(forged({**GOOD, name: bad}), PRIVATE)


def test_a_small_control_part_in_an_introduction_is_unreadable() -> None:
    empty = {"progress": padded(b"", 1024), "service": padded(b"", 512)}

    with pytest.raises(UnreadableError):
        open_parts(forged({**empty, "control": padded(b"{}", 512)}), PRIVATE)
    assert open_parts(forged({**empty, "control": padded(b"{}", 2048)}), PRIVATE)["control"] == b"{}"


@pytest.mark.parametrize("size", [0, 32, 95, 97, 128])
def test_a_box_with_another_number_of_keys_is_unreadable(size: int) -> None:
    with pytest.raises(UnreadableError):
        open_parts(forged(GOOD, keys=bytes(size)), PRIVATE)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_box_with_any_byte_changed_cut_or_extended_is_unreadable(data: st.DataObject) -> None:
    sealed = seal(header(), EVENT, PUBLIC)
    place = data.draw(st.integers(0, len(sealed.box) - 1))
    changed = bytearray(sealed.box)
    changed[place] ^= data.draw(st.integers(1, 255))
    box = data.draw(st.sampled_from([bytes(changed), sealed.box[:place], sealed.box + b"\0"]))

    with pytest.raises(UnreadableError):
        open_parts(sent(sealed._replace(box=box)), PRIVATE)


def test_a_retraction_carries_one_event_id_under_its_own_tag() -> None:
    retraction = sent(seal_retraction(header(retraction=True), b"e" * 16, PUBLIC))

    assert retraction.names == ()
    assert open_retraction(retraction, PRIVATE) == b"e" * 16
    with pytest.raises(UnreadableError):
        open_retraction(retraction, OTHER)
    with pytest.raises(UnreadableError):
        open_parts(retraction, PRIVATE)
    with pytest.raises(UnreadableError):
        open_retraction(sent(seal(header(), EVENT, PUBLIC)), PRIVATE)


def test_a_retraction_needs_its_own_header_and_an_event_id() -> None:
    with pytest.raises(ValueError, match="event id"):
        seal_retraction(header(), b"e" * 16, PUBLIC)
    with pytest.raises(ValueError, match="event id"):
        seal_retraction(header(retraction=True), b"e" * 17, PUBLIC)


@pytest.mark.parametrize("content", [b"e" * 32, b"e" * 16, b"e" * 16 + bytes(15) + b"\x01", b""])
def test_a_retraction_with_anything_but_an_event_id_and_zeros_is_unreadable(content: bytes) -> None:
    raw = header(retraction=True).to_bytes()
    box = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).encrypt(
        content, PUBLIC, b"schakel/retraction/v1\0" + sha256(raw).digest()
    )

    with pytest.raises(UnreadableError):
        open_retraction(sent(Sealed(raw, box, listing_of((), []), [], retraction=True)), PRIVATE)


def test_frames_signed_together_each_verify_alone_and_one_frame_is_signed_alone() -> None:
    sealed = [seal(header(n, message=bytes([n]) * 16), EVENT, PUBLIC) for n in range(1, 6)]
    envelopes = [parse(raw) for raw in sign_frames(sealed, KEY)]

    for envelope in envelopes:
        Verifier().verify(envelope.signed(), envelope.signature, KEY.public)
    assert len({envelope.signature[0] for envelope in envelopes}) == 1
    assert parse(sign_frames(sealed[:1], KEY)[0]).signature[1:] == (0, [])
    with pytest.raises(ValueError, match="between 1 and"):
        sign_frames([], KEY)
