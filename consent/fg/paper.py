# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Parts that the papers for the privacy officer share: Markdown that a name can't break, and the line that says what they are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

LAWYER: Final = (
    "Dit stuk is gemaakt door Schakel, uit de instellingen zoals zij zijn. Het is invoer voor uw eigen stuk en geen juridisch "
    "advies: **laat uw jurist of FG dit lezen** voordat u het gebruikt."
)
_FOLDER: Final = Path(__file__).parent
_ESCAPED: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"} | {"\n": " ", "\r": " "})


def plain(text: str) -> str:
    """A name or reference that somebody typed, so that it is shown as it is."""
    return text.translate(_ESCAPED)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("\\|", "|").replace("|", "\\|").replace("\n", " ")


def bullets(lines: Iterable[str]) -> str:
    """A list; a sentence when there is nothing in it."""
    return "\n".join(f"- {line}" for line in lines) or "Geen."


def words(names: Iterable[str], known: Mapping[str, str]) -> str:
    """Codes in words, those without a word as they are."""
    return "; ".join(known.get(name, name) for name in names)


def template(name: str, values: Mapping[str, str]) -> str:
    """The text of this folder with every `{{name}}` filled in.

    Raises:
        KeyError: a place in the text has no value.
    """
    parts = (_FOLDER / name).read_text(encoding="utf-8").split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        key, _, rest = part.partition("}}")
        filled += [values[key], rest]
    return "".join(filled).rstrip() + "\n"


def picture() -> str:
    """The picture of roles and data flows, as SVG."""
    return (_FOLDER / "stromen.svg").read_text(encoding="utf-8")
