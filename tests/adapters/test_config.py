# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
from pathlib import Path

import pytest

from adapters.config import EdgeConfig, load_edge_config
from adapters.formats import WRITERS
from adapters.formats.native import SubjectKind
from hub.config import HubConfig, load_hub_config
from schemas.event import Kind, Law
from schemas.note import verifier_key
from schemas.settings import SettingsError, settings_of, shown

ADDRESS = "urn:nld:oin:00000001234567890000:team-wmo"
PUBLIC = bytes(range(32))
HUB_KEY = verifier_key("hub.example", PUBLIC)
EDGE = f"""
address = "{ADDRESS}"
name = "Team Wmo Voorbeeldstad"
key_file = "../keys/edge.key"
"""
HUB = """
name = "hub.example"
operator = "Schakel Beheer"
controllers = ["Gemeente Voorbeeldstad"]
fg_contact = "fg@voorbeeldstad.example"
"""


def edge(tmp_path: Path, text: str) -> EdgeConfig:
    (tmp_path / "edge").mkdir(exist_ok=True)
    file = tmp_path / "edge" / "edge.toml"
    file.write_text(text)
    return load_edge_config(file)


def edge_faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        edge(tmp_path, text)
    return [str(fault) for fault in caught.value.faults]


def hub(tmp_path: Path, text: str) -> HubConfig:
    file = tmp_path / "hub.toml"
    file.write_text(text)
    return load_hub_config(file)


def hub_faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        hub(tmp_path, text)
    return [str(fault) for fault in caught.value.faults]


def test_an_edge_needs_an_address_a_name_and_a_store_key_and_is_strict(tmp_path: Path) -> None:
    config = edge(tmp_path, EDGE)

    assert config.strict
    assert not config.test_mode
    assert config.role == "team-wmo"
    assert config.hub is None
    assert edge_faults(tmp_path, "") == [
        "/address: this setting is required",
        "/name: this setting is required",
        "/key_file: give either key_file or passphrase_env",
    ]


def test_relative_paths_start_from_the_folder_of_the_file_defaults_too(tmp_path: Path) -> None:
    config = edge(tmp_path, EDGE)

    assert config.data_folder == tmp_path / "edge" / "data"
    assert config.in_folder == tmp_path / "edge" / "in"
    assert config.key_file is not None
    assert config.key_file.resolve() == tmp_path / "keys" / "edge.key"


def test_every_setting_of_an_edge_is_read(tmp_path: Path) -> None:
    config = edge(
        tmp_path,
        f"""
address = "{ADDRESS}"
name = "Team"
strict = false
test_mode = true
passphrase_env = "SCHAKEL_PASSPHRASE"
hub = "local:../hub"
hub_key = "{HUB_KEY}"
municipality_code = "9999"
agb = "12345678"
own_sources = ["urn:a"]
largest_file = 2048
done_days = 60
cloudevent_subject = "bsn"
own_number_system = "urn:oid:2.999.1"
xsd_dir = "/xsd"
fhir_schema = "/r4/fhir.schema.json"
notices_out = "csv"
notices_with_bsn = true
[formats_in]
".txt" = "iwmo"
[format_laws]
fhir = "wmo"
[cloudevent_types]
"nl.example.started" = {{ kind = "gestart", law = "wmo" }}
""",
    )

    assert config.hub_folder == tmp_path / "edge" / ".." / "hub"
    assert config.hub_verifier == ("hub.example", PUBLIC)
    assert config.own_codes == {"9999", "12345678", "urn:a"}
    assert config.formats_in == {".txt": "iwmo"}
    formats = config.formats
    assert formats.xsd_dir == Path("/xsd")
    assert formats.cloudevent_types == {"nl.example.started": (Kind.GESTART, Law.WMO)}
    assert formats.subject_kind is SubjectKind.BSN
    assert formats.fhir_schema == Path("/r4/fhir.schema.json")
    assert (formats.laws, formats.own_number_system) == ({"fhir": Law.WMO}, "urn:oid:2.999.1")


