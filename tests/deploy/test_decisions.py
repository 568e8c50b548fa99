# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every decision record is found by its number, which is its own."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "hub" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


def test_a_record_begins_with_the_number_in_its_name_and_a_title() -> None:
    for file in RECORDS:
        number = file.name[:4]
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert re.fullmatch(rf"# {number}\. [A-Z].+[^.]", first), first
        assert re.fullmatch(r"[0-9]{4}-[a-z0-9-]+\.md", file.name), file.name


def test_no_number_is_given_twice_and_every_missing_one_is_named() -> None:
    numbers = [int(file.name[:4]) for file in RECORDS]
    assert len(set(numbers)) == len(numbers)
    missing = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
    named = (
        (FOLDER / "README.md").read_text(encoding="utf-8").partition("belongs to no decision: ")[2].partition(".")[0]
    )
    assert [f"{one:04d}" for one in missing] == named.split(", ")
