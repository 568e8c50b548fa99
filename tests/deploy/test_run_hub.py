# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub as a process: what it answers while it runs, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.connections.https import HttpsClient, HubRefusedError, Place, Signer
from deploy.compose import machine_clock
from deploy.dev_ca import DevCa
from deploy.exits import Exit
from deploy.logs import Event, Log
from deploy.net import Net
from deploy.office import open_office
from deploy.run_hub import tls_of
from deploy.story.person import CITIZEN
from deploy.story.world import PRACTICE, TEAM
from hub.config import load_hub_config
from schemas.address import oin_of
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for

Answer = Callable[..., Any]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with net_of(tmp_path_factory.mktemp("net") / "n", TEAM, PRACTICE) as found:
        yield found


def _client(net: Net, which: int) -> HttpsClient:
    """Another connection of a partner, beside that of its running edge."""
    config = net.partners[which].settings.config
    with net.partners[which].desk() as edge:
        key = edge.signing_key()
    place = Place(config.hub_url or "", config.hub_certificate, config.hub_certificate_key, (config.hub_authorities,))
    return HttpsClient(place, Signer(config.address, lambda: key, lambda: None, machine_clock, os.urandom))


def test_commands_of_the_operator_ask_the_running_hub(answer: Answer, schakel: Schakel, net: Net) -> None:
    status = answer("hub", "status", "--config", net.folder / "hub")
    assert status["partners"]["admitted"] == 2
    assert len(answer("partner", "list", "--config", net.folder / "hub")) == 2
    note = answer("audit", "checkpoint", "--config", net.folder / "hub")
    assert note["note"].startswith(status["log"] + "\n")
    unknown = schakel("partner", "resume", f"urn:nld:oin:{'0' * 20}:gp", "--config", net.folder / "hub")
    assert unknown.exit_code == Exit.REFUSED


def test_a_second_hub_does_not_start_beside_it(schakel: Schakel, net: Net) -> None:
    result = schakel("hub", "run", "--config", net.folder / "hub")
    assert result.exit_code == Exit.FAILED
    assert "another process" in result.output


def test_suspended_partner_is_told_so_on_its_open_poll(answer: Answer, net: Net) -> None:
    address, hub = net.partners[1].settings.config.address, net.folder / "hub"

    async def polls() -> float:
        async with _client(net, 1) as client:
            poll = asyncio.create_task(client.pickup(10, 20.0, 0))
            await asyncio.sleep(0.5)  # it is open
            assert not poll.done()
            began = time.monotonic()
            await asyncio.to_thread(answer, "partner", "suspend", address, "--yes", "--config", hub)
            with pytest.raises(HubRefusedError, match="unknown-sender"):
                await poll
            with pytest.raises(HubRefusedError, match="unknown-sender"):
                await client.handles()
            return time.monotonic() - began

    try:
        assert asyncio.run(polls()) < 5
        process = net.partners[1].process
        wait_for(lambda: process.events("not-admitted"))
        process.need_alive()
    finally:
        answer("partner", "resume", address, "--config", hub)

    async def again() -> list[Any]:
        async with _client(net, 1) as client:
            return list(await client.handles())

    assert asyncio.run(again()) == []


def test_certificates_are_read_again_at_sighup_and_what_can_not_be_read_changes_nothing(net: Net) -> None:
    gateway = net.config.gateway
    assert gateway is not None
    old, key = gateway.certificate.read_bytes(), gateway.key.read_bytes()

    def shown() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host, port = gateway.url.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port))) as raw, context.wrap_socket(raw) as connection:
            return connection.getpeercert(binary_form=True) or b""

    before = shown()
    try:
        gateway.certificate.write_bytes(b"broken")
        os.kill(net.hub.process_id, signal.SIGHUP)
        wait_for(lambda: net.hub.events("not-reloaded"))
        assert shown() == before
        other = DevCa(net.folder / "new-ca", machine_clock() // 1000, strict=False).server()
        gateway.certificate.write_bytes(other.certificate.read_bytes())
        gateway.key.write_bytes(other.key.read_bytes())
        os.kill(net.hub.process_id, signal.SIGHUP)
        wait_for(lambda: net.hub.events("reloaded"))
        assert shown() != before
    finally:
        gateway.certificate.write_bytes(old)
        gateway.key.write_bytes(key)
        count = len(net.hub.events("reloaded"))
        os.kill(net.hub.process_id, signal.SIGHUP)
        wait_for(lambda: len(net.hub.events("reloaded")) > count)


def test_checkpoints_come_without_anybody_asking(net: Net) -> None:
    with open_office(net.config) as office:
        entries = office("status", {})["counts"]["entries"]
    wait_for(lambda: any(int(str(one["size"])) >= entries for one in net.hub.events("checkpoint")))


def test_every_line_of_a_log_is_json_of_a_known_event_and_names_no_person(net: Net) -> None:
    for file in net.folder.glob("*.log"):
        text = file.read_text()
        for line in text.splitlines():
            assert Event(json.loads(line)["event"])
        for secret in (CITIZEN.bsn, CITIZEN.family_name, CITIZEN.street, CITIZEN.patient_number):
            assert secret not in text


def test_the_authority_of_the_hub_itself_is_always_taken(net: Net) -> None:
    assert net.config.gateway is not None
    assert net.config.accession_certificate in tls_of(net.config, net.config.gateway).authorities
    assert oin_of(net.partners[1].settings.config.address).startswith("99")


def test_a_proxy_is_named_by_address_and_certificate(net: Net, tmp_path: Path) -> None:
    print_ = hashlib.sha256(b"x").hexdigest()
    file = net.folder / "hub" / "proxied.toml"
    file.write_text((net.folder / "hub" / "hub.toml").read_text() + f'proxies = ["10.0.0.5 {print_}"]\n')
    config = load_hub_config(file)
    file.unlink()
    assert config.gateway is not None
    [proxy] = tls_of(config, config.gateway).proxies
    assert (proxy.address, proxy.fingerprint.hex()) == ("10.0.0.5", print_)


def test_without_a_gateway_a_hub_does_not_run(schakel: Schakel, kept: Path) -> None:
    result = schakel("hub", "run", "--config", kept / "hub")
    assert result.exit_code == Exit.FAILED
    assert "[gateway]" in result.output


def test_a_log_keeps_the_kind_of_what_a_library_says_and_not_its_text(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as to:
        end = Log(lambda: 0, to).listen(requests=False)
        try:
            logging.getLogger("some.library").warning("999900006 is bad")
        finally:
            end()
    [line] = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == {
        "at": "1970-01-01T00:00:00.000+00:00",
        "event": "library",
        "name": "some.library",
        "level": "WARNING",
        "kind": None,
    }


def test_asked_to_end_a_hub_answers_open_polls_signs_a_last_checkpoint_and_ends_with_0(net: Net) -> None:
    async def polls() -> int:
        async with _client(net, 0) as client:
            poll = asyncio.create_task(client.pickup(10, 25.0, 0))
            await asyncio.sleep(0.5)
            code = await asyncio.to_thread(net.hub.stop)
            assert (await asyncio.wait_for(poll, 5)).deliveries == ()
            return code

    began = time.monotonic()
    assert asyncio.run(polls()) == 0
    assert time.monotonic() - began < 12
    assert not (net.config.data_folder / "control.sock").exists()
    assert net.hub.events("stopped")
    net.hub.start()
    wait_for(lambda: net.hub.events("listening"))
