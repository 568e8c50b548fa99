# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Makes the byte vectors of every frame: `python -m tests.schemas.make_frames` writes `tests/vectors/frames/*.json`.

The files are frozen: a test asks that this gives the same bytes again. They are changed only together with the version
of a frame. Every secret is known, and the box is sealed by hand on the encapsulation of the X-Wing draft, so that a
second implementation can follow each byte. `error` is what our parser says, path and keyword; `signature` tells of a
frame that parses whether its signature holds.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import cbor2
import orjson

from adapters.keys import manifest_for, new_role_keys, opening_public, renew
from adapters.seal import Sealed, sign_frames
from schemas.canonical import FrameError, encode
from schemas.codes import Code
from schemas.envelope import Header, listing_of, parse, to_sign
from schemas.fact import Register, Stop, parse_fact, sign_facts
from schemas.manifest import parse_manifest, sign_manifest
from schemas.receipt import parse_receipt, sign_receipts
from schemas.registry import SIZE_CLASS
from schemas.signing import Signature, SignatureError, SigningKey, Verifier, key_id
from tests.schemas.hpke_by_hand import part, seal_box

VECTORS = Path(__file__).parents[1] / "vectors"
SENDER = "urn:nld:oin:00000001234567890000:team-wmo"
RECIPIENT = "urn:nld:oin:00000001234567890001:provider-wmo"
DAY = 20_515  # 2026-03-03
MONTH = 2026 * 12 + 2
KEY = SigningKey(b"frozen signing seed of 32 bytes!")
DRAFT = json.loads((VECTORS / "hpke" / "xwing.json").read_text())["draft"]
SEED, ENCAPSULATED = bytes.fromhex(DRAFT["seed"]), bytes.fromhex(DRAFT["ciphertext"])

Vector = dict[str, object]
Signed = tuple[bytes, Signature]


def fixed(label: str) -> bytes:
    return sha256(label.encode()).digest()


def header(sequence: int = 7, *, retraction: bool = False) -> Header:
    return Header(
        message_id=fixed("message")[:16],
        source=SENDER,
        retraction=retraction,
        minute=29_541_960,
        recipient=RECIPIENT,
        handle=fixed("handle")[:16],
        sequence=0 if retraction else sequence,
        terms=fixed("terms"),
        trace=(fixed("trace")[:16], fixed("span")[:8]),
        sign_key=KEY.key_id,
        seal_key=key_id(opening_public(SEED)),
    )


EVENT = {
    "control": {
        "date": "2026-03-03",
        "event": fixed("event")[:16].hex(),
        "kind": "event",
        "late": False,
        "schemas": {"progress": "progress/1", "service": "service/1"},
    },
    "progress": {"date": "2026-03-03", "kind": "gestart"},
    "service": {"law": "wmo", "reference": "100000123"},
}
INTRODUCTION = {
    "automatic": True,
    "event": fixed("event")[:16].hex(),
    "identity": {"bsn": "999900006"},
    "kind": "introduction",
    "late": False,
    "renews": None,
    "salt": fixed("salt").hex(),
    "secret": fixed("secret").hex(),
    "source": "100000123",
    "terms": {
        "begin": "2026-03-01",
        "categories": ["progress", "service"],
        "end": "2027-02-28",
        "ground": "statutory",
        "law": "wmo",
        "purpose": "levering-voorziening",
        "row": 1,
    },
}


def canonical_json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def texts(*, introduction: bool) -> dict[str, bytes]:
    if introduction:
        return {"control": canonical_json(INTRODUCTION), "progress": b"", "service": b""}
    return {name: canonical_json(value) for name, value in EVENT.items()}


def sealed(*, introduction: bool = False, sequence: int = 7) -> Sealed:
    raw, parts = header(sequence).to_bytes(), texts(introduction=introduction)
    names = tuple(sorted(parts))
    sizes = {**SIZE_CLASS, "control": SIZE_CLASS["introduction" if introduction else "control"]}
    ciphertexts = [part(fixed(f"key {name}"), raw, name, parts[name], sizes[name]) for name in names]
    keys = b"".join(fixed(f"key {name}") for name in names)
    box = seal_box(SEED, ENCAPSULATED, keys, b"schakel/envelope/v1\0" + sha256(raw).digest())
    return Sealed(raw, box, listing_of(names, ciphertexts), ciphertexts, retraction=False)


