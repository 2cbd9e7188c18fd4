-- The attempts of redteam_types.sql where tables are masked themselves.
-- server: masked
\i test/sql/redteam_types.sql
