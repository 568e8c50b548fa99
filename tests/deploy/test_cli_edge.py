# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.compose import machine_clock
from deploy.exits import Exit
from deploy.story import messages
from deploy.story.person import CITIZEN
from schemas.calendar import date_text, day_of, parse_date
from tests.deploy.conftest import Schakel

ADDRESS = "urn:nld:oin:00000001234567890001:gp"
OTHER_BSN = "999900158"
HOSTILE = Path(__file__).parents[1] / "vectors" / "iwmo" / "hostile"


def _init(folder: Path, key: Path) -> tuple[object, ...]:
    return ("edge", "init", folder, "--address", ADDRESS, "--name", "Praktijk", "--key-file", key)


# -- making ------------------------------------------------------------------------------------------------------


def test_an_edge_is_made_once_with_its_key_elsewhere(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel(*_init(tmp_path / "edge", tmp_path / "keys" / "k"), "--json")
    assert result.exit_code == Exit.DONE, result.output
    made = json.loads(result.stdout)
    assert made["address"] == ADDRESS
    assert len(made["fingerprint"].split()) == 8
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert schakel(*_init(tmp_path / "edge", tmp_path / "keys" / "k")).exit_code == Exit.WRONG_USE
    assert schakel("edge", "init", tmp_path / "edge").exit_code == Exit.FAILED
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after[path]} == set()


