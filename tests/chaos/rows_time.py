# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows in which time goes by, a clock is set wrong, or a certificate is over.  Clocks are moved, nobody sleeps."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from deploy.compose import machine_clock, toml
from deploy.compose_edge import load_settings
from deploy.dev_ca import DevCa, Files
from deploy.net import Partner
from deploy.options import EDGE_FILE, HUB_FILE
from hub.config import HubConfig, load_hub_config
from schemas.address import oin_of
from tests.chaos.ground import NotHereError
from tests.chaos.town import Town, change, until

HOUR = 3_600
_WRONG_SECONDS = 10.0  # how long a clock stays wrong
_OVER_SECONDS = 8.0
_PLACES = "hub", "team-wmo", "zorgaanbieder"


class Clocks:
    """The clocks of hub and edges, each moved by a file of its own."""

    def __init__(self, town: Town) -> None:
        if "clock_file" not in HubConfig.__dataclass_fields__:
            raise NotHereError("needs the setting clock_file")
        self._folder = town.net.folder
        for place, name in ((_PLACES[0], HUB_FILE), (_PLACES[1], EDGE_FILE), (_PLACES[2], EDGE_FILE)):
            change(self._folder / place / name, "clock_file", toml(str(self._file(place))))
        town.net.config = load_hub_config(self._folder / "hub" / HUB_FILE)
        for which, partner in enumerate(town.net.partners):
            settings = load_settings(partner.settings.config.data_folder.parent / EDGE_FILE)
            town.net.partners[which] = Partner(partner.who, settings, partner.process)
        for process in (town.hub, *(partner.process for partner in town.net.partners)):
            process.stop()
            process.start()
        until(lambda: town.hub.events("listening"), 30, "the hub listens again")

    def passed(self, seconds: int) -> None:
        """So much time went by, for everybody."""
        for place in _PLACES:
            self._move(place, f"passed_seconds = {seconds}\n")

    def jump(self, place: str, seconds: int) -> None:
        """Somebody set one clock."""
        self._move(place, f"jump_seconds = {seconds}\n")

    def _file(self, place: str) -> Path:
        return self._folder / f"clock-{place}.toml"

    def _move(self, place: str, text: str) -> None:
        new = self._file(place).with_suffix(".new")
        new.write_text(text)
        new.replace(self._file(place))


def away(town: Town, seconds: int) -> str:
    """The receiving edge is down while so much time goes by; events come before, during and after it."""
    clocks = Clocks(town)
    town.tell(6, rate=6)
    town.provider.process.stop()
    for part in (1, 2, 3):
        town.tell(8)
        until(lambda: not town.team.waiting(), 60, "the sending edge takes files")
        clocks.passed(seconds * part // 3)
    town.provider.process.start()
    return f"{seconds} s, by the clocks of all three; 24 events meanwhile"


def clock_wrong(town: Town, place: str, seconds: int) -> str:
    """One clock is set wrong, and right again after a while."""
    clocks = Clocks(town)
    town.tell(6, rate=6)
    clocks.jump(place, seconds)
    town.tell(24, rate=24 / _WRONG_SECONDS)
    during = town.arrived().lost
    clocks.jump(place, 0)
    return f"{seconds:+d} s for {_WRONG_SECONDS:.0f} s; {during} events waited"


def clocks_set_forward(town: Town) -> str:
    """All three machines slept, and wake up an hour later: the partners confirm the time of the hub."""
    clocks = Clocks(town)
    town.tell(6, rate=6)
    for place in _PLACES:
        clocks.jump(place, HOUR)
    town.tell(24, rate=24 / _WRONG_SECONDS)
    return "all three, by an hour, for good"


def client_certificate_over(town: Town) -> str:
    """The certificate of the sending edge has expired; then there is a new one."""
    config = town.team.settings.config
    good = config.hub_certificate.read_bytes(), config.hub_certificate_key.read_bytes()
    over = _expired(town, lambda ca: ca.client(oin_of(config.address), "over"))
    hub_file = town.net.folder / "hub" / HUB_FILE
    authority = toml(str(over.certificate.with_name("ca.crt")))
    hub_file.write_text(hub_file.read_text().replace("client_authorities = [", f"client_authorities = [{authority}, "))
    town.hub.stop()
    town.hub.start()
    until(lambda: town.hub.events("listening"), 30, "the hub listens again")
    _put((config.hub_certificate, config.hub_certificate_key), (over.certificate.read_bytes(), over.key.read_bytes()))
    town.team.process.stop()
    town.team.process.start()
    waited = _while_over(town)
    _put((config.hub_certificate, config.hub_certificate_key), good)
    os.kill(town.team.process.process_id, signal.SIGHUP)
    return f"for {_OVER_SECONDS:.0f} s, then renewed and SIGHUP; {waited} events waited"


def server_certificate_over(town: Town) -> str:
    """The certificate of the hub has expired; then there is a new one."""
    gateway = town.net.config.gateway
    assert gateway is not None
    good = gateway.certificate.read_bytes(), gateway.key.read_bytes()
    over = _expired(town, lambda ca: ca.server("over"))
    for partner in town.net.partners:
        file = partner.settings.config.hub_authorities
        file.write_bytes(file.read_bytes() + over.certificate.with_name("ca.crt").read_bytes())
        partner.process.stop()
    _put((gateway.certificate, gateway.key), (over.certificate.read_bytes(), over.key.read_bytes()))
    os.kill(town.hub.process_id, signal.SIGHUP)
    until(lambda: town.hub.events("reloaded"), 30, "the hub reads its certificate")
    for partner in town.net.partners:
        partner.process.start()
    waited = _while_over(town)
    _put((gateway.certificate, gateway.key), good)
    os.kill(town.hub.process_id, signal.SIGHUP)
    return f"for {_OVER_SECONDS:.0f} s, then renewed and SIGHUP; {waited} events waited"


def _expired(town: Town, make: Callable[[DevCa], Files]) -> Files:
    """A certificate of an authority that is valid, which ended a minute ago."""
    now = machine_clock() // 1000
    ca = DevCa(town.net.folder / "ca-over", now, strict=False)
    minute = timedelta(minutes=1)
    ca._begin, ca._end = ca._begin - 60 * minute, ca._begin + 4 * minute  # begun five minutes ago
    return make(ca)


def _while_over(town: Town) -> int:
    before = len(town.told) - town.arrived().lost
    town.tell(24, rate=24 / _OVER_SECONDS)
    time.sleep(1.0)
    arrived = town.arrived()
    assert len(town.told) - arrived.lost == before, "nobody exchanges with a certificate that is over"
    return arrived.lost


def _put(files: tuple[Path, Path], contents: tuple[bytes, bytes]) -> None:
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
