# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the project publishes about itself and a DPIA repeats: the measured linkability, and what it does not take away.

Read from the pages that come with the distribution, so that a paper never says something else than they do.  A risk without a
Dutch sentence here is repeated in the English of the threat model, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parent / "docs"
_MEASURED = "## Wat de hub uit het verkeer kan afleiden\n"
_RISKS = "## Out of scope, and why\n"

# The words in bold of the threat model -> the same in Dutch.
DUTCH: Mapping[str, str] = {
    "Traffic": "Wie met wie uitwisselt, op welke grond en op welke dag, ziet de hub. Twee partners met weinig gedeelde cliënten "
    "blijven herkenbaar.",
    "A partner that lies about its own client": "Een partner kan iets onwaars over de eigen cliënt vertellen. Het logboek bewijst "
    "wat hij zei, niet dat het klopt.",
    "A certificate that another authority revoked": "Een certificaat dat een andere autoriteit introk, geldt hier tot de beheerder "
    "het ook hier intrekt.",
    "A hub that lies together with its accession authority": "Een hub die samen met zijn toelatingsautoriteit liegt, kan instaan voor "
    "valse sleutels van partners zonder OIN.",
    "A taken-over edge": "Een overgenomen edge vertelt en leest wat die partner mag, tot iemand het merkt.",
    "A hub that shows each partner a world of its own": "Een hub die elke partner een eigen logboek toont, wordt pas gemerkt als twee "
    "partners vergelijken. Niets doet dat vanzelf.",
    "Whoever has a slip and sits at that recipient's keyboard": "Wie een briefje met een code heeft en bij die ontvanger aan het "
    "toetsenbord zit, kan de code bij een andere cliënt intoetsen.",
    "Who sits at the keyboard": "Een edge kent zijn gebruikers nog niet: de eigen toegangsregels van de organisatie staan ervoor.",
    "Seconds": "Een opslag die door een snapshot een paar seconden terugvalt, wordt door de hub niet altijd gemerkt.",
    "A stop that nobody has any more": "Een stop die bij de hub, bij de edge en op papier verloren is, geldt niet meer.",
    "A clock that is off by less than two minutes": "Een klok die minder dan twee minuten afwijkt, of vanaf het begin verkeerd staat, "
    "wordt niet gemerkt.",
    "Flooding": "Wie de lijn zelf volstopt, moet vóór de hub worden tegengehouden.",
    "Old blocks": "Oude blokken van een schijf kunnen langer leesbaar zijn dan het overschrijven doet denken.",
    "Cryptography that breaks": "Cryptografie kan worden gebroken. Sleuteluitwisseling rust op twee methoden, handtekeningen op één.",
}


def measured() -> str:
    """The section with the measured figures, in Dutch, as the privacy officer's page has it."""
    page = (DOCS / "privacy-officer.md").read_text(encoding="utf-8")
    section = page.partition(_MEASURED)[2].partition("\n## ")[0].strip()
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", section)  # a link leads nowhere outside the distribution


def residual_risks() -> tuple[str, ...]:
    """Every risk that the threat model does not take away."""
    page = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    section = page.partition(_RISKS)[2].partition("\n## ")[0]
    found = re.findall(r"^- (.+(?:\n  .+)*)", section, re.MULTILINE)
    return tuple(_in_dutch(" ".join(one.split())) for one in found)


def _in_dutch(risk: str) -> str:
    bold = re.match(r"\*\*(.+?)\.?\*\*", risk)
    return DUTCH.get(bold[1] if bold else "", risk)
