#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the truth about an image against what vmi-dump prints.

    check_cli.py VMI_DUMP IMAGE TRUTH [HOLDS]

HOLDS says what the image holds of memory ("all", or anything else for less) where the truth does
not know this image. Exit status: 0 all agrees, 1 something does not, 77 the program does not know
the format.
"""
import hashlib
import json
import os
import re
import subprocess
import sys

ADDRESS = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)\Z")
MODES = {"legacy": "legacy", "pae": "pae", "l4": "4level", "l5": "5level"}
HOLES = ("not-present", "not-canonical", "not-saved")
LOW_HALF, ALL_BITS = (1 << 32) - 1, (1 << 64) - 1


class Check:
    def __init__(self, program, image, truth, holds):
        self.program, self.image = program, image
        with open(truth) as f:
            self.truth = json.load(f)
        base = os.path.basename(image)
        entry = [i for i in self.truth["images"]
                 if base == i["file"] or base.endswith("." + i["file"])]
        self.entry = entry[0] if entry else {}
        self.partial = (holds or self.entry.get("holds", "all")) != "all"
        self.exact = "saved" in self.truth  # the truth says what a partial image answers
        self.counts, self.name = {}, None
        self.info = {}

    # ---- counting ----

    def begin(self, name):
        self.name = name
        self.counts[name] = [0, 0, 0]

    def right(self):
        self.counts[self.name][0] += 1

    def absent(self):
        """What an image may answer that holds less than all."""
        if self.partial and not self.exact:
            self.counts[self.name][1] += 1
            return True
        return False

    def wrong(self, text):
        self.counts[self.name][2] += 1
        print("%s: %s" % (self.name, text))

    def expect(self, what, got, want):
        self.right()
        if got != want:
            self.wrong("%s is %.80s, not %.80s" % (what, ascii(got), ascii(want)))

    # ---- the program ----

    def run(self, command, *arguments, text=None):
        """One command: its status and objects. Shape and words are checked on the way."""
        argv = [self.program, command, self.image, "--json", *arguments]
        ran = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=240)
        what = " ".join([command, *arguments])[:100]
        if ran.returncode not in (0, 1, 2, 3, 4):
            self.wrong("%s: exit status %d" % (what, ran.returncode))
        # What failed is said on stderr, but for an address that leads nowhere: its object says so.
        if (bool(ran.returncode) != bool(ran.stderr.strip()) and command != "info" and
                not (command == "translate" and ran.returncode == 1)):
            self.wrong("%s: exit status %d, yet it said '%.200s'" %
                       (what, ran.returncode, ran.stderr))
        objects = []
        for line in ran.stdout.splitlines():
            try:
                objects.append(json.loads(line))
            except ValueError:
                self.wrong("%s: no JSON object: %.80s" % (what, line))
        for item in objects:
            self.shape(what, item)
        return ran.returncode, objects

    def shape(self, what, item):
        """Addresses and registers are strings, counts are numbers."""
        for name in ("va", "pa", "address", "gpa", "entry", "entry_gpa", "root"):
            value = item.get(name)
            if value is not None and not (isinstance(value, str) and ADDRESS.match(value)):
                self.wrong("%s: %s is %r" % (what, name, value))
        for name in ("size", "page_size", "length", "read", "level", "vcpu", "vcpus",
                     "memory_bytes"):
            if name in item and not (type(item[name]) is int and item[name] >= 0):
                self.wrong("%s: %s is %r" % (what, name, item[name]))

    # ---- spaces ----

    def mode_bits(self, vcpu):
        return vcpu["cr0"] >> 31 & 1 and (vcpu["cr4"] & (1 << 4 | 1 << 5 | 1 << 12) | 1)

    def has_registers(self):
        return "query-registers" in self.info.get("capabilities", [])

    def ways(self, cr3):
        """The options that lead to a space: by its root, by a vcpu, and by default."""
        vcpus, root, ways = self.truth["vcpus"], int(cr3, 16), []
        owners = [i for i, v in enumerate(vcpus) if v["cr3"] == root and self.mode_bits(v)]
        if all(self.mode_bits(vcpus[i]) == self.mode_bits(vcpus[0]) for i in owners):
            mode = [] if self.has_registers() else ["--mode", MODES[self.truth["paging"]]]
            ways.append(["--root", cr3, *mode])
        if self.has_registers():
            ways += [["--vcpu", str(i)] for i in owners]
            if 0 in owners:
                ways.append([])
        return ways

    def spaces(self, items):
        """Items by the space they are in."""
        found = {}
        for item in items:
            found.setdefault(item["cr3"], []).append(item)
        return found.items()

    # ---- what is checked ----

    def check_info(self):
        self.begin("info")
        status, objects = self.run("info")
        self.expect("the number of objects", len(objects), 1)
        info = self.info = objects[0]
        self.expect("the exit status", status, 0)
        at = total = 0
        for run in info["runs"]:
            self.shape("a run", run)
            self.expect("the order of runs", int(run["gpa"], 16) >= at, True)
            at, total = int(run["gpa"], 16) + run["size"], total + run["size"]
        self.expect("memory_bytes", info["memory_bytes"], total)
        self.expect("page_size", info["page_size"], 4096)
        self.expect("warnings is a list", isinstance(info["warnings"], list), True)
        for name in ("format", "arch", "root_source", "paging", "root"):
            self.expect(name + " is there", name in info, True)
        if self.has_registers():
            self.expect("vcpus", info["vcpus"], len(self.truth["vcpus"]))
            self.expect("paging", info["paging"], MODES[self.truth["paging"]])
            self.expect("root", info["root"] and int(info["root"], 16) & ~0xfff,
                        self.truth["vcpus"][0]["cr3"] & ~0xfff)
            self.expect("arch", info["arch"],
                        "x86_64" if self.truth["paging"] in ("l4", "l5") else "x86")

    def check_regs(self):
        self.begin("regs")
        status, objects = self.run("regs")
        if not self.has_registers():
            self.expect("the exit status without registers", status, 4)
            self.expect("the objects without registers", objects, [])
            return
        self.expect("the exit status", status, 0)
        self.expect("the number of vcpus", len(objects), len(self.truth["vcpus"]))
        for i, (got, want) in enumerate(zip(objects, self.truth["vcpus"])):
            self.expect("vcpu", got["vcpu"], i)
            self.vcpu(i, got, want)
            self.expect("vcpu %d alone" % i, self.run("regs", "--vcpu", str(i))[1], [got])

    def vcpu(self, i, got, want):
        registers, assumed = got["registers"], got.get("assumed", {})
        mask = LOW_HALF if want.get("monitor_shows_low_halves") else ALL_BITS
        qemu = "QEMU" in self.entry.get("registers", "")
        for name, value in want.items():
            if isinstance(value, dict):
                self.segment(i, registers, name, value, qemu)
            elif name not in ("cpl", "monitor_shows_low_halves"):
                half = re.match(r"e([a-z]{2})\Z", name)
                if half or name == "flags":
                    name = "r" + (half[1] if half else name)
                must = name[0] == "r" or qemu and name in ("cr0", "cr2", "cr3", "cr4")
                self.register("vcpu %d: %s" % (i, name), registers.get(name), value,
                              mask if half else ALL_BITS, must)
        if "efer" in assumed:
            value = int(assumed["efer"].split(":")[0], 16)
            self.expect("vcpu %d: the assumed mode bits of efer" % i, value & 0x500,
                        want["efer"] & 0x500)
        self.expect("vcpu %d: both known and assumed" % i, sorted(set(registers) & set(assumed)),
                    [])

    def segment(self, i, registers, name, want, must):
        name = {"ldt": "ldtr", "gdt": "gdtr", "idt": "idtr"}.get(name, name)
        got = registers.get(name, {})
        for part, value in want.items():
            if part == "flags":
                part, value = "attributes", value >> 8 & 0xf0ff
            if value is not None:
                self.register("vcpu %d: %s.%s" % (i, name, part), got.get(part), value, ALL_BITS,
                              must)

    def register(self, what, got, want, mask, must):
        if got is None:
            if must:
                self.wrong(what + " is absent")
        elif not ADDRESS.match(got):
            self.wrong("%s is %r" % (what, got))
        else:
            self.expect(what, int(got, 16) & mask, want & mask)

    def reserved(self, item):
        """Does the page's entry set reserved bits? Then its source did not look at them."""
        size = item.get("page_size")
        return size and any(int(x["va"], 16) // size == int(item["va"], 16) // size
                            for x in self.truth["no_truth"])

    def check_translate(self):
        self.begin("translate")
        for cr3, items in self.spaces(self.truth["translations"]):
            items = [item for item in items if not self.reserved(item)]
            text = "# addresses\n\n" + "".join(item["va"] + "\n" for item in items)
            for way in self.ways(cr3):
                status, objects = self.run("translate", "--from", "-", *way, text=text)
                self.expect("answers for %s %s" % (cr3, way), len(objects), len(items))
                for got, item in zip(objects, items):
                    self.translation(got, item)
                self.expect("the exit status", status,
                            int(any(got["pa"] is None for got in objects)))
        addresses = [x["va"] for x in self.truth["no_truth"]]
        if addresses:
            for got in self.run("translate", *addresses)[1] if self.has_registers() else []:
                self.expect("the status of " + got["va"], got.get("status"), "reserved-bits")

    def translation(self, got, item):
        what = "%s in %s (%s)" % (item["va"], item["cr3"], item["source"])
        self.expect("the va of " + what, int(got["va"], 16), int(item["va"], 16))
        status = got.get("status") if got["pa"] is None else "ok"
        if "status" in item:
            self.expect("the status of " + what, status, item["status"])
        elif status == "not-saved" and self.absent():
            return
        elif item["pa"] is None:
            self.expect("a hole at " + what, status in HOLES, True)
        else:
            self.expect("the status of " + what, status, "ok")
        if "level" in item and status != "ok":
            self.expect("the level of " + what, got.get("level"), item["level"])
        if status != "ok":
            if "level" not in got or not ADDRESS.match(got.get("entry", "")):
                self.wrong("%s has no level or entry" % what)
            return
        for name in ("pa", "page_size", "access", "user"):
            if item.get(name) is not None:
                self.expect("the %s of %s" % (name, what), got.get(name), item[name])
        if "writable" in item:
            self.expect("write access to " + what, "w" in got["access"], item["writable"])

    def check_walk(self):
        self.begin("walk")
        for cr3, items in self.spaces(self.truth["translations"]):
            items = [i for i in items if not self.reserved(i)][::max(1, len(items) // 200)]
            for way in self.ways(cr3)[:1]:
                walked = self.run("translate", "--walk", *way, *(i["va"] for i in items))[1]
                plain = self.run("translate", *way, *(i["va"] for i in items))[1]
                for got, other in zip(walked, plain):
                    self.walk(got)
                    self.expect("without its walk " + got["va"],
                                {k: v for k, v in got.items() if k != "walk"}, other)

    def walk(self, got):
        steps = got["walk"]
        for step in steps:
            self.shape("a step of the walk to " + got["va"], step)
        levels = [s["level"] for s in steps]
        self.expect("the levels of the walk to " + got["va"],
                    levels, list(range(levels[0], levels[-1] - 1, -1)) if levels else [])
        if got["pa"] is None and got["status"] in ("not-present", "reserved-bits"):
            self.expect("the last entry of the walk to " + got["va"],
                        (steps[-1]["level"], steps[-1]["entry"]), (got["level"], got["entry"]))

    def check_reverse(self):
        self.begin("reverse")
        for cr3, items in self.spaces(self.truth["translations"]):
            items = [i for i in items
                     if i["pa"] and i.get("status", "ok") == "ok" and not self.reserved(i)]
            items = items[::max(1, len(items) // 300)]
            for way in self.ways(cr3)[:1] if items else []:
                objects = self.run("translate", "--reverse", *way, *(i["pa"] for i in items))[1]
                found = {(int(o["va"], 16), int(o["pa"], 16)) for o in objects if o["va"]}
                for item in items:
                    there = (int(item["va"], 16), int(item["pa"], 16)) in found
                    if there or not self.absent():
                        self.expect("%s among those of %s" % (item["va"], item["pa"]), there, True)

    def place(self, item):
        """The options for an item's space, or None."""
        if item["cr3"] == "phys":
            return ["--phys"]
        return next(iter(self.ways(item["cr3"])), None)

    def check_read(self):
        self.begin("read")
        for item in self.truth["reads"] + self.truth["short_reads"]:
            way = self.place(item)
            if way is None:
                continue
            status, objects = self.run("read", item["addr"], str(item["len"]), *way)
            what = "%d bytes at %s in %s" % (item["len"], item["addr"], item["cr3"])
            if len(objects) != 1:
                self.wrong("%s: %d objects" % (what, len(objects)))
                continue
            got = objects[0]
            data = bytes.fromhex(got["bytes"])
            self.expect("the address of " + what, int(got["address"], 16), int(item["addr"], 16))
            self.expect("the length of " + what, (got["length"], got["read"]),
                        (item["len"], len(data)))
            self.expect("the exit status of " + what, status, int(len(data) < item["len"]))
            want = item.get("readable", item["len"])
            if len(data) < want and self.absent():
                continue
            self.expect("how much there is of " + what, len(data), want)
            if "sha256" in item:
                self.expect("the hash of " + what, hashlib.sha256(data).hexdigest(), item["sha256"])

    def check_string(self):
        self.begin("string")
        for item in self.truth["strings"]:
            way = self.place(item)
            if way is None:
                continue
            encoding = item["encoding"].replace("ascii", "utf8")
            status, (got, *_) = self.run("string", item["va"], "--encoding", encoding, *way)
            what = "the string at %s in %s" % (item["va"], item["cr3"])
            if not item["readable"]:
                self.expect(what, (status, got["bytes"]), (1, ""))
                continue
            if (got["end"] == "hole" and
                    (got["bytes"], got["end"]) != (item["bytes"], item["end"]) and
                    item["bytes"].startswith(got["bytes"]) and self.absent()):
                continue
            self.expect("the bytes of " + what, got["bytes"], item["bytes"])
            self.expect("the length of " + what, got["length"], len(item["bytes"]) // 2)
            self.expect("the end of " + what, got["end"], item["end"])
            self.expect("the exit status of " + what, status, int(item["end"] != "nul"))
            if item["text"] is not None:
                self.expect("the text of " + what, got["text"], item["text"])
        width = 64 if self.truth["paging"] in ("l4", "l5") else 32
        for item in self.truth.get("unicode_strings", []):
            way = self.place(item)
            if way is not None and item["bits"] == width:
                self.counted(item, way)

    def counted(self, item, way):
        raw = bytes.fromhex(item["bytes"])
        length = int.from_bytes(raw[:2], "little")
        status, objects = self.run("string", item["va"], "--unicode-string", *way)
        if status and self.absent():
            return
        what = "the counted string at " + item["va"]
        self.expect("the exit status of " + what, status, 0)
        self.expect("the length of " + what, objects[0]["length"], length)
        if "text" in item:
            self.expect("the text of " + what, objects[0]["text"], item["text"])

    def check_maps(self):
        self.begin("maps")
        for walk in self.truth.get("full_walk", []):
            way = self.place(walk)
            if way is None:
                continue
            pieces = self.run("maps", *way)[1]
            sizes, end = {}, 0
            for piece in pieces:
                va = int(piece["va"], 16)
                self.expect("the order of pieces", va >= end, True)
                end = va + piece["size"]
                pages = piece["size"] // piece["page_size"]
                sizes[str(piece["page_size"])] = sizes.get(str(piece["page_size"]), 0) + pages
            self.pieces(pieces, walk["cr3"])
            # A truth with reserved bits in it comes from a walker that does not look at them.
            if (not self.partial or self.exact) and not self.truth["no_truth"]:
                self.expect("pages of each size in " + walk["cr3"], sizes, walk["sizes"])

    def pieces(self, pieces, cr3):
        """Each translation lies in the piece it says."""
        starts = sorted((int(p["va"], 16), p) for p in pieces) if pieces else []
        for item in self.truth["translations"]:
            if item["cr3"] != cr3 or self.reserved(item):
                continue
            va = int(item["va"], 16)
            inside = [p for start, p in starts if start <= va < start + p["size"]]
            mapped = item["pa"] is not None and item.get("status", "ok") == "ok"
            if mapped and not inside and self.absent():
                continue
            self.expect("a piece for " + item["va"], bool(inside), mapped)
            if inside and mapped:
                pa = int(inside[0]["pa"], 16) + va - int(inside[0]["va"], 16)
                self.expect("the address of %s by its piece" % item["va"], hex(pa), item["pa"])

    def all(self):
        self.check_info()
        self.check_regs()
        self.check_translate()
        self.check_walk()
        self.check_reverse()
        self.check_read()
        self.check_string()
        self.check_maps()
        for name, (right, absent, wrong) in self.counts.items():
            missing = ", %d of them not in the image" % absent if absent else ""
            print("%-10s %7d checked%s, %d wrong" % (name, right + absent, missing, wrong))
        return any(wrong for _, _, wrong in self.counts.values())


def main():
    if len(sys.argv) not in (4, 5):
        print("usage: check_cli.py VMI_DUMP IMAGE TRUTH [HOLDS]", file=sys.stderr)
        return 1
    program, image, truth = sys.argv[1:4]
    opened = subprocess.run([program, "info", image], capture_output=True, text=True, timeout=60)
    if opened.returncode == 3:
        print(opened.stderr.strip())
        return 77
    print("%s: %s" % (image, opened.stdout.split("\n")[0]))
    return int(Check(program, image, truth, sys.argv[4] if len(sys.argv) == 5 else None).all())


if __name__ == "__main__":
    sys.exit(main())
