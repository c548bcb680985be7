#!/bin/sh
# SPDX-License-Identifier: MIT
# program.sh DIR NAME: the project, and a program of payload/NAME/program/*.c that uses its library,
# into the payload DIR.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

build=$("$LAB/project.sh" "$1")
program=$(dirname "$1")/$2 # in test.sh's folder: two tests may do this at once
compile "$program" "$LAB/payload/$2"/program/*.c -D_GNU_SOURCE \
	-I"$LAB/../../include" -L"$build" -lvmicore -Wl,-rpath,"$build"
"$LAB/bundle.sh" "$1" "$program"
