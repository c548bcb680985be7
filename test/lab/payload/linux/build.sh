# SPDX-License-Identifier: MIT
# build.sh DIR: the project, the test program, and where the guest's kernel keeps what is looked for,
# into the payload DIR. $VMI_LAB_PARTS names the parts of the test that are to run.
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

payload=$1
here=$LAB/payload/linux
build=$("$LAB/project.sh" "$payload")
program=$(dirname "$payload")/linux # in test.sh's folder: two tests may do this at once

DEBIAN_LIB=$CACHE/root/usr/lib/x86_64-linux-gnu
"${CC:-cc}" -std=gnu11 -O1 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion \
	-Wmissing-prototypes -Werror -I"$LAB/../../include" -I"$LAB/client" -I"$LAB/guest" \
	-idirafter "$CACHE/root/usr/include" -o "$program" "$here"/program/*.c \
	"$LAB/client/client.c" -L"$build" -lvmicore -Wl,-rpath,"$build" -L"$DEBIAN_LIB" \
	-l:libxenctrl.so.4.17 -l:libxenforeignmemory.so.1 -Wl,-rpath-link,"$DEBIAN_LIB"
"$LAB/bundle.sh" "$payload" "$program"
"$LAB/lib/btf.py" "$CACHE/image/linux.cpio" task_struct.tasks task_struct.pid task_struct.comm \
	task_struct.mm mm_struct.pgd mm_struct.arg_start >"$payload/kernel"
"$LAB/lib/kallsyms.py" "$CACHE/image/linux.cpio" init_task version_proc_show jiffies_64 \
	entry_SYSCALL_64 init_top_pgt current_task >>"$payload/kernel"
echo "${VMI_LAB_PARTS:-reading events breakpoints ending}" >"$payload/parts"
