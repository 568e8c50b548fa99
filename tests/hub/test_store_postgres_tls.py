# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A database over a real network: proven by TLS or refused; and a standby that commits do not wait for is told of."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.compose import NewHub, make_hub, open_hub
from deploy.dev_ca import DevCa
from deploy.prometheus import free_port
from hub.store import Step, StoreError
from hub.store_postgres import PostgresStore
from schemas.settings import SettingsError
from tests.chaos.server import Server
from tests.postgres import Cluster
from tests.store_steps import entry

UNNAMED = "127.0.0.2"  # the server answers there too, and its certificate does not say so


class Secure(Cluster):
    """A server that speaks TLS under a certificate for 127.0.0.1, and lets nobody in without."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        ca = DevCa(folder, int(time.time()), strict=False)
        made = ca.server("db")
        self.authority = ca.files.certificate
        super().__init__(f"port={self.port}", f"listen_addresses=127.0.0.1,{UNNAMED}")
        for source, name in ((made.certificate, "server.crt"), (made.key, "server.key")):
            target = self.data / name
            shutil.copy(source, target)
            target.chmod(0o600)
            if self.user:
                os.chown(target, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.0/8 trust\n")
        self.stop()
        self.settings = (*self.settings, "ssl=on")
        self.start()

    def dsn(self, name: str) -> str:
        return f"host={self.root} port={self.port} dbname={name} user=hub"

    def over_tls(self, name: str, host: str = "127.0.0.1", mode: str = "verify-full") -> str:
        """How a hub on another machine names a database."""
        return f"host={host} port={self.port} dbname={name} user=hub sslmode={mode} sslrootcert={self.authority}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    made = Secure(tmp_path_factory.mktemp("tls"))
    yield made
    made.remove()


@pytest.fixture
def database(server: Secure) -> str:
    return server.bare().partition("dbname=")[2].partition(" ")[0]


def test_a_store_over_tls_that_proves_the_server_is_made_and_works(
    server: Secure, database: str, tmp_path: Path
) -> None:
    dsn = server.over_tls(database)
    config = make_hub(NewHub(tmp_path / "hub", "hub.example.nl", "operator", ("partner",), "fg@example.nl", dsn=dsn))
    assert config.strict
    with open_hub(config) as hub:
        hub.exchange.probe()
        shown = server.admin(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            f" WHERE datname = '{database}' AND application_name = 'schakel'"
        )
        assert shown == [(True, "TLSv1.3")]


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_in_strict_mode_a_database_that_is_not_proven_is_refused(
    server: Secure, database: str, tmp_path: Path, mode: str
) -> None:
    dsn = server.over_tls(database, mode=mode)
    with pytest.raises(SettingsError, match="without TLS that proves it: add sslmode=verify-full"):
        make_hub(NewHub(tmp_path / "hub", "hub.example.nl", "operator", ("partner",), "fg@example.nl", dsn=dsn))
    assert not (tmp_path / "hub" / "hub.toml").exists()


def test_a_server_under_another_name_or_authority_is_refused_before_anything_is_said_to_it(
    server: Secure, database: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="does not match host name"):
        PostgresStore.create(server.over_tls(database, UNNAMED))
    stranger = DevCa(tmp_path / "stranger", int(time.time()), strict=False).files.certificate
    with pytest.raises(StoreError, match="certificate verify failed"):
        PostgresStore.create(server.over_tls(database).replace(str(server.authority), str(stranger)))
    with pytest.raises(StoreError, match="can't be reached"):
        PostgresStore.create(server.over_tls(database, mode="disable"))
    assert server.admin("SELECT to_regnamespace('schakel')", database) == [(None,)]


def test_the_doctor_tells_of_a_standby_that_commits_do_not_wait_for_and_of_none_that_they_wait_for(
    tmp_path: Path,
) -> None:
    server = Server()
    try:
        PostgresStore.create(server.dsn("hub"))
        store = PostgresStore(server.dsn("hub"), tmp_path / "day.keys", lambda: 1_000)
        assert store.unsafe() == []
        server.follow(synchronous=False)
        _until(lambda: store.unsafe() != [])
        [finding] = store.unsafe()
        assert "a standby that commits do not wait for: made the primary, it lacks the last of them" in finding
        server.admin("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.admin("SELECT pg_reload_conf()")
        _until(lambda: store.unsafe() == [])
        store.commit(Step(1_000, entries=[entry("waits for the standby")]))
        assert server.standbys[0].committed_at() >= 0
        store.close()
    finally:
        server.remove()


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        signal.sigtimedwait([], 0.02)
