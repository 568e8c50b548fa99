# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The exchange of a hub that takes envelopes in through Kafka: what a gateway asks before it writes a record, and what a
worker does with the records that it reads.

* A gateway refuses what needs no store, as it does without Kafka, and decides nothing.
* A worker decides a batch and moves the positions of its records in one commit: whoever comes late changes nothing.
* Every record ends in something: an outcome with its entry, a fault, or a refusal that is counted and, where it can be
  known whose it was, told in the feed.  One of a handle that a fault holds waits behind it, in the store: no number is
  used, and it is decided in its turn when the fault is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from hub import faults, pipeline, recovery
from hub.client import HubRecoveringError, HubUnavailableError
from hub.clock import JUMP_MS
from hub.exchange import Checked, Exchange
from hub.intake_record import Kept
from hub.murmur2 import partition_of
from hub.pipeline import Known
from hub.registry import Partners
from hub.store import FaultRow, FencedError, SetAside, StaleError, StoreError, Tell
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
    """A record after steps 1 to 3; `message_id` is told with a refusal.  A result of None waits behind a fault."""

    taken: Taken
    result: Envelope | Code | None
    message_id: bytes | None = None


class _Senders:
    """Who may have sent the records of one batch, with the keys of its day.  Nothing is asked of the store for each."""

    def __init__(self, partners: Partners, day: int) -> None:
        self._partners, self._day = partners, day
        self._found: dict[int, tuple[str, Mapping[str, bytes] | None] | None] = {}

    def of(self, number: int) -> tuple[str, Mapping[str, bytes] | None] | None:
        """The address of this number and its keys; None where there is no such partner."""
        if number not in self._found:
            sender = self._partners.by_number.get(number)
            found = None if sender is None else pipeline.keys_of(sender.address, self._partners, self._day)
            self._found[number] = None if sender is None else (sender.address, found)
        return self._found[number]


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

    def sends_over(self, via: str, senders: Collection[str]) -> int | None:
        """The number of an address when it is one of these that may send over Kafka.

        Raises:
            RefusedError: it is not admitted.
        """
        with self._lock:
            partner = self._admitted(via)
            return partner.number if via in senders else None

    # -- in a worker

    def take(self, records: Sequence[Taken]) -> list[Code | None]:
        """Decides records, in the order in which they came, and moves their positions; None for what waits behind a fault.
        Of one place they stand side by side: nothing is left out.

        Raises:
            FencedError: another worker has moved a position: nothing of the rest was applied.
            StoreError, HubUnavailableError: nothing of the rest is decided at present.
        """
        with self._lock:
            self._need_to_decide()
            row = self.store.recovery()
            if not recovery.is_open(row):
                raise HubRecoveringError
            if self._is_flooded():
                raise HubUnavailableError("The pipeline failed on more than five envelopes in a minute.")
            log, partners = 1 if row is None else row.number, self._directory.partners()
            senders = _Senders(partners, day_of(self.store.now()))
            self._began, began = {}, self.clock.steady()
            read = [self._read(one, log, senders) for one in records]
            for one in read:
                if isinstance(one.result, Envelope):
                    self._began[one.result.message_id] = began
            return self._take(read)

    def settle_clock(self) -> None:
        """No partner speaks with a worker, so a clock in doubt is believed again here once a gateway has committed by the
        same time."""
        if self.clock.jump() and abs(self.clock.wall() - self.store.head().committed_at) <= JUMP_MS:
            self.clock.confirm()

    def _read(self, taken: Taken, log: int, senders: _Senders) -> _Read:
        if isinstance(taken.found, Code):
            return _Read(taken, taken.found)
        if taken.log and taken.log < log:  # taken before a recovery: its sender seals again
            return _Read(taken, Code.RECOVERING)
        found = None if taken.number is None else senders.of(taken.number)
        if found is None:
            return _Read(taken, Code.UNKNOWN_SENDER)
        address, keys = found
        result = self._check(taken.found, address, keys)
        if isinstance(result, Code):
            return _Read(taken, result, _id_of(taken.found, address) if result in _TOLD else None)
        if taken.partition is not None and partition_of(result.handle, self.partitions) != taken.partition:
            return _Read(taken, Code.MALFORMED)
        return _Read(taken, result)

    def _take(self, read: list[_Read]) -> list[Code | None]:
        if not read:
            return []
        if self._is_flooded():
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

    def _take_once(self, read: list[_Read]) -> list[Code | None]:
        now = self.store.now()
        envelopes = [one.result for one in read if isinstance(one.result, Envelope)]
        known = self._known([envelope.handle for envelope in envelopes], now)
        ids = [envelope.message_id for envelope in envelopes]
        known.stored = self.store.stored(ids + [one.message_id for one in read if one.message_id is not None])
        behind: list[SetAside] = []
        if any(grant.held_until > now for grant in known.grants.values()):
            read, behind = self._put_behind(read, known, now)
            envelopes = [one.result for one in read if isinstance(one.result, Envelope)]
        decided = pipeline.step(envelopes, known, now, self._random)
        decided.step.positions = _moves(read)
        decided.step.set_aside = behind
        decided.step.tells += _tells(read, known)
        self._commit(decided.step)
        # Entries, queue, numbers, positions and what waits behind a fault are durable, all or none. A crash before this line: the next worker reads
        # the same records and decides them. After it: it goes on behind them.
        done = self.clock.steady()
        for join in decided.step.joins:
            self.meter.deliverable.add(done - self._began[join.message_id])
        return self._ended(read, decided.answers, known.partners)

    def _ended(self, read: list[_Read], answers: list[Code], partners: Partners) -> list[Code | None]:
        rest, found = iter(answers), list[Code | None]()
        for one in read:
            if one.result is None:
                found.append(None)
                continue
            if isinstance(one.result, Code):
                number = one.taken.number
                self._refuse(None if number is None else partners.by_number.get(number), one.result)
                found.append(one.result)
                continue
            found.append(next(rest))
            if found[-1] is Code.ID_REUSED:  # the outcome of the id stays, so nothing else counts this one
                self.meter.refused[Code.ID_REUSED] += 1
        return found

    def _put_behind(self, read: list[_Read], known: Known, now: int) -> tuple[list[_Read], list[SetAside]]:
        """Records of held handles: what has an outcome gets it again, the rest waits behind the fault as long as there is
        room; what does not is refused, and comes again after an hour."""
        rows, behind, left = self.store.faults(), list[SetAside](), list[_Read]()
        for one in read:
            envelope = one.result
            if (
                not isinstance(envelope, Envelope)
                or envelope.message_id in known.stored
                or not _is_held(envelope, known, now)
            ):
                left.append(one)
            elif faults.may_wait(envelope, rows):
                sender = known.partners.by_address[envelope.source].number
                behind.append(self._wrapped(envelope, sender, faults.UNTIL_DECIDED, now))
                rows = [*rows, FaultRow(0, sender, envelope.sha, envelope.handle, now, faults.UNTIL_DECIDED)]
                left.append(one._replace(result=None))
            else:
                left.append(one._replace(result=Code.TRY_LATER))
        return left, behind


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


def _is_held(envelope: Envelope, known: Known, now: int) -> bool:
    grant = known.grants.get(envelope.handle)
    return grant is not None and grant.held_until > now


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
