# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The messages of known standards that are not read here, by standard: what each is, and what is read instead."""

from collections.abc import Mapping
from typing import Final

from adapters.formats import fhir
from adapters.formats.hl7v2_lists import TRIGGERS
from adapters.formats.likeness_marks import EXPORT, Likeness

SOAP_FAULT: Final = Likeness(
    "een SOAP-fout: de bron gaf geen antwoord",
    "a SOAP fault: the source gave no answer",
    "Stel de vraag later opnieuw, of laat de bron nakijken wat de fout zegt.",
    "Ask again later, or have the source look at what the fault says.",
)
SOAP_MESSAGE: Final = Likeness("een SOAP-bericht van een andere dienst", "a SOAP message of another service", *EXPORT)
SUWI_ANSWER: Final = Likeness(
    "een antwoord over Suwinet van een andere dienst of versie",
    "an answer over Suwinet of another service or version",
    "Hier worden gelezen: AanvraagUitkeringStatus, Reintegratie, UWVWb persoon en Bijstandsregelingen.",
    "Read here are: AanvraagUitkeringStatus, Reintegratie, UWVWb persoon and Bijstandsregelingen.",
)
SUWI_QUESTION: Final = Likeness(
    "een vraag over Suwinet",
    "a question over Suwinet",
    "Lever het antwoord aan, niet de vraag.",
    "Deliver the answer, not the question.",
)
ENVELOPE: Final = Likeness(
    "een envelop van het GGk waarin geen bericht van iWmo of iJw als XML te vinden is",
    "an envelope of the GGk in which no message of iWmo or iJw can be found as XML",
    "Kijk wat er in xmlBestand staat; een tekstbestand wordt niet gelezen.",
    "See what stands in xmlBestand; a text file is not read.",
)
DOSSIER: Final = Likeness(
    "een dossier van OSO in een ander profiel",
    "a dossier of OSO in another profile",
    "Hier worden POSWV en VOSWV gelezen: van een school aan een samenwerkingsverband.",
    "Read here are POSWV and VOSWV: from a school to a partnership.",
)
BY_NAMESPACE: Final[Mapping[str, Likeness]] = {
    "http://www.w3.org/2001/XMLSchema": Likeness(
        "een XSD, geen bericht",
        "an XSD and no message",
        "Geef de map ermee aan als --xsd (convert) of xsd_dir (edge).",
        "Give the folder with it as --xsd (convert) or xsd_dir (edge).",
    ),
    "http://schemas.xmlsoap.org/wsdl/": Likeness("een WSDL, geen bericht", "a WSDL and no message"),
    "http://www.w3.org/1999/XSL/Transform": Likeness("een XSLT, geen bericht", "an XSLT and no message"),
    "urn:hl7-org:v3": Likeness(
        "een bericht of document van HL7 v3 (CDA)", "a message or document of HL7 v3 (CDA)", *EXPORT
    ),
    "http://www.egem.nl/StUF/StUF0301": Likeness("een bericht van StUF", "a message of StUF", *EXPORT),
}
NO_LAST_END: Final = Likeness(
    "een HL7 v2-bericht waarvan het laatste segment geen einde heeft",
    "an HL7 v2 message whose last segment has no end",
    "Laat het bronsysteem elk segment met een carriage return eindigen, ook het laatste: zonder kan het afgebroken zijn.",
    "Have the source system end each segment with a carriage return, the last one too: without, it may be cut off.",
)

_MONEY: Final = (
    "Een declaratie gaat over geld, en dat is geen voortgang.",
    "A declaration is about money, and that is no progress.",
)
_ABOUT: Final[Mapping[str, tuple[str, str]]] = {
    "301": ("toewijzing", "allocation"),
    "302": ("retour op een toewijzing", "return on an allocation"),
    "303": ("declaratie", "declaration"),
    "304": ("retour op een declaratie", "return on a declaration"),
    "305": ("start", "start"),
    "306": ("retour op een start", "return on a start"),
    "307": ("stop", "stop"),
    "308": ("retour op een stop", "return on a stop"),
    "315": ("verzoek om toewijzing", "request for allocation"),
    "316": ("retour op een verzoek", "return on a request"),
    "317": ("verzoek om wijziging", "request for change"),
    "318": ("retour op een verzoek", "return on a request"),
    "319": ("antwoord op een verzoek", "answer to a request"),
    "320": ("retour op een antwoord", "return on an answer"),
    "323": ("declaratie", "declaration"),
    "325": ("antwoord op een declaratie", "answer to a declaration"),
}
_DECLARATIONS: Final = frozenset({"303", "304", "323", "325"})
_RETURNS: Final = frozenset({"302", "306", "308", "316", "318", "320"})


def istandaard(standard: str, version: str, number: str) -> Likeness | None:
    """A message of an iStandaard that is not read: about money, of another version, or a return."""
    if number not in _ABOUT or standard not in ("iWmo", "iJw"):
        return Likeness(f"een bericht van {standard} {version}", f"a message of {standard} {version}")
    nl, en = _ABOUT[number]
    nl, en = f"bericht {number} van {standard} {version} ({nl})", f"message {number} of {standard} {version} ({en})"
    if number in _DECLARATIONS:
        return Likeness(nl, en, *_MONEY)
    if version != "3.2":
        return Likeness(nl, en, f"Hier wordt {standard} 3.2 gelezen.", f"{standard} 3.2 is read here.")
    if standard == "iWmo" and number in _RETURNS:
        return Likeness(
            nl,
            en,
            "Een retour zegt alleen of een bericht in orde was; die van iWmo worden niet gelezen.",
            "A return only says whether a message was in order; those of iWmo are not read.",
        )
    return None


