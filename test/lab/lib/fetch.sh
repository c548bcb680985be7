#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh: Debian's packages into $CACHE/debs, unpacked together into $CACHE/root; Bochs' source
# into $CACHE/src.
#
# apt gets a state of its own below $CACHE: the machine's sources and lists stay as they are, and
# a machine that is not Debian 12 gets the same packages. apt checks each of them against the
# archive's signed lists. lib/lock further names the version and SHA-256 that the laboratory is
# known to work with; when the archive has moved on, the newer package of the same release is
# taken, and said so. To move the lock, copy $CACHE/debs/list over it.
set -eu
LAB=$(cd "$(dirname "$0")/.." && pwd)
. "$LAB/lib/common.sh"
. "$LAB/../archive.sh"

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
BOCHS_VERSION=3.0+dfsg
BOCHS_SHA256=78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b
APT=$CACHE/apt
export APT_CONFIG="$APT/apt.conf"

# Where the kernels' packages carry a number in their name, the one of these that depends on them.
PACKAGES="bochsbios vgabios xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils libxen-dev
	libxenmisc4.17 libxenstore4 libxencall1 libxendevicemodel1 libxenevtchn1
	libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxentoolcore1 libxentoollog1
	busybox-static libc6 libgcc-s1 libyajl2 zlib1g liblzma5 libzstd1 libuuid1 libbz2-1.0
	libncurses6 libtinfo6 linux-image-amd64 linux-image-cloud-amd64"

sum() { sha256sum "$1" | cut -d ' ' -f 1; }
candidate() { apt-cache policy "$1" | sed -n 's/^  Candidate: //p'; }

update_lists() {
	debian=${VMI_LAB_MIRROR:-$(archive_of_debian)}
	debian=${debian%/}
	[ -n "$debian" ] || cannot \
		"apt's sources here name no archive of Debian's: set VMI_LAB_MIRROR to one"
	command -v apt-get >/dev/null || cannot "no apt-get here: the laboratory is made of Debian's packages"
	[ -r "$KEYRING" ] || cannot "no $KEYRING: install debian-archive-keyring"
	apt_state "$APT" amd64
	cat >"$APT/sources.list" <<-SOURCES
		deb [signed-by=$KEYRING] $debian bookworm main
		deb [signed-by=$KEYRING] $debian-security bookworm-security main
		deb-src [signed-by=$KEYRING] $debian trixie main
	SOURCES
	# apt calls it a success when it could fetch nothing; and lists of an earlier time will do.
	apt-get -qq update >&2 || true
	[ -n "$(candidate bochsbios)" ] || cannot \
		"no Debian archive within reach ($debian): set VMI_LAB_MIRROR to another"
}

behind() { apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1; }

# fetch NAME: $CACHE/debs/NAME.deb and a line NAME VERSION SHA256 in the list.
fetch() {
	name=$1 version=$(candidate "$1")
	# shellcheck disable=SC2046
	set -- $(awk -v name="$name" '$1 == name { print $2, $3 }' "$LAB/lib/lock")
	[ -n "$version" ] && [ "$version" != "(none)" ] || die "the archive has no package $name"
	[ "$version" = "${1:-}" ] || say "note: $name is $version; known to work: ${1:-none of that name}"
	deb=$CACHE/debs/$name.deb
	if ! grep -qs "^$name $version " "$CACHE/debs/list" || [ ! -e "$deb" ]; then
		rm -f "$deb"
		(cd "$CACHE/debs" && apt-get -qq download "$name=$version" >&2)
		mv "$CACHE/debs/${name}"_*.deb "$deb"
	fi
	got=$(sum "$deb")
	if [ "$version" = "${1:-}" ] && [ "$got" != "${2:-}" ]; then
		rm -f "$deb"
		die "$name $version has SHA-256 $got, not ${2:-}"
	fi
	printf '%s %s %s\n' "$name" "$version" "$got" >>"$CACHE/debs/list.new"
}

# Below one root, as on an installed Debian: /lib is /usr/lib.
unpack() {
	rm -rf "$CACHE/root"
	mkdir -p "$CACHE/root"
	for dir in bin sbin lib lib64; do
		mkdir -p "$CACHE/root/usr/$dir"
		ln -s "usr/$dir" "$CACHE/root/$dir"
	done
	while read -r name _; do
		dpkg-deb --fsys-tarfile "$CACHE/debs/$name.deb" |
			tar -x --keep-directory-symlink --no-same-owner -C "$CACHE/root"
	done <"$CACHE/debs/list"
}

# Only the tarball as it came to Debian: Debian's own changes are not needed.
fetch_bochs() {
	tarball=$CACHE/src/bochs_$BOCHS_VERSION.orig.tar.xz
	[ -e "$tarball" ] && [ "$(sum "$tarball")" = "$BOCHS_SHA256" ] && return
	(cd "$CACHE/src" && apt-get -qq source --download-only --tar-only "bochs=$BOCHS_VERSION-1" >&2)
	[ "$(sum "$tarball")" = "$BOCHS_SHA256" ] || die "$tarball is not the one known to work"
}

mkdir -p "$CACHE/debs" "$CACHE/src"
update_lists
rm -f "$CACHE/debs/list.new"
for package in $PACKAGES; do
	case $package in
	linux-image-*) package=$(behind "$package") ;;
	esac
	fetch "$package"
done
mv "$CACHE/debs/list.new" "$CACHE/debs/list"
unpack
fetch_bochs
