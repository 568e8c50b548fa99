-- SPDX-FileCopyrightText: Schakel contributors
-- SPDX-License-Identifier: EUPL-1.2
--
-- The machines of a hub, which ask each other whether a database that they connected to has all that they know.
-- What was there stays as it is, for whoever runs.

SET LOCAL search_path TO schakel;

-- Every machine whose file of the greatest checkpoint may know more than a copy of this database.
CREATE TABLE machine (name text PRIMARY KEY, since timestamptz NOT NULL DEFAULT now());
-- What a new connection asks of all others; a number that nobody has seen before, so no copy holds an answer to it.
CREATE TABLE question (number bytea PRIMARY KEY, machine text NOT NULL, at timestamptz NOT NULL DEFAULT now());
-- `vouches`: for all machines, not for itself alone.
CREATE TABLE answer (number bytea, machine text, vouches boolean NOT NULL, PRIMARY KEY (number, machine));
