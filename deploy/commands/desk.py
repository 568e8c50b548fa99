# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The edge that a command works with: its store, borrowed when it runs, with or without its way to the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.edge import Edge
from deploy.compose_edge import NoHub, Settings, load_settings, open_edge, reach_hub, store_key
from deploy.lending import on_loan
from deploy.options import EDGE_FILE, settings_file


@contextmanager
def at_desk(config: Path | None) -> Iterator[tuple[Edge, Settings]]:
    """The edge of a command that needs no hub; one that runs lends its store.  It opens also when the signature under
    its rule table is over: what a person refuses must not wait for one."""
    settings = load_settings(settings_file(config, EDGE_FILE))
    key = store_key(settings.config, os.environ)
    with on_loan(settings.config.data_folder, lambda: open_edge(settings, NoHub(), key, lapsed=True)) as opened:
        yield opened, settings


@contextmanager
def at_work(config: Path | None, *, stopping: bool = False) -> Iterator[tuple[Edge, Settings]]:
    """The edge of a command that tells the hub something, now when it can be reached, else at a later pass.
    `stopping`: it only stops, so it opens also when the signature under its rule table is over."""
    settings = load_settings(settings_file(config, EDGE_FILE))
    key = store_key(settings.config, os.environ)
    folder = settings.config.data_folder
    with reach_hub(settings.config) as client:
        edge = lambda: open_edge(settings, client, key, lapsed=stopping)  # noqa: E731  # what is lent, when it is
        with on_loan(folder, edge) as opened:
            yield opened, settings
