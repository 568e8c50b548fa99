# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The HTTPS way of `hub.client.HubClient`: mutual TLS, every request signed, every answer read strictly.

* What is not an answer of a hub (no connection, time-outs, 408, 429, 5xx, bytes of another form) is
  `HubUnavailableError`: the same call may come again, with a new nonce and minute.
* What the hub refuses as a whole is `HubRefusedError` with its code.
* Long lists are cut into requests that a hub takes; the answers come back as one list, in order.  When a later part
  has no answer, the whole call has none: repeating it is harmless.

Nothing is repeated here: when and how often is the caller's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from hub.client import (
    Delivery,
    FactAnswer,
    Feed,
    FeedItem,
    HandleState,
    HubRecoveringError,
    HubUnavailableError,
    LoggedFact,
    Notice,
    PickUp,
    Published,
    Recovery,
    Seen,
)
from schemas import api
from schemas.address import role_of
from schemas.canonical import FrameError
from schemas.codes import SENTENCE, Code
from schemas.hour_wrap import HourKey
from schemas.note import NOTE_LIMIT, Checkpoint
from schemas.request_signature import MINUTE, Stamp, sign_request
from schemas.signing import SigningKey

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
_PER_FRAME = 8  # bytes of CBOR around a frame, at most
_AGAIN = frozenset({408, 429})
_TOO_MUCH = "rate"  # the problem of more requests than agreed
_PATIENCE = 10  # times that one request is put off because this edge asks too much
_LONGEST = 5  # seconds of one such pause; who is told to wait longer goes on with something else
T = TypeVar("T")
# What the operator of an edge can do about a refusal that is no code of `schemas.codes`.
_REFUSED = {
    "clock": "The clock of this machine is not that of the hub; let it be set by NTP, and look again.",
    "no-oin": "The certificate of this edge names no organisation; set hub_certificate to one that does.",
    "other-authority": "This certificate is not of the hub's own authority; whoever gave it renews it.",
    "revoked": "The operator of the hub revoked the certificate of this edge; call the operator, it never counts again.",
}
_ASK = "The hub does not take this request; ask its operator, and whether edge and hub are of the same version."
_CODES = {code.value: code for code in Code}


