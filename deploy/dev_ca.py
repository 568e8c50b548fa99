# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A certificate authority for tests and the demo over a network, and for nothing else: `schakel dev-ca`.

It vouches for whatever number it is asked to, on the word of whoever runs it.  So it is refused in strict mode, its
certificates last days, its name says what it is, and a server certificate of it is for loopback alone.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 7
_BEFORE = timedelta(minutes=5)  # clocks differ


class NotInStrictModeError(Exception):
    """A development authority has no place where strict mode holds."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate and its key stand (PEM)."""

    certificate: Path
    key: Path


class DevCa:
    """An authority in a folder.  `now` is unix seconds."""

    def __init__(self, folder: Path, now: int, *, strict: bool, days: int = DAYS) -> None:
        if strict:
            raise NotInStrictModeError("dev-ca makes certificates for tests and the demo; it is refused in strict mode")
        self._folder = folder
        self._begin = datetime.fromtimestamp(now, UTC) - _BEFORE
        self._end = self._begin + timedelta(days=days)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Schakel development authority, for tests only")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.files = self._write("ca", self._signed(builder.add_extension(usage, critical=True)), self._key)

    def server(self, name: str = "server") -> Files:
        """A certificate for a server on loopback."""
        loopback = [x509.DNSName("localhost"), *map(_address, ("127.0.0.1", "::1"))]
        return self._leaf(name, _name("localhost"), ExtendedKeyUsageOID.SERVER_AUTH, loopback)

    def client(self, oin: str | None, name: str) -> Files:
        """A certificate for a partner; its OIN stands in the subject's serialNumber, as PKIoverheid does it."""
        numbers = [] if oin is None else [x509.NameAttribute(NameOID.SERIAL_NUMBER, oin)]
        subject = x509.Name([*_name(name), *numbers])
        return self._leaf(name, subject, ExtendedKeyUsageOID.CLIENT_AUTH, [x509.DNSName(f"{name}.invalid")])

    def _leaf(self, name: str, subject: x509.Name, use: x509.ObjectIdentifier, names: list[x509.GeneralName]) -> Files:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return self._write(name, self._signed(builder), key)

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._begin)
            .not_valid_after(self._end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(own, critical=False)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Files:
        files = Files(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.unlink(missing_ok=True)
        target = os.open(files.key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(target, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _address(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))
