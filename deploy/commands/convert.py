# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel convert`: the integrator's dry run.  Reads native messages and says which events are in them.

Needs no hub, no edge and no key, and stores nothing.  The citizen is masked unless asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from adapters.config import load_edge_config
from adapters.format_names import AUTO
from adapters.formats import READERS, WRITERS
from adapters.formats.native import FormatConfig, SubjectKind
from deploy.dry_run import DryRun, Outcome, as_json, as_notices
from deploy.dry_run_files import all_files, read_file, size_of
from deploy.dry_run_shown import show, show_fields_of_all, show_next, show_summary
from deploy.exits import Exit, wrong_use
from deploy.file_names import names
from deploy.options import EDGE_FILE, settings_file
from deploy.screen import Screen, note, with_screen
from schemas.event import Kind, Law

_IN_FULL = (
    10  # messages; of more than these, what was read is shown in the summary alone, and of those refused the first
)


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, allow_dash=True), metavar="FILE..."
)
@click.option(
    "--from",
    "source",
    type=click.Choice([AUTO, *sorted(READERS)]),
    default=AUTO,
    show_default=True,
    help="Format of the files; auto: each is recognised by its content, never by its name. With --config the edge's "
    "formats_in say it unless this does.",
)
@click.option(
    "--to", "target", type=click.Choice(sorted(WRITERS)), help="Write the notices that would come out, as one file."
)
@click.option("--explain", is_flag=True, help="Show per field what it is used for, or why it stays behind.")
@click.option("--show-citizen", is_flag=True, help="Show BSN and client number; they are masked otherwise.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read as this edge would, by its settings or their folder: formats, types, laws, sizes.",
)
@click.option(
    "--xsd",
    "xsds",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the official XSDs of iWmo or iJw; may be given for both.",
)
@click.option("--type", "types", multiple=True, metavar="TYPE=KIND,LAW", help="What a type of CloudEvent means.")
@click.option(
    "--subject",
    type=click.Choice([kind.value for kind in SubjectKind]),
    help="What a bare nine-digit subject of a CloudEvent is.",
)
@click.option(
    "--law", type=click.Choice([law.value for law in Law]), help="Law of messages in a format that names none."
)
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show on standard error how far it is; on a terminal that is so unless forbidden.",
)
@with_screen
def convert(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    files: tuple[Path, ...],
    source: str,
    target: str | None,
    explain: bool,
    show_citizen: bool,
    config: Path | None,
    xsds: tuple[Path, ...],
    types: tuple[str, ...],
    subject: str | None,
    law: str | None,
    progress: bool | None,
) -> None:
    """Read native messages and print their events, or the problem report of each file that is not in order.

    A folder stands for the files in it, but for hidden ones and folders, and - for standard input. A file may have many
    messages, one after the other. Exit code 3 when any message was refused.
    """
    edge = None if config is None else load_edge_config(settings_file(config, EDGE_FILE))
    formats = FormatConfig() if edge is None else edge.formats
    formats = replace(
        _with_xsds(formats, xsds),
        cloudevent_types={**formats.cloudevent_types, **dict(map(_meaning, types))},
        subject_kind=formats.subject_kind if subject is None else SubjectKind(subject),
        laws=formats.laws if law is None else {**formats.laws, **dict.fromkeys(READERS, Law(law))},
    )
    by_content = click.get_current_context().get_parameter_source("source") is not ParameterSource.DEFAULT
    said = None if source == AUTO else source
    dry_run = DryRun(formats, said, explains=explain, edge=None if by_content else edge)
    outcomes: list[Outcome] = []
    named = names(all_files(files), shown=show_citizen)
    with screen.progress("reading", sum(map(size_of, named)), asked=progress, each="message(s)") as advance:
        for path, name in named.items():
            outcomes += read_file(dry_run, path, name, advance)
    if target is None:
        _show(screen, outcomes, explains=explain, shown=show_citizen)
    else:
        _write(screen, outcomes, target, show_citizen)
    if any(one.report is not None for one in outcomes):
        click.get_current_context().exit(Exit.REFUSED)


def _show(screen: Screen, outcomes: Sequence[Outcome], *, explains: bool, shown: bool) -> None:
    screen.answer([as_json(one, shown=shown) for one in outcomes])
    few = len(outcomes) <= _IN_FULL
    in_full = outcomes if few else [one for one in outcomes if one.report is not None]
    for one in in_full[:_IN_FULL]:
        show(screen, one, shown=shown, explains=explains and few)
    if len(in_full) > _IN_FULL:
        screen.say(note(f"{len(in_full) - _IN_FULL} more refused; why stands below, and in full with --json."))
    if explains and not few and not screen.as_json:
        show_fields_of_all(screen, outcomes)
    if len(outcomes) > 1:
        show_summary(screen, outcomes, in_full=len(in_full) <= _IN_FULL)
    show_next(screen, outcomes, explained=explains)


def _with_xsds(formats: FormatConfig, folders: Sequence[Path]) -> FormatConfig:
    for folder in folders:
        if (folder / "JW301.xsd").exists():
            formats = replace(formats, ijw_xsd_dir=folder)
        elif (folder / "WMO301.xsd").exists():
            formats = replace(formats, xsd_dir=folder)
        else:
            raise wrong_use("--xsd is a folder with the official XSDs: WMO301.xsd and so on, or JW301.xsd and so on.")
    return formats


def _meaning(text: str) -> tuple[str, tuple[Kind, Law]]:
    name, _, meaning = text.rpartition("=")
    kind, _, law = meaning.partition(",")
    try:
        return name, (Kind(kind), Law(law))
    except ValueError:
        kinds, laws = ", ".join(Kind), ", ".join(Law)
        raise wrong_use(f"--type is TYPE=KIND,LAW; kinds: {kinds}; laws: {laws}") from None


def _write(screen: Screen, outcomes: Sequence[Outcome], target: str, shown: bool) -> None:
    """What would come out at a recipient, but for the id, which takes the key of an edge.

    For people all of it as one file, and what else is to be said beside it.
    """
    writer, answers = WRITERS[target](), list[dict[str, object]]()
    if screen.as_json:
        for one in outcomes:
            notices = as_notices([one], shown=shown)
            data = writer.write(notices) if notices else b""
            notice: dict[str, object] = {"file": one.name, "notices": data.decode("utf-8-sig")}
            answers.append(notice if one.report is None else as_json(one, shown=shown))
        screen.answer(answers)
        return
    notices = as_notices(outcomes, shown=shown)
    if notices:
        screen.raw(writer.write(notices))
    refused = [one for one in outcomes if one.report is not None]
    for one in refused[:_IN_FULL]:
        show(screen.beside, one, shown=shown)
    if len(refused) > _IN_FULL:
        screen.beside.say(note(f"{len(refused) - _IN_FULL} more refused; why is said in full with --json."))
    for one in outcomes:
        if one.report is None and not one.events:
            click.echo(f"{one.title}: in order, without an event; so there is no notice.", err=True)
