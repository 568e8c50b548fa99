# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Cedar, another engine with policies generated from the same table, decides as `consent.decide` does.

`make fuzz` asks 100,000 random requests; the ordinary run fewer.
"""

import os
from itertools import combinations
from random import Random

import cedarpy
import orjson

from consent import rules
from consent.decide import Moment, Registered, Verdict, decide
from consent.rules import RuleTable
from schemas import calendar

MACHINES = True  # for `tests.fuzz`: this module reads SCHAKEL_FUZZ itself
REQUESTS = 100_000 if "SCHAKEL_FUZZ" in os.environ else 3_000
TOGETHER = 5_000
MARCH = calendar.parse_month("2026-03")
FIRST, LAST = calendar.first_day(MARCH), calendar.last_day(MARCH)
BASE = rules.national(test_mode=True)
GROUNDS = ("consent", "no-objection", "safety", "statutory")
CHOICES = [choice for size in range(3) for choice in combinations(("progress", "service"), size)] + [("health",)]
STATE = """
forbid(principal, action, resource) when { context.stopped || context.day < context.first };
forbid(principal, action, resource) when { context has end && context.day > context.end };
forbid(principal, action, resource) when { context.moment == "accept" && context.day > context.last };
forbid(principal, action, resource) when { context.moment == "pickup" && context.day > context.last + 9 };
"""


def _policies(table: RuleTable) -> cedarpy.PolicySet:
    """One permit for each row that lets anything pass, and what the state of a grant forbids."""
    return cedarpy.PolicySet.from_str(
        STATE + "".join(_policy(row) for row in table.rows.values() if row.in_force and row.permits)
    )


def _policy(row: rules.Row) -> str:
    roles = {name: ", ".join(f'Role::"{one}"' for one in getattr(row, name)) for name in ("senders", "recipients")}
    words = {name: ", ".join(f'"{one}"' for one in getattr(row, name)) for name in ("grounds", "categories")}
    return f"""
permit(principal, action == Action::"tell", resource) when {{
  context.row == {row.id} && [{roles["senders"]}].contains(principal) && [{roles["recipients"]}].contains(resource)
  && [{words["grounds"]}].contains(context.ground) && [{words["categories"]}].containsAll(context.categories)
  && !context.categories.isEmpty()
}};
"""


def _narrowed() -> RuleTable:
    """A municipality's: some rows gone, one off, some with fewer roles."""
    parsed = orjson.loads(BASE.raw)
    parsed["rows"] = [row for row in parsed["rows"] if row["id"] not in {2, 9, 122}]
    for row in parsed["rows"]:
        if row["id"] == 5:
            row["permits"] = False
        if row["id"] == 12:
            row["recipients"] = ["provider-jeugd", "school"]
        if row["id"] == 1:
            row["categories"] = ["progress"]
    return rules.narrow(BASE, orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


NARROWED = _narrowed()
TABLES = {table.hash: (table, _policies(table)) for table in (BASE, NARROWED)}


def _request(random: Random) -> tuple[Registered, int, Moment]:
    """Near enough to a row that about half could be permitted."""
    row = random.choice(list(BASE.rows.values()))
    roles = (random.choice(row.senders), random.choice(row.recipients))
    ground, categories = random.choice(row.grounds), random.choice(CHOICES)
    if random.random() < 0.5:
        categories = row.categories
    if random.random() < 0.2:
        roles = (random.choice(rules.ROLES), random.choice(rules.ROLES))
    if random.random() < 0.2:
        ground = random.choice(GROUNDS)
    number = random.randrange(1, 1000) if random.random() < 0.1 else row.id
    end = random.choice([None, None, None, random.randrange(FIRST - 3, LAST + 12)])
    day = random.randrange(FIRST, LAST + 1) if random.random() < 0.7 else random.randrange(FIRST - 5, LAST + 15)
    sender, recipient = (f"urn:nld:oin:{place:020d}:{role}" for place, role in enumerate(roles, 1))
    grant = Registered(sender, recipient, MARCH, end, number, ground, categories, stopped=random.random() < 0.2)
    return grant, day, random.choice([Moment.ACCEPT, Moment.PICKUP])


def _as_cedar(grant: Registered, day: int, moment: Moment) -> dict[str, object]:
    context: dict[str, object] = {
        "row": grant.row,
        "ground": grant.ground,
        "categories": list(grant.categories),
        "stopped": grant.stopped,
        "day": day,
        "first": FIRST,
        "last": LAST,
        "moment": "accept" if moment is Moment.ACCEPT else "pickup",
    }
    if grant.end is not None:
        context["end"] = grant.end
    sender, recipient = grant.sender.rpartition(":")[2], grant.recipient.rpartition(":")[2]
    return {
        "principal": f'Role::"{sender}"',
        "action": 'Action::"tell"',
        "resource": f'Role::"{recipient}"',
        "context": context,
    }


def _allowed(policies: cedarpy.PolicySet, asked: list[dict[str, object]]) -> list[bool]:
    answers = cedarpy.is_authorized_batch(asked, policies, [])
    assert not [answer.diagnostics.errors for answer in answers if answer.diagnostics.errors]
    return [answer.allowed for answer in answers]


def test_the_table_and_cedar_give_the_same_answer_to_random_requests() -> None:
    random = Random(6)  # noqa: S311  # the same requests each time
    seen: dict[Verdict, int] = {}
    for start in range(0, REQUESTS, TOGETHER):
        requests = [_request(random) for _ in range(min(TOGETHER, REQUESTS - start))]
        asked = [_as_cedar(*request) for request in requests]
        for table, policies in TABLES.values():
            for request, allowed in zip(requests, _allowed(policies, asked), strict=True):
                verdict = decide((table, table), *request)
                seen[verdict] = seen.get(verdict, 0) + 1
                assert (verdict is Verdict.PERMIT) == allowed, (table.hash.hex()[:8], request)
    assert set(seen) == set(Verdict)  # else the requests would show little
    assert seen[Verdict.PERMIT] > REQUESTS // 5


def test_of_two_tables_both_must_permit_as_cedar_has_it() -> None:
    random = Random(7)  # noqa: S311  # the same requests each time
    requests = [_request(random) for _ in range(min(REQUESTS, 2_000))]
    asked = [_as_cedar(*request) for request in requests]
    ours, theirs = (_allowed(policies, asked) for _, policies in TABLES.values())

    for request, mine, other in zip(requests, ours, theirs, strict=True):
        verdict = decide((BASE, NARROWED), *request)
        assert (verdict is Verdict.PERMIT) == (mine and other)
    assert sum(mine != other for mine, other in zip(ours, theirs, strict=True)) > 20
