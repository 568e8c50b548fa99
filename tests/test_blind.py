# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The hub is blind: what edges tell each other through it about people is nowhere in what it stores, logs or says.

A story plants names, numbers and free text in everything that an edge seals, and in whatever a stranger may throw at
the hub.  At each moment of it the folder is searched, and copied; at the end all copies are searched together for
every BSN that can be guessed, under every value of every moment.  `LEAKS` are hubs that leak on purpose: each is
caught, or the search would prove nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest

from consent.rules import TableError, load
from deploy.cli import cli
from deploy.compose import machine_clock
from deploy.local import LocalClient
from deploy.search import ANY_BSN, Secrets, Trace, find_in_texts, find_traces
from deploy.story.case import STEPS
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, Desk, make_world, open_world
from deploy.story.world import World as DemoWorld
from deploy.work import Pass
from hub.audit.verify import main as verify
from hub.client import RefusedError
from hub.store import Step
from hub.store_sqlite import SqliteStore
from schemas import entry
from schemas.canonical import FrameError, encode
from schemas.codes import Code
from schemas.envelope import CONTROL, parse
from schemas.fact import parse_fact
from schemas.manifest import parse_manifest
from schemas.merkle_proof import verify_consistency
from schemas.note import NoteError, open_note, parse_verifier_key, verifier_key
from schemas.receipt import parse_receipt
from tests.simulator import BSN, Grant, Lies, Party, World, run

OTHER_BSN = "999990019"
SURNAME = "Zeldenrust"
FULL_NAME = "Geertruida van Bergen-Müller"
STREET = "Lindengracht 41 bis"
OWN_NUMBER = "KL-4481207"
REMARK = "Mevrouw is gevallen en durft 's nachts niet meer alleen te zijn."
SECRETS = Secrets(
    names={"the surname": SURNAME, "the full name": FULL_NAME, "the street": STREET},
    numbers={"the BSN": BSN, "the BSN of her husband": OTHER_BSN, "the own client number": OWN_NUMBER},
    texts={"the remark": REMARK},
)
PLAIN = {
    "bsn": BSN,
    "partner": OTHER_BSN,
    "name": FULL_NAME,
    "surname": SURNAME,
    "street": STREET,
    "number": OWN_NUMBER,
    "remark": REMARK,
}


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Story:
    """A hub on disk, three partners, and copies of its folder at each moment so far."""

    folder: Path
    copies: Path
    world: World
    team: Party
    provider: Party
    gp: Party
    moments: list[str] = field(default_factory=list)

    def keys(self) -> list[bytes]:
        """What the hub keeps outside its folder."""
        return [self.world._hub_key.seed]

    def search(self, *, thorough: bool = False) -> list[Trace]:
        return find_traces(self.folder, SECRETS, self.keys(), thorough=thorough)

    def moment(self, name: str) -> None:
        """Nothing is found now; and a copy is kept for the search of all moments together."""
        assert [(name, trace) for trace in self.search()] == []
        shutil.copytree(self.folder, self.copies / name)
        self.moments.append(name)

    def parts(self, grant: Grant) -> dict[str, bytes]:
        """The parts of an event in which every part says all there is to say."""
        control = self.team.event(grant)[CONTROL]
        return {name: as_json(PLAIN) for name in grant.terms.categories} | {CONTROL: control}

    def introduction(self, grant: Grant) -> bytes:
        """An introduction whose control part names the person in every way."""
        parts = dict.fromkeys(grant.terms.categories, b"")
        return grant.sender.envelope(grant, parts=parts | {CONTROL: as_json({"identity": PLAIN})})

    def tell(self, grant: Grant, *frames: bytes) -> None:
        assert grant.sender.send(*frames) == [Code.TAKEN] * len(frames)
        assert {grant.sender.outcome(frame) for frame in frames} == {Code.ACCEPTED}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    folder = tmp_path / "hub"
    world = World("sqlite", folder)
    found = Story(
        folder, tmp_path / "copies", world, world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    )
    yield found
    world.close()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], dict[str, bytes]]:
    """All that was logged, at the lowest level, and printed so far in this test."""
    caplog.set_level(logging.DEBUG)

    def gathered() -> dict[str, bytes]:
        printed = capfd.readouterr()
        records = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        return {"the log": records.encode(), "output": printed.out.encode(), "errors": printed.err.encode()}

    return gathered


