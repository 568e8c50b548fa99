# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The report of what is kept about a citizen, and the letter about what came from others, in plain Dutch (B1).

Nothing here knows what was kept from the report, so no word of it can depend on that.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.code_slips import in_words
from adapters.looks import WHAT, WHY
from adapters.rights import ARRIVED, Fact, Ground, Report
from adapters.rights_letters import Letter
from adapters.rights_limits import CLIENT
from adapters.rights_objections import NOTHING, OVER, PART, Objection
from consent.fg.law_words import purpose_words
from consent.fg.words import ROLES
from consent.precedence import OBJECTED, WITHDRAWN
from consent.rules import Source
from deploy.dutch import GROUNDS, categories
from deploy.paper import Paper, Section, moment, short_day

MAYBE = (
    "Het kan zijn dat niet alles in dit overzicht staat. Soms mag of moet een organisatie iets weglaten, bijvoorbeeld om een "
    "ander te beschermen. Deze zin staat in elk overzicht, ook als er niets is weggelaten."
)
LAWS = {
    "jeugdwet": "Jeugdwet",
    "onderwijs": "onderwijswetten",
    "participatiewet": "Participatiewet",
    "suwi": "Wet SUWI",
    "wams": "Wams",
    "wgs": "Wgs",
    "wmo": "Wmo 2015",
    "zvw": "Zorgverzekeringswet",
    "bw7": "Burgerlijk Wetboek, boek 7",
    "wmo-2015": "Wmo 2015",
    "wpo": "Wet op het primair onderwijs",
}
_COLUMNS = {
    "processing_basis": "de grondslag in de AVG",
    "special_exception": "de uitzondering voor bijzondere gegevens",
    "secrecy_ground": "waarom het beroepsgeheim niet in de weg staat",
    "bsn_ground": "waarom het BSN mocht worden gebruikt",
    "route": "of een wet een andere weg voorschrijft",
    "onward": "of het verder verteld mag worden",
    "retention": "hoe lang het bewaard moet worden",
    "inzage": "of u het mag zien",
    "notice": "of u er bericht van moet krijgen",
    "source": "in welke wet het staat",
    "consent_by": "wie toestemming geeft",
}
_GIVEN_BY = {"client": "uzelf", "parents": "uw ouders of voogd", "representative": "uw vertegenwoordiger"}
_MANNERS = {"in-person": "in een gesprek", "in-writing": "op papier", "by-telephone": "aan de telefoon"}
_SAID = {OBJECTED: "bezwaar", WITHDRAWN: "toestemming ingetrokken"}
_INTRODUCED = {
    "bsn": "met uw BSN",
    "code": "met een code die u zelf hebt afgegeven",
    "pseudonym": "met een nummer dat alleen voor deze twee organisaties iets betekent",
}
_TOLD_COLUMNS = ("datum", "wat", "toewijzing", "waarom dit mocht", "bewaard tot en met")


def report_paper(name: str, report: Report, fg: str | None = None) -> Paper:
    """The report of what `name` keeps about a citizen. `fg`: how its privacy officer is reached."""
    asked = "U vroeg hier zelf om." if report.asker == CLIENT else "Uw vertegenwoordiger vroeg hierom."
    about = Section(
        "",
        (
            (
                f"Dit is wat {name} via Schakel over u weet en over u vertelde. Uw nummer bij ons is {report.client}. "
                f"Gemaakt op {in_words(report.made_on)}. {asked}"
            ),
            (
                "Via Schakel vertellen organisaties elkaar alleen dat er iets verandert in uw hulp, en niet wat u hebt of wat er is "
                "besproken. Wat wij zelf in uw dossier bewaren staat hier niet in: vraag ons daar apart om."
            ),
            MAYBE,
        ),
    )
    return Paper(
        "Wat wij over u weten en vertelden",
        name,
        (
            about,
            Section(
                "Wat anderen ons over u vertelden",
                ("Niemand heeft dit nagekeken: wij weten alleen dat het ons is verteld.",),
                columns=("verteld op", "door", *_TOLD_COLUMNS),
                rows=tuple(_fact(one) for one in report.received),
            ),
            Section(
                "Wat wij anderen over u vertelden",
                ("De inhoud vernietigen wij 30 dagen na ontvangst. Dat wij iets vertelden, bewaren wij langer.",),
                columns=("verteld op", "aan", *_TOLD_COLUMNS),
                rows=tuple(_fact(one) for one in report.told),
            ),
            *_lines(report),
            _grounds(report.grounds),
            Section(
                "Wie dit bekeek",
                ("Geven wij berichten door aan ons eigen systeem, dan legt dat systeem vast wie daar keek.",),
                columns=("wanneer", "wie", "wat", "waarom"),
                rows=tuple((moment(one.at), one.by, WHAT.get(one.what, one.what), WHY[one.why]) for one in report.seen),
            ),
            _rights(name, fg),
        ),
    )


