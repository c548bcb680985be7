# SPDX-License-Identifier: MIT
# Questions about a guest that runs on. Opening it for these takes nothing from it: this comes first,
# while nobody ever had a ring.

sum() { printf '0x%x' $(($1 + $2)); }

stage list
answer vmi-live list --json
answer vmi-live list
stage info
answer vmi-live info test --json
answer vmi-live info "$DOMID"
stage regs
asked 1 spin
usleep 50000
answer vmi-live regs test --json
answer vmi-live regs test --vcpu 1
asked 1 stop
stage translate
answer vmi-live translate test --json --walk $(sum $LAB_TRUTH 0x123) $(sum $LAB_TRUTH 0x1000) \
	$(sum $LAB_TRUTH 0x2000) $(sum $LAB_TRUTH 0x3fff) $(sum $LAB_TRUTH 0x212345) \
	$(sum $LAB_TRUTH 0x400000) $(sum $LAB_TRUTH 0x40204000) 0x800000000000
answer vmi-live translate test --vcpu 1 $LAB_DATA $(sum $LAB_TRUTH 0x2000)
answer vmi-live translate test --reverse --json 0x221040
stage read
answer vmi-live read test $(sum $LAB_TRUTH 0xff0) 45 --json
answer vmi-live read test --phys 0x205ff8 16
answer vmi-live read test $(sum $LAB_TRUTH 0x1ff8) 16 --json
stage string
answer vmi-live string test --json $(sum $LAB_TRUTH $LAB_TRUTH_TEXT_AT)
answer vmi-live string test --json --encoding utf16le $(sum $LAB_TRUTH $LAB_TRUTH_UTF16_AT)
answer vmi-live string test $(sum $LAB_TRUTH $LAB_TRUTH_TEXT_AT)
vmi-live read test --phys $LAB_IMAGE 0x1000 --raw >/out/image
stage strings
answer vmi-live strings test -n 28 --json
stage maps
answer vmi-live maps test --json

# Every hypercall that such questions make.
spied() {
	/payload/lib/ld-linux-x86-64.so.2 --library-path /payload/lib --preload /payload/lib/spy.so \
		/payload/lib/vmi-live "$@" 9>>/out/hypercalls.out
}
stage find
answer spied find test --vcpu 0 --text 'laboratory crosses' --json
stage hypercalls
for question in "info test" "regs test" "translate test $LAB_DATA" "read test $LAB_DATA 16" \
	"string test $LAB_DATA --limit 4"; do
	spied $question >/dev/null
done
looked
