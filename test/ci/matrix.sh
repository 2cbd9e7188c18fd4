#!/bin/bash
# matrix.sh: `make matrix`: `make check` on every major version that is supported
#
#   MATRIX='18 17 19 15'   the versions, in this order
#   MATRIX_MINUTES=N       be ready N minutes from now: start no version that would
#                          hardly be, and stop the one that is not
#   TESTS=, SERVERS=, UNIT=0 and the others of check.sh are passed on to it
#
# A version comes from the Debian suite that carries it.  Its root file system is
# made once in ${XDG_CACHE_HOME:-~/.cache}/cipguard/matrix, from where apt of this
# machine gets its packages, and made anew after 30 days, so that the minor
# releases do not grow old.  Tests run in a throw-away overlay over it and in name
# spaces: no mount, port or process outlives them.
#
# Runs as root, or through sudo.  A version that cannot be had or run here is
# skipped, and the reason given.  Logs: tmp_check/matrix/pgN.
# Last line: "N passed, N failed, N skipped".  Exit status: 0 if none failed.
# shellcheck disable=SC2016 # apt, and sh in the root, expand
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cipguard/matrix
settings=()	# of check.sh, and of this
for name in TESTS SERVERS UNIT REGRESS ISOLATION TAP JOBS CIPGUARD_TAP_TIMEOUT CIPGUARD_COPT MATRIX MATRIX_MINUTES; do
	[ -z "${!name+set}" ] || settings+=("$name=${!name}")
done
if [ "$(id -u)" != 0 ] && sudo -n true 2> /dev/null; then
	mkdir -p "$cache"	# so that the user's directories remain his
	exec sudo env "HOME=$HOME" "XDG_CACHE_HOME=${cache%/cipguard/*}" ${settings[@]+"${settings[@]}"} "$PWD/test/ci/matrix.sh"
fi
needed=8	# minutes for a version, its root and its tests
ends=$((SECONDS + ${MATRIX_MINUTES:-600} * 60))
top=$PWD logs=$PWD/tmp_check/matrix

impediment() { # why nothing can run here
	local tool
	[ "$(id -u)" = 0 ] || { echo 'must be root, or one who may use sudo without a password'; return; }
	for tool in mmdebstrap unshare setpriv flock; do
		command -v "$tool" > /dev/null || { echo "$tool is missing"; return; }
	done
	unshare --mount --pid --fork --ipc --uts sh -c '
		mkdir -p "$1" && mount -t tmpfs matrix "$1" && cd "$1" && mkdir low up work root &&
		mount -t overlay -o lowerdir=low,upperdir=up,workdir=work overlay root' sh "$cache/mnt" 2> /dev/null ||
		echo 'name spaces or overlays are not allowed here'
}

suite_of() { # VERSION
	case $1 in 15) echo bookworm ;; 17) echo trixie ;; 18) echo forky ;; 19) echo sid ;; esac
}

# The archives that apt uses on this machine, so that no address stands here.
archive() { # main|security
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
		awk -v security="$1" '$2 ~ /debian/ && ($1 ~ /-security$/) == (security == "security") { print $2; exit }'
}

sources() { # SUITE
	local main security
	main=$(archive main)
	[ -n "$main" ] || { apt-get -qq update; main=$(archive main); }
	[ -n "$main" ] || { echo 'E: apt knows no Debian archive' >&2; return 1; }
	security=$(archive security)
	echo "deb $main $1 main"
	case $1 in
		sid) echo "deb $main experimental main" ;;
		bookworm | trixie) [ -z "$security" ] || echo "deb $security $1-security main" ;;
	esac
}

erase() { rm -rf --one-file-system "$@"; }

