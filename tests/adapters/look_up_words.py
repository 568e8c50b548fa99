# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How common the words are that are given on standard input: `python look_up_words.py < words`. Needs wordfreq 3.1.1, and no test runs it."""

from __future__ import annotations

import sys

THRESHOLD = 4.0  # Zipf: once in 100,000 words


def main() -> None:
    """Print each word with its Zipf frequency in Dutch, the rarest first; what is below the threshold is marked."""
    from wordfreq import zipf_frequency  # type: ignore[import-not-found]  # noqa: PLC0415  # not installed for the tests

    found = sorted((zipf_frequency(word, "nl"), word) for word in set(sys.stdin.read().split()))
    for frequency, word in found:
        print(f"{frequency:5.2f} {word}{'' if frequency >= THRESHOLD else '  RARE'}")  # noqa: T201


if __name__ == "__main__":
    main()
