# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Accession: invited, joined, admitted; what people compare holds everything else."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.config import load_edge_config
from deploy.commands.join import JOIN_FILE, Joining, make_joining, read_invitation
from deploy.compose import open_hub
from deploy.dev_ca import DevCa
from deploy.exits import Exit
from hub.accession_authority import Authority, JoinError, make_authority, new_number
from hub.config import load_hub_config
from schemas.address import oin_of
from schemas.attestation import parse_attestation
from schemas.canonical import FrameError, encode
from schemas.join import Join, parse_join
from tests.deploy.conftest import Schakel

OIN = "00000001234567890000"
TEAM = f"urn:nld:oin:{OIN}:team-wmo"
NEW = ("--name", "hub.voorbeeld.nl", "--operator", "Stichting Hub", "--controllers", "Gemeente A")
Answer = Callable[..., Any]


@pytest.fixture
def ca(tmp_path: Path) -> DevCa:
    return DevCa(tmp_path / "ca", int(time.time()), strict=False)


@pytest.fixture
def hub(schakel: Schakel, tmp_path: Path, ca: DevCa) -> Path:
    """A strict hub with a gateway; edges are made in a folder that does not lie beside it."""
    place = tmp_path / "machine" / "hub"
    assert schakel("hub", "init", place, *NEW, "--fg-contact", "fg@a.example").exit_code == Exit.DONE
    server, authority = ca.server(), ca.files.certificate
    with (place / "hub.toml").open("a") as file:
        file.write(
            f'[gateway]\nlisten = "127.0.0.1:0"\nurl = "https://hub.example:8443"\ncertificate = "{server.certificate}"\n'
            f'key = "{server.key}"\nserver_authorities = "{authority}"\nclient_authorities = ["{authority}"]\n'
        )
    return place


def _invite(answer: Answer, hub: Path, out: Path, *who: str) -> Any:
    return answer("partner", "invite", *who, "--out", out, "--config", hub)


def _join(answer: Answer, invited: Any, place: Path, *more: object) -> Any:
    return answer(
        "edge",
        "join",
        invited["invitation"],
        place,
        "--name",
        "Een partner",
        "--key-file",
        place.parent / f"{place.name}.key",
        "--fingerprint",
        invited["fingerprint"],
        *more,
    )


def _admit(schakel: Schakel, hub: Path, file: Path, fingerprint: str, *more: object) -> Any:
    return schakel("partner", "admit", file, "--fingerprint", fingerprint, "--config", hub, "--json", *more)


@pytest.fixture
def practice(answer: Answer, hub: Path, tmp_path: Path) -> Any:
    """A GP practice that has joined and is not admitted yet."""
    invited = _invite(answer, hub, tmp_path / "gp.toml", "--role", "gp")
    return _join(answer, invited, tmp_path / "edges" / "praktijk")


def test_a_practice_without_a_certificate_gets_one_under_a_number_of_the_hub(
    schakel: Schakel, hub: Path, practice: Any, tmp_path: Path
) -> None:
    out = tmp_path / "edges" / "praktijk" / "hub.crt"
    result = _admit(schakel, hub, Path(practice["join"]), practice["fingerprint"], "--certificate-out", out)
    assert result.exit_code == Exit.DONE, result.output
    admitted = json.loads(result.stdout)
    assert (admitted["address"], admitted["state"]) == (practice["address"], "admitted")
    number = oin_of(practice["address"])
    assert len(number) == 20
    assert number.startswith("99")
    certificate = x509.load_pem_x509_certificate(out.read_bytes())
    assert [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)] == [number]
    use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate((hub / "accession.crt").read_bytes()))


def test_an_organisation_with_a_certificate_joins_with_that(
    schakel: Schakel, answer: Answer, hub: Path, ca: DevCa, tmp_path: Path
) -> None:
    files = ca.client(OIN, "team")
    invited = _invite(answer, hub, tmp_path / "team.toml", "--address", TEAM)
    own = ("--certificate", files.certificate, "--certificate-key", files.key)
    joined = _join(answer, invited, tmp_path / "edges" / "team", *own)
    result = _admit(schakel, hub, Path(joined["join"]), joined["fingerprint"])
    assert result.exit_code == Exit.DONE, result.output
    assert json.loads(result.stdout)["certificate"] is None
    assert [one["address"] for one in answer("partner", "list", "--config", hub)] == [TEAM]
    with open_hub(load_hub_config(hub / "hub.toml")) as opened:
        (shown,) = opened.exchange.manifests(TEAM, TEAM)
    asked = parse_join(Path(joined["join"]).read_bytes())
    assert parse_attestation(shown.attestation) == asked.attestation


