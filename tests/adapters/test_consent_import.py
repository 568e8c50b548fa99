# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A FHIR Consent of another system at a real edge: a person confirms refusals, and no permit ever becomes a grant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.consent_export import DPV, FHIR, consents_of, export
from adapters.consent_import import AGB, BSN, OfAnotherError, Proposal, propose
from consent.fhir_consent import Answer
from consent.fhir_export import CLIENTS, URI
from consent.fhir_json import ConsentError
from tests.adapters.edges import BSN as NUMBER
from tests.adapters.edges import GP, PROVIDER, SCHOOL, TEAM, Neighbours
from tests.consent.fhir_questions import HL7, SCENES, concept, document
from tests.consent.test_fhir_consent import EXAMPLES
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours[TEAM].import_clients([ClientRow("C-1", NUMBER, "wmo"), ClientRow("C-2", None, "wmo")])
    yield neighbours
    neighbours.close()


def to(*partners: tuple[str, str]) -> list[dict[str, Any]]:
    role = concept("v3-ParticipationType", "PRCP")
    return [
        {"role": role, "reference": {"identifier": {"system": system, "value": value}}} for system, value in partners
    ]


def proposal_of(near: Neighbours, value: dict[str, Any], number: str = "C-1") -> Proposal:
    edge = near[TEAM]
    return propose(json.dumps(value).encode(), edge.client(number), edge.workplace, edge.identity.book)


def said(proposal: Proposal) -> dict[str, tuple[Answer, bool]]:
    return {line.partner.address: (line.answer, line.sure) for line in proposal.lines}


def test_a_refusal_of_one_partner_by_address_or_by_agb_is_proposed_against_that_partner(near: Neighbours) -> None:
    for who in ((URI, GP), (AGB, "01234567")):
        exception = {"type": "deny", "actor": to(who)}
        other = {"type": "deny", "actor": to((AGB, "99999999"), (URI, "urn:nld:oin:00000001000000000099:gp"))}
        proposal = proposal_of(near, document("OPTIN", {"provision": [exception, other]}))
        assert said(proposal)[GP] == (Answer.DENY, True)
        assert proposal.refused == (GP,)
        assert not proposal.everyone


def test_a_refusal_of_somebody_whom_nobody_knows_here_may_be_anybody_and_is_left_to_a_person(near: Neighbours) -> None:
    role = concept("v3-ParticipationType", "PRCP")
    stranger = [{"role": role, "reference": {"reference": "Organization/f001"}}]
    proposal = proposal_of(near, document("OPTIN", {"provision": [{"type": "deny", "actor": stranger}]}))
    assert set(said(proposal).values()) == {(Answer.DENY, False)}
    assert proposal.refused == ()


def test_a_refusal_of_everything_is_against_all_who_may_come(near: Neighbours) -> None:
    proposal = proposal_of(near, document("OPTOUT", None))
    assert proposal.everyone
    assert proposal.refused == (None,)


def test_a_permit_names_a_row_where_consent_is_the_ground_and_makes_nothing(near: Neighbours) -> None:
    proposal = proposal_of(near, document("OPTIN", None))
    rows = {line.partner.address: line.rows for line in proposal.lines}
    assert rows[GP] == (5,)
    assert rows[PROVIDER] == ()
    assert rows[SCHOOL] == ()
    assert proposal.refused == ()
    near.settle(2)
    assert near[TEAM].grants("C-1") == []
    assert consents_of(near[TEAM].store, near[TEAM].workplace, near[TEAM].client("C-1")) == []


def test_what_was_confirmed_stops_what_was_agreed_and_outlives_it(near: Neighbours) -> None:
    edge = near[TEAM]
    edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle(3)
    proposal = proposal_of(near, document("OPTIN", {"provision": [{"type": "deny", "actor": to((URI, GP))}]}))
    assert [grant.state for grant in edge.grants("C-1")] == ["active"]  # a proposal changes nothing
    for partner in proposal.refused:
        run(edge.stop("C-1", partner, "objected"))
    near.settle(3)
    assert [grant.state for grant in edge.grants("C-1")] == ["stopped"]
    with pytest.raises(ValueError, match="hef die eerst op"):
        edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    assert proposal_of(near, document("OPTIN", None)).refused == ()  # a later permit lifts nothing
    with pytest.raises(ValueError, match="hef die eerst op"):
        edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))


