# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a source that is asked has said before, so that of an answer that repeats everything only the news is told.

Guarantees:
- what is kept is keyed hashes: that this service answered about somebody, on which day it last did, and each fact that it said;
- they go together, or a fact of long ago would be news: after `ANSWER_DAYS` without an answer, and of who is no client here at the
  first cleaning after the day of the answer;
- by then nothing that was said before can be told: the next answer is a first one, which tells nothing from before a line began, and
  every line that stands then began after the day of that fact, since no grant is older than `ANSWER_DAYS`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from adapters import clients
from adapters.formats.native import NativeEvent
from adapters.records_outgoing import ANSWERED, CLIENTS, MARKS, SAID, Answered, Client, SaidBefore
from adapters.store import Transaction
from schemas.canonical import encode
from schemas.identity import Citizen

ANSWER_DAYS: Final = 400  # no grant lasts as long: each is valid for twelve months at most

Mac = Callable[[bytes], bytes]


def answer_key(mac: Mac, native: NativeEvent) -> bytes:
    """One service about one person."""
    who = native.citizen
    citizen = "" if who is None else who.bsn or who.own_number or ""
    return mac(encode([b"answer", native.polled or "", native.sender or "", citizen]))


def is_first(tx: Transaction, mac: Mac, native: NativeEvent, today: int) -> bool:
    """Whether this service said nothing about this person before; from now on it has."""
    key, who = answer_key(mac, native), native.citizen
    before = ANSWERED.get(tx, key)
    if before is None or before.day < today:
        known = who is not None and clients.find(tx, who) is not None
        ANSWERED.put(tx, Answered(key, b"" if who is None else _who(mac, who), today, known))
    return before is None and not MARKS.delete(tx, key)  # an earlier version kept it there


def is_said(tx: Transaction, mac: Mac, native: NativeEvent, today: int) -> bool:
    """Whether this fact stood in an answer before; a day still to come is a plan, to be told when it is there."""
    if native.event.day > today:
        return True
    key = mac(encode([b"polled", native.polled or "", *native.identity]))
    if SAID.get(tx, key) is not None:
        return True
    SAID.put(tx, SaidBefore(key, answer_key(mac, native)))
    return MARKS.delete(tx, key)


def forget(tx: Transaction, mac: Mac, client: Client) -> None:
    """All of it about one client, who is erased."""
    for who in _names(mac, client):
        for one in ANSWERED.find(tx, "who", who):
            _forget(tx, one)


def purge(tx: Transaction, mac: Mac, today: int) -> None:
    """What was said has had its time."""
    past = [one for one in ANSWERED.scan(tx) if one.day < today]
    strangers = [one for one in past if not one.known]
    # Whoever became a client since is one whose answers are compared; all are looked up only where there is somebody to look for.
    here = {who for client in CLIENTS.scan(tx) for who in _names(mac, client)} if strangers else frozenset()
    for one in past:
        if today > one.day + ANSWER_DAYS or (not one.known and one.who not in here):
            _forget(tx, one)
        elif not one.known:
            ANSWERED.put(tx, replace(one, known=True))


def _forget(tx: Transaction, one: Answered) -> None:
    for said in SAID.find(tx, "answer", one.key):
        SAID.delete(tx, said.key)
    ANSWERED.delete(tx, one.key)


def _names(mac: Mac, client: Client) -> list[bytes]:
    one = [Citizen(bsn=client.bsn)] if client.bsn is not None else []
    other = [Citizen(own_number=client.own_number)] if client.own_number is not None else []
    return [_who(mac, citizen) for citizen in (*one, *other)]


def _who(mac: Mac, citizen: Citizen) -> bytes:
    return mac(encode([b"answered about", citizen.bsn or citizen.own_number or ""]))
