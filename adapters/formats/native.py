# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The two seams of a native format: bytes become events, and events become notices.

- `read` and `write` are pure: no file, no clock, no memory of an earlier call.
- What is refused is refused with a path and a keyword; a fault never carries a value of the message.
- A native event holds what the edge needs to tell, and nothing else of the message ever becomes an object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

SIZE_LIMIT: Final = (
    1024 * 1024
)  # bytes of one message in any format; JSON and HL7 v2: a batch that is read whole included


class Keyword(StrEnum):
    """Every way in which a native message can be wrong; each has its sentences in `adapters/problem.py`."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    ENCODING = "encoding"
    CHARACTER_SET = "character-set"
    DOCTYPE = "doctype"
    NOT_WELL_FORMED = "not-well-formed"
    UNTERMINATED = "unterminated"
    FRAMING = "framing"
    SEPARATORS = "separators"
    COUNT = "count"
    DUPLICATE_KEY = "duplicate-key"
    VOCABULARY = "vocabulary"
    SEVERAL_FORMATS = "several-formats"
    MESSAGE_CODE = "message-code"
    VERSION = "version"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    ORDER = "order"
    REPEATED = "repeated"
    TYPE = "type"
    PATTERN = "pattern"
    CODE_LIST = "code-list"
    DATE = "date"
    DATE_ORDER = "date-order"
    ELEVEN_TEST = "eleven-test"
    STATUS = "status"
    DUPLICATE = "duplicate"
    SUBJECT = "subject"
    UNKNOWN_TYPE = "unknown-type"
    SCHEMA = "schema"
    MISMATCH = "mismatch"
    NO_EVENT = "no-event"
    NOT_PERMITTED = "not-permitted"
    LAW = "law"
    FOR_A_PERSON = "for-a-person"
    SOURCE_FAULT = "source-fault"
    NOT_ENTITLED = "not-entitled"
    CLIENT_CONFLICT = "client-conflict"
    TOMBSTONE = "tombstone"
    TO_FETCH = "to-fetch"
    SPREADSHEET = "spreadsheet"
    HEADERS = "headers"
    REGISTRY = "schema-registry"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: names from the standard, never a word of the message."""

    path: str
    keyword: str
    # The return code of the iStandaarden, where their rules give one.
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.keyword}"


class Malformed(Exception):
    """A native message that is refused as a whole, with every fault that was found."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a municipality allots to a provider: the source of the grants between these two.

    `stated`: when it settled this, in ms since 1970 by its own clock: of two statements the later one counts.
    """

    number: str = field(repr=False)
    begin: int
    end: int | None
    change: str | None
    withdrawn: bool
    stated: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider asked of a municipality, by the provider's own reference: all that an answer to it names."""

    provider: str
    municipality: str
    reference: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Course:
    """Of what a native event is one of several statuses, and when its source stated it.

    `key` is the same for all of them. `at`: ms since 1970 UTC; None where the source doesn't say: then nothing tells
    which status came later, and each is told once.
    `restated`: a message says how things are now, also what it said before; `key` and the kind are then the identity.
    `resumes`: the kind that is a resumption where it comes right after an interruption.
    """

    key: tuple[str, ...] = field(repr=False)
    at: int | None
    restated: bool
    resumes: Kind | None = None


@dataclass(frozen=True, slots=True)
class NativeEvent:
    """One event as its source wrote it.

    `sender` and `receiver` are native codes: AGB code, municipality code, or the source of a CloudEvent.
    `identity` uses the native message kind, so that the same fact keeps its identity whatever it means in time.
    `retracts`: this event calls back the one with the same identity.
    `polled`: the service whose answer this fact stood in; such an answer repeats what was told, so the edge compares.
    `citizen` is None only for an answer to a request, which names nobody: who read the request knows about whom it was.
    `course`: of what this is one status, where a status may come back.
    `reason`: the native RedenBeeindiging; needed to tell a resumption from a start, and never sent on.
    """

    event: Event
    citizen: Citizen | None
    sender: str | None
    receiver: str | None
    identity: tuple[str, ...] = field(repr=False)
    retracts: bool = False
    reason: str | None = field(default=None, repr=False)
    allocation: Allocation | None = None
    polled: str | None = None
    request: Request | None = None
    course: Course | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One event that came in through the hub, ready to be written for the recipient's own system.

    `event` is None only where one is called back whose content has had its time and was destroyed.
    `own_number` is the recipient's own number of this client; `bsn` is set only where its configuration asks for it.
    """

    event_id: bytes
    event: Event | None
    law: Law
    task: str
    sender_name: str
    own_number: str = field(repr=False)
    bsn: str | None = field(repr=False)
    retracted: bool
    told_on: int
    # The address of who told it; None in a dry run.
    sender: str | None = None
    # Whose numbers the own numbers are: a numbering system of FHIR, an assigning authority of HL7 v2.
    own_system: str | None = None


class Reader(Protocol):
    """Turns the bytes of one file into events."""

    name: str

    def read(self, data: bytes) -> list[NativeEvent]:
        """MUST return every event of the file or raise `Malformed`; MUST raise nothing else, whatever the bytes."""


class Writer(Protocol):
    """Turns notices into the bytes of one file."""

    name: str
    suffix: str

    def write(self, notices: Sequence[Notice]) -> bytes:
        """MUST give equal bytes for equal notices."""


class SubjectKind(StrEnum):
    """What a bare number in the subject of a CloudEvent is."""

    BSN = "bsn"
    OWN_NUMBER = "own-number"


@dataclass(frozen=True, slots=True)
class FormatConfig:
    """The settings of all readers at one edge."""

    # Folder with the official XSDs of iWmo (WMO301.xsd to WMO319.xsd, basisschema.xsd); None: our own checks only.
    xsd_dir: Path | None = None
    # `type` of a CloudEvent, or URL of a type in ZGW -> kind and law; a type that is not here is refused.
    cloudevent_types: Mapping[str, tuple[Kind, Law]] = field(default_factory=lambda: MappingProxyType({}))
    # What a bare nine-digit subject is; None: such a subject is refused.
    subject_kind: SubjectKind | None = None
    # Name of a format -> the law under which its messages are told, for formats that name none; not here: refused.
    laws: Mapping[str, Law] = field(default_factory=lambda: MappingProxyType({}))
    # The numbering system whose numbers are this organisation's own client numbers; None: only a BSN names a client.
    own_number_system: str | None = None
    # The same folder for iJw (JW301.xsd to JW320.xsd, basisschema.xsd).
    ijw_xsd_dir: Path | None = None
    # The official JSON Schema of FHIR R4 (fhir.schema.json); None: our own checks only.
    fhir_schema: Path | None = None
