# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How a stream worker reaches the brokers with aiokafka.

Guarantees: an edge that is not taken for whom it says it is learns that, and not only that nobody answers.
"""

from typing import Any, Final

from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import IllegalSaslStateError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest

from adapters.sources.stream_setup import ANSWER_SECONDS, Setup
from adapters.stream_access import TOKEN, Access, SecretError

_REFUSED: Final = (IllegalSaslStateError, SaslAuthenticationFailed, UnsupportedSaslMechanismError)


class NotTakenError(Exception):
    """A broker answers and does not take this edge for whom it says it is; the text is the name of the error."""


class Token(AbstractTokenProvider):  # type: ignore[misc]  # of a library without types
    """The token as its file holds it at each connection."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def token(self) -> str:
        """The token.

        Raises:
            OSError: it can't be read; the library takes that for a broker that is away.
        """
        try:
            return self._access.word()
        except SecretError as error:
            raise OSError(str(error)) from None


def way(access: Access) -> dict[str, Any]:
    """The settings of a client of aiokafka.

    Raises:
        SecretError: the password can't be used.
    """
    made: dict[str, Any] = {"security_protocol": access.protocol, "ssl_context": access.context()}
    if access.mechanism == TOKEN:
        made |= {"sasl_mechanism": TOKEN, "sasl_oauth_token_provider": Token(access)}
    elif access.mechanism is not None:
        made["sasl_mechanism"] = access.mechanism
        made |= {"sasl_plain_username": access.user, "sasl_plain_password": access.word()}
    return made


def admin(setup: Setup) -> AIOKafkaAdminClient:
    """A client that asks what there is; it is not started yet.

    Raises:
        SecretError: the password can't be used.
    """
    return AIOKafkaAdminClient(
        bootstrap_servers=list(setup.brokers), request_timeout_ms=int(ANSWER_SECONDS * 1000), **way(setup.access)
    )


async def need_taken(setup: Setup) -> None:
    """Returns when a broker took this edge for whom it says it is, or none answers: the clients tell these two not apart.

    Raises:
        NotTakenError: one answers and does not.
        SecretError: the password or token can't be used.
    """
    if setup.access.mechanism is None:
        return
    setup.access.word()  # of a token the library would say that nobody answers
    settings = way(setup.access)
    for broker in setup.brokers:
        host, _, port = broker.rpartition(":")
        try:
            connection = await create_conn(
                host.strip("[]"), int(port), request_timeout_ms=int(ANSWER_SECONDS * 1000), **settings
            )
        except _REFUSED as error:
            raise NotTakenError(type(error).__name__) from None
        except (KafkaError, OSError, TimeoutError):
            continue
        try:
            answer = await connection.send(MetadataRequest([]))
        except (KafkaError, OSError, TimeoutError):
            continue
        finally:
            connection.close()
        # What is wrong with a token a broker says in an answer that aiokafka takes for consent; to what is asked then it
        # answers with an error, which reads as a cluster without brokers.
        if not answer.brokers:
            raise NotTakenError(IllegalSaslStateError.__name__)
        return