def test_a_strict_edge_keeps_no_key_beside_its_data(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel(*_init(tmp_path / "edge", tmp_path / "edge" / "data" / "k"))
    assert result.exit_code == Exit.REFUSED
    assert "lies in data_folder" in result.output
    assert not (tmp_path / "edge" / "edge.toml").exists()


def test_a_passphrase_can_stand_for_the_key_file(schakel: Schakel, tmp_path: Path) -> None:
    made = ("edge", "init", tmp_path / "edge", "--address", ADDRESS, "--name", "Praktijk")
    secret = {"SCHAKEL_STORE": "een lange zin als sleutel"}
    assert schakel(*made, "--passphrase-env", "SCHAKEL_STORE", env=secret).exit_code == Exit.DONE
    assert schakel("edge", "view", "--config", tmp_path / "edge", env=secret).exit_code == Exit.DONE
    missing = schakel("edge", "view", "--config", tmp_path / "edge", env={"SCHAKEL_STORE": None})
    assert missing.exit_code == Exit.FAILED
    assert "SCHAKEL_STORE is not set" in missing.output
    wrong = schakel("edge", "view", "--config", tmp_path / "edge", env={"SCHAKEL_STORE": "een andere lange zin"})
    assert wrong.exit_code == Exit.FAILED
    assert "lange zin" not in wrong.output


@pytest.mark.parametrize("left_out", ["--address", "--name", "--key-file"])
def test_what_an_edge_needs_must_be_said(schakel: Schakel, tmp_path: Path, left_out: str) -> None:
    arguments = list(_init(tmp_path / "edge", tmp_path / "k"))
    at = arguments.index(left_out)
    del arguments[at : at + 2]
    assert schakel(*arguments).exit_code == Exit.WRONG_USE
    assert not (tmp_path / "edge").exists()


def test_a_strict_edge_takes_no_hub_in_its_own_process(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel(*_init(tmp_path / "edge", tmp_path / "k"), "--hub", tmp_path / "hub")
    assert result.exit_code == Exit.REFUSED
    assert "refused in strict mode" in result.output


# -- work --------------------------------------------------------------------------------------------------------


def _today() -> int:
    return day_of(machine_clock())


def test_a_pass_reads_the_folder_tells_and_hears(answer: Callable[..., Any], kept: Path) -> None:
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 9, _today() - 1)
    (kept / "team-wmo" / "in" / "nieuw.json").write_bytes(event)
    sent = answer("edge", "work", "--config", kept / "team-wmo")
    assert (sent["read"], sent["told"], sent["sent"]) == (1, 1, 1)
    received = answer("edge", "work", "--config", kept / "zorgaanbieder")
    assert (received["picked_up"], received["notices"]) == (1, 1)
    (view,) = answer("edge", "view", "--config", kept / "zorgaanbieder")
    assert [line["what"] for line in view["lines"]] == ["toegewezen", "gewijzigd", "in onderzoek", "gewijzigd"]


def test_one_file_that_can_not_be_read_is_put_aside_with_its_report_and_the_rest_goes_on(
    answer: Callable[..., Any], kept: Path
) -> None:
    place = kept / "team-wmo"
    for name in ("afgekapt", "xml_bom", "externe_entiteit", "bsn_elfproef", "latin1"):
        (place / "in" / f"{name}.xml").write_bytes((HOSTILE / f"{name}.xml").read_bytes())
    (place / "in" / "diep.json").write_bytes(b"[" * 10_000 + b"]" * 10_000)
    (place / "in" / "dubbel.json").write_bytes(b'{"specversion":"1.0","specversion":"1.0"}')
    (place / "in" / "groot.xml").write_bytes(b" " * (1 << 20) + b"x")
    (place / "in" / "brief.docx").write_bytes(b"a letter")
    (place / "in" / "goed.json").write_bytes(messages.status(CITIZEN, messages.STATUS_TYPE, 8, _today() - 1))
    done = answer("edge", "work", "--config", place)
    assert (done["read"], done["quarantined"], done["left"], done["told"]) == (1, 9, 0, 1)
    reports = sorted((place / "quarantine").glob("*.rapport.json"))
    assert len(reports) == 9
    for report in reports:
        assert json.loads(report.read_bytes())["gelezen"] is False
        assert (place / "quarantine" / report.name.removesuffix(".rapport.json")).is_file()
    assert list((place / "in").iterdir()) == []


def test_while_the_hub_is_away_an_allocation_waits_and_all_else_is_read(
    schakel: Schakel, answer: Callable[..., Any], kept: Path
) -> None:
    place = kept / "team-wmo"
    support = messages.Support(_today() - 20, _today() - 14, _today() + 90)
    other = replace(CITIZEN, bsn=OTHER_BSN, allocation="730194827")
    (place / "in" / "toewijzing.xml").write_bytes(messages.allocation(other, support))
    (place / "in" / "status.json").write_bytes(messages.status(CITIZEN, messages.STATUS_TYPE, 6, _today() - 1))
    (kept / "hub" / "data").rename(kept / "away")
    result = schakel("edge", "work", "--config", place, "--json")
    assert result.exit_code == Exit.FAILED
    done = json.loads(result.stdout)
    assert (done["read"], done["left"], done["told"], done["sent"], done["hub_away"]) == (1, 1, 1, 0, True)
    assert [path.name for path in (place / "in").iterdir()] == ["toewijzing.xml"]
    (kept / "away").rename(kept / "hub" / "data")
    assert answer("edge", "work", "--config", place)["grants"] == 1
    assert list((place / "in").iterdir()) == []


def test_an_edge_without_a_hub_says_where_to_name_it(schakel: Schakel, tmp_path: Path) -> None:
    schakel(*_init(tmp_path / "edge", tmp_path / "k"))
    result = schakel("edge", "work", "--config", tmp_path / "edge")
    assert result.exit_code == Exit.FAILED
    assert "No hub is set" in result.output


def test_an_edge_that_was_not_admitted_is_told_whom_to_ask(schakel: Schakel, kept: Path) -> None:
    assert (
        schakel("partner", "remove", "urn:nld:oin:00000009999999990003:gp", "--yes", "--config", kept / "hub").exit_code
        == 0
    )
    result = schakel("edge", "work", "--config", kept / "huisarts")
    assert result.exit_code == Exit.REFUSED
    assert "ask the operator to admit the partner" in result.output


def test_what_is_decided_while_the_hub_is_away_is_kept_and_goes_out_later(
    schakel: Schakel, answer: Callable[..., Any], kept: Path
) -> None:
    (grant,) = answer("grant", "list", "--config", kept / "team-wmo")
    (kept / "hub" / "data").rename(kept / "away")
    stopped = answer("grant", "stop", grant["id"], "--why", "held", "--config", kept / "team-wmo")
    assert stopped["hub_knows"] is False
    (kept / "away").rename(kept / "hub" / "data")
    before = len(answer("audit", "show", "--kind", "fact", "--config", kept / "hub"))
    answer("edge", "work", "--config", kept / "team-wmo")
    facts = answer("audit", "show", "--kind", "fact", "--config", kept / "hub")
    assert [fact["code"] for fact in facts[before:]] == ["stop"]
    assert "held" not in json.dumps(facts)


# -- looking, calling back ---------------------------------------------------------------------------------------


def test_the_view_of_a_client_is_in_dutch_and_by_own_number(schakel: Schakel, kept: Path) -> None:
    result = schakel("edge", "view", CITIZEN.patient_number, "--config", kept / "huisarts")
    assert result.exit_code == Exit.DONE
    for word in (
        "gewijzigd",
        "verteld door",
        "niet geverifieerd",
        "zorg volgens de Zorgverzekeringswet",
        CITIZEN.patient_number,
    ):
        assert word in result.output
    assert CITIZEN.bsn not in result.output


def test_an_unknown_client_is_refused_without_repeating_the_number(schakel: Schakel, kept: Path) -> None:
    result = schakel("edge", "view", OTHER_BSN, "--config", kept / "huisarts")
    assert result.exit_code == Exit.REFUSED
    assert "niet bekend" in result.output
    assert OTHER_BSN not in result.output


def test_everything_told_about_a_client_can_be_called_back(
    schakel: Schakel, answer: Callable[..., Any], kept: Path
) -> None:
    client = answer("grant", "list", "--config", kept / "team-wmo")[0]["client"]
    team = ("--config", kept / "team-wmo")
    assert schakel("edge", "retract", client, *team, typed="n\n").exit_code == Exit.WRONG_USE
    assert answer("edge", "retract", client, "--from", "huisartsenpraktijk de linde", "--yes", *team) == {
        "retracted": 1
    }
    waiting = answer("edge", "outbox", *team)["outbox"]
    assert [one["kind"] for one in waiting] == ["intrekking"]
    answer("edge", "work", *team)
    answer("edge", "work", "--config", kept / "huisarts")
    assert answer("edge", "view", "--config", kept / "huisarts") == []
    assert answer("edge", "view", "--config", kept / "zorgaanbieder") != []


def test_a_partner_who_is_not_in_the_address_book_is_wrong_use(schakel: Schakel, kept: Path) -> None:
    client = "--yes", "--from", "Niemand", "--config", kept / "team-wmo"
    assert schakel("edge", "retract", "X1", *client).exit_code == Exit.WRONG_USE


# -- clients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ","])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_own_clients_come_from_a_spreadsheet(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, tmp_path: Path, delimiter: str, mark: str
) -> None:
    lines = [("clientnummer", "bsn", "taak"), ("P77", OTHER_BSN, ""), ("", "", "")]
    file = tmp_path / "clients.csv"
    file.write_text(mark + "\r\n".join(delimiter.join(line) for line in lines), encoding="utf-8")
    assert answer("edge", "clients", "import", file, "--config", kept / "huisarts") == {"imported": 1}
    assert schakel("edge", "view", "P77", "--config", kept / "huisarts").exit_code == Exit.DONE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first line must be the header"),
        ("naam;bsn;taak\nX;999900158;", "the first line must be the header"),
        ("clientnummer;bsn;taak\n", "no client in the list"),
        (
            f"clientnummer;bsn;taak\nP1;{OTHER_BSN[:-1]}9;\nP2;12;\n;{OTHER_BSN};",
            "line 2, bsn: this bsn fails the eleven-test",
        ),
        ("clientnummer;bsn;taak\nP1;999900158", "line 2 has 2 columns instead of 3"),
        ('clientnummer;bsn;taak\nP1;"999900158;x', "isn't csv"),
    ],
)
def test_a_list_that_is_not_in_order_is_refused_whole_by_line_and_column(
    schakel: Schakel, kept: Path, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(text)
    result = schakel("edge", "clients", "import", file, "--config", kept / "huisarts")
    assert result.exit_code == Exit.REFUSED
    assert words in result.output.lower().replace("isn't csv", "isn't csv")
    assert OTHER_BSN[:-1] not in result.output


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("P2;999900158;", "line 3, bsn: stands before with another"),
        ("P1;999900171;", "line 3, clientnummer: stands before"),
    ],
)
def test_two_lines_that_make_two_clients_of_one_are_refused(
    schakel: Schakel, kept: Path, tmp_path: Path, second: str, words: str
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(f"clientnummer;bsn;taak\nP1;999900158;\n{second}\n")
    result = schakel("edge", "clients", "import", file, "--config", kept / "huisarts")
    assert result.exit_code == Exit.REFUSED
    assert words in result.output.lower()
    assert "9999" not in result.output
    file.write_text("clientnummer;bsn;taak\nP1;999900158;\nP1;999900158;\n")
    assert schakel("edge", "clients", "import", file, "--config", kept / "huisarts").exit_code == Exit.DONE


def test_an_organisation_that_knows_no_bsn_leaves_it_empty(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text("clientnummer;bsn;taak\nLL-17;;\n")
    assert schakel("edge", "clients", "import", file, "--config", kept / "huisarts").exit_code == Exit.DONE
    assert answer("edge", "view", "LL-17", "--config", kept / "huisarts") == []


def test_a_list_in_another_encoding_and_one_that_is_too_large_are_refused(
    schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clients.csv"
    for content in ("clientnummer;bsn;taak\nPé;999900158;".encode("latin-1"), b"x" * ((16 << 20) + 1)):
        file.write_bytes(content)
        assert schakel("edge", "clients", "import", file, "--config", kept / "huisarts").exit_code == Exit.REFUSED


def test_a_number_that_belongs_to_another_is_refused_and_nothing_of_the_list_is_taken(
    schakel: Schakel, kept: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(f"clientnummer;bsn;taak\nP78;999900171;\n{CITIZEN.patient_number};{OTHER_BSN};\n")
    result = schakel("edge", "clients", "import", file, "--config", kept / "huisarts")
    assert result.exit_code == Exit.REFUSED
    assert "Client 2 of the list: this own number belongs to a client with another BSN." in result.output
    assert schakel("edge", "view", "P78", "--config", kept / "huisarts").exit_code == Exit.REFUSED


# -- agreements and grants ---------------------------------------------------------------------------------------


@pytest.fixture
def client(answer: Callable[..., Any], kept: Path) -> str:
    """The number of the citizen at the team."""
    return str(answer("grant", "list", "--config", kept / "team-wmo")[0]["client"])


def test_an_agreement_is_made_shown_and_ended(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, client: str
) -> None:
    team = ("--config", kept / "team-wmo")
    made = answer("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", *team)
    assert "Stopcode" in made["receipt"]
    shown = answer("agreement", "show", client, *team)
    assert [one["state"] for one in shown] == ["withdrawn", "given"]
    ended = answer("agreement", "end", shown[-1]["id"], *team)
    assert ended["hub_knows"] is True
    assert [one["state"] for one in answer("agreement", "show", client, *team)] == ["withdrawn", "withdrawn"]


def test_an_agreement_lasts_as_the_citizen_said(answer: Callable[..., Any], kept: Path, client: str) -> None:
    until = date_text(_today() + 30)
    wish = ("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", "--until", until)
    made = answer(*wish, "--manner", "in-writing", "--config", kept / "team-wmo")
    assert made["made"][0]["end"] == until
    assert parse_date(made["made"][0]["begin"]) == _today()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--with", "Niemand"), Exit.REFUSED),
        (("--with", "Huisartsenpraktijk De Linde", "--until", "2031-02-30"), Exit.WRONG_USE),
        (("--with", "Huisartsenpraktijk De Linde", "--until", "2099-01-01"), Exit.REFUSED),
        (("--with", "Huisartsenpraktijk De Linde", "--until", "2020-01-01"), Exit.REFUSED),
        ((), Exit.WRONG_USE),
    ],
)
def test_an_agreement_that_can_not_be_is_refused(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, client: str, more: tuple[str, ...], code: Exit
) -> None:
    team = ("--config", kept / "team-wmo")
    assert schakel("agreement", "make", client, *more, *team).exit_code == code
    assert len(answer("agreement", "show", client, *team)) == 1


def test_an_agreement_that_does_not_exist_can_not_be_ended(schakel: Schakel, kept: Path) -> None:
    result = schakel("agreement", "end", "00" * 16, "--config", kept / "team-wmo")
    assert result.exit_code == Exit.REFUSED


def test_a_citizen_stops_with_the_code_of_the_receipt_at_any_partner(
    answer: Callable[..., Any], kept: Path, client: str
) -> None:
    team = ("--config", kept / "team-wmo")
    made = answer("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", *team)
    answer("edge", "work", *team)
    answer("edge", "work", "--config", kept / "huisarts")
    code = made["made"][0]["stop_code"]
    assert answer("grant", "stop", "--code", code, "--config", kept / "zorgaanbieder")["hub_knows"] is True
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 7, _today())
    (kept / "team-wmo" / "in" / "later.json").write_bytes(event)
    answer("edge", "work", *team)
    assert answer("edge", "work", "--config", kept / "huisarts")["notices"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--code", "1234"), Exit.REFUSED),
        ((), Exit.WRONG_USE),
        (("abcd", "--code", "1234"), Exit.WRONG_USE),
        (("abcd",), Exit.WRONG_USE),
        (("abcd", "--why", "closed"), Exit.REFUSED),
        (("abcd", "--why", "bored"), Exit.WRONG_USE),
    ],
)
def test_a_stop_that_can_not_be_is_refused(
    schakel: Schakel, kept: Path, arguments: tuple[str, ...], code: Exit
) -> None:
    assert schakel("grant", "stop", *arguments, "--config", kept / "team-wmo").exit_code == code


