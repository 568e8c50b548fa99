# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is asked of a hub about its log: orders of controller and FG, why it decided so, which entries fit.

An order that is refused is an answer, with the sentence under `not`, so that it reaches a person whole over the socket too.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from itertools import islice

import orjson

from consent.rules import RuleTable, load, national
from deploy.compose import Hub
from deploy.dutch_orders import in_dutch
from deploy.entries import pages
from deploy.explain_entries import explain_handle, explain_message
from deploy.find_entries import Wanted, find
from hub.audit.accounts import Accounts, Place
from hub.audit.erasure import FIRST_DAYS, as_ranges
from hub.control_socket import Values
from schemas.calendar import date_text, day_of
from schemas.fact import HIGHEST_DAY
from schemas.order import ERASE, MOST_RANGES, Order, SignedOrder, as_text, from_text, leaves_hash
from schemas.order_faults import OrderError

_NONCE = 16
_MOST = 1_000_000
_PAGE_BYTES = 4 << 20  # of entries in one answer; the socket takes four times as much
_MOST_ENTRIES = 5_000


def _officer(hub: Hub, values: Values) -> Values:
    try:
        public = bytes.fromhex(str(values["public"]))
    except ValueError:
        return {
            "not": "Dit is geen openbare sleutel: dat zijn 64 hexadecimale tekens, zoals `schakel audit key` ze gaf."
        }
    try:
        hub.exchange.register_officer(str(values["role"]), public)
    except OrderError as error:
        return {"not": in_dutch(error)}
    return {"role": values["role"]}


def _officers(hub: Hub, values: Values) -> Values:
    standing = hub.exchange.standing()
    return {
        "inquiry": standing.inquiry,
        "officers": [
            {
                "role": one.role,
                "public": one.public.hex(),
                "since": date_text(one.day),
                "counts_from": date_text(one.day + FIRST_DAYS),
            }
            for one in standing.officers
        ],
    }


def _order_erase(hub: Hub, values: Values) -> Values:
    last = values["last"]
    wanted = Wanted(
        partner=values["partner"],
        first_day=values["first_day"],
        last_day=values["last_day"],
        after=values["first"] or 0,
        end=None if last is None else last + 1,
    )
    chosen = [one.line.index for one in islice(find(hub.store, wanted), _MOST)]
    may, stay = hub.exchange.erasable(chosen)
    ranges = tuple(as_ranges(may))
    if not ranges:
        none = f"Van de regels die passen mag er vandaag geen gewist worden: {len(stay)} blijven staan. Er is niets gemaakt."
        why = f"Bewaard blijven: de eerste {FIRST_DAYS} dagen, wat over een organisatie gaat, en wat een toelating aanmeldt of stopt die nog telt."
        return {"not": f"{none} {why}" if stay else none}
    if len(ranges) > MOST_RANGES:
        return {"not": "Dit zijn te veel losse regels voor één opdracht. Kies minder dagen."}
    leaves = leaves_hash(hub.exchange.leaves(ranges))
    return {**_made(hub, ERASE, str(values["reason"]), ranges, leaves), "entries": len(may), "stay": len(stay)}


def _order_inquiry(hub: Hub, values: Values) -> Values:
    return _made(hub, str(values["kind"]), str(values["reason"]))


def _made(
    hub: Hub, kind: str, reason: str, ranges: tuple[tuple[int, int], ...] = (), leaves: bytes | None = None
) -> dict[str, object]:
    today = day_of(hub.store.now())
    order = Order(hub.log.name, kind, os.urandom(_NONCE), today, reason, ranges, leaves)
    return {"order": as_text(SignedOrder(order)), "kind": kind, "reason": reason, "day": date_text(today)}


def _carry_out(hub: Hub, values: Values) -> Values:
    try:
        index, erased = hub.exchange.carry_out(from_text(str(values["order"])))
    except OrderError as error:
        return {"not": in_dutch(error)}
    return {"entry": index, "erased": len(erased)}


