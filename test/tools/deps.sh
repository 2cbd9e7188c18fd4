#!/bin/bash
# deps.sh: install the Debian packages that building and testing cipguard needs
#
#   deps.sh            what `make demo`, `make check` and `make install` need
#   deps.sh TARGET...  and what these targets of the Makefile need
#
# For check-clients, the drivers are installed as far as they can be had: it
# says which cannot.
#
# Packages are asked for by the file that is missing, not by their names, so a
# PostgreSQL from elsewhere (PG_CONFIG) is as good as Debian's.  Runs as root,
# or through sudo.
set -euo pipefail

pg_config=${PG_CONFIG:-pg_config}
say() { echo "deps: $*"; }
die() { say "$@" >&2; exit 1; }

# As root: install the packages named.
#
# On Debian, installing a server creates a cluster and starts it, and starts
# every other cluster that is down.  Nothing here needs a cluster, so for as
# long as apt-get runs, a drop-in file says that none is created and a policy
# that no service is started (invoke-rc.d obeys it).  Both go away again,
# whatever happens; a policy or a drop-in that exists is left alone.
install_packages() {
	local conf_dir=/etc/postgresql-common/createcluster.d policy=/usr/sbin/policy-rc.d d

	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	trap remove_traces EXIT
	trap 'exit 130' INT TERM HUP
	for d in "${conf_dir%/*}" "$conf_dir"; do
		[ -d "$d" ] || { mkdir "$d"; traces=("$d" ${traces[@]+"${traces[@]}"}); }
	done
	d=$conf_dir/zz-no-main-cluster.conf
	[ -e "$d" ] || { echo 'create_main_cluster = false' > "$d"; traces=("$d" ${traces[@]+"${traces[@]}"}); }
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' > "$policy"
		chmod 755 "$policy"
		traces=("$policy" ${traces[@]+"${traces[@]}"})
	fi

	# Stale package lists show as unknown or vanished packages: only then update.
	apt_install "$@" || { apt-get -q update && apt_install "$@"; }
}

traces=()
remove_traces() {
	local f
	for f in ${traces[@]+"${traces[@]}"}; do
		if [ -d "$f" ]; then rmdir "$f" 2> /dev/null || true; else rm -f "$f"; fi
	done
}

apt_install() {
	apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 install "$@"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo > /dev/null && { sudo -n true 2> /dev/null || [ -t 0 ]; }; then
		sudo "$@"
	else
		die "not root, and sudo is not available; as root, run: apt-get install ${packages[*]}"
	fi
}

if [ "${1:-}" = --install ]; then
	shift
	install_packages "$@"
	exit
fi

