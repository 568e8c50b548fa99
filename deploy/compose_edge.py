# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Composition of an edge: its settings become a store, a way to the hub, and the `Edge` that works with them.

* An edge's precious things (keys, store, settings) are made by `make_edge`, never by starting.
* The way to a hub is HTTPS, or `local:`, a hub in this process, which strict mode refuses.
* Without a hub, or while another process has it, everything that a person decides is kept and goes out later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from adapters.address_book import AddressBook, load_address_book
from adapters.config import LOCAL, EdgeConfig, load_edge_config
from adapters.edge import Edge, Identity, Tools
from adapters.keys import (
    StoreKey,
    new_key_file,
    passphrase_salt,
    store_key_from_file,
    store_key_from_passphrase,
)
from adapters.sources.folder import Folder
from adapters.store import FILE as STORE_FILE
from adapters.store import EdgeStore
from adapters.witness import Witness
from adapters.workplace import Attest
from deploy.clock import MachineClock
from deploy.compose import Clock, Random, open_hub, toml, write_new
from deploy.exits import failed
from deploy.local import LocalClient
from deploy.options import EDGE_FILE, HUB_FILE
from deploy.rules_in_force import rules_in_force
from deploy.way_to_hub import WayError, WayToHub
from hub.client import (
    FactAnswer,
    Feed,
    HandleState,
    HubClient,
    HubUnavailableError,
    LoggedFact,
    PickUp,
    Published,
    Recovery,
)
from hub.config import load_hub_config
from hub.store import StoreError
from schemas.attestation import AttestationError, Authorities, attest
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.registry import load as load_registry
from schemas.settings import Fault, SettingsError

MANIFEST_FILE = "manifest.schakel"
PARTNERS_FILE = "partners.toml"
_NO_KEY = ("-", bytes(32))  # no note is signed by it: without a verifier key nothing of a hub is believed


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of an edge with its address book."""

    config: EdgeConfig
    book: AddressBook


def load_settings(file: Path) -> Settings:
    """Settings and address book.

    Raises:
        SettingsError: a fault in one of the two.
    """
    with _named(file):
        config = load_edge_config(file)
    with _named(config.partners_file):
        return Settings(config, load_address_book(config.partners_file))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Says in which of the two files a fault is."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError([Fault(file.name + fault.path, fault.rule) for fault in error.faults]) from None


def store_key(config: EdgeConfig, environment: Mapping[str, str]) -> StoreKey:
    """The key of the store, from where the settings say it is.

    Raises:
        KeyProblem, Stopped: it can't be had.
    """
    if config.key_file is not None:
        return store_key_from_file(config.key_file, config.data_folder, config.strict)
    name = config.passphrase_env or ""
    passphrase = environment.get(name)
    if passphrase is None:
        raise failed(f"The environment variable {name} is not set; it must hold the passphrase of the store.")
    return store_key_from_passphrase(passphrase, passphrase_salt(config.data_folder))


@contextmanager
def open_edge(  # one part of an edge each
    settings: Settings,
    client: HubClient,
    key: StoreKey,
    clock: Clock | None = None,
    random: Random = os.urandom,
    *,
    lapsed: bool = False,
) -> Iterator[Edge]:
    """The edge of these settings, until the block ends.  Without `clock`: the one of the settings.  `lapsed`: also when
    the signature under its rule table is over; then no rule permits anything, and a person can still refuse and stop.

    Raises:
        StoreError, WrongKeyError: there is no store, another process has it, or the key is another.
        RulesError: the rule table of the settings can't be used.
    """
    config = settings.config
    clock = clock or MachineClock(config.clock_file)
    rules = rules_in_force(config, day_of(clock()), lapsed=lapsed)
    with EdgeStore(config.data_folder, key, random) as store:
        own = (config.address, config.own_codes, settings.book)
        identity = Identity(
            *own,
            own_table=rules.own,
            notices_with_bsn=config.notices_with_bsn,
            own_number_system=config.own_number_system,
        )
        witness = Witness(store, *(config.hub_verifier or _NO_KEY))
        days = config.spread_days
        tools = Tools(store, client, witness, rules.usable, load_registry(), clock, random, spread_days=days)
        tools = replace(tools, objection_days=config.objection_days)
        tools = replace(tools, attest=attests_with(config), authorities=reads_authorities(config))
        edge = Edge(identity, tools)
        if isinstance(client, WayToHub):
            client.belongs_to(edge)
        try:
            yield edge
        finally:
            if isinstance(client, WayToHub):
                client.belongs_to(None)


def attests_with(config: EdgeConfig) -> Attest | None:
    """What attests manifests with the certificate that is shown to the hub, as its files are at that moment; it raises
    `HubUnavailableError` while they can't be used."""
    if config.hub_url is None:
        return None

    def attest_now(manifest: bytes) -> bytes:
        try:
            return attest(manifest, config.hub_certificate.read_bytes(), config.hub_certificate_key.read_bytes())
        except (OSError, AttestationError):  # the hub would not be reached with them either, or they change just now
            raise HubUnavailableError("hub_certificate or its key can't be read, or do not belong together") from None

    return attest_now


def reads_authorities(config: EdgeConfig) -> Callable[[], Authorities] | None:
    """What reads who vouches for partners, as the files are at that moment; None where the settings name none."""
    partners, accession = config.partner_authorities, config.accession_authority
    if partners is None or accession is None:
        return None
    return lambda: Authorities.read([partners.read_bytes()], accession.read_bytes())


