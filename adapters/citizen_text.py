# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The one text that a citizen hears or reads before saying yes, in Dutch at level B1.

Guarantees: the text of a version never changes (a test holds its hash); the consent record names the version.
"""

from collections.abc import Sequence
from typing import Final

NOTICE: Final = "2026-2"
CATEGORIES: Final = {
    "progress": "dat hulp begint, verandert of stopt",
    "service": "van welke wet de hulp is, en het nummer van de toewijzing",
}


def citizen_text(partners: Sequence[str], whom: str = "u") -> str:
    """What is read out before the question. `whom`: of whom it tells, as the listener says it."""
    named = "\n".join(f"- {name}" for name in partners)
    return f"""Wij willen anderen kort laten weten hoe het gaat. Dat mag alleen als u dat goed vindt.

Wij vertellen het dan aan:
{named}

Wij vertellen over {whom} alleen dat hulp begint, verandert of stopt. Soms ook van welke wet die hulp is.
Wij vertellen niet wat er aan de hand is. Er gaan geen verslagen mee en geen medische gegevens.

U mag nee zeggen. De hulp gaat dan gewoon door.
U mag ook ja zeggen tegen de een, en nee tegen de ander.
U mag later altijd stoppen. U hoeft niet te zeggen waarom.
Ja zeggen tegen hulp is iets anders. Hier gaat het alleen om wat wij anderen vertellen.
"""
