# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of a ZGW case, as the Zaken API 1.5 and the Notificaties API 1.0 name them."""

from typing import Final

from adapters.formats.explain import CASE, CLIENT, DAY, TELLER, Fields, Ground, under

_TYPE: Final = "by the table of the configuration; the URL does not travel"
_THIS_CASE: Final = "checked: that it belongs to this case"

_NOTIFICATION: Final[Fields] = {
    "kanaal": "checked: the channel of cases",
    "hoofdObject": _THIS_CASE,
    "resource": "which part of the file is news",
    "resourceUrl": "checked: that this status or result is the one announced",
    "actie": "which part of the file is news",
    "aanmaakdatum": "the day of a result, where the case is not closed",
    "kenmerken": Ground.SERVICE,
    "source": Ground.TECHNICAL,
}
_CASE: Final[Fields] = {
    "url": "tells this case from others; does not travel",
    "uuid": Ground.TECHNICAL,
    "identificatie": CASE,
    "bronorganisatie": Ground.TECHNICAL,
    "omschrijving": Ground.FREE_TEXT,
    "toelichting": Ground.FREE_TEXT,
    "zaaktype": f"under which law it is told, {_TYPE}",
    "registratiedatum": Ground.TECHNICAL,
    "verantwoordelijkeOrganisatie": TELLER,
    "startdatum": "the day on which the case was opened",
    "einddatum": "the day on which the case was closed",
    "einddatumGepland": Ground.TECHNICAL,
    "uiterlijkeEinddatumAfdoening": Ground.TECHNICAL,
    "publicatiedatum": Ground.TECHNICAL,
    "communicatiekanaal": Ground.TECHNICAL,
    "communicatiekanaalNaam": Ground.TECHNICAL,
    "productenOfDiensten": Ground.SERVICE,
    "vertrouwelijkheidaanduiding": Ground.SERVICE,
    "betalingsindicatie": Ground.MONEY,
    "betalingsindicatieWeergave": Ground.MONEY,
    "laatsteBetaaldatum": Ground.MONEY,
    "zaakgeometrie": Ground.IDENTITY,
    "verlenging": Ground.FREE_TEXT,
    "opschorting": Ground.FREE_TEXT,
    "selectielijstklasse": Ground.TECHNICAL,
    "hoofdzaak": Ground.TECHNICAL,
    "deelzaken": Ground.TECHNICAL,
    "relevanteAndereZaken": Ground.TECHNICAL,
    "eigenschappen": Ground.FREE_TEXT,
    "rollen": Ground.TECHNICAL,
    "status": Ground.TECHNICAL,
    "zaakinformatieobjecten": Ground.TECHNICAL,
    "zaakobjecten": Ground.TECHNICAL,
    "resultaat": "whether the end of the case is told by its result",
    "kenmerken": Ground.FREE_TEXT,
    "archiefnominatie": Ground.TECHNICAL,
    "archiefstatus": Ground.TECHNICAL,
    "archiefactiedatum": Ground.TECHNICAL,
    "opdrachtgevendeOrganisatie": Ground.TECHNICAL,
    "processobjectaard": Ground.TECHNICAL,
    "startdatumBewaartermijn": Ground.TECHNICAL,
    "processobject": Ground.TECHNICAL,
}
_STATUS: Final[Fields] = {
    "url": "tells this status from others; does not travel",
    "uuid": Ground.TECHNICAL,
    "zaak": _THIS_CASE,
    "statustype": f"what the event is, {_TYPE}",
    "datumStatusGezet": DAY,
    "statustoelichting": Ground.FREE_TEXT,
    "indicatieLaatstGezetteStatus": Ground.TECHNICAL,
    "gezetdoor": Ground.OTHERS,
    "zaakinformatieobjecten": Ground.TECHNICAL,
}
_RESULT: Final[Fields] = {
    "url": "tells this result from others; does not travel",
    "uuid": Ground.TECHNICAL,
    "zaak": _THIS_CASE,
    "resultaattype": f"what the event is, {_TYPE}",
    "toelichting": Ground.FREE_TEXT,
}
_ROLE: Final[Fields] = {
    "url": Ground.TECHNICAL,
    "uuid": Ground.TECHNICAL,
    "zaak": _THIS_CASE,
    "betrokkene": Ground.IDENTITY,
    "betrokkeneType": "whether it is a natural person",
    "afwijkendeNaamBetrokkene": Ground.IDENTITY,
    "roltype": Ground.TECHNICAL,
    "omschrijving": Ground.FREE_TEXT,
    "omschrijvingGeneriek": "whether the case is about this person",
    "roltoelichting": Ground.FREE_TEXT,
    "registratiedatum": Ground.TECHNICAL,
    "indicatieMachtiging": Ground.SAFETY,
    "contactpersoonRol": Ground.OTHERS,
    "statussen": Ground.TECHNICAL,
    "beginGeldigheid": Ground.TECHNICAL,
    "eindeGeldigheid": Ground.TECHNICAL,
    "betrokkeneIdentificatie": Ground.IDENTITY,
    "betrokkeneIdentificatie/inpBsn": f"of the one person the case is about, {CLIENT}; of others it stays behind",
}

FIELDS: Final[Fields] = {
    **under("notificatie", _NOTIFICATION),
    **under("zaak", _CASE),
    **under("status", _STATUS),
    **under("resultaat", _RESULT),
    **under("rollen", _ROLE),
}
