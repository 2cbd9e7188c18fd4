# SoakConductor.pm
#	Those who decide, and those who maintain, while the clients of the soak
#	test (SoakClient.pm) work.
#
#	What forbids something notes from when until when it certainly did: from
#	the answer to the statement that forbade it to the first attempt to allow it.

package SoakConductor;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Fcntl ':flock';
use List::Util 'shuffle';
use Time::HiRes qw(sleep time);

use SoakClient;

our @EXPORT = qw(policy maintenance exclusively);

# Configuration files are not written while a server starts, nor is it stopped
# while keys change hands.
sub exclusively
{
	my ($dir, $what) = @_;
	open(my $fh, '>', "$dir/lock") or die "could not open $dir/lock: $!";
	flock($fh, LOCK_EX) or die "flock: $!";
	my $result = eval { $what->() };
	my $error = $@;
	close($fh);
	die $error if $error;
	return $result;
}

# Run SQL until it was answered; what is lost is tried again, so it has to be
# right twice.  The answer has the begin of the first attempt.
sub change
{
	my ($self, $role, $sql) = @_;
	my $from = time();
	while (1)
	{
		my $answer = $self->tell($role, $sql);
		if (!$answer->{lost})
		{
			$answer->{from} = $from;
			return $answer;
		}
		$self->leave($role);
		$self->count('decisions repeated');
	}
}

sub forbidden
{
	my ($self, $what, $from, $until) = @_;
	$self->note('I', $what, $from, $until) if $from < $until;
	return;
}

# --- Who may what

my @categories = qw(name mobile address);

sub lift_lockdowns
{
	my ($self) = @_;
	my $from = time();
	change($self, 'ann', "SELECT cipguard.lift_lockdown(id, 'over') FROM cipguard.lockdowns;");
	change($self, 'bob', "SELECT cipguard.approve(id) FROM cipguard.requests_open WHERE kind = 'lift_lockdown';");
	return $from;
}

