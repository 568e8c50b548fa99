-- SPDX-FileCopyrightText: Schakel contributors
-- SPDX-License-Identifier: EUPL-1.2
--
-- The tables of the store, and the one call by which a step is committed.  Why they are cut this way: decision 0035.
-- Functions carry the number of the schema that made them: a later one adds its own and leaves these to whoever runs.

CREATE SCHEMA schakel;
SET LOCAL search_path TO schakel;

CREATE TABLE schema_version (id int PRIMARY KEY CHECK (id = 1), version int NOT NULL);

-- The sequencer of all commits.  `directory` rises with every change of addresses or of a recovery, so that whoever
-- keeps them in memory sees with one look at this row whether they are still so.
CREATE TABLE head (
    id int PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, root bytea NOT NULL, peaks bytea[] NOT NULL,
    newest_fact bigint NOT NULL, committed_at bigint NOT NULL, grants bigint NOT NULL, faults bigint NOT NULL,
    directory bigint NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE entry (idx bigint PRIMARY KEY, leaf bytea NOT NULL, salt bytea, record bytea);
CREATE TABLE tile (
    level int NOT NULL, number bigint NOT NULL, root bytea NOT NULL, hashes bytea NOT NULL, PRIMARY KEY (level, number)
);
CREATE TABLE checkpoint (id int PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, note text NOT NULL);
CREATE TABLE position (partition bigint PRIMARY KEY, next bigint NOT NULL) WITH (fillfactor = 50);

CREATE TABLE address (
    number int PRIMARY KEY, address text NOT NULL CONSTRAINT address_admitted UNIQUE, state text NOT NULL,
    version bigint NOT NULL, manifest bytea, table_hash bytea
);
CREATE TABLE counter (address int PRIMARY KEY, feed bigint NOT NULL, notice bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE manifest (idx bigint PRIMARY KEY, number int NOT NULL, frame bytea NOT NULL);
CREATE INDEX manifest_of ON manifest (number, idx);
CREATE TABLE attestation (manifest bytea PRIMARY KEY, raw bytea NOT NULL);
CREATE TABLE rule_table (hash bytea PRIMARY KEY, raw bytea NOT NULL);
CREATE TABLE fact (idx bigint PRIMARY KEY, signer int NOT NULL, recipient int, frame bytea NOT NULL);
CREATE INDEX fact_of ON fact (signer, idx);
CREATE INDEX fact_for ON fact (recipient, idx) WHERE recipient IS NOT NULL;
CREATE TABLE recovery (id int PRIMARY KEY CHECK (id = 1), number bigint NOT NULL, entry bigint NOT NULL);
CREATE TABLE awaited (address int PRIMARY KEY);

CREATE TABLE word (number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text NOT NULL UNIQUE);
-- Room on every page, so that a used number changes no index.
CREATE TABLE grants (
    handle bytea PRIMARY KEY, version bigint NOT NULL, last bigint NOT NULL, stopped boolean NOT NULL,
    held_until bigint NOT NULL, forget int NOT NULL, packed bytea NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX grants_held ON grants (handle) WHERE held_until > 0;
CREATE TABLE stop (
    handle bytea NOT NULL, signer int NOT NULL, month int NOT NULL, forget int NOT NULL, PRIMARY KEY (handle, signer)
);

-- A message is three rows: its outcome, which stays; its waiting, small and often changed; its payload, written once.
CREATE TABLE message (
    accept bigint PRIMARY KEY, id bytea NOT NULL CONSTRAINT message_id UNIQUE, sha bytea NOT NULL, sender int NOT NULL,
    recipient int NOT NULL, code text NOT NULL, at bigint NOT NULL
) WITH (fillfactor = 85);
CREATE TABLE waiting (
    accept bigint PRIMARY KEY, id bytea NOT NULL UNIQUE, day int NOT NULL, sender int NOT NULL, recipient int NOT NULL,
    handle bytea NOT NULL, since bigint NOT NULL, due bigint NOT NULL, offered int NOT NULL, first_out bigint NOT NULL,
    lease_until bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX waiting_fresh ON waiting (recipient, accept) WHERE lease_until = 0;
CREATE INDEX waiting_out ON waiting (recipient, lease_until) WHERE lease_until > 0;
CREATE INDEX waiting_leased ON waiting (handle, lease_until) WHERE lease_until > 0;
CREATE INDEX waiting_due ON waiting (due, accept);
-- One part per day of acceptance, which is dropped with its file once nothing of that day waits.  Sealed bytes do not
-- compress, and a page holds one envelope of 4 kB or more of smaller ones inside the row.
CREATE TABLE payload (day int NOT NULL, accept bigint NOT NULL, wrapped bytea NOT NULL, key bytea NOT NULL,
    PRIMARY KEY (day, accept)) PARTITION BY LIST (day);
-- The name (no key) of the key of each day, under which keys of payloads are wrapped.
CREATE TABLE day_key (day int PRIMARY KEY, name bytea NOT NULL);
CREATE TABLE fault (
    number bigint PRIMARY KEY, sender int, sha bytea NOT NULL, handle bytea, until bigint NOT NULL,
    since bigint NOT NULL, wrapped bytea NOT NULL, day int NOT NULL, key bytea NOT NULL
);

CREATE TABLE feed (
    address int NOT NULL, number bigint NOT NULL, at bigint NOT NULL, code text NOT NULL, id bytea, handle bytea,
    frame bytea, PRIMARY KEY (address, number)
);
CREATE TABLE notice (
    address int NOT NULL, number bigint NOT NULL, kind text NOT NULL, handles bytea NOT NULL, fact bytea,
    PRIMARY KEY (address, number)
);
-- What becomes visible later; kind is NULL for a feed line (whose frame stands in fact), code for a notice.
CREATE TABLE later (
    serial bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, address int NOT NULL, code text,
    id bytea, handle bytea, kind text, handles bytea, fact bytea
);
CREATE INDEX later_at ON later (at, serial);

INSERT INTO schema_version VALUES (1, 0);
INSERT INTO head VALUES (1, 0, sha256(''), '{}', -1, 0, 0, 0, 0);

CREATE FUNCTION stale(because text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'SK001', MESSAGE = because;
END $$;

-- Uses up sequence numbers: one update that compares, too.
CREATE FUNCTION use_1(
    p_handle bytea[], p_version bigint[], p_old bigint[], p_new bigint[], p_expected bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found_rows bigint;
BEGIN
    UPDATE grants SET last = u.new FROM unnest(p_handle, p_version, p_old, p_new) AS u(handle, version, old, new)
        WHERE grants.handle = u.handle AND grants.version = u.version AND grants.last = u.old;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> p_expected THEN
        PERFORM stale('a grant has changed, or its last sequence');
    END IF;
END $$;

-- Numbers what is visible by `p_now` in its order, per address: first what was put off, then these lines; the others are put
-- off.  The row of the head is locked by the caller.
CREATE FUNCTION show_1(
    p_now bigint, p_to bigint[], p_at bigint[], p_code text[], p_id bytea[], p_handle bytea[], p_kind text[],
    p_handles bytea[], p_fact bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    ripe bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM later WHERE at <= p_now) THEN
        SELECT count(*) INTO ripe FROM later WHERE at <= p_now;
    ELSIF cardinality(p_to) = 0 THEN
        RETURN 0;
    END IF;
    WITH due AS (
        DELETE FROM later WHERE ripe > 0 AND at <= p_now RETURNING *
    ), line AS (
        SELECT 0 AS turn, at, serial, address, code, id, handle, kind, handles, fact FROM due
        UNION ALL
        SELECT 1, 0, i, t.address, t.code, t.id, t.handle, t.kind, t.handles, t.fact
            FROM unnest(p_to, p_at, p_code, p_id, p_handle, p_kind, p_handles, p_fact)
            WITH ORDINALITY AS t(address, at, code, id, handle, kind, handles, fact, i) WHERE t.at <= p_now
    ), numbered AS (
        SELECT line.*, row_number() OVER (PARTITION BY line.address, kind IS NULL ORDER BY turn, at, serial)
            + CASE WHEN kind IS NULL THEN coalesce(counter.feed, 0) ELSE coalesce(counter.notice, 0) END AS number
            FROM line LEFT JOIN counter ON counter.address = line.address
    ), told AS (
        INSERT INTO feed SELECT address, number, p_now, code, id, handle, fact FROM numbered WHERE kind IS NULL
    ), notified AS (
        INSERT INTO notice SELECT address, number, kind, handles, fact FROM numbered WHERE kind IS NOT NULL
    )
    INSERT INTO counter AS c
        SELECT address, count(*) FILTER (WHERE kind IS NULL), count(*) FILTER (WHERE kind IS NOT NULL)
        FROM line GROUP BY address
        ON CONFLICT (address) DO UPDATE SET feed = c.feed + excluded.feed, notice = c.notice + excluded.notice;
    INSERT INTO later (at, address, code, id, handle, kind, handles, fact)
        SELECT t.at, t.address, t.code, t.id, t.handle, t.kind, t.handles, t.fact
        FROM unnest(p_to, p_at, p_code, p_id, p_handle, p_kind, p_handles, p_fact)
        WITH ORDINALITY AS t(address, at, code, id, handle, kind, handles, fact, i) WHERE t.at > p_now ORDER BY i;
    RETURN ripe;
END $$;

-- Feed lines and notices whose time has come.
CREATE FUNCTION ripen_1(p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM later WHERE at <= p_now) THEN
        RETURN 0;
    END IF;
    PERFORM FROM head FOR UPDATE;
    RETURN show_1(p_now, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
END $$;

-- The peaks of a tree of `p_size` leaves after these, which stand in `entry` already; makes the tiles that they complete.
CREATE FUNCTION grow_1(p_size bigint, p_peaks bytea[], p_leaves bytea[]) RETURNS bytea[] LANGUAGE plpgsql AS $$
DECLARE
    peaks bytea[] := p_peaks;
    top int := cardinality(p_peaks);
    size bigint := p_size;
    leaf bytea;
    node bytea;
    ones bigint;
    height int;
    roots bytea[];
    tile_level int;
BEGIN
    FOREACH leaf IN ARRAY p_leaves LOOP
        node := sha256('\x00'::bytea || leaf);
        ones := size;
        height := 0;
        roots := '{}';
        WHILE ones & 1 = 1 LOOP
            node := sha256('\x01'::bytea || peaks[top] || node);
            top := top - 1;
            ones := ones >> 1;
            height := height + 1;
            IF height & 7 = 0 THEN
                roots := roots || node;
            END IF;
        END LOOP;
        top := top + 1;
        peaks[top] := node;
        size := size + 1;
        FOR tile_level IN 0 .. cardinality(roots) - 1 LOOP
            INSERT INTO tile SELECT tile_level, (size >> (8 * (tile_level + 1))) - 1, roots[tile_level + 1],
                CASE WHEN tile_level = 0 THEN (
                    SELECT string_agg(sha256('\x00'::bytea || entry.leaf), ''::bytea ORDER BY idx) FROM entry
                    WHERE idx >= size - 256 AND idx < size
                ) ELSE (
                    SELECT string_agg(root, ''::bytea ORDER BY number) FROM tile
                    WHERE level = tile_level - 1 AND number >= (size >> (8 * tile_level)) - 256
                    AND number < size >> (8 * tile_level)
                ) END;
        END LOOP;
    END LOOP;
    RETURN peaks[1:top];
END $$;

CREATE FUNCTION root_of_1(p_peaks bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    node bytea := p_peaks[cardinality(p_peaks)];
    place int;
BEGIN
    FOR place IN REVERSE cardinality(p_peaks) - 1 .. 1 LOOP
        node := sha256('\x01'::bytea || p_peaks[place] || node);
    END LOOP;
    RETURN node;
END $$;

-- Addresses, tables, and what a new log begins with: rare, so they come as one document.  Bytes are hexadecimal.
CREATE FUNCTION directory_1(p_size bigint, p_rare jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x jsonb;
    numbers CONSTANT bigint := 1::bigint << 40;
BEGIN
    IF p_rare -> 'new_log' IS NOT NULL THEN
        x := p_rare -> 'new_log';
        TRUNCATE payload;
        DELETE FROM waiting;
        DELETE FROM message;
        DELETE FROM feed;
        DELETE FROM later WHERE kind IS NULL;
        UPDATE grants SET held_until = 0, version = version + 1 WHERE held_until > 0;
        DELETE FROM fault;
        INSERT INTO counter SELECT number, 0, 0 FROM address ON CONFLICT DO NOTHING;
        DELETE FROM awaited;
        UPDATE notice SET number = (x ->> 0)::bigint * numbers + number % numbers;
        UPDATE counter SET notice = (x ->> 0)::bigint * numbers + notice % numbers;
        INSERT INTO recovery VALUES (1, (x ->> 0)::bigint, p_size + (x ->> 1)::bigint)
            ON CONFLICT (id) DO UPDATE SET number = excluded.number, entry = excluded.entry;
        INSERT INTO awaited SELECT value::int FROM jsonb_array_elements_text(x -> 2);
    END IF;
    DELETE FROM awaited WHERE address IN (SELECT value::int FROM jsonb_array_elements_text(p_rare -> 'confirmed'));
    FOR x IN SELECT * FROM jsonb_array_elements(p_rare -> 'admissions') LOOP
        IF x ->> 2 IS NULL THEN
            INSERT INTO address SELECT coalesce(max(number), 0) + 1, x ->> 0, x ->> 1, 1, NULL, NULL FROM address;
        ELSE
            UPDATE address SET state = x ->> 1, version = version + 1 WHERE number = (x ->> 2)::bigint;
            IF NOT FOUND THEN
                PERFORM stale('there is no address with this number');
            END IF;
        END IF;
    END LOOP;
    INSERT INTO rule_table SELECT decode(t ->> 0, 'hex'), decode(t ->> 1, 'hex')
        FROM jsonb_array_elements(p_rare -> 'tables') AS t ON CONFLICT DO NOTHING;
    INSERT INTO attestation SELECT decode(t ->> 0, 'hex'), decode(t ->> 1, 'hex')
        FROM jsonb_array_elements(p_rare -> 'attestations') AS t ON CONFLICT DO NOTHING;
    FOR x IN SELECT * FROM jsonb_array_elements(p_rare -> 'manifests') LOOP
        UPDATE address SET manifest = decode(x ->> 2, 'hex'), table_hash = decode(x ->> 3, 'hex'), version = version + 1
            WHERE number = (x ->> 1)::bigint;
        IF NOT FOUND THEN
            PERFORM stale('there is no address with this number');
        END IF;
        INSERT INTO manifest VALUES (p_size + (x ->> 0)::bigint, (x ->> 1)::bigint, decode(x ->> 2, 'hex'));
    END LOOP;
END $$;

-- A handle is held as long as the fault on it that holds longest.
CREATE FUNCTION hold_1(p_handle bytea) RETURNS void LANGUAGE sql AS $$
    UPDATE grants SET held_until = coalesce((SELECT max(until) FROM fault WHERE handle = p_handle), 0),
        version = version + 1 WHERE handle = p_handle;
$$;

CREATE FUNCTION faults_1(p_seen bigint, p_rare jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    seen bigint := p_seen;
    x jsonb;
    held bytea;
BEGIN
    FOR x IN SELECT * FROM jsonb_array_elements(p_rare -> 'set_aside') LOOP
        seen := seen + 1;
        INSERT INTO fault VALUES (seen, (x ->> 0)::bigint, decode(x ->> 1, 'hex'), decode(x ->> 2, 'hex'),
            (x ->> 3)::bigint, (x ->> 4)::bigint, decode(x ->> 5, 'hex'), (x ->> 6)::int, decode(x ->> 7, 'hex'));
        PERFORM hold_1(decode(x ->> 2, 'hex'));
    END LOOP;
    FOR x IN SELECT * FROM jsonb_array_elements(p_rare -> 'released') LOOP
        DELETE FROM fault WHERE number = x::bigint RETURNING handle INTO held;
        IF NOT FOUND THEN
            PERFORM stale('a fault is over');
        END IF;
        PERFORM hold_1(held);
    END LOOP;
    RETURN seen;
END $$;

-- Commits a step, whole or not at all; the index of its first entry.
--
-- Order of locks: the position; grants, in the order of their handles; the head, last.  Whatever else it changes only
-- a holder of the head changes, so from there on nothing waits and what is read stays so.
CREATE FUNCTION commit_1(
    p_at bigint, p_day bigint, p_position bigint[],
    p_rest_handle bytea[], p_rest_version bigint[], p_rest_address bigint[], p_rest_address_version bigint[],
    p_leaf bytea[], p_salt bytea[], p_record bytea[],
    p_join_id bytea[], p_join_sha bytea[], p_join_sender bigint[], p_join_recipient bigint[], p_join_handle bytea[],
    p_join_place bigint[], p_join_since bigint[], p_join_due bigint[], p_join_wrapped bytea[], p_join_key bytea[],
    p_no_id bytea[], p_no_sha bytea[], p_no_sender bigint[], p_no_recipient bigint[], p_no_place bigint[],
    p_no_code text[],
    p_use_handle bytea[], p_use_version bigint[], p_use_old bigint[], p_use_new bigint[], p_uses bigint,
    p_offer_id bytea[], p_offered bigint[], p_first_out bigint[], p_lease bigint[], p_offer_due bigint[],
    p_offers bigint,
    p_leave_id bytea[], p_leave_code text[], p_outcome_id bytea[], p_outcome_code text[],
    p_line_to bigint[], p_line_at bigint[], p_line_code text[], p_line_id bytea[], p_line_handle bytea[],
    p_line_kind text[], p_line_handles bytea[], p_line_fact bytea[], p_ack_to bigint[], p_ack_number bigint[],
    p_grant bytea[], p_grant_version bigint[], p_grant_last bigint[], p_grant_stopped bigint[], p_grant_held bigint[],
    p_grant_forget bigint[], p_grant_packed bytea[],
    p_stop bytea[], p_stop_version bigint[], p_stop_forget bigint[],
    p_row_handle bytea[], p_row_signer bigint[], p_row_month bigint[], p_row_forget bigint[],
    p_fact_place bigint[], p_fact_signer bigint[], p_fact_recipient bigint[], p_fact_frame bytea[],
    p_rare text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    h head%ROWTYPE;
    rare CONSTANT jsonb := nullif(p_rare, '')::jsonb;
    early CONSTANT boolean := cardinality(p_grant) = 0 AND rare -> 'new_log' IS NULL;
    new_peaks bytea[];
    seen bigint;
    number_of bigint;
    place int;
BEGIN
    IF current_setting('synchronous_commit') = 'off' OR current_setting('fsync') = 'off'
        OR current_setting('full_page_writes') = 'off' THEN
        RAISE EXCEPTION USING ERRCODE = 'SK003', MESSAGE = 'a durability setting was switched off';
    END IF;

    IF cardinality(p_position) > 0 THEN
        UPDATE position SET next = p_position[3] WHERE partition = p_position[1] AND next = p_position[2];
        IF NOT FOUND AND p_position[2] = 0 THEN
            INSERT INTO position VALUES (p_position[1], p_position[3]) ON CONFLICT DO NOTHING;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'SK002',
                MESSAGE = format('partition %s has another position', p_position[1]);
        END IF;
    END IF;
    IF cardinality(p_stop) > 0 THEN
        PERFORM FROM grants WHERE handle = ANY (p_stop) ORDER BY handle FOR UPDATE;
    END IF;
    IF rare IS NOT NULL THEN
        PERFORM FROM grants WHERE handle IN (
            SELECT decode(x ->> 2, 'hex') FROM jsonb_array_elements(rare -> 'set_aside') AS x
            UNION SELECT handle FROM fault
                WHERE number IN (SELECT x::bigint FROM jsonb_array_elements(rare -> 'released') AS x)
            UNION SELECT handle FROM grants WHERE rare -> 'new_log' IS NOT NULL AND held_until > 0
        ) ORDER BY handle FOR UPDATE;
    END IF;
    IF early AND p_uses <> 0 THEN
        PERFORM use_1(p_use_handle, p_use_version, p_use_old, p_use_new, p_uses);
    END IF;

    SELECT * INTO h FROM head FOR UPDATE;
    -- From here on this is the only commit: what was compared below is so when it ends.
    IF cardinality(p_rest_address) > 0 AND EXISTS (
        SELECT FROM unnest(p_rest_address, p_rest_address_version) AS r(number, version)
        LEFT JOIN address ON address.number = r.number WHERE address.version IS DISTINCT FROM r.version
    ) THEN
        PERFORM stale('an address has changed');
    END IF;
    IF cardinality(p_rest_handle) > 0 AND EXISTS (
        SELECT FROM unnest(p_rest_handle, p_rest_version) AS r(handle, version)
        LEFT JOIN grants ON grants.handle = r.handle WHERE coalesce(grants.version, 0) <> r.version
    ) THEN
        PERFORM stale('a grant has changed');
    END IF;
    IF rare IS NOT NULL THEN
        PERFORM directory_1(h.size, rare);
    END IF;

    IF cardinality(p_grant) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(p_grant, p_grant_stopped) AS r(handle, stopped) JOIN stop ON stop.handle = r.handle
            WHERE r.stopped = 0
        ) THEN
            PERFORM stale('this handle was stopped before it was registered');
        END IF;
        INSERT INTO grants SELECT handle, version, last, stopped <> 0, held, forget, packed FROM unnest(
            p_grant, p_grant_version, p_grant_last, p_grant_stopped, p_grant_held, p_grant_forget, p_grant_packed
        ) AS r(handle, version, last, stopped, held, forget, packed);
    END IF;
    IF NOT early AND p_uses <> 0 THEN
        PERFORM use_1(p_use_handle, p_use_version, p_use_old, p_use_new, p_uses);
    END IF;
    FOR place IN 1 .. cardinality(p_stop) LOOP
        UPDATE grants SET stopped = true, version = version + 1, forget = p_stop_forget[place]
            WHERE handle = p_stop[place] AND version = p_stop_version[place];
        IF NOT FOUND THEN
            PERFORM stale('a grant has changed');
        END IF;
    END LOOP;
    IF cardinality(p_row_handle) > 0 THEN
        INSERT INTO stop SELECT handle, signer, (array_agg(month ORDER BY i))[1], max(forget)
            FROM unnest(p_row_handle, p_row_signer, p_row_month, p_row_forget)
            WITH ORDINALITY AS r(handle, signer, month, forget, i) GROUP BY handle, signer
            ON CONFLICT (handle, signer) DO UPDATE SET forget = greatest(stop.forget, excluded.forget);
    END IF;
    IF cardinality(p_fact_place) > 0 THEN
        INSERT INTO fact SELECT h.size + f.place, signer, recipient, frame
            FROM unnest(p_fact_place, p_fact_signer, p_fact_recipient, p_fact_frame)
            AS f(place, signer, recipient, frame);
    END IF;

    IF cardinality(p_join_id) > 0 THEN
        INSERT INTO message SELECT h.size + j.place, id, sha, sender, recipient, 'accepted', p_at
            FROM unnest(p_join_place, p_join_id, p_join_sha, p_join_sender, p_join_recipient)
            AS j(place, id, sha, sender, recipient);
        INSERT INTO waiting SELECT h.size + j.place, id, p_day, sender, recipient, handle, since, due, 0, 0, 0
            FROM unnest(p_join_place, p_join_id, p_join_sender, p_join_recipient, p_join_handle, p_join_since,
                p_join_due) AS j(place, id, sender, recipient, handle, since, due);
        INSERT INTO payload SELECT p_day, h.size + j.place, wrapped, key
            FROM unnest(p_join_place, p_join_wrapped, p_join_key) AS j(place, wrapped, key);
    END IF;
    IF cardinality(p_no_id) > 0 THEN
        INSERT INTO message SELECT h.size + n.place, id, sha, sender, recipient, code, p_at
            FROM unnest(p_no_place, p_no_id, p_no_sha, p_no_sender, p_no_recipient, p_no_code)
            AS n(place, id, sha, sender, recipient, code);
    END IF;
    IF p_offers <> 0 THEN
        UPDATE waiting SET offered = o.offered, first_out = o.first_out, lease_until = o.lease, due = o.due
            FROM unnest(p_offer_id, p_offered, p_first_out, p_lease, p_offer_due) AS o(id, offered, first_out, lease, due)
            WHERE waiting.id = o.id AND waiting.lease_until <= p_at;
        GET DIAGNOSTICS number_of = ROW_COUNT;
        IF number_of <> p_offers THEN
            PERFORM stale('an envelope no longer waits, or is out under a lease');
        END IF;
    END IF;
    IF cardinality(p_leave_id) > 0 THEN
        WITH gone AS (
            DELETE FROM waiting USING unnest(p_leave_id, p_leave_code) AS l(id, code) WHERE waiting.id = l.id
            RETURNING waiting.accept, waiting.day, l.code
        ), destroyed AS (
            DELETE FROM payload USING gone WHERE payload.day = gone.day AND payload.accept = gone.accept
        )
        UPDATE message SET code = gone.code, at = p_at FROM gone WHERE message.accept = gone.accept;
        GET DIAGNOSTICS number_of = ROW_COUNT;
        IF number_of <> cardinality(p_leave_id) THEN
            PERFORM stale('an envelope no longer waits');
        END IF;
    END IF;
    IF cardinality(p_outcome_id) > 0 THEN
        UPDATE message SET code = o.code, at = p_at FROM unnest(p_outcome_id, p_outcome_code) AS o(id, code)
            WHERE message.id = o.id;
        GET DIAGNOSTICS number_of = ROW_COUNT;
        IF number_of <> cardinality(p_outcome_id) THEN
            PERFORM stale('an outcome is no longer stored');
        END IF;
    END IF;
    seen := h.faults;
    IF rare IS NOT NULL THEN
        seen := faults_1(h.faults, rare);
    END IF;

    PERFORM show_1(p_at, p_line_to, p_line_at, p_line_code, p_line_id, p_line_handle, p_line_kind, p_line_handles,
        p_line_fact);
    IF cardinality(p_ack_to) > 0 THEN
        DELETE FROM notice USING unnest(p_ack_to, p_ack_number) AS a(address, number)
            WHERE notice.address = a.address AND notice.number <= a.number;
    END IF;

    new_peaks := h.peaks;
    IF cardinality(p_leaf) > 0 THEN
        INSERT INTO entry SELECT h.size + i - 1, leaf, salt, record
            FROM unnest(p_leaf, p_salt, p_record) WITH ORDINALITY AS e(leaf, salt, record, i);
        new_peaks := grow_1(h.size, h.peaks, p_leaf);
        h.root := root_of_1(new_peaks);
    END IF;
    UPDATE head SET size = h.size + cardinality(p_leaf), root = h.root, peaks = new_peaks,
        newest_fact = coalesce((SELECT max(h.size + f) FROM unnest(p_fact_place) AS f), h.newest_fact),
        committed_at = greatest(p_at, h.committed_at), grants = h.grants + cardinality(p_grant), faults = seen,
        directory = h.directory + (rare IS NOT NULL)::int;
    RETURN h.size;
END $$;

-- Grants and stops of some handles whose day has passed.
CREATE FUNCTION forget_handles_1(p_from bytea, p_to bytea, p_day bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
    stops bigint;
BEGIN
    DELETE FROM grants WHERE handle IN (
        SELECT handle FROM grants WHERE handle >= p_from AND handle < p_to AND forget < p_day ORDER BY handle FOR UPDATE
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone = 0 AND NOT EXISTS (SELECT FROM stop WHERE handle >= p_from AND handle < p_to AND forget < p_day) THEN
        RETURN 0;
    END IF;
    UPDATE head SET grants = grants - gone;
    DELETE FROM stop WHERE handle >= p_from AND handle < p_to AND forget < p_day;
    GET DIAGNOSTICS stops = ROW_COUNT;
    RETURN gone + stops;
END $$;

CREATE FUNCTION forget_lines_1(p_limit bigint, p_notices bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    c record;
    below bigint;
    lines bigint;
    gone bigint := 0;
BEGIN
    FOR c IN SELECT address, feed FROM counter ORDER BY address LOOP
        SELECT number INTO below FROM feed WHERE address = c.address AND at >= p_limit ORDER BY number LIMIT 1;
        DELETE FROM feed WHERE address = c.address AND number < coalesce(below, c.feed + 1)
            AND (code NOT IN ('stopped', 'restored') OR at < p_notices);
        GET DIAGNOSTICS lines = ROW_COUNT;
        gone := gone + lines;
    END LOOP;
    RETURN gone;
END $$;

CREATE FUNCTION keep_checkpoint_1(p_size bigint, p_note text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO checkpoint AS c VALUES (1, p_size, p_note)
        ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note WHERE c.size <= excluded.size;
    IF NOT FOUND THEN
        PERFORM stale('a checkpoint of a larger size was kept before');
    END IF;
END $$;
