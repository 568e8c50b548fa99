# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge as a process: stores what its organisation writes, forwards it, picks up, and waits for what comes.

* One pass after another; between two passes a long poll that hands nothing over, so it can be left at any moment: for a
  whole file in the folder, for a command that wants the store, for the end.
* Where what is told is spread, a file that comes makes no request at the hub: it is taken, and the poll in hand goes on, as
  long as it would have. An allocation is taken with the pass after it, since that needs the feed.
* While the hub is away, files are still taken; the hub is tried again after 1, 2, 4 ... 60 seconds, each shortened by
  chance so that edges do not all come back in the same second.
* The lease of an address is the lock of its store: a standby waits until nobody has it and nobody listens beside it.
* SIGTERM or SIGINT: the pass in hand is finished, or given up after ten seconds, which is as safe as a crash.
  SIGHUP: certificate, key and authorities are read again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.config import EdgeConfig
from adapters.connections.https import HubRefusedError
from adapters.edge import Edge
from adapters.keys import StoreKey
from adapters.metrics import EdgeMetrics
from adapters.peers import FalseManifestError
from adapters.sources.folder import FolderError
from adapters.sources.watched import WatchedFolder
from adapters.store import FILE as STORE_FILE
from adapters.store import LOCK as LOCK_FILE
from adapters.store import StoreError, WrongKeyError
from adapters.witness import LogForkError
from deploy.certificate_files import Pair, settle
from deploy.clock import MachineClock
from deploy.compose import Clock, Random
from deploy.compose_edge import Settings, open_edge, reads_authorities, store_key
from deploy.exits import failed, place_of
from deploy.lending import LEND, Lender
from deploy.logs import Event, Log
from deploy.metrics_page import metrics_page
from deploy.renewal import RenewalError, confirm, is_due, renew
from deploy.run_streams import Streams, need_faust
from deploy.way_to_hub import WayError, WayToHub
from deploy.work import Pass, one_pass
from hub.client import HubUnavailableError, RefusedError
from hub.control_socket import ControlServer, is_served
from schemas.codes import Code
from schemas.note import NoteError

LOOK_SECONDS = 0.5  # between two looks into the folder
STANDBY_SECONDS = 0.5  # between two looks whether the store is free
SHORTEST_POLL, LONGEST_POLL = 1.0, 30.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STOP_SECONDS = 10.0
BETWEEN_SECONDS = 0.25
RENEW_SECONDS = 3600.0  # between two looks whether the certificate is renewed
LEAST_ROOM = 1 << 20  # bytes: with less a store that does not open may do so when there is room
MOST_FAILED = 5  # openings of a store that nobody has: then something is wrong with it


@dataclass(frozen=True, slots=True)
class Means:
    """What a running edge is given."""

    settings: Settings
    key: StoreKey
    log: Log
    clock: Clock
    random: Random = os.urandom


def run_edge(settings: Settings, log: Log, clock: MachineClock) -> None:
    """Runs until a signal ends it.

    Raises:
        Stopped, StoreError, KeyProblem, WayError: it can't start.
    """
    config = settings.config
    if config.hub_url is None:
        raise failed('An edge runs with a hub somewhere else: set hub = "https://HOST:PORT" in edge.toml.')
    if not (config.data_folder / STORE_FILE).is_file():
        raise failed("There is no edge store in data_folder; `schakel edge join` makes one.")
    _need_certificate(config)
    _need_authorities(config)
    need_faust(config)
    key = store_key(config, os.environ)
    end = log.listen(requests=False)
    try:
        asyncio.run(_EdgeProcess(Means(settings, key, log, clock)).run())
        log(Event.STOPPED)
    finally:
        end()


def _need_certificate(config: EdgeConfig) -> None:
    """An edge that asked for a certificate has none before somebody has admitted it and sent it."""
    settle(Pair(config.hub_certificate, config.hub_certificate_key))  # a renewal that was cut short leaves it beside
    if not config.hub_certificate.exists():
        raise failed(
            f"There is no certificate at {config.hub_certificate} yet. The operator of the hub sends one when this edge is "
            "admitted; an organisation with an OIN names its own in hub_certificate."
        )


