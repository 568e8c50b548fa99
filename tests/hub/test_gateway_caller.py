# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who is calling: what proves an organisation, a role and a moment, and what is told to whoever proves nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from deploy.dev_ca import DevCa
from hub.gateway_caller import FUTURE_SECONDS, KEPT_SECONDS, PAST_SECONDS, PROXY_HEADER, Nonces, oin_of_peer
from hub.gateway_listener import Tls, server_context
from hub.registry import REMOVED, SUSPENDED
from schemas import api
from schemas.address import oin_of
from schemas.request_signature import HEADERS, read_claim
from tests.gateway_site import Answer, Site, new_ca
from tests.hub.gateway_fixtures import MINE, Proxied, Town, header_of, proxied, town
from tests.simulator import World

__all__ = ["proxied", "town"]  # fixtures

OTHER_OIN = "00000000000000000099"


# -- the certificate


def _shakes_no_hands(town: Town, context: ssl.SSLContext) -> None:
    before = town.site.gateway.counts.shaken, town.site.gateway.counts.accepted
    try:
        assert town.site.bytes(None, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", context).status == 0
    except OSError as error:  # a reset may arrive before the end of the stream; TLS errors are among these
        assert isinstance(error, ssl.SSLError | ConnectionError)
    assert (town.site.gateway.counts.shaken, town.site.gateway.counts.accepted) == (before[0], before[1] + 1)
    town.still_works()


def test_a_certificate_of_another_authority_shakes_no_hands(town: Town, tmp_path: Path) -> None:
    _shakes_no_hands(town, town.site.context(oin_of(town.team.address), new_ca(tmp_path / "other")))


def test_no_certificate_shakes_no_hands(town: Town) -> None:
    _shakes_no_hands(town, ssl.create_default_context(cafile=town.site.ca.files.certificate))


def test_older_tls_shakes_no_hands(town: Town) -> None:
    context = town.site.context(oin_of(town.team.address))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    _shakes_no_hands(town, context)


def test_a_certificate_of_the_second_authority_is_taken_too(tmp_path: Path) -> None:
    world = World()
    gp = world.party("gp")
    ca, accession = new_ca(tmp_path / "ca"), new_ca(tmp_path / "accession")
    site = Site(world, ca)
    site.tls = Tls(site.tls.certificate, site.tls.key, (ca.files.certificate, accession.files.certificate))
    site.gateway._tls = site.tls
    site.gateway.reload()
    for authority in (ca, accession):
        site._files[oin_of(gp.address)] = authority.client(oin_of(gp.address), "gp")
        assert site.request(gp, "GET", "handles").status == 200
    site.close()


@pytest.mark.parametrize("oin", [None, "1234567890", "0000000000000000000x", "000000000000000000011"])
def test_a_certificate_without_an_oin_is_told_so(town: Town, oin: str | None) -> None:
    headers = town.site.signed(town.team, "GET", MINE)
    answer = town.site.raw(oin, "GET", MINE, headers)
    assert (answer.status, answer.problem) == (403, "no-oin")
    assert town.site.gateway.counts.refused["no-oin"] == 1
    town.still_works()


def test_two_numbers_in_one_certificate_are_none() -> None:
    number = (("serialNumber", OTHER_OIN),)
    assert oin_of_peer({"subject": (number,)}) == OTHER_OIN
    assert oin_of_peer({"subject": (number, number)}) is None
    assert oin_of_peer({"subject": ()}) is None
    assert oin_of_peer({}) is None
    assert oin_of_peer(None) is None


def test_the_certificate_of_the_gateway_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file"):
        server_context(Tls(tmp_path / "none", tmp_path / "none", ()))


# -- the signature


def _told(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body


def test_a_partner_with_another_organisations_certificate_is_nobody(town: Town) -> None:
    headers = town.site.signed(town.team, "GET", MINE)
    answer = town.site.raw(OTHER_OIN, "GET", MINE, headers)
    assert (answer.status, answer.problem) == (403, "unknown-sender")
    assert town.site.raw(oin_of(town.gp.address), "GET", MINE, headers).problem == "unknown-sender"
    town.still_works()


def test_whoever_proves_nothing_gets_the_same_answer_whatever_exists(town: Town) -> None:
    """No such role, a role of which one has no key, a removed one, a wrong signature: no answer tells them apart."""
    oin = oin_of(town.team.address)
    neighbour = town.world.party("team-pw", oin)
    gone = town.world.party("team-jw", oin)
    town.world.hub.set_state(gone.address, REMOVED)
    answers = []
    for role in ("team-pw", "team-jw", "team-x"):
        target = f"/v1/{role}/handles"
        answers.append(_told(town.site.raw(oin, "GET", target, town.site.signed(town.team, "GET", target))))
    for_another = town.site.signed(neighbour, "GET", "/v1/team-pw/outcomes?after=0")
    answers.append(_told(town.site.raw(oin, "GET", "/v1/team-pw/handles", for_another)))
    answers.append(
        _told(town.site.raw(oin, "GET", "/v1/team-jw/handles", town.site.signed(gone, "GET", "/v1/team-jw/handles")))
    )
    assert {status for status, _ in answers} == {403}
    assert len(set(answers)) == 1
    town.still_works()


@pytest.mark.parametrize("name", HEADERS)
def test_a_request_without_one_of_the_headers_or_with_two_of_it_is_not_signed(town: Town, name: str) -> None:
    headers = town.site.signed(town.team, "GET", MINE)
    oin = oin_of(town.team.address)
    without = {one: value for one, value in headers.items() if one != name}
    for wrong in (without, headers | {name.lower(): headers[name]}):
        answer = town.site.raw(oin, "GET", MINE, wrong)
        assert (answer.status, answer.problem, answer.headers["www-authenticate"]) == (401, "not-signed", "Signature")
    town.still_works()


def test_the_signature_of_another_query_does_not_fit(town: Town) -> None:
    headers = town.site.signed(town.team, "GET", "/v1/team-wmo/outcomes?after=1")
    oin = oin_of(town.team.address)
    assert town.site.raw(oin, "GET", "/v1/team-wmo/outcomes?after=0", headers).problem == "unknown-sender"
    town.still_works()


def test_a_body_that_was_changed_on_its_way_is_refused(town: Town) -> None:
    target, body = "/v1/team-wmo/envelopes", api.frames_bytes([b"one"])
    headers = town.site.signed(town.team, "POST", target, body)
    answer = town.site.raw(oin_of(town.team.address), "POST", target, headers, api.frames_bytes([b"two"]))
    assert (answer.status, answer.problem) == (400, "digest")
    town.still_works()


def test_a_replayed_request_is_refused(town: Town) -> None:
    headers = town.site.signed(town.team, "GET", MINE)
    oin = oin_of(town.team.address)
    assert town.site.raw(oin, "GET", MINE, headers).status == 200
    answer = town.site.raw(oin, "GET", MINE, headers)
    assert (answer.status, answer.problem) == (401, "replayed")
    assert town.site.gateway.counts.refused["replayed"] == 1
    town.still_works()


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(-PAST_SECONDS, True), (-PAST_SECONDS - 60, False), (FUTURE_SECONDS, True), (FUTURE_SECONDS + 60, False)],
)
def test_a_request_counts_in_its_window_only(town: Town, seconds: int, taken: bool) -> None:
    created = town.world.now // 60_000 * 60 + seconds
    answer = town.site.request(town.team, "GET", "handles", created=created)
    assert answer.status == (200 if taken else 401)
    assert taken or answer.problem == "clock"
    town.still_works()


