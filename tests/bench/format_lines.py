# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the formats: messages read beside the bare parse of the same bytes, and the memory of a large batch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson
from lxml import etree

from adapters.formats import READERS
from adapters.formats.native import FormatConfig, SubjectKind
from tests.bench.measure import Line, Loop, below, compare
from tests.formats.format_vectors import TYPES, VECTORS

COUNT = 500
BATCH = 10_000
BATCH_BYTES = 50_000_000
_CONFIG = FormatConfig(cloudevent_types=TYPES, subject_kind=SubjectKind.BSN)


class Sample(NamedTuple):
    """One message of a format, its bare parser, and how many a second are asked for."""

    format: str
    file: str
    bare: Callable[[bytes], object]
    goal: int | None


SAMPLES = {
    "format.ijw.305": Sample("ijw", "305_gestart.xml", etree.fromstring, 3_000),
    "format.ijw.301": Sample("ijw", "301_maximaal.xml", etree.fromstring, None),
    "format.ijw.315": Sample("ijw", "315_maximaal.xml", etree.fromstring, None),
    "format.ijw.envelope": Sample("ijw", "305_in_envelop.xml", etree.fromstring, None),
    "format.iwmo.305": Sample("iwmo", "305_gestart.xml", etree.fromstring, 3_000),
    "format.cloudevents": Sample("cloudevents", "maximaal.json", orjson.loads, 20_000),
}


def read(name: str, _root: Path) -> list[Line]:
    """Messages of one format read per second of one core."""
    sample = SAMPLES[name]
    data = (VECTORS / sample.format / "valid" / sample.file).read_bytes()
    reader = READERS[sample.format](_CONFIG)

    def loop(work: Callable[[bytes], object]) -> Loop:
        def run() -> int:
            for _ in range(COUNT):
                work(data)
            return COUNT

        return run

    line = compare(name, partial(loop, reader.read), partial(loop, sample.bare), None)
    if sample.goal is None:
        return [line]
    return [replace(line, goal=f"{sample.goal:,}/s", met=line.value >= sample.goal)]


def batch_memory(root: Path) -> list[Line]:
    """Most memory that `schakel convert` has in use while it reads a batch of 50 MB with 10,000 messages."""
    root.mkdir(parents=True)
    message = (VECTORS / "ijw" / "valid" / "305_gestart.xml").read_bytes().rstrip()
    filling = b"\n<!--" + b"x" * (BATCH_BYTES // BATCH - len(message) - 9) + b"-->\n"
    target = root / "batch.xml"
    with target.open("wb") as file:
        for _ in range(BATCH):
            file.write(message + filling)
    command = [str(Path(sys.executable).with_name("schakel")), "convert", str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        said = b"" if process.stdout is None else process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or f"{BATCH} event(s)".encode() not in said:
        raise RuntimeError("the batch was not read: this figure would mean nothing")
    note = f"{BATCH / used.ru_utime:,.0f} messages/s of one core, start of the program included"
    return [below("format.batch_50MB", "MB resident", [used.ru_maxrss / 1024], 200, note)]
