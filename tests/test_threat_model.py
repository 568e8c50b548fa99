# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The threat model names tests that exist, and every test of this project claims something."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODEL = (TESTS.parent / "deploy" / "docs" / "threat-model.md").read_text(encoding="utf-8")
DESIGN = TESTS.parents[1] / "shared" / "design" / "threats.md"
HEAD = ["threat", "control", "default", "test"]
# Judges from outside, whose verdict is an error.
JUDGES = {"assertValid", "validate", "prove_consistency", "run_state_machine_as_test"}
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("*.py"))}


@cache
def _functions() -> list[tuple[Path, FunctionNode]]:
    return [
        (path, node) for path, tree in _trees().items() for node in ast.walk(tree) if isinstance(node, FunctionNode)
    ]


@cache
def _tests() -> list[tuple[Path, FunctionNode]]:
    return [(path, node) for path, node in _functions() if node.name.startswith("test_")]


def _exists(name: str) -> bool:
    """Whether there is a test of this name, alone or as the beginning of a longer one, or a file of such tests."""
    return any(re.match(rf"test_(the_)?{name}(_|$)", node.name) for _, node in _tests()) or any(
        path.name == f"test_{name}.py" for path in _trees()
    )


def _rows() -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in MODEL.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if not set("".join(line)) <= set("- ")]


# -- the model -------------------------------------------------------------------------------------------------------


def test_every_threat_has_a_control_a_default_and_a_test_that_exists() -> None:
    rows = [row for row in _rows() if row != HEAD]
    assert len(rows) > 25
    for threat, control, default, tests in rows:
        assert control, threat
        assert default in ("always", "strict"), threat
        names = re.findall(r"`([a-z0-9_]+)`", tests)
        assert names, threat
        assert [name for name in names if not _exists(name)] == [], threat


def test_the_model_says_what_is_out_of_scope_and_why() -> None:
    outside = MODEL.partition("## Out of scope, and why\n")[2]
    assert len(re.findall(r"^- \*\*", outside, re.MULTILINE)) >= 5


def test_a_name_that_no_test_has_is_found() -> None:
    assert not _exists("everything_is_fine")


BUILT = ("thread", "network", "formats")


def _is_built(cells: list[str]) -> bool:
    return any(part in cells[4] for part in BUILT)


def test_every_threat_of_the_design_that_is_built_has_the_test_it_names() -> None:
    if not DESIGN.is_file():
        pytest.skip("the texts of the design are not at hand")
    missing = []
    for line in DESIGN.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or not _is_built(cells):
            continue
        names = re.findall(r"`([a-z_]+)`", cells[3])
        assert names, cells[0]
        if cells[4] == "thread, ground":  # one name for each of the two
            names = names[:1]
        missing += [name for name in names if not _exists(name)]
    assert missing == []


# -- every test claims something ---------------------------------------------------------------------------------------


def _claims(node: ast.AST) -> bool:
    """Whether something in it can fail by what it says: an assertion, or what must be raised or warned."""
    return any(
        isinstance(one, ast.Assert)
        or (isinstance(one, ast.Attribute) and one.attr in ("raises", "warns", "fail"))
        or (isinstance(one, ast.Raise) and "AssertionError" in ast.dump(one))
        for one in ast.walk(node)
    )


def _called(node: ast.AST) -> set[str]:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return {
        one.id if isinstance(one, ast.Name) else one.attr for one in calls if isinstance(one, ast.Name | ast.Attribute)
    }


@cache
def _claiming() -> set[str]:
    """The functions of the tests that claim something, themselves or by what they call."""
    functions = [(node.name, _claims(node), _called(node)) for _, node in _functions()]
    found = JUDGES | {name for name, claims, _ in functions if claims}
    while more := {name for name, _, called in functions if name not in found and called & found}:
        found |= more
    return found


def test_every_test_claims_something() -> None:
    claiming = _claiming()
    silent = [f"{path.name}: {node.name}" for path, node in _tests() if node.name not in claiming]
    assert silent == []


def test_a_test_that_claims_nothing_would_be_found() -> None:
    tree = ast.parse("def test_it():\n    value = 1 + 1\n    print(value)\n")
    assert not _claims(tree)
    assert not _called(tree) & _claiming()


def test_no_assertion_is_true_by_itself() -> None:
    """A constant, a pair in brackets and a thing compared with itself can't fail."""
    for path, node in _tests():
        for one in (each for each in ast.walk(node) if isinstance(each, ast.Assert)):
            where = f"{path.name}:{one.lineno}"
            assert not isinstance(one.test, ast.Constant | ast.Tuple | ast.JoinedStr), where
            if isinstance(one.test, ast.Compare) and not _called(one.test):
                assert ast.dump(one.test.left) != ast.dump(one.test.comparators[0]), where


def test_no_test_sleeps_mocks_or_expects_an_error_without_its_words() -> None:
    for path, tree in _trees().items():
        if path == Path(__file__):
            continue
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not any("mock" in name for name in names), where
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep":
                # A process of its own gives no other sign than what can be polled.
                polls = path.name == "nets.py" or path.parent.name in ("chaos", "picture")
                assert ast.unparse(node.func) == "asyncio.sleep" or polls, where
