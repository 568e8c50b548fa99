# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub`: make a hub; see how it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import RenderableType

from deploy.commands.clock import hub_clock
from deploy.commands.clock import rows as clock_rows
from deploy.commands.doctor import hub_doctor
from deploy.commands.faults import faults
from deploy.commands.hub_machines import hub_machines
from deploy.commands.hub_migrate import hub_migrate
from deploy.commands.hub_restore import hub_backup, hub_recover, hub_restore
from deploy.commands.papers import hub_agreement, hub_dpia, hub_register, hub_roles
from deploy.commands.run import hub_run
from deploy.commands.trace import hub_trace
from deploy.commands.watch import hub_watch, hub_watch_run
from deploy.commands.worker import hub_intake, hub_worker
from deploy.compose import NewHub, make_hub, open_hub
from deploy.doctor_hub import operator_is_partner
from deploy.groups import Group
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.config import HubConfig, load_hub_config
from schemas.small_counts import few

_SECTIONS = {
    "Set it up": ("init", "migrate"),
    "Keep it going": (
        "run",
        "worker",
        "watch-run",
        "status",
        "doctor",
        "trace",
        "faults",
        "intake",
        "watch",
        "clock",
        "machines",
    ),
    "Copies, and the way back": ("backup", "restore", "recover"),
    "Papers": ("dpia", "register-lines", "processor-agreement", "roles"),
}


@click.group(cls=Group, sections=_SECTIONS)
def hub() -> None:
    """Make a hub, run it, see how it is."""


hub.add_command(hub_run)
hub.add_command(hub_worker)
hub.add_command(hub_intake)
hub.add_command(faults)
hub.add_command(hub_clock)
hub.add_command(hub_trace)
hub.add_command(hub_watch)
hub.add_command(hub_watch_run)
hub.add_command(hub_doctor)
hub.add_command(hub_backup)
hub.add_command(hub_restore)
hub.add_command(hub_recover)
hub.add_command(hub_machines)
hub.add_command(hub_migrate)
hub.add_command(hub_dpia)
hub.add_command(hub_register)
hub.add_command(hub_agreement)
hub.add_command(hub_roles)


@hub.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--name", prompt="Name of the hub (a host name)", help="Host name by which its log is known, for ever.")
@click.option("--operator", prompt="Organisation that runs this hub", help="Who runs this hub; it runs no edge.")
@click.option(
    "--controllers",
    prompt="On whose behalf (organisations, separated by ;)",
    help="The organisations on whose behalf it runs, separated by ;",
)
@click.option("--fg-contact", prompt="How the privacy officer (FG) is reached", help="How the FG is reached.")
@click.option("--operator-oin", help="OIN of the organisation that runs this hub, if it has one.")
@click.option(
    "--operator-dpia",
    help="For an operator that is itself a partner: reference of the DPIA in which that was weighed. Asked for when the "
    "operator is one of the controllers.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the key that signs the log goes. Without it: log.key beside the settings.",
)
@click.option("--dsn", help="The PostgreSQL database of the store, as in hub.toml. Without it: a file.")
@with_screen
def init(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    folder: Path,
    name: str,
    operator: str,
    controllers: str,
    fg_contact: str,
    key_file: Path | None,
    dsn: str | None,
    **of_operator: str | None,
) -> None:
    """Make settings, store and log key of a hub in FOLDER. Never overwrites."""
    whose = tuple(one.strip() for one in controllers.split(";") if one.strip())
    if of_operator["operator_dpia"] is None and operator.strip().casefold() in {one.casefold() for one in whose}:
        of_operator["operator_dpia"] = click.prompt(
            "The operator is a partner itself. Reference of the DPIA about that"
        )
    wanted = NewHub(folder, name, operator, whose, fg_contact, key_file, dsn=dsn)
    config = make_hub(
        replace(wanted, operator_oin=of_operator["operator_oin"], operator_dpia=of_operator["operator_dpia"])
    )
    with open_hub(config, traffic=False) as made:
        vkey = made.log.verifier_key
    screen.answer(
        {"settings": str(folder / HUB_FILE), "key_file": str(config.key_file), "verifier_key": vkey},
        good(f"The hub {config.name} is made. Its settings are in {folder / HUB_FILE}."),
        plain(f"Verifier key of its log; give it to every partner on paper:\n\n    {vkey}\n"),
        note(f"Back up the key file of the log apart from the store. {_no_backup(dsn)} goes in no backup at all."),
        plain("Next: fill in the table [gateway], and `schakel partner invite` for every partner."),
    )


