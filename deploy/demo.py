# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The demo: tells the story, then shows what each partner sees, what the hub knows, and that the log holds.

Every step looks whether it did what it says; what the hub knows is found by searching its folder.  `tell` says whether
all of it held.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding

from adapters.looks import look
from deploy.commands.edge import view_data
from deploy.compose import machine_clock
from deploy.dutch import closed_by, who_is_asked
from deploy.entries import pages
from deploy.screen import Screen, bad, good, note, plain, table
from deploy.story.case import must
from deploy.story.story import THE_HOUSEHOLD, Story
from deploy.story.words import asked_of, meant, why_closed
from deploy.story.world import DemoClock, World, make_world, open_world
from deploy.viewer import viewer
from hub.audit import verify as outsider
from hub.audit.export import write_export
from hub.audit.replay import replay

BeforeSearch = Callable[[Path], None]


def tell(
    folder: Path,
    screen: Screen,
    kept: bool,
    before_search: BeforeSearch | None = None,
    story: Story = THE_HOUSEHOLD,
) -> bool:
    """The whole story in `folder`; whether it held.  `before_search` is for who wants to see the search fail.

    Raises:
        StoryError: a step did not do what it says.
    """
    screen.say(
        plain(
            "A household and those who help it: the grandmother gets support at home, her daughter asks for a benefit, and her "
            "grandson gets help as a child. Those who help tell each other that something moved, and nothing else. "
            "A row is a row of the rules: who may tell whom, what for, on which ground. `schakel rules show 5` shows row 5. "
            "Words in Dutch are those on the screens of professionals."
        ),
        "",
        note("For the demo only: all of this is in one place. A hub never stands beside an edge."),
        note("For the demo only: of every row that permits something, part of the law was not read yet."),
        note(
            "For the demo only: everything leaves at once. Else it is spread over two working days, each at its own moment."
        ),
        "",
    )
    make_world(folder, story.partners)
    told = []
    clock = DemoClock(story.begins(machine_clock()))
    with open_world(folder, clock, story.partners, story.secrets) as world:
        screen.say(_who_takes_part(world), "")
        for number, step in enumerate(story.steps, 1):
            sentences = step.tell(world)
            told.append({"step": step.title, "happened": sentences})
            screen.say(good(f"{number}. {step.title}"), *(_indented(one) for one in sentences))
        screen.say("")
        views = _views(world, screen, story)
        asked = _who_is_asked(world, screen, story)
        if before_search is not None:
            before_search(folder)
        hub = _hub_knows(world, screen, story)
        log = _log(world, screen)
    ok = not hub["found"] and bool(log["sound"])
    screen.say(*_what_next(folder, kept=kept))
    screen.answer({"story": told, "views": views, "asked": asked, "hub": hub, "log": log, "ok": ok})
    return ok


def _indented(sentence: str) -> RenderableType:
    """A sentence under its step, also where it takes more lines."""
    return Padding(plain(sentence), (0, 0, 0, 3), expand=False)


def _who_takes_part(world: World) -> RenderableType:
    rows = []
    for desk in world.desks.values():
        config = desk.settings.config
        rows.append((desk.who.name, ", ".join(dict.fromkeys(config.formats_in.values())), config.notices_out))
    title = f"{len(rows)} partners, one hub. Each has an edge of its own, and its system keeps its own format"
    return table(title, ("partner", "writes", "reads"), rows)


def _views(world: World, screen: Screen, story: Story) -> dict[str, object]:
    """What stands in the chain views, all of them in one table."""
    answer: dict[str, object] = {}
    rows = []
    for desk in world.desks.values():
        edge, who = desk.edge, viewer("demo")
        found = [
            (client, view)
            for client in edge.clients()
            for view in look(edge.workplace, edge.identity.book, who, [client])
        ]
        answer[desk.who.name] = [
            view_data(view) | {"about": _called(story, client.bsn, client.number)} for client, view in found
        ]
        lines = [
            (_called(story, client.bsn, client.number), meant(line.what), line.sender_name)
            for client, view in found
            for line in view.lines
        ]
        rows += [(desk.who.name if first else "", *line) for first, line in _firsts(lines or [("-", "nothing", "-")])]
    columns = ("who", "sees of the", "what", "told by")
    screen.say(table("What each partner sees, and nothing else (nobody verified it)", columns, rows), "")
    return answer


