# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Before it takes traffic the hub proves that it denies what is known to be denied and permits what is known to be permitted."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from consent import rules
from consent.rules import Question, RuleTable
from deploy.compose import NewHub, make_hub, open_hub
from hub import pipeline, self_test
from hub.self_test import SelfTestError, prove

NOW = time.time_ns() // 1_000_000
BASE = rules.national(test_mode=True)
STRICT = rules.national(test_mode=False)


def _permitting(*questions: Question) -> RuleTable:
    """A table that was tampered with: it permits more than its rows say."""
    return replace(BASE, permitted=BASE.permitted | set(questions))


def test_a_hub_that_decides_by_its_tables_proves_it() -> None:
    prove([BASE], NOW)
    prove([STRICT], NOW)
    prove([BASE, STRICT, rules.without(BASE, [1, 2, 19])], NOW)


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ((19, "partnership", "uwv", "consent", ("progress",)), 19),
        ((9999, "team-wmo", "gp", "consent", ("progress",)), 9999),
        ((3, "team-wmo", "uwv", "statutory", ("progress",)), 3),
        ((25, "team-jeugd", "team-wmo", "statutory", ("progress",)), 25),
    ],
)
def test_a_table_that_permits_what_a_row_closes_stops_the_hub(question: Question, row: int) -> None:
    with pytest.raises(
        SelfTestError, match=f"a message under row {row} that must end not-permitted-here ended accepted"
    ):
        prove([_permitting(question)], NOW)


def test_one_wrong_table_among_good_ones_is_enough() -> None:
    wrong = replace(_permitting((19, "partnership", "uwv", "consent", ("progress",))), hash=bytes(32))

    with pytest.raises(SelfTestError):
        prove([STRICT, BASE, wrong], NOW)


def test_a_hub_that_refuses_what_its_table_permits_does_not_start_either() -> None:
    with pytest.raises(SelfTestError, match="a message under row 1 that must end accepted ended not-permitted-here"):
        prove([replace(BASE, permitted=frozenset())], NOW)


def test_a_hub_that_forgets_to_look_at_a_stop_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = pipeline.registered
    monkeypatch.setattr(pipeline, "registered", lambda *grant: honest(*grant)._replace(stopped=False))

    with pytest.raises(SelfTestError, match="a message under row 1 that must end not-active ended accepted"):
        prove([BASE], NOW)


def test_a_hub_that_takes_a_false_signature_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test.Verifier, "verify", lambda *_: None)

    with pytest.raises(SelfTestError, match="a false signature"):
        prove([BASE], NOW)


def test_known_denied_is_denied_before_a_hub_takes_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_hub(NewHub(tmp_path / "hub", "hub.example.nl", "Stichting", ("Gemeente",), "fg@example.nl"))
    with open_hub(config) as hub:
        assert hub.store.head().size == 2  # the table, and that it counts; nothing of the test is stored
    monkeypatch.setattr(pipeline, "decide", lambda *_: pipeline.Verdict.PERMIT)

    with pytest.raises(SelfTestError, match="did not start"), open_hub(config):
        raise AssertionError("it started")


def test_each_start_uses_keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    honest = pipeline.check
    monkeypatch.setattr(pipeline, "check", lambda raw, *rest: seen.append(raw) or honest(raw, *rest))
    prove([STRICT], NOW)
    prove([STRICT], NOW)

    assert len(set(seen)) == len(seen) - 2  # the forged one is asked about twice


def test_the_self_test_asks_about_every_row_of_the_table() -> None:
    asked = {question[0] for question in (*self_test._denied(BASE), *self_test._permitted(BASE))}

    assert asked == set(BASE.rows) | {9999}