def _need_authorities(config: EdgeConfig) -> None:
    """While it runs, an edge that can't read them waits; at the start there is somebody to tell."""
    read = reads_authorities(config)
    try:
        if read is not None:
            read()
    except (OSError, ValueError):
        raise failed(
            "partner_authorities or accession_authority can't be read, or hold no certificates in PEM. Both came with the "
            "invitation; `schakel edge join` wrote them."
        ) from None


@dataclass(slots=True)
class _Pace:
    """When the hub is asked again, and how long a poll is."""

    random: Random
    pause: float = 0.0  # 0: the hub answers
    until: float = 0.0
    poll: float = SHORTEST_POLL

    def is_due(self, now: float) -> bool:
        return now >= self.until

    def away(self, now: float) -> float:
        """Twice as long each time, shortened by up to half.  What failed before it was due, such as taking a file on a
        full disk, makes nobody wait longer."""
        if not self.is_due(now):
            return self.until - now
        self.pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        seconds = self.pause * (0.5 + self.random(1)[0] / 510)
        self.until = now + seconds
        return seconds

    def answered(self, *, moved: bool) -> None:
        """The longer nothing moves, the longer the polls."""
        self.pause = self.until = 0.0
        self.poll = SHORTEST_POLL if moved else min(self.poll * 2, LONGEST_POLL)


