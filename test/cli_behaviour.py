# SPDX-License-Identifier: MIT
"""What vmi-dump promises to those who call it: cli_behaviour.py VMI_DUMP

Exit statuses, sentences, JSON, streaming, escaping, closed pipes, full disks. What it answers about
real images is tested elsewhere; the images here are made on the fly.
"""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from cli_case import Case
from cli_image import NX, PAGE, PRESENT, USER, WRITE, Image

VMI_DUMP = None
DIR = None
ENV = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
TEXT_VA = 0x400000
FAR_VA = 0xFFFF800000000000


def run(*args, stdin=b"", env=None, **more):
    return subprocess.run([VMI_DUMP, *map(str, args)], input=stdin, capture_output=True,
                          env=env or ENV, check=False, **more)


def lines(result):
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


def make_image():
    image = Image(4 << 20)
    page = bytearray(2 * PAGE)
    page[0x10:0x20] = b"plain text here\0"
    page[0x100:0x110] = b"esc\x1b[31m\xc2\x9b\xe2\x80\xae!\0"
    page[0x200:0x206] = b"bad\xff\xc3\0"
    page[0x300:0x310] = "wide é".encode("utf-16-le").ljust(16, b"\0")
    page[PAGE - 4:PAGE + 4] = b"crossing"
    page[0x400:0x410] = (11).to_bytes(2, "little") + (12).to_bytes(2, "little") + bytes(4) + \
        (TEXT_VA + 0x10).to_bytes(8, "little")
    page[2 * PAGE - 6:] = b"no end"
    image.put(TEXT_VA, bytes(page), PRESENT | USER)
    image.put(TEXT_VA + 4 * PAGE, b"behind the hole".ljust(PAGE, b"\0"), PRESENT | WRITE | NX)
    image.map(FAR_VA, 0)
    image.set_entry(image.root, 300, 0x7FFFF000 | PRESENT)  # a table beyond the image
    return image


