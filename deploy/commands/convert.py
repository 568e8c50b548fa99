# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel convert`: the integrator's dry run.  Reads native messages and says which events are in them.

Needs no hub, no edge and no key, and stores nothing.  The citizen is masked unless asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import click
import orjson

from adapters.config import load_edge_config
from adapters.formats import READERS, WRITERS
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, NativeEvent, Notice, SubjectKind
from adapters.problem import problem_report
from deploy.exits import Exit, refused, wrong_use
from deploy.screen import Screen, bad, good, plain, table, with_screen
from schemas.calendar import date_text
from schemas.event import Kind, Law
from schemas.identity import Citizen, mask

_LARGEST = 1 << 20  # bytes; every reader refuses more by itself too
_MASKED = "*****"
_MASKED_REFERENCE = "gemaskeerd"  # a reference is letters, digits and hyphens
_SENDER = "(afzender)"


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of one file: its events, or its problem report."""

    name: str
    events: Sequence[NativeEvent]
    report: Mapping[str, object] | None


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE...")
@click.option("--from", "source", required=True, type=click.Choice(sorted(READERS)), help="Format of the files.")
@click.option("--to", "target", type=click.Choice(sorted(WRITERS)), help="Write the notices that would come out.")
@click.option("--show-citizen", is_flag=True, help="Show BSN and client number; they are masked otherwise.")
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Readers as in this edge.toml."
)
@click.option(
    "--xsd", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with the official XSDs."
)
@click.option("--type", "types", multiple=True, metavar="TYPE=KIND,LAW", help="What a type of CloudEvent means.")
@click.option("--subject", type=click.Choice([*SubjectKind]), help="What a bare nine-digit subject of a CloudEvent is.")
@click.option("--law", type=click.Choice([*Law]), help="Law of messages in a format that names none.")
@with_screen
def convert(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    files: tuple[Path, ...],
    source: str,
    target: str | None,
    show_citizen: bool,
    config: Path | None,
    xsd: Path | None,
    types: tuple[str, ...],
    subject: str | None,
    law: str | None,
) -> None:
    """Read native messages and print their events, or the problem report of each file that is not in order.

    A folder stands for the files in it. Exit code 3 when any file was refused.
    """
    formats = FormatConfig() if config is None else load_edge_config(config).formats
    formats = FormatConfig(
        xsd or formats.xsd_dir,
        {**formats.cloudevent_types, **dict(map(_meaning, types))},
        formats.subject_kind if subject is None else SubjectKind(subject),
        formats.laws if law is None else {**formats.laws, source: Law(law)},
        formats.own_number_system,
    )
    reader = READERS[source](formats)
    read = []
    paths = _all(files)
    with screen.progress("reading", len(paths)) as advance:
        for path in paths:
            read.append(_read(path, source, reader.read))
            advance(1)
    if target is None:
        screen.answer([_as_json(one, show_citizen) for one in read])
        for one in read:
            _show(screen, one, show_citizen)
    else:
        _write(screen, read, target, show_citizen)
    if any(one.report is not None for one in read):
        click.get_current_context().exit(Exit.REFUSED)


def _all(given: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        inside = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        if not inside:
            raise refused("There is no file in this folder, so there is nothing to read.")
        found += inside
    return found


def _meaning(text: str) -> tuple[str, tuple[Kind, Law]]:
    name, _, meaning = text.rpartition("=")
    kind, _, law = meaning.partition(",")
    try:
        return name, (Kind(kind), Law(law))
    except ValueError:
        kinds, laws = ", ".join(Kind), ", ".join(Law)
        raise wrong_use(f"--type is TYPE=KIND,LAW; kinds: {kinds}; laws: {laws}") from None


def _read(path: Path, source: str, read: Callable[[bytes], list[NativeEvent]]) -> _Read:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    faults: tuple[Fault, ...] = (Fault("/", Keyword.TOO_LARGE),)
    if len(data) <= _LARGEST:
        try:
            return _Read(path.name, read(data), None)
        except Malformed as error:
            faults = error.faults
    return _Read(path.name, (), orjson.loads(problem_report(path.name, source, faults)))


def _who(citizen: Citizen, show: bool) -> dict[str, str | None]:
    bsn = citizen.bsn if show or citizen.bsn is None else mask(citizen.bsn)
    number = citizen.own_number if show or citizen.own_number is None else _MASKED
    return {"bsn": bsn, "own_number": number}


def _as_json(one: _Read, show: bool) -> dict[str, object]:
    if one.report is not None:
        return {"file": one.name, "problem": one.report}
    return {"file": one.name, "events": [_event(event, show) for event in one.events]}


def _event(native: NativeEvent, show: bool) -> dict[str, object]:
    event = native.event
    return {
        "kind": event.kind.value,
        "day": date_text(event.day),
        "law": None if event.law is None else event.law.value,
        "ending": None if event.ending is None else event.ending.value,
        "reference": event.reference if show or event.reference is None else _MASKED,
        "citizen": _who(native.citizen, show),
        "from": native.sender,
        "to": native.receiver,
        "retracts": native.retracts,
        "grants": native.allocation is not None,
    }


def _show(screen: Screen, one: _Read, show: bool) -> None:
    if one.report is None:
        rows = [list(_flat(_event(event, show))) for event in one.events]
        columns = ("kind", "day", "law", "ending", "reference", "citizen", "from", "to", "")
        screen.say(table(one.name, columns, rows), good(f"{len(rows)} event(s)."))
        return
    faults = cast("list[dict[str, str | None]]", one.report["fouten"])
    rows = [[fault["pad"], fault["fout"], fault["retourcode"], fault["nl"]] for fault in faults]
    screen.say(table(one.name, ("path", "what", "code", "what to do"), rows), bad("Refused as a whole."))


def _flat(event: dict[str, object]) -> Sequence[object]:
    who = cast("dict[str, str | None]", event["citizen"])
    marks = [word for word, name in (("retracts", "retracts"), ("makes grants", "grants")) if event[name]]
    plain_fields = [event[name] for name in ("kind", "day", "law", "ending", "reference")]
    number = " / ".join(one for one in (who["bsn"], who["own_number"]) if one)
    return [*plain_fields, number, event["from"], event["to"], ", ".join(marks)]


def _write(screen: Screen, read: Sequence[_Read], target: str, show: bool) -> None:
    """What would come out at a recipient, but for the id, which takes the key of an edge."""
    writer = WRITERS[target]()
    answers: list[dict[str, object]] = []
    for one in read:
        if one.report is not None:
            answers.append(_as_json(one, show))
            if not screen.as_json:
                _show(screen, one, show)
            continue
        notices = [_notice(place, native, show) for place, native in enumerate(one.events)]
        data = writer.write(notices) if notices else b""
        answers.append({"file": one.name, "notices": data.decode("utf-8-sig")})
        if not screen.as_json:
            screen.raw(data)
    if screen.as_json:
        screen.answer(answers, plain(""))


def _notice(place: int, native: NativeEvent, show: bool) -> Notice:
    event, citizen = native.event, native.citizen
    if event.reference is not None and not show:
        event = replace(event, reference=_MASKED_REFERENCE)
    number = citizen.own_number or citizen.bsn or ""
    return Notice(
        event_id=bytes(8) + place.to_bytes(8, "big"),  # nothing of the message: a hash of a BSN can be guessed
        event=event,
        law=event.law or Law.WMO,
        task="dry-run",
        sender_name=native.sender or _SENDER,
        own_number=number if show else _MASKED,
        bsn=citizen.bsn if show else None,
        retracted=native.retracts,
        told_on=event.day,
    )
