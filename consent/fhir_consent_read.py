# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A FHIR R4 Consent in JSON, read without trust into the model of `consent.fhir_consent`.

Guarantees:
- size, depth and number of provisions are limited, and a name that stands twice in one object is refused;
- an unknown element, an unknown code in a closed list, `modifierExtension`, `implicitRules`, a reference that leads back to
  the document or into it, and two provisions that contradict each other are faults: then nothing at all was read;
- a fault names place and rule, never a value or a name that is not FHIR's.

Of an extension FHIR says that it may be passed over. Inside a provision it makes a permit unclear all the same.
"""

import json
import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from consent.fhir_consent import Conditions, Consent, Effect, Period, Provision, rules
from schemas import calendar

SIZE_LIMIT: Final = 1 << 18
MOST_PROVISIONS: Final = 500
DEEPEST: Final = 10  # provisions in provisions
_MOST_BRACKETS: Final = 64  # of one in another, in the whole document

_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
STATUSES: Final = ("active", "draft", "entered-in-error", "inactive", "proposed", "rejected")
SCOPES: Final = ("adr", "patient-privacy", "research", "treatment")
# OPTINR, OPTOUTE and the laws of other countries rest on texts that are not in the document.
BASES: Final[Mapping[str, Effect]] = MappingProxyType({"OPTIN": Effect.PERMIT, "OPTOUT": Effect.DENY})
# PRCP is the primary one of the recipients (IRCP); here they are one.
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {"AUT": "AUT", "CST": "CST", "INF": "INF", "IRCP": "PRCP", "PRCP": "PRCP"}
)
ACTIONS: Final = frozenset({"access", "collect", "correct", "disclose", "use"})
PURPOSES: Final = frozenset(
    {
        *(
            "BTG",
            "CAREMGT",
            "CLINTRCH",
            "COC",
            "COVERAGE",
            "ETREAT",
            "FAMRQT",
            "HLEGAL",
            "HMARKT",
            "HOPERAT",
            "HOUTCOMS",
        ),
        *("HPAYMT", "HPRGRP", "HQUALIMP", "HRESCH", "HSYSADMIN", "PATADMIN", "PATRQT", "PATSFTY", "PUBHLTH", "PWATRNY"),
        *("RECORDMGT", "SUPNWK", "THREAT", "TREAT"),
    }
)
_CONFIDENTIALITY: Final = frozenset("LMNRUV")
_SENSITIVITY: Final = frozenset(
    {
        "ALC",
        "ETH",
        "GDIS",
        "HIV",
        "MH",
        "OPIOIDUD",
        "PSY",
        "PSYTHPN",
        "SCA",
        "SDV",
        "SEX",
        "SOC",
        "SPI",
        "STD",
        "SUD",
        "VIO",
    }
)
_LABELS: Final = {_TERMS + "v3-Confidentiality": _CONFIDENTIALITY, _TERMS + "v3-ActCode": _SENSITIVITY}

_PASSED_OVER: Final = frozenset(
    {
        *("category", "dateTime", "extension", "id", "identifier", "language", "meta", "organization", "patient"),
        *("performer", "policy", "policyRule", "provision", "resourceType", "scope", "sourceAttachment"),
        *("sourceReference", "status", "text", "verification"),
    }
)
_IN_PROVISION: Final = frozenset(
    {
        *(
            "action",
            "actor",
            "class",
            "code",
            "data",
            "dataPeriod",
            "extension",
            "id",
            "period",
            "provision",
            "purpose",
        ),
        *("securityLabel", "type"),
    }
)
_IN_CODING: Final = frozenset({"code", "display", "extension", "id", "system", "userSelected", "version"})
_IN_CONCEPT: Final = frozenset({"coding", "extension", "id", "text"})
_IN_REFERENCE: Final = frozenset({"display", "extension", "id", "identifier", "reference", "type"})
_IN_IDENTIFIER: Final = frozenset({"assigner", "extension", "id", "period", "system", "type", "use", "value"})
_MOMENT: Final = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
    r"(T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]))?)?)?"
)
_TEXT: Final = re.compile(r"[^\s|]{1,512}")
_MEANINGS: Final = ("authoredby", "dependents", "instance", "related")
_NARROWS: Final = _IN_PROVISION - {"extension", "id", "period", "provision", "type"}
ReadOne: TypeAlias = Callable[[object, str], frozenset[str]]


class ConsentFault(NamedTuple):
    """One thing that is wrong, safe to log and to show."""

    path: str
    keyword: str


class ConsentError(ValueError):
    """This is no FHIR R4 Consent that can be relied on; with every fault, by place and rule."""

    def __init__(self, faults: Iterable[ConsentFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path} {fault.keyword}" for fault in self.faults))


def read(raw: bytes) -> Consent:
    """The document in these bytes.

    Raises:
        ConsentError: with every fault of it.
    """
    document = _parse(raw)
    reader = _Reader()
    consent = reader.consent(document)
    if not reader.faults:
        reader.faults += [ConsentFault("/Consent/provision", "contradiction") for _ in _contradictions(consent)][:1]
    if reader.faults:
        raise ConsentError(reader.faults[:20])
    return consent


def _parse(raw: bytes) -> Mapping[str, object]:
    if len(raw) > SIZE_LIMIT:
        raise ConsentError([ConsentFault("/", "too-large")])
    try:
        text = raw.decode("utf-8")
        _need_shallow(text)
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate is in no text
    except ConsentError:
        raise
    except (ValueError, RecursionError):
        raise ConsentError([ConsentFault("/", "json")]) from None  # the cause holds the document
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise ConsentError([ConsentFault("/resourceType", "code-list")])
    return value


def _need_shallow(text: str) -> None:
    bare = re.sub(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', "", text, flags=re.DOTALL)
    depth = 0
    for sign in re.findall(r"[\[\]{}]", bare):
        depth += 1 if sign in "[{" else -1
        if depth > _MOST_BRACKETS:
            raise ConsentError([ConsentFault("/", "too-deep")])


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ConsentError([ConsentFault("/", "duplicate-key")])
    if None in made.values():  # FHIR has none; read as absent it would take a condition away from a permit
        raise ConsentError([ConsentFault("/", "null")])
    return made


def _refused(_text: str) -> object:
    raise ValueError("no number")


def _contradictions(consent: Consent) -> Iterator[None]:
    """Two provisions that ask for exactly the same, of which one permits and one refuses."""
    effects: dict[object, set[Effect]] = {}
    for rule in rules(consent):
        asked = frozenset(part for conditions in rule.path for part in conditions.parts().items())
        if rule.path:  # the base policy is there to have exceptions
            effects.setdefault(asked, set()).add(rule.effect)
    yield from (None for found in effects.values() if {Effect.PERMIT, Effect.DENY} <= found)


class _Reader:
    """One pass over one document; notes every fault."""

    def __init__(self) -> None:
        self.faults: list[ConsentFault] = []
        self._own = ""
        self._provisions = 0
        self._extended = False  # the document, or a provision around the one that is read

    def fault(self, path: str, keyword: str) -> None:
        self.faults.append(ConsentFault(path, keyword))

    def consent(self, document: Mapping[str, object]) -> Consent:
        self._known(document, _PASSED_OVER, "/Consent")
        self._extended = "extension" in document
        own = document.get("id")
        self._own = f"Consent/{own}" if isinstance(own, str) else ""
        status = document.get("status")
        if status not in STATUSES:
            self.fault("/Consent/status", "missing" if status is None else "code-list")
        scope = self._concept(document.get("scope"), "consentscope", frozenset(SCOPES), "/Consent/scope")
        base = self._base(document)
        root = document.get("provision")
        valid, provision = Period(), None
        if root is not None:
            provision = self._provision(root, "/Consent/provision", base, 0)
            if provision is not None and provision.conditions.period is not None:
                valid = provision.conditions.period
            if base is Effect.PERMIT and _is_extended(root):
                base = None
        self._source(document)
        counts = status == "active" and scope == {"patient-privacy"} and self._verified(document)
        return Consent(counts, base, valid, _without_period(provision), self._patient(document))

    def _base(self, document: Mapping[str, object]) -> Effect | None:
        rule, policies = document.get("policyRule"), document.get("policy")
        if policies is not None and not self._list(policies, "/Consent/policy"):
            return None
        if rule is None:
            return None
        found = self._concept(rule, "v3-ActCode", frozenset(BASES), "/Consent/policyRule")
        if found == {"OPTIN"} and (policies is not None or self._extended or _is_extended(rule)):
            return None  # something that is not here may take away from it
        return BASES[min(found)] if len(found) == 1 else None

    def _verified(self, document: Mapping[str, object]) -> bool:
        """Whether nobody looked into it and found it not to be so."""
        entries = document.get("verification")
        if entries is None:
            return True
        found = self._list(entries, "/Consent/verification")
        return all(isinstance(one, dict) and one.get("verified") is True for one in found)

    def _source(self, document: Mapping[str, object]) -> None:
        if (source := document.get("sourceReference")) is not None:
            self._reference(source, "/Consent/sourceReference")

    def _patient(self, document: Mapping[str, object]) -> frozenset[str]:
        patient = document.get("patient")
        if patient is None:
            self.fault("/Consent/patient", "missing")
            return frozenset()
        return self._reference(patient, "/Consent/patient", named=False)

    def _provision(self, value: object, path: str, base: Effect | None, depth: int) -> Provision | None:
        self._provisions += 1
        if depth > DEEPEST or self._provisions > MOST_PROVISIONS:
            self.fault("/Consent/provision", "too-deep" if depth > DEEPEST else "too-large")
            return None
        if not isinstance(value, dict) or not value:
            self.fault(path, "type")
            return None
        self._known(value, _IN_PROVISION, path)
        around, self._extended = self._extended, self._extended or _is_extended(value)
        effect = self._effect(value, path, base, depth)
        conditions = self._conditions(value, path)
        made = [
            self._provision(one, at, base, depth + 1)
            for one, at in self._each(value.get("provision"), f"{path}/provision")
        ]
        self._extended = around
        return Provision(effect, conditions, tuple(one for one in made if one is not None))

    def _effect(self, value: Mapping[str, object], path: str, base: Effect | None, depth: int) -> Effect:
        """At the root a type is not permitted: what stands there can take something away, and adds nothing."""
        said = value.get("type")
        if said not in (None, "permit", "deny"):
            self.fault(f"{path}/type", "code-list")
        if said == "deny":
            return Effect.DENY
        if depth == 0:
            narrows = said is None and base is Effect.PERMIT and value.keys() & _NARROWS
            return Effect.DENY if narrows else Effect.UNCLEAR
        return Effect.PERMIT if said == "permit" and not self._extended else Effect.UNCLEAR

    def _conditions(self, value: Mapping[str, object], path: str) -> Conditions:
        return Conditions(
            period=self._period(value.get("period"), f"{path}/period"),
            data_period=self._period(value.get("dataPeriod"), f"{path}/dataPeriod"),
            actors=self._actors(value.get("actor"), f"{path}/actor"),
            purposes=self._union(
                value, "purpose", path, lambda one, at: self._coding(one, "v3-ActReason", PURPOSES, at)
            ),
            actions=self._union(
                value, "action", path, lambda one, at: self._concept(one, "consentaction", ACTIONS, at)
            ),
            labels=self._union(value, "securityLabel", path, self._label),
            classes=self._union(value, "class", path, self._open_coding),
            codes=self._union(value, "code", path, self._open_concept),
            data=self._union(value, "data", path, self._datum),
        )

    def _union(self, value: Mapping[str, object], name: str, path: str, read_one: ReadOne) -> frozenset[str]:
        where = f"{path}/{name}"
        found = [read_one(one, at) for one, at in self._each(value.get(name), where)]
        return frozenset().union(*found)

    def _label(self, value: object, path: str) -> frozenset[str]:
        system = value.get("system") if isinstance(value, dict) else None
        known = _LABELS.get(system, frozenset()) if isinstance(system, str) else frozenset()
        return self._coding(value, str(system).removeprefix(_TERMS), known, path)

    def _open_concept(self, value: object, path: str) -> frozenset[str]:
        return frozenset().union(*(self._open_coding(one, path) for one in self._codings(value, path)))

    def _datum(self, value: object, path: str) -> frozenset[str]:
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self._known(value, frozenset({"extension", "id", "meaning", "reference"}), path)
        if value.get("meaning") not in _MEANINGS:
            self.fault(f"{path}/meaning", "code-list")
        return self._reference(value.get("reference"), f"{path}/reference")

    def _actors(self, value: object, path: str) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for one, where in self._each(value, path):
            if not isinstance(one, dict):
                self.fault(where, "type")
                continue
            self._known(one, frozenset({"extension", "id", "reference", "role"}), where)
            names = self._reference(one.get("reference"), f"{where}/reference")
            for code in self._concept(one.get("role"), "v3-ParticipationType", frozenset(ROLES), f"{where}/role"):
                role = ROLES[code]
                found[role] = found.get(role, frozenset()) | names
        return MappingProxyType(found)

    # -- datatypes -------------------------------------------------------------------------------------------------

    def _known(self, value: Mapping[str, object], names: frozenset[str], path: str) -> None:
        """No element but these. `_name` is what FHIR has for what was said instead of a value: not understood here."""
        for key in value.keys() - names:
            known = key in ("modifierExtension", "implicitRules", "contained") or key.removeprefix("_") in names
            self.fault(f"{path}/{key}" if known else f"{path}/*", "unexpected")

    def _list(self, value: object, path: str) -> list[object]:
        if value is None:
            return []
        if not isinstance(value, list) or not value:
            self.fault(path, "type")
            return []
        return value

    def _each(self, value: object, path: str) -> list[tuple[object, str]]:
        return [(one, f"{path}[{number}]") for number, one in enumerate(self._list(value, path), 1)]

    def _codings(self, value: object, path: str) -> list[object]:
        if not isinstance(value, dict):
            self.fault(path, "missing" if value is None else "type")
            return []
        self._known(value, _IN_CONCEPT, path)
        if "coding" not in value:
            self.fault(f"{path}/coding", "missing")
        return self._list(value.get("coding"), f"{path}/coding")

    def _concept(self, value: object, system: str, codes: frozenset[str], path: str) -> frozenset[str]:
        """The codes of a concept of a closed list; each must be known, since each may be the one that counts."""
        return frozenset(
            code for one in self._codings(value, path) for code in self._coding(one, system, codes, f"{path}/coding")
        )

    def _coding(self, value: object, system: str, codes: frozenset[str], path: str) -> frozenset[str]:
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self._known(value, _IN_CODING, path)
        code = value.get("code")
        if value.get("system") != _TERMS + system or not isinstance(code, str) or code not in codes:
            self.fault(path, "code-list")
            return frozenset()
        return frozenset({code})

    def _open_coding(self, value: object, path: str) -> frozenset[str]:
        """A code of a list that is not closed: a terminology of content."""
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self._known(value, _IN_CODING, path)
        return self._pair(value.get("system"), value.get("code"), path)

    def _pair(self, system: object, value: object, path: str) -> frozenset[str]:
        if not (isinstance(system, str) and isinstance(value, str)):
            self.fault(path, "missing")
        elif _TEXT.fullmatch(system) is None or _TEXT.fullmatch(value) is None:
            self.fault(path, "pattern")
        else:
            return frozenset({f"{system}|{value}"})
        return frozenset()

    def _reference(self, value: object, path: str, *, named: bool = True) -> frozenset[str]:
        """Every name that a reference gives; `named`: at least one."""
        if not isinstance(value, dict):
            self.fault(path, "missing" if value is None else "type")
            return frozenset()
        self._known(value, _IN_REFERENCE, path)
        found: set[str] = set()
        if "reference" in value:
            where = value["reference"]
            if not isinstance(where, str) or _TEXT.fullmatch(where) is None:
                self.fault(f"{path}/reference", "pattern")
            elif where.startswith("#") or (self._own and f"/{where}".endswith(f"/{self._own}")):
                self.fault(f"{path}/reference", "cycle")
            else:
                found.add(where)
        identifier = value.get("identifier")
        if isinstance(identifier, dict):
            self._known(identifier, _IN_IDENTIFIER, f"{path}/identifier")
            found |= self._pair(identifier.get("system"), identifier.get("value"), f"{path}/identifier")
        elif identifier is not None:
            self.fault(f"{path}/identifier", "type")
        if named and not found:
            self.fault(path, "missing")
        return frozenset(found)

    def _period(self, value: object, path: str) -> Period | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(path, "type")
            return None
        self._known(value, frozenset({"end", "extension", "id", "start"}), path)
        start, end = self._days(value.get("start"), f"{path}/start"), self._days(value.get("end"), f"{path}/end")
        if start is None and end is None:
            self.fault(path, "missing")
            return None
        first, last = (start or _OPEN).first, (end or _OPEN).last
        if first is not None and last is not None and first > last:
            self.fault(path, "contradiction")
        sure_first = first + 1 if first is not None and (start or _OPEN).timed else first
        sure_last = last - 1 if last is not None and (end or _OPEN).timed else last
        return Period(first, last, sure_first, sure_last)

    def _days(self, value: object, path: str) -> "_Days | None":
        """The first and last day that a moment can mean."""
        if value is None:
            return None
        parts = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if parts is None:
            self.fault(path, "pattern")
            return None
        try:
            return _days_of(*parts.groups())
        except (ValueError, OverflowError):
            self.fault(path, "date")
            return None


class _Days(NamedTuple):
    first: int | None
    last: int | None
    timed: bool


_OPEN: Final = _Days(None, None, timed=False)


def _days_of(year: str, month: str | None, day: str | None, time: str | None) -> _Days:
    first = calendar.parse_date(f"{year}-{month or '01'}-{day or '01'}")
    if time is not None:
        moment = datetime.fromisoformat(f"{year}-{month}-{day}{time}")
        here = calendar.day_of(int(moment.timestamp() * 1000))
        return _Days(here, here, timed=True)
    if day is not None:
        return _Days(first, first, timed=False)
    of_month = monthrange(int(year), int(month or "12"))[1]
    return _Days(first, calendar.parse_date(f"{year}-{month or '12'}-{of_month}"), timed=False)


def _is_extended(value: object) -> bool:
    """Whether anything in it has an extension, but for the provisions inside."""
    if isinstance(value, dict):
        return "extension" in value or any(_is_extended(one) for key, one in value.items() if key != "provision")
    return isinstance(value, list) and any(_is_extended(one) for one in value)


def _without_period(root: Provision | None) -> Provision | None:
    """The root without its period, which says when the document counts."""
    if root is None:
        return None
    kept = Conditions(None, *(getattr(root.conditions, name) for name in Conditions.__slots__ if name != "period"))
    return Provision(root.effect, kept, root.inside)
