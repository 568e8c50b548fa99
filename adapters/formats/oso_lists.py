# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Names, places and forms of OSO 2019.1, as data: what the reader looks at, and what it steps over."""

from collections.abc import Mapping
from typing import Final

from adapters.formats.native import Keyword
from adapters.formats.xml_shape import DAY, DECIMAL, FLAG, WHOLE, Inside, Shape, Text, pattern, shape

NAMESPACE: Final = "http://www.edustandaard.nl/oso_gegevensset/2019/dossier"
VERSION: Final = "2019.1"
# Transfers to a partnership, from primary and from secondary education; the others go from school to school.
TO_PARTNERSHIP: Final = frozenset({"POSWV", "VOSWV"})
# Code list 48: what a category of the dossier may do; and which of it lets the block be told.
CATEGORY_WORDS: Final = frozenset({"VERPLICHT", "OPTIONEEL", "OPT-UIT", "VERBODEN"})
DELIVERED: Final = frozenset({"VERPLICHT", "OPTIONEEL"})
# The categories of what an event is made of: its day and kind, whose it is, and whether the parents let it.
TELLS: Final = ("cat_metadata", "cat_ouderinzage", "cat_school", "cat_leerling", "cat_onderwijsondersteuning")
# Code list 37.
YES, NO = "Ja", "Nee"
ANSWERS: Final = frozenset({YES, NO, "Onbekend"})

_SAYS: Final = pattern(r".+")
_FORMS: Final[Mapping[str, Text]] = {
    "": _SAYS,
    "any": pattern(r".*"),
    "day": DAY,
    "31july": Text(lambda text: DAY.is_of(text) and text.endswith("-07-31"), trimmed=True, keyword=Keyword.DATE),
    "month": pattern(r"\d{4}-\d{2}"),
    "dmy": pattern(r"\d{2}-\d{2}-\d{4}"),
    "flag": FLAG,
    "whole": WHOLE,
    "int": Text(
        lambda text: WHOLE.is_of(text) and len(text) < 15 and -(2**31) <= int(text) < 2**31, True, Keyword.TYPE
    ),
    "months": Text(lambda text: WHOLE.is_of(text) and len(text) < 15 and 1 <= int(text) <= 24, True, Keyword.TYPE),
    "score": Text(lambda text: WHOLE.is_of(text) and len(text) < 15 and 0 <= int(text) <= 1000, True, Keyword.TYPE),
    "decimal": DECIMAL,
    "t35": pattern(r".{1,35}"),
    "t280": pattern(r".{1,280}"),
    "t1024": pattern(r".{0,1024}"),
    "brin": pattern(r"[0-9][0-9][A-Z][A-Z]"),
    "place": pattern(r"[0-9][0-9]"),
    "element": pattern(r"[0-9]{4}"),
    "years": pattern(r"[0-9]{4}-[0-9]{4}"),
    "named": Text(_SAYS.is_of, attributes=frozenset({"omschrijving"})),
    "any_named": Text(pattern(r".*").is_of, attributes=frozenset({"omschrijving"})),
}


def _form(word: str) -> Text:
    return _FORMS[word]


def _shape(text: str, **inside: Inside) -> Shape:
    return shape(text, _form, inside, NAMESPACE)


# -- what many places share -------------------------------------------------------------------------------------------

_DOCUMENT = _shape("bestandsnaam omschrijving? bestandsinhoud")
_DOCUMENTS = _shape("document+:document", document=_DOCUMENT)
_ADDRESSES = _shape(
    "adres+:address",
    address=_shape(
        """soortadres straat nummer toevoeging? aanduiding? locatieomschrijving?:t35 postcode plaats gemeente?
        land?:named"""
    ),
)
_CONTACTS = _shape("communicatie+:contact", contact=_shape("soort aanduiding? nummer geheim?:flag noodnummer?:flag"))
_INSTITUTION_PLACES = "naam adreslijst?:addresses communicatielijst?:contacts "
_SCHOOL_PLACES = (
    _INSTITUTION_PLACES + "brincode:brin vestigingscode:place aanleverpunt soort? type? naamdirecteur? website?"
)
_INSTITUTION = _shape(_INSTITUTION_PLACES, addresses=_ADDRESSES, contacts=_CONTACTS)
_PERSON_PLACES = """voornaam* voorletters-1? voorvoegsel? achternaam roepnaam? geslacht?:whole adresgeheim?:flag
    adreslijst?:addresses communicatielijst?:contacts """

# -- what was tested and marked ---------------------------------------------------------------------------------------

