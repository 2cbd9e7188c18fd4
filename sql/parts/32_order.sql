-- Order of encrypted values by what they mean, for readers: < and its like,
-- min, max, and operator classes that decrypt.

CREATE FUNCTION cipguard.enc_rangesel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_rangesel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_rangesel(internal, oid, internal, integer) IS 'selectivity of a range of encrypted values; asks for the right to read';

CREATE FUNCTION cipguard.enc_rangejoinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'cipguard_enc_rangejoinsel'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_rangejoinsel(internal, oid, internal, smallint, internal) IS 'selectivity of a range of encrypted values; asks for the right to read';

CREATE FUNCTION cipguard.enc_order_sortsupport(internal) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_enc_order_sortsupport'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_order_sortsupport(internal) IS 'btree support: fast sorting by value';

CREATE FUNCTION cipguard.enc_collate_sortsupport(internal) RETURNS void
	AS 'MODULE_PATHNAME', 'cipguard_enc_collate_sortsupport'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.enc_collate_sortsupport(internal) IS 'btree support: sorting by the collation of the database';

-- One family for each type that has an order.  Its equality is that of tokens,
-- which the default class has, too.  Of text there is a second one, whose
-- operators go by the collation of the database; the types have none of
-- their own.
-- No family has operators with a plain type on both sides, which amvalidate()
-- misses: those of PostgreSQL would then be in families of ours, and plans
-- on plain columns suffer.  A btree needs them for arrays of plain values only,
-- of which plan_order.c makes arrays of encrypted ones.
DO LANGUAGE plpgsql $do$
DECLARE
	enc text;
	plain text;
	kind text;
	family text;
	op text;
	ops text[];
	sides text[];
	members text;
	i integer;
