# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub moves its store to PostgreSQL, from one database to another, or back to a file, in the process that has it;
`hub.moving` has the rules.

The gate is closed first: whoever asks is told to try later, and outboxes hold.  When it failed the gate opens again and
the old store goes on; when it was decided the gate stays closed, and the hub starts on the new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.compose import STORE_FILE, STORE_KEYS, Hub, frozen, toml
from deploy.exits import failed, wrong_use
from deploy.finish_move import open_new
from hub import moving_sqlite, sqlite_file
from hub.audit.log import EVERY_MS
from hub.config import HubConfig, load_hub_config
from hub.dsn import is_proven, words_of
from hub.moving import INCOMING, MOVED, Copied, Mark, Place, Point, Target, copy, is_same

TO_FILE = "file"
CLOSED = "the store of this hub is being moved: try again in a moment"


def wanted(config: HubConfig, to: str) -> HubConfig:
    """The settings of the hub after the move.

    Raises:
        Stopped: it can't move there.
    """
    if to == TO_FILE:
        if config.dsn is None:
            raise wrong_use("The store of this hub is a file already.")
        return replace(config, dsn=None)
    try:
        words = words_of(to)
    except ValueError as error:
        raise wrong_use(f"The DSN of --to {error}.") from None
    if config.strict and not is_proven(words):
        raise wrong_use(
            "The DSN of --to names no TLS that proves the server: add sslmode=verify-full, or use a socket."
        )
    after = replace(config, dsn=to)
    if config.dsn is not None and is_same(place_of(config), place_of(after)):
        raise wrong_use("The store of this hub is in that database already.")
    return after


def move_store(hub: Hub, to: str, settings: Path, point: Point = lambda _: None) -> Mapping[str, Any]:
    """Moves the store; what was moved.  After it nothing works with this hub any more.

    Raises:
        Stopped, StoreError: it was not moved, and goes on as it was.
    """
    after = wanted(hub.config, to)
    old, new = place_of(hub.config), place_of(after)
    token = os.urandom(16).hex()
    exchange = hub.exchange
    with exchange.gate.closed(CLOSED):
        exchange.tick()
        now = hub.store.now()
        note = hub.log.checkpoint(now + EVERY_MS)  # the last one of the old store
        with frozen(hub, new, point) as source:
            with _new_store(after, Mark(INCOMING, token, old)) as target:
                copied = copy(source, target, hub.log.opened, hub.log.origin, now, os.urandom(32))
                point("written:before")
            # The new store is there, and closed. A crash here: the old one works on.
            point("written:after")
            # Whatever another machine knows is in this snapshot: in the new store nobody waits for any of them. A crash
            # from here on: at most they are waited for, or this file is told again who they are.
            hub.log.greatest.know(())
            source.mark(Mark(MOVED, token, new))
        # Decided. A crash from here on: the next start on the new store finishes it.
        open_new(after, old, point)
    write_settings(settings, after)
    point("settings:after")
    return _answer(copied, old, new, note)


def place_of(config: HubConfig) -> Place:
    """Where the store of these settings is."""
    if config.dsn is None:
        return moving_sqlite.place_of(config.data_folder)
    from hub import moving_postgres

    return moving_postgres.place_of(config.dsn)


def write_settings(file: Path, after: HubConfig) -> None:
    """Names the new store in the settings file, whole or not at all.

    Raises:
        Stopped: the file can't be changed so; a person does it.
    """
    setting = "take dsn out of it" if after.dsn is None else "set dsn in it to what --to said"
    by_hand = failed(f"The store is moved. {file.name} could not be changed: {setting}, and start the hub.")
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_text(with_dsn(file.read_text(encoding="utf-8"), after.dsn), encoding="utf-8")
        new.chmod(file.stat().st_mode & 0o777)
        if load_hub_config(new) != after:
            raise by_hand
        sqlite_file.sync(new)
        new.rename(file)
        sqlite_file.sync_folder(file.absolute().parent)
    except OSError:
        raise by_hand from None
    finally:
        new.unlink(missing_ok=True)


def with_dsn(text: str, dsn: str | None) -> str:
    """The text of a settings file that names this database, or none; all else stays as it is written."""
    lines = text.splitlines()
    tables = next((place for place, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    kept = [line for line in lines[:tables] if line.partition("=")[0].strip() != "dsn"]
    while kept and dsn is not None and not kept[-1].strip():
        kept.pop()
    named = [] if dsn is None else [f"dsn = {toml(dsn)}", *([""] if lines[tables:] else [])]
    return "\n".join([*kept, *named, *lines[tables:], ""])


@contextmanager
def _new_store(after: HubConfig, mark: Mark) -> Iterator[Target]:
    if after.dsn is None:
        with moving_sqlite.new_file(after.data_folder, STORE_FILE, STORE_KEYS, mark) as target:
            yield target
        return
    from hub.moving_postgres import new_database

    with new_database(after.dsn, after.day_keys_file, mark) as target_database:
        yield target_database


def _answer(copied: Copied, old: Place, new: Place, note: str) -> Mapping[str, Any]:
    return {
        "from": str(old),
        "to": str(new),
        "rows": copied.rows,
        "entries": copied.entries,
        "root": copied.root.hex(),
        "waiting": copied.waiting,
        "lost_keys": copied.lost_keys,
        "checkpoint": int(note.split("\n")[1]),
    }
