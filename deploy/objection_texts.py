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
_COMPLAIN = (
    "Bent u het hier niet mee eens? Praat met ons, of vraag onze functionaris gegevensbescherming. U kunt ook een klacht "
    "indienen bij de Autoriteit Persoonsgegevens."
)


def text_for_citizen(one: Objection) -> str:
    """What to tell the citizen about an objection as it stands now."""
    lines = [_HEAD, "", f"U maakte bezwaar op {in_words(one.made_on)}."]
    if is_open(one) and one.decide_by is not None:
        lines += [
            "Wij delen nu niets meer waar u bezwaar tegen maakte.",
            f"Wij bekijken of wij moeten stoppen. U hoort dat uiterlijk {in_words(one.decide_by)}.",
        ]
    elif one.outcome:
        lines += _decided(one)
    elif STOP in one.effects or not one.effects:
        lines.append("Wij delen niet meer waar u bezwaar tegen maakte. Dat blijft zo, tot u zelf iets anders zegt.")
    if goes_on(one) and one.outcome != TAKEN_BACK:
        lines.append(_GOES_ON)
    if goes_on(one) or one.outcome == OVERRULED:
        lines += ["", _COMPLAIN]
    return "\n".join(lines) + "\n"


def _decided(one: Objection) -> list[str]:
    if one.outcome == UPHELD:
        return ["U krijgt gelijk: wij delen niet meer waar u bezwaar tegen maakte."]
    if one.outcome == TAKEN_BACK:
        return ["U hebt uw bezwaar teruggenomen. Wij mogen weer delen wat wij eerder deelden."]
    kept = PAUSE in one.effects and STOP in one.effects
    return [
        "Wij hebben uw bezwaar bekeken. Wij mogen en moeten dit toch delen.",
        f"De reden: {one.reason}",
        *(["Waar uw toestemming voor nodig is, delen wij niets meer."] if kept else []),
    ]
