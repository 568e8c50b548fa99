# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of one edge, `edge.toml`: one address, its folders, its keys' place, its way to the hub.

Guarantees: in strict mode, the default, nothing insecure can be set: no hub in the same process, no rules in test
mode, no store key in the data folder. Every fault of the file is told at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from adapters.format_names import IN_FORMATS, OUT_FORMATS
from adapters.formats.native import FormatConfig, SubjectKind
from adapters.kafka_settings import KafkaSending
from adapters.keys import is_beside
from adapters.spread import DAYS, MOST_DAYS
from adapters.stream_config import StreamConfig, stream_faults
from adapters.workplace import MOST_OBJECTION_DAYS, OBJECTION_DAYS
from schemas.address import PATTERN, role_of
from schemas.event import Kind, Law
from schemas.kafka_way import way_faults
from schemas.note import parse_verifier_key
from schemas.settings import (
    Fault,
    SettingsError,
    Wrong,
    choice,
    flag,
    listen,
    load_toml,
    many,
    optional,
    path,
    pattern,
    read_values,
    required,
    rules_settings,
    section,
    text,
    verifier_key,
    whole,
)

LOCAL: Final = "local:"
HTTPS: Final = "https://"
MOVED: Final[Mapping[str, str]] = MappingProxyType({})  # a key of an earlier version -> its name now

_SUFFIX: Final = pattern(r"\.[a-z0-9]{1,10}", "must be a suffix such as .xml, in small letters")
_MOST_TYPES: Final = 200
_DEFAULT_FORMATS: Final = MappingProxyType({".json": "cloudevents", ".xml": "iwmo"})


def _formats(value: object, folder: Path) -> Mapping[str, str]:
    if not isinstance(value, dict) or not value:
        raise Wrong("must be a table of suffix = format")
    read = choice(*IN_FORMATS)
    found: dict[str, str] = {}
    for suffix, name in value.items():
        _SUFFIX(suffix, folder)
        try:
            found[suffix] = read(name, folder)
        except Wrong as wrong:
            raise Wrong(wrong.rule, f"/{suffix}") from None
    return MappingProxyType(found)


def _format_laws(value: object, folder: Path) -> Mapping[str, Law]:
    if not isinstance(value, dict) or not value.keys() <= set(IN_FORMATS):
        raise Wrong(f"must be a table of format = law; formats: {', '.join(IN_FORMATS)}")
    read = choice(*Law)
    found: dict[str, Law] = {}
    for name, law in value.items():
        try:
            found[name] = Law(read(law, folder))
        except Wrong as wrong:
            raise Wrong(wrong.rule, f"/{name}") from None
    return MappingProxyType(found)


def _cloudevent_types(value: object, folder: Path) -> Mapping[str, tuple[Kind, Law]]:
    if not isinstance(value, dict) or len(value) > _MOST_TYPES:
        raise Wrong(f"must be a table of at most {_MOST_TYPES} types")
    readers = {"kind": choice(*Kind), "law": choice(*Law)}
    found: dict[str, tuple[Kind, Law]] = {}
    for number, (name, meaning) in enumerate(value.items()):
        if not isinstance(meaning, dict) or meaning.keys() != readers.keys():
            raise Wrong("must be a table with kind and law, and nothing else", f"/{number}")
        words = {}
        for key, read in readers.items():
            try:
                words[key] = read(meaning[key], folder)
            except Wrong as wrong:
                raise Wrong(wrong.rule, f"/{number}/{key}") from None
        found[name] = (Kind(words["kind"]), Law(words["law"]))
    return MappingProxyType(found)


_URL: Final = pattern(
    r"https://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-fA-F:]{2,39}\])(?::[0-9]{1,5})?",
    "must be https:// with host and port of a hub, or local: and the folder of one",
)


