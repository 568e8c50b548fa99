-- SPDX-FileCopyrightText: Schakel contributors
-- SPDX-License-Identifier: EUPL-1.2
--
-- Entries that say who may erase, and the erasing of records and salts.  `commit_1` stays as it is, for whoever runs.

SET LOCAL search_path TO schakel;

CREATE TABLE standing (idx bigint PRIMARY KEY);

-- What a step erases, within the transaction of `commit_1`, which gave `p_start` and holds the head.  Leaves stay; what
-- is public has no salt and stays too.
CREATE FUNCTION erase_2(p_start bigint, p_standing bigint[], p_first bigint[], p_end bigint[]) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_standing) > 0 THEN
        INSERT INTO standing SELECT p_start + place FROM unnest(p_standing) AS place;
    END IF;
    IF cardinality(p_first) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(p_first, p_end) AS r(low, high) WHERE NOT (0 <= low AND low < high AND high <= p_start)
        ) THEN
            PERFORM stale('the log has no such entries to erase');
        END IF;
        UPDATE entry SET salt = NULL, record = NULL FROM unnest(p_first, p_end) AS r(low, high)
            WHERE idx >= low AND idx < high AND salt IS NOT NULL;
        DELETE FROM fact USING unnest(p_first, p_end) AS r(low, high) WHERE idx >= low AND idx < high;
    END IF;
    RETURN p_start;
END $$;
