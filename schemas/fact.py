# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Facts about grants: signed statements, of two kinds only, never with a reason (wire.md section 1).

    [1, kind, signer, key id, day, body, signature]

* `register`: body `[month, handle, end or null, recipient, row, ground, categories, terms hash, commitment]`.
  Only the sender of the grant signs it; one handle, one month.
* `stop`: body `[[month, handle], ...]`.  Anyone who knows the handles may sign it.

Days are calendar days since 1970-01-01, months count year * 12 + month - 1; on the wire a month is ASCII `2026-03`.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.address import need_address
from schemas.calendar import month_text, parse_month
from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list, need_name, need_text
from schemas.signing import Signature, SigningKey, parse_signature, signed_bytes

REGISTER = "register"
STOP = "stop"
GROUNDS = ("consent", "statutory", "safety", "no-objection")
LARGEST = 8 * 1024  # bytes of one fact
MOST_HANDLES = 128  # in one stop: last month to the end of the longest terms
HIGHEST_DAY = 100_000
_TAG = b"schakel/sign/fact/v1\0"


@dataclass(frozen=True, slots=True)
class Register:
    """One handle of a grant, for one month.  `end` is the last day when the grant ends in that month."""

    month: int
    handle: bytes
    end: int | None
    recipient: str
    row: int
    ground: str
    categories: tuple[str, ...]
    terms_hash: bytes
    commitment: bytes

    def body(self) -> list[object]:
        """The body on the wire."""
        return [
            month_text(self.month),
            self.handle,
            self.end,
            self.recipient,
            self.row,
            self.ground,
            list(self.categories),
            self.terms_hash,
            self.commitment,
        ]


@dataclass(frozen=True, slots=True)
class Stop:
    """Every handle of a grant from last month to the end of its terms, as `(month, handle)`."""

    handles: tuple[tuple[int, bytes], ...]

    def body(self) -> list[object]:
        """The body on the wire."""
        return [[month_text(month), handle] for month, handle in self.handles]


@dataclass(frozen=True, slots=True)
class Fact:
    """A parsed fact.  `raw` is what was signed and what the log keeps."""

    raw: bytes
    signer: str
    key_id: str
    day: int
    body: Register | Stop
    signature: Signature
    signed: bytes


def sign_facts(key: SigningKey, signer: str, day: int, bodies: list[Register | Stop]) -> list[bytes]:
    """The frames of `bodies`, signed together.  Facts of one agreement are never signed together: call it for each."""
    unsigned = [[1, _kind(body), signer, key.key_id, day, body.body()] for body in bodies]
    signatures = key.sign_together([signed_bytes(_TAG, encode(frame)) for frame in unsigned])
    return [encode([*frame, list(signature)]) for frame, signature in zip(unsigned, signatures, strict=True)]


def parse_fact(raw: bytes) -> Fact:
    """The fact in `raw`.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    frame = decode_array(raw, 7)
    version, kind, signer, key_id, day, body, signature = frame
    if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
        raise FrameError("/version", "const")
    if kind not in (REGISTER, STOP):  # by equality: what came may not be hashable
        raise FrameError("/kind", "enum")
    return Fact(
        raw=raw,
        signer=need_address(signer, "/signer"),
        key_id=need_text(key_id, 16, "/key"),
        day=need_int(day, 0, HIGHEST_DAY, "/day"),
        body=_register(body) if kind == REGISTER else _stop(body),
        signature=parse_signature(signature, "/signature"),
        signed=signed_bytes(_TAG, encode(frame[:6])),
    )


def _kind(body: Register | Stop) -> str:
    return REGISTER if isinstance(body, Register) else STOP


def _month(value: object, path: str) -> int:
    try:
        return parse_month(need_text(value, 7, path))
    except ValueError:
        raise FrameError(path, "month") from None


def _register(body: object) -> Register:
    items = need_list(body, 9, "/body")
    if len(items) != 9:
        raise FrameError("/body", "array")
    month, handle, end, recipient, row, ground, categories, terms_hash, commitment = items
    if ground not in GROUNDS:
        raise FrameError("/body/ground", "enum")
    names = tuple(need_name(name, "/body/categories") for name in need_list(categories, 15, "/body/categories"))
    if not names or list(names) != sorted(set(names)):
        raise FrameError("/body/categories", "order")
    return Register(
        month=_month(month, "/body/month"),
        handle=need_bytes(handle, 16, "/body/handle"),
        end=None if end is None else need_int(end, 0, HIGHEST_DAY, "/body/end"),
        recipient=need_address(recipient, "/body/recipient"),
        row=need_int(row, 1, 9999, "/body/row"),
        ground=str(ground),
        categories=names,
        terms_hash=need_bytes(terms_hash, 32, "/body/terms"),
        commitment=need_bytes(commitment, 32, "/body/commitment"),
    )


def _stop(body: object) -> Stop:
    pairs: list[tuple[int, bytes]] = []
    for pair in need_list(body, MOST_HANDLES, "/body"):
        items = need_list(pair, 2, "/body/pair")
        if len(items) != 2:
            raise FrameError("/body/pair", "array")
        pairs.append((_month(items[0], "/body/pair/month"), need_bytes(items[1], 16, "/body/pair/handle")))
    if not pairs or len({handle for _, handle in pairs}) != len(pairs):
        raise FrameError("/body", "unique")
    return Stop(tuple(pairs))