def _fact(one: Fact) -> tuple[str, ...]:
    return (
        short_day(one.on) + (" (laat)" if one.late else ""),
        one.partner,
        short_day(one.day),
        f"{one.what}{_became(one)}",
        one.reference or "",
        _short(one.ground),
        short_day(one.until),
    )


def _became(one: Fact) -> str:
    when = "" if one.called_back_on is None else f" op {short_day(one.called_back_on)}"
    return "" if one.state == ARRIVED else f", {one.state}{when}"


def _short(ground: Ground) -> str:
    return f"{GROUNDS.get(ground.ground, ground.ground)} (regel {ground.row})"


def _lines(report: Report) -> tuple[Section, ...]:
    return (
        Section(
            "Aan wie wij mogen vertellen",
            columns=("aan", "sinds", "geldt tot en met", "wat", "waarom dit mag"),
            rows=tuple(
                (
                    one.partner,
                    short_day(one.since),
                    "geldt niet meer" if one.until is None else short_day(one.until),
                    categories(one.categories),
                    _short(one.ground),
                )
                for one in report.permissions
            ),
        ),
        Section(
            "Waarmee u het eens was",
            columns=("met", "gegeven op", "door", "hoe", "geldt van", "tot en met", "gestopt op"),
            rows=tuple(
                (
                    one.partner,
                    short_day(one.given_on),
                    _GIVEN_BY.get(one.given_by, one.given_by),
                    _MANNERS.get(one.manner, one.manner),
                    short_day(one.begin),
                    short_day(one.end),
                    short_day(one.withdrawn_on),
                )
                for one in report.consents
            ),
        ),
        Section(
            "Waarmee u het niet eens was",
            columns=("tegen", "wat", "sinds", "opgeheven op"),
            rows=tuple(
                (_against(one), _does(one), short_day(one.since), short_day(one.lifted_on)) for one in report.objections
            ),
        ),
    )


def _against(one: Objection) -> str:
    """Whom an objection is about, and no more than that."""
    who = one.partner or ("alle organisaties" if one.role is None else f"elke organisatie als {ROLES[one.role]}")
    rows = f", alleen voor regel {_listed([str(number) for number in one.rows])}" if one.rows else ""
    return who + rows + (f", maar niet {_listed(one.excepted)}" if one.excepted else "")


def _listed(words: Sequence[str]) -> str:
    return " en ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def _does(one: Objection) -> str:
    """What was said, and what comes of it: where the law lets it go on, that is said too."""
    what = " en ".join(_SAID[kind] for kind in one.kinds)
    if one.stops == OVER:
        return what
    if one.stops == NOTHING:
        return f"{what}: {'zij' if one.incoming else 'wij'} mogen of moeten dit van de wet toch vertellen"
    stopped = "zij mogen ons niets vertellen" if one.incoming else "wij mogen hun niets vertellen"
    return f"{what}: {stopped}" + (", behalve wat van de wet toch mag of moet" if one.stops == PART else "")


def _grounds(found: Sequence[Ground]) -> Section:
    return Section(
        "De regels die hierboven staan",
        ("Elke regel zegt wie wie iets mag vertellen, en in welke wet dat staat.",),
        columns=(
            "regel",
            "waarvoor",
            "grond",
            "in welke wet",
            "hoe de ander u herkent",
            "nog niet uitgezocht",
        ),
        rows=tuple(
            (
                str(one.row),
                f"{purpose_words(one.purpose)} ({LAWS.get(one.law, one.law)})",
                GROUNDS.get(one.ground, one.ground),
                _laws(one.sources),
                _INTRODUCED.get(one.introduction or "", "nog niet uitgezocht"),
                "; ".join(dict.fromkeys(_COLUMNS.get(name.partition(".")[0], name) for name in one.unread)) or "niets",
            )
            for one in found
        ),
        empty="Hier staat niets, omdat hierboven niets staat dat op een regel berust.",
    )


