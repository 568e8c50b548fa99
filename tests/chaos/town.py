# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub, a team and a provider as processes, the edges behind a line that can fail; and what arrived.

The team's system writes events about some citizens, each with a day of its own.  What is lost, there twice or out of
order is counted in the store of the provider's edge, and the hub's log is verified from outside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.records_incoming import INTRODUCTIONS, TOLD
from adapters.store import StoreError
from consent.rules import national
from deploy.compose import machine_clock, open_hub
from deploy.compose_edge import load_settings
from deploy.entries import pages
from deploy.net import Net, Partner, Process, set_up
from deploy.options import EDGE_FILE
from deploy.story import messages
from deploy.story.messages import Support
from deploy.story.person import CITIZEN, Person
from deploy.story.world import PROVIDER, TEAM
from hub.audit import verify as outsider
from hub.audit.export import write_export
from hub.audit.replay import replay
from schemas.calendar import day_of
from schemas.identity import check_bsn

if TYPE_CHECKING:
    from tests.chaos.server import Server

CITIZENS = 6
LOOK_SECONDS = 0.5
LEND_SECONDS = 30.0
ALLOT_SECONDS = 120.0
_FIRST_BSN = 999_900_006
_FIRST_DAY, _MOST_DAYS = 180, 175  # events are about days in the past, from so many days ago


@dataclass(frozen=True, slots=True)
class Arrived:
    """How the events stand in the provider's store."""

    lost: int
    twice: int
    out_of_order: int


class Line:
    """A proxy process between an edge and the hub."""

    def __init__(self, host: str, to: tuple[str, int], within: tuple[str, ...] = ()) -> None:
        self._process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.chaos.proxy", host, "0", to[0], str(to[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.host, self.port = host, int(self._answer()["listening"])

    def tell(self, what: str) -> dict[str, int]:
        """Does so from now on; how many connections were made and broken until now."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """It is gone."""
        self._process.communicate()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))


@dataclass(slots=True)
class Town:
    """Everyone, and what was told so far."""

    net: Net
    line: Line
    stack: ExitStack
    people: list[Person] = field(default_factory=list)
    server: Server | None = None  # of its store, in a town on a database
    told: list[tuple[str, int]] = field(default_factory=list)  # BSN and day, in the order of the telling

    @property
    def hub(self) -> Process:
        return self.net.hub

    @property
    def team(self) -> Partner:
        return self.net.team

    @property
    def provider(self) -> Partner:
        return self.net.provider

    def use(self, which: int, url: str, within: tuple[str, ...] = ()) -> None:
        """The edge of a partner runs behind another address of the hub from now on."""
        partner = self.net.partners[which]
        file = partner.settings.config.data_folder.parent / EDGE_FILE
        partner.process.stop()
        change(file, "hub", f'"{url}"')
        process = Process(("edge", "run", "--config", str(file.parent)), partner.process.log, within)
        self.stack.callback(process.end)
        process.start()
        self.net.partners[which] = Partner(partner.who, load_settings(file), process)

    def hub_within(self, within: tuple[str, ...]) -> None:
        """The hub runs inside another command from now on."""
        self.hub.stop()
        self.net.hub = Process(("hub", "run", "--config", str(self.net.folder / "hub")), self.hub.log, within)
        self.stack.callback(self.net.hub.end)
        self.net.hub.start()
        until(lambda: self.hub.events("listening"), 30, "the hub listens again")

    def tell(self, count: int, rate: float = 0.0) -> None:
        """The team's system writes so many more events, so many a second."""
        first = day_of(machine_clock()) - _FIRST_DAY
        for _ in range(count):
            turn, which = divmod(len(self.told), len(self.people))
            assert turn < _MOST_DAYS, "an event needs a day of its own"
            person, day = self.people[which], first + turn
            self.told.append((person.bsn, day))
            event = messages.status(person, messages.STATUS_TYPE, len(self.told), day)
            self.team.put(f"{len(self.told):06d}.json", event)
            if rate:
                time.sleep(1 / rate)

    def arrived(self) -> Arrived:
        """Counted in the provider's store, per citizen in the order of its writing."""
        end = time.monotonic() + LEND_SECONDS
        while True:
            try:
                with self.provider.desk() as edge:
                    came = {
                        one.bsn: [told.day for told in TOLD.find(edge.store, "secret", one.secret)]
                        for one in INTRODUCTIONS.scan(edge.store)
                    }
                return counted(self.told, came)
            except StoreError:  # an edge that is just starting has its store already, and lends it in a moment
                if time.monotonic() > end:
                    raise
                time.sleep(LOOK_SECONDS)

    def settle(self, seconds: float) -> tuple[Arrived, float]:
        """Waits until everything arrived, at most so long; how it stands, and after how many seconds."""
        began = time.monotonic()
        while True:
            arrived, took = self.arrived(), time.monotonic() - began
            if not arrived.lost or took > seconds:
                return arrived, took
            time.sleep(LOOK_SECONDS)

    def is_log_sound(self) -> bool:
        """What an outsider finds in the log that the hub leaves; the hub is stopped for it."""
        self.hub.stop()
        with open_hub(self.net.config) as hub:
            entries = [item for _, page in pages(hub.store, 0, hub.store.head().size) for item in page]
            newest = hub.log.checkpoint(machine_clock())
            report = outsider.verify_export(write_export(entries, [newest]), hub.log.verifier_key)
        return report.ok and not replay(entries, national(self.net.config.test_mode)).differs


