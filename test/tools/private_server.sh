#!/bin/bash
# private_server.sh: a private build, installation and servers; sourced by
# the scripts here and in test/ci
#
#   stage "$@"             copy the tree to a work directory and go there; as
#                          root, continue there as an unprivileged user.  A
#                          function `staging`, if there is one, is called with
#                          the directory before that, to put more into it
#   build                  build, and install into a private tree
#   start_server NAME LINE...   start a server with these lines in its configuration
#   stop_server NAME
#
# They leave $work, the work directory, and $bindir, the private programs.
#
# Run, not sourced, `private_server.sh stop DIR` stops the servers below a work
# directory and removes it: what `make demo KEEP=1` leaves.
#
# Why a private tree: before PostgreSQL 18 an extension can only be loaded from
# the installation, and nothing of the machine shall change.  A PostgreSQL
# program looks for its library and share directories relative to where it
# really is (symbolic links resolved).  So the tree has copies of the programs,
# and for the rest links to what is installed, with our own files beside them.
#
# CIPGUARD_COPT are compiler and linker flags to build with; CIPGUARD_WRAP is a
# command that runs the server's program, which is its last argument:
# `env LD_PRELOAD=...`, `valgrind ...`.
#
# Work directory: src (copy of the tree), inst (installation), NAME (a server's
# data), NAME.log, s (sockets; their paths have to be short), kek (64 hex
# digits: the key-encryption key of every server).
set -euo pipefail

top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")

die() { echo "$*" >&2; exit 1; }

stop_all() { # WORK: stop what runs below a work directory
	local f pid
	[ -d "$1" ] || return 0
	find "$1" -name postmaster.pid 2> /dev/null | while read -r f; do
		pid=$(head -1 "$f" 2> /dev/null) || continue
		kill -INT "$pid" 2> /dev/null || continue
		for _ in $(seq 100); do
			kill -0 "$pid" 2> /dev/null || break
			sleep 0.1
		done
		kill -QUIT "$pid" 2> /dev/null || true
	done
}

remove_work() { # WORK
	[ -e "$1/.cipguard-work" ] || return 0
	stop_all "$1"
	rm -rf --one-file-system "$1"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ "${1:-} $#" = 'stop 2' ] || die 'usage: private_server.sh stop DIR'
	[ -e "$2/.cipguard-work" ] || die "$2 is not a work directory of cipguard"
	remove_work "$2"
	exit
fi

