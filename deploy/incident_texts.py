# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is written within 72 hours of a breach: facts for the notification to the authority, and a letter for the persons.

Ready sentences with what this edge knows; what only people know is left open between square brackets.
"""

from __future__ import annotations

from adapters.desk import KINDS
from adapters.incident import (
    ACKNOWLEDGED,
    ASKED,
    CALLED_BACK,
    IDENTITY,
    NOT_TAKEN,
    UNDER_WAY,
    WAITS,
    Incident,
)
from adapters.records_outgoing import EVENT
from deploy.dutch import CATEGORIES, LOOKED_AT
from deploy.paper import Paper, Section, moment, short_moment
from schemas.calendar import date_text

STATES = {
    ACKNOWLEDGED: "ontvangen",
    UNDER_WAY: "weg, nog niet bevestigd",
    WAITS: "wacht: nog te stoppen",
    CALLED_BACK: "teruggenomen",
    NOT_TAKEN: "niet weggegaan",
}
_OURS = {**CATEGORIES, IDENTITY: "wie het is", ASKED: "dat wij vroegen om iets te mogen horen"}


def kinds(names: tuple[str, ...]) -> str:
    """Kinds of data in Dutch."""
    return ", ".join(_OURS.get(name, name) for name in names) or "geen"


def incident_paper(name: str, found: Incident) -> Paper:
    """Everything for the privacy officer, on one page and its tables."""
    since, until = moment(found.first), moment(found.last)
    return Paper(
        "Hulp bij een datalek: wie kreeg wat van ons",
        f"{name}, van {since} tot en met {until}",
        (_facts(found, since, until), _to_do(found), _passed(found), _watched(found)),
    )


def _facts(found: Incident, since: str, until: str) -> Section:
    by_bsn = any(one.by_bsn for one in found.passed)
    return Section(
        "Voor de melding bij de Autoriteit Persoonsgegevens",
        (
            (
                "Meld binnen 72 uur nadat u het lek ontdekte, via autoriteitpersoonsgegevens.nl. Kan het niet volledig: meld wat u weet en "
                "vul het later aan. (AVG artikel 33; de tekst van de wet is voor deze hulp niet nagelezen.)"
            ),
        ),
        (
            f"Periode: {since} tot en met {until}.",
            f"Aantal personen over wie iets is verteld: {len(found.persons)}.",
            f"Ontvangers: {', '.join(found.partners) or 'geen'}.",
            f"Soorten gegevens: {kinds(found.categories)}.",
            f"Burgerservicenummers verstuurd: {'ja' if by_bsn else 'nee'}.",
            "Bijzondere gegevens: er gaat geen medische inhoud mee, maar dat iemand hulp krijgt kan zelf al over gezondheid gaan.",
            "Beveiliging: elk bericht was versleuteld voor één ontvanger; de hub kan het niet lezen.",
            "Wat er gebeurde: [vul aan]. Gevolgen voor de personen: [vul aan]. Wat u deed: [vul aan].",
        ),
    )


def _to_do(found: Incident) -> Section:
    first, last = (date_text(day) for day in found.days)
    waiting = sum(one.state == WAITS for one in found.stoppable)
    steps = [
        "Neem terug wat in deze dagen is verteld: alles, of van één cliënt, met een van de twee opdrachten hieronder.",
        "Vraag de ontvangers het uit hun eigen systeem te halen: een terugname bereikt hun edge vanzelf, hun dossier niet.",
        "Was een account of sleutel in handen van een ander: vraag de beheerder van de hub uw aansluiting te schorsen.",
    ]
    if waiting:
        steps.insert(
            0, f"Er wacht nog iets dat niet weg is ({waiting}). Terugnemen houdt het tegen: doe dat het eerst."
        )
    commands = (f"schakel edge retract --since {first} --until {last}", "schakel edge retract CLIENT")
    return Section("Wat u nu kunt doen", points=tuple(steps), commands=commands)


def _passed(found: Incident) -> Section:
    rows = tuple(
        (
            one.partner,
            one.client,
            short_moment(one.at),
            "bericht" if one.kind == EVENT else KINDS[one.kind],
            kinds(one.categories),
            STATES[one.state],
        )
        for one in found.passed
    )
    return Section(
        "Wie kreeg wat",
        ("De cliënt staat hier met uw eigen nummer. Voor de melding zijn de inhoud en de namen niet nodig.",),
        columns=("ontvanger", "cliënt", "wanneer", "soort", "gegevens", "stand"),
        rows=rows,
        empty="In deze tijd is niets verteld.",
    )


def _watched(found: Incident) -> Section:
    rows = tuple(
        (short_moment(one.at), one.by, one.account, one.client, LOOKED_AT.get(one.what, one.what))
        for one in found.watched
    )
    return Section(
        "Wie keek in deze tijd",
        columns=("wanneer", "wie", "account", "cliënt", "waarnaar"),
        rows=rows,
        empty="In deze tijd keek niemand.",
    )


def person_paper(name: str, found: Incident) -> Paper:
    """The letter to a person, the same for everybody: it names no partner, since not everybody was told to the same."""
    return Paper(
        "Er is iets fout gegaan met uw gegevens",
        name,
        (
            Section(
                "",
                (
                    (
                        f"Tussen {moment(found.first)} en {moment(found.last)} zijn gegevens over u misschien bij een organisatie gekomen die ze "
                        "niet had mogen krijgen. Dat had niet mogen gebeuren. Onze excuses daarvoor."
                    ),
                ),
            ),
            Section(
                "Om welke gegevens gaat het?",
                (
                    f"Het gaat om: {kinds(found.categories).replace('wie het is', 'wie u bent')}. Er zijn geen medische gegevens, verslagen of uitleg gestuurd.",
                    "[Vul aan wat er gebeurde, en wie de gegevens kreeg.]",
                ),
            ),
            Section(
                "Wat doen wij?",
                (
                    (
                        "[Schrap wat nog niet is gebeurd:] Wij hebben het bericht teruggenomen bij wie het kreeg. Wij hebben gevraagd het te "
                        "vernietigen. Wij hebben het gemeld bij de Autoriteit Persoonsgegevens."
                    ),
                ),
            ),
            Section(
                "Wat kunt u doen?",
                points=(
                    f"Vragen? Bel of schrijf {name}, of onze functionaris gegevensbescherming: [naam en telefoonnummer].",
                    "U kunt vragen om te zien wat wij over u weten, en om iets te laten wissen.",
                    "U kunt een klacht indienen bij de Autoriteit Persoonsgegevens (autoriteitpersoonsgegevens.nl).",
                ),
            ),
        ),
    )
