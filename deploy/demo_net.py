# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The case of the demo over a network: one hub and three edges, each a process, over mutual TLS on loopback.

The team and the provider have certificates of a development authority; the GP practice has none and gets one of the
hub's own accession authority, under a number that the hub hands out.  In the middle the provider's edge, the practice's
edge and the hub are killed (SIGKILL, each by its own id) and started again.  Every step looks whether it did what it
says; what was told is told once; the hub's folder is searched for everything of the citizen.  No process outlives this.
"""

from __future__ import annotations

import asyncio
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

from rich.console import RenderableType

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.connections.https import HttpsClient, HubRefusedError, Place, Signer
from adapters.edge import Edge
from deploy.commands.accession import certify, make_invitation, read_candidate
from deploy.commands.join import JOIN_FILE, Joining, make_joining, read_invitation
from deploy.compose import NewHub, machine_clock, make_hub, open_hub, toml, write_new
from deploy.compose_edge import PARTNERS_FILE, Settings, load_settings, open_edge, reach_hub, store_key
from deploy.dev_ca import DevCa
from deploy.entries import pages
from deploy.lending import on_loan
from deploy.office import admit_values, open_office
from deploy.options import EDGE_FILE, HUB_FILE
from deploy.screen import Screen, bad, good, note, plain
from deploy.search import find_traces
from deploy.story import messages
from deploy.story.case import StoryError, must
from deploy.story.messages import FIRST, REMOVAL, Support
from deploy.story.person import CITIZEN
from deploy.story.world import HUB_NAME, PRACTICE, PROVIDER, TEAM, Who
from deploy.watched import FILE as WATCHED_FILE
from deploy.watched import configuration, free_port, setting
from hub.audit import verify as outsider
from hub.audit.export import write_export
from hub.audit.replay import replay
from hub.client import HubUnavailableError
from hub.config import HubConfig, load_hub_config
from schemas.address import oin_of
from schemas.calendar import day_of, parse_date
from schemas.signing import SigningKey

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


def tell(folder: Path, screen: Screen, *, kept: bool) -> bool:
    """The whole story in `folder`, which is `kept` for other commands or not; whether it held.

    Raises:
        StoryError: a step did not do what it says.
    """
    began = since = time.monotonic()
    screen.say(note("One machine, four processes, certificates for tests: that is for the demo only."))
    screen.say(note("Everything leaves at once here; else it leaves over two working days, each at its own moment."))
    screen.say(plain("Making keys and certificates, starting a hub and three edges ..."), "")
    told = []
    with ExitStack() as stack:
        net = set_up(folder, stack)
        for number, (title, step) in enumerate(STEPS, 1):
            sentences = step(net)
            told.append({"step": title, "happened": sentences, "seconds": round(time.monotonic() - since, 1)})
            screen.say(good(f"{number}. {title} ({told[-1]['seconds']} s)"), *(plain("   " + one) for one in sentences))
            since = time.monotonic()
        log = _log(net)
    ok = bool(log["sound"]) and not net.found
    seconds = round(time.monotonic() - began, 1)
    screen.say("", *(bad(f"FOUND: {one}.") for one in net.found))
    if ok:
        screen.say(
            good("Nothing was lost, nothing was told twice, and nothing of the citizen is at the hub."),
            plain(
                f"The log of {log['entries']} entries is sound; {log['same']} decisions come out the same. {seconds} s."
            ),
        )
    screen.say("", *_what_next(folder, kept=kept))
    screen.answer({"story": told, "found": net.found, "log": log, "seconds": seconds, "ok": ok})
    return ok


def _what_next(folder: Path, *, kept: bool) -> list[RenderableType]:
    if not kept:
        return [plain("Try next: schakel demo-net --keep DIR   leaves everything, for the other commands to work on.")]
    lines = [
        "Try next:",
        f"  schakel edge view --config {folder}/huisarts       what the GP was told",
        f"  schakel audit verify --config {folder}/hub         whether the log holds",
        f"  schakel hub run --config {folder}/hub              the hub again, until Ctrl-C; and in other windows:",
        f"  schakel edge run --config {folder}/team-wmo        an edge again",
        f"  schakel edge doctor --config {folder}/team-wmo     what is well and what is not",
        f"  prometheus --config.file {folder}/{WATCHED_FILE}   their metrics and alerts, on http://localhost:9090",
    ]
    return [plain(line) for line in lines]


# -- set-up ------------------------------------------------------------------------------------------------------


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
    write_new(folder / WATCHED_FILE, configuration(metrics, ports, SCRAPE_SECONDS).encode())
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


# -- the case ----------------------------------------------------------------------------------------------------


def _support() -> Support:
    today = day_of(machine_clock())
    return Support(allotted=today - 20, begin=today - 14, end=today + 180)


def _admission(net: Net) -> list[str]:
    with open_office(net.config) as office:
        states = [one["state"] for one in office("partners", {})["partners"]]
    must(states == ["admitted"] * 3, "three partners are admitted")
    must(oin_of(net.practice.who.address).startswith("99"), "the practice has a number of the hub")
    return [
        "The hub invited three partners; each made its keys and its join file; fingerprints compared, admitted.",
        "The practice has no OIN: it got a number and a certificate of the hub's accession authority.",
    ]


def _allocation(net: Net) -> list[str]:
    message = messages.allocation(CITIZEN, _support())
    net.team.put("toewijzing.xml", message)
    net.provider.put("toewijzing.xml", message)
    net.sees(net.provider, ["toegewezen"])
    return [
        "Team Wmo's system wrote an iWmo 301 into a folder; over two TLS connections the provider sees: toegewezen."
    ]


def _start_and_kill(net: Net) -> list[str]:
    net.provider.put("start.xml", messages.start(CITIZEN, _support(), day_of(machine_clock()) - 12))
    net.until(lambda: not net.provider.waiting(), "the provider's edge takes the file")
    net.provider.process.kill()
    net.provider.process.start()
    net.sees(net.team, ["gestart"])
    return [
        "The provider's system wrote an iWmo 305. Its edge was killed the moment that it had taken the file.",
        "Started again, it went on. Team Wmo sees: gestart, once.",
    ]


def _agreement(net: Net) -> list[str]:
    with net.practice.desk() as edge:
        edge.import_clients([ClientRow(CITIZEN.patient_number, CITIZEN.bsn, "zvw-zorg")])
    with net.team.desk() as edge:
        talk = Conversation((PRACTICE.name,), born=parse_date(CITIZEN.born), adult=False)
        made = edge.make_agreement(_number(edge), talk)
    must(len(made.made) == 1, "one consent was made, for the GP")

    def is_introduced() -> bool:
        with net.team.desk() as edge:
            return all(one.introduced for one in edge.grants())

    net.until(is_introduced, "the GP practice was introduced")
    must(net.practice.seen() == [], "what happened before the agreement is not told afterwards")
    return ["At the desk, while the edge runs: citizen and professional agree that the GP may know."]


def _status_while_the_hub_is_killed(net: Net) -> list[str]:
    net.practice.process.kill()
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 1, day_of(machine_clock()) - 3)
    net.team.put("status.json", event)
    net.until(lambda: net.status()["waiting"] > 0, "a sealed envelope waits at the hub")
    net.hub.kill()
    net.look()
    today = day_of(machine_clock())
    net.provider.put("stop.xml", messages.stop(CITIZEN, _support(), today - 12, today - 2, FIRST))
    net.until(lambda: not net.provider.waiting(), "an edge takes files while the hub is away")
    must(net.team.seen() == ["gestart"], "nothing is told while the hub is away")
    net.hub.start()
    net.practice.process.start()
    net.sees(net.practice, ["gewijzigd"])
    net.sees(net.team, ["gestart", "beëindigd (voortijdig)"])
    tasks = [json.loads(path.read_bytes()) for path in net.practice.out()]
    must([task["resourceType"] for task in tasks] == ["Task"], "the GP's system has one FHIR Task")
    must(tasks[0]["for"]["identifier"]["value"] == CITIZEN.patient_number, "it names the GP's own patient number")
    return [
        "A status left for the GP practice, whose edge was killed; while it waited at the hub, the hub was killed too.",
        "The provider's system wrote an iWmo 307 meanwhile: its edge took it and kept it.",
        "Both started again: the GP sees gewijzigd, Team Wmo sees beëindigd (voortijdig), each once.",
    ]


def _agreement_ended(net: Net) -> list[str]:
    with net.team.desk() as edge:
        agreed = edge.agreements(_number(edge))
        must([one.state for one in agreed] == ["given"], "one consent stands")
        must(asyncio.run(edge.end_agreement(agreed[0].id)), "the hub knows at once")
    event = messages.status(CITIZEN, messages.REVIEW_TYPE, 2, day_of(machine_clock()) - 1)
    net.team.put("heronderzoek.json", event)
    net.until(lambda: "in onderzoek" in net.provider.seen(), "the provider, with whom nothing changed, is told")
    must(net.practice.seen() in (["gewijzigd"], []), "the GP is not told")
    must(len(net.practice.out()) == 1, "no further Task at the GP")
    return ["The citizen withdraws; the stop is in force before the command ends. The GP is told nothing more."]


def _stranger(net: Net) -> list[str]:
    team = net.team.settings.config
    mine = Place(team.hub_url or "", team.hub_certificate, team.hub_certificate_key, (team.hub_authorities,))
    other = DevCa(net.folder / "other-ca", machine_clock() // 1000, strict=False)
    files = other.client(oin_of(team.address), "stranger")
    signer = Signer(
        team.address, lambda: SigningKey(b"the key of somebody else, ha ha!"), lambda: None, machine_clock, os.urandom
    )

    async def ask(place: Place) -> str:
        async with HttpsClient(place, signer) as client:
            try:
                await client.handles()
            except HubRefusedError as error:
                return error.name
            except HubUnavailableError:
                return "no connection"
            return "answered"

    must(asyncio.run(ask(mine)) == "unknown-sender", "the right certificate with another's signature is refused")
    stranger = replace(mine, certificate=files.certificate, key=files.key)
    must(asyncio.run(ask(stranger)) == "no connection", "a certificate of another authority gets no connection")
    return ["A stolen certificate without the role's key, and a certificate of another authority, get nowhere."]


def _mistake(net: Net) -> list[str]:
    today = day_of(machine_clock())
    net.provider.put("verwijderd.xml", messages.stop(CITIZEN, _support(), today - 12, today - 2, REMOVAL))
    net.sees(net.team, ["gestart"])
    return ["The stop was a mistake: the retraction reached Team Wmo, and the end of support is gone from its view."]


def _end(net: Net) -> list[str]:
    for one in net.partners:
        with one.desk() as edge:
            must(not any(item.asks for item in edge.items()), f"nothing of {one.who.name} asks for a person")
            must(not edge.notices(), f"every notice of {one.who.name} was written")
    net.until(lambda: net.status()["waiting"] == 0, "nothing waits at the hub")
    for process in (*(one.process for one in net.partners), net.hub):
        must(process.stop() == 0, "every process ends in order")
    net.look()
    return ["Asked to end, all four processes finished what they had in hand and ended with 0."]


def _number(edge: Edge) -> str:
    numbers = [client.number for client in edge.clients() if client.bsn == CITIZEN.bsn]
    must(len(numbers) == 1, "the citizen is known as one client")
    return numbers[0]


def _log(net: Net) -> dict[str, object]:
    """What an outsider finds in the log, read from the store that the killed and restarted hub left."""
    with open_hub(net.config) as hub:
        size = hub.store.head().size
        entries = [item for _, page in pages(hub.store, 0, size) for item in page]
        newest = hub.log.checkpoint(machine_clock())
        report = outsider.verify_export(write_export(entries, [newest]), hub.log.verifier_key)
        replayed = replay(entries, hub.rules.table)
    return {"sound": report.ok and not replayed.differs, "entries": size, "same": replayed.same}


STEPS: tuple[tuple[str, Callable[[Net], list[str]]], ...] = (
    ("Invited, joined, admitted", _admission),
    ("Allocation", _allocation),
    ("Start of support; the provider's edge is killed", _start_and_kill),
    ("An agreement that lets the GP know", _agreement),
    ("A status, while the GP's edge and then the hub are killed", _status_while_the_hub_is_killed),
    ("The agreement ended", _agreement_ended),
    ("Strangers", _stranger),
    ("A mistake called back", _mistake),
    ("The end", _end),
)
