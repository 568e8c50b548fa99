# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the doctor of a hub looks at.  A running hub is asked for its store; the files are looked at from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from deploy.compose import Hub, schema_of, unsafe_of
from deploy.doctor import Finding, clock, fine, manifest, moved, private, room, seed, wrong
from deploy.doctor_tls import Pem, answers, certificate, days
from hub import faults
from hub.client import HubUnavailableError, RefusedError
from hub.config import GatewayConfig, HubConfig
from hub.control_socket import ControlError, Values, is_served
from hub.registry import ADMITTED
from hub.store import StoreError

# What keeps a hub from telling about its store.
NOT_TOLD = (StoreError, ControlError, HubUnavailableError, RefusedError, OSError, click.ClickException)

_AHEAD = "ahead of what it should be, or the hub was off so long"


@dataclass(frozen=True, slots=True)
class Moment:
    """When the doctor looks: unix milliseconds, and the day."""

    now: int
    today: int


def health(hub: Hub) -> Values:
    """What only the process that has the store can tell; it makes a test commit.

    Raises:
        StoreError: the store takes no commit.
    """
    newest = hub.store.head().committed_at
    hub.exchange.probe()
    everyone = hub.exchange.partners().by_number.values()
    return {
        "committed_at": newest,
        "jump_seconds": int(hub.exchange.clock.jump() / 1000),
        "schema_version": schema_of(hub),
        "unsafe": unsafe_of(hub),
        "entries": hub.store.head().size,
        "faults": len(faults.alone(hub.store.faults())),
        "log": hub.log.number,
        "awaited": len(hub.exchange.awaited()),
        "revoked": len(hub.exchange.revoked()),
        "partners": [
            {"address": one.address, "until": None if one.manifest is None else one.manifest.until}
            for one in everyone
            if one.state == ADMITTED
        ],
    }


def operator_is_partner(reference: str) -> str:
    """What every status page says of an operator that is a partner too."""
    return (
        f"The operator of this hub is itself a partner, so one organisation has both halves; see its DPIA: {reference}."
    )


def of_files(config: HubConfig, moment: Moment) -> Iterator[Finding]:
    """Keys, folder, disk, certificates, and whether the gateway answers."""
    yield seed("key of the log", config.key_file)
    yield private("data folder", config.data_folder)
    yield room(config.data_folder)
    if config.clock_file is not None:
        yield moved("hub.toml")
    if config.operator_dpia:
        yield fine("operator", operator_is_partner(config.operator_dpia))
    own = Pem(config.accession_certificate, config.accession_key, (config.accession_certificate,))
    yield from certificate("accession authority", own, moment.now)
    if config.gateway is None:
        yield _no_gateway(config)
    else:
        yield from _of_gateway(config, config.gateway, moment)


def _no_gateway(config: HubConfig) -> Finding:
    if not config.strict:
        return fine("gateway", "There is none; only edges in the same process reach this hub, as in a demo.")
    return wrong("gateway", "No edge can reach this hub.", "Fill in the table [gateway] of hub.toml.")


def _of_gateway(config: HubConfig, gateway: GatewayConfig, moment: Moment) -> Iterator[Finding]:
    shown = Pem(gateway.certificate, gateway.key, (gateway.server_authorities,))
    yield from certificate("certificate of the gateway", shown, moment.now, ends_in=days(strict=config.strict))
    if not is_served(config.data_folder):
        yield wrong("gateway", "The hub does not run.", "Start it with `schakel hub run`.")
    elif gateway.listen[1]:
        yield answers("gateway", gateway.listen, gateway.server_authorities)
    else:
        yield fine("gateway", "The hub runs, on a port that the system chose.")


def of_store(told: Values, moment: Moment) -> Iterator[Finding]:
    """What `health` told."""
    version, entries = told["schema_version"], told["entries"]
    yield fine("store", f"It takes commits; schema version {version}, its settings as they must be, {entries} entries.")
    for says in told.get("unsafe", ()):  # a hub of the version before does not tell
        yield wrong("database", says, "Until then something that was committed or kept may be lost one day.")
    yield clock(moment.now, int(told["committed_at"])) if not told["jump_seconds"] else _in_doubt(told["jump_seconds"])
    yield _faults(int(told["faults"]))
    yield _recovery(int(told["log"]), int(told["awaited"]))
    yield fine("revoked certificates", f"{told['revoked']}; `schakel partner list --revoked` shows them.")
    for one in told["partners"]:
        yield manifest(f"manifest of {one['address']}", one["until"], moment.today, own=False)


def no_store(error: Exception) -> Finding:
    """Why nothing was told of the store."""
    says = error.format_message() if isinstance(error, click.ClickException) else str(error)
    remedy = "Mend this first and look again. A store that is damaged or gone is put back from its back-up."
    return wrong("store", says, remedy)


def _in_doubt(jump: int) -> Finding:
    return wrong(
        "clock",
        f"It is {abs(jump)} s {_AHEAD if jump > 0 else 'behind what it should be'}, unconfirmed; nothing is decided.",
        "`schakel hub clock` says how it stands. Let the machine set its clock by NTP (`timedatectl`), or confirm it.",
    )


def _recovery(log: int, awaited: int) -> Finding:
    if awaited:
        says = f"The hub was put back from a copy and waits for {awaited} partner{'' if awaited == 1 else 's'}."
        return wrong("recovery", says, "`schakel hub recover` says for whom; their edges must run.")
    return fine("recovery", "Never put back from a copy." if log == 1 else f"Put back from a copy; this is log {log}.")


def _faults(number: int) -> Finding:
    if not number:
        return fine("faults", "Nothing is set aside.")
    says = f"The hub failed on {number} message{'' if number == 1 else 's'} and set it aside."
    return wrong("faults", says, "Tell the supplier; `schakel hub faults list` says which.")
