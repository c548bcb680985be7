#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the images of this folder and what is true about them.

    make.py [--out DIR] [legacy|pae|4level|5level]...

Builds the guest once per paging mode, boots it under QEMU's own CPU (TCG), stops it, and has QEMU
write the guest's part of memory. The truth has three witnesses, none of them a tool under test:
what the guest says it planted; what the CPU did when the guest tried each address; what the
emulator answers about the machine (info registers, info tlb, gva2gpa, memsave, pmemsave). Where
they contradict one another nothing is written.
"""
import argparse
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

from qmp import Qmp

HERE = os.path.dirname(os.path.abspath(__file__))
MODES = {  # levels, width, name in the truth, images besides the plain one
    "legacy": (2, 32, "legacy", ["paging"]),
    "pae": (3, 32, "pae", []),
    "4level": (4, 64, "l4", ["paging", "raw", "migrate"]),
    "5level": (5, 64, "l5", []),
}
CFLAGS = ("-std=gnu11 -Os -ffreestanding -nostdlib -fno-builtin -fno-pic -no-pie -static "
          "-mgeneral-regs-only -mno-red-zone -fno-stack-protector -fcf-protection=none "
          "-fno-asynchronous-unwind-tables -Wall -Wextra -Werror "
          "-Wl,--build-id=none,--oformat=binary,--no-warn-rwx-segments").split()
PAGE = 4096
ALL_BITS = (1 << 64) - 1


class Contradiction(Exception):
    """Two witnesses do not agree."""


def sha(data):
    return hashlib.sha256(data).hexdigest()


def agree(what, one, other):
    if one != other:
        raise Contradiction("%s: %s and %s" % (what, one, other))


# ---- the machine -----------------------------------------------------------------------------


class Machine:
    """The guest under QEMU, from boot to halt."""

    def __init__(self, mode, scratch):
        self.mode, self.scratch = mode, scratch
        self.levels, self.width, self.paging, self.variants = MODES[mode]
        program = os.path.join(scratch, "guest.bin")
        guest = os.path.join(HERE, "guest")
        sources = sorted(f for f in os.listdir(guest) if f.endswith((".c", ".S")))
        subprocess.run(["gcc", "-m%d" % self.width, "-DLEVELS=%d" % self.levels,
                        "-Wl,-T," + os.path.join(guest, "guest.ld"), *CFLAGS, "-o", program,
                        *(os.path.join(guest, f) for f in sources)], check=True)
        path = os.path.join(scratch, "qmp")
        self.command = ["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-m", "8M", "-smp", "3",
                        "-cpu", "max,la57=" + ("on" if self.levels == 5 else "off"),
                        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                        "-serial", "stdio", "-qmp", "unix:%s,server=on,wait=off" % path,
                        "-kernel", program]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.qmp = Qmp(path)
        self.said = self.listen("ready")

    def listen(self, last):
        said = []
        for line in self.process.stdout:
            said.append(json.loads(line))
            if said[-1]["kind"] == last:
                return said
            if said[-1]["kind"].startswith("out of"):
                break
        raise RuntimeError("the guest ended with %s" % said[-1:])

    def ask(self, first, second):
        """Have the guest try addresses in its two spaces; then it halts."""
        lines = ["%x\n" % va for va in first] + ["\n"] + ["%x\n" % va for va in second] + ["\n"]
        writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=self.process.stdin)
        writer.stdin.write("".join(lines).encode())
        writer.stdin.close()
        answers = self.listen("done")[:-1]
        writer.wait()
        return answers

    def halt(self):
        """Stop for good, when every CPU that is not in firmware has halted."""
        while not all("HLT=1" in self.qmp.monitor("info registers", cpu) for cpu in range(3)):
            pass
        self.qmp("stop")

    def end(self):
        self.process.kill()
        self.process.wait()

    def physical(self, gpa, size):
        path = os.path.join(self.scratch, "pmemsave")
        self.qmp("pmemsave", val=gpa, size=size, filename=path)
        with open(path, "rb") as f:
            return f.read()

    def virtual(self, cpu, va, size):
        path = os.path.join(self.scratch, "memsave")
        # A JSON integer of QEMU's is signed.
        self.qmp("memsave", filename=path, size=size, val=va - (1 << 64) if va >> 63 else va,
                 **{"cpu-index": cpu})
        with open(path, "rb") as f:
            return f.read()

    def gpa_of(self, cpu, va):
        answer = re.match(r"gpa: (?:0x)?([0-9a-f]+)", self.qmp.monitor("gva2gpa 0x%x" % va, cpu))
        return int(answer.group(1), 16) if answer else None

    def dump(self, path, paging, gpa, size):
        if os.path.exists(path):
            os.unlink(path)
        self.qmp("dump-guest-memory", paging=paging, protocol="file:" + path, begin=gpa,
                 length=size)
        os.chmod(path, 0o644)


    def migrate(self, path):
        """The last that can be asked of a machine: it does not go on."""
        self.qmp("migrate", uri="exec:cat >" + path)
        while (status := self.qmp("query-migrate")["status"]) != "completed":
            agree("the migration's status", status in ("setup", "active", "device"), True)


def registers(text):
    """`info registers`, in numbers."""
    regs = {}
    for line in text.splitlines():
        segment = re.match(r"([CDEFGS]S|LDT|TR) *=(\w{4}) (\w+) (\w{8}) (\w{8})", line)
        table = re.match(r"([GI]DT)= +(\w+) (\w{8})", line)
        if segment:
            name, *numbers = segment.groups()
            regs[name.lower()] = dict(zip(("selector", "base", "limit", "flags"),
                                          (int(n, 16) for n in numbers)))
        elif table:
            regs[table[1].lower()] = {"base": int(table[2], 16), "limit": int(table[3], 16)}
        elif not re.match(r"(FCW|FPR|XMM|YMM|ZMM|Opmask|CC)", line):
            for name, value in re.findall(r"\b([A-Z]\w{1,3}) ?=([0-9a-f]{8,16})\b", line):
                regs[name.lower()] = int(value, 16)
    regs["flags"] = regs.pop("rfl", None) or regs.pop("efl")
    if regs["efer"] >> 10 & 1 and "rax" not in regs:
        # Compatibility mode: the monitor shows a 32-bit CPU, all else cut off.
        regs["monitor_shows_low_halves"] = True
        regs["tr"]["base"] = None
    return regs


def tlb(machine, cpu):
    """`info tlb`: va -> (pa, page size)."""
    unit = 1 << (22 if machine.paging == "legacy" else 21)
    rows = {}
    for line in machine.qmp.monitor("info tlb", cpu).splitlines():
        row = re.match(r"([0-9a-f]{16}): ([0-9a-f]{16}) (\S+)", line)
        if row:
            va, shown, large = int(row[1], 16), int(row[2], 16), "P" in row[3]
            pa = machine.gpa_of(cpu, va)
            # The monitor leaves PSE-36's upper bits out, and NX and reserved bits in.
            bits = {"pae": ALL_BITS >> 12, "legacy": ALL_BITS >> 32}.get(machine.paging, ALL_BITS)
            bits &= -(unit if large else PAGE)
            agree("info tlb and gva2gpa of 0x%x" % va, shown & bits, pa & bits)
            rows[va] = (pa, large)
    sized = {}
    for va, (pa, large) in rows.items():
        # A 1 GiB page has one row, though the next 2 MiB are mapped too.
        huge = (machine.width == 64 and large and va % (1 << 30) == 0 and va + unit not in rows and
                machine.gpa_of(cpu, va + unit) == pa + unit)
        sized[va] = (pa, 1 << 30 if huge else unit if large else PAGE)
    return sized


# ---- the truth -------------------------------------------------------------------------------


def verdict(fault):
    """What a fault of the CPU means (SDM vol. 3A 4.7)."""
    if not fault:
        return "ok"
    if fault >> 16 & 0xff == 13:
        return "not-canonical"
    return "reserved-bits" if fault & 8 else "not-present"


class Truth:
    def __init__(self, machine):
        self.machine = machine
        self.random = random.Random("truth of " + machine.mode)
        self.said = machine.said
        start = self.of_kind("start")[0]
        self.gpa, self.size = int(start["saved"], 16), int(start["saved_size"], 16)
        self.pattern = int(start["pattern"], 16)
        self.places = self.of_kind("place")
        self.roots = []  # of CPU 0 and CPU 1
        self.out = {"translations": [], "full_walk": [], "strings": [], "unicode_strings": [],
                    "reads": [], "short_reads": [], "no_truth": []}

    def of_kind(self, kind):
        return [item for item in self.said if item["kind"] == kind]

    def page_size(self, level):
        return 1 << 12 + (level - 1) * (10 if self.machine.levels == 2 else 9)

    def cpu_of(self, item):
        return self.roots.index(int(item["space"], 16))

    def unsaved_table(self, cpu, va):
        """Is this below a table that no image holds? Those stand in entries of level 2."""
        span = self.page_size(2)
        return any(p["outcome"] == "not-saved" and self.cpu_of(p) == cpu and
                   int(p["va"], 16) // span == va // span for p in self.places)

    def take_places(self):
        """What the guest planted, against what its CPU and the emulator's walker found."""
        for place in self.places:
            va, pa, cpu = int(place["va"], 16), int(place["pa"], 16), self.cpu_of(place)
            outcome, found = place["outcome"], verdict(int(place["fault"], 16))
            rights = place["rights"]
            what = "%s at 0x%x of space %d" % (place["why"], va, cpu)
            emulator = self.machine.gpa_of(cpu, va)
            item = {"cr3": hex(self.roots[cpu]), "va": hex(va), "pa": None, "page_size": None,
                    "source": "guest: " + place["why"], "status": outcome, "level": place["level"]}
            if outcome == "wide-address":
                agree(what, found, "reserved-bits")
                item["status"] = "ok"
            elif outcome != "not-saved":
                agree(what, found, outcome)
            if found == "ok":
                agree(what, rights & 1, place["writable"])
                agree(what, rights >> 2, place["user"])
                agree(what, rights >> 1 & 1, place.get("executable", rights >> 1 & 1))
            if found == "ok" or outcome == "wide-address":
                agree(what, pa, emulator)
                item.update(pa=hex(pa), page_size=self.page_size(place["level"]),
                            access="r" + "-w"[rights & 1] + "-x"[rights >> 1 & 1],
                            user=bool(rights & 4))
            elif found != "reserved-bits":  # which the emulator's walker does not look at
                agree(what, emulator, None)
            if outcome == "not-saved":
                del item["level"]
            self.out["translations"].append(item)

    def plan(self):
        """Addresses to have tried: every page of info tlb, and the holes behind them."""
        self.rows, self.asked = [], []
        for cpu in (0, 1):
            rows = tlb(self.machine, cpu)
            seen = {int(p["va"], 16) // PAGE for p in self.places if self.cpu_of(p) == cpu}
            asked = {}
            for va, (pa, size) in sorted(rows.items()):
                offset = self.random.randrange(size)
                if (va + offset) // PAGE not in seen:
                    asked[va + offset] = (pa + offset, size)
                behind = (va + size) & (ALL_BITS if self.machine.width == 64 else 0xffffffff)
                if behind not in rows and self.machine.gpa_of(cpu, behind) is None:
                    asked[behind] = None
            self.rows.append(rows)
            self.asked.append(asked)

    def take_answers(self, answers):
        faulty = [set(), set()]
        for answer in answers:
            va, cpu = int(answer["va"], 16), self.cpu_of(answer)
            found, expected = verdict(int(answer["fault"], 16)), self.asked[cpu][va]
            item = {"cr3": hex(self.roots[cpu]), "va": hex(va), "pa": None, "page_size": None,
                    "source": "info tlb and CPU", "status": found}
            if expected and found != "reserved-bits":
                agree("0x%x of space %d" % (va, cpu), found, "ok")
                item.update(pa=hex(expected[0]), page_size=expected[1], user=bool(answer["user"]),
                            writable=bool(answer["writable"]))
                if "executable" in answer:
                    item["access"] = ("r" + "-w"[answer["writable"]] + "-x"[answer["executable"]])
            elif not expected:
                agree("0x%x of space %d, mapped" % (va, cpu), found == "ok", False)
                item["source"] = "gva2gpa and CPU"
            if self.unsaved_table(cpu, va):
                item["status"] = "not-saved"
            if found == "reserved-bits":
                faulty[cpu].add(va)
            # One in three of what is nothing special will do.
            if item["page_size"] != PAGE or self.random.random() < 1 / 3:
                self.out["translations"].append(item)
        self.count_pages(faulty)

    def count_pages(self, faulty):
        """How many pages of each size an image shows."""
        for p in self.places:
            if p["outcome"] == "reserved-bits":
                faulty[self.cpu_of(p)].add(int(p["va"], 16))
        for cpu, rows in enumerate(self.rows):
            sizes = {}
            for va, (_, size) in rows.items():
                if not (any(va <= f < va + size for f in faulty[cpu]) or
                        self.unsaved_table(cpu, va)):
                    sizes[str(size)] = sizes.get(str(size), 0) + 1
            self.out["full_walk"].append({"cr3": hex(self.roots[cpu]), "sizes": sizes,
                                          "info_tlb_rows": len(rows)})

    def take_strings(self):
        for s in self.of_kind("string"):
            raw, encoding = bytes.fromhex(s["bytes"]), s["encoding"]
            codec = {"utf16le": "utf-16-le", "utf16be": "utf-16-be"}.get(encoding, encoding)
            try:
                text = raw.decode(codec)
            except UnicodeDecodeError:
                text = None  # how it is shown is not for the guest to say
            va, cpu = int(s["va"], 16), self.cpu_of(s)
            ends = b"" if s["end"] != "nul" else bytes(2 if "16" in encoding else 1)
            if raw:
                raw_ends = raw + ends
                agree("text at 0x%x" % va, self.machine.virtual(cpu, va, len(raw_ends)), raw_ends)
            self.out["strings"].append({"cr3": s["space"], "va": s["va"], "encoding": encoding,
                                        "text": text, "bytes": s["bytes"], "end": s["end"],
                                        "readable": True, "name": "guest"})
        for c in self.of_kind("counted"):
            raw, va, cpu = bytes.fromhex(c["bytes"]), int(c["va"], 16), self.cpu_of(c)
            text = bytes.fromhex(c["text"]).decode("utf-16-le")
            agree("counted string", self.machine.virtual(cpu, va, len(raw)), raw)
            self.out["unicode_strings"].append({"cr3": c["space"], "va": c["va"], "bits": c["bits"],
                                                "bytes": c["bytes"], "text_bytes": c["text"],
                                                "text": text})

    def take_frames(self):
        """Every word of a frame is its address times a number, but where there is text."""
        memory = self.machine.physical(self.gpa, self.size)
        touched = set()
        for s in self.of_kind("string") + self.of_kind("counted"):
            va = int(s["va"], 16)
            end = va + len(s["bytes"]) // 2 + 2
            for page in range(va // PAGE, (end - 1) // PAGE + 1):
                touched.add(self.machine.gpa_of(self.cpu_of(s), page * PAGE & ALL_BITS))
        whole = 0
        for frame in self.of_kind("frame"):
            pa = int(frame["pa"], 16)
            if pa in touched:
                continue
            words = struct.pack("<1024I", *(((pa + i) * self.pattern) & 0xffffffff
                                            for i in range(0, PAGE, 4)))
            at = pa - self.gpa
            agree("frame 0x%x" % pa, memory[at:at + PAGE], words[:-1] + b"\xc3")
            whole += 1
        print("  %d frames hold what the guest says, %d hold text" % (whole, len(touched)))
        return memory

    def take_reads(self, memory):
        rnd = self.random
        for _ in range(60):
            size = rnd.choice((1, 2, 8, 100, 1000, PAGE, 3 * PAGE))
            at = rnd.randrange(self.size - size)
            self.read("phys", self.gpa + at, memory[at:at + size], "pmemsave")
        for cpu in (0, 1):
            rows = {va: pa for va, (pa, size) in self.rows[cpu].items()
                    if size == PAGE and not self.unsaved_table(cpu, va) and self.saved(pa)}
            for va in rnd.sample(sorted(rows), min(len(rows), 60)):
                run = 1
                while va + run * PAGE in rows and run < 8:
                    run += 1
                at = rnd.randrange(PAGE)
                size = rnd.randrange(1, run * PAGE - at + 1)
                self.read(cpu, va + at, self.machine.virtual(cpu, va + at, size), "memsave")
            for place in self.places:
                pa, va = int(place["pa"], 16), int(place["va"], 16)
                if (self.cpu_of(place) == cpu and place["outcome"] == "ok" and self.saved(pa) and
                        place["level"] > 1):
                    for size in (1, 5000):
                        self.read(cpu, va, self.machine.virtual(cpu, va, size), "memsave")
        self.take_short_reads()

    def take_short_reads(self):
        holes = [(int(p["va"], 16), p) for p in self.places if p["why"] == "behind text"]
        ends = [(self.cpu_of(p), va, 16) for va, p in holes]
        ends += [(self.cpu_of(p), (int(p["va"], 16) | PAGE - 1) + 1, 16) for p in self.places
                 if p["why"] == "end of the low half"]
        ends += [(0, self.gpa + self.size, 16)]
        # Mapped, but in no image.
        ends += [(self.cpu_of(p), int(p["va"], 16), 0) for p in self.places
                 if p["outcome"] == "not-saved" or "beyond" in p["why"] and p["level"] > 1 or
                 p["why"] in ("memory not saved", "wide address")]
        ends += [(self.cpu_of(p), int(p["va"], 16) - int(p["pa"], 16) + self.gpa + self.size, 16)
                 for p in self.places if p["why"] == "large page"]
        for cpu, end, readable in ends:
            self.out["short_reads"].append({"cr3": hex(self.roots[cpu]), "len": 32,
                                            "addr": hex(end - readable), "readable": readable})
        self.out["short_reads"].append({"cr3": "phys", "addr": hex(self.gpa + self.size - 16),
                                        "len": 32, "readable": 16})

    def saved(self, pa):
        return self.gpa <= pa and pa + PAGE <= self.gpa + self.size

    def read(self, cpu, addr, data, source):
        space = cpu if cpu == "phys" else hex(self.roots[cpu])
        kind = "phys" if cpu == "phys" else "kernel" if addr >> self.machine.width - 1 else "user"
        self.out["reads"].append({"cr3": space, "addr": hex(addr), "len": len(data),
                                  "sha256": sha(data), "source": source, "class": kind})


# ---- images ----------------------------------------------------------------------------------


def loads(path):
    """The stretches of memory in an ELF64 core: (gpa, bytes)."""
    with open(path, "rb") as f:
        image = f.read()
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        header = struct.unpack_from("<IIQQQQQQ", image, offset + i * size)
        kind, _, at, _, gpa, length, _, _ = header
        if kind == 1 and length:
            yield gpa, image[at:at + length]


def without_firmware(stream, gpa, size):
    """A migration stream with no other pages than pc.ram's in that range; all else as it was."""
    out, at, block, kept = bytearray(), 0, None, None

    def copy(n):
        nonlocal at
        out.extend(stream[at:at + n])
        at += n

    copy(8)
    copy(5 + struct.unpack_from(">I", stream, 9)[0])  # the configuration
    while stream[at] != 4:  # up to the devices
        if stream[at] == 0x7e:
            copy(5)
            continue
        agree("a section", stream[at] in (1, 2, 3), True)
        copy(5 if stream[at] != 1 else 5 + 1 + stream[at + 5] + 8)
        while True:
            word, = struct.unpack_from(">Q", stream, at)
            flags, offset = word & 0xfff, word & ~0xfff
            if flags & 0x10:
                copy(8)
                break
            if flags & 4:
                copy(8)
                while offset:
                    offset -= struct.unpack_from(">Q", stream, at + 1 + stream[at])[0]
                    copy(1 + stream[at] + 8)
                continue
            agree("a page", flags & ~0x20 in (2, 8), True)
            at += 8
            if not flags & 0x20:
                block, at = stream[at + 1:at + 1 + stream[at]], at + 1 + stream[at]
            length = 1 if flags & 2 else PAGE
            if block == b"pc.ram" and gpa <= offset < gpa + size:
                flags = flags | 0x20 if kept else flags & ~0x20
                out += struct.pack(">Q", offset | flags) + (b"" if kept else b"\6pc.ram")
                out += stream[at:at + length]
                kept = True
            at += length
    return bytes(out) + stream[at:]


def write_images(machine, truth, memory, out):
    images = []

    def add(name, kind, regs):
        images.append({"file": name, "format": kind, "holds": "part", "registers": regs,
                       "size": os.path.getsize(os.path.join(out, name))})

    for variant in [None] + machine.variants:
        name = machine.mode + {None: ".elf", "paging": "-paging.elf", "raw": ".raw",
                               "migrate": ".migrate"}[variant]
        path = os.path.join(out, name)
        if variant == "raw":
            # Offset is address: what lies below the guest's own memory is firmware's, and left out.
            with open(path, "wb") as f:
                f.seek(truth.gpa)
                f.write(memory)
            add(name, "raw", "none")
            continue
        if variant == "migrate":
            machine.migrate(path)
            with open(path, "rb") as f:
                stream = without_firmware(f.read(), truth.gpa, truth.size)
            with open(path, "wb") as f:
                f.write(stream)
            add(name, "QEMU migration stream", "QEMU device state")
            continue
        machine.dump(path, variant == "paging", truth.gpa, truth.size)
        for gpa, data in loads(path):
            agree("%s at 0x%x" % (name, gpa), sha(data),
                  sha(memory[gpa - truth.gpa:gpa - truth.gpa + len(data)]))
        add(name, "elf-core (QEMU, begin/length%s)" % (", paging=true" if variant else ""),
            "NT_PRSTATUS+QEMU")
    for image in images:
        with open(os.path.join(out, image["file"]), "rb") as f:
            foreign = re.search(rb"SeaBIOS|QEMU (?!\d)|BOCHS|BXPC|GCC:|iPXE", f.read())
        agree("foreign text in " + image["file"], foreign, None)
    return images


def make(mode, out):
    print(mode)
    with tempfile.TemporaryDirectory() as scratch:
        machine = Machine(mode, scratch)
        try:
            truth = Truth(machine)
            truth.roots = [registers(machine.qmp.monitor("info registers", cpu))["cr3"]
                           for cpu in (0, 1)]
            machine.qmp("stop")
            truth.plan()
            machine.qmp("cont")
            answers = machine.ask(*truth.asked)
            machine.halt()
            vcpus = [registers(machine.qmp.monitor("info registers", cpu)) for cpu in range(3)]
            agree("roots", [v["cr3"] for v in vcpus[:2]], truth.roots)
            for item in truth.of_kind("kernel_gs_base"):
                vcpus[0]["kernel_gs_base"] = int(item["value"], 16)
            truth.take_places()
            truth.take_answers(answers)
            truth.take_strings()
            memory = truth.take_frames()
            truth.take_reads(memory)
            images = write_images(machine, truth, memory, out)
            qemu = machine.qmp("query-version")["qemu"]
        finally:
            machine.end()
    counts = {name: len(items) for name, items in truth.out.items()}
    document = {"machine": mode, "note": "the guest of test-data/guest, %d levels" % machine.levels,
                "qemu": qemu, "memory": "8M", "paging": machine.paging, "maxphyaddr": 40,
                "saved": {"gpa": hex(truth.gpa), "size": truth.size}, "images": images,
                "vcpus": vcpus, **truth.out, "counts": counts}
    with open(os.path.join(out, mode + ".truth.json"), "w") as f:
        # One line per item: a change shows as one.
        f.write("{\n")
        f.write(",\n".join(
            json.dumps(key) + ": " + ("[\n" + ",\n".join(json.dumps(x) for x in value) + "\n]"
                                      if isinstance(value, list) and value else json.dumps(value))
            for key, value in document.items()))
        f.write("\n}\n")
    print("  " + ", ".join("%d %s" % (n, name) for name, n in counts.items() if n))


def main():
    parser = argparse.ArgumentParser(description="Make the images of this folder.")
    parser.add_argument("--out", default=HERE)
    parser.add_argument("mode", nargs="*", choices=[*MODES, []])
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    for mode in arguments.mode or MODES:
        try:
            make(mode, arguments.out)
        except Contradiction as error:
            sys.exit("%s: the witnesses disagree: %s" % (mode, error))


if __name__ == "__main__":
    main()
