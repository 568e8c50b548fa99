# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A written declaration of no objection (rows 18 and 118): whose it takes at which age, and until when it is enough.

Participatiewet 65(2)b and SUWI 74(2)b, as read in the texts of 2015: whoever the data are about "has declared in writing" to have no
objection. No age and no representative is named, so it is held as consent is held (`consent.whose`):

- the citizen's own declaration from twelve on, and under sixteen also that of those with authority; of a younger child, or of who
  can't decide, those who stand for them, which is not in the text and therefore for tests only;
- in writing and in no other manner; without an age nothing is made, unless a professional says that the citizen is an adult;
- it ends the day before the birthday that makes it too little, and at once when a date of birth shows that it is.
"""

from dataclasses import dataclass
from typing import Final

from adapters.consent_words import WHO, born, declaration_key, situation, words
from adapters.records_outgoing import Client, Grant
from adapters.records_people import SPOKEN, Spoken
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.rules import Row
from consent.whose import CLIENT, IN_WRITING, holds_until, missing, whose_declaration

NO_OBJECTION: Final = "no-objection"


class DeclarationError(ValueError):
    """This declaration is not enough; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Whose written declarations are in the file, and how matters stand with the client.

    `adult`: a professional says so, where no date of birth is known here.
    """

    by: tuple[str, ...] = (CLIENT,)
    adult: bool = False
    capable: bool = True
    authority: tuple[str, ...] = ()
    parents_too: bool = True


def last_day(reads: Reads, work: Workplace, client: Client, row: Row, said: Declared) -> int | None:
    """The last day on which these declarations are enough; None when no birthday ends that.

    Raises:
        DeclarationError: they are not, or nobody knows.
    """
    day = born(reads, client.id)
    if day is None and not said.adult:
        raise DeclarationError(
            "de leeftijd van deze cliënt is hier niet bekend: lees de geboortedatum in, of zeg dat het een volwassene is"
        )
    now = situation(day, _spoken("", said))
    answer = whose_declaration(row, now, work.today, parents_too=said.parents_too)
    if not answer.needed:
        raise DeclarationError("wie hier mag verklaren is niet bekend: zeg wie het gezag heeft of vertegenwoordigt")
    lacking = missing(answer, words(_spoken("", said)))
    if lacking:
        raise DeclarationError(f"een schriftelijke verklaring ontbreekt van: {', '.join(WHO[who] for who in lacking)}")
    if answer.unread and not work.rules.test_mode_only:
        raise DeclarationError("voor deze leeftijd is de wettekst niet gelezen: dan wordt er niets verteld")
    return holds_until(row, now, work.today, words(_spoken("", said)), parents_too=said.parents_too)


def keep(tx: Transaction, grant: Grant, said: Declared) -> Spoken:
    """Keep whose declarations this line rests on; a new declaration takes the place of the one before."""
    return SPOKEN.put(tx, _spoken(declaration_key(grant), said))


def _spoken(key: str, said: Declared) -> Spoken:
    given = tuple((who, IN_WRITING) for who in dict.fromkeys(said.by))
    return Spoken(key, given, said.capable, said.authority, (), said.parents_too)
