# SPDX-License-Identifier: MIT
# build.sh DIR: the project's programs, and the spy, into the payload DIR.
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

"$LAB/project.sh" "$1" >/dev/null
"$LAB/spy.sh" "$1"
cp "$LAB"/payload/live/stages/*.sh "$1/"
# The guest's addresses, as the shell has them: LAB_DATA=0x204000 ...
sed -n 's/^#define \(LAB_[A-Z0-9_]*\) *\(0x[0-9a-f]*\).*/\1=\2/p' "$LAB/guest/mailbox.h" \
	>"$1/addresses.sh"

# The parts events and ends are a test of their own.
echo "${VMI_LAB_PARTS:-reading snapshot}" >"$1/parts"
