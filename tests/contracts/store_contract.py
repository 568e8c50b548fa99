# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every engine of the store must do.  Each engine has a test module that makes the fixture `engine` and imports
`StoreContract` as the base of its test class.  After every step the whole store is verified (`check_store`).
"""

from __future__ import annotations

from tests.contracts.store_commits import CommitContract
from tests.contracts.store_forgetting import ForgettingContract
from tests.contracts.store_grants import GrantContract
from tests.contracts.store_queue import QueueContract
from tests.contracts.store_world import Engine, World, busy, world

__all__ = ["Engine", "StoreContract", "World", "busy", "world"]  # fixtures among them


class StoreContract(CommitContract, GrantContract, QueueContract, ForgettingContract):
    """The tests of every engine."""