def test_an_unknown_setting_is_a_fault_and_every_fault_is_told_at_once(tmp_path: Path) -> None:
    found = edge_faults(
        tmp_path,
        """
address = "team-wmo"
naam = "Team"
name = 5
"rare sleutel" = 1
done_days = 3
strict = "yes"
agb = "1234567"
key_file = "../edge.key"
hub = "http://hub.example"
notices_out = "iwmo"
largest_file = true
own_sources = ["a", "a"]
[formats_in]
"xml" = "iwmo"
[format_laws]
fhir = "wlz"
[cloudevent_types]
"GEHEIM" = { kind = "gestart" }
""",
    )

    assert found == [
        "/naam: unknown setting",
        "/?: unknown setting",
        "/address: must be urn:nld:oin:<20 digits>:<role>",
        "/name: must be text of 1 to 80 characters",
        "/strict: must be true or false",
        "/hub: must be https:// with host and port of a hub, or local: and the folder of one",
        "/agb: must be eight digits",
        "/own_sources: must not hold the same value twice",
        "/largest_file: must be a whole number from 1024 to 1073741824",
        "/done_days: must be a whole number from 30 to 3650",
        "/formats_in: must be a suffix such as .xml, in small letters",
        "/cloudevent_types/0: must be a table with kind and law, and nothing else",
        "/format_laws/fhir: must be one of: wmo, jeugdwet, participatiewet, suwi, zvw, onderwijs, wgs",
        f"/notices_out: must be one of: {', '.join(sorted(WRITERS))}",
    ]
    assert "GEHEIM" not in "".join(found)


def test_strict_mode_refuses_a_hub_in_the_same_process_and_unread_rules(tmp_path: Path) -> None:
    text = EDGE + f'hub = "local:../hub"\nhub_key = "{HUB_KEY}"\ntest_mode = true\n'

    assert edge_faults(tmp_path, text) == [
        "/hub: a hub in the same process is for demos: refused in strict mode",
        "/test_mode: refused in strict mode",
    ]
    assert edge(tmp_path, text + "strict = false\n").hub is not None


def test_strict_mode_wants_the_authorities_that_vouch_for_partners_and_nobody_gives_half_of_them(
    tmp_path: Path,
) -> None:
    refused = ["/partner_authorities: give this and accession_authority: required in strict mode"]
    text = EDGE + f'hub = "https://hub.example:8443"\nhub_key = "{HUB_KEY}"\n'
    one, other = 'partner_authorities = "p.pem"\n', 'accession_authority = "a.pem"\n'

    assert [edge_faults(tmp_path, text + more) for more in ("", one, other)] == [refused] * 3
    assert edge(tmp_path, text + one + other).accession_authority == tmp_path / "edge" / "a.pem"
    assert edge(tmp_path, text + "strict = false\n").partner_authorities is None
    assert edge_faults(tmp_path, EDGE + "strict = false\n" + one) == refused
    assert edge(tmp_path, EDGE).partner_authorities is None


def test_what_leaves_is_spread_over_two_working_days_and_strict_mode_refuses_none(tmp_path: Path) -> None:
    assert edge(tmp_path, EDGE).spread_days == 2
    refused = ["/spread_days: 0 shows the hub what belongs together: refused in strict mode"]
    assert edge_faults(tmp_path, EDGE + "spread_days = 0\n") == refused
    assert edge(tmp_path, EDGE + "spread_days = 0\nstrict = false\n").spread_days == 0
    assert edge_faults(tmp_path, EDGE + "spread_days = 6\n") != []


def test_strict_mode_refuses_a_file_that_moves_the_clock(tmp_path: Path) -> None:
    refused = ["/clock_file: moves the clock, for tests and drills: refused in strict mode"]
    setting = 'clock_file = "clock"\n'

    assert edge_faults(tmp_path, EDGE + setting) == refused
    assert hub_faults(tmp_path, HUB + setting) == refused
    assert edge(tmp_path, EDGE + setting + "strict = false\n").clock_file == tmp_path / "edge" / "clock"
    assert hub(tmp_path, HUB + setting + "strict = false\n").clock_file == tmp_path / "clock"


