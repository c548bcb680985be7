# SPDX-License-Identifier: MIT
"""What the programs say of an operating system: cli_os.py VMI_DUMP TEST_TASKS

The image is the memory of a small kernel that TEST_TASKS puts together, flat and without registers.
What is said of real kernels is tested on the guests of test/guests.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from cli_case import Case

VMI_DUMP = None
IMAGE = None
USER_VA = "0x7ffff010"


class Os(Case):
    def dump(self, command, *args, status=0):
        """What was printed, as lines, and what was said."""
        result = subprocess.run([VMI_DUMP, command, IMAGE, *map(str, args)], capture_output=True, check=False)
        self.assertEqual(result.returncode, status, result.stderr.decode())
        return result.stdout.decode().splitlines(), result.stderr.decode()

    def rows(self, command, *args, status=0):
        return [json.loads(line) for line in self.dump(command, "--json", *args, status=status)[0]]

    def address(self, name):
        return int(self.rows("symbols", name)[0]["va"], 16)

    def test_symbols(self):
        names = [row["name"] for row in self.rows("symbols", "init_*")]
        self.assertEqual(sorted(names), ["init_pid_ns", "init_task", "init_top_pgt"])
        row, = self.rows("symbols", "init_task")
        self.assertEqual(row["type"], "D")
        self.assertIsNone(row["module"])
        _, said = self.dump("symbols", "no_such_symbol", status=1)
        self.assertIn("no_such_symbol", said)

    def test_symbol_at(self):
        init = self.address("init_task")
        row, = self.rows("symbols", hex(init + 8))
        self.assertEqual(row["name"], "init_task")

    def test_symbols_are_addresses(self):
        by_name, _ = self.dump("read", "linux_banner", 13, "--raw")
        self.assertEqual(by_name, ["Linux version"])
        banner = self.address("linux_banner")
        plain = self.rows("translate", hex(banner + 6), "--root", self.rows("sysinfo", status=1)[0]["root"])
        self.assertEqual(self.rows("translate", "linux_banner+6"), plain)
        self.assertEqual(self.rows("string", "linux_banner+0x6")[0]["text"][:7], "version")
        for word in ("linux_banner+", "linux_banne", "linux_banner+zz", "+5"):
            self.assertIn(word, self.dump("translate", word, status=2)[1])
        self.dump("read", "linux_banner", 4, "--phys", status=2)

    def test_addresses_named(self):
        row, = self.rows("translate", "init_task+0x10", "--symbols")
        self.assertEqual(row["symbol"], "init_task+0x10")
        text, _ = self.dump("translate", "init_task+0x10", "--symbols")
        self.assertIn("init_task+0x10", text[0])

    def test_processes(self):
        rows = self.rows("ps")
        self.assertEqual([row["pid"] for row in rows], [1, 2, 40, 63, 64, 65, 4000, 4095])
        by_pid = {row["pid"]: row for row in rows}
        self.assertEqual(by_pid[40]["comm"], "a (b) c")
        self.assertEqual(by_pid[40]["uid"], 400)
        self.assertEqual(by_pid[40]["arguments"][:2], ["one", "two three"])
        self.assertTrue(by_pid[2]["kernel_thread"])
        self.assertIsNone(by_pid[2]["root"])
        self.assertEqual(by_pid[64]["state"], "Z")
        self.assertEqual([row["tid"] for row in self.rows("ps", "--threads") if row["pid"] == 40], [40, 41, 42])
        tree = self.rows("ps", "--tree")
        self.assertEqual({row["pid"]: row["depth"] for row in tree}[40], 1)
        head, *lines = self.dump("ps")[0]
        self.assertEqual(len(lines), len(rows))
        # What a person reads can be given to the next command.
        for line, row in zip(lines, rows):
            fields = dict(zip(head.split(), line.split()))
            self.assertEqual(fields["TASK"], row["task"])
            self.assertEqual(fields["ROOT"], row["root"] or "-")

    def test_space_of_a_process(self):
        for option in (["--pid", 40], ["--process", "a (b) c"]):
            row, = self.rows("string", USER_VA, *option)
            self.assertEqual((row["text"], row["end"]), ("one", "nul"))
        self.dump("string", USER_VA, status=2)
        # The kernel keeps 15 characters of a name.
        for name in ("fifteen letters", "fifteen letters and more"):
            self.assertIn("process 4000", self.dump("string", USER_VA, "--process", name, status=1)[1])
        self.dump("string", USER_VA, "--process", "fifteen letter", status=2)
        # The kernel is mapped in it, too.
        self.assertEqual(self.dump("read", "linux_banner", 13, "--raw", "--pid", 40)[0], ["Linux version"])

    def test_mistakes(self):
        self.assertIn("41x", self.dump("maps", "--pid", "41x", status=2)[1])
        self.assertIn("39", self.dump("maps", "--pid", 39, status=2)[1])
        self.assertIn("nobody", self.dump("maps", "--process", "nobody", status=2)[1])
        # ps takes no vcpu, so nobody should be told to name one.
        said = self.dump("ps", "--mode", "4level", status=2)[1]
        self.assertIn("--root", said)
        self.assertNotIn("--vcpu", said)
        said = self.dump("translate", USER_VA, status=2)[1]
        self.assertIn("--pid", said)
        self.dump("maps", "--pid", 40, "--process", "init", status=2)
        self.dump("maps", "--pid", 40, "--root", 0x1000, status=2)
        self.assertIn("/nonexistent", self.dump("ps", "--btf", "/nonexistent", status=1)[1])
        self.assertEqual(self.dump("vmas", "--pid", 2)[0], [])  # a kernel thread
        for command in ("vmas", "files", "sockets", "mounts"):
            self.assertIn("--pid 40", self.dump(command, 40, status=2)[1])

    def test_version_tells(self):
        result = subprocess.run([VMI_DUMP, "--version"], capture_output=True, check=True)
        self.assertIn("types (libbpf)", result.stdout.decode())

    def test_types(self):
        text, _ = self.dump("types", "idr")
        self.assertIn("struct idr {", text[0])
        row, = self.rows("struct", "task_struct", "init_task")
        self.assertIsInstance(row, dict)
        self.assertIn("no_such_type", self.dump("types", "no_such_type", status=1)[1])


def main():
    global VMI_DUMP, IMAGE
    VMI_DUMP, make = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        IMAGE = os.path.join(folder, "kernel.raw")
        subprocess.run([make, IMAGE], check=True)
        result = unittest.main(argv=sys.argv[:1] + sys.argv[3:], exit=False, verbosity=2).result
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