def sealed_retraction() -> Sealed:
    raw = header(retraction=True).to_bytes()
    event = fixed("event")[:16].ljust(32, b"\0")
    box = seal_box(SEED, ENCAPSULATED, event, b"schakel/retraction/v1\0" + sha256(raw).digest())
    return Sealed(raw, box, listing_of((), []), [], retraction=True)


def facts() -> tuple[bytes, bytes, list[bytes]]:
    register = Register(
        month=MONTH,
        handle=fixed("handle")[:16],
        end=None,
        recipient=RECIPIENT,
        row=1,
        ground="statutory",
        categories=("progress", "service"),
        terms_hash=fixed("terms"),
        commitment=fixed("commitment"),
    )
    stop = Stop(tuple((MONTH + n, fixed(f"handle {n}")[:16]) for n in range(-1, 3)))
    alone = [sign_facts(KEY, SENDER, DAY, [body])[0] for body in (register, stop)]
    return alone[0], alone[1], sign_facts(KEY, SENDER, DAY, [register, stop, Stop(stop.handles[:1])])


def receipts() -> list[bytes]:
    codes = [Code.STORED, Code.SEEN_ALREADY, Code.UNKNOWN_HANDLE]
    return sign_receipts(
        KEY, DAY, [(fixed(f"id {n}")[:16], code, fixed(f"r {n}")[:16]) for n, code in enumerate(codes)]
    )


def manifests() -> list[bytes]:
    numbers = iter(range(1000))
    keys = new_role_keys(lambda size: fixed(f"random {next(numbers)}")[:size], DAY)
    reads = (("progress", (1,)), ("service", (1,)))
    first = manifest_for(keys, SENDER, 1, DAY, reads, None)
    newer = renew(keys, DAY + 20, lambda size: fixed("next")[:size])
    second = manifest_for(newer, SENDER, 2, DAY + 20, reads, fixed("table"))
    signer = SigningKey(keys.signing_seed)
    return [sign_manifest(signer, first), sign_manifest(signer, second)]


# ------------------------------------------------------------------------------------------- what goes wrong


def changed(raw: bytes, place: int, value: object) -> bytes:
    """The frame with another item, the signature as it was."""
    items = cbor2.loads(raw)
    items[place] = value
    return encode(items)


