# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub as a process: the gateway, what time brings, the local socket of its operator.

* SIGTERM or SIGINT: nothing new is taken, what is in hand is finished, open polls answer, a last checkpoint is signed.
* SIGHUP: certificate, key and authorities are read again; what can't be read changes nothing.
* When its store was moved to another engine it begins again on that, with the same name, key and address.
* When its database was put back, or another was promoted that lacks commits, it begins again too, in recovery.
* A checkpoint is signed at most five seconds after an entry, also when nobody asks for one.

Killed at any moment it loses nothing: the store is the truth, and the next start goes on with it.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from deploy.compose import Hub, lacks, open_hub, refusal_of
from deploy.exits import Stopped, failed
from deploy.intake import intake_of
from deploy.logs import Event, Log
from deploy.machines import Patience
from deploy.metrics_page import metrics_page
from deploy.move import move_store, wanted
from deploy.office import REQUESTS, perform
from deploy.watch_relay import relay
from hub.accession_authority import AuthorityFiles
from hub.client import HubUnavailableError
from hub.config import GatewayConfig, HubConfig
from hub.control_socket import ControlServer, Values
from hub.gateway import Gateway
from hub.gateway_caller import Proxy
from hub.gateway_listener import Tls
from hub.intake_gateway import IntakeGateway
from hub.intake_metrics import GatewayMetrics
from hub.metrics import HubMetrics
from hub.steady import settle
from hub.store import StoreError

CHECKPOINT_EVERY = 1.0  # looked at; signed at most five seconds apart
LOOK_EVERY = 5.0  # at what the metrics tell of the store
LOOK_AT_CLOCK_EVERY = 1.0
LOOK_AT_STORE_EVERY = 0.5
STOP_SECONDS = 10.0
ANSWER_SECONDS = 0.1


def run_hub(config: HubConfig, log: Log, *, requests: bool = False) -> None:
    """Runs until a signal ends it.  `requests`: one line of log for each.

    Raises:
        Stopped, StoreError: it can't start.
        OSError: the address to listen on can't be had.
    """
    gateway = config.gateway
    if gateway is None:
        raise failed("This hub has no table [gateway] in its settings, so nobody could reach it. Fill it in first.")
    raise_descriptors()
    end = log.listen(requests=requests)
    runs: HubConfig | None = config
    try:
        while runs is not None:
            with open_hub(runs, patience=for_ever(log)) as hub, intake_of(hub) as intake:
                log(Event.STARTED, name=config.name, strict=config.strict)
                settle()
                runs = asyncio.run(serve(hub, gateway, log, intake))
        log(Event.STOPPED)
    finally:
        end()


async def serve(hub: Hub, config: GatewayConfig, log: Log, intake: IntakeGateway | None = None) -> HubConfig | None:
    """Serves until SIGTERM or SIGINT, or until its store is another: then the settings with which the hub goes on.

    `intake`: where envelopes are written instead of being decided here.

    Raises:
        Stopped: certificate, key or authorities can't be read.
    """
    try:
        authority = AuthorityFiles(hub.config.accession_key, hub.config.accession_certificate)
        tls = tls_of(hub.config, config)
        gateway = Gateway(hub.exchange, tls, hub.exchange.clock.wall, authority=authority, intake=intake)
    except OSError as error:  # ssl.SSLError is one
        raise failed(
            f"Certificate, key or authorities of the gateway can't be read: {error.strerror}. `schakel hub doctor` says "
            "which."
        ) from None
    stop, goes_on = asyncio.Event(), list[HubConfig]()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, gateway, log)
    handlers = {what: _handler(hub, what, log) for what in REQUESTS}
    handlers["migrate"] = _mover(hub, log, goes_on, stop)
    control = ControlServer(hub.config.data_folder, handlers)
    metrics = HubMetrics(hub.exchange, gateway.counts.refused, config.certificate)
    shown = metrics if intake is None else GatewayMetrics(metrics, intake)
    port = await gateway.start(*config.listen)
    await control.start()
    tasks = (
        _checkpoints(hub, log, metrics),
        _looks(metrics),
        _clock(hub, log),
        _lacks(hub, log, goes_on, stop),
        relay(hub.store, hub.config, hub.exchange.clock, log),
    )
    ticking = [loop.create_task(task) for task in tasks]
    log(Event.LISTENING, host=config.listen[0], port=port)
    try:
        async with metrics_page(shown, hub.config.metrics_listen, log):
            await stop.wait()
            log(Event.STOPPING)
    finally:
        for task in ticking:
            task.cancel()
        await asyncio.gather(*ticking, return_exceptions=True)
        await control.stop()
        await gateway.stop(STOP_SECONDS)
    return goes_on[0] if goes_on else None


