# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit compare`: whether the hub showed two edges the same log.  For the privacy officer, so in Dutch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.compose_edge import load_settings, open_edge, reach_hub, store_key
from deploy.exits import Exit, refused, wrong_use
from deploy.lending import on_loan
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.audit.compare import (
    SEEN_LIMIT,
    Compared,
    Prove,
    Reason,
    SeenError,
    SeenFile,
    Verdict,
    compare,
    compare_with_copy,
    read_seen,
)
from hub.audit.verify import Unsound
from schemas.address import role_of

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

SAYS = {
    Reason.EQUAL: "GELIJK: beide zagen hetzelfde logboek.",
    Reason.EXTENDS: "GELIJK: het ene controlepunt bouwt voort op het andere; het is één logboek.",
    Reason.TWO_ROOTS: "VERSCHILT: de hub tekende voor dezelfde lengte twee verschillende logboeken.",
    Reason.NOT_IN_COPY: "VERSCHILT: een controlepunt past niet bij de kopie van het logboek die de hub tekende.",
    Reason.NO_PROOF: "VERSCHILT: de hub kan niet bewijzen dat het een op het ander voortbouwt.",
    Reason.TWO_MANIFESTS: "VERSCHILT: van één partner zijn twee verschillende manifesten met hetzelfde nummer getoond.",
    Reason.OTHER_LOG: "ONBESLIST: de controlepunten zijn van twee logboeken van deze hub.",
    Reason.NEEDS_PROOF: "ONBESLIST: de lengtes verschillen, en zonder bewijs is niet te zeggen of het één logboek is.",
    Reason.COPY_TOO_SHORT: "ONBESLIST: de kopie van het logboek is ouder dan een van beide, of van een ander logboek.",
}
REMEDY = {
    Reason.EQUAL: "",
    Reason.EXTENDS: "",
    Reason.TWO_ROOTS: "Bewaar beide bestanden: zij bewijzen dit aan iedereen die de sleutel van de hub heeft. Stop de "
    "uitwisseling en bel de verantwoordelijken van de hub en alle partners.",
    Reason.NOT_IN_COPY: "Bewaar beide bestanden en de kopie: samen bewijzen zij dit aan iedereen die de sleutel van de hub "
    "heeft. Stop de uitwisseling en bel de verantwoordelijken van de hub en alle partners.",
    Reason.NO_PROOF: "Bewaar beide bestanden. Vraag de hub om een kopie van het logboek en vergelijk opnieuw met --log; "
    "krijgt u die niet, stop dan de uitwisseling en bel de verantwoordelijken van de hub.",
    Reason.TWO_MANIFESTS: "Bel die partner en vergelijk de vingerafdrukken. Tot dan gaat er niets naar die partner.",
    Reason.OTHER_LOG: "Na een herstel van de hub begint een nieuw logboek. Vraag of dat zo is, laat de edge met het oude "
    "weer werken, en vergelijk opnieuw.",
    Reason.NEEDS_PROOF: "Vergelijk opnieuw met --log KOPIE (een uitvoer van `audit verify --export`) of met --through "
    "EDGE.TOML, waarmee de hub het bewijs wordt gevraagd.",
    Reason.COPY_TOO_SHORT: "Vraag een nieuwe uitvoer van het logboek en vergelijk opnieuw.",
}
ENDS = {Verdict.SAME: Exit.DONE, Verdict.FORKED: Exit.FAILED, Verdict.OPEN: Exit.UNDECIDED}


@click.command(name="compare")
@click.argument("one", type=_FILE)
@click.argument("other", type=_FILE)
@click.option("--key", help="The hub's verifier key, from paper. Or --through.")
@click.option("--log", "copy", type=_FILE, help="A copy of the log (`audit verify --export`): no hub is asked.")
@click.option("--through", type=_FILE, help="Settings of an edge through which the hub is asked for a proof.")
@with_screen
def audit_compare(  # one option each; click passes them by name
    screen: Screen, one: Path, other: Path, key: str | None, copy: Path | None, through: Path | None
) -> None:
    """Compare what two edges saw of the hub (`schakel edge seen`): one log, or a fork.

    Exit 0: one log. 1: a fork. 4: more is needed to tell.
    """
    if copy is not None and through is not None:
        raise wrong_use("Geef --log of --through, niet allebei.")
    files = _seen(one), _seen(other)
    try:
        if through is not None:
            with _hub(through) as (vkey, prove):
                found = compare(*files, key or vkey, prove)
        elif key is None:
            raise wrong_use("Geef --key, de controlesleutel van de hub van papier, of --through.")
        elif copy is not None:
            with copy.open(encoding="utf-8", newline="\n") as lines:
                found = compare_with_copy(*files, key, lines)
        else:
            found = compare(*files, key)
    except (Unsound, UnicodeDecodeError) as error:
        raise refused(f"Niet vergeleken: {error}.") from None
    _tell(screen, found)


def _tell(screen: Screen, found: Compared) -> None:
    rows = [(name, head.origin, head.size, head.root.hex()[:16]) for name, head in zip("12", found.heads, strict=True)]
    mark = {Verdict.SAME: good, Verdict.FORKED: bad, Verdict.OPEN: note}[found.verdict]
    remarks = [plain(REMEDY[found.reason])] if REMEDY[found.reason] else []
    if found.behind:
        names = ", ".join(role_of(address) for address in found.behind)
        remarks.append(
            note(
                f"Van {names} kent de ene edge een nieuwer manifest dan de andere. Is dat morgen nog zo, bel dan de hub."
            )
        )
    answer = {
        "verdict": found.verdict.value,
        "reason": found.reason.value,
        "proof_for_outsiders": found.for_outsiders,
        "checkpoints": [{"origin": head.origin, "size": head.size, "root": head.root.hex()} for head in found.heads],
        "behind": list(found.behind),
    }
    columns = ("bestand", "logboek", "regels", "wortel")
    screen.answer(answer, table("Wat twee edges zagen", columns, rows), mark(SAYS[found.reason]), *remarks)
    if ENDS[found.verdict] is not Exit.DONE:
        click.get_current_context().exit(ENDS[found.verdict])


def _seen(file: Path) -> SeenFile:
    try:
        with file.open(encoding="utf-8", newline="\n") as opened:
            return read_seen(opened.read(SEEN_LIMIT))
    except (SeenError, UnicodeDecodeError):
        raise refused("Een van de bestanden is niet wat `schakel edge seen` schrijft.") from None


@contextmanager
def _hub(file: Path) -> Iterator[tuple[str, Prove]]:
    """The verifier key in the settings of an edge, and the hub as it is reached from there."""
    settings = load_settings(file)
    key = store_key(settings.config, os.environ)
    folder = settings.config.data_folder
    with reach_hub(settings.config) as client, on_loan(folder, lambda: open_edge(settings, client, key)):

        def prove(old: int, new: int) -> Sequence[bytes]:
            return asyncio.run(client.consistency(old, new))

        yield settings.config.hub_key or "", prove