def test_nothing_of_anybody_is_found_at_any_moment(story: Story, said: Callable[[], dict[str, bytes]]) -> None:
    world, team, provider, gp = story.world, story.team, story.provider, story.gp
    story.moment("partners admitted")
    grant, other = team.register(provider), team.register(gp)
    story.moment("registered")
    first, event = story.introduction(grant), team.envelope(grant, parts=story.parts(grant))
    story.tell(grant, first, event)
    unread = story.introduction(other)
    story.tell(other, unread)
    story.moment("waiting")
    delivered = provider.pickup()
    opened = b"".join(text for delivery in delivered for text in provider.open(delivery).values())
    assert all(value.encode() in opened for value in PLAIN.values()), "the plants did not travel"
    story.moment("handed over")
    world.reopen()
    story.moment("opened again")
    provider.receipts(*(provider.receipt(parse(delivery.envelope).message_id) for delivery in delivered))
    story.moment("delivered")
    event_id = hashlib.sha256(BSN.encode()).digest()[:16]  # a bad edge: its event ids can be guessed
    story.tell(grant, team.retraction(grant, event_id))
    story.moment("retraction waiting")
    provider.take_all()
    provider.stop(grant)
    story.moment("stopped")
    assert team.send(team.envelope(grant, parts=story.parts(grant))) == [Code.TAKEN]
    assert team.feed()[-1].code is Code.NOT_ACTIVE
    story.moment("refused")
    world.advance(days=8)
    world.hub.tick()
    assert team.outcome(unread) is Code.EXPIRED
    world.hub.checkpoint()
    story.moment("expired")
    world.store.tidy(world.now)
    story.moment("tidied")
    world.check()
    assert len(story.moments) == 11
    assert find_traces(story.copies, SECRETS, story.keys(), thorough=True) == []
    assert find_in_texts(said(), SECRETS, thorough=True) == []


# -- real edges, native messages


class Watched(DemoWorld):
    """The demo's world; whenever an edge has worked and something waits at the hub, its folder is copied."""

    __slots__ = ("copies", "taken")
    copies: Path
    taken: int

    def work(self, desk: Desk) -> Pass:
        done = super().work(desk)
        if self.hub.store.counts()["waiting"]:
            self.copy()
        return done

    def copy(self) -> None:
        self.taken += 1
        shutil.copytree(self.folder / "hub", self.copies / str(self.taken))


@contextmanager
def watched(folder: Path, copies: Path) -> Iterator[Watched]:
    make_world(folder)
    with open_world(folder, DemoClock(machine_clock())) as made:
        world = Watched(*(getattr(made, one.name) for one in fields(made)))
        world.copies, world.taken = copies, 0
        yield world


def test_native_messages_through_real_edges_leave_nothing_at_the_hub(
    tmp_path: Path, said: Callable[[], dict[str, bytes]]
) -> None:
    """The case of the demo, told by three real edges, with a name, a number and a remark in every message."""
    folder, copies = tmp_path / "demo", tmp_path / "copies"
    with watched(folder, copies) as world:
        for step in STEPS:
            step.tell(world)
            world.copy()
        seed = bytes.fromhex(world.hub.config.key_file.read_text("ascii"))
        assert world.taken > 2 * len(STEPS), "the hub was not seen with anything that waits"
    shutil.copytree(folder / "hub", copies / "closed")
    assert find_traces(copies, CITIZEN.secrets(), [seed], thorough=True) == []
    assert find_in_texts(said(), CITIZEN.secrets()) == []
    # The same search finds her at an edge that keeps her in the clear: in the folder of its system's own messages.
    assert "BSN" in {trace.label for trace in find_traces(folder / "team-wmo", CITIZEN.secrets())}


