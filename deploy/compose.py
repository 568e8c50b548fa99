# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Composition: settings become a running hub or edge.  The only place that names concrete engines.

* A hub's precious things (store, key of its log, settings) are made by `make_hub`, never by starting.
* In strict mode a hub does not start beside an edge (`deploy.beside`), nor when its operator is a partner and does not say so.
* A hub of several machines works when all of them have answered (`deploy.machines`).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from consent.rules import load
from deploy.beside import refuse_beside_an_edge
from deploy.clock import MachineClock
from deploy.exits import failed
from deploy.finish_move import finish_move
from deploy.machines import Patience, among_machines
from deploy.options import HUB_FILE
from deploy.rules_in_force import InForce, rules_in_force
from hub import moving_sqlite, sqlite_file
from hub.accession_authority import make_authority
from hub.attestations import Attestations
from hub.audit.log import Log
from hub.clock import HubClock, running_time
from hub.config import HubConfig, load_hub_config
from hub.exchange import Exchange
from hub.greatest import GreatestFile
from hub.machines import Shared
from hub.moving import Place, Point, Source, UnfinishedMoveError, moved_away
from hub.registry import REMOVED
from hub.self_test import prove
from hub.store import Store
from hub.store_sqlite import DATABASE, KEYS, LOCK, SqliteStore
from hub.store_sqlite_sql import SCHEMA_VERSION as SQLITE_SCHEMA
from schemas.address import oin_of
from schemas.attestation import Authorities
from schemas.calendar import day_of
from schemas.signing import SigningKey

