# SoakSession.pm
#	A psql that is told statements one after another, and what came back of
#	each: rows, messages with their SQLSTATE, and whether the server is gone.

package SoakSession;

use strict;
use warnings FATAL => 'all';

use IO::Handle;
use IPC::Open3;
use Time::HiRes qw(time);

# A statement that takes longer is stuck: the servers have shorter timeouts.
my $patience = 100;

# Options: host, port, role, begin (SQL that is run first).  Undef if there is
# no connection to be had; $SoakSession::refusal says why.
our $refusal = '';

sub new
{
	my ($class, %opt) = @_;
	my $self = bless { marker => 0, input => undef, output => undef }, $class;
	# Standard error goes where standard output goes.
	$self->{pid} = open3($self->{input}, $self->{output}, undef,
		'psql', '-XAtq', '-h', $opt{host}, '-p', $opt{port}, '-U', $opt{role}, '-v', 'VERBOSITY=verbose', 'postgres');
	$self->{input}->autoflush(1);
	my $answer = $self->tell(($opt{begin} // '') . "\nSELECT 'pid=' || pg_backend_pid();");
	($self->{backend}) = $answer->{text} =~ /^pid=(\d+)$/m;
	return $self if !$answer->{lost} && defined $self->{backend};
	$refusal = $answer->{text};
	$self->end;
	return undef;
}

# Run SQL.  The answer: from and to (times), text (all that psql printed),
# errors (pairs of SQLSTATE and message), lost (the connection is).
sub tell
{
	my ($self, $sql) = @_;
	my $marker = '~done ' . ++$self->{marker};
	my ($text, $lost) = ('', 0);
	my $from = time();
	local $SIG{PIPE} = 'IGNORE';

	print { $self->{input} } "$sql\n\\echo $marker\n" or $lost = 1;
	while ($text !~ s/^\Q$marker\E\n//m)
	{
		my $ready = '';
		vec($ready, fileno($self->{output}), 1) = 1;
		if (!select($ready, undef, undef, $patience))
		{
			$text .= "\nSTUCK:  XXXXX: no answer in $patience seconds to: $sql\n";
			$lost = 1;
			last;
		}
		if (!sysread($self->{output}, $text, 65536, length $text))
		{
			$lost = 1;
			last;
		}
	}
	# psql may get to the marker before it notices that it has to give up.
	$lost = 1 if $text =~ /^(?:server closed the connection|no connection to the server|could not (?:send|receive) data)/m;
	my @errors;
	push @errors, [ $1, $2 ] while $text =~ /(?:ERROR|FATAL|PANIC|STUCK):  (\w{5}): ([^\n]*)/g;
	return { from => $from, to => time(), text => $text, errors => \@errors, lost => $lost };
}

sub end
{
	my ($self) = @_;
	return unless defined $self->{pid};
	local $SIG{PIPE} = 'IGNORE';
	close($self->{input});
	close($self->{output});
	# It may wait for a server that does not answer any more.
	kill('TERM', $self->{pid});
	waitpid($self->{pid}, 0);
	$self->{pid} = undef;
	return;
}

1;
