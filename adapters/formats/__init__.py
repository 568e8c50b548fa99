# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The native formats that Schakel reads and writes, as one table.

- A format is chosen by its name here and nowhere else; what is not in the table does not exist.
- `status` is honest: *standard* is checked against the published schema, *draft* follows an unfinished one,
  *derived* is our own form where no standard exists.
- Nothing here writes an official iWmo message: a second one would be a second legal act.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from adapters.formats.cloudevents import CloudEventsReader
from adapters.formats.cloudevents_notice import CloudEventsWriter, CorvWriter
from adapters.formats.corv import CorvReader
from adapters.formats.csv_notice import CsvWriter
from adapters.formats.fhir import FhirReader
from adapters.formats.fhir_communication import FhirCommunicationWriter
from adapters.formats.fhir_task import FhirTaskWriter
from adapters.formats.hl7v2 import Hl7v2Reader
from adapters.formats.hl7v2_notice import Hl7v2Writer
from adapters.formats.iwmo import IwmoReader
from adapters.formats.medvri import MedvriReader
from adapters.formats.native import FormatConfig, Reader, Writer
from adapters.formats.oso import OsoReader
from adapters.formats.school import SchoolReader, SchoolWriter
from adapters.formats.suwi import SuwiReader
from adapters.formats.team import TeamReader, TeamWriter
from adapters.formats.zgw import ZgwReader
from adapters.formats.zgw_status import ZgwWriter


class Status(StrEnum):
    """How firm the ground under a format is."""

    STANDARD = "standard"
    DRAFT = "draft"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class About:
    """What a person needs to know to choose a format."""

    name: str
    partner: str
    standard: str
    version: str
    status: Status
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """One format in; call it with the configuration to get its reader."""

    about: About
    make: Callable[[FormatConfig], Reader]

    def __call__(self, config: FormatConfig) -> Reader:
        return self.make(config)


@dataclass(frozen=True, slots=True)
class WriterEntry:
    """One format out; call it to get its writer."""

    about: About
    make: Callable[[], Writer]

    def __call__(self) -> Writer:
        return self.make()


_IWMO = About(
    "iwmo", "gemeente en zorgaanbieder (Wmo)", "iStandaard iWmo", "3.2", Status.STANDARD, ("301", "305", "307")
)
_CLOUDEVENTS = About(
    "cloudevents", "zaaksysteem van de gemeente", "NL GOV profile for CloudEvents", "1.0", Status.STANDARD, ("event",)
)
_FHIR_TASK = About("fhir-task", "huisarts", "HL7 FHIR", "R4", Status.STANDARD, ("Task", "Bundle"))
_FHIR = About(
    "fhir",
    "huisarts en zorgnetwerk",
    "HL7 FHIR",
    "R4",
    Status.STANDARD,
    ("Task", "ServiceRequest", "CarePlan", "EpisodeOfCare", "Appointment", "Communication", "Bundle"),
)
_FHIR_COMMUNICATION = About(
    "fhir-communication", "huisarts en zorgnetwerk", "HL7 FHIR", "R4", Status.STANDARD, ("Communication", "Bundle")
)
_HL7V2 = About(
    "hl7v2",
    "huisarts en ziekenhuis",
    "HL7 v2",
    "2.3 tot 2.8",
    Status.STANDARD,
    ("REF^I12", "RRI^I12", "SIU", "ORU^R01"),
)
_HL7V2_NOTICE = About("hl7v2", "huisarts en ziekenhuis", "HL7 v2", "2.4", Status.DERIVED, ("RRI^I12",))
_MEDVRI = About("medvri", "huisarts", "EDIFACT MEDVRI", "1", Status.DERIVED, ("MEDVRI",))
_CSV = About("csv", "iedere partner", "RFC 4180", "1", Status.DERIVED, ("melding",))
_ZGW = About(
    "zgw",
    "gemeentelijk team met een zaaksysteem",
    "ZGW Zaken 1.5, Notificaties",
    "1.0",
    Status.STANDARD,
    ("notificatie", "Zaak", "Status", "Resultaat", "Rol"),
)
_ZGW_OUT = About("zgw", _ZGW.partner, "ZGW Zaken", "1.5", Status.DERIVED, ("Status",))
_CORV = About(
    "corv",
    "Zorg- en Veiligheidshuis en justitieketen",
    "CORV 2.0 / Samen onder Handbereik, CloudEvents",
    "1.0",
    Status.DRAFT,
    ("actie belegd",),
)
_CORV_OUT = About("corv", _CORV.partner, _CORV.standard, _CORV.version, Status.DRAFT, ("event",))
_TEAM = About("team", "gemeentelijk team zonder open koppelvlak", "Schakel team", "1", Status.DERIVED, ("JSON", "CSV"))
_TEAM_OUT = About("team", _TEAM.partner, _TEAM.standard, _TEAM.version, Status.DERIVED, ("JSON",))
_SCHOOL = About(
    "school",
    "school en samenwerkingsverband",
    "Schakel school",
    "1",
    Status.DERIVED,
    ("tlv", "opp", "arrangement", "verzuim"),
)
_SCHOOL_OUT = About("school", _SCHOOL.partner, _SCHOOL.standard, _SCHOOL.version, Status.DERIVED, ("melding",))
_OSO = About("oso", "school", "OSO", "2019.1", Status.STANDARD, ("POSWV", "VOSWV"))
_SUWI = About(
    "suwi",
    "UWV en gemeentelijke sociale dienst",
    "SuwiML",
    "v0200, v0500",
    Status.STANDARD,
    ("AanvraagUitkeringStatus", "Reintegratie", "UWVWb persoon", "Bijstandsregelingen"),
)

READERS: Mapping[str, ReaderEntry] = MappingProxyType(
    {
        _IWMO.name: ReaderEntry(_IWMO, IwmoReader),
        _CLOUDEVENTS.name: ReaderEntry(_CLOUDEVENTS, CloudEventsReader),
        _FHIR.name: ReaderEntry(_FHIR, FhirReader),
        _HL7V2.name: ReaderEntry(_HL7V2, Hl7v2Reader),
        _ZGW.name: ReaderEntry(_ZGW, ZgwReader),
        _CORV.name: ReaderEntry(_CORV, CorvReader),
        _TEAM.name: ReaderEntry(_TEAM, TeamReader),
        _SCHOOL.name: ReaderEntry(_SCHOOL, SchoolReader),
        _OSO.name: ReaderEntry(_OSO, OsoReader),
        _SUWI.name: ReaderEntry(_SUWI, SuwiReader),
        _MEDVRI.name: ReaderEntry(_MEDVRI, MedvriReader),
    }
)
WRITERS: Mapping[str, WriterEntry] = MappingProxyType(
    {
        _FHIR_TASK.name: WriterEntry(_FHIR_TASK, FhirTaskWriter),
        _FHIR_COMMUNICATION.name: WriterEntry(_FHIR_COMMUNICATION, FhirCommunicationWriter),
        _HL7V2_NOTICE.name: WriterEntry(_HL7V2_NOTICE, Hl7v2Writer),
        _CSV.name: WriterEntry(_CSV, CsvWriter),
        _CLOUDEVENTS.name: WriterEntry(_CLOUDEVENTS, CloudEventsWriter),
        _ZGW_OUT.name: WriterEntry(_ZGW_OUT, ZgwWriter),
        _CORV_OUT.name: WriterEntry(_CORV_OUT, CorvWriter),
        _TEAM_OUT.name: WriterEntry(_TEAM_OUT, TeamWriter),
        _SCHOOL_OUT.name: WriterEntry(_SCHOOL_OUT, SchoolWriter),
    }
)
