# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub with a store full of something of everything, for tests that move it."""

from __future__ import annotations

from pathlib import Path

from deploy.compose import NewHub, make_hub, open_hub
from deploy.move import move_store, place_of, wanted
from hub.config import HubConfig, load_hub_config
from hub.moving import Point
from hub.store import Join, Step, Store, StoreError
from schemas.entry import committed
from tests.store_steps import RECIPIENT, SENDER, bytes_of, grant, handle, message, wrapped

NOW = 1_795_000_000_000
DAY_MS = 86_400_000


def new_hub(folder: Path, dsn: str | None = None) -> HubConfig:
    """A hub that nobody has used."""
    return make_hub(NewHub(folder, "hub.example.nl", "operator", ("partner",), "fg@example.nl", dsn=dsn))


def settings(folder: Path) -> HubConfig:
    """As its file says now."""
    return load_hub_config(folder / "hub.toml")


def moved(folder: Path, to: str, point: Point = lambda _: None) -> object:
    """Moves the store of the hub in this folder."""
    with open_hub(settings(folder), lambda: NOW + 1_000, traffic=False) as hub:
        return move_store(hub, to, folder / "hub.toml", point)


def takes_commits(config: HubConfig) -> bool:
    """Whether the store of these settings can be opened, and writes."""
    try:
        with open_hub(config, lambda: NOW + 2_000, traffic=False) as hub:
            hub.exchange.probe()
    except StoreError:
        return False
    return True


def writable(one: HubConfig, to: str) -> list[str]:
    """The kinds of those of two stores that take a commit."""
    both = (one, wanted(one, to))
    return [place_of(config).kind for config in both if takes_commits(config)]


def many(store: Store, count: int, *, recipient: int = RECIPIENT, now: int = NOW, page: int = 2_000) -> None:
    """Commits so many waiting envelopes, each under a handle of its own."""
    for first in range(0, count, page):
        names = [f"{first + place}" for place in range(min(page, count - first))]
        at = now - DAY_MS * (1 + first // page % 6)
        step = Step(at, registers=[grant(name, recipient=recipient, forget=50_000) for name in names])
        step.entries = [committed([1, 20_775, "test", name], bytes_of("salt " + name, 32)) for name in names]
        payload = wrapped()
        step.joins = [
            Join(
                message(name), bytes_of("sha " + name, 32), SENDER, recipient, handle(name), place, at, now + DAY_MS,
                payload, bytes_of("key " + name, 32),
            )
            for place, name in enumerate(names)
        ]  # fmt: skip
        store.commit(step)
