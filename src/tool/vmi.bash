# SPDX-License-Identifier: MIT
# bash completion for vmi-dump and vmi-live: their --help says what there is.

_vmi()
{
	local program=${1/#~\//$HOME/} cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command= help commands word

	COMPREPLY=()
	help=$("$program" --help 2>/dev/null)
	commands=$(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help")
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if grep -qxF -e "$word" <<<"$commands"$'\nhelp'; then
			command=$word
			break
		fi
	done
	[[ $command == @(|help) ]] || help=$("$program" "$command" --help 2>/dev/null)

	case $prev in
	--mode) word="auto legacy pae 4level 5level" ;;
	-t | --type) word="u8 u16 u32 u64 ptr" ;;
	-e | --encoding)
		case $command in
		string) word="utf8 latin1 utf16le utf16be" ;;
		strings) word="ascii utf8 utf16le all" ;;
		*) word="ascii utf8 latin1 utf16le utf16be all" ;;
		esac
		;;
	--driver)
		word=$("$program" --version 2>/dev/null | sed -n 's/^  driver \([a-z-]*\).*/\1/p')
		[[ $program == *vmi-live ]] && word=xen
		;;
	--format) word="elf raw lime kdump" ;;
	--compress) word="none zlib lzo snappy zstd lz4" ;;
	--cr) word="cr0 cr3 cr4 xcr0" ;;
	--msr)
		word="efer star lstar cstar syscall_mask fs_base gs_base kernel_gs_base sysenter_cs"
		word+=" sysenter_esp sysenter_eip pat debugctl apic_base misc_enable spec_ctrl"
		;;
	--action) word="continue deny reinject singlestep emulate" ;;
	*) word= ;;
	esac
	if [[ $word ]]; then
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
		return
	fi

	# The argument of the option before: one blank stands in front of it, and more before words.
	word=
	[[ $help =~ $'\n  '"$prev"', '--[a-z-]+' '([A-Z]+) ]] && word=${BASH_REMATCH[1]}
	[[ $help =~ $'\n  '(-.', '|'    ')"$prev"' '([A-Z]+) ]] && word=${BASH_REMATCH[2]}
	[[ $word && $word != FILE ]] && return

	if [[ -z $word && $cur == -* ]]; then
		word=$(sed -n '/^options/,$s/^  \(-., \|    \)\(--[a-z-]*\)\(\[\(=[a-z]*\)\]\)*.*/\2 \2\4/p' \
			<<<"$help")
		COMPREPLY=($(compgen -W "$word" -- "$cur" | sort -u))
	elif [[ -z $word && $command == @(|help) ]]; then
		[[ $command ]] || commands+=" help"
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	elif [[ -z $word && $program == *vmi-live ]]; then
		[[ $command != list && $prev == "$command" ]] || return
		# Names are the last column; one with blanks is not offered whole.
		word=$("$program" list 2>/dev/null | awk 'NR > 1 { print $5 }')
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
	else
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _vmi vmi-dump vmi-live
