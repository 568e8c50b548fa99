# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every word that a citizen reads is a common one, or stands in a list with the reason why it can't be another.

Common is measured: at least once in 100,000 words of written Dutch (Zipf frequency 4 in the library wordfreq 3.1.1). The library is
58 MB and its maintainer has ended it, so it is not installed here: the words that were looked up stand in `plain_words.py`. A new word
fails until somebody has looked it up (`python tests/adapters/look_up_words.py`, in an environment that has the library).

That words are common does not prove that people of language level B1 understand the text. Only such people can tell.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from adapters.code import new_code
from adapters.code_slips import slip
from adapters.consent_receipt import about, as_text, receipt_of
from adapters.incident import ACKNOWLEDGED, ASKED, IDENTITY, Incident, Passed
from adapters.keys import StoreKey
from adapters.records_outgoing import EVENT, Grant
from adapters.records_people import Objection
from adapters.rights_letters import DUE, Letter
from adapters.store import EdgeStore
from consent.whose import Situation
from deploy.incident_texts import person_paper
from deploy.objection_texts import text_for_citizen
from deploy.paper import to_text
from deploy.rights_texts import letter_paper
from schemas.calendar import start_of_day
from tests.adapters.edges import BOOK, GP
from tests.adapters.plain_words import COMMON, NAMED, NOT_COMMON
from tests.adapters.test_consent_receipt import ONE, PAPERS, TODAY

_WORD = re.compile(r"[a-zà-ÿ]+")
_OPEN = re.compile(r"\[[^]]*\]")  # what a professional fills in or strikes out


def words(text: str) -> set[str]:
    """The words of a text as they are looked up: small letters, without what is between square brackets."""
    return set(_WORD.findall(_OPEN.sub(" ", text).lower()))


def papers() -> dict[str, str]:
    """Everything that a citizen is given, with every sentence that it can have."""
    found = dict(PAPERS)
    found["parent"] = as_text(receipt_of([ONE], (), about(Situation(TODAY - 3000), TODAY), TODAY))
    effects = (("stop",), ("pause", "stop"), ("record",), ("pause", "record", "stop"))
    found["objection"] = "\n".join(
        text_for_citizen(
            Objection(1, "c", "r", effect, TODAY, "client", until, (), outcome, TODAY if outcome else None, "", ""),
            incoming=incoming,
        )
        for effect, until, outcome, incoming in product(
            effects, (None, TODAY + 14), ("", "upheld", "overruled", "taken-back"), (False, True)
        )
    )
    letters = [
        Letter("C-1", GP, name, "zorg", "wmo", 5, ground, ("progress", "service"), TODAY, TODAY + 30, DUE)
        for name, ground in (("Praktijk Voorbeeld", "consent"), ("Zorg Voorbeeld", "statutory"))
    ]
    found["letter"] = to_text(letter_paper("Team Wmo", "C-1", letters, TODAY))
    found["one letter"] = to_text(letter_paper("Team Wmo", "C-1", letters[:1], TODAY))
    at = start_of_day(TODAY)
    passed = [
        Passed("Praktijk Voorbeeld", GP, "C-1", at, 1, EVENT, (name,), by_bsn=False, state=ACKNOWLEDGED)
        for name in ("progress", "service", IDENTITY, ASKED)
    ]
    found["breach"] = to_text(person_paper("Team Wmo", Incident(at, at, tuple(passed), ())))
    return found


def _slips(folder: Path) -> str:
    store = EdgeStore.create(folder, StoreKey.from_secret(bytes(32)))
    grant = Grant(
        "g", "l", "c", GP, 5, "consent", ("progress",), "zorg", "wmo", TODAY, TODAY + 30, 0, 0, bytes(32), bytes(32), None,
        automatic=False, code_until=TODAY + 14,
    )  # fmt: skip
    made = slip(store, BOOK, grant, new_code(GP, bytes))
    store.close()
    return made.text.replace(made.code, "")


PAPERS_OF_A_CITIZEN = papers()


@pytest.mark.parametrize("name", PAPERS_OF_A_CITIZEN)
def test_every_word_that_a_citizen_reads_is_common_or_named_with_a_reason(name: str) -> None:
    assert sorted(words(PAPERS_OF_A_CITIZEN[name]) - COMMON - set(NOT_COMMON) - NAMED) == []


def test_so_is_every_word_of_the_slip_with_a_code(tmp_path: Path) -> None:
    assert sorted(words(_slips(tmp_path / "edge")) - COMMON - set(NOT_COMMON) - NAMED) == []


def test_nothing_is_excused_that_nobody_reads_and_no_word_is_listed_twice(tmp_path: Path) -> None:
    read = set().union(*map(words, PAPERS_OF_A_CITIZEN.values())) | words(_slips(tmp_path / "edge"))
    assert sorted((COMMON | set(NOT_COMMON) | NAMED) - read) == []
    assert not COMMON & set(NOT_COMMON)
    assert len(NOT_COMMON) * 10 < len(COMMON)  # the exception stays one


def test_a_word_of_the_office_is_no_common_one() -> None:
    assert words("De verwerkingsverantwoordelijke [naam] verstrekt dit.") - COMMON == {
        "verwerkingsverantwoordelijke",
        "verstrekt",
    }
