# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of the iStandaarden 3.2, per shape of message."""

from collections.abc import Mapping
from typing import Final

from adapters.formats.explain import Fields, Ground
from adapters.formats.istandaard_models import Shape

_CASE: Final = "the reference of the case; told only where the ground allows the category service"
_DAY: Final = "the day of the event"
_PAIRS: Final = "brings request and answer together; the edge keeps a keyed hash of it, and never sends it"

_HEADER: Final[Fields] = {
    "BerichtCode": "checked: the code of this message",
    "BerichtVersie": "checked: version 3",
    "BerichtSubversie": "checked: version 3.2",
    "Afzender": "who tells: nothing leaves but what this organisation wrote itself",
    "Ontvanger": "which partner it concerns, by the address book",
    "Identificatie": Ground.TECHNICAL,
    "Dagtekening": Ground.CHECKED,
    "XsdVersie": Ground.TECHNICAL,
    "IdentificatieRetour": Ground.TECHNICAL,
    "DagtekeningRetour": Ground.CHECKED,
    "XsltVersie": Ground.TECHNICAL,
    "XsdVersieRetour": Ground.TECHNICAL,
    "RetourCodes": Ground.CHECKED,
}
_PERSON: Final[Fields] = {
    "Bsn": "finds the client; the hub never sees it",
    "Geboortedatum": Ground.IDENTITY,
    "Geslacht": Ground.IDENTITY,
    "Naam": Ground.IDENTITY,
    "Communicatie": Ground.IDENTITY,
    "Contactgegevens": Ground.IDENTITY,
    "Woonplaatsbeginsel": Ground.IDENTITY,
    "JuridischeStatus": Ground.SAFETY,
    "WettelijkeVertegenwoordiging": Ground.SAFETY,
    "GezagsdragerBekend": Ground.OTHERS,
    "Relaties": Ground.OTHERS,
    "Verwijzer": Ground.OTHERS,
    "Commentaar": Ground.FREE_TEXT,
}
_PRODUCT: Final[Fields] = {
    "Product": Ground.SERVICE,
    "Omvang": Ground.SERVICE,
    "Budget": Ground.MONEY,
    "Raamcontract": Ground.TECHNICAL,
    "Toewijzingstijd": Ground.TECHNICAL,
    "ReferentieAanbieder": Ground.TECHNICAL,
    "BeschikkingNummer": Ground.TECHNICAL,
    "BeschikkingIngangsdatum": Ground.CHECKED,
    "ToewijzingIngangsdatum": Ground.CHECKED,
    "ToewijzingEinddatum": Ground.CHECKED,
    "GewensteIngangsdatum": Ground.CHECKED,
    "Einddatum": Ground.CHECKED,
    "ToewijzingNummer": Ground.CHECKED,
    "RedenVerzoek": Ground.CHECKED,
    "RedenAfwijzingVerzoek": Ground.CHECKED,
}
_SHARED: Final[Fields] = {**_HEADER, **_PERSON, **_PRODUCT}

FIELDS: Final[Mapping[Shape, Fields]] = {
    Shape.ALLOCATION: {
        **_SHARED,
        "Dagtekening": "an allocation that was over by this day is a ground for nothing any more",
        "ToewijzingNummer": _CASE,
        "Toewijzingsdatum": _DAY,
        "Ingangsdatum": "tells one allocation from another",
        "Einddatum": "until when the allocation is a ground to tell",
        "RedenWijziging": "whether it is new, changed or withdrawn; the reason itself is told to nobody",
    },
    Shape.START: {
        **_SHARED,
        "ToewijzingNummer": _CASE,
        "Begindatum": _DAY,
        "StatusAanlevering": "whether it is told or called back",
    },
    Shape.STOP: {
        **_SHARED,
        "ToewijzingNummer": _CASE,
        "Begindatum": "which start it ends",
        "RedenBeeindiging": "the class of the ending; the reason itself is told to nobody",
        "Einddatum": _DAY,
        "StatusAanlevering": "whether it is told or called back",
    },
    Shape.REQUEST: {**_SHARED, "Dagtekening": _DAY, "ReferentieAanbieder": _PAIRS},
    Shape.CHANGE: {**_SHARED, "Dagtekening": _DAY, "ReferentieAanbieder": _PAIRS},
    Shape.ANSWER: {
        **_SHARED,
        "Dagtekening": _DAY,
        "ReferentieAanbieder": _PAIRS,
        "VerzoekAntwoord": "what the event is: rejected or under investigation",
    },
    Shape.RETURN: {
        **_SHARED,
        "Afzender": Ground.CHECKED,
        "Ontvanger": Ground.CHECKED,
        "Client": Ground.REPEATED,
        "Antwoord": Ground.REPEATED,
    },
}
CONTAINERS: Final = frozenset(
    {
        "Bericht",
        "Header",
        "BerichtIdentificatie",
        "Client",
        "Antwoord",
        "Verzoek",
        "ToegewezenProducten",
        "ToegewezenProduct",
        "StartProducten",
        "StartProduct",
        "StopProducten",
        "StopProduct",
        "AangevraagdeProducten",
        "AangevraagdProduct",
        "OngewijzigdeProducten",
        "OngewijzigdProduct",
        "TeWijzigenProducten",
        "TeWijzigenProduct",
        "NieuweProducten",
        "NieuwProduct",
    }
)
