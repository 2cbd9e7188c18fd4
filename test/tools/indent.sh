#!/bin/bash
# indent.sh: format C files with pg_bsd_indent, with pgindent's options
#
#   indent.sh [FILE...]            rewrite the files (default: all of ours)
#   indent.sh --check [FILE...]    show what would change, and fail if anything
#
# Typedefs are derived: ours from their prefix, the server's from its headers,
# OpenSSL's from the short list below.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

command -v pg_bsd_indent > /dev/null || { echo 'pg_bsd_indent is missing, Debian package pg-bsd-indent' >&2; exit 1; }
check=''
[ "${1:-}" != --check ] || { check=1; shift; }
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(ls src/*.[ch] test/unit/*.[ch] test/fuzz/*.[ch] test/bench/*.[ch] test/clients/*.[ch] 2> /dev/null)

work=$(mktemp -d "${TMPDIR:-/tmp}/cipguard-indent.XXXXXX")
trap 'rm -rf "$work"' EXIT
server=$("${PG_CONFIG:-pg_config}" --includedir-server)
{
	grep -hoE '\bCg[A-Z][A-Za-z0-9]*\b' "${files[@]}" || true
	grep -rhoE '^(typedef .*[ *]|} ?)[A-Za-z_][A-Za-z0-9_]*;' "$server" | sed 's/;$//; s/.*[ *}]//'
	grep -rhoE '^typedef .*\(\*[A-Za-z_0-9]+\)' "$server" | sed 's/.*\*//; s/)$//'
	printf '%s\n' bool FILE size_t ssize_t time_t off_t mode_t pid_t uid_t gid_t va_list \
		int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t \
		ENGINE OSSL_LIB_CTX EVP_CIPHER EVP_CIPHER_CTX EVP_MAC EVP_MAC_CTX EVP_MD EVP_MD_CTX EVP_KDF EVP_KDF_CTX EVP_PKEY \
		EVP_PKEY_CTX OSSL_PARAM SHA256_CTX BIGNUM
} | sort -u | grep -vxE 'date|interval|timestamp|string|other|keys|data|result|value|name|type|state' > "$work/all"

bad=0
for f in "${files[@]}"; do
	# A type's name that the file gives to a variable confuses the program.
	for t in text bytea; do
		! grep -qE "[[:space:]*]$t(,|;|\[| =| \+|->|\))" "$f" || echo "$t"
	done > "$work/variables"
	grep -vxFf "$work/variables" "$work/all" > "$work/typedefs"
	# It reads bytes as signed characters and damages those above 127, so they
	# are given to it as DEL and put back in their order.
	LC_ALL=C tr '\200-\377' '\177' < "$f" > "$work/ascii"
	pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 -lp -lpl -nip \
		-npro -sac -tpg -ts4 -U"$work/typedefs" < "$work/ascii" > "$work/indented" 2> "$work/errors" ||
		{ echo "$f: $(head -1 "$work/errors")"; bad=1; continue; }
	perl -0777 -i -pe 'BEGIN { open my $f, "<:raw", shift @ARGV; local $/; @high = <$f> =~ /[\x80-\xff]/g }
		s/\x7f/shift @high/ge' "$f" "$work/indented"
	# As pgindent does: one space before the star of a function's result.
	sed -i -E 's/^([A-Za-z_][^[:space:]]*)[ \t]+\*$/\1 */' "$work/indented"
	if [ -n "$check" ]; then
		diff -u --label "$f" --label "$f (indented)" "$f" "$work/indented" || bad=1
	elif ! cmp -s "$f" "$work/indented"; then
		cat "$work/indented" > "$f"
		echo "$f"
	fi
done
exit $bad
