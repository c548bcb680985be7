#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make windows-full.dmp, which QEMU writes, and what is true about it.

    make_windows.py [--out DIR]

The guest of windows/ is no Windows, but has what QEMU's `dump-guest-memory -w` looks for in one.
QEMU puts the processors' registers where that leads, writes the dump, and puts back what was there.
The truth is what QEMU answers about the stopped machine.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import tempfile

from make import CFLAGS, HERE, PAGE, agree, registers, sha
from qmp import Qmp

MEMORY, SIZE, BASE = 0x100000, 0x20000, 0xfffff80123400000
POOL, FREE = 0x110000, 0x11c000
# Where the dump differs from memory before and after it: the two contexts.
CONTEXTS = (0x11b000, 0x11c000)


def build(program):
    source = os.path.join(HERE, "windows")
    subprocess.run(["gcc", "-m64", "-Wl,-T," + os.path.join(HERE, "guest", "guest.ld"), *CFLAGS,
                    "-o", program, os.path.join(source, "boot.S"), os.path.join(source, "main.c")],
                   check=True)


def whole_dump(path, memory):
    """The dump is the header and the memory, but for the contexts."""
    with open(path, "rb") as f:
        dump = f.read()
    agree("the size of the dump", len(dump), 0x2000 + SIZE)
    agree("its beginning", dump[:8], b"PAGEDU64")
    first, last = CONTEXTS[0] - MEMORY, CONTEXTS[1] - MEMORY
    agree("memory below the contexts", sha(dump[0x2000:0x2000 + first]), sha(memory[:first]))
    agree("memory above the contexts", sha(dump[0x2000 + last:]), sha(memory[last:]))
    words = struct.pack("<1024I", *((FREE + PAGE + i) * 0x9e3779b1 & 0xffffffff
                                    for i in range(0, PAGE, 4)))
    agree("the words of a page", memory[FREE + PAGE - MEMORY:FREE + 2 * PAGE - MEMORY], words)


def make(out):
    with tempfile.TemporaryDirectory() as scratch:
        program, socket = os.path.join(scratch, "guest.bin"), os.path.join(scratch, "qmp")
        build(program)
        qemu = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-m", "8M",
                                 "-smp", "2", "-cpu", "max,la57=off", "-nodefaults",
                                 "-no-user-config", "-display", "none", "-no-reboot", "-device",
                                 "vmcoreinfo", "-serial", "stdio", "-qmp",
                                 "unix:%s,server=on,wait=off" % socket, "-kernel", program])
        try:
            write(Qmp(socket), scratch, out)
        finally:
            qemu.kill()
            qemu.wait()


def settled(qmp):
    """Both CPUs have their names in their registers, and wait."""
    states = [qmp.monitor("info registers", cpu) for cpu in (0, 1)]
    return all("HLT=1" in s and registers(s).get("rax", 0) & 0xffffff == 0x786172 for s in states)


def write(qmp, scratch, out):
    while not settled(qmp):
        pass
    qmp("stop")
    vcpus = [registers(qmp.monitor("info registers", cpu)) for cpu in (0, 1)]
    saved = os.path.join(scratch, "memory")
    qmp("pmemsave", val=MEMORY, size=SIZE, filename=saved)
    path = os.path.join(out, "windows-full.dmp")
    if os.path.exists(path):
        os.unlink(path)
    qmp("dump-guest-memory", paging=False, protocol="file:" + path, format="win-dmp")
    os.chmod(path, 0o644)
    with open(saved, "rb") as f:
        memory = f.read()
    whole_dump(path, memory)
    truth = {"machine": "windows", "note": "the guest of test-data/windows", "memory": "8M",
             "qemu": qmp("query-version")["qemu"], "paging": "l4", "maxphyaddr": 40,
             "saved": {"gpa": hex(MEMORY), "size": SIZE},
             "images": [{"file": "windows-full.dmp", "format": "win-dmp (QEMU)", "holds": "part",
                         "registers": "contexts", "size": os.path.getsize(path)}],
             "vcpus": vcpus, **facts(qmp, memory, hex(vcpus[0]["cr3"]), scratch)}
    with open(os.path.join(out, "windows.truth.json"), "w") as f:
        f.write("{\n" + ",\n".join(
            json.dumps(k) + ": " + ("[\n" + ",\n".join(json.dumps(x) for x in v) + "\n]"
                                    if isinstance(v, list) and v else json.dumps(v))
            for k, v in truth.items()) + "\n}\n")
    print("%s: %d bytes" % (path, os.path.getsize(path)))


def facts(qmp, memory, cr3, scratch):
    rnd, reads, translations = random.Random("windows"), [], []
    size_of = {0: PAGE, 0x200000: 0x200000}
    for at in [i * PAGE + rnd.randrange(PAGE) for i in range(SIZE // PAGE + 2)] + [
            0x200000 + rnd.randrange(0x200000) for _ in range(8)]:
        answer = qmp.monitor("gva2gpa 0x%x" % (BASE + at), 0).split()
        pa = None if "No" in answer or "Unmapped" in answer else hex(int(answer[-1], 0))
        item = {"cr3": cr3, "va": hex(BASE + at), "pa": pa, "source": "gva2gpa",
                "page_size": pa and size_of[at & 0x200000],
                "status": "ok" if pa else "not-present"}
        translations.append(item)
    for _ in range(40):
        at, size = rnd.randrange(CONTEXTS[0] - MEMORY - 6000), rnd.choice((1, 8, 100, PAGE, 6000))
        reads.append({"cr3": "phys", "addr": hex(MEMORY + at), "len": size,
                      "sha256": sha(memory[at:at + size]), "source": "pmemsave", "class": "phys"})
        path = os.path.join(scratch, "memsave")
        qmp("memsave", filename=path, size=size, val=BASE + at - (1 << 64), **{"cpu-index": 0})
        with open(path, "rb") as f:
            reads.append({"cr3": cr3, "addr": hex(BASE + at), "len": size, "source": "memsave",
                          "sha256": sha(f.read()), "class": "kernel"})
    ends = [("phys", MEMORY + SIZE), (cr3, BASE + SIZE)]
    short = [{"cr3": space, "addr": hex(end - 16), "len": 32, "readable": 16}
             for space, end in ends]
    return {"translations": translations, "reads": reads, "short_reads": short, "strings": [],
            "unicode_strings": [], "full_walk": [], "no_truth": []}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make windows-full.dmp and its truth.")
    parser.add_argument("--out", default=HERE)
    make(parser.parse_args().out)