_SCORED = _shape(
    """aantalopgaven?:int aantalgoed?:int aantalfout?:int aantalgelezen?:int tijd?:decimal
    vaardigheidsscore?:decimal codevaardigheidsschaal? betrouwbaarheidsinterval?:between""",
    between=_shape("bivlaag:decimal bivhoog:decimal"),
)
_OUTCOME = _shape(
    "toetsscore?:scored referentiescore*:compared document?:document",
    scored=_SCORED,
    compared=_shape("codereferentiescore codevergelijkingsgroep waarde kwalificatie?"),
    document=_DOCUMENT,
)
_TAKEN_BY = _shape(
    "naammedewerker functie? werktbijinstelling?:at",
    at=_shape(
        "(instelling:institution | school:school)",
        institution=_INSTITUTION,
        school=_shape(_SCHOOL_PLACES, addresses=_ADDRESSES, contacts=_CONTACTS),
    ),
)
_TEST = _shape(
    "toetsidentificatie:which afname:taken resultaat:outcome toetsonderdeel*:part opmerking?",
    which=_shape("eldtoetscode leergebied? toetsnaam? toetsversie?"),
    taken=_shape("afnamedatum:day jaargroep?:any dl?:whole afgenomendoor?:by", by=_TAKEN_BY),
    outcome=_OUTCOME,
    part=_shape("eldonderdeelcode onderdeelnaam? resultaat:outcome", outcome=_OUTCOME),
)
_MARK = _shape("waarde? kwalificatie?")
_MARKS = _shape(
    "cijferlijstTypelijst:marks afnamedatum?:day jaargroep:any periode?",
    marks=_shape(
        "(naam onderdeel*:part score+:mark)+",
        part=_shape("naam score:mark afnamedatum?:day jaargroep?:any periode?", mark=_MARK),
        mark=_MARK,
    ),
)
_DOMAIN = _shape("domeincode:any domeinomschrijving?:any dom_referentieniveau?:any")
_FINAL_TEST = _shape(
    "eindtoetsresultaat?:result deelgenomen:flag document*:document",
    result=_shape(
        """toetssoort:any toetsniveau:any toetsomschrijving?:any datum_afname:day wettelijke_ontheffing?:any
        standaardscore?:score toets_advies?:t1024 onderdelen:parts""",
        parts=_shape(
            "onderdeel*:part",
            part=_shape(
                "onderdeelcode:any onderdeelomschrijving?:any ond_referentieniveau?:any domeinen?:domains",
                domains=_shape("domein*:domain", domain=_DOMAIN),
            ),
        ),
    ),
    document=_DOCUMENT,
)

# -- the support of a pupil -------------------------------------------------------------------------------------------

OPP = _shape("opp_ingangdatum:day opp_einddatum?:day document*:document", document=_DOCUMENT)
TLV = _shape(
    "tlvingangdatum:day tlvswvnummer tlvcategorie tlvbeschikkingsnummer tlveinddatum?:day document?:document",
    document=_DOCUMENT,
)
ARRANGEMENT_CLUSTER = _shape("arrangement_datum:day arrangement_brin?:brin arrangement_vestigingscode?:place")
ARRANGEMENT = _shape(
    "arrangement_datum:day arrangement_kenmerk? arrangement_beschikkingsnr? arrangement_einddatum?:day"
)
SUPPORT = _shape(
    """toelichting_onderwijsbehoeften?:explained diagnose*:diagnosis medicijngebruik?:flag handelingsplan*:plan
    opp?:opp tlv*:tlv arrangement_cluster12*:cluster arrangement_pao*:arrangement lwoo?:lwoo rvc?:rvc""",
    explained=_shape("document:document", document=_DOCUMENT),
    diagnosis=_shape("code+ naam? datum?:day doorwie? instantie? document*:document", document=_DOCUMENT),
    plan=_shape("startdatum:day einddatum?:day isgerichtop document?:document", document=_DOCUMENT),
    opp=OPP,
    tlv=TLV,
    cluster=ARRANGEMENT_CLUSTER,
    arrangement=ARRANGEMENT,
    lwoo=_shape(
        """lwoo_ingangdatum:day lwoo_swvnummer lwoo_beschikkingsnummer lwoo_einddatum?:31july
        document?:document""",
        document=_DOCUMENT,
    ),
    rvc=_shape(
        """centraleproblematiek? maatregelen? signaleringlwoopro:signs rvcdatum?:day rvcindicatie?
        document*:document""",
        signs=_shape("deelgenomenaanonderzoek:flag leerachterstand:flag lagescoreeindtoets:flag"),
        document=_DOCUMENT,
    ),
)

# -- the pupil --------------------------------------------------------------------------------------------------------

