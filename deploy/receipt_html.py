# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The consent receipt as one HTML page: no script, nothing from elsewhere, readable on paper and by a screen reader."""

from __future__ import annotations

from html import escape

from adapters.code_slips import in_words
from adapters.consent_receipt import Receipt, Section

_STYLE = """
body { font: 18px/1.5 Verdana, "DejaVu Sans", Arial, sans-serif; color: #111; background: #fff; max-width: 42rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 .3rem; border-top: 1px solid #999; padding-top: .8rem; }
p { margin: .2rem 0; } ul { margin: .3rem 0; padding-left: 1.4rem; }
.from { font-weight: bold; } .code { font: bold 1rem/1.6 "DejaVu Sans Mono", Consolas, monospace; border: 2px solid #111;
  padding: .5rem .75rem; margin: .6rem 0; word-spacing: .2rem; overflow-wrap: anywhere; }
.code b { display: block; font-family: Verdana, "DejaVu Sans", Arial, sans-serif; }
footer { margin-top: 2rem; font-size: .85rem; color: #444; }
@media print { body { font-size: 12pt; margin: 0; max-width: none; } section { break-inside: avoid; } }
"""


def receipt_html(receipt: Receipt, organisation: str) -> bytes:
    """The page. The same receipt gives the same bytes."""
    body = "\n".join(_section(section) for section in receipt.sections)
    return f"""<!DOCTYPE html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>{escape(receipt.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(receipt.title)}</h1>
<p class="from">{escape(organisation)}</p>
{body}
</main>
<footer>Gemaakt op {escape(in_words(receipt.made_on))}. Tekst {escape(receipt.notice)}.</footer>
</body>
</html>
""".encode()


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", *_paragraphs(section.sentences), *_list(section.items)]
    parts += _paragraphs(section.after)
    if section.stop_code:
        parts.append(f'<p class="code"><b>Stopcode</b>{escape(section.stop_code)}</p>')
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _paragraphs(sentences: tuple[str, ...]) -> list[str]:
    return [f"<p>{escape(sentence)}</p>" for sentence in sentences]


def _list(items: tuple[str, ...]) -> list[str]:
    return ["<ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"] if items else []