def test_what_vouches_for_partners_comes_with_the_invitation_whose_fingerprint_is_compared(
    practice: Any, hub: Path, ca: DevCa, tmp_path: Path
) -> None:
    config = load_edge_config(tmp_path / "edges" / "praktijk" / "edge.toml")
    assert config.partner_authorities is not None
    assert config.accession_authority is not None
    assert config.partner_authorities.read_bytes() == ca.files.certificate.read_bytes()
    assert config.accession_authority.read_bytes() == (hub / "accession.crt").read_bytes()


def test_what_joining_makes_is_strict_and_readable_by_its_owner_only(practice: Any, tmp_path: Path) -> None:
    place = tmp_path / "edges" / "praktijk"
    assert 'hub = "https://hub.example:8443"' in (place / "edge.toml").read_text()
    assert "strict = false" not in (place / "edge.toml").read_text()
    for name in ("hub-tls.key", JOIN_FILE, "edge.toml"):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600


def test_another_fingerprint_of_the_invitation_makes_nothing(
    schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path
) -> None:
    invited = _invite(answer, hub, tmp_path / "gp.toml", "--role", "gp")
    changed = Path(invited["invitation"])
    changed.write_text(changed.read_text().replace("hub.example", "bad.example"))
    named = ("--name", "X", "--key-file", tmp_path / "x.key", "--fingerprint", invited["fingerprint"])
    result = schakel("edge", "join", changed, tmp_path / "edges" / "x", *named)
    assert result.exit_code == Exit.REFUSED
    assert "another fingerprint" in result.output
    assert not (tmp_path / "edges").exists()


def test_another_fingerprint_of_the_manifest_admits_nobody(
    schakel: Schakel, answer: Answer, hub: Path, practice: Any
) -> None:
    result = _admit(schakel, hub, Path(practice["join"]), "00" * 32)
    assert result.exit_code == Exit.REFUSED
    assert answer("partner", "list", "--config", hub) == []


def test_people_are_asked_to_compare_and_may_say_no(schakel: Schakel, answer: Answer, hub: Path, practice: Any) -> None:
    result = schakel("partner", "admit", practice["join"], "--config", hub, typed="n\n")
    assert result.exit_code == Exit.REFUSED
    assert practice["fingerprint"] in result.output
    assert answer("partner", "list", "--config", hub) == []


def _frame(join: Join, **change: Any) -> bytes:
    now = replace(join, **change)
    return encode([1, now.manifest.raw, now.request, list(now.chain), list(now.signature), now.certificate_signature])


def test_a_request_for_a_certificate_can_not_be_exchanged_under_a_compared_manifest(
    schakel: Schakel, hub: Path, practice: Any
) -> None:
    file = Path(practice["join"])
    key = ec.generate_private_key(ec.SECP256R1())
    mine = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    file.write_bytes(_frame(parse_join(file.read_bytes()), request=mine.public_bytes(Encoding.DER)))
    result = _admit(schakel, hub, file, practice["fingerprint"])
    assert result.exit_code == Exit.REFUSED
    assert "does not cover" in result.output
    assert not file.with_suffix(".crt").exists()


def test_a_join_file_has_a_request_or_a_chain_and_never_both_or_none(practice: Any) -> None:
    join = parse_join(Path(practice["join"]).read_bytes())
    for change in ({"chain": (b"x",)}, {"request": b""}):
        with pytest.raises(FrameError, match="/chain: oneOf"):
            parse_join(_frame(join, **change))


def test_who_was_not_invited_is_not_admitted(
    schakel: Schakel, answer: Answer, hub: Path, practice: Any, tmp_path: Path
) -> None:
    [invitation] = (hub / "data" / "invitations").iterdir()
    invitation.unlink()
    result = _admit(schakel, hub, Path(practice["join"]), practice["fingerprint"])
    assert result.exit_code == Exit.REFUSED
    assert "did not invite" in result.output