def test_strict_mode_refuses_a_store_key_in_the_data_folder(tmp_path: Path) -> None:
    text = EDGE.replace("../keys/edge.key", "data/keys/edge.key")

    assert edge_faults(tmp_path, text) == ["/key_file: lies in data_folder: refused in strict mode"]
    assert edge(tmp_path, text + "strict = false\n").key_file is not None


def test_the_store_key_has_one_source(tmp_path: Path) -> None:
    assert edge_faults(tmp_path, EDGE + 'passphrase_env = "SCHAKEL_PASSPHRASE"\n') == [
        "/key_file: give either key_file or passphrase_env"
    ]


def test_a_hub_goes_with_its_key(tmp_path: Path) -> None:
    text = EDGE + 'strict = false\nhub = "local:../hub"\n'

    assert edge_faults(tmp_path, text) == ["/hub_key: this setting is required with a hub"]
    assert edge_faults(tmp_path, text + 'hub_key = "hub.example+00000000+AAAA"\n') == [
        "/hub_key: must be the verifier key that `schakel hub init` printed"
    ]


def test_folders_of_the_organisation_lie_outside_the_data_folder_and_differ(tmp_path: Path) -> None:
    text = EDGE + 'in_folder = "data/in"\nout_folder = "done"\nquarantine_folder = "data"\n'

    assert edge_faults(tmp_path, text) == [
        "/in_folder: lies in data_folder",
        "/quarantine_folder: is the same folder as data_folder",
        "/out_folder: is the same folder as done_folder",
    ]


def test_a_strict_hub_names_who_runs_it_for_whom_and_how_the_privacy_officer_is_reached(tmp_path: Path) -> None:
    config = hub(tmp_path, HUB)

    assert (config.operator, config.controllers) == ("Schakel Beheer", ("Gemeente Voorbeeldstad",))
    assert hub_faults(tmp_path, 'name = "hub.example"') == [
        "/operator: this setting is required in strict mode",
        "/controllers: this setting is required in strict mode",
        "/fg_contact: this setting is required in strict mode",
    ]
    assert hub(tmp_path, 'name = "hub.example"\nstrict = false').operator is None


def test_a_strict_hub_keeps_the_key_of_its_log_outside_its_store(tmp_path: Path) -> None:
    assert hub_faults(tmp_path, HUB + 'key_file = "data/log.key"\n') == [
        "/key_file: lies in data_folder: refused in strict mode"
    ]
    assert hub(tmp_path, HUB).key_file == tmp_path / "log.key"


def test_a_hub_refuses_unknown_settings_and_a_name_that_is_no_host(tmp_path: Path) -> None:
    assert hub_faults(tmp_path, HUB.replace("hub.example", "De Hub") + "poort = 1\ntest_mode = true\n") == [
        "/poort: unknown setting",
        "/name: must be a host name in small letters",
        "/test_mode: refused in strict mode",
    ]


@pytest.mark.parametrize("kind", [EdgeConfig, HubConfig])
def test_every_setting_says_what_it_means_and_has_a_default_or_is_required(kind: type[object]) -> None:
    for setting in settings_of(kind):
        assert setting.meaning.endswith((".", ".toml")), setting.name
        assert setting.required == (setting.default == ""), setting.name
        # A number without a unit says nothing.
        assert bool(setting.unit) == setting.default.isdigit(), setting.name


def test_what_is_in_force_can_be_shown_and_holds_no_secret(tmp_path: Path) -> None:
    found = dict(shown(edge(tmp_path, EDGE)))

    assert found["strict"] == "true"
    assert found["largest_file"] == "1048576"
    assert found["formats_in"] == ".json = cloudevents, .xml = iwmo"
    assert found["hub"] == "-"
    assert found.keys() == {setting.name for setting in settings_of(EdgeConfig)}
