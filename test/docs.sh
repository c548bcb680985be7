#!/bin/sh
# SPDX-License-Identifier: MIT
# docs.sh PROGRAM FOLDER: what --help lists is in the man page and the completion, and the man page is
# clean. Exit 0 or 1.
set -u
program=$1
name=$(basename "$program")
man=$2/$name.1
completion=$2/$name.bash
bad=0

complain() {
	echo "$*"
	bad=1
}

commands=$("$program" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || complain "$name --help lists no commands"
for command in $commands; do
	grep -qw "$command" "$man" || complain "$man does not know $command"
	grep -qw "$command" "$completion" || complain "$completion does not know $command"
	for option in $("$program" "$command" --help | sed -n '/^options:/,$s/.*  *--\([a-z-]*\).*/\1/p'); do
		escaped=$(echo "$option" | sed 's/-/\\\\-/g')
		# Commands of both programs are described with vmi-dump.
		grep -q -- "\\\\-\\\\-$escaped" "$man" "$2/vmi-dump.1" || complain "$man does not know --$option"
		grep -q -- "--$option" "$completion" || complain "$completion does not know --$option"
	done
done
if command -v groff >/dev/null; then
	warnings=$(groff -man -ww -Tutf8 -z "$man" 2>&1)
	[ -z "$warnings" ] || complain "$warnings"
fi
bash -n "$completion" 2>/dev/null || complain "$completion is no bash"
exit "$bad"