def _ask_with(schakel: Schakel, hub: Path, invited: Any, tmp_path: Path, certificate: Path, key: Path) -> Any:
    """Asks to be admitted with a certificate and key at which nobody has looked before."""
    place = tmp_path / "edges" / "team"
    joining = Joining("Team", tmp_path / "team.key", certificate=certificate, certificate_key=key)
    signed = make_joining(read_invitation(Path(invited["invitation"])), place, joining)
    return _admit(schakel, hub, place / JOIN_FILE, signed.fingerprint)


@pytest.mark.parametrize("wrong", ["of another organisation", "another key", "no certificate", "not there"])
def test_a_certificate_that_the_hub_would_not_take_is_refused_before_anything_is_made(
    schakel: Schakel, answer: Answer, hub: Path, ca: DevCa, tmp_path: Path, wrong: str
) -> None:
    invited = _invite(answer, hub, tmp_path / "team.toml", "--address", TEAM)
    files = ca.client("00000001234567890001" if wrong == "of another organisation" else OIN, "team")
    key = ca.client(OIN, "other").key if wrong == "another key" else files.key
    certificate = {"no certificate": Path(invited["invitation"]), "not there": tmp_path / "x"}.get(
        wrong, files.certificate
    )
    own = ("--certificate", certificate, "--certificate-key", key, "--fingerprint", invited["fingerprint"])
    named = ("--name", "X", "--key-file", tmp_path / "keys" / "x.key", *own)
    result = schakel("edge", "join", invited["invitation"], tmp_path / "edges" / "team", *named)
    says = {
        "of another organisation": "00000001234567890001, and this partner has 00000001234567890000",
        "another key": "do not belong together",
        "no certificate": "do not belong together",
        "not there": "The file of --certificate can't be read",
    }
    assert result.exit_code == (Exit.FAILED if wrong == "not there" else Exit.REFUSED)
    assert says[wrong] in result.output
    assert not (tmp_path / "edges").exists()
    assert not (tmp_path / "keys").exists()


def test_of_an_edge_that_can_not_be_made_nothing_stays(
    schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path
) -> None:
    invited, place = _invite(answer, hub, tmp_path / "gp.toml", "--role", "gp"), tmp_path / "edges" / "x"
    named = ("--name", "X", "--key-file", place / "data" / "x.key", "--fingerprint", invited["fingerprint"])
    result = schakel("edge", "join", invited["invitation"], place, *named)
    assert result.exit_code == Exit.REFUSED
    assert "lies in data_folder" in result.output
    assert not place.exists()


def test_a_file_that_is_no_invitation_is_called_so(schakel: Schakel, hub: Path, tmp_path: Path) -> None:
    named = ("--name", "X", "--key-file", tmp_path / "x.key", "--fingerprint", "0" * 64)
    result = schakel("edge", "join", hub / "hub.toml", tmp_path / "edges" / "x", *named)
    assert result.exit_code == Exit.REFUSED
    assert "This is no invitation of a hub" in result.output
    assert not (tmp_path / "edges").exists()


def test_a_number_is_handed_out_for_an_invitation_that_is_written_and_for_no_other(
    schakel: Schakel, answer: Answer, hub: Path, tmp_path: Path
) -> None:
    out = tmp_path / "gp.toml"
    _invite(answer, hub, out, "--role", "gp")
    before = out.read_bytes(), sorted((hub / "data" / "invitations").iterdir())
    result = schakel("partner", "invite", "--role", "gp", "--out", out, "--config", hub)
    assert result.exit_code == Exit.FAILED
    assert "gp.toml is there already" in result.output
    assert (out.read_bytes(), sorted((hub / "data" / "invitations").iterdir())) == before


def test_the_folders_for_files_are_there_when_an_edge_has_joined(practice: Any) -> None:
    place = Path(practice["join"]).parent
    assert {one for one in ("in", "out", "done", "quarantine") if (place / one).is_dir()} == {
        "in",
        "out",
        "done",
        "quarantine",
    }


