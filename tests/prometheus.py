# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A real Prometheus, Debian's: one process on loopback, until the block ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.prometheus import LOOPBACK, free_port

INSTALL = "sudo apt-get install --no-install-recommends prometheus"


@dataclass(frozen=True, slots=True)
class Series:
    """A time series: its labels, and its values by unix second."""

    labels: dict[str, str]
    values: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """How it is asked."""

    listen: str

    def ask(self, path: str, **values: object) -> Any:
        """The data of an answer of its interface.

        Raises:
            AssertionError: it does not take the question.
        """
        query = urllib.parse.urlencode({name: str(value) for name, value in values.items()})
        try:
            with urllib.request.urlopen(f"http://{self.listen}/api/v1/{path}?{query}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{values}: {json.load(error)['error']}") from error

    def series(self, query: str, begin: float, end: float, step: int = 1) -> list[Series]:
        """What a query gives over a time."""
        found = self.ask("query_range", query=query, start=begin, end=end, step=step)["result"]
        return [Series(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://{self.listen}/-/ready", timeout=5):
                return True
        except OSError:
            return False


def need(program: str) -> str:
    """Where a program of Debian's package is; without it the test is skipped, but on the machine that judges a change."""
    found = shutil.which(program)
    if found is not None:
        return found
    sentence = f"{program} is not here: {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextmanager
def prometheus(program: str, configuration: Path, folder: Path) -> Iterator[Prometheus]:
    """Started with this configuration, its data in `folder`; it may take a moment before it is ready."""
    listen = f"{LOOPBACK}:{free_port()}"
    arguments = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address={listen}",
    ]
    with (folder.parent / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
        try:
            yield Prometheus(listen)
        finally:
            process.terminate()
            process.wait()
