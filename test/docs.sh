#!/bin/sh
# SPDX-License-Identifier: MIT
# docs.sh PROGRAM FOLDER: what --help lists is in the man page, the completion offers it and no more,
# and the man page is clean. Exit 0 or 1.
set -u
program=$1
name=$(basename "$program")
man=$2/$name.1
completion=$2/vmi.bash
bad=0

complain() {
	echo "$*"
	bad=1
}

# offered WORD..: what the completion has for the last word of the line, one a line, sorted.
offered() {
	bash -c '
		. "$0"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_vmi "$1"
		printf "%s\n" "${COMPREPLY[@]}"' "$completion" "$program" "$@" | sort
}

# same WHAT LIST LIST
same() {
	[ "$2" = "$3" ] || complain "$completion offers for $name $1:" $3 "rather than:" $2
}

commands=$("$program" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || complain "$name --help lists no commands"
for command in $commands; do
	grep -qw "$command" "$man" || complain "$man does not know $command"
	options=$("$program" "$command" --help | sed -n '/^options:/,$s/.*  *--\([a-z-]*\).*/\1/p')
	same "$command" "$(for option in $options; do echo "--$option"; done | sort)" \
		"$(offered "$command" target - | grep -v =)"
	for option in $options; do
		escaped=$(echo "$option" | sed 's/-/\\\\-/g')
		# Commands of both programs are described with vmi-dump.
		grep -q -- "\\\\-\\\\-$escaped" "$man" "$2/vmi-dump.1" || complain "$man does not know --$option"
	done
done
same "" "$(printf '%s\n' $commands help | sort)" "$(offered "")"
same "... --mode" "$(printf '%s\n' 4level 5level)" "$(offered info target --mode "" | grep level)"
same "... --vcpu" "" "$(offered info target --vcpu "")"
if command -v groff >/dev/null; then
	warnings=$(groff -man -ww -Tutf8 -z "$man" 2>&1)
	[ -z "$warnings" ] || complain "$warnings"
fi
exit "$bad"
