# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Threat 1: a recipient to which nobody was introduced by BSN finds none in anything that it was given.

It keeps every byte that the hub answered, opens all of it with its own keys, and tries every BSN of the test range, in
every spelling and in every hash and HMAC under every value that it holds.  (A BSN has nine digits: whoever has any hash
of one, or an HMAC with its key, has the number.)  The same search finds the number where one travels, lawfully or not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

import orjson
import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.keys import RoleKeys, opening_private
from adapters.records_outgoing import GRANTS
from adapters.records_own import OWN, OWN_KEY, Own
from adapters.seal import open_parts, open_retraction
from consent.rules import RuleTable
from deploy.local import LocalClient
from deploy.search import ANY_BSN, Secrets, find_in_texts
from hub.client import HubClient
from schemas.canonical import FrameError
from schemas.envelope import parse
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, TEAM, TYPIST, Neighbours, status
from tests.simulator import CODED, NATIONAL, World, run

SECRETS = Secrets(numbers={"the BSN": BSN})


class Kept:
    """The way of a curious recipient to the hub: it keeps whatever it is given."""

    def __init__(self, world: World, address: str) -> None:
        self.given: dict[str, bytes] = {}
        self._client = LocalClient(world.hub, address)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        call = getattr(self._client, name)

        async def kept(*args: object) -> object:
            answer = await call(*args)
            for data in _bytes(answer):
                self.given[f"{name} {len(self.given)}"] = data
            return answer

        return kept


def _bytes(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _bytes(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _bytes(getattr(value, field.name))


def told(folder: Path, table: RuleTable) -> tuple[Neighbours, dict[str, bytes]]:
    """Everything that a practice is given when it is told about somebody, more than once and under more than one grant."""
    near = Neighbours(folder, World(table=table))
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    kept = Kept(near.world, GP)
    near.clients[GP] = cast("HubClient", kept)
    near.open(GP)
    near[GP].import_clients([ClientRow("H-7", "999990019", "")])
    near.work()
    talk = Conversation(("Praktijk Voorbeeld",), end=near.world.today + 60)
    codes = [slip.code for slip in near[TEAM].make_agreement("C-1", talk).slips]
    near.settle(2)
    codes += [slip.code for slip in near[TEAM].print_codes("C-1", GP)] if codes else []
    near.settle(2)
    if codes:
        assert near[GP].enter_code("H-7", codes[-1], TYPIST) is not None
    near.world.advance(days=4)
    near.settle(3)
    for number, kind in enumerate((Kind.GESTART, Kind.GEWIJZIGD)):
        near.take(TEAM, status(number, kind, near.world.today))
    near.settle(2)
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))  # a renewal
    near.settle(2)
    near.world.advance(days=4)
    near.settle(4)
    near[TEAM].retract(next(line.number for line in near[TEAM].told("C-1")))
    near.settle(2)
    run(near[TEAM].stop("C-1", GP, "objected"))
    near.world.advance(days=4)
    near.settle(2)
    assert [grant.state for grant in near[TEAM].grants()][-1] == "stopped"
    given = dict(kept.given) | {f"code {number}": code.encode() for number, code in enumerate(codes)}
    return near, given


def opened(near: Neighbours, given: dict[str, bytes]) -> dict[str, bytes]:
    """The plaintext of every envelope in what was given."""
    keys = {key.key_id: opening_private(key.seed) for key in RoleKeys.from_bytes(_own(near).keys).opening}
    found = {}
    for name, data in given.items():
        if name.startswith("pickup"):
            with suppress(FrameError):
                envelope = parse(data)
                private = keys[envelope.seal_key]
                texts = (
                    {"id": open_retraction(envelope, private)} if envelope.retraction else open_parts(envelope, private)
                )
                found |= {f"{name}: {part}": text for part, text in texts.items()}
    return found


def _own(near: Neighbours) -> Own:
    return OWN.need(near[GP].store, OWN_KEY)


def found(near: Neighbours, given: dict[str, bytes], *, thorough: bool = True) -> set[tuple[str, str]]:
    """What a search of all that was given finds, opened with the keys of the recipient; thorough: any BSN."""
    traces = find_in_texts(given | opened(near, given), SECRETS, thorough=thorough)
    return {(trace.label, trace.form) for trace in traces}


@pytest.fixture(scope="module")
def by_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Neighbours, dict[str, bytes]]]:
    near, given = told(tmp_path_factory.mktemp("code"), CODED)
    yield near, given
    near.close()


def test_recipient_cannot_recover_bsn_from_all_that_it_was_given(by_code: tuple[Neighbours, dict[str, bytes]]) -> None:
    near, given = by_code
    assert near.told(GP, "H-7") == ["gewijzigd"]  # what was told arrived, and one thing was called back
    kinds = [orjson.loads(text)["kind"] for name, text in opened(near, given).items() if name.endswith("control")]
    assert (kinds.count("introduction"), kinds.count("event")) == (3, 2)
    assert found(near, given) == set()


def test_recipient_cannot_recover_bsn_is_no_empty_claim(
    by_code: tuple[Neighbours, dict[str, bytes]], tmp_path: Path
) -> None:
    """The same search finds her where the law lets the number travel, so what is sealed is really opened."""
    near, given = told(tmp_path, NATIONAL)
    assert ("the BSN", "digits") in found(near, given, thorough=False)
    near.close()
    # And in an event id, or anything else, that a careless sender makes of a number and of what the recipient holds.
    near, given = by_code
    secret = next(iter(GRANTS.scan(near[TEAM].store))).secret
    careless = {
        "a hash": hashlib.sha256(b"999990019").digest()[:16],
        "a keyed event id": hmac.digest(secret, BSN.encode(), "sha256")[:16],
    }
    assert found(near, given | careless) == {(ANY_BSN, "SHA-256"), ("the BSN", "HMAC-SHA-256")}
