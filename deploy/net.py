# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub and edges, each a process of its own, over mutual TLS on loopback: for the demo over a network, and for tests.

Some edges have certificates of a development authority; the GP practice has none and gets one of the hub's own accession
authority, under a number that the hub hands out.  No process outlives the one that made it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.edge import Edge
from deploy.commands.accession import certify, make_invitation, read_candidate
from deploy.commands.join import JOIN_FILE, Joining, make_joining, read_invitation
from deploy.compose import NewHub, machine_clock, make_hub, toml, write_new
from deploy.compose_edge import PARTNERS_FILE, Settings, load_settings, open_edge, reach_hub, store_key
from deploy.dev_ca import DevCa
from deploy.lending import on_loan
from deploy.office import admit_values, open_office
from deploy.options import EDGE_FILE, HUB_FILE
from deploy.prometheus import FILE as PROMETHEUS_FILE
from deploy.prometheus import configuration, free_port, setting
from deploy.search import find_traces
from deploy.story.case import StoryError, must
from deploy.story.person import CITIZEN
from deploy.story.world import HUB_NAME, PRACTICE, PROVIDER, TEAM, Who
from hub.config import HubConfig, load_hub_config
from schemas.address import oin_of

SCRAPE_SECONDS = 1
STEP_SECONDS = 25.0  # longer is a fault
_LOOK_SECONDS = 0.3
PROGRAM = (sys.executable, "-c", "from deploy.cli import main; main()")
_PR_SET_PDEATHSIG = 1