sub policy
{
	my ($self) = @_;
	# Since when something is forbidden, by what it is; undef while it is allowed.
	my %closed = ('role fickle' => $self->{began}, label => $self->{began}, map { ("consent $_" => $self->{began}) } 1 .. 20);
	$closed{"restrict $_"} = undef foreach 21 .. 30;
	# What was open is closed, and the other way round.
	my $toggle = sub {
		my ($what, $role, $open, $close) = @_;
		if (defined $closed{$what})
		{
			my $answer = change($self, $role, $open);
			forbidden($self, $what, $closed{$what}, $answer->{from});
			$closed{$what} = undef;
		}
		else
		{
			my $answer = change($self, $role, $close);
			$closed{$what} = @{ $answer->{errors} } ? undef : $answer->{to};
		}
		return;
	};
	my %act = (
		'grants and revocations' => sub {
			if (defined $closed{'role fickle'})
			{
				my $answer = rand() < 0.3
				  ? change($self, 'postgres', 'GRANT reader TO fickle;')
				  : change($self, 'ann', join("\n", map { "SELECT cipguard.grant_access('fickle', '$_');" } @categories));
				forbidden($self, 'role fickle', $closed{'role fickle'}, $answer->{from});
				$closed{'role fickle'} = undef;
				return;
			}
			change($self, 'postgres', 'REVOKE reader FROM fickle;');
			my $what = rand() < 0.3 ? "suspend_access(id, 'soak')" : 'revoke_access(id)';
			my $answer = change($self, 'ann', "SELECT cipguard.$what FROM cipguard.access_grants WHERE grantee = 'fickle'::regrole;");
			$closed{'role fickle'} = $answer->{to} unless @{ $answer->{errors} };
		},
		'lockdowns and lifts' => sub {
			my $scope = ('all', 'role reader', 'relation client', 'category mobile', 'category name', 'category address')[ rand 6 ];
			my $answer = change($self, rand() < 0.5 ? 'ann' : 'eve', "SELECT cipguard.lockdown('$scope', 'soak');");
			sleep(0.2 + rand);
			my $from = lift_lockdowns($self);
			forbidden($self, "lock $scope", $answer->{to}, $from) unless @{ $answer->{errors} };
		},
		'consents given and withdrawn' => sub {
			my $id = 1 + int rand 20;
			$toggle->("consent $id", 'ann', map { "SELECT cipguard.record_consent('$id', 'newsletter', '$_');" } qw(give withdraw));
		},
		'activities revised' => sub {
			# All consents were given to the version before.
			my $answer = change($self, 'ann', "SELECT cipguard.revise_activity('newsletter', 'send the newsletter, ' || clock_timestamp());");
			return if @{ $answer->{errors} };
			$closed{"consent $_"} //= $answer->{to} foreach 1 .. 20;
		},
		'restrictions and lifts' => sub {
			my $id = 21 + int rand 10;
			$toggle->("restrict $id", 'ann', "SELECT cipguard.lift_restriction('$id', 'soak');", "SELECT cipguard.restrict_subject('$id', 'soak');");
		},
		'labels set and removed' => sub {
			$toggle->('label', 'postgres', map { "SECURITY LABEL FOR cipguard ON COLUMN extra.contact IS $_;" } "NULL", "'name'");
		},
		'masks changed' => sub {
			change($self, 'ann', "SELECT cipguard.alter_category_mask('address', '" . (qw(stars address suppress))[ rand 3 ] . "');");
		},
		'budgets set' => sub {
			change($self, 'ann', "SELECT cipguard.set_budget('agent', 'mobile', $self->{budget}, $self->{budget});");
		},
		'keys of persons destroyed' => sub {
			my $answer = change($self, 'postgres', "SELECT 'id=' || id FROM tenant WHERE id % 3 = 0 ORDER BY random() LIMIT 1;");
			my ($id) = $answer->{text} =~ /^id=(\d+)$/m or return;
			$self->note('N', "destroying $id", 1);
			change($self, 'ann', "SELECT cipguard.destroy_subject_key('$id', 'tenant', 'soak');");
		});
	my @often = (('grants and revocations') x 6, ('consents given and withdrawn') x 4, ('restrictions and lifts') x 3, ('lockdowns and lifts') x 2,
		'labels set and removed', 'masks changed', 'budgets set', 'keys of persons destroyed', 'activities revised');
	while ($self->goes_on)
	{
		my $what = $often[ rand @often ];
		$act{$what}->();
		$self->count($what);
		$self->rest(4);
	}
	lift_lockdowns($self);
	# At the end nothing is restricted.
	foreach my $what (sort grep { defined $closed{$_} } keys %closed)
	{
		forbidden($self, $what, $closed{$what}, time());
		change($self, 'ann', "SELECT cipguard.lift_restriction('$1', 'soak');") if $what =~ /^restrict (\d+)/;
	}
	return;
}

# --- What is done beside work

sub configure
{
	my ($self, %settings) = @_;
	foreach my $dir (@{ $self->{data} })
	{
		open(my $fh, '>>', "$dir/postgresql.conf") or die "could not write $dir/postgresql.conf: $!";
		print $fh "$_ = '$settings{$_}'\n" foreach sort keys %settings;
		close($fh);
	}
	return;
}

# On every server; a standby may be away, and reads its configuration when it starts.
sub everywhere
{
	my ($self, $sql) = @_;
	change($self, 'postgres', $sql);
	foreach my $port (@{ $self->{standbys} })
	{
		my $standby = SoakSession->new(host => $self->{host}, port => $port, role => 'postgres') or next;
		$standby->tell($sql);
		$standby->end;
	}
	return;
}

sub rotate_kek
{
	my ($self) = @_;
	exclusively($self->{dir}, sub {
		my $from = $self->{kek};
		my $to = "$self->{dir}/kek." . ++$self->{kek_number};
		open(my $fh, '>', $to) or die "could not write $to: $!";
		print $fh unpack('H*', join('', map { chr int rand 256 } 1 .. 32)), "\n";
		close($fh);
		chmod(0600, $to);
		configure($self, 'cipguard.kek_file' => $to, 'cipguard.previous_kek_file' => $from);
		everywhere($self, "SELECT pg_reload_conf(); SELECT pg_sleep(0.2); SELECT cipguard.unseal();");
		change($self, 'ann', 'SELECT cipguard.rotate_kek();');
		change($self, 'postgres', "SELECT 'waiting' FROM pg_sleep(0.3);");
		$self->{kek} = $to;
		return;
	});
	return;
}

