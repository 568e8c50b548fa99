# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every way in which an envelope, fact, receipt or request can end: one enum, each code with its class and a sentence.

Classes: *done* (nothing to do), *final* (it will never succeed as it is), *seal again* (the sender's edge does so by
itself), *ask a person* (a person at the sender must look), *later* (nothing was stored; the same bytes again later).
"""

from __future__ import annotations

from enum import StrEnum


class Class(StrEnum):
    """What the sender's edge does with a code."""

    DONE = "done"
    FINAL = "final"
    SEAL_AGAIN = "seal-again"
    ASK = "ask-a-person"
    LATER = "later"


class Code(StrEnum):
    """Outcomes and refusals, as they stand on the wire, in the log, in metrics and in the documents."""

    # on the way
    TAKEN = "taken"
    ACCEPTED = "accepted"
    # steps 1 to 3: answered, counted, not stored
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNKNOWN_SENDER = "unknown-sender"
    KEY_NOT_VALID = "key-not-valid"
    BAD_SIGNATURE = "bad-signature"
    # step 4
    REPLAYED = "replayed"
    ID_REUSED = "id-reused"
    # step 5 and the second decision at pick-up
    NOT_ACTIVE = "not-active"
    MONTH_OVER = "month-over"
    NOT_PERMITTED_HERE = "not-permitted-here"
    WRONG_PARTS = "wrong-parts"
    WRONG_TERMS = "wrong-terms"
    OLD_RECIPIENT_KEY = "old-recipient-key"
    NO_RECIPIENT = "no-recipient"
    # the end of the waiting
    EXPIRED = "expired"
    KEY_LOST = "key-lost"
    HUB_FAULT = "hub-fault"
    # receipts
    STORED = "stored"
    INTRODUCED = "introduced"
    SEEN_ALREADY = "seen-already"
    SEEN_ALREADY_RETRACTED = "seen-already-retracted"
    UNKNOWN_HANDLE = "unknown-handle"
    INVALID_PART = "invalid-part"
    UNREADABLE = "unreadable"
    NOT_PERMITTED = "not-permitted"
    # facts, publications, receipts, requests
    IN_FORCE = "in-force"
    NOT_THE_SENDER = "not-the-sender"
    HANDLE_TAKEN = "handle-taken"
    WRONG_DAY = "wrong-day"
    NOT_NEXT = "not-next"
    NOT_ATTESTED = "not-attested"
    NOT_YOURS = "not-yours"
    TRY_LATER = "try-later"
    RECOVERING = "recovering"
    # notices in the sender's feed: another address stopped one of its grants; a recipient was put back from a back-up
    STOPPED = "stopped"
    RESTORED = "restored"


CLASS: dict[Code, Class] = {
    Code.TAKEN: Class.DONE,
    Code.ACCEPTED: Class.DONE,
    Code.MALFORMED: Class.FINAL,
    Code.TOO_LARGE: Class.FINAL,
    Code.UNKNOWN_SENDER: Class.FINAL,
    Code.KEY_NOT_VALID: Class.SEAL_AGAIN,
    Code.BAD_SIGNATURE: Class.FINAL,
    Code.REPLAYED: Class.SEAL_AGAIN,
    Code.ID_REUSED: Class.FINAL,
    Code.NOT_ACTIVE: Class.ASK,
    Code.MONTH_OVER: Class.SEAL_AGAIN,
    Code.NOT_PERMITTED_HERE: Class.ASK,
    Code.WRONG_PARTS: Class.FINAL,
    Code.WRONG_TERMS: Class.FINAL,
    Code.OLD_RECIPIENT_KEY: Class.SEAL_AGAIN,
    Code.NO_RECIPIENT: Class.ASK,
    Code.EXPIRED: Class.SEAL_AGAIN,
    Code.KEY_LOST: Class.SEAL_AGAIN,
    Code.HUB_FAULT: Class.ASK,
    Code.STORED: Class.DONE,
    Code.INTRODUCED: Class.DONE,
    Code.SEEN_ALREADY: Class.DONE,
    Code.SEEN_ALREADY_RETRACTED: Class.ASK,
    Code.UNKNOWN_HANDLE: Class.SEAL_AGAIN,
    Code.INVALID_PART: Class.ASK,
    Code.UNREADABLE: Class.SEAL_AGAIN,
    Code.NOT_PERMITTED: Class.ASK,
    Code.IN_FORCE: Class.DONE,
    Code.NOT_THE_SENDER: Class.FINAL,
    Code.HANDLE_TAKEN: Class.FINAL,
    Code.WRONG_DAY: Class.FINAL,
    Code.NOT_NEXT: Class.FINAL,
    Code.NOT_ATTESTED: Class.ASK,
    Code.NOT_YOURS: Class.FINAL,
    Code.TRY_LATER: Class.LATER,
    Code.RECOVERING: Class.LATER,
    Code.STOPPED: Class.ASK,
    Code.RESTORED: Class.DONE,
}

