# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make picture`: the picture of the dashboard in the README, from a hub and three edges that really run.

Some minutes of messages about invented citizens, read by a real Prometheus.  Meanwhile an edge is down for a minute and
the hub for a quarter of one, a partner is suspended, and somebody sends what is no envelope.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from adapters.connections.https import HttpsClient, Place, Signer
from deploy.compose import machine_clock
from deploy.net import Net, set_up
from deploy.office import open_office
from deploy.prometheus import FILE
from deploy.story import messages
from deploy.story.person import CITIZEN, Person
from hub.registry import ADMITTED, SUSPENDED
from schemas.calendar import day_of
from tests.picture.panels import WIDTH, page
from tests.prometheus import Prometheus, prometheus

SECONDS = 360
_INSTALL = "sudo apt-get install --no-install-recommends prometheus chromium fonts-dejavu-core"
_DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "schakel.json"
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def main(target: Path) -> None:
    """Lets all of it run, and draws."""
    prometheus_program, chromium = shutil.which("prometheus"), shutil.which("chromium")
    if prometheus_program is None or chromium is None:
        sys.exit(f"The picture needs two programs: {_INSTALL}")
    with tempfile.TemporaryDirectory(prefix="schakel-picture-") as made, ExitStack() as stack:
        folder = Path(made) / "n"
        net = set_up(folder, stack)
        server = stack.enter_context(prometheus(prometheus_program, folder / FILE, folder / "prometheus"))
        begin = int(time.time())
        _live(net)
        _draw(server, begin, Path(made) / "page.html", target, chromium)


def _live(net: Net) -> None:
    """One message a second, and what goes wrong meanwhile."""
    practice = net.practice.who.address
    what_happens: dict[int, Callable[[], object]] = {
        70: net.provider.process.kill,
        130: net.provider.process.start,
        170: lambda: asyncio.run(_send_nonsense(net, 6)),
        200: net.hub.kill,
        215: net.hub.start,
        260: lambda: _set_state(net, practice, SUSPENDED),
        285: lambda: _set_state(net, practice, ADMITTED),
        310: lambda: asyncio.run(_send_nonsense(net, 3)),
    }
    wave = _messages(net)
    began = time.monotonic()
    for second in range(SECONDS):
        time.sleep(max(began + second - time.monotonic(), 0))
        what_happens.get(second, lambda: None)()
        next(wave)()


def _messages(net: Net) -> Iterator[Callable[[], None]]:
    """A new allocation, then a few steps in cases that there are."""
    today, number = day_of(machine_clock()), itertools.count()
    people: list[Person] = []
    for bsn in _bsns():
        person = replace(CITIZEN, bsn=bsn, allocation=f"7301{next(number):05d}")
        people.append(person)
        allotted = today - 20 - len(people)
        support = messages.Support(allotted, today - 14, today + 180)
        yield partial(_allot, net, f"a{len(people)}.xml", messages.allocation(person, support))
        for known in people[-4:]:
            step = next(number)
            yield partial(net.team.put, f"s{step}.json", messages.status(known, messages.STATUS_TYPE, step, today - 3))


def _allot(net: Net, name: str, message: bytes) -> None:
    net.team.put(name, message)
    net.provider.put(name, message)


def _bsns() -> Iterator[str]:
    """Numbers of the test range that nobody has."""
    for number in range(999_900_006, 999_999_991):
        if sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, str(number), strict=True)) % 11 == 0:
            yield str(number)


async def _send_nonsense(net: Net, times: int) -> None:
    config = net.team.settings.config
    with net.team.desk() as edge:
        key = edge.signing_key()
    place = Place(config.hub_url or "", config.hub_certificate, config.hub_certificate_key, (config.hub_authorities,))
    async with HttpsClient(place, Signer(config.address, lambda: key, lambda: None, machine_clock, os.urandom)) as line:
        for _ in range(times):
            await line.send([b"this is no envelope"])


def _set_state(net: Net, address: str, state: str) -> None:
    with open_office(net.config) as office:
        office("state", {"address": address, "state": state})


def _draw(server: Prometheus, begin: int, file: Path, target: Path, chromium: str) -> None:
    text, height = page(json.loads(_DASHBOARD.read_text(encoding="utf-8")), server, begin, int(time.time()), 2)
    file.write_text(text, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDTH},{height}"]
    subprocess.run(
        [chromium, *options, f"--screenshot={target.resolve()}", file.as_uri()],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
