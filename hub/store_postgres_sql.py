# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every statement of the store on PostgreSQL that isn't in its numbered migrations (`hub/postgres/`).

Why the tables are cut as they are stands in `hub/decisions/0035-postgresql.md`.
"""

from __future__ import annotations

PARAMETERS = 70  # of the call that commits a step; the first comes back from the call that moves its positions
_REST = ", ".join(["%b"] * (PARAMETERS - 1))
COMMIT = f"SELECT erase_2(commit_1(move_3(%b, %b, %b, %b), {_REST}), %b, %b, %b)"

# the log
# The head, and whether by now the waiting of anything is over, or anything becomes visible.
LOOK = (
    "SELECT size, root, newest_fact, committed_at, directory,"
    " EXISTS (SELECT FROM waiting WHERE due <= greatest(committed_at, %(at)b)),"
    " EXISTS (SELECT FROM later WHERE later.at <= greatest(committed_at, %(at)b)) FROM head"
)
READ_ENTRIES = "SELECT leaf, salt, record FROM entry WHERE idx >= %b AND idx < %b ORDER BY idx"
READ_LEAVES = "SELECT leaf FROM entry WHERE idx >= %b AND idx < %b ORDER BY idx"
READ_TILE = "SELECT hashes FROM tile WHERE level = %b AND number = %b"
READ_TILE_ROOTS = "SELECT root FROM tile WHERE level = %b AND number >= %b AND number < %b ORDER BY number"
READ_RECORDS = "SELECT idx, record FROM entry WHERE idx >= %b AND idx < %b AND salt IS NOT NULL ORDER BY idx"
READ_STANDING = (
    "SELECT standing.idx, leaf, salt, record FROM standing JOIN entry ON entry.idx = standing.idx"
    " WHERE standing.idx >= %b ORDER BY standing.idx"
)
TIDY_ERASED = "VACUUM entry, fact"
READ_CHECKPOINT = "SELECT note FROM checkpoint"
KEEP_CHECKPOINT = "SELECT keep_checkpoint_1(%b, %b)"

# addresses and facts
READ_ADDRESSES = "SELECT number, address, state, version, manifest, table_hash FROM address ORDER BY number"
READ_MANIFESTS = "SELECT idx, frame FROM manifest WHERE number = %b ORDER BY idx"
READ_ATTESTATIONS = "SELECT manifest, raw FROM attestation WHERE manifest = ANY (%b)"
READ_TABLE = "SELECT raw FROM rule_table WHERE hash = %b"
READ_FACTS = "SELECT idx, frame FROM fact WHERE signer = %b AND idx >= %b ORDER BY idx LIMIT %b"
READ_REGISTRATIONS = "SELECT idx, frame FROM fact WHERE recipient = %b AND idx >= %b ORDER BY idx LIMIT %b"
READ_RECOVERY = "SELECT number, entry, array(SELECT address FROM awaited) FROM recovery"

# grants
READ_WORDS = "SELECT number, word FROM word"
ADD_WORD = "INSERT INTO word (word) VALUES (%b) ON CONFLICT DO NOTHING"
READ_GRANTS = "SELECT handle, version, last, stopped, held_until, forget, packed FROM grants WHERE handle = ANY (%b)"
# And after them, in a row of the same form, the head as it was at that moment.
READ_GRANTS_AND_HEAD = (
    f"{READ_GRANTS} UNION ALL SELECT root, size, newest_fact, false, committed_at, directory, NULL FROM head"
)
READ_STOPS = "SELECT handle, signer, month, forget FROM stop WHERE handle = ANY (%b) ORDER BY handle, signer"

# messages
_WAITING = "id, sender, recipient, handle, accept, since, offered, first_out, lease_until"
# Which handles are out: asked once for all rows.  A condition on each row would be planned by what was there when the
# statement was first used, and read everything that is out for every row.  A handle has one recipient.
_OUT = "SELECT handle FROM waiting WHERE lease_until > 0 AND lease_until > %(now)b AND recipient"
# The order names the recipient, so that no plan reads the queue of all others to find the rows of one.
_ONE, _ORDER = "recipient BETWEEN {0} AND {0}", "ORDER BY recipient, accept LIMIT"
READ_STORED = "SELECT id, sha, sender, recipient, accept, code FROM message WHERE id = ANY (%b)"
# Two indexes, each in its own order: what was never handed over, and those whose lease is over.
READ_WAITING = (
    f"(SELECT {_WAITING} FROM waiting WHERE {_ONE.format('%(recipient)b')} AND lease_until = 0"
    f" AND handle NOT IN ({_OUT} = %(recipient)b) {_ORDER} %(most)b) UNION ALL"
    f" (SELECT {_WAITING} FROM waiting WHERE {_ONE.format('%(recipient)b')} AND lease_until > 0"
    f" AND lease_until <= %(now)b AND handle NOT IN ({_OUT} = %(recipient)b) {_ORDER} %(most)b)"
)
HAS_SOMETHING = (
    "SELECT asked.number FROM unnest(%(asked)b) AS asked(number) WHERE"
    " EXISTS (SELECT FROM notice WHERE notice.address = asked.number)"
    f" OR (SELECT true FROM waiting WHERE {_ONE.format('asked.number')} AND lease_until = 0"
    f" AND handle NOT IN ({_OUT} = ANY (%(asked)b)) {_ORDER} 1)"
    " OR (SELECT true FROM waiting WHERE recipient = asked.number AND lease_until > 0 AND lease_until <= %(now)b"
    f" AND handle NOT IN ({_OUT} = ANY (%(asked)b)) LIMIT 1)"
)
FIND_WAITING = f"SELECT {_WAITING} FROM waiting WHERE id = ANY (%b)"
READ_DUE = f"SELECT {_WAITING} FROM waiting WHERE due <= %b ORDER BY due, accept LIMIT %b"
READ_PAYLOADS = (
    "SELECT waiting.id, waiting.day, payload.wrapped, payload.key FROM waiting"
    " JOIN payload ON payload.day = waiting.day AND payload.accept = waiting.accept WHERE waiting.id = ANY (%b)"
)
BACKLOG = (
    "SELECT recipient, n, (SELECT since FROM waiting WHERE accept = first) FROM"
    " (SELECT recipient, count(*) AS n, min(accept) AS first FROM waiting GROUP BY recipient) AS each"
)
COUNTS = (
    "SELECT size, (SELECT count(*) FROM address), (SELECT count(*) FROM waiting), grants,"
    " (SELECT count(*) FROM fault) FROM head"
)

# the parts of the queue, one per day, and the keys of days
READ_DAY_KEYS = "SELECT day, name FROM day_key"
ADD_DAY_KEYS = "INSERT INTO day_key SELECT * FROM unnest(%b, %b) ON CONFLICT DO NOTHING"
DROP_DAY_KEYS = "DELETE FROM day_key WHERE day < %b"
LOCK_PARTS = "SELECT pg_advisory_xact_lock(1396918604)"
PART_WAIT = "SET LOCAL lock_timeout TO '2s'"
# Inside the row: sealed bytes don't compress, and a second table of chunks costs an index more than it saves.
ADD_PART = (
    "CREATE TABLE IF NOT EXISTS payload_{day} PARTITION OF payload FOR VALUES IN ({day})"
    " WITH (toast_tuple_target = 8160);"
    " ALTER TABLE payload_{day} ALTER COLUMN wrapped SET STORAGE {storage}"
)
STORAGE = "MAIN"
READ_PARTS = (
    "SELECT substr(relname, 9)::int FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'payload'::regclass"
)
LOCK_PART = "LOCK TABLE payload, payload_{day} IN ACCESS EXCLUSIVE MODE"
PART_HOLDS = "SELECT EXISTS (SELECT FROM payload_{day})"
DROP_PART = "DROP TABLE payload_{day}"

# what was set aside, feeds and notices
READ_FAULTS = "SELECT number, sender, sha, handle, since, until FROM fault ORDER BY number"
READ_FAULT = "SELECT day, wrapped, key FROM fault WHERE number = %b"
RIPEN = "SELECT ripen_1(%b)"
READ_FEED = (
    "SELECT number, code, id, handle, frame FROM feed WHERE address = %b AND number > %b ORDER BY number LIMIT %b"
)
READ_NOTICES = "SELECT number, kind, handles, fact FROM notice WHERE address = %b ORDER BY number LIMIT %b"

# forgetting
FORGET_HANDLES = "SELECT forget_handles_1(%b, %b, %b)"
FIRST_ACCEPT = "SELECT coalesce(min(accept), 0) FROM message"
FORGET_OUTCOMES = (
    "DELETE FROM message WHERE accept >= %b AND accept < %b AND at < %b"
    " AND NOT EXISTS (SELECT FROM waiting WHERE waiting.accept = message.accept)"
)
FORGET_LINES = "SELECT forget_lines_1(%b, %b)"
FORGET_FAULTS = "DELETE FROM fault WHERE since < %b AND until <= %b"

# whether a call whose answer was lost goes on
WHO_AM_I = "SELECT pg_backend_pid(), backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
END_CALL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %b AND backend_start = %b"