def _hub(value: object, folder: Path) -> str:
    if not isinstance(value, str) or not value.startswith(LOCAL) or "\0" in value:
        return _URL(value, folder)
    return LOCAL + str(path(value.removeprefix(LOCAL), folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Every setting of an edge. Paths are made absolute or start from the folder of the file."""

    address: str = required(
        pattern(PATTERN, "must be urn:nld:oin:<20 digits>:<role>"),
        "The address of this edge: the organisation's OIN and the role it has here.",
    )
    name: str = required(text(1, 80), "The name of the organisation as other partners show it, in Dutch.")
    data_folder: Path = optional(
        path, Path("data"), "Folder of the store. Nothing in it is readable without the store key."
    )
    strict: bool = optional(
        flag, default=True, meaning="Refuse every insecure setting. Only a demo or a test switches this off."
    )
    test_mode: bool = optional(
        flag, default=False, meaning="Load rules whose law text was not read yet. Refused in strict mode."
    )
    rules_file: Path | None = optional(
        path,
        None,
        "File with the rule table of a municipality, in place of the national base; it is published and named in the "
        "manifest. It only narrows the base: `schakel rules check`.",
    )
    rules_signature: Path | None = optional(
        path, None, "File with the signature of the privacy officer (FG) under that table: `schakel rules sign`."
    )
    rules_key: str | None = optional(
        verifier_key("must be the verifier key that `schakel rules sign` printed"),
        None,
        "The verifier key of that privacy officer, as `schakel rules sign` printed it. Required, with rules_signature, in "
        "strict mode with a rules_file.",
    )
    clock_file: Path | None = optional(
        path,
        None,
        "File that moves the clock of this process while it runs, for tests and drills: TOML with jump_seconds (the "
        "clock was set) and passed_seconds (time went by). Refused in strict mode.",
    )
    key_file: Path | None = optional(
        path, None, "File with the store key, outside the data folder; `schakel edge init` makes it. Or passphrase_env."
    )
    passphrase_env: str | None = optional(
        pattern("[A-Z_][A-Z0-9_]{0,63}", "must be the name of an environment variable"),
        None,
        "Environment variable that holds the passphrase the store key is made from. Or key_file.",
    )
    hub: str | None = optional(
        _hub,
        None,
        "The way to the hub: https://HOST:PORT, or local:FOLDER, refused in strict mode. Without it this edge exchanges "
        "nothing.",
    )
    hub_certificate: Path = optional(
        path, Path("hub.crt"), "File with the certificate that this edge shows to the hub, and its chain (PEM)."
    )
    hub_certificate_key: Path = optional(path, Path("hub-tls.key"), "File with the key of that certificate (PEM).")
    hub_authorities: Path = optional(
        path, Path("hub-authorities.pem"), "File with the authorities that vouch for the hub's server (PEM)."
    )
    partner_authorities: Path | None = optional(
        path,
        None,
        "File with the authorities that vouch for partners with an OIN, such as those of PKIoverheid (PEM, may be empty): "
        "keys of a partner whose certificate does not lead to one are not used. `schakel edge join` makes it. Required in "
        "strict mode with a hub over HTTPS.",
    )
    accession_authority: Path | None = optional(
        path,
        None,
        "The same for partners without an OIN: the certificate of the hub's accession authority, which vouches for numbers "
        "that begin with 99 and for nobody else. Set both or none.",
    )
    kafka: KafkaSending | None = optional(
        section(KafkaSending),
        None,
        "For an edge in the hub's own network: send over the hub's Kafka, and all else over the gateway; see `[kafka]`.",
    )
    hub_key: str | None = optional(
        verifier_key("must be the verifier key that `schakel hub init` printed"),
        None,
        "The hub's verifier key, as printed by `schakel hub init` and compared on paper.",
    )
    metrics_listen: tuple[str, int] | None = optional(
        listen,
        None,
        "Host and port on which Prometheus may read the metrics of the running edge, over plain HTTP: take an address "
        "that only the operator's own network reaches, such as 127.0.0.1:9465. Without it there are none.",
    )
    partners_file: Path = optional(path, Path("partners.toml"), "The address book.")
    municipality_code: str | None = optional(
        pattern("[0-9]{4}", "must be four digits"), None, "This organisation's own CBS municipality code, in iWmo."
    )
    agb: str | None = optional(
        pattern("[0-9]{8}", "must be eight digits"), None, "This organisation's own AGB code, in iWmo."
    )
    own_sources: tuple[str, ...] = optional(
        many(text(1, 256), 50), (), "The `source` of every CloudEvent that this organisation's own systems write."
    )
    in_folder: Path = optional(path, Path("in"), "Folder in which the organisation puts native messages.")
    done_folder: Path = optional(path, Path("done"), "Folder to which a message goes that was read.")
    quarantine_folder: Path = optional(
        path, Path("quarantine"), "Folder to which a message goes that could not be read, with its problem report."
    )
    out_folder: Path = optional(path, Path("out"), "Folder in which notices for the organisation's own system appear.")
    largest_file: int = optional(
        whole(1024, 1 << 30), 1 << 20, "A larger file is quarantined without being read.", unit="bytes"
    )
    largest_batch: int = optional(
        whole(1024, 1 << 30),
        1 << 26,
        "The same for a file with many messages, each of which may be as large as largest_file.",
        unit="bytes",
    )
    done_days: int = optional(
        whole(30, 3650), 30, "How long a message stays in done_folder: it is read again after a restore.", unit="days"
    )
    formats_in: Mapping[str, str] = optional(
        _formats,
        _DEFAULT_FORMATS,
        "Format of a native message by the suffix of its file; auto: each file is recognised by its content.",
    )
    cloudevent_types: Mapping[str, tuple[Kind, Law]] = optional(
        _cloudevent_types,
        MappingProxyType({}),
        'Per `type` of a CloudEvent what it means: "nl.example.started" = {kind = "gestart", law = "wmo"}. For zgw the '
        "key is the URL of a zaaktype, statustype or resultaattype; for corv a type is nl.samen-onder-handbereik. and "
        "the name it has there; for suwi suwi:beslissing: and the code of a decision.",
    )
    cloudevent_subject: str | None = optional(
        choice(*SubjectKind),
        None,
        "What a bare nine-digit `subject` of a CloudEvent is; without it such one is refused.",
    )
    format_laws: Mapping[str, Law] = optional(
        _format_laws,
        MappingProxyType({}),
        'Per format that names no law itself (fhir, hl7v2): the law under which its messages are told: fhir = "wmo".',
    )
    own_number_system: str | None = optional(
        text(1, 200),
        None,
        "Numbering system (FHIR) or assigning authority (HL7 v2) whose numbers are the organisation's own client numbers.",
    )
    xsd_dir: Path | None = optional(
        path, None, "Folder with the official XSDs of iWmo; messages are then validated against them too."
    )
    ijw_xsd_dir: Path | None = optional(path, None, "The same for iJw.")
    fhir_schema: Path | None = optional(
        path,
        None,
        "The official JSON Schema of FHIR R4 (fhir.schema.json); FHIR in JSON is then validated against it too.",
    )
    spread_days: int = optional(
        whole(0, MOST_DAYS),
        DAYS,
        "Over how many working days (Monday to Friday, 08:00 to 18:00) the envelopes of one event, and the registrations of "
        "one agreement, are spread, each by itself, so that the hub can't tell what belongs together; half of it is the "
        "mean delay. 0 sends everything at once: refused in strict mode. Stops, and what a person calls back or makes "
        "urgent, never wait.",
        unit="working days",
    )
    objection_days: int = optional(
        whole(1, MOST_OBJECTION_DAYS),
        OBJECTION_DAYS,
        "Within how many days somebody decides an objection that may be weighed; until then nothing leaves, and after that "
        "neither.",
        unit="days",
    )
    notices_out: str | None = optional(
        choice(*OUT_FORMATS), None, "Format of the notices for the own system; without it there are none."
    )
    notices_with_bsn: bool = optional(
        flag, default=False, meaning="Name the client in a notice by BSN instead of by the own client number."
    )
    streams: StreamConfig | None = optional(
        section(StreamConfig), None, "The organisation's own Kafka, beside the folders; see the table `[streams]`."
    )
    fg_contact: str | None = optional(
        text(2, 120),
        None,
        "How citizens reach the privacy officer (FG) of this organisation; for the papers it has made.",
    )

    parents_consent_too: bool = optional(
        flag,
        default=True,
        meaning="For a client from twelve to fifteen, ask those with authority for their consent too, besides the child. The "
        "child's own is always asked, and an objection of either always counts.",
    )

    @property
    def role(self) -> str:
        """The role in the address."""
        return role_of(self.address)

    @property
    def hub_folder(self) -> Path | None:
        """The folder of the hub in the same process."""
        return Path(self.hub.removeprefix(LOCAL)) if self.hub is not None and self.hub.startswith(LOCAL) else None

    @property
    def hub_url(self) -> str | None:
        """Where the hub answers over HTTPS."""
        return self.hub if self.hub is not None and self.hub.startswith(HTTPS) else None

    @property
    def own_codes(self) -> frozenset[str]:
        """Every native code that stands for this organisation as sender or receiver."""
        return frozenset({*self.own_sources, *(code for code in (self.municipality_code, self.agb) if code)})

    @property
    def formats(self) -> FormatConfig:
        """The settings of the readers."""
        subject = None if self.cloudevent_subject is None else SubjectKind(self.cloudevent_subject)
        return FormatConfig(
            self.xsd_dir,
            self.cloudevent_types,
            subject,
            self.format_laws,
            self.own_number_system,
            self.ijw_xsd_dir,
            self.fhir_schema,
        )

    @property
    def hub_verifier(self) -> tuple[str, bytes] | None:
        """Name and public key of the hub's log."""
        return None if self.hub_key is None else parse_verifier_key(self.hub_key)


def load_edge_config(file: Path) -> EdgeConfig:
    """The settings in this file.

    Raises:
        SettingsError: every fault of it.
    """
    raw, folder = load_toml(file), file.absolute().parent
    faults: list[Fault] = []
    values = read_values(EdgeConfig, raw, folder, MOVED, faults)
    missing = {"address", "name"} - values.keys()
    values |= dict.fromkeys(missing, "")
    config = EdgeConfig(**values)  # type: ignore[arg-type]  # each reader gives the type of its field
    named = {fault.path for fault in faults}
    faults += [fault for fault in _together(config) if fault.path not in named]
    if faults:
        raise SettingsError(faults, file.name)
    return config


def _together(config: EdgeConfig) -> list[Fault]:
    """What is wrong between settings that are right by themselves."""
    faults = []
    if (config.key_file is None) == (config.passphrase_env is None):
        faults.append(Fault("/key_file", "give either key_file or passphrase_env"))
    faults += rules_settings(config.rules_file, config.rules_signature, config.rules_key, strict=config.strict)
    if config.hub is not None and config.hub_key is None:
        faults.append(Fault("/hub_key", "this setting is required with a hub"))
    if config.strict and config.hub_folder is not None:
        faults.append(Fault("/hub", "a hub in the same process is for demos: refused in strict mode"))
    faults += _of_kafka(config)
    both = (config.partner_authorities, config.accession_authority)
    if None in both and (config.strict and config.hub_url is not None or any(both)):
        faults.append(Fault("/partner_authorities", "give this and accession_authority: required in strict mode"))
    if config.strict and config.test_mode:
        faults.append(Fault("/test_mode", "refused in strict mode"))
    if config.strict and config.clock_file is not None:
        faults.append(Fault("/clock_file", "moves the clock, for tests and drills: refused in strict mode"))
    if config.strict and config.spread_days == 0:
        faults.append(Fault("/spread_days", "0 shows the hub what belongs together: refused in strict mode"))
    if config.strict and config.key_file is not None and is_beside(config.key_file, config.data_folder):
        faults.append(Fault("/key_file", "lies in data_folder: refused in strict mode"))
    if config.streams is not None:
        faults += stream_faults(config.streams, strict=config.strict, notices=config.notices_out is not None)
    names = ("data_folder", "in_folder", "done_folder", "quarantine_folder", "out_folder")
    seen: dict[Path, str] = {}
    for name in names:
        place: Path = getattr(config, name).resolve()
        if place in seen:
            faults.append(Fault(f"/{name}", f"is the same folder as {seen[place]}"))
        elif name != "data_folder" and is_beside(place, config.data_folder):
            # What the organisation puts there is readable: it would make the promise of the data folder untrue.
            faults.append(Fault(f"/{name}", "lies in data_folder"))
        seen.setdefault(place, name)
    return faults


def _of_kafka(config: EdgeConfig) -> list[Fault]:
    if config.kafka is None:
        return []
    alone = [] if config.hub_url else [Fault("/kafka", "goes with a hub over HTTPS: all but sending goes there")]
    return alone + [Fault(f"/kafka{one.path}", one.rule) for one in way_faults(config.kafka, strict=config.strict)]
