# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The exchange of a hub that takes envelopes in through Kafka: what a gateway asks before it writes a record, and what a
worker does with the records that it reads.

* A gateway refuses what needs no store, as it does without Kafka, and decides nothing.
* A worker decides a batch and moves the positions of its records in one commit: whoever comes late changes nothing.
* Every record ends in something: an outcome with its entry, a fault, or a refusal that is counted and, where it can be
  known whose it was, told in the feed.  Records of a held handle are refused too: no number is used, and what has no
  outcome after an hour its sender sends again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hub import pipeline, recovery
from hub.client import HubRecoveringError, HubUnavailableError
from hub.clock import JUMP_MS
from hub.exchange import FAULTS_A_MINUTE, Checked, Exchange
from hub.intake_record import Kept
from hub.murmur2 import partition_of
from hub.pipeline import Known
from hub.registry import Partners
from hub.store import FencedError, StaleError, StoreError, Tell
from schemas.calendar import day_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.envelope import Envelope, parse

_TOLD = frozenset({Code.UNKNOWN_SENDER, Code.KEY_NOT_VALID, Code.BAD_SIGNATURE})


class Taken(NamedTuple):
    """A record as it was read: its place and offset, and the frame with the number of the partner whose it must be, or the
    code for which it is refused.  `partition` is that of the topic of the intake, None for a topic of a partner; `log` is
    the number of the log in which a gateway took it, 0 for a record that a partner wrote."""

    place: int
    offset: int
    partition: int | None
    number: int | None
    log: int
    found: bytes | Code


class _Read(NamedTuple):
    """A record after steps 1 to 3; `message_id` is told with a refusal."""

    taken: Taken
    result: Envelope | Code
    message_id: bytes | None = None


