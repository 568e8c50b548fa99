# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of a hub, `hub.toml`: who runs it for whom, and where it keeps what.

Guarantees: in strict mode, the default, a hub doesn't start without naming who operates it, for which controllers, and
how their privacy officer (FG) is reached; nothing insecure can be set. Every fault of the file is told at once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from hub.dsn import is_proven, words_of
from hub.kafka_settings import KafkaConfig
from hub.watch_settings import WatchConfig, watch_faults
from schemas.kafka_way import way_faults
from schemas.settings import (
    HOST,
    Fault,
    SettingsError,
    Wrong,
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
)

MOVED: Final[Mapping[str, str]] = MappingProxyType({})  # a key of an earlier version -> its name now

_PROXY: Final = re.compile(r"([0-9a-fA-F.:]{3,39}) ([0-9a-f]{64})")


def _proxy(value: object, folder: Path) -> tuple[str, bytes]:
    found = _PROXY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("must be the network address of a proxy and the SHA-256 of its certificate in 64 hexadecimals")
    return found[1], bytes.fromhex(found[2])


def _dsn(value: object, folder: Path) -> str:
    if not isinstance(value, str):
        raise Wrong("must be text")
    try:
        words_of(value)
    except ValueError as error:
        raise Wrong(str(error)) from None
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Every setting of the gateway, the table `[gateway]`. Without the table, `schakel hub run` does not start."""

    listen: tuple[str, int] = required(listen, "Host and port on which edges are answered. Port 0: the system chooses.")
    url: str = required(
        pattern(rf"https://(?:{HOST})(?::[0-9]{{1,5}})?", "must be https:// with a host and, if need be, a port"),
        "The address by which partners reach the gateway; stands in every invitation.",
    )
    certificate: Path = required(path, "File with the certificate of the server and its chain (PEM).")
    key: Path = required(path, "File with the key of that certificate (PEM).")
    server_authorities: Path = required(
        path, "File with the authorities that vouch for the server (PEM); stands in every invitation."
    )
    client_authorities: tuple[Path, ...] = optional(
        many(path, 20),
        (),
        "Files with the authorities whose client certificates are taken (PEM), such as those of PKIoverheid. "
        "The hub's own accession authority is always one of them.",
    )
    proxies: tuple[tuple[str, bytes], ...] = optional(
        many(_proxy, 20),
        (),
        "Proxies that hand on the certificate of the partner (Client-Cert, RFC 9440): network address, a space, and "
        "the SHA-256 of the proxy's own client certificate. From anybody else that header is not believed.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """Every setting of a hub. Paths are made absolute or start from the folder of the file."""

    name: str = required(
        pattern(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?", "must be a host name in small letters"),
        "The name of the hub, by which its log and its verifier key are known. It never changes.",
    )
    data_folder: Path = optional(path, Path("data"), "Folder of the store: grants, waiting envelopes, the log.")
    dsn: str | None = optional(
        _dsn,
        None,
        "The PostgreSQL database of the store, for a hub of several machines: words as in host=db.example.nl "
        "dbname=schakel user=hub sslmode=verify-full sslrootcert=FILE passfile=FILE. It holds no password. Without it "
        "the store is a file in data_folder. In strict mode: over TLS that proves the server, or a local socket.",
    )
    day_keys_file: Path = optional(
        path,
        Path("day.keys"),
        "With dsn: file with the keys of the days, under which the keys of waiting payloads are wrapped; the same one on "
        "every machine of the hub, and in no back-up. Written by the hub.",
    )
    key_file: Path = optional(
        path, Path("log.key"), "File with the seed of the key that signs the log; `schakel hub init` makes it."
    )
    greatest_file: Path = optional(
        path,
        Path("greatest.json"),
        "File with the newest checkpoint signed and with who is barred: what a hub must still know when its store was "
        "put back from a copy. It is in no back-up of the store, best on another disk. Written by the hub.",
    )
    accession_key: Path = optional(
        path,
        Path("accession.key"),
        "File with the key of the accession authority, which certifies partners that have no certificate of their own.",
    )
    accession_certificate: Path = optional(
        path,
        Path("accession.crt"),
        "File with the certificate of the accession authority; `schakel hub init` makes it.",
    )
    gateway: GatewayConfig | None = optional(
        section(GatewayConfig), None, "How edges reach this hub over HTTPS; see the table `[gateway]`."
    )
    kafka: KafkaConfig | None = optional(
        section(KafkaConfig),
        None,
        "The Kafka of a hub that takes envelopes in through it; see the table `[kafka]`. It needs a dsn.",
    )
    watch: WatchConfig | None = optional(
        section(WatchConfig),
        None,
        "The watch over what is unusual at partners; see the table `[watch]`. It needs the table `[kafka]`.",
    )
    metrics_listen: tuple[str, int] | None = optional(
        listen,
        None,
        "Host and port on which Prometheus may read the metrics of the running hub, over plain HTTP: take an address "
        "that only the operator's own network reaches, such as 127.0.0.1:9464. Without it there are none.",
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
        "File with the rule table of a municipality, in place of the national base for every partner that published no "
        "table of its own; give their edges the same files. It only narrows the base: `schakel rules check`.",
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
    operator: str | None = optional(
        text(2, 120), None, "The organisation that runs this hub; it runs no edge. Required in strict mode."
    )
    controllers: tuple[str, ...] = optional(
        many(text(2, 120), 500), (), "The organisations on whose behalf it runs. Required in strict mode."
    )
    fg_contact: str | None = optional(
        text(2, 120), None, "How citizens and partners reach the privacy officer (FG). Required in strict mode."
    )
    operator_oin: str | None = optional(
        pattern("[0-9]{20}", "must be the twenty digits of an OIN"),
        None,
        "The OIN of the organisation that runs this hub, if it has one: in strict mode the hub does not start when a partner "
        "has the same, unless operator_dpia is set.",
    )
    operator_dpia: str | None = optional(
        text(2, 120),
        None,
        "Only for an operator that is itself a partner: the reference of the DPIA in which that was weighed. Every status "
        "page repeats it. Required in strict mode when the operator is one of the controllers.",
    )


def load_hub_config(file: Path) -> HubConfig:
    """The settings in this file.

    Raises:
        SettingsError: every fault of it.
    """
    raw, folder = load_toml(file), file.absolute().parent
    faults: list[Fault] = []
    values = read_values(HubConfig, raw, folder, MOVED, faults)
    values.setdefault("name", "")
    config = HubConfig(**values)  # type: ignore[arg-type]  # each reader gives the type of its field
    named = {fault.path for fault in faults}
    faults += [fault for fault in _together(config) if fault.path not in named]
    if faults:
        raise SettingsError(faults, file.name)
    return config


def _together(config: HubConfig) -> list[Fault]:
    """What is wrong between settings that are right by themselves."""
    if not config.strict:
        lax = rules_settings(config.rules_file, config.rules_signature, config.rules_key, strict=False)
        return lax + _of_kafka(config)
    needed = {"operator": config.operator, "controllers": config.controllers, "fg_contact": config.fg_contact}
    faults = rules_settings(config.rules_file, config.rules_signature, config.rules_key, strict=True)
    faults += _of_kafka(config)
    faults += [
        Fault(f"/{name}", "this setting is required in strict mode") for name, value in needed.items() if not value
    ]
    if config.operator is not None and config.operator_dpia is None and _is_one_of(config.operator, config.controllers):
        faults.append(
            Fault("/operator_dpia", "the operator is one of the controllers: in strict mode it says so, with its DPIA")
        )
    if config.test_mode:
        faults.append(Fault("/test_mode", "refused in strict mode"))
    if config.clock_file is not None:
        faults.append(Fault("/clock_file", "moves the clock, for tests and drills: refused in strict mode"))
    if config.dsn is not None and not is_proven(words_of(config.dsn)):
        rule = "reaches the database without TLS that proves it: add sslmode=verify-full, or use a local socket"
        faults.append(Fault("/dsn", rule))
    # A back-up or copy of the store must not let anybody sign for the log, or let partners in.
    faults += [
        Fault(f"/{name}", "lies in data_folder: refused in strict mode")
        for name in ("key_file", "accession_key", "greatest_file")
        if getattr(config, name).resolve().is_relative_to(config.data_folder.resolve())
    ]
    return faults


def _of_kafka(config: HubConfig) -> list[Fault]:
    if config.kafka is None:
        return watch_faults(config.watch, None, strict=config.strict)
    alone = (
        [Fault("/kafka", "goes with dsn: what comes in through Kafka is kept in PostgreSQL")] if not config.dsn else []
    )
    within = way_faults(config.kafka, strict=config.strict)
    alone += watch_faults(config.watch, config.kafka, strict=config.strict)
    return alone + [Fault(f"/kafka{fault.path}", fault.rule) for fault in within]


def _is_one_of(name: str, names: Sequence[str]) -> bool:
    return " ".join(name.casefold().split()) in {" ".join(one.casefold().split()) for one in names}
