# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit key|officer|erase|inquiry|sign|carry-out`: what controller and FG decide about the log together.

A key is made and used on its owner's own machine, where no hub runs; the order goes from machine to machine as a file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deploy.compose import write_new
from deploy.dutch_orders import WHO, orders_in_dutch
from deploy.exits import failed, refused, wrong_use
from deploy.given import day_if_given
from deploy.groups import Group
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, note, plain, table, with_screen
from hub.config import load_hub_config
from schemas.calendar import date_text
from schemas.order import CLOSE, ERASE, OPEN, REASONS, ROLES, SignedOrder, as_text, from_text
from schemas.signing import SigningKey

_NEW = click.Path(path_type=Path, dir_okay=False)
_THERE = click.Path(path_type=Path, exists=True, dir_okay=False)
_ROLE = click.Choice(ROLES)
_KEY_FILE = "schakel officer key v1"
_SEED = 32
_WHAT: Mapping[str, str] = {ERASE: "regels wissen", OPEN: "een onderzoek openen", CLOSE: "een onderzoek sluiten"}
_WHY: Mapping[str, str] = {
    "authority": "verzoek van de toezichthouder",
    "citizen": "verzoek van een burger",
    "complaint": "klacht",
    "court": "uitspraak van de rechter",
    "done": "afgerond",
    "incident": "incident",
    "mistake": "vergissing",
    "unlawful": "had niet vastgelegd mogen worden",
    "withdrawn": "ingetrokken",
}
_RANGES_SHOWN = 10