def _explain(hub: Hub, values: Values) -> Values:
    found = explain_message(hub.store, bytes.fromhex(str(values["id"])), national(hub.config.test_mode))
    return {"explanation": None if found is None else asdict(found)}


def _explain_grant(hub: Hub, values: Values) -> Values:
    day = day_of(hub.store.now()) if values["day"] is None else int(values["day"])
    handle = bytes.fromhex(str(values["handle"]))
    return {"explanation": asdict(explain_handle(hub.store, handle, day, national(hub.config.test_mode)))}


def _search(hub: Hub, values: Values) -> Values:
    most = int(values["most"])
    asked = {
        name: values[name] for name in ("partner", "row", "code", "kind", "first_day", "last_day", "outcome", "after")
    }
    found = list(islice(find(hub.store, Wanted(**asked)), most + 1))
    return {
        "entries": [{**asdict(one.line), "row": one.row, "outcome": one.outcome} for one in found[:most]],
        "more": len(found) > most,
    }


def _export(hub: Hub, values: Values) -> Values:
    base = national(hub.config.test_mode)
    tables = {base.hash: base}

    def table(hashed: bytes) -> RuleTable | None:
        if hashed not in tables:
            raw = hub.store.table(hashed)
            if raw is None:
                return None
            tables[hashed] = load(raw)
        return tables[hashed]

    names = {row.number: row.address for row in hub.store.addresses().values()}
    place = Place(hub.log.name, hub.log.origin, hub.config.operator, version("schakel"))
    accounts = Accounts(place, names, table, str(values["activity"]))
    first = 0 if values["first_day"] is None else int(values["first_day"])
    last = HIGHEST_DAY if values["last_day"] is None else int(values["last_day"])
    entries = (one for at, page in pages(hub.store, 0, hub.store.head().size) for one in enumerate(page, at))
    lines = 0
    descriptor = os.open(str(values["file"]), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        for line in accounts.lines(str(values["kind"]), entries, first, last):
            opened.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            lines += 1
        opened.flush()
        os.fsync(descriptor)
    # On disk. A crash before this line: a part of a file is there, which the next try does not overwrite.
    return {"file": values["file"], "lines": lines, "erased": accounts.erased}


def _log(hub: Hub, values: Values) -> Values:
    names = [[row.number, row.address] for row in hub.store.addresses().values()]
    return {"size": hub.store.head().size, "verifier_key": hub.log.verifier_key, "names": names}


def _entries(hub: Hub, values: Values) -> Values:
    """As many of them as go into one answer, and at least one where there is one."""
    start, end = int(values["start"]), min(int(values["end"]), hub.store.head().size)
    found: list[list[str | None]] = []
    size = 0
    for _, page in pages(hub.store, start, min(end, start + _MOST_ENTRIES)):
        for item in page:
            size += len(item.record)
            if found and size > _PAGE_BYTES:
                return {"entries": found}
            found.append([_text(item.leaf), None if item.salt is None else _text(item.salt), _text(item.record)])
    return {"entries": found}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _last_checkpoint(hub: Hub, values: Values) -> Values:
    return {"note": hub.store.last_checkpoint()}


def _inclusion(hub: Hub, values: Values) -> Values:
    return {"path": [_text(one) for one in hub.log.inclusion([int(values["index"])], int(values["size"]))]}


REQUESTS: Mapping[str, Callable[[Hub, Values], Values]] = {
    "log": _log,
    "entries": _entries,
    "last-checkpoint": _last_checkpoint,
    "inclusion": _inclusion,
    "officer": _officer,
    "officers": _officers,
    "order-erase": _order_erase,
    "order-inquiry": _order_inquiry,
    "carry-out": _carry_out,
    "explain": _explain,
    "explain-grant": _explain_grant,
    "search": _search,
    "export": _export,
}
