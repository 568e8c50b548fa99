# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a FHIR R4 Consent must answer, written down before anything answered it.

Each scene is a document and the questions put to it. A question names who asks (`PRCP`), who holds (`CST`) and wrote (`AUT`) the
information, what is done with it and why. What it does not name is unknown, and may be anything.

How each answer was found:
- The published JSON Schema says of `provision`: "An exception to the base policy of this consent", and of its `type`: "Not
  permitted in root rule, required in all nested rules". So what stands at the root without a type takes something away from OPTIN.
- From OPTOUT it could only add. But HL7's own *Out* (prose: nothing may be told) and *Emergency* (prose: a permit) have that same
  form; so a root never adds anything, and *Emergency* and *grantor* permit nothing here, other than their prose says.
- Exceptions without a type (*pkb*) can be either, so they permit nothing either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PERMIT, DENY, NONE = "permit", "deny", "no answer"
ORG, OTHER = "Organization/f001", "Organization/f002"
NURSE, DOCTOR = "Practitioner/f204", "Practitioner/f100"
BEFORE, THEN, AFTER = "2015-01-01", "2016-01-15", "2017-01-01"


class Ask(NamedTuple):
    """A question and its answer. `actors` has names per role; None is unknown."""

    answer: str
    actors: dict[str, list[str]]
    purpose: str | None = "TREAT"
    action: str | None = "access"
    day: str = THEN
    more: dict[str, Any] = {}  # noqa: RUF012  # a tuple's default, which nobody changes


def coding(system: str, code: str) -> dict[str, Any]:
    return {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [coding(system, code)]}


def actor(role: str, reference: str) -> dict[str, Any]:
    return {"role": concept("v3-ParticipationType", role), "reference": {"reference": reference}}


