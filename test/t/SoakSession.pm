# SoakSession.pm
#	A psql that is told statements one after another, and what came back of
#	each: rows, messages with their SQLSTATE, and whether the server is gone.

package SoakSession;

use strict;
use warnings FATAL => 'all';

use IO::Handle;
use File::Temp;
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
	my $self = bless { marker => 0, input => undef, output => undef, messages => File::Temp->new, read => 0 }, $class;
	# Not to one pipe with the rows: a message would stand amid a row.
	$self->{pid} = open3($self->{input}, $self->{output}, '>&' . fileno($self->{messages}),
		'psql', '-XAtq', '-h', $opt{host}, '-p', $opt{port}, '-U', $opt{role}, '-v', 'VERBOSITY=verbose', 'postgres');
	$self->{input}->autoflush(1);
	my $answer = $self->tell(($opt{begin} // '') . "\nSELECT 'pid=' || pg_backend_pid();");
	($self->{backend}) = $answer->{text} =~ /^pid=(\d+)$/m;
	return $self if !$answer->{lost} && defined $self->{backend};
	$refusal = $answer->{messages};
	$self->end;
	return undef;
}

# Run SQL.  The answer: from and to (times), text (rows), messages (all that
# psql said), errors (pairs of SQLSTATE and message), lost (the connection is).
sub tell
{
	my ($self, $sql) = @_;
	my $marker = '~done ' . ++$self->{marker};
	my ($text, $stuck, $lost) = ('', '', 0);
	my $from = time();
	local $SIG{PIPE} = 'IGNORE';

	print { $self->{input} } "$sql\n\\echo $marker\n" or $lost = 1;
	# An error in the middle of a cursor leaves a row without its end of line.
	while ($text !~ s/\Q$marker\E\n//)
	{
		my $ready = '';
		vec($ready, fileno($self->{output}), 1) = 1;
		if (!select($ready, undef, undef, $patience))
		{
			$stuck = "STUCK:  XXXXX: no answer in $patience seconds\n";
			$lost = 1;
			last;
		}
		if (!sysread($self->{output}, $text, 65536, length $text))
		{
			$lost = 1;
			last;
		}
	}
	my $messages = $stuck . $self->messages;
	# psql may get to the marker before it notices that it has to give up.
	$lost = 1 if $messages =~ /^(?:server closed the connection|no connection to the server|could not (?:send|receive) data)/m;
	my @errors;
	push @errors, [ $1, $2 ] while $messages =~ /^(?:ERROR|FATAL|PANIC|STUCK):  (\w{5}): ([^\n]*)/mg;
	return { from => $from, to => time(), text => $text, messages => $messages, errors => \@errors, lost => $lost };
}

# What psql has said since.  All there is of a statement is there when its
# marker is: psql does not buffer messages.
sub messages
{
	my ($self) = @_;
	open(my $fh, '<', $self->{messages}->filename) or return '';
	seek($fh, $self->{read}, 0);
	my $new = join('', <$fh>);
	$self->{read} += length $new;
	return $new;
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