HUB_COMMANDS = (
    ("hub", "status"),
    ("partner", "list"),
    ("audit", "show"),
    ("audit", "verify"),
    ("audit", "verify", "--export", "OUT"),
    ("audit", "prove", "3", "--out", "OUT"),
    ("audit", "checkpoint"),
)
READING = (
    ("partner", "admit", "FILE", "--fingerprint", "00"),
    ("audit", "verify", "--file", "FILE", "--key", verifier_key("hub.example.nl", bytes(32))),
)


def test_the_commands_of_the_hub_print_nothing_of_anybody(tmp_path: Path, said: Callable[[], dict[str, bytes]]) -> None:
    folder = tmp_path / "demo"
    make_world(folder)
    with open_world(folder, DemoClock(machine_clock())) as world:
        for step in STEPS:
            step.tell(world)
    said()
    out = tmp_path / "out"
    out.mkdir()
    for number, command in enumerate(HUB_COMMANDS):
        for form in ((), ("--json",)):
            given = [str(out / f"{number}{len(form)}") if word == "OUT" else word for word in command]
            with pytest.raises(SystemExit) as ended:
                cli([*given, *form, "--config", str(folder / "hub")])
            found = said()
            assert (command, ended.value.code, found["errors"]) == (command, 0, b"")
            assert len(found["output"]) > 20, f"{command} said nothing"
            assert find_in_texts(found, CITIZEN.secrets()) == []
    assert len(list(out.iterdir())) == 4
    assert find_traces(out, CITIZEN.secrets()) == []


@pytest.mark.parametrize("command", READING, ids=["partner admit", "audit verify"])
def test_a_command_of_the_hub_repeats_nothing_of_a_file_that_it_refuses(
    tmp_path: Path, said: Callable[[], dict[str, bytes]], command: tuple[str, ...]
) -> None:
    make_world(tmp_path / "demo")
    said()
    where = ("--config", str(tmp_path / "demo" / "hub")) if command[0] == "partner" else ()
    values = [value.encode() for value in PLAIN.values()]
    for number, content in enumerate((as_json(PLAIN), encode(list(PLAIN.values())), b"\n".join(values), *values)):
        file = tmp_path / f"file{number}"
        file.write_bytes(content)
        given = [str(file) if word == "FILE" else word for word in command]
        for form in ((), ("--json",)):
            with pytest.raises(SystemExit) as ended:
                cli([*given, *form, *where])
            found = said()
            assert ended.value.code not in {0, 2, None}, "it was not the file that was refused"
            assert found["output"] + found["errors"] != b""
            assert find_in_texts(found, SECRETS) == []


# -- what is acknowledged is gone


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_key_of_an_acknowledged_payload_is_nowhere_and_then_the_payload_too(story: Story) -> None:
    team, provider, world = story.team, story.provider, story.world
    grant = team.register(provider)
    frame = team.envelope(grant, parts=story.parts(grant))
    story.tell(grant, frame)
    message_id = parse(frame).message_id
    payload = world.store.payloads([message_id])[message_id]
    assert payload is not None
    wrapped, key = payload
    pieces = [wrapped[at : at + 32] for at in range(0, len(wrapped) - 32, 32)]
    before = stored_bytes(story.folder)
    assert key in before
    assert sum(piece in before for piece in pieces) > len(pieces) * 0.9  # a piece may lie on two pages
    [delivery] = provider.pickup()
    assert key in stored_bytes(story.folder)
    provider.receipts(provider.receipt(parse(delivery.envelope).message_id))
    assert key not in stored_bytes(story.folder)
    world.advance(minutes=1)
    world.store.tidy(world.now)
    after = stored_bytes(story.folder)
    assert [piece for piece in pieces if piece in after] == []
    parts = [part[at : at + 32] for part in parse(frame).parts for at in range(0, len(part) - 32, 32)]
    assert [part for part in parts if part in after] == []


