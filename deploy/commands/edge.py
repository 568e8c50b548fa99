# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge`: make an edge, let it work, see what it was told and what waits."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.chain_view import ChainView
from adapters.edge import HUB, PERSON
from adapters.looks import HELP, WHY, look
from adapters.objections import has_objected
from consent.fg.law_words import purpose_words
from deploy.clock import MachineClock
from deploy.commands.code import edge_code
from deploy.commands.desk import at_desk, at_work
from deploy.commands.doctor import edge_doctor
from deploy.commands.edge_could_see import edge_could_see
from deploy.commands.edge_letters import edge_letters
from deploy.commands.edge_log_export import edge_log_export
from deploy.commands.edge_renew import edge_renew
from deploy.commands.edge_restore import edge_backup, edge_restore, edge_restored
from deploy.commands.incident import incident
from deploy.commands.join import join
from deploy.commands.kept import edge_kept
from deploy.commands.letters import notices
from deploy.commands.matters import also_waits, edge_matters
from deploy.commands.papers import edge_privacy, edge_register
from deploy.commands.rectify import erase_client, rectify
from deploy.commands.rights import inzage, inzage_limit, inzage_limits, looks, received
from deploy.commands.run import edge_run
from deploy.commands.seen import edge_alarms, edge_seen
from deploy.commands.sources import edge_missing, edge_own_fact, edge_sources
from deploy.commands.trace import edge_trace
from deploy.compose import write_new
from deploy.compose_edge import (
    MANIFEST_FILE,
    NewEdge,
    NoHub,
    load_settings,
    make_store,
    open_edge,
    write_edge_settings,
)
from deploy.doctor import OWN_CODES
from deploy.dutch import GROUNDS
from deploy.exits import failed, wrong_use
from deploy.given import partner_address, the_day
from deploy.groups import Group
from deploy.lists import LARGEST, read_clients
from deploy.options import EDGE_FILE, edge_option
from deploy.put_aside import put_aside
from deploy.rule_words import LAWS
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from deploy.viewer import viewer
from deploy.work import Pass, one_pass
from schemas.calendar import date_text

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


_SECTIONS = {
    "Set it up": ("init", "join", "clients"),
    "Keep it going": ("run", "work", "doctor", "alarms", "trace", "renew", "backup", "restore", "restored"),
    "What was told": ("view", "received", "told", "outbox", "missing"),
    "What asks for a person": ("matters", "letters", "sources", "kept", "decide", "settle", "urgent", "own-fact"),
    "Put right what was told": ("retract", "rectify", "erase-client"),
    "A client takes a code to a partner": ("code",),
    "The rights of a client": ("inzage", "inzage-limit", "inzage-limits", "looks", "notices"),
    "For the privacy officer": ("could-see", "log-export", "incident", "register-lines", "privacy-statement", "seen"),
}


@click.group(cls=Group, sections=_SECTIONS)
def edge() -> None:
    """Make an edge, let it work, see what it was told and what waits."""


edge.add_command(join)
edge.add_command(edge_run)
edge.add_command(edge_renew)
edge.add_command(edge_trace)
edge.add_command(edge_doctor)
edge.add_command(edge_alarms)
edge.add_command(edge_seen)
edge.add_command(edge_code)
edge.add_command(edge_backup)
edge.add_command(edge_restore)
edge.add_command(edge_restored)
edge.add_command(edge_register)
edge.add_command(edge_privacy)
for _right in (inzage, inzage_limit, inzage_limits, received, looks, notices, rectify, erase_client, incident):
    edge.add_command(_right)
edge.add_command(edge_missing)
edge.add_command(edge_sources)
edge.add_command(edge_matters)
edge.add_command(edge_kept)
edge.add_command(edge_own_fact)
edge.add_command(edge_could_see)
edge.add_command(edge_letters)
edge.add_command(edge_log_export)


