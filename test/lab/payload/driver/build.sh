# SPDX-License-Identifier: MIT
# build.sh DIR: the library, the driver, its guardian, the programs and the test program, into the
# payload DIR. They are built in $VMI_LAB_BUILD (default: in the laboratory's cache).
# $VMI_LAB_PARTS names the parts of the test program that are to run; besides the default ones there
# are some that take longer: detach, kill, rescue (every end that a watcher can have), count (100,000
# events), rate (beside a bare loop).
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

payload=$1
build=${VMI_LAB_BUILD:-$CACHE/project}
here=$LAB/payload/driver
command -v cmake >/dev/null || cannot "there is no cmake"

exec 8>"$build.lock"
flock 8 # payloads that run at the same time build the same

cmake -S "$LAB/../.." -B "$build" >"$CACHE/project.log" 2>&1 || cannot "cmake: see $CACHE/project.log"
grep -q '^xenstore_FOUND\|^XEN_FOUND:INTERNAL=1' "$build/CMakeCache.txt" ||
	cannot "the Xen driver is not built here: libxen-dev is missing"
targets="vmicore vmicore-xen vmi-xen-guard vmi-dump"
if [ -e "$LAB/../../src/tool/vmi-live.c" ]; then
	targets="$targets vmi-live"
fi
# shellcheck disable=SC2086
cmake --build "$build" --target $targets >>"$CACHE/project.log" 2>&1 ||
	die "the project does not build: see $CACHE/project.log"

DEBIAN_LIB=$CACHE/root/usr/lib/x86_64-linux-gnu
"${CC:-cc}" -std=gnu11 -O1 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion \
	-Wmissing-prototypes -Werror -I"$LAB/../../include" -I"$LAB/client" -I"$LAB/guest" \
	-idirafter "$CACHE/root/usr/include" -o "$build/driver" "$here"/program/*.c \
	"$LAB/client/client.c" -L"$build" -lvmicore -Wl,-rpath,"$build" -L"$DEBIAN_LIB" \
	-l:libxenctrl.so.4.17 -l:libxenforeignmemory.so.1 -l:libxenevtchn.so.1 \
	-Wl,-rpath-link,"$DEBIAN_LIB"

set -- "$build/driver" "$build/drivers/xen/vmicore-xen.so" "$build/drivers/xen/vmi-xen-guard" \
	"$build/src/tool/vmi-dump"
[ ! -e "$build/src/tool/vmi-live" ] || set -- "$@" "$build/src/tool/vmi-live"
"$LAB/bundle.sh" "$payload" "$@"
echo "${VMI_LAB_PARTS:-reading events memory views control}" \
	>"$payload/parts"