@pytest.mark.parametrize("end", ["expired", "not active", "stopped at pick-up"])
def test_the_key_of_a_payload_is_nowhere_however_its_waiting_ends(story: Story, end: str) -> None:
    team, provider, world = story.team, story.provider, story.world
    grant = team.register(provider)
    frame = team.envelope(grant, parts=story.parts(grant))
    story.tell(grant, frame)
    message_id = parse(frame).message_id
    payload = world.store.payloads([message_id])[message_id]
    assert payload is not None
    assert payload[1] in stored_bytes(story.folder)
    if end == "expired":
        world.advance(days=8)
        world.hub.tick()
    else:
        team.stop(grant) if end == "not active" else provider.stop(grant)
        assert provider.pickup() == []
    assert payload[1] not in stored_bytes(story.folder)


# -- what is thrown at the hub


HOSTILE: dict[str, Callable[[Story], bytes]] = {
    "a name": lambda _: FULL_NAME.encode(),
    "a BSN": lambda _: BSN.encode(),
    "JSON": lambda _: as_json(PLAIN),
    "a frame of words": lambda _: encode([1, *PLAIN.values()]),
    "six words": lambda _: encode([1, SURNAME, BSN, REMARK, [SURNAME], [BSN]]),
    "a version that is a name": lambda _: encode([SURNAME, b"", b"", b"", [], []]),
    "a header that is JSON": lambda _: encode([1, as_json(PLAIN), b"", b"", [bytes(64), 0, []], []]),
    "a list that is a name": lambda s: _with(_honest(s), 3, encode([[SURNAME, bytes(32)]])),
    "a signature that is a name": lambda s: _with(_honest(s), 4, [FULL_NAME.encode(), 0, []]),
    "a box that is a text": lambda s: _with(_honest(s), 2, REMARK.encode()),
    "a word too many": lambda s: _honest(s) + BSN.encode(),
    "a frame that is cut": lambda s: _honest(s)[:300],
    "far too large": lambda _: as_json(PLAIN) * 400,
    "CBOR that is cut": lambda _: encode([1, REMARK])[:-4],
    "deep": lambda _: b"\x81" * 5_000 + SURNAME.encode(),
    "a fact of words": lambda _: encode([1, "register", SURNAME, BSN, 20_000, [REMARK] * 9, [bytes(64), 0, []]]),
    "a fact whose ground is a name": lambda s: _fact(s, 5, SURNAME),
    "a fact for a name": lambda s: _fact(s, 3, f"urn:nld:oin:{1:020d}:zeldenrust"),
    "a fact whose handle is a BSN": lambda s: _fact(s, 1, BSN.encode()),
    "a receipt of words": lambda _: encode([1, BSN.encode(), SURNAME, 20_000, bytes(16), [bytes(64), 0, []]]),
    "a receipt whose code is a name": lambda _: encode([1, bytes(16), SURNAME, 20_000, bytes(16), [bytes(64), 0, []]]),
    "a manifest of words": lambda _: encode([1, 1, SURNAME, 1, 2, [], [], [], None, [], BSN, [bytes(64), 0, []]]),
    "a rule table of words": lambda _: as_json({"version": 1, "rows": [PLAIN]}),
}


def _honest(story: Story) -> bytes:
    return story.team.envelope(story.team.register(story.provider))


def _with(frame: bytes, place: int, value: object) -> bytes:
    pieces = parse(frame)
    items: list[object] = [1, pieces.header, pieces.box, pieces.listing, list(pieces.signature), pieces.parts]
    items[place] = value
    return encode(items)


