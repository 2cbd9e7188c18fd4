-- The decision, and what it is made of.
CREATE FUNCTION cipguard.access_decision(
	role regrole,
	category text,
	relation regclass DEFAULT NULL,
	subject text DEFAULT NULL,
	OUT allowed boolean,
	OUT reason text,
	OUT sqlstate text
) RETURNS record
	AS 'MODULE_PATHNAME', 'cipguard_access_decision'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED;
COMMENT ON FUNCTION cipguard.access_decision(regrole, text, regclass, text) IS 'whether a role is given plaintext of a category, in this session and now, and the first condition that is not met';
REVOKE ALL ON FUNCTION cipguard.access_decision(regrole, text, regclass, text) FROM PUBLIC;

CREATE FUNCTION cipguard.why(
	category text,
	relation regclass DEFAULT NULL,
	subject text DEFAULT NULL,
	OUT condition text,
	OUT in_force boolean,
	OUT met boolean,
	OUT detail text,
	OUT law text,
	OUT remedy text
) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'cipguard_why'
	LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED;
COMMENT ON FUNCTION cipguard.why(text, regclass, text) IS 'all conditions on which the current user is given plaintext of a category: is it met, where does it come from, what is to be done';
REVOKE ALL ON FUNCTION cipguard.why(text, regclass, text) FROM PUBLIC;