# Resources of FHIR that stand beside what is read in a GP's or a network's export.
_RESOURCES: Final = frozenset(
    """Account ActivityDefinition AdverseEvent AllergyIntolerance AppointmentResponse AuditEvent Basic Binary BodyStructure
    CapabilityStatement CareTeam ClinicalImpression CodeSystem CommunicationRequest Composition ConceptMap Condition
    Contract Coverage Device DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter
    Endpoint FamilyMemberHistory Flag Goal Group HealthcareService ImagingStudy Immunization Invoice Library List Location
    Media Medication MedicationAdministration MedicationDispense MedicationRequest MedicationStatement MessageHeader NutritionOrder
    Observation OperationOutcome Organization OrganizationAffiliation Parameters Patient Person PlanDefinition Practitioner
    PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchStudy
    RiskAssessment Schedule SearchParameter Slot Specimen StructureDefinition StructureMap Subscription Substance SupplyRequest
    ValueSet VisionPrescription""".split()
)
_OF_BEFORE: Final = frozenset(
    "ReferralRequest ProcedureRequest DataElement EligibilityRequest ProcessRequest Sequence".split()
)
_READ_NL: Final = f"Hier worden gelezen: {', '.join(fhir.ABOUT.reads)}; van FHIR R4."
_READ_EN: Final = f"Read here are: {', '.join(fhir.ABOUT.reads)}; of FHIR R4."


def of_format(name: str) -> Likeness:
    """A message of another format than it is read as."""
    return Likeness(
        f"een bericht in het formaat {name}",
        f"a message in the format {name}",
        f"Noem dat formaat, of auto (convert: --from {name}; edge: formats_in).",
        f"Name that format, or auto (convert: --from {name}; edge: formats_in).",
    )


def fhir_of_before(name: str) -> Likeness:
    """A resource as it was before R4."""
    return Likeness(f"een {name} van FHIR STU3", f"a {name} of FHIR STU3", _READ_NL, _READ_EN)


def resource(name: str) -> Likeness:
    """A resource that says nothing of the course of a case."""
    if name in _OF_BEFORE:
        return fhir_of_before(name)
    if name == "OperationOutcome":
        return Likeness(
            "een foutmelding van een FHIR-server (OperationOutcome)",
            "an error of a FHIR server (OperationOutcome)",
            "Laat de bron nakijken wat zij zegt.",
            "Have the source look at what it says.",
        )
    if name == "Consent":
        return Likeness(
            "een toestemming in FHIR (Consent)",
            "a consent in FHIR (Consent)",
            "Lees die in met `schakel agreement import`.",
            "Read it with `schakel agreement import`.",
        )
    known = name if name in _RESOURCES else ""
    return Likeness(
        f"een resource {known} van FHIR" if known else "een andere resource van FHIR",
        f"a resource {known} of FHIR" if known else "another resource of FHIR",
        _READ_NL,
        _READ_EN,
    )


_MESSAGES: Final[Mapping[str, tuple[str, str]]] = {
    "ACK": ("ontvangstbevestiging", "acknowledgement"),
    "ADT": ("opname en persoonsgegevens", "admission and personal data"),
    "BAR": ("rekening", "account"),
    "DFT": ("kosten", "charges"),
    "MDM": ("document", "document"),
    "MFN": ("stamgegevens", "master files"),
    "OMG": ("order", "order"),
    "OML": ("laboratoriumorder", "laboratory order"),
    "ORL": ("antwoord op een order", "answer to an order"),
    "ORM": ("order", "order"),
    "ORR": ("antwoord op een order", "answer to an order"),
    "QRY": ("vraag", "query"),
    "RDE": ("recept", "prescription"),
    "VXU": ("vaccinatie", "vaccination"),
}
_HL7_NL: Final = "Hier worden gelezen: REF^I12, RRI^I12, SIU^S12, S14, S15 en S17, ORU^R01."
_HL7_EN: Final = "Read here are: REF^I12, RRI^I12, SIU^S12, S14, S15 and S17, ORU^R01."


def message(kind: str, trigger: str) -> Likeness | None:
    """A message of HL7 v2 that is not read; None where it is."""
    if kind in TRIGGERS:
        if trigger in TRIGGERS[kind] or not trigger:
            return None
        return Likeness(
            f"een HL7 v2-bericht {kind} met een andere trigger",
            f"an HL7 v2 message {kind} with another trigger",
            _HL7_NL,
            _HL7_EN,
        )
    if kind not in _MESSAGES:
        return Likeness("een ander HL7 v2-bericht", "another HL7 v2 message", _HL7_NL, _HL7_EN)
    nl, en = _MESSAGES[kind]
    return Likeness(f"een HL7 v2-bericht {kind} ({nl})", f"an HL7 v2 message {kind} ({en})", _HL7_NL, _HL7_EN)


_LETTERS: Final[Mapping[str, tuple[str, str]]] = {
    "MEDLAB": ("laboratoriumuitslag", "results of a laboratory"),
    "MEDREC": ("recept", "prescription"),
    "MEDVER": ("verwijzing", "referral"),
    "MEDSPE": ("specialistenbrief", "letter of a specialist"),
}


def letter(kind: str) -> Likeness | None:
    """A message in EDIFACT other than a letter; None for a letter."""
    if kind == "MEDVRI":
        return None
    nl, en = _LETTERS.get(kind, ("", ""))
    return Likeness(
        f"een EDIFACT-bericht {kind} ({nl})" if nl else "een ander EDIFACT-bericht",
        f"an EDIFACT message {kind} ({en})" if en else "another EDIFACT message",
        "Hier wordt MEDVRI gelezen.",
        "MEDVRI is read here.",
    )
