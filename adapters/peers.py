# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Manifests: this address publishes its own, and reads those of the others.

Guarantees:
- keys and manifest are on disk before the hub sees them, so a crash never leaves a published key without its secret;
- every manifest that is published travels with the attestation of the certificate of now, where there is one;
- another's manifest is used only when it is its own: each is signed by a key of the one before it (the first by its
  own, whose fingerprint people may have compared), the one seen before is among them, the log holds it, and the
  certificate of its organisation vouches for the newest, whose keys are used. When it is not, a person is told, and nothing is sealed for that address.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from adapters import alarms
from adapters.alarms import Lie
from adapters.keys import RoleKeys, is_manifest_due, manifest_for, new_role_keys, renew, with_new_opening
from adapters.records_outgoing import REQUEST
from adapters.records_own import ISSUED, MADE, OWN, OWN_KEY, PEERS, Issued, Made, Own, Peer
from adapters.store import Transaction
from adapters.witness import NotProvenError, Witness
from adapters.workplace import Workplace
from hub.client import Published, RefusedError
from schemas.address import is_handed_out, oin_of
from schemas.attestation import AttestationError, Authorities, parse_attestation, verify_attestation
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.event import CATEGORIES
from schemas.manifest import RENEW_FROM_DAY, Key, Manifest, SignedManifest, parse_manifest, sign_manifest
from schemas.registry import Registry
from schemas.signing import SignatureError, SigningKey, Verifier


class FalseManifestError(Exception):
    """The hub shows a manifest that is not its address's own. A person must look; nothing is sealed for it."""

    lie: Lie | None = Lie.PEER_MANIFEST


class NotInYetError(FalseManifestError):
    """A partner was admitted and has not attested its first manifest yet. Nobody lies, so there is no alarm; and nobody
    else waits for it: whoever never does so holds up nothing but its own."""

    lie = None


class NotAttestedError(FalseManifestError):
    """No certificate of an authority that this edge knows vouches for the newest manifest of an address."""

    lie = Lie.NOT_ATTESTED


# -- one's own ---------------------------------------------------------------------------------------------------


