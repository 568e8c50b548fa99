# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What the reader knows of HL7 v2: which messages, which segments in which order, and what each code says.

The structure tables of the standard are not free. These are our own lines, for all versions at once: where two versions
differ, both orders are taken. Segments with a name that begins with Z are local, and stand anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.formats.hl7v2_order import Part, order
from schemas.event import Kind

VERSIONS = frozenset("2.3 2.3.1 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2".split())
# These have a fifth separator, with which a value that was cut off ends.
TRUNCATING = frozenset("2.7 2.7.1 2.8 2.8.1 2.8.2".split())
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
    """One message: the order of its segments; those it must have; of `single` one only: two of them would be two
    clients, or two of what the message is about."""

    structure: str
    must: tuple[str, ...]
    single: frozenset[str]
    order: tuple[Part, ...]
    # Every segment that may stand in it.
    names: frozenset[str]


def _message(structure: str, must: str, single: str, line: str) -> Message:
    parts = order(line)
    names = frozenset(name for part in parts for name in part.names())
    return Message(structure, tuple(must.split()), frozenset(single.split()), parts, names)


_CLINICAL = "ACC? DG1* DRG* AL1* (PR1 (AUT CTD?)?)* (OBR NTE* (OBX PRT* NTE*)*)* (PV1 PV2?)? NTE*"
REFERRAL = _message(
    "REF_I12",
    "MSH RF1 PRD PID",
    "MSH RF1 PID",
    f"MSH SFT* UAC? RF1 (AUT CTD?)? (PRD CTD*)+ PID NK1* GT1* (IN1 IN2? IN3?)* {_CLINICAL}",
)
ANSWER = _message(
    "RRI_I12",
    "MSH RF1 PRD PID",
    "MSH MSA RF1 PID",
    f"MSH SFT* UAC? MSA? RF1 (AUT CTD?)? (PRD CTD*)+ PID {_CLINICAL}",
)
APPOINTMENT = _message(
    "SIU_S12",
    "MSH SCH PID RGS",
    "MSH SCH PID",
    "MSH SCH TQ1* NTE* PID PD1? PV1? PV2? OBX* DG1* (RGS (AIS NTE*)* (AIG NTE*)* (AIL NTE*)* (AIP NTE*)*)+",
)
RESULT = _message(
    "ORU_R01",
    "MSH PID OBR",
    "MSH PID",
    "MSH SFT* UAC? PID PD1? [PRT NTE NK1 ARV OBX]* (PV1 PV2? PRT*)? ((ORC PRT*)? OBR [NTE ROL PRT]* (TQ1 TQ2*)* CTD?"
    " [OBX PRT NTE]* FT1* CTI* (SPM [OBX PRT]*)*)+ DSC?",
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
# MSA-1, table 0008: the referral was taken. The others say that it went wrong, and no status of it holds.
TAKEN = frozenset({"AA", "CA"})
NOT_TAKEN = frozenset({"AE", "AR", "CE", "CR"})
# The second part of MSH-11, table 0207: messages of today. The others are from an archive, or the first fill of a system.
TODAY = frozenset({"", "T"})
NOT_TODAY = frozenset({"A", "I", "R"})
# OBR-25, table 0123: something arrived; the others say that nothing did, or not yet. Nothing there: it is not said.
ARRIVED = frozenset({"", "A", "C", "F", "M", "P", "R"})
NOT_ARRIVED = frozenset({"I", "N", "O", "S", "X", "Y", "Z"})
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
READ = frozenset({"MSH", "MSA", "RF1", "PID", "SCH", "OBR"})
