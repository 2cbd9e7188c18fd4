-- Who may search or read which kind of personal data: said by an officer, not
-- by the database administrator.
\set ON_ERROR_STOP on
SELECT cipguard.grant_access('demo_clerk', 'uscc', 'read');
SELECT cipguard.grant_access('demo_clerk', 'mobile', 'search');
SELECT cipguard.grant_access('demo_manager', 'name', 'read');
SELECT cipguard.grant_access('demo_manager', 'mobile', 'read');
SELECT cipguard.grant_access('demo_manager', 'email', 'read');
SELECT cipguard.grant_access('demo_manager', 'address', 'read');
SELECT cipguard.grant_access('demo_manager', 'uscc', 'read');