def test_a_nonce_is_kept_as_long_as_its_request_would_be_taken(town: Town) -> None:
    nonces = Nonces()
    claim = read_claim(town.site.signed(town.team, "GET", MINE))
    assert nonces.use(claim, 1_000)
    nonces.forget(1_000 + PAST_SECONDS + FUTURE_SECONDS)
    assert not nonces.use(claim, 1_000)
    nonces.forget(1_000 + KEPT_SECONDS + 1)
    assert len(nonces) == 0


def test_a_suspended_partner_is_told_that_it_is_not_admitted(town: Town) -> None:
    town.world.hub.set_state(town.team.address, SUSPENDED)
    assert town.site.request(town.team, "GET", "handles").problem == "unknown-sender"
    assert town.site.request(town.gp, "GET", "handles").status == 200


def test_a_removed_partner_does_not_even_read_the_log(town: Town) -> None:
    assert town.site.request(town.team, "GET", "/v1/checkpoint").status == 200
    town.world.hub.set_state(town.team.address, REMOVED)
    town.site.wait(town.site.gateway._services.refresh())
    assert town.site.request(town.team, "GET", "/v1/checkpoint").problem == "unknown-sender"


def test_the_log_is_read_with_a_key_of_any_role_of_the_organisation(town: Town) -> None:
    sister = town.world.party("team-pw", oin_of(town.team.address))
    for party in (town.team, sister):
        assert town.site.request(party, "GET", "/v1/checkpoint").body.startswith(b"hub.")
    stranger = town.world.party("school", admit=False)
    assert town.site.request(stranger, "GET", "/v1/checkpoint").problem == "unknown-sender"


