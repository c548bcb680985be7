#!/bin/sh
# SPDX-License-Identifier: MIT
# bundle.sh DIR FILE..: put programs, and modules that they load, into the payload DIR.
#
# dom0 has the C library of Debian 12, and what is built here may need a newer one. So each FILE
# goes to DIR/lib together with the libraries that it needs and their dynamic linker; for a
# program, a script DIR/NAME runs it with these. Static programs are copied as they are.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

LINKER=ld-linux-x86-64.so.2
DEBIAN_LIB=$CACHE/root/usr/lib/x86_64-linux-gnu
[ $# -ge 2 ] || die "usage: bundle.sh DIR FILE.."
dir=$1
shift
mkdir -p "$dir/lib"

# Xen's libraries are those of the hypervisor that is booted, whatever is installed here.
xen_lib=$(mktemp -d)
trap 'rm -rf "$xen_lib"' EXIT
ln -s "$DEBIAN_LIB"/libxen*.so.* "$xen_lib"

# libraries FILE: the name and place of each that it needs, directly or not.
libraries() {
	LD_LIBRARY_PATH=$xen_lib ldd "$1" | awk '$2 == "=>" { print $1, $3 }'
}

for file; do
	name=$(basename "$file")
	if ! readelf -d "$file" 2>/dev/null | grep -q NEEDED; then
		cp -L "$file" "$dir/$name"
		continue
	fi
	cp -L "$file" "$dir/lib/$name"
	libraries "$file" | while read -r library path; do
		[ "$path" != not ] || path=$DEBIAN_LIB/$library
		[ -e "$path" ] || die "$file needs $library, which is nowhere"
		cp -L "$path" "$dir/lib/$library"
	done
	linker=$(readelf -l "$file" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
	[ -n "$linker" ] || continue
	cp -L "$linker" "$dir/lib/$LINKER"
	printf '#!/bin/sh\nexec /payload/lib/%s --library-path /payload/lib /payload/lib/%s "$@"\n' \
		"$LINKER" "$name" >"$dir/$name"
	chmod +x "$dir/$name"
done