def _no_backup(dsn: str | None) -> str:
    return "data/hub.keys" if dsn is None else "day.keys"


@hub.command()
@hub_option
@with_screen
def status(screen: Screen, config: Path | None) -> None:
    """Who runs it, for whom, and how much it holds."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    with open_office(settings) as office:
        answer = office("status", {})
    answer = {**answer, "counts": shown_counts(answer["counts"])}
    permitting, in_force = answer["rules"]["permitting"], answer["rules"]
    rows = [
        ("operator", settings.operator or "-"),
        *([("operator is a partner", f"yes; DPIA {settings.operator_dpia}")] if settings.operator_dpia else []),
        ("controllers", "; ".join(settings.controllers) or "-"),
        ("FG", settings.fg_contact or "-"),
        ("rule table", f"{in_force['version']}, SHA-256 {in_force['hash']}"),
        ("signed", f"{in_force['signed_by']} for {in_force['municipality']} until {in_force['until']}")
        if in_force["signed_by"]
        else ("signed", "by nobody: the national base" if not in_force["own"] else "by nobody"),
        ("log", answer["log"]),
        ("verifier key", answer["verifier_key"]),
        *(("partners, " + state, number) for state, number in answer["partners"].items()),
        *answer["counts"].items(),
        *clock_rows(answer["clock"]),
    ]
    whole = {
        "name": settings.name,
        "strict": settings.strict,
        "test_mode": settings.test_mode,
        "operator": settings.operator,
        "operator_dpia": settings.operator_dpia,
        "controllers": list(settings.controllers),
        "fg_contact": settings.fg_contact,
        **answer,
        "rules_that_permit": permitting,
    }
    screen.answer(
        whole,
        table(f"Hub {settings.name}", ("what", "value"), rows),
        *_warnings(settings, permitting, answer["awaited"], in_force["test_mode_only"]),
    )
    if in_force["over"]:
        screen.say(
            bad("THE SIGNATURE UNDER THE RULE TABLE IS OVER: the hub does not start. Ask the FG to sign it anew.")
        )
    if answer["clock"]["jump_seconds"]:
        screen.say(bad("THE CLOCK IS IN DOUBT: nothing is decided. `schakel hub clock` says what to do."))


def shown_counts(counts: Mapping[str, int]) -> dict[str, int | str]:
    """How much there is, as it is shown: a handful of grants is no number, for each of them is somebody's ground."""
    return {name: few(count) if name == "grants" else count for name, count in counts.items()}


def _warnings(
    settings: HubConfig, permitting: int, awaited: Sequence[str], untested: Sequence[int]
) -> list[RenderableType]:
    found: list[RenderableType] = []
    if awaited:
        found.append(bad(f"IN RECOVERY: partners that it waits for: {len(awaited)}; `schakel hub recover` says which."))
    if settings.operator_dpia:
        found.append(note(operator_is_partner(settings.operator_dpia)))
    if not settings.strict:
        found.append(bad("NOT STRICT: this hub may stand beside an edge. That is for a demo only."))
    if settings.test_mode:
        named = ", ".join(map(str, untested)) or "none"
        found.append(bad(f"TEST MODE: rules are in use whose law text was not read yet: rows {named}."))
    if settings.clock_file is not None:
        found.append(bad("MOVABLE CLOCK: clock_file moves the clock of this hub. That is for a test or a drill only."))
    if not permitting:
        found.append(note("No rule permits anything: every row of the national table still has a cell to be read."))
    return found