make_root() { # VERSION: in $cache/pgN; what it prints at last is why it cannot
	local v=$1 root=$cache/pg$1 suite
	suite=$(suite_of "$v")
	erase "$root.new"
	sources "$suite" > "$root.list" || return
	# The -server-dev package is unpacked by hand: it depends on clang and LLVM
	# (700 MB), which serve bitcode only.
	# mmdebstrap mounts in the root; in name spaces, nothing of that can stay.
	timeout --foreground "$((ends - SECONDS))" unshare --mount --pid --fork --kill-child --mount-proc \
		mmdebstrap --mode=root --variant=apt \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--setup-hook='mkdir -p "$1/etc/postgresql-common" "$1/etc/apt/preferences.d"' \
		--setup-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
		--setup-hook='printf "Package: src:postgresql-*\nPin: release a=experimental\nPin-Priority: 600\n" > "$1/etc/apt/preferences.d/postgresql"' \
		--include="gcc,make,libc6-dev,libssl-dev,libkrb5-dev,libpq-dev,libipc-run-perl,postgresql-$v" \
		--customize-hook='cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q download postgresql-server-dev-'"$v"' &&
			dpkg-deb -x postgresql-server-dev-*.deb "$1" && rm postgresql-server-dev-*.deb' \
		"$suite" "$root.new" "$root.list" || return
	erase "$root.new"/var/cache/apt/*.bin "$root.new"/var/lib/apt/lists/* "$root" &&
		touch "$root.new/.ready" &&
		mv "$root.new" "$root"
}

have_root() { # VERSION: make the root unless there is one; an old one is better than none
	local root=$cache/pg$1 rc=0
	exec 9> "$root.lock"
	flock 9
	[ -n "$(find "$root/.ready" -mtime -30 2> /dev/null)" ] ||
		make_root "$1" > "$root.log" 2>&1 || { erase "$root.new"; [ -e "$root/.ready" ]; } || rc=1
	exec 9>&-
	return "$rc"
}

# In the name spaces.
inside() { # ROOT SETTING...
	local mnt=$cache/mnt root=$cache/mnt/root
	mount --make-rprivate /
	! command -v ip > /dev/null || ip link set lo up
	mount -t tmpfs -o mode=755 matrix "$mnt"
	mkdir "$mnt/up" "$mnt/work" "$root"
	mount -t overlay -o "lowerdir=$1,upperdir=$mnt/up,workdir=$mnt/work" overlay "$root"
	shift
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mount -t proc proc "$root/proc"
	mkdir "$root/cipguard"
	tar -C "$top" --exclude=./.git --exclude=./.deps --exclude=./tmp_check --exclude='*.o' --exclude='*.so' -cf - . |
		tar -C "$root/cipguard" --no-same-owner -xf -
	local rc=0
	chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 "$@" make -C /cipguard --no-print-directory check || rc=$?
	[ ! -e "$root/cipguard/tmp_check/logs" ] || cp -r "$root/cipguard/tmp_check/logs" "$log/"
	return "$rc"
}

check() { # VERSION
	local net=() path=/usr/lib/postgresql/$1/bin:/usr/sbin:/usr/bin:/sbin:/bin
	log=$logs/pg$1
	mkdir "$log"
	# With ports of its own, if they can be had.
	! command -v ip > /dev/null || net=(--net)
	export -f inside
	export top cache log
	timeout --foreground "$((ends > SECONDS ? ends - SECONDS : 1))" \
		unshare --mount --pid --fork --kill-child --ipc --uts ${net[@]+"${net[@]}"} \
		bash -c 'set -euo pipefail; inside "$@"' inside "$cache/pg$1" "PATH=$path" ${settings[@]+"${settings[@]}"} > "$log/output" 2>&1 < /dev/null
}

passed=0 failed=0 skipped=0
skip() { skipped=$((skipped + 1)); echo "skipped PostgreSQL $1: $2"; }

impediment=$(impediment)
if [ -z "$impediment" ]; then
	erase "$logs"
	mkdir -p "$logs"
fi
read -ra versions <<< "${MATRIX:-18 17 19 15}"
for v in "${versions[@]}"; do
	began=$SECONDS
	if [ -n "$impediment" ]; then
		skip "$v" "$impediment"
	elif [ -z "$(suite_of "$v")" ]; then
		skip "$v" 'no suite of Debian carries it'
	elif [ $((ends - SECONDS)) -lt $((needed * 60)) ]; then
		skip "$v" "it takes $needed minutes, which are not left"
	elif ! have_root "$v"; then
		reason=$(grep -m1 '^E: ' "$cache/pg$v.log" || true)
		skip "$v" "its root cannot be made: ${reason:-see $cache/pg$v.log}"
	else
		rc=0
		check "$v" || rc=$?
		case $rc in
			0) passed=$((passed + 1)) result=ok ;;
			124) skip "$v" 'not ready in time'; continue ;;
			*) failed=$((failed + 1)) result=FAILED ;;
		esac
		counts=$(grep -E '^[0-9]+ passed, ' "$logs/pg$v/output" | tail -n 1 || true)
		printf '%-8sPostgreSQL %s: %s (%s s)\n' "$result" "$v" "${counts:-no test was run}" $((SECONDS - began))
		if [ "$rc" = 0 ]; then
			grep '^skipped ' "$logs/pg$v/output" || true
		else
			grep -v '^ok ' "$logs/pg$v/output" | tail -n 120 || true
		fi | sed 's/^/        /'
	fi
done
[ -n "$impediment" ] || chown -R --reference=. tmp_check
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
