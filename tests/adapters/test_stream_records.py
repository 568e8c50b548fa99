# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A record as a message, settings of topics, and what the edge and its stream worker say to each other."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.config import load_edge_config
from adapters.format_names import IN_FORMATS
from adapters.formats import READERS
from adapters.formats.native import FormatConfig, Keyword, Malformed
from adapters.problem import SENTENCES
from adapters.sources.record import Record, read, report
from adapters.sources.stream_line import ANSWER, TAKE, Line, LineOverError, as_frame, as_record
from adapters.sources.stream_setup import Setup
from adapters.stream_access import Access, SecretError, read_word
from schemas.settings import SettingsError

CONFIG = FormatConfig()
FORMATS = {name: entry(CONFIG) for name, entry in READERS.items()}
LARGEST = 4096
PLANTED = "999990007"
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "content-type", "Content-Encoding", "traceparent", PLANTED]) | st.text(max_size=12),
        st.none()
        | st.sampled_from([b"gzip", b"identity", b"a/b; charset=utf-8", b"a/b; charset=x"])
        | st.binary(max_size=30),
    ),
    max_size=6,
)
RECORDS = st.builds(
    Record,
    st.just("zaken"),
    st.integers(0, 99),
    st.integers(0, 1 << 62),
    st.integers(0, 1 << 62),
    st.none() | st.binary(max_size=200) | st.binary(max_size=100).map(lambda one: one + PLANTED.encode()),
    HEADERS,
    st.booleans(),
)


@given(RECORDS, st.sampled_from(IN_FORMATS))
def test_every_record_is_read_or_has_a_report_that_holds_nothing_of_it(record: Record, name: str) -> None:
    try:
        read(record, FORMATS, name, LARGEST)
    except Malformed as error:
        made = report(record, name, error.faults)
        said = json.loads(made)
        assert (said["topic"], said["partitie"], said["offset"]) == ("zaken", record.partition, record.offset)
        assert {one["fout"] for one in said["fouten"]} <= set(Keyword)
        assert all(set(one) == {"pad", "fout", "retourcode", "nl", "en"} for one in said["fouten"])
        assert all((one["nl"], one["en"]) == SENTENCES[Keyword(one["fout"])] for one in said["fouten"])
        assert PLANTED not in made.decode().replace(str(record.offset), "")
        assert made == report(record, name, error.faults)


EVENT = json.dumps(
    {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:a",
        "type": "nl.example.started",
        "subject": "urn:nld:bsn:999900006",
        "time": "2026-03-02T09:00:00Z",
    }
).encode()


def _record(value: bytes | None = EVENT, *headers: tuple[str, bytes | None], too_large: bool = False) -> Record:
    return Record("zaken", 0, 1, 5, value, headers, too_large)


def _faults(record: Record, largest: int = LARGEST) -> list[str]:
    with pytest.raises(Malformed, match=".") as error:
        read(record, FORMATS, "cloudevents", largest)
    return [str(one) for one in error.value.faults]


def test_what_is_no_message_says_so_before_any_reader_looks() -> None:
    assert _faults(_record(None)) == ["/: tombstone"]
    assert _faults(_record(b"")) == ["/: not-well-formed"]
    assert _faults(_record(None, too_large=True)) == ["/: too-large"]
    assert _faults(_record(EVENT), len(EVENT) - 1) == ["/: too-large"]
    assert "too-large" not in " ".join(_faults(_record(EVENT), len(EVENT)))


@pytest.mark.parametrize("number", [1, 255, 65_536, 1 << 24, (1 << 32) - 1])
def test_a_record_of_a_schema_registry_is_refused_whatever_follows(number: int) -> None:
    for what in (EVENT, b"\x02", b"\0\0" + EVENT):
        found = _faults(_record(b"\0" + number.to_bytes(4, "big") + what))
        assert found == ["/: schema-registry"] or number >= 1 << 24


def test_text_of_two_bytes_a_character_and_a_lone_zero_are_no_records_of_a_registry() -> None:
    for value in (EVENT.decode().encode("utf-16-be"), b"\0", b"\0\0\0\0\1"):
        assert "schema-registry" not in " ".join(_faults(_record(value)))


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([("a", b"1"), ("CE_type", b"x")], "/headers/1: headers"),
        ([("content-encoding", b"gzip")], "/headers/0: headers"),
        ([("content-type", b"application/json; charset=latin-1")], "/headers/0: headers"),
        ([("content-type", b"a/b"), ("content-type", b"a/c")], "/headers/1: headers"),
        ([("content-type", b"\xff")], "/headers/0: headers"),
        ([("x", b"1")] * 101, "/headers: too-large"),
        ([("x", b"1" * 65_536)], "/headers: too-large"),
    ],
)
def test_headers_that_say_that_the_value_is_not_the_message_are_named_by_their_place(
    headers: list[tuple[str, bytes | None]], path: str
) -> None:
    assert _faults(_record(EVENT, *headers)) == [path]


