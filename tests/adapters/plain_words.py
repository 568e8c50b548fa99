# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The words of the papers for a citizen, looked up one by one: see `test_plain_words.py`."""

from __future__ import annotations

COMMON = frozenset(
    """
    aan aangenomen af afgesproken afspraak al alleen als altijd ander andere anderen anders apart autoriteit
    begint begonnen bekeken bekijken bel bent bericht berichten besluiten bewaren bezwaar bij blijft c code daar
    daarna daarvoor dagen dan dat de deel delen deze die dit doen doet door drukken dus duurt een eens eerder en
    er ernaar even excuses f familie fout gaan gaat gaf gebeuren gebeurt gedaan geef geeft geen gegaan gegevens
    gekeken gekomen geldt gelijk gemaakt gemeld genomen geregeld gestopt gestuurd gevraagd gewoon gezegd goed
    had hand hebben hebt heeft helpen hem herstellen het hier hiermee hij hoe hoeft hoorden hoort horen houd
    hulp iedereen iets in indienen ingevoerd is ja jeugd kan keek keer kennen kijkt kind klacht kom komt kort
    kreeg krijgen krijgt kunnen kunt kwam kwijt langs laten later leeftijd leggen maakte maart mag medewerkers
    medische mee meer mens met meteen misschien moeten mogen naar nee niemand niet niets nieuwe nl nodig nog
    nooit nu nummer of om omdat onder onderweg ons onze ook op opnieuw organisatie organisaties oude ouder over
    papier partner partners pas praat praktijk probeer reden regel regelen schrijf soms staat steeds stoppen
    stopt taak te team tegen tekst toch toestemming tot tussen u uit uiterlijk uitkomst uitleg uur uw van vast
    veranderd verandert verder verlopen vernietigen verslagen verteld vertelde vertellen vertelt vindt voert
    volgende voor voorbeeld vraag vragen vroegen waar waarom want was wat weer weet wel welke werkdag werkt wet
    weten wettelijke wie wij willen wilt worden wordt ze zeg zeggen zegt zelf zien zijn zo zolang zonder zorg
    één
    """.split()
)
NAMED = frozenset({"wmo"})  # names of organisations that the test has made up or that a law has
NOT_COMMON = {
    "autoriteitpersoonsgegevens": "the address on the web of the authority",
    "bewaar": "a form of bewaren, which is common",
    "burgerservicenummer": "the name of that number, as it stands on a passport",
    "contactpersoon": "contact and persoon, both common",
    "curator": "the office that a court gives; only who has one reads it",
    "deelden": "a form of delen, which is common",
    "functionaris": "the officer's title by law; the paper says how to reach that person",
    "gegevensbescherming": "the officer's title by law",
    "gemachtigde": "who holds a written authority; only who has one reads it",
    "intrekken": "what one does with a permission; no common word says it",
    "mentor": "the office that a court gives; only who has one reads it",
    "opgeschreven": "a form of schrijven with op, both common",
    "persoonsgegevens": "in the name of the authority",
    "regelt": "a form of regelen, which is common",
    "stopcode": "stop and code, both common; the paper says what it is for",
    "teruggenomen": "a form of terugnemen",
    "terugnemen": "terug and nemen, both common",
    "toewijzing": "the word on the citizen's own letter from the municipality",
    "uzelf": "u and zelf, both common",
    "voogd": "the office that a court gives; only who has one reads it",
    "voortgang": "in the heading alone: what the sharing is about",
    "wissen": "what one does to data; no common word says it",
}
