# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The demo: tells the story, then shows what each partner sees, what the hub knows, and that the log holds.

Every step looks whether it did what it says; what the hub knows is found by searching its folder.  `tell` says whether
all of it held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import RenderableType

from consent.rules import national
from deploy.commands.edge import view_data, view_table
from deploy.compose import machine_clock
from deploy.entries import pages
from deploy.screen import Screen, bad, good, note, plain, table
from deploy.story.case import STEPS
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, World, make_world, open_world
from hub.audit import verify as outsider
from hub.audit.export import write_export
from hub.audit.replay import replay

BeforeSearch = Callable[[Path], None]


def tell(folder: Path, screen: Screen, kept: bool, before_search: BeforeSearch | None = None) -> bool:
    """The whole story in `folder`; whether it held.  `before_search` is for who wants to see the search fail.

    Raises:
        StoryError: a step did not do what it says.
    """
    screen.say(note("All of this is in one place. That is for the demo only: a hub never stands beside an edge."))
    screen.say(
        note("Everything leaves at once here; else it leaves over two working days, each at its own moment."), ""
    )
    make_world(folder)
    told = []
    with open_world(folder, DemoClock(machine_clock())) as world:
        for number, step in enumerate(STEPS, 1):
            sentences = step.tell(world)
            told.append({"step": step.title, "happened": sentences})
            screen.say(good(f"{number}. {step.title}"), *(plain("   " + one) for one in sentences))
        screen.say("")
        views = _views(world, screen)
        if before_search is not None:
            before_search(folder)
        hub = _hub_knows(world, screen)
        log = _log(world, screen)
    ok = not hub["found"] and bool(log["sound"])
    screen.say(*_what_next(folder, kept=kept))
    screen.answer({"story": told, "views": views, "hub": hub, "log": log, "ok": ok})
    return ok


def _views(world: World, screen: Screen) -> dict[str, object]:
    answer: dict[str, object] = {}
    for desk in (world.team, world.provider, world.practice):
        found = [view for client in desk.edge.clients() for view in desk.edge.view(client.number)]
        answer[desk.who.name] = [view_data(one) for one in found]
        screen.say(*(view_table(desk.who.name, one) for one in found), "")
    return answer


def _hub_knows(world: World, screen: Screen) -> dict[str, object]:
    """What stands at the hub, and whether anything of the story does: while envelopes waited, and now."""
    world.look()
    counts = world.hub.store.counts()
    files = sorted(path for path in (world.folder / "hub").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    sought = [label for label, _ in CITIZEN.secrets().all()]
    rows = [(name, number) for name, number in counts.items()]
    found = sorted(set(world.traces))
    verdict: list[RenderableType] = [
        plain(
            f"Looked {world.looked} times through all {len(files)} files of the hub ({size:,} bytes), with every key"
        ),
        plain(f"it has, for: {', '.join(sought)};"),
        plain("in every spelling, and as hashes and keyed hashes of them."),
    ]
    verdict += [bad(f"FOUND: {one.label} in {one.file} ({one.form}).") for one in found]
    if not found:
        verdict.append(good("Nothing of it is there. The hub knows addresses, rules, days, and temporary handles."))
    screen.say(table("What the hub knows", ("what", "number"), rows), *verdict, "")
    return {"counts": counts, "looked": world.looked, "sought": sought, "found": [asdict(one) for one in found]}


def _log(world: World, screen: Screen) -> dict[str, object]:
    world.clock.pass_by()
    log, store = world.hub.log, world.hub.store
    newest, size = log.checkpoint(world.clock()), store.head().size
    entries = [item for _, page in pages(store, 0, size) for item in page]
    report = outsider.verify_export(write_export(entries, [newest]), log.verifier_key)
    replayed = replay(entries, national(world.hub.config.test_mode))
    sound = report.ok and not replayed.differs
    if sound:
        verdict = good(
            f"The log is SOUND: {size} entries give the root that the hub signed, and {replayed.same} decisions, "
            "taken again from the entries alone, come out the same."
        )
    else:
        verdict = bad("The log is NOT SOUND.")
    screen.say(verdict, "")
    return {"sound": sound, "entries": size, "same": replayed.same, "differs": len(replayed.differs)}


def _what_next(folder: Path, *, kept: bool) -> list[RenderableType]:
    if not kept:
        return [plain("Try next: schakel demo --keep DIR   leaves everything, for the other commands to work on.")]
    lines = [
        "Try next:",
        f"  schakel edge view --config {folder}/huisarts          what the GP was told",
        f"  schakel grant list --all --config {folder}/team-wmo   who is told about whom",
        f"  schakel audit show --config {folder}/hub              what the log says",
        f"  schakel audit verify --config {folder}/hub            whether it holds",
        f"  put an iWmo message in {folder}/team-wmo/in and run: schakel edge work --config {folder}/team-wmo",
    ]
    return [plain(line) for line in lines]
