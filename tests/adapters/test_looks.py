# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who saw what about whom: no record, no view."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.looks import KEPT_DAYS, WHAT, NoNameError, Viewer, look, looks_at, named
from adapters.records_people import LOOKS
from adapters.store import StoreError
from deploy.dutch import LOOKED_AT
from tests.adapters.edges import TEAM, Neighbours
from tests.adapters.rights_case import JANSEN, neighbours

ROOT = Path(__file__).parents[2]
# Programs that check themselves; nobody reads what they get.
CHECKS = {"deploy/story/case.py", "deploy/story/household_case.py", "deploy/net.py"}


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def test_a_look_is_on_the_disk_before_anything_is_shown(near: Neighbours) -> None:
    edge = near[TEAM]
    found = look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    assert [line.what for view in found for line in view.lines] == ["gestart"]
    again = near.open(TEAM)
    (kept,) = looks_at(again.store, again.client("C-1").id)
    assert (kept.by, kept.account, kept.why, kept.what) == ("J. Jansen", "account-1", "help", "chain-view")
    assert kept.at == near.world.now
    assert kept.tasks == ("onderzoek-en-heroverweging/wmo",)


def test_no_record_no_view(near: Neighbours) -> None:
    """A disk that takes no commit shows nothing."""
    edge = near[TEAM]

    def full(_name: str) -> None:
        raise StoreError("the disk is full")

    edge.store.point = full
    with pytest.raises(StoreError):
        look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    edge.store.point = None
    assert looks_at(edge.store, edge.client("C-1").id) == []


def test_a_look_at_nothing_is_recorded_too(tmp_path: Path) -> None:
    near = neighbours(tmp_path, told=False)
    edge = near[TEAM]
    assert look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")]) == []
    assert len(looks_at(edge.store, edge.client("C-1").id)) == 1
    near.close()


def test_looks_are_kept_for_their_term_and_no_longer(near: Neighbours) -> None:
    edge = near[TEAM]
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    near.world.advance(days=KEPT_DAYS - 1)
    near.work(TEAM)
    assert len(list(LOOKS.scan(edge.store))) == 1
    near.world.advance(days=2)
    near.work(TEAM)
    assert list(LOOKS.scan(edge.store)) == []


@given(st.text())
def test_a_name_is_kept_as_one_readable_line_or_refused_without_repeating_it(text: str) -> None:
    try:
        kept = named(text)
    except NoNameError as error:
        assert text.strip() == "" or text not in str(error)
    else:
        assert kept == " ".join(text.split())
        assert kept.isprintable()
        assert 0 < len(kept) <= 80


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x1b[2Jb", "a\x00b"])
def test_nobody_looks_under_no_name(name: str) -> None:
    with pytest.raises(NoNameError):
        Viewer(name, "account")
    with pytest.raises(NoNameError):
        Viewer("J. Jansen", "account", "curious")


def test_everything_that_can_be_looked_at_has_words_for_the_citizen_and_for_the_officer() -> None:
    assert set(WHAT) == set(LOOKED_AT)


def test_no_command_shows_who_could_see_what_without_a_record() -> None:
    """Whoever shows it to people goes by `could_see.look`: nothing in deploy takes the answer itself."""
    for path in (ROOT / "deploy").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        taken = [one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names]
        assert "could_see" not in taken, path.name


def test_no_command_shows_a_chain_view_that_was_not_recorded() -> None:
    """`Edge.view` is for the program itself: whoever shows it to people goes by `look`."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "deploy").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "view"
    }
    assert found == CHECKS
