# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The Dutch words for what the hub decided and why, for the screens that a privacy officer (FG) reads."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.address import oin_of, role_of
from schemas.codes import Code

DECISIONS: Mapping[Code, str] = {
    Code.ACCEPTED: "toegestaan",
    Code.NOT_ACTIVE: "geweigerd (not-active): er gold geen toelating",
    Code.MONTH_OVER: "geweigerd (month-over): de maand van deze schuilnaam was voorbij",
    Code.NOT_PERMITTED_HERE: "geweigerd (not-permitted-here): de regeltabel van afzender of ontvanger staat dit niet toe",
    Code.WRONG_TERMS: "geweigerd (wrong-terms): het bericht noemde andere voorwaarden dan de toelating",
    Code.WRONG_PARTS: "geweigerd (wrong-parts): het bericht had andere onderdelen dan de toelating",
    Code.OLD_RECIPIENT_KEY: "geweigerd (old-recipient-key): het was verzegeld voor een oude sleutel van de ontvanger",
    Code.NO_RECIPIENT: "geweigerd (no-recipient): de ontvanger was niet toegelaten",
    Code.UNKNOWN_SENDER: "geweigerd (unknown-sender): de afzender was niet toegelaten",
    Code.KEY_NOT_VALID: "geweigerd (key-not-valid): de sleutel van de afzender was niet geldig",
    Code.REPLAYED: "geweigerd (replayed): het volgnummer was al gebruikt",
    Code.ID_REUSED: "geweigerd (id-reused): het berichtnummer was al van een ander bericht",
}
INACTIVE: Mapping[str, str] = {
    "unknown": "deze schuilnaam was bij de hub niet bekend",
    "erased": "deze schuilnaam staat in geen regel die er nog is",
    "forgotten": "de toelating was verlopen en vergeten",
    "stopped": "zij was gestopt (logboekregel {entry}); waarom weet alleen de edge van wie stopte",
    "ended": "zij eindigde op {day}",
    "early": "zij begon pas op {day}",
    "addresses": "zij is van twee andere partners",
    "month": "haar maand eindigde op {day}",
}
MOMENTS: Mapping[str, str] = {"accept": "bij binnenkomst", "hand-over": "bij het ophalen"}
FACTS: Mapping[str, str] = {"register": "aangemeld", "stop": "gestopt"}
TABLES_DIFFER = ", van elk van beide een eigen"
REPLAYED: Mapping[str, str] = {
    "same": "valt opnieuw hetzelfde uit",
    "erased": "niet opnieuw te nemen: de logboekregel is gewist",
    "rests-on-erased": "niet opnieuw te nemen: een logboekregel waarop zij rust is gewist",
}


def organisation(address: str) -> str:
    """An address as fits in a sentence or a table: the role, and the end of the OIN."""
    return f"{role_of(address)} (..{oin_of(address)[-4:]})"
