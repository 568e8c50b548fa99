# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel rules`: a privacy officer reads, checks, compares, tries out and signs; hub and edge refuse what is not in order."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from consent import rules
from consent.rules import ROLES, RuleTable
from deploy import rule_words
from deploy.commands.desk import at_desk
from deploy.compose import machine_clock, open_hub
from deploy.compose_edge import NoHub, load_settings, open_edge, store_key
from deploy.exits import Exit, ending
from deploy.rules_in_force import RulesError
from deploy.rules_traffic import Kind, Line, dry_run, read_audit, total
from deploy.table_faults import FAULTS
from hub.audit.export import ExportError
from hub.config import load_hub_config
from schemas.calendar import date_text, day_of, start_of_day
from schemas.settings import SettingsError
from schemas.small_counts import stepped
from tests.deploy.conftest import Schakel

Answer = Callable[..., Any]
NATIONAL = json.loads((Path(rules.__file__).parent / "rules" / "national.json").read_text())
BASE = rules.national(test_mode=True)
Changes = Mapping[int, Mapping[str, object] | None]


def _write(file: Path, changes: Changes) -> Path:
    """The national table with cells of rows changed, or rows (None) taken out, as a person would save it."""
    kept = [row for row in NATIONAL["rows"] if changes.get(row["id"], {}) is not None]
    rows = [row | (changes.get(row["id"]) or {}) for row in kept]
    file.write_text(json.dumps({"version": "2026-3-voorbeeldstad", "rows": rows}, indent=1))
    return file


def _narrow(file: Path) -> Path:
    return _write(file, {5: None, 1: {"longest_months": 6}, 901: {"recipients": ["gp"]}})


def _sign(answer: Answer, file: Path, *more: object) -> Any:
    until = date_text(day_of(machine_clock()) + 200)
    who = ("--municipality", "Gemeente Voorbeeldstad", "--name", "J. Jansen, FG")
    return answer("rules", "sign", file, *who, "--until", until, "--key", file.parent / "fg.key", *more)


# -- reading ---------------------------------------------------------------------------------------------------------


def test_the_whole_table_and_one_row_are_shown_in_dutch_with_what_was_not_read(
    schakel: Schakel, answer: Answer
) -> None:
    whole = answer("rules", "show")
    assert [row["id"] for row in whole["rows"]] == list(BASE.rows)
    assert whole["hash"] == BASE.hash.hex()
    assert whole["rows"][0]["sentence"].startswith("Het team Wmo van de gemeente mag de zorgaanbieder (Wmo) vertellen")
    one = schakel("rules", "show", "5").output
    assert "Wmo 2015 art. 5.2.5, lid 2" in one
    assert "niet gelezen" in one
    assert "ALLEEN IN TESTMODUS" in one
    assert "regel 5." in one
    assert schakel("rules", "show", "8888").exit_code == Exit.WRONG_USE


def test_a_copy_to_narrow_is_the_same_table_and_overwrites_nothing(
    answer: Answer, schakel: Schakel, tmp_path: Path
) -> None:
    file = tmp_path / "voorbeeldstad.json"
    assert answer("rules", "show", "--save", file)["hash"] == BASE.hash.hex()
    assert answer("rules", "check", file)["hash"] == BASE.hash.hex()
    file.write_text("van mij")
    assert schakel("rules", "show", "--save", file).exit_code == Exit.FAILED
    assert file.read_text() == "van mij"


def test_every_word_of_the_table_has_its_dutch() -> None:
    assert set(rule_words.ROLES) == set(rule_words.SHORT) == set(rule_words.THE) == set(ROLES)
    assert list(rule_words.COLUMNS) == list(rules.Row.__dataclass_fields__)
    for row in BASE.rows.values():
        for column in rule_words.COLUMNS:
            if column not in ("id", "marks"):
                assert rule_words.cell(row, column)
                assert "None" not in rule_words.cell(row, column)
        assert row.law in rule_words.LAWS
        assert {source.text for source in row.source} <= set(rule_words.TEXTS)
        assert rule_words.in_one_sentence(row).endswith(".")
    assert rule_words.ground_of_law("wmo-5.2.1-2-a") == "Wmo 2015 art. 5.2.1, lid 2, onder a"
    assert rule_words.ground_of_law("bw7-457-1") == "BW boek 7 art. 457, lid 1"
    assert rule_words.ground_of_law("wmo-5.3.4-1-15y") == "15 jaar (Wmo 2015 art. 5.3.4, lid 1)"


