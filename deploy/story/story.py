# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The two stories of the demo: one Wmo case between three partners, and the household around it with seven more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.search import Secrets
from deploy.story.case import STEPS, Step
from deploy.story.household import AROUND_THE_HOUSEHOLD
from deploy.story.household_case import HOUSEHOLD_STEPS, WHO_IS_ASKED
from deploy.story.person import (
    CASE_OF_THE_HOUSE,
    CITIZEN,
    HOUSEHOLD,
    PUPIL,
    PUPIL_AT_THE_PARTNERSHIP,
    household_secrets,
)
from deploy.story.world import EVERYONE, Who, two_days_before


@dataclass(frozen=True, slots=True)
class Story:
    """Who takes part, what happens, when it begins, whom it is about, and what the hub must not hold of it.

    `people`: how somebody is called, by a BSN or by the number that one partner knows.  `asked`: pairs of partners of whom one
    would tell the other.
    """

    partners: tuple[Who, ...]
    steps: tuple[Step, ...]
    begins: Callable[[int], int]
    people: Mapping[str, str]
    secrets: Secrets
    asked: tuple[tuple[Who, Who], ...] = ()


def _now(now: int) -> int:
    return now


ONE_CASE = Story(EVERYONE, STEPS, _now, {CITIZEN.bsn: "citizen"}, CITIZEN.secrets())
THE_HOUSEHOLD = Story(
    AROUND_THE_HOUSEHOLD,
    (*STEPS, *HOUSEHOLD_STEPS),
    two_days_before,
    {person.bsn: who for who, person in HOUSEHOLD.items()}
    | dict.fromkeys((PUPIL, PUPIL_AT_THE_PARTNERSHIP, CASE_OF_THE_HOUSE), "grandson"),
    household_secrets(),
    WHO_IS_ASKED,
)
