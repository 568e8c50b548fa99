# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A real Kafka that asks for a name and a password, or a token: every mechanism of SASL that an edge knows, over TLS.

Tokens are checked as in earnest: signed by a key that the broker reads from a key set, for its audience, and not over.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from pathlib import Path

from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from deploy.prometheus import free_port
from tests.kafka import Kafka, Node

_SECURITY = "org.apache.kafka.common.security"
_AUDIENCE = "kafka.test"
_NAME = "listener.name.sasl"


class SaslKafka(Kafka):
    """One broker with a second listener, on which nobody shows a certificate; `who` has a password there."""

    def __init__(self, *who: str) -> None:
        self.port = free_port()
        self.passwords = {one: secrets.token_urlsafe(18) for one in who}
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        super().__init__(tls=True)
        self._make_users()

    @property
    def asking(self) -> str:
        """The listener that asks."""
        return f"127.0.0.1:{self.port}"

    def token(self, who: str, seconds: int = 3_600) -> str:
        """A token for somebody, valid so long from now on; below 0 it is over."""
        now = int(time.time())
        said = {"iss": "test", "sub": who, "aud": _AUDIENCE, "iat": now - 7_200, "exp": now + seconds}
        signed = ".".join(_base64(json.dumps(one).encode()) for one in ({"alg": "RS256", "kid": "1"}, said))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"

    def settings_of(self, node: Node) -> dict[str, str]:
        made = super().settings_of(node)
        for name in ("listeners", "advertised.listeners"):
            made[name] += f",SASL://{self.asking}"
        made["listener.security.protocol.map"] += ",SASL:SASL_SSL"
        users = " ".join(f'user_{name}="{word}"' for name, word in self.passwords.items())
        scram = f"{_SECURITY}.scram.ScramLoginModule required;"
        return made | {
            f"{_NAME}.ssl.client.auth": "none",
            f"{_NAME}.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
            f"{_NAME}.scram-sha-512.sasl.jaas.config": scram,
            f"{_NAME}.scram-sha-256.sasl.jaas.config": scram,
            f"{_NAME}.plain.sasl.jaas.config": f"{_SECURITY}.plain.PlainLoginModule required {users};",
            f"{_NAME}.oauthbearer.sasl.jaas.config": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required;",
            f"{_NAME}.oauthbearer.sasl.server.callback.handler.class": (
                f"{_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler"
            ),
            f"{_NAME}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self._key_set().as_uri(),
            f"{_NAME}.oauthbearer.sasl.oauthbearer.expected.audience": _AUDIENCE,
        }

    def java(self, number: int, program: str, *words: str) -> list[str]:
        command = super().java(number, program, *words)
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._key_set().as_uri()}"
        command.insert(command.index("java") + 1, allowed)
        return command

    def _key_set(self) -> Path:
        file = self.root / "keys.json"
        if not file.exists():
            numbers = self._key.public_key().public_numbers()
            parts = {"n": numbers.n.to_bytes(256, "big"), "e": numbers.e.to_bytes(3, "big")}
            key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1"}
            file.write_text(json.dumps({"keys": [key | {name: _base64(of) for name, of in parts.items()}]}))
        return file

    def _make_users(self) -> None:
        admin = self.admin()
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4_096)
            changes = [UserScramCredentialUpsertion(name, info, of.encode()) for name, of in self.passwords.items()]
            for one in admin.alter_user_scram_credentials(list(changes)).values():
                one.result(30)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
