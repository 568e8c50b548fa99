# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Agreements: what one edge makes of a conversation, and what it leaves to others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.agreement import AgreementError, Conversation
from adapters.clients import ClientRow
from adapters.lines import NotLawfulError
from adapters.records_people import CONSENTS
from adapters.stop_code import StopCodeError, read_stop_code, stop_code
from consent.record import from_bytes
from schemas.calendar import date_text
from schemas.fact import Register, parse_fact
from tests.adapters.edges import BSN, GP, REGISTRY, TEAM, Neighbours
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def test_only_grants_whose_sender_is_this_edge_are_made_and_the_rest_is_named(near: Neighbours) -> None:
    made = near[TEAM].make_agreement("C-1", Conversation(("praktijk voorbeeld", "Zorg Voorbeeld")))
    assert [one.recipient for one in made.made] == [GP]
    assert any("Zorg Voorbeeld" in sentence for sentence in made.asked)
    near[GP].import_clients([ClientRow("H-7", BSN, "")])
    both = near[GP].make_agreement("H-7", Conversation(("Team Wmo",)))
    assert [one.recipient for one in both.made] == [TEAM]
    assert "vraag bij Team Wmo of die ons mag inlichten" in both.asked


def test_the_receipt_says_what_until_when_and_how_to_stop_and_names_no_number(near: Neighbours) -> None:
    made = near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=near.world.today + 90))
    assert "Praktijk Voorbeeld" in made.receipt
    assert made.made[0].stop_code in made.receipt
    assert BSN not in made.receipt
    assert made.made[0].end == near.world.today + 90


def test_what_nobody_wished_another_day_for_ends_with_a_month_and_the_hub_can_not_tell_when_it_was_agreed(
    near: Neighbours,
) -> None:
    ends = set()
    for day in ("2026-03-04", "2026-03-17", "2026-03-30"):
        near.world.to(f"{day} 10:00")
        made = near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).made[0]
        ends.add(date_text(made.end))
        run(near[TEAM].end_agreement(made.id))
    assert ends == {"2027-02-28"}
    near.world.to("2026-04-01 10:00")
    assert (
        date_text(near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).made[0].end) == "2027-03-31"
    )


def test_the_consent_record_stays_here_in_full_and_says_when_it_was_withdrawn(near: Neighbours) -> None:
    consent = near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",))).made[0].id
    near.settle(3)
    near.world.advance(hours=1)
    assert run(near[TEAM].end_agreement(consent)) is True
    kept = CONSENTS.get(near[TEAM].store, consent.encode())
    assert kept is not None
    record = from_bytes(kept.raw, REGISTRY)
    assert (record.state, record.withdrawn_at, record.principal) == ("withdrawn", near.world.now, "C-1")
    assert [one.state for one in near[TEAM].agreements("C-1")] == ["withdrawn"]


def test_a_new_consent_replaces_a_withdrawn_one_but_no_objection(near: Neighbours) -> None:
    talk = Conversation(("Praktijk Voorbeeld",))
    run(near[TEAM].end_agreement(near[TEAM].make_agreement("C-1", talk).made[0].id))
    again = near[TEAM].make_agreement("C-1", talk).made[0]
    near.settle(4)
    states = [grant.state for grant in near[TEAM].grants("C-1")]
    assert states == ["stopped", "active"]
    run(near[TEAM].stop("C-1", GP, "objected"))
    with pytest.raises(AgreementError, match="hef die eerst op"):
        near[TEAM].make_agreement("C-1", talk)
    assert again.id != near[TEAM].agreements("C-1")[0].id


def test_nothing_is_made_beyond_what_the_rule_allows_or_with_somebody_unknown(near: Neighbours) -> None:
    with pytest.raises(NotLawfulError, match="/end too-long"):
        near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=near.world.today + 800))
    with pytest.raises(AgreementError, match="adresboek"):
        near[TEAM].make_agreement("C-1", Conversation(("Dokter Onbekend",)))
    assert near[TEAM].grants("C-1") == []


def test_facts_of_one_agreement_are_never_signed_together(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle(1)
    frames = [one.frame for one in run(near[TEAM]._work.client.facts_after(0))]
    facts = [parse_fact(frame) for frame in frames]
    assert [isinstance(fact.body, Register) for fact in facts] == [True]
    assert all(fact.signature[1:] == (0, []) for fact in facts)


def test_a_stop_code_survives_being_copied_and_notices_a_mistake() -> None:
    code = stop_code(bytes(range(32)))
    assert read_stop_code(code.upper().replace("-", " ")) == bytes(range(32))
    wrong = ("1" if code[0] == "0" else "0") + code[1:]
    with pytest.raises(StopCodeError, match="17 groepen"):
        read_stop_code(wrong)
    with pytest.raises(StopCodeError, match="cijfers"):
        read_stop_code("geen code")
