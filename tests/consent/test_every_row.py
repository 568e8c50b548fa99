# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Every row of the national table, by its rule: what it permits, and that it permits nothing else.

Written down here by itself, so that a slip in the table shows. Asked of `decide`, as hub and edges do.
"""

from itertools import combinations, product

from consent import rules
from consent.decide import Moment, Registered, Verdict, decide
from schemas import calendar

BASE = rules.national(test_mode=True)
WITHOUT = {number: rules.without(BASE, [number]) for number in BASE.rows}
MARCH = calendar.parse_month("2026-03")
DAY = calendar.parse_date("2026-03-15")
GROUNDS = ("consent", "no-objection", "safety", "statutory")
CATEGORIES = ("progress", "service")
ASKED = [choice for size in (1, 2) for choice in combinations(CATEGORIES, size)] + [(), ("health",)]
EVERYBODY = " ".join(rules.ROLES)
Pair = tuple[str, str]


def _grant(row: int, pair: Pair, ground: str, categories: tuple[str, ...]) -> Registered:
    sender, recipient = (f"urn:nld:oin:{number:020d}:{role}" for number, role in enumerate(pair, 1))
    return Registered(sender, recipient, MARCH, None, row, ground, categories, stopped=False)


def _permitted(row: int) -> set[tuple[str, str, str, tuple[str, ...]]]:
    """Everything to which the decision says yes under this row, of all that can be asked."""
    return {
        (*pair, ground, categories)
        for pair, ground, categories in product(product(rules.ROLES, repeat=2), GROUNDS, ASKED)
        if decide((BASE, BASE), _grant(row, pair, ground, categories), DAY, Moment.ACCEPT) is Verdict.PERMIT
    }


def _only(row: int, ground: str, senders: str, recipients: str, categories: str = "progress") -> None:
    """It permits this and nothing else; not when the grant is stopped, nor when one of the two tables lacks the row."""
    told = [choice for choice in ASKED if choice and set(choice) <= set(categories.split())]
    pairs = list(product(senders.split(), recipients.split()))
    assert _permitted(row) == {(*pair, ground, choice) for pair in pairs for choice in told}
    for pair in pairs:
        grant = _grant(row, pair, ground, tuple(categories.split()))
        assert decide((BASE, BASE), grant._replace(stopped=True), DAY, Moment.ACCEPT) is Verdict.NOT_ACTIVE
        for tables in ((WITHOUT[row], BASE), (BASE, WITHOUT[row])):
            assert decide(tables, grant, DAY, Moment.ACCEPT) is Verdict.NOT_PERMITTED


def _closed(row: int, senders: str, recipients: str, reason: str) -> None:
    """It permits nothing, says why, and no other row permits on consent, declaration or task what it closes."""
    found = BASE.rows[row]
    assert (found.permits, found.in_force, found.reason) == (False, True, reason)
    assert (found.senders, found.recipients) == (tuple(senders.split()), tuple(recipients.split()))
    assert _permitted(row) == set()
    for pair in product(found.senders, found.recipients):
        assert {way.ground for way in rules.ways(BASE, *pair).open} <= {"safety"}


def _by_person(row: int, senders: str, recipients: str) -> None:
    """It permits nothing: a person judges the case. What other rows permit stays as it is."""
    found = BASE.rows[row]
    assert (found.permits, found.reason) == (False, "judgement")
    assert (found.senders, found.recipients) == (tuple(senders.split()), tuple(recipients.split()))
    assert _permitted(row) == set()
    assert WITHOUT[row].permitted == BASE.permitted


def _off(row: int, senders: str, recipients: str) -> None:
    """It would permit, and is not in force."""
    found = BASE.rows[row]
    assert (found.permits, found.in_force) == (True, False)
    assert (found.senders, found.recipients) == (tuple(senders.split()), tuple(recipients.split()))
    assert _permitted(row) == set()


def test_every_row_has_its_test_here() -> None:
    tested = {int(name.split("_")[2]) for name in globals() if name.startswith("test_row_")}

    assert tested == set(BASE.rows)


def test_row_1_the_wmo_team_tells_the_provider_that_has_the_allocation() -> None:
    _only(1, "statutory", "team-wmo", "provider-wmo", "progress service")


def test_row_2_the_wmo_provider_tells_the_team_that_allotted_the_help() -> None:
    _only(2, "statutory", "provider-wmo", "team-wmo", "progress service")


def test_row_3_the_wmo_team_tells_nobody_outside_the_closed_list() -> None:
    _closed(3, "team-wmo", "partnership provider-jeugd school uwv", "law")


def test_row_4_the_gp_tells_the_wmo_team_with_consent() -> None:
    _only(4, "consent", "gp", "team-wmo")


def test_row_5_the_wmo_team_tells_the_gp_with_consent() -> None:
    _only(5, "consent", "team-wmo", "gp")


def test_row_6_the_youth_team_tells_the_wmo_team_with_consent() -> None:
    _only(6, "consent", "team-jeugd", "team-wmo")


def test_row_7_who_must_help_in_a_task_of_the_wmo_is_judged_by_a_person() -> None:
    _by_person(7, "provider-wmo team-wmo", "gp partnership provider-jeugd provider-wmo school team-jeugd team-pw")


def test_row_8_youth_care_supplies_the_municipality_that_grants_and_pays_it() -> None:
    _only(8, "statutory", "gi provider-jeugd rvdk", "team-jeugd", "progress service")


def test_row_9_the_youth_care_provider_tells_others_with_consent() -> None:
    _only(9, "consent", "provider-jeugd", "gp partnership provider-wmo school team-wmo")


def test_row_10_youth_care_providers_in_the_same_help_tell_each_other() -> None:
    _only(10, "statutory", "provider-jeugd", "provider-jeugd")


def test_row_11_youth_professionals_tell_the_institution_that_carries_out_a_supervision_order() -> None:
    _only(11, "safety", "provider-jeugd team-jeugd", "gi")


def test_row_12_the_gp_tells_others_with_consent() -> None:
    _only(12, "consent", "gp", "partnership provider-jeugd provider-wmo school team-jeugd zvh")


def test_row_13_the_gp_tells_who_is_in_the_same_treatment() -> None:
    _only(13, "statutory", "gp", "gp provider-jeugd")


def test_row_14_wmo_professionals_tell_veilig_thuis() -> None:
    _only(14, "safety", "provider-wmo team-wmo", "veilig-thuis")


def test_row_15_uwv_tells_the_work_and_income_team_for_suwi_tasks() -> None:
    _only(15, "statutory", "uwv", "team-pw")


def test_row_16_uwv_answers_the_municipality_that_carries_out_the_participation_act() -> None:
    _only(16, "statutory", "uwv", "team-pw")


def test_row_17_the_work_and_income_team_tells_uwv_for_its_task() -> None:
    _only(17, "statutory", "team-pw", "uwv")


def test_row_18_the_work_and_income_team_tells_others_after_a_declaration_of_no_objection() -> None:
    _only(18, "no-objection", "team-pw", "gp partnership provider-jeugd provider-wmo school")


def test_row_19_a_partnership_tells_no_third_party() -> None:
    _closed(
        19,
        "partnership",
        "gp partnership police provider-jeugd provider-wmo rvdk team-jeugd team-pw team-wmo uwv",
        "law",
    )


def test_row_20_the_school_tells_the_municipality_with_consent() -> None:
    _only(20, "consent", "school", "team-jeugd team-wmo")


def test_row_21_the_police_decide_each_case_by_themselves() -> None:
    _by_person(21, "police", "zvh")


def test_row_22_the_safety_house_tells_the_teams_that_take_part() -> None:
    _only(22, "statutory", "zvh", "team-jeugd team-pw team-wmo")


def test_row_23_the_safety_house_tells_nobody_who_does_not_take_part() -> None:
    _closed(23, "zvh", "gi gp partnership police provider-jeugd provider-wmo rvdk school uwv zvh", "unread")


def test_row_24_acute_danger_is_told_by_a_person_and_not_by_a_rule() -> None:
    _by_person(24, EVERYBODY, EVERYBODY)


def test_row_25_the_bill_for_an_integral_approach_permits_nothing() -> None:
    _off(25, "team-jeugd team-pw team-wmo", "team-jeugd team-pw team-wmo")


def test_row_106_the_work_and_income_team_tells_the_wmo_team_with_consent() -> None:
    _only(106, "consent", "team-pw", "team-wmo")


def test_row_111_the_gp_tells_the_institution_that_carries_out_a_supervision_order() -> None:
    _only(111, "safety", "gp", "gi")


def test_row_114_youth_professionals_tell_veilig_thuis() -> None:
    _only(114, "safety", "gi provider-jeugd rvdk team-jeugd", "veilig-thuis")


def test_row_115_the_work_and_income_team_tells_uwv_for_suwi_tasks() -> None:
    _only(115, "statutory", "team-pw", "uwv")


def test_row_118_uwv_tells_others_after_a_declaration_of_no_objection() -> None:
    _only(118, "no-objection", "uwv", "gp partnership school")


def test_row_119_a_partnership_tells_the_school_board() -> None:
    _only(119, "statutory", "partnership", "school")


def test_row_122_wmo_participants_tell_the_safety_house() -> None:
    _only(122, "statutory", "provider-wmo team-wmo", "zvh")


def test_row_211_education_tells_the_institution_that_carries_out_a_supervision_order() -> None:
    _only(211, "safety", "partnership school", "gi")


def test_row_214_the_gp_tells_veilig_thuis() -> None:
    _only(214, "safety", "gp", "veilig-thuis")


def test_row_222_youth_participants_tell_the_safety_house() -> None:
    _only(222, "statutory", "provider-jeugd team-jeugd", "zvh")


def test_row_311_wmo_professionals_tell_the_institution_that_carries_out_a_supervision_order() -> None:
    _only(311, "safety", "provider-wmo team-wmo", "gi")


def test_row_314_education_tells_veilig_thuis() -> None:
    _only(314, "safety", "partnership school", "veilig-thuis")


def test_row_322_the_work_and_income_team_tells_the_safety_house() -> None:
    _only(322, "statutory", "team-pw", "zvh")


def test_row_414_the_work_and_income_team_tells_veilig_thuis() -> None:
    _only(414, "safety", "team-pw", "veilig-thuis")


def test_row_422_education_tells_the_safety_house() -> None:
    _only(422, "statutory", "partnership school", "zvh")


def test_row_514_uwv_tells_veilig_thuis() -> None:
    _only(514, "safety", "uwv", "veilig-thuis")


def test_row_522_the_gp_tells_the_safety_house() -> None:
    _only(522, "statutory", "gp", "zvh")


def test_row_614_the_safety_house_tells_veilig_thuis() -> None:
    _only(614, "safety", "zvh", "veilig-thuis")


def test_row_901_the_wmo_provider_tells_others_with_consent() -> None:
    _only(901, "consent", "provider-wmo", "gp provider-jeugd team-jeugd")


def test_row_902_the_wmo_team_tells_other_teams_with_consent() -> None:
    _only(902, "consent", "team-wmo", "team-jeugd team-pw")


def test_row_903_the_youth_team_tells_others_with_consent() -> None:
    _only(903, "consent", "team-jeugd", "gp partnership provider-wmo school team-pw")


def test_row_904_the_youth_team_tells_the_provider_that_has_the_allocation() -> None:
    _only(904, "statutory", "team-jeugd", "provider-jeugd", "progress service")


def test_row_905_the_work_and_income_team_tells_the_youth_team_with_consent() -> None:
    _only(905, "consent", "team-pw", "team-jeugd")


def test_row_906_the_school_tells_care_with_consent() -> None:
    _only(906, "consent", "school", "gp provider-jeugd provider-wmo")


def test_row_907_nothing_was_read_for_a_wmo_provider_and_these_others() -> None:
    _closed(907, "provider-wmo", "partnership police provider-wmo rvdk school team-pw uwv", "unread")


def test_row_908_nothing_was_read_for_a_youth_care_provider_and_these_others() -> None:
    _closed(908, "provider-jeugd", "police rvdk team-pw uwv", "unread")


def test_row_909_nothing_was_read_for_the_wmo_team_and_these_others() -> None:
    _closed(909, "team-wmo", "police rvdk team-wmo", "unread")


def test_row_910_nothing_was_read_for_the_youth_team_and_these_others() -> None:
    _closed(910, "team-jeugd", "police rvdk team-jeugd uwv", "unread")


def test_row_911_nothing_was_read_for_the_work_and_income_team_and_these_others() -> None:
    _closed(911, "team-pw", "gi police rvdk team-pw", "unread")


def test_row_912_nothing_was_read_for_uwv_and_these_others() -> None:
    _closed(912, "uwv", "gi police provider-jeugd provider-wmo rvdk team-jeugd team-wmo uwv zvh", "unread")


def test_row_913_nothing_was_read_for_the_gp_and_these_others() -> None:
    _closed(913, "gp", "police rvdk team-pw uwv", "unread")


def test_row_914_nothing_was_read_for_a_school_and_these_others() -> None:
    _closed(914, "school", "partnership police rvdk school team-pw uwv", "unread")


def test_row_915_nothing_was_read_for_a_certified_institution_and_these_others() -> None:
    _closed(
        915, "gi", "gi gp partnership police provider-jeugd provider-wmo rvdk school team-pw team-wmo uwv zvh", "unread"
    )


def test_row_916_nothing_was_read_for_the_child_protection_board_and_these_others() -> None:
    _closed(
        916,
        "rvdk",
        "gi gp partnership police provider-jeugd provider-wmo rvdk school team-pw team-wmo uwv zvh",
        "unread",
    )


def test_row_917_nothing_was_read_for_the_police() -> None:
    _closed(
        917,
        "police",
        "gi gp partnership police provider-jeugd provider-wmo rvdk school team-jeugd team-pw team-wmo uwv veilig-thuis zvh",
        "unread",
    )


def test_row_918_nothing_was_read_for_what_veilig_thuis_tells() -> None:
    _closed(
        918,
        "veilig-thuis",
        "gi gp partnership police provider-jeugd provider-wmo rvdk school team-jeugd team-pw team-wmo uwv veilig-thuis zvh",
        "unread",
    )