sub maintenance
{
	my ($self) = @_;
	my $next = 1;
	my %act = (
		'data keys rotated' => [ ann => sub { "SELECT cipguard.rotate_key('" . $categories[ rand @categories ] . "');" } ],
		'tables encrypted anew' => [ postgres => sub { "CALL cipguard.reencrypt('" . (qw(client bench tenant visit))[ rand 4 ] . "', 200);" } ],
		'tables given to the worker' => [ postgres => sub { "SELECT cipguard.start_reencrypt('client', 200);" } ],
		'token keys rotated' => [ ann => sub { "SELECT cipguard.rotate_token_key('" . (qw(name mobile))[ rand 2 ] . "');" } ],
		'old keys asked to retire' => [ ann => sub { "SELECT cipguard.retire_key(of, min(version)) FROM cipguard.key_status WHERE kind = 'data key' AND of = 'mobile' GROUP BY of;" } ],
		'blocks sealed' => [ ann => sub { 'SELECT cipguard.seal();' } ],
		'logs verified' => [ ann => sub { "SELECT 'finding=' || status || ' ' || finding || ' ' || coalesce(detail, '') FROM cipguard.audit_verify() WHERE status IN ('error', 'failed');" } ],
		'journals taken in' => [ ann => sub { 'SELECT cipguard.ingest();' } ],
		'epochs closed' => [ ann => sub { 'CALL cipguard.close_epoch();' } ],
		'months indexed' => [ postgres => sub { 'SELECT cipguard.index_closed_months();' } ],
		'tables written anew (VACUUM FULL)' => [ postgres => sub { 'VACUUM FULL ' . (qw(client tenant bench))[ rand 3 ] . ';' } ],
		'tables vacuumed and analyzed' => [ postgres => sub { 'VACUUM ANALYZE;' } ],
		'indexes built anew' => [ postgres => sub { 'REINDEX TABLE ' . (rand() < 0.5 ? 'CONCURRENTLY ' : '') . (rand() < 0.5 ? 'client' : 'tenant') . ';' } ],
		'indexes made and dropped concurrently' => [ postgres => sub { 'DROP INDEX CONCURRENTLY IF EXISTS by_name; CREATE INDEX CONCURRENTLY by_name ON client (phone);' } ],
		'partitions added' => [ postgres => sub { my $n = $next++; "CREATE TABLE IF NOT EXISTS visit_more_$n PARTITION OF visit FOR VALUES FROM (current_date + 1000 + $n) TO (current_date + 1001 + $n);" } ],
		'columns added' => [ postgres => sub { 'ALTER TABLE extra ADD COLUMN IF NOT EXISTS more' . $next++ . ' int;' } ],
		'key-encryption keys rotated' => [ undef, \&rotate_kek ],
		'keys sealed and unsealed' => [ undef, sub {
			# Not when the key changes hands; a crash between unseals, too.
			exclusively($self->{dir}, sub {
				change($self, 'ann', 'SELECT cipguard.seal_keys();');
				sleep(0.2);
				change($self, 'ann', 'SELECT cipguard.unseal();');
				return;
			});
		} ],
		'findings and key use listed' => [ postgres => sub { 'SELECT count(*) FROM cipguard.key_use(); SELECT count(*) FROM cipguard.lint_exposure(); SELECT count(*) FROM cipguard.policy_statement();' } ]);
	my @names = sort keys %act;
	my @round;
	while ($self->goes_on)
	{
		# Each in turn, in another order in each round.
		@round = shuffle(@names) unless @round;
		my $what = shift @round;
		my ($role, $sql) = @{ $act{$what} };
		my $failed = 0;
		if (defined $role)
		{
			my $answer = change($self, $role, $sql->());
			$failed = @{ $answer->{errors} };
			$self->note('X', 'the log', $1) if $answer->{text} =~ /^(finding=.*)/m;
		}
		else
		{
			$sql->($self);
		}
		$self->count($failed ? "refused: $what" : $what);
		$self->rest(8);
	}
	return;
}

1;