def _fact(story: Story, place: int, value: object) -> bytes:
    grant = story.team.grant(story.provider)
    fact = parse_fact(story.team.registration(grant, story.world.month))
    body = fact.body.body()
    body[place] = value
    return encode([1, "register", fact.signer, fact.key_id, fact.day, body, list(fact.signature)])


def _raised(calls: list[Callable[[], object]]) -> bytes:
    """All that the errors of these calls say, in every way in which somebody may print them."""
    shown: list[str] = []
    for call in calls:
        try:
            call()
        except (FrameError, NoteError, TableError, RefusedError, ValueError) as error:
            shown += traceback.format_exception(error)
            cause: BaseException | None = error
            while cause is not None:
                shown += [str(cause), repr(cause), repr(cause.args), repr(getattr(cause, "__dict__", ""))]
                cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(shown).encode()


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_thrown_at_the_hub_is_not_kept_not_logged_and_not_repeated(
    story: Story, said: Callable[[], dict[str, bytes]], what: str
) -> None:
    frame, team = HOSTILE[what](story), story.team
    text = frame.decode("utf-8", "replace")
    stranger = LocalClient(story.world.hub, text)
    errors = _raised(
        [
            lambda: team.send(frame),
            lambda: team.facts(frame),
            lambda: team.receipts(frame),
            lambda: run(team.client.publish(frame)),
            lambda: run(team.client.manifests(text)),
            lambda: run(stranger.send([frame])),
            lambda: run(stranger.facts([frame])),
            lambda: run(stranger.outcomes(0)),
            lambda: story.world.hub.admit(frame),
            lambda: story.world.hub.set_state(text, "removed"),
            lambda: parse(frame),
            lambda: parse_fact(frame),
            lambda: parse_receipt(frame),
            lambda: parse_manifest(frame),
            lambda: load(frame),
            lambda: open_note(frame, "hub.example.nl", bytes(32)),
            lambda: parse_verifier_key(text),
            lambda: verify_consistency(1, 2, frame, frame, [frame]),
        ]
    )
    story.world.advance(hours=2)
    story.world.hub.tick()  # the sum of the refusals is an entry now
    assert story.search() == []
    assert find_in_texts({"what was answered and raised": errors, **said()}, SECRETS) == []
    assert team.tell(team.register(story.provider))


def test_the_verifier_of_an_export_repeats_nothing_of_it(tmp_path: Path, said: Callable[[], dict[str, bytes]]) -> None:
    for name, content in {"words": as_json(PLAIN), "lines": b"\n".join(v.encode() for v in PLAIN.values())}.items():
        file = tmp_path / name
        file.write_bytes(content)
        assert verify([str(file), f"{SURNAME}+00000000+{BSN}"]) != 0
    found = said()
    assert found["output"] + found["errors"] != b"", "it said nothing at all"
    assert find_in_texts(found, SECRETS) == []


# -- a frame that the hub fails on


class Allergic(SqliteStore):
    """A store that fails on every second message, with an error that shows what it was given."""

    def commit(self, step: Step) -> int:
        if step.joins:
            raise OverflowError("a number that does not fit")
        return super().commit(step)


def test_what_was_set_aside_says_nothing(tmp_path: Path, said: Callable[[], dict[str, bytes]]) -> None:
    folder = tmp_path / "hub"
    SqliteStore.create(folder)
    world = World("memory")
    world.hub = world.over(Allergic(folder, world.clock))
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    story = Story(folder, tmp_path / "copies", world, team, provider, provider)
    grant = team.register(provider)
    assert team.send(team.envelope(grant, parts=story.parts(grant))) == [Code.HUB_FAULT]
    assert len(world.store.faults()) == 1
    assert story.search() == []
    assert find_in_texts(said(), SECRETS) == []
    world.close()


# -- controls: hubs that leak