def test_an_edge_whose_certificate_did_not_come_yet_says_that_and_does_not_run(schakel: Schakel, practice: Any) -> None:
    place = Path(practice["join"]).parent
    result = schakel("edge", "run", "--config", place)
    assert result.exit_code == Exit.FAILED
    assert f"There is no certificate at {place / 'hub.crt'} yet." in result.output


@pytest.mark.parametrize("of_whom", ["another organisation", "another authority"])
def test_a_certificate_of_another_organisation_or_authority_does_not_join(
    schakel: Schakel, answer: Answer, hub: Path, ca: DevCa, tmp_path: Path, of_whom: str
) -> None:
    authority = ca if of_whom == "another organisation" else DevCa(tmp_path / "other", int(time.time()), strict=False)
    files = authority.client("00000001234567890001" if authority is ca else OIN, "x")
    invited = _invite(answer, hub, tmp_path / "team.toml", "--address", TEAM)
    result = _ask_with(schakel, hub, invited, tmp_path, files.certificate, files.key)
    assert result.exit_code == Exit.REFUSED
    assert ("names another organisation" if authority is ca else "does not lead to an authority") in result.output


def test_a_certificate_whose_key_did_not_sign_the_manifest_does_not_join(
    schakel: Schakel, answer: Answer, hub: Path, ca: DevCa, tmp_path: Path
) -> None:
    files, other = ca.client(OIN, "team"), ca.client(OIN, "other")
    invited = _invite(answer, hub, tmp_path / "team.toml", "--address", TEAM)
    result = _ask_with(schakel, hub, invited, tmp_path, files.certificate, other.key)
    assert result.exit_code == Exit.REFUSED
    assert "did not sign the manifest" in result.output


def test_a_bare_manifest_is_no_way_into_a_strict_hub_with_a_gateway(
    schakel: Schakel, hub: Path, practice: Any, tmp_path: Path
) -> None:
    manifest = tmp_path / "edges" / "praktijk" / "manifest.schakel"
    result = _admit(schakel, hub, manifest, practice["fingerprint"])
    assert result.exit_code == Exit.REFUSED
    assert "bare manifest" in result.output


def test_suspended_comes_back_and_removed_does_not(schakel: Schakel, answer: Answer, hub: Path, practice: Any) -> None:
    assert _admit(schakel, hub, Path(practice["join"]), practice["fingerprint"]).exit_code == Exit.DONE
    address = practice["address"]
    assert answer("partner", "suspend", address, "--yes", "--config", hub)["state"] == "suspended"
    assert answer("partner", "resume", address, "--config", hub)["state"] == "admitted"
    assert answer("partner", "remove", address, "--yes", "--config", hub)["state"] == "removed"
    result = schakel("partner", "resume", address, "--config", hub)
    assert result.exit_code == Exit.REFUSED
    assert "was removed" in result.output


def test_nothing_is_changed_unasked(schakel: Schakel, hub: Path) -> None:
    for command in ("suspend", "remove"):
        assert schakel("partner", command, TEAM, "--config", hub, typed="n\n").exit_code == Exit.WRONG_USE


def test_a_certificate_is_revoked_by_its_file_or_its_sha_256_and_listed(answer: Answer, hub: Path, ca: DevCa) -> None:
    files = ca.client(OIN, "team")
    read = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    der = files.certificate.with_suffix(".der")
    der.write_bytes(read.public_bytes(Encoding.DER))
    print_ = read.fingerprint(hashes.SHA256()).hex()
    for given in (files.certificate, der):
        told = answer("partner", "revoke", given, "--yes", "--config", hub)
        assert told == {"fingerprint": print_, "number": OIN}
    other = ":".join(["AB"] * 32)
    assert answer("partner", "revoke", other, "--yes", "--config", hub)["fingerprint"] == "ab" * 32
    found = answer("partner", "list", "--revoked", "--config", hub)
    assert [(one["fingerprint"], one["number"]) for one in found] == [(print_, OIN), ("ab" * 32, None)]
    assert answer("partner", "list", "--config", hub) == []


