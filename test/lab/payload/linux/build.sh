# SPDX-License-Identifier: MIT
# build.sh DIR: the project, the test program, and where the guest's kernel keeps what is looked for,
# into the payload DIR. $VMI_LAB_PARTS names the parts of the test that are to run.
set -eu
LAB=$(cd "$(dirname "$0")/../.." && pwd)
. "$LAB/lib/common.sh"

"$LAB/program.sh" "$1" linux
"$LAB/lib/btf.py" "$CACHE/image/linux.cpio" task_struct.tasks task_struct.pid task_struct.comm \
	task_struct.mm mm_struct.pgd mm_struct.arg_start >"$1/kernel"
"$LAB/lib/kallsyms.py" "$CACHE/image/linux.cpio" init_task version_proc_show jiffies_64 \
	entry_SYSCALL_64 init_top_pgt current_task >>"$1/kernel"
"$LAB/lib/kallsyms.py" "$CACHE/image/linux.cpio" linux_banner >"$1/banner"
"$LAB/spy.sh" "$1"
cp "$LAB/payload/linux/tools.sh" "$1/"
# The part tools is a test of its own.
echo "${VMI_LAB_PARTS:-reading events breakpoints ending}" >"$1/parts"
