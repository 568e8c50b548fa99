# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The town whose hub is that of a region: PostgreSQL, a real Kafka, a gateway and two workers, each a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from deploy.net import PROGRAM, Process, set_up
from deploy.options import HUB_FILE
from deploy.story.world import PROVIDER, TEAM
from hub.config import load_hub_config
from tests.chaos import ground
from tests.chaos.server import Server
from tests.chaos.town import CITIZENS, Line, Town, allot, until
from tests.kafka import Kafka
from tests.postgres import Cluster

DISK = "192m"  # Kafka's jars are on it too
WORKERS = 2
_PARTITIONS = 6
_START_SECONDS = 60.0


@dataclass(slots=True)
class Region(Town):
    """Everyone, with the brokers and the workers."""

    kafka: Kafka | None = None
    cluster: Cluster | None = None
    workers: list[Process] = field(default_factory=list)
    aborted: int = 0  # workers that the library of Kafka ended

    @property
    def brokers(self) -> Kafka:
        assert self.kafka is not None, "a row of the region needs the region"
        return self.kafka

    def schakel(self, *words: str) -> str:
        """A command of the operator; what it said."""
        command = [*PROGRAM, *words, "--config", str(self.net.folder / "hub")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"schakel {words[0]} {words[1]}: {done.stdout[-500:]}{done.stderr[-500:]}"
        return done.stdout

    def begin(self) -> None:
        """Envelopes come in through Kafka from now on."""
        self.hub.stop()
        file = self.net.folder / "hub" / HUB_FILE
        brokers = ", ".join(f'"{one}"' for one in self.brokers.bootstrap.split(","))
        copies = 3 if len(self.brokers.brokers) > 2 else 1
        table = f"\n[kafka]\nbrokers = [{brokers}]\ncopies = {copies}\npartitions = {_PARTITIONS}\n"
        file.write_text(file.read_text(encoding="utf-8") + table, encoding="utf-8")
        self.net.config = load_hub_config(file)
        self.schakel("kafka", "init", "--apply")
        self.hub.start()
        until(lambda: self.hub.events("listening"), _START_SECONDS, "the hub listens again")
        for number in range(WORKERS):
            words = ("hub", "worker", "--config", str(file.parent))
            self.workers.append(Process(words, self.net.folder / f"worker-{number}.log"))
            self.stack.callback(self.workers[-1].end)
            self.start(number)

    def start(self, number: int) -> None:
        """Starts a worker."""
        self.workers[number].start()
        until(lambda: self.workers[number].events("listening"), _START_SECONDS, "a worker reads the intake")

    def supervise(self, ending: Event) -> None:
        """Starts a worker again that aborted, as the operator's guide asks of systemd; not one that stopped with a sentence."""
        while not ending.wait(1.0):
            for one in list(self.workers):
                if one.process_id and _has_aborted(one.process_id):
                    self.aborted += 1
                    one.end()
                    one.start()

    def stops_itself(self, number: int) -> None:
        """Returns when a worker has ended by itself, as it must when it can't go on without a person."""
        process = self.workers[number].process_id
        until(lambda: _has_ended(process), _START_SECONDS, "a worker stops by itself")
        self.workers[number].end()

    def is_log_sound(self) -> bool:
        """See `Town`; the workers are stopped for it too."""
        for one in self.workers:
            one.end()
        return Town.is_log_sound(self)


def _has_aborted(process: int) -> bool:
    """Whether it ended by an abort; nobody here does that to it."""
    try:
        found = os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return found is not None and found.si_code != os.CLD_EXITED and found.si_status == signal.SIGABRT


def _has_ended(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


@contextmanager
def region(
    folder: Path, brokers: int = 3, *, small_disk: bool = False, citizens: int = CITIZENS, by_line: bool = False
) -> Iterator[Region]:
    """A region at work.  `brokers`: 3 and a controller apart, or 1 that is both; `small_disk`: its data is on one; `by_line`:
    hub and workers reach the store over a line that can be cut."""
    with ExitStack() as stack:
        # A cluster that was killed leaves what a machine without power leaves, so it stands on a disk.
        reached = Server() if by_line else None
        server = reached or Cluster(place="/tmp")
        stack.callback(server.remove)
        place = Path(tempfile.mkdtemp(prefix="schakel-chaos-kafka-"))
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)  # the brokers run as another user
        if small_disk:
            ground.need("mount", "umount")
            ground.run("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "tmpfs", str(place))
            stack.callback(ground.run, "umount", "-l", str(place))
        kafka = Kafka(brokers=brokers, controllers=1 if brokers > 1 else 0, heap="256m", place=str(place))
        stack.callback(kafka.remove)
        lines: list[Line] = []

        def via(port: int) -> int:
            lines.append(Line("127.0.0.1", ("127.0.0.1", port)))
            stack.callback(lines[0].end)
            return lines[0].port

        dsn = reached.hub_dsn() if reached else server.bare()
        made = Region(set_up(folder, stack, (TEAM, PROVIDER), via, dsn), lines[0], stack, kafka=kafka, cluster=server)
        made.server = reached
        ending = Event()
        watching = Thread(target=made.supervise, args=(ending,), daemon=True)
        watching.start()
        stack.callback(watching.join)
        stack.callback(ending.set)
        made.begin()
        allot(made, citizens)
        yield made
