# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The Faust app of a stream worker, and what it must know.

Guarantees: it makes no topic, in Kafka or for itself, and keeps nothing on disk; it reads nothing of a transaction that
was not committed; a worker that was killed has its place in the group back at once.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import faust
from aiokafka.admin import AIOKafkaAdminClient
from faust.transport.drivers import aiokafka as driver
from faust.types import AppT

ANSWER_SECONDS: Final = 5.0  # so long a broker may take
MOST: Final = 200  # records that are handed over together


@dataclass(frozen=True, slots=True)
class Setup:
    """What the edge tells it to do."""

    brokers: Sequence[str]
    group: str
    topics: Sequence[str]
    quarantine: str | None
    notices: str | None
    authorities: str | None
    certificate: str | None
    certificate_key: str | None
    session_seconds: int
    largest: int

    def context(self) -> ssl.SSLContext | None:
        """How the brokers are proven, and this edge to them; None: no TLS."""
        if self.authorities is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.authorities)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.certificate_key)
        return context

    def admin(self) -> AIOKafkaAdminClient:
        """A client that asks what there is; it is not started yet."""
        context = self.context()
        return AIOKafkaAdminClient(
            bootstrap_servers=list(self.brokers),
            request_timeout_ms=int(ANSWER_SECONDS * 1000),
            security_protocol="PLAINTEXT" if context is None else "SSL",
            ssl_context=context,
        )

    @property
    def place(self) -> str:
        """The place of this edge in its group: one that was killed has it back at once. With other topics it is another
        place, since Kafka gives an old place its old topics back; the old one is void after the session's seconds."""
        return f"{self.group}-{sha256(chr(10).join(sorted(self.topics)).encode()).hexdigest()[:12]}"

    @property
    def named(self) -> list[str]:
        """Every topic that must be there."""
        return [*self.topics, *(one for one in (self.quarantine, self.notices) if one is not None)]


class _Committed(driver.AIOKafkaConsumerThread):
    """Reads no record of a transaction that was not committed: its source never said it."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it; aiokafka hands it to what fetches when it starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Committed(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer


def make_app(setup: Setup, folder: str) -> AppT:
    """The Faust app of these settings; its agents are added by who has something to do with records."""
    context = setup.context()
    app = faust.App(
        setup.group,
        broker=[f"kafka://{one}" for one in setup.brokers],
        broker_credentials=None if context is None else faust.SSLCredentials(context),
        datadir=folder,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,  # no topic of Faust's own
        topic_allow_declare=False,  # topics are made beforehand, by who owns the Kafka
        key_serializer="raw",
        value_serializer="raw",
        broker_session_timeout=float(setup.session_seconds),
        broker_heartbeat_interval=setup.session_seconds / 5,
        broker_commit_interval=1.0,
        broker_max_poll_records=MOST,
        # One that waits for the hub may wait long, and is no sign of a fault.
        broker_max_poll_interval=24 * 3600.0,
        stream_processing_timeout=24 * 3600.0,
        broker_commit_livelock_soft_timeout=24 * 3600.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=setup.place,
        stream_buffer_maxsize=MOST,
        stream_wait_empty=False,
        producer_acks=-1,
        producer_linger_ms=0,
        producer_max_request_size=max(setup.largest * 2, 1 << 20),
    )
    if setup.topics:
        app.transport = _Transport(app.conf.broker_consumer, app)
    else:
        app.producer_only = True
    return app
