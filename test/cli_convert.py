# SPDX-License-Identifier: MIT
"""Images written by vmi-dump convert: cli_convert.py VMI_DUMP TEST_DATA

What is in them is read by the parsers of images.py, by lz4 and zstd, by readelf, makedumpfile and
libkdumpfile where they are installed; never by vmi-dump alone.
"""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

try:
    import kdumpfile
except ImportError:
    kdumpfile = None

from cli_case import Case
from images import PAGE, Kdump, content, elf_memory, elf_segments, lime_memory, pages_of

VMI_DUMP = DATA = None


def run(*args, **more):
    return subprocess.run([VMI_DUMP, *map(str, args)], capture_output=True, text=True, check=False,
                          **more)


# ---- the tests ----------------------------------------------------------------------------------

class Base(Case):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.out = os.path.join(self.dir, "out")

    def tearDown(self):
        shutil.rmtree(self.dir)

    def convert(self, image, *options, status=0, says="", **more):
        result = run("convert", image, "-o", self.out, "--json", "-f", *options, **more)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(says, result.stderr)
        return json.loads(result.stdout) if result.stdout else None

    def registers(self, image):
        vcpus = []
        for line in run("regs", image, "--json").stdout.splitlines():
            vcpu = json.loads(line)
            vcpu.pop("source", None)
            vcpus.append(vcpu)
        return vcpus


IMAGES = ("legacy.elf", "pae.elf", "4level.elf", "5level.elf")


