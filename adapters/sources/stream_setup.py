# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a stream worker must know, as the edge tells it.

Guarantees: what goes over the line holds no secret, only where one is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Final

from adapters.stream_access import Access
from adapters.stream_config import StreamConfig

ANSWER_SECONDS: Final = 5.0  # so long a broker may take
MOST: Final = 200  # records that are handed over together


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the edge tells it to do."""

    brokers: Sequence[str]
    group: str
    topics: Sequence[str]
    largest: int
    quarantine: str | None = None
    notices: str | None = None
    session_seconds: int = 10
    access: Access = field(default_factory=Access)

    @classmethod
    def of(cls, settings: StreamConfig, largest: int) -> "Setup":
        """By the settings of an edge whose messages are no larger than this."""
        return cls(
            brokers=settings.brokers,
            group=settings.group,
            topics=list(settings.topics),
            largest=largest,
            quarantine=settings.quarantine_topic,
            notices=settings.notices_topic,
            session_seconds=settings.session_seconds,
            access=settings.access,
        )

    def as_frame(self) -> dict[str, object]:
        """As it goes over the line."""
        return asdict(self)

    @classmethod
    def as_said(cls, said: Mapping[str, Any]) -> "Setup":
        """The same back."""
        return cls(**{name: value for name, value in said.items() if name != "access"}, access=Access(**said["access"]))

    @property
    def place(self) -> str:
        """The place of this edge in its group: one that was killed has it back at once. With other topics it is another
        place, since Kafka gives an old place its old topics back; the old one is void after the session's seconds."""
        return f"{self.group}-{sha256(chr(10).join(sorted(self.topics)).encode()).hexdigest()[:12]}"

    @property
    def named(self) -> list[str]:
        """Every topic that must be there."""
        return [*self.topics, *(one for one in (self.quarantine, self.notices) if one is not None)]
