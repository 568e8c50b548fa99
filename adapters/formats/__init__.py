# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The native formats that Schakel reads and writes, as one table.

- A format is chosen by its name here and nowhere else; what is not in the table does not exist.
- Each module brings its own line: what it is (`ABOUT`), how its files are recognised, and what each field is for.
- `status` is honest, see `Status`. The table in the README is made from this one.
- Nothing here writes an official iStandaard message: a second one would be a second legal act.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from adapters.formats import (
    cloudevents,
    cloudevents_notice,
    corv,
    csv_notice,
    fhir,
    fhir_communication,
    fhir_fields,
    fhir_task,
    hl7v2,
    hl7v2_notice,
    ijw,
    istandaard,
    iwmo,
    medvri,
    oso,
    school,
    suwi,
    team,
    zgw,
    zgw_status,
)
from adapters.formats.about import About, Status
from adapters.formats.explain import Explained
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, Reader, Writer

__all__ = ["READERS", "WRITERS", "About", "ReaderEntry", "SeveralFormats", "Status", "WriterEntry", "the_format"]


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """One format in; call it with the configuration to get its reader.

    `recognises` looks at content alone, and takes a damaged file of this format for its own too; raises
    `Malformed` where it can tell why nobody will read it. None: never recognised.
    `explain` gives per field of a message what it is used for, or why it is dropped; raises `Malformed`.
    """

    about: About
    make: Callable[[FormatConfig], Reader]
    recognises: Callable[[bytes], bool] | None = None
    explain: Callable[[bytes], list[Explained]] | None = None

    def __call__(self, config: FormatConfig) -> Reader:
        return self.make(config)


@dataclass(frozen=True, slots=True)
class WriterEntry:
    """One format out; call it to get its writer."""

    about: About
    make: Callable[[], Writer]

    def __call__(self) -> Writer:
        return self.make()


_READERS = (
    ReaderEntry(
        iwmo.ABOUT,
        iwmo.IwmoReader,
        partial(istandaard.recognises, iwmo.STANDARD),
        partial(istandaard.explain, iwmo.STANDARD),
    ),
    ReaderEntry(
        ijw.ABOUT,
        ijw.IjwReader,
        partial(istandaard.recognises, ijw.STANDARD),
        partial(istandaard.explain, ijw.STANDARD),
    ),
    ReaderEntry(cloudevents.ABOUT, cloudevents.CloudEventsReader, cloudevents.recognises, cloudevents.explain),
    ReaderEntry(fhir.ABOUT, fhir.FhirReader, fhir.recognises, fhir_fields.explain),
    ReaderEntry(hl7v2.ABOUT, hl7v2.Hl7v2Reader, hl7v2.recognises, hl7v2.explain),
    ReaderEntry(medvri.ABOUT, medvri.MedvriReader, medvri.recognises, medvri.explain),
    ReaderEntry(zgw.ABOUT, zgw.ZgwReader, zgw.recognises, zgw.explain),
    ReaderEntry(team.ABOUT, team.TeamReader, team.recognises, team.explain),
    ReaderEntry(corv.ABOUT, corv.CorvReader, corv.recognises, corv.explain),
    ReaderEntry(school.ABOUT, school.SchoolReader, school.recognises, school.explain),
    ReaderEntry(oso.ABOUT, oso.OsoReader, oso.recognises, oso.explain),
    ReaderEntry(suwi.ABOUT, suwi.SuwiReader, suwi.recognises, suwi.explain),
)
_WRITERS = (
    WriterEntry(fhir_task.ABOUT, fhir_task.FhirTaskWriter),
    WriterEntry(fhir_communication.ABOUT, fhir_communication.FhirCommunicationWriter),
    WriterEntry(hl7v2.ABOUT, hl7v2_notice.Hl7v2Writer),
    WriterEntry(cloudevents.ABOUT, cloudevents_notice.CloudEventsWriter),
    WriterEntry(zgw.ABOUT, zgw_status.ZgwWriter),
    WriterEntry(team.ABOUT, team.TeamWriter),
    WriterEntry(corv.ABOUT, cloudevents_notice.CorvWriter),
    WriterEntry(school.ABOUT, school.SchoolWriter),
    WriterEntry(csv_notice.ABOUT, csv_notice.CsvWriter),
)
READERS: Mapping[str, ReaderEntry] = MappingProxyType({entry.about.name: entry for entry in _READERS})
WRITERS: Mapping[str, WriterEntry] = MappingProxyType({entry.about.name: entry for entry in _WRITERS})


class SeveralFormats(Malformed):
    """Content that more than one format takes for its own: only who delivers it knows which it is."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__((Fault("/", Keyword.SEVERAL_FORMATS),))
        self.names = names


def the_format(data: bytes) -> str:
    """Return the one format of which this content is; raises `Malformed` where none takes it for its own, or several."""
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise Malformed((Fault("/", Keyword.NOT_WELL_FORMED),))
    names = [name for name, entry in READERS.items() if entry.recognises is not None and entry.recognises(data)]
    if len(names) > 1:
        raise SeveralFormats(tuple(names))
    if not names:
        raise Malformed((Fault("/", Keyword.VOCABULARY),))
    return names[0]
