# SPDX-License-Identifier: MIT
# build.sh DIR: the project's programs, into the payload DIR.
set -eu
"$(dirname "$0")/../../project.sh" "$1" >/dev/null
