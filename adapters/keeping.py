# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Once a day: what a birthday has ended is stopped, and what an edge no longer needs is destroyed, by the terms of
architecture.md section 10.

Guarantees: nothing that is under way, or that a retraction could still need, is touched; what is destroyed is gone from
the store's file too when this returns.
"""

from dataclasses import replace
from typing import Final

from adapters import (
    answers,
    chain_view,
    consent_words,
    erasure,
    inbound,
    looks,
    objections,
    of_others,
    peers,
    polled,
    quotas,
    refusal_terms,
    requests,
)
from adapters.keyed import Keyed
from adapters.lines import RECALL_DAYS, unheard_introductions
from adapters.outcomes import PUT_OFF
from adapters.records_incoming import ANSWERS, HALTED, RECOGNISED
from adapters.records_outgoing import FACTS, FINAL, GRANTS, ITEMS, SENDS, WAITING
from adapters.records_own import move, place
from adapters.shelf import number_key
from adapters.spread import AT_ONCE, LONGEST_WAIT
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import month_of

OUTBOX_DAYS: Final = 30  # content after its acknowledgement: a recipient that is restored may ask again
HALTED_DAYS: Final = 400  # no grant has handles of months further away
ASK_AGAIN_DAYS: Final = 20  # a code can be typed for 14 days, and its receipt leaves on the next working day
_DAY: Final = 86_400_000


def keep_house(work: Workplace) -> bool:
    """Do today's cleaning when it was not done yet; whether it was done now."""
    if place(work.store).cleaned_on == work.today:
        return False
    with work.commit("cleaning") as tx:
        consent_words.stop_outgrown(tx, work)  # before anything leaves today
        refusal_terms.purge(tx, work)
        # After it, since a number may be kept for what has just gone; before the rest, since what a partner told says whose number
        # is that of a client again.
        erasure.finish(tx, work)
        inbound.purge_boxes(tx, work.now)
        chain_view.purge(tx, work.today)
        quotas.purge(tx, work.today)
        looks.purge(tx, work.now)
        objections.watch(tx, work)
        requests.purge(tx, work.today)
        _introduce_again(tx, work)
        _outbox(tx, work.today)
        _draw_again(tx, work)
        _answers(tx, work.now)
        for fact in list(FACTS.scan(tx)):
            if fact.until_month < month_of(work.today) - 1:
                FACTS.delete(tx, number_key(fact.number))
        for halted in list(HALTED.scan(tx)):
            if work.today > halted.on + HALTED_DAYS:
                HALTED.delete(tx, halted.handle)
        answers.purge(tx, work.now, work.today)
        of_others.purge(tx, work.today)
        polled.purge(tx, Keyed(peers.own_keys(work).event_key).digest, work.today)
        move(tx, replace(place(tx), cleaned_on=work.today))
    # A crash before this commit: the cleaning is done at the next pass, and nothing leaves before it.
    work.store.forget_deleted()
    return True


def _outbox(tx: Transaction, today: int) -> None:
    for item in list(ITEMS.scan(tx, FINAL)):
        grant = GRANTS.need(tx, item.grant.encode())
        if today > grant.end + RECALL_DAYS + chain_view.KEPT_DAYS:
            ITEMS.delete(tx, number_key(item.number))
            if item.message_id is not None:
                SENDS.delete(tx, item.message_id)
        elif item.parts and item.done_on is not None and today > item.done_on + OUTBOX_DAYS:
            ITEMS.put(tx, replace(item, parts=()))


def _draw_again(tx: Transaction, work: Workplace) -> None:
    """What a clock that was fast has written holds nothing up longer than until the next cleaning."""
    now = work.now
    for item in list(ITEMS.scan(tx, WAITING)):
        if item.release_at <= now:
            continue
        if item.tries and item.release_at > now + PUT_OFF:
            ITEMS.put(tx, replace(item, release_at=AT_ONCE))
        elif item.made_at > now or item.release_at > now + LONGEST_WAIT:
            end = GRANTS.need(tx, item.grant.encode()).end
            ITEMS.put(tx, replace(item, made_at=min(item.made_at, now), release_at=work.release_moment(end)))


def _answers(tx: Transaction, now: int) -> None:
    """A receipt can be asked for again while its envelope could still be offered: well within 30 days."""
    for answer in list(ANSWERS.scan(tx, "sent", now - OUTBOX_DAYS * _DAY)):
        ANSWERS.delete(tx, answer.message_id)
    for recognised in list(RECOGNISED.scan(tx, "sent", now - OUTBOX_DAYS * _DAY)):
        RECOGNISED.delete(tx, recognised.message_id)


def _introduce_again(tx: Transaction, work: Workplace) -> None:
    """Whether a code was typed is asked once more, where the answer may have been lost: by the same introduction."""
    for item in unheard_introductions(tx):
        grant = GRANTS.need(tx, item.grant.encode())
        until = grant.end if grant.code_until is None else grant.code_until + 2 * ASK_AGAIN_DAYS
        due = item.done_on is None or work.today > item.done_on + ASK_AGAIN_DAYS
        if due and work.today <= until:  # later no code can have been typed that was not heard of
            moment = work.release_moment(grant.end)
            ITEMS.put(tx, replace(item, state=WAITING, final=None, done_on=None, release_at=moment))
