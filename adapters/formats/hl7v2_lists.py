# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the reader knows of HL7 v2: which messages, which segments in which order, and what each code says.

The structure tables of the standard are not free. These are our own rules: the segments that a message must have, the
order in which they begin, and which others may stand between; segments with a name that begins with Z are local.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.event import Kind

VERSIONS = frozenset("2.3 2.3.1 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2".split())
# Table 0211 -> how Python names it. Nothing there: ASCII, by the standard.
CHARACTER_SETS: Mapping[str, str] = {
    "": "ascii",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
    "UNICODE UTF-8": "utf-8",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the segments it must have, in the order in which they first appear, and those that may be there."""

    structure: str
    must: tuple[str, ...]
    may: frozenset[str]
    # Of these one only: two of them would be two clients, or two of what the message is about.
    single: frozenset[str]


_CLINICAL = "NK1 GT1 IN1 IN2 IN3 ACC DG1 DRG AL1 PR1 AUT CTD OBR OBX NTE PV1 PV2 PRT ROL"
REFERRAL = Message(
    "REF_I12",
    ("MSH", "RF1", "PRD", "PID"),
    frozenset(f"SFT UAC {_CLINICAL}".split()),
    frozenset({"MSH", "RF1", "PID"}),
)
ANSWER = Message(
    "RRI_I12",
    ("MSH", "RF1", "PRD", "PID"),
    frozenset(f"SFT UAC MSA {_CLINICAL}".split()),
    frozenset({"MSH", "RF1", "PID"}),
)
APPOINTMENT = Message(
    "SIU_S12",
    ("MSH", "SCH", "PID", "RGS"),
    frozenset("SFT TQ1 NTE PD1 PV1 PV2 OBX DG1 AIS AIG AIL AIP PRT".split()),
    frozenset({"MSH", "SCH", "PID"}),
)
RESULT = Message(
    "ORU_R01",
    ("MSH", "PID", "OBR"),
    frozenset("SFT UAC PD1 NTE NK1 PV1 PV2 ORC OBX TQ1 TQ2 CTD FT1 CTI SPM PRT ROL DSC".split()),
    frozenset({"MSH", "PID"}),
)
MESSAGES: Mapping[str, Message] = {"REF": REFERRAL, "RRI": ANSWER, "SIU": APPOINTMENT, "ORU": RESULT}

# The other triggers of these messages: in the standard, and nothing of them is told.
OTHER_TRIGGERS: Mapping[str, frozenset[str]] = {
    "REF": frozenset("I13 I14 I15".split()),
    "RRI": frozenset("I13 I14 I15".split()),
    # Moved, changed in its rooms and people, blocked, did not come: none of it is somebody else's.
    "SIU": frozenset("S13 S16 S18 S19 S20 S21 S22 S23 S24 S26".split()),
    "ORU": frozenset(),
}
TRIGGERS: Mapping[str, frozenset[str]] = {
    "REF": frozenset({"I12"}),
    "RRI": frozenset({"I12"}),
    "SIU": frozenset({"S12", "S14", "S15", "S17"}),
    "ORU": frozenset({"R01"}),
}

# RF1-1, table 0283; E, expired, says nothing of what happened. Accepted: somebody will look at it.
REFERRAL_STATUS: Mapping[str, Kind] = {
    "P": Kind.AANGEMELD,
    "A": Kind.IN_ONDERZOEK,
    "R": Kind.AFGEWEZEN,
}
EXPIRED = "E"
# SCH-25, table 0278, in small letters. Per trigger the statuses with which it says something; the rest is no event.
FILLER_STATUS = frozenset(
    "pending waitlist booked started complete cancelled dc deleted blocked overbook noshow".split()
)
# Trigger and status -> kind; None: the appointment no longer stands, and what was told of it is called back.
APPOINTMENTS: Mapping[tuple[str, str], Kind | None] = {
    ("S12", ""): Kind.ACTIE_BELEGD,
    ("S12", "booked"): Kind.ACTIE_BELEGD,
    ("S14", "complete"): Kind.ACTIE_AFGEROND,
    **{("S15", status): None for status in ("", "cancelled", "dc", "deleted", "booked")},
    **{("S17", status): None for status in ("", "cancelled", "dc", "deleted", "booked")},
}
# The only segments whose fields anybody looks at; the others are dropped by their name.
READ = frozenset({"MSH", "RF1", "PID", "SCH", "OBR"})