BEGIN
	FOR enc, plain, kind IN VALUES
		('enc_text', 'text', 'order'),
		('enc_int8', 'bigint', 'order'),
		('enc_numeric', 'numeric', 'order'),
		('enc_date', 'date', 'order'),
		('enc_timestamptz', 'timestamp with time zone', 'order'),
		('enc_text', 'text', 'collate')
	LOOP
		family := pg_catalog.format('cipguard.%I', pg_catalog.concat(enc, CASE WHEN kind OPERATOR(pg_catalog.=) 'order' THEN '_order_ops' ELSE '_collate_order_ops' END));
		enc := pg_catalog.format('cipguard.%I', enc);
		ops := CASE WHEN kind OPERATOR(pg_catalog.=) 'order' THEN ARRAY['pg_catalog.<', 'pg_catalog.<=', 'pg_catalog.=', 'pg_catalog.>=', 'pg_catalog.>']
			ELSE ARRAY['cipguard.~<', 'cipguard.~<=', 'pg_catalog.=', 'cipguard.~>=', 'cipguard.~>'] END;
		EXECUTE pg_catalog.format('CREATE OPERATOR FAMILY %s USING btree', family);
		EXECUTE pg_catalog.format('COMMENT ON OPERATOR FAMILY %s USING btree IS %L', family, 'order of encrypted values');
		FOREACH sides SLICE 1 IN ARRAY ARRAY[ARRAY[enc, enc], ARRAY[enc, plain], ARRAY[plain, enc]] LOOP
			members := '';
			FOR i IN 1 .. 5 LOOP
				members := pg_catalog.concat(members, pg_catalog.format('OPERATOR %s %s(%s, %s), ', i, ops[i], sides[1], sides[2]));
				IF i OPERATOR(pg_catalog.=) 3 THEN
					CONTINUE;
				END IF;
				op := (ARRAY['lt', 'le', NULL, 'ge', 'gt'])[i];
				EXECUTE pg_catalog.format('CREATE FUNCTION cipguard.enc_%1$s_%2$s(%3$s, %4$s) RETURNS boolean AS %5$L, %6$L LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10',
					kind, op, sides[1], sides[2], 'MODULE_PATHNAME', pg_catalog.concat('cipguard_enc_', kind, '_', op));
				EXECUTE pg_catalog.format('COMMENT ON FUNCTION cipguard.enc_%s_%s(%s, %s) IS %L', kind, op, sides[1], sides[2],
					pg_catalog.concat((ARRAY['less than', 'at most', NULL, 'at least', 'greater than'])[i], ', by value, for roles that may read'));
				EXECUTE pg_catalog.format('CREATE OPERATOR %s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = cipguard.enc_%s_%s, COMMUTATOR = OPERATOR(%s), NEGATOR = OPERATOR(%s), RESTRICT = cipguard.enc_rangesel, JOIN = cipguard.enc_rangejoinsel)',
					ops[i], sides[1], sides[2], kind, op, ops[6 OPERATOR(pg_catalog.-) i], (ARRAY[ops[4], ops[5], NULL, ops[1], ops[2]])[i]);
				EXECUTE pg_catalog.format('COMMENT ON OPERATOR %s (%s, %s) IS %L', ops[i], sides[1], sides[2],
					pg_catalog.concat((ARRAY['less than', 'at most', NULL, 'at least', 'greater than'])[i], '; needs the right to read'));
			END LOOP;
			EXECUTE pg_catalog.format('CREATE FUNCTION cipguard.enc_%1$s_cmp(%2$s, %3$s) RETURNS integer AS %4$L, %5$L LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10',
				kind, sides[1], sides[2], 'MODULE_PATHNAME', pg_catalog.concat('cipguard_enc_', kind, '_cmp'));
			EXECUTE pg_catalog.format('COMMENT ON FUNCTION cipguard.enc_%s_cmp(%s, %s) IS %L', kind, sides[1], sides[2], 'btree support: order of values');
			members := pg_catalog.concat(members, pg_catalog.format('FUNCTION 1 (%1$s, %2$s) cipguard.enc_%3$s_cmp(%1$s, %2$s)', sides[1], sides[2], kind));
			IF sides[2] OPERATOR(pg_catalog.=) enc AND sides[1] OPERATOR(pg_catalog.=) enc THEN
				EXECUTE pg_catalog.format('CREATE OPERATOR CLASS %1$s FOR TYPE %2$s USING btree FAMILY %1$s AS %3$s, FUNCTION 2 cipguard.enc_%4$s_sortsupport(internal)',
					family, enc, members, kind);
				EXECUTE pg_catalog.format('COMMENT ON OPERATOR CLASS %s USING btree IS %L', family,
					CASE WHEN kind OPERATOR(pg_catalog.=) 'order' THEN 'order of encrypted values; the index tells the order of rows'
					ELSE 'order of encrypted text by the collation of the database; the index tells the order of rows' END);
			ELSE
				EXECUTE pg_catalog.format('ALTER OPERATOR FAMILY %s USING btree ADD %s', family, members);
			END IF;
		END LOOP;

		-- The index serves min and max by the operator that they name.
		IF kind OPERATOR(pg_catalog.=) 'order' THEN
			FOR i IN 1 .. 2 LOOP
				op := (ARRAY['smaller', 'larger'])[i];
				EXECUTE pg_catalog.format('CREATE FUNCTION cipguard.enc_%1$s(%2$s, %2$s) RETURNS %2$s AS %3$L, %4$L LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10',
					op, enc, 'MODULE_PATHNAME', pg_catalog.concat('cipguard_enc_', op));
				EXECUTE pg_catalog.format('COMMENT ON FUNCTION cipguard.enc_%1$s(%2$s, %2$s) IS %3$L', op, enc,
					pg_catalog.concat('the ', op, ' of two, by value, for roles that may read'));
				EXECUTE pg_catalog.format('CREATE AGGREGATE pg_catalog.%1$I(%2$s) (SFUNC = cipguard.enc_%3$s, STYPE = %2$s, COMBINEFUNC = cipguard.enc_%3$s, SORTOP = OPERATOR(%4$s), PARALLEL = SAFE)',
					(ARRAY['min', 'max'])[i], enc, op, ops[(ARRAY[1, 5])[i]]);
				EXECUTE pg_catalog.format('COMMENT ON AGGREGATE pg_catalog.%I(%s) IS %L', (ARRAY['min', 'max'])[i], enc,
					pg_catalog.concat((ARRAY['least', 'greatest'])[i], ' value, for roles that may read'));
			END LOOP;
		END IF;
	END LOOP;
END
$do$;
