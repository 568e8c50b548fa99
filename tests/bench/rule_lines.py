# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the rules: the decision alone with the whole table, and with its look-up among a million grants."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from random import Random
from subprocess import run as run_process
from sys import executable

from consent.decide import Moment, Registered, Verdict, decide, role_of
from consent.rules import national
from schemas import calendar
from tests.bench.hub_lines import grants_folder
from tests.bench.measure import RUNS, Line, below

DECISIONS = 200_000
GOAL = 500_000
_OIN = "urn:nld:oin:0000000999999999"


def decide_alone(_root: Path) -> list[Line]:
    """Decisions per second of one core, each row of the table in turn, half of them permitted."""
    table = national(test_mode=True)
    month = calendar.month_of(calendar.day_of(time.time_ns() // 1_000_000))
    day = calendar.first_day(month) + 3
    grants = [
        Registered(
            f"{_OIN}{number % 100:04d}:{row.senders[number % len(row.senders)]}",
            f"{_OIN}{number % 97 + 100:04d}:{row.recipients[number % len(row.recipients)]}",
            month,
            None,
            row.id,
            row.grounds[0] if number % 2 else "consent",
            row.categories,
            stopped=number % 10 == 0,
        )
        for number, row in enumerate(list(table.rows.values()) * 50)
    ]
    tables, times, permitted = (table, table), list[float](), 0
    for _ in range(RUNS + 1):
        rounds = DECISIONS // len(grants)
        begin = time.process_time()
        for _ in range(rounds):
            for grant in grants:
                if decide(tables, grant, day, Moment.ACCEPT) is Verdict.PERMIT:
                    permitted += 1
        times.append(rounds * len(grants) / (time.process_time() - begin))
    if not 0.2 * len(grants) < permitted / (rounds * (RUNS + 1)) < 0.8 * len(grants):
        raise RuntimeError("nearly everything has one answer: this figure would mean little")
    value = round(statistics.median(times[1:]))  # the first run warms up
    bare = _bare(tables, grants)
    line = Line(
        "rules.decide",
        "decisions/s of one core (CPU)",
        value,
        bare,
        round(value / bare, 3),
        f">= {GOAL:,}",
        value >= GOAL,
        RUNS,
    )
    return [line]


def _bare(tables: tuple[object, object], grants: list[Registered]) -> int:
    """The same loop with nothing but two look-ups of a ready question: what the table itself costs."""
    questions = [(one.row, role_of(one.sender), role_of(one.recipient), one.ground, one.categories) for one in grants]
    ours, theirs = (one.permitted for one in tables)  # type: ignore[attr-defined]
    rounds = DECISIONS // len(grants)
    begin, found = time.process_time(), 0
    for _ in range(rounds):
        for question in questions:
            if question in ours and question in theirs:
                found += 1
    return round(rounds * len(questions) / (time.process_time() - begin))


def decide_among_million(root: Path) -> list[Line]:
    """The 99th percentile of one decision that reads its grant from a store with 1,000,000, each run a process of its own."""
    folder = root / "million"
    grants_folder(folder, 1_000_000)
    values = []
    for run in range(RUNS):
        told = run_process(
            [executable, "-m", "tests.bench.rule_lines", str(folder), str(run)],
            capture_output=True,
            check=True,
            text=True,
        )
        values.append(float(told.stdout))
    return [below("rules.decide_1M_grants_p99_us", "us", values, 100)]


def main(folder: Path, seed: int) -> None:
    """Opens the store, decides on random grants, prints the 99th percentile in microseconds."""
    from hashlib import sha256  # noqa: PLC0415

    from hub.pipeline import registered  # noqa: PLC0415
    from hub.registry import ADMITTED, Partner  # noqa: PLC0415
    from hub.store_sqlite import SqliteStore  # noqa: PLC0415

    store, table = SqliteStore(folder), national(test_mode=True)
    sender, recipient = (
        Partner(number, f"{_OIN}{number:04d}:{role}", ADMITTED, 1, None, {}, {}, table)
        for number, role in ((1, "team-wmo"), (2, "provider-wmo"))
    )
    day, times = calendar.first_day(24_300) + 3, []
    for number in Random(seed).sample(range(1_000_000), 100_000):  # noqa: S311  # which grants; nothing secret
        handle = sha256(str(number).encode()).digest()[:16]
        begin = time.perf_counter_ns()
        grant = store.grants((handle,))[handle]
        verdict = decide((table, table), registered(grant, sender, recipient), day, Moment.ACCEPT)
        times.append(time.perf_counter_ns() - begin)
        if verdict is not Verdict.PERMIT:
            raise RuntimeError("a grant that row 1 permits was refused")
    times.sort()
    print(times[int(len(times) * 0.99)] / 1000)  # noqa: T201


if __name__ == "__main__":
    from sys import argv

    main(Path(argv[1]), int(argv[2]))
