# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of the iStandaarden 3.2, per shape of message."""

from collections.abc import Mapping
from typing import Final

from adapters.formats.explain import CASE, CLIENT, DAY, PARTNER, TELLER, TOLD_OR_BACK, Fields, Ground
from adapters.formats.istandaard_models import Shape

_PRODUCT_OF: Final = "tells lines without an allocation apart, by a digest that the edge keys; never kept or sent"
_PAIRS: Final = "brings request and answer together; the edge keeps a keyed hash of it, and never sends it"

_HEADER: Final[Fields] = {
    "BerichtCode": "checked: the code of this message",
    "BerichtVersie": "checked: version 3",
    "BerichtSubversie": "checked: version 3.2",
    "Afzender": TELLER,
    "Ontvanger": PARTNER,
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
    "Bsn": CLIENT,
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
        "ToewijzingNummer": CASE,
        "Toewijzingsdatum": DAY,
        "Toewijzingstijd": "which of several statements about one allocation is the newest",
        "Ingangsdatum": "tells one allocation from another",
        "Einddatum": "until when the allocation is a ground to tell",
        "RedenWijziging": "whether it is new, changed or withdrawn; the reason itself is told to nobody",
    },
    Shape.START: {
        **_SHARED,
        "ToewijzingNummer": CASE,
        "Product": _PRODUCT_OF,
        "Begindatum": DAY,
        "StatusAanlevering": TOLD_OR_BACK,
    },
    Shape.STOP: {
        **_SHARED,
        "ToewijzingNummer": CASE,
        "Product": _PRODUCT_OF,
        "Begindatum": "which start it ends",
        "RedenBeeindiging": "the class of the ending; the reason itself is told to nobody",
        "Einddatum": DAY,
        "StatusAanlevering": TOLD_OR_BACK,
    },
    Shape.REQUEST: {**_SHARED, "Dagtekening": DAY, "ReferentieAanbieder": _PAIRS},
    Shape.CHANGE: {**_SHARED, "Dagtekening": DAY, "ReferentieAanbieder": _PAIRS},
    Shape.ANSWER: {
        **_SHARED,
        "Dagtekening": DAY,
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
