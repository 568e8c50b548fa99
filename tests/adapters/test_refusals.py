# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Refusals: kept per client, looked at first, lifted by a person only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import refusals
from adapters.keys import StoreKey
from adapters.records_people import Refused
from adapters.store import EdgeStore
from consent.precedence import EXCEPTED, HELD, OBJECTED
from tests.adapters.edges import GP, PROVIDER


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path, StoreKey.from_secret(bytes(32))) as made:
        yield made


def refuse(store: EdgeStore, name: str, recipient: str | None, kind: str = OBJECTED, **more: bool) -> None:
    with store.transaction() as tx:
        refusals.refuse(tx, Refused(name, "c1", recipient, kind, 1, **more))


def test_a_refusal_for_one_partner_says_nothing_about_another_client_or_partner(store: EdgeStore) -> None:
    refuse(store, "r1", PROVIDER)
    assert refusals.is_refused(store, "c1", PROVIDER, None)
    assert not refusals.is_refused(store, "c1", GP, None)
    assert not refusals.is_refused(store, "c2", PROVIDER, None)


def test_a_refusal_for_all_holds_for_each_and_is_lifted_for_all_only(store: EdgeStore) -> None:
    refuse(store, "r1", None)
    assert refusals.is_refused(store, "c1", PROVIDER, None)
    with store.transaction() as tx:
        assert refusals.lift(tx, "c1", PROVIDER, (2, "N. Heft op")) == 0
    assert refusals.is_refused(store, "c1", PROVIDER, None)
    with store.transaction() as tx:
        assert refusals.lift(tx, "c1", None, (2, "N. Heft op")) == 1
    assert not refusals.is_refused(store, "c1", PROVIDER, None)


def test_the_same_refusal_twice_is_one_and_two_kinds_are_two(store: EdgeStore) -> None:
    refuse(store, "r1", PROVIDER)
    refuse(store, "r2", PROVIDER)
    refuse(store, "r3", PROVIDER, HELD)
    assert [one.id for one in refusals.standing(store, "c1")] == ["r1", "r3"]


def test_not_wanting_to_be_told_is_apart_from_not_wanting_to_tell(store: EdgeStore) -> None:
    refuse(store, "r1", PROVIDER, incoming=True)
    assert not refusals.is_refused(store, "c1", PROVIDER, None)
    assert refusals.is_refused(store, "c1", PROVIDER, None, incoming=True)
    with store.transaction() as tx:
        assert refusals.lift(tx, "c1", PROVIDER, (2, "N. Heft op")) == 0
        assert refusals.lift(tx, "c1", PROVIDER, (2, "N. Heft op"), incoming=True) == 1


def test_what_is_refused_anew_is_refused_without_the_exceptions_of_before(store: EdgeStore) -> None:
    refuse(store, "r1", None)
    refuse(store, "e1", GP, EXCEPTED)
    refuse(store, "e2", PROVIDER, EXCEPTED)
    assert not refusals.is_refused(store, "c1", GP, None)
    refuse(store, "r2", GP, "withdrawn")  # of the GP: the exception for the provider stands
    assert refusals.is_refused(store, "c1", GP, None)
    assert not refusals.is_refused(store, "c1", PROVIDER, None)
    refuse(store, "r3", None)  # of all
    assert [one.id for one in refusals.standing(store, "c1")] == ["r1", "r2"]
    assert refusals.is_refused(store, "c1", PROVIDER, None)


def test_a_hold_leaves_the_exceptions_and_goes_before_them(store: EdgeStore) -> None:
    refuse(store, "r1", None)
    refuse(store, "e1", GP, EXCEPTED)
    refuse(store, "h1", None, HELD)
    assert refusals.is_refused(store, "c1", GP, None)
    with store.transaction() as tx:
        assert refusals.lift(tx, "c1", None, (2, "N. Heft op"), kinds=(HELD,)) == 1
    assert not refusals.is_refused(store, "c1", GP, None)
    assert refusals.is_refused(store, "c1", PROVIDER, None)
