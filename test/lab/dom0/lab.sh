# SPDX-License-Identifier: MIT
# For payloads: . /lib/lab.sh
# What a payload says, one line each; NAME is of letters, digits and _ . : / + - without spaces.

ok() { echo "LAB ok $1"; }
not_ok() { echo "LAB not-ok $*"; }
skip() { echo "LAB skip $*"; }

# How many results there will be: a payload that ends early is then noticed.
plan() { echo "LAB plan $1"; }

# check NAME COMMAND..: a result from a command's status.
check() {
	name=$1
	shift
	if "$@"; then
		ok "$name"
	else
		not_ok "$name" "status $?: $*"
	fi
}

# guest NAME [KEY=VALUE..]: create a guest from /guest/NAME.cfg, with changes; its id is in $DOMID.
# The configuration's own name is NAME.
guest() {
	name=$1
	shift
	xl create -q "/guest/$name.cfg" "$@" || return 1
	DOMID=$(xl domid "$name")
}

# guest_says NAME WORDS [SECONDS]: wait until the console of the guest shows WORDS.
guest_says() {
	waited=0
	until grep -q "$2" "/var/log/xen/guest-$1.log" 2>/dev/null; do
		[ "$waited" -lt "$((${3:-60} * 5))" ] || return 1
		waited=$((waited + 1))
		sleep 0.2
	done
}

# guest_type NAME LINE: type LINE on the console of the guest.
guest_type() {
	echo "$2" >"$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty")"
}
