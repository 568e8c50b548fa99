# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The setting that names a PostgreSQL database: words `name=value`, as libpq reads them.

Guarantees: it holds no secret, so it can be shown and logged; it says by itself how the server is reached and proven,
so that nothing outside the settings file decides that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORD = re.compile(r"([a-z_]+)=([^\s'\\=]+)")
_SECRET = frozenset({"password", "sslpassword"})
_ELSEWHERE = frozenset({"service", "options", "replication", "hostaddr"})  # would decide what this word should
_PROVEN = "verify-full"


def words_of(dsn: str) -> dict[str, str]:
    """The words of a DSN.

    Raises:
        ValueError: it can't be used; the text says what it must be and holds nothing of it.
    """
    words: dict[str, str] = {}
    for word in dsn.split():
        found = _WORD.fullmatch(word)
        if found is None:
            raise ValueError('must be words as in "host=db.example.nl dbname=schakel user=hub", without quotes')
        if found[1] in words:
            raise ValueError("names the same word twice")
        words[found[1]] = found[2]
    if found_secrets := _SECRET & words.keys():
        secret = min(found_secrets)
        raise ValueError(f"holds a secret ({secret}): put it in a file of its own and name that, as in passfile=FILE")
    if found_others := _ELSEWHERE & words.keys():
        raise ValueError(f"names {min(found_others)}, which is not used here; say host, port, dbname and user")
    for needed in ("host", "dbname"):
        if needed not in words:
            raise ValueError(f"names no {needed}: without it something outside this file would decide")
    return words


def is_proven(words: Mapping[str, str]) -> bool:
    """Whether the server is proven and the way to it is encrypted: TLS with its name checked, or a local socket."""
    return words.get("sslmode") == _PROVEN or all(host.startswith("/") for host in words["host"].split(","))
