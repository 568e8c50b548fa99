# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the formats: messages read and written beside the bare library, and the memory of a large batch."""

from __future__ import annotations

import csv
import io
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
from fhir.resources.R4B.communication import Communication
from fhir.resources.R4B.task import Task
from hl7lw import Hl7Parser
from lxml import etree
from pydifact.control.characters import Characters
from pydifact.tokenizer import Tokenizer

from adapters.formats import READERS, WRITERS
from adapters.formats.native import FormatConfig, Malformed, Notice, Reader, SubjectKind
from schemas.calendar import parse_date
from schemas.event import Event, Kind, Law
from tests.bench.measure import Line, Loop, below, compare
from tests.formats.format_vectors import MORE_TYPES, VECTORS

COUNT = 500
BATCH = 10_000
BATCH_BYTES = 50_000_000
_CONFIG = FormatConfig(
    cloudevent_types=MORE_TYPES,
    subject_kind=SubjectKind.BSN,
    laws=dict.fromkeys(("fhir", "hl7v2"), Law.WMO),
    own_number_system="HIS",
)
NOTICE = Notice(
    event_id=bytes(range(16)),
    event=Event(Kind.GESTART, parse_date("2026-03-03"), None),
    law=Law.WMO,
    task="huisarts Wmo",
    sender_name="Team Wmo Voorbeeldgemeente",
    own_number="P-2026-17",
    bsn=None,
    retracted=False,
    told_on=parse_date("2026-03-04"),
    sender="urn:nld:oin:00000001234567890000:team-wmo",
)
Bare = Callable[[bytes], object]


def _segments(data: bytes) -> object:
    return Hl7Parser().parse_message(data.decode("ascii"))


def _tokens(data: bytes) -> object:
    return list(Tokenizer().get_tokens(data.decode("ascii"), Characters.from_str("UNA:+.? '")))


def _rows(data: bytes) -> object:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True, delimiter=";"))


class Sample(NamedTuple):
    """One message of a format, its bare parser, and how many a second are asked for."""

    format: str
    file: str
    bare: Bare
    goal: int | None = None


SAMPLES = {
    "format.ijw.305": Sample("ijw", "305_gestart.xml", etree.fromstring, 3_000),
    "format.ijw.301": Sample("ijw", "301_maximaal.xml", etree.fromstring),
    "format.ijw.315": Sample("ijw", "315_maximaal.xml", etree.fromstring),
    "format.ijw.envelope": Sample("ijw", "305_in_envelop.xml", etree.fromstring),
    "format.iwmo.305": Sample("iwmo", "305_gestart.xml", etree.fromstring, 3_000),
    "format.fhir.task": Sample("fhir", "task.json", orjson.loads, 3_000),
    "format.fhir.task_xml": Sample("fhir", "task.xml", etree.fromstring, 3_000),
    "format.hl7v2": Sample("hl7v2", "ref_i12.hl7", _segments, 10_000),
    "format.medvri": Sample("medvri", "brief.edi", _tokens),
    "format.suwi": Sample("suwi", "status.xml", etree.fromstring),
    "format.oso": Sample("oso", "opp_arrangement_tlv.xml", etree.fromstring),
    "format.school": Sample("school", "meldingen.json", orjson.loads),
    "format.team": Sample("team", "meldingen.json", orjson.loads),
    "format.team.csv": Sample("team", "puntkomma.csv", _rows),
    "format.corv": Sample("corv", "actie.json", orjson.loads),
    "format.zgw": Sample("zgw", "zaak_met_status.json", orjson.loads),
    "format.cloudevents": Sample("cloudevents", "maximaal.json", orjson.loads, 20_000),
}
# The readers of which a file may hold many messages, each by itself, and one of those messages.
BATCHES = {
    f"format.batch_50MB.{name}": SAMPLES[line]
    for name, line in {
        "ijw": "format.ijw.305",
        "iwmo": "format.iwmo.305",
        "fhir": "format.fhir.task",
        "fhir_xml": "format.fhir.task_xml",
        "suwi": "format.suwi",
        "oso": "format.oso",
        "school": "format.school",
        "team": "format.team",
        "corv": "format.corv",
        "zgw": "format.zgw",
        "cloudevents": "format.cloudevents",
    }.items()
}


def read(name: str, _root: Path) -> list[Line]:
    """Messages of one format read per second of one core."""
    sample = SAMPLES[name]
    data = _message(sample)
    reader = READERS[sample.format](_CONFIG)
    line = compare(name, partial(_loop, partial(_read, reader), data), partial(_loop, sample.bare, data), None)
    if sample.goal is None:
        return [line]
    return [replace(line, goal=f"{sample.goal:,}/s", met=line.value >= sample.goal)]


