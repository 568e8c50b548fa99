# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub that lies, and who notices it, when.  The table of the FG page says the same, and is held to these tests.

Edges are real, the hub is the real one with its own key; it lies through the answers that an edge gets, or through
rules of its own that were taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from adapters.alarms import Lie
from adapters.clients import ClientRow
from adapters.peers import NotInYetError
from adapters.stop_code import stop_code
from adapters.watch import WATCH_MS
from adapters.witness import PROOF_MS, LogForkError, NotProvenError
from adapters.workplace import EdgeError
from consent.precedence import OBJECTED
from consent.rules import RuleTable, load
from hub.audit.compare import (
    FOR_OUTSIDERS,
    Prove,
    Reason,
    SeenFile,
    SeenManifest,
    Verdict,
    compare,
    compare_with_copy,
    read_seen,
    seen_text,
)
from hub.audit.export import write_export
from hub.audit.log import Log
from hub.audit.replay import replay
from hub.audit.verify import Unsound
from hub.client import Delivery, Published
from hub.exchange import Exchange
from hub.registry import Partner
from hub.store import GrantRow, Store
from hub.store_memory import MemoryStore
from schemas.address import oin_of
from schemas.attestation import parse_attestation
from schemas.canonical import encode
from schemas.codes import Code
from schemas.entry import committed, items_of
from schemas.envelope import parse
from schemas.manifest import parse_manifest, sign_manifest
from schemas.note import verifier_key
from schemas.receipt import Receipt, parse_receipt
from schemas.signing import SigningKey
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, status
from tests.lies import flipped, resigned, without_chain
from tests.lying_hub import LyingHub
from tests.simulator import NATIONAL, World, run
from tests.world_check import HUB_NAME

FG_PAGE = (Path(__file__).parents[1] / "deploy" / "docs" / "privacy-officer.md").read_text(encoding="utf-8")


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = Neighbours(tmp_path)
    yield made
    made.close()


def _lied_to(near: Neighbours, address: str) -> LyingHub:
    """From here on this address talks to a hub that can lie."""
    hub = LyingHub(near.world, address)
    near.clients[address] = hub
    near.open(address)
    return hub


def _introduced(near: Neighbours) -> None:
    """The team tells the provider about a client; the introduction and what was told first have come."""
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near.take(TEAM, allocation())
    near.settle()
    near.accept_held(PROVIDER)
    assert near.told(PROVIDER, "P-1") == ["toegewezen"]


def _tells(near: Neighbours, number: int = 1) -> None:
    near.take(TEAM, status(number, today=near.world.today))
    near.work(TEAM)


def _caught(near: Neighbours, address: str) -> set[str]:
    return {one.lie for one in near[address].alarms()}


def _nobody_caught_anything(near: Neighbours) -> None:
    assert [near[address].alarms() for address in near.edges] == [[], [], []]


def test_hub_lies_an_honest_hub_is_caught_at_nothing(near: Neighbours) -> None:
    _introduced(near)
    for number in range(3):
        _tells(near, number)
        near.settle(2)
    near.world.to("2026-03-25 09:00")
    near.settle(3)
    run(near[PROVIDER].stop_incoming("P-1", None))
    near.world.advance(days=6)
    near.settle(3)
    near.world.advance(ms=WATCH_MS)
    near.settle(1)
    _nobody_caught_anything(near)


# -- delivers off the log ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["record", "accept", "salt", "accept_salt"])
def test_hub_lies_what_comes_without_its_entries_is_not_taken_and_the_recipient_knows_at_once(
    near: Neighbours, what: str
) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    _tells(near)
    hub.deliver = lambda one: replace(one, **{what: b""})
    near.work(PROVIDER)
    assert near.told(PROVIDER, "P-1") == ["toegewezen"]
    assert _caught(near, PROVIDER) == {Lie.OFF_THE_LOG}


