-- What plans call in place of protected columns, when the library is
-- preloaded.  Everybody may execute them: they give a mask, or what the
-- caller has at hand.
CREATE FUNCTION cipguard.mask_value(value anyelement, category integer) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_mask_value'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION cipguard.mask_value(anyelement, integer) IS 'mask of a value, of its own type, by the number of the category';

CREATE FUNCTION cipguard.mask_value_serial(value anyelement, category integer) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_mask_value'
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION cipguard.mask_value_serial(anyelement, integer) IS 'the same for categories whose mask is a function of yours, which no parallel plan may call';

CREATE FUNCTION cipguard.disclose_value(value anyelement, relation oid, attnum integer, subject "any", proof cipguard.checked) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_disclose_value'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION cipguard.disclose_value(anyelement, oid, integer, "any", cipguard.checked) IS 'value of a protected column on its way to whoever may read it: recorded, or masked if the right has ended';

CREATE FUNCTION cipguard.disclose_row(value anyelement, relation oid, attnum integer, subject "any", birthday "any", gated boolean, proof cipguard.checked) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_disclose_value'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION cipguard.disclose_row(anyelement, oid, integer, "any", "any", boolean, cipguard.checked) IS 'the same where it depends on the person';

CREATE FUNCTION cipguard.gate_value(value anyelement, relation oid, attnum integer, subject "any", birthday "any", proof cipguard.checked) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_gate_value'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cipguard.gate_value(anyelement, oid, integer, "any", "any", cipguard.checked) IS 'value of a protected column, or its mask if the person is withheld from whoever reads';

CREATE FUNCTION cipguard.gate_value_serial(value anyelement, relation oid, attnum integer, subject "any", birthday "any", proof cipguard.checked) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_gate_value'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION cipguard.gate_value_serial(anyelement, oid, integer, "any", "any", cipguard.checked) IS 'the same for categories whose mask is a function of yours, which no parallel plan may call';

CREATE FUNCTION cipguard.keep_value(value anyelement, old anyelement, category integer) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_keep_value'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.keep_value(anyelement, anyelement, integer) IS 'the old value if the new one equals its mask, else the new one unless it looks like a mask';

CREATE FUNCTION cipguard.keep_person(value anyelement, relation oid, attnum integer, subject "any", birthday "any", proof cipguard.checked) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_keep_person'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION cipguard.keep_person(anyelement, oid, integer, "any", "any", cipguard.checked) IS 'new subject or birthday of a row, or an error if the old one withholds the row';

CREATE FUNCTION cipguard.keep_plain(value "any", old anyelement, category integer) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_keep_plain'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.keep_plain("any", anyelement, integer) IS 'the old encrypted value if the plain one equals its mask, else the plain one encrypted, unless it is text that looks like a mask';

CREATE FUNCTION cipguard.storable(value anyelement) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_storable'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.storable(anyelement) IS 'the value, unless it is what is shown in place of an encrypted value: that is refused';

CREATE FUNCTION cipguard.visible_statistics(value anyelement, relation oid, attnum smallint) RETURNS anyelement
	AS 'MODULE_PATHNAME', 'cipguard_visible_statistics'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.visible_statistics(anyelement, oid, smallint) IS 'statistics of a column, null if it is protected and the caller may not read it';
