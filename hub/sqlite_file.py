# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One SQLite file that one process owns, with settings under which a commit is durable.

* A second process is refused with a sentence, by a lock file: SQLite's own locks would let it in.
* A file system behind a network is refused: its flushes and locks are promises of another machine.
* Every setting is read back: one that did not take, or was changed later, stops the work.
* Nothing is created by opening: a store that isn't there is an error.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from hub import store_sqlite_sql as sql
from hub.audit.merkle import EMPTY_ROOT
from hub.store import StoreError
from schemas.fact import Register, parse_fact

Setting = tuple[str, str, str | int]
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "orangefs", "smb2", "smb3", "smbfs"}
    | {"fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
_TAKEN = "another process works with this store; stop the running hub, or let it do the work"
_PAGES_AT_ONCE, _BETWEEN_PAGES = 256, 0.001
_ESCAPED = re.compile(r"\\([0-7]{3})")


def lock(path: Path) -> IO[bytes]:
    """Locks this file until it is closed or the process ends.

    Raises:
        StoreError: another has it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    file = os.fdopen(handle, "r+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StoreError(f"{path.parent}: {_TAKEN}") from None
    return file


def refuse_network(folder: Path, mounts: str) -> None:
    """Refuses a folder on a network file system; `mounts` is the text of /proc/self/mountinfo.

    Raises:
        StoreError: it is on one.
    """
    kind = file_system(str(folder.resolve()), mounts)
    if kind in _NETWORK:
        raise StoreError(f"{folder}: a store can't stand on a network file system ({kind}); choose a local disk")


def file_system(path: str, mounts: str) -> str:
    """The kind of file system that a resolved path stands on, "" when the mounts don't tell."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        mount = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4])
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= best:  # the last of equals lies on top
            best, kind = len(mount), right.split(" ")[0]
    return kind


def connect(path: Path, settings: Sequence[Setting]) -> sqlite3.Connection:
    """Opens the file, which must be there, and makes these settings.

    Raises:
        StoreError: not there, no database, or a setting that does not take.
    """
    if not path.is_file():
        raise StoreError(
            f"{path}: there is no store here; `schakel hub init` makes one for a new hub, `schakel hub restore` puts a "
            "copy back"
        )
    db = sqlite3.connect(
        f"file:{_quoted(path)}?mode=rw", uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for name, value, _ in settings:
            db.execute(f"PRAGMA {name} = {value}").fetchall()
        require(db, settings)
    except sqlite3.Error as error:
        db.close()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:  # the lock file was removed, SQLite's holds
            raise StoreError(f"{path.parent}: {_TAKEN}") from None
        raise StoreError(f"{path}: this is no database, or a damaged one ({error})") from error
    except StoreError:
        db.close()
        raise
    return db


def require(db: sqlite3.Connection, settings: Sequence[Setting]) -> None:
    """Refuses a connection on which one of these settings is another.

    Raises:
        StoreError: one of them is another.
    """
    for name, _, wanted in settings:
        if db.execute(f"PRAGMA {name}").fetchone() != (wanted,):
            raise StoreError(f"the setting {name} of the store is not {wanted}: what it commits could be lost")


def write_schema(path: Path) -> None:
    """Makes the tables of a store in an empty file, which is whole when this returns."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute(f"PRAGMA page_size = {sql.PAGE_SIZE}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(f"BEGIN;{sql.SCHEMA}")
        db.execute(sql.FIRST_HEAD, (EMPTY_ROOT,))
        db.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION}")
        db.execute("COMMIT")
    finally:
        db.close()  # empties and removes the WAL, so the file is whole


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Brings the tables of an earlier version up to date, whole or not at all."""
    db.execute("BEGIN IMMEDIATE")
    for number in range(version, sql.SCHEMA_VERSION):
        for statement in sql.MIGRATIONS[number].split(";"):
            db.execute(statement)
    for index, frame in db.execute(sql.READ_ALL_FACTS).fetchall() if version < sql.RECIPIENTS_SINCE else ():
        body = parse_fact(frame).body
        if isinstance(body, Register):
            db.execute(sql.SET_RECIPIENT, (body.recipient, index))
    db.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION}")
    db.execute("COMMIT")
    # A crash before this line: the store is of the earlier version, and the next start does it again.


def write_copy(db: sqlite3.Connection, target: Path) -> None:
    """Writes a copy of the open store, whole or not at all, while others commit to it.

    Raises:
        StoreError: there is a file of that name, or it can't be written.
    """
    new = target.with_name(f".{target.name}.new")
    try:
        if target.exists():
            raise StoreError(f"{target}: there is a file of this name already")
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        copy = sqlite3.connect(new, isolation_level=None)
        try:
            # A few pages at a time: commits go in between, and what they change is copied again by SQLite itself.
            db.backup(copy, pages=_PAGES_AT_ONCE, sleep=_BETWEEN_PAGES)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be moved anywhere
            copy.execute("VACUUM")
        finally:
            copy.close()
        sync(new)
        new.rename(target)
        sync_folder(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the copy can't be written ({error})") from error
    # A crash before the rename: there is no copy of that name, and the next one begins afresh.


def sync(path: Path) -> None:
    """What was written to a file is on disk when this returns."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
