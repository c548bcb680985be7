# SPDX-License-Identifier: MIT
# build.sh DIR: a program of Xen's that prints a guest's HVM context, into the payload DIR.
# $VMI_LAB_PARTS names what besides the test guest's save image is wanted: linux (the default), and
# core, which takes ten minutes, as xl tries each of a million frames.
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

"$LAB/bundle.sh" "$1" "$CACHE/root/usr/lib/xen-4.17/bin/xen-hvmctx"
echo "${VMI_LAB_PARTS:-linux}" >"$1/parts"
