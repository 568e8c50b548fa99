# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The end of a move of a hub's store, by whoever opens the new one first: the mover itself, or the next start.

In this order: the old store says that the move is decided; the old keys of payloads go, so that what is destroyed in
the new store is destroyed in the old one and its copies too; the new store opens.  Each may be done twice.

From one database to another the keys of the days stay, as they are those of both: an old database is then like a copy of
it, and its payloads open until the keys of their days go.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub import moving_sqlite
from hub.config import HubConfig
from hub.moving import FILE, Place, UnfinishedMoveError

DATABASE, KEYS = "hub.db", "hub.keys"


def finish_move(config: HubConfig, error: UnfinishedMoveError) -> None:
    """Opens the store of these settings, into which a move was begun, if that was decided.

    Raises:
        UnfinishedMoveError: it was not: the old store is the one in use.
        StoreError: the old store can't be asked.
    """
    old, token = error.mark.elsewhere, error.mark.token
    if not _is_decided(old, token):
        raise error
    open_new(config, old)


def open_new(config: HubConfig, old: Place, point: Callable[[str], None] = lambda _: None) -> None:
    """The move into the store of these settings is decided: the old keys go, and it opens."""
    point("keys:before")
    if old.kind == FILE:
        moving_sqlite.let_keys_go(Path(old.where) / KEYS)
    elif config.dsn is None:
        from hub import moving_postgres

        moving_postgres.let_keys_go(config.day_keys_file)
    point("keys:after")
    # The old store opens no payload any more. A crash here: the next start does the rest.
    if config.dsn is None:
        moving_sqlite.open_up(config.data_folder / DATABASE)
    else:
        from hub import moving_postgres

        moving_postgres.open_up(config.dsn)
    point("open:after")


def _is_decided(old: Place, token: str) -> bool:
    if old.kind == FILE:
        return moving_sqlite.is_decided(Path(old.where) / DATABASE, token)
    from hub import moving_postgres

    return moving_postgres.is_decided(old.where, token)
