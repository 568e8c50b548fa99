# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a citizen who objected is told, in plain Dutch (B1): what happens now, what was decided, and what he can do.

Guarantees: it names no partner, number or file, so it says nothing to whoever else reads it.
"""

from __future__ import annotations

from adapters.code_slips import in_words
from adapters.objections import OVERRULED, TAKEN_BACK, UPHELD, goes_on, is_open
from adapters.records_people import Objection
from consent.precedence import PAUSE, STOP

_HEAD = "Uw bezwaar tegen het delen van voortgang"
_GOES_ON = (
    "Een deel mag van de wet niet stoppen door een bezwaar. Dat delen wij dus nog steeds. Wij hebben uw bezwaar wel opgeschreven, "
    "en iedereen bij ons die met u werkt, kan het zien."
)
_STILL_TOLD = (
    "Een deel mag van de wet niet stoppen door een bezwaar. Dat vertellen anderen ons dus nog steeds. Wij hebben uw bezwaar wel "
    "opgeschreven, en iedereen bij ons die met u werkt, kan het zien."
)
_STAYS = "Dat blijft zo, tot u zelf iets anders zegt."
_COMPLAIN = (
    "Bent u het hier niet mee eens? Praat met ons, of vraag onze functionaris gegevensbescherming. U kunt ook een klacht "
    "indienen bij de Autoriteit Persoonsgegevens."
)


def text_for_citizen(one: Objection, *, incoming: bool = False) -> str:
    """What to tell the citizen about an objection as it stands now; `incoming`: it is against what others tell us."""
    lines = [_HEAD, "", f"U maakte bezwaar op {in_words(one.made_on)}."]
    if is_open(one) and one.decide_by is not None:
        now = "Wij horen nu niets meer" if incoming else "Wij delen nu niets meer"
        weighed = "Wij bekijken of dat zo blijft." if incoming else "Wij bekijken of wij moeten stoppen."
        lines += [
            f"{now} waar u bezwaar tegen maakte.",
            f"{weighed} U hoort dat uiterlijk {in_words(one.decide_by)}.",
        ]
    elif one.outcome:
        lines += _decided(one, incoming=incoming)
    elif STOP in one.effects or not one.effects:
        lines.append(f"{_no_more(incoming=incoming)} waar u bezwaar tegen maakte. {_STAYS}")
    if goes_on(one) and one.outcome != TAKEN_BACK:
        lines.append(_STILL_TOLD if incoming else _GOES_ON)
    if goes_on(one) or one.outcome == OVERRULED:
        lines += ["", _COMPLAIN]
    return "\n".join(lines) + "\n"


def _no_more(*, incoming: bool) -> str:
    return "Anderen mogen ons niet meer vertellen" if incoming else "Wij delen niet meer"


def _decided(one: Objection, *, incoming: bool) -> list[str]:
    if one.outcome == UPHELD:
        return [f"U krijgt gelijk. {_no_more(incoming=incoming)} waar u bezwaar tegen maakte.", _STAYS]
    if one.outcome == TAKEN_BACK:
        again = "Anderen mogen ons dit weer vertellen" if incoming else "Wij mogen weer delen wat wij eerder deelden"
        return [f"U hebt uw bezwaar teruggenomen. {again}."]
    kept = PAUSE in one.effects and STOP in one.effects
    told = "Anderen mogen en moeten ons dit toch vertellen" if incoming else "Wij mogen en moeten dit toch delen"
    needs = "vertelt niemand ons meer iets" if incoming else "delen wij niets meer"
    return [
        f"Wij hebben uw bezwaar bekeken. {told}.",
        f"De reden: {one.reason}",
        *([f"Waar uw toestemming voor nodig is, {needs}."] if kept else []),
    ]
