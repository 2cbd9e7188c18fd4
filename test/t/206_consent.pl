# 206_consent.pl
#	Activities and consents on a standby, where a withdrawal reaches sessions
#	that are open, and in a dump, which brings them to another server.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use CipguardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_cluster('primary', allows_streaming => 1);
as($primary, undef, <<'SQL');
	CREATE EXTENSION cipguard CASCADE;
	CREATE ROLE reading LOGIN;
	SET client_min_messages = error;
	CREATE TABLE client (id bigint PRIMARY KEY, gone int, mobile cipguard.enc_text('mobile'));
	ALTER TABLE client DROP COLUMN gone;
	SECURITY LABEL FOR cipguard ON COLUMN client.id IS 'subject';
	INSERT INTO client VALUES (1, '13800138001'), (2, '13800138002');
	CREATE TABLE dropped (mobile cipguard.enc_text('mobile'));
	GRANT SELECT ON client TO reading;
	SELECT cipguard.grant_access('reading', 'mobile');
	SELECT cipguard.add_activity('news', 'p', 'consent', '{mobile}', 'o', columns => '{public.client.mobile}');
	SELECT cipguard.add_activity('nothing', 'p', 'contract', '{mobile}', 'o', columns => '{public.dropped.mobile}');
	SELECT cipguard.record_consent(s, 'news', 'give') FROM unnest(ARRAY['1', '2']) s;
	DROP TABLE dropped;
SQL

$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', "cipguard.spool_directory = ''\n");
$standby->start;
my $session = $standby->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'reading' ]);
my $look = 'SELECT id, mobile FROM client ORDER BY id';
$session->query("SET client_min_messages = error; SET cipguard.purpose = 'news'");
is($session->query($look), "1|13800138001\n2|13800138002", 'standby: who consented is shown');
as($primary, undef, "SELECT cipguard.record_consent('1', 'news', 'withdraw')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query($look), "1|138****8001\n2|13800138002", 'standby: until he withdraws');
as($primary, undef, "SELECT cipguard.revise_activity('news')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is($session->query($look), "1|138****8001\n2|138****8002", 'standby: or the activity is another');
$session->quit;
$standby->stop;

as($primary, undef, "SELECT cipguard.record_consent('1', 'news', 'give')");
my $state = 'SELECT * FROM cipguard.activity ORDER BY id; SELECT relation, column_name FROM cipguard.activity_column WHERE relation::text = \'client\' ORDER BY activity;'
	. ' SELECT * FROM cipguard.consent_event ORDER BY id';
my $dump = $primary->data_dir . '/../dump';
$primary->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $primary->connstr('postgres') ], 'dumped');
as($primary, undef, 'CREATE DATABASE copy');
$primary->command_ok([ 'pg_restore', '--exit-on-error', '-d', $primary->connstr('copy'), $dump ], 'restored');
is($primary->safe_psql('copy', $state), $primary->safe_psql('postgres', $state), 'activities and consents are as they were');
my $reads = sub {
	my ($purpose) = @_;
	return $primary->safe_psql('copy', "SET client_min_messages = error; SET cipguard.require_purpose = on; SET ROLE reading; SET cipguard.purpose = '$purpose'; $look");
};
is($reads->('news'), "1|13800138001\n2|138****8002", 'and decide as they did, though columns have other numbers');
is($reads->('nothing'), "1|138****8001\n2|138****8002", 'an activity whose columns are gone opens nothing');
is($primary->safe_psql('copy', "SELECT cipguard.record_consent('2', 'news', 'give') > max(id) FROM cipguard.consent_event"), 't', 'numbers go on');

done_testing();