@edge.command()
@click.argument("folder", type=_FOLDER, default=".")
@click.option("--address", help="urn:nld:oin:<20 digits>:<role>. Needed unless edge.toml is there already.")
@click.option("--name", help="Name of the organisation as other partners show it.")
@click.option("--key-file", type=_FILE, help="File for the store key, outside the folder of the edge.")
@click.option("--passphrase-env", help="Environment variable with the passphrase, instead of --key-file.")
@click.option("--hub", type=_FOLDER, help="Folder of a hub in the same process; with --demo only.")
@click.option("--hub-key", help="The hub's verifier key, from paper.")
@click.option("--demo", is_flag=True, help="Not strict: hub and edge may be in one place. For a demo only.")
@with_screen
def init(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    folder: Path,
    address: str | None,
    name: str | None,
    key_file: Path | None,
    passphrase_env: str | None,
    hub: Path | None,
    hub_key: str | None,
    demo: bool,
) -> None:
    """Make settings, keys, store and first manifest of an edge in FOLDER. Never overwrites.

    An edge.toml that stands there already is used as it is.
    """
    file = folder / EDGE_FILE
    if file.exists():
        if any((address, name, key_file, passphrase_env, hub, hub_key, demo)):
            raise wrong_use(f"{EDGE_FILE} is there already: change it there, and give no options.")
    else:
        if address is None or name is None or (key_file is None) == (passphrase_env is None):
            raise wrong_use("Give --address, --name, and either --key-file or --passphrase-env.")
        file = write_edge_settings(NewEdge(folder, address, name, key_file, passphrase_env, hub, hub_key, demo))
    settings = load_settings(file)
    if (folder / MANIFEST_FILE).exists():
        raise failed(f"{MANIFEST_FILE} is there already and is never overwritten.")
    key = make_store(settings, os.environ)
    with open_edge(settings, NoHub(), key) as made:
        signed = made.init()
    write_new(folder / MANIFEST_FILE, signed.raw)
    screen.answer(
        {
            "settings": str(file),
            "address": settings.config.address,
            "manifest": str(folder / MANIFEST_FILE),
            "fingerprint": signed.fingerprint,
        },
        good(f"The edge {settings.config.address} is made. Its settings are in {file}."),
        plain(
            f"Fingerprint of its manifest; give it to the operator of the hub on paper:\n\n    {signed.fingerprint}\n"
        ),
        note("Back up the store and its key in two different places: without the key nothing in it can be read."),
        plain(f"Next: send {MANIFEST_FILE} to the operator, and fill in the address book partners.toml."),
    )


