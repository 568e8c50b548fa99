# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What there is, is documented; and what is documented, is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from adapters.address_book import KEYS as PARTNER_KEYS
from adapters.config import EdgeConfig, load_edge_config
from adapters.formats import READERS, WRITERS
from adapters.formats.native import Keyword
from adapters.problem import SENTENCES
from consent.rules import ROLES
from deploy.entries import KINDS
from deploy.exits import MEANING, Exit
from deploy.reference import commands, page, with_formats
from hub.config import HubConfig, load_hub_config
from schemas.codes import CLASS, SENTENCE, Code
from schemas.settings import settings_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "deploy" / "docs"
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")} | {"README.md": README}
COMMANDS = dict(commands())
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return REFERENCE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def _first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_the_reference_is_what_the_program_says_now() -> None:
    assert page() == REFERENCE, "run `make docs`"


def test_every_command_is_in_the_reference_and_the_reverse() -> None:
    documented = re.findall(r"^### `(schakel [a-z -]+?)(?: [A-Z\[].*)?`$", REFERENCE, re.MULTILINE)
    assert documented == list(COMMANDS)


def test_every_option_of_every_command_is_in_the_reference_and_the_reverse() -> None:
    for name, command in COMMANDS.items():
        section = REFERENCE.partition(f"### `{name}")[2].partition("\n## ")[0].partition("\n### ")[0]
        options = [one.opts[0] for one in command.params if isinstance(one, click.Option) and one.name != "as_json"]
        assert _first_cells(section) == options, name


@pytest.mark.parametrize(("file", "kind"), [("hub.toml", HubConfig), ("edge.toml", EdgeConfig)])
def test_every_setting_is_in_the_reference_with_its_meaning_and_the_reverse(file: str, kind: type[object]) -> None:
    settings = settings_of(kind)
    assert _first_cells(_section(f"Settings: `{file}`")) == [one.name for one in settings]
    assert all(one.meaning in REFERENCE for one in settings)


def test_every_code_has_a_class_and_a_sentence_and_is_in_the_reference_and_the_reverse() -> None:
    assert set(CLASS) == set(SENTENCE) == set(Code)
    assert _first_cells(_section("Codes")) == [code.value for code in Code]
    assert all(SENTENCE[code] in REFERENCE for code in Code)


def test_every_keyword_of_a_problem_report_has_its_sentences_and_is_in_the_reference() -> None:
    assert set(SENTENCES) == set(Keyword)
    assert sorted(_first_cells(_section("What can be wrong in a native message"))) == sorted(Keyword)


def test_every_exit_code_and_format_is_in_the_reference_and_the_reverse() -> None:
    assert _first_cells(_section("Exit codes")) == [str(code.value) for code in Exit]
    assert all(sentence in REFERENCE for sentence in MEANING.values())
    assert _first_cells(_section("Native formats")) == list(dict.fromkeys([*READERS, *WRITERS]))


def test_the_table_of_formats_in_the_readme_is_that_of_the_program() -> None:
    assert with_formats(README) == README
    assert _first_cells(README.partition("## Formats")[2].partition("\n## ")[0]) == list(
        dict.fromkeys([*READERS, *WRITERS])
    )


def test_a_readme_without_the_marks_of_the_table_is_said_to_have_lost_them() -> None:
    with pytest.raises(ValueError, match="has lost the marks"):
        with_formats("# Schakel\n")


def _shown_commands() -> list[tuple[str, str]]:
    """Every line of a page that a reader would type."""
    found = []
    for name, text in PAGES.items():
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL):
            joined = block.replace("\\\n", " ")
            found += [(name, line.strip()) for line in joined.splitlines() if line.strip()]
        found += [(name, line) for line in re.findall(r"`((?:schakel|make) [^`]+)`", text) if name != "reference.md"]
    return found


@pytest.mark.parametrize(("name", "line"), _shown_commands())
def test_every_command_that_a_page_shows_exists_with_its_options(name: str, line: str) -> None:
    words = shlex.split(line.partition("#")[0])
    if not words or words[0] not in ("schakel", "make"):
        assert words[:1] in ([], ["git"], ["cd"], ["sudo"], ["python"], ["cat"], ["cp"], ["xdg-open"]), line
        return
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets), line
        return
    known = [full for full in COMMANDS if words[: len(full.split())] == full.split()]
    groups = {" ".join(full.split()[:2]) for full in COMMANDS}
    if not known:
        assert " ".join(words[:2]) in groups or words[1:2] == ["--help"], f"{name}: {line}"
        return
    options = {word for one in COMMANDS[known[0]].params for word in one.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= options, f"{name}: {line}"


def test_every_make_target_is_in_the_readme() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split()
    assert [target for target in targets if f"make {target}" not in README and target != "help"] == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for name, text in PAGES.items():
        folder = ROOT if name == "README.md" else DOCS
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert link.startswith("https://") or (folder / link).exists(), f"{name}: {link}"


def test_the_readme_opens_with_the_two_commands() -> None:
    first = README.index("```")
    assert README[first:].startswith("```sh\nmake demo")
    assert "make test" in README[first:].partition("```\n")[0]
    assert README[:first].count("\n") < 12


def test_every_glossary_word_of_the_readme_is_used_in_the_code() -> None:
    words = re.findall(r"^\| \*([a-z ]+)\* \|", README, re.MULTILINE)
    assert len(words) >= 15
    code = " ".join(
        path.read_text("utf-8")
        for place in ("hub", "adapters", "consent", "schemas")
        for path in (ROOT / place).rglob("*.py")
    )
    assert [word for word in words if word not in code] == []


def test_the_six_files_of_a_message_are_there() -> None:
    story = README.partition("## The way of a message")[2].partition("\n## ")[0]
    files = re.findall(r"`((?:adapters|hub)/[a-z_/]+\.py)`", story)
    assert len(dict.fromkeys(files)) == 6
    assert all((ROOT / file).is_file() for file in files)


def test_the_settings_that_a_page_shows_are_settings(tmp_path: Path) -> None:
    """Every TOML block of a page loads, as what its first line says it is."""
    shown = [block for text in PAGES.values() for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert shown
    for block in shown:
        file = tmp_path / block.split("\n")[0].strip("# ")
        file.write_text(block, encoding="utf-8")
        if file.name == "hub.toml":
            load_hub_config(file)
        elif file.name == "edge.toml":
            load_edge_config(file)
        else:
            assert tomllib.loads(block), file.name


def test_every_key_of_the_address_book_is_explained_and_the_reverse() -> None:
    section = PAGES["integrator.md"].partition("Partners stand in `partners.toml`")[2].partition("Own clients come")[0]
    assert _first_cells(section) == list(PARTNER_KEYS)


def test_every_kind_of_entry_is_explained_to_the_privacy_officer_and_the_reverse() -> None:
    section = PAGES["audit.md"].partition("De kolom *soort*")[2].partition("## Waarom")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert sorted(word for cell in cells for word in re.findall(r"`([a-z-]+)`", cell)) == sorted(KINDS)


def test_every_role_of_the_table_is_named_where_the_privacy_officer_writes_one() -> None:
    named = PAGES["rules.md"].partition("De rollen schrijft u")[2].partition("\n\n")[0]
    assert re.findall(r"`([a-z-]+)`", named) == sorted(ROLES)


def test_the_changelog_and_publiccode_name_the_version_of_the_distribution() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'softwareVersion: "{version}"' in (ROOT / "publiccode.yml").read_text(encoding="utf-8")