def _message(sample: Sample) -> bytes:
    return (VECTORS / sample.format / "valid" / sample.file).read_bytes()


def _read(reader: Reader, data: bytes) -> None:
    with suppress(Malformed):  # what a letter always is: for a person
        reader.read(data)


def _loop(work: Bare, data: bytes) -> Loop:
    def run() -> int:
        for _ in range(COUNT):
            work(data)
        return COUNT

    return run


# -- writing ---------------------------------------------------------------------------------------------------------


def _as_json(written: bytes) -> Bare:
    value = orjson.loads(written)
    return lambda _: orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _as_resource(model: type[Task | Communication], written: bytes) -> Bare:
    """The library makes its model of the resource, which it can't write without, and writes that."""
    value = orjson.loads(written)
    return lambda _: model.model_validate(value).model_dump_json(exclude_none=True)


def _as_message(written: bytes) -> Bare:
    message = Hl7Parser().parse_message(written.decode())
    return lambda _: Hl7Parser().format_message(message)


def _as_rows(written: bytes) -> Bare:
    rows = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))

    def write(_: bytes) -> object:
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
        return text.getvalue().encode("utf-8-sig")

    return write


# What the bare library makes of what our writer wrote: the same bytes, or as near as it comes.
_WRITTEN: dict[str, Callable[[bytes], Bare]] = {
    "fhir-task": partial(_as_resource, Task),
    "fhir-communication": partial(_as_resource, Communication),
    "hl7v2": _as_message,
    "csv": _as_rows,
    **dict.fromkeys(("cloudevents", "corv", "zgw", "team", "school"), _as_json),
}
WRITINGS = {f"format.write.{name}": name for name in _WRITTEN}


def write(name: str, _root: Path) -> list[Line]:
    """Notices of one format written per second of one core, each a file of its own."""
    writer = WRITERS[WRITINGS[name]]()
    bare = _WRITTEN[WRITINGS[name]](writer.write([NOTICE]))
    return [
        compare(name, partial(_loop, lambda _: writer.write([NOTICE]), b""), partial(_loop, bare, b""), None),
    ]


# -- a large batch ---------------------------------------------------------------------------------------------------


def batch_memory(name: str, root: Path) -> list[Line]:
    """Most memory that `schakel convert` has in use while it reads a batch of 50 MB with 10,000 messages."""
    root.mkdir(parents=True)
    sample = BATCHES[name]
    message = _filled(_message(sample).strip(), BATCH_BYTES // BATCH)
    target = root / "batch"
    with target.open("wb") as file:
        for _ in range(BATCH):
            file.write(message)
    command = [str(Path(sys.executable).with_name("schakel")), "convert", "--from", sample.format, *_asked(sample)]
    used, most, said = _watched([*command, str(target)], root / "said")
    target.unlink()
    events = BATCH * len(READERS[sample.format](_CONFIG).read(_message(sample)))
    if f"{events} event(s)".encode() not in said:
        raise RuntimeError("the batch was not read: this figure would mean nothing")
    note = f"{BATCH / used:,.0f} messages/s of one core, start of the program included"
    return [below(name, "MB resident", [most / 1024], 200, note)]


def _watched(command: Sequence[str], said: Path) -> tuple[float, int, bytes]:
    """Seconds of processor time of a program, its most resident memory in KiB, and what it said.

    The kernel's own figure for a child is never less than what its parent had when it was started: this one is.
    """
    before, most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 0
    with said.open("wb") as out, subprocess.Popen(command, stdout=out) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.returncode is None:
            with suppress(FileNotFoundError, ProcessLookupError):
                found = re.search(r"VmHWM:\s+([0-9]+) kB", status.read_text("ascii", "replace"))
                most = max(most, int(found[1]) if found is not None else 0)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
    if process.returncode:
        raise RuntimeError("the program failed: this figure would mean nothing")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, most, said.read_bytes()


def _filled(message: bytes, size: int) -> bytes:
    """The message and nothing that counts, together so many bytes."""
    if message.startswith(b"<"):
        if not message.startswith(b"<?xml"):
            message = b'<?xml version="1.0" encoding="UTF-8"?>' + message
        return message + b"\n<!--" + b"x" * (size - len(message) - 9) + b"-->\n"
    return message[:-1] + b" " * (size - len(message) - 1) + message[-1:] + b"\n"


def _asked(sample: Sample) -> Sequence[str]:
    """What `schakel convert` must be told to read a sample."""
    types = [f"--type={name}={kind.value},{law.value}" for name, (kind, law) in MORE_TYPES.items()]
    return {"fhir": ["--law=wmo"], "ijw": [], "iwmo": []}.get(sample.format, types)
