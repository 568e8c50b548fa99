# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit search|explain|replay` and `schakel grant explain`: what the log knows, and why it was so decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from consent.rules import national
from deploy.dutch import GROUNDS
from deploy.dutch_decisions import DECISIONS, FACTS, MOMENTS, REPLAYED, organisation
from deploy.entries import KINDS, pages
from deploy.exits import Exit, failed, refused, wrong_use
from deploy.given import day_if_given
from deploy.log_reading import read_log
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.audit.export import EXPORT_MAGIC, read_export
from hub.audit.replay import Report, replay
from hub.config import load_hub_config
from schemas.codes import Code
from schemas.entry import Entry

_ID = re.compile(r"[0-9a-fA-F]{32}")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_CODES = click.Choice([code.value for code in Code])
_SHOWN = 20


@click.command()
@click.option("--partner", help="Only entries about this address or role.")
@click.option("--row", type=click.IntRange(min=1), help="Only about messages that relied on this row.")
@click.option("--code", help="Only entries with this code, such as not-active.")
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--from", "begin", help="Only from this day on, YYYY-MM-DD.")
@click.option("--until", help="Only up to and with this day, YYYY-MM-DD.")
@click.option("--outcome", type=_CODES, help="Only about messages that ended so, such as expired.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="First index shown.")
@click.option("--most", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many entries.")
@hub_option
@with_screen
def search(screen: Screen, config: Path | None, **asked: Any) -> None:
    """The entries that fit all of this: a list, never a count."""
    asked["first_day"] = day_if_given("--from", asked.pop("begin"))
    asked["last_day"] = day_if_given("--until", asked.pop("until"))
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("search", asked)
    rows = [
        (
            one["index"],
            one["day"],
            one["kind"],
            " -> ".join(map(organisation, one["partners"])),
            one["row"],
            one["code"],
        )
        for one in found["entries"]
    ]
    columns = ("nummer", "dag", "soort", "partners", "regel", "code")
    more = (
        note(f"Er zijn er meer: vraag verder met --after {found['entries'][-1]['index'] + 1}.")
        if found["more"]
        else plain("")
    )
    nothing = plain("Geen regel van het logboek past hierbij.")
    screen.answer(found, *((table("Gevonden in het logboek", columns, rows), more) if rows else (nothing,)))


@click.command()
@click.argument("message", metavar="ID")
@hub_option
@with_screen
def explain(screen: Screen, message: str, config: Path | None) -> None:
    """Why the message ID (32 hexadecimals) was accepted or refused: which row, which table, which facts."""
    if not _ID.fullmatch(message):
        raise wrong_use(
            "De id van een bericht is 32 hexadecimale tekens; bij de afzender toont `schakel edge trace NUMMER` hem."
        )
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("explain", {"id": message.lower()})["explanation"]
    if found is None:
        raise failed(
            "Geen regel van het logboek gaat over deze id. Het bericht kwam hier nooit, of het is bij de eerste controles "
            "geweigerd (die bewaren niets), of de regel is gewist: dan kan niemand meer zeggen waarom er zo besloten is."
        )
    _show(screen, "Waarom is dit zo besloten?", {"message": message.lower(), **found})


@click.command(name="explain")
@click.argument("handle", metavar="HANDLE")
@click.option("--at", "moment", help="The day, YYYY-MM-DD (a time after it is taken as that day). Without it: today.")
@hub_option
@with_screen
def explain_grant(screen: Screen, handle: str, moment: str | None, config: Path | None) -> None:
    """What the hub knew of HANDLE (32 hexadecimals) on a day, and whether anything would have passed under it."""
    if not _ID.fullmatch(handle):
        raise wrong_use("Een schuilnaam is 32 hexadecimale tekens: de naam van een toelating voor één maand.")
    day = day_if_given("--at", None if moment is None else moment[:10])
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("explain-grant", {"handle": handle.lower(), "day": day})["explanation"]
    _show(screen, "Wat wist de hub van deze schuilnaam?", {"handle": handle.lower(), **found})


def _show(screen: Screen, title: str, found: Mapping[str, Any]) -> None:
    rows = [
        ("dag", found["day"]),
        ("regel", found["row"]),
        ("wet en doel", " / ".join(one for one in (found["law"], found["purpose"]) if one)),
        ("grond", GROUNDS.get(found["ground"], found["ground"])),
    ]
    rows += [
        (
            f"tabel van {organisation(one['address'])}",
            f"{one['version']}, {one['hash'][:16]}"
            + ("" if one["manifest"] is None else f", genoemd in logboekregel {one['manifest']}"),
        )
        for one in found["tables"]
    ]
    rows += [
        (
            f"feit in logboekregel {one['entry']}",
            f"{one['day']}, {FACTS.get(one['kind'], one['kind'])} door {organisation(one['signer'])}",
        )
        for one in found["facts"]
    ]
    rows += [
        (
            f"besluit in logboekregel {one['entry']}",
            f"{one['day']}, {MOMENTS.get(one['moment'], one['moment'])}: {_decided(one['code'])}; {_replayed(one['replayed'])}",
        )
        for one in found["decisions"]
    ]
    screen.answer(found, plain(found["sentence"]), table(title, ("", ""), rows))


def _decided(code: str) -> str:
    return DECISIONS[Code(code)] if code in {one.value for one in DECISIONS} else code


def _replayed(result: str) -> str:
    return REPLAYED.get(result, f"VALT ANDERS UIT: {result}")


@click.command(name="replay")
@click.option("--export", "given", type=_FILE, help="Replay this export instead; needs no hub.")
@click.option("--test-mode", is_flag=True, help="With --export: the hub works with rules whose law text was not read.")
@hub_option
@with_screen
def replay_log(screen: Screen, given: Path | None, test_mode: bool, config: Path | None) -> None:
    """Take every decision of the log again: the same, another (there must be none), or not decidable and why."""
    if given is not None:
        with given.open(encoding="utf-8", newline="\n") as lines:
            if next(lines, "").rstrip("\n") != EXPORT_MAGIC:
                raise refused("Dit is geen uitvoer van een logboek: de eerste regel is een andere.")
            report = replay(read_export(lines), national(test_mode))
    else:
        settings = load_hub_config(settings_file(config, HUB_FILE))
        with read_log(settings) as log, screen.progress("elk besluit opnieuw nemen", log.size) as advance:
            entries = (one for _, page in _told(pages(log, 0, log.size), advance) for one in page)
            report = replay(entries, national(settings.test_mode))
    _tell(screen, report)


def _told(
    found: Iterable[tuple[int, list[Entry]]], advance: Callable[[int], None]
) -> Iterator[tuple[int, list[Entry]]]:
    for first, page in found:
        yield first, page
        advance(len(page))


def _tell(screen: Screen, report: Report) -> None:
    reasons: dict[str, int] = {}
    for why in report.why.values():
        reasons[why] = reasons.get(why, 0) + 1
    sound = not report.differs and not report.unaccounted
    answer = {
        "sound": sound,
        "same": report.same,
        "differs": [asdict(one) for one in report.differs],
        "not_decidable": [{"index": index, "why": report.why[index]} for index in report.not_decidable],
        "erased_unlawfully": report.unaccounted,
    }
    rows = [("valt opnieuw hetzelfde uit", report.same), ("valt anders uit", len(report.differs))]
    rows += [(REPLAYED[why], count) for why, count in sorted(reasons.items())]
    verdict = [
        bad(f"KLOPT NIET: logboekregel {one.index} zegt {one.logged}; uit de regels ervoor volgt {one.recomputed}.")
        for one in report.differs[:_SHOWN]
    ]
    verdict += [
        bad(f"KLOPT NIET: logboekregel {index} is gewist zonder dat het mocht.")
        for index in report.unaccounted[:_SHOWN]
    ]
    screen.answer(
        answer,
        table("Elk besluit opnieuw genomen", ("uitkomst", "aantal"), rows),
        *(verdict or [good("KLOPT: geen besluit valt anders uit, en niets is gewist zonder dat het mocht.")]),
    )
    if not sound:
        click.get_current_context().exit(Exit.FAILED)


COMMANDS = (search, explain, replay_log)
