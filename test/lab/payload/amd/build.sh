# SPDX-License-Identifier: MIT
# build.sh DIR: the driver payload's programs, and those of their parts that are for AMD's processors.
set -eu
VMI_LAB_PARTS=${VMI_LAB_PARTS:-reading events control amd} \
	sh "$(dirname "$0")/../driver/build.sh" "$1"
