# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An attacker at the hub links the handles of one citizen: how often, with each defence on and off.

The town, the attacker and all figures: `tests/linkability`, `make linkability`.  Here a part of the same, whose figures are
the same in every run, holds what the pages say: without defences the attacker finds nearly all (so it is strong), each
defence takes away what it is for, and with all of them it finds no more than is published.
"""

from __future__ import annotations

import random as randomness
import re
from dataclasses import astuple, fields
from functools import cache
from pathlib import Path

import pytest

from adapters.formats import READERS
from adapters.formats.native import FormatConfig, SubjectKind
from adapters.keys import new_role_keys, opening_private
from adapters.seal import Sealed, seal, seal_retraction, sign_frames
from adapters.spread import DAYS
from schemas.calendar import date_text, parse_date
from schemas.envelope import CONTROL, Header
from schemas.event import Ending, Event, Kind, Law
from schemas.registry import SIZE_CLASS, load
from schemas.signing import SigningKey
from tests.formats.format_vectors import MORE_TYPES, VECTORS
from tests.linkability import attacker, evidence, turn
from tests.linkability.figures import CLASSES, OTHERS, STOPPED, Figures, figures
from tests.linkability.report import ALL, SENDERS, SETS, page
from tests.linkability.seen import Defences, Envelope, Registration, Stopped, watch
from tests.linkability.town import TEAMS, case_of

ROOT = Path(__file__).parents[1]
SEED = 1
REGISTRY = load()
PART = ("team-pw", "40 Wmo providers")  # of the town: `make linkability` takes all of it


@cache
def benefits(defences: Defences, months: int = 1) -> Figures:
    """Team PW."""
    return figures(SENDERS["team-pw"], defences, months, SEED)


@cache
def part() -> Figures:
    """A month of some, all defences on: those at whom it finds most."""
    total = Figures()
    for name in PART:
        total += figures(SENDERS[name], ALL, 1, SEED)
    return total


def published(page_name: str, words: str) -> int:
    """The figure that stands on a page where `words` have a star."""
    text = re.sub(r"\s+", " ", (ROOT / page_name).read_text(encoding="utf-8"))
    found = re.search(re.escape(words.replace("**", "")).replace(r"\*", r"(\d+)"), text.replace("**", ""))
    assert found is not None, f"{page_name} does not say: {words}"
    return int(found[1])


PAIRS = "of 100 pairs of handles of one citizen it finds at most *"
THREAT_MODEL = "deploy/docs/threat-model.md"
PRIVACY_OFFICER = "deploy/docs/privacy-officer.md"


# -- without defences it finds nearly all ------------------------------------------------------------------------------


def test_linkability_without_defences_nearly_everything_is_found() -> None:
    found = benefits(SETS["none of them"], 2)
    assert found.pairs.there > 1_500
    assert found.pairs.of_100 > 95
    assert found.pairs.right > 90
    assert found.turn.of_100 > 90
    assert found.agreements.guessed_of_100 > 80
    assert found.agreements_later.of_100 > 95
    assert found.kinds.of_100 > 70


def test_linkability_without_spread_the_handles_of_a_citizen_and_of_an_agreement_are_found_by_time() -> None:
    off, on = benefits(SETS["all, without spread"]), benefits(ALL)
    assert off.pairs.of_100 > 75
    assert on.pairs.of_100 < 0.4 * off.pairs.of_100
    assert off.agreements.guessed_of_100 > 80
    assert on.agreements.guessed_of_100 < 0.15 * off.agreements.guessed_of_100
    assert on.agreements_later.of_100 < 0.35 * off.agreements_later.of_100


def test_linkability_without_padding_the_kind_of_event_is_found_by_size_and_more_pairs_with_it() -> None:
    off, on = benefits(SETS["all, without padding"]), benefits(ALL)
    assert off.kinds.of_100 > 70
    assert off.pairs.of_100 > 1.5 * on.pairs.of_100


def test_linkability_with_padding_a_size_tells_no_more_than_which_kind_is_the_commonest() -> None:
    commonest = 30 / 100
    assert benefits(ALL).kinds.of_100 == pytest.approx(100 * commonest, abs=1.5)


def test_linkability_without_shuffle_handles_are_followed_over_the_turn_of_the_month_by_their_place() -> None:
    assert benefits(SETS["all, without shuffle"], 2).turn.of_100 > 90
    assert benefits(ALL, 2).turn.guessed_of_100 < 6


def test_linkability_with_a_shared_trace_every_pair_is_found() -> None:
    assert benefits(SETS["all, without own trace"]).pairs.of_100 > 95


def test_linkability_with_consents_that_end_to_the_day_more_is_found_of_who_agreed_to_what_on_one_day() -> None:
    off, on = benefits(SETS["all, consents to the day"]), benefits(ALL)
    assert off.pairs.of_100 > on.pairs.of_100 + 3
    assert off.agreements_later.guessed_of_100 > on.agreements_later.guessed_of_100 + 10


def test_linkability_the_longer_the_spread_the_less_is_found() -> None:
    by_days = [benefits(Defences(days)).pairs.of_100 for days in (0, 1, DAYS)]
    assert by_days == sorted(by_days, reverse=True)
    assert by_days[-1] < by_days[1] - 5


# -- with all of them no more than is published ------------------------------------------------------------------------


def test_linkability_with_all_defences_no_more_pairs_are_found_than_is_published() -> None:
    """Of these senders it finds more than in the whole town, for which the page has the figure."""
    told = published(THREAT_MODEL, "of the 40 Wmo providers and team PW alone it finds at most *")
    assert part().pairs.there > 1_400
    assert part().pairs.of_100 <= told < part().pairs.of_100 + 12
    assert published(THREAT_MODEL, PAIRS) <= told


def test_linkability_the_pages_of_engineers_and_of_the_privacy_officer_say_the_same() -> None:
    assert published("README.md", PAIRS) == published(THREAT_MODEL, PAIRS)
    measured = published(THREAT_MODEL, "finds at most 30 (measured: *;")
    assert measured == published("README.md", "finds at most 30 (measured: *)")
    assert measured == published(PRIVACY_OFFICER, "In de hele stad vindt hij * van 100 paren kenmerken")
    both = (
        (
            "everything at once, in that month or the next | *",
            "alles tegelijk heeft gestopt, in die maand of de volgende | *",
        ),
        ("a household with many problems | *", "in een huishouden met veel problemen | *"),
        ("all others | *", "alle anderen | *"),
        ("with all of them it finds * of 100", "alles, 2 werkdagen (standaard)** | *"),
        ("over three *, over five", "alles, 3 werkdagen | *"),
        (
            "five or more events in a month it finds *",
            "vijf of meer dingen in een maand worden verteld, wordt gevonden: *",
        ),
    )
    for words, woorden in both:
        assert published(THREAT_MODEL, words) == published(PRIVACY_OFFICER, woorden)


def test_linkability_of_agreements_and_over_the_turn_is_no_more_than_is_published() -> None:
    turn = published(THREAT_MODEL, "of 100 handles it follows at most * over the turn of the month")
    assert benefits(ALL, 2).turn.guessed_of_100 <= turn
    by_minute = published(
        THREAT_MODEL, "of 100 pairs of one agreement it guesses at most * by the minute of registration"
    )
    assert part().agreements.guessed_of_100 <= by_minute
    later = published(THREAT_MODEL, "and finds at most * with all that follows")
    assert part().agreements_later.of_100 <= later


def test_linkability_of_those_about_whom_much_is_told_is_published_too() -> None:
    """The weak spots: they are told, and measured to be so."""
    several = published(THREAT_MODEL, "five or more events in a month it finds *")
    assert part().by_count[5].of_100 == pytest.approx(several, abs=3)
    assert part().by_count[1].of_100 <= published(THREAT_MODEL, "one event at most *")
    assert part().by_class[STOPPED].of_100 == published(THREAT_MODEL, "a person ended everything at once, it finds *")
    assert part().by_class[OTHERS].of_100 <= published(THREAT_MODEL, "of all others it finds at most *")


# -- the attacker plays by the rules -----------------------------------------------------------------------------------


def test_linkability_the_attacker_has_what_the_hub_has_and_no_truth() -> None:
    taken: set[str] = set()
    for module in (attacker, evidence, turn):
        lines = Path(module.__file__).read_text(encoding="utf-8").splitlines()
        taken |= {line for line in lines if line.startswith("from tests.linkability.") and "attacker" not in line}
    assert taken == {
        "from tests.linkability.evidence import Handle, Span, Weigher, axis, handles_of",
        "from tests.linkability.evidence import handles_of",
        "from tests.linkability.seen import Seen",
        "from tests.linkability.seen import EVENT, INTRODUCTION, RETRACTION, Seen",
        "from tests.linkability.seen import Registration, Seen",
        "from tests.linkability.town import AT_A_WEEKEND, BY_HOUR, IN_A_BATCH, URGENT",
        "from tests.linkability.town import RATE, RATE_OF_MANY",
    }
    seen, _ = watch(case_of(TEAMS[2], 1, SEED), ALL, SEED)
    names = {one.name for kind in (Envelope, Registration, Stopped) for one in fields(kind)}
    seen_of_one = {"minute", "recipient", "handle", "size", "trace", "form", "row"}
    assert names == seen_of_one | {"month", "batch", "end", "handles"}
    assert {type(value) for one in seen.envelopes[:50] for value in astuple(one)} == {int, str}


def test_linkability_the_same_town_gives_the_same_figures() -> None:
    some = SENDERS["40 Wmo providers"][10:20]
    assert figures(some, ALL, 1, SEED) == figures(some, ALL, 1, SEED)


def test_linkability_the_page_of_figures_has_every_defence_every_sender_and_every_class() -> None:
    some = figures(SENDERS["40 Wmo providers"][10:20], ALL, 1, SEED)
    text = page({name: dict.fromkeys(SENDERS, some) for name in SETS}, 1)
    assert all(f"| {name} |" in text for name in (*SETS, *SENDERS, *CLASSES))


# -- sizes, of real envelopes ------------------------------------------------------------------------------------------


def _keys() -> tuple[SigningKey, Header]:
    draw = randomness.Random(3)  # noqa: S311  # must be the same in every run
    keys = new_role_keys(draw.randbytes, parse_date("2026-03-03"))
    header = Header(
        message_id=bytes(16),
        source="urn:nld:oin:00000001000000000001:team-wmo",
        retraction=False,
        minute=29_000_000,
        recipient="urn:nld:oin:00000001000000000002:provider-wmo",
        handle=bytes(16),
        sequence=7,
        terms=bytes(32),
        trace=(bytes(range(16)), bytes(range(8))),
        sign_key=SigningKey(keys.signing_seed).key_id,
        seal_key=keys.opening[-1].key_id,
    )
    return SigningKey(keys.signing_seed), header


def _events() -> list[Event]:
    """What can be said, and what the messages of every format say."""
    day = parse_date("2026-03-03")
    plain = [Event(kind, day, law, None, ref) for kind in Kind for law in Law for ref in (None, "1", "x" * 64)]
    ended = [Event(Kind.BEEINDIGD, day, Law.WMO, ending, "1001") for ending in Ending]
    return [*plain, *ended, *(event for events in _of_every_format().values() for event in events)]


@cache
def _of_every_format() -> dict[str, list[Event]]:
    """What the valid messages of each format say; a letter goes to a person at this edge, and nowhere else."""
    config = FormatConfig(
        cloudevent_types=MORE_TYPES, subject_kind=SubjectKind.BSN, laws=dict.fromkeys(READERS, Law.WMO)
    )
    return {
        name: [
            one.event
            for path in sorted((VECTORS / name / "valid").iterdir())
            for one in entry(config).read(path.read_bytes())
        ]
        for name, entry in READERS.items()
        if name != "medvri"
    }


def test_linkability_messages_of_every_format_are_among_what_is_measured() -> None:
    assert all(_of_every_format().values())
    assert sum(map(len, _of_every_format().values())) > 150


@pytest.mark.parametrize("categories", [("progress",), ("progress", "service")])
def test_linkability_every_envelope_of_a_grant_is_as_long_whatever_it_says(categories: tuple[str, ...]) -> None:
    """Each kind, law, ending and length of reference; introductions among themselves, retractions among themselves."""
    draw = randomness.Random(4)  # noqa: S311  # must be the same in every run
    key, header = _keys()
    public = opening_private(new_role_keys(draw.randbytes, parse_date("2026-03-03")).opening[-1].seed).public_key()

    def length(sealed: Sealed) -> int:
        return len(sign_frames([sealed], key)[0])

    lengths = set()
    for number, event in enumerate(_events()):
        parts = {name: REGISTRY.encode(f"{name}/1", part) for name, part in event.parts(categories).items()}
        control = {
            "kind": "event",
            "event": number.to_bytes(16, "big").hex(),
            "date": date_text(event.day),
            "late": bool(number % 2),
            "schemas": {name: f"{name}/1" for name in categories},
        }
        parts[CONTROL] = REGISTRY.encode("control/1", control)
        lengths.add(length(seal(header, parts, public, random=draw.randbytes)))
    assert len(lengths) == 1
    introductions = {
        length(seal(header, {**dict.fromkeys(categories, b""), CONTROL: b"x" * size}, public, random=draw.randbytes))
        for size in (1, 600, SIZE_CLASS["introduction"] - 4)
    }
    # It is the first under its handle anyhow; that it is one more can't be hidden by its length alone.
    assert {more - fewer for more in introductions for fewer in lengths} == {
        SIZE_CLASS["introduction"] - SIZE_CLASS["control"]
    }
    recall = header._replace(retraction=True, sequence=0)
    assert len({length(seal_retraction(recall, draw.randbytes(16), public)) for _ in range(20)}) == 1