def test_a_pair_is_explained_in_one_sentence_with_its_rows(answer: Answer, schakel: Schakel) -> None:
    told = answer("rules", "explain", "team-wmo", "gp")
    assert (told["answer"], [one["row"] for one in told["rows"]], told["test_mode_only"]) == ("permits", [5], [5])
    assert told["sentence"].startswith("Het team Wmo van de gemeente mag de huisarts vertellen")
    assert told["sentence"].count("\n") == 0
    closed = answer("rules", "explain", "partnership", "uwv")
    assert (closed["answer"], [one["row"] for one in closed["rows"]]) == ("closed", [19])
    assert "de wet laat het niet toe; Wet op het primair onderwijs art. 18a, lid 13" in closed["sentence"]
    assert answer("rules", "explain", "team-wmo", "gp", "--category", "service")["answer"] == "closed"
    assert answer("rules", "explain", "gp", "zvh", "--ground", "statutory")["rows"][0]["row"] == 522
    assert "een mens anders beslissen" in answer("rules", "explain", "police", "zvh")["sentence"]
    assert schakel("rules", "explain", "mayor", "gp").exit_code == Exit.WRONG_USE


def test_a_table_from_which_a_row_was_taken_explains_that_no_row_names_the_two(answer: Answer, tmp_path: Path) -> None:
    file = _write(tmp_path / "t.json", {5: None, 7: None, 24: None})
    assert answer("rules", "explain", "team-wmo", "gp", "--table", file)["answer"] == "no-row"
    file = _write(tmp_path / "t.json", {5: {"permits": False, "reason": "municipality"}})
    told = answer("rules", "explain", "team-wmo", "gp", "--table", file)
    assert told["answer"] == "closed"
    assert "de gemeente wil het niet" in told["sentence"]


def test_the_matrix_has_every_pair(answer: Answer, schakel: Schakel) -> None:
    pairs = answer("rules", "matrix")["pairs"]
    assert len(pairs) == len(ROLES) ** 2
    assert all(one["open"] or one["closed"] for one in pairs)
    assert "ALLEEN IN TESTMODUS" in schakel("rules", "matrix").output