def every_frame(raw: bytes, largest: int) -> Iterator[tuple[str, bytes]]:
    """What is wrong for a frame of any kind."""
    items = cbor2.loads(raw)
    yield "empty", b""
    yield "truncated-by-one", raw[:-1]
    yield "truncated-to-half", raw[: len(raw) // 2]
    yield "extended-by-one", raw + b"\0"
    yield "twice", raw + raw
    yield "not-cbor", b"\xff" * 40
    yield "a-map", b"\xa0"
    yield "an-item-less", encode(items[:-1])
    yield "an-item-more", encode([*items, None])
    yield "indefinite-length", b"\x9f" + raw[1:] + b"\xff"
    yield "length-not-shortest", b"\x98" + bytes([len(items)]) + raw[1:]
    yield "version-not-shortest", raw[:1] + b"\x18\x01" + raw[2:]
    yield "version-two", changed(raw, 0, 2)
    yield "version-true", changed(raw, 0, value=True)
    yield "version-float", changed(raw, 0, 1.0)
    yield "version-text", changed(raw, 0, "1")
    yield "deep-nesting", raw[:1] + b"\x81" * 10_000 + b"\x01"
    yield "deep-nesting-in-place", changed(raw, 1, nested(900))
    yield "claims-four-billion-items", b"\x9a\xff\xff\xff\xff"
    yield "claims-four-billion-bytes", raw[:2] + b"\x5a\xff\xff\xff\xff"
    yield "tagged", b"\xd9\xd9\xf7" + raw
    yield "shared-reference", raw[:1] + b"\xd8\x1c\x81\xd8\x1d\x00" + raw[2:]
    yield "over-its-largest-size", raw + bytes(largest + 1 - len(raw))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def bad_signatures(raw: bytes, place: int) -> Iterator[tuple[str, bytes]]:
    """The signature item, wrong in every way; the last three have the right form."""
    ed25519, _, _ = cbor2.loads(raw)[place]
    for name, value in {
        "signature-none": None,
        "signature-two-items": [ed25519, 0],
        "signature-63-bytes": [ed25519[:63], 0, []],
        "signature-index-without-path": [ed25519, 1, []],
        "signature-index-negative": [ed25519, -1, []],
        "signature-index-true": [ed25519, True, [fixed("node")]],
        "signature-node-of-31-bytes": [ed25519, 0, [fixed("node")[:31]]],
        "signature-path-of-eleven": [ed25519, 0, [fixed("node")] * 11],
        "signature-with-a-path-it-was-not-made-with": [ed25519, 0, [fixed("node")]],
        "signature-of-zeros": [bytes(64), 0, []],
        "signature-with-one-bit-changed": [bytes([ed25519[0] ^ 1]) + ed25519[1:], 0, []],
    }.items():
        yield name, changed(raw, place, value)


HEADER_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "header-with-a-space": lambda h: h.replace(b'","id"', b'", "id"'),
    "header-with-a-newline": lambda h: h + b"\n",
    "header-with-a-key-twice": lambda h: h.replace(b'"id":', b'"id":"' + b"0" * 32 + b'","id":'),
    "header-with-a-further-key": lambda h: h[:-1] + b',"subject":"x"}',
    "header-without-a-key": lambda h: h.replace(b'"specversion":"1.0",', b""),
    "header-in-another-order": lambda h: b'{"id"' + h.split(b'"id"')[1].split(b',"source"')[0] + b"}",
    "header-with-another-type": lambda h: h.replace(b"nl.schakel.envelope.v1", b"nl.schakel.envelope.v2"),
    "header-of-a-retraction-with-a-sequence": lambda h: h.replace(b"schakel.envelope", b"schakel.retraction"),
    "header-without-a-sequence": lambda h: h.replace(b'"sequence":"00000007",', b""),
    "header-with-sequence-zero": lambda h: h.replace(b"00000007", b"00000000"),
    "header-with-a-sequence-of-nine-digits": lambda h: h.replace(b"00000007", b"000000007"),
    "header-with-an-id-in-capitals": lambda h: h.replace(fixed("message")[:16].hex().encode(), b"A" * 32),
    "header-with-a-time-in-seconds": lambda h: h.replace(b":00Z", b":01Z"),
    "header-with-another-suite": lambda h: h.replace(b"ed25519-v1", b"ed25519-v2"),
    "header-with-an-address-without-a-role": lambda h: h.replace(b":team-wmo", b""),
    "header-with-an-escape": lambda h: h.replace(b"team-wmo", b"team\\u002dwmo"),
    "header-with-a-zero-byte": lambda h: h.replace(b"team-wmo", b"team-wm\0"),
}


