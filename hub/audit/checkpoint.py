# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Signing checkpoints: the size and root of the hub's log as C2SP tlog-checkpoint in a C2SP signed-note.

What it guarantees:

- one checkpoint has one text, and one signature line: that of the hub's key;
- a key signs only for a log that has its name. That nobody signs a size smaller than one signed before is the
  store's to hold.

Reading notes, which edges do too, is in `schemas.note`; its names can be had from here.
"""

from __future__ import annotations

from base64 import b64encode

from nacl.signing import SigningKey

from schemas.note import (
    NOTE_LIMIT,
    SIZE_LIMIT,
    Checkpoint,
    NoteError,
    belongs,
    check_name,
    key_id,
    open_note,
    parse_verifier_key,
    verifier_key,
)

__all__ = [
    "NOTE_LIMIT",
    "SIZE_LIMIT",
    "Checkpoint",
    "NoteError",
    "key_id",
    "log_origin",
    "open_note",
    "parse_verifier_key",
    "sign",
    "verifier_key",
]


def log_origin(hub_name: str, number: int) -> str:
    """The origin of log number `number` of a hub: a recovery that can't go on with a log begins the next number."""
    return f"{hub_name}/log/{number}"


def sign(checkpoint: Checkpoint, name: str, signing_seed: bytes) -> str:
    """The checkpoint as a note, signed with Ed25519 by the key of this name.

    Raises ValueError for a name that can't stand in a note and for an origin that isn't this key's.
    """
    check_name(name)
    if not belongs(checkpoint.origin, name):
        raise ValueError("the origin is neither the name of the key nor a log of it")
    text = checkpoint.text()
    key = SigningKey(signing_seed)
    signature = key.sign(text.encode()).signature
    line = b64encode(key_id(name, bytes(key.verify_key)) + signature).decode()
    return f"{text}\n\u2014 {name} {line}\n"
