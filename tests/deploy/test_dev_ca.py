# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The development authority: its certificates are what a gateway wants to see, short, and never in strict mode."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.dev_ca import DAYS, DevCa, Files, NotInStrictModeError

NOW = 1_772_524_800
OIN = "00000000000000000001"


@pytest.fixture
def ca(tmp_path: Path) -> DevCa:
    return DevCa(tmp_path / "ca", NOW, strict=False)


def _read(files: Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def test_in_strict_mode_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotInStrictModeError, match="refused in strict mode"):
        DevCa(tmp_path / "ca", NOW, strict=True)
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_a_partner_stands_in_the_serial_number_of_the_subject(ca: DevCa) -> None:
    [number] = _read(ca.client(OIN, "partner")).subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    assert number.value == OIN
    assert _read(ca.client(None, "nobody")).subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER) == []


def test_a_certificate_lasts_days_and_its_key_is_for_its_owner_alone(ca: DevCa) -> None:
    for files in (ca.files, ca.server(), ca.client(OIN, "partner")):
        certificate = _read(files)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=DAYS)
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600


def test_another_judge_accepts_each_certificate_for_its_use_and_for_no_other(ca: DevCa) -> None:
    authority = _read(ca.files)
    moment = authority.not_valid_before_utc + timedelta(hours=1)
    judge = verification.PolicyBuilder().store(verification.Store([authority])).time(moment)
    server, client = _read(ca.server()), _read(ca.client(OIN, "partner"))
    assert judge.build_server_verifier(x509.DNSName("localhost")).verify(server, []) == [server, authority]
    assert judge.build_client_verifier().verify(client, []).chain == [client, authority]
    for wrong in (server, _read(DevCa(ca.files.key.parent / "other", NOW, strict=False).client(OIN, "partner"))):
        with pytest.raises(verification.VerificationError, match=r"validation failed|candidates exhausted"):
            judge.build_client_verifier().verify(wrong, [])
    usage = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
