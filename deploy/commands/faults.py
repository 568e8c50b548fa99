# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub faults`: what the hub failed on and set aside.  Asks the running hub, or opens its store when none runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.exits import Exit, refused, wrong_use
from deploy.groups import Group
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.client import RefusedError
from hub.config import load_hub_config
from schemas.codes import SENTENCE, Code


@click.group(cls=Group)
def faults() -> None:
    """Messages that the hub failed on and set aside: list them, try them again, or drop them."""


_NUMBER = click.argument("number", type=click.IntRange(min=1))


@faults.command(name="list")
@hub_option
@with_screen
def list_faults(screen: Screen, config: Path | None) -> None:
    """What was set aside and is not over. Bytes are kept, and a handle is held, for at most seven days."""
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("faults", {})["faults"]
    if not found:
        screen.answer(found, good("Nothing is set aside."))
        return
    rows = [
        (one["number"], one["partner"] or "-", one["day"], "yes" if one["held"] else "no", one["behind"])
        for one in found
    ]
    screen.answer(
        found,
        table("Set aside", ("number", "partner", "day", "handle held", "wait behind it"), rows),
        note("When the cause is gone: `schakel hub faults retry NUMBER`, the lowest number first."),
    )


@faults.command()
@_NUMBER
@hub_option
@with_screen
def retry(screen: Screen, number: int, config: Path | None) -> None:
    """Give what was set aside to the hub's rules again. Whether it passes or is refused, it is over then."""
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office, _told(number):
        answer = office("retry-fault", {"number": number})
    code = Code(answer["outcome"])
    if code is Code.HUB_FAULT:
        screen.answer(answer, bad(f"The hub fails on fault {number} as before. Nothing has changed, but for an entry."))
        screen.say(plain("Give the supplier the version of this hub; or end it: `schakel hub faults drop`."))
        click.get_current_context().exit(Exit.FAILED)
    if code is Code.ACCEPTED:
        screen.answer(answer, good(f"Fault {number} is over: accepted. It waits for its recipient."))
    else:
        screen.answer(answer, plain(f"Fault {number} is over. Its outcome is {code.value}: {SENTENCE[code]}"))


@faults.command()
@_NUMBER
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def drop(screen: Screen, number: int, yes: bool, config: Path | None) -> None:
    """End what was set aside: its bytes are destroyed, its sender is told, and its handle is let go of."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    asks = f"Drop fault {number}? It will never be delivered."
    if not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    with open_office(settings) as office, _told(number):
        answer = office("drop-fault", {"number": number})
    screen.answer(answer, good(f"Fault {number} is dropped. Its sender sees that a person must look."))


@contextmanager
def _told(number: int) -> Iterator[None]:
    """A refusal in words for this."""
    try:
        yield
    except RefusedError as error:
        if error.code is Code.NOT_YOURS:
            raise refused(f"There is no fault {number}, or it is over; `schakel hub faults list` shows them.") from None
        if error.code is Code.KEY_LOST:
            raise refused(
                f"The bytes of fault {number} can't be read any more; all that is left is to drop it."
            ) from None
        raise
