# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The set-up that `make demo` and `make test` do: what is missing is named with the line that installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _setup(tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHON": python, "VENV": str(tmp_path / "venv")}
    return subprocess.run([ROOT / ".ci" / "setup"], env=clean, capture_output=True, text=True, check=False, timeout=60)


def _python(tmp_path: Path, script: str) -> str:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (None, "sudo apt-get install python3 python3-venv"),
        ('case "$*" in *--version*) echo "Python 3.9.2";; *) exit 1;; esac', "Python 3.9.2 is too old"),
        ('case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac', "sudo apt-get install python3-venv"),
    ],
    ids=["no Python", "an old Python", "no venv"],
)
def test_what_is_missing_is_named_with_the_line_that_installs_it(
    tmp_path: Path, script: str | None, names: str
) -> None:
    python = str(tmp_path / "nowhere") if script is None else _python(tmp_path, script)
    done = _setup(tmp_path, python)
    assert done.returncode == 2
    assert names in done.stderr
    assert "sudo apt-get install" in done.stderr
    assert not (tmp_path / "venv").exists()


WANTED = "prometheus openjdk-17-jre-headless maven"
POSTGRES = next(Path("/usr/lib/postgresql").glob("*/bin/initdb"), None) or shutil.which("initdb")


@pytest.mark.parametrize(
    ("user", "done"),
    [
        (0, ["-q update", f"-q -y -o Dpkg::Options::=--force-confold install --no-install-recommends {WANTED}"]),
        (1000, []),
    ],
)
@pytest.mark.skipif(POSTGRES is None, reason="PostgreSQL is not here, so it would be asked for too")
def test_what_the_tests_need_of_debian_is_installed_by_root_and_asked_for_by_others(
    tmp_path: Path, user: int, done: list[str]
) -> None:
    calls = tmp_path / "calls"
    calls.touch()
    for name, script in {"id": f"echo {user}", "apt-get": f'echo "$@" >> {calls}'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("mktemp", "rm", "tail"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    bash = shutil.which("bash") or ""
    script = ROOT / ".ci" / "packages"
    ended = subprocess.run([bash, script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert calls.read_text().splitlines() == done
    assert ended.returncode == (0 if done else 2)
    assert (f"sudo apt-get install --no-install-recommends {WANTED}" in ended.stderr) is not bool(done)


def test_the_lock_names_one_exact_version_of_everything_and_no_place_to_get_it() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)
    names = [line.partition("==")[0].lower() for line in lines]
    assert len(set(names)) == len(names) > 30