# -- behind a proxy


def test_the_certificate_that_a_proxy_of_ours_hands_on_is_the_callers(proxied: Proxied) -> None:
    files = proxied.partners.client(oin_of(proxied.team.address), "team")
    assert proxied.ask(proxied.team, proxied.proxy, header_of(files)).status == 200
    assert proxied.site.gateway.counts.smuggled == 0


def test_a_smuggled_certificate_header_is_as_if_it_were_not_there(proxied: Proxied) -> None:
    """A partner with a certificate of its own says it is another: it stays who it is."""
    smuggled = header_of(proxied.partners.client(oin_of(proxied.team.address), "team"))
    gp = proxied.site.files(oin_of(proxied.gp.address))
    assert proxied.ask(proxied.team, gp, smuggled).problem == "unknown-sender"
    assert proxied.site.gateway.counts.smuggled == 1
    team = proxied.site.files(oin_of(proxied.team.address))
    other = header_of(proxied.partners.client(oin_of(proxied.gp.address), "gp"))
    assert proxied.ask(proxied.team, team, other).status == 200
    assert proxied.site.gateway.counts.smuggled == 2


def test_the_proxys_certificate_from_another_network_address_is_believed_nothing(tmp_path: Path) -> None:
    elsewhere = Proxied(tmp_path, "127.0.0.2")
    header = header_of(elsewhere.partners.client(oin_of(elsewhere.team.address), "team"))
    assert elsewhere.ask(elsewhere.team, elsewhere.proxy, header).problem == "no-oin"
    elsewhere.site.close()


def test_a_header_that_is_no_valid_certificate_names_nobody(proxied: Proxied) -> None:
    oin = oin_of(proxied.team.address)
    good = header_of(proxied.partners.client(oin, "team"))[PROXY_HEADER]
    late = DevCa(proxied.site.ca.files.key.parent / "late", proxied.world.now // 1000 - 8 * 86_400, strict=False)
    early = DevCa(proxied.site.ca.files.key.parent / "early", proxied.world.now // 1000 + 3_600, strict=False)
    wrong = [good[1:], good[:-1], ":AAAA:", "::", good[:40] + "*" + good[40:], ":" + good[1:80] + ":"]
    wrong += [header_of(ca.client(oin, "team"))[PROXY_HEADER] for ca in (late, early)]
    wrong.append(header_of(proxied.partners.client(None, "nobody"))[PROXY_HEADER])
    for value in wrong:
        assert proxied.ask(proxied.team, proxied.proxy, {PROXY_HEADER: value}).problem == "no-oin"
    twice = {PROXY_HEADER: good, PROXY_HEADER.lower(): good}
    assert proxied.ask(proxied.team, proxied.proxy, twice).problem == "no-oin"
    assert proxied.ask(proxied.team, proxied.proxy, {}).problem == "no-oin"
    assert proxied.ask(proxied.team, proxied.proxy, {PROXY_HEADER: good}).status == 200
