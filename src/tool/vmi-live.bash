# SPDX-License-Identifier: MIT
# bash completion for vmi-live

_vmi_live()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local commands="list info regs translate read string strings find maps symbols types struct ps vmas files mounts sockets sysinfo modules dmesg monitor snapshot reset"
	local options="--json --quiet --driver --help"
	local kernel=" --system-map --btf --vmlinux"
	local space="$kernel --root --vcpu --mode --pid --process"
	local command= word i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ " $commands help " == *" $word "* ]]; then
			command=$word
			break
		fi
	done

	case $prev in
	--mode)
		COMPREPLY=($(compgen -W "auto legacy pae 4level 5level" -- "$cur"))
		return
		;;
	-t | --type)
		COMPREPLY=($(compgen -W "u8 u16 u32 u64 ptr" -- "$cur"))
		return
		;;
	-e | --encoding)
		case $command in
		string) word="utf8 latin1 utf16le utf16be" ;;
		strings) word="ascii utf8 utf16le all" ;;
		*) word="ascii utf8 latin1 utf16le utf16be all" ;;
		esac
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
		return
		;;
	--cr)
		COMPREPLY=($(compgen -W "cr0 cr3 cr4 xcr0" -- "$cur"))
		return
		;;
	--msr)
		word="efer star lstar cstar syscall_mask fs_base gs_base kernel_gs_base sysenter_cs"
		word+=" sysenter_esp sysenter_eip pat debugctl apic_base misc_enable spec_ctrl"
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
		return
		;;
	--action)
		COMPREPLY=($(compgen -W "continue deny reinject singlestep emulate" -- "$cur"))
		return
		;;
	--format)
		COMPREPLY=($(compgen -W "elf raw lime kdump" -- "$cur"))
		return
		;;
	--compress)
		COMPREPLY=($(compgen -W "none zlib lzo snappy zstd lz4" -- "$cur"))
		return
		;;
	--driver)
		COMPREPLY=($(compgen -W "xen" -- "$cur"))
		return
		;;
	--from | -o | --output | --btf | --vmlinux | --system-map)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--threads)
		[[ $command == ps ]] || return
		;;
	--root | --vcpu | -p | --pid | --process | --limit | -n | --min | --bytes | --text | --regex | --mem | \
		--rip | -c | --count | -d | --duration | --deadline)
		return
		;;
	esac

	case $command in
	"") options+=" --version" ;;
	info) options+=$space ;;
	maps) options+="$space --symbols" ;;
	regs) options+="$kernel --vcpu --symbols" ;;
	translate) options+="$space --from --walk --reverse --symbols" ;;
	read) options+="$space --phys --raw --type --skip-holes --symbols" ;;
	string) options+="$space --phys --encoding --limit --unicode-string" ;;
	strings) options+="$space --phys --encoding --min --offsets --threads" ;;
	find) options+="$space --phys --encoding --bytes --text --regex --threads" ;;
	struct) options+="$space --phys" ;;
	symbols | types | sysinfo | modules | dmesg) options+="$kernel --root --mode" ;;
	vmas | files | mounts | sockets) options+="$kernel --root --mode --pid --process" ;;
	ps) options+="$kernel --root --mode --threads --tree" ;;
	monitor)
		options+=" --cr --msr --breakpoint --debug --singlestep --cpuid --hypercall"
		options+=" --hypercall=user --io --descriptor --vmexit --privileged-call --mem"
		options+=" --vcpu --root --rip --count --duration --deadline --registers"
		options+=" --action"
		;;
	snapshot) options+=" --output --format --compress --force" ;;
	esac

	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	elif [[ -z $command ]]; then
		COMPREPLY=($(compgen -W "$commands help" -- "$cur"))
	elif [[ $command == help ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	elif [[ $command != list && ${COMP_WORDS[COMP_CWORD-1]} == "$command" ]]; then
		# Names are the last column; one with blanks is not offered whole.
		word=$(vmi-live list 2>/dev/null | awk 'NR > 1 { print $5 }')
		COMPREPLY=($(compgen -W "$word" -- "$cur"))
	fi
}

complete -F _vmi_live vmi-live