@contextmanager
def reach_hub(config: EdgeConfig) -> Iterator[HubClient]:
    """The way to the hub that the settings name; one that says that the hub is away when there is none to reach."""
    with ExitStack() as stack:
        client: HubClient
        try:
            client = _local(config, stack) if config.hub_url is None else WayToHub(config, keep=False)
        except (StoreError, WayError) as error:
            client = NoHub(str(error))
        yield client


def _local(config: EdgeConfig, stack: ExitStack) -> HubClient:
    if config.hub_folder is None:
        return NoHub()
    hub = stack.enter_context(open_hub(load_hub_config(config.hub_folder / HUB_FILE)))
    return LocalClient(hub.exchange, config.address)


class NoHub:
    """A `HubClient` that never answers: what is asked of it stays on disk.  `reason` is for the operator."""

    def __init__(self, reason: str = "no hub is set") -> None:
        self.reason = reason

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        self._away()

    async def outcomes(self, after: int) -> Feed:
        """See `HubClient`."""
        self._away()

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """See `HubClient`."""
        self._away()

    async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        self._away()

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        """See `HubClient`."""
        self._away()

    async def facts_after(self, index: int) -> list[LoggedFact]:
        """See `HubClient`."""
        self._away()

    async def handles(self) -> list[HandleState]:
        """See `HubClient`."""
        self._away()

    async def recovery(self) -> Recovery | None:
        """See `HubClient`."""
        self._away()

    async def repeated(self, number: int, size: int) -> Code:
        """See `HubClient`."""
        self._away()

    async def restored(self, frame: bytes) -> Code:
        """See `HubClient`."""
        self._away()

    async def publish(self, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        """See `HubClient`."""
        self._away()

    async def renew(self, request: bytes) -> bytes:
        """See `HubClient`."""
        self._away()

    async def manifests(self, address: str) -> list[Published]:
        """See `HubClient`."""
        self._away()

    async def checkpoint(self) -> str:
        """See `HubClient`."""
        self._away()

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """See `HubClient`."""
        self._away()

    async def inclusion(self, indexes: Sequence[int], size: int) -> list[bytes]:
        """See `HubClient`."""
        self._away()

    def _away(self) -> NoReturn:
        raise HubUnavailableError(f"the hub can't be reached now, and what was decided goes out later: {self.reason}")


@dataclass(frozen=True, slots=True)
class NewEdge:
    """What a person says when an edge is made; `more` are further settings, by name, as TOML."""

    folder: Path
    address: str
    name: str
    key_file: Path | None = None
    passphrase_env: str | None = None
    hub: Path | None = None
    hub_key: str | None = None
    demo: bool = False
    more: tuple[tuple[str, str], ...] = ()


def write_edge_settings(wanted: NewEdge) -> Path:
    """Writes the settings and an empty address book.  What is there already is never overwritten.

    Raises:
        Stopped: there are settings already.
        SettingsError: what was said can't be; nothing stays.
    """
    file = wanted.folder / EDGE_FILE
    if file.exists():
        raise failed(f"{EDGE_FILE} is there already and is never overwritten. Choose another folder.")
    lines = [
        "# Settings of this edge; `schakel config show` explains each.",
        f"address = {toml(wanted.address)}",
        f"name = {toml(wanted.name)}",
        'data_folder = "data"',
    ]
    if wanted.key_file is not None:
        lines.append(f"key_file = {toml(_relative(wanted.key_file, wanted.folder))}")
    if wanted.passphrase_env is not None:
        lines.append(f"passphrase_env = {toml(wanted.passphrase_env)}")
    if wanted.demo:
        lines += ["# For the demo only: hub and edges in one place, rules whose law text was not read yet, no spread."]
        lines += ["strict = false", "test_mode = true", "spread_days = 0"]
    if wanted.hub is not None:
        lines.append(f"hub = {toml(LOCAL + _relative(wanted.hub, wanted.folder))}")
    if wanted.hub_key is not None:
        lines.append(f"hub_key = {toml(wanted.hub_key)}")
    lines += [f"{name} = {value}" for name, value in wanted.more]
    is_new = not wanted.folder.exists()
    wanted.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new(file, "\n".join([*lines, ""]).encode())
    try:
        load_edge_config(file)
    except Exception:
        file.unlink()
        if is_new:
            wanted.folder.rmdir()
        raise
    if not (wanted.folder / PARTNERS_FILE).exists():
        write_new(wanted.folder / PARTNERS_FILE, _EMPTY_BOOK)
    return file


_EMPTY_BOOK = b"""# The address book: one [[partner]] each, with address, name and native codes. An edge finds nobody without the codes.
#
# [[partner]]
# address = "urn:nld:oin:00000001234567890001:team-wmo"
# name = "Team Wmo Voorbeeld"
# municipality = { code = "9991", law = "wmo" }
#
# [[partner]]
# address = "urn:nld:oin:00000001234567890000:provider-wmo"
# name = "Zorg Voorbeeld"
# agb = ["12345678"]
"""


def make_store(settings: Settings, environment: Mapping[str, str], random: Random = os.urandom) -> StoreKey:
    """Makes the store of an edge, and the key file when the settings name one that isn't there.

    Raises:
        Stopped, StoreError, KeyProblem: something precious is there already, or the key can't be had.
    """
    config = settings.config
    if (config.data_folder / STORE_FILE).exists():
        raise failed("There is an edge store in data_folder already; it is never overwritten.")
    if config.key_file is not None and not config.key_file.exists():
        new_key_file(config.key_file, random)
    key = store_key(config, environment)
    Folder(config)  # so that who puts files there sees where; the first pass would make them too
    EdgeStore.create(config.data_folder, key, random).close()
    return key


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder.resolve())
