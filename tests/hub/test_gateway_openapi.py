# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The running gateway is what `hub/openapi.json` says, judged by schemathesis with requests in order and out of it.

The judge knows JSON; CBOR is written and read for it here: byte strings stand for text, as the description says.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.dev_ca import Files
from hub.gateway import OPENAPI
from schemas.address import oin_of
from schemas.request_signature import sign_request
from tests.gateway_site import QUICK, Site, new_ca, stamp
from tests.simulator import Party, World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 8  # of each kind and operation: about 250 requests


def _to_wire(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        return {_to_wire(key): _to_wire(one) for key, one in value.items()}
    return [_to_wire(one) for one in value] if isinstance(value, list) else value


def _from_wire(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [_from_wire(one) for one in value] if isinstance(value, list) else value


@schemathesis.serializer("application/cbor")
def _serialize(ctx: object, value: Any) -> bytes:
    return value if isinstance(value, bytes) else cbor2.dumps(_to_wire(value), canonical=True)


@schemathesis.deserializer("application/cbor")
def _deserialize(ctx: object, response: Any) -> Any:
    return _from_wire(cbor2.loads(response.content))


class Signing(requests.auth.AuthBase):
    """Signs what is about to be sent, whatever it is."""

    def __init__(self, party: Party) -> None:
        self._party = party

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        given = stamp(self._party.world)
        headers = sign_request(self._party.signing, request.method or "", request.path_url, raw, given)
        request.headers.update(headers)
        return request


class Running:
    """A gateway in a thread of its own, since the judge waits for its answers."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.team, self.provider = self.world.party("team-wmo"), self.world.party("provider-wmo")
        self.team.tell(self.team.register(self.provider), 2)
        self.provider.stop(self.team.register(self.provider))
        self.site = Site(self.world, new_ca(folder), replace(QUICK, rate=10_000, burst=10_000))
        self.files: Files = self.site.files(oin_of(self.team.address))
        self.session = requests.Session()
        self.session.trust_env = False
        self._thread = threading.Thread(target=self.site.loop.run_forever)
        self._thread.start()

    def ask(self, case: Case) -> None:
        files = (str(self.files.certificate), str(self.files.key))
        authority = str(self.site.ca.files.certificate)
        case.call_and_validate(
            base_url=self.site.url,
            session=self.session,
            checks=CHECKS,
            auth=Signing(self.team),
            cert=files,
            verify=authority,
            timeout=20,
        )

    def close(self) -> None:
        self.session.close()
        self.site.loop.call_soon_threadsafe(self.site.loop.stop)
        self._thread.join()
        self.site.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    one = Running(tmp_path_factory.mktemp("ca"))
    yield one
    one.close()


# Without the signature: every request gets one, and the judge should not think it left it out.
DOCUMENT = json.loads(OPENAPI.read_text("utf-8"))
DOCUMENT["security"] = [{"certificate": []}]
OPERATIONS: list[APIOperation] = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]


def _cases(operation: APIOperation) -> st.SearchStrategy[Case]:
    """Requests in order under one's own role, the same under any role, and requests out of order."""
    mine = {"role": "team-wmo"} if "{role}" in operation.path else None
    if "{address}" in operation.path:
        mine = {"role": "team-wmo", "address": "urn:nld:oin:00000000000000000002:provider-wmo"}
    return st.one_of(
        operation.as_strategy(path_parameters=mine),
        operation.as_strategy(),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_the_gateway_is_what_its_description_says(running: Running, operation: APIOperation) -> None:
    @settings(
        max_examples=EXAMPLES * 2,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_cases(operation))
    def ask(case: Case) -> None:
        running.ask(case)

    running.site.gateway._services.ending = "pickup" in operation.path  # polls answer at once
    answered = running.site.gateway.counts.answered
    before = answered[_name(operation), 200]
    ask()
    # A proof wants a place that exists; a certificate request is signed by its own key, which no judge invents.
    rare = ("/consistency", "/inclusion", "/certificate")
    assert answered[_name(operation), 200] > before or operation.path.endswith(rare)
    assert [status for _, status in answered if status >= 500] == []


def _name(operation: APIOperation) -> str:
    """The name of the route in the counters."""
    path = operation.path
    return path if path in {"/v1/openapi.json", "/health/live", "/health/ready"} else path.replace("{role}/", "")[4:]
