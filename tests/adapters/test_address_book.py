# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
from pathlib import Path

import pytest

from adapters.address_book import AddressBook, Partner, load_address_book
from schemas.event import Law
from schemas.settings import SettingsError

TEAM = "urn:nld:oin:00000001234567890000:team-wmo"
YOUTH = "urn:nld:oin:00000001234567890000:team-jeugd"
PROVIDER = "urn:nld:oin:00000001234567890001:provider-wmo"
GOOD = f"""
[[partner]]
address = "{TEAM}"
name = "Team Wmo Voorbeeldstad"
municipality = {{ code = "9999", law = "wmo" }}
sources = ["urn:nld:oin:00000001234567890000:systeem:zaken"]

[[partner]]
address = "{YOUTH}"
name = "Team Jeugd Voorbeeldstad"
municipality = {{ code = "9999", law = "jeugdwet" }}

[[partner]]
address = "{PROVIDER}"
name = "Zorg Voorbeeld"
agb = ["12345678", "87654321"]
fingerprint = "{" ".join(["0123abcd"] * 8)}"
"""


def load(tmp_path: Path, text: str | bytes) -> AddressBook:
    file = tmp_path / "partners.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_address_book(file)


def faults(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    return [str(fault) for fault in caught.value.faults]


def partner(**settings: str) -> str:
    return "[[partner]]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def test_partners_are_read_with_their_codes(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD)

    assert len(book) == 3
    assert book.by_address(PROVIDER) == Partner(
        PROVIDER, "Zorg Voorbeeld", agb=("12345678", "87654321"), fingerprint="0123abcd" * 8
    )
    assert book.partners[0].municipality == ("9999", Law.WMO)
    assert book.partners[0].role == "team-wmo"


def test_a_partner_is_found_by_name_whatever_the_capitals_and_by_address(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD)

    assert book.by_name(" zorg voorbeeld ") == book.by_address(PROVIDER)
    assert book.by_name(PROVIDER) == book.by_address(PROVIDER)
    assert book.by_name("Zorg") is None
    assert book.name_of(PROVIDER) == "Zorg Voorbeeld"
    assert book.name_of("urn:nld:oin:00000001234567890009:gp") == "urn:nld:oin:00000001234567890009:gp"


def test_a_municipality_code_stands_for_one_team_only_together_with_its_law(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD)

    assert book.by_code("9999", law=Law.WMO) == book.by_address(TEAM)
    assert book.by_code("9999", law=Law.JEUGDWET) == book.by_address(YOUTH)
    assert book.by_code("9999", law=Law.PARTICIPATIEWET) is None
    assert book.by_code("9999") is None
    assert book.by_code("9999", role="team-jeugd") == book.by_address(YOUTH)


def test_an_agb_code_or_a_source_stands_for_its_partner_under_any_law_in_its_role(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD)

    assert book.by_code("87654321", law=Law.WMO) == book.by_address(PROVIDER)
    assert book.by_code("87654321", role="provider-wmo") == book.by_address(PROVIDER)
    assert book.by_code("87654321", role="gp") is None
    assert book.by_code("00000000") is None
    assert book.by_code("urn:nld:oin:00000001234567890000:systeem:zaken") == book.by_address(TEAM)


def test_an_empty_address_book_is_a_book(tmp_path: Path) -> None:
    assert len(load(tmp_path, "")) == 0


def test_every_fault_is_told_at_once_by_path(tmp_path: Path) -> None:
    text = (
        partner(address='"GEHEIM"', name='""', agb='["1234567"]')
        + partner(address=f'"{TEAM}"', telefoon='"0612345678"')
        + partner(address=f'"{PROVIDER}"', name='"P"', municipality='{ code = "12", law = "wmo" }', fingerprint='"ab"')
        + partner(address=f'"{YOUTH}"', name='"Y"', municipality='{ code = "9999" }')
        + "[extra]\n"
    )
    found = faults(tmp_path, text)

    assert found == [
        "/extra: unknown setting",
        "/partner/0/address: must be urn:nld:oin:<20 digits>:<role>",
        "/partner/0/name: must be text of 1 to 80 characters",
        "/partner/0/agb/0: must be eight digits",
        "/partner/1/telefoon: unknown setting",
        "/partner/1/name: this setting is required",
        "/partner/2/municipality/code: must be four digits",
        "/partner/2/fingerprint: must be the 64 hexadecimal characters of a fingerprint",
        "/partner/3/municipality: must be a table with code and law, and nothing else",
    ]
    assert not any(word in "".join(found) for word in ("GEHEIM", "0612345678", "1234567"))


def test_what_stands_for_two_partners_is_a_fault(tmp_path: Path) -> None:
    first = partner(address=f'"{PROVIDER}"', name='"Zorg"', agb='["12345678"]')
    for second, fault in (
        (partner(address=f'"{PROVIDER}"', name='"B"'), "/partner/1/address"),
        (partner(address=f'"{TEAM}"', name='"ZORG"'), "/partner/1/name"),
        (partner(address=f'"{PROVIDER.replace("1:", "8:")}"', name='"B"', agb='["12345678"]'), "/partner/1/agb"),
    ):
        assert fault in faults(tmp_path, first + second)[0]


def test_one_agb_code_may_stand_for_two_roles_of_one_organisation(tmp_path: Path) -> None:
    other = PROVIDER.replace("provider-wmo", "provider-jeugd")
    text = partner(address=f'"{PROVIDER}"', name='"A"', agb='["12345678"]') + partner(
        address=f'"{other}"', name='"B"', agb='["12345678"]'
    )
    book = load(tmp_path, text)

    assert book.by_code("12345678") is None
    assert book.by_code("12345678", role="provider-jeugd") == book.by_address(other)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("partner = 1", "/partner: must be at most"),
        ("partner = [1]", "/partner/0: must be a table"),
        ("[[partner]\n", "/: the file isn't TOML at line 1"),
        (b"\xff\xfe", "/: the file isn't UTF-8"),
        ("x = " + "[" * 5000, "/: the file isn't TOML"),
        (b"#" * (1 << 20) + b"#", "/: the file is larger than 1 MiB"),
    ],
)
def test_a_file_of_another_form_is_a_clear_error(tmp_path: Path, text: str | bytes, fault: str) -> None:
    assert faults(tmp_path, text)[0].startswith(fault)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load_address_book(tmp_path / "none.toml")
