# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Everyone around the household of the demo: the three of the Wmo case and seven more, each with the format of its own system."""

from __future__ import annotations

from deploy.compose import toml
from deploy.story.household_messages import (
    ACTION_TYPE,
    BENEFIT_SYSTEM,
    GRANTED,
    HOUSE_OIN,
    HOUSE_SOURCE,
    PARTNERSHIP_SOURCE,
    SCHOOL_SOURCE,
    UWV_SOURCE,
)
from deploy.story.messages import MUNICIPALITY, YOUTH_AGB
from deploy.story.world import EVERYONE, Who


def _sources(source: str) -> tuple[str, str]:
    return "own_sources", f"[{toml(source)}]"


def _formats(suffix: str, name: str) -> tuple[str, str]:
    return "formats_in", f"{{ {toml(suffix)} = {toml(name)} }}"


YOUTH_TEAM = Who(
    "team-jeugd",
    "urn:nld:oin:00000009999999990001:team-jeugd",
    "Team Jeugd Voorbeeldstad",
    (("municipality_code", toml(MUNICIPALITY)), _formats(".xml", "ijw"), ("notices_out", toml("zgw"))),
    f'municipality = {{ code = {toml(MUNICIPALITY)}, law = "jeugdwet" }}',
)
YOUTH_PROVIDER = Who(
    "jeugdhulp",
    "urn:nld:oin:00000009999999990005:provider-jeugd",
    "Jeugdhulp De Brug",
    (("agb", toml(YOUTH_AGB)), _formats(".xml", "ijw"), ("notices_out", toml("csv"))),
    f"agb = [{toml(YOUTH_AGB)}]",
)
WORK_TEAM = Who(
    "team-participatie",
    "urn:nld:oin:00000009999999990001:team-pw",
    "Team Participatie Voorbeeldstad",
    (_sources(BENEFIT_SYSTEM), _formats(".json", "team"), ("notices_out", toml("team"))),
    f"sources = [{toml(BENEFIT_SYSTEM)}]",
)
UWV = Who(
    "uwv",
    "urn:nld:oin:00000009999999990004:uwv",
    "UWV Voorbeeldregio",
    (
        _sources(UWV_SOURCE),
        _formats(".xml", "suwi"),
        ("cloudevent_types", f'{{ "suwi:beslissing:{GRANTED}" = {{ kind = "toegewezen", law = "suwi" }} }}'),
        ("notices_out", toml("csv")),
    ),
    f"sources = [{toml(UWV_SOURCE)}]",
)
SCHOOL = Who(
    "school",
    "urn:nld:oin:00000009999999990006:school",
    "School De Regenboog",
    (_sources(SCHOOL_SOURCE), _formats(".json", "school"), ("notices_out", toml("school"))),
    f"sources = [{toml(SCHOOL_SOURCE)}]",
)
PARTNERSHIP = Who(
    "samenwerkingsverband",
    "urn:nld:oin:00000009999999990008:partnership",
    "Samenwerkingsverband Voorbeeldstad",
    (_sources(PARTNERSHIP_SOURCE), _formats(".json", "school"), ("notices_out", toml("school"))),
    f"sources = [{toml(PARTNERSHIP_SOURCE)}]",
)
HOUSE = Who(
    "veiligheidshuis",
    f"urn:nld:oin:{HOUSE_OIN}:zvh",
    "Veiligheidshuis Voorbeeldregio",
    (
        _sources(HOUSE_SOURCE),
        _formats(".json", "corv"),
        ("cloudevent_types", f'{{ {toml(ACTION_TYPE)} = {{ kind = "actie-belegd", law = "wgs" }} }}'),
        ("notices_out", toml("corv")),
    ),
    f"sources = [{toml(HOUSE_SOURCE)}]",
)
AROUND_THE_HOUSEHOLD = (*EVERYONE, YOUTH_TEAM, YOUTH_PROVIDER, WORK_TEAM, UWV, SCHOOL, PARTNERSHIP, HOUSE)