def reads(registry: Registry) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The schema versions that this edge reads."""
    return tuple(sorted((name, registry.versions(name)) for name in (*CATEGORIES, REQUEST)))


def own(work: Workplace) -> Own:
    """What was made at `begin`."""
    return OWN.need(work.store, OWN_KEY)


def own_keys(work: Workplace) -> RoleKeys:
    """The keys of this address."""
    return RoleKeys.from_bytes(own(work).keys)


def signing_key(work: Workplace) -> SigningKey:
    """What this address signs with."""
    return SigningKey(own_keys(work).signing_seed)


def newest_issued(work: Workplace) -> bytes:
    """The newest manifest that the hub has had, or before that the first one."""
    issued = max(ISSUED.scan(work.store), key=lambda one: one.number, default=None)
    return own(work).manifest if issued is None else issued.frame


def begin(work: Workplace, table_hash: bytes | None) -> SignedManifest:
    """Make keys and first manifest; a second time gives the same."""
    kept = OWN.get(work.store, OWN_KEY)
    if kept is None:
        keys = new_role_keys(work.random, work.today)
        kept = Own(keys.to_bytes(), _signed(work, keys, 1, table_hash))
        with work.commit("keys") as tx:
            _put_made(tx, kept)
    return parse_manifest(kept.manifest)


async def publish(work: Workplace, table_hash: bytes | None) -> bool:
    """Publish the manifest that should be there today; whether the log has it."""
    kept = own(work)
    if kept.index is None:
        # Always these very bytes first: the hub may have them already, from the operator or before a crash.
        if await _publish(work, kept, table_hash) or await _publish_after_those_before(work, kept, table_hash):
            kept = own(work)
        elif work.today > parse_manifest(kept.manifest).manifest.until:
            # It never reached the hub and is over by now: the same number again.
            return await _publish(work, _next(work, kept, 0, table_hash), table_hash)
        else:
            return False
    elif work.attest is not None and not kept.attested:  # the certificate came, or counts, since
        await _publish(work, kept, table_hash)
        kept = own(work)
    keys, manifest = RoleKeys.from_bytes(kept.keys), parse_manifest(kept.manifest).manifest
    newer = renew(keys, work.today, work.random)
    if is_manifest_due(manifest, newer, work.today) or manifest.table_hash != table_hash:
        return await _publish(work, _next(work, kept, 1, table_hash), table_hash)
    if newer != keys:  # an opening key is past its nine days
        with work.commit("keys") as tx:
            OWN.put(tx, replace(kept, keys=newer.to_bytes()))
    return True


def _next(work: Workplace, kept: Own, step: int, table_hash: bytes | None) -> Own:
    """The next manifest with the keys of today, on disk before anybody sees it."""
    keys = renew(RoleKeys.from_bytes(kept.keys), work.today, work.random)
    number = parse_manifest(kept.manifest).manifest.number + step
    made = Own(keys.to_bytes(), _signed(work, keys, number, table_hash))
    with work.commit("manifest") as tx:
        _put_made(tx, made)
    # A crash here: the same bytes are published at the next pass.
    return made


async def _publish(work: Workplace, made: Own, table_hash: bytes | None) -> bool:
    if table_hash is not None:
        await work.ask("table", work.client.publish, work.rules.raw)
    attestation = _attestation(work, made.manifest)
    code, index = await work.ask("publish", work.client.publish, made.manifest, attestation)
    if code is Code.NOT_ATTESTED:
        raise RefusedError(code)
    if code is Code.IN_FORCE:
        with work.commit("published") as tx:
            OWN.put(tx, replace(made, index=index, attested=bool(attestation)))
            ISSUED.put(tx, Issued(parse_manifest(made.manifest).manifest.number, made.manifest))
        # A crash before this commit: the same bytes are published again, and get the same index.
    return code is Code.IN_FORCE


def _attestation(work: Workplace, frame: bytes) -> bytes:
    """By the certificate of now; for a manifest that is over there is none, which the hub knows."""
    is_over = parse_manifest(frame).manifest.until < work.today
    return b"" if work.attest is None or is_over else work.attest(frame)


async def _publish_after_those_before(work: Workplace, kept: Own, table_hash: bytes | None) -> bool:
    """A hub that was put back may lack those before, and takes them in order only."""
    if not any(issued.frame != kept.manifest for issued in ISSUED.scan(work.store)):
        return False
    await publish_again(work)
    return await _publish(work, kept, table_hash)


async def publish_again(work: Workplace) -> None:
    """Gives a hub that was put back every manifest that it has had, in order; what it still has changes nothing."""
    kept = own(work)
    for issued in sorted(ISSUED.scan(work.store), key=lambda one: one.number):
        if issued.frame != kept.manifest:
            await work.ask("publish again", work.client.publish, issued.frame, _attestation(work, issued.frame))
    if kept.index is not None:
        with work.commit("published before") as tx:
            OWN.put(tx, replace(kept, index=None))
        # A crash here: the next pass publishes it, as one that the hub may have.


async def take_over(work: Workplace) -> None:
    """After this edge was put back: what it published since the copy stands in the log and is continued from there.

    The opening keys of those manifests are lost with what was sealed for them; senders seal again for a new one.
    """
    kept = own(work)
    keys, published = (
        RoleKeys.from_bytes(kept.keys),
        await work.ask("own manifests", work.client.manifests, work.address),
    )
    # One that was made since and that the log does not hold gives way to what stands there under its number.
    stands = kept.index is not None or any(one.frame == kept.manifest for one in published)
    last = parse_manifest(kept.manifest if stands else newest_issued(work)).manifest
    public = SigningKey(keys.signing_seed).public
    newer: list[Own] = []
    for one in published:
        signed = parse_manifest(one.frame)
        if signed.manifest.number == last.number + 1:
            Verifier().verify(signed.signed, signed.signature, public)  # the signing key of an address does not change
            newer.append(Own(b"", one.frame, one.index))
            last = signed.manifest
    if newer:
        with_key = with_new_opening(keys, work.today, work.random).to_bytes()
        with work.commit("taken over") as tx:
            for made in newer:
                _put_made(tx, replace(made, keys=with_key))
                ISSUED.put(tx, Issued(parse_manifest(made.manifest).manifest.number, made.manifest))
        # A crash before this commit: the log is read again.


def _put_made(tx: Transaction, made: Own) -> None:
    """Keys and manifest, and the mark by which the manifest is known as one's own."""
    OWN.put(tx, made)
    MADE.put(tx, Made(parse_manifest(made.manifest).manifest.number, hashlib.sha256(made.manifest).digest()))


def _signed(work: Workplace, keys: RoleKeys, number: int, table_hash: bytes | None) -> bytes:
    manifest = manifest_for(keys, work.address, number, work.today, reads(work.registry), table_hash)
    return sign_manifest(SigningKey(keys.signing_seed), manifest)


