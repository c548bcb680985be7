#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh CACHE SUITE ARCHITECTURE PACKAGE: a kernel of Debian's, downloaded and unpacked below
# CACHE, not installed. PACKAGE may be one that only names the newest, as linux-image-amd64 does.
# The folder with boot/ and lib/modules/ is printed. Exit status 77: this archive has none.
#
# apt gets a state of its own for each suite: the machine's sources and lists stay as they are. The
# archive is the one this machine uses, else Debian's own; apt checks what comes against its signed
# lists.
set -eu
CACHE=$1 SUITE=$2 ARCHITECTURE=$3 PACKAGE=$4
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
STATE=$CACHE/apt-$SUITE-$ARCHITECTURE

say() { printf 'fetch: %s\n' "$*" >&2; }
cannot() {
	say "$*"
	exit 77
}

mirror() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
		2>/dev/null | grep -v '^[[:space:]]*#' | tr -s '[:space:]' '\n' |
		grep -E '^[a-z]+://.*/debian/?$' | head -n 1 || true
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
	archive=${VMI_GUESTS_MIRROR:-$(mirror)}
	archive=${archive:-http://deb.debian.org/debian}
	mkdir -p "$STATE/state/lists/partial" "$STATE/cache/archives/partial"
	: >"$STATE/status"
	cat >"$STATE/apt.conf" <<-CONF
		Dir::State "$STATE/state";
		Dir::State::status "$STATE/status";
		Dir::Cache "$STATE/cache";
		Dir::Etc::sourcelist "$STATE/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "$ARCHITECTURE";
		APT::Architectures { "$ARCHITECTURE"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
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

[ -r "$KEYRING" ] || cannot "no $KEYRING: install debian-archive-keyring"
mkdir -p "$STATE"
export APT_CONFIG="$STATE/apt.conf"
[ -e "$STATE/updated" ] || update_lists
name=$(real_name "$PACKAGE")
folder=$CACHE/$SUITE-$ARCHITECTURE-$name
if [ ! -e "$folder/done" ]; then
	apt-cache show "$name" >/dev/null 2>&1 || cannot "$SUITE has no $PACKAGE for $ARCHITECTURE"
	rm -rf "$folder"
	mkdir -p "$folder"
	(cd "$folder" && apt-get -qq download "$name" >&2) || cannot "$name cannot be downloaded"
	# Newer kernels keep their modules below usr/.
	dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -x -C "$folder"
	[ -e "$folder/lib" ] || ln -s usr/lib "$folder/lib"
	ls "$folder"/*.deb | sed 's|.*/||' >"$folder/done"
	rm "$folder"/*.deb
fi
printf '%s\n' "$folder"
