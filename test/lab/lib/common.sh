# SPDX-License-Identifier: MIT
# Sourced by build.sh, run.sh and test.sh; $LAB is test/lab, set before.

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
