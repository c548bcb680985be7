#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh CACHE SUITE ARCHITECTURE PACKAGE: a kernel of Debian's, downloaded and unpacked below
# CACHE, not installed. PACKAGE may be one that only names the newest, as linux-image-amd64 does.
# The folder with boot/ and lib/modules/ is printed. Exit status 77: this archive has none.
#
# apt gets a state of its own for each suite: the machine's sources and lists stay as they are. The
# archive is the one this machine uses, or $VMI_GUESTS_MIRROR; apt checks what comes against its
# signed lists.
set -eu
. "$(dirname "$0")/../archive.sh"
CACHE=$1 SUITE=$2 ARCHITECTURE=$3 PACKAGE=$4
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
STATE=$CACHE/apt-$SUITE-$ARCHITECTURE

say() { printf 'fetch: %s\n' "$*" >&2; }
cannot() {
	say "$*"
	exit 77
}

# The security archive and the updates are no less the suite's; backports and sid have none.
sources() {
	from="deb [signed-by=$KEYRING]"
	echo "$from $1 $SUITE main"
	case $SUITE in
	*-backports | sid) ;;
	*) echo "$from $1-security $SUITE-security main" ;;
	esac
}

update_lists() {
	archive=${VMI_GUESTS_MIRROR:-$(archive_of_debian)}
	[ -n "$archive" ] || cannot "apt uses no archive of Debian here: name one in VMI_GUESTS_MIRROR"
	apt_state "$STATE" "$ARCHITECTURE"
	sources "${archive%/}" >"$STATE/sources.list"
	# What is not there of it is no loss while the package is.
	apt-get -qq update >"$STATE/log" 2>&1 || say "$SUITE: not all lists are there; see $STATE/log"
	touch "$STATE/updated"
}

# The package itself, or the one that it depends on for being the newest.
real_name() {
	named=$(apt-cache depends "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	printf '%s\n' "${named:-$1}"
}

# An archive that changes while it is looked at may lack the newest: then others of that version.
others() {
	version=$(printf '%s\n' "$1" | sed -n 's/^linux-image-\([0-9]*\)\.\([0-9]*\).*/\1[.]\2/p')
	flavour=$(printf '%s\n' "$PACKAGE" | sed 's/^linux-image-\([0-9.]*-\)\{0,1\}//')
	apt-cache search --names-only "^linux-image-${version}[^a-z]*(deb[0-9.]*)?-$flavour\$" |
		cut -d ' ' -f 1 | grep -vxF "$1" | sort -rV
}

# Since 7.x the kernel and its modules are in packages of their own, of the same version.
parts() {
	echo "$1"
	apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-[a-z]*-[0-9][^ ]*\)$/\1/p'
}

download() {
	folder=$CACHE/$SUITE-$ARCHITECTURE-$1
	[ ! -e "$folder/done" ] || return 0
	rm -rf "$folder"
	mkdir -p "$folder/usr/lib"
	# shellcheck disable=SC2046
	if ! (cd "$folder" && apt-get -qq download $(parts "$1") >>"$STATE/log" 2>&1); then
		rm -rf "$folder"
		return 1
	fi
	# As on an installed Debian.
	ln -s usr/lib "$folder/lib"
	for package in "$folder"/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$folder"
	done
	rm "$folder"/*.deb
	: >"$folder/done"
}

[ -r "$KEYRING" ] || cannot "no $KEYRING: install debian-archive-keyring"
mkdir -p "$STATE"
export APT_CONFIG="$STATE/apt.conf"
[ -e "$STATE/updated" ] || update_lists
newest=$(real_name "$PACKAGE")
apt-cache show "$newest" >/dev/null 2>&1 || cannot "$SUITE has no $PACKAGE for $ARCHITECTURE"
for name in "$newest" $(others "$newest"); do
	if download "$name"; then
		printf '%s\n' "$folder"
		exit 0
	fi
	say "$name cannot be downloaded; see $STATE/log"
done
cannot "no $PACKAGE of $SUITE can be downloaded"
