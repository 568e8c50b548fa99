-- SPDX-FileCopyrightText: Schakel contributors
-- SPDX-License-Identifier: EUPL-1.2
--
-- The intake through Kafka: several positions in one step, which topics they are positions of, and the keys of the hours.
-- `commit_1` and `erase_2` stay as they are, for whoever runs.

SET LOCAL search_path TO schakel;

-- The topic that the positions belong to: a topic of the same name that was made anew is another one.
CREATE TABLE intake_topic (topic text PRIMARY KEY, cluster text NOT NULL, topic_id text NOT NULL, partitions int NOT NULL);
-- Every record of a partition that was wrapped under the key of an hour before this one has been decided.
CREATE TABLE intake_hour (partition bigint PRIMARY KEY, hour int NOT NULL) WITH (fillfactor = 50);
-- The name of each key of an hour that is not destroyed yet; the keys stand in a file of each machine.
CREATE TABLE hour_key (hour int PRIMARY KEY, name bytea NOT NULL);

-- Moves the positions of a step, before anything else of it; gives `p_at`, so that one statement calls both.
-- Rows are locked in the order of their partitions, so that two workers never wait for each other.
CREATE FUNCTION move_3(p_at bigint, p_partition bigint[], p_old bigint[], p_new bigint[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    moved int;
    begun int;
BEGIN
    IF cardinality(p_partition) > 0 THEN
        PERFORM FROM position WHERE partition = ANY (p_partition) ORDER BY partition FOR UPDATE;
        UPDATE position SET next = r.new FROM unnest(p_partition, p_old, p_new) AS r(part, old, new)
            WHERE partition = r.part AND next = r.old;
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF moved < cardinality(p_partition) THEN
            INSERT INTO position SELECT r.part, r.new FROM unnest(p_partition, p_old, p_new) AS r(part, old, new)
                WHERE r.old = 0 ORDER BY r.part ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS begun = ROW_COUNT;
            IF moved + begun <> cardinality(p_partition) THEN
                RAISE EXCEPTION USING ERRCODE = 'SK002', MESSAGE = 'a partition of the step has another position';
            END IF;
        END IF;
    END IF;
    RETURN p_at;
END $$;