class HubRefusedError(Exception):
    """The hub refuses the request as a whole.  `name` is a code of `schemas.codes` or a problem of the gateway."""

    def __init__(self, name: str, status: int) -> None:
        code = _CODES.get(name)
        super().__init__(f"{name}: {_REFUSED.get(name, _ASK) if code is None else SENTENCE[code]}")
        self.name = name
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hub is, and what this edge shows it: files of certificate, key and the authorities it trusts."""

    url: str
    certificate: Path
    key: Path
    authorities: tuple[Path, ...]

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 with one's own certificate; only these authorities vouch for the hub."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.certificate, self.key)
        for authority in self.authorities:
            context.load_verify_locations(authority)
        return context


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs the requests of one address.  `key` gives the signing key of now, `seen` the newest checkpoint
    known, `clock` unix milliseconds, `random` as many random bytes as asked."""

    address: str
    key: Callable[[], SigningKey]
    seen: Callable[[], Seen | None]
    clock: Callable[[], int]
    random: Callable[[int], bytes]

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """The headers that prove a request."""
        seen = self.seen()
        known = None if seen is None else Checkpoint(seen.origin, seen.size, seen.root)
        proof = b"" if seen is None else seen.signature
        stamp = Stamp(self.clock() // 1000 // MINUTE * MINUTE, self.random(16), known, proof)
        return sign_request(self.key(), method, target, body, stamp)


class HttpsClient:
    """One address's way to a hub somewhere else.  Used with `async with`, or closed with `close`."""

    def __init__(self, place: Place, signer: Signer, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url = place.url.rstrip("/")
        self._context = place.context()
        self._signer = signer
        self._seconds = answer_seconds
        self._own = f"/v1/{role_of(signer.address)}/"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- the port ------------------------------------------------------------------------------------------------

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        return [code for part in _parts(envelopes) for code in await self._codes("envelopes", part)]

    async def outcomes(self, after: int) -> Feed:
        """See `HubClient`."""
        origin, lines, more = _read(api.read_feed, await self._get(f"{self._own}outcomes?after={after}"))
        return Feed(origin, tuple(FeedItem(*line) for line in lines), more)

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """See `HubClient`."""
        wait = min(max(int(wait_seconds * 1000), 0), api.LONGEST_POLL_MS)
        body = api.pickup_bytes(min(max(most, 0), api.MOST_POLLED), wait, acknowledged)
        parcels, told = _read(api.read_picked_up, await self._post("pickup", body, wait / 1000))
        return PickUp(tuple(Delivery(*one) for one in parcels), tuple(Notice(*one) for one in told))

    async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        return [code for part in _parts(receipts) for code in await self._codes("receipts", part)]

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        """See `HubClient`."""
        answers: list[FactAnswer] = []
        for part in _parts(facts):
            raw = await self._post("facts", api.frames_bytes(part))
            answers += [FactAnswer(*row) for row in _read(partial(api.read_fact_answers, count=len(part)), raw)]
        return answers

    async def facts_after(self, index: int) -> list[LoggedFact]:
        """See `HubClient`."""
        rows = _read(api.read_logged, await self._get(f"{self._own}facts/mine?from={index}"))
        return [LoggedFact(*row) for row in rows]

    async def handles(self) -> list[HandleState]:
        """See `HubClient`."""
        return [HandleState(*row) for row in _read(api.read_handles, await self._get(f"{self._own}handles"))]

    async def recovery(self) -> Recovery | None:
        """See `HubClient`."""
        began = _read(api.read_began, await self._get("/v1/recovery"))
        return None if began is None else Recovery(*began)

    async def repeated(self, number: int, size: int) -> Code:
        """See `HubClient`."""
        raw = await self._post("repeated", api.repeated_bytes(number, size))
        return _read(partial(api.read_codes, count=1), raw)[0]

    async def restored(self, frame: bytes) -> Code:
        """See `HubClient`."""
        return (await self._codes("restored", [frame]))[0]

    async def publish(self, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        """See `HubClient`."""
        frames = [frame, attestation] if attestation else [frame]
        return _read(api.read_published, await self._post("publish", api.frames_bytes(frames)))

    async def renew(self, request: bytes) -> bytes:
        """See `HubClient`."""
        return _read(api.read_certificate, await self._post("certificate", api.frames_bytes([request])))

    async def manifests(self, address: str) -> list[Published]:
        """See `HubClient`."""
        raw = await self._get(f"{self._own}manifests/{quote(address, safe=':')}")
        return [Published(frame, index, attested) for index, frame, attested in _read(api.read_indexed, raw)]

    async def hour_key(self) -> HourKey | None:
        """The key under which this address wraps what it sends over the hub's Kafka now; None when it is not one that does.
        Only a hub somewhere else has one, so this is no part of `HubClient`."""
        return _read(api.read_hour_key, await self._get(f"{self._own}hour-key"))

    async def checkpoint(self) -> str:
        """See `HubClient`."""
        raw = await self._get("/v1/checkpoint", most=NOTE_LIMIT)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise HubUnavailableError("the hub's checkpoint is no text; try again") from None

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """See `HubClient`."""
        return _read(api.read_hashes, await self._get(f"/v1/consistency?old={old}&new={new}"))

    async def inclusion(self, indexes: Sequence[int], size: int) -> list[bytes]:
        """See `HubClient`."""
        body = api.entries_bytes(indexes, size)
        raw = await self._ask("POST", "/v1/inclusion", body, 0.0, api.LARGEST_ANSWER)
        return _read(partial(api.read_hashes, entries=len(indexes)), raw)

    async def ready(self) -> bool:
        """Whether the hub says that it can write: its last commit is young."""
        try:
            await self._get("/health/ready")
        except HubUnavailableError:
            return False
        return True

    # -- inside --------------------------------------------------------------------------------------------------

    async def _codes(self, route: str, frames: Sequence[bytes]) -> list[Code]:
        raw = await self._post(route, api.frames_bytes(frames))
        return _read(partial(api.read_codes, count=len(frames)), raw)

    async def _post(self, route: str, body: bytes, wait: float = 0.0) -> bytes:
        return await self._ask("POST", self._own + route, body, wait, api.LARGEST_ANSWER)

    async def _get(self, target: str, most: int = api.LARGEST_ANSWER) -> bytes:
        return await self._ask("GET", target, b"", 0.0, most)

    async def _ask(self, method: str, target: str, body: bytes, wait: float, most: int) -> bytes:
        """The answer.  A hub to which this edge talks too much is there: it says how long to wait, and nothing of what it
        refused so was looked at, so the same is asked again (RFC 6585, section 4)."""
        left = _PATIENCE
        while True:
            status, pause, raw = await self._once(method, target, body, wait, most)
            if status == 200:
                return raw
            if not left or not 0 < pause <= _LONGEST or _title(raw) != _TOO_MUCH:
                raise _refusal(status, raw)
            left -= 1
            await asyncio.sleep(pause)

    async def _once(self, method: str, target: str, body: bytes, wait: float, most: int) -> tuple[int, int, bytes]:
        """Status, seconds to wait (0: not said) and body."""
        headers = self._signer.headers(method, target, body)
        if body:
            headers["Content-Type"] = api.MEDIA_TYPE
        limit = aiohttp.ClientTimeout(total=self._seconds + wait, sock_connect=CONNECT_SECONDS)
        url = URL(self._url + target, encoded=True)  # what was signed is what goes
        try:
            async with self._connected().request(
                method, url, data=body or None, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                raw = await _bounded(response, most)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise HubUnavailableError(f"no answer from the hub ({type(error).__name__}); try again") from error
        said = response.headers.get("Retry-After", "")
        return response.status, int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 0, raw

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:  # made inside the loop that uses it
            connector = aiohttp.TCPConnector(ssl=self._context, limit=8, keepalive_timeout=20)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, at most `most` bytes of it."""
    chunks, size = list[bytes](), 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > most:
            raise ValueError("the answer is larger than any of its kind")
        chunks.append(chunk)
    return b"".join(chunks)


def _title(raw: bytes) -> object:
    """The name of a problem (RFC 9457)."""
    try:
        return orjson.loads(raw)["title"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "unknown"


def _refusal(status: int, raw: bytes) -> Exception:
    name = _title(raw)
    if name == Code.RECOVERING.value:
        return HubRecoveringError()
    if status in _AGAIN or status >= 500:
        return HubUnavailableError(f"the hub can't answer at present (status {status}); try again")
    return HubRefusedError(name if isinstance(name, str) and len(name) <= 32 else "unknown", status)


def _read(reader: Callable[[bytes], T], raw: bytes) -> T:
    try:
        return reader(raw)
    except FrameError as error:
        raise HubUnavailableError(f"the hub's answer is none ({error}); try again") from None


def _parts(frames: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Pieces that one request may hold; a frame that is too large by itself goes alone and is refused there."""
    start = size = 0
    for place, frame in enumerate(frames):
        size += len(frame) + _PER_FRAME
        if place > start and (place - start == api.MOST_FRAMES or size > api.LARGEST_BODY - _PER_FRAME):
            yield frames[start:place]
            start, size = place, len(frame) + _PER_FRAME
    if start < len(frames):
        yield frames[start:]
