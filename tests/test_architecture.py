# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The directions of imports, read from the source: what is blind can't reach what sees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "consent", "hub", "adapters", "deploy", "tests")
ALLOWED = {
    "schemas": {"schemas"},
    "consent": {"consent", "schemas"},
    "hub": {"hub", "consent", "schemas"},
    "adapters": {"adapters", "consent", "schemas", "hub.client"},
    "deploy": {"deploy", "adapters", "hub", "consent", "schemas"},
}
ENGINES = {"hub.store_sqlite", "hub.store_memory", "hub.store_postgres"}


def _sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports anywhere in it, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: a relative import hides its direction"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in PACKAGES)


def _is_within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in allowed)


def faults(package: str, imports: Iterator[str]) -> list[str]:
    return [name for name in imports if not _is_within(name, ALLOWED[package])]


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_go_one_way(package: str) -> None:
    sources = _sources(package)
    assert sources, f"there is nothing in {package}"
    wrong = {str(path.relative_to(ROOT)): found for path in sources if (found := faults(package, _imports(path)))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("hub", "adapters.seal"),
        ("hub", "adapters"),
        ("hub", "deploy.cli"),
        ("schemas", "consent.rules"),
        ("consent", "hub.store"),
        ("adapters", "hub.exchange"),
        ("adapters", "hub.client_of_another_kind"),
        ("deploy", "tests.vectors"),
    ],
)
def test_an_import_the_wrong_way_is_found(package: str, forbidden: str) -> None:
    assert faults(package, iter([forbidden])) == [forbidden]


def test_the_verifier_for_outsiders_imports_nothing_of_the_project() -> None:
    assert list(_imports(ROOT / "hub" / "audit" / "verify.py")) == []


def test_only_the_composition_names_a_store_engine() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for package in ("hub", "adapters", "consent", "schemas", "deploy")
        for path in _sources(package)
        for name in _imports(path)
        if _is_within(name, ENGINES)
    }
    assert {name for name in naming if not Path(name).name.startswith("store_")} <= {"deploy/compose.py"}


def test_nothing_that_the_hub_runs_knows_a_key_that_opens() -> None:
    """HPKE is opened in `adapters/seal.py` alone; the hub has no use for the library's receiving side."""
    for path in _sources("hub"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        assert not names & {"decap", "decapsulate", "open_box"}, path.name


def test_every_source_says_its_licence_first() -> None:
    for package in PACKAGES:
        for path in _sources(package):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert not lines or lines[:2] == [
                "# SPDX-FileCopyrightText: Schakel contributors",
                "# SPDX-License-Identifier: EUPL-1.2",
            ], path.relative_to(ROOT)
