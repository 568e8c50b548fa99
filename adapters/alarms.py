# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What this edge caught the hub at, or a person or partner at with codes, or what is overdue here: kept until somebody has looked and settled it.

Guarantees: an alarm is on disk before anything else is done about it; the same thing seen again is counted, not kept
twice; nothing in it tells of a client: it names entries of the log, addresses of partners and numbers of our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from adapters.shelf import Reads, Shelf, number_key
from adapters.store import Table, Transaction

_NUMBERS: Final = b"numbers"


class Lie(StrEnum):
    """What a hub can be caught at by one edge."""

    OFF_THE_LOG = "off-the-log"
    FORGED = "forged"
    AFTER_A_STOP = "after-a-stop"
    SWALLOWED_STOP = "swallowed-stop"
    OWN_MANIFEST = "own-manifest"
    PEER_MANIFEST = "peer-manifest"
    NOT_ATTESTED = "not-attested"
    OLD_KEY = "old-key"
    OTHER_TABLE = "other-table"
    FORKED_LOG = "forked-log"


class Misuse(StrEnum):
    """What was done more often than one expects; it may be innocent."""

    GUESSED_CODES = "guessed-codes"
    MANY_CODES = "many-codes"
    MANY_INTRODUCTIONS = "many-introductions"
    MANY_STRANGERS = "many-strangers"


class Duty(StrEnum):
    """What this organisation itself must do and has not done in time."""

    OVERDUE_OBJECTION = "overdue-objection"


SAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Lie.OFF_THE_LOG: "The hub handed something over that its log does not account for. It was not taken.",
        Lie.FORGED: "The hub handed something over that its sender did not sign for this address. It was not taken.",
        Lie.AFTER_A_STOP: "The hub handed something over under a grant that was stopped. It was not taken.",
        Lie.SWALLOWED_STOP: "The hub said that a stop of this edge is in force, and its log does not hold it.",
        Lie.OWN_MANIFEST: "The manifests that the hub shows of this very edge are not those that it published.",
        Lie.PEER_MANIFEST: "The hub shows a manifest of a partner that is not that partner's own. Nothing is sealed for it.",
        Lie.NOT_ATTESTED: "The hub shows a manifest that its partner's certificate does not vouch for. Its keys are not used.",
        Lie.OLD_KEY: "The hub passed something that was sealed for a key that is over, or not of this edge.",
        Lie.OTHER_TABLE: "The hub decided by other rules than this edge has.",
        Lie.FORKED_LOG: "The hub showed a log that does not extend the one it showed before. Nothing goes on.",
        Misuse.GUESSED_CODES: "Codes that fit nothing were typed here so often that no more are looked at today.",
        Misuse.MANY_CODES: "More codes were asked for here than are printed on one day.",
        Misuse.MANY_INTRODUCTIONS: "A partner introduced so many by code today that the codes after that are held.",
        Misuse.MANY_STRANGERS: "A partner introduced many people today whom this organisation does not know.",
        Duty.OVERDUE_OBJECTION: "Somebody objected and nobody has decided in time. What was objected to stays stopped.",
    }
)
REMEDY: Final[Mapping[str, str]] = MappingProxyType(
    {
        Lie.OFF_THE_LOG: "Keep the store. Let the privacy officer ask for an export of the log, and compare it.",
        Lie.FORGED: "Keep the store. Ask that partner whether it sent anything, and call the privacy officer.",
        Lie.AFTER_A_STOP: "Call the privacy officer: what was stopped was passed on.",
        Lie.SWALLOWED_STOP: "Call the partner itself so that it stops, then the operator and the privacy officer.",
        Lie.OWN_MANIFEST: "Unless this edge was restored from a back-up: call all partners, they must send it nothing now.",
        Lie.PEER_MANIFEST: "Call that partner and compare fingerprints before anything is sent.",
        Lie.NOT_ATTESTED: "See that partner_authorities has the authority of that partner's certificate; if so, call the partner.",
        Lie.OLD_KEY: "Ask the sender which manifest of this edge it sees (`schakel edge seen`), and compare.",
        Lie.OTHER_TABLE: "Compare versions with the operator; when both are up to date, call the privacy officer.",
        Lie.FORKED_LOG: "Keep the store, write `schakel edge seen`, and compare it with other partners: `schakel audit "
        "compare`.",
        Misuse.GUESSED_CODES: "`schakel edge looks CLIENT` says who typed codes at a client, `schakel edge log-export` (`--as "
        "nen7513`) at all of them. Codes work again tomorrow.",
        Misuse.MANY_CODES: "`schakel edge code waiting` lists for whom; ask who printed them. Codes are printed again tomorrow.",
        Misuse.MANY_INTRODUCTIONS: "Call that partner. Settling this alarm lets the held codes be typed.",
        Misuse.MANY_STRANGERS: "Call that partner; at a first start with many clients this may be in order. It learned nothing.",
        Duty.OVERDUE_OBJECTION: "See `schakel grant objections` and decide. Then this alarm ends by itself.",
    }
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that the hub was caught at, or that was done too often. `about` names an entry, an address, a day or a number of our own."""

    number: int
    lie: str
    about: str
    first_at: int
    last_at: int
    times: int = 1

    @property
    def says(self) -> str:
        """What it is, for a person."""
        return SAYS[self.lie]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDY[self.lie]

    @property
    def of_hub(self) -> bool:
        """Whether it is the hub that was caught."""
        return self.lie in set(Lie)


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many alarms there ever were."""

    number: int = 0


ALARMS: Final = Shelf(Table("alarm", ("what",)), Alarm, lambda r: number_key(r.number), lambda r: {"what": _what(r)})
_COUNT: Final = Shelf(Table("alarm_count"), _Counted, lambda _: _NUMBERS)


def sound(tx: Transaction, lie: Lie | Misuse | Duty, about: str, now: int) -> Alarm:
    """Keep what somebody was caught at; the same again is counted."""
    new = Alarm(0, lie.value, about, now, now)
    before = next(iter(ALARMS.find(tx, "what", _what(new))), None)
    if before is not None:
        return ALARMS.put(tx, replace(before, last_at=now, times=before.times + 1))
    number = (_COUNT.get(tx, _NUMBERS) or _Counted()).number + 1
    _COUNT.put(tx, _Counted(number))
    return ALARMS.put(tx, replace(new, number=number))


def standing(reads: Reads) -> list[Alarm]:
    """The alarms that nobody has settled, oldest first."""
    return list(ALARMS.scan(reads))


def settle(tx: Transaction, number: int) -> Alarm | None:
    """A person has looked; the alarm, when there was one."""
    found = ALARMS.get(tx, number_key(number))
    ALARMS.delete(tx, number_key(number))
    return found


def end(tx: Transaction, duty: Duty, about: str) -> None:
    """What was to be done is done: its alarm is over."""
    for one in ALARMS.find(tx, "what", _what(Alarm(0, duty.value, about, 0, 0))):
        ALARMS.delete(tx, number_key(one.number))


def _what(alarm: Alarm) -> bytes:
    return f"{alarm.lie}/{alarm.about}".encode()
