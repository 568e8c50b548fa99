# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""No sequence of agreements, birthdays, corrections, withdrawals and restarts lets anything be told on words that are not enough."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.agreement import AgreementError, Conversation
from adapters.clients import ClientRow
from adapters.records_outgoing import ACTIVE
from consent.whose import CLIENT, MENTOR, PARENT, Situation, Word, birthday, suffices, whose
from schemas.calendar import parse_date
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import run

PRACTICE = ("Praktijk Voorbeeld",)
# Ages at the beginning of the world, 3 March 2026: twice eleven and nearly twelve; fifteen; seventeen; grown up.
BIRTHS = [parse_date(text) for text in ("2014-03-20", "2014-04-05", "2010-04-10", "2008-03-08", "1980-01-01")]
TO_A_BIRTHDAY = -1
DAYS = st.sampled_from([TO_A_BIRTHDAY, 0, 40])
SAID = st.sampled_from([(CLIENT,), (PARENT,), (CLIENT, PARENT), (MENTOR,)])


@dataclass
class Yes:
    """A consent as the test remembers it. `over`: withdrawn, or too little on some day."""

    id: str
    words: tuple[Word, ...]
    situation: Situation
    over: bool = False


class Birthdays(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.near = Neighbours(Path(self.folder.name))
        self.born: int | None = None
        self.given: list[Yes] = []
        self.count = 0

    @initialize(born=st.sampled_from([*BIRTHS, None]), capable=st.booleans())
    def begin(self, born: int | None, capable: bool) -> None:
        """It begins with a consent that is enough today."""
        self.near[GP].import_clients([ClientRow("H-7", BSN, "")])
        self.near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
        self.near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo", born)])
        self.born = born
        now = Situation(born, capable, (PARENT, MENTOR))
        answer = whose(self.near.world.table.rows[5], now, self.near.world.today)
        self.agree(tuple(one.who for one in answer.needed), capable)

    @rule(said=SAID, capable=st.booleans())
    def agree(self, said: tuple[str, ...], capable: bool) -> None:
        words = tuple(Word(who) for who in said)
        talk = Conversation(PRACTICE, said=words, capable=capable, authority=(PARENT, MENTOR))
        row, now = self.near.world.table.rows[5], Situation(self.born, capable, (PARENT, MENTOR))
        enough = suffices(whose(row, now, self.near.world.today), words)
        try:
            made = self.near[TEAM].make_agreement("C-1", talk).made[0]
        except AgreementError:
            assert not enough
            return
        assert enough
        needed = {one.who for one in whose(row, now, self.near.world.today).needed}
        kept = tuple(word for word in words if word.who in needed)
        self.given.append(Yes(made.id, kept, now))
        self._settle()

    @rule(born=st.sampled_from(BIRTHS))
    def learn(self, born: int) -> None:
        self.near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo", born)])
        self.born = born
        for one in self.given:
            one.situation = Situation(born, one.situation.capable, one.situation.authority)
        self._look()

    def _pass(self, days: int) -> None:
        """So many days go by; or all until the next birthday that counts, where it is not far."""
        coming = [birthday(self.born, years) for years in (12, 16, 18)] if self.born is not None else []
        ahead = [day - self.near.world.today for day in coming if 0 < day - self.near.world.today < 200]
        for _ in range(min(ahead, default=1) if days == TO_A_BIRTHDAY else days):
            self.near.world.advance(days=1)
            self._look()
        self.near.work(TEAM)

    @rule()
    def withdraw(self) -> None:
        standing = [one for one in self.given if not one.over]
        if standing:
            run(self.near[TEAM].end_agreement(standing[-1].id))
            for one in standing:  # of one line: what was renewed ends with it
                one.over = True

    @rule()
    def allot(self) -> None:
        self.count += 1
        self.near.take(TEAM, allocation(f"10{self.count:02d}"))

    @rule(days=DAYS)
    def restart(self, days: int) -> None:
        self._pass(days)
        self.near.open(TEAM)

    @rule(days=DAYS)
    def tell(self, days: int) -> None:
        self._pass(days)
        before = len(self.near.told(GP))
        self.count += 1
        self.near.take(TEAM, status(self.count, Kind.GEWIJZIGD, self.near.world.today))
        self._settle()
        told = len(self.near.told(GP)) - before
        assert told <= 0 or any(not one.over for one in self.given), "told on words that are not enough"

    def _settle(self) -> None:
        for _ in range(2):
            self.near.work(TEAM, GP)

    def _look(self) -> None:
        row = self.near.world.table.rows[5]
        for one in self.given:
            answer = whose(row, one.situation, self.near.world.today)
            one.over = one.over or not suffices(answer, one.words)

    @invariant()
    def no_grant_that_may_be_used_rests_on_what_is_over(self) -> None:
        if not self.near.edges or self.near[TEAM].clients() == []:
            return
        over = {one.id for one in self.given if one.over}
        for grant in self.near[TEAM].grants("C-1"):
            usable = grant.state == ACTIVE and self.near.world.today <= grant.end
            assert not (usable and grant.consent in over), "a grant that may be used rests on what is over"

    def teardown(self) -> None:
        self.near.close()
        self.folder.cleanup()


Birthdays.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to make an example of this world smaller takes very long
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestNothingIsToldOnWordsThatAreNotEnough = Birthdays.TestCase