def counted(told: Sequence[tuple[str, int]], came: Mapping[str, Sequence[int]]) -> Arrived:
    """What was told, as BSN and day in the order of the telling, against the days per BSN in the order of their coming."""
    wanted = {event: place for place, event in enumerate(told)}
    found = {bsn: [wanted[bsn, day] for day in days if (bsn, day) in wanted] for bsn, days in came.items()}
    every = Counter(place for places in found.values() for place in places)
    return Arrived(
        len(wanted) - len(every),
        sum(count - 1 for count in every.values()),
        sum(after < before for places in found.values() for before, after in pairwise(places)),
    )


def change(file: Path, key: str, value: str) -> None:
    """Sets a key of a settings file that stands in it, or stands in none of its tables yet."""
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{key} = ")]
    file.write_text("\n".join([f"{key} = {value}", *kept, ""]), encoding="utf-8")


def people(count: int) -> Iterator[Person]:
    """Citizens whom nobody is, with numbers of the official test range."""
    number = _FIRST_BSN
    while count:
        with_check = f"{number:09d}"
        try:
            check_bsn(with_check)
        except ValueError:
            pass
        else:
            count -= 1
            yield replace(CITIZEN, bsn=with_check, allocation=f"{730_200_000 + count}")
        number += 1


@contextmanager
def town(
    folder: Path, server: Server | None = None, *, moves: bool = False, citizens: int = CITIZENS
) -> Iterator[Town]:
    """A town at work: the allocations have arrived and every line passes.  With a server the hub's store is a database of
    it, unless it only `moves` there."""
    with ExitStack() as stack:
        lines: list[Line] = []

        def via(port: int) -> int:
            lines.append(Line("127.0.0.1", ("127.0.0.1", port)))
            stack.callback(lines[0].end)
            return lines[0].port

        dsn = None if server is None or moves else server.hub_dsn()
        made = Town(set_up(folder, stack, (TEAM, PROVIDER), via, dsn), lines[0], stack)
        made.server = server
        allot(made, citizens)
        yield made


def allot(made: Town, citizens: int = CITIZENS) -> None:
    """Everybody has an allocation, and the provider was told."""
    today = day_of(machine_clock())
    support = Support(today - 200, today - 190, today + 180)
    made.people = list(people(citizens))
    for number, person in enumerate(made.people):
        for partner in made.net.partners:
            partner.put(f"toewijzing{number}.xml", messages.allocation(person, support))

    def all_known() -> bool:
        with made.provider.desk() as edge:
            return len(list(TOLD.scan(edge.store))) == citizens

    until(all_known, ALLOT_SECONDS, "the provider is told of every allocation")


def until(holds: Callable[[], object], seconds: float, sentence: str) -> None:
    """Returns when it holds; a row in which it doesn't in time has failed."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, sentence
        time.sleep(0.1)