Clock = Callable[[], int]
Random = Callable[[int], bytes]
STORE_FILE, STORE_KEYS, STORE_LOCK = DATABASE, KEYS, LOCK  # in data_folder
_SEED = 32
machine_clock = MachineClock()  # not moved by any settings
_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub that runs in this process."""

    config: HubConfig
    store: Store
    log: Log
    exchange: Exchange
    rules: InForce


@contextmanager
def open_hub(
    config: HubConfig,
    clock: Clock | None = None,
    random: Random = os.urandom,
    *,
    traffic: bool = True,
    patience: Patience = _PATIENCE,
) -> Iterator[Hub]:
    """The hub of these settings, until the block ends.  Without `clock`: the one of the settings.  Without `traffic`: for
    who reads its log or bars a partner; nobody reaches it, so it opens also when the signature under its table is over.

    Raises:
        Stopped: strict mode refuses to start it, or its key can't be read.
        RulesError: the rule table of the settings can't be used.
        SelfTestError: with the tables that it loaded it would let pass what they forbid.
        StoreError: there is no store, another process works with it, or another machine was not heard.
    """
    refuse_beside_an_edge(config)
    with _only_one(config):
        yield from _opened(config, clock, random, patience, traffic=traffic)


@contextmanager
def open_worker(
    config: HubConfig, clock: Clock | None = None, random: Random = os.urandom, *, patience: Patience = _PATIENCE
) -> Iterator[Hub]:
    """What a worker needs of the hub of these settings, beside any number of gateways and workers.  It signs nothing, and
    begins no recovery.

    Raises:
        Stopped, RulesError, SelfTestError, StoreError: as `open_hub`; this machine knows of a newer log.
    """
    refuse_beside_an_edge(config)
    config.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield from _opened(config, clock, random, patience, traffic=True, is_worker=True)


def _opened(
    config: HubConfig,
    clock: Clock | None,
    random: Random,
    patience: Patience,
    *,
    traffic: bool,
    is_worker: bool = False,
) -> Iterator[Hub]:
    key = SigningKey(_read_seed(config.key_file))
    machine = MachineClock(config.clock_file)
    hub_clock = HubClock(clock or machine, running_time if clock else machine.steady)
    rules = rules_in_force(config, day_of((clock or machine)()), lapsed=not traffic)
    store = _open_store(config, hub_clock)
    try:
        head = store.head()
        if config.gateway is not None or is_worker:
            # Where no fact was ever taken nothing has a term, so any time is as good to begin with.
            hub_clock.begin(None if head.newest_fact < 0 else head.committed_at)
        log = Log(store, config.name, key, GreatestFile(config.greatest_file))
        kind = _kind_of(config, is_worker=is_worker)
        exchange = kind(store, log, rules.table, hub_clock, random, _attestations(config, log))
        # A log that lacks what this machine saw is not gone on with. Whether it has what the others saw, they say now.
        with among_machines(config, _shared(config, store), exchange, log, patience, answers=not is_worker):
            _need_word_of_operator(config, exchange)
            if traffic:
                # As they were published: what the base of now takes away from an older one is forbidden anyway.
                published = {one.table.hash: one.table.raw for one in exchange.snapshot()[0].by_address.values()}
                prove([rules.table, *map(load, published.values())], store.now())
                exchange.state_rules(rules.table)
            yield Hub(config, store, log, exchange, rules)
            if not exchange.gate.is_closed:  # its store was moved away, and takes nothing any more
                exchange.tick()
                exchange.close()
    finally:
        store.close()


def _kind_of(config: HubConfig, *, is_worker: bool) -> type[Exchange]:
    if config.kafka is None:
        return Exchange
    from hub.exchange_intake import IntakeExchange, WorkerExchange

    return WorkerExchange if is_worker else IntakeExchange


def _open_store(config: HubConfig, clock: Clock) -> Store:
    try:
        return _engine(config, clock)
    except UnfinishedMoveError as error:
        finish_move(config, error)
        return _engine(config, clock)


def _engine(config: HubConfig, clock: Clock) -> Store:
    if config.dsn is None:
        return SqliteStore(config.data_folder, clock)
    from hub.store_postgres import PostgresStore

    return PostgresStore(config.dsn, config.day_keys_file, clock)


def _shared(config: HubConfig, store: Store) -> Shared | None:
    if config.dsn is None:
        return None  # one machine
    from hub.store_postgres import PostgresStore

    return store if isinstance(store, PostgresStore) else None


@contextmanager
def _only_one(config: HubConfig) -> Iterator[None]:
    """One process per data folder, in which its socket is; the database takes any number."""
    if config.dsn is None:
        yield  # the store sees to it
        return
    config.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sqlite_file.lock(config.data_folder / LOCK):
        yield


def copy_store(hub: Hub, target: Path) -> None:
    """Writes a copy of the store while it works on.

    Raises:
        StoreError: it can't be written.
        Stopped: PostgreSQL makes its copies itself.
    """
    if not isinstance(hub.store, SqliteStore):
        raise failed(
            "The store of this hub is a PostgreSQL database, which makes its own copies: pg_basebackup with an archive "
            "of its WAL, or pg_dump. Copy neither day.keys nor greatest.json with it."
        )
    hub.store.copy_to(target)


@contextmanager
def frozen(hub: Hub, to: Place, point: Point) -> Iterator[Source]:
    """The store of a hub as the old one of a move, which is decided at the end of the block.

    Raises:
        StoreError: it can't be moved now.
    """
    if isinstance(hub.store, SqliteStore):
        point("lock:before")
        with hub.store.lent(moved_away(to)) as (db, keys):
            yield moving_sqlite.SqliteSource(db, keys, hub.config.data_folder)
        point("lock:after")
        return
    from hub.moving_postgres import old_database

    with old_database(hub.config.dsn or "", hub.config.day_keys_file, point, to.kind) as source:
        yield source


def unsafe_of(hub: Hub) -> list[str]:
    """One sentence for each thing about the database of the store that loses something one day."""
    if hub.config.dsn is None:
        return []  # opening refuses a file that would, and reads every setting back
    from hub.store_postgres import PostgresStore

    return hub.store.unsafe() if isinstance(hub.store, PostgresStore) else []


def refusal_of(hub: Hub) -> str:
    """Why the store of a hub does nothing any more; empty while it does."""
    if hub.config.dsn is None:
        return ""
    from hub.store_postgres import PostgresStore

    return hub.store.refuses if isinstance(hub.store, PostgresStore) else ""


def lacks(hub: Hub) -> bool:
    """Whether the database of a hub lacks what this process saw in it."""
    from hub.store_postgres_look import LACKS

    return refusal_of(hub) == LACKS


def schema_of(hub: Hub) -> int:
    """The number of the schema of the store; opening refuses any other."""
    if hub.config.dsn is None:
        return SQLITE_SCHEMA
    from hub.store_postgres import SCHEMA_VERSION

    return SCHEMA_VERSION


def authorities_of(config: HubConfig) -> Authorities:
    """The authorities whose certificates the hub takes, as their files are now.

    Raises:
        OSError, ValueError: they can't be read.
    """
    files = () if config.gateway is None else config.gateway.client_authorities
    accession = config.accession_certificate
    return Authorities.read([one.read_bytes() for one in files], accession.read_bytes() if accession.exists() else b"")


def _attestations(config: HubConfig, log: Log) -> Attestations | None:
    if config.gateway is None:
        return None  # nobody comes with a certificate
    return Attestations(partial(authorities_of, config), lambda: log.greatest.kept.revoked, config.strict)


def _need_word_of_operator(config: HubConfig, exchange: Exchange) -> None:
    """Strict mode: an operator that is a partner says so.

    Raises:
        Stopped: it does not.
    """
    if not config.strict or config.operator_dpia is not None or config.operator_oin is None:
        return
    everyone = exchange.partners().by_number.values()
    if any(oin_of(one.address) == config.operator_oin for one in everyone if one.state != REMOVED):
        raise failed(
            "The operator of this hub is a partner of it: operator_oin is the number of one. In strict mode it must say so. "
            "Set operator_dpia to the reference of the DPIA in which this was weighed."
        )


def try_store(folder: Path) -> None:
    """Returns when a hub could work with the store in this folder: it opens, and its log leads to its root.

    Raises:
        StoreError: it could not.
    """
    SqliteStore(folder).close()


@dataclass(frozen=True, slots=True)
class NewHub:
    """What a person says when a hub is made."""

    folder: Path
    name: str
    operator: str
    controllers: tuple[str, ...]
    fg_contact: str
    key_file: Path | None = None
    demo: bool = False
    operator_oin: str | None = None
    operator_dpia: str | None = None
    dsn: str | None = None


def make_hub(wanted: NewHub) -> HubConfig:
    """Makes settings, key and store of a hub.  What is there already is never overwritten.

    Raises:
        Stopped: something is there already.
        SettingsError: a name can't be used.
    """
    file = wanted.folder / HUB_FILE
    key_file = wanted.key_file or wanted.folder / "log.key"
    accession_key = key_file.with_name("accession.key")
    for there in (file, key_file, accession_key):
        if there.exists():
            raise failed(f"{there.name} is there already and is never overwritten. Choose another folder.")
    wanted.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, accession = (os.path.relpath(one.resolve(), wanted.folder.resolve()) for one in (key_file, accession_key))
    lines = [
        "# Settings of this hub; `schakel config show` explains each.",
        f"name = {toml(wanted.name)}",
        f"operator = {toml(wanted.operator)}",
        f"controllers = [{', '.join(toml(one) for one in wanted.controllers)}]",
        f"fg_contact = {toml(wanted.fg_contact)}",
        *(
            f"{name} = {toml(value)}"
            for name, value in (("operator_oin", wanted.operator_oin), ("operator_dpia", wanted.operator_dpia))
            if value is not None
        ),
        'data_folder = "data"',
        f"key_file = {toml(key)}",
        f"accession_key = {toml(accession)}",
        *([] if wanted.dsn is None else [f"dsn = {toml(wanted.dsn)}"]),
    ]
    if wanted.demo:
        lines += ["# For the demo only: hub and edges in one place, rules whose law text was not read yet.", ""]
        lines += ["strict = false", "test_mode = true"]
    write_new(file, "\n".join([*lines, ""]).encode())
    try:
        config = load_hub_config(file)
        refuse_beside_an_edge(config)
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create_store(config)
    except Exception:
        file.unlink()  # nothing precious was made yet, and the next try starts afresh
        raise
    write_new(key_file, os.urandom(_SEED).hex().encode() + b"\n")
    secret, certificate = make_authority(config.name, machine_clock() // 1000)
    write_new(accession_key, secret)
    write_new(config.accession_certificate, certificate)
    return config


def _create_store(config: HubConfig) -> None:
    if config.dsn is None:
        SqliteStore.create(config.data_folder)
        return
    from hub.store_postgres import PostgresStore

    PostgresStore.create(config.dsn)


def write_new(file: Path, content: bytes) -> None:
    """A file that was not there, readable by its owner only, on disk when this returns."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def _read_seed(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            mode, text = os.fstat(opened.fileno()).st_mode, opened.read(2 * _SEED + 2)
    except OSError as error:
        raise failed(f"The key of the log can't be read: {error.strerror}. Put it back from its backup.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise failed("Others than the owner may use the key of the log. Run `chmod 600` on it.")
    try:
        seed = bytes.fromhex(text.decode("ascii").removesuffix("\n"))
    except ValueError:
        seed = b""
    if len(seed) != _SEED:
        raise failed("The key file of the log is not 64 hexadecimal characters. Put it back from its backup.")
    return seed


def toml(text: str) -> str:
    """A TOML string: that of JSON, whose escapes TOML has too."""
    return json.dumps(text, ensure_ascii=False)
