#!/bin/sh
# SPDX-License-Identifier: MIT
# project.sh DIR: build the project's library, Xen driver, guardian and programs, and put them into
# the payload DIR. Prints the folder they were built in: $VMI_LAB_BUILD, or one in the
# laboratory's cache.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

source=$(cd "$LAB/../.." && pwd)
build=${VMI_LAB_BUILD:-$CACHE/project}
log=$CACHE/project.log
command -v cmake >/dev/null || cannot "there is no cmake"
exec 8>"$CACHE/project.lock"
flock 8 # one builder at a time

# Another checkout may have used it.
if ! grep -qsx "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$build/CMakeCache.txt"; then
	rm -rf "$build"
fi
cmake -S "$source" -B "$build" >"$log" 2>&1 || cannot "cmake: see $log"
grep -q '^xenstore_FOUND\|^XEN_FOUND:INTERNAL=1' "$build/CMakeCache.txt" ||
	cannot "the Xen driver is not built here: libxen-dev is missing"
cmake --build "$build" --target vmicore vmicore-xen vmi-xen-guard vmi-dump vmi-live >>"$log" 2>&1 ||
	die "the project does not build: see $log"
"$LAB/bundle.sh" "$1" "$build/drivers/xen/vmicore-xen.so" "$build/drivers/xen/vmi-xen-guard" \
	"$build/src/tool/vmi-dump" "$build/src/tool/vmi-live"
echo "$build"