def of_patient(*names: tuple[str, str]) -> dict[str, Any]:
    system, value = names[0]
    return document("OPTOUT", None, patient={"identifier": {"system": system, "value": value}})


def test_a_document_about_somebody_else_is_refused_without_repeating_a_number(near: Neighbours) -> None:
    for name in ((BSN, "999990111"), (f"{TEAM}:{CLIENTS}", "C-2")):
        with pytest.raises(OfAnotherError, match="andere cliënt") as caught:
            proposal_of(near, of_patient(name))
        assert name[1] not in str(caught.value)


def test_a_document_with_the_number_of_the_client_is_known_to_be_about_this_one(near: Neighbours) -> None:
    assert proposal_of(near, of_patient((BSN, NUMBER))).patient_compared
    assert proposal_of(near, of_patient((f"{TEAM}:{CLIENTS}", "C-1"))).patient_compared
    assert not proposal_of(near, of_patient(("http://example.org/epd", "7"))).patient_compared
    assert not proposal_of(near, of_patient((BSN, NUMBER)), "C-2").patient_compared  # no BSN is known of that one


def test_what_we_exported_comes_back_as_a_proposal_for_the_same_partner_only(near: Neighbours) -> None:
    edge = near[TEAM]
    edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    made, count = export(edge.store, edge.workplace, edge.client("C-1"), FHIR)
    (entry,) = json.loads(made)["entry"]
    proposal = proposal_of(near, entry["resource"])
    assert count == 1
    assert [line.partner.address for line in proposal.lines if line.rows] == [GP]
    assert proposal.patient_compared
    assert GP not in proposal.refused


def test_an_export_has_all_of_the_client_and_nothing_of_another(near: Neighbours) -> None:
    edge = near[TEAM]
    first = edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).made[0].id
    run(edge.end_agreement(first))
    second = edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).made[0].id
    for form in (DPV, FHIR):
        text, count = export(edge.store, edge.workplace, edge.client("C-1"), form)
        assert count == 2
        assert all(one.encode() in text for one in (first, second))
        assert NUMBER.encode() not in text
        assert first.encode() not in export(edge.store, edge.workplace, edge.client("C-2"), form)[0]


@pytest.mark.parametrize("name", HL7)
def test_the_examples_of_hl7_make_no_grant_possible_by_themselves(near: Neighbours, name: str) -> None:
    file = EXAMPLES / f"Consent-consent-example-{name}.json"
    if not file.is_file():
        pytest.skip("the examples are not at hand")
    proposal = propose(file.read_bytes(), near[TEAM].client("C-1"), near[TEAM].workplace, near[TEAM].identity.book)
    assert not proposal.patient_compared
    assert not (proposal.everyone and any(line.rows for line in proposal.lines))
    assert near[TEAM].grants("C-1") == []


@settings(max_examples=60, deadline=None)
@given(value=st.sampled_from([value for value, _ in SCENES.values()]))
def test_a_partner_is_never_both_permitted_and_refused(value: dict[str, Any], tmp_path_factory: Any) -> None:
    near = _shared(tmp_path_factory)
    try:
        proposal = proposal_of(near, value)
    except ConsentError:  # pragma: no cover  # every scene is one that is read
        raise AssertionError("a scene is refused") from None
    assert all(not (line.rows and line.refuses) for line in proposal.lines)
    if proposal.everyone:
        assert all(line.answer is Answer.DENY for line in proposal.lines)


_KEPT: list[Neighbours] = []


def _shared(factory: Any) -> Neighbours:
    if not _KEPT:
        near = Neighbours(factory.mktemp("near"))
        near[TEAM].import_clients([ClientRow("C-1", NUMBER, "wmo")])
        _KEPT.append(near)
    return _KEPT[0]
