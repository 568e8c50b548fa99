# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Consent records at the command line: out as DPV and FHIR, in as a proposal; and what of them is at the hub."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent.fhir_export import URI
from deploy.exits import Exit
from tests.consent.fhir_questions import concept, document
from tests.deploy.conftest import Schakel

GP_NAME = "Huisartsenpraktijk De Linde"


@pytest.fixture
def team(kept: Path) -> tuple[str, Path]:
    return ("--config", kept / "team-wmo")


@pytest.fixture
def client(answer: Callable[..., Any], team: tuple[str, Path]) -> str:
    return str(answer("grant", "list", *team)[0]["client"])


@pytest.fixture
def gp(answer: Callable[..., Any], team: tuple[str, Path], client: str) -> str:
    return str(answer("agreement", "show", client, *team)[0]["recipient"])


def test_consents_are_exported_for_their_owner_only_and_never_over_another_file(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    for form in ("dpv", "fhir"):
        out = tmp_path / f"{form}.json"
        wish = ("agreement", "export", client, "--as", form, "--out", out, *team)
        assert answer(*wish) == {"consents": 1, "form": form}
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        before = out.read_bytes()
        assert schakel(*wish).exit_code == Exit.FAILED
        assert out.read_bytes() == before


def test_a_consent_is_shown_as_a_proposal_and_kept_only_when_confirmed(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str, gp: str, tmp_path: Path
) -> None:
    actor = {"role": concept("v3-ParticipationType", "PRCP"), "reference": {"identifier": {"system": URI, "value": gp}}}
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(document("OPTIN", {"provision": [{"type": "deny", "actor": [actor]}]})))
    wish = ("agreement", "import", file, "--client", client, *team)
    answer("agreement", "make", client, "--with", GP_NAME, *team)
    shown = schakel(*wish)
    assert shown.exit_code == Exit.DONE
    assert "weigering vastleggen" in shown.output
    assert "niets vastgelegd" in shown.output
    assert "controleer zelf over wie het gaat" in " ".join(shown.output.split())
    assert answer(*wish)["kept"] is False
    assert answer("agreement", "show", client, *team)[-1]["state"] == "given"
    done = answer(*wish, "--confirm")
    assert (done["kept"], done["refused"]) == (True, [gp])
    again = schakel("agreement", "make", client, "--with", GP_NAME, *team)
    assert again.exit_code == Exit.REFUSED
    assert "hef die eerst op" in again.output


def test_a_person_keeps_the_refusals_that_were_meant(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str, gp: str, tmp_path: Path
) -> None:
    stranger = {"role": concept("v3-ParticipationType", "PRCP"), "reference": {"reference": "Organization/f001"}}
    unsure, file = document("OPTIN", {"provision": [{"type": "deny", "actor": [stranger]}]}), tmp_path / "consent.json"
    wish = ("agreement", "import", file, "--client", client, "--confirm", *team)
    file.write_text(json.dumps(unsure))
    assert answer(*wish)["kept"] is False  # nobody said whom it means
    assert answer(*wish, "--only", GP_NAME)["refused"] == [gp]
    file.write_text(json.dumps(document("OPTOUT", None)))
    assert answer(*wish, "--only", gp)["refused"] == [gp]
    assert answer(*wish)["refused"] == [None]
    for name in ("Dokter Onbekend", "Team Wmo Voorbeeldstad"):
        assert schakel(*wish, "--only", name).exit_code == Exit.WRONG_USE


def test_a_permit_is_told_to_be_no_more_than_a_reason_to_talk(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(document("OPTIN", None)))
    before = answer("grant", "list", "--all", *team)
    shown = " ".join(schakel("agreement", "import", file, "--client", client, "--confirm", *team).output.split())
    assert "pas na een eigen afspraak" in shown
    assert answer("grant", "list", "--all", *team) == before


def test_what_is_exported_here_is_no_consent_of_another_system_and_that_is_said(
    schakel: Schakel, team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = tmp_path / "toestemming.json"
    assert schakel("agreement", "export", client, "--as", "fhir", "--out", file, *team).exit_code == Exit.DONE
    result = schakel("agreement", "import", file, "--client", client, *team)
    assert result.exit_code == Exit.REFUSED
    assert "Dit is geen FHIR R4 Consent." in result.output
    assert "een Bundle" in result.output


def test_a_document_that_is_not_understood_is_refused_and_changes_nothing(
    schakel: Schakel, team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = tmp_path / "consent.json"
    for raw, keyword in (
        (json.dumps(document("OPTIN", None, modifierExtension=[{"url": "http://x"}])), "unexpected"),
        (json.dumps(document("OPTIN", None, resourceType="Patient")), "geen FHIR R4 Consent"),
        ("{" * 70_000, "too-deep"),
        (" " * 300_000, "too-large"),
    ):
        file.write_text(raw)
        result = schakel("agreement", "import", file, "--client", client, "--confirm", *team)
        assert result.exit_code == Exit.REFUSED
        assert keyword in result.output


def test_the_hub_sees_of_a_consent_record_its_commitment_only(
    answer: Callable[..., Any], kept: Path, team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    before = answer("hub", "status", "--config", kept / "hub")["counts"]
    made = answer("agreement", "make", client, "--with", GP_NAME, *team)
    answer("edge", "work", *team)
    assert answer("hub", "status", "--config", kept / "hub")["counts"] != before  # the registration is there
    out = tmp_path / "out.json"
    answer("agreement", "export", client, "--as", "dpv", "--out", out, *team)
    nodes = json.loads(out.read_bytes())["@graph"]
    assert made["made"][0]["id"] in [node["https://w3id.org/dpv#hasIdentifier"] for node in nodes]
    hub = b"".join(file.read_bytes() for file in sorted((kept / "hub").rglob("*")) if file.is_file())
    assert len(hub) > 10_000
    for node in nodes:
        name = node["https://w3id.org/dpv#hasIdentifier"]
        for planted in (
            name.encode(),
            bytes.fromhex(name),
            hashlib.sha256(name.encode()).digest(),
            b"2026-1\x00in-person",
        ):
            assert planted not in hub
    assert b"in-person" not in hub
    assert b"consent-record" not in hub