SENTENCE: dict[Code, str] = {
    Code.TAKEN: "The envelope is stored; its outcome will come in the feed.",
    Code.ACCEPTED: "The envelope was accepted and waits for its recipient.",
    Code.MALFORMED: "These bytes are not a frame of this version; mend the program that made them.",
    Code.TOO_LARGE: "The frame is larger than its kind may be; send less.",
    Code.UNKNOWN_SENDER: "No admitted address sent this; ask the operator to admit the partner.",
    Code.KEY_NOT_VALID: "The signing key is not in a valid manifest; publish the next manifest and seal again.",
    Code.BAD_SIGNATURE: "The signature does not cover these bytes; they were changed on their way or signed by another.",
    Code.REPLAYED: "The number of this envelope was used before under this handle; seal again under the next number.",
    Code.ID_REUSED: "Another envelope with this id was sent before; give each envelope an id of its own.",
    Code.NOT_ACTIVE: "There is no active grant for this; a person must look before anything is told again.",
    Code.MONTH_OVER: "The month of this handle is over; seal again under this month's handle.",
    Code.NOT_PERMITTED_HERE: "The rule table of sender or recipient does not permit this; ask the privacy officer.",
    Code.WRONG_PARTS: "The parts are not exactly the categories of the grant.",
    Code.WRONG_TERMS: "The envelope names other terms than the grant has.",
    Code.OLD_RECIPIENT_KEY: "The recipient has a newer key; read its manifest and seal again.",
    Code.NO_RECIPIENT: "The recipient is not admitted at present; ask the operator.",
    Code.EXPIRED: "The recipient did not take it in time; it is sealed again once, then a person must look.",
    Code.KEY_LOST: "The hub lost the key of the waiting payload; seal again.",
    Code.HUB_FAULT: "The hub failed on this envelope and set it aside; ask the operator.",
    Code.STORED: "The recipient's edge has it.",
    Code.INTRODUCED: "The recipient knows for whom this grant is.",
    Code.SEEN_ALREADY: "The recipient's edge had it already.",
    Code.SEEN_ALREADY_RETRACTED: "The recipient's edge had it and it was called back; a person must look.",
    Code.UNKNOWN_HANDLE: "The recipient's edge does not know this handle; introduce it again, then tell again.",
    Code.INVALID_PART: "A part breaks the schema of its category; mend the program that made it.",
    Code.UNREADABLE: "The recipient's edge could not open it; read its manifest and seal again.",
    Code.NOT_PERMITTED: "The recipient's own rule table does not permit this; it was destroyed unread.",
    Code.IN_FORCE: "The fact is in force.",
    Code.NOT_THE_SENDER: "Only the sender of a grant can register it.",
    Code.HANDLE_TAKEN: "This handle is registered with other terms.",
    Code.WRONG_DAY: "A registration is for this month or, from the 20th, the next, and is dated today.",
    Code.NOT_NEXT: "The manifest is not the next one of this address, or not signed by a key of the one before.",
    Code.NOT_ATTESTED: "The organisation's certificate does not vouch for the manifest, or is none that is taken; renew it.",
    Code.NOT_YOURS: "There is nothing of yours under this name.",
    Code.TRY_LATER: "Nothing was stored; send the same bytes again later.",
    Code.RECOVERING: "The hub was put back from a copy and goes on when every partner has repeated its stops; "
    "nothing was stored, send it again later.",
    Code.STOPPED: "Somebody in the grant stopped it; nothing automatic goes on until a person has looked.",
    Code.RESTORED: "A partner was put back from a back-up; what it acknowledged since is told again, marked late.",
}

RECEIPT_CODES: dict[str, Code] = {
    code.value: code
    for code in (
        Code.STORED,
        Code.INTRODUCED,
        Code.SEEN_ALREADY,
        Code.SEEN_ALREADY_RETRACTED,
        Code.UNKNOWN_HANDLE,
        Code.INVALID_PART,
        Code.UNREADABLE,
        Code.NOT_PERMITTED,
    )
}
