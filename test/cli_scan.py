# SPDX-License-Identifier: MIT
"""strings and find against a slow search of the same bytes: cli_scan.py VMI_DUMP"""

import functools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
import unittest

from cli_case import Case
from cli_image import PAGE, Image

VMI_DUMP = None
DIR = None
UNIT = 1 << 20  # where the program cuts memory into pieces of work
MATCH_MAX = 65536


def scan(*args, threads=1):
    result = subprocess.run([VMI_DUMP, *map(str, args), "--json", "--driver",
                             "raw", "--threads", str(threads)],
                            capture_output=True, check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


# ---- the slow search ---------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def shows(code):
    """Does the character show, and do nothing else to a terminal?"""
    return code == 9 or not (
        unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF or 0xFFF0 <= code <= 0xFFF8
        or 0x2065 == code or 0x13430 <= code <= 0x1343F or 0xE0000 <= code <= 0xE0FFF)


def characters_utf8(data):
    """(offset, length, text) of each character, in order; bad bytes are left out."""
    at = 0
    while at < len(data):
        lead = data[at]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        try:
            text = bytes(data[at:at + size]).decode("utf-8")
            yield at, size, text
            at += size
        except UnicodeDecodeError:
            at += 1


def characters_utf16(data, parity):
    at = parity
    while at + 2 <= len(data):
        unit = data[at] | data[at + 1] << 8
        size = 4 if 0xD800 <= unit < 0xDC00 else 2
        try:
            yield at, size, bytes(data[at:at + size]).decode("utf-16-le")
            at += size
        except UnicodeDecodeError:
            at += 2


def runs(characters, wanted):
    first = end = None
    text = []
    for at, size, char in characters:
        good = wanted(ord(char))
        if text and (at != end or not good):
            yield first, "".join(text)
            text = []
        if good:
            if not text:
                first = at
            text.append(char)
            end = at + size
    if text:
        yield first, "".join(text)


@functools.lru_cache(maxsize=None)
def strings_all(data, encoding):
    """Strings of any length; "utf8+" are those that are not ASCII."""
    if encoding == "ascii":
        return [(m.start(), "ascii", m.group().decode())
                for m in re.finditer(rb"[\x20-\x7e\t]+", data)]
    if encoding == "utf8":
        return [(at, "utf8", text) for at, text in runs(characters_utf8(data), shows)]
    if encoding == "utf8+":
        return [f for f in strings_all(data, "utf8") if not f[2].isascii()]
    return [(at, "utf16le", text) for parity in (0, 1) for at, text in
            runs(characters_utf16(data, parity),
                 lambda c: (c < 0x3000 or c >= 0x10000) and shows(c))]


def strings_slow(data, encoding, least):
    order = ("ascii", "utf8", "utf16le")
    names = ("ascii", "utf8+", "utf16le") if encoding == "all" else (encoding,)
    found = [f for name in names for f in strings_all(data, name) if len(f[2]) >= least]
    return sorted(found, key=lambda f: (f[0], order.index(f[1])))


def bytes_slow(data, pattern):
    at, found = data.find(pattern), []
    while at >= 0:
        found.append(at)
        at = data.find(pattern, at + 1)
    return found


def regex_slow(data, expression):
    compiled, at, found = re.compile(expression), 0, []
    while True:
        match = compiled.search(data, at)
        if not match:
            return found
        if match.end() - match.start() > MATCH_MAX:
            match = compiled.match(data, match.start(), match.start() + MATCH_MAX)
        found.append((match.start(), match.group()))
        at = match.end()


# ---- memory with something at every border -----------------------------------------------------

PLANTS = [b"ASCII across", "UTF-8 ä日😀ü".encode(), "wide äЖ😀!".encode("utf-16-le"), b"\tTab\x7fDEL"]


def noisy(size, seed, borders):
    rng = random.Random(seed)
    data = bytearray(size)
    for at in range(0, size, 64 * 1024):
        if rng.random() < 0.2:
            part = bytes(rng.getrandbits(8) for _ in range(8192))
            data[at:at + len(part)] = part[:max(0, size - at)]
    for index, border in enumerate(borders):
        plant = PLANTS[index % len(PLANTS)]
        at = border - rng.randrange(1, len(plant))
        data[at:at + len(plant)] = plant
    return data[:size]


def physical():
    size = 4 * UNIT + 12345
    borders = [k * UNIT + d for k in (1, 2, 3, 4) for d in (-3000, 0)]
    borders += [k * PAGE for k in range(20, 80)]
    data = noisy(size, 3, borders)
    rng = random.Random(4)
    for _ in range(3000):
        at = rng.randrange(size - 100)
        plant = rng.choice(PLANTS) * rng.randrange(1, 3)
        data[at:at + len(plant)] = plant
    data[2 * UNIT - 9:2 * UNIT - 9 + UNIT + 40] = b"x" * (UNIT + 40)  # a unit and more of it
    data[4 * UNIT - 5:4 * UNIT + 8] = "=wäh".encode("utf-16-le")[1:] + b"\0" * 6
    data[:6] = b"first!"
    data[-4:] = b"last"
    return bytes(data)


class Base(Case):
    def same(self, got, want, what=None):
        """assertEqual() without a diff of a million lines."""
        if got != want:
            pairs = zip(got + [None], want + [None])
            index = next(i for i, (g, w) in enumerate(pairs) if g != w)
            self.fail("%s: %d results, not %d; the first that differs is %d: %.300r, not %.300r" %
                      (what, len(got), len(want), index, got[index:][:1], want[index:][:1]))


class Physical(Base):
    @classmethod
    def setUpClass(cls):
        cls.data = physical()
        cls.path = os.path.join(DIR, "physical.raw")
        with open(cls.path, "wb") as f:
            f.write(cls.data)

    def test_strings(self):
        for encoding in ("ascii", "utf8", "utf16le", "all"):
            for least in (1, 4, 8, 70) if encoding == "ascii" else (2, 5, 33):
                want = strings_slow(self.data, encoding, least)
                got = scan("strings", self.path, "--encoding", encoding, "-n", least)
                self.same([(int(g["address"], 16), g["encoding"], g["text"]) for g in got],
                                 want, (encoding, least))
                self.assertEqual({g["space"] for g in got}, {"phys"} if want else set())
                for more in (("--no-mmap",), ()):
                    self.same(scan("strings", self.path, "--encoding", encoding, "-n",
                                          least, *more, threads=3), got)

    def test_text_form(self):
        want = strings_slow(self.data, "ascii", 6)
        text = subprocess.run([VMI_DUMP, "strings", self.path, "-n", "6", "--driver", "raw"],
                              capture_output=True)
        self.assertEqual(text.stdout, "".join(t + "\n" for _, _, t in want).encode())
        text = subprocess.run([VMI_DUMP, "strings", self.path, "-n", "6", "--offsets",
                               "--driver", "raw"], capture_output=True)
        self.assertEqual(text.stdout, "".join("%#x %s\n" % (a, t) for a, _, t in want).encode())

    def test_bytes(self):
        for pattern in (b"A", b"AS", b"ASCII across", b"xxxx", "日".encode(), b"\x7fDEL",
                        b"\0" + b"x" * 5000, b"last", b"first!", b"\0last"):
            want = bytes_slow(self.data, pattern)
            for threads in (1, 3):
                got = scan("find", self.path, "--bytes", pattern.hex(" "), threads=threads)
                self.same([int(g["address"], 16) for g in got], want, pattern[:20])
                self.assertTrue(all(g["bytes"] == pattern.hex() and g["length"] == len(pattern)
                                    for g in got))

    def test_text(self):
        want = []
        for encoding, codec in (("utf8", "utf-8"), ("latin1", "latin-1"), ("utf16le", "utf-16-le"),
                                ("utf16be", "utf-16-be")):
            places = [(at, encoding) for at in bytes_slow(self.data, "ä".encode(codec))]
            got = scan("find", self.path, "--text", "ä", "--encoding", encoding)
            self.same([(int(g["address"], 16), g["encoding"]) for g in got], places)
            want += places
        got = scan("find", self.path, "--text", "ä", "--encoding", "all", threads=2)
        self.assertEqual(sorted((int(g["address"], 16), g["encoding"]) for g in got), sorted(want))
        self.same([int(g["address"], 16) for g in got],
                         sorted(int(g["address"], 16) for g in got))

    def test_regex(self):
        for expression in (r"A[A-Z]+I", r"x+", r"[a-zA-Z ]{3,}", r"(?<=\x00)A.", r"\bDEL\b",
                           r"x{7}", r"(?s)across.{9}", r"[\x80-\xff]+", r"^first", r"last$"):
            want = regex_slow(self.data, expression.encode())
            for threads in (1, 3):
                got = scan("find", self.path, "--regex", expression, threads=threads)
                self.same([(int(g["address"], 16), bytes.fromhex(g["bytes"])) for g in got],
                                 want, expression)

    def test_holes(self):
        """A sparse file's holes end no match, and what touches data is found beside them."""
        path = os.path.join(DIR, "sparse.raw")
        with open(path, "wb") as f:
            f.truncate(64 * UNIT)
            f.seek(8 * UNIT + PAGE - 4)
            f.write(b"HOLE")
            f.seek(40 * UNIT)
            f.write(b"MORE")
        for pattern, at in ((b"HOLE\0\0\0", 8 * UNIT + PAGE - 4), (b"\0\0MORE", 40 * UNIT - 2)):
            got = scan("find", path, "--bytes", pattern.hex())
            self.same([int(g["address"], 16) for g in got], [at])
        got = scan("find", path, "--regex", r"(?s)HOLE\x00{9}|.\x00MORE\x00", threads=2)
        self.same([int(g["address"], 16) for g in got],
                         [8 * UNIT + PAGE - 4, 40 * UNIT - 2])
        self.assertEqual([g["text"] for g in scan("strings", path)], ["HOLE", "MORE"])


class Virtual(Base):
    """Stretches over frames that are no neighbours, with holes between and one at the very top."""

    @classmethod
    def setUpClass(cls):
        image = Image(16 << 20, seed=5)
        borders = [k * PAGE + d for k in range(1, 600) for d in (0, 50)]
        cls.stretches = []
        for va, size in ((0x10000, 2 * UNIT + 5 * PAGE), (0x800000, PAGE), (0x802000, 3 * PAGE),
                         (0xFFFF800000000000, 60 * PAGE),
                         ((1 << 64) - 2 * PAGE, 2 * PAGE)):
            data = noisy(size, va & 0xFFFF, [b for b in borders if b < size - 100])
            data[-5:] = b"edge!"
            image.put(va, bytes(data))
            cls.stretches.append((va, bytes(data)))
        cls.path = image.write(os.path.join(DIR, "virtual.raw"))
        cls.space = ("--root", hex(image.root), "--mode", "4level")

    def test_strings(self):
        for encoding, least in (("ascii", 4), ("all", 5)):
            want = [(va + at, name, text) for va, data in self.stretches
                    for at, name, text in strings_slow(data, encoding, least)]
            for threads in (1, 3):
                got = scan("strings", self.path, "--encoding", encoding, "-n", least, *self.space,
                           threads=threads)
                self.same([(int(g["address"], 16), g["encoding"], g["text"]) for g in got],
                                 want)
                self.assertEqual({g["space"] for g in got}, {"virt"})

    def test_find(self):
        for pattern in (b"across", b"edge!", b"ge!", PLANTS[2]):
            want = [va + at for va, data in self.stretches for at in bytes_slow(data, pattern)]
            got = scan("find", self.path, "--bytes", pattern.hex(), *self.space, threads=2)
            self.same([int(g["address"], 16) for g in got], want)
        for expression in (r"A[A-Z]+I \w+", r"[!-~]{5}"):
            want = [va + at for va, data in self.stretches
                    for at, _ in regex_slow(data, expression.encode())]
            for threads in (1, 2):
                got = scan("find", self.path, "--regex", expression, *self.space, threads=threads)
                self.same([int(g["address"], 16) for g in got], want)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: cli_scan.py VMI_DUMP")
    VMI_DUMP = os.path.abspath(sys.argv.pop(1))
    del sys.argv[1:]
    with tempfile.TemporaryDirectory() as DIR:
        sys.exit(not unittest.main(exit=False).result.wasSuccessful())
