# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a FHIR R4 Consent says about one question: permit, deny, or nothing. `consent.fhir_consent_read` makes the model.

Guarantees:
- more specific beats less specific, and where neither is the more specific a refusal wins (Generic Function Consent);
- a permit needs everything that it asks for to be known and so; a refusal needs only that it may be so;
- a document that is not active, is about something else than privacy, or does not count on that day says nothing;
- what was not understood (`Effect.UNCLEAR`) permits nothing, and takes a permit away like a refusal.

An answer is never a ground of Schakel's: see `adapters.consent_import` for what may become of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

NOT_COMPARED: Final = "Group/"  # who is in a group is not in the document


class Effect(StrEnum):
    """What a provision does; `UNCLEAR`: it has no type, or says more than was understood."""

    PERMIT = "permit"
    DENY = "deny"
    UNCLEAR = "unclear"


class Answer(StrEnum):
    """What the document says."""

    PERMIT = "permit"
    DENY = "deny"
    NONE = "no answer"


class Match(StrEnum):
    """Whether a condition is met by a question."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, None open. What names a time of day counts as sure from the next day on, or until the day
    before: `sure_start` and `sure_end`.
    """

    start: int | None = None
    end: int | None = None
    sure_start: int | None = None
    sure_end: int | None = None

    def covers(self, day: int | None) -> Match:
        """Whether a day lies in it."""
        if day is None:
            return Match.UNKNOWN
        if (self.start is not None and day < self.start) or (self.end is not None and day > self.end):
            return Match.NO
        late = self.sure_start is None or day >= self.sure_start
        early = self.sure_end is None or day <= self.sure_end
        return Match.YES if late and early else Match.UNKNOWN


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a provision asks for; what is empty is not asked. Keys are `reference`, or `system|value` of an identifier."""

    period: Period | None = None
    data_period: Period | None = None
    actors: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    purposes: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()

    def parts(self) -> Mapping[str, object]:
        """What is asked for, by name; a role of an actor is a part of its own."""
        asked = {name: getattr(self, name) for name in _SETS} | {"period": self.period, "data_period": self.data_period}
        found: dict[str, object] = {name: value for name, value in asked.items() if value}
        return found | {f"actor {role}": names for role, names in self.actors.items()}


_SETS: Final = ("purposes", "actions", "labels", "classes", "codes", "data")


@dataclass(frozen=True, slots=True)
class Provision:
    """One exception, with the exceptions to it."""

    effect: Effect
    conditions: Conditions
    inside: tuple["Provision", ...] = ()


@dataclass(frozen=True, slots=True)
class Consent:
    """One document. `base` None: it has no base policy that is known here. `counts`: active, and about privacy."""

    counts: bool
    base: Effect | None
    valid: Period
    root: Provision | None
    patient: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """May this be done? `actors`: per role every name by which that party is known. What is None or missing is unknown."""

    day: int
    actors: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    purposes: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    classes: frozenset[str] | None = None
    codes: frozenset[str] | None = None
    data: frozenset[str] | None = None
    data_day: int | None = None


class Said(NamedTuple):
    """The answer; `sure` False: a refusal that only may be about this question."""

    answer: Answer
    sure: bool


class Rule(NamedTuple):
    """A provision with all that stands around it: the path of conditions from the root, and their weight."""

    effect: Effect
    path: tuple[Conditions, ...]
    weight: Counter[str]


def answer(consent: Consent, question: Question) -> Answer:
    """What the document says about a question."""
    return ask(consent, question).answer


def ask(consent: Consent, question: Question) -> Said:
    """The same, and whether it is sure."""
    if not consent.counts or consent.valid.covers(question.day) is not Match.YES:
        return Said(Answer.NONE, sure=True)
    met = [(rule, _path_met(rule.path, question)) for rule in rules(consent)]
    permits = [rule for rule, match in met if rule.effect is Effect.PERMIT and match is Match.YES]
    standing = [
        (rule, match)
        for rule, match in met
        if rule.effect is not Effect.PERMIT
        and match is not Match.NO
        and not any(_beats(permit, rule) for permit in permits)
    ]
    denies = [match for rule, match in standing if rule.effect is Effect.DENY]
    if denies:
        return Said(Answer.DENY, sure=Match.YES in denies)
    return Said(Answer.PERMIT if permits and not standing else Answer.NONE, sure=not standing)


def rules(consent: Consent) -> Iterator[Rule]:
    """Base policy and every provision, outermost first."""
    if consent.base is not None:
        yield Rule(consent.base, (), Counter())
    if consent.root is not None:
        yield from _inside(consent.root, (), Counter())


def _inside(provision: Provision, above: tuple[Conditions, ...], weight: Counter[str]) -> Iterator[Rule]:
    around: Mapping[str, object] = above[-1].parts() if above else {}
    own = provision.conditions.parts()
    # A condition said again is no more specific; one that differs from that around it is.
    heavier = weight + Counter(name for name, value in own.items() if around.get(name) != value)
    path = (*above, provision.conditions)
    is_frame = not above and not own and provision.effect is Effect.UNCLEAR  # a root that only holds exceptions
    if not is_frame:
        yield Rule(provision.effect, path, heavier)
    for one in provision.inside:
        yield from _inside(one, path, heavier)


def _beats(permit: Rule, refusal: Rule) -> bool:
    """Whether the permit is the more specific of the two: it asks for all that the refusal asks for, and for more."""
    return refusal.weight <= permit.weight and refusal.weight != permit.weight


def _path_met(path: tuple[Conditions, ...], question: Question) -> Match:
    return _all(match for conditions in path for match in _met(conditions, question))


def _all(matches: Iterator[Match]) -> Match:
    found = set(matches)
    if Match.NO in found:
        return Match.NO
    return Match.UNKNOWN if Match.UNKNOWN in found else Match.YES


def _met(conditions: Conditions, question: Question) -> Iterator[Match]:
    if conditions.period is not None:
        yield conditions.period.covers(question.day)
    if conditions.data_period is not None:
        yield conditions.data_period.covers(question.data_day)
    for role, names in conditions.actors.items():
        yield _named(names, question.actors.get(role))
    for name in _SETS:
        wanted: frozenset[str] = getattr(conditions, name)
        given: frozenset[str] | None = getattr(question, name)
        if wanted and name == "data":
            yield _named(wanted, given)
        elif wanted:
            yield Match.UNKNOWN if given is None else Match.YES if wanted & given else Match.NO


def _named(wanted: frozenset[str], given: frozenset[str] | None) -> Match:
    """Whether a party or thing is one of those named: unknown when it has no name of the same kind to compare."""
    if given is None:
        return Match.UNKNOWN
    if wanted & given:
        return Match.YES
    kinds = {_kind(name) for name in given} - {None}
    return Match.NO if all(_kind(name) in kinds for name in wanted) else Match.UNKNOWN


def _kind(name: str) -> str | None:
    """The system of an identifier, or where a reference leads but for its last step; None: not to be compared."""
    system, bar, _ = name.rpartition("|")
    kind = system if bar else name.rpartition("/")[0]
    return None if name.startswith(NOT_COMPARED) or f"/{NOT_COMPARED}" in name else kind
