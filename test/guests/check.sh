#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh VMI_DUMP [FOLDER]: every image of every guest below FOLDER ($VMI_GUESTS) against what the
# guest said. Exit status 77: there are none. VMI_GUESTS_ONLY has a shell pattern for their names.
set -u
here=$(CDPATH= cd "$(dirname "$0")" && pwd)
program=$1
folder=${2:-${VMI_GUESTS:-}}
images=0
failed=0

for truth in "${folder:-/nonexistent}"/*/linux.truth.json; do
	[ -e "$truth" ] || continue
	guest=$(dirname "$truth")
	# shellcheck disable=SC2254
	case ${guest##*/} in ${VMI_GUESTS_ONLY:-*}) ;; *) continue ;; esac
	for image in "$guest/dump.elf" "$guest/dump.kdump" "$guest/dump.raw"; do
		echo "== $image"
		images=$((images + 1))
		"$here/check_linux.py" "$program" "$image" "$truth" || failed=$((failed + 1))
	done
done
if [ "$images" = 0 ]; then
	echo "no guests: make.py makes them, and VMI_GUESTS names their folder"
	exit 77
fi
echo "$images images, $failed with differences"
[ "$failed" = 0 ]