class IntakeExchange(Exchange):
    """The hub in one of its processes.  `partitions`: how many the topic of the intake has."""

    partitions = 1

    # -- in a gateway

    def to_write(self, request: Checked) -> list[tuple[bytes, Kept] | Code]:
        """Per frame its handle and what is written for it, or a refusal that needs no store.

        Raises:
            NotDecidingError, HubRecoveringError, StoreError: nothing is taken at present.
        """
        with self._lock:
            self._need_to_decide()
            row = self.store.recovery()
            if not recovery.is_open(row):
                raise HubRecoveringError
            partners, log = self._directory.partners(), 1 if row is None else row.number
            request = self._looked_up(request, partners, day_of(self.store.now()))
            sender = partners.by_address.get(request.via)
            found: list[tuple[bytes, Kept] | Code] = []
            for frame, result in zip(request.frames, request.results, strict=True):
                if isinstance(result, Code) or sender is None:
                    code = result if isinstance(result, Code) else Code.UNKNOWN_SENDER
                    self._refuse(sender, code)
                    found.append(code)
                else:
                    found.append((result.handle, Kept(sender.number, log, frame)))
            return found

    # -- in a worker

    def take(self, records: Sequence[Taken]) -> list[Code]:
        """Decides records, in the order in which they came, and moves their positions.  Of one place they stand side by
        side: nothing is left out.

        Raises:
            FencedError: another worker has moved a position: nothing of the rest was applied.
            StoreError, HubUnavailableError: nothing of the rest is decided at present.
        """
        with self._lock:
            self._need_to_decide()
            row = self.store.recovery()
            if not recovery.is_open(row):
                raise HubRecoveringError
            if len(self._faults) > FAULTS_A_MINUTE:
                raise HubUnavailableError("The pipeline failed on more than five envelopes in a minute.")
            log, partners = 1 if row is None else row.number, self._directory.partners()
            keys: dict[str, Mapping[str, bytes] | None] = {}
            self._began, began = {}, self.clock.steady()
            read = [self._read(one, log, partners, keys) for one in records]
            for one in read:
                if isinstance(one.result, Envelope):
                    self._began[one.result.message_id] = began
            return self._take(read)

    def settle_clock(self) -> None:
        """No partner speaks with a worker, so a clock in doubt is believed again here once a gateway has committed by the
        same time."""
        if self.clock.jump() and abs(self.clock.wall() - self.store.head().committed_at) <= JUMP_MS:
            self.clock.confirm()

    def _read(self, taken: Taken, log: int, partners: Partners, keys: dict[str, Mapping[str, bytes] | None]) -> _Read:
        if isinstance(taken.found, Code):
            return _Read(taken, taken.found)
        if taken.log and taken.log < log:  # taken before a recovery: its sender seals again
            return _Read(taken, Code.RECOVERING)
        sender = None if taken.number is None else partners.by_number.get(taken.number)
        if sender is None:
            return _Read(taken, Code.UNKNOWN_SENDER)
        if sender.address not in keys:
            keys[sender.address] = pipeline.keys_of(sender.address, partners, day_of(self.store.now()))
        result = self._check(taken.found, sender.address, keys[sender.address])
        if isinstance(result, Code):
            return _Read(taken, result, _id_of(taken.found, sender.address) if result in _TOLD else None)
        if taken.partition is not None and partition_of(result.handle, self.partitions) != taken.partition:
            return _Read(taken, Code.MALFORMED)
        return _Read(taken, result)

    def _take(self, read: list[_Read]) -> list[Code]:
        if not read:
            return []
        if len(self._faults) > FAULTS_A_MINUTE:  # then it is us: nothing more is set aside
            raise HubUnavailableError("The pipeline failed on more than five envelopes in a minute.")
        try:
            return self._again(lambda: self._take_once(read))
        except (StoreError, StaleError, FencedError, HubUnavailableError):
            raise
        except Exception:  # poison: halve until one is left, and set that one aside
            if len(read) == 1:
                [one] = read
                if not isinstance(one.result, Envelope):
                    raise  # not its content: there is nothing that could be set aside
                return [self._set_aside(one.result, _moves(read))]
            half = len(read) // 2
            return self._take(read[:half]) + self._take(read[half:])

    def _take_once(self, read: list[_Read]) -> list[Code]:
        now = self.store.now()
        envelopes = [one.result for one in read if isinstance(one.result, Envelope)]
        known = self._known([envelope.handle for envelope in envelopes], now)
        held = {handle for handle, grant in known.grants.items() if grant.held_until > now}
        if held:
            read = [self._held(one, held) for one in read]
            envelopes = [one.result for one in read if isinstance(one.result, Envelope)]
        ids = [envelope.message_id for envelope in envelopes]
        known.stored = self.store.stored(ids + [one.message_id for one in read if one.message_id is not None])
        decided = pipeline.step(envelopes, known, now, self._random)
        decided.step.positions = _moves(read)
        decided.step.tells += _tells(read, known)
        self._commit(decided.step)
        # Entries, queue, numbers and positions are durable, all or none. A crash before this line: the next worker reads
        # the same records and decides them. After it: it goes on behind them.
        done = self.clock.steady()
        for join in decided.step.joins:
            self.meter.deliverable.add(done - self._began[join.message_id])
        return self._ended(read, decided.answers, known.partners)

    def _ended(self, read: list[_Read], answers: list[Code], partners: Partners) -> list[Code]:
        rest, found = iter(answers), list[Code]()
        for one in read:
            if isinstance(one.result, Code):
                number = one.taken.number
                self._refuse(None if number is None else partners.by_number.get(number), one.result)
                found.append(one.result)
                continue
            found.append(next(rest))
            if found[-1] is Code.ID_REUSED:  # the outcome of the id stays, so nothing else counts this one
                self.meter.refused[Code.ID_REUSED] += 1
        return found

    def _held(self, one: _Read, held: set[bytes]) -> _Read:
        is_held = isinstance(one.result, Envelope) and one.result.handle in held
        return one._replace(result=Code.TRY_LATER) if is_held else one


class WorkerExchange(IntakeExchange):
    """The hub in a worker: it signs nothing, and begins no recovery."""

    def _start(self) -> None:
        """Returns when the log of the store is the one that this machine knows.

        Raises:
            StoreError: it is not.
        """
        kept = self.log.greatest.kept
        if kept.put_back or (kept.checkpoint is not None and not self._knows(kept.checkpoint)):
            raise StoreError(
                "the database lacks entries that it had: start `schakel hub run` on this machine first, which begins a "
                "recovery, and then the worker"
            )

    def close(self) -> None:
        """Writes the sums that are open and lets go of the store."""
        with self._lock:
            try:
                self._sum(self.store.now())
            finally:
                self.store.close()


def _moves(read: list[_Read]) -> list[tuple[int, int, int]]:
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for one in read:
        first.setdefault(one.taken.place, one.taken.offset)
        last[one.taken.place] = one.taken.offset + 1
    return [(place, offset, last[place]) for place, offset in sorted(first.items())]


def _tells(read: list[_Read], known: Known) -> list[Tell]:
    """The feed learns of a refusal too, but never of one for an id that has an outcome."""
    return [
        Tell(one.taken.number or 0, 0, one.result, one.message_id)
        for one in read
        if isinstance(one.result, Code) and one.message_id is not None and one.message_id not in known.stored
    ]


def _id_of(frame: bytes, via: str) -> bytes | None:
    try:
        envelope = parse(frame)
    except FrameError:
        return None
    return envelope.message_id if envelope.source == via else None
