# SPDX-License-Identifier: MIT
# bash completion for vmi-dump

_vmi_dump()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local commands="info regs translate read string strings find maps symbols types struct ps vmas files mounts sockets sysinfo modules dmesg convert"
	local options="--json --quiet --driver --no-mmap --keep-index --layout --help"
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
	--driver)
		COMPREPLY=($(compgen -W "avml elf kdump lime qemu-migration raw vmware windows xen-core xen-save" -- "$cur"))
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
	--from | -o | --output | --btf | --vmlinux | --system-map)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--threads)
		[[ $command == ps ]] || return
		;;
	--layout | --root | --vcpu | -p | --pid | --process | --limit | -n | --min | --bytes | --text | --regex)
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
	convert) options+=" --output --format --compress --threads --force" ;;
	esac

	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	elif [[ -z $command ]]; then
		COMPREPLY=($(compgen -W "$commands help" -- "$cur"))
	elif [[ $command == help ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	else
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _vmi_dump vmi-dump
