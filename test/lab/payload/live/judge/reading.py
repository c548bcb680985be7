# SPDX-License-Identifier: MIT
"""Questions about a guest that runs on."""

from stage import addresses, check, checksum, compare_state, harmless, same

LAB = addresses()
TRUTH = LAB["TRUTH"]
TEXT = "this string of the laboratory crosses a page"


@check("vmi-live-list")
def listing(run):
    stage = run.stage("list")
    one, = stage.lines()
    same({k: one[k] for k in ("name", "type", "vcpus")}, {"name": "test", "type": "pvh", "vcpus": 2})
    heads, line = stage.out().splitlines()[1:]
    same(heads.split(), ["id", "type", "vcpus", "state", "name"])
    same(line.split(), [str(one["id"]), "pvh", "2", one["state"], "test"])


@check("vmi-live-info")
def info(run):
    stage, truth = run.stage("info"), run.truth()
    one, = stage.lines()
    same((one["format"], one["driver"], one["arch"], one["vcpus"], one["page_size"]),
         ("xen-guest", "xen", "x86_64", 2, 4096))
    same((one["paging"], one["root"]), ("4level", truth["cr3"]))
    same(one["memory_bytes"], run.before()["pages"] * 4096)
    # Pages that belong to a domain and are nowhere in it; see drivers/xen/pages.c.
    assert 0 <= one["memory_bytes"] - sum(run_["size"] for run_ in one["runs"]) <= 16 * 4096
    same(len(one["capabilities"]), 9)
    assert "paging        4level (registers of vcpu 0)" in stage.out().splitlines()


@check("vmi-live-regs")
def registers(run):
    stage = run.stage("regs")
    given, = stage.guest()
    for shown in stage.lines():
        vcpu = shown["vcpu"]
        did = next(d for d in run.stage("truth").guest() if d["op"] == "state" and d["vcpu"] == vcpu)
        same((shown["source"], shown["assumed"]), ("xen-hvm-context", {}))
        compare_state(shown["registers"], did)
    # While it counts, a vcpu has the registers that it was given.
    for name, value in given["in"].items():
        if name not in ("rsp", "rflags"):
            same((name, shown["registers"][name]), (name, value))
    text = stage.out()
    assert "vcpu 1 (xen-hvm-context)\n" in text and "efer           0000000000000d01" in text


@check("vmi-live-translate")
def translate(run):
    frames = LAB["TRUTH_FRAMES"]
    expected = [
        (TRUTH + 0x123, frames + 0x2123, 4096, "rw-", False),
        (TRUTH + 0x1000, frames, 4096, "r-x", False),
        (TRUTH + 0x2000, None, "not-present", 1, LAB["TRUTH_HOLE"]),
        (TRUTH + 0x3fff, frames + 0x1fff, 4096, "rwx", True),
        (TRUTH + 0x212345, LAB["TRUTH_LARGE"] + 0x12345, 2 << 20, "r--", False),
        (TRUTH + 0x400000, None, "not-present", 2, 0),
        (TRUTH + 0x40204000, 0x204000, 1 << 30, "rwx", False),
        (1 << 47, None, "not-canonical", 0, 0),
    ]
    stage = run.stage("translate")
    found = stage.lines()
    reverse = found[len(expected):]
    for got, (va, pa, *rest) in zip(found, expected):
        same((got["va"], got["pa"]), (hex(va), pa and hex(pa)))
        if pa is None:
            same([got["status"], got["level"], int(got["entry"], 16)], rest)
        else:
            same([got["page_size"], got["access"], got["user"]], rest)
            same(got["walk"][0]["level"], 4)
    same([r["va"] for r in reverse],
         ["0x221040", "0xffff800000221040", hex(TRUTH + 0x3040), hex(TRUTH + 0x40221040)])
    same([line for line in stage.out().splitlines() if line[0] != "{"],
         ["0x204000 0x204000 4K rwx kernel",
          hex(TRUTH + 0x2000) + " not-present level 1 entry 0xdead000"])
    same(stage.status(), [1, 1, 0])


@check("vmi-live-read")
def read(run):
    stage = run.stage("read")
    whole, part = stage.lines()
    same(bytes.fromhex(whole["bytes"]), TEXT.encode() + b"\0")
    same((part["read"], part["length"]), (8, 16))
    assert "PTE 0xdead000 is not present" in part["error"] and part["error"] in stage.err()
    same([line for line in stage.out().splitlines() if line[0] != "{"],
         ["0x205ff8  d1 d1 d1 d1 d1 d1 d1 d1  d2 d2 d2 d2 d2 d2 d2 d2  |................|"])
    same(stage.status(), [0, 0, 1])


@check("vmi-live-read-image")
def image(run):
    did = next(d for d in run.stage("truth").guest() if d["op"] == "checksum")
    with open(run.file("image"), "rb") as file:
        same(checksum(file.read()), int(did["out"]["rax"], 16))


@check("vmi-live-string")
def string(run):
    stage = run.stage("string")
    narrow, wide = stage.lines()
    for one, length, encoding in ((narrow, 44, "utf-8"), (wide, 88, "utf-16-le")):
        same((one["text"], one["length"], one["end"]), (TEXT, length, "nul"))
        same(bytes.fromhex(one["bytes"]).decode(encoding), TEXT)
    same(stage.out().splitlines()[-1], "%#x %s" % (TRUTH + 0xff0, TEXT))
    same(stage.status(), [0, 0, 0])


@check("vmi-live-strings")
def strings(run):
    stage = run.stage("strings")
    found = {one["address"]: one for one in stage.lines()}
    same(list(found), sorted(found, key=lambda address: int(address, 16)))
    # Physically, what is left of it behind the page border.
    same(found[hex(LAB["TRUTH_FRAMES"])]["text"], TEXT[16:])
    same(stage.status(), [0])


@check("vmi-live-find")
def find(run):
    stage = run.stage("find")
    frame = LAB["TRUTH_FRAMES"]
    same([one["address"] for one in stage.lines()],
         [hex(base + 3) for base in (frame, LAB["ALIAS"] + frame, TRUTH + 0x1000,
                                     TRUTH + 0x40000000 + frame)])
    same({bytes.fromhex(one["bytes"]) for one in stage.lines()}, {b"laboratory crosses"})
    same(stage.status(), [0])


@check("vmi-live-maps")
def maps(run):
    stage = run.stage("maps")
    found = stage.lines()
    frames = LAB["TRUTH_FRAMES"]
    same([(int(m["va"], 16) - TRUTH, int(m["pa"], 16), m["size"], m["page_size"], m["access"],
           m["user"]) for m in found if int(m["va"], 16) >= TRUTH],
         [(0, frames + 0x2000, 4096, 4096, "rw-", False),
          (0x1000, frames, 4096, 4096, "r-x", False),
          (0x3000, frames + 0x1000, 4096, 4096, "rwx", True),
          (0x200000, LAB["TRUTH_LARGE"], 2 << 20, 2 << 20, "r--", False),
          (0x40000000, 0, 1 << 30, 1 << 30, "rwx", False)])
    for base in (0, LAB["ALIAS"]):
        mine = [m for m in found if base <= int(m["va"], 16) < base + (4 << 30)]
        same(sum(m["size"] for m in mine), 4 << 30)
        assert all(int(m["va"], 16) - base == int(m["pa"], 16) for m in mine)
    same(stage.status(), [0])


@check("reading-takes-nothing")
def takes_nothing(run):
    stage = run.stage("hypercalls")
    harmless(stage.out().splitlines())
    after, = stage.xen()
    same(after, run.before())
    same(after["views"], False)
