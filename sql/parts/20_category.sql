-- Kinds of personal data.
CREATE FUNCTION cipguard.category_id(name text) RETURNS integer
	AS 'MODULE_PATHNAME', 'cipguard_category_id'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.category_id(text) IS 'stable number of a category or token domain: the first 31 bits of the SHA-256 of its name';

CREATE FUNCTION cipguard.known_masker(name text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_known_masker'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.known_masker(text) IS 'whether this version has a masker of that name';

CREATE FUNCTION cipguard.known_validator(name text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_known_validator'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.known_validator(text) IS 'whether this version has a validator of that name';

CREATE FUNCTION cipguard.known_normalizer(name text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_known_normalizer'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.known_normalizer(text) IS 'whether this version has a normal form of that name';

CREATE FUNCTION cipguard.known_suite(name text, searchable boolean) RETURNS boolean
	AS 'MODULE_PATHNAME', 'cipguard_known_suite'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.known_suite(text, boolean) IS 'whether this version has a cipher suite of that name, searchable or not';

CREATE FUNCTION cipguard.choose_suite(suite text, searchable boolean) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_choose_suite'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.choose_suite(text, boolean) IS 'the searchable or random cipher suite of a family (aes, sm4; null: cipguard.default_suite), or the suite itself; raises if there is none or libcrypto lacks it';
REVOKE ALL ON FUNCTION cipguard.choose_suite(text, boolean) FROM PUBLIC;

CREATE FUNCTION cipguard.mask_options_error(options jsonb, mask text) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_mask_options_error'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.mask_options_error(jsonb, text) IS 'what is wrong with options of a mask, or null';

CREATE FUNCTION cipguard.mask_function_problem(mask_function regprocedure) RETURNS text
	AS 'MODULE_PATHNAME', 'cipguard_mask_function_problem'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.mask_function_problem(regprocedure) IS 'what keeps a function from being a custom masker, or null';
REVOKE ALL ON FUNCTION cipguard.mask_function_problem(regprocedure) FROM PUBLIC;

CREATE FUNCTION cipguard.mask_function_digest(mask_function regprocedure) RETURNS bytea
	AS 'MODULE_PATHNAME', 'cipguard_mask_function_digest'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cipguard.mask_function_digest(regprocedure) IS 'SHA-256 of the definition of a function, which a custom masker must keep';
REVOKE ALL ON FUNCTION cipguard.mask_function_digest(regprocedure) FROM PUBLIC;

-- Columns in the order of category.c.
CREATE TABLE cipguard.category (
	name text PRIMARY KEY
		CHECK (name OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_]{0,62}$'),
	id integer NOT NULL UNIQUE GENERATED ALWAYS AS (cipguard.category_id(name)) STORED,
	level smallint NOT NULL CHECK (level OPERATOR(pg_catalog.>=) 1 AND level OPERATOR(pg_catalog.<=) 4),
	sensitive boolean NOT NULL,
	mask text NOT NULL CHECK (cipguard.known_masker(mask)),
	validator text NOT NULL CHECK (cipguard.known_validator(validator)),
	normalizer text NOT NULL CHECK (cipguard.known_normalizer(normalizer)),
	mode text NOT NULL CHECK (mode OPERATOR(pg_catalog.=) 'random' OR mode OPERATOR(pg_catalog.=) 'searchable'),
	suite text NOT NULL,
	-- Names with a dot are of keys that the extension has for itself.
	token_domain text NOT NULL CHECK (token_domain OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_]{0,62}$'),
	pad smallint NOT NULL CHECK (pad OPERATOR(pg_catalog.>=) 1 AND pad OPERATOR(pg_catalog.<=) 255),
	description text,
	builtin boolean NOT NULL DEFAULT false,
	mask_options jsonb NOT NULL DEFAULT '{}' CHECK (cipguard.mask_options_error(mask_options, mask) IS NULL),
	mask_function text,
	mask_digest bytea CHECK (pg_catalog.octet_length(mask_digest) OPERATOR(pg_catalog.=) 32),
	mask_changed boolean NOT NULL DEFAULT false,
	suite_changed boolean NOT NULL DEFAULT false,
	CHECK (cipguard.known_suite(suite, mode OPERATOR(pg_catalog.=) 'searchable')),
	CHECK ((mask OPERATOR(pg_catalog.=) 'custom') OPERATOR(pg_catalog.=) (mask_function IS NOT NULL)),
	CHECK ((mask_function IS NULL) OPERATOR(pg_catalog.=) (mask_digest IS NULL))
);
COMMENT ON TABLE cipguard.category IS 'kinds of personal data and how each is protected';
COMMENT ON COLUMN cipguard.category.id IS 'stable number: type modifier of columns, part of each value';
COMMENT ON COLUMN cipguard.category.level IS '1 (low) to 4 (high), for reports, after GB/T 43697';
COMMENT ON COLUMN cipguard.category.sensitive IS 'sensitive personal information (PIPL article 28)';
COMMENT ON COLUMN cipguard.category.mask IS 'masker: stars name mobile landline e164 email resident_id passport permit military_id bank_card iban uscc us_ssn address plate imei ip mac qq wechat year; suppress gives null, custom calls mask_function';
COMMENT ON COLUMN cipguard.category.validator IS 'validator of new values: none mobile email resident_id bank_card uscc plate date';
COMMENT ON COLUMN cipguard.category.normalizer IS 'normal form for equality: none name phone code email';
COMMENT ON COLUMN cipguard.category.mode IS 'random: no comparison; searchable: equal values have equal tokens';
COMMENT ON COLUMN cipguard.category.suite IS 'cipher suite of new values: aes-random aes-searchable sm4-random sm4-searchable';
COMMENT ON COLUMN cipguard.category.token_domain IS 'categories of one domain can be compared with each other';
COMMENT ON COLUMN cipguard.category.pad IS 'values are padded to a multiple of so many bytes';
COMMENT ON COLUMN cipguard.category.builtin IS 'comes with the extension and is not dumped, unless its mask or suite was changed';
COMMENT ON COLUMN cipguard.category.mask_options IS 'options of the mask: style (standard strict region legacy), size (number from 0.000001 to 1e15), unit (year month day), prefix (whole number from 0 to 127), paths (object: path of a JSON document to name of a category, keep or suppress)';
COMMENT ON COLUMN cipguard.category.mask_function IS 'name of the custom masker; text, since pg_upgrade refuses columns of type regprocedure';
COMMENT ON COLUMN cipguard.category.mask_digest IS 'what cipguard.mask_function_digest() gave when it was registered';
COMMENT ON COLUMN cipguard.category.mask_changed IS 'whether alter_category_mask() was used';
COMMENT ON COLUMN cipguard.category.suite_changed IS 'whether its suite is another than it came with';
REVOKE ALL ON TABLE cipguard.category FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('cipguard.category', 'WHERE NOT builtin OR mask_changed OR suite_changed');

CREATE TRIGGER invalidate_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cipguard.category
	FOR EACH STATEMENT EXECUTE FUNCTION cipguard.invalidate_cache();
ALTER TABLE cipguard.category ENABLE ALWAYS TRIGGER invalidate_cache;

INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, description, builtin) VALUES
	('unclassified', 2, false, 'stars', 'none', 'none', 'random', 'aes-random', 'unclassified', 16, 'values outside of columns: literals and parameters', true),
	('name', 2, false, 'name', 'none', 'name', 'searchable', 'aes-searchable', 'name', 16, 'name of a person', true),
	('mobile', 2, false, 'mobile', 'mobile', 'phone', 'searchable', 'aes-searchable', 'mobile', 16, 'mobile number of mainland China', true),
	('email', 2, false, 'email', 'email', 'email', 'searchable', 'aes-searchable', 'email', 16, 'e-mail address (RFC 5321, RFC 6531)', true),
	('resident_id', 3, true, 'resident_id', 'resident_id', 'code', 'searchable', 'aes-searchable', 'resident_id', 16, 'resident identity number (GB 11643)', true),
	('bank_card', 3, true, 'bank_card', 'bank_card', 'code', 'searchable', 'aes-searchable', 'bank_card', 16, 'payment card number (ISO/IEC 7812)', true),
	('uscc', 1, false, 'uscc', 'uscc', 'code', 'searchable', 'aes-searchable', 'uscc', 16, 'unified social credit code (GB 32100)', true),
	('address', 3, false, 'address', 'none', 'none', 'random', 'aes-random', 'address', 16, 'postal address', true),
	('birth_date', 2, false, 'year', 'date', 'none', 'random', 'aes-random', 'birth_date', 16, 'date of birth', true),
	('plate', 2, false, 'plate', 'plate', 'code', 'searchable', 'aes-searchable', 'plate', 16, 'licence plate (GA 36)', true),
	('landline', 2, false, 'landline', 'none', 'none', 'random', 'aes-random', 'landline', 16, 'fixed-line number of mainland China', true),
	('phone_e164', 2, false, 'e164', 'none', 'phone', 'searchable', 'aes-searchable', 'phone_e164', 16, 'international telephone number (ITU-T E.164)', true),
	('passport', 3, true, 'passport', 'none', 'code', 'searchable', 'aes-searchable', 'passport', 16, 'passport number (ICAO 9303)', true),
	('permit', 3, true, 'permit', 'none', 'code', 'searchable', 'aes-searchable', 'permit', 16, 'travel permit of Hong Kong, Macao or Taiwan residents', true),
	('military_id', 3, true, 'military_id', 'none', 'none', 'random', 'aes-random', 'military_id', 16, 'identity card of the armed forces', true),
	('iban', 3, true, 'iban', 'none', 'code', 'searchable', 'aes-searchable', 'iban', 16, 'international bank account number (ISO 13616)', true),
	('us_ssn', 3, true, 'us_ssn', 'none', 'code', 'searchable', 'aes-searchable', 'us_ssn', 16, 'social security number of the United States', true),
	('imei', 2, false, 'imei', 'none', 'code', 'searchable', 'aes-searchable', 'imei', 16, 'equipment identity of a phone (3GPP TS 23.003)', true),
	('ip_address', 2, false, 'ip', 'none', 'none', 'random', 'aes-random', 'ip_address', 16, 'network address (RFC 791, RFC 4291)', true),
	('mac_address', 2, false, 'mac', 'none', 'code', 'searchable', 'aes-searchable', 'mac_address', 16, 'hardware address (IEEE 802)', true),
	('qq', 2, false, 'qq', 'none', 'code', 'searchable', 'aes-searchable', 'qq', 16, 'QQ number', true),
	('wechat', 2, false, 'wechat', 'none', 'none', 'random', 'aes-random', 'wechat', 16, 'WeChat ID', true);

-- Unless they are those of a dump, which says so if they are others.
UPDATE cipguard.category c
	SET suite = cipguard.choose_suite(NULL, c.mode OPERATOR(pg_catalog.=) 'searchable'), suite_changed = true
	WHERE NOT cipguard.restores_dump()
		AND cipguard.choose_suite(NULL, c.mode OPERATOR(pg_catalog.=) 'searchable') OPERATOR(pg_catalog.<>) c.suite;

-- A dump holds the built-in rows whose mask or suite was changed, and the
-- database that it is restored into has them already.
CREATE FUNCTION cipguard.restore_builtin() RETURNS trigger
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM cipguard.category c WHERE c.name = NEW.name AND c.builtin;
	IF NOT FOUND OR NOT (NEW.mask_changed OR NEW.suite_changed) THEN
		RETURN NEW;
	END IF;
	IF NEW.mask_changed THEN
		UPDATE cipguard.category c
			SET mask = NEW.mask, mask_options = NEW.mask_options, mask_function = NEW.mask_function,
				mask_digest = NEW.mask_digest, mask_changed = true
			WHERE c.name = NEW.name;
	END IF;
	IF NEW.suite_changed THEN
		UPDATE cipguard.category c SET suite = NEW.suite, suite_changed = true WHERE c.name = NEW.name;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION cipguard.restore_builtin() IS 'trigger: takes over mask and suite of a built-in category from a dump';
REVOKE ALL ON FUNCTION cipguard.restore_builtin() FROM PUBLIC;
CREATE TRIGGER restore_builtin BEFORE INSERT ON cipguard.category
	FOR EACH ROW WHEN (NEW.builtin) EXECUTE FUNCTION cipguard.restore_builtin();
ALTER TABLE cipguard.category ENABLE ALWAYS TRIGGER restore_builtin;

CREATE FUNCTION cipguard.check_attribute(attribute text, value text, valid boolean, allowed text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF valid IS NOT TRUE THEN
		RAISE EXCEPTION 'invalid % of a category: %', attribute, coalesce(quote_literal(value), 'null')
			USING ERRCODE = 'invalid_parameter_value', HINT = allowed;
	END IF;
END
$$;
COMMENT ON FUNCTION cipguard.check_attribute(text, text, boolean, text) IS 'raises, with what is allowed as hint, unless valid';

CREATE FUNCTION cipguard.check_mask(mask text, mask_options jsonb, mask_function regprocedure) RETURNS void
	LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text;
	missing text;
BEGIN
	PERFORM cipguard.check_attribute('mask', check_mask.mask, cipguard.known_masker(check_mask.mask),
		col_description('cipguard.category'::regclass, 5));

	problem := coalesce(cipguard.mask_options_error(check_mask.mask_options, check_mask.mask),
		CASE WHEN check_mask.mask_options IS NULL THEN 'they must be an object' END);
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION 'invalid mask options of a category: %', problem
			USING ERRCODE = 'invalid_parameter_value', HINT = col_description('cipguard.category'::regclass, 14);
	END IF;
	SELECT p.value INTO missing
		FROM jsonb_each_text(check_mask.mask_options -> 'paths') p
		WHERE p.value <> 'keep' AND p.value <> 'suppress' AND NOT EXISTS (SELECT FROM cipguard.category c WHERE c.name = p.value)
		ORDER BY p.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'category "%" does not exist', missing
			USING ERRCODE = 'ZC008', HINT = 'A path leads to a category of cipguard.category, to keep or to suppress.';
	END IF;

	IF (check_mask.mask = 'custom') <> (check_mask.mask_function IS NOT NULL) THEN
		RAISE EXCEPTION 'invalid mask function of a category: %',
				CASE WHEN check_mask.mask_function IS NULL THEN 'mask "custom" needs one' ELSE 'only mask "custom" has one' END
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'With mask "custom" name a function (text, jsonb) that returns text as mask_function, else none.';
	END IF;
	problem := cipguard.mask_function_problem(check_mask.mask_function);
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION 'invalid mask function of a category: %', problem
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'It must be an immutable or stable function (text, jsonb) that returns text, not SECURITY DEFINER, with its body in quotes, which cipguard_masker may execute.';
	END IF;
END
$$;
COMMENT ON FUNCTION cipguard.check_mask(text, jsonb, regprocedure) IS 'raises, with what is allowed as hint, unless a category can have that mask';
REVOKE ALL ON FUNCTION cipguard.check_mask(text, jsonb, regprocedure) FROM PUBLIC;

CREATE FUNCTION cipguard.mask_function_name(mask_function regprocedure) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = mask_function
$$;
COMMENT ON FUNCTION cipguard.mask_function_name(regprocedure) IS 'name of a custom masker as cipguard.category keeps it';
REVOKE ALL ON FUNCTION cipguard.mask_function_name(regprocedure) FROM PUBLIC;

CREATE FUNCTION cipguard.add_category(
	category text,
	mode text DEFAULT 'random',
	mask text DEFAULT 'stars',
	validator text DEFAULT 'none',
	normalizer text DEFAULT 'none',
	level integer DEFAULT 2,
	sensitive boolean DEFAULT false,
	token_domain text DEFAULT NULL,
	pad integer DEFAULT 16,
	description text DEFAULT NULL,
	mask_options jsonb DEFAULT '{}',
	mask_function regprocedure DEFAULT NULL,
	suite text DEFAULT NULL
) RETURNS integer
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made integer;
	chosen text;
	beside record;
BEGIN
	PERFORM cipguard.check_attribute('name', add_category.category, add_category.category ~ '^[a-z][a-z0-9_]{0,62}$',
		'A lower-case letter, then lower-case letters, digits and underscores, at most 63.');
	PERFORM cipguard.check_attribute('mode', add_category.mode, add_category.mode = ANY (ARRAY['random', 'searchable']),
		'random or searchable');
	PERFORM cipguard.check_mask(add_category.mask, add_category.mask_options, add_category.mask_function);
	PERFORM cipguard.check_attribute('validator', add_category.validator, cipguard.known_validator(add_category.validator),
		col_description('cipguard.category'::regclass, 6));
	PERFORM cipguard.check_attribute('normalizer', add_category.normalizer, cipguard.known_normalizer(add_category.normalizer),
		col_description('cipguard.category'::regclass, 7));
	PERFORM cipguard.check_attribute('level', add_category.level::text, add_category.level BETWEEN 1 AND 4, '1 to 4');
	PERFORM cipguard.check_attribute('pad', add_category.pad::text, add_category.pad BETWEEN 1 AND 255, '1 to 255 bytes');
	PERFORM cipguard.check_attribute('sensitive', add_category.sensitive::text, add_category.sensitive IS NOT NULL, 'true or false');
	PERFORM cipguard.check_attribute('token domain', add_category.token_domain,
		coalesce(add_category.token_domain ~ '^[a-z][a-z0-9_]{0,62}$', true),
		'A name like that of a category.');
	-- Tokens of one domain are made in one way.
	SELECT c.name, c.suite INTO beside
		FROM cipguard.category c
		WHERE c.mode = 'searchable' AND c.token_domain = coalesce(add_category.token_domain, add_category.category)
		ORDER BY c.name LIMIT 1;
	IF add_category.mode = 'searchable' AND beside.suite IS NOT NULL THEN
		chosen := cipguard.choose_suite(coalesce(add_category.suite, beside.suite), true);
		PERFORM cipguard.check_attribute('suite', add_category.suite, chosen = beside.suite,
			format('Category "%s" of the same token domain has suite %s; cipguard.rotate_token_key() changes it for all of them.',
				beside.name, beside.suite));
	ELSE
		chosen := cipguard.choose_suite(add_category.suite, add_category.mode = 'searchable');
	END IF;
	IF EXISTS (SELECT FROM cipguard.category c WHERE c.name = add_category.category) THEN
		RAISE EXCEPTION 'category "%" already exists', add_category.category
			USING ERRCODE = 'duplicate_object', HINT = 'Choose another name; cipguard.category lists those in use.';
	END IF;
	INSERT INTO cipguard.category (name, level, sensitive, mask, validator, normalizer, mode, suite, token_domain, pad, description,
			mask_options, mask_function, mask_digest)
		VALUES (add_category.category, add_category.level::smallint, add_category.sensitive, add_category.mask,
			add_category.validator, add_category.normalizer, add_category.mode,
			chosen,
			coalesce(add_category.token_domain, add_category.category), add_category.pad::smallint, add_category.description,
			add_category.mask_options, cipguard.mask_function_name(add_category.mask_function),
			cipguard.mask_function_digest(add_category.mask_function))
		RETURNING id INTO made;
	IF cipguard.kek_configured() THEN
		PERFORM cipguard.init();
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION cipguard.add_category(text, text, text, text, text, integer, boolean, text, integer, text, jsonb, regprocedure, text) IS 'adds a kind of personal data, makes its keys, and returns its number';
REVOKE ALL ON FUNCTION cipguard.add_category(text, text, text, text, text, integer, boolean, text, integer, text, jsonb, regprocedure, text) FROM PUBLIC;

-- SECURITY DEFINER: officers may not update the table, or they could change
-- more of a category than its mask, and to more than what is checked here.
CREATE FUNCTION cipguard.alter_category_mask(
	category text,
	mask text,
	mask_options jsonb DEFAULT '{}',
	mask_function regprocedure DEFAULT NULL
) RETURNS void
	LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM cipguard.check_mask(alter_category_mask.mask, alter_category_mask.mask_options, alter_category_mask.mask_function);
	UPDATE cipguard.category c
		SET mask = alter_category_mask.mask, mask_options = alter_category_mask.mask_options,
			mask_function = cipguard.mask_function_name(alter_category_mask.mask_function),
			mask_digest = cipguard.mask_function_digest(alter_category_mask.mask_function),
			mask_changed = true
		WHERE c.name = alter_category_mask.category;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'category "%" does not exist', alter_category_mask.category
			USING ERRCODE = 'ZC008', HINT = 'The table cipguard.category lists all.';
	END IF;
END
$$;
COMMENT ON FUNCTION cipguard.alter_category_mask(text, text, jsonb, regprocedure) IS 'gives a category, even a built-in one, another mask; nothing of the old one stays';
REVOKE ALL ON FUNCTION cipguard.alter_category_mask(text, text, jsonb, regprocedure) FROM PUBLIC;

-- SECURITY DEFINER: as for masks.
CREATE FUNCTION cipguard.alter_category_suite(category text, suite text) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c cipguard.category;
	chosen text;
	used text;
BEGIN
	SELECT * INTO c FROM cipguard.category k WHERE k.name = alter_category_suite.category;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'category "%" does not exist', alter_category_suite.category
			USING ERRCODE = 'ZC008', HINT = 'The table cipguard.category lists all.';
	END IF;
	chosen := cipguard.choose_suite(alter_category_suite.suite, c.mode = 'searchable');
	IF chosen = c.suite THEN
		RETURN;
	END IF;
	IF c.mode = 'searchable' THEN
		SELECT string_agg(t.relation::text, ', ' ORDER BY t.relation::text COLLATE "C") INTO used
			FROM cipguard.token_domain_tables(c.token_domain) t;
		IF used IS NOT NULL THEN
			RAISE EXCEPTION 'the suite of category "%" cannot change while columns hold values of token domain "%"', c.name, c.token_domain
				USING ERRCODE = 'object_not_in_prerequisite_state',
					DETAIL = format('Their equality tokens would differ from those of new values: %s.', used),
					HINT = format('cipguard.rotate_token_key(%L, %L) changes it and them at once.', c.token_domain, chosen);
		END IF;
	END IF;
	UPDATE cipguard.category k SET suite = chosen, suite_changed = true
		WHERE k.name = c.name OR (c.mode = 'searchable' AND k.mode = 'searchable' AND k.token_domain = c.token_domain);
END
$$;
COMMENT ON FUNCTION cipguard.alter_category_suite(text, text) IS 'has new values of a category encrypted by another cipher suite; those there are stay readable';
REVOKE ALL ON FUNCTION cipguard.alter_category_suite(text, text) FROM PUBLIC;
