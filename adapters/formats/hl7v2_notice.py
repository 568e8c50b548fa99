# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A notice as an HL7 v2.4 RRI^I12, for a system that takes answers to a referral and no FHIR.

- It says kind, day and sender in RF1 and one fixed sentence (NTE); the client is a number in PID-3 and has no name: PID-5,
  which must be there, says in the way of the standard that there is none (a repetition of type U, table 0200).
- RF1-6 is the event id, the same on a retraction; MSH-10 differs, so that a receiver does not drop the second.
- Several notices are several messages in one file. UTF-8, said in MSH-18.

Derived: the standard has this message for answers between providers.
"""

from collections.abc import Mapping, Sequence

from adapters.formats.fhir_task import KINDS, RETRACTED_SENTENCE
from adapters.formats.hl7v2 import BSN_AUTHORITY, WRITTEN_BY
from adapters.formats.native import Notice
from schemas.calendar import date_text
from schemas.event import Kind

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
# Table 0283; what is under way was accepted once.
_STATUS: Mapping[Kind, str] = {Kind.AANGEMELD: "P", Kind.IN_ONDERZOEK: "P", Kind.AFGEWEZEN: "R"}
_ACCEPTED = "A"
_NO_NAME = "~^^^^^^U"


class Hl7v2Writer:
    """Writes one message per notice."""

    name = "hl7v2"
    suffix = ".hl7"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the file; raises ValueError when there is nothing to write."""
        if not notices:
            raise ValueError("there is no notice to write")
        return "".join(f"{segment}\r" for notice in notices for segment in _segments(notice)).encode()


def _segments(notice: Notice) -> tuple[str, ...]:
    event = notice.event
    called_back = notice.retracted or event is None
    told = date_text(notice.told_on).replace("-", "")
    # Twenty characters is what version 2.4 allows.
    control = notice.event_id.hex()[-19:] + ("R" if called_back else "N")
    status = "" if called_back or event is None else _STATUS.get(event.kind, _ACCEPTED)
    day = "" if called_back or event is None else date_text(event.day).replace("-", "")
    authority = "" if notice.own_system is None else f"^^^{_plain(notice.own_system)}"
    client = _plain(notice.own_number) + authority if notice.bsn is None else f"{notice.bsn}^^^{BSN_AUTHORITY}^NNNLD"
    return (
        f"MSH|^~\\&|{WRITTEN_BY}||||{told}||RRI^I12^RRI_I12|{control}|P|2.4||||||UNICODE UTF-8",
        f"RF1|{status}|||||{notice.event_id.hex()}^{WRITTEN_BY}|{day}",
        f"PRD|RP|^{_plain(notice.sender_name)}",
        f"PID|1||{client}||{_NO_NAME}",
        f"NTE|1||{_plain(_sentence(notice))}",
    )


def _sentence(notice: Notice) -> str:
    event = notice.event
    if notice.retracted or event is None:
        return RETRACTED_SENTENCE
    ending = "" if event.ending is None else f" ({event.ending.value})"
    return f"{KINDS[event.kind][1]}{ending}; soort {event.kind.value}, datum {date_text(event.day)}"


def _plain(text: str) -> str:
    """Text that can't end a field or a segment."""
    return "".join(sign if sign.isprintable() else " " for sign in text).translate(_ESCAPES)