@dataclass
class Leak:
    """What a hub that leaks has at hand: more than a hub ever has."""

    story: Story
    grant: Grant

    @property
    def handle(self) -> bytes:
        return self.grant.handle()

    def entry(self, *values: object) -> None:
        """Into the log, as a record."""
        step = Step(at=self.story.world.now)
        step.entries.append(entry.committed([1, self.story.world.today, "fault", *values], bytes(32)))
        self.story.world.store.commit(step)

    def file(self, name: str, content: bytes) -> None:
        (self.story.folder / name).write_bytes(content)

    def deleted(self, column: object) -> None:
        """Written to the database and deleted: in no table and no page, only in the WAL."""
        store = self.story.world.store
        assert isinstance(store, SqliteStore)
        store.tidy(self.story.world.now)
        store._db.execute("INSERT INTO word VALUES (999, ?)", (column,))
        store._db.execute("DELETE FROM word WHERE number = 999")

    def envelope(self, **lies: object) -> None:
        """An edge that says too much outside of what it seals."""
        told: Lies = lies  # type: ignore[assignment]  # by the name of a lie
        self.story.tell(self.grant, self.story.team.envelope(self.grant, **told))

    def key_slot(self, key: bytes) -> None:
        with (self.story.folder / "hub.keys").open("r+b") as file:
            file.seek(32 * 3_000)
            file.write(key)


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


LEAKS: dict[str, Callable[[Leak], None]] = {
    "the BSN in an entry": lambda at: at.entry(BSN),
    "the BSN as a number in an entry": lambda at: at.entry(int(BSN)),
    "the BSN as four bytes in an entry": lambda at: at.entry(int(BSN).to_bytes(4, "big")),
    "an HMAC of the BSN under a handle": lambda at: at.entry(hmac.digest(at.handle, BSN.encode(), "sha256")),
    "the same, cut to 16 bytes": lambda at: at.entry(hmac.digest(at.handle, BSN.encode(), "sha256")[:16]),
    "an HMAC under the key of the log": lambda at: at.entry(
        hmac.digest(at.story.keys()[0], BSN.encode(), "sha512")[:32]
    ),
    "an HMAC under a salt of the log": lambda at: at.entry(
        hmac.digest(at.story.world.store.entries(1, 2)[0].salt or b"", BSN.encode(), "sha256")
    ),
    "a hash salted with a handle": lambda at: at.entry(hashlib.sha256(at.handle + BSN.encode()).digest()),
    "a hash of the BSN in a file": lambda at: at.file("cache", sha(BSN)),
    "a hash of the BSN as hex": lambda at: at.file("cache", hashlib.sha1(BSN.encode()).hexdigest().encode()),  # noqa: S324
    "the BSN in the lock file": lambda at: at.file("hub.lock", BSN.encode()),
    "the BSN in the name of a file": lambda at: at.file(f"{BSN}.tmp", b""),
    "the BSN only in the WAL": lambda at: at.deleted(BSN),
    "a name only in the WAL": lambda at: at.deleted(SURNAME.upper()),
    "a hash of the BSN only in the WAL": lambda at: at.deleted(sha(BSN).hex()),
    "a hash of the BSN as the key of a payload": lambda at: at.key_slot(sha(BSN)),
    "a name in an entry": lambda at: at.entry(FULL_NAME),
    "a piece of the remark in an entry": lambda at: at.entry(REMARK[10:40]),
    "a hash of the own number": lambda at: at.entry(sha(OWN_NUMBER)),
    "a message id that is a hash of the BSN": lambda at: at.envelope(message_id=sha(BSN)[:16]),
    "the parts in a file": lambda at: at.file("parts", b"".join(at.story.parts(at.grant).values())),
    "an opening key of a partner": lambda at: at.file("seed", at.story.provider.keys.opening[-1].seed),
}


@pytest.fixture
def leak(story: Story) -> Leak:
    grant = story.team.register(story.provider)
    story.tell(grant, story.team.envelope(grant, parts=story.parts(grant)))
    assert story.search() == []
    return Leak(story, grant)


