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

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from consent.fhir_consent import Conditions, Consent, Effect, Period, Provision, rules
from consent.fhir_datatypes import TERMS, Datatypes
from consent.fhir_json import ConsentError, ConsentFault, parse

MOST_PROVISIONS: Final = 500
DEEPEST: Final = 10  # provisions in provisions

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
        "SPI",
        "STD",
        "SUD",
        "VIO",
    }
)
_LABELS: Final = {TERMS + "v3-Confidentiality": _CONFIDENTIALITY, TERMS + "v3-ActCode": _SENSITIVITY}

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
_MEANINGS: Final = ("authoredby", "dependents", "instance", "related")
_NARROWS: Final = _IN_PROVISION - {"extension", "id", "period", "provision", "type"}
ReadOne: TypeAlias = Callable[[object, str], frozenset[str]]


def read(raw: bytes) -> Consent:
    """The document in these bytes.

    Raises:
        ConsentError: with every fault of it.
    """
    document = parse(raw)
    reader = _Reader()
    consent = reader.consent(document)
    if not reader.faults:
        reader.faults += [ConsentFault("/Consent/provision", "contradiction") for _ in _contradictions(consent)][:1]
    if reader.faults:
        raise ConsentError(reader.faults[:20])
    return consent


def _contradictions(consent: Consent) -> Iterator[None]:
    """Two provisions that ask for exactly the same, of which one permits and one refuses."""
    effects: dict[object, set[Effect]] = {}
    for rule in rules(consent):
        asked = frozenset(part for conditions in rule.path for part in conditions.parts().items())
        if rule.path:  # the base policy is there to have exceptions
            effects.setdefault(asked, set()).add(rule.effect)
    yield from (None for found in effects.values() if {Effect.PERMIT, Effect.DENY} <= found)


class _Reader(Datatypes):
    """One pass over one document; notes every fault."""

    def __init__(self) -> None:
        super().__init__()
        self._provisions = 0
        self._extended = False  # the document, or a provision around the one that is read

    def consent(self, document: Mapping[str, object]) -> Consent:
        self.known(document, _PASSED_OVER, "/Consent")
        self._extended = "extension" in document
        own = document.get("id")
        self.own = f"Consent/{own}" if isinstance(own, str) else ""
        status = document.get("status")
        if status not in STATUSES:
            self.fault("/Consent/status", "missing" if status is None else "code-list")
        scope = self.concept(document.get("scope"), "consentscope", frozenset(SCOPES), "/Consent/scope")
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
        if policies is not None and not self.items(policies, "/Consent/policy"):
            return None
        if rule is None:
            return None
        found = self.concept(rule, "v3-ActCode", frozenset(BASES), "/Consent/policyRule")
        if found == {"OPTIN"} and (policies is not None or self._extended or _is_extended(rule)):
            return None  # something that is not here may take away from it
        return BASES[min(found)] if len(found) == 1 else None

    def _verified(self, document: Mapping[str, object]) -> bool:
        """Whether nobody looked into it and found it not to be so."""
        entries = document.get("verification")
        if entries is None:
            return True
        found = self.items(entries, "/Consent/verification")
        return all(isinstance(one, dict) and one.get("verified") is True for one in found)

    def _source(self, document: Mapping[str, object]) -> None:
        if (source := document.get("sourceReference")) is not None:
            self.reference(source, "/Consent/sourceReference")

    def _patient(self, document: Mapping[str, object]) -> frozenset[str]:
        patient = document.get("patient")
        if patient is None:
            self.fault("/Consent/patient", "missing")
            return frozenset()
        return self.reference(patient, "/Consent/patient", named=False)

    def _provision(self, value: object, path: str, base: Effect | None, depth: int) -> Provision | None:
        self._provisions += 1
        if depth > DEEPEST or self._provisions > MOST_PROVISIONS:
            self.fault("/Consent/provision", "too-deep" if depth > DEEPEST else "too-large")
            return None
        if not isinstance(value, dict) or not value:
            self.fault(path, "type")
            return None
        self.known(value, _IN_PROVISION, path)
        around, self._extended = self._extended, self._extended or _is_extended(value)
        effect = self._effect(value, path, base, depth)
        conditions = self._conditions(value, path)
        made = [
            self._provision(one, at, base, depth + 1)
            for one, at in self.each(value.get("provision"), f"{path}/provision")
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
            period=self.period(value.get("period"), f"{path}/period"),
            data_period=self.period(value.get("dataPeriod"), f"{path}/dataPeriod"),
            actors=self._actors(value.get("actor"), f"{path}/actor"),
            purposes=self._union(
                value, "purpose", path, lambda one, at: self.coding(one, "v3-ActReason", PURPOSES, at)
            ),
            actions=self._union(value, "action", path, lambda one, at: self.concept(one, "consentaction", ACTIONS, at)),
            labels=self._union(value, "securityLabel", path, self._label),
            classes=self._union(value, "class", path, self.open_coding),
            codes=self._union(value, "code", path, self._open_concept),
            data=self._union(value, "data", path, self._datum),
        )

    def _union(self, value: Mapping[str, object], name: str, path: str, read_one: ReadOne) -> frozenset[str]:
        where = f"{path}/{name}"
        found = [read_one(one, at) for one, at in self.each(value.get(name), where)]
        return frozenset().union(*found)

    def _label(self, value: object, path: str) -> frozenset[str]:
        system = value.get("system") if isinstance(value, dict) else None
        known = _LABELS.get(system, frozenset()) if isinstance(system, str) else frozenset()
        return self.coding(value, str(system).removeprefix(TERMS), known, path)

    def _open_concept(self, value: object, path: str) -> frozenset[str]:
        return frozenset().union(*(self.open_coding(one, path) for one in self.codings(value, path)))

    def _datum(self, value: object, path: str) -> frozenset[str]:
        if not isinstance(value, dict):
            self.fault(path, "type")
            return frozenset()
        self.known(value, frozenset({"extension", "id", "meaning", "reference"}), path)
        if value.get("meaning") not in _MEANINGS:
            self.fault(f"{path}/meaning", "code-list")
        return self.reference(value.get("reference"), f"{path}/reference")

    def _actors(self, value: object, path: str) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for one, where in self.each(value, path):
            if not isinstance(one, dict):
                self.fault(where, "type")
                continue
            self.known(one, frozenset({"extension", "id", "reference", "role"}), where)
            names = self.reference(one.get("reference"), f"{where}/reference")
            for code in self.concept(one.get("role"), "v3-ParticipationType", frozenset(ROLES), f"{where}/role"):
                role = ROLES[code]
                found[role] = found.get(role, frozenset()) | names
        return MappingProxyType(found)


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
