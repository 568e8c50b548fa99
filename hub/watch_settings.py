# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of the watch, the table `[watch]` of `hub.toml`.

Guarantees: nothing of it holds up the hub; it needs the table `[kafka]`, by which it reaches the brokers.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from hub.kafka_settings import KafkaConfig
from schemas.settings import Fault, listen, optional, path


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """Every setting of the watch, the table `[watch]`. With the table, `schakel hub run` copies what the log says to Kafka."""

    folder: Path = optional(
        path,
        Path("watch"),
        "Folder in which `schakel hub watch-run` leaves what is unusual, and in which `schakel hub watch` reads it.",
    )
    certificate: Path | None = optional(
        path,
        None,
        "File with the certificate that the watch shows to the brokers (PEM): its own, because it may less than the hub. "
        "Required in strict mode.",
    )
    key: Path | None = optional(path, None, "File with the key of that certificate (PEM). Required in strict mode.")
    metrics_listen: tuple[str, int] | None = optional(
        listen,
        None,
        "Host and port on which Prometheus may read the metrics of the watch, over plain HTTP: take an address that only the "
        "operator's own network reaches, such as 127.0.0.1:9465. Without it there are none.",
    )


def watch_faults(watch: WatchConfig | None, kafka: KafkaConfig | None, *, strict: bool) -> list[Fault]:
    """What is wrong between the settings of the watch, and between them and those of Kafka."""
    if watch is None:
        return []
    if kafka is None:
        return [Fault("/watch", "goes with the table [kafka], by which it reaches the brokers")]
    given = [watch.certificate is not None, watch.key is not None]
    if all(given) or not (strict or any(given)):
        return []
    rule = "is required in strict mode: the watch is not the hub" if strict else "goes with the other"
    return [Fault(f"/watch/{name}", rule) for name, one in zip(("certificate", "key"), given, strict=True) if not one]


def way_of(watch: WatchConfig, kafka: KafkaConfig) -> KafkaConfig:
    """How the watch reaches the brokers: as the hub does, but with its own certificate."""
    if watch.certificate is None:
        return kafka
    return replace(kafka, certificate=watch.certificate, key=watch.key)