def _firsts(lines: list[tuple[str, str, str]]) -> Iterator[tuple[bool, tuple[str, str, str]]]:
    return ((place == 0, line) for place, line in enumerate(lines))


def _called(story: Story, bsn: str | None, number: str) -> str:
    return story.people[number if bsn is None else bsn]


def _who_is_asked(world: World, screen: Screen, story: Story) -> list[dict[str, object]]:
    """For pairs of partners of whom one would tell the other: what the table of rules says, and shows to the professional."""
    found: list[dict[str, object]] = []
    for sender, recipient in story.asked:
        ways = world[sender].edge.ways_to(recipient.address)
        says = [(way.row.id, asked_of(way.row, way.ground), who_is_asked(way.row, way.ground)) for way in ways.open]
        says += [(row.id, why_closed(row), closed_by(row)) for row in ways.closed]
        must(says != [], "a row is about every two roles")
        found += [
            {"from": sender.name, "to": recipient.name, "row": row, "asks": sentence, "shown": shown}
            for row, sentence, shown in says
        ]
    if found:
        rows = [(one["from"], one["to"], one["row"], one["asks"]) for one in found]
        title = "More would like to tell something. Whom does the professional have to ask? (`schakel grant ways`)"
        screen.say(table(title, ("who", "would tell", "row", "to be asked"), rows), "")
    return found


def _hub_knows(world: World, screen: Screen, story: Story) -> dict[str, object]:
    """What stands at the hub, and whether anything of the story does: while envelopes waited, and now."""
    world.look()
    counts = world.hub.store.counts()
    files = sorted(path for path in (world.folder / "hub").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    sought = [label for label, _ in story.secrets.all()]
    found = sorted(set(world.traces))
    has = (
        f"{counts['entries']} entries in its log, {counts['addresses']} addresses, {counts['grants']} handles of grants"
    )
    verdict: list[RenderableType] = [
        plain(
            f"The hub has {has}. {counts['waiting']} envelopes wait. Its {len(files)} files ({size:,} bytes) were searched "
            f"{world.looked} times, with every key that it has, for {len(sought)} names, BSNs, other numbers, dates and texts of the "
            "story: in every spelling, hashed, and hashed under every key."
        )
    ]
    verdict += [bad(f"FOUND: {one.label} in {one.file} ({one.form}).") for one in found]
    if not found:
        verdict.append(good("Nothing of it is there. The hub knows addresses, rules, days, and temporary handles."))
    screen.say(*verdict, "")
    return {"counts": counts, "looked": world.looked, "sought": sought, "found": [asdict(one) for one in found]}


def _log(world: World, screen: Screen) -> dict[str, object]:
    world.clock.pass_by()
    log, store = world.hub.log, world.hub.store
    newest, size = log.checkpoint(world.clock()), store.head().size
    entries = [item for _, page in pages(store, 0, size) for item in page]
    report = outsider.verify_export(write_export(entries, [newest]), log.verifier_key)
    replayed = replay(entries, world.hub.rules.table)
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
    schakel = program()
    if not kept:
        return [
            plain("Try next, to have everything left for the other commands:"),
            plain(f"  {schakel} demo --keep DIR"),
        ]
    lines = [
        "Try next:",
        f"  {schakel} edge view --config {folder}/huisarts",
        "    what the GP was told",
        f"  {schakel} grant list --all --config {folder}/team-wmo",
        "    who is told about whom",
        f'  {schakel} grant ways "UWV Voorbeeldregio" --config {folder}/team-participatie',
        "    by which rows a partner may be told, and who is asked",
        f"  {schakel} audit show --config {folder}/hub",
        "    what the log says",
        f"  {schakel} audit verify --config {folder}/hub",
        "    whether it holds",
        f"  {schakel} edge work --config {folder}/team-wmo",
        f"    takes what you put in {folder}/team-wmo/in, such as an iWmo message",
    ]
    return [plain(line) for line in lines]


def program() -> str:
    """How this program is called from here: by its name where the shell finds it, else by its place."""
    here, found = Path(sys.argv[0]), shutil.which("schakel")
    if here.name != "schakel" or (found is not None and Path(found).resolve() == here.resolve()):
        return "schakel"
    return str(here)
