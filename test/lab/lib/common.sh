# SPDX-License-Identifier: MIT
# Sourced by the scripts of the laboratory; $LAB is test/lab, set before.

CACHE=${VMI_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmicore-lab}

say() { printf 'lab: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}
# The machine is not to blame for this, nor is the project: a skip, for CTest.
cannot() {
	say "$*"
	exit 77
}

# fresh STEP FILE..: was STEP made from these very files? $WANT is what mark() then remembers.
fresh() {
	step=$1
	shift
	WANT=$(cat "$@" | sha256sum)
	[ "$(cat "$CACHE/made/$step" 2>/dev/null)" = "$WANT" ]
}
mark() { printf '%s\n' "$WANT" >"$CACHE/made/$1"; }

# compile PROGRAM WORD..: for dom0, of these sources and with these options, with client.h and Xen's
# libraries at hand.
compile() {
	made=$1
	shift
	debian_lib=$CACHE/root/usr/lib/x86_64-linux-gnu
	"${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Werror \
		-I"$LAB/client" -I"$LAB/guest" -idirafter "$CACHE/root/usr/include" -o "$made" \
		"$LAB/client/client.c" -Wl,--as-needed "$@" -L"$debian_lib" -l:libxenctrl.so.4.17 \
		-l:libxenforeignmemory.so.1 -l:libxendevicemodel.so.1 -l:libxenevtchn.so.1 \
		-Wl,-rpath-link,"$debian_lib"
}
