# SPDX-License-Identifier: MIT
# build.sh DIR: the project and the test program, into the payload DIR.
# $VMI_LAB_PARTS names the parts of the test program that are to run; besides the default ones there
# are some that take longer: detach, kill, rescue (every end that a watcher can have), count (100,000
# events), rate (beside a bare loop), speed (of reading and translating).
set -eu
"$(dirname "$0")/../../program.sh" "$1" driver
echo "${VMI_LAB_PARTS:-reading events memory views loop control}" >"$1/parts"
