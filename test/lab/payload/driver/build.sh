# SPDX-License-Identifier: MIT
# build.sh DIR: the project and the test program, into the payload DIR.
# $VMI_LAB_PARTS names the parts of the test program that are to run; besides the default ones there
# are some that take longer: detach, kill, rescue (every end that a watcher can have), count (100,000
# events), rate (beside a bare loop), speed (of reading and translating).
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

payload=$1
here=$LAB/payload/driver
build=$("$LAB/project.sh" "$payload")
program=$(dirname "$payload")/driver # in test.sh's folder: two tests may do this at once

DEBIAN_LIB=$CACHE/root/usr/lib/x86_64-linux-gnu
"${CC:-cc}" -std=gnu11 -O1 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion \
	-Wmissing-prototypes -Werror -I"$LAB/../../include" -I"$LAB/client" -I"$LAB/guest" \
	-idirafter "$CACHE/root/usr/include" -o "$program" "$here"/program/*.c \
	"$LAB/client/client.c" -L"$build" -lvmicore -Wl,-rpath,"$build" -L"$DEBIAN_LIB" \
	-l:libxenctrl.so.4.17 -l:libxenforeignmemory.so.1 -l:libxenevtchn.so.1 \
	-Wl,-rpath-link,"$DEBIAN_LIB"
"$LAB/bundle.sh" "$payload" "$program"
echo "${VMI_LAB_PARTS:-reading events memory views loop control}" \
	>"$payload/parts"