@pytest.mark.parametrize("how", LEAKS)
def test_a_hub_that_leaks_is_caught(leak: Leak, how: str) -> None:
    LEAKS[how](leak)
    assert leak.story.search() != []


@pytest.mark.parametrize(
    "plant",
    [
        lambda at, bsn: at.entry(hmac.digest(at.handle, bsn, "sha256")[:16]),
        lambda at, bsn: at.file("cache", hashlib.sha512(bsn).digest()),
        lambda at, bsn: at.deleted(int(bsn)),
    ],
    ids=["an HMAC under a handle", "a hash in a file", "a number only in the WAL"],
)
def test_a_hub_that_leaks_a_bsn_that_nobody_named_is_caught(leak: Leak, plant: Callable[[Leak, bytes], None]) -> None:
    plant(leak, b"999994542")
    assert leak.story.search() == []
    assert {trace.label for trace in leak.story.search(thorough=True)} == {ANY_BSN}


def test_what_stands_only_in_the_wal_is_gone_once_it_is_tidied(leak: Leak) -> None:
    leak.deleted(BSN)
    database = (leak.story.folder / "hub.db").read_bytes()
    assert BSN.encode() not in database, "this leak is not one of the WAL alone"
    leak.story.world.advance(minutes=2)
    leak.story.world.store.tidy(leak.story.world.now)
    assert leak.story.search() == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_a_name_in_a_line_of_the_log_is_caught(said: Callable[[], dict[str, bytes]], level: int) -> None:
    logging.getLogger("hub.exchange").log(level, "refused: %s", {"client": SURNAME})
    assert {trace.label for trace in find_in_texts(said(), SECRETS)} == {"the surname"}


def test_a_name_that_only_rides_along_with_a_line_of_the_log_is_caught(said: Callable[[], dict[str, bytes]]) -> None:
    logging.getLogger("hub.exchange").debug("refused", extra={"client": BSN})
    assert {trace.label for trace in find_in_texts(said(), SECRETS)} == {"the BSN"}


def test_a_name_in_the_cause_of_an_error_is_caught() -> None:
    def careless() -> None:
        try:
            int(SURNAME)
        except ValueError as error:
            raise FrameError("/day", "integer") from error

    assert {trace.label for trace in find_in_texts({"errors": _raised([careless])}, SECRETS)} == {"the surname"}


def test_a_name_that_is_printed_is_caught(said: Callable[[], dict[str, bytes]]) -> None:
    print(FULL_NAME)  # noqa: T201  # this is the leak
    assert {trace.label for trace in find_in_texts(said(), SECRETS)} == {"the full name"}


# -- the header says nothing: on disk


def test_header_says_nothing_on_disk_either(tmp_path: Path) -> None:
    """Two kinds of event under one grant leave rows of equal size in every table."""
    sizes = []
    for kind in ("gestart", "beeindigd"):
        folder = tmp_path / kind
        world = World("sqlite", folder)
        team, provider = world.party("team-wmo"), world.party("provider-wmo")
        grant = team.register(provider)
        parts = team.event(grant, kind)
        if kind == "beeindigd":
            parts["progress"] = parts["progress"][:-1] + b',"ending":"volgens-plan"}'
        team.send(team.envelope(grant, parts=parts))
        world.close()
        sizes.append((_row_sizes(folder), (folder / "hub.db").stat().st_size))
    assert sizes[0] == sizes[1]
    assert {"payload", "message", "entry"} <= {table for table, rows in sizes[0][0].items() if rows}


def _row_sizes(folder: Path) -> dict[str, list[list[object]]]:
    db = sqlite3.connect(folder / "hub.db")
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {table: db.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}  # noqa: S608
    db.close()
    return {
        table: sorted(
            [[len(value) if isinstance(value, bytes | str) else value for value in row] for row in found], key=repr
        )
        for table, found in rows.items()
    }
