-- The table of pgbench -S, for run.sh: the same in each database.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE bench.account (
	aid integer NOT NULL,
	bid integer,
	abalance integer,
	filler character(84)
) WITH (autovacuum_enabled = off, fillfactor = 100);
INSERT INTO bench.account SELECT i, 1, 0, '' FROM generate_series(1, 100000) i;
ALTER TABLE bench.account ADD PRIMARY KEY (aid);
VACUUM (FREEZE, ANALYZE) bench.account;
