# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The two files of an edge's certificate, and how they change: whole before, whole after, whole after any crash.

* The new pair is whole on disk, beside the one in use, before that is touched.  The key changes first, then the
  certificate: so what a crash left is told from the files alone, and `settle` ends it.
* The old pair stays beside the new one until somebody says that the new one works (`forget`), or that it does not
  (`put_back`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.compose import write_new

_NEW, _OLD = ".new", ".old"


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and its key (PEM)."""

    certificate: Path
    key: Path

    @property
    def new(self) -> Pair:
        """The pair that takes its place."""
        return Pair(_beside(self.certificate, _NEW), _beside(self.key, _NEW))

    @property
    def old(self) -> Pair:
        """The pair that was in its place before."""
        return Pair(_beside(self.certificate, _OLD), _beside(self.key, _OLD))

    def fits(self) -> bool:
        """Whether both are there and belong together."""
        read = read_certificate(self.certificate)
        try:
            key = load_pem_private_key(self.key.read_bytes(), None)
        except (OSError, ValueError, TypeError):
            return False
        return read is not None and read.public_key() == key.public_key()

    def is_unconfirmed(self) -> bool:
        """Whether it was changed and nobody has said yet whether it works."""
        return self.old.certificate.exists()


def read_certificate(file: Path) -> x509.Certificate | None:
    """The certificate in a file, the first of its chain; None when it can't be read."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError):
        return None


def is_over(file: Path, moment: datetime) -> bool:
    """Whether a certificate can't be read or is not valid any more."""
    read = read_certificate(file)
    return read is None or read.not_valid_after_utc <= moment


def settle(pair: Pair) -> None:
    """Ends a change, in either direction, in the middle of which there was a crash.

    The key is always the first to change, so the certificate that belongs to it lies beside.
    """
    if pair.fits():
        return
    for beside in (pair.new.certificate, pair.old.certificate):
        if Pair(beside, pair.key).fits():
            with suppress(FileNotFoundError):  # a standby does the same at the same moment
                _move(beside, pair.certificate)
            return


def keep_new(file: Path, content: bytes) -> None:
    """Writes a file of the new pair, over what an earlier attempt left."""
    file.unlink(missing_ok=True)
    write_new(file, content)
    _sync(file.parent)
    # A crash here: it lies beside and nothing names it; the next attempt writes over it.


def replace(pair: Pair) -> None:
    """Puts the new pair in place of one that is lost or does not belong together."""
    _move(pair.new.key, pair.key)
    # A crash here: the new certificate belongs to this key, and `settle` puts it in place.
    settle(pair)


def change(pair: Pair) -> None:
    """Puts the new pair in place, and the old one beside it."""
    for file, kept in ((pair.key, pair.old.key), (pair.certificate, pair.old.certificate)):
        kept.unlink(missing_ok=True)
        os.link(file, kept)
        _sync(file.parent)
        # A crash here: what is in place is as it was; what lies beside is the same, and is forgotten or written over.
    replace(pair)
    # A crash here: the new pair is in place, and the next to reach the hub finds out whether it works.


def put_back(pair: Pair) -> None:
    """Puts the old pair in place again."""
    _move(pair.old.key, pair.key)
    # A crash here: the old certificate belongs to this key, and `settle` puts it in place.
    settle(pair)
    forget(pair)


def forget(pair: Pair) -> None:
    """What lies beside the pair is of no use any more."""
    for file in (pair.old.certificate, pair.old.key, pair.new.certificate, pair.new.key):
        file.unlink(missing_ok=True)
        # A crash here: a key without its certificate is nobody's, and the next change writes over it.


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _move(file: Path, to: Path) -> None:
    file.rename(to)
    _sync(to.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
