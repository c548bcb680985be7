#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh [NAME [OPTION..]]: build payload/NAME (default: smoke) and run it; OPTIONs are run.sh's, but for -l.
#
# A payload's folder holds run.sh, which dom0 runs, and what that needs: each .c file becomes a
# program, with client.h and libxenctrl at hand; a lab.needs is run.sh's; a build.sh, if there is
# one, is called with the folder into which it may put more; a judge.py, if there is one, is called
# with the folder that holds what the payload left in /out, and prints more results.
#
# Exit status, for CTest: 0 all results are ok, 1 they are not, 77 this machine cannot.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

name=${1:-smoke}
[ $# -eq 0 ] || shift
source=$LAB/payload/$name
[ -f "$source/run.sh" ] || die "no payload $name"
"$LAB/build.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP
payload=$work/payload
mkdir "$payload"

for file in "$source"/*.c; do
	[ -e "$file" ] || continue
	program=$work/$(basename "$file" .c)
	compile "$program" "$file"
	"$LAB/bundle.sh" "$payload" "$program"
done
cp "$source/run.sh" "$payload/"
[ ! -e "$source/lab.needs" ] || cp "$source/lab.needs" "$payload/"
[ ! -e "$source/build.sh" ] || sh "$source/build.sh" "$payload"

out=$work/out previous=""
for word; do
	[ "$previous" != -o ] || out=$word
	previous=$word
done

status=0
[ ! -e "$source/judge.py" ] || set -- -o "$out" "$@"
"$LAB/run.sh" "$@" -l "$work/console" "$payload" || status=$?
[ "$status" -ne 77 ] || exit 77
if [ -e "$source/judge.py" ]; then
	"$source/judge.py" "$out" "$payload" | tee -a "$work/console"
fi
"$LAB/results.py" "$work/console" "$status"
