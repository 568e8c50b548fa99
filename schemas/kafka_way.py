# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How a Kafka is reached: settings that hub and edge both have, and what a client of librdkafka makes of them.

Guarantees: over TLS the broker proves its name and this side shows a certificate, or there is no TLS at all, which strict
mode refuses; no setting holds a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.settings import Fault, Wrong, listen, many, optional, path, required

_MOST_BROKERS = 20


def _broker(value: object, folder: Path) -> str:
    try:
        host, port = listen(value, folder)
    except Wrong:
        raise Wrong("must be a host and a port, such as kafka-1.example.nl:9093") from None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _brokers(value: object, folder: Path) -> tuple[str, ...]:
    found = many(_broker, _MOST_BROKERS)(value, folder)
    if not found:
        raise Wrong("must name at least one broker")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaWay:
    """The way to a Kafka."""

    brokers: tuple[str, ...] = required(
        _brokers, "Brokers to ask first, as host:port; they tell of the others. Two or three, so that one may be away."
    )
    authorities: Path | None = optional(
        path, None, "File with the authorities that vouch for the brokers (PEM). Required in strict mode."
    )
    certificate: Path | None = optional(
        path,
        None,
        "File with the certificate that is shown to the brokers, and its chain (PEM). Required in strict mode.",
    )
    key: Path | None = optional(path, None, "File with the key of that certificate (PEM). Required in strict mode.")


def way_faults(way: KafkaWay, *, strict: bool) -> list[Fault]:
    """What is wrong between these settings; the paths start within their table."""
    files = {"authorities": way.authorities, "certificate": way.certificate, "key": way.key}
    missing = [name for name, value in files.items() if value is None]
    if not missing or (len(missing) == len(files) and not strict):
        return []
    rule = (
        "is required in strict mode: Kafka is reached over TLS with a certificate" if strict else "goes with the others"
    )
    return [Fault(f"/{name}", rule) for name in missing]


def client_settings(way: KafkaWay, more: Mapping[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    """The settings of a client of confluent-kafka that goes this way."""
    made: dict[str, str | int | float | bool] = {"bootstrap.servers": ",".join(way.brokers), "client.id": "schakel"}
    if way.authorities is not None and way.certificate is not None and way.key is not None:
        made |= {
            "security.protocol": "ssl",
            "ssl.endpoint.identification.algorithm": "https",
            "ssl.ca.location": str(way.authorities),
            "ssl.certificate.location": str(way.certificate),
            "ssl.key.location": str(way.key),
        }
    return made | dict(more)
