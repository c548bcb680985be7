#!/bin/sh
# SPDX-License-Identifier: MIT
# spy.sh DIR: what writes down a program's hypercalls, into the payload DIR that has programs already.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

"${CC:-cc}" -std=gnu11 -O1 -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror -shared -fPIC \
	-idirafter "$CACHE/root/usr/include" -o "$1/lib/spy.so" "$LAB/payload/live/spy/spy.c" -ldl
