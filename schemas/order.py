# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Orders of the controller and the FG to a hub: what they want, and their signatures under the very same bytes.

    order   [1, hub, kind, nonce, day, reason, ranges, leaves]
    signed  [1, order, [[role, public key, signature], ...]]

* `erase` destroys record and salt of the entries in `ranges`; `leaves` is the SHA-256 of their leaves in order, so an
  order means these entries and no others, also in a log that was put back from a copy.
* `inquiry-open` and `inquiry-close` have no ranges; while an inquiry is open nothing is erased.
* A signature covers the role too, so one given as FG never counts as that of the controller.

Parsing is strict and knows no key: who may sign is the hub's business (`hub.audit.erasure`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import nacl.bindings
import nacl.exceptions

from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list, need_text
from schemas.fact import HIGHEST_DAY
from schemas.order_faults import CONTROLLER, FG, OrderError, OrderFault
from schemas.signing import SigningKey, signed_bytes

ROLES = (CONTROLLER, FG)
ERASE, OPEN, CLOSE = "erase", "inquiry-open", "inquiry-close"
KINDS = (ERASE, OPEN, CLOSE)
# Why, by code: no free text can reach the log through an order.
REASONS = {
    ERASE: ("citizen", "court", "mistake", "unlawful"),
    OPEN: ("authority", "complaint", "court", "incident"),
    CLOSE: ("done", "withdrawn"),
}
MOST_RANGES = 10_000
LARGEST = 256 * 1024  # bytes of a signed order
_HIGHEST_INDEX = 1 << 53
_TAG = b"schakel/sign/order/v1\0"
_TEXT = "schakel order v1"
_LINE = 76
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.  `ranges` are pairs of first and end, rising and apart."""

    hub: str
    kind: str
    nonce: bytes
    day: int
    reason: str
    ranges: tuple[tuple[int, int], ...] = ()
    leaves: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The bytes that are signed."""
        ranges = [list(pair) for pair in self.ranges]
        return encode([1, self.hub, self.kind, self.nonce, self.day, self.reason, ranges, self.leaves])

    @property
    def count(self) -> int:
        """How many entries it names."""
        return sum(end - first for first, end in self.ranges)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order with the signatures that it has: role, public key, signature; at most one per role."""

    order: Order
    signatures: tuple[tuple[str, bytes, bytes], ...] = ()

    @property
    def raw(self) -> bytes:
        """The frame, as the log keeps it."""
        return encode([1, self.order.raw, [list(one) for one in self.signatures]])

    def signed_by(self, role: str) -> bytes | None:
        """The public key by which a role signed, None when it did not."""
        return next((public for name, public, _ in self.signatures if name == role), None)

    def sign(self, role: str, key: SigningKey) -> SignedOrder:
        """The same order with the signature of one role more.

        Raises:
            OrderError: this role signed it before, or this key did for the other role.
        """
        if self.signed_by(role) is not None:
            raise OrderError(OrderFault.SIGNED_ALREADY)
        if any(public == key.public for _, public, _ in self.signatures):
            raise OrderError(OrderFault.KEY_SIGNED_ALREADY)
        one = (role, key.public, key.sign(_message(role, self.order.raw)))
        return replace(self, signatures=tuple(sorted((*self.signatures, one))))


def leaves_hash(leaves: Iterable[bytes]) -> bytes:
    """What ties an order to its entries."""
    return hashlib.sha256(b"".join(leaves)).digest()


def parse_order(raw: bytes) -> SignedOrder:
    """The signed order in a frame; every signature in it is right.

    Raises:
        FrameError: it is none.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    version, inner, listed = decode_array(raw, 3)
    need_int(version, 1, 1, "/0")
    order = _order(need_bytes(inner, None, "/1"))
    signatures = [_signature(one, order) for one in need_list(listed, len(ROLES), "/2")]
    roles = [role for role, _, _ in signatures]
    if roles != sorted(set(roles)) or len({public for _, public, _ in signatures}) != len(signatures):
        raise FrameError("/2", "order")
    return SignedOrder(order, tuple(signatures))


def _order(raw: bytes) -> Order:
    version, hub, kind, nonce, day, reason, ranges, leaves = decode_array(raw, 8, "/1")
    need_int(version, 1, 1, "/1/0")
    name, word = need_text(hub, 64, "/1/1"), need_text(kind, 32, "/1/2")
    if word not in KINDS:
        raise FrameError("/1/2", "unknown")
    why = need_text(reason, 32, "/1/5")
    if why not in REASONS[word]:
        raise FrameError("/1/5", "unknown")
    found = _ranges(need_list(ranges, MOST_RANGES, "/1/6"))
    if bool(found) != (word == ERASE) or (leaves is not None) != (word == ERASE):
        raise FrameError("/1/6", "kind")
    tied = None if leaves is None else need_bytes(leaves, 32, "/1/7")
    return Order(name, word, need_bytes(nonce, 16, "/1/3"), need_int(day, 0, HIGHEST_DAY, "/1/4"), why, found, tied)


def _ranges(items: Sequence[object]) -> tuple[tuple[int, int], ...]:
    found, before = list[tuple[int, int]](), -1
    for item in items:
        pair = need_list(item, 2, "/1/6")
        if len(pair) != 2:
            raise FrameError("/1/6", "array")
        first = need_int(pair[0], before + 1, _HIGHEST_INDEX, "/1/6")
        before = need_int(pair[1], first + 1, _HIGHEST_INDEX, "/1/6")
        found.append((first, before))
    return tuple(found)


def _signature(value: object, order: Order) -> tuple[str, bytes, bytes]:
    items = need_list(value, 3, "/2")
    if len(items) != 3:
        raise FrameError("/2", "array")
    role, public, signature = (
        need_text(items[0], 16, "/2"),
        need_bytes(items[1], 32, "/2"),
        need_bytes(items[2], 64, "/2"),
    )
    if role not in ROLES:
        raise FrameError("/2", "unknown")
    try:
        nacl.bindings.crypto_sign_open(signature + _message(role, order.raw), public)
    except (nacl.exceptions.BadSignatureError, ValueError, TypeError):
        raise FrameError("/2", "signature") from None
    return role, public, signature


def _message(role: str, raw: bytes) -> bytes:
    return signed_bytes(_TAG, role.encode(), raw)


def as_text(order: SignedOrder) -> str:
    """The order as a file that goes from one machine to the next."""
    digits = order.raw.hex()
    lines = [digits[at : at + _LINE] for at in range(0, len(digits), _LINE)]
    return "\n".join([_TEXT, *lines, ""])


def from_text(text: str) -> SignedOrder:
    """The order in such a file.

    Raises:
        OrderError: it is none, or one of its signatures is wrong.
    """
    first, *lines = text.split("\n")
    digits = "".join(line.strip() for line in lines)
    if first.strip() != _TEXT or not _HEX.fullmatch(digits) or len(digits) % 2 or len(digits) > 2 * LARGEST:
        raise OrderError(OrderFault.NO_ORDER)
    try:
        return parse_order(bytes.fromhex(digits))
    except FrameError as error:
        raise OrderError(OrderFault.DAMAGED, where=error) from None