def _laws(sources: Sequence[Source]) -> str:
    """Law by law its articles, with the year of the text that was read."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in sources:
        article, *rest = one.article.split("-")
        place = "".join(f" lid {part}" if part.isdigit() else f" onder {part}" for part in rest)
        found.setdefault((LAWS.get(one.text, one.text), one.date[:4]), []).append(article + place)
    laws = [f"{law} (tekst van {year}), artikel {', '.join(places)}" for (law, year), places in found.items()]
    return "; ".join(laws) or "nog niet uitgezocht"


def _the_fg(fg: str | None) -> str:
    return "onze functionaris gegevensbescherming" + (f" ({fg})" if fg else "")


def _rights(name: str, fg: str | None) -> Section:
    return Section(
        "Wat u kunt doen",
        points=(
            f"Klopt er iets niet? Vraag {name} om het te herstellen. Wie het van ons hoorde, krijgt daar bericht van.",
            (
                "Wilt u dat iets wordt gewist of niet meer wordt verteld? Vraag dat. Soms moet iets blijven van de wet: dan zeggen wij "
                "waarom."
            ),
            (
                f"Bent u het niet eens met ons antwoord? U kunt ons vragen het nog eens te bekijken, {_the_fg(fg)} "
                "bellen of schrijven, of een klacht indienen bij de Autoriteit Persoonsgegevens "
                "(autoriteitpersoonsgegevens.nl)."
            ),
        ),
    )


# -- the letter ------------------------------------------------------------------------------------------------------


def letter_paper(name: str, client: str, found: Sequence[Letter], today: int, fg: str | None = None) -> Paper:
    """The letter that tells a citizen what this organisation learned from others. `fg`: how its privacy officer is reached."""
    many = len(found) > 1
    return Paper(
        "Wij hoorden iets over u van een andere organisatie",
        f"{name}, {in_words(today)}. Uw nummer bij ons: {client}",
        (
            Section(
                "",
                (
                    (
                        f"{'Andere organisaties vertellen' if many else 'Een andere organisatie vertelt'} ons hoe het met uw hulp gaat. "
                        "Dat moeten wij u laten weten, omdat u het ons niet zelf vertelde."
                    ),
                    "U hoeft niets te doen.",
                ),
            ),
            Section(
                "Wie vertelt ons wat",
                columns=("wie", "wat", "waarvoor", "waarom dit mag", "sinds"),
                rows=tuple(
                    (
                        one.sender_name,
                        categories(one.categories),
                        f"{purpose_words(one.purpose)} ({LAWS.get(one.law, one.law)})",
                        f"{GROUNDS.get(one.ground, one.ground)} (regel {one.row})",
                        short_day(one.since),
                    )
                    for one in found
                ),
            ),
            Section(
                "Wat er verder mee gebeurt",
                (
                    (
                        "Wij horen alleen dat hulp begint, verandert of stopt, en soms onder welke wet. Wij horen geen medische gegevens, "
                        "verslagen of uitleg."
                    ),
                    "Onze medewerkers die u helpen kunnen het zien. Wie keek, leggen wij vast.",
                    "Wij bewaren het zolang de afspraak of de wettelijke taak duurt, en dan nog 30 dagen. Daarna vernietigen wij het.",
                    "Met deze berichten worden geen besluiten over u genomen zonder dat een mens ernaar kijkt.",
                ),
            ),
            Section(
                "Wat u kunt doen",
                points=(
                    "U kunt vragen om te zien wat wij over u weten.",
                    "U kunt vragen om iets te herstellen of te wissen.",
                    "U kunt zeggen dat u niet wilt dat dit wordt verteld. Soms mag het van de wet toch: dan leggen wij uit waarom.",
                    "Gaf u toestemming? Dan kunt u die altijd intrekken.",
                    f"Vragen? Bel of schrijf {name}, of {_the_fg(fg)}.",
                    "U kunt een klacht indienen bij de Autoriteit Persoonsgegevens (autoriteitpersoonsgegevens.nl).",
                ),
            ),
        ),
    )