class _EdgeProcess:
    """One edge at work, until it is told to end."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._config = means.settings.config
        self._log = means.log
        self._pace = _Pace(means.random)
        self._stopping = self._reload = self._is_away = False
        self._kafka_away: str | None = None
        self._told: set[int] = set()
        self._folder: WatchedFolder | None = None
        self._looked_at = -LOOK_SECONDS
        self._failed = 0
        self._waits_for_room = False
        self._renew_at = 0.0
        self._wake = asyncio.Event()
        self._lender = Lender(self._wake.set)
        self._control = ControlServer(self._config.data_folder, {LEND: self._lender.lend})
        self._metrics = EdgeMetrics(self._config.hub_certificate, means.clock)
        self._is_spread = self._config.spread_days > 0
        self._streams = Streams(self._config, means.log, means.clock, self._took, self._metrics.streams)
        self._page = AsyncExitStack()
        self._way = WayToHub(self._config, means.clock, means.random, keep=True)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._hup)
        self._log(Event.STARTED, address=self._config.address, strict=self._config.strict)
        try:
            while await self._store_is_free():
                await self._hold()
                if self._lender.wanted and not self._stopping:
                    self._log(Event.LENT)
                    await self._lender.let_go()
        finally:
            await self._streams.stop()
            await self._page.aclose()
            await self._control.stop()
            await self._way.close()

    def _took(self) -> None:
        """Records of a topic were taken: they leave at the next pass, which does not come sooner for that where they wait for
        a moment of their own."""
        if not self._is_spread:
            self._wake.set()

    def _end(self) -> None:
        self._log(Event.STOPPING)
        self._stopping = True
        self._wake.set()
        self._lender.give_up()

    def _hup(self) -> None:
        self._reload = True
        self._wake.set()

    # -- the store ---------------------------------------------------------------------------------------------------

    async def _store_is_free(self) -> bool:
        """Waits while another process has the store; False when this one shall end."""
        waits = False
        while not self._stopping:
            # Who lends its store listens on: it is not free, though nobody has its lock for a moment.
            served = not self._control.listens and is_served(self._config.data_folder)
            if not served and not _is_locked(self._config.data_folder / LOCK_FILE):
                return True
            if not waits:
                self._log(Event.WAITS_FOR_STORE)
                waits = True
            self._wake.clear()
            await self._sleep(STANDBY_SECONDS)
        return False

    async def _hold(self) -> None:
        """Works with the store until a command wants it, or the end."""
        means = self._means
        with ExitStack() as stack:
            try:
                edge = stack.enter_context(open_edge(means.settings, self._way, means.key, means.clock, means.random))
                if not self._control.listens:
                    await self._control.start()
                    # Not before: a standby beside this one has the same settings, so the same port.
                    page = metrics_page(self._metrics, self._config.metrics_listen, self._log)
                    await self._page.enter_async_context(page)
                    self._log(Event.HAS_STORE)
            except WrongKeyError:
                raise
            except (StoreError, OSError) as error:
                if self._is_ending(error):
                    raise
                await self._sleep(STANDBY_SECONDS)
                return
            self._failed, self._waits_for_room = 0, False
            async with self._streams.serve(edge):
                await self._finished(asyncio.get_running_loop().create_task(self._work(edge)))

    def _is_ending(self, error: Exception) -> bool:
        """Whether a store that does not open ends this process: not while its disk is full, nor when another standby, or
        a command, was a moment earlier."""
        if self._has_said_no_room():
            return False
        self._failed += 1
        return not isinstance(error, StoreError) or self._failed > MOST_FAILED

    def _has_said_no_room(self) -> bool:
        """Whether the disk of the store is full, which is said once."""
        if not _has_no_room(self._config.data_folder):
            return False
        if not self._waits_for_room:
            self._log(Event.WAITS_FOR_ROOM)
            self._waits_for_room = True
        return True

    async def _finished(self, work: asyncio.Task[None]) -> None:
        """Waits for the work to end; once it shall, at most ten seconds more."""
        while not work.done():
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
            if self._shall_rest():
                await asyncio.wait({work}, timeout=STOP_SECONDS)
                work.cancel()  # as a crash: what was done stays done, and the next pass goes on
                break
        with suppress(asyncio.CancelledError):
            await work

    def _shall_rest(self) -> bool:
        return self._stopping or self._lender.wanted

    # -- work --------------------------------------------------------------------------------------------------------

    async def _work(self, edge: Edge) -> None:
        folder = self._folder = self._folder or WatchedFolder(self._config)
        self._looked(folder)
        while not self._shall_rest():
            self._wake.clear()
            if self._reload or self._way.is_behind():  # a command or another process may have renewed it
                await self._read_files_again()
            exchange = self._pace.is_due(_time())
            moved = await self._pass(edge, folder, exchange=exchange)
            self._streams.passed()
            if exchange and (not self._pace.pause or self._way.pair.is_unconfirmed()):
                await self._renew()
            if not self._shall_rest():
                await self._wait(edge, folder, moved=moved)

    async def _pass(self, edge: Edge, folder: WatchedFolder, *, exchange: bool, asks: bool = True) -> bool:
        """One pass; whether anything moved. Without `asks` the hub sees nothing of it."""
        done = Pass()
        try:
            again, clock = self._streams.read_again, self._means.clock
            done = await one_pass(edge, self._config, clock, folder, exchange=exchange, asks=asks, topics_again=again)
        except (HubRefusedError, RefusedError, LogForkError, FalseManifestError, NoteError) as error:
            self._put_off(error)
        except Exception as error:  # noqa: BLE001  # one pass that fails ends no edge: it is said, and tried again
            if not (isinstance(error, StoreError) and self._has_said_no_room()):
                self._log(Event.FAULT, kind=type(error).__name__, place=place_of(error))
            self._pace.away(_time())
        else:
            self._waits_for_room = False
            if exchange:
                self._heard(done)
                if not done.hub_away:
                    self._metrics.passed()
        with suppress(StoreError):  # the next pass says so
            self._metrics.look(edge.backlog, edge.is_unconfirmed)
            self._caught(edge)
        moved = bool(done.read or done.sent or done.picked_up or done.quarantined)
        if moved:
            counts = {"read": done.read, "quarantined": done.quarantined, "of_others": done.of_others}
            self._log(Event.PASS, **counts, sent=done.sent, got=done.picked_up)
        return moved

    async def _renew(self) -> None:
        """Renews the certificate when it is time, and ends a renewal that was not confirmed, also while the hub seems to be
        away: it may be that it does not take the new certificate."""
        address, now = self._config.address, self._means.clock() // 1000
        if _time() < self._renew_at:
            return
        self._renew_at = _time() + RENEW_SECONDS
        try:
            await confirm(self._way, now)
            if is_due(self._way.pair, address, now):
                end = await renew(self._way, address, now)
                self._log(Event.RENEWED, until=f"{end:%Y-%m-%d}")
        except (RenewalError, HubUnavailableError, WayError, OSError) as error:  # said, and tried again in an hour
            self._log(Event.NOT_RENEWED, kind=type(error).__name__)

    def _caught(self, edge: Edge) -> None:
        """What the hub was caught at: in the metrics, and once in the log."""
        found = edge.alarms()
        self._metrics.caught(one.lie for one in found)
        for one in found:
            if one.number not in self._told:
                self._log(Event.PERSON_MUST_LOOK, kind=one.lie, about=one.about)
        self._told = {one.number for one in found}

    def _heard_of_kafka(self) -> None:
        """Sending over Kafka stops and goes on by itself, and holds up nothing else: it is only said."""
        if self._way.kafka is None:
            return
        away = self._way.kafka.away
        self._metrics.sends(kafka_takes=away is None)
        if away is not None and self._kafka_away is None:
            self._log(Event.KAFKA_AWAY, name=away)
        elif away is None and self._kafka_away is not None:
            self._log(Event.KAFKA_BACK)
        self._kafka_away = away

    def _heard(self, done: Pass) -> None:
        self._heard_of_kafka()
        if done.hub_away:
            self._away()
            return
        if self._is_away:
            self._is_away = False
            self._log(Event.HUB_BACK)
        if done.waits:
            self._log(Event.RESTORING, waits_for=done.waits)
            self._pace.away(_time())
        elif done.published:
            self._pace.answered(moved=self._has_moved(done))
        else:
            self._log(Event.NOT_ADMITTED)
            self._pace.away(_time())

    def _has_moved(self, done: Pass) -> bool:
        """Whether the hub may be asked again sooner: never for what only the own organisation has brought, where that is spread."""
        brought = (done.read or done.left) and not self._is_spread
        return bool(brought or done.sent or done.picked_up)

    def _away(self) -> None:
        seconds = self._pace.away(_time())
        if not self._is_away:
            self._is_away = True
            self._log(Event.HUB_AWAY, seconds=round(seconds, 1))

    def _put_off(self, error: Exception) -> None:
        """The hub answers, and not as it should: said each time, asked again later."""
        if isinstance(error, HubRefusedError):
            event = Event.NOT_ADMITTED if error.code is Code.UNKNOWN_SENDER else Event.REFUSED
            self._log(event, name=error.name)
        elif isinstance(error, RefusedError):
            self._log(Event.REFUSED, name=error.code.value)
        else:
            self._log(Event.PERSON_MUST_LOOK, kind=type(error).__name__)
        self._pace.away(_time())

    async def _wait(self, edge: Edge, folder: WatchedFolder, *, moved: bool) -> None:
        """Waits for something to do: at the hub, in the folder, from a command."""
        poll = None
        if not self._pace.pause:
            if not moved:
                await self._sleep(BETWEEN_SECONDS)  # what is there and can't be taken yet must not make it spin
            poll = asyncio.get_running_loop().create_task(self._poll())
        try:
            while not self._wake.is_set():
                if poll is None:
                    await self._sleep(LOOK_SECONDS / 2)
                else:
                    wake = asyncio.get_running_loop().create_task(self._wake.wait())
                    await asyncio.wait({poll, wake}, timeout=LOOK_SECONDS / 2, return_when=asyncio.FIRST_COMPLETED)
                    wake.cancel()
                if self._looked(folder):
                    if poll is None or not self._is_spread:
                        return
                    await self._pass(edge, folder, exchange=False, asks=False)
                    self._streams.passed()
                if self._pace.is_due(_time()) if poll is None else poll.done():
                    return
        finally:
            if poll is not None:
                poll.cancel()  # nothing was handed over: it can be left at any moment
                await asyncio.gather(poll, return_exceptions=True)

    async def _poll(self) -> None:
        try:
            await self._way.pickup(0, self._pace.poll, 0)
        except HubUnavailableError:
            self._away()
        except (HubRefusedError, RefusedError) as error:
            self._put_off(error)

    def _looked(self, folder: WatchedFolder) -> bool:
        """Whether there is a new whole file; two looks in a row tell something when time has passed in between."""
        if _time() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = _time()
        try:
            return folder.look()
        except FolderError as error:
            self._log(Event.FAULT, kind=type(error).__name__)
            return False

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _read_files_again(self) -> None:
        self._reload = False
        try:
            await self._way.reload()
        except WayError:
            self._log(Event.NOT_RELOADED)
        else:
            self._log(Event.RELOADED)


def _time() -> float:
    return asyncio.get_running_loop().time()


def _has_no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < LEAST_ROOM
    except OSError:
        return False


def _is_locked(lock: Path) -> bool:
    """Whether another process has the lock of the store."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
