# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The Faust app of a stream worker.

Guarantees: it makes no topic, in Kafka or for itself, and keeps nothing on disk; it reads nothing of a transaction that
was not committed; a worker that was killed has its place in the group back at once.
"""

from typing import Any

import faust
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import AppT
from faust.types.auth import CredentialsT

from adapters.sources.stream_reach import Token
from adapters.sources.stream_setup import MOST, Setup
from adapters.stream_access import TOKEN, Access


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
    """The Faust app of these settings; its agents are added by who has something to do with records.

    Raises:
        SecretError: the password can't be used.
    """
    app = faust.App(
        setup.group,
        broker=[f"kafka://{one}" for one in setup.brokers],
        broker_credentials=_credentials(setup.access),
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


def _credentials(access: Access) -> CredentialsT | None:
    context = access.context()
    if access.mechanism == TOKEN:
        return OAuthCredentials(oauth_cb=Token(access), ssl_context=context)
    if access.mechanism is not None:
        return SASLCredentials(
            username=access.user, password=access.word(), mechanism=access.mechanism, ssl_context=context
        )
    return None if context is None else SSLCredentials(context)
