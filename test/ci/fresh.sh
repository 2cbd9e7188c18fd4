#!/bin/bash
# fresh.sh: `make demo` and `make check` on a machine that has nothing yet
#
#   fresh.sh [SUITE]      default: this machine's own suite
#
# Makes a minimal root file system with make, git, ca-certificates and sudo,
# copies the tree into it, and runs both commands as root and, in a second
# copy, as a user who may use sudo.  Then looks for traces: a cluster, an
# installed file of ours, a left-over policy or directory.  Packages come from
# where apt of this machine gets them.  Needs root and mmdebstrap, 6 GB below
# CIPGUARD_FRESH_DIR (default /var/tmp), and some minutes; nothing is left there.
# Last line: "N passed, N failed".
set -euo pipefail

die() { echo "fresh: $*" >&2; exit 2; }

top=$(realpath "$(dirname "$0")/../..")
[ "$(id -u)" = 0 ] || die 'must be root'
for tool in mmdebstrap unshare; do
	command -v $tool > /dev/null || die "$tool is missing (Debian packages mmdebstrap, util-linux)"
done
# shellcheck source=/dev/null
suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}

# In name spaces of its own, so that no mount and no process outlives this.
if [ -z "${CIPGUARD_FRESH_INSIDE:-}" ]; then
	exec env CIPGUARD_FRESH_INSIDE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$suite"
fi
mount --make-rprivate /
dir=$(mktemp -d "${CIPGUARD_FRESH_DIR:-/var/tmp}/cipguard-fresh.XXXXXX")
# shellcheck disable=SC2329 # called by the trap
end() {
	local rc=$?
	cd /
	umount -R -l "$dir"/*/proc "$dir"/*/dev "$dir"/*/tmp "$dir"/*/var/cache/apt/archives 2> /dev/null || true
	rm -rf --one-file-system "$dir" || true
	exit "$rc"
}
trap end EXIT

# shellcheck disable=SC2016 # apt expands it
apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
	awk -v suite="$suite" '$2 ~ /debian/ && !seen[$0]++ {
		security = ($1 ~ /-security$/)
		if (!done[security]++) print "deb", $2, suite (security ? "-security" : ""), "main" }' > "$dir/sources"
[ -s "$dir/sources" ] || die 'apt knows no Debian archive; run apt-get update'

echo "== minimal $suite"
mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io \
	--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
	--include=make,git,ca-certificates,sudo "$suite" "$dir/base" "$dir/sources" > "$dir/log" 2>&1 ||
	{ tail -20 "$dir/log" >&2; die 'mmdebstrap failed'; }
# Proxies and the like of this machine's apt.
{
	apt-config dump | grep -E '^Acquire::(http|https|ftp)::|^Acquire::Check' || true
	echo 'Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false";'
} > "$dir/base/etc/apt/apt.conf.d/90fresh"
cp -L /etc/resolv.conf "$dir/base/etc/resolv.conf" 2> /dev/null || true
rm -f "$dir/base/usr/sbin/policy-rc.d"
chroot "$dir/base" sh -c 'useradd -m -s /bin/bash dev && echo "dev ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/dev'
mkdir "$dir/archives"
mkdir -p "$dir/archives/partial"

passed=0 failed=0
verdict() { # NAME STATUS
	if [ "$2" = 0 ]; then passed=$((passed + 1)); echo "ok      $1"; else failed=$((failed + 1)); echo "FAILED  $1"; fi
}

traces() { # ROOT
	local rc=0
	! find "$1"/etc/postgresql "$1"/var/lib/postgresql -mindepth 2 2> /dev/null | grep . || rc=1
	! find "$1"/usr "$1"/etc "$1"/var/tmp "$1"/tmp -name '*cipguard*' | grep . || rc=1
	[ ! -e "$1/usr/sbin/policy-rc.d" ] || { echo policy-rc.d; rc=1; }
	[ ! -e "$1/etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf" ] || { echo createcluster.d; rc=1; }
	return $rc
}

for user in root dev; do
	r=$dir/$user
	cp -a "$dir/base" "$r"
	home=/root
	[ "$user" = root ] || home=/home/$user
	mkdir "$r$home/cipguard"
	tar -C "$top" --exclude=./.git --exclude=./tmp_check --exclude='*.o' --exclude='*.so' -cf - . |
		tar -C "$r$home/cipguard" --no-same-owner -xf -
	chroot "$r" chown -R "$user:" "$home/cipguard"
	mount --rbind /dev "$r/dev"
	mount -t proc proc "$r/proc"
	mount -t tmpfs -o mode=1777 tmp "$r/tmp"
	mount --bind "$dir/archives" "$r/var/cache/apt/archives"
	for target in demo check; do
		rc=0
		echo "== $user: make $target"
		chroot "$r" setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$home" USER="$user" \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			bash -c "cd ~/cipguard && make $target" > "$dir/$user.$target" 2>&1 < /dev/null || rc=$?
		tail -25 "$dir/$user.$target" | sed 's/^/    /'
		verdict "$user: make $target" "$rc"
	done
	rc=0
	traces "$r" || rc=1
	verdict "$user: no traces" "$rc"
	# Lazily, as a test that hung may have left a process behind.
	umount -R -l "$r/proc" "$r/dev" "$r/tmp" "$r/var/cache/apt/archives"
	rm -rf --one-file-system "$r"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