def test_hub_lies_the_entry_of_one_envelope_does_not_account_for_another(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    came: list[Delivery] = []

    def keep(one: Delivery) -> Delivery:
        came.append(one)
        return one if len(came) == 1 else replace(came[0], envelope=one.envelope)

    hub.deliver = keep
    for number in (1, 2):
        _tells(near, number)
        near.work(PROVIDER)
    assert len(came) == 2
    assert len(near.told(PROVIDER, "P-1")) == 2
    assert _caught(near, PROVIDER) == {Lie.OFF_THE_LOG}


def test_hub_lies_an_invented_entry_is_found_out_at_the_next_checkpoint(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    _tells(near)
    hub.deliver = lambda one: replace(one, salt=flipped(one.salt, 0))
    near.work(PROVIDER)
    with pytest.raises(LogForkError, match="isn't in the log"):
        near.work(PROVIDER)
    assert _caught(near, PROVIDER) == {Lie.FORKED_LOG}


def test_hub_lies_an_entry_that_no_checkpoint_ever_covers_is_found_out_in_ten_minutes(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    _tells(near)
    hub.deliver = lambda one: replace(one, index=one.index + 10_000)
    near.work(PROVIDER)
    assert _caught(near, PROVIDER) == set()
    near.world.advance(ms=PROOF_MS)
    near.work(PROVIDER)
    assert _caught(near, PROVIDER) == {Lie.OFF_THE_LOG}


def test_hub_lies_what_its_sender_did_not_sign_is_not_taken_and_the_recipient_knows_at_once(near: Neighbours) -> None:
    """The hub can write any entry it likes; it can't sign for a sender."""
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    _tells(near)

    def forged(one: Delivery) -> Delivery:
        """Signed by another key, with an acceptance that says so."""
        envelope = resigned(one.envelope, SigningKey(b"\5" * 32), named=False)
        record = items_of(one.accept)
        record[4] = parse(envelope).sha
        return replace(one, envelope=envelope, accept=encode(record))

    hub.deliver = forged
    near.work(PROVIDER)
    assert near.told(PROVIDER, "P-1") == ["toegewezen"]
    assert _caught(near, PROVIDER) == {Lie.FORGED}


# -- swallows a stop ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [TEAM, PROVIDER, GP])
def test_hub_lies_a_stop_that_is_not_in_the_log_is_missed_by_whoever_signed_it_in_the_same_pass(
    near: Neighbours, who: str
) -> None:
    _introduced(near)
    hub = _lied_to(near, who)
    hub.swallows_stops = True
    if who == TEAM:
        run(near[TEAM].stop(near[TEAM].clients()[0].number, None, OBJECTED))
    elif who == PROVIDER:
        run(near[PROVIDER].stop_incoming("P-1", None))
    else:
        (grant,) = near[TEAM].grants()
        run(near[GP].stop_with_code(stop_code(grant.secret)))
    near.work(who)
    assert _caught(near, who) == {Lie.SWALLOWED_STOP}


def test_hub_lies_what_comes_after_a_stop_is_not_taken_and_the_recipient_knows_at_once(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    hub.withholds = True
    _tells(near)
    near.work(PROVIDER)
    assert hub.held
    run(near[PROVIDER].stop_incoming("P-1", None))
    near.work(PROVIDER)
    hub.withholds = False
    near.work(PROVIDER)
    assert near.told(PROVIDER, "P-1") == ["toegewezen"]
    assert _caught(near, PROVIDER) == {Lie.AFTER_A_STOP}


class DeafStore(MemoryStore):
    """A store in which no grant is ever stopped, beside a log that says that it was."""

    def grants(self, handles: list[bytes]) -> dict[bytes, GrantRow]:  # type: ignore[override]
        """See `hub.store.Store`."""
        return {name: row._replace(stopped=False) for name, row in super().grants(handles).items()}


def test_hub_lies_a_hub_that_passes_on_what_was_stopped_is_caught_by_a_replay_of_its_log() -> None:
    world = World()
    world.hub = world.over(DeafStore(world.clock))
    team, provider, gp = (world.party(role) for role in ("team-wmo", "provider-wmo", "gp"))
    grant = team.register(provider)
    team.tell(grant)
    gp.stop(grant)
    assert len(provider.pickup()) == 1  # the stop came from somebody else: the recipient can't know yet
    size = world.store.head().size
    report = replay(world.store.entries(0, size), NATIONAL)
    assert [(one.index, one.logged) for one in report.differs] == [(size - 1, "accepted")]


class Credulous(Exchange):
    """A hub that writes down any receipt, whoever signed it."""

    def _check_receipt(self, frame: bytes, partner: Partner) -> Receipt | Code:
        del partner
        return parse_receipt(frame)


@pytest.mark.parametrize("whose", ["another address", "another message", "nobody", "the recipient"])
def test_hub_lies_a_receipt_that_its_recipient_did_not_sign_is_caught_by_a_replay_of_the_log(whose: str) -> None:
    world = World()
    world.hub = Credulous(world.hub.store, world.hub.log, NATIONAL, world.trusted, world.random)
    team, provider, gp = (world.party(role) for role in ("team-wmo", "provider-wmo", "gp"))
    one, two = team.tell(team.register(provider), 2)
    provider.pickup()
    frame = {
        "another address": gp.receipt(one),
        "another message": provider.receipt(one),
        "nobody": flipped(provider.receipt(one), -10),
        "the recipient": provider.receipt(one),
    }[whose]
    assert provider.receipts(frame) == [Code.STORED]
    entries = world.store.entries(0, world.store.head().size)
    if whose == "another message":
        record = items_of(entries[-1].record)
        hand_over = next(items_of(item.record) for item in reversed(entries[:-1]) if item.salt is not None)
        record[3] = hand_over[3]  # the acceptance of the second
        entries[-1] = committed(record, bytes(32))
    differs = [] if whose == "the recipient" else [len(entries) - 1]
    assert [one.index for one in replay(entries, NATIONAL).differs] == differs
    assert two != one


# -- hands out an old or a false key -----------------------------------------------------------------------------------


def test_hub_lies_what_was_sealed_for_a_key_that_is_over_is_known_to_its_recipient_at_once(
    near: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub keeps back the provider's newer manifests, and what the team sealed for the old key until that is over."""
    _introduced(near)
    hub = _lied_to(near, TEAM)
    hub.shown = lambda address, found: found[:1] if address == PROVIDER else found
    for _ in range(29):
        near.world.advance(days=1)
        near.work(PROVIDER, GP)
    near.work(TEAM)
    hub.keeps_back = True
    _tells(near)
    near.world.advance(days=2)
    monkeypatch.setattr(Partner, "opens_with", lambda *_: True)
    hub.keeps_back = False
    assert run(hub.send(hub.kept_back)) == [Code.TAKEN]
    near.work(PROVIDER)
    assert _caught(near, PROVIDER) == {Lie.OLD_KEY}


def test_hub_lies_nothing_is_sealed_for_a_manifest_that_is_over(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, TEAM)
    hub.shown = lambda address, found: found[:1] if address == PROVIDER else found
    for _ in range(31):
        near.world.advance(days=1)
        near.work(PROVIDER, TEAM)
    before = near[TEAM].backlog()["sent"].count
    _tells(near)
    near.work(TEAM)
    assert near[TEAM].backlog()["sent"].count == before
    assert near[TEAM].backlog()["waiting"].count == 1


def _false_manifest(near: Neighbours, address: str) -> bytes:
    """The next manifest of an address, with keys of somebody else."""
    thief = near.world.party("provider-wmo", "9" * 20, admit=False)
    before = parse_manifest(run(LyingHub(near.world, TEAM).manifests(address))[-1].frame).manifest
    return sign_manifest(thief.signing, replace(thief.manifest, address=address, number=before.number + 1))


def test_false_manifest_is_seen_by_whoever_knows_the_one_before_it(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, TEAM)
    false = Published(_false_manifest(near, PROVIDER), 3)
    hub.shown = lambda address, found: [*found, false] if address == PROVIDER else found
    near.world.to("2026-03-24 09:00")
    near.work(PROVIDER)
    _tells(near)
    near.work(TEAM)
    assert near[TEAM].backlog()["waiting"].count == 1
    (alarm,) = near[TEAM].alarms()
    assert (alarm.lie, alarm.about) == (Lie.PEER_MANIFEST, PROVIDER)


def test_false_manifest_is_seen_by_the_address_that_did_not_make_it(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    false = Published(_false_manifest(near, PROVIDER), 3)
    # Last, where it would count, and before those of its own, where it would be history.
    for change in (lambda found: [*found, false], lambda found: [false, *found]):
        hub.shown = lambda _, found, change=change: change(found)
        near.world.advance(ms=WATCH_MS)
        near.work(PROVIDER)
        alarms = near[PROVIDER].alarms()
        assert ("own-manifest", "entry 3") in {(one.lie, one.about) for one in alarms}
        for one in alarms:
            near[PROVIDER].settle_alarm(one.number)


def test_false_manifest_is_seen_too_when_the_newest_is_kept_back_or_stands_elsewhere(near: Neighbours) -> None:
    near.settle()
    near.world.to("2026-03-24 09:00")
    near.settle()
    _nobody_caught_anything(near)
    hub = _lied_to(near, PROVIDER)
    for change in (lambda found: found[:-1], lambda found: [*found[:-1], replace(found[-1], index=1)]):
        hub.shown = lambda _, found, change=change: change(found)
        near.world.advance(ms=WATCH_MS)
        near.work(PROVIDER)
        (alarm,) = near[PROVIDER].alarms()
        assert alarm.lie == Lie.OWN_MANIFEST
        near[PROVIDER].settle_alarm(alarm.number)


def test_false_manifest_is_seen_when_two_edges_compare(near: Neighbours) -> None:
    """A hub that shows each its own version deceives both, until they compare."""
    _introduced(near)
    key = verifier_key(HUB_NAME, near.world.hub_public)
    team, provider = (_seen(near, address) for address in (TEAM, PROVIDER))
    assert compare(team, provider, key, _hub_proof(near)).verdict is Verdict.SAME
    other = replace(team, manifests=tuple(replace(one, sha="0" * 64) for one in team.manifests))
    assert compare(other, provider, key, _hub_proof(near)).reason is Reason.TWO_MANIFESTS
    newer = replace(team, manifests=tuple(replace(one, number=9) for one in team.manifests))
    found = compare(newer, provider, key, _hub_proof(near))
    assert (found.verdict, found.behind) == (Verdict.SAME, (PROVIDER,))


# -- has a role's key, or takes away what a certificate vouched for ---------------------------------------------------


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[Neighbours]:
    made = Neighbours(tmp_path, certified=True)
    yield made
    made.close()


LIES = (
    "removed",
    "what is none",
    "of the manifest before",
    "of another partner",
    "by the certificate of another partner",
    "by the hub's own authority",
    "by an authority that nobody knows",
    "by a chain that is over",
    "its chain cut",
)


def _false_attestation(near: Neighbours, lie: str, frame: bytes) -> bytes:
    """What a hub can show beside a manifest of the provider, whatever it has stolen but the key of the certificate."""
    made = near.certificates
    assert made is not None
    mine, theirs = (run(LyingHub(near.world, TEAM).manifests(address)) for address in (PROVIDER, GP))
    wrong = {
        "removed": lambda: b"",
        "what is none": lambda: b"attestation",
        "of the manifest before": lambda: next(one for one in mine if one.frame != frame).attestation,
        "of another partner": lambda: theirs[-1].attestation,
        "by the certificate of another partner": lambda: near.attest[GP](frame),
        "by the hub's own authority": lambda: made.by_accession(PROVIDER)(frame),
        "by an authority that nobody knows": lambda: made.by_a_stranger(PROVIDER)(frame),
        "by a chain that is over": lambda: made.over(PROVIDER)(frame),
        "its chain cut": lambda: without_chain(near.attest[PROVIDER](frame)),
    }
    return wrong[lie]()


def test_hub_lies_attestations_of_an_honest_hub_are_believed_also_after_a_certificate_was_renewed(
    certified: Neighbours,
) -> None:
    near = certified
    _introduced(near)
    assert near.certificates is not None
    near.attest[PROVIDER] = near.certificates.of(PROVIDER)
    near.open(PROVIDER)
    near.world.to("2026-03-24 09:00")
    near.settle(3)
    _tells(near)
    near.settle(2)
    assert len(near.told(PROVIDER, "P-1")) == 2
    _nobody_caught_anything(near)
    chains = {parse_attestation(one.attestation).chain for one in run(LyingHub(near.world, TEAM).manifests(PROVIDER))}
    assert len(chains) == 2


@pytest.mark.parametrize("lie", LIES)
def test_hub_lies_a_manifest_without_the_attestation_of_its_own_certificate_is_not_used(
    certified: Neighbours, lie: str
) -> None:
    near = certified
    _introduced(near)
    hub = _lied_to(near, TEAM)

    def shown(address: str, found: list[Published]) -> list[Published]:
        if address != PROVIDER:
            return found
        return [*found[:-1], replace(found[-1], attestation=_false_attestation(near, lie, found[-1].frame))]

    near.world.to("2026-03-24 09:00")
    near.work(PROVIDER)
    hub.shown = shown
    _tells(near)
    near.work(TEAM)
    assert near[TEAM].backlog()["waiting"].count == 1
    (alarm,) = near[TEAM].alarms()
    assert (alarm.lie, alarm.about) == (Lie.NOT_ATTESTED, PROVIDER)
    hub.shown = None
    near.settle(2)
    assert len(near.told(PROVIDER, "P-1")) == 2  # nothing was lost


def test_hub_lies_an_attestation_that_was_taken_away_is_missed_by_its_own_address_too(certified: Neighbours) -> None:
    near = certified
    near.settle(1)
    near.world.advance(ms=WATCH_MS)
    near.work(PROVIDER)
    _nobody_caught_anything(near)
    hub = _lied_to(near, PROVIDER)
    hub.shown = lambda _, found: [replace(one, attestation=b"") for one in found]
    near.world.advance(ms=WATCH_MS)
    near.work(PROVIDER)
    assert _caught(near, PROVIDER) == {Lie.OWN_MANIFEST}


def _invented(near: Neighbours) -> bytes:
    """The hub has the provider's role key: its next manifest, with an opening key of the hub, in order and in the log."""
    near.world.to("2026-03-24 09:00")
    thief = near.world.party("provider-wmo", "9" * 20, admit=False)
    thief.keeps_up = False
    frame = sign_manifest(near[PROVIDER].signing_key(), replace(thief.manifest, address=PROVIDER, number=2))
    careless = near.world.over(near.world.store)  # it looks at no attestation
    assert careless.publish(PROVIDER, frame)[0] is Code.IN_FORCE
    near.world.advance(seconds=10)
    return frame


@pytest.mark.parametrize("lie", LIES[:-1])  # there is none that it could cut
def test_hub_lies_a_manifest_invented_with_a_stolen_role_key_is_not_used(certified: Neighbours, lie: str) -> None:
    near = certified
    _introduced(near)
    frame = _invented(near)
    hub = _lied_to(near, TEAM)
    false = _false_attestation(near, lie, frame)
    hub.shown = lambda address, found: (
        [*found[:-1], replace(found[-1], attestation=false)] if address == PROVIDER else found
    )
    _tells(near)
    near.work(TEAM)
    assert near[TEAM].backlog()["waiting"].count == 1
    assert _caught(near, TEAM) == {Lie.NOT_ATTESTED}


def test_false_manifest_with_a_stolen_role_key_is_believed_where_no_certificates_are(near: Neighbours) -> None:
    """In one process, as in the demo: why strict mode requires them."""
    _introduced(near)
    _invented(near)
    near.open(TEAM)
    sent = near[TEAM].backlog()["sent"].count
    _tells(near)
    assert (near[TEAM].backlog()["sent"].count, near[TEAM].alarms()) == (sent + 1, [])


def test_hub_lies_who_was_just_admitted_is_waited_for_and_no_alarm_is_sounded(certified: Neighbours) -> None:
    """A partner without an OIN is admitted before it has its certificate: nothing is sealed for it, and nobody lies."""
    near = certified
    practice = near.world.party("gp", "99000000000000000007", admit=False)
    practice.keeps_up = False
    near.world.hub.admit(practice.frame)
    near.settle(2)
    with pytest.raises(NotInYetError, match="not come in yet"):
        run(near[TEAM]._peers.manifest(practice.address))
    assert near.certificates is not None
    attestation = near.certificates.of(practice.address)(practice.frame)
    assert run(practice.client.publish(practice.frame, attestation))[0] is Code.IN_FORCE
    assert run(near[TEAM]._peers.manifest(practice.address)) == practice.manifest
    _nobody_caught_anything(near)


def test_who_never_attests_its_manifest_holds_up_nothing_that_comes_from_others(certified: Neighbours) -> None:
    """Its registration stands before those of others in the recipient's notices."""
    near = certified
    stranger = near.world.party("team-wmo", "99000000000000000007", admit=False)
    stranger.keeps_up = False
    near.world.hub.admit(stranger.frame)
    provider = near.world.party("provider-wmo", oin_of(PROVIDER), admit=False)
    provider.keeps_up = False
    grant = stranger.register(provider)
    assert grant.answer.code is Code.IN_FORCE
    _introduced(near)
    _nobody_caught_anything(near)


def test_hub_lies_authorities_that_can_not_be_read_vouch_for_nobody_and_are_no_lie(certified: Neighbours) -> None:
    near = certified
    assert near.certificates is not None
    near.certificates.partners[:] = [b"-----BEGIN CERTIFICATE-----"]
    with pytest.raises(NotProvenError, match="can't be read"):
        run(near[TEAM]._peers.manifest(PROVIDER))
    assert near[TEAM].alarms() == []


# -- shows two logs ----------------------------------------------------------------------------------------------------


def _seen(near: Neighbours, address: str) -> SeenFile:
    edge = near[address]
    known = [edge.known_manifest(one) for one in (address, PROVIDER)]
    shown = tuple(SeenManifest(*one) for one in dict.fromkeys(known) if one is not None)
    return read_seen(seen_text(SeenFile(edge.seen_note() or "", shown)))


def _hub_proof(near: Neighbours) -> Prove:
    return near.world.hub.log.consistency


def test_hub_lies_two_logs_are_seen_by_one_edge_at_the_next_checkpoint(tmp_path: Path) -> None:
    one, other = (Neighbours(tmp_path / name) for name in ("one", "other"))
    _introduced(one)
    other.settle(4)
    one.clients[GP] = LyingHub(other.world, GP)
    one.open(GP)
    with pytest.raises(LogForkError):
        one.work(GP)
    assert _caught(one, GP) == {Lie.FORKED_LOG}
    one[GP].follow_log()
    assert _caught(one, GP) == set()
    one.close()
    other.close()


def test_hub_lies_two_logs_are_seen_when_two_edges_compare(tmp_path: Path) -> None:
    """Each edge follows a log of its own that grows as it should, signed by the one key of the hub."""
    one, other = (Neighbours(tmp_path / name) for name in ("one", "other"))
    extra = other.world.party("gp")
    _introduced(one)
    other.settle(4)
    key = verifier_key(HUB_NAME, one.world.hub_public)
    assert one.world.hub_public == other.world.hub_public
    _nobody_caught_anything(one)
    _nobody_caught_anything(other)
    found = compare(_seen(one, TEAM), _seen(other, PROVIDER), key)
    assert (found.verdict, found.reason) == (Verdict.OPEN, Reason.NEEDS_PROOF)
    for world in (one, other):
        assert compare(_seen(one, TEAM), _seen(other, PROVIDER), key, _hub_proof(world)).reason is Reason.NO_PROOF
    copy = list(write_export(one.world.store.entries(0, _size(one)), [_newest(one)]))
    found = compare_with_copy(_seen(one, TEAM), _seen(other, PROVIDER), key, copy)
    assert (found.verdict, found.reason, found.for_outsiders) == (Verdict.FORKED, Reason.NOT_IN_COPY, True)
    for state in ("suspended", "admitted") * 9:  # one entry each
        if _size(other) < _size(one):
            other.world.hub.set_state(extra.address, state)
    other.work(PROVIDER)
    found = compare(_seen(one, TEAM), _seen(other, PROVIDER), key)
    assert (found.verdict, found.reason, found.for_outsiders) == (Verdict.FORKED, Reason.TWO_ROOTS, True)
    one.close()
    other.close()


def test_a_copy_of_the_log_tells_without_the_hub_that_two_edges_saw_one_log(near: Neighbours) -> None:
    _introduced(near)
    key = verifier_key(HUB_NAME, near.world.hub_public)
    before = _seen(near, TEAM)
    _tells(near)
    near.settle(2)
    now = _seen(near, TEAM)
    for pair in ((before, now), (now, before)):
        entries = near.world.store.entries(0, _size(near))
        found = compare_with_copy(*pair, key, write_export(entries, [_newest(near)]))
        assert (found.verdict, found.reason) == (Verdict.SAME, Reason.EXTENDS)
    short = write_export(near.world.store.entries(0, found.heads[1].size), [before.note])
    assert compare_with_copy(before, now, key, short).reason is Reason.COPY_TOO_SHORT
    assert compare_with_copy(now, now, key, []).reason is Reason.EQUAL
    broken = list(write_export(near.world.store.entries(0, _size(near)), [_newest(near)]))
    broken[3] = broken[4].replace("3 ", "2 ", 1)
    with pytest.raises(Unsound, match="another root"):
        compare_with_copy(before, now, key, broken)


@pytest.mark.parametrize(
    "text", ["schakel seen v1\n", "schakel seen v1\nmanifest x 1 y\n\nnote", "schakel seen v1\n\n\n"]
)
def test_a_file_of_what_an_edge_saw_that_is_none_is_refused(near: Neighbours, text: str) -> None:
    key = verifier_key(HUB_NAME, near.world.hub_public)
    with pytest.raises(ValueError, match=r"."):
        compare(read_seen(text), read_seen(text), key)


def _newest(near: Neighbours) -> str:
    near.world.advance(seconds=6)
    return near.world.hub.checkpoint()


def _size(near: Neighbours) -> int:
    return near.world.store.head().size


# -- loads a laxer table -----------------------------------------------------------------------------------------------


def _laxer() -> RuleTable:
    """The national table, in which one row lasts longer than the law permits."""
    parsed = orjson.loads(NATIONAL.raw)
    parsed["rows"][0]["longest_months"] = (parsed["rows"][0]["longest_months"] or 12) + 12
    return load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))


class LaxWorld(World):
    """A hub with rules of its own."""

    def over(self, store: Store) -> Exchange:
        return Exchange(store, Log(store, HUB_NAME, self._hub_key), _laxer(), self.trusted, self.random)


def test_hub_lies_other_rules_are_known_to_the_recipient_at_the_first_delivery(tmp_path: Path) -> None:
    near = Neighbours(tmp_path, LaxWorld())
    _introduced(near)
    assert _caught(near, PROVIDER) == {Lie.OTHER_TABLE}
    near.close()


# -- what a person sees ------------------------------------------------------------------------------------------------


def test_hub_lies_an_alarm_stands_until_a_person_has_settled_it_and_is_counted(near: Neighbours) -> None:
    _introduced(near)
    hub = _lied_to(near, PROVIDER)
    hub.shown = lambda _, found: found[:-1]
    for times in (1, 2):
        near.world.advance(ms=WATCH_MS)
        near.work(PROVIDER)
        (alarm,) = near[PROVIDER].alarms()
        assert (alarm.times, alarm.number) == (times, 1)
    near.open(PROVIDER)
    assert [one.number for one in near[PROVIDER].alarms()] == [1]
    near[PROVIDER].settle_alarm(1)
    assert near[PROVIDER].alarms() == []
    with pytest.raises(EdgeError, match="geen melding"):
        near[PROVIDER].settle_alarm(1)


def test_hub_lies_an_alarm_names_no_client(near: Neighbours) -> None:
    test_hub_lies_what_comes_after_a_stop_is_not_taken_and_the_recipient_knows_at_once(near)
    told = " ".join(f"{one.about} {one.says} {one.remedy}" for one in near[PROVIDER].alarms())
    assert BSN not in told
    assert "P-1" not in told


def test_hub_lies_the_table_of_the_fg_page_names_every_alarm_and_the_tests_that_show_it() -> None:
    table = FG_PAGE.partition("## Als de hub liegt\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"\| `([a-z-]+)` \|", table)) == {lie.value for lie in Lie}
    tests = set(re.findall(r"`((?:hub_lies|false_manifest)\w*)`", table))
    assert len(tests) > 8
    assert {name for name in tests if f"test_{name}" not in globals()} == set()
    assert {Reason.TWO_ROOTS, Reason.NOT_IN_COPY} == FOR_OUTSIDERS
