# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The report that stands beside a quarantined file: what is wrong, where, and what to do.

It holds the name of the file and names from the standard, and never a value or a piece of what was in the file,
so that it can be sent to a supplier as it is.
"""

from collections.abc import Mapping, Sequence

import orjson

from adapters.format_names import AUTO
from adapters.formats import SeveralFormats, the_format
from adapters.formats.likeness import likeness
from adapters.formats.likeness_marks import Likeness
from adapters.formats.native import Fault, Keyword, Malformed

# Keyword -> what to do, in Dutch and in English.
SENTENCES: Mapping[str, tuple[str, str]] = {
    Keyword.UNREADABLE: (
        "Geef wie dit leest leesrecht op het bestand, of kijk naar de schijf; het systeem gaf de inhoud niet.",
        "Give whoever reads this the right to read the file, or look at the disk; the system did not give its content.",
    ),
    Keyword.TOO_LARGE: (
        "Lever dit in delen aan: een bericht is hoogstens 1 MiB, een bestand met veel berichten hoogstens largest_batch.",
        "Deliver this in pieces: a message is at most 1 MiB, a file with many messages at most largest_batch.",
    ),
    Keyword.TOO_DEEP: (
        "Laat de leverancier van het bronsysteem kijken: de gegevens zijn dieper genest dan de standaard kent.",
        "Ask the supplier of the source system: the data are nested deeper than the standard knows.",
    ),
    Keyword.ENCODING: (
        "Maak het bestand opnieuw in UTF-8: JSON zonder byte order mark, een rekenblad met opslaan als CSV UTF-8.",
        "Produce the file again in UTF-8: JSON without a byte order mark, a spreadsheet by saving as CSV UTF-8.",
    ),
    Keyword.CHARACTER_SET: (
        "Zeg in het bericht in welke tekenset het staat (HL7 v2: MSH-18, zoals UNICODE UTF-8; EDIFACT: UNB), en schrijf het daarin.",
        "Say in the message which character set it is in (HL7 v2: MSH-18, such as UNICODE UTF-8; EDIFACT: UNB), and write it in that.",
    ),
    Keyword.DOCTYPE: (
        "Verwijder de DOCTYPE; berichten van deze standaard hebben die niet.",
        "Remove the DOCTYPE; messages of this standard have none.",
    ),
    Keyword.NOT_WELL_FORMED: (
        "Lever het bestand opnieuw aan; het is onvolledig of beschadigd.",
        "Deliver the file again; it is incomplete or damaged.",
    ),
    Keyword.UNTERMINATED: (
        "Sluit ook het laatste segment af (HL7 v2: met een CR, EDIFACT: met een '); zonder dat is niet te zien of het bericht heel is.",
        "End the last segment too (HL7 v2: with a CR, EDIFACT: with a '); without that nobody can see whether the message is whole.",
    ),
    Keyword.FRAMING: (
        "Lever alleen de segmenten aan, zonder de tekens van MLLP er omheen (0x0B aan het begin, 0x1C aan het einde).",
        "Deliver the segments alone, without the characters of MLLP around them (0x0B at the beginning, 0x1C at the end).",
    ),
    Keyword.SEPARATORS: (
        "Gebruik de scheidingstekens die de standaard aanraadt (HL7 v2: |^~\\&, en sinds 2.7 ook |^~\\&#; EDIFACT: UNA:+.? ').",
        "Use the separators that the standard recommends (HL7 v2: |^~\\&, and since 2.7 also |^~\\&#; EDIFACT: UNA:+.? ').",
    ),
    Keyword.COUNT: (
        "Laat het einde (HL7 v2: BTS, FTS; EDIFACT: UNT, UNZ) evenveel tellen als er staat, en het nummer van het begin herhalen.",
        "Let the end (HL7 v2: BTS, FTS; EDIFACT: UNT, UNZ) count as many as there are, and repeat the number of the beginning.",
    ),
    Keyword.DUPLICATE_KEY: (
        "Laat de leverancier van het bronsysteem kijken: een veld staat twee keer in hetzelfde object.",
        "Ask the supplier of the source system: a field stands twice in the same object.",
    ),
    Keyword.VOCABULARY: (
        "Lever dit bestand niet hier aan; het is geen bekend formaat, of een ander bericht, versie of wet dan hier wordt gelezen.",
        "Do not deliver this file here; it is of no known format, or another message, version or law than is read here.",
    ),
    Keyword.SEVERAL_FORMATS: (
        "Zeg welk formaat dit is (convert: --from; edge: formats_in); de inhoud past bij meer dan een.",
        "Say which format this is (convert: --from; edge: formats_in); its content fits more than one.",
    ),
    Keyword.MESSAGE_CODE: (
        "Vul de BerichtCode in die bij dit bericht hoort.",
        "Fill in the message code that belongs to this message.",
    ),
    Keyword.VERSION: (
        "Lever het bericht aan in de versie die hier wordt gelezen.",
        "Deliver the message in the version that is read here.",
    ),
    Keyword.MISSING: (
        "Vul dit veld in: het is verplicht, altijd of naast wat hier verder staat.",
        "Fill in this field: it is required, always or beside what else stands here.",
    ),
    Keyword.UNEXPECTED: (
        "Verwijder wat hier staat; de standaard kent het op deze plaats niet, of niet naast wat hier verder staat.",
        "Remove what stands here; the standard does not know it in this place, or not beside what else stands here.",
    ),
    Keyword.ORDER: (
        "Zet de velden in de volgorde van de standaard.",
        "Put the fields in the order of the standard.",
    ),
    Keyword.REPEATED: (
        "Laat dit veld één keer voorkomen.",
        "Let this field occur once.",
    ),
    Keyword.TYPE: (
        "Vul dit veld met een waarde van het soort dat de standaard voorschrijft.",
        "Fill this field with a value of the type that the standard prescribes.",
    ),
    Keyword.PATTERN: (
        "Vul dit veld in met de vorm en lengte die de standaard voorschrijft.",
        "Fill this field in the form and length that the standard prescribes.",
    ),
    Keyword.CODE_LIST: (
        "Kies een code die in de lijst van deze standaard staat (per wet kan die verschillen) en die hier gebruikt mag worden.",
        "Choose a code from the list of this standard (it may differ by law) that may be used here.",
    ),
    Keyword.DATE: (
        "Vul een datum in die bestaat, van 1970 tot en met 2199, in de vorm van de standaard.",
        "Fill in a date that exists, from 1970 to 2199, in the form of the standard.",
    ),
    Keyword.DATE_ORDER: (
        "Controleer begin en einde; zij passen niet bij elkaar of bij de reden.",
        "Check begin and end; they do not fit each other or the reason.",
    ),
    Keyword.ELEVEN_TEST: (
        "Controleer het burgerservicenummer; het voldoet niet aan de elfproef.",
        "Check the citizen service number; it fails the eleven-test.",
    ),
    Keyword.STATUS: (
        "Gebruik StatusAanlevering 1 (eerste aanlevering) of 3 (verwijderen).",
        "Use StatusAanlevering 1 (first delivery) or 3 (removal).",
    ),
    Keyword.DUPLICATE: (
        "Laat elke regel één keer voorkomen in een aanlevering.",
        "Let each line occur once in a delivery.",
    ),
    Keyword.SUBJECT: (
        "Zeg wat een kaal nummer is (convert: --subject; edge: cloudevent_subject), of gebruik urn:nld:bsn: of het eigen nummer.",
        "Say what a bare number is (convert: --subject; edge: cloudevent_subject), or use urn:nld:bsn: or the own number.",
    ),
    Keyword.UNKNOWN_TYPE: (
        "Zeg wat dit type of deze code betekent (convert: --type; edge: cloudevent_types), of lever deze gebeurtenis niet aan.",
        "Say what this type or code means (convert: --type; edge: cloudevent_types), or do not deliver this event.",
    ),
    Keyword.SCHEMA: (
        "Valideer het bericht met het officiële schema en herstel wat dat meldt.",
        "Validate the message with the official schema and repair what it reports.",
    ),
    Keyword.MISMATCH: (
        "Lever bij elkaar aan wat bij elkaar hoort; dit deel gaat over een andere zaak, of valt onder een andere wet.",
        "Deliver together what belongs together; this part is about another case, or under another law.",
    ),
    Keyword.NO_EVENT: (
        "Lever dit niet aan: wat hier staat is wel geldig, maar zegt niets dat wordt doorverteld.",
        "Do not deliver this: what stands here is valid, but says nothing that is told on.",
    ),
    Keyword.NOT_PERMITTED: (
        "Lever dit niet aan: volgens dit veld mag van dit dossier niets worden verteld, of is dat (nog) niet gevraagd.",
        "Do not deliver this: by this field nothing of this dossier may be told, or that was not asked (yet).",
    ),
    Keyword.LAW: (
        "Zeg onder welke wet berichten van dit formaat worden verteld (convert: --law; edge: format_laws).",
        "Say under which law messages of this format are told (convert: --law; edge: format_laws).",
    ),
    Keyword.FOR_A_PERSON: (
        "Laat een medewerker dit bericht lezen: het is vrije tekst, en daarvan gaat niets vanzelf naar een ander.",
        "Let a person read this message: it is free text, and nothing of that goes to anyone by itself.",
    ),
    Keyword.SOURCE_FAULT: (
        "Laat kijken waar dit over gaat en vraag of verstuur daarna opnieuw: dit is een foutmelding, geen antwoord of bericht.",
        "Have somebody look what this is about, then ask or send again: this is a fault, and no answer or message.",
    ),
    Keyword.NOT_ENTITLED: (
        "Laat de autorisatie bij de bron nakijken: die zegt dat deze vraag niet gesteld mag worden.",
        "Have the authorisation at the source looked at: it says that this question may not be asked.",
    ),
    Keyword.CLIENT_CONFLICT: (
        "Controleer cliëntnummer en burgerservicenummer: zij horen hier bij twee verschillende cliënten.",
        "Check the client number and the citizen service number: here they belong to two different clients.",
    ),
    Keyword.TO_FETCH: (
        "Haal dit op bij de bron en lever het samen met de melding aan: een melding zegt alleen dat er iets is, en over niemand.",
        "Fetch this at the source and deliver it together with the notification, which says only that there is something, and of nobody.",
    ),
    Keyword.SPREADSHEET: (
        "Maak deze kolom in het rekenblad op als tekst en vul haar opnieuw in: 2026-03-31, een BSN van negen cijfers, ja of nee.",
        "Format this column as text in the spreadsheet and fill it in again: 2026-03-31, a BSN of nine digits, ja or nee.",
    ),
    Keyword.TOMBSTONE: (
        "Lever dit record niet hier aan: het heeft een sleutel en geen inhoud, en wist zo een eerder record.",
        "Do not deliver this record here: it has a key and no value, and so wipes an earlier record.",
    ),
    Keyword.HEADERS: (
        "Lever het hele bericht in de waarde van het record aan, onverpakt en in UTF-8; de headers zeggen dat het dat niet is.",
        "Deliver the whole message in the value of the record, unpacked and in UTF-8; the headers say that it is not.",
    ),
    Keyword.REGISTRY: (
        "Laat de bron platte tekst schrijven, zonder schemaregister: deze waarde begint met het nummer van een schema.",
        "Have the source write plain text, without a schema registry: this value begins with the number of a schema.",
    ),
}


def problem_report(
    file_name: str,
    format: str,
    faults: Sequence[Fault],
    message: int | None = None,
    looks_like: Likeness | None = None,
) -> bytes:
    """Return the report as JSON, for a person and for a program. `message`: its place in a file that has many."""
    report = {
        "bestand": file_name,
        **({} if message is None else {"bericht": message}),
        "formaat": format,
        "gelezen": False,
        **({} if looks_like is None else {"lijkt_op": _likeness(looks_like)}),
        "fouten": [_entry(fault) for fault in dict.fromkeys(faults)],
    }
    return orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"


def report_on(
    file_name: str, format: str, faults: Sequence[Fault], data: bytes | None, message: int | None = None
) -> bytes:
    """The same of a message that was read as this format, with what it is where it is something else.

    `format`: `auto` where its content had to say. `data`: None where it was not read.
    """
    if data is None:
        return problem_report(file_name, format, faults, message)
    return problem_report(file_name, _format(format, data), faults, message, likeness(data, format, faults))


def _format(said: str, data: bytes) -> str:
    try:
        return the_format(data) if said == AUTO else said
    except SeveralFormats as error:
        return " or ".join(error.names)
    except Malformed:
        return said


def _likeness(found: Likeness) -> dict[str, str]:
    return {"nl": f"Dit is {found.nl}. {found.what_nl}", "en": f"This is {found.en}. {found.what_en}"}


def _entry(fault: Fault) -> dict[str, str | None]:
    dutch, english = SENTENCES[fault.keyword]
    return {"pad": fault.path, "fout": str(fault.keyword), "retourcode": fault.code, "nl": dutch, "en": english}