# A directory for everything, where programs may be run.
make_work() {
	local d
	for d in "${CIPGUARD_TMP:-/tmp}" /var/tmp "$top"; do
		work=$(mktemp -d "$d/cipguard.XXXXXX" 2> /dev/null) || continue
		printf '#!/bin/sh\n' > "$work/.cipguard-work"
		chmod 755 "$work/.cipguard-work"
		if "$work/.cipguard-work" 2> /dev/null && [ ${#work} -lt 80 ]; then
			return
		fi
		rm -rf "$work"
	done
	die 'no directory found in which programs may be run; set CIPGUARD_TMP'
}

copy_tree() { # WORK
	mkdir "$1/src"
	tar -C "$top" --exclude=./.git --exclude=./.deps --exclude=./tmp_check --exclude=./output_iso \
		--exclude=./results --exclude='./cipguard.??????' --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		-cf - . | tar -C "$1/src" --no-same-owner -xf -
}

stage() {
	local user self rc=0
	if [ -z "${CIPGUARD_WORK:-}" ]; then
		self=$(realpath --relative-to="$top" "$0")
		# First time: make the work directory, and run this script's copy there.
		make_work
		# shellcheck disable=SC2064 # expanded now
		trap "stage_end '$work'" EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		copy_tree "$work"
		! declare -F staging > /dev/null || staging "$work"
		export CIPGUARD_WORK=$work CIPGUARD_TOP=$top HOME=$work
		local as=()
		if [ "$(id -u)" = 0 ]; then
			user=nobody
			! id postgres > /dev/null 2>&1 || user=postgres
			chown -R "$user:" "$work"
			as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups)
		fi
		cd "$work/src"
		# No variable of the caller's PostgreSQL or make may get in.
		local v
		for v in $(compgen -e | grep -E '^(PG|MAKE|MFLAGS)'); do
			[ "$v" = PG_CONFIG ] || unset "$v"
		done
		${as[@]+"${as[@]}"} bash "$self" "$@" || rc=$?
		exit "$rc"
	fi
	work=$CIPGUARD_WORK
	umask 077
	export LC_ALL=C PG_CONFIG=${PG_CONFIG:-pg_config}
	bindir=$("$PG_CONFIG" --bindir)
	cd "$work/src"
}

# Keep the work directory if a server was left up on purpose; of a failed run keep the logs.
stage_end() { # WORK
	local rc=$?
	if [ -e "$1/keep" ]; then
		return
	fi
	stop_all "$1"
	if [ -d "$1/logs" ] && [ "$rc" != 0 ] && [ -w "$top" ]; then
		rm -rf "$top/tmp_check/logs"
		mkdir -p "$top/tmp_check"
		cp -r "$1/logs" "$top/tmp_check/logs" 2> /dev/null || true
		[ "$(id -u)" != 0 ] || chown -R --reference="$top" "$top/tmp_check"
	fi
	remove_work "$1"
}

link_entries() { # FROM TO: every entry of one directory, but ours, as a link in the other
	mkdir -p "$2"
	find "$1" -mindepth 1 -maxdepth 1 ! -name 'cipguard*' -exec ln -sf -t "$2" {} +
}

# The file build.log tells what went wrong.
build() {
	local inst=$work/inst lib share
	make -s -j"$(nproc)" COPT="${CIPGUARD_COPT:-}" > "$work/build.log" 2>&1 || return 1
	lib=$("$PG_CONFIG" --pkglibdir)
	share=$("$PG_CONFIG" --sharedir)
	mkdir -p "$inst$bindir"
	find -L "$bindir" -maxdepth 1 -type f ! -name postmaster -exec cp -t "$inst$bindir" {} +
	link_entries "$lib" "$inst$lib"
	link_entries "$share" "$inst$share"
	rm "$inst$share/extension"
	link_entries "$share/extension" "$inst$share/extension"
	make -s install COPT="${CIPGUARD_COPT:-}" DESTDIR="$inst" >> "$work/build.log" 2>&1 || return 1
	# shellcheck disable=SC2016 # expanded when they run
	if [ -n "${CIPGUARD_WRAP:-}" ]; then
		mv "$inst$bindir/postgres" "$inst$bindir/postgres.bin"
		# shellcheck disable=SC2016 # expanded when it runs
		printf '#!/bin/bash\nexec %s "${0%%/*}/postgres.bin" "$@"\n' "$CIPGUARD_WRAP" > "$inst$bindir/postgres"
		# A restart would run what the server noted as its program: without the command.
		mv "$inst$bindir/pg_ctl" "$inst$bindir/pg_ctl.bin"
		printf '#!/bin/bash\nexec "${0%%/*}/pg_ctl.bin" "$@" -p "${0%%/*}/postgres"\n' > "$inst$bindir/pg_ctl"
		chmod 755 "$inst$bindir/postgres" "$inst$bindir/pg_ctl"
	fi

	[ "$(realpath "$inst$lib")" = "$(realpath "$("$inst$bindir/pg_config" --pkglibdir)")" ] ||
		die "the programs of $bindir cannot be moved"
	bindir=$inst$bindir
	export PATH=$bindir:$PATH
	mkdir -p "$work/s"
	od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$work/kek"
	chmod 600 "$work/kek"
	initdb -D "$work/template" -U postgres -A trust -E UTF8 --no-locale -N > "$work/initdb.log" 2>&1 || {
		cat "$work/initdb.log" >&2
		return 1
	}
	cat >> "$work/template/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$work/s'
		fsync = off
		logging_collector = off
		log_line_prefix = '%m [%p] %q%a '
		cipguard.kek_file = '$work/kek'
	END
}

start_server() { # NAME LINE...
	local name=$1
	shift
	cp -r "$work/template" "$work/$name"
	printf '%s\n' "$@" >> "$work/$name/postgresql.conf"
	export PGHOST=$work/s PGUSER=postgres PGDATABASE=postgres PGDATA=$work/$name PGCLIENTENCODING=UTF8
	# The port only names the socket, unless the caller wants TCP too.
	PGPORT=${first_port:-5432}
	while [ -e "$work/s/.s.PGSQL.$PGPORT" ]; do PGPORT=$((PGPORT + 1)); done
	export PGPORT
	echo "port = $PGPORT" >> "$PGDATA/postgresql.conf"
	pg_ctl -D "$PGDATA" -l "$work/$name.log" -w -s -t 60 start || {
		tail -20 "$work/$name.log" >&2
		return 1
	}
}

stop_server() { # NAME
	pg_ctl -D "$work/$1" -m fast -w -s stop
}
