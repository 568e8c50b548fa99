# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What professionals, privacy officers and citizens read is Dutch, also where a command refuses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import deploy
from deploy.dutch_orders import SENTENCES, WHO, in_dutch
from deploy.exits import Exit
from schemas.order import ROLES
from schemas.order_faults import OrderError, OrderFault
from tests.deploy.conftest import Schakel

ROOT = Path(deploy.__file__).parent
ENGLISH = re.compile(
    r"\b(the|this|that|give|choose|there|which|with|and|nothing|must|another|already)\b", re.IGNORECASE
)
DUTCH_SCREENS = (
    *(f"commands/{name}.py" for name in ("agreement", "agreement_later", "agreement_shared", "agreement_talk")),
    *(f"commands/{name}.py" for name in ("audit", "audit_export", "audit_find", "audit_orders", "compare")),
    *(f"commands/{name}.py" for name in ("code", "consent_file", "edge_could_see", "edge_log_export", "grant")),
    *(f"commands/{name}.py" for name in ("incident", "kept", "letters", "matters", "objection", "papers", "rectify")),
    *(f"commands/{name}.py" for name in ("request", "rights", "rules", "rules_sign", "sources")),
    *("declaration_options.py", "office_audit.py", "paper.py", "rules_traffic.py"),
)
SAID = {"where": "/kind enum", "days": 30, "size": 12, "index": 7}


def _refusals(file: str) -> Iterator[str]:
    """What a module says where it refuses: the words of `wrong_use`, `failed` and `refused`, and of an answer `not`."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"wrong_use", "failed", "refused"}:
                yield _words(node.args[0])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "not":
                    yield _words(value)


def _words(node: ast.AST) -> str:
    parts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return re.sub(r"`[^`]*`|--[a-z0-9-]+", "", " ".join(parts))


@pytest.mark.parametrize("file", DUTCH_SCREENS)
def test_no_refusal_of_a_screen_that_is_dutch_speaks_english(file: str) -> None:
    assert [said for said in _refusals(file) if ENGLISH.search(said)] == []


def test_the_search_for_english_finds_it_in_a_screen_of_the_operator() -> None:
    assert any(ENGLISH.search(said) for said in _refusals("commands/partner.py"))


@pytest.mark.parametrize("fault", OrderFault)
def test_every_fault_of_an_order_has_a_dutch_sentence_that_says_as_much(fault: OrderFault) -> None:
    for role in ROLES:
        error = OrderError(fault, role, **SAID)
        dutch = in_dutch(error)
        assert not ENGLISH.search(re.sub(r"`[^`]*`", "", dutch))
        assert dutch.endswith((".", "?"))
        asked = {name for _, name, _, _ in Formatter().parse(SENTENCES[fault]) if name}
        assert asked <= {*SAID, "who"}
        for name in asked - {"who"}:
            assert str(SAID[name]) in dutch
            assert str(SAID[name]) in str(error)
        if "who" in asked:
            assert WHO[role] in dutch
            assert role.casefold() in str(error).casefold()


WRONG = (
    (("explain", "kort"), Exit.WRONG_USE, "De id van een bericht is 32 hexadecimale tekens"),
    (("explain", "0" * 32), Exit.FAILED, "Geen regel van het logboek gaat over deze id."),
    (("prove", "1000000"), Exit.WRONG_USE, "genummerd vanaf 0."),
    (("erase", "nieuw.txt", "--reason", "mistake"), Exit.WRONG_USE, "Zeg welke regels: --first, --last"),
    (("erase", "nieuw.txt", "--reason", "mistake", "--last", "3"), Exit.REFUSED, "Er is niets gemaakt."),
    (("officer", "fg"), Exit.WRONG_USE, "Geef een rol en haar openbare sleutel"),
    (("officer", "fg", "kort"), Exit.REFUSED, "Dit is geen openbare sleutel: dat zijn 64 hexadecimale tekens"),
    (("verify", "--file", "order.txt"), Exit.WRONG_USE, "Bij --file hoort --key, de controlesleutel van papier"),
    (("carry-out", "order.txt"), Exit.REFUSED, "Dit is geen opdracht van `schakel audit erase` of `inquiry`."),
    (("export", "order.txt", "--as", "ldv"), Exit.FAILED, "Dit bestand bestaat al en wordt niet overschreven."),
    (("export", "nieuw", "--as", "ldv", "--activity", "{naam}"), Exit.WRONG_USE, "--activity is een URI"),
)


@pytest.mark.parametrize(("words", "ends", "says"), WRONG, ids=lambda one: one[0] if isinstance(one, tuple) else "")
def test_a_command_of_the_log_refuses_in_dutch(
    kept: Path,
    schakel: Schakel,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    ends: Exit,
    says: str,
) -> None:
    monkeypatch.chdir(kept)
    (kept / "order.txt").write_text("geen opdracht\n", encoding="ascii")
    result = schakel("audit", *words, "--config", kept / "hub")
    assert (result.exit_code, says in " ".join(result.output.split())) == (ends, True), result.output


def test_the_owner_of_a_key_hears_in_dutch_that_it_was_used_or_lies_open(
    kept: Path, schakel: Schakel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept)
    hub = ("--config", kept / "hub")
    assert schakel("audit", "key", "fg", "fg.key").exit_code == Exit.DONE
    assert schakel("audit", "inquiry", "open", "order.txt", "--reason", "incident", *hub).exit_code == Exit.DONE
    assert schakel("audit", "sign", "order.txt", "fg.key", "--yes").exit_code == Exit.DONE
    again = schakel("audit", "sign", "order.txt", "fg.key", "--yes")
    assert (again.exit_code, "Deze rol heeft al getekend" in again.output) == (Exit.REFUSED, True)
    stranger = schakel("audit", "carry-out", "order.txt", *hub)
    assert (stranger.exit_code, "ingevoerde sleutel" in " ".join(stranger.output.split())) == (Exit.REFUSED, True)
    Path("fg.key").chmod(0o644)
    open_key = schakel("audit", "sign", "order.txt", "fg.key", "--yes")
    assert (open_key.exit_code, "Anderen dan de eigenaar" in open_key.output) == (Exit.FAILED, True)