def bad_envelopes(raw: bytes) -> Iterator[tuple[str, bytes]]:
    one = sealed()
    control, progress, service = one.ciphertexts
    names = ("control", "progress", "service")

    def listed(new_names: tuple[str, ...], parts: list[bytes]) -> bytes:
        return changed(changed(raw, 3, listing_of(new_names, parts)), 5, parts)

    yield "header-as-text", changed(raw, 1, one.header.decode())
    for name, change in HEADER_CHANGES.items():
        yield name, changed(raw, 1, change(one.header))
    yield "box-as-text", changed(raw, 2, "box")
    yield "list-as-an-array", changed(raw, 3, cbor2.loads(one.listing))
    yield "list-with-a-wrong-hash", changed(raw, 5, [control, progress, progress])
    yield "list-in-another-order", listed(("progress", "control", "service"), [progress, control, service])
    yield "list-with-a-name-twice", listed(("control", "control", "service"), one.ciphertexts)
    yield "list-with-a-name-in-capitals", listed(("Progress", "control", "service"), one.ciphertexts)
    yield "list-with-an-empty-name", listed(("", "control", "service"), one.ciphertexts)
    yield "list-not-canonical", changed(raw, 3, b"\x98\x03" + one.listing[1:])
    yield "list-with-a-pair-of-three", changed(raw, 3, encode([[*p, 1] for p in cbor2.loads(one.listing)]))
    yield "list-with-deep-nesting", changed(raw, 3, b"\x83" + b"\x81" * 9_000 + b"\x01")
    yield "a-part-missing", changed(raw, 5, [control, progress])
    yield "a-part-added", changed(raw, 5, [*one.ciphertexts, service])
    yield "a-part-as-text", changed(raw, 5, [control, progress, "service"])
    yield "no-control-part", listed(names[1:], one.ciphertexts[1:])
    yield "no-parts", listed((), [])
    many = tuple(sorted(["control", *(f"n{n:02d}" for n in range(16))]))
    yield "seventeen-parts", listed(many, [b""] * 17)
    # These parse: it is the signature that doesn't cover them.
    yield "another-header", changed(raw, 1, header(8).to_bytes())
    yield "another-box", changed(raw, 2, bytes(len(one.box)))
    yield "another-part-listed", listed(names, [control, service, progress])
    yield "a-part-left-out-and-not-listed", listed(names[:2], one.ciphertexts[:2])
    yield "a-part-added-and-listed", listed((*names, "zorg"), [*one.ciphertexts, service])
    retraction = sealed_retraction()
    yield (
        "turned-into-a-retraction",
        encode([1, retraction.header, one.box, retraction.listing, cbor2.loads(raw)[4], []]),
    )
    yield "signed-as-a-retraction", changed(raw, 4, as_item(True, one))


def as_item(retraction: bool, one: Sealed) -> list[object]:
    return list(KEY.sign_alone(to_sign(retraction, one.header, one.box, one.listing)))


def bad_retractions(raw: bytes) -> Iterator[tuple[str, bytes]]:
    one = sealed_retraction()
    yield "with-a-sequence", changed(raw, 1, one.header.replace(b'"terms"', b'"sequence":"00000001","terms"'))
    yield "with-a-part", changed(changed(raw, 3, listing_of(("progress",), [b"x"])), 5, [b"x"])
    yield "with-a-control-part", changed(changed(raw, 3, listing_of(("control",), [b"x"])), 5, [b"x"])
    yield "turned-into-an-envelope", changed(raw, 1, header().to_bytes())
    yield "signed-as-an-envelope", changed(raw, 4, as_item(False, one))
    yield "another-box", changed(raw, 2, bytes(len(one.box)))


