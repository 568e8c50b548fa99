# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The files that people give by mistake, each by the mark that tells it, what it is, and what to do instead."""

import re
from typing import Final, NamedTuple


class Likeness(NamedTuple):
    """What a file is, in a few words, and what to do with it; in Dutch and in English."""

    nl: str
    en: str
    what_nl: str = "Lever het niet hier aan."
    what_en: str = "Do not deliver it here."


_UNPACK: Final = (
    "Pak het uit en lever de berichten aan die erin zitten.",
    "Unpack it, and deliver the messages that are in it.",
)
EXPORT: Final = (
    "Lever het bericht aan zoals het bronsysteem het schrijft.",
    "Deliver the message as the source system writes it.",
)
_ONE_BY_ONE: Final = (
    "Zie formats.md: elk formaat heeft een kenmerk waaraan het wordt herkend; of noem het formaat (convert: --from).",
    "See formats.md: each format has a mark by which it is recognised; or name the format (convert: --from).",
)
EMPTY: Final = Likeness(
    "een leeg bestand",
    "an empty file",
    "Kijk of het bronsysteem klaar was met schrijven.",
    "See whether the source system had finished writing.",
)
UTF_16: Final = Likeness(
    "tekst in UTF-16", "text in UTF-16", "Maak het bestand opnieuw in UTF-8.", "Produce the file again in UTF-8."
)
BYTES: Final = Likeness("geen tekst", "no text", *EXPORT)
TEXT: Final = Likeness("tekst in geen formaat dat hier bekend is", "text in no format that is known here", *_ONE_BY_ONE)
JSON: Final = Likeness("JSON in geen vorm die hier bekend is", "JSON in no form that is known here", *_ONE_BY_ONE)
_AGAIN: Final = (
    "Lever het bestand opnieuw aan; het is onvolledig of beschadigd.",
    "Deliver the file again; it is incomplete or damaged.",
)
JSON_DAMAGED: Final = Likeness("JSON die afbreekt of beschadigd is", "JSON that breaks off or is damaged", *_AGAIN)
XML_DAMAGED: Final = Likeness("XML waarin geen bericht begint", "XML in which no message begins", *_AGAIN)
XML: Final = Likeness(
    "XML in geen vocabulaire die hier bekend is", "XML in no vocabulary that is known here", *_ONE_BY_ONE
)
BASE64: Final = Likeness(
    "tekst in base64",
    "text in base64",
    "Decodeer het, en lever aan wat erin zit.",
    "Decode it, and deliver what is in it.",
)