def actors(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [actor(*pair) for pair in pairs]


def document(base: str | None, provision: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept("consentscope", "patient-privacy"),
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/f001"},
        "dateTime": "2015-11-18",
    }
    if base is not None:
        made["policyRule"] = concept("v3-ActCode", base)
    if provision is not None:
        made["provision"] = provision
    return made | more


TREAT, RESEARCH = [coding("v3-ActReason", "TREAT")], [coding("v3-ActReason", "HRESCH")]
EMERGENCY = [coding("v3-ActReason", "ETREAT")]
ACCESS, CORRECT = concept("consentaction", "access"), concept("consentaction", "correct")
LAB = {"coding": [{"system": "http://loinc.org", "code": "26436-6"}]}
LAB_KEY = "http://loinc.org|26436-6"
XRAY_KEY = "http://loinc.org|18748-4"

# -- documents of our own: each form of exception --------------------------------------------------------------------

SCENES: dict[str, tuple[dict[str, Any], list[Ask]]] = {
    "in: nothing but the base permits": (document("OPTIN", None), [Ask(PERMIT, {}), Ask(PERMIT, {"PRCP": [ORG]})]),
    "out: nothing but the base refuses": (document("OPTOUT", None), [Ask(DENY, {}), Ask(DENY, {"PRCP": [ORG]})]),
    "no base and no exception: nothing was said": (document(None, None), [Ask(NONE, {})]),
    "notOrg": (
        document("OPTIN", {"actor": actors(("PRCP", ORG)), "action": [ACCESS, CORRECT]}),
        [
            Ask(DENY, {"PRCP": [ORG]}),
            Ask(DENY, {"PRCP": [ORG, NURSE]}, action="correct"),
            Ask(DENY, {"PRCP": [ORG]}, action=None),
            Ask(PERMIT, {"PRCP": [ORG]}, action="collect"),
            Ask(PERMIT, {"PRCP": [OTHER]}),
            Ask(DENY, {}),
            Ask(DENY, {"PRCP": ["Practitioner/f204"]}),  # whether that one works there is unknown
        ],
    ),
    "notAuthor": (
        document("OPTIN", {"actor": actors(("AUT", ORG))}),
        [
            Ask(DENY, {"AUT": [ORG], "PRCP": [OTHER]}),
            Ask(PERMIT, {"AUT": [OTHER], "PRCP": [ORG]}),
            Ask(DENY, {"PRCP": [OTHER]}),
        ],
    ),
    "notTime: the period at the root is the time in which the document counts": (
        document("OPTIN", {"period": {"start": "2016-01-01", "end": "2016-02-01"}}),
        [Ask(PERMIT, {}), Ask(NONE, {}, day=BEFORE), Ask(NONE, {}, day=AFTER), Ask(PERMIT, {}, day="2016-02-01")],
    ),
    "notTime: information of a period": (
        document("OPTIN", {"dataPeriod": {"start": "2014", "end": "2014-06"}}),
        [
            Ask(DENY, {}, more={"data_day": "2014-06-30"}),
            Ask(PERMIT, {}, more={"data_day": "2014-07-01"}),
            Ask(PERMIT, {}, more={"data_day": "2013-12-31"}),
            Ask(DENY, {}),
        ],
    ),
    "notTime: a refusal for a while, then the base again": (
        document("OPTIN", {"provision": [{"type": "deny", "period": {"start": "2016-01-10", "end": "2016-01-20"}}]}),
        [
            Ask(DENY, {}),
            Ask(PERMIT, {}, day="2016-01-21"),
            Ask(PERMIT, {}, day="2016-01-09"),
            Ask(DENY, {}, day="2016-01-20"),
        ],
    ),
    "notThis": (
        document("OPTIN", {"data": [{"meaning": "related", "reference": {"reference": "Task/example3"}}]}),
        [
            Ask(DENY, {}, more={"data": ["Task/example3"]}),
            Ask(PERMIT, {}, more={"data": ["Task/example4"]}),
            Ask(DENY, {}),
        ],
    ),
    "Emergency: out, but for an emergency at one place": (
        document("OPTOUT", {"provision": [{"type": "permit", "actor": actors(("CST", ORG)), "purpose": EMERGENCY}]}),
        [
            Ask(PERMIT, {"CST": [ORG], "PRCP": [OTHER]}, purpose="ETREAT"),
            Ask(DENY, {"CST": [ORG]}, purpose="TREAT"),
            Ask(DENY, {"CST": [OTHER]}, purpose="ETREAT"),
            Ask(DENY, {"PRCP": [OTHER]}, purpose="ETREAT"),
            Ask(DENY, {"CST": [ORG]}, purpose=None),
        ],
    ),
    "a permit in a refusal in a permit": (
        document(
            "OPTOUT",
            {
                "provision": [
                    {
                        "type": "permit",
                        "actor": actors(("PRCP", ORG)),
                        "provision": [
                            {
                                "type": "deny",
                                "code": [LAB],
                                "provision": [{"type": "permit", "purpose": EMERGENCY}],
                            }
                        ],
                    }
                ]
            },
        ),
        [
            Ask(DENY, {"PRCP": [OTHER]}, more={"codes": [XRAY_KEY]}),
            Ask(PERMIT, {"PRCP": [ORG]}, more={"codes": [XRAY_KEY]}),
            Ask(DENY, {"PRCP": [ORG]}, more={"codes": [LAB_KEY]}),
            Ask(PERMIT, {"PRCP": [ORG]}, purpose="ETREAT", more={"codes": [LAB_KEY]}),
            Ask(DENY, {"PRCP": [ORG]}),  # it may be the laboratory's
            Ask(DENY, {"PRCP": [OTHER]}, purpose="ETREAT", more={"codes": [LAB_KEY]}),
        ],
    ),
    "more specific beats less specific, in whatever order": (
        document(
            "OPTOUT",
            {
                "provision": [
                    {"type": "permit", "actor": actors(("PRCP", ORG)), "purpose": TREAT},
                    {"type": "deny", "actor": actors(("PRCP", ORG))},
                ]
            },
        ),
        [
            Ask(PERMIT, {"PRCP": [ORG]}),
            Ask(DENY, {"PRCP": [ORG]}, purpose="HRESCH"),
            Ask(DENY, {"PRCP": [ORG]}, purpose=None),
        ],
    ),
    "at equal specificity the refusal wins": (
        document(
            "OPTOUT",
            {
                "provision": [
                    {"type": "permit", "actor": actors(("PRCP", ORG), ("PRCP", OTHER))},
                    {"type": "deny", "actor": actors(("PRCP", OTHER))},
                ]
            },
        ),
        [Ask(PERMIT, {"PRCP": [ORG]}), Ask(DENY, {"PRCP": [OTHER]})],
    ),
    "a place against a purpose: neither is the more specific, so the refusal wins": (
        document(
            "OPTOUT",
            {
                "provision": [
                    {"type": "permit", "actor": actors(("PRCP", ORG))},
                    {"type": "deny", "purpose": RESEARCH},
                ]
            },
        ),
        [
            Ask(PERMIT, {"PRCP": [ORG]}),
            Ask(DENY, {"PRCP": [ORG]}, purpose="HRESCH"),
            Ask(DENY, {"PRCP": [ORG]}, purpose=None),
        ],
    ),
    "two roles are both asked for, two of one role are either": (
        document(
            "OPTOUT",
            {"provision": [{"type": "permit", "actor": actors(("CST", ORG), ("PRCP", OTHER), ("PRCP", DOCTOR))}]},
        ),
        [
            Ask(PERMIT, {"CST": [ORG], "PRCP": [OTHER]}),
            Ask(PERMIT, {"CST": [ORG], "PRCP": [DOCTOR]}),
            Ask(DENY, {"CST": [OTHER], "PRCP": [OTHER]}),
            Ask(DENY, {"PRCP": [OTHER]}),
        ],
    ),
    "an exception without a type permits nothing": (
        document("OPTIN", {"provision": [{"actor": actors(("PRCP", ORG))}]}),
        [Ask(NONE, {"PRCP": [ORG]}), Ask(PERMIT, {"PRCP": [OTHER]})],
    ),
    "a root that says permit is not what R4 allows, and adds nothing": (
        document("OPTOUT", {"type": "permit", "actor": actors(("PRCP", ORG))}),
        [Ask(DENY, {"PRCP": [ORG]}), Ask(DENY, {"PRCP": [OTHER]})],
    ),
    "a root that says deny, without a base": (
        document(None, {"type": "deny", "actor": actors(("PRCP", ORG))}, policy=[{"uri": "http://example.org/policy"}]),
        [Ask(DENY, {"PRCP": [ORG]}), Ask(NONE, {"PRCP": [OTHER]})],
    ),
    "a permit with an extension may mean something else": (
        document(
            "OPTIN",
            {
                "provision": [
                    {
                        "type": "permit",
                        "purpose": TREAT,
                        "extension": [{"url": "http://example.org/unless", "valueString": "x"}],
                    }
                ]
            },
        ),
        [Ask(NONE, {}), Ask(PERMIT, {}, purpose="ETREAT")],
    ),
    "an end with a time: that day may be over already": (
        document("OPTOUT", {"provision": [{"type": "permit", "period": {"end": "2016-01-15T10:00:00+01:00"}}]}),
        [Ask(DENY, {}), Ask(PERMIT, {}, day="2016-01-14"), Ask(DENY, {}, day="2016-01-16")],
    ),
}
for _status in ("draft", "proposed", "rejected", "inactive", "entered-in-error"):
    SCENES[f"status {_status}: nothing was said"] = (document("OPTIN", None, status=_status), [Ask(NONE, {})])
for _scope in ("research", "treatment", "adr"):
    _other = document("OPTIN", None, scope=concept("consentscope", _scope))
    SCENES[f"scope {_scope}: consent to something else is no consent to tell"] = (_other, [Ask(NONE, {})])

# -- the examples of HL7, by the end of their file's name --------------------------------------------------------------

_CDA = {"classes": ["urn:ietf:bcp:13|application/hl7-cda+xml"], "codes": ["http://loinc.org|34133-9"]}
HL7: dict[str, list[Ask]] = {
    "Emergency": [
        Ask(DENY, {"CST": [ORG]}, purpose="ETREAT"),  # prose: permit; the type is not there
        Ask(DENY, {"CST": [ORG]}),
        Ask(DENY, {"CST": [OTHER]}, purpose="ETREAT"),
        Ask(DENY, {}),
    ],
    "Out": [Ask(DENY, {"CST": [ORG]}), Ask(DENY, {"CST": [OTHER]}), Ask(DENY, {})],
    "grantor": [
        Ask(DENY, {"CST": [ORG], "PRCP": ["Patient/example"]}),  # prose: permit; the type is not there
        Ask(DENY, {"CST": [ORG], "PRCP": ["Patient/example"]}, action="correct"),
        Ask(DENY, {"CST": [ORG], "PRCP": [OTHER]}),
    ],
    "notAuthor": [
        Ask(DENY, {"CST": [ORG], "PRCP": [OTHER]}),
        Ask(PERMIT, {"CST": [OTHER], "PRCP": [ORG]}),
        Ask(DENY, {"PRCP": [OTHER]}),
    ],
    "notThem": [
        Ask(DENY, {"PRCP": [NURSE]}),
        Ask(DENY, {"PRCP": [NURSE]}, action="correct"),
        Ask(PERMIT, {"PRCP": [NURSE]}, action="collect"),
        Ask(PERMIT, {"PRCP": [DOCTOR]}),
        Ask(DENY, {"PRCP": [ORG]}),  # she may be who reads it there
        Ask(PERMIT, {"PRCP": [ORG, DOCTOR]}),
    ],
    "notThis": [
        Ask(DENY, {}, more={"data": ["Task/example3"]}),
        Ask(PERMIT, {}, more={"data": ["Task/example4"]}),
        Ask(DENY, {}),
    ],
    "pkb": [
        Ask(DENY, {"PRCP": [ORG]}, more={"labels": ["N"]}),  # the screen: permit; the type is not there
        Ask(DENY, {"PRCP": [ORG]}, more={"labels": ["PSY"]}),
        Ask(DENY, {"PRCP": [OTHER]}),
    ],
    "signature": [
        Ask(PERMIT, {"PRCP": ["Practitioner/13"], "AUT": ["Practitioner/xcda-author"]}, more=_CDA),
        Ask(DENY, {"PRCP": ["Practitioner/13"], "AUT": ["Practitioner/other"]}, more=_CDA),
        Ask(DENY, {"PRCP": ["Practitioner/13"], "AUT": ["Practitioner/xcda-author"]}),
        Ask(PERMIT, {"PRCP": [DOCTOR], "AUT": ["Practitioner/other"]}, more=_CDA),
        Ask(NONE, {"PRCP": ["Practitioner/13"], "AUT": ["Practitioner/xcda-author"]}, day=BEFORE, more=_CDA),
        Ask(NONE, {"PRCP": [DOCTOR]}, day=AFTER),
    ],
}
