# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every SQL statement of the embedded store, and the bytes of a packed grant.

The bench runs these same statements bare as the limit of the store; why the tables are cut this way stands in
`hub/decisions/0004-sqlite-layout.md`.
"""

from __future__ import annotations

from struct import Struct

APPLICATION_ID = 0x53434B4C  # "SCKL"
SCHEMA_VERSION = 4
PAGE_SIZE = 4096

# What must be true of every connection before it may write; each is set and read back.
SETTINGS: tuple[tuple[str, str, str | int], ...] = (
    ("locking_mode", "EXCLUSIVE", "exclusive"),  # no shared memory file, no lock calls per statement
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("secure_delete", "ON", 1),
    ("temp_store", "MEMORY", 2),
    ("cache_size", "-65536", -65536),
    ("wal_autocheckpoint", "4000", 4000),
)

SCHEMA = """
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL, newest_fact INTEGER NOT NULL,
    committed_at INTEGER NOT NULL, grants INTEGER NOT NULL
) STRICT;
CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, salt BLOB, record BLOB) STRICT;
-- entries that say who may erase, whether anybody may, and what was erased
CREATE TABLE standing (idx INTEGER PRIMARY KEY) STRICT;
CREATE TABLE tile (
    level INTEGER NOT NULL, number INTEGER NOT NULL, root BLOB NOT NULL, hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT;
CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
CREATE TABLE position (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT;

CREATE TABLE address (
    number INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, state TEXT NOT NULL, version INTEGER NOT NULL,
    manifest BLOB, table_hash BLOB
) STRICT;
CREATE TABLE counter (address INTEGER PRIMARY KEY, feed INTEGER NOT NULL, notice INTEGER NOT NULL) STRICT;
CREATE TABLE manifest (idx INTEGER PRIMARY KEY, number INTEGER NOT NULL, frame BLOB NOT NULL) STRICT;
CREATE INDEX manifest_of ON manifest (number, idx);
-- by the SHA-256 of the manifest; they are no part of the log
CREATE TABLE attestation (manifest BLOB PRIMARY KEY, raw BLOB NOT NULL) STRICT;
CREATE TABLE rule_table (hash BLOB PRIMARY KEY, raw BLOB NOT NULL) STRICT;
CREATE TABLE fact (idx INTEGER PRIMARY KEY, signer INTEGER NOT NULL, frame BLOB NOT NULL, recipient INTEGER) STRICT;
CREATE INDEX fact_of ON fact (signer, idx);
CREATE INDEX fact_for ON fact (recipient, idx) WHERE recipient IS NOT NULL;

-- how the log of now began; no row while it is the first
CREATE TABLE recovery (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, entry INTEGER NOT NULL) STRICT;
CREATE TABLE awaited (address INTEGER PRIMARY KEY) STRICT;

CREATE TABLE word (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE grants (
    handle BLOB PRIMARY KEY, version INTEGER NOT NULL, last INTEGER NOT NULL, stopped INTEGER NOT NULL,
    held_until INTEGER NOT NULL, forget INTEGER NOT NULL, packed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stop (
    handle BLOB NOT NULL, signer INTEGER NOT NULL, month INTEGER NOT NULL, forget INTEGER NOT NULL,
    PRIMARY KEY (handle, signer)
) STRICT, WITHOUT ROWID;

-- slot to lease_until are there only while it waits
CREATE TABLE message (
    accept INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, sha BLOB NOT NULL, sender INTEGER NOT NULL,
    recipient INTEGER NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL,
    slot INTEGER, handle BLOB, since INTEGER, due INTEGER, offered INTEGER, first_out INTEGER, lease_until INTEGER
) STRICT;
CREATE INDEX message_fresh ON message (recipient, accept) WHERE lease_until = 0;
CREATE INDEX message_out ON message (recipient, lease_until) WHERE lease_until > 0;
CREATE INDEX message_leased ON message (handle, lease_until) WHERE lease_until > 0;
CREATE INDEX message_due ON message (due, slot) WHERE slot IS NOT NULL;
CREATE TABLE payload (accept INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE fault (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sender INTEGER, sha BLOB NOT NULL, handle BLOB, until INTEGER NOT NULL,
    since INTEGER NOT NULL, slot INTEGER NOT NULL, wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE feed (
    address INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, code TEXT NOT NULL, id BLOB, handle BLOB,
    frame BLOB, PRIMARY KEY (address, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
    address INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, handles BLOB NOT NULL, fact BLOB,
    PRIMARY KEY (address, number)
) STRICT;
-- what becomes visible later; kind is NULL for a feed line (whose frame stands in fact), code for a notice
CREATE TABLE later (
    serial INTEGER PRIMARY KEY, at INTEGER NOT NULL, address INTEGER NOT NULL, code TEXT, id BLOB, handle BLOB,
    kind TEXT, handles BLOB, fact BLOB
) STRICT;
CREATE INDEX later_at ON later (at, serial);
"""

RECIPIENTS_SINCE = 2
# From a schema to the next.  Recipients of facts are filled in by the program, which can read them.
MIGRATIONS = {
    1: """
ALTER TABLE fact ADD COLUMN recipient INTEGER;
CREATE INDEX fact_for ON fact (recipient, idx) WHERE recipient IS NOT NULL;
CREATE TABLE recovery (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, entry INTEGER NOT NULL) STRICT;
CREATE TABLE awaited (address INTEGER PRIMARY KEY) STRICT;
ALTER TABLE feed ADD COLUMN frame BLOB;
""",
    2: "CREATE TABLE attestation (manifest BLOB PRIMARY KEY, raw BLOB NOT NULL) STRICT;",
    3: "CREATE TABLE standing (idx INTEGER PRIMARY KEY) STRICT;",
}
READ_ALL_FACTS = "SELECT idx, frame FROM fact"
SET_RECIPIENT = "UPDATE fact SET recipient = (SELECT number FROM address WHERE address = ?) WHERE idx = ?"

# the log
FIRST_HEAD = "INSERT INTO head VALUES (1, 0, ?, -1, 0, 0)"
READ_HEAD = "SELECT size, root, newest_fact, committed_at, grants FROM head"
MOVE_HEAD = (
    "UPDATE head SET size = ?, root = ?, newest_fact = ?, committed_at = ?, grants = grants + ?"
    " WHERE id = 1 AND size = ?"
)
ADD_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?)"
READ_ENTRIES = "SELECT leaf, salt, record FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
ADD_STANDING = "INSERT INTO standing VALUES (?)"
READ_STANDING = (
    "SELECT standing.idx, leaf, salt, record FROM standing JOIN entry ON entry.idx = standing.idx"
    " WHERE standing.idx >= ? ORDER BY standing.idx"
)
# What is public has no salt, and neither has what was erased before.
ERASE = "UPDATE entry SET salt = NULL, record = NULL WHERE idx >= ? AND idx < ? AND salt IS NOT NULL"
ERASE_FACTS = "DELETE FROM fact WHERE idx >= ? AND idx < ?"
READ_RECORDS = "SELECT idx, record FROM entry WHERE idx >= ? AND idx < ? AND salt IS NOT NULL ORDER BY idx"
READ_LEAVES = "SELECT leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
ADD_TILE = "INSERT INTO tile VALUES (?, ?, ?, ?)"
READ_TILE = "SELECT hashes FROM tile WHERE level = ? AND number = ?"
READ_TILE_ROOTS = "SELECT root FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
READ_CHECKPOINT = "SELECT note, size FROM checkpoint"
KEEP_CHECKPOINT = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)"
FIRST_POSITION = "INSERT OR IGNORE INTO position VALUES (?, 0)"
MOVE_POSITION = "UPDATE position SET next = ? WHERE partition = ? AND next = ?"

# addresses
READ_ADDRESSES = "SELECT number, address, state, version, manifest, table_hash FROM address ORDER BY number"
READ_ADDRESS_VERSION = "SELECT version FROM address WHERE number = ?"
ADMIT = "INSERT INTO address SELECT coalesce(max(number), 0) + 1, ?, ?, 1, NULL, NULL FROM address"
CHANGE_STATE = "UPDATE address SET state = ?, version = version + 1 WHERE number = ?"
CHANGE_MANIFEST = "UPDATE address SET manifest = ?, table_hash = ?, version = version + 1 WHERE number = ?"
ADD_MANIFEST = "INSERT INTO manifest VALUES (?, ?, ?)"
READ_MANIFESTS = "SELECT idx, frame FROM manifest WHERE number = ? ORDER BY idx"
ADD_ATTESTATION = "INSERT OR IGNORE INTO attestation VALUES (?, ?)"
READ_ATTESTATION = "SELECT raw FROM attestation WHERE manifest = ?"
ADD_TABLE = "INSERT OR IGNORE INTO rule_table VALUES (?, ?)"
READ_TABLE = "SELECT raw FROM rule_table WHERE hash = ?"
ADD_FACT = "INSERT INTO fact (idx, signer, recipient, frame) VALUES (?, ?, ?, ?)"
READ_FACTS = "SELECT idx, frame FROM fact WHERE signer = ? AND idx >= ? ORDER BY idx LIMIT ?"
READ_REGISTRATIONS = "SELECT idx, frame FROM fact WHERE recipient = ? AND idx >= ? ORDER BY idx LIMIT ?"

# recovery
READ_RECOVERY = "SELECT number, entry FROM recovery"
READ_AWAITED = "SELECT address FROM awaited"
BEGIN_LOG = "INSERT OR REPLACE INTO recovery VALUES (1, ?, ?)"
AWAIT_NOBODY = "DELETE FROM awaited"
AWAIT = "INSERT INTO awaited VALUES (?)"
CONFIRM = "DELETE FROM awaited WHERE address = ?"
DROPPED = ("DELETE FROM message", "DELETE FROM payload", "DELETE FROM feed", "DELETE FROM later WHERE kind IS NULL")
RELEASE_ALL = "UPDATE grants SET held_until = 0, version = version + 1 WHERE held_until > 0"
DROP_FAULTS = "DELETE FROM fault"
# Numbers of an earlier log are all lower, so the rows never meet on their way.
NUMBER_NOTICES = "UPDATE notice SET number = :log * :size + number % :size"
NUMBER_COUNTERS = "UPDATE counter SET notice = :log * :size + notice % :size"
START_COUNTERS = "INSERT OR IGNORE INTO counter SELECT number, 0, 0 FROM address"

# grants
PACKED = Struct("<IIHiIII32s")  # sender, recipient, month, end, row, words of ground and categories, terms hash
NO_END = -(1 << 31)
READ_WORDS = "SELECT number, word FROM word"
ADD_WORD = "INSERT INTO word VALUES (?, ?)"
READ_GRANT = "SELECT handle, version, last, stopped, held_until, forget, packed FROM grants WHERE handle = ?"
READ_GRANT_VERSION = "SELECT version FROM grants WHERE handle = ?"
REGISTER = "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)"
USE = "UPDATE grants SET last = ? WHERE handle = ? AND version = ? AND last = ?"
STOP = "UPDATE grants SET stopped = 1, version = version + 1, forget = ? WHERE handle = ? AND version = ?"
HOLD = (
    "UPDATE grants SET held_until = coalesce((SELECT max(until) FROM fault WHERE fault.handle = ?), 0),"
    " version = version + 1 WHERE handle = ?"
)
ADD_STOP = (
    "INSERT INTO stop VALUES (?, ?, ?, ?)"
    " ON CONFLICT (handle, signer) DO UPDATE SET forget = max(forget, excluded.forget)"
)
READ_STOPS = "SELECT handle, signer, month, forget FROM stop WHERE handle = ? ORDER BY signer"
FORGET_GRANTS = "DELETE FROM grants WHERE handle >= ? AND handle < ? AND forget < ?"
FORGET_STOPS = "DELETE FROM stop WHERE handle >= ? AND handle < ? AND forget < ?"
COUNT_GRANTS = "UPDATE head SET grants = grants - ?"

# messages
_WAITING = "id, sender, recipient, handle, accept, since, offered, first_out, lease_until"
# The planner, which has no figures of these tables, would choose an index that reads all that a recipient has out.
_NONE_OUT = (
    " AND NOT EXISTS (SELECT 1 FROM message AS one INDEXED BY message_leased WHERE one.handle = message.handle"
    " AND one.recipient = message.recipient AND one.lease_until > 0 AND one.lease_until > ?)"
)
JOIN = "INSERT INTO message VALUES (?, ?, ?, ?, ?, 'accepted', ?, ?, ?, ?, ?, 0, 0, 0)"
ADD_PAYLOAD = "INSERT INTO payload VALUES (?, ?)"
REFUSE = "INSERT INTO message (accept, id, sha, sender, recipient, code, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
OFFER = (
    "UPDATE message SET offered = ?, first_out = ?, lease_until = ?, due = ?"
    " WHERE id = ? AND slot IS NOT NULL AND lease_until <= ?"
)
FIND_SLOT = "SELECT accept, slot FROM message WHERE id = ? AND slot IS NOT NULL"
LEAVE = (
    "UPDATE message SET code = ?, at = ?, slot = NULL, handle = NULL, since = NULL, due = NULL, offered = NULL,"
    " first_out = NULL, lease_until = NULL WHERE accept = ?"
)
DROP_PAYLOAD = "DELETE FROM payload WHERE accept = ?"
CHANGE_OUTCOME = "UPDATE message SET code = ?, at = ? WHERE id = ?"
READ_STORED = "SELECT id, sha, sender, recipient, accept, code FROM message WHERE id = ?"
READ_FRESH = (
    f"SELECT {_WAITING} FROM message INDEXED BY message_fresh"
    f" WHERE recipient = ? AND lease_until = 0{_NONE_OUT} ORDER BY accept LIMIT ?"
)
READ_LAPSED = (
    f"SELECT {_WAITING} FROM message INDEXED BY message_out"
    f" WHERE recipient = ? AND lease_until > 0 AND lease_until <= ?{_NONE_OUT} ORDER BY accept LIMIT ?"
)
HAS_SOMETHING = (
    "SELECT asked.value FROM json_each(?) AS asked WHERE"
    " EXISTS (SELECT 1 FROM notice WHERE notice.address = asked.value) OR EXISTS (SELECT 1 FROM message"
    f" INDEXED BY message_fresh WHERE recipient = asked.value AND lease_until = 0{_NONE_OUT})"
    " OR EXISTS (SELECT 1 FROM message INDEXED BY message_out"
    f" WHERE recipient = asked.value AND lease_until > 0 AND lease_until <= ?{_NONE_OUT})"
)
FIND_WAITING = f"SELECT {_WAITING} FROM message WHERE id = ? AND slot IS NOT NULL"
READ_DUE = (
    f"SELECT {_WAITING} FROM message INDEXED BY message_due WHERE slot IS NOT NULL AND due <= ? ORDER BY due LIMIT ?"
)
READ_PAYLOAD = (
    "SELECT message.slot, payload.wrapped FROM message JOIN payload ON payload.accept = message.accept"
    " WHERE message.id = ? AND message.slot IS NOT NULL"
)
READ_SLOTS = "SELECT slot FROM message INDEXED BY message_due WHERE slot IS NOT NULL UNION ALL SELECT slot FROM fault"
COUNT_WAITING = "SELECT count(*) FROM message INDEXED BY message_due WHERE slot IS NOT NULL"
# both from an index alone, so that a long queue costs little; the first accepted of each is looked up by its key
BACKLOG = (
    "SELECT recipient, n, (SELECT since FROM message WHERE accept = first) FROM ("
    "SELECT recipient, sum(n) AS n, min(first) AS first FROM ("
    "SELECT recipient, count(*) AS n, min(accept) AS first FROM message INDEXED BY message_fresh"
    " WHERE lease_until = 0 GROUP BY recipient UNION ALL "
    "SELECT recipient, count(*), min(accept) FROM message INDEXED BY message_out"
    " WHERE lease_until > 0 GROUP BY recipient) GROUP BY recipient)"
)
FIRST_ACCEPT = "SELECT min(accept) FROM message"
FORGET_OUTCOMES = "DELETE FROM message WHERE accept >= ? AND accept < ? AND slot IS NULL AND at < ?"

# what was set aside
SET_ASIDE = "INSERT INTO fault (sender, sha, handle, until, since, slot, wrapped) VALUES (?, ?, ?, ?, ?, ?, ?)"
FIND_FAULT = "SELECT handle, slot FROM fault WHERE number = ?"
DROP_FAULT = "DELETE FROM fault WHERE number = ?"
READ_FAULTS = "SELECT number, sender, sha, handle, since, until FROM fault ORDER BY number"
READ_FAULT = "SELECT slot, wrapped FROM fault WHERE number = ?"
READ_OLD_FAULTS = "SELECT number, slot FROM fault WHERE since < ? AND until <= ?"
COUNT_FAULTS = "SELECT count(*) FROM fault"

# feeds and notices
READ_COUNTER = "SELECT feed, notice FROM counter WHERE address = ?"
MOVE_COUNTER = "INSERT OR REPLACE INTO counter VALUES (?, ?, ?)"
TELL = "INSERT INTO feed VALUES (?, ?, ?, ?, ?, ?, ?)"
NOTIFY = "INSERT INTO notice VALUES (?, ?, ?, ?, ?)"
LATER = "INSERT INTO later (at, address, code, id, handle, kind, handles, fact) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
READ_RIPE = "SELECT serial, address, code, id, handle, kind, handles, fact FROM later WHERE at <= ? ORDER BY at, serial"
IS_RIPE = "SELECT 1 FROM later WHERE at <= ? LIMIT 1"
DROP_LATER = "DELETE FROM later WHERE serial = ?"
READ_FEED = "SELECT number, code, id, handle, frame FROM feed WHERE address = ? AND number > ? ORDER BY number LIMIT ?"
READ_NOTICES = "SELECT number, kind, handles, fact FROM notice WHERE address = ? ORDER BY number LIMIT ?"
ACKNOWLEDGE = "DELETE FROM notice WHERE address = ? AND number <= ?"
READ_FEEDS = "SELECT address, feed FROM counter"
FIRST_KEPT_LINE = "SELECT number FROM feed WHERE address = ? AND at >= ? ORDER BY number LIMIT 1"
FORGET_LINES = "DELETE FROM feed WHERE address = ? AND number < ? AND (code NOT IN ('stopped', 'restored') OR at < ?)"