# The first bytes of a file -> what it is.
BY_BEGIN: Final[tuple[tuple[bytes, Likeness], ...]] = (
    (
        b"PK\x03\x04",
        Likeness("een zip-archief of een Office-document", "a zip archive or an Office document", *_UNPACK),
    ),
    (b"\x1f\x8b", Likeness("een gzip-archief", "a gzip archive", *_UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Likeness("een 7z-archief", "a 7z archive", *_UNPACK)),
    (b"%PDF-", Likeness("een PDF", "a PDF", *EXPORT)),
    (b"\x89PNG", Likeness("een afbeelding", "a picture", *EXPORT)),
    (b"\xff\xd8\xff", Likeness("een afbeelding", "a picture", *EXPORT)),
    (b"{\\rtf", Likeness("een RTF-document", "an RTF document", *EXPORT)),
    (
        b"\xd0\xcf\x11\xe0",
        Likeness(
            "een oud Office-document of een Outlook-bericht", "an old Office document or an Outlook message", *EXPORT
        ),
    ),
    (b"SQLite format 3\0", Likeness("een database van SQLite", "a database of SQLite", *EXPORT)),
    (
        b"-----BEGIN ",
        Likeness(
            "een certificaat of een sleutel",
            "a certificate or a key",
            "Houd sleutels buiten de mappen met berichten.",
            "Keep keys out of the folders of messages.",
        ),
    ),
    (
        b"\x0bMSH",
        Likeness(
            "een HL7 v2-bericht in het frame van MLLP",
            "an HL7 v2 message in the frame of MLLP",
            "Laat het frame weg: de byte 0x0B ervoor, en 0x1C 0x0D erachter.",
            "Leave out the frame: the byte 0x0B before it, and 0x1C 0x0D after it.",
        ),
    ),
)

_NOTIFICATION: Final = (
    "Haal op waarnaar het verwijst, en zet het bij elkaar in één bestand; zie formats.md, zgw.",
    "Fetch what it points to, and put it together in one file; see formats.md, zgw.",
)
_FORM: Final = (
    'Zet "formaat" en "versie" erin; zie formats.md, team en school.',
    'Put "formaat" and "versie" into it; see formats.md, team and school.',
)
# What stands in it -> what it is.
BY_MARK: Final[tuple[tuple[re.Pattern[bytes], Likeness], ...]] = (
    (
        re.compile(rb'\A\{\s*"bestand"\s*:[^{]{0,500}"gelezen"\s*:'),
        Likeness(
            "een rapport van Schakel over een geweigerd bestand",
            "a report of Schakel on a file that was refused",
            "Herstel wat erin staat en lever het bestand zelf opnieuw aan.",
            "Mend what it says, and deliver the file itself again.",
        ),
    ),
    (
        re.compile(rb"(?i)\A(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)[\s>/]"),
        Likeness(
            "een webpagina",
            "a web page",
            "Kijk of het bronsysteem een inlogpagina kreeg in plaats van een antwoord.",
            "See whether the source system got a log-in page in place of an answer.",
        ),
    ),
    (
        re.compile(rb'\A\{(?=.{0,4000}"zaaktype"\s*:)(?=.{0,4000}"startdatum"\s*:)', re.DOTALL),
        Likeness("een Zaak van ZGW alleen", "a Zaak of ZGW alone", *_NOTIFICATION),
    ),
    (
        re.compile(rb'\A\{(?=.{0,4000}"statustype"\s*:)', re.DOTALL),
        Likeness("een Status van ZGW alleen", "a Status of ZGW alone", *_NOTIFICATION),
    ),
    (
        re.compile(rb'\A\{(?=.{0,4000}"resultaattype"\s*:)', re.DOTALL),
        Likeness("een Resultaat van ZGW alleen", "a Resultaat of ZGW alone", *_NOTIFICATION),
    ),
    (
        re.compile(rb'\A\{[^{\[]{0,1000}"meldingen"\s*:\s*\['),
        Likeness("een vorm van Schakel zonder haar naam", "a form of Schakel without its name", *_FORM),
    ),
    (
        re.compile(rb'"(?:@type|type)"\s*:\s*"[^"]{0,100}ConsentRecord"'),
        Likeness(
            "een toestemmingsrecord (ISO/IEC TS 27560)",
            "a consent record (ISO/IEC TS 27560)",
            "Een medewerker leest zo'n record, en maakt er een afspraak van met `schakel agreement make`.",
            "A person reads such a record, and makes an agreement of it with `schakel agreement make`.",
        ),
    ),
    (
        re.compile(rb'"codeGegevensleverancier"\s*:'),
        Likeness(
            "een levering van DDAS (schuldhulp)",
            "a delivery of DDAS (debt help)",
            "Die gaat naar het CBS, en zegt niets over de voortgang van één zaak.",
            "That goes to the CBS, and says nothing of the course of one case.",
        ),
    ),
    (
        re.compile(rb'"(?:idWerkzoekende|vumID|aanvraagKenmerk|indicatieLdrRegistratie)"\s*:'),
        Likeness("een bericht van de matching van UWV (VUM)", "a message of the matching of UWV (VUM)"),
    ),
    (
        re.compile(rb'"\$schema"\s*:\s*"https?://json-schema\.org/'),
        Likeness("een JSON Schema, geen bericht", "a JSON Schema and no message"),
    ),
    (
        re.compile(rb"\A(?:openapi|swagger):\s"),
        Likeness("een OpenAPI-beschrijving, geen bericht", "an OpenAPI description and no message"),
    ),
    (
        re.compile(rb'\A\{\s*"(?:openapi|swagger)"\s*:'),
        Likeness("een OpenAPI-beschrijving, geen bericht", "an OpenAPI description and no message"),
    ),
    (
        re.compile(rb"(?i)\A(?:from|to|received|return-path|delivered-to|mime-version|message-id|subject|date): "),
        Likeness("een e-mail", "an e-mail", *EXPORT),
    ),
    (
        re.compile(rb"(?i)\A\"?clientnummer\"?[;,]\"?bsn\"?[;,]\"?taak\b"),
        Likeness(
            "een lijst van cliënten",
            "a list of clients",
            "Lees die in met `schakel edge clients import`.",
            "Read it with `schakel edge clients import`.",
        ),
    ),
    (
        re.compile(rb'\A"?melding"?[,;]"?soort"?[,;]"?afloop"?'),
        Likeness(
            "een melding die Schakel zelf schreef",
            "a notice that Schakel itself wrote",
            "Lees die in het eigen systeem; zij wordt niet verder verteld.",
            "Read it in your own system; it is not told on.",
        ),
    ),
    (
        re.compile(rb"\A(?:\[\[?partner\]?\]|address\s*=|#[^\n]*\n)"),
        Likeness(
            "instellingen",
            "settings",
            "Kijk die na met `schakel config check`.",
            "Check them with `schakel config check`.",
        ),
    ),
)