class Base(Case):
    @classmethod
    def setUpClass(cls):
        cls.image = make_image()
        cls.raw = cls.image.write(os.path.join(DIR, "image.raw"))
        cls.space = ("--root", hex(cls.image.root), "--mode", "4level")

    def sentence(self, result, status, *words):
        """One sentence, no full stop, no output, this exit status."""
        err = result.stderr.decode()
        self.assertEqual(result.returncode, status, err)
        self.assertTrue(err.startswith("vmi-dump: "), err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertFalse(err.endswith(".\n"), err)
        for word in words:
            self.assertIn(word, err)


class Usage(Base):
    def test_wrong_usage(self):
        raw = self.raw
        for args, word in [
                ((), "no command"),
                (("frobnicate", raw), "frobnicate"),
                (("info",), "which IMAGE"),
                (("info", raw, "extra"), "extra"),
                (("info", raw, "--frobnicate"), "--frobnicate"),
                (("info", raw, "-X"), "-X"),
                (("info", raw, "--walk"), "--walk"),
                (("info", raw, "--layout", ""), "GPA:SIZE@OFFSET"),
                (("info", raw, "--layout", "0:4096"), "GPA:SIZE@OFFSET"),
                (("info", raw, "--layout", "0:4096@0,"), "GPA:SIZE@OFFSET"),
                (("info", raw, "--layout", "0:4096@0x"), "GPA:SIZE@OFFSET"),
                (("info", raw, "--layout", "0@4096:0"), "GPA:SIZE@OFFSET"),
                (("info", raw, "--layout", "0:0@0"), "no stretch"),
                (("info", raw, "--layout", "0:4096@0xfffffffffffff000"), "past the end"),
                (("info", raw, "--layout", "0:4096@0,0xfff:1@0"), "twice"),
                (("translate", raw, *self.space), "which address"),
                (("translate", raw, "0x", *self.space), "'0x'"),
                (("translate", raw, "12z", *self.space), "'12z'"),
                (("translate", raw, "-1", *self.space), "-1"),
                (("translate", raw, "0x10000000000000000", *self.space), "64 bits"),
                (("translate", raw, "18446744073709551616", *self.space), "64 bits"),
                (("translate", raw, "", *self.space), "''"),
                (("translate", raw, "0", "--root"), "--root"),
                (("translate", raw, "0", "--root", "cr3"), "--root"),
                (("translate", raw, "0", "--mode", "6level"), "5level"),
                (("translate", raw, "0", "--root", "1", "--vcpu", "0"), "--vcpu"),
                (("translate", raw, "--from", DIR + "/none", *self.space), "none"),
                (("read", raw, "0", "--phys"), "length"),
                (("read", raw, "0", "1", "2", "--phys"), "length"),
                (("read", raw, "0", "0x1g", "--phys"), "length"),
                (("read", raw, "0xffffffffffffffff", "2", "--phys"), "last address"),
                (("read", raw, "0", "7", "--type", "u32", "--phys"), "multiple"),
                (("read", raw, "0", "8", "--type", "f32", "--phys"), "u64"),
                (("read", raw, "0", "8", "--raw", "--json", "--phys"), "--raw"),
                (("read", raw, "0", "8", "--phys", "--root", "0"), "--phys"),
                (("string", raw, "--phys"), "which address"),
                (("string", raw, "0", "--phys", "--encoding", "ebcdic"), "latin1"),
                (("strings", raw, "-n", "0"), "--min"),
                (("strings", raw, "-n", "x"), "--min"),
                (("strings", raw, "--encoding", "utf32"), "utf16le"),
                (("strings", raw, "--threads", "0"), "--threads"),
                (("strings", raw, "--threads"), "--threads"),
                (("ps", raw, "--threads=2"), "--threads"),
                (("ps", raw, "--threads", "2"), "'2'"),
                (("--threads", "ps", raw, "extra"), "'extra'"),
                (("find", raw), "--bytes"),
                (("find", raw, "--bytes", "00", "--text", "x"), "one of"),
                (("find", raw, "--bytes", "0"), "hex"),
                (("find", raw, "--bytes", "0x00"), "hex"),
                (("find", raw, "--bytes", ""), "hex"),
                (("find", raw, "--text", ""), "empty"),
                (("find", raw, "--text", "日", "--encoding", "latin1"), "latin1"),
                (("find", raw, "--bytes", "00", "--encoding", "utf8"), "--encoding"),
        ]:
            with self.subTest(args=args):
                self.sentence(run(*args), 2, word)
                self.assertEqual(run(*args).stdout, b"")

    def test_layout(self):
        with open(self.raw, "rb") as file:
            memory = file.read()
        layout = ("--layout", "0x100000000:4096@8192,0:0x1000@0x1000")
        info = json.loads(run("info", self.raw, "--json", *layout).stdout)
        self.assertEqual(info["runs"], [{"gpa": "0x0", "size": 4096},
                                        {"gpa": "0x100000000", "size": 4096}])
        got = run("read", self.raw, "0x100000010", "4080", "--phys", "--raw", *layout)
        self.assertEqual(got.stdout, memory[8208:12288])
        self.sentence(run("read", self.raw, "0x1000", "1", "--phys", "--raw", *layout), 1, "gfn 0x1")

    def test_layout_proposed(self):
        entries = ((0, 0x9fc00, 1), (0xf0000, 0x10000, 2), (0x100000, 0x7fee0000, 1),
                   (0x7ffe0000, 0x20000, 2), (1 << 32, 1 << 30, 1))
        path = os.path.join(DIR, "squeezed.raw")
        with open(path, "wb") as file:
            file.seek(0xf5d7c)
            for entry in entries:
                file.write(struct.pack("<QQI", *entry))
            file.seek(0x80000000)
            file.write(b"at 4 GiB")
            file.truncate(3 << 30)
        proposal = "0x0:0x80000000@0x0,0x100000000:0x40000000@0x80000000"
        for options in ((), ("--json",)):
            self.assertIn("try --layout " + proposal, run("info", path, *options).stdout.decode())
        layout = ("--layout", proposal)
        self.assertNotIn("--layout", run("info", path, *layout).stdout.decode())
        self.assertEqual(run("read", path, "0x100000000", "8", "--phys", "--raw", *layout).stdout,
                         b"at 4 GiB")

    def test_no_root(self):
        for command in (("translate", self.raw, "0"), ("read", self.raw, "0", "1"),
                        ("string", self.raw, "0"), ("maps", self.raw)):
            self.sentence(run(*command), 2, "--root", "--vcpu")
        self.sentence(run("read", self.raw, "0", "1"), 2, "--phys")

    def test_no_capability(self):
        self.sentence(run("regs", self.raw), 4, "the raw driver cannot query registers")
        self.sentence(run("translate", self.raw, "0", "--vcpu", "0"), 4, "registers")

    def test_not_an_image(self):
        fifo = os.path.join(DIR, "fifo")
        os.mkfifo(fifo)
        self.sentence(run("info", os.path.join(DIR, "none")), 3, "none")
        self.sentence(run("info", DIR), 3, "directory")
        self.sentence(run("info", fifo), 3, "fifo")
        empty = os.path.join(DIR, "empty")
        open(empty, "w").close()
        self.sentence(run("info", empty), 3, "empty")
        cut = os.path.join(DIR, "cut.elf")
        with open(cut, "wb") as f:
            f.write(b"\x7fELF\2\1\1" + bytes(9) + b"\4\0\x3e\0" + bytes(20))
        self.sentence(run("info", cut), 3)
        bad = run("info", self.raw, "--driver", "frobnicate")
        self.assertIn(bad.returncode, (2, 3))
        self.assertIn(b"frobnicate", bad.stderr)

    def test_options_anywhere(self):
        want = run("read", self.raw, "0x0", "16", "--phys", "--json").stdout
        for args in (("--json", "read", self.raw, "--phys", "0", "0x10"),
                     ("read", "--phys", self.raw, "0", "--json", "16"),
                     ("--phys", "-j", "read", "--", self.raw, "0", "16")):
            self.assertEqual(run(*args).stdout, want, args)
        env = dict(ENV, POSIXLY_CORRECT="1")
        self.assertEqual(run("read", self.raw, "0", "16", "--phys", "-j", env=env).stdout, want)

    def test_help(self):
        text = run("--help")
        self.assertEqual((text.returncode, text.stderr), (0, b""))
        for name in "info regs translate read string strings find maps".split():
            self.assertIn(name.encode(), text.stdout)
            one = run(name, "--help")
            self.assertEqual((one.returncode, one.stderr), (0, b""))
            self.assertIn(b"usage: vmi-dump " + name.encode(), one.stdout)
            self.assertEqual(run("help", name).stdout, one.stdout)
            self.assertTrue(all(len(line) <= 90 for line in one.stdout.splitlines()))
        # What must be given is in the first line.
        for name, must in (("find", b" --bytes HEX | --text TEXT | --regex RE "),
                           ("convert", b" --output FILE "), ("read", b" ADDR LENGTH ")):
            self.assertIn(must, run(name, "--help").stdout.splitlines()[0])
        # What an option is for stands in one column.
        for line in run("info", "--help").stdout.splitlines():
            if line.startswith(b"      --") and b"@OFFSET" not in line:
                self.assertRegex(line, b"^.{26} [a-z]")
        self.assertEqual(run("help").stdout, text.stdout)
        self.assertEqual(run("info", "-h").returncode, 0)
        version = run("--version")
        self.assertEqual(version.returncode, 0)
        for word in (b"vmi-dump ", b"driver", b"yajl", b"pcre2"):
            self.assertIn(word, version.stdout)


class Answers(Base):
    def test_info(self):
        got, = lines(run("info", self.raw, "--json"))
        self.assertEqual(got["format"], "raw")
        self.assertEqual(got["runs"], [{"gpa": "0x0", "size": 4 << 20}])
        self.assertEqual((got["memory_bytes"], got["page_size"], got["vcpus"]), (4 << 20, 4096, 0))
        self.assertEqual((got["paging"], got["root"], got["root_source"]), (None, None, None))
        self.assertIn("read", got["capabilities"])
        self.assertEqual(got["warnings"], [])
        got, = lines(run("info", self.raw, "--json", *self.space))
        self.assertEqual((got["paging"], got["root"]), ("4level", hex(self.image.root)))
        text = run("info", self.raw)
        self.assertEqual((text.returncode, text.stderr), (0, b""))
        self.assertIn(b"raw", text.stdout)

    def test_translate(self):
        vas = [hex(TEXT_VA + 5), hex(TEXT_VA + 3 * PAGE), "0x800000000000",
               hex(0xFFFF000000000000 | 300 << 39), hex(TEXT_VA + 5)]
        result = run("translate", self.raw, *vas, "--json", *self.space)
        self.assertEqual(result.returncode, 1)
        got = lines(result)
        self.assertEqual([g["va"] for g in got], vas)
        self.assertEqual(got[0], got[4])
        pa = int(got[0]["pa"], 16)
        self.assertEqual(self.image.memory[pa:pa + 4], b"\0\0\0\0")
        self.assertEqual((got[0]["page_size"], got[0]["access"], got[0]["user"]),
                         (4096, "r-x", True))
        self.assertEqual([g.get("status") for g in got],
                         [None, "not-present", "not-canonical", "not-saved", None])
        self.assertIsNone(got[1]["pa"])
        self.assertEqual((got[1]["level"], got[1]["entry"]), (1, "0x0"))
        walk, = lines(run("translate", self.raw, vas[0], "--walk", "--json", *self.space))
        self.assertEqual([s["level"] for s in walk["walk"]], [4, 3, 2, 1])
        self.assertEqual(walk["walk"][0]["entry_gpa"], hex(self.image.root))
        self.assertEqual(run("translate", self.raw, vas[0], *self.space).returncode, 0)

    def test_reverse(self):
        result = run("translate", self.raw, "0x10", "--reverse", "--json", *self.space)
        self.assertEqual([(g["va"], g["pa"]) for g in lines(result)], [(hex(FAR_VA + 16), "0x10")])
        self.assertEqual(result.returncode, 0)
        result = run("translate", self.raw, "0x70000000", "--reverse", "--json", *self.space)
        self.assertEqual([(g["va"], g["status"]) for g in lines(result)], [(None, "not-mapped")])
        self.assertEqual(result.returncode, 1)

    def test_from(self):
        text = "# head\n\n0x400005\n  4194309 \t# same\r\nnonsense\n0x400005"
        result = run("translate", self.raw, "--from", "-", "--json", *self.space,
                     stdin=text.encode())
        self.assertEqual(result.returncode, 1)
        self.assertEqual([g["va"] for g in lines(result)], ["0x400005"] * 3)
        self.assertIn(b"line 5", result.stderr)
        self.assertIn(b"nonsense", result.stderr)
        long = b"0x400005\n" + b"1" * 300000 + b"\n0x400005\n"
        result = run("translate", self.raw, "--from", "-", *self.space, stdin=long)
        self.assertEqual((result.returncode, result.stdout.count(b"\n")), (1, 2))
        self.assertIn(b"line 2", result.stderr)
        path = os.path.join(DIR, "vas")
        with open(path, "w") as f:
            f.write("0x400000\n" * 5000)
        result = run("translate", self.raw, "0x400001", "--from", path, *self.space)
        self.assertEqual((result.returncode, result.stdout.count(b"\n")), (0, 5001))

    def test_streaming(self):
        for form in ((), ("--json",)):
            child = self.start(VMI_DUMP, "translate", self.raw, "--from", "-", *self.space, *form,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            for _ in range(3):
                child.stdin.write(b"0x400000\n")
                self.assertTrue(select.select([child.stdout], [], [], 10)[0], "no prompt answer")
                self.assertIn(b"0x400000", child.stdout.read(4096))
            child.stdin.close()
            self.assertEqual(child.wait(), 0)

    def test_read(self):
        va = TEXT_VA + PAGE - 4
        got, = lines(run("read", self.raw, hex(va), "8", "--json", *self.space))
        self.assertEqual(got, {"address": hex(va), "length": 8, "read": 8,
                               "bytes": b"crossing".hex()})
        raw = run("read", self.raw, hex(va), "8", "--raw", *self.space)
        self.assertEqual((raw.stdout, raw.returncode), (b"crossing", 0))
        text = run("read", self.raw, hex(va), "8", *self.space).stdout.decode()
        self.assertTrue(text.startswith(hex(va)))
        self.assertIn("63 72 6f 73 73 69 6e 67", text)
        self.assertIn("|crossing|", text)
        got, = lines(run("read", self.raw, hex(va), "8", "--json", "--type", "u16", *self.space))
        self.assertEqual(got["values"], ["0x7263", "0x736f", "0x6973", "0x676e"])
        text = run("read", self.raw, hex(va), "8", "--type", "ptr", *self.space).stdout
        self.assertIn(b"0x676e6973736f7263", text)
        empty, = lines(run("read", self.raw, "0", "0", "--phys", "--json"))
        self.assertEqual((empty["read"], empty["bytes"]), (0, ""))
        whole = run("read", self.raw, "0", 4 << 20, "--phys", "--raw")
        self.assertEqual(whole.stdout, bytes(self.image.memory))

    def test_read_holes(self):
        start = TEXT_VA + 2 * PAGE - 6
        args = ("read", self.raw, hex(start), 3 * PAGE, *self.space)
        short = run(*args, "--json")
        got, = lines(short)
        self.assertEqual((got["read"], got["bytes"]), (6, b"no end".hex()))
        self.sentence_after_output(short, hex(TEXT_VA + 2 * PAGE))
        short = run(*args, "--raw")
        self.assertEqual(short.stdout, b"no end")
        self.sentence_after_output(short, hex(TEXT_VA + 2 * PAGE))
        filled = run(*args, "--json", "--skip-holes")
        got, = lines(filled)
        want = b"no end" + bytes(2 * PAGE) + b"behind the hole".ljust(PAGE - 6, b"\0")
        self.assertEqual(got["bytes"], want.hex())
        self.assertEqual(got["holes"],
                         [{"address": hex(TEXT_VA + 2 * PAGE), "length": 2 * PAGE}])
        self.assertEqual(got["read"], PAGE)
        self.sentence_after_output(filled, hex(TEXT_VA + 2 * PAGE))
        self.assertEqual(run(*args, "--raw", "--skip-holes").stdout, want)
        past = run("read", self.raw, hex((4 << 20) - 3), "8", "--phys", "--json")
        self.assertEqual((lines(past)[0]["read"], past.returncode), (3, 1))

    def sentence_after_output(self, result, *words):
        self.assertEqual(result.returncode, 1)
        for word in words:
            self.assertIn(word, result.stderr.decode())

    def test_string(self):
        def one(offset, *more):
            return lines(run("string", self.raw, hex(TEXT_VA + offset), "--json", *more,
                             *self.space))[0]

        got = one(0x10)
        self.assertEqual((got["text"], got["end"], got["length"]), ("plain text here", "nul", 15))
        self.assertEqual(got["bytes"], b"plain text here".hex())
        self.assertEqual(one(0x200)["text"], "bad\ufffd\ufffd")
        self.assertEqual(one(0x200, "--encoding", "latin1")["text"], "bad\xff\xc3")
        self.assertEqual(one(0x300, "--encoding", "utf16le")["text"], "wide é")
        self.assertEqual(one(PAGE - 4)["text"], "crossing")
        limited = one(0x10, "--limit", "5")
        self.assertEqual((limited["text"], limited["end"]), ("plain", "limit"))
        counted = one(0x400, "--unicode-string", "--encoding", "utf8")
        self.assertEqual((counted["text"], counted["length"]), ("plain text ", 11))
        run_off = run("string", self.raw, hex(TEXT_VA + 2 * PAGE - 6), hex(TEXT_VA + 0x10),
                      "--json", *self.space)
        self.assertEqual([(g["text"], g["end"]) for g in lines(run_off)],
                         [("no end", "hole"), ("plain text here", "nul")])
        self.assertEqual(run_off.returncode, 1)

    def test_maps(self):
        result = run("maps", self.raw, "--json", *self.space)
        got = lines(result)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"not-saved", result.stderr)
        self.assertEqual([g["va"] for g in got],
                         [hex(TEXT_VA), hex(TEXT_VA + PAGE), hex(TEXT_VA + 4 * PAGE), hex(FAR_VA)])
        self.assertEqual({g["size"] for g in got}, {PAGE})
        self.assertEqual([g["access"] for g in got], ["r-x", "r-x", "rw-", "rw-"])
        self.assertEqual([g["user"] for g in got], [True, True, False, False])

    def test_escapes(self):
        address = hex(TEXT_VA + 0x100)
        plain = run("string", self.raw, address, *self.space).stdout
        self.assertIn(rb"esc\x1b[31m\u{9b}\u{202e}!", plain)
        coded = run("string", self.raw, address, "--json", *self.space).stdout
        self.assertNotIn(b"\x1b", coded)
        self.assertNotIn("\x9b".encode(), coded)
        self.assertNotIn("\u202e".encode(), coded)
        self.assertEqual(json.loads(coded)["text"], "esc\x1b[31m\x9b\u202e!")
        self.assertNotIn(b"\x1b", run("info", self.raw + "\x1b[2J").stderr)
        found = run("find", self.raw, "--regex", r"esc\x1b.*?!").stdout
        self.assertIn(rb"esc\x1b[31m", found)


class Streams(Base):
    def test_closed_pipe(self):
        for args in (("strings", self.raw, "-n", "1"), ("read", self.raw, "0", 4 << 20, "--phys"),
                     ("strings", self.raw, "-n", "1", "--json", "--threads", "3")):
            child = self.start(VMI_DUMP, *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            child.stdout.readline()
            child.stdout.close()
            self.assertEqual(child.stderr.read(), b"")
            self.assertIn(child.wait(), (0, 1, -signal.SIGPIPE))

    def test_ignored_sigpipe(self):
        child = self.start(VMI_DUMP, "read", self.raw, "0", 4 << 20, "--phys",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
                           restore_signals=False)
        child.stdout.close()
        self.assertEqual(child.stderr.read(), b"")
        self.assertEqual(child.wait(), 1)

    def test_full_disk(self):
        for args in (("info", self.raw), ("read", self.raw, "0", 4 << 20, "--phys"),
                     ("strings", self.raw, "-n", "1", "--threads", "2"),
                     ("translate", self.raw, "0x400000", *self.space), ("--help",)):
            with open("/dev/full", "wb") as full:
                result = subprocess.run([VMI_DUMP, *map(str, args)], stdout=full,
                                        stderr=subprocess.PIPE, check=False)
            self.assertEqual(result.returncode, 1, args)
            self.assertIn(b"No space left", result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)

    def open_terminal(self):
        """A pair of descriptors; where the system gives out no terminals (a bare chroot), skip."""
        try:
            return pty.openpty()
        except OSError as error:
            self.skipTest("no terminal to be had: %s" % error)

    def on_terminal(self, args, env):
        """Standard output of the program when it is a terminal."""
        master, slave = self.open_terminal()
        child = self.start(VMI_DUMP, *args, stdout=slave, stderr=subprocess.DEVNULL, env=env)
        os.close(slave)
        return self.shown(master, child)

    @staticmethod
    def shown(master, child):
        """All that a terminal is given until the program ends."""
        got = b""
        try:
            while part := os.read(master, 65536):
                got += part
        except OSError:
            pass  # EIO is the end of it
        child.wait()
        os.close(master)
        return got

    def test_colour(self):
        args = ("read", self.raw, "0", "16", "--phys")
        term = dict(ENV, TERM="xterm")
        self.assertIn(b"\x1b[", self.on_terminal(args, term))
        self.assertNotIn(b"\x1b[", self.on_terminal(args, dict(term, NO_COLOR="1")))
        self.assertIn(b"\x1b[", self.on_terminal(args, dict(term, NO_COLOR="")))
        self.assertNotIn(b"\x1b[", self.on_terminal(args, dict(term, TERM="dumb")))
        self.assertNotIn(b"\x1b[", self.on_terminal((*args, "--json"), term))
        self.assertNotIn(b"\x1b[", run(*args, env=term).stdout)

    def test_cut_short(self):
        """The image shrinks while it is open: a sentence and 3, mapped or not."""
        for more in ((), ("--no-mmap",)):
            path = self.image.write(os.path.join(DIR, "shrinking.raw"))
            child = self.start(
                VMI_DUMP, "translate", path, "--from", "-", *self.space, *more,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
            child.stdin.write(b"0x800000000000\n")
            child.stdout.read(1)
            os.truncate(path, 0)
            out, err = child.communicate(b"0x400000\n")
            if more:
                self.assertIn(child.returncode, (1, 3))
            else:
                self.assertEqual(child.returncode, 3)
                self.assertIn(b"cut short", err)
            self.assertNotIn(b"0x400000 0x", out)

    def test_progress(self):
        """A bar after a second, only on a terminal, not with --quiet, gone at the end."""
        path = os.path.join(DIR, "noise.raw")
        with open(path, "wb") as f:
            for _ in range(24):
                f.write(b"\xc3\xa9" * (4 << 20))
        for more, shown in (((), True), (("--quiet",), False)):
            master, slave = self.open_terminal()
            start = time.monotonic()
            child = self.start(
                VMI_DUMP, "strings", path, "--encoding", "utf8", "-n", "4294967295", "--threads",
                "1", *more, stdout=subprocess.DEVNULL, stderr=slave)
            os.close(slave)
            got = self.shown(master, child)
            if time.monotonic() - start > 1.5:
                self.assertEqual(b"[#" in got or b"[ " in got, shown, got[-200:])
                if shown:
                    self.assertTrue(got.endswith(b"\r\x1b[K"), got[-100:])
            else:
                self.assertFalse(got and not shown)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: cli_behaviour.py VMI_DUMP")
    VMI_DUMP = os.path.abspath(sys.argv.pop(1))
    del sys.argv[1:]
    with tempfile.TemporaryDirectory() as DIR:
        sys.exit(not unittest.main(exit=False).result.wasSuccessful())
