# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each element of FHIR R4, alone or in a Bundle, in JSON and in XML alike.

- What is used of a resource follows from the table of resources that the reader itself goes by; the grounds stand here.
- A resource inside another stands in a path under its type, where that is one of the standard.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from lxml import etree

from adapters.formats.explain import (
    CLIENT,
    KIND,
    PARTNER,
    TELLER,
    Explained,
    Fields,
    Ground,
    Verdict,
    by_place,
    explained,
    under,
)
from adapters.formats.fhir_lists import PLACES, RESOURCES
from adapters.formats.fhir_shape import NAMESPACE, TYPE, parsed

_A_DAY: Final = "the day of the event, where it is the best that says it"
_LATER: Final = f"{_A_DAY}; which of two statuses came later"
_KEY: Final = "tells this resource from others; does not travel"
_TARGET: Final = "what a reference inside the file points at"
_REFUSED: Final = "refused where it stands: it would change the meaning of the rest"
_PERSON: Final = "whether it points at a person"
_WHO: Final = "who tells, or which partner it concerns"

_GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.TECHNICAL: (
        "language basedOn groupIdentifier requisition partOf replaces focus relevantHistory restriction statusHistory"
        " referralRequest minutesDuration slot requestedPeriod medium inResponseTo"
    ),
    Ground.FREE_TEXT: "text extension businessStatus description note patientInstruction title comment payload",
    Ground.HEALTH: (
        "statusReason priority code encounter reasonCode reasonReference input output orderDetail quantityQuantity"
        " quantityRatio quantityRange asNeededBoolean asNeededCodeableConcept supportingInfo supportingInformation"
        " specimen bodySite addresses goal activity diagnosis cancelationReason topic about"
    ),
    Ground.SERVICE: (
        "instantiatesCanonical instantiatesUri performerType location locationCode locationReference category"
        " occurrenceDateTime occurrencePeriod occurrenceTiming type serviceCategory serviceType specialty"
        " appointmentType"
    ),
    Ground.MONEY: "insurance account",
    Ground.OTHERS: "contributor careTeam careManager team",
    Ground.CHECKED: "authoredOn created sent received start end",
}
_GROUND_OF: Final[Fields] = {name: ground for ground, names in _GROUNDS.items() for name in names.split()}
# Of a resource that only says who is meant.
_PATIENT_DROPPED: Final[Mapping[str, Ground]] = {
    "active": Ground.CHECKED,
    "contact": Ground.OTHERS,
    "generalPractitioner": Ground.OTHERS,
    "managingOrganization": Ground.TECHNICAL,
    "link": Ground.TECHNICAL,
    "text": Ground.FREE_TEXT,
    "extension": Ground.FREE_TEXT,
}
_ROLE_DROPPED: Final[Mapping[str, Ground]] = {
    "identifier": Ground.OTHERS,
    "practitioner": Ground.OTHERS,
    "telecom": Ground.OTHERS,
    "text": Ground.FREE_TEXT,
    "extension": Ground.FREE_TEXT,
}
_ORGANISATION_DROPPED: Final[Mapping[str, Ground]] = {
    "active": Ground.CHECKED,
    "contact": Ground.OTHERS,
    "text": Ground.FREE_TEXT,
    "extension": Ground.FREE_TEXT,
}
_OTHERS: Final = frozenset("Practitioner RelatedPerson Person CareTeam Group".split())
# All other types of resource of R4: nobody looks into them.
OTHER_TYPES: Final = tuple(
    (
        "Account ActivityDefinition AdverseEvent AllergyIntolerance AppointmentResponse AuditEvent Basic Binary"
        " BiologicallyDerivedProduct BodyStructure CapabilityStatement CareTeam CatalogEntry ChargeItem"
        " ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem CommunicationRequest"
        " CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest"
        " CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest"
        " DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter"
        " Endpoint EnrollmentRequest EnrollmentResponse EventDefinition Evidence EvidenceVariable ExampleScenario"
        " ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService"
        " ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan"
        " Invoice Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration"
        " MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct"
        " MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication"
        " MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged"
        " MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader"
        " MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition"
        " OperationOutcome OrganizationAffiliation Parameters PaymentNotice PaymentReconciliation Person PlanDefinition"
        " Practitioner Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup"
        " ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment"
        " RiskEvidenceSynthesis Schedule SearchParameter Slot Specimen SpecimenDefinition StructureDefinition"
        " StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein"
        " SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest"
        " TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription"
    ).split()
)


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each element; raises `Malformed`."""
    name, root = parsed(data)
    paths = _json_paths(root, (name,)) if isinstance(root, Mapping) else _xml_paths(root, (name,))
    return explained(paths, _verdict(name))


@cache
def _verdict(name: str) -> Callable[[tuple[str, ...]], Verdict]:
    return by_place(under(name, table(name)))


# -- the table of each type ------------------------------------------------------------------------------------------


def table(name: str) -> Fields:
    """Every place of this type of resource: what it is used for, or on which ground it is dropped."""
    if name == "Bundle":
        return _bundle()
    if name in RESOURCES:
        return _beside_values(_telling(name))
    return _beside_values(_naming(name))


def _telling(name: str) -> dict[str, str | Ground]:
    """A resource that tells."""
    rules = RESOURCES[name]
    found: dict[str, str | Ground] = {place: _GROUND_OF[place] for place in PLACES[name] if place in _GROUND_OF}
    found |= {
        "id": "tells this resource from others, where it has no identifier; does not travel",
        "meta": Ground.TECHNICAL,
        "meta/lastUpdated": _LATER,
        "implicitRules": _REFUSED,
        "modifierExtension": _REFUSED,
        **_identifier("identifier", _KEY),
        **_contained(),
        "status": KIND,
    }
    if rules.intents is not None:
        found["intent"] = "checked: that it was asked or decided, and is no proposal"
    if name == "Communication":
        found["instantiatesUri"] = "checked: that Schakel did not write it itself"
    if "doNotPerform" in PLACES[name]:
        found["doNotPerform"] = "checked: that it asks for something"
    for place in (one for days in rules.days.values() for one in days if one != "meta.lastUpdated"):
        found[place.replace(".", "/")] = _LATER if place == "lastModified" else _A_DAY
    for structure in ("executionPeriod", "period"):
        if structure in PLACES[name]:
            for edge in ("start", "end"):
                found.setdefault(f"{structure}/{edge}", Ground.CHECKED)
            found |= {f"{structure}/id": Ground.TECHNICAL, f"{structure}/extension": Ground.FREE_TEXT}
    tellers = set(rules.teller.values())
    for place in tellers - {"participant"}:
        found |= _reference(place, TELLER if len(tellers) == 1 else _WHO)
    if rules.told is not None:
        found |= _reference(rules.told, PARTNER)
    if rules.subject == "participant":
        found |= {"participant": Ground.TECHNICAL, "participant/type": Ground.SERVICE}
        found |= {"participant/modifierExtension": _REFUSED, "participant/extension": Ground.FREE_TEXT}
        found |= {"participant/status": Ground.CHECKED}
        return {**found, **_reference("participant/actor", f"who tells, and {CLIENT}", _PERSON)}
    return {**found, **_reference(rules.subject, CLIENT, _PERSON)}


def _naming(name: str) -> dict[str, str | Ground]:
    """A resource that says who is meant."""
    dropped, rest = {
        "Patient": (_PATIENT_DROPPED, Ground.IDENTITY),
        "Organization": (_ORGANISATION_DROPPED, Ground.TECHNICAL),
        "PractitionerRole": (_ROLE_DROPPED, Ground.SERVICE),
    }[name]
    found: dict[str, str | Ground] = {place: dropped.get(place, rest) for place in PLACES[name] if place != "contained"}
    found |= {
        "id": _TARGET,
        "meta": Ground.TECHNICAL,
        "meta/lastUpdated": Ground.CHECKED,
        "implicitRules": _REFUSED,
        "modifierExtension": _REFUSED,
        "language": Ground.TECHNICAL,
        **under("contained", dict.fromkeys(OTHER_TYPES, Ground.HEALTH)),
    }
    if name == "Patient":
        found |= {"link/type": Ground.CHECKED, "link/modifierExtension": _REFUSED}
    if name == "PractitionerRole":
        return {**found, **_reference("organization", _WHO)}
    return {**found, **_identifier("identifier", CLIENT if name == "Patient" else _WHO)}


def _bundle() -> Fields:
    entry: dict[str, str | Ground] = {
        "id": Ground.TECHNICAL,
        "extension": Ground.FREE_TEXT,
        "modifierExtension": _REFUSED,
        "link": Ground.TECHNICAL,
        "fullUrl": _TARGET,
        "search": Ground.TECHNICAL,
        "search/mode": "whether it was asked for, or only came with what was",
        "search/modifierExtension": _REFUSED,
        "request": Ground.TECHNICAL,
        "request/method": "checked: that a server is asked to keep it",
        "request/url": Ground.CHECKED,
        "request/modifierExtension": _REFUSED,
        "response": "refused where it stands: it is the answer of a server",
        **under("resource", _types(OTHER_TYPES)),
        "resource/MessageHeader/implicitRules": _REFUSED,
        "resource/MessageHeader/modifierExtension": _REFUSED,
    }
    for name in (*RESOURCES, "Patient", "Organization", "PractitionerRole"):
        entry |= under(f"resource/{name}", table(name))
    whole: dict[str, str | Ground] = {place: Ground.TECHNICAL for place in PLACES["Bundle"] if place != "entry"}
    whole |= {"meta/lastUpdated": Ground.CHECKED, "implicitRules": _REFUSED}
    whole["type"] = "checked: that it says how things are now"
    return _beside_values({**whole, **under("entry", entry)})


def _contained() -> Fields:
    found = under("contained", _types((*OTHER_TYPES, *RESOURCES)))
    # That a reference to it points somewhere.
    found |= under("contained", {f"{name}/id": Ground.CHECKED for name in OTHER_TYPES})
    for name in ("Patient", "Organization", "PractitionerRole"):
        found |= under(f"contained/{name}", _naming(name))
    return found


def _types(names: tuple[str, ...] | list[str]) -> Fields:
    return {name: Ground.OTHERS if name in _OTHERS else Ground.HEALTH for name in names}


def _reference(place: str, purpose: str, kind: str | Ground = Ground.CHECKED) -> Fields:
    return {
        f"{place}/id": Ground.TECHNICAL,
        f"{place}/extension": Ground.FREE_TEXT,
        f"{place}/reference": f"{purpose}: the resource in the file that it points at",
        f"{place}/type": kind,
        f"{place}/display": Ground.IDENTITY,
        **_identifier(f"{place}/identifier", purpose),
    }


def _identifier(place: str, purpose: str) -> dict[str, str | Ground]:
    return {
        place: Ground.TECHNICAL,
        f"{place}/extension": Ground.FREE_TEXT,
        f"{place}/use": "which of several numbers counts: not an old one",
        f"{place}/system": purpose,
        f"{place}/value": purpose,
    }


def _beside_values(places: Mapping[str, str | Ground]) -> Fields:
    """What may stand beside a value that is used is no part of the value."""
    beside = {
        f"{place}/{name}": Ground.TECHNICAL if name == "id" else Ground.FREE_TEXT
        for place, meaning in places.items()
        if not isinstance(meaning, Ground)
        for name in ("id", "extension")
    }
    return {**beside, **places}


# -- the places of a message -----------------------------------------------------------------------------------------


def _json_paths(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, list):
        for item in value:
            yield from _json_paths(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == TYPE:
                continue
            below = (*path, key.removeprefix("_"))
            if key in ("contained", "resource"):
                for one in item if isinstance(item, list) else [item]:
                    kind = one.get(TYPE) if isinstance(one, dict) else None
                    yield from _json_paths(one, (*below, kind if isinstance(kind, str) else ""))
            else:
                yield from _json_paths(item, below)
    elif value is not None:
        yield path


def _xml_paths(element: etree._Element, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if element.get("value") is not None or not len(element):
        yield path
    for child in element:
        yield from _xml_paths(child, (*path, str(child.tag).removeprefix(NAMESPACE)))
