# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The invented citizen of the demo, and everything about her that a hub must not hold.

The BSN is of the official test range.  Nobody is called like this, and nobody lives there.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.search import Secrets


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A citizen as the systems of three partners know her."""

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
