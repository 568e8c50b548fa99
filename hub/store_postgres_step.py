# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A step as the arguments of the one call that commits it.  Pure: reads nothing, changes nothing.

What a step says twice of one row is said once here; where the two don't follow from each other, a count is given
that the database can't reach, so that it refuses the step as it would have refused the second of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from hub.postgres_link import Int8Array, TextArray, bytea_array, int8_array, text_array
from hub.store import GrantRow, Offer, Step, Use
from hub.store_sqlite_step import packed_row
from schemas.canonical import encode

NEVER = -1  # no count of rows
Wrap = Callable[[bytes, bytes], bytes]


def arguments(step: Step, day: int, wrap: Wrap, word: Callable[[str], int]) -> list[object]:
    """The parameters of `COMMIT`.  `wrap` wraps a key for a message id under the key of `day`."""
    found: list[object] = [step.at, *_numbers(step.positions, 0, 1, 2), day, int8_array(step.position or ())]
    found += _rests(step)
    found += [bytea_array([entry.leaf for entry in step.entries])]
    found += [bytea_array([entry.salt for entry in step.entries]), bytea_array([one.record for one in step.entries])]
    found += _messages(step, wrap)
    found += _uses(step.uses)
    found += _offers(step.offers, step.at)
    last = {one.message_id: one.code.value for one in step.outcomes}
    found += [bytea_array([one.message_id for one in step.leaves]), text_array([one.code.value for one in step.leaves])]
    found += [bytea_array(list(last)), text_array(list(last.values()))]
    found += _lines(step)
    found += [int8_array([to for to, _ in step.acknowledged]), int8_array([number for _, number in step.acknowledged])]
    found += _grants(step.registers, word)
    stops = sorted(step.stops, key=lambda one: one[:2])
    found += [bytea_array([one[0] for one in stops]), *_numbers(stops, 1, 2)]
    found += [bytea_array([one.handle for one in step.stop_rows]), *_numbers(step.stop_rows, 1, 2, 3)]
    found += [*_numbers(step.facts, 0, 1, 2), bytea_array([one[3] for one in step.facts])]
    found += [_rare(step, day, wrap), int8_array(step.standing)]
    return [*found, int8_array([first for first, _ in step.erases]), int8_array([end for _, end in step.erases])]


def _rests(step: Step) -> list[object]:
    # A use names handle and version too, and is compared when it is applied.
    used = {(use.handle, use.version) for use in step.uses}
    rests = [one for one in step.rests_on_grants if one not in used]
    handles, versions = bytea_array([one[0] for one in rests]), int8_array([one[1] for one in rests])
    addresses = step.rests_on_addresses
    return [handles, versions, int8_array(list(addresses)), int8_array(list(addresses.values()))]


def _messages(step: Step, wrap: Wrap) -> list[object]:
    joins, refused = step.joins, step.refused
    return [
        bytea_array([one.message_id for one in joins]),
        bytea_array([one.sha for one in joins]),
        int8_array([one.sender for one in joins]),
        int8_array([one.recipient for one in joins]),
        bytea_array([one.handle for one in joins]),
        int8_array([one.entry for one in joins]),
        int8_array([one.since for one in joins]),
        int8_array([one.due for one in joins]),
        bytea_array([one.wrapped for one in joins]),
        bytea_array([wrap(one.key, one.message_id) for one in joins]),
        bytea_array([one.message_id for one in refused]),
        bytea_array([one.sha for one in refused]),
        int8_array([one.sender for one in refused]),
        int8_array([one.recipient for one in refused]),
        int8_array([one.entry for one in refused]),
        text_array([one.code.value for one in refused]),
    ]


def _uses(uses: Sequence[Use]) -> list[object]:
    """One use per handle, in the order of the handles, which is the order of the locks."""
    chains: dict[bytes, Use] = {}
    broken = False
    for use in uses:
        before = chains.get(use.handle)
        broken = broken or before is not None and (before.version, before.new) != (use.version, use.old)
        chains[use.handle] = use if before is None else before._replace(new=use.new)
    chosen = [chains[handle] for handle in sorted(chains)]
    count = NEVER if broken else len(chosen)
    return [bytea_array([use.handle for use in chosen]), *_numbers(chosen, 1, 2, 3), count]


def _offers(offers: Sequence[Offer], at: int) -> list[object]:
    last: dict[bytes, Offer] = {}
    broken = False
    for offer in offers:
        before = last.get(offer.message_id)
        broken = broken or before is not None and before.lease_until > at
        last[offer.message_id] = offer
    chosen = list(last.values())
    count = NEVER if broken else len(chosen)
    return [bytea_array([one.message_id for one in chosen]), *_numbers(chosen, 1, 2, 3, 4), count]


def _lines(step: Step) -> list[object]:
    tells, notifies = step.tells, step.notifies
    none: list[None] = [None] * len(notifies)
    nothing: list[None] = [None] * len(tells)
    return [
        int8_array([one.to for one in tells] + [one.to for one in notifies]),
        int8_array([one.at for one in tells] + [one.at for one in notifies]),
        text_array([*[one.code.value for one in tells], *none]),
        bytea_array([*[one.message_id for one in tells], *none]),
        bytea_array([*[one.handle for one in tells], *none]),
        text_array([*nothing, *[one.kind for one in notifies]]),
        bytea_array([*nothing, *[encode(list(one.handles)) for one in notifies]]),
        bytea_array([one.frame for one in tells] + [one.fact for one in notifies]),
    ]


def _grants(registers: Sequence[GrantRow], word: Callable[[str], int]) -> list[object]:
    rows = [packed_row(grant, word) for grant in registers]
    handles: list[bytes] = [grant.handle for grant in registers]
    packed: list[bytes] = [row[6] for row in rows]  # type: ignore[misc]  # a row for a database, of any type
    return [
        bytea_array(handles),
        int8_array([grant.version for grant in registers]),
        int8_array([grant.last for grant in registers]),
        int8_array([int(grant.stopped) for grant in registers]),
        int8_array([grant.held_until for grant in registers]),
        int8_array([grant.forget for grant in registers]),
        bytea_array(packed),
    ]


def _rare(step: Step, day: int, wrap: Wrap) -> str:
    """What most steps don't have, as one document; empty when there is nothing of it."""
    new = step.new_log
    found = {
        "new_log": None if new is None else [new.number, new.place, list(new.awaited)],
        "confirmed": step.confirmed,
        "admissions": step.admissions,
        "tables": [[table_hash.hex(), raw.hex()] for table_hash, raw in step.tables],
        "attestations": [[sha.hex(), raw.hex()] for sha, raw in step.attestations],
        "manifests": [
            [place, number, frame.hex(), None if table_hash is None else table_hash.hex()]
            for place, number, frame, table_hash in step.manifests
        ],
        "set_aside": [
            [
                one.sender,
                one.sha.hex(),
                None if one.handle is None else one.handle.hex(),
                one.until,
                one.since,
                one.wrapped.hex(),
                day,
                wrap(one.key, one.sha[:16]).hex(),
            ]
            for one in step.set_aside
        ],
        "released": step.released,
    }
    there = {name: value for name, value in found.items() if value}
    return json.dumps(there) if there else ""


def _numbers(rows: Sequence[Sequence[object]], *places: int) -> list[Int8Array | TextArray]:
    return [int8_array([row[place] for row in rows]) for place in places]  # type: ignore[misc]  # of numbers only
