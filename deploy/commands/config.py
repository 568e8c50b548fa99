# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel config`: what is set, and whether a file is in order."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from adapters.address_book import load_address_book
from adapters.config import EdgeConfig, load_edge_config
from deploy.exits import Exit, wrong_use
from deploy.groups import Group
from deploy.options import EDGE_FILE, HUB_FILE
from deploy.screen import Screen, bad, good, note, table, with_screen
from hub.config import HubConfig, load_hub_config
from schemas.settings import Fault, SettingsError, settings_of, shown

PARTNERS_FILE = "partners.toml"
KINDS = ("hub", "edge", "partners")


@click.group(cls=Group)
def config() -> None:
    """Settings: show what is in force, check a file."""


_FILE = click.argument("file", type=click.Path(path_type=Path), required=False)
_KIND = click.option("--kind", type=click.Choice(KINDS), help="What the file is for, when its name does not tell.")


@config.command()
@_FILE
@_KIND
@with_screen
def show(screen: Screen, file: Path | None, kind: str | None) -> None:
    """Every setting in force, with its meaning. FILE is hub.toml or edge.toml; without it, the one in this folder."""
    found, kind = _find(file, kind)
    if kind == "partners":
        raise wrong_use("An address book has no settings; `schakel config check` checks it.")
    settings: HubConfig | EdgeConfig = load_hub_config(found) if kind == "hub" else load_edge_config(found)
    meanings = {one.name: one for one in settings_of(type(settings))}
    written = tomllib.loads(found.read_text(encoding="utf-8")).keys()
    lines = [
        {
            "name": name,
            "value": value,
            "set": name in written,
            "default": meanings[name].default,
            "unit": meanings[name].unit,
            "meaning": meanings[name].meaning,
        }
        for name, value in shown(settings)
    ]
    rows = [
        (one["name"], one["value"], "set" if one["set"] else "default", f"{one['meaning']} {one['unit']}".strip())
        for one in lines
    ]
    screen.answer(lines, table(str(found), ("setting", "value", "", "meaning"), rows))


@config.command()
@_FILE
@_KIND
@with_screen
def check(screen: Screen, file: Path | None, kind: str | None) -> None:
    """Name every fault of a settings file at once. FILE is hub.toml, edge.toml (with the address book that it names) or
    partners.toml.
    """
    found, kind = _find(file, kind)
    try:
        if kind == "hub":
            load_hub_config(found)
        elif kind == "edge":
            _with_its_book(screen, found, load_edge_config(found).partners_file)
            return
        else:
            load_address_book(found)
    except SettingsError as error:
        faults = [{"path": fault.path, "rule": fault.rule} for fault in error.faults]
        rows = [tuple(one.values()) for one in faults]
        screen.answer({"file": str(found), "faults": faults}, table(str(found), ("where", "what"), rows))
        screen.say(bad(f"{len(faults)} fault(s). Nothing was changed."))
        click.get_current_context().exit(Exit.REFUSED)
    screen.answer({"file": str(found), "faults": []}, good(f"{found} is in order."))


def _with_its_book(screen: Screen, found: Path, book: Path) -> None:
    """Settings of an edge that are in order, and the address book that they name: without it no edge starts.

    Raises:
        SettingsError: faults of the address book, by its own name.
    """
    if not book.is_file():
        missing = note(f"There is no address book at {book} yet; the edge does not start without one.")
        screen.answer({"file": str(found), "faults": []}, good(f"{found} is in order."), missing)
        return
    try:
        load_address_book(book)
    except SettingsError as error:
        raise SettingsError([Fault(book.name + fault.path, fault.rule) for fault in error.faults]) from None
    screen.answer({"file": str(found), "faults": []}, good(f"{found} is in order, and so is its address book {book}."))


def _find(file: Path | None, kind: str | None) -> tuple[Path, str]:
    names = {HUB_FILE: "hub", EDGE_FILE: "edge", PARTNERS_FILE: "partners"}
    if file is None or file.is_dir():
        there = [name for name in names if ((file or Path()) / name).is_file()]
        wanted = [name for name in there if kind in (None, names[name])]
        if not wanted:
            raise wrong_use(f"There is no {HUB_FILE}, {EDGE_FILE} or {PARTNERS_FILE} here. Name the file.")
        file = (file or Path()) / wanted[0]
    if not file.is_file():
        raise wrong_use("There is no such file.")
    if kind is None and file.name not in names:
        raise wrong_use("The name of the file does not tell what it is for; say --kind hub, edge or partners.")
    return file, kind or names[file.name]