@click.command()
@click.argument("role", metavar="ROLE", type=_ROLE)
@click.argument("file", type=_NEW)
@with_screen
def key(screen: Screen, role: str, file: Path) -> None:
    """Make the key by which the controller or the FG (ROLE) signs, into FILE; on your own machine, without a hub."""
    made = SigningKey(os.urandom(_SEED))
    if file.exists():
        raise failed("Dit bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
    write_new(file, f"{_KEY_FILE}\nrole {role}\nseed {made.seed.hex()}\n".encode())
    screen.answer(
        {"file": str(file), "role": role, "public": made.public.hex()},
        good(f"De sleutel van {WHO[role]} staat in {file}. Bewaar hem zelf en deel hem met niemand."),
        plain(f"Geef dit openbare deel aan de beheerder van de hub: {made.public.hex()}"),
        note(f"De beheerder voert in: schakel audit officer {role} {made.public.hex()}"),
    )


@click.command()
@click.argument("role", metavar="[ROLE]", type=_ROLE, required=False)
@click.argument("public", required=False)
@hub_option
@with_screen
def officer(screen: Screen, role: str | None, public: str | None, config: Path | None) -> None:
    """Register the PUBLIC key of a ROLE, for all to see in the log; without arguments: who may sign, and since when."""
    if (role is None) != (public is None):
        raise wrong_use("Geef een rol en haar openbare sleutel, zoals `schakel audit key` die gaf, of geen van beide.")
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        if role is not None:
            _done(office("officer", {"role": role, "public": public}))
        found = office("officers", {})
    rows = [(WHO[one["role"]], one["public"][:16], one["since"], one["counts_from"]) for one in found["officers"]]
    shown = table("Wie over het logboek beslissen", ("wie", "sleutel", "sinds", "telt voor wissen vanaf"), rows)
    still = "Er loopt een onderzoek: zolang wordt er niets gewist."
    screen.answer(found, shown, note(still) if found["inquiry"] is not None else plain("Er loopt geen onderzoek."))


@click.command()
@click.argument("file", type=_NEW)
@click.option("--reason", type=click.Choice(REASONS[ERASE]), required=True, help="Why; only this code is logged.")
@click.option("--first", type=click.IntRange(min=0), help="Only entries from this index on.")
@click.option("--last", type=click.IntRange(min=0), help="Only entries up to and with this index.")
@click.option("--from", "begin", help="Only entries from this day on, YYYY-MM-DD.")
@click.option("--until", "until", help="Only entries up to and with this day, YYYY-MM-DD.")
@click.option("--partner", help="Only entries about this address or role.")
@hub_option
@with_screen
def erase(screen: Screen, file: Path, config: Path | None, **wanted: Any) -> None:
    """Write an order to erase entries into FILE.  Nothing is erased until controller and FG have signed it."""
    if all(value is None for name, value in wanted.items() if name != "reason"):
        raise wrong_use("Zeg welke regels: --first, --last, --from, --until of --partner.")
    wanted["first_day"] = day_if_given("--from", wanted.pop("begin"))
    wanted["last_day"] = day_if_given("--until", wanted.pop("until"))
    made = _ordered(file, config, "order-erase", wanted)
    stay = f"{made['stay']} andere regels passen ook, maar mogen nog niet of nooit gewist worden: zij blijven staan."
    _tell_made(screen, file, made, *([note(stay)] if made["stay"] else []))


@click.group(cls=Group)
def inquiry() -> None:
    """While an inquiry is open nothing is erased, not by anybody nor by a term."""


def _inquiry(name: str, kind: str, about: str) -> click.Command:
    @click.argument("file", type=_NEW)
    @click.option("--reason", type=click.Choice(REASONS[kind]), required=True, help="Why; only this code is logged.")
    @hub_option
    @with_screen
    def run(screen: Screen, file: Path, reason: str, config: Path | None) -> None:
        _tell_made(screen, file, _ordered(file, config, "order-inquiry", {"kind": kind, "reason": reason}))

    return click.command(name=name, help=about)(run)


inquiry.add_command(_inquiry("open", OPEN, "Write an order to open an inquiry into FILE; controller or FG signs it."))
inquiry.add_command(_inquiry("close", CLOSE, "Write an order to close it into FILE; controller and FG sign it."))


def _ordered(file: Path, config: Path | None, what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if file.exists():
        raise failed("Dit bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        made = _done(office(what, values))
    write_new(file, made.pop("order").encode())
    return made


def _tell_made(screen: Screen, file: Path, made: dict[str, Any], *notes: object) -> None:
    order = _order(file)
    next_step = "Laat nu tekenen, ieder op de eigen machine: schakel audit sign"
    screen.answer({"file": str(file), **made}, *_shown(order), *notes, plain(f"{next_step} {file.name} SLEUTELBESTAND"))  # type: ignore[arg-type]  # all are parts of a screen


@click.command()
@click.argument("file", type=_THERE)
@click.argument("key_file", metavar="KEY", type=_THERE)
@click.option("--yes", is_flag=True, help="Do not ask; you have read the order.")
@with_screen
def sign(screen: Screen, file: Path, key_file: Path, yes: bool) -> None:
    """Sign the order in FILE with the key of your role, on your own machine, once you have read what it says."""
    role, seed = _read_key(key_file)
    order = _order(file)
    if not yes:
        if screen.as_json:
            raise wrong_use("Bij --json hoort --yes: er kan niets worden gevraagd.")
        screen.say(*_shown(order))
        click.confirm(f"Tekenen als {WHO[role]}?", abort=True)
    with orders_in_dutch():
        signed = order.sign(role, SigningKey(seed))
    _replace(file, as_text(signed))
    screen.answer({"file": str(file), **_fields(signed)}, good(f"Getekend als {WHO[role]}."), *_shown(signed))


@click.command(name="carry-out")
@click.argument("file", type=_THERE)
@hub_option
@with_screen
def carry_out(screen: Screen, file: Path, config: Path | None) -> None:
    """Do what the signed order in FILE says, at the hub; what was erased does not come back."""
    order = _order(file)
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        done = _done(office("carry-out", {"order": as_text(order)}))
    erased = f" {done['erased']} regels zijn gewist; hun bladen en alle bewijzen blijven." if done["erased"] else ""
    screen.answer(done, good(f"Gedaan: {_WHAT[order.order.kind]}; het staat in logboekregel {done['entry']}.{erased}"))


def _done(answer: Mapping[str, Any]) -> dict[str, Any]:
    if "not" in answer:
        raise refused(str(answer["not"]))
    return dict(answer)


def _fields(signed: SignedOrder) -> dict[str, Any]:
    order = signed.order
    return {
        "kind": order.kind,
        "hub": order.hub,
        "day": date_text(order.day),
        "reason": order.reason,
        "entries": order.count,
        "ranges": [list(pair) for pair in order.ranges],
        "signed": [role for role, _, _ in signed.signatures],
    }


def _shown(signed: SignedOrder) -> tuple[Any, ...]:
    order = signed.order
    ranges = [f"{first}" if end == first + 1 else f"{first} t/m {end - 1}" for first, end in order.ranges]
    more = f" en nog {len(ranges) - _RANGES_SHOWN} reeksen" if len(ranges) > _RANGES_SHOWN else ""
    rows = [
        ("wat", _WHAT[order.kind]),
        ("hub", order.hub),
        ("gemaakt op", date_text(order.day)),
        ("reden", _WHY[order.reason]),
        *([("aantal regels", order.count), ("regels", ", ".join(ranges[:_RANGES_SHOWN]) + more)] if ranges else []),
        ("getekend door", ", ".join(WHO[role] for role, _, _ in signed.signatures) or "nog niemand"),
    ]
    return (table("Opdracht", ("", ""), rows),)


def _order(file: Path) -> SignedOrder:
    with orders_in_dutch():
        return from_text(_text(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise refused("Dit is geen opdracht: het is geen gewone tekst.") from None


def _replace(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    write_new(new, text.encode())
    # On disk under another name. A crash here: the order is as it was, and is signed again.
    new.replace(file)


def _read_key(file: Path) -> tuple[str, bytes]:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise failed(f"Anderen dan de eigenaar kunnen deze sleutel lezen. Geef eerst `chmod 600 {file.name}`.")
    lines = _text(file).split("\n")
    try:
        role, seed = lines[1].removeprefix("role "), bytes.fromhex(lines[2].removeprefix("seed "))
    except (IndexError, ValueError):
        role, seed = "", b""
    if lines[0] != _KEY_FILE or role not in ROLES or len(seed) != _SEED:
        raise refused("Dit is geen sleutel van `schakel audit key`.")
    return role, seed


COMMANDS = (key, officer, erase, inquiry, sign, carry_out)
