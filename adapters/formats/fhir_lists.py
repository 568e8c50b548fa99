# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The elements of FHIR R4 that the reader knows, and what each status means.

- A table of places: name, how many, and whether it is kept. What is not kept is looked at for its shape alone.
- A test compares names, order and number with the official R4 JSON Schema.

One word per element, in the order of the standard: `name`, then `*` when it may repeat, then what it is:
`.` a primitive that is kept, `-` a primitive that is dropped, `:Type` a structure that is kept, `!` what is refused
because it would change the meaning of all the rest; nothing: a structure that is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.event import Ending, Kind

_ELEMENT = "id- extension*"
_BACKBONE = f"{_ELEMENT} modifierExtension*!"
_RESOURCE = "id. meta:Meta implicitRules-! language-"
_DOMAIN = f"{_RESOURCE} text contained*:Resource extension* modifierExtension*!"

TABLES: Mapping[str, str] = {
    "Task": f"{_DOMAIN} identifier*:Identifier instantiatesCanonical- instantiatesUri- basedOn* groupIdentifier partOf*"
    " status. statusReason businessStatus intent. priority- code description- focus for:Reference encounter"
    " executionPeriod:Period authoredOn. lastModified. requester:Reference performerType* owner:Reference location"
    " reasonCode reasonReference insurance* note* relevantHistory* restriction input* output*",
    "ServiceRequest": f"{_DOMAIN} identifier*:Identifier instantiatesCanonical*- instantiatesUri*- basedOn* replaces*"
    " requisition status. intent. category* priority- doNotPerform. code orderDetail* quantityQuantity quantityRatio"
    " quantityRange subject:Reference encounter occurrenceDateTime- occurrencePeriod occurrenceTiming asNeededBoolean-"
    " asNeededCodeableConcept authoredOn. requester:Reference performerType performer*:Reference locationCode*"
    " locationReference* reasonCode* reasonReference* insurance* supportingInfo* specimen* bodySite* note*"
    " patientInstruction- relevantHistory*",
    "CarePlan": f"{_DOMAIN} identifier*:Identifier instantiatesCanonical*- instantiatesUri*- basedOn* replaces* partOf*"
    " status. intent. category* title- description- subject:Reference encounter period:Period created."
    " author:Reference contributor* careTeam* addresses* supportingInfo* goal* activity* note*",
    "EpisodeOfCare": f"{_DOMAIN} identifier*:Identifier status. statusHistory* type* diagnosis* patient:Reference"
    " managingOrganization:Reference period:Period referralRequest* careManager team* account*",
    "Appointment": f"{_DOMAIN} identifier*:Identifier status. cancelationReason serviceCategory* serviceType* specialty*"
    " appointmentType reasonCode* reasonReference* priority- description- supportingInformation* start. end."
    " minutesDuration- slot* created. comment- patientInstruction- basedOn* participant*:Participant requestedPeriod*",
    "Communication": f"{_DOMAIN} identifier*:Identifier instantiatesCanonical*- instantiatesUri*. basedOn* partOf*"
    " inResponseTo* status. statusReason category* priority- medium* subject:Reference topic about* encounter sent."
    " received. recipient*:Reference sender:Reference reasonCode* reasonReference* payload* note*",
    # Looked at only to find out who is meant; the names and addresses in them are dropped.
    "Patient": f"{_DOMAIN} identifier*:Identifier active. name* telecom* gender- birthDate- deceasedBoolean-"
    " deceasedDateTime- address* maritalStatus multipleBirthBoolean- multipleBirthInteger- photo* contact*"
    " communication* generalPractitioner* managingOrganization link*:Link",
    "Organization": f"{_DOMAIN} identifier*:Identifier active. type* name- alias*- telecom* address* partOf contact*"
    " endpoint*",
    "PractitionerRole": f"{_DOMAIN} identifier* active- period practitioner organization:Reference code* specialty*"
    " location* healthcareService* telecom* availableTime* notAvailable* availabilityExceptions- endpoint*",
    "Bundle": f"{_RESOURCE} identifier type. timestamp- total- link* entry*:Entry signature",
    "Entry": f"{_BACKBONE} link* fullUrl. resource:Resource search:Search request:Request response",
    "Search": f"{_BACKBONE} mode. score-",
    "Request": f"{_BACKBONE} method. url. ifNoneMatch- ifModifiedSince- ifMatch- ifNoneExist-",
    "Participant": f"{_BACKBONE} type* actor:Reference required- status. period",
    "Link": f"{_BACKBONE} other type.",
    "Identifier": f"{_ELEMENT} use. type system. value. period assigner",
    "Reference": f"{_ELEMENT} reference. type. identifier:Identifier display-",
    "Period": f"{_ELEMENT} start. end.",
    "Meta": f"{_ELEMENT} versionId- lastUpdated. source- profile*- security* tag*",
}
# Of these at most one may stand in a resource: the standard calls them one element with a choice of types.
CHOICES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ServiceRequest": (
        ("quantityQuantity", "quantityRatio", "quantityRange"),
        ("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"),
        ("asNeededBoolean", "asNeededCodeableConcept"),
    ),
    "Patient": (("deceasedBoolean", "deceasedDateTime"), ("multipleBirthBoolean", "multipleBirthInteger")),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One element of a structure."""

    name: str
    many: bool
    kept: bool
    primitive: bool
    refused: bool
    # The table of what is in it; None: nobody looks.
    inside: str | None
    # The name of the form that a kept primitive must have.
    form: str


# A `start` that is a moment to the second, where that of a Period may be a year; a `status` or a `type` that has a list of its own.
_OTHER_FORMS = {
    ("Appointment", "start"): "instant",
    ("Appointment", "end"): "instant",
    ("Meta", "lastUpdated"): "instant",
    ("Participant", "status"): "participation",
    ("Link", "type"): "link",
}


def _place(table: str, word: str) -> Place:
    name, _, inside = word.partition(":")
    bare = name.rstrip("*.-!")
    signs = name[len(bare) :]
    return Place(
        name=bare,
        many="*" in signs,
        kept="." in signs or bool(inside),
        primitive="." in signs or "-" in signs,
        refused="!" in signs,
        inside=inside or None,
        form=_OTHER_FORMS.get((table, bare), bare),
    )


PLACES: Mapping[str, Mapping[str, Place]] = {
    table: {place.name: place for place in (_place(table, word) for word in words.split())}
    for table, words in TABLES.items()
}

# What a status says: kind and ending; None: every event told about this resource is called back.
Meaning = tuple[Kind, Ending | None] | None
_DONE: Meaning = (Kind.BEEINDIGD, Ending.VOLGENS_PLAN)
_BROKEN_OFF: Meaning = (Kind.BEEINDIGD, Ending.VOORTIJDIG)


@dataclass(frozen=True, slots=True)
class Resource:
    """What the reader does with one type of resource.

    `meanings`: a status that is in the standard and not here says nothing that is told.
    `days`: kind -> places with the day on which it happened, the best first. `teller`: kind -> place of who tells it.
    """

    statuses: tuple[str, ...]
    meanings: Mapping[str, Meaning]
    subject: str
    intents: tuple[str, ...] | None
    days: Mapping[Kind, tuple[str, ...]]
    teller: Mapping[Kind, str]
    told: str | None
    # The kind that is a resumption where it comes right after an interruption.
    resumes: Kind | None = None


_REQUEST = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
_ORDERS = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
# In the standard, and no fact: a proposal, a plan, an option. `unknown` is what our own notices say: never told again.
NO_ORDERS = ("unknown", "proposal", "plan", "directive", "option")

# What our own Communications say in `instantiatesUri`.
WRITTEN_BY = "urn:schakel:melding"

_CHANGED = ("lastModified", "meta.lastUpdated")
_UPDATED = ("meta.lastUpdated",)

RESOURCES: Mapping[str, Resource] = {
    "Task": Resource(
        statuses=(
            *("draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress"),
            *("on-hold", "failed", "completed", "entered-in-error"),
        ),
        meanings={
            "requested": (Kind.AANGEMELD, None),
            "received": (Kind.AANGEMELD, None),
            "accepted": (Kind.IN_ONDERZOEK, None),
            "ready": (Kind.IN_ONDERZOEK, None),
            "rejected": (Kind.AFGEWEZEN, None),
            "in-progress": (Kind.GESTART, None),
            "on-hold": (Kind.ONDERBROKEN, None),
            "completed": _DONE,
            "cancelled": _BROKEN_OFF,
            "failed": _BROKEN_OFF,
            "entered-in-error": None,
        },
        subject="for",
        intents=_ORDERS,
        days={
            Kind.AANGEMELD: ("authoredOn", *_CHANGED),
            Kind.IN_ONDERZOEK: _CHANGED,
            Kind.AFGEWEZEN: _CHANGED,
            Kind.GESTART: ("executionPeriod.start", *_CHANGED),
            Kind.ONDERBROKEN: _CHANGED,
            Kind.BEEINDIGD: ("executionPeriod.end", *_CHANGED),
        },
        # Who asks tells that it asked; who does it tells how it goes.
        teller={
            Kind.AANGEMELD: "requester",
            **dict.fromkeys(
                (Kind.IN_ONDERZOEK, Kind.AFGEWEZEN, Kind.GESTART, Kind.ONDERBROKEN, Kind.BEEINDIGD), "owner"
            ),
        },
        told=None,
        resumes=Kind.GESTART,
    ),
    "ServiceRequest": Resource(
        statuses=_REQUEST,
        meanings={
            "active": (Kind.AANGEMELD, None),
            "on-hold": (Kind.ONDERBROKEN, None),
            "revoked": _BROKEN_OFF,
            "completed": _DONE,
            "entered-in-error": None,
        },
        subject="subject",
        intents=_ORDERS,
        days={
            Kind.AANGEMELD: ("authoredOn", *_UPDATED),
            Kind.ONDERBROKEN: _UPDATED,
            Kind.BEEINDIGD: _UPDATED,
        },
        teller=dict.fromkeys((Kind.AANGEMELD, Kind.ONDERBROKEN, Kind.BEEINDIGD), "requester"),
        told="performer",
        resumes=Kind.AANGEMELD,
    ),
    "CarePlan": Resource(
        statuses=_REQUEST,
        meanings={
            "active": (Kind.GESTART, None),
            "on-hold": (Kind.ONDERBROKEN, None),
            "revoked": _BROKEN_OFF,
            "completed": _DONE,
            "entered-in-error": None,
        },
        subject="subject",
        intents=("plan", "order"),
        days={
            Kind.GESTART: ("period.start", "created", *_UPDATED),
            Kind.ONDERBROKEN: _UPDATED,
            Kind.BEEINDIGD: ("period.end", *_UPDATED),
        },
        teller=dict.fromkeys((Kind.GESTART, Kind.ONDERBROKEN, Kind.BEEINDIGD), "author"),
        told=None,
        resumes=Kind.GESTART,
    ),
    "EpisodeOfCare": Resource(
        statuses=("planned", "waitlist", "active", "onhold", "finished", "cancelled", "entered-in-error"),
        # `planned` and `waitlist` have no place for the day on which the client was put there.
        meanings={
            "active": (Kind.GESTART, None),
            "onhold": (Kind.ONDERBROKEN, None),
            "finished": _DONE,
            "cancelled": _BROKEN_OFF,
            "entered-in-error": None,
        },
        subject="patient",
        intents=None,
        days={
            Kind.GESTART: ("period.start", *_UPDATED),
            Kind.ONDERBROKEN: _UPDATED,
            Kind.BEEINDIGD: ("period.end", *_UPDATED),
        },
        teller=dict.fromkeys((Kind.GESTART, Kind.ONDERBROKEN, Kind.BEEINDIGD), "managingOrganization"),
        told=None,
        resumes=Kind.GESTART,
    ),
    "Appointment": Resource(
        statuses=(
            *("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error"),
            *("checked-in", "waitlist"),
        ),
        # An appointment that is called off leaves nothing agreed: what was told of it no longer holds.
        meanings={
            "booked": (Kind.ACTIE_BELEGD, None),
            "fulfilled": (Kind.ACTIE_AFGEROND, None),
            "cancelled": None,
            "entered-in-error": None,
        },
        subject="participant",
        intents=None,
        days={Kind.ACTIE_BELEGD: ("created", *_UPDATED), Kind.ACTIE_AFGEROND: ("start", *_UPDATED)},
        teller=dict.fromkeys((Kind.ACTIE_BELEGD, Kind.ACTIE_AFGEROND), "participant"),
        told=None,
    ),
    "Communication": Resource(
        statuses=(
            *("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error"),
            "unknown",
        ),
        meanings={"completed": (Kind.UITKOMST_BESCHIKBAAR, None), "entered-in-error": None},
        subject="subject",
        intents=None,
        days={Kind.UITKOMST_BESCHIKBAAR: ("sent", *_UPDATED)},
        teller={Kind.UITKOMST_BESCHIKBAAR: "sender"},
        told="recipient",
    ),
}
