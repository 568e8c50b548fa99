# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The invented household of the demo, and everything about it that a hub must not hold.

BSNs are of the official test range.  Nobody is called like this, and nobody lives there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.search import Secrets


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A citizen as the systems of the partners know her."""

    bsn: str
    given_name: str
    family_name: str
    born: str
    street: str
    phone: str
    remark: str
    allocation: str
    patient_number: str
    case_number: str

    def secrets(self) -> Secrets:
        """Every name, number and text of the story, each with a label that may be printed."""
        return Secrets(
            names={
                "given name": self.given_name,
                "family name": self.family_name,
                "street": self.street,
            },
            numbers={
                "BSN": self.bsn,
                "telephone number": self.phone,
                "allocation number": self.allocation,
                "patient number at the GP": self.patient_number,
                "case number at the municipality": self.case_number,
            },
            texts={"date of birth": self.born, "free text in the allocation": self.remark},
        )


CITIZEN = Person(
    bsn="999900146",
    given_name="Wendelmoet",
    family_name="Kwispelaar",
    born="1947-10-23",
    street="Verzinselpad",
    phone="0600417291",
    remark="Bij voorkeur in de ochtend; de hond Snorrebot is lief",
    allocation="730194827",
    patient_number="HA4471902",
    case_number="ZK2290417753",
)
DAUGHTER = Person(
    bsn="999912008",
    given_name="Roelandine",
    family_name="Kwispelaar",
    born="1979-04-12",
    street="Verzinselpad",
    phone="0600417292",
    remark="Belt liever niet voor tien uur; leert voor hovenier",
    allocation="730194835",
    patient_number="HA4471910",
    case_number="PW1180364429",
)
GRANDSON = Person(
    bsn="999912021",
    given_name="Tjebbegijs",
    family_name="Kwispelaar",
    born="2012-09-02",
    street="Verzinselpad",
    phone="0600417293",
    remark="Wil zelf bij elk gesprek zijn; speelt bugel",
    allocation="810275643",
    patient_number="HA4471928",
    case_number="JW3307715520",
)
HOUSEHOLD: Mapping[str, Person] = {"grandmother": CITIZEN, "daughter": DAUGHTER, "grandson": GRANDSON}
# Numbers that one organisation gave the grandson: it knows no BSN of him.
PUPIL, PUPIL_AT_THE_PARTNERSHIP, CASE_OF_THE_HOUSE = "LL5520917", "SWV660218", "ZVH-2290-0417"


def household_secrets() -> Secrets:
    """Every name, number and text about the three, each once and with a label that may be printed."""
    each = {who: person.secrets() for who, person in HOUSEHOLD.items()}
    own = {
        "number at the school": PUPIL,
        "number at the partnership": PUPIL_AT_THE_PARTNERSHIP,
        "number at the Veiligheidshuis": CASE_OF_THE_HOUSE,
    }
    return Secrets(
        names=_labelled({who: one.names for who, one in each.items()}),
        numbers=_labelled({who: one.numbers for who, one in each.items()}) | own,
        texts=_labelled({who: one.texts for who, one in each.items()}),
    )


def _labelled(each: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}  # value -> label: what they share is looked for once
    for who, values in each.items():
        for label, value in values.items():
            found.setdefault(value, f"{label} of the {who}")
    return {label: value for value, label in found.items()}
