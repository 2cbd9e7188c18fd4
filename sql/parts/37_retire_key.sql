-- What is used by nothing may go.
CREATE FUNCTION cipguard.retire_key(category text, version integer) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_retire_key'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.retire_key(text, integer) IS 'destroys a version of the data key of a category when no value uses it; waits for running transactions';
REVOKE ALL ON FUNCTION cipguard.retire_key(text, integer) FROM PUBLIC;

-- SECURITY DEFINER: counts values of tables that the reader of key_status may
-- not read, and tells numbers only.  STABLE, unlike what it calls, so that
-- nothing is counted for a query that does not show the numbers.
CREATE FUNCTION cipguard.key_rows() RETURNS jsonb
	LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce(jsonb_object_agg(u.k, u.n), '{}')
		FROM (SELECT format('%s %s %s', k.kind, k.owner, k.version) AS k, sum(k.rows) AS n
			FROM cipguard.key_use() k GROUP BY 1) u);
END
$$;
COMMENT ON FUNCTION cipguard.key_rows() IS 'how many stored values use each version of each key';
REVOKE ALL ON FUNCTION cipguard.key_rows() FROM PUBLIC;

CREATE VIEW cipguard.key_status AS
	SELECT CASE WHEN k.kind OPERATOR(pg_catalog.=) 'd' THEN 'data key'
			WHEN k.kind OPERATOR(pg_catalog.=) 's' THEN 'signing key' ELSE 'token key' END AS kind,
		coalesce(c.name, d.token_domain, k.owner_name) AS of,
		k.version,
		k.state,
		pg_catalog.encode(pg_catalog.substr(k.kek_id, 1, 4), 'hex') AS kek,
		k.created,
		k.retired,
		-- Of signing keys no values are counted.
		CASE WHEN k.kind OPERATOR(pg_catalog.<>) 's' THEN
			coalesce(((SELECT cipguard.key_rows()) OPERATOR(pg_catalog.->>)
				pg_catalog.format('%s %s %s', k.kind, k.owner, k.version))::bigint, 0) END AS rows
	FROM cipguard.data_key k
		LEFT JOIN cipguard.category c ON k.kind OPERATOR(pg_catalog.=) 'd' AND c.id OPERATOR(pg_catalog.=) k.owner
		LEFT JOIN (SELECT DISTINCT token_domain FROM cipguard.category) d
			ON k.kind OPERATOR(pg_catalog.=) 't' AND cipguard.category_id(d.token_domain) OPERATOR(pg_catalog.=) k.owner;
COMMENT ON VIEW cipguard.key_status IS 'keys, of which category or token domain, their state and how many values use each (which reads every table, when that column is selected); no key material';
REVOKE ALL ON TABLE cipguard.key_status FROM PUBLIC;
