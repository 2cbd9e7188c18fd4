-- What a database administrator does for the tables of data.sql: roles,
-- ordinary rights, one label for each column that is to be masked but stays
-- plain, one call for each audited table, and one for a masking view, which
-- servers that do not preload the library need.
\set ON_ERROR_STOP on

-- Five people. Roles belong to the cluster and may be left from another run.
SELECT format('CREATE ROLE %I LOGIN', name) AS command
	FROM unnest('{demo_clerk,demo_manager,demo_auditor,demo_officer,demo_second}'::text[]) AS name
	WHERE to_regrole(name) IS NULL
	\gexec
GRANT cipguard_auditor TO demo_auditor;
GRANT cipguard_officer TO demo_officer, demo_second;

-- PostgreSQL writes the text of a failing statement to the server log. Values
-- in it are not the extension's to hide, so the text is not written.
SELECT format('ALTER ROLE %I IN DATABASE %I SET log_min_error_statement = panic', name, current_database()) AS command
	FROM unnest('{demo_clerk,demo_manager,demo_auditor}'::text[]) AS name
	\gexec

-- A plain column that is masked, and the columns that say whom a row is about.
SECURITY LABEL FOR cipguard ON COLUMN demo.contract.site_contact IS 'name';
SECURITY LABEL FOR cipguard ON COLUMN demo.client.id IS 'subject';
SECURITY LABEL FOR cipguard ON COLUMN demo.contract.client_id IS 'subject of demo.client';

SELECT cipguard.create_masking_view('demo.client');
SELECT cipguard.audit_table('demo.client');
SELECT cipguard.audit_table('demo.contract');

-- Ordinary rights, as without the extension: on the tables themselves.
GRANT USAGE ON SCHEMA demo TO demo_clerk, demo_manager, demo_auditor;
GRANT SELECT, INSERT, UPDATE ON demo.client, demo.contract TO demo_clerk, demo_manager;
GRANT SELECT ON demo.client, demo.contract TO demo_auditor;
GRANT SELECT ON demo.client_masked TO demo_clerk;