class Process:
    """A process of Schakel; its log is a file of JSON lines.  `within`: a command that runs the rest, such as in another
    network namespace."""

    def __init__(self, arguments: tuple[str, ...], log: Path, within: tuple[str, ...] = ()) -> None:
        self._arguments = (*within, *PROGRAM, *arguments)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0

    @property
    def process_id(self) -> int:
        """Its id while it runs, else 0."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts it, in the first place or again."""
        self._from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as to:
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=to,
                stderr=to,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # no thread runs here yet
            )

    def kill(self) -> None:
        """Kills it by its id, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STEP_SECONDS)
        self._process = None
        return code

    def end(self) -> None:
        """It is gone when this returns, whatever it did."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def need_alive(self) -> None:
        """Returns while it runs.

        Raises:
            StoryError: it ended by itself.
        """
        if self._process is not None and self._process.poll() is not None:
            # Its last words are in its log, which holds nothing of a person.
            raise StoryError(f"a process ended by itself with {self._process.returncode}; see {self.log.name}")

    def events(self, name: str) -> list[dict[str, object]]:
        """What it said under this name since its last start."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            lines = [json.loads(line) for line in file if line.startswith(b"{") and line.endswith(b"\n")]
        return [line for line in lines if line.get("event") == name]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner with its process and its folder."""

    who: Who
    settings: Settings
    process: Process

    @contextmanager
    def desk(self) -> Iterator[Edge]:
        """The professional's desk: the running edge lends its store."""
        config = self.settings.config
        key = store_key(config, os.environ)
        folder = config.data_folder
        with reach_hub(config) as client, on_loan(folder, lambda: open_edge(self.settings, client, key)) as edge:
            yield edge

    def seen(self) -> list[str]:
        """What stands in the chain views of the citizen."""
        with self.desk() as edge:
            numbers = [client.number for client in edge.clients() if client.bsn == CITIZEN.bsn]
            return [line.what for number in numbers for view in edge.view(number) for line in view.lines]

    def put(self, name: str, data: bytes) -> None:
        """The partner's own system writes a file, slowly and under its own name: the edge waits until it is whole."""
        with (self.settings.config.in_folder / name).open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            file.write(data[len(data) // 2 :])

    def waiting(self) -> list[Path]:
        """The files that were not taken yet."""
        return sorted(self.settings.config.in_folder.iterdir())

    def out(self) -> list[Path]:
        """The notices for the partner's own system so far."""
        return sorted(self.settings.config.out_folder.glob("*"))


@dataclass(slots=True)
class Net:
    """Everyone, and what was found at the hub."""

    folder: Path
    hub: Process
    config: HubConfig
    partners: list[Partner]
    found: list[str] = field(default_factory=list)

    @property
    def team(self) -> Partner:
        return self.partners[0]

    @property
    def provider(self) -> Partner:
        return self.partners[1]

    @property
    def practice(self) -> Partner:
        return self.partners[2]

    def until(self, holds: Callable[[], bool], sentence: str) -> None:
        """Returns when it holds.

        Raises:
            StoryError: it does not within the time of a step, or a process has ended.
        """
        end = time.monotonic() + STEP_SECONDS
        while not holds():
            for process in (self.hub, *(one.process for one in self.partners)):
                process.need_alive()
            must(time.monotonic() < end, sentence)
            time.sleep(_LOOK_SECONDS)

    def sees(self, partner: Partner, what: list[str]) -> None:
        """Returns when a partner sees exactly this."""
        self.until(lambda: partner.seen() == what, f"{partner.who.name} sees {what}, each once")

    def status(self) -> dict[str, int]:
        """How much the hub holds, as the running hub says."""
        with open_office(self.config) as office:
            return dict(office("status", {})["counts"])

    def look(self) -> None:
        """Searches the hub's folder for everything of the citizen, with its keys."""
        seed = bytes.fromhex(self.config.key_file.read_text(encoding="ascii"))
        traces = find_traces(self.folder / "hub", CITIZEN.secrets(), [seed])
        self.found += [f"{one.label} in {one.file} ({one.form})" for one in traces]


def set_up(
    folder: Path,
    stack: ExitStack,
    whom: tuple[Who, ...] = (TEAM, PROVIDER, PRACTICE),
    via: Callable[[int], int] = lambda port: port,
    dsn: str | None = None,
) -> Net:
    """Hub, authority, invitations, joining, admission: as people would, with the fingerprints already compared.

    Prometheus can read all of them: a file in `folder` tells it where.
    `via`: the port by which the edges reach the one on which the hub listens. `dsn`: the database of the hub's store;
    a file when there is none.
    """
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    names = (TEAM.name, PROVIDER.name, PRACTICE.name)
    wanted = NewHub(
        folder / "hub",
        HUB_NAME,
        "Stichting Demo",
        names,
        "fg@voorbeeldstad.example",
        keys / "log.key",
        demo=True,
        dsn=dsn,
    )
    ports = {one.folder: free_port() for one in whom}
    metrics = free_port()
    config = _gateway(folder, make_hub(wanted), metrics, via)
    write_new(folder / PROMETHEUS_FILE, configuration(metrics, ports, SCRAPE_SECONDS).encode())
    hub = Process(("hub", "run", "--config", str(folder / "hub")), folder / "hub.log")
    stack.callback(hub.end)
    net = Net(folder, hub, config, [])
    hub.start()
    net.until(lambda: bool(hub.events("listening")), "the hub listens")
    everyone = [_invited(net, who) for who in whom]
    for who, invitation in everyone:
        book = "\n".join(
            f"[[partner]]\naddress = {toml(one.address)}\nname = {toml(one.name)}\n{one.book}\n"
            for one, _ in everyone
            if one is not who
        )
        net.partners.append(_joined(net, who, invitation, book, ports[who.folder]))
    entries = net.status()["entries"]
    for one in net.partners:
        stack.callback(one.process.end)
        one.process.start()
    net.until(lambda: _is_signed(hub, entries), "a checkpoint covers the admissions")
    for one in net.partners:
        net.until(lambda one=one: bool(one.process.events("has-store")), "the edge has its store")  # type: ignore[misc]
    return net


def _gateway(folder: Path, config: HubConfig, metrics: int, via: Callable[[int], int]) -> HubConfig:
    authority = DevCa(folder / "ca", machine_clock() // 1000, strict=config.strict)
    server = authority.server()
    for who in (TEAM, PROVIDER):
        authority.client(oin_of(who.address), who.folder)
    port = free_port()
    ca = toml(str(authority.files.certificate))
    lines = [
        setting(metrics),
        "[gateway]",
        f'listen = "127.0.0.1:{port}"',
        f'url = "https://127.0.0.1:{via(port)}"',
        f"certificate = {toml(str(server.certificate))}",
        f"key = {toml(str(server.key))}",
        f"server_authorities = {ca}",
        f"client_authorities = [{ca}]",
        "",
    ]
    with (folder / "hub" / HUB_FILE).open("a", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return load_hub_config(folder / "hub" / HUB_FILE)


def _invited(net: Net, who: Who) -> tuple[Who, Path]:
    """Step one, at the hub.  The practice has no OIN: the hub hands out a number."""
    known = who is not PRACTICE
    address, content = make_invitation(net.config, who.address if known else None, None if known else "gp")
    file = net.folder / f"{who.folder}.invitation"
    write_new(file, content)
    return replace(who, address=address), file


def _joined(net: Net, who: Who, invitation: Path, book: str, metrics: int) -> Partner:
    """Step one at the partner, step two at the hub."""
    place, ca = net.folder / who.folder, net.folder / "ca"
    own = (ca / f"{who.folder}.crt").exists()
    joining = Joining(
        who.name,
        net.folder / "keys" / f"{who.folder}.key",
        certificate=ca / f"{who.folder}.crt" if own else None,
        certificate_key=ca / f"{who.folder}.key" if own else None,
        demo=True,
        more=who.more,
    )
    make_joining(read_invitation(invitation), place, joining)
    (place / PARTNERS_FILE).unlink()
    write_new(place / PARTNERS_FILE, book.encode())
    with (place / EDGE_FILE).open("a", encoding="utf-8") as file:
        file.write(setting(metrics) + "\n")
    candidate = read_candidate(net.config, place / JOIN_FILE)
    with open_office(net.config) as office:
        admitted = office("admit", admit_values(candidate.manifest.raw, candidate.attestation))
    must(admitted["state"] == "admitted", f"{who.name} is admitted")
    must((certify(net.config, candidate, place / "hub.crt") is None) is own, "who has no certificate gets one")
    settings = load_settings(place / EDGE_FILE)
    settings.config.in_folder.mkdir(exist_ok=True)
    return Partner(who, settings, Process(("edge", "run", "--config", str(place)), net.folder / f"{who.folder}.log"))


def _is_signed(hub: Process, entries: int) -> bool:
    return any(int(str(one["size"])) >= entries for one in hub.events("checkpoint"))
