# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the operator of a hub asks of it, whether it runs or not.

A running hub is asked over its local socket; only when none runs is its store opened here.  The answers are the same,
and are what a program gets with `--json`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from deploy import office_audit
from deploy.clock import MachineClock
from deploy.compose import Hub, copy_store, open_hub
from deploy.doctor_hub import health
from deploy.exits import failed
from deploy.rules_in_force import as_values
from deploy.trace import trace
from hub.config import HubConfig
from hub.control_socket import Values, asked, is_served
from hub.recovery import LENGTH as RECOVERY_LENGTH
from hub.registry import STATES, Partner
from schemas.calendar import date_text
from schemas.canonical import decode_array
from schemas.codes import Code

Office = Callable[[str, Values], Values]


@contextmanager
def open_office(config: HubConfig) -> Iterator[Office]:
    """Call what is given with one of `REQUESTS` and its values.

    Raises:
        StoreError, Stopped: no hub runs, and its store can't be opened.
    """
    if is_served(config.data_folder):
        yield partial(_ask, config)
    else:
        with open_hub(config, traffic=False) as hub:
            yield partial(perform, hub)


def perform(hub: Hub, what: str, values: Values) -> Values:
    """The answer of a hub in this process.

    Raises:
        RefusedError: it can't be done.
    """
    return REQUESTS[what](hub, values)


def admit_values(manifest: bytes, attestation: bytes) -> Values:
    """The values of `admit`; the attestation is empty where there is none."""
    return {
        name: base64.b64encode(one).decode() for name, one in (("manifest", manifest), ("attestation", attestation))
    }


def _ask(config: HubConfig, what: str, values: Values) -> Values:
    with asked(config.data_folder, what, values) as answer:
        return answer


def _admit(hub: Hub, values: Values) -> Values:
    return _partner(
        hub.exchange.admit(*(base64.b64decode(str(values[one]), validate=True) for one in ("manifest", "attestation")))
    )


def _state(hub: Hub, values: Values) -> Values:
    state = str(values["state"])
    if state not in STATES:
        raise ValueError("no such state of a partner")
    return _partner(hub.exchange.set_state(str(values["address"]), state))


def _revoke(hub: Hub, values: Values) -> Values:
    oin = values.get("oin")
    hub.exchange.revoke(bytes.fromhex(str(values["fingerprint"])), None if oin is None else str(oin))
    return {"fingerprint": str(values["fingerprint"])}


def _revoked(hub: Hub, values: Values) -> Values:
    found = hub.exchange.revoked()
    return {
        "revoked": [
            {"fingerprint": name.hex(), "number": one.oin, "day": date_text(one.day)} for name, one in found.items()
        ]
    }


def _partners(hub: Hub, values: Values) -> Values:
    everyone = sorted(hub.exchange.partners().by_number.items())
    return {"partners": [_partner(one) for _, one in everyone]}


def _manifest(hub: Hub, values: Values) -> Values:
    """The newest manifest of an address that may have a certificate now."""
    address = str(values["address"])
    hub.exchange.need_to_vouch(address)
    return {"manifest": base64.b64encode(hub.exchange.manifests(address, address)[-1].frame).decode()}


def _status(hub: Hub, values: Values) -> Values:
    everyone = hub.exchange.partners().by_number.values()
    return {
        "log": hub.log.origin,
        "verifier_key": hub.log.verifier_key,
        "partners": {state: sum(partner.state == state for partner in everyone) for state in STATES},
        "counts": hub.exchange.counts(),
        "clock": _clock(hub, values),
        "awaited": [one.address for one in hub.exchange.awaited()],
        "rules": as_values(hub.rules),
    }


def _checkpoint(hub: Hub, values: Values) -> Values:
    return {"note": hub.exchange.checkpoint(), "verifier_key": hub.log.verifier_key}


def _health(hub: Hub, values: Values) -> Values:
    return health(hub)


def _trace(hub: Hub, values: Values) -> Values:
    found = trace(hub.store, bytes.fromhex(str(values["id"])))
    return {"trace": None if found is None else asdict(found)}


def _faults(hub: Hub, values: Values) -> Values:
    found = hub.exchange.faults()
    return {
        "faults": [
            {
                "number": one.number,
                "partner": one.partner,
                "day": date_text(one.day),
                "held": one.held,
                "behind": one.behind,
            }
            for one in found
        ]
    }


def _clock(hub: Hub, values: Values) -> Values:
    clock, doubt = hub.exchange.clock, hub.exchange.doubt()
    return {
        "clock": clock.wall(),
        "time": hub.store.now(),
        "jump_seconds": int(doubt.jump / 1000),
        "agree": doubt.agree,
        "differ": doubt.differ,
        "needed": doubt.needed,
        "moved_seconds": sum(clock.wall.moved()) if isinstance(clock.wall, MachineClock) else 0,
    }


def _confirm_clock(hub: Hub, values: Values) -> Values:
    hub.exchange.confirm_clock()
    return _clock(hub, values)


def _retry_fault(hub: Hub, values: Values) -> Values:
    number = int(values["number"])
    if hub.rules.over:
        raise failed(
            "The signature under the rule table is over, and a retry decides by it. Have it signed anew first."
        )
    hub.exchange.state_rules(hub.rules.table)
    return {"number": number, "outcome": hub.exchange.retry_fault(number).value}


def _drop_fault(hub: Hub, values: Values) -> Values:
    number = int(values["number"])
    hub.exchange.drop_fault(number)
    return {"number": number, "outcome": Code.HUB_FAULT.value}


def _backup(hub: Hub, values: Values) -> Values:
    target = Path(str(values["file"]))
    copy_store(hub, target)
    return {"file": str(target), "entries": hub.store.head().size, "bytes": target.stat().st_size}


def _recovery(hub: Hub, values: Values) -> Values:
    found = hub.exchange.recovery()
    if found is None:
        return {"recovery": None}
    number, size, _, at = decode_array(found.record, RECOVERY_LENGTH)[4:8]
    return {
        "recovery": {
            "log": hub.log.origin,
            "found": at,
            "seen": f"log {number}, {size} entries",
            "awaited": [one.address for one in hub.exchange.awaited()],
        }
    }


def _will_not_return(hub: Hub, values: Values) -> Values:
    hub.exchange.will_not_return(str(values["address"]))
    return {"address": str(values["address"])}


def _partner(one: Partner) -> Values:
    return {
        "number": one.number,
        "address": one.address,
        "state": one.state,
        "keys_until": None if one.manifest is None else date_text(one.manifest.until),
    }


REQUESTS: Mapping[str, Callable[[Hub, Values], Values]] = {
    "admit": _admit,
    "state": _state,
    "revoke": _revoke,
    "revoked": _revoked,
    "partners": _partners,
    "manifest": _manifest,
    "status": _status,
    "checkpoint": _checkpoint,
    "clock": _clock,
    "confirm-clock": _confirm_clock,
    "faults": _faults,
    "backup": _backup,
    "recovery": _recovery,
    "will-not-return": _will_not_return,
    "retry-fault": _retry_fault,
    "drop-fault": _drop_fault,
    "trace": _trace,
    "health": _health,
    **office_audit.REQUESTS,
}
