# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A lost key is not a lost message: the sender is told at once and seals again; what is behind it goes on."""

from collections.abc import Sequence

from hub.store_memory import MemoryStore
from schemas.codes import CLASS, Class, Code
from schemas.envelope import parse
from tests.simulator import World


class Forgetful(MemoryStore):
    """A store that lost the keys of some payloads, as after a restore of a backup, which has none."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self._lost = world.lost_keys

    def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
        """Without the keys that are lost."""
        found = super().payloads(message_ids)
        return {one: None if one in self._lost else payload for one, payload in found.items()}


def test_a_lost_key_is_told_at_once_and_what_is_behind_it_goes_on() -> None:
    world = World()
    world.hub = world.over(Forgetful(world))
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    one, two = team.tell(grant, 2)
    world.lost_keys.add(one)
    assert [parse(delivery.envelope).message_id for delivery in provider.take_all()] == [two]
    assert team.outcomes()[one] == [Code.ACCEPTED, Code.KEY_LOST]
    assert CLASS[Code.KEY_LOST] is Class.SEAL_AGAIN
    world.check()


def test_a_slot_that_holds_another_key_by_now_is_a_lost_key() -> None:
    class Mixed(MemoryStore):
        def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
            found = super().payloads(message_ids)
            return {
                one: (payload[0], bytes(32)) if payload is not None and one in world.lost_keys else payload
                for one, payload in found.items()
            }

    world = World()
    world.hub = world.over(Mixed(world.clock))
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    [one] = team.tell(team.register(provider))
    world.lost_keys.add(one)
    assert provider.pickup() == []
    assert team.outcomes()[one] == [Code.ACCEPTED, Code.KEY_LOST]
    world.check()