class Formats(Base):
    def each(self):
        for name in IMAGES:
            path = os.path.join(DATA, name)
            with self.subTest(image=name):
                yield path, elf_memory(content(path))

    def test_elf(self):
        for path, memory in self.each():
            said = self.convert(path)
            self.assertEqual(pages_of(elf_memory(content(self.out))), pages_of(memory))
            self.assertEqual(said["memory_bytes"], sum(map(len, memory.values())))
            self.assertEqual(said["file_bytes"], os.path.getsize(self.out))
            self.assertEqual(self.registers(self.out), self.registers(path))
            self.assertEqual(os.stat(self.out).st_mode & 0o777, 0o600)

    def test_elf_in_readelf(self):
        if not shutil.which("readelf"):
            self.skipTest("no readelf")
        for path, _ in self.each():
            self.convert(path)
            done = subprocess.run(["readelf", "-hlnW", self.out], capture_output=True, text=True,
                                  check=True)
            self.assertEqual(done.stderr, "")
            self.assertIn("NT_PRSTATUS", done.stdout)

    def test_raw(self):
        for path, memory in self.each():
            said = self.convert(path, "--format", "raw", says="raw images hold no registers")
            end = max(gpa + len(held) for gpa, held in memory.items())
            self.assertEqual(os.path.getsize(self.out), end)
            self.assertEqual(said["vcpus"], 0)
            with open(self.out, "rb") as file:
                for gpa, held in memory.items():
                    file.seek(gpa)
                    self.assertEqual(file.read(len(held)), held)
            self.assertLess(os.stat(self.out).st_blocks * 512, 2 * sum(map(len, memory.values())))

    def test_lime(self):
        for path, memory in self.each():
            self.convert(path, "--format", "lime", says="lime images hold no registers")
            self.assertEqual(pages_of(lime_memory(content(self.out))), pages_of(memory))

    def test_kdump(self):
        for path, memory in self.each():
            for pages in ("zlib", "none"):
                self.convert(path, "--format", "kdump", "--compress", pages)
                kdump = Kdump(content(self.out))
                self.assertEqual(kdump.status, {"zlib": 1, "none": 0}[pages])
                self.assertEqual(dict(kdump.pages()), pages_of(memory))
                self.assertEqual(kdump.memory, kdump.saved)

    def test_kdump_in_libkdumpfile(self):
        if not kdumpfile:
            self.skipTest("no python3-libkdumpfile")
        for path, memory in self.each():
            for pages in ("none", "zlib", "lzo", "snappy", "zstd"):
                self.convert(path, "--format", f"kdump-{pages}")
                dump = kdumpfile.kdumpfile(self.out)
                for gfn, page in pages_of(memory).items():
                    got = dump.read(kdumpfile.KDUMP_MACHPHYSADDR, gfn * PAGE, PAGE)
                    self.assertEqual(bytes(got), page, hex(gfn))

    def test_packed(self):
        """lz4 and zstd unpack what was packed into what would be there without."""
        tools = {"lz4": ["lz4", "-dc"], "zstd": ["zstd", "-dc"]}
        for name, command in tools.items():
            if not shutil.which(command[0]):
                self.skipTest(f"no {command[0]}")
            for path, memory in self.each():
                for form in ("elf", "lime"):
                    self.convert(path, "--format", form, "--compress", name)
                    plain = subprocess.run([*command, self.out], capture_output=True,
                                           check=True).stdout
                    read = elf_memory if form == "elf" else lime_memory
                    self.assertEqual(pages_of(read(plain)), pages_of(memory))

    def test_zeros(self):
        """As many as there are, wherever in the file they lie, and they take no room in it."""
        path = os.path.join(self.dir, "zeros.raw")
        pages = [bytes(PAGE) if gfn % 7 in (2, 3, 6) else os.urandom(PAGE) for gfn in range(700)]
        with open(path, "wb") as file:
            file.write(b"".join(pages))
        zero = PAGE * sum(not any(page) for page in pages)
        for options in (("elf",), ("raw",), ("lime",), ("elf", "--compress", "lz4"),
                        ("kdump", "--compress", "none")):
            said = self.convert(path, "--format", *options, says="")
            self.assertEqual(said["zero_bytes"], zero, options)
            if options != ("lime",):
                # In that, a header moves pages off those of the file.
                self.assertLess(said["disk_bytes"], 700 * PAGE - zero + 12 * PAGE, options)

    def test_threads(self):
        """Of more than one chunk, so that threads have something to get into a wrong order."""
        path = os.path.join(self.dir, "large.raw")
        memory = bytearray(12 << 20)
        for at in range(0, len(memory), PAGE):
            if at // PAGE % 5:
                memory[at:at + PAGE] = (at.to_bytes(8, "little") * (PAGE // 8) if at // PAGE % 3
                                        else os.urandom(PAGE))
        with open(path, "wb") as file:
            file.write(memory)
        for options in (("--format", "elf"), ("--format", "lime", "--compress", "lz4"),
                        ("--format", "elf", "--compress", "zstd"), ("--format", "kdump")):
            files = []
            for threads in (1, 2, 7):
                self.convert(path, *options, "--threads", threads)
                data = bytearray(content(self.out))
                if options[1] == "kdump":
                    data[408:424] = bytes(16)  # the time
                    self.assertTrue(
                        b"".join(page for _, page in Kdump(bytes(data)).pages()) == memory)
                files.append(data)
            # Not assertEqual(), which would look for the least difference of megabytes.
            self.assertTrue(files[0] == files[1] == files[2], options)


class Absent(Base):
    """What an image does not hold is not in the one made of it, either."""

    def image(self, **more):
        """Two pages held, two left out, one held; a vcpu of which no register is known."""
        loads = [(0x1000, 2 * PAGE, 4 * PAGE), (0x8000, PAGE, PAGE)]
        header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1" + bytes(9), 4, 62, 1, 0, 64, 0, 0,
                             64, 56, len(loads), 0, 0, 0)
        at = 64 + 56 * len(loads)
        headers, data = b"", b""
        for gpa, held, whole in loads:
            headers += struct.pack("<IIQQQQQQ", 1, 7, at + len(data), 0, gpa, held, whole, 0)
            data += bytes((gpa >> 12) + i // PAGE for i in range(held))
        path = os.path.join(self.dir, "in")
        with open(path, "wb") as file:
            file.write((header + headers + data)[:more.get("cut")])
        return path

    def test_elf(self):
        said = self.convert(self.image())
        self.assertEqual(said["excluded_bytes"], 2 * PAGE)
        told = json.loads(run("info", self.out, "--json").stdout)
        self.assertEqual((told["excluded_bytes"], told["cut_bytes"]), (2 * PAGE, 0))
        self.assertIn("left out      8192 bytes", run("info", self.out).stdout)
        loads = [(gpa, filesz, memsz) for kind, _, gpa, filesz, memsz in
                 elf_segments(content(self.out)) if kind == 1]
        self.assertEqual(loads, [(0x1000, 2 * PAGE, 2 * PAGE), (0x3000, 0, 2 * PAGE),
                                 (0x8000, PAGE, PAGE)])

    def test_kdump(self):
        self.convert(self.image(), "--format", "kdump")
        kdump = Kdump(content(self.out))
        self.assertEqual(kdump.memory, [1, 2, 3, 4, 8])
        self.assertEqual(kdump.saved, [1, 2, 8])
        self.assertEqual([page[0] for _, page in kdump.pages()], [1, 2, 8])

    def test_lime(self):
        self.convert(self.image(), "--format", "lime", says="had been left out")
        self.assertEqual(sorted(lime_memory(content(self.out))), [0x1000, 0x8000])

    def test_cut(self):
        """An image that was cut short: what is there, a sentence, and status 1."""
        path = self.image(cut=64 + 112 + PAGE + 100)
        told = json.loads(run("info", path, "--json").stdout)
        self.assertEqual((told["excluded_bytes"], told["cut_bytes"]), (2 * PAGE, 2 * PAGE - 100))
        self.convert(path, status=1, says=f"{2 * PAGE - 100} bytes are lost, as {path} is cut short")
        self.assertEqual({gpa: len(held) for gpa, held in elf_memory(content(self.out)).items()},
                         {0x1000: PAGE + 100})

    def test_part_of_a_page(self):
        """A kdump has no part of a page."""
        path = self.image(cut=64 + 112 + PAGE + 100)
        self.convert(path, "--format", "kdump", status=1,
                     says=f"{PAGE - 100} bytes are not known in pages that are held in part")


class Corrupt(Base):
    """Pages that cannot be unpacked are absent in what is made, and said."""

    def setUp(self):
        super().setUp()
        self.convert(os.path.join(DATA, "4level.elf"), "--format", "kdump-zlib")
        data = bytearray(content(self.out))
        kdump = Kdump(bytes(data))
        self.pages = dict(kdump.pages())
        packed = [(rank, gfn) for rank, gfn in enumerate(kdump.saved) if
                  struct.unpack_from("<I", data, kdump.descriptors + 24 * rank + 12)[0]]
        # One, two beside each other if there are, and the last.
        self.bad = []
        for rank, gfn in (packed[3], packed[40], packed[41], packed[-1]):
            offset, = struct.unpack_from("<Q", data, kdump.descriptors + 24 * rank)
            data[offset + 5:offset + 9] = b"\xff\xff\xff\xff"
            self.bad.append(gfn)
        self.image = os.path.join(self.dir, "in")
        with open(self.image, "wb") as file:
            file.write(data)
        self.good = {gfn: page for gfn, page in self.pages.items() if gfn not in self.bad}

    def check(self, *options, says="are left out, first: "):
        said = self.convert(self.image, *options, status=1, says=says)
        self.assertEqual(said["missing_bytes"], len(self.bad) * PAGE)
        self.assertEqual(said["memory_bytes"], len(self.good) * PAGE)
        # What is not known is not zero.
        self.assertEqual(said["zero_bytes"],
                         PAGE * sum(not any(page) for page in self.good.values()))

    def test_elf(self):
        self.check()
        self.assertEqual(pages_of(elf_memory(content(self.out))), self.good)

    def test_lime(self):
        self.check("--format", "lime")
        self.assertEqual(pages_of(lime_memory(content(self.out))), self.good)

    def test_kdump(self):
        self.check("--format", "kdump")
        kdump = Kdump(content(self.out))
        self.assertEqual(dict(kdump.pages()), self.good)
        self.assertEqual(kdump.memory, sorted(self.pages))

    def test_raw(self):
        self.check("--format", "raw", says="are zeros in the image, which has no holes")
        data = content(self.out)
        for gfn, page in self.good.items():
            self.assertEqual(data[gfn * PAGE:(gfn + 1) * PAGE], page)
        for gfn in self.bad:
            self.assertFalse(any(data[gfn * PAGE:(gfn + 1) * PAGE]))

    def test_packed(self):
        for name, command in (("lz4", "lz4"), ("zstd", "zstd")):
            if not shutil.which(command):
                self.skipTest(f"no {command}")
            for form, read in (("elf", elf_memory), ("lime", lime_memory)):
                self.check("--format", form, "--compress", name)
                plain = subprocess.run([command, "-dc", self.out], capture_output=True,
                                       check=True).stdout
                self.assertEqual(pages_of(read(plain)), self.good)


class Files(Base):
    def setUp(self):
        super().setUp()
        self.image = os.path.join(DATA, "4level.elf")

    def test_there_already(self):
        with open(self.out, "wb") as file:
            file.write(b"mine")
        result = run("convert", self.image, "-o", self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("exists; --force replaces it", result.stderr)
        self.assertEqual(content(self.out), b"mine")
        self.convert(self.image)
        self.assertEqual(content(self.out)[:4], b"\x7fELF")
        self.assertEqual(os.listdir(self.dir), ["out"])

    def test_quiet(self):
        """Only what goes wrong is said; --json is an answer that was asked for."""
        def said(*options):
            result = run("convert", self.image, "-o", self.out, "-f", "--format", "raw", *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout, result.stderr

        out, err = said()
        self.assertIn(" of memory; ", out)
        self.assertIn("note: raw images hold no registers", err)
        self.assertEqual(said("--quiet"), ("", ""))
        self.assertGreater(os.path.getsize(self.out), 0)
        out, err = said("--quiet", "--json")
        self.assertEqual((json.loads(out)["format"], err), ("raw", ""))
        result = run("convert", self.image, "-o", self.out, "--quiet")
        self.assertEqual(result.returncode, 1)
        self.assertIn("exists; --force replaces it", result.stderr)

    def split(self):
        """A kdump as makedumpfile --split writes it: parts alike but for the pages that are theirs."""
        run("convert", self.image, "-o", self.out, "--format", "kdump")
        dump, parts = bytearray(content(self.out)), []
        for number, (first, end) in enumerate(((0, 0x150), (0x150, 0x200))):
            struct.pack_into("<IQQ", dump, PAGE + 12, 1, first, end)
            struct.pack_into("<QQ", dump, PAGE + 80, first, end)
            parts.append(os.path.join(self.dir, f"part{number}"))
            with open(parts[-1], "wb") as file:
                file.write(dump)
        return parts

    def test_onto_itself(self):
        image, link = os.path.join(self.dir, "image"), os.path.join(self.dir, "link")
        shutil.copy(self.image, image)
        os.symlink(image, link)
        parts = self.split()
        for target, out in ((image, image), (image, link), (",".join(parts), parts[1])):
            with self.subTest(target=target, out=out):
                before = content(out)
                result = run("convert", target, "-o", out, "--format", "raw", "--force")
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn("is what is read", result.stderr)
                self.assertEqual(content(out), before)

    def test_no_room(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

        for options in ((), ("--format", "kdump"), ("--compress", "lz4")):
            self.convert(self.image, *options, status=1, says="cannot write", preexec_fn=limit)
            self.assertEqual(os.listdir(self.dir), [])

    def test_stopped(self):
        with open(os.path.join(self.dir, "big"), "wb") as file:
            for i in range(64):
                file.write(os.urandom(1 << 20))
            file.truncate(8 << 30)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            process = self.start(VMI_DUMP, "convert", file.name, "-o", self.out, "--format",
                                 "kdump-zlib", stderr=subprocess.PIPE)
            while process.poll() is None and not os.path.exists(self.out):
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    process.send_signal(number)
            said = process.stderr.read().decode()
            self.assertEqual(process.returncode, -9 if number == signal.SIGKILL else 1, said)
            if number != signal.SIGKILL:
                self.assertIn("stopped: no image is written", said)
            self.assertEqual(os.listdir(self.dir), ["big"])

    def test_too_large_to_pack(self):
        """More than an index has room for is no lack of memory."""
        path = os.path.join(self.dir, "large")
        stretch = 2 << 40
        with open(path, "wb") as file:
            try:
                file.truncate(stretch)
            except OSError as error:
                self.skipTest(f"no file of {stretch} bytes: {error}")
        layout = ",".join(f"{i * stretch:#x}:{stretch:#x}@0" for i in range(16))
        for packing in ("lz4", "zstd"):
            self.convert(path, "--driver", "raw", "--layout", layout, "--compress", packing,
                         status=4, says="does not fit into a file that is compressed by "
                         f"{packing}, whose index ends at 32 TiB: use --compress none")
            self.assertEqual(os.listdir(self.dir), ["large"])

    def test_refusals(self):
        for options, status, says in (
                (("--format", "kdump", "--compress", "lz4"), 2, "take zlib, lzo, snappy or zstd"),
                (("--format", "elf", "--compress", "lzo"), 2, "around elf go lz4 and zstd"),
                (("--format", "vmem"), 2, "is none of elf, raw, lime, kdump"),
                (("--threads", "0"), 2, "--threads")):
            result = run("convert", self.image, "-o", self.out, *options)
            self.assertEqual(result.returncode, status)
            self.assertIn(says, result.stderr)
        result = run("convert", self.image)
        self.assertEqual(result.returncode, 2)
        self.assertIn("convert into which file?", result.stderr)
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    VMI_DUMP, DATA = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