def test_other_headers_are_not_looked_at() -> None:
    plain = _faults(_record())  # an unknown type: the reader has looked
    for one in (
        [("traceparent", b"\xff\x00"), ("x", None)],
        [("content-type", b'application/json; charset="UTF-8"; a=b')],
        [("content-encoding", b"identity"), ("Content-Type", b"a/b"), ("content-type", b"A/B")],
        [("x", b"1")] * 100,
    ):
        assert _faults(_record(EVENT, *one)) == plain  # type: ignore[arg-type]
    assert plain != []


# -- the line ----------------------------------------------------------------------------------------------------


@given(RECORDS)
def test_a_record_comes_over_the_line_as_it_was(record: Record) -> None:
    async def over(one: Line, other: Line) -> None:
        asked = asyncio.ensure_future(one.ask(TAKE, records=[as_frame(record)]))
        frame = await other.read()
        (came,) = (as_record(said) for said in frame["records"])
        assert (came.value, list(came.headers), came.place) == (record.value, list(record.headers), record.place)
        assert (came.at, came.too_large) == (record.at, record.too_large)
        hears = asyncio.ensure_future(one.read())
        await other.write(ANSWER, to=frame["number"], settled=1)
        assert (await asked)["settled"] == 1
        hears.cancel()

    _with_lines(over)


def test_who_asks_is_told_when_the_other_side_is_gone() -> None:
    async def over(one: Line, other: Line) -> None:
        asked = asyncio.ensure_future(one.ask(TAKE, records=[]))
        hears = asyncio.ensure_future(one.read())
        await other.read()
        await other.close()
        for waits in (asked, hears):
            with pytest.raises(LineOverError):
                await waits

    _with_lines(over)


def test_what_is_no_frame_ends_the_line() -> None:
    async def over() -> None:
        ours, theirs = socket.socketpair()
        line = Line(*await asyncio.open_unix_connection(sock=ours))
        theirs.sendall(b"\x00\x00\x00\x02\xff\xff")
        with pytest.raises(LineOverError):
            await line.read()
        theirs.close()
        await line.close()

    asyncio.run(over())


def _with_lines(over: Callable[[Line, Line], Awaitable[None]]) -> None:
    async def run() -> None:
        pair = [Line(*await asyncio.open_unix_connection(sock=one)) for one in socket.socketpair()]
        await over(*pair)
        for one in pair:
            await one.close()

    asyncio.run(run())


# -- settings ----------------------------------------------------------------------------------------------------

EDGE = 'address = "urn:nld:oin:00000001234567890000:team-wmo"\nname = "Team"\nkey_file = "../k"\n'
GOOD = 'brokers = ["k:9093"]\ngroup = "g"\nauthorities = "ca.pem"\ntopics = { a = "iwmo" }\nquarantine_topic = "q"\n'
TOKEN = 'sasl = "OAUTHBEARER"\nsasl_secret = "t"\n'
USER = 'sasl = "SCRAM-SHA-512"\nsasl_user = "u"\nsasl_secret = "s"\n'
OPEN = GOOD.replace('authorities = "ca.pem"\n', "")


def _loads(folder: Path, table: str, more: str = "") -> list[str]:
    file = folder / "edge.toml"
    file.write_text(f"{EDGE}{more}[streams]\n{table}", encoding="utf-8")
    try:
        load_edge_config(file)
    except SettingsError as error:
        return [str(one) for one in error.faults]
    return []


def test_a_table_of_topics_that_is_right_is_taken(tmp_path: Path) -> None:
    assert _loads(tmp_path, GOOD) == []
    assert _loads(tmp_path, GOOD + 'notices_topic = "n"\n', 'notices_out = "csv"\n') == []
    assert _loads(tmp_path, OPEN, "strict = false\n") == []
    assert _loads(tmp_path, GOOD + TOKEN) == _loads(tmp_path, GOOD + USER) == []
    assert _loads(tmp_path, OPEN + USER, "strict = false\n") == []


@pytest.mark.parametrize("table", [OPEN + TOKEN, OPEN + USER.replace("SCRAM-SHA-512", "PLAIN")])
def test_no_password_and_no_token_goes_to_brokers_without_tls_in_no_mode(tmp_path: Path, table: str) -> None:
    found = "/streams/sasl: shows its secret to whoever listens: set authorities, for TLS"
    assert _loads(tmp_path, table, "strict = false\n") == [found]
    assert found in _loads(tmp_path, table)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff", b"a\0b", b"x" * 65_537])
