# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A renewal, as far as it can be prepared: with whom to talk, from which day on, and what was answered last time.

Guarantees: it is a proposal and makes nothing; who says yes, and how, is in none of it, since a yes of before is none to this; nor
is the date of birth, nor a representative who was set aside, which is weighed anew. What can't be an answer any more at the age of
that day is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters import consent_words
from adapters.consent_words import OUTGROWN, Due
from adapters.conversation import AUTHORITY, CAPABLE, IN_WORDS, UNTIL, Answers, choices
from adapters.records_outgoing import Client
from adapters.records_people import CONSENTS, Spoken
from adapters.shelf import Reads
from adapters.workplace import Workplace
from consent.record import from_bytes
from consent.whose import age_of

STATES: Final = ("given", OUTGROWN)  # of agreements that a renewal is about
_AS_LONG: Final = "zo lang als mag"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to settle anew with one client. `since`: the first day on which it can be, for no word is given ahead of a birthday."""

    since: int
    partners: tuple[str, ...]
    answers: Answers


def propose(reads: Reads, work: Workplace, client: Client, due: Sequence[Due]) -> Proposal:
    """The proposal for a client of whom these are due."""
    since = max([work.today, *(one.on for one in due if one.by_age and not one.stopped)])
    partners = tuple(dict.fromkeys(one.recipient for one in due))
    return Proposal(since, partners, last_answers(reads, work, client, since))


def last_answers(reads: Reads, work: Workplace, client: Client, day: int) -> Answers:
    """What was answered at the last agreement of this client and could be answered again on this day; never who says yes."""
    kept = CONSENTS.find(reads, "client", client.id.encode())
    if not kept:
        return Answers()
    record = from_bytes(kept[-1].raw, work.registry)
    said = consent_words.spoken(reads, record)
    return Answers(
        capable=None if age_of(consent_words.born(reads, client.id), day) == "under-12" else said.capable,
        authority=_authority(reads, client, said, day),
    )


def _authority(reads: Reads, client: Client, said: Spoken, day: int) -> tuple[str, ...] | None:
    possible = choices(AUTHORITY, Answers(capable=said.capable), consent_words.born(reads, client.id), day, ())
    return tuple(one for one in said.authority if IN_WORDS[one] in possible) or None


def as_typed(answers: Answers, key: str) -> str | None:
    """An answer of last time as somebody would type it, for one question, and for the last day what the rule allows; None: this is
    asked without one.
    """
    if key == CAPABLE and answers.capable is not None:
        return "ja" if answers.capable else "nee"
    if key == AUTHORITY and answers.authority:
        return "; ".join(IN_WORDS[one] for one in answers.authority)
    return _AS_LONG if key == UNTIL else None


def as_file(answers: Answers, partners: Sequence[str]) -> dict[str, object]:
    """The same as a file with answers begins; `yes` is for whoever talks to the client to add."""
    found: dict[str, object] = {"with": list(partners), "until": "longest"}
    if answers.capable is not None:
        found[CAPABLE] = answers.capable
    if answers.authority:
        found[AUTHORITY] = list(answers.authority)
    return found
