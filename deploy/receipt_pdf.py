# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The consent receipt as a PDF of A4 pages, with its letters in it; the same receipt gives the same bytes.

A letter that the typeface has not is written without its accent, so that no name shows an empty box.
"""

from __future__ import annotations

import io
import unicodedata
from functools import cache
from html import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer

from adapters.code_slips import in_words
from adapters.consent_receipt import Receipt, Section

_PLAIN, _BOLD = "Schakel", "Schakel-Bold"  # Bitstream Vera, which comes with the library


def receipt_pdf(receipt: Receipt, organisation: str) -> bytes:
    """The file."""
    _letters()
    styles = _styles()
    story: list[Flowable] = [_paragraph(receipt.title, styles["title"]), _paragraph(organisation, styles["from"])]
    story += [KeepTogether(_section(section, styles)) for section in receipt.sections]
    made = f"Gemaakt op {in_words(receipt.made_on)}. Tekst {receipt.notice}."
    story += [Spacer(0, 8 * mm), _paragraph(made, styles["small"])]
    page = io.BytesIO()
    margin = 22 * mm
    document = SimpleDocTemplate(
        page,
        pagesize=A4,
        leftMargin=margin,
        rightMargin=margin,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        title=receipt.title,
        author=_shown(organisation),
        lang="nl-NL",
        initialFontName=_PLAIN,  # else a page begins with one that is not in the file
        invariant=1,  # no time of making and no random id in the file
    )
    document.build(story, onFirstPage=_number, onLaterPages=_number)
    return page.getvalue()


def _section(section: Section, styles: dict[str, ParagraphStyle]) -> list[Flowable]:
    parts: list[Flowable] = [_paragraph(section.title, styles["heading"])]
    parts += [_paragraph(sentence, styles["text"]) for sentence in section.sentences]
    parts += [Paragraph(_marked(item), styles["item"], bulletText="•") for item in section.items]
    parts += [_paragraph(sentence, styles["text"]) for sentence in section.after]
    if section.stop_code:
        groups = section.stop_code.split("-")
        half = (len(groups) + 1) // 2
        lines = "-".join(groups[:half]) + "-<br/>" + "-".join(groups[half:])
        parts += [Paragraph(f"Stopcode<br/>{lines}", styles["code"]), Spacer(0, 2 * mm)]
    return parts


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_marked(text), style)


def _marked(text: str) -> str:
    return escape(_shown(text), quote=False)


def _shown(text: str) -> str:
    """The text in letters that the typeface has."""
    known = _letters()
    return "".join(one if ord(one) in known else _nearest(one, known) for one in unicodedata.normalize("NFC", text))


def _nearest(letter: str, known: frozenset[int]) -> str:
    plain = "".join(one for one in unicodedata.normalize("NFKD", letter) if ord(one) in known)
    return plain or "?"


@cache
def _letters() -> frozenset[int]:
    """Put the typeface in place; the letters that both its weights have."""
    fonts = TTFont(_PLAIN, "Vera.ttf"), TTFont(_BOLD, "VeraBd.ttf")
    for font in fonts:
        pdfmetrics.registerFont(font)
    plain, bold = (frozenset(font.face.charToGlyph) for font in fonts)
    return plain & bold


def _styles() -> dict[str, ParagraphStyle]:
    text = ParagraphStyle("text", fontName=_PLAIN, fontSize=11, leading=16, alignment=TA_LEFT, spaceAfter=1.5)
    return {
        "text": text,
        "item": ParagraphStyle("item", parent=text, leftIndent=5 * mm, bulletIndent=1 * mm, bulletFontName=_PLAIN),
        "title": ParagraphStyle("title", parent=text, fontName=_BOLD, fontSize=18, leading=23, spaceAfter=3),
        "from": ParagraphStyle("from", parent=text, fontName=_BOLD, spaceAfter=2),
        "heading": ParagraphStyle(
            "heading", parent=text, fontName=_BOLD, fontSize=12.5, leading=17, spaceBefore=6 * mm, spaceAfter=3
        ),
        "code": ParagraphStyle(
            "code",
            parent=text,
            fontName=_BOLD,
            leading=17,
            spaceBefore=4 * mm,
            spaceAfter=4 * mm,
            borderWidth=1.2,
            borderColor=HexColor("#111111"),
            borderPadding=7,
            leftIndent=8,
            rightIndent=8,
        ),
        "small": ParagraphStyle("small", parent=text, fontSize=9, leading=12, textColor=HexColor("#444444")),
    }


def _number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(_PLAIN, 9)
    canvas.drawRightString(A4[0] - 22 * mm, 12 * mm, f"bladzijde {document.page}")
    canvas.restoreState()