# -- the others --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Peers:
    """The manifests of other addresses. `fingerprints`: SHA-256 of first manifests that people compared, by address;
    `authorities` reads who vouches for partners, None where no certificates are used."""

    work: Workplace
    witness: Witness
    verifier: Verifier
    fingerprints: dict[str, str]
    authorities: Callable[[], Authorities] | None = None
    # What was read from the store today and is not due: this object is the only one that writes it.
    fresh_on: dict[str, tuple[int, Manifest]] = field(default_factory=dict)

    async def manifest(self, address: str, *, fresh: bool = False) -> Manifest | None:
        """The newest manifest of an address; None when the hub has none.

        Raises:
            FalseManifestError: what the hub shows is not its own.
            LogForkError, NotProvenError: the log does not hold it, or not yet.
            HubUnavailableError: no answer.
        """
        today = self.work.today
        known = self.fresh_on.get(address)
        if known is not None and known[0] == today and not fresh:
            return known[1]
        kept = PEERS.get(self.work.store, address.encode())
        manifest = None if kept is None else parse_manifest(kept.frame).manifest
        if manifest is not None and not fresh and manifest.begin <= today < manifest.begin + RENEW_FROM_DAY:
            self.fresh_on[address] = today, manifest
            return manifest
        published = await self.work.ask("manifests", self.work.client.manifests, address)
        try:
            last = self._verified(address, published, kept)
            if published and (kept is None or kept.frame != published[-1].frame):
                self._need_attested(published[-1])
        except FalseManifestError as error:
            if error.lie is not None:
                with self.work.commit("alarm") as tx:
                    alarms.sound(tx, error.lie, address, self.work.now)
                # A crash here: the alarm stands, and the manifest is asked for and refused again.
            raise
        if last is None:
            return None
        frame, index = published[-1].frame, published[-1].index
        if kept is None or kept.frame != frame:
            await self.witness.manifest_in_log(self.work.client, frame, index)
            with self.work.commit("peer") as tx:
                PEERS.put(tx, Peer(address, frame, index, self.witness.log_number()))
        self.fresh_on.pop(address, None)
        return last

    def _verified(self, address: str, published: Sequence[Published], kept: Peer | None) -> Manifest | None:
        before: Manifest | None = None
        frames = [one.frame for one in published]
        if kept is not None and kept.frame in frames:
            before, published = parse_manifest(kept.frame).manifest, published[frames.index(kept.frame) + 1 :]
        elif kept is not None:
            if not self.witness.may_be_lost(kept.index, kept.log):
                raise FalseManifestError("the hub no longer shows a manifest that it showed before")
            # A partner that lost it too, since it was put back as well, has signed another of that number.
            if self._signed_by_the_same(parse_manifest(kept.frame).manifest, frames) is None:
                raise NotProvenError("the hub was put back from a copy and this partner has not published again")
        for one in published:
            before = self._next(address, one.frame, before)
        return before

    def _signed_by_the_same(self, known: Manifest, frames: Sequence[bytes]) -> Manifest | None:
        """The last of these when it is not older than the one known. The signing key of an address does not change: a
        chain that another began is not this partner's."""
        last = None
        for frame in frames:
            try:
                signed = parse_manifest(frame)
            except FrameError as error:
                raise FalseManifestError("the hub shows a manifest of another form") from error
            last, key = signed.manifest, known.signing_key(signed.key_id)
            if key is None:
                raise FalseManifestError("the hub shows manifests that are signed by another key than it showed before")
            self._need_signed(signed, key)
        return last if last is not None and last.number >= known.number else None

    def _need_attested(self, newest: Published) -> None:
        """Of the newest alone: it names who signed the one before, and those before it are used for nothing else."""
        if self.authorities is None:
            return
        signed = parse_manifest(newest.frame)
        manifest = signed.manifest
        if not newest.attestation and manifest.number == 1 and is_handed_out(oin_of(manifest.address)):
            raise NotInYetError("this partner was admitted and has not come in yet with the certificate that it got")
        try:
            verify_attestation(parse_attestation(newest.attestation), signed, self.authorities())
        except (FrameError, AttestationError) as error:
            raise NotAttestedError("no certificate of a known authority vouches for a manifest") from error
        except (OSError, ValueError) as error:
            raise NotProvenError("partner_authorities or accession_authority can't be read") from error

    def _next(self, address: str, frame: bytes, before: Manifest | None) -> Manifest:
        try:
            signed = parse_manifest(frame)
        except FrameError as error:
            raise FalseManifestError("the hub shows a manifest of another form") from error
        manifest = signed.manifest
        known = self.fingerprints.get(address)
        if before is None and known is not None and hashlib.sha256(frame).hexdigest() != known:
            raise FalseManifestError("the first manifest has another fingerprint than people compared")
        if manifest.address != address or manifest.number != (1 if before is None else before.number + 1):
            raise FalseManifestError("the hub shows a manifest of another address, or out of its order")
        key = (before or manifest).signing_key(signed.key_id)
        if key is None:
            raise FalseManifestError("a manifest is not signed by a key of the one before it")
        self._need_signed(signed, key)
        return manifest

    def _need_signed(self, signed: SignedManifest, key: Key) -> None:
        try:
            self.verifier.verify(signed.signed, signed.signature, key.public)
        except SignatureError as error:
            raise FalseManifestError("the signature of a manifest does not cover it") from error