def bad_facts(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for name, place, value in (
        ("kind-unknown", 1, "pause"),
        ("kind-a-list", 1, ["stop"]),
        ("kind-bytes", 1, b"stop"),
        ("signer-no-address", 2, "team-wmo"),
        ("signer-with-a-newline", 2, SENDER + "\n"),
        ("key-too-long", 3, "0" * 17),
        ("day-negative", 4, -1),
        ("day-too-far", 4, 100_001),
        ("day-true", 4, True),
        ("day-of-64-bits-and-more", 4, 1 << 64),
        ("body-no-array", 5, None),
        ("body-empty", 5, []),
    ):
        yield name, changed(raw, place, value)
    yield "another-day", changed(raw, 4, DAY + 1)
    yield "another-signer", changed(raw, 2, RECIPIENT)


def bad_registers(raw: bytes) -> Iterator[tuple[str, bytes]]:
    body = cbor2.loads(raw)[5]
    for name, place, value in (
        ("month-thirteen", 0, "2026-13"),
        ("month-as-a-number", 0, MONTH),
        ("month-in-other-digits", 0, "٢٠٢٦-03"),
        ("handle-of-15-bytes", 1, bytes(15)),
        ("end-negative", 2, -1),
        ("end-text", 2, "2026-03-31"),
        ("recipient-no-address", 3, "huisarts"),
        ("row-zero", 4, 0),
        ("ground-unknown", 5, "curiosity"),
        ("ground-a-list", 5, ["statutory"]),
        ("categories-empty", 6, []),
        ("categories-unsorted", 6, ["service", "progress"]),
        ("categories-twice", 6, ["progress", "progress"]),
        ("categories-sixteen", 6, [f"n{n:02d}" for n in range(16)]),
        ("terms-of-31-bytes", 7, bytes(31)),
        ("commitment-none", 8, None),
    ):
        yield name, changed(raw, 5, [*body[:place], value, *body[place + 1 :]])
    yield "body-with-a-reason", changed(raw, 5, [*body, "safety"])
    yield "turned-into-a-stop", changed(raw, 1, "stop")
    yield "another-handle", changed(raw, 5, [body[0], fixed("other")[:16], *body[2:]])


def bad_stops(raw: bytes) -> Iterator[tuple[str, bytes]]:
    pair = ["2026-03", bytes(16)]
    for name, body in (
        ("a-handle-twice", [pair, pair]),
        ("a-pair-of-three", [[*pair, "withdrawn"]]),
        ("a-pair-of-one", [["2026-03"]]),
        ("a-handle-of-17-bytes", [["2026-03", bytes(17)]]),
        ("a-month-without-zero", [["2026-3", bytes(16)]]),
        ("129-handles", [["2026-03", n.to_bytes(16, "big")] for n in range(129)]),
    ):
        yield name, changed(raw, 5, body)
    yield "a-handle-less", changed(raw, 5, cbor2.loads(raw)[5][:-1])


def bad_receipts(raw: bytes) -> Iterator[tuple[str, bytes]]:
    for name, place, value in (
        ("id-of-15-bytes", 1, bytes(15)),
        ("code-unknown", 2, "read"),
        ("code-of-the-hub-alone", 2, "accepted"),
        ("code-bytes", 2, b"stored"),
        ("code-a-list", 2, ["stored"]),
        ("day-negative", 3, -1),
        ("salt-of-15-bytes", 4, bytes(15)),
        ("another-code", 2, "invalid-part"),
        ("another-id", 1, bytes(16)),
        ("another-salt", 4, bytes(16)),
    ):
        yield name, changed(raw, place, value)


def bad_manifests(raw: bytes) -> Iterator[tuple[str, bytes]]:
    items = cbor2.loads(raw)
    for name, place, value in (
        ("number-zero", 1, 0),
        ("address-none", 2, None),
        ("valid-for-31-days", 4, items[3] + 30),
        ("over-before-it-begins", 4, items[3] - 1),
        ("without-signing-keys", 5, []),
        ("signing-key-of-31-bytes", 5, [[bytes(31), DAY, DAY]]),
        ("signing-key-without-days", 5, [[bytes(32)]]),
        ("nine-signing-keys", 5, items[5] * 9),
        ("without-opening-keys", 6, []),
        ("opening-key-of-1184-bytes", 6, [[bytes(1184), DAY, DAY]]),
        ("reads-unsorted", 7, [["service", [1]], ["progress", [1]]]),
        ("reads-twice", 7, [["progress", [1]], ["progress", [1]]]),
        ("reads-version-zero", 7, [["progress", [0]]]),
        ("table-of-31-bytes", 8, bytes(31)),
        ("revoked-a-number", 9, [1]),
        ("key-too-long", 10, "0" * 17),
        ("another-number", 1, items[1] + 1),
        ("another-opening-key", 6, [[bytes(1216), DAY, DAY]]),
        ("another-address", 2, RECIPIENT),
    ):
        yield name, changed(raw, place, value)


# ------------------------------------------------------------------------------------------------ the files


def parse_signed(frame: str, raw: bytes) -> Signed:
    """What the signature of a frame covers, and the signature."""
    if frame in {"envelope", "retraction"}:
        envelope = parse(raw)
        return envelope.signed(), envelope.signature
    if frame == "receipt":
        receipt = parse_receipt(raw)
        return receipt.signed, receipt.signature
    if frame == "manifest":
        manifest = parse_manifest(raw)
        return manifest.signed, manifest.signature
    fact = parse_fact(raw)
    return fact.signed, fact.signature


def described(frame: str, name: str, raw: bytes, public: bytes) -> Vector:
    """A vector: its bytes, and what becomes of them. Long runs of one byte are written short."""
    vector: Vector = {"name": name}
    body = raw.rstrip(b"\0")
    if len(raw) - len(body) > 4096:
        vector |= {"hex": body.hex(), "zeros": len(raw) - len(body)}
    else:
        vector["hex"] = raw.hex()
    try:
        signed, signature = parse_signed(frame, raw)
    except FrameError as error:
        return vector | {"error": str(error)}
    try:
        Verifier().verify(signed, signature, public)
    except SignatureError:
        return vector | {"signature": False}
    return vector | {"signature": True}


def frames() -> dict[str, tuple[bytes, list[tuple[str, bytes]], list[tuple[str, bytes]]]]:
    """Per frame the key that signs, the valid ones, the hostile ones."""
    envelope, together = (
        sign_frames([sealed()], KEY)[0],
        sign_frames([sealed(), sealed(sequence=8), sealed(sequence=9)], KEY),
    )
    introduction, retraction = (
        sign_frames([sealed(introduction=True)], KEY)[0],
        sign_frames([sealed_retraction()], KEY)[0],
    )
    register, stop, facts_together = facts()
    receipt, manifest = sign_receipts(KEY, DAY, [(fixed("id")[:16], Code.STORED, fixed("r")[:16])])[0], manifests()
    sets: dict[str, tuple[list[tuple[str, bytes]], int, int, Iterator[tuple[str, bytes]]]] = {
        "envelope": (
            [("event", envelope), ("introduction", introduction)]
            + [(f"event-signed-together-{n}", raw) for n, raw in enumerate(together)],
            65_536,
            4,
            bad_envelopes(envelope),
        ),
        "retraction": ([("retraction", retraction)], 65_536, 4, bad_retractions(retraction)),
        "register": (
            [("register", register), ("register-signed-together", facts_together[0])],
            8_192,
            6,
            (bad for made in (bad_facts, bad_registers) for bad in made(register)),
        ),
        "stop": (
            [("stop", stop), ("stop-signed-together", facts_together[1]), ("stop-of-one", facts_together[2])],
            8_192,
            6,
            (bad for made in (bad_facts, bad_stops) for bad in made(stop)),
        ),
        "receipt": (
            [("stored", receipt)] + [(f"signed-together-{n}", raw) for n, raw in enumerate(receipts())],
            1_024,
            5,
            bad_receipts(receipt),
        ),
        "manifest": ([("first", manifest[0]), ("second", manifest[1])], 16_384, 11, bad_manifests(manifest[0])),
    }
    signer = SigningKey(fixed("random 0")).public
    return {
        name: (
            signer if name == "manifest" else KEY.public,
            valid,
            [*every_frame(valid[0][1], largest), *bad_signatures(valid[0][1], place), *bad],
        )
        for name, (valid, largest, place, bad) in sets.items()
    }


def parts() -> Vector:
    """The plaintext of control, introduction and category parts, with everything that opens the frozen envelopes."""
    return {
        "opening_seed": SEED.hex(),
        "keys": {name: fixed(f"key {name}").hex() for name in sorted(EVENT)},
        "sizes": SIZE_CLASS,
        "event": {name: text.decode() for name, text in texts(introduction=False).items()},
        "introduction": {name: text.decode() for name, text in texts(introduction=True).items()},
        "retracts": fixed("event")[:16].hex(),
    }


def files() -> dict[str, bytes]:
    """Every file by its name."""
    made: dict[str, object] = {
        name: {
            "public_key": public.hex(),
            "valid": [described(name, one, raw, public) for one, raw in valid],
            "hostile": [described(name, one, raw, public) for one, raw in hostile],
        }
        for name, (public, valid, hostile) in frames().items()
    }
    made["parts"] = parts()
    return {
        f"{name}.json": json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n" for name, value in made.items()
    }


if __name__ == "__main__":
    for file_name, content in files().items():
        (VECTORS / "frames" / file_name).write_bytes(content)
