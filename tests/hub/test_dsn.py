# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The name of a database in the settings: no secret in it, and in strict mode a server that is proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import load_hub_config
from hub.dsn import is_proven, words_of
from schemas.settings import SettingsError, shown

TLS = "host=db.example.nl dbname=schakel user=hub sslmode=verify-full sslrootcert=/etc/ca.pem passfile=/etc/pass"
PEOPLE = 'name = "hub.nl"\noperator = "Org"\ncontrollers = ["Gemeente"]\nfg_contact = "fg@a.example"\n'


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        (f"{TLS} password=hunter2", "holds a secret"),
        (f"{TLS} sslpassword=hunter2", "holds a secret"),
        ("postgresql://hub:hunter2@db/schakel", "must be words"),
        ("host=db dbname=x password='hunter2 hunter2'", "must be words"),
        ("host=db dbname=x password = hunter2", "must be words"),
        (f"{TLS} sslmode=disable", "twice"),
        ("dbname=schakel", "names no host"),
        ("host=db.example.nl", "names no dbname"),
        ("host=db dbname=x service=other", "service"),
        ("host=db dbname=x hostaddr=10.0.0.1", "hostaddr"),
        ("host=db dbname=x options=-csynchronous_commit=off", "must be words"),
        ("", "names no host"),
    ],
)
def test_a_dsn_that_holds_a_secret_or_leaves_something_open_is_refused_without_its_value(dsn: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as told:
        words_of(dsn)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("dsn", "proven"),
    [
        (TLS, True),
        ("host=/run/postgresql dbname=x", True),
        ("host=/run/postgresql,db.example.nl dbname=x", False),
        ("host=db.example.nl dbname=x", False),
        *[
            (f"host=db.example.nl dbname=x sslmode={mode}", False)
            for mode in ("disable", "prefer", "require", "verify-ca")
        ],
    ],
)
def test_only_tls_that_proves_the_server_or_a_local_socket_is_proven(tmp_path: Path, dsn: str, proven: bool) -> None:
    assert is_proven(words_of(dsn)) is proven
    file = tmp_path / "hub.toml"
    file.write_text(f'{PEOPLE}dsn = "{dsn}"\n')
    if proven:
        assert load_hub_config(file).dsn == dsn
    else:
        with pytest.raises(SettingsError, match="/dsn: reaches the database without TLS that proves it"):
            load_hub_config(file)
    file.write_text(f'{PEOPLE}strict = false\ndsn = "{dsn}"\n')
    assert dict(shown(load_hub_config(file)))["dsn"] == dsn


@given(st.text())
def test_any_text_is_words_or_refused(text: str) -> None:
    try:
        words = words_of(text)
    except ValueError:
        return
    assert {"host", "dbname"} <= words.keys()
    assert not {"password", "sslpassword", "options", "service"} & words.keys()
