# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is wrong with an order of controller and FG, in Dutch: they are the ones who read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.exits import refused
from schemas.order_faults import CONTROLLER, FG, OrderError, OrderFault

WHO: Mapping[str, str] = {CONTROLLER: "de verwerkingsverantwoordelijke", FG: "de FG"}
SENTENCES: Mapping[OrderFault, str] = {
    OrderFault.NO_ORDER: "Dit is geen opdracht van `schakel audit erase` of `inquiry`. Neem het bestand dat daaruit kwam.",
    OrderFault.DAMAGED: "Deze opdracht klopt niet ({where}). Laat hem opnieuw maken.",
    OrderFault.SIGNED_ALREADY: "Deze rol heeft al getekend; nu moet de andere tekenen.",
    OrderFault.KEY_SIGNED_ALREADY: "Met deze sleutel is al getekend voor de andere rol. Twee rollen zijn twee mensen, met elk een "
    "eigen sleutel.",
    OrderFault.NO_KEY: "Dit is geen openbare sleutel van `schakel audit key`.",
    OrderFault.KEY_OF_THE_OTHER: "Deze sleutel is die van de andere rol. Verwerkingsverantwoordelijke en FG zijn twee mensen, met "
    "elk een eigen sleutel.",
    OrderFault.KEY_REGISTERED: "Deze sleutel is voor deze rol al ingevoerd.",
    OrderFault.OTHER_HUB: "Deze opdracht is voor een andere hub.",
    OrderFault.IN_THE_FUTURE: "De datum van deze opdracht ligt in de toekomst. Staat de klok goed van de machine waarop hij gemaakt is?",
    OrderFault.OPENED_BY_NOBODY: "Een onderzoek wordt geopend met een ingevoerde sleutel van de verwerkingsverantwoordelijke of de "
    "FG: teken de opdracht eerst.",
    OrderFault.NOT_SIGNED: "Twee moeten tekenen, en {who} heeft dat nog niet gedaan: `schakel audit sign`, op de eigen machine.",
    OrderFault.NO_OLD_KEY: "Van {who} staat nog geen sleutel {days} dagen in het logboek: zie `schakel audit officer`.",
    OrderFault.OTHER_KEY: "De sleutel waarmee {who} tekende is niet de sleutel die vandaag telt.",
    OrderFault.PUT_BACK: "De hub is minder dan {days} dagen geleden teruggezet, en een onderzoek kan daarbij verloren zijn: tot dan "
    "wordt er niets gewist.",
    OrderFault.NOT_THERE: "Het logboek heeft {size} regels, genummerd vanaf 0: een deel van deze is er niet.",
    OrderFault.OTHER_ENTRIES: "De opdracht is gemaakt voor andere regels dan er in dit logboek staan. Laat hem opnieuw maken.",
    OrderFault.ERASED_ALREADY: "Deze regels zijn al gewist; er valt niets meer te doen.",
    OrderFault.IS_PUBLIC: "Regel {index} mag niet gewist worden: zij is openbaar. Er is niets gewist.",
    OrderFault.IS_KEPT: "Regel {index} mag niet gewist worden: zij gaat over een organisatie en houdt het logboek controleerbaar. Er "
    "is niets gewist.",
    OrderFault.IS_YOUNG: "Regel {index} mag niet gewist worden: zij is jonger dan {days} dagen. Er is niets gewist.",
    OrderFault.COUNTS_STILL: "Regel {index} mag niet gewist worden: zij gaat over een toelating die nog geldt, of die nog bekend moet "
    "zijn als gestopt. Er is niets gewist.",
    OrderFault.INQUIRY_OPEN: "Er loopt een onderzoek (logboekregel {index}): tot het gesloten is wordt er niets gewist.",
    OrderFault.OPEN_ALREADY: "Er loopt al een onderzoek.",
    OrderFault.NONE_OPEN: "Er loopt geen onderzoek.",
}


def in_dutch(error: OrderError) -> str:
    """The sentence about this error."""
    return SENTENCES[error.fault].format(who=WHO.get(error.role or "", ""), **error.said)


@contextmanager
def orders_in_dutch() -> Iterator[None]:
    """Ends the command in Dutch when an order can't be used.

    Raises:
        Stopped: it can't.
    """
    try:
        yield
    except OrderError as error:
        raise refused(in_dutch(error)) from None