class _Page(HTMLParser):
    """What a browser would fetch or run, and where the links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_the_pages_for_a_lawyer_stand_alone_and_every_link_leads_to_a_row(answer: Answer, tmp_path: Path) -> None:
    made = answer("rules", "show", "--html", tmp_path / "html")
    files = {file.name: file.read_text() for file in (tmp_path / "html").iterdir()}
    assert made["pages"] == len(files) == len(BASE.rows) + 1
    for name, text in files.items():
        page = _Page()
        page.feed(text)
        assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags), name
        assert not {one for one in page.attributes if one.startswith("on")} | ({"src"} & page.attributes)
        assert "url(" not in text
        assert "http" not in text
        assert "@import" not in text
        assert set(page.links) <= set(files)
        assert (page.tags["h1"], page.tags["html"], '<html lang="nl">' in text) == (1, 1, True)
    matrix = _Page()
    matrix.feed(files["index.html"])
    assert {f"regel-{number}.html" for number in BASE.rows} <= set(matrix.links)
    assert "niet gelezen" in files["regel-5.html"]
    assert "Alleen in testmodus" in files["regel-5.html"]


def test_pages_of_a_row_that_is_gone_do_not_stay(answer: Answer, tmp_path: Path) -> None:
    answer("rules", "show", "--html", tmp_path / "html")
    answer("rules", "show", "--html", tmp_path / "html", "--table", _write(tmp_path / "t.json", {5: None}))
    assert not (tmp_path / "html" / "regel-5.html").exists()
    assert (tmp_path / "html" / "regel-6.html").exists()


# -- checking --------------------------------------------------------------------------------------------------------

FAULTY: dict[str, tuple[Changes, int, str, str]] = {
    "a role that nobody knows": ({4: {"senders": ["burgemeester"]}}, 4, "senders", "enum"),
    "a category that nobody knows": ({4: {"categories": ["health"]}}, 4, "categories", "enum"),
    "a column with a typing error": ({4: {"recipientss": ["gp"]}}, 4, "", "additionalProperties"),
    "a word where yes or no stands": ({4: {"permits": "ja"}}, 4, "permits", "type"),
    "a recipient more": ({5: {"recipients": ["gp", "school"]}}, 5, "permits", "contradiction"),
    "a month more": ({5: {"longest_months": 13}}, 5, "longest_months", "narrow"),
    "another law": ({5: {"law": "jeugdwet"}}, 5, "law", "narrow"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_check_names_row_column_and_what_to_do(schakel: Schakel, tmp_path: Path, name: str) -> None:
    changes, row, column, rule = FAULTY[name]
    file = _write(tmp_path / "t.json", changes)
    result = schakel("rules", "check", file, "--json")
    assert result.exit_code == Exit.REFUSED
    faults = json.loads(result.stdout)["faults"]
    assert (row, column or None, rule) in [(one["row"], one["column"], one["rule"]) for one in faults]
    assert all(one["what"] and one["do"] for one in faults)
    assert "burgemeester" not in result.output
    assert "Met deze tabel start geen hub en geen edge" in schakel("rules", "check", file).output


def test_check_says_how_a_version_is_written_and_how_a_municipality_closes_a_row(
    schakel: Schakel, tmp_path: Path
) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({**NATIONAL, "version": "voorbeeldstad-1"}))
    [fault] = json.loads(schakel("rules", "check", file, "--json").stdout)["faults"]
    assert (fault["row"], fault["column"], "2026-4-voorbeeldstad" in fault["do"]) == (None, "version", True)
    for words in (("rules", "diff", file, file), ("rules", "show", "--table", file)):
        refused = schakel(*words)
        assert (refused.exit_code, "versie (`version`)" in refused.output) == (Exit.REFUSED, True)
    closed = _write(tmp_path / "t.json", {5: {"permits": False, "reason": "law"}})
    [fault] = json.loads(schakel("rules", "check", closed, "--json").stdout)["faults"]
    assert (fault["row"], fault["column"], "`municipality`" in fault["do"]) == (5, "reason", True)
    for reason in ("municipality", None):  # and so it is
        closed = _write(tmp_path / "t.json", {5: {"permits": False, "reason": reason}})
        assert schakel("rules", "check", closed).exit_code == Exit.DONE


def test_a_closed_row_says_of_nobody_that_he_may_tell(schakel: Schakel, tmp_path: Path) -> None:
    shown = schakel("rules", "show", 19).output
    assert ("van wie" in shown, "wie mag vertellen" in shown) == (True, False)
    assert "wie mag vertellen" in schakel("rules", "show", 5).output
    schakel("rules", "show", "--html", tmp_path / "pages")
    assert "wie mag vertellen" not in (tmp_path / "pages" / "regel-19.html").read_text(encoding="utf-8")


def test_check_names_all_faults_at_once(schakel: Schakel, tmp_path: Path) -> None:
    file = _write(tmp_path / "t.json", {5: {"longest_months": 13}, 6: {"objection": "record"}, 18: {"law": "zvw"}})
    faults = json.loads(schakel("rules", "check", file, "--json").stdout)["faults"]
    assert {(one["row"], one["column"]) for one in faults} == {(5, "longest_months"), (6, "objection"), (18, "law")}


def test_a_doubled_row_and_a_gap_are_named(schakel: Schakel, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({**NATIONAL, "rows": [*NATIONAL["rows"], NATIONAL["rows"][0]]}))
    assert "dit regelnummer staat er twee keer" in " ".join(
        schakel("rules", "check", file).output.replace("│", " ").split()
    )
    gap = schakel("rules", "check", "--base", _write(tmp_path / "t.json", {913: None}))
    assert gap.exit_code == Exit.REFUSED
    assert "over deze twee rollen zegt geen regel iets" in " ".join(gap.output.replace("│", " ").split())
    assert schakel("rules", "check", tmp_path / "t.json").exit_code == Exit.DONE  # a municipality may leave it out


def test_a_table_in_order_says_so_and_names_what_is_for_test_mode(answer: Answer, tmp_path: Path) -> None:
    sound = answer("rules", "check", _narrow(tmp_path / "t.json"))
    assert (sound["sound"], sound["rows"]) == (True, len(BASE.rows) - 1)
    assert 4 in sound["test_mode_only"]


def test_every_fault_that_a_table_can_have_has_its_dutch_sentence() -> None:
    source = (Path(rules.__file__)).read_text()
    own = set(re.findall(r'TableFault\([^)]*"([a-z-]+)"\)', source)) | set(
        re.findall(r'TableError\([^)]*"([a-z]+)"\)', source)
    )
    assert own
    assert own <= set(FAULTS)


# -- comparing and trying out ----------------------------------------------------------------------------------------


def test_diff_tells_what_is_narrowed_and_who_may_no_longer_tell_whom(
    answer: Answer, schakel: Schakel, tmp_path: Path
) -> None:
    old, new = _write(tmp_path / "old.json", {}), _narrow(tmp_path / "new.json")
    found = answer("rules", "diff", old, new)
    assert (found["narrowing"], found["rows_gone"]) == (True, [5])
    assert ["team-wmo", "gp"] in found["silenced"]
    assert {(one["row"], one["column"], one["kind"]) for one in found["changes"]} == {
        (1, "longest_months", "narrowed"),
        (901, "recipients", "narrowed"),
    }
    shown = schakel("rules", "diff", old, new).output
    assert "team Wmo mag huisarts niets meer vertellen" in shown
    assert "INPERKING" in shown
    back = schakel("rules", "diff", new, old).output
    assert "GEEN INPERKING" in back
    assert "dit gaat verder dan de oude tabel" in back  # and not than the national one: this one is its copy
    assert "landelijke tabel of wijkt" not in back
    assert "team Wmo mag huisarts voortaan iets vertellen" in back
    assert "De twee tabellen zeggen hetzelfde" in schakel("rules", "diff", old, old).output


@pytest.fixture
def export(told: Path, schakel: Schakel, tmp_path: Path) -> Path:
    """What a demo left in the log of its hub, as an outsider gets it."""
    file = tmp_path / "log.export"
    assert schakel("audit", "verify", "--config", told / "hub", "--export", file).exit_code == Exit.DONE
    return file


def _decisions(file: Path) -> int:
    return dry_run(read_audit(file), BASE, BASE).decisions


def test_a_dry_run_tells_what_a_new_table_would_have_refused_and_the_way_back_what_it_would_have_released(
    answer: Answer, told: Path, export: Path, tmp_path: Path
) -> None:
    old, new = _write(tmp_path / "old.json", {}), _write(tmp_path / "new.json", {1: None, 2: None, 5: None})
    same = answer("rules", "diff", old, old, "--traffic", export)["traffic"]
    assert (same["refused"], same["released"]) == ([], [])
    assert same["decisions"] == stepped(_decisions(export)) > 0
    of_export = answer("rules", "diff", old, new, "--traffic", export)["traffic"]
    assert of_export["released"] == []
    assert {one["row"] for one in of_export["refused"]} <= {1, 2, 5}
    assert of_export["refused"]
    assert {one["row"] for one in of_export["at_pick_up"]["refused"]} <= {1, 2, 5}
    assert of_export["at_pick_up"]["refused"]  # each was decided again when it was picked up
    assert (same["at_pick_up"]["refused"], same["at_pick_up"]["released"]) == ([], [])
    assert answer("rules", "diff", old, new, "--traffic", told / "hub")["traffic"] == of_export
    assert answer("rules", "diff", old, new, "--traffic", told / "hub" / "hub.toml")["traffic"] == of_export


def test_small_counts_about_a_ground_are_never_a_number(
    answer: Answer, schakel: Schakel, export: Path, tmp_path: Path
) -> None:
    old, new = _write(tmp_path / "old.json", {}), _write(tmp_path / "new.json", {1: None, 2: None, 5: None})
    refused = answer("rules", "diff", old, new, "--traffic", export)["traffic"]["refused"]
    small = [one for one in refused if one["count"] is None]
    assert small
    assert all(one["fewer_than"] == 5 for one in small)
    assert all(one["count"] is None or one["count"] >= 5 for one in refused)
    assert answer("rules", "diff", old, new, "--traffic", export)["traffic"]["refused_total"] is None
    assert "minder dan 5" in schakel("rules", "diff", old, new, "--traffic", export).output


def test_a_sum_is_shown_only_when_no_count_was_left_out() -> None:
    kind = Kind(1, "statutory", "team-wmo", "provider-wmo")
    assert total([Line(kind, 7), Line(kind, 5)]) == 12
    assert total([Line(kind, 7), Line(kind, None)]) is None
    assert total([]) == 0


def test_what_is_no_log_is_refused(schakel: Schakel, export: Path, tmp_path: Path) -> None:
    old = _write(tmp_path / "old.json", {})
    other = tmp_path / "other"
    other.write_text("schakel log export v2\n")
    assert schakel("rules", "diff", old, old, "--traffic", other).exit_code == Exit.FAILED
    lines = export.read_text().splitlines(keepends=True)
    broken = [line if number != 4 else line.replace(" ", " A", 1) for number, line in enumerate(lines)]
    (tmp_path / "broken").write_text("".join(broken))
    with pytest.raises(ExportError, match="entry 3 of the export is broken"):
        list(read_audit(tmp_path / "broken"))
    assert schakel("rules", "diff", old, old, "--traffic", tmp_path / "broken").exit_code == Exit.REFUSED


# -- signing ---------------------------------------------------------------------------------------------------------


def test_a_privacy_officer_makes_a_key_and_signs_her_table(answer: Answer, schakel: Schakel, tmp_path: Path) -> None:
    file = _narrow(tmp_path / "t.json")
    before = file.read_bytes()
    signed = _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    assert signed["verifier_key"].startswith("fg.voorbeeldstad+")
    assert file.read_bytes() == before
    assert (tmp_path / "fg.key").stat().st_mode & 0o777 == 0o600
    assert "Gemeente Voorbeeldstad" in (tmp_path / "t.json.sig").read_text()
    again = schakel(
        "rules", "sign", file, "--municipality", "G.", "--name", "FG", "--until", "2027-01-01", "--key", "x"
    )
    assert again.exit_code == Exit.FAILED
    (tmp_path / "t.json.sig").unlink()
    assert _sign(answer, file)["verifier_key"] == signed["verifier_key"]


def test_what_can_not_be_signed_is_not(schakel: Schakel, tmp_path: Path) -> None:
    file = _narrow(tmp_path / "t.json")
    key = tmp_path / "fg.key"
    until = date_text(day_of(machine_clock()) + 100)

    def sign(table: Path = file, name: str = "J. Jansen, FG", until: str = until, *more: object) -> int:
        who = ("--municipality", "Gemeente", "--name", name, "--until", until, "--key", key)
        return schakel("rules", "sign", table, *who, *more).exit_code

    assert sign() == Exit.WRONG_USE  # no key yet
    assert sign(file, "J", until, "--new-key", "fg.x") == Exit.WRONG_USE
    assert sign(file, "J. Jansen", until, "--new-key", "fg met spatie") == Exit.WRONG_USE
    assert not key.exists()
    assert sign(file, "J. Jansen", "2000-01-01", "--new-key", "fg.x") == Exit.WRONG_USE
    assert sign(file, "J. Jansen", "morgen") == Exit.WRONG_USE
    assert sign(_write(tmp_path / "wide.json", {5: {"longest_months": 20}})) == Exit.REFUSED
    key.chmod(0o644)
    assert sign() == Exit.FAILED
    key.chmod(0o600)
    key.write_text("geen sleutel")
    assert sign() == Exit.REFUSED
    assert not (tmp_path / "t.json.sig").exists()


# -- in force --------------------------------------------------------------------------------------------------------


def _use(folder: Path, name: str, file: Path, key: str) -> None:
    """The settings of a hub or edge that uses this table."""
    settings = folder / name
    lines = [f"rules_file = {json.dumps(str(file))}", f"rules_signature = {json.dumps(str(file) + '.sig')}"]
    settings.write_text("\n".join([*lines, f"rules_key = {json.dumps(key)}", settings.read_text()]))


def _table_of_hub(folder: Path) -> RuleTable:
    with open_hub(load_hub_config(folder / "hub.toml")) as hub:
        return hub.rules.table


def test_a_hub_uses_the_signed_table_of_its_municipality_and_says_so(
    answer: Answer, schakel: Schakel, kept: Path
) -> None:
    file = _narrow(kept / "t.json")
    signed = _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    _use(kept / "hub", "hub.toml", file, signed["verifier_key"])
    table = _table_of_hub(kept / "hub")
    assert (5 in table.rows, table.hash.hex()) == (False, signed["hash"])
    status = answer("hub", "status", "--config", kept / "hub")["rules"]
    assert (status["hash"], status["municipality"], status["until"]) == (
        signed["hash"],
        "Gemeente Voorbeeldstad",
        signed["until"],
    )
    assert "J. Jansen, FG for Gemeente Voorbeeldstad" in schakel("hub", "status", "--config", kept / "hub").output


SPOILED = {
    "a typing error": (lambda text: text.replace('"provider-wmo"', '"provider-wm"', 1), "row 1 column recipients"),
    "a doubled row": (lambda text: text.replace('"id": 2,', '"id": 1,', 1), "row 1 column id"),
    "an unknown role": (lambda text: text.replace('"team-wmo"', '"mayor"', 1), "row 1 column senders"),
    "a wider row": (
        lambda text: text.replace('"longest_months": 12', '"longest_months": 13', 1),
        "column longest_months",
    ),
    "another hash": (
        lambda text: text.replace('"permits": true', '"permits": false', 1),
        "another than the one that was",
    ),
    "no JSON": (lambda text: text[:-3], "the file is no JSON"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_table_that_is_not_in_order_stops_hub_and_edge_and_says_which_row(
    answer: Answer, schakel: Schakel, kept: Path, name: str
) -> None:
    spoil, said = SPOILED[name]
    file = _narrow(kept / "t.json")
    signed = _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    _use(kept / "hub", "hub.toml", file, signed["verifier_key"])
    _use(kept / "team-wmo", "edge.toml", file, signed["verifier_key"])
    file.write_text(spoil(file.read_text()))
    for command in (("hub", "status", "--config", kept / "hub"), ("grant", "list", "--config", kept / "team-wmo")):
        result = schakel(*command)
        assert result.exit_code == Exit.REFUSED
        assert said in result.output
        assert "mayor" not in result.output


def test_a_signature_of_another_key_or_that_is_over_stops_the_hub(answer: Answer, schakel: Schakel, kept: Path) -> None:
    file = _narrow(kept / "t.json")
    signed = _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    (kept / "t.json.sig").unlink()
    (kept / "fg.key").unlink()
    _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    _use(kept / "hub", "hub.toml", file, signed["verifier_key"])
    result = schakel("hub", "status", "--config", kept / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "not of the key in rules_key" in result.output


def _expires(kept: Path, answer: Answer) -> tuple[Path, Any]:
    """Settings of the team's edge whose table is signed until 200 days from now."""
    file = _narrow(kept / "t.json")
    signed = _sign(answer, file, "--new-key", "fg.voorbeeldstad")
    _use(kept / "team-wmo", "edge.toml", file, signed["verifier_key"])
    _use(kept / "hub", "hub.toml", file, signed["verifier_key"])
    return file, signed


