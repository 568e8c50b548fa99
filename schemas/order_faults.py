# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What can be wrong with an order of the controller and the FG, as a closed list, with a sentence for each.

A sentence holds numbers of entries and roles, and nothing of an entry.  `deploy.dutch_orders` has them for the screens.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

CONTROLLER, FG = "controller", "fg"


class OrderFault(StrEnum):
    """Why an order, or the key of a role, can't be used."""

    NO_ORDER = "no-order"
    DAMAGED = "damaged"
    SIGNED_ALREADY = "signed-already"
    KEY_SIGNED_ALREADY = "key-signed-already"
    NO_KEY = "no-key"
    KEY_OF_THE_OTHER = "key-of-the-other"
    KEY_REGISTERED = "key-registered"
    OTHER_HUB = "other-hub"
    IN_THE_FUTURE = "in-the-future"
    OPENED_BY_NOBODY = "opened-by-nobody"
    NOT_SIGNED = "not-signed"
    NO_OLD_KEY = "no-old-key"
    OTHER_KEY = "other-key"
    PUT_BACK = "put-back"
    NOT_THERE = "not-there"
    OTHER_ENTRIES = "other-entries"
    ERASED_ALREADY = "erased-already"
    IS_PUBLIC = "is-public"
    IS_KEPT = "is-kept"
    IS_YOUNG = "is-young"
    COUNTS_STILL = "counts-still"
    INQUIRY_OPEN = "inquiry-open"
    OPEN_ALREADY = "open-already"
    NONE_OPEN = "none-open"


_WHO: Mapping[str | None, str] = {CONTROLLER: "the controller", FG: "the FG", None: ""}
_SENTENCES: Mapping[OrderFault, str] = {
    OrderFault.NO_ORDER: "This is no order of `schakel audit erase` or `inquiry`. Take the file that it wrote.",
    OrderFault.DAMAGED: "This order is not in order ({where}). Let it be made anew.",
    OrderFault.SIGNED_ALREADY: "This role has signed the order already; the other one must sign it now.",
    OrderFault.KEY_SIGNED_ALREADY: "This key has signed the order for the other role. Two roles are two people with a key each.",
    OrderFault.NO_KEY: "This is no public key of `schakel audit key`.",
    OrderFault.KEY_OF_THE_OTHER: "This key is that of the other role. Controller and FG are two people with a key each.",
    OrderFault.KEY_REGISTERED: "This key is registered for this role already.",
    OrderFault.OTHER_HUB: "This order is for another hub.",
    OrderFault.IN_THE_FUTURE: "This order is dated in the future. Is the clock of the machine right that made it?",
    OrderFault.OPENED_BY_NOBODY: "An inquiry is opened by a registered key of the controller or of the FG; sign the order.",
    OrderFault.NOT_SIGNED: "Two must sign, and {who} has not: `schakel audit sign` on their own machine.",
    OrderFault.NO_OLD_KEY: "No key of {who} stands in the log for {days} days yet: `schakel audit officer`.",
    OrderFault.OTHER_KEY: "The key that {who} signed with is not the one that counts today.",
    OrderFault.PUT_BACK: "The hub was put back less than {days} days ago, and an inquiry may have been lost: nothing is erased "
    "before that.",
    OrderFault.NOT_THERE: "The log has {size} entries, numbered from 0: some of these are not there.",
    OrderFault.OTHER_ENTRIES: "The order was made for other entries than stand there in this log. Let it be made anew.",
    OrderFault.ERASED_ALREADY: "These entries were erased already; there is nothing more to do.",
    OrderFault.IS_PUBLIC: "Entry {index} may not be erased: it is public. Nothing was erased.",
    OrderFault.IS_KEPT: "Entry {index} may not be erased: it is about an organisation and keeps the log accountable. Nothing "
    "was erased.",
    OrderFault.IS_YOUNG: "Entry {index} may not be erased: it is younger than {days} days. Nothing was erased.",
    OrderFault.COUNTS_STILL: "Entry {index} may not be erased: it is the fact of a grant that still counts, or is still known as "
    "stopped. Nothing was erased.",
    OrderFault.INQUIRY_OPEN: "An inquiry is open (entry {index}): nothing is erased until it is closed.",
    OrderFault.OPEN_ALREADY: "An inquiry is open already.",
    OrderFault.NONE_OPEN: "No inquiry is open.",
}


class OrderError(ValueError):
    """An order, or the key of a role, that can't be used: which fault, of whom, and its numbers."""

    def __init__(self, fault: OrderFault, role: str | None = None, **said: object) -> None:
        super().__init__(_SENTENCES[fault].format(who=_WHO[role], **said))
        self.fault, self.role, self.said = fault, role, said