@pytest.mark.parametrize("given", ["ab" * 31, "nergens.crt", "zz" * 32])
def test_what_is_neither_a_sha_256_nor_a_certificate_revokes_nothing(
    schakel: Schakel, answer: Answer, hub: Path, given: str
) -> None:
    result = schakel("partner", "revoke", given, "--yes", "--config", hub)
    assert result.exit_code == Exit.WRONG_USE
    assert "64 hexadecimals" in result.output
    assert answer("partner", "list", "--revoked", "--config", hub) == []


def test_no_certificate_is_revoked_unasked(schakel: Schakel, answer: Answer, hub: Path) -> None:
    assert schakel("partner", "revoke", "ab" * 32, "--config", hub, typed="n\n").exit_code == Exit.WRONG_USE
    assert schakel("partner", "revoke", "ab" * 32, "--config", hub, "--json").exit_code == Exit.WRONG_USE
    assert answer("partner", "list", "--revoked", "--config", hub) == []
    assert schakel("partner", "revoke", "ab" * 32, "--config", hub, typed="y\n").exit_code == Exit.DONE
    assert len(answer("partner", "list", "--revoked", "--config", hub)) == 1


def test_the_accession_authority_vouches_for_its_own_numbers_only() -> None:
    authority = Authority(*make_authority("hub.voorbeeld.nl", int(time.time())))
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    raw = request.public_bytes(Encoding.DER)
    with pytest.raises(JoinError, match="has an OIN"):
        authority.certify(raw, TEAM, int(time.time()))
    with pytest.raises(JoinError, match="can't be read"):
        authority.certify(raw[:-5], f"urn:nld:oin:99{OIN[2:]}:gp", int(time.time()))


def test_no_number_is_handed_out_twice() -> None:
    stream = iter([bytes(16), bytes(16), bytes(15) + b"\x01"])
    first = new_number((), lambda _: next(stream))
    assert new_number({first}, lambda _: next(stream)) == "99" + "0" * 17 + "1"


def test_without_a_gateway_nobody_is_invited(schakel: Schakel, tmp_path: Path) -> None:
    assert schakel("hub", "init", tmp_path / "hub", *NEW, "--fg-contact", "fg@a.example").exit_code == Exit.DONE
    result = schakel("partner", "invite", "--role", "gp", "--out", tmp_path / "x", "--config", tmp_path / "hub")
    assert result.exit_code == Exit.FAILED
    assert "[gateway]" in result.output


def test_a_development_authority_is_refused_beside_a_strict_hub(schakel: Schakel, hub: Path, tmp_path: Path) -> None:
    result = schakel("dev-ca", tmp_path / "new", "--config", hub)
    assert result.exit_code == Exit.REFUSED
    assert "strict mode" in result.output
    assert not (tmp_path / "new").exists()


def test_a_development_authority_names_whole_numbers_and_says_whose_each_certificate_is(
    schakel: Schakel, told: Path, tmp_path: Path
) -> None:
    result = schakel("dev-ca", tmp_path / "new", "--oin", "123", "--config", told / "hub")
    assert result.exit_code == Exit.WRONG_USE
    assert not (tmp_path / "new").exists()
    result = schakel("dev-ca", tmp_path / "new", "--oin", OIN, "--config", told / "hub")
    assert result.exit_code == Exit.DONE
    assert f"For {OIN}: " in result.output
    assert "partner-1.crt" in "".join(result.output.split())


def test_a_development_authority_shows_the_settings_that_it_is_for(
    schakel: Schakel, answer: Answer, told: Path, tmp_path: Path
) -> None:
    made = answer("dev-ca", tmp_path / "new", "--oin", OIN, "--config", told / "hub")
    assert Path(made["clients"][OIN]["certificate"]).is_file()
    file = tmp_path / "hub.toml"
    file.write_text((told / "hub" / "hub.toml").read_text() + made["gateway"])
    assert answer("config", "check", file)["faults"] == []


def test_every_fault_of_the_gateway_is_told_at_once_with_its_path(schakel: Schakel, hub: Path) -> None:
    file = hub / "hub.toml"
    file.write_text(file.read_text().replace("127.0.0.1:0", "nergens").replace("https://hub", "http://hub") + "x = 1\n")
    faults = json.loads(schakel("config", "check", file, "--json").stdout)["faults"]
    assert [one["path"] for one in faults] == ["/gateway/x", "/gateway/listen", "/gateway/url"]
