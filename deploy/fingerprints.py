# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Fingerprints that people compare over paper or telephone: without that, nobody knows whose file it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import click

from deploy.exits import refused, wrong_use
from deploy.screen import Screen, note, plain
from schemas.manifest import fingerprint_of


def compare(screen: Screen, raw: bytes, given: str | None, shown: Sequence[str], *, who: str, other: str) -> None:
    """Returns when the fingerprint of `raw` is the one `given`, or a person says so who sees it beside what is `shown`.

    `who` gives it; `other`: what to say when it is another one.

    Raises:
        Stopped: it is another one, or nobody compared it.
    """
    if given is not None:
        if given.replace(" ", "").lower() != hashlib.sha256(raw).hexdigest():
            raise refused(other)
        return
    if screen.as_json:
        raise wrong_use("Give --fingerprint with --json: there is nobody to compare it.")
    screen.say(*(plain(one) for one in shown), note(f"Fingerprint: {fingerprint_of(raw)}"))
    if not click.confirm(f"Did {who} give exactly this fingerprint, on paper or by telephone?"):
        raise refused("Nothing was done.")