@edge.command()
@edge_option
@with_screen
def work(screen: Screen, config: Path | None) -> None:
    """One pass: folder in, outbox, pick-up, notices. Run it every minute, or as often as you like."""
    with at_work(config) as (opened, settings), screen.progress("working", 1) as advance:
        if settings.config.hub is None:
            raise failed(f'No hub is set. Name one in {EDGE_FILE}: hub = "https://HOST:PORT", and its hub_key.')
        done = asyncio.run(one_pass(opened, settings.config, MachineClock(settings.config.clock_file)))
        advance(1)
    waiting = len(put_aside(settings.config.quarantine_folder).letters)
    rows = [
        (name.replace("_", " "), value)
        for name, value in asdict(done).items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    screen.answer(asdict(done), table("This pass", ("what", "number"), rows), *_remarks(done, waiting))
    if done.hub_away:
        raise failed("The hub can't be reached now. What was read is kept, and goes out at a later pass.")


def _remarks(done: Pass, letters: int) -> list[RenderableType]:
    found = []
    if done.waits == PERSON:
        found.append(bad("This edge was put back from a copy and waits for a person: see `schakel edge restored`."))
    if done.waits == HUB:
        found.append(
            bad("The hub was put back from a copy. This edge has repeated its stops; the hub waits for others.")
        )
    if not done.published:
        found.append(bad("The hub does not know this edge yet: ask its operator to admit the manifest."))
    if done.quarantined:
        found.append(note("Files were put aside; the folder quarantine holds a report beside each."))
    if done.of_others:
        found.append(note(f"{done.of_others} message(s) were neither from nor to this organisation. {OWN_CODES}"))
    if letters:
        found.append(note(f"{letters} file(s) with letters wait for a person: `schakel edge letters`."))
    return found


@edge.command()
@click.argument("client", required=False)
@click.option("--as", "person", help="Who looks, by name. Without it the account of the machine.")
@click.option("--why", type=click.Choice(list(WHY)), default=HELP, show_default=True, help="What it is looked at for.")
@edge_option
@with_screen
def view(screen: Screen, client: str | None, person: str | None, why: str, config: Path | None) -> None:
    """What the other partners told about CLIENT (the own client number), per task. Without one: every client.

    Who looked is recorded first, and shown to the client who asks: no record, no view.
    """
    with at_desk(config) as (opened, settings):
        seen = opened.clients() if client is None else [opened.client(client)]
        found = look(opened.workplace, opened.identity.book, viewer(person, why), seen)
        name = settings.config.name
        objected = [one.number for one in seen if has_objected(opened.store, one.id)]
    parts: list[RenderableType] = [view_table(name, one) for one in found]
    parts += [note(f"Cliënt {one} heeft bezwaar gemaakt: zie `schakel grant objections {one}`.") for one in objected]
    screen.answer(
        [view_data(one) | {"objected": one.client in objected} for one in found],
        *(parts or [plain("Er is niets verteld.")]),
    )


def view_data(one: ChainView) -> dict[str, object]:
    """A chain view for a program."""
    return {
        "client": one.client,
        "task": asdict(one.task),
        "lines": [
            {
                "day": date_text(line.day),
                "what": line.what,
                "told_by": line.sender_name,
                "told_on": date_text(line.told_on),
                "allocation": line.allocation,
                "late": line.late,
                "note": line.note,
            }
            for line in one.lines
        ],
    }


def view_table(name: str, one: ChainView) -> RenderableType:
    """A chain view for a professional, in Dutch."""
    rows = [
        (
            date_text(line.day),
            line.what,
            line.allocation or "",
            line.sender_name,
            date_text(line.told_on) + (" (laat)" if line.late else ""),
            line.note,
        )
        for line in one.lines
    ]
    title = f"{name}: cliënt {one.client}, {purpose_words(one.task.purpose)} ({LAWS.get(one.task.law, one.task.law)})"
    if one.restored_on is not None:
        title += f"\nTERUGGEZET OP {date_text(one.restored_on)}: wat eerder is verteld, wordt nog aangevuld"
    return table(title, ("datum", "wat", "toewijzing", "verteld door", "verteld op", "opmerking"), rows)


@edge.command()
@edge_option
@with_screen
def outbox(screen: Screen, config: Path | None) -> None:
    """What waits and why, and what asks for a person."""
    with at_desk(config) as (opened, settings):
        lines, held = opened.outbox(), opened.held_lines()
        counts, notes = also_waits(opened, settings.config.quarantine_folder)
    rows = [(one.number, one.kind, one.client, one.recipient, date_text(one.day), one.state, one.why) for one in lines]
    columns = ("nummer", "soort", "cliënt", "voor", "datum", "stand", "waarom")
    parts: list[RenderableType] = [table("Outbox", columns, rows) if rows else good("In de outbox wacht niets.")]
    if held:
        waiting = [
            (
                one.client,
                one.recipient,
                purpose_words(one.purpose),
                GROUNDS.get(one.ground, one.ground),
                date_text(one.until),
            )
            for one in held
        ]
        parts.append(table("Wacht op een besluit", ("cliënt", "voor", "doel", "grond", "tot en met"), waiting))
    parts += notes
    answer = counts | {
        "outbox": [asdict(one) | {"day": date_text(one.day)} for one in lines],
        "held": [asdict(one) | {"until": date_text(one.until)} for one in held],
    }
    screen.answer(answer, *parts)


@edge.command()
@click.argument("client", required=False)
@click.option("--from", "partner", help="Only what was told to this partner (name or address).")
@click.option("--number", type=int, help="Only this one, as `edge told` prints it.")
@click.option("--since", help="Instead of CLIENT: what was put in the outbox from this day (2026-03-31), of everybody.")
@click.option("--until", help="With --since: the last day.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@edge_option
@with_screen
def retract(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str | None,
    partner: str | None,
    number: int | None,
    since: str | None,
    until: str | None,
    yes: bool,
    config: Path | None,
) -> None:
    """Call back what was told about CLIENT: one event, all to one partner, or all. The next pass sends it.

    With --since and --until: everything of those days, when somebody else had this edge.
    """
    if client is None:
        if since is None or until is None or partner is not None or number is not None:
            raise wrong_use("Geef CLIENT, of --since en --until zonder --from en --number.")
        _retract_between(screen, (the_day("--since", since), the_day("--until", until)), yes=yes, config=config)
        return
    if since is not None or until is not None:
        raise wrong_use("Geef CLIENT, of --since en --until, niet allebei.")
    if number is not None and partner is not None:
        raise wrong_use("Geef --number of --from, niet allebei.")
    with at_desk(config) as (opened, settings):
        address = None if partner is None else partner_address(settings, partner)
        if number is not None and number not in {one.number for one in opened.told(client)}:
            raise wrong_use(
                "Onder dit nummer is over deze cliënt niets verteld; `schakel edge told` laat zien wat wel."
            )
        what = "alles wat over deze cliënt is verteld" if number is None else f"nummer {number}"
        if not yes and (screen.as_json or not click.confirm(f"{what[:1].upper()}{what[1:]} terugnemen?")):
            raise wrong_use("Er is niets teruggenomen; met --yes gebeurt het zonder vraag.")
        count = opened.retract_all(client, address) if number is None else int(opened.retract(number))
    screen.answer({"retracted": count}, good(f"{count} bericht(en) worden bij de volgende ronde teruggenomen."))


def _retract_between(screen: Screen, days: tuple[int, int], *, yes: bool, config: Path | None) -> None:
    first, last = days
    if first > last:
        raise wrong_use("--since is later dan --until.")
    what = f"alles wat van {date_text(first)} tot en met {date_text(last)} is verteld, over elke cliënt,"
    if not yes and (screen.as_json or not click.confirm(f"{what[:1].upper()}{what[1:]} terugnemen?")):
        raise wrong_use("Er is niets teruggenomen; met --yes gebeurt het zonder vraag.")
    with at_desk(config) as (opened, _):
        count = opened.retract_between(first, last)
    screen.answer({"retracted": count}, good(f"{count} bericht(en) worden bij de volgende ronde teruggenomen."))


@edge.command()
@click.argument("client")
@edge_option
@with_screen
def told(screen: Screen, client: str, config: Path | None) -> None:
    """What this edge told about CLIENT, to whom, and what was called back."""
    with at_desk(config) as (opened, _):
        found = opened.told(client)
    rows = [(one.number, one.kind, one.recipient, date_text(one.day), one.state) for one in found]
    answer = [asdict(one) | {"day": date_text(one.day)} for one in found]
    screen.answer(answer, table("Verteld", ("nummer", "soort", "aan", "datum", "stand"), rows))


@edge.command()
@click.argument("client")
@click.option("--for", "partner", required=True, help="The partner whose line waits (name or address).")
@click.option("--resume/--end", "resume", default=None, help="Go on as a new grant, or leave it ended.")
@edge_option
@with_screen
def decide(screen: Screen, client: str, partner: str, resume: bool | None, config: Path | None) -> None:
    """Decide about the line about CLIENT that another address stopped: `edge outbox` lists those that wait."""
    if resume is None:
        raise wrong_use("Zeg --resume of --end: vanzelf gaat er niets verder.")
    with at_desk(config) as (opened, settings):
        address, number = partner_address(settings, partner), opened.client(client).number
        names = {address, settings.book.name_of(address)}
        waiting = [one for one in opened.held_lines() if one.client == number and one.recipient in names]
        if not waiting:
            raise wrong_use("Over deze cliënt en deze partner wacht niets op een besluit: zie `schakel edge outbox`.")
        for one in waiting:
            opened.person_decides(one.line, resume=resume)
    lines = "1 lijn" if len(waiting) == 1 else f"{len(waiting)} lijnen"
    goes_on = "gaat verder met een nieuwe toestemming om te delen; de volgende ronde maakt kennis"
    said = f"Besloten over {lines}: dit {goes_on if resume else 'blijft gestopt'}."
    screen.answer({"decided": len(waiting), "resumed": resume}, good(said))


@edge.command()
@click.argument("number", type=int)
@click.option("--tell-again", is_flag=True, help="Tell it after all, marked late, under the newest active grant.")
@edge_option
@with_screen
def settle(screen: Screen, number: int, tell_again: bool, config: Path | None) -> None:
    """Settle what asks for a person in the outbox: NUMBER, as `edge outbox` prints it."""
    with at_desk(config) as (opened, _):
        if tell_again:
            opened.tell_again(number)
        else:
            opened.settle(number)
    said = "wordt bij de volgende ronde alsnog verteld" if tell_again else "is afgehandeld"
    screen.answer({"number": number, "told_again": tell_again}, good(f"Nummer {number} {said}."))


@edge.command()
@click.argument("number", type=int)
@edge_option
@with_screen
def urgent(screen: Screen, number: int, config: Path | None) -> None:
    """Send NUMBER, as `edge outbox` prints it, at the next pass instead of at its own moment, and what must go before it.

    What goes to several partners at once can be seen to belong together by who runs the hub.
    """
    with at_desk(config) as (opened, _):
        count = opened.hurry(number)
    screen.answer({"number": number, "hurried": count}, good(f"{count} bericht(en) gaan bij de volgende ronde weg."))


@edge.group(cls=Group)
def clients() -> None:
    """The list of own clients."""


@clients.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@edge_option
@with_screen
def import_clients(screen: Screen, file: Path, config: Path | None) -> None:
    """Import own clients from a CSV file with the header clientnummer;bsn;taak, with or without ;geboortedatum. All or nothing."""
    with file.open("rb") as opened_file:
        rows = read_clients(opened_file.read(LARGEST + 1))
    with at_desk(config) as (opened, _):
        count = opened.import_clients(rows)
    screen.answer({"imported": count}, good(f"{count} client(s) imported."))
