# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit`: what the log says, and whether it holds.

The privacy officer reads these screens, so they are in Dutch; faults that `verify.py` names stay in English, since
an outsider gets the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import click

from deploy.clock import MachineClock
from deploy.commands import audit_find, audit_orders
from deploy.commands.audit_export import export_accounts
from deploy.commands.compare import audit_compare
from deploy.compose import write_new
from deploy.dutch_decisions import organisation
from deploy.entries import KINDS, Reader, pages
from deploy.exits import Exit, failed, refused, wrong_use
from deploy.groups import Group
from deploy.log_reading import LogReading, read_log
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.rules_in_force import rules_in_force
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.audit import verify as outsider
from hub.audit.export import proof_text, write_export
from hub.audit.replay import Report as Replayed
from hub.audit.replay import replay
from hub.config import load_hub_config
from schemas.calendar import day_of
from schemas.entry import Entry

_FILE = click.Path(path_type=Path, dir_okay=False)


_SECTIONS = {
    "Read the log": ("show", "search", "explain"),
    "Whether it holds": ("verify", "replay", "checkpoint", "prove", "compare"),
    "For the accounts of an organisation": ("export",),
    "Erase, and hold up erasing": ("key", "officer", "erase", "inquiry", "sign", "carry-out"),
}


@click.group(cls=Group, sections=_SECTIONS)
def audit() -> None:
    """The log: show, search, explain, verify, export, erase."""


for one in (audit_compare, export_accounts, *audit_find.COMMANDS, *audit_orders.COMMANDS):
    audit.add_command(one)


@audit.command()
@click.option("--after", type=click.IntRange(min=0), default=0, help="First index shown.")
@click.option("--most", type=click.IntRange(min=1), default=200, show_default=True, help="At most so many entries.")
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--partner", help="Only entries about this address or role.")
@hub_option
@with_screen
def show(  # one option each; click passes them by name
    screen: Screen, after: int, most: int, kind: str | None, partner: str | None, config: Path | None
) -> None:
    """The entries of the log: index, day, kind, partners, code."""
    with read_log(load_hub_config(settings_file(config, HUB_FILE))) as log:
        size, reader = log.size, Reader(log.names, lambda index: log.entries(index, index + 1)[0])
        lines = (line for first, page in pages(log, after, size) for line in reader.lines(first, page))
        fitting = (one for one in lines if kind in (None, one.kind) and (partner is None or one.concerns(partner)))
        found = list(islice(fitting, most))
    rows = [
        (one.index, one.day, one.kind, " -> ".join(map(organisation, one.partners)), one.about, one.code)
        for one in found
    ]
    columns = ("nummer", "dag", "soort", "partners", "over", "code")
    screen.answer([asdict(one) for one in found], table(f"Logboek van {size} regels", columns, rows))


@audit.command()
@click.option("--export", type=_FILE, help="Also write the export that an outsider can verify without this hub.")
@click.option("--file", "given", type=_FILE, help="Verify this export or proof instead; needs --key and no hub.")
@click.option("--key", help="The hub's verifier key, from paper; with --file.")
@click.option("--previous", type=_FILE, help="A checkpoint that you kept: the log must extend it.")
@hub_option
@with_screen
def verify(  # one option each; click passes them by name
    screen: Screen, export: Path | None, given: Path | None, key: str | None, previous: Path | None, config: Path | None
) -> None:
    """Recompute the whole log: every leaf, every root, every decision."""
    kept = None if previous is None else _text(previous, outsider.NOTE_LIMIT)
    if given is not None:
        if key is None or export is not None:
            raise wrong_use("Bij --file hoort --key, de controlesleutel van papier, en geen --export.")
        _verify_file(screen, given, key, kept)
        return
    settings = load_hub_config(settings_file(config, HUB_FILE))
    rules = rules_in_force(settings, day_of(MachineClock(settings.clock_file)()), lapsed=True)
    with read_log(settings) as log:
        kept = kept if kept is not None else log.last_signed()
        newest, size = log.signed()
        with screen.progress("elke regel lezen", size) as advance:
            report = outsider.verify_export(_export(log, newest, size, advance), log.verifier_key, kept)
        with screen.progress("elk besluit opnieuw nemen", size) as advance:
            replayed = replay(_entries(log, size, advance), rules.table)
        if export is not None:
            write_new(export, "".join(_export(log, newest, size, lambda _: None)).encode())
    _tell(screen, report, replayed)


def _export(log: LogReading, newest: str, size: int, advance: Callable[[int], None]) -> Iterator[str]:
    yield from write_export(_entries(log, size, advance), [newest])


def _entries(log: LogReading, size: int, advance: Callable[[int], None]) -> Iterator[Entry]:
    for _, found in pages(log, 0, size):
        yield from found
        advance(len(found))