_BEFORE_SCHOOL = _shape(
    """codevoorschoolsehistorie?:whole codevoorschoolsprogramma:whole voorschoolsemaanden:months
    codevoorschoolsetoeleider?:whole codevoorschoolsedeelname?:whole voorschoolseaanwezigheid?:whole"""
)
_ADVICE = _shape(
    """advies?:any wensouders?:any wensleerling?:any herzienadvies?:any motivatie_herzienadvies? profiel?
    argumentatie? contactnodig?:flag contactpersoon? contacttelefoon? contactemail? aandachtspunten?:t280"""
)
_CAREER = _shape(
    """schooljaar:years groepscode groepsnaam? jaargroep:any begindatum?:day einddatum?:day brincode:brin
    vestigingscode:place schoolsoort? schooltype? voelementcode?:element voelementomschrijving?
    schoolsoortomschrijving?"""
)
_ABSENCE = _shape(
    """dagdelengeoorloofd?:whole dagdelenongeoorloofd?:whole urengeoorloofd?:whole urenongeoorloofd?:whole
    meerdan25percent?:flag frequentie?:whole contactleerplicht?:flag rmcmelding?:flag documentLijst?:documents""",
    documents=_DOCUMENTS,
)
_SUBJECT = _shape(
    """vakcode vakleergebied? afgerond:flag datumafgerond?:day examenvak:flag
    (beoordelingexamenvak | exameneindcijfer:int | cijferce:decimal | eindcijferse:decimal | cijferse+:decimal
    | rapportcijfer:decimal | werkstuk:work)""",
    work=_shape("werkstuktitel werkstukbeoordeling"),
)
PUPIL = _shape(
    """voornaam* voorletters-1? voorvoegsel? achternaam roepnaam? (geboortedatum:day | geboortemaand:month)?
    geslacht?:whole adresgeheim?:flag (adreslijst:addresses | postcode4adres)? communicatielijst?:contacts
    gba?:registered adresbuitenland*:t35 geboorteplaats? nationaliteit*:any_named (onderwijsnummer | bsn)?
    leerlingid? onderwijssinds?:day startdatumhuidigonderwijs?:day datuminschrijving?:day datumuitschrijving?:day
    teruggeplaatstnaarbrin?:brin leerlinggewicht? nnca? tehuis?:flag huisarts?:person verzorgersaansprakelijk?:flag
    aansprakelijkeinstelling?:institution overstapadvies?:advice vanpeuterspeelzaal?:flag naampeuterspeelzaal?
    voorschools?:before vroegschools*:early schoolloopbaanlijst?:careers onderwijsondersteuning?:support
    verzuim?:absence eindtoets_basisonderwijs?:final toetslijst?:tests cijferlijstlijst?:marks
    overigdocumentlijst?:documents verzorger*:carer bevorderd?:promoted examenresultaat?:exam
    resultaatvakkenvo*:subject certificaat* competenties*:skill stage*:placement overigvombo?:more""",
    addresses=_ADDRESSES,
    contacts=_CONTACTS,
    registered=_shape("gbavoornaam+ gbavoorvoegsel? gbaachternaam gbageboortedatum:dmy"),
    person=_shape(_PERSON_PLACES, addresses=_ADDRESSES, contacts=_CONTACTS),
    institution=_INSTITUTION,
    advice=_ADVICE,
    before=_BEFORE_SCHOOL,
    early=_shape("codevroegschoolsprogramma:whole vroegschoolsdatumingang:day vroegschoolseinddatum?:day"),
    careers=_shape("schoolloopbaan+:career", career=_CAREER),
    support=SUPPORT,
    absence=_ABSENCE,
    final=_FINAL_TEST,
    tests=_shape("toets+:test", test=_TEST),
    marks=_shape("cijferlijst+:list", list=_MARKS),
    documents=_DOCUMENTS,
    carer=_shape(
        _PERSON_PLACES
        + """relatietotkind? overleden?:flag overlijdensdatum?:day wettigevertegenwoordiger:flag banknummer?
        iban?""",
        addresses=_ADDRESSES,
        contacts=_CONTACTS,
    ),
    promoted=_shape("elementcode?:element leerjaar?:any"),
    exam=_shape("soortdiploma? examenjaar?:int datumuitslag?:day examenuitslag?"),
    subject=_SUBJECT,
    skill=_shape("competentiereferentie? competentiecategorie? competentiebeschrijving? competentiestatus?"),
    placement=_shape(
        "begindatum?:day einddatum?:day soortstage? functierol? instelling?:institution beoordeling?",
        institution=_INSTITUTION,
    ),
    more=_shape(
        """keuzevervolgopleiding? beroepskeuzetest:flag portfolio:flag pop:flag motivatiebrief:flag
        lobdossier:flag"""
    ),
)

# -- the dossier ------------------------------------------------------------------------------------------------------

CATEGORIES = _shape(
    """cat_metadata:any cat_ouderinzage:any cat_school:any cat_leerling:any cat_oudersverzorgers:any cat_vve:any
    cat_schoolloopbaan:any cat_overstapadvies:any cat_onderwijsondersteuning:any cat_verzuim:any
    cat_eindtoetsbo:any cat_toetsresultaten:any cat_handelingsplannen:any cat_cijferlijsten:any cat_vombo:any
    cat_bijlagedocs:any"""
)
METADATA = _shape(
    """deeldossier pakketnaam pakketversie datum:day standaardversie validatieversie
    categorie_uitlevering?:categories overstap?""",
    categories=CATEGORIES,
)
CONSENT = _shape("voorlopigdossier:flag inzage?:flag inzagedatum?:day akkoord? redennietakkoord? toestemming?")
SCHOOL = _shape(_SCHOOL_PLACES + " leerling:pupil", addresses=_ADDRESSES, contacts=_CONTACTS, pupil=PUPIL)
DOSSIER = _shape(
    "metadata:metadata overdrachtsoort inzage?:consent huidigeschool:school",
    metadata=METADATA,
    consent=CONSENT,
    school=SCHOOL,
)