def test_grants_that_are_over_are_listed_when_asked(answer: Callable[..., Any], kept: Path, client: str) -> None:
    team = ("--config", kept / "team-wmo")
    assert [one["row"] for one in answer("grant", "list", *team)] == [1]
    assert [one["row"] for one in answer("grant", "list", "--all", "--client", client, *team)] == [1, 5]


def test_two_processes_never_work_with_one_edge(schakel: Schakel, kept: Path) -> None:
    with (kept / "huisarts" / "data" / "edge.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = schakel("edge", "view", "--config", kept / "huisarts")
    assert result.exit_code == Exit.FAILED
    assert "Error: " in result.output


# -- what a professional reads is Dutch --------------------------------------------------------------------------


def test_an_agreement_that_the_rule_has_no_room_for_is_refused_in_a_dutch_sentence(
    schakel: Schakel, kept: Path, client: str
) -> None:
    make = ("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", "--config", kept / "team-wmo")
    for until, sentence in (("2020-01-01", "de einddatum ligt vóór vandaag"), ("2099-01-01", "zo lang mag het")):
        result = schakel(*make, "--until", until)
        assert result.exit_code == Exit.REFUSED
        assert sentence in result.output


def test_a_receipt_says_from_whom_it_is_and_until_when_in_words(
    answer: Callable[..., Any], kept: Path, client: str
) -> None:
    team = ("--config", kept / "team-wmo")
    made = answer("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", *team)
    assert made["receipt"].startswith("Team Wmo Voorbeeldstad\n\nWat u met ons hebt afgesproken\n")
    year, month, day = made["made"][0]["end"].split("-")
    words = "januari februari maart april mei juni juli augustus september oktober november december".split()
    assert f" tot en met {int(day)} {words[int(month) - 1]} {year}.\n" in made["receipt"]


def test_where_nothing_was_agreed_nobody_is_told_to_keep_a_stop_code(schakel: Schakel, kept: Path, client: str) -> None:
    result = schakel("agreement", "make", client, "--with", "Zorg Thuis Voorbeeld", "--config", kept / "team-wmo")
    assert result.exit_code == Exit.DONE
    assert "Er is nu niets afgesproken" in result.output
    assert "stop code" not in result.output


def test_the_tables_of_a_professional_are_in_dutch(schakel: Schakel, kept: Path, client: str) -> None:
    team = ("--config", kept / "team-wmo")
    shown = schakel("grant", "list", "--all", *team).output + schakel("agreement", "show", client, *team).output
    for word in ("wettelijke taak", "toestemming", "voortgang", "geldt", "gestopt", "ingetrokken", "cliënt"):
        assert word in shown
    assert not any(word in shown for word in ("statutory", "consent", "progress", "active", "withdrawn", "client"))


def test_a_person_sends_at_the_next_pass_what_waits_for_its_moment(
    answer: Callable[..., Any], schakel: Schakel, kept: Path, client: str
) -> None:
    team = ("--config", kept / "team-wmo")
    settings = kept / "team-wmo" / "edge.toml"
    settings.write_text(settings.read_text().replace("spread_days = 0", "spread_days = 2"))
    answer("agreement", "make", client, "--with", "Huisartsenpraktijk De Linde", *team)
    waiting = [line for line in answer("edge", "outbox", *team)["outbox"] if "moment" in line["why"]]
    assert [line["kind"] for line in waiting] == ["kennismaking"]
    number = waiting[0]["number"]
    assert answer("edge", "urgent", number, *team) == {"number": number, "hurried": 1}
    assert not [line for line in answer("edge", "outbox", *team)["outbox"] if "moment" in line["why"]]
    assert schakel("edge", "urgent", 9_999, *team).exit_code == Exit.REFUSED