# The server's major version: what PG_CONFIG names, else an installed server,
# else the one that Debian's package "postgresql" stands for.
server_version() {
	local pgxs v

	pgxs=$("$pg_config" --pgxs 2> /dev/null || true)
	if [ -n "$pgxs" ] && [ -e "$pgxs" ]; then
		"$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'
		return
	fi
	v=$(echo "$pg_config" | sed -n 's,^/usr/lib/postgresql/\([0-9]*\)/bin/pg_config$,\1,p')
	# shellcheck disable=SC2012 # version order, and no odd names there
	[ -n "$v" ] || v=$(ls -v /usr/lib/postgresql/*/bin/postgres 2> /dev/null | tail -1 | cut -d/ -f5)
	[ -n "$v" ] || v=$(apt-cache depends postgresql 2> /dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -1)
	echo "$v"
}

packages=()
need() { # PACKAGE COMMAND...: PACKAGE is needed unless COMMAND succeeds
	local package=$1
	shift
	"$@" > /dev/null 2>&1 || packages+=("$package")
}
header() { echo "#include <$1>" | gcc -E -o /dev/null - ; }
header_of_libpq() { test -e "$("$pg_config" --includedir)/libpq-fe.h"; }
has_node() { node -e 'require("pg")' || command -v npm; }

command -v apt-get > /dev/null && have_apt=1 || have_apt=''
version=$(server_version)
if [ -z "$version" ] && [ -n "$have_apt" ]; then
	packages=(postgresql)
	as_root apt-get -q update
	packages=()
	version=$(server_version)
fi
[ -n "$version" ] || die 'no PostgreSQL found, and no package of it either'
[ "$version" -ge 15 ] || die "PostgreSQL $version is too old, cipguard needs 15 or later; set PG_CONFIG to choose another"

bindir=/usr/lib/postgresql/$version/bin
sharedir=/usr/share/postgresql/$version
pgxs=$("$pg_config" --pgxs 2> /dev/null || true)
if [ -e "$pgxs" ]; then
	bindir=$("$pg_config" --bindir)
	sharedir=$("$pg_config" --sharedir)
fi
# Debian's client has the makefiles, but not the headers, of the server.
headers=$("$pg_config" --includedir-server 2> /dev/null || true)
need "postgresql-server-dev-$version" test -e "$pgxs" -a -e "$headers/postgres.h"
need "postgresql-$version" test -x "$bindir/postgres" -a -e "$sharedir/extension/pgcrypto.control"
need "postgresql-client-$version" test -x "$bindir/psql"
need gcc command -v gcc
need libc6-dev test -e /usr/include/stdio.h
need make command -v make
need libssl-dev header openssl/evp.h
need openssl command -v openssl
need libkrb5-dev header gssapi/gssapi.h
need perl perl -MTest::More -e 1
need libipc-run-perl perl -MIPC::Run -e 1
need util-linux command -v setpriv
clients=''
for target; do
	case $target in
		check-clients) clients=1 ;;
		lint)
			need clang command -v clang
			need pg-bsd-indent command -v pg_bsd_indent
			need shellcheck command -v shellcheck
			need libdbd-pg-perl perl -MDBD::Pg -e 1
			;;
		fuzz) need clang command -v clang ;;
		analyze)
			need clang command -v clang
			need clang-tools command -v scan-build
			need clang-tidy command -v clang-tidy
			need cppcheck command -v cppcheck
			need "postgresql-$version-plpgsql-check" test -e "$sharedir/extension/plpgsql_check.control"
			;;
		valgrind)
			need valgrind command -v valgrind
			need libxml2-dev test -e /usr/include/libxml2/libxml/parser.h
			need pkg-config command -v pkg-config
			# Releases of PostgreSQL since 17 do not come with what these make.
			if [ "$version" -ge 17 ]; then
				need bison command -v bison
				need flex command -v flex
			fi
			;;
		sqlsmith)
			need sqlsmith command -v sqlsmith
			need libdbd-pg-perl perl -MDBD::Pg -e 1
			;;
		matrix) need mmdebstrap command -v mmdebstrap ;;
		faults) need patch command -v patch ;;
	esac
done

# Drivers, each by itself: one that cannot be installed must not keep the
# others away.
driver() { # PACKAGE COMMAND...
	packages=()
	need "$@"
	[ ${#packages[@]} -gt 0 ] || return 0
	if [ -z "$have_apt" ]; then
		say "install what ${packages[*]} holds"
	elif (as_root "$(realpath "$0")" --install "${packages[@]}") > /dev/null 2>&1; then
		say "installed ${packages[*]}"
	else
		say "could not install ${packages[*]}"
	fi
}
if [ -n "$clients" ]; then
	driver libpq-dev header_of_libpq
	driver python3-psycopg /usr/bin/python3 -c 'import psycopg'
	driver libdbd-pg-perl perl -MDBD::Pg -e 1
	driver default-jdk-headless command -v javac
	driver libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
	# With a node that is not Debian's, check_clients.sh takes npm.
	driver node-pg has_node
	exit
fi

if [ ${#packages[@]} -eq 0 ]; then
	say 'nothing to do'
	exit
fi
[ -n "$have_apt" ] || die "not a Debian system; install what these packages hold: ${packages[*]}"
say "installing ${packages[*]}"
as_root "$(realpath "$0")" --install "${packages[@]}"
say 'done'
