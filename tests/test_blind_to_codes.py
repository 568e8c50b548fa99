# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The hub is blind to one-time codes: no code, nothing that stands for one, and nothing made of one is in what it stores.

Real edges tell each other by code over a hub on disk.  Its folder is copied whenever anything was kept there, and all
copies are searched together.  Whoever has a byte that depends on a code could try codes against it; so the proof, what the
code was stretched to, and every HMAC and hash of these under any value that the hub stores must be absent.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.code import OneTimeCode, read_code
from adapters.records_outgoing import GRANTS
from deploy.search import Secrets, find_traces
from deploy.search_storage import read_folder
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, TEAM, TYPIST, Neighbours, status
from tests.simulator import CODED, World


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "copies"
    made.mkdir()
    return made


def story(tmp_path: Path, copies: Path) -> tuple[list[OneTimeCode], list[bytes]]:
    """Two codes, one void and one typed; the codes, and the proofs that were sealed."""
    hub = tmp_path / "hub"
    near = Neighbours(tmp_path / "edges", World("sqlite", hub, table=CODED))

    def moment() -> None:
        shutil.copytree(hub, copies / str(len(list(copies.iterdir()))))

    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    near[GP].import_clients([ClientRow("H-7", "999990019", "")])
    near.work()
    codes = [near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).slips[0].code]
    near.work(TEAM)
    moment()  # the introduction waits
    near.settle(2)
    moment()
    codes.append(near[TEAM].print_codes("C-1", GP)[0].code)
    near.settle(3)
    assert near[GP].enter_code("H-7", "0000-0000-0000", TYPIST) is None
    assert near[GP].enter_code("H-7", codes[1], TYPIST) is not None
    near.take(TEAM, status(1, Kind.GESTART, near.world.today))
    moment()
    near.world.advance(days=4)
    near.settle(3)
    assert near.told(GP, "H-7") == ["gestart"]
    moment()
    proofs = [grant.proof for grant in GRANTS.scan(near[TEAM].store)]
    near.world.check()
    near.close()
    near.world.close()
    return [read_code(code, GP) for code in codes], proofs


def made_of(codes: list[OneTimeCode], proofs: list[bytes], values: set[bytes]) -> dict[bytes, str]:
    """The first half of everything that could be made of a code with what the hub has."""
    found: dict[bytes, str] = {}
    secrets = [*proofs, *(code.stretched for code in codes), *(code.text.replace("-", "").encode() for code in codes)]
    for secret in secrets:
        found |= {secret[:16]: "itself", hashlib.sha256(secret).digest()[:16]: "a hash"}
        for value in values:
            found[hmac.digest(value, secret, "sha256")[:16]] = "an HMAC of it"
            found[hmac.digest(secret, value, "sha256")[:16]] = "an HMAC under it"
            found[hashlib.sha256(value + secret).digest()[:16]] = "a salted hash"
    return {form: name for form, name in found.items() if len(form) >= 12}


def traces(folder: Path, codes: list[OneTimeCode], proofs: list[bytes]) -> set[str]:
    storage = read_folder(folder, [])
    forms = made_of(codes, proofs, storage.values)
    windows: dict[int, set[bytes]] = {}
    for length in {len(form) for form in forms}:
        windows[length] = {data[at : at + length] for data in storage.pieces for at in range(len(data) - length + 1)}
    named = {f"code {number}": code.text for number, code in enumerate(codes)}
    bare = {f"code {number} bare": code.text.replace("-", "") for number, code in enumerate(codes)}
    spelled = {trace.form for trace in find_traces(folder, Secrets(names=named | bare))}
    return spelled | {name for form, name in forms.items() if form in windows[len(form)]}


def test_nothing_of_a_code_is_in_any_byte_that_the_hub_stores_at_any_moment(tmp_path: Path, copies: Path) -> None:
    codes, proofs = story(tmp_path, copies)
    assert len(codes) == len(proofs) == 2
    assert sum(1 for one in copies.iterdir() if any(one.iterdir())) == 4
    assert traces(copies, codes, proofs) == set()
    # The same search finds what a hub would leak that was given any of it.
    stored = next(value for value in read_folder(copies, []).values if len(value) == 32)
    for leak, name in (
        (codes[1].text.lower().encode(), "UTF-8"),
        (proofs[0], "itself"),
        (hmac.digest(stored, proofs[1], "sha256"), "an HMAC of it"),
        (codes[0].proof(stored), "an HMAC under it"),
    ):
        (copies / "0" / "leak").write_bytes(b"kept: " + leak)
        assert name in traces(copies, codes, proofs), name