def tls_of(config: HubConfig, gateway: GatewayConfig) -> Tls:
    """The files that the gateway shows and trusts; its own accession authority is always among them."""
    accession = (config.accession_certificate,) if config.accession_certificate.exists() else ()
    proxies = tuple(Proxy(address, fingerprint) for address, fingerprint in gateway.proxies)
    return Tls(gateway.certificate, gateway.key, (*gateway.client_authorities, *accession), proxies)


def _handler(hub: Hub, what: str, log: Log) -> Callable[[Values], AbstractAsyncContextManager[Values]]:
    @asynccontextmanager
    async def handle(values: Values) -> AsyncIterator[Values]:
        answer = await asyncio.to_thread(perform, hub, what, values)
        log(Event.COMMAND, what=what)
        yield answer

    return handle


def _mover(
    hub: Hub, log: Log, goes_on: list[HubConfig], stop: asyncio.Event
) -> Callable[[Values], AbstractAsyncContextManager[Values]]:
    """Moves the store to another engine; when it is decided this serving ends, whoever asked for it."""

    @asynccontextmanager
    async def handle(values: Values) -> AsyncIterator[Values]:
        to, file = str(values["to"]), Path(str(values["file"]))
        try:
            answer = await asyncio.to_thread(move_store, hub, to, file)
            log(Event.MOVED, rows=answer["rows"], entries=answer["entries"])
            yield answer
        except Stopped as error:
            raise HubUnavailableError(error.message) from None
        finally:
            if hub.exchange.gate.is_closed:
                goes_on.append(wanted(hub.config, to))
                asyncio.get_running_loop().call_later(ANSWER_SECONDS, stop.set)  # who asked has its answer first

    return handle


async def _lacks(hub: Hub, log: Log, goes_on: list[HubConfig], stop: asyncio.Event) -> None:
    """Ends this serving when the database lacks what this process saw in it: the next one begins in recovery.  Or when
    another machine moved the store: the next one says so and ends."""
    told = ""
    while not goes_on:
        await asyncio.sleep(LOOK_AT_STORE_EVERY)
        if (says := refusal_of(hub)) and says != told:
            log(Event.LACKS, says=says)
            told = says
        if says:
            with suppress(StoreError):  # the file can't be written: nothing is decided before it can
                await asyncio.to_thread(_say_put_back, hub)
                goes_on.append(hub.config)
                stop.set()


def _say_put_back(hub: Hub) -> None:
    with hub.exchange.gate.closed(refusal_of(hub)):
        if lacks(hub):
            hub.log.greatest.was_put_back()
        # From here on the next start begins in recovery, also when its newest checkpoint is older than what was seen. A
        # crash before: it begins in recovery when the database lacks that checkpoint.


async def _looks(metrics: HubMetrics) -> None:
    while True:
        with suppress(StoreError):  # the age of the last commit says so
            await asyncio.to_thread(metrics.look)
        await asyncio.sleep(LOOK_EVERY)


async def _clock(hub: Hub, log: Log) -> None:
    """Says each time that the clock came into doubt, and who ended it, also when both happened between two looks."""
    while True:
        for turn in hub.exchange.clock.turns():
            if turn.jump:
                log(Event.CLOCK_IN_DOUBT, seconds=turn.jump // 1000, command="schakel hub clock")
            else:
                log(Event.CLOCK_BELIEVED, by=turn.ended_by)
        await asyncio.sleep(LOOK_AT_CLOCK_EVERY)


async def _checkpoints(hub: Hub, log: Log, metrics: HubMetrics) -> None:
    signed, told = "", (1, 0)
    while True:
        with suppress(StoreError):
            told = await asyncio.to_thread(_tell_recovery, hub, log, told)
        with suppress(StoreError, HubUnavailableError):  # the gateway's commit probe says so
            note = await asyncio.to_thread(hub.exchange.checkpoint)
            metrics.checkpointed()
            if note != signed:
                signed = note
                log(Event.CHECKPOINT, size=int(note.split("\n")[1]))
        await asyncio.sleep(CHECKPOINT_EVERY)


def _tell_recovery(hub: Hub, log: Log, told: tuple[int, int]) -> tuple[int, int]:
    """One line when another log begins, and one for each partner fewer that is waited for."""
    now = hub.log.number, len(hub.exchange.awaited())
    if now != told:
        log(Event.RECOVERY, log=now[0], awaited=now[1])
    return now


def _reload(gateway: Gateway, log: Log) -> None:
    try:
        gateway.reload()
    except OSError:
        log(Event.NOT_RELOADED)
    else:
        log(Event.RELOADED)


def for_ever(log: Log) -> Patience:
    """A process waits for the other machines of its hub, and says for which."""
    return Patience(None, lambda missing: log(Event.WAITS_FOR_MACHINES, machines=" ".join(missing)))


def raise_descriptors() -> None:
    """Takes all the file descriptors that this process may have: each connection costs one, and systems begin with few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