def test_a_secret_is_one_line_of_text_for_its_owner_only(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "s"
    file.write_bytes(b"geheim \r\n")
    file.chmod(0o600)
    assert read_word(file) == "geheim "
    file.chmod(0o604)
    with pytest.raises(SecretError, match="chmod 600"):
        read_word(file)
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SecretError, match="one line of text"):
        read_word(file)
    with pytest.raises(SecretError, match="can't be read"):
        read_word(tmp_path / "none")


def test_what_goes_to_a_worker_comes_out_as_it_was_and_holds_no_secret(tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    access = Access("ca", None, None, "PLAIN", "u", str(secret))
    setup = Setup(brokers=["k:1"], group="g", topics=["a"], largest=1, access=access)
    frame = cbor2.dumps(setup.as_frame())
    assert b"geheim" not in frame
    assert "geheim" not in repr(setup)
    assert Setup.as_said(cbor2.loads(frame)) == setup
    assert access.word() == "geheim"


@pytest.mark.parametrize(
    ("changed", "to", "fault"),
    [
        ('topics = { a = "iwmo" }', "", "/streams: give topics, notices_topic, or both"),
        ('brokers = ["k:9093"]', "brokers = []", "/streams/brokers: name at least one broker"),
        ('brokers = ["k:9093"]', 'brokers = ["k"]', "/streams/brokers/0: must be a host and a port, such as"),
        ('quarantine_topic = "q"', "", "/streams/quarantine_topic: this setting is required with topics"),
        ('quarantine_topic = "q"', 'quarantine_topic = "a"', "/streams/quarantine_topic: is one of the topics"),
        ('group = "g"', 'group = "g"\nnotices_topic = "n"', "/streams/notices_topic: say in which format: notices_out"),
        ('group = "g"', 'group = "g"\ncertificate = "c"', "/streams/certificate: give this and certificate_key"),
        ('authorities = "ca.pem"', "", "/streams/authorities: brokers without TLS: refused in strict mode"),
        ('a = "iwmo"', 'a = "docx"', "/streams/topics/0: must be one of"),
        ('a = "iwmo"', '"a b" = "iwmo"', "/streams/topics/0: must be the name of a topic"),
        ('group = "g"', 'group = "g h"', "/streams/group: must be 1 to 100 letters"),
        ('group = "g"', 'group = "g"\nsession_seconds = 5', "/streams/session_seconds: must be a whole number"),
        ('group = "g"', 'group = "g"\nsasl = "GSSAPI"', "/streams/sasl: must be one of: SCRAM-SHA-512"),
        ('group = "g"', 'group = "g"\npassword = "x"', "/streams/password: unknown setting"),
        (
            'group = "g"',
            'group = "g"\nsasl = "PLAIN"\nsasl_user = "u"',
            "/streams/sasl_secret: this setting is required",
        ),
        (
            'group = "g"',
            'group = "g"\nsasl = "PLAIN"\nsasl_secret = "s"',
            "/streams/sasl_user: this setting is required",
        ),
        ('group = "g"', f'group = "g"\n{TOKEN}sasl_user = "u"', "/streams/sasl_user: the token says who this is"),
        ('group = "g"', 'group = "g"\nsasl_user = "u"', "/streams/sasl_user: goes with sasl"),
        ('group = "g"', 'group = "g"\nsasl_secret = "s"', "/streams/sasl_secret: goes with sasl"),
        ('group = "g"', 'group = "g"\nsasl_user = "a b"', "/streams/sasl_user: must be 1 to 255 letters"),
    ],
)
def test_a_fault_in_the_table_of_topics_is_named(tmp_path: Path, changed: str, to: str, fault: str) -> None:
    assert changed in GOOD
    assert any(one.startswith(fault) for one in _loads(tmp_path, GOOD.replace(changed, to)))


@pytest.mark.parametrize("topic", ["a", "q"])
def test_no_notice_goes_where_something_is_read_or_set_aside(tmp_path: Path, topic: str) -> None:
    found = _loads(tmp_path, GOOD + f'notices_topic = "{topic}"\n', 'notices_out = "csv"\n')
    assert found == ["/streams/notices_topic: is a topic that is read, or the one for quarantine"]


def test_with_other_topics_an_edge_has_another_place_in_its_group() -> None:
    def place(*topics: str) -> str:
        return Setup(brokers=("k:1",), group="g", topics=topics, largest=1).place

    assert place("a", "b") == place("b", "a")
    assert len({place("a"), place("a", "b"), place("ab")}) == 3
