#!/bin/bash
# matrix.sh: `make matrix`: all tests on every major version that is supported
#
#   MATRIX='18 17 19 15'   the versions, in this order
#   MATRIX_MINUTES=N       start no version that would hardly be ready N minutes from now
#   TESTS=, UNIT=0, REGRESS=0, ISOLATION=0, TAP=0   as for `make check`
#
# Each version runs in a throw-away root file system of the Debian suite that
# carries it (pgmatrix.sh says how), kept in ${XDG_CACHE_HOME:-~/.cache}/cipguard;
# what the tests left is in tmp_check/matrix.  A version whose root cannot be
# made here is skipped, and so are all if this is not run as root.
# Last line: "N passed, N failed, N skipped".  Exit status: 0 if none failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

unset MAKEFLAGS MFLAGS MAKELEVEL	# of the make that called this
needed=9	# minutes for a version, its root and its tests
[ "${TAP:-1}" != 0 ] || needed=5
ends=$((SECONDS + ${MATRIX_MINUTES:-600} * 60))
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cipguard/matrix
passed=0 failed=0 skipped=0
read -ra versions <<< "${MATRIX:-18 17 19 15}"

skip() { skipped=$((skipped + 1)); echo "skipped PostgreSQL $1: $2"; }

impediment() { # why nothing can run here
	local tool
	[ "$(id -u)" = 0 ] || { echo 'must be root'; return; }
	for tool in mmdebstrap unshare setpriv flock; do
		command -v $tool > /dev/null || { echo "$tool is missing"; return; }
	done
	unshare --mount --pid --fork --ipc --uts true 2> /dev/null || echo 'name spaces are not allowed here'
}

impediment=$(impediment)
rm -rf tmp_check/matrix
mkdir -p "$cache" tmp_check/matrix
for v in "${versions[@]}"; do
	if [ -n "$impediment" ]; then
		skip "$v" "$impediment"
	elif [ $((ends - SECONDS)) -lt $((needed * 60)) ]; then
		skip "$v" 'no time left'
	elif ! test/ci/pgmatrix.sh -c "$cache" -r . "$v" > tmp_check/matrix/root.log 2>&1; then
		skip "$v" "$(grep . tmp_check/matrix/root.log | head -1)"
	else
		rc=0
		timeout "$((ends - SECONDS))" test/ci/pgmatrix.sh -c "$cache" -l tmp_check/matrix -t check . "$v" ||
			rc=$?
		case $rc in
			0) passed=$((passed + 1)) ;;
			124) skip "$v" 'not ready in time' ;;
			*) failed=$((failed + 1)) ;;
		esac
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
