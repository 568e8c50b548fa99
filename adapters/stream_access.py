# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How an edge gets in at its organisation's own Kafka: how the brokers are proven, and how it says who it is.

Guarantees: over TLS the brokers prove their name or nothing is said to them; a password or token stands in a file of its
own, for its owner only, is read anew for every client, and is in no text of ours.
"""

import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLAIN, SCRAM_256, SCRAM_512, TOKEN = "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"
MECHANISMS: Final = (SCRAM_512, SCRAM_256, PLAIN, TOKEN)
SENT_OPENLY: Final = frozenset({PLAIN, TOKEN})  # whoever listens to these without TLS has them
_LARGEST: Final = 1 << 16  # bytes; tokens of many groups are some kB
_OTHERS: Final = 0o077


class SecretError(Exception):
    """The password or token can't be used; the sentence says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Access:
    """Files and names as they stand in the settings; none of them is a secret, so they may go over a line."""

    authorities: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    mechanism: str | None = None
    user: str | None = None
    secret: str | None = None

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

    @property
    def protocol(self) -> str:
        """What Kafka calls it."""
        kind = "PLAINTEXT" if self.authorities is None else "SSL"
        return kind if self.mechanism is None else f"SASL_{kind}"

    def word(self) -> str:
        """The password or token, as its file holds it now.

        Raises:
            SecretError: it can't be read, others may read it, or it is no line of text.
        """
        return read_word(Path(self.secret or ""))

    def librdkafka(self) -> Mapping[str, str]:
        """The settings of a client of confluent-kafka; what it does with a token is `oauth_cb` and not among them.

        Raises:
            SecretError: see `word`.
        """
        made = {"security.protocol": self.protocol.lower()}
        if self.authorities is not None:
            made |= {"ssl.ca.location": self.authorities, "ssl.endpoint.identification.algorithm": "https"}
        if self.certificate is not None and self.certificate_key is not None:
            made |= {"ssl.certificate.location": self.certificate, "ssl.key.location": self.certificate_key}
        if self.mechanism is not None:
            made["sasl.mechanism"] = self.mechanism
        if self.user is not None:
            made |= {"sasl.username": self.user, "sasl.password": self.word()}
        return made


def read_word(file: Path) -> str:
    """One line of a file that only its owner can read; a line feed at its end is none of it.

    Raises:
        SecretError: see `Access.word`.
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            raw = opened.read(_LARGEST + 1)
    except OSError as error:
        raise SecretError(f"the file of sasl_secret can't be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & _OTHERS:
        raise SecretError("others than the owner may use the file of sasl_secret; run `chmod 600` on it")
    try:
        word = raw.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        word = ""
    if not word or len(raw) > _LARGEST or not word.isprintable():
        raise SecretError("the file of sasl_secret must hold one line of text and nothing else")
    return word
