#!/bin/bash
# pg_source.sh: the source of the server of PG_CONFIG; sourced
#
#   source_release         prints the release that is wanted: 15.20-0+deb12u1
#   download_source DIR    puts the archive of the source package of that release,
#                          or of the nearest to be had, into DIR, as *.orig.tar.*,
#                          and prints which release it is
#
#   cached NAME MAKE       prints a directory that is kept for this release below
#                          ${XDG_CACHE_HOME:-~/.cache}/cipguard.  If it is not there,
#                          MAKE TMP DIR RELEASE fills TMP/made, which becomes DIR, from the
#                          archive in TMP, or exits.  Exits with 2 if there is no source.
#                          To be run in a subshell.
#
# The source comes from Debian, through the sources that apt of this machine
# has, with deb-src lines added in a configuration of its own: nothing of the
# machine's changes.  Debian's patches are left out: they move directories.
#
# The first two say why they cannot, and return 1.

no_source() { echo "no source of PostgreSQL: $*" >&2; return 1; }

# "PostgreSQL 15.20 (Debian 15.20-0+deb12u1)", "PostgreSQL 19beta1"
source_release() {
	local version release
	version=$("$PG_CONFIG" --version) || { no_source "cannot run $PG_CONFIG"; return; }
	release=$(sed -nE 's/.*\(.* ([^ ]+)\).*/\1/p' <<< "$version")
	[ -n "$release" ] || release=$(cut -d' ' -f2 <<< "$version")
	grep -qE '^[0-9]' <<< "$release" || { no_source "cannot understand the version \"$version\""; return; }
	echo "$release"
}

# Copies of apt's sources that name source packages, in a directory.
source_lists() { # DIR
	local etc_list etc_parts f APT_LIST APT_PARTS
	eval "$(apt-config shell APT_LIST Dir::Etc::sourcelist/f APT_PARTS Dir::Etc::sourceparts/d)"
	etc_list=${APT_LIST:-/etc/apt/sources.list} etc_parts=${APT_PARTS:-/etc/apt/sources.list.d}
	for f in "$etc_list" "${etc_parts%/}"/*.list "${etc_parts%/}"/*.sources; do
		[ -r "$f" ] || continue
		case $f in
			*.sources) sed 's/^Types:.*/Types: deb-src/' "$f" > "$1/${f##*/}" ;;
			*) sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$f" | sort -u > "$1/${f##*/}" ;;
		esac
	done
}

# The versions on stdin, the wanted one first and then by distance in minor releases.
nearest_release() { # MAJOR VERSION
	awk -v major="$1" -v wanted="$2" '
		function minor(v) { return match(v, "^" major "\\.[0-9]+") ? substr(v, length(major) + 2, RLENGTH - length(major) - 1) + 0 : 0 }
		{
			far = minor($0) - minor(wanted)
			if (far < 0) far = -far
			print ($0 == wanted || index($0, wanted "-") == 1 ? -1 : far), $0
		}' | sort -s -n -u -k1,1 -k2 | cut -d' ' -f2
}

download_source() { # DIR
	local dir=$1 apt wanted major found
	wanted=$(source_release) || return 1
	major=$(grep -oE '^[0-9]+' <<< "$wanted")
	command -v apt-get > /dev/null || { no_source 'apt-get is missing'; return; }
	mkdir -p "$dir/parts" "$dir/lists/partial" "$dir/cache/archives/partial"
	source_lists "$dir/parts"
	apt=(-q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/parts" -o Dir::State::lists="$dir/lists"
		-o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none)
	# A source without source packages makes it fail, but not the others.
	apt-get "${apt[@]}" update > "$dir/log" 2>&1 || true
	apt-cache "${apt[@]}" showsrc "postgresql-$major" 2>> "$dir/log" |
		awk '$1 == "Package:" { p = $2 } $1 == "Version:" && p ~ /^postgresql-/ { print $2 }' |
		nearest_release "$major" "$wanted" > "$dir/versions"
	if [ ! -s "$dir/versions" ]; then
		grep -E '^(E|W|Err)' "$dir/log" | sed 's/^/    /' >&2 || true
		no_source "apt has no source package postgresql-$major, not even with source lines added to its sources"
		return
	fi
	# A mirror may list what it has no more, or not yet.
	while read -r found; do
		echo "downloading the source of postgresql-$major $found" >&2
		if (cd "$dir" && apt-get "${apt[@]}" source --download-only --tar-only "postgresql-$major=$found") > "$dir/log" 2>&1; then
			echo "$found"
			return
		fi
		grep -E '^(E|W|Err)' "$dir/log" | sed 's/^/    /' >&2 || true
	done < "$dir/versions"
	no_source 'no source package could be downloaded'
}

cached() { # NAME MAKE
	local cache dir tmp found
	cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/cipguard
	dir=$cache/$1-$(source_release) || exit 2
	if [ ! -e "$dir/complete" ]; then
		mkdir -p "$cache"
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		# shellcheck disable=SC2064 # expanded now
		trap "rm -rf '$tmp'" EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		found=$(download_source "$tmp") || exit 2
		mkdir "$tmp/made"
		"$2" "$tmp" "$dir" "$found"
		echo "$found" > "$tmp/made/complete"
		rm -rf "$dir"
		mv "$tmp/made" "$dir"
	fi
	echo "$dir"
}