def _tell(screen: Screen, report: outsider.Report, replayed: Replayed) -> None:
    differs = [asdict(one) for one in replayed.differs]
    stolen = replayed.unaccounted
    sound = report.ok and not differs and not stolen
    answer = {
        "sound": sound,
        "entries": report.entries,
        "records": report.records,
        "public": report.public,
        "erased": report.erased,
        "faults": list(report.faults),
        "decisions": {"same": replayed.same, "differs": differs, "not_decidable": replayed.not_decidable},
        "erased_unlawfully": stolen,
    }
    rows = [
        ("regels", report.entries),
        ("inhoud die bij haar blad past", report.records),
        ("openbare inhoud die past", report.public),
        ("gewist", report.erased),
        ("besluiten die opnieuw hetzelfde uitvallen", replayed.same),
        ("besluiten die anders uitvallen", len(differs)),
        ("besluiten die niet opnieuw te nemen zijn", len(replayed.not_decidable)),
    ]
    verdict = [bad(f"KLOPT NIET: {fault}.") for fault in report.faults]
    verdict += [bad(f"KLOPT NIET: het besluit van logboekregel {one['index']} valt anders uit.") for one in differs]
    verdict += [bad(f"KLOPT NIET: logboekregel {index} is gewist zonder dat het mocht.") for index in stolen]
    if sound:
        verdict = [
            good("KLOPT: de regels geven de wortel die de hub tekende, en elk besluit valt opnieuw hetzelfde uit.")
        ]
    screen.answer(answer, table("Controle van het logboek", ("wat", "aantal"), rows), *verdict)
    if not sound:
        click.get_current_context().exit(Exit.FAILED)


def _verify_file(screen: Screen, file: Path, key: str, kept: str | None) -> None:
    text = _text(file, None)
    if text.startswith(outsider.PROOF_MAGIC + "\n"):
        proof = outsider.verify_proof(text, key)
        shown = "niet getoond" if proof.record is None else f"{len(proof.record)} bytes"
        faults, about = proof.faults, f"Logboekregel {proof.index}; de inhoud: {shown}."
    else:
        whole = outsider.verify_export(text.splitlines(keepends=True), key, kept)
        faults, about = whole.faults, f"{whole.entries} regels, {whole.records} met inhoud, {whole.erased} gewist."
    verdict = [bad(f"KLOPT NIET: {fault}.") for fault in faults] or [good("KLOPT: alles is in orde.")]
    screen.answer({"sound": not faults, "faults": list(faults)}, plain(about), *verdict)
    if faults:
        click.get_current_context().exit(Exit.FAILED)


def _text(file: Path, most: int | None) -> str:
    try:
        with file.open(encoding="utf-8", newline="\n") as opened:
            return opened.read() if most is None else opened.read(most + 1)
    except UnicodeDecodeError:
        raise refused("Dit bestand is geen tekst in UTF-8.") from None


@audit.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option("--out", type=_FILE, help="File of the proof. Without it: entry-INDEX.tlog-proof in this folder.")
@click.option("--without-record", is_flag=True, help="Prove the leaf alone; the record is not shown.")
@hub_option
@with_screen
def prove(screen: Screen, index: int, out: Path | None, without_record: bool, config: Path | None) -> None:
    """Write a file that proves entry INDEX is in the log; it stands alone."""
    target = out or Path(f"entry-{index}.tlog-proof")
    if target.exists():
        raise failed(
            "Het bestand van het bewijs bestaat al en wordt niet overschreven. Kies een andere naam met --out."
        )
    with read_log(load_hub_config(settings_file(config, HUB_FILE))) as log:
        vkey = log.verifier_key
        newest, size = log.signed()
        if index >= size:
            raise wrong_use(f"Het logboek heeft {size} regels, genummerd vanaf 0.")
        item = log.entries(index, index + 1)[0]
        shown = Entry(item.leaf, None, b"") if without_record else item
        text = proof_text(index, log.inclusion(index, size), newest, shown)
    write_new(target, text.encode())
    screen.answer(
        {"file": str(target), "index": index, "size": size, "verifier_key": vkey},
        good(f"{target} bewijst dat logboekregel {index} in het logboek van {size} regels staat."),
        note("De inhoud laat zien welke partners uitwisselden: geef dit alleen aan wie dat mag weten.")
        if not without_record
        else plain("Het laat zien dat de regel er staat, en niets van wat erin staat."),
    )


@audit.command()
@hub_option
@with_screen
def checkpoint(screen: Screen, config: Path | None) -> None:
    """Print the newest signed checkpoint (a C2SP note). Keep it: a later log must extend it."""
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        newest = office("checkpoint", {})
    if screen.as_json:
        screen.answer(newest)
    else:
        screen.raw(newest["note"].encode())
