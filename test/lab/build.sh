#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh [CACHE]: the emulator and everything it boots, into CACHE (default: $VMI_LAB_CACHE, else
# ~/.cache/vmicore-lab). A second call finds all of it made and does nothing.
#
# Exit status: 0 all is there, 1 a step failed, 77 this machine lacks something that is no fault of
# the project's (a Debian archive, a compiler).
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 0 ] || export VMI_LAB_CACHE="$1"
. "$LAB/lib/common.sh"

# What is missing of the packages that the laboratory needs installed.
missing() {
	grep -v '^#' "$LAB/packages" | while read -r package; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
			printf '%s ' "$package"
	done
}

need_tools() {
	command -v dpkg-query >/dev/null || cannot "no dpkg here: the laboratory is made of Debian's packages"
	list=$(missing)
	[ -n "$list" ] || return 0
	[ "$(id -u)" -eq 0 ] || cannot "missing packages; as root: apt-get install $list"
	say "installing $list"
	# shellcheck disable=SC2086
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
		--no-install-recommends $list; } >"$CACHE/install.log" 2>&1 ||
		cannot "could not install $list; see $CACHE/install.log"
}

# step NAME FILE..: run lib/NAME.sh unless its last result came from the same files.
step() {
	fresh "$@" && return
	say "$1 ..."
	sh "$LAB/lib/$1.sh" || exit $?
	mark "$1"
}

mkdir -p "$CACHE/made"
exec 9>"$CACHE/lock"
flock 9 # one builder at a time

L=$LAB/lib
if ! fresh all "$L"/* "$LAB"/dom0/* "$LAB"/guest/* "$LAB"/linux/* "$LAB/packages" \
	"$LAB/../archive.sh"; then
	all=$WANT
	need_tools
	step fetch "$L/fetch.sh" "$LAB/../archive.sh" "$L/lock"
	step bochs "$L/bochs.sh" "$L/bochs.patch"
	step image "$L/image.sh" "$L/cpio.py" "$L/kernel.py" "$LAB"/dom0/* "$LAB"/linux/* "$CACHE/debs/list"
	step guest "$L/guest.sh" "$LAB"/guest/* "$CACHE/debs/list"
	WANT=$all
	mark all
fi