def test_the_last_day_of_a_signature_counts_and_the_next_does_not(answer: Answer, kept: Path) -> None:
    _expires(kept, answer)
    # At noon: 200 days later the clock may have been put forward, and late in the evening that is another day.
    last = start_of_day(day_of(machine_clock()) + 200) + 43_200_000
    config = load_hub_config(kept / "hub" / "hub.toml")
    with open_hub(config, lambda: last) as hub:
        assert hub.rules.own
    with (
        pytest.raises(RulesError, match="its signature is over") as caught,
        open_hub(config, lambda: last + 86_400_000),
    ):
        raise AssertionError("it started")
    assert ending(caught.value).exit_code == Exit.REFUSED


def test_with_a_signature_that_is_over_the_log_is_read_and_a_partner_barred(
    answer: Answer, schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    _expires(kept, answer)
    file, clock = kept / "hub" / "hub.toml", tmp_path / "clock.toml"
    clock.write_text(f"passed_seconds = {201 * 86_400}\n")
    file.write_text(f"clock_file = {json.dumps(str(clock))}\n" + file.read_text())
    with pytest.raises(RulesError, match="its signature is over"), open_hub(load_hub_config(file)):
        raise AssertionError("it takes traffic")
    assert answer("audit", "show", "--config", kept / "hub")
    assert answer("hub", "status", "--config", kept / "hub")["rules"]["over"]
    assert "IS OVER" in schakel("hub", "status", "--config", kept / "hub").output
    gp = next(one for one in answer("partner", "list", "--config", kept / "hub") if one["address"].endswith(":gp"))
    assert answer("partner", "suspend", gp["address"], "--yes", "--config", kept / "hub")


def test_an_edge_with_a_signature_that_is_over_does_not_work_and_a_person_can_still_refuse(
    answer: Answer, schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    _expires(kept, answer)
    file = kept / "team-wmo" / "edge.toml"
    clock = tmp_path / "clock.toml"
    clock.write_text(f"jump_seconds = {201 * 86_400}\n")
    file.write_text(f"clock_file = {json.dumps(str(clock))}\n" + file.read_text())
    settings = load_settings(file)
    with (
        pytest.raises(RulesError, match="its signature is over"),
        open_edge(settings, NoHub(), store_key(settings.config, {})),
    ):
        raise AssertionError("it works")
    with at_desk(kept / "team-wmo") as (opened, _):
        assert opened.workplace.rules.permitted == frozenset()
    grant = next(one for one in answer("grant", "list", "--config", kept / "team-wmo") if one["row"] == 1)
    make = ("grant", "make", grant["client"], "--with", "Huisartsenpraktijk De Linde", "--row", "5", "--source", "x")
    assert schakel(*make, "--config", kept / "team-wmo").exit_code == Exit.REFUSED
    stopped = answer("grant", "stop", grant["id"], "--why", "objected", "--config", kept / "team-wmo")
    assert stopped["stopped"]
    assert answer("grant", "refusals", grant["client"], "--config", kept / "team-wmo")


def test_an_edge_publishes_the_table_that_it_uses(answer: Answer, kept: Path) -> None:
    file, signed = _expires(kept, answer)
    assert answer("edge", "work", "--config", kept / "team-wmo")
    with open_hub(load_hub_config(kept / "hub" / "hub.toml")) as hub:
        team = next(one for one in hub.exchange.partners().by_number.values() if one.address.endswith(":team-wmo"))
        assert team.own_table
        assert team.table.hash.hex() == signed["hash"]
    assert file.exists()


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ('rules_file = "t.json"', "/rules_signature"),
        ('rules_signature = "t.sig"', "/rules_signature"),
        ('rules_key = "x"', "/rules_key"),
    ],
)
def test_in_strict_mode_a_table_is_signed_or_is_not_used(
    lines: str, path: str, schakel: Schakel, tmp_path: Path
) -> None:
    who = (
        "--name",
        "hub.voorbeeld.nl",
        "--operator",
        "Stichting",
        "--controllers",
        "Gemeente",
        "--fg-contact",
        "fg@a.nl",
    )
    assert schakel("hub", "init", tmp_path / "hub", *who).exit_code == Exit.DONE
    file = tmp_path / "hub" / "hub.toml"
    file.write_text(f"{lines}\n{file.read_text()}")
    with pytest.raises(SettingsError) as caught:
        load_hub_config(file)
    assert path in {fault.path for fault in caught.value.faults}


def test_outside_test_mode_a_table_that_permits_by_what_was_not_read_is_refused_with_its_rows(
    answer: Answer, schakel: Schakel, tmp_path: Path
) -> None:
    who = (
        "--name",
        "hub.voorbeeld.nl",
        "--operator",
        "Stichting",
        "--controllers",
        "Gemeente",
        "--fg-contact",
        "fg@a.nl",
    )
    assert (
        schakel("hub", "init", tmp_path / "hub", *who, "--key-file", tmp_path / "keys" / "log.key").exit_code
        == Exit.DONE
    )
    off = {row["id"]: {"permits": False, "reason": "municipality"} for row in NATIONAL["rows"] if row["permits"]}
    file = _write(tmp_path / "t.json", off | {4: {}})  # type: ignore[operator]
    signed = _sign(answer, file, "--new-key", "fg.x")
    _use(tmp_path / "hub", "hub.toml", file, signed["verifier_key"])
    result = schakel("hub", "status", "--config", tmp_path / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "row 4: permits while a cell was not read: for test mode only" in result.output
