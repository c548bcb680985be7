#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_types.py VMI_DUMP IMAGE BTF: every type of a guest's kernel against what others make of it.

BTF is the file the guest's kernel shows as /sys/kernel/btf/vmlinux; those beside it are of its
modules. bpftool says which types there are, with every member's place; a C compiler says, over the header that bpftool makes of them,
whether declarations are right. (Not whether places are: that header does not tell how all of them
are packed.) Exit 0, 1, or 77 when a tool is missing.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

KINDS = {"STRUCT": "struct", "UNION": "union", "ENUM": "enum", "ENUM64": "enum",
         "TYPEDEF": "typedef", "INT": "int", "FLOAT": "float", "FWD": "forward"}
CHUNK = 400


class Truth:
    """What a file of BTF has; of a module's, behind the kernel's, whose numbers it continues."""

    def __init__(self, path, kernel=None):
        base = ["-B", kernel.path] if kernel else []
        raw = json.loads(subprocess.run(["bpftool", "-j", *base, "btf", "dump", "file", path,
                                         "format", "raw"], check=True,
                                        stdout=subprocess.PIPE).stdout)
        self.path, self.own = path, raw["types"]
        self.types = {t["id"]: t for t in self.own}
        if kernel:
            self.types.update(kernel.types)
            self.pointer = kernel.pointer
            return
        longs = [t for t in raw["types"] if t["kind"] == "INT" and t["name"] in
                 ("long unsigned int", "unsigned long")]
        self.pointer = longs[0]["size"]

    def plain(self, number):
        kind = self.types[number]["kind"] if number else "VOID"
        if kind in ("CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"):
            return self.plain(self.types[number]["type_id"])
        return number

    def size(self, number):
        if not number:
            return 0
        t = self.types[number]
        if t["kind"] == "PTR":
            return self.pointer
        if t["kind"] == "ARRAY":
            return t["nr_elems"] * self.size(t["type_id"])
        if "size" in t:
            return t["size"]
        if t["kind"] in ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"):
            return self.size(t["type_id"])
        return 0

    def body(self, number):
        """The type without a name that a declaration is about, if it is about one."""
        number = self.plain(number)
        if not number:
            return None
        t = self.types[number]
        if t["kind"] in ("STRUCT", "UNION", "ENUM", "ENUM64"):
            return t if t["name"] == "(anon)" else None
        if t["kind"] == "FUNC_PROTO":
            return self.body(t["ret_type_id"])
        return self.body(t["type_id"]) if t["kind"] in ("PTR", "ARRAY") else None

    def members(self, t):
        if t["kind"].startswith("ENUM"):
            # bpftool prints unsigned ones of 32 bits as if they had 64 and a sign.
            mask = 0xffffffff if t["kind"] == "ENUM" and t["encoding"] == "UNSIGNED" else -1
            return [(v["name"], v["val"] & mask) for v in t["values"]]
        got = []
        for m in t["members"]:
            body = self.body(m["type_id"])
            got.append((m["name"].replace("(anon)", ""), m["bits_offset"],
                        m.get("bitfield_size", 0), self.size(m["type_id"]),
                        self.members(body) if body else None))
        return got


def ours(members, enum):
    if enum:
        return [(m["name"], m["value"]) for m in members]
    got = []
    for m in members:
        inner = m.get("members")
        if "enumerators" in m:
            inner = ours(m["enumerators"], True)
        elif inner is not None:
            inner = ours(inner, False)
        got.append((m["name"], m["offset"] * 8 + m.get("bit_offset", 0), m.get("bit_size", 0),
                    m["size"], inner))
    return got


def number(value):
    return int(value, 16) if isinstance(value, str) else value


def definitions(program, image, words):
    got = []
    for i in range(0, len(words), CHUNK):
        run = subprocess.run([program, "types", image, "--json", *words[i:i + CHUNK]],
                             stdout=subprocess.PIPE, check=True)
        got += [json.loads(line) for line in run.stdout.splitlines()]
    return got


def compare(truth, got, bad):
    """Every definition, in the order of the guest's types."""
    want = collections.defaultdict(list)
    for t in truth.own:
        if t["kind"] in ("STRUCT", "UNION", "ENUM", "ENUM64") and t["name"] != "(anon)":
            want[KINDS[t["kind"]], t["name"]].append((t["size"], truth.members(t)))
    have = collections.defaultdict(list)
    for d in got:
        if d["kind"] == "enum":
            values = [(m["name"], number(m["value"])) for m in d["enumerators"]]
            have["enum", d["name"]].append((d["size"], values))
        elif d["kind"] in ("struct", "union"):
            have[d["kind"], d["name"]].append((d["size"], ours(d["members"], False)))
    for key in sorted(set(want) | set(have)):
        if want[key] != have[key]:
            bad.append("%s %s: want %s, have %s" % (*key, want[key], have[key]))
    return sum(map(len, want.values())), sum(len(d[1]) for v in want.values() for d in v)


def assertions(got, names):
    """What the compiler must find true, where each name has one meaning."""
    lines = []
    for d in got:
        if d["kind"] not in ("struct", "union") or names[d["name"]] != 1 or not d["size"]:
            continue
        tag = "%s %s" % (d["kind"], d["name"])
        stack = [d["members"]]
        while stack:
            for m in stack.pop():
                if not m["name"]:
                    stack.append(m.get("members", []))
                elif "bit_size" not in m and "{...}" not in m["type"] and not any(
                        names[word] > 1 for word in re.findall(r"\w+", m["type"])):
                    lines.append("_Static_assert(__builtin_types_compatible_p("
                                 "__typeof__(((%s *)0)->%s), %s), \"%s\");" %
                                 (tag, m["name"], m["type"], m["name"]))
    return lines


def compile_check(path, got, narrow, bad):
    names = collections.Counter(d["name"] for d in got)
    lines = assertions(got, names)
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "types.c")
        header = subprocess.run(["bpftool", "btf", "dump", "file", path, "format", "c"],
                                check=True, stdout=subprocess.PIPE).stdout.decode()
        header = re.sub(r"#pragma clang.*\n", "", header)
        with open(source, "w") as out:
            out.write(header + "\n" + "\n".join(lines) + "\n")
        run = subprocess.run(["gcc", "-std=gnu11", "-fsyntax-only", "-w", "-fno-builtin",
                              "-fmax-errors=0", *(["-m32"] if narrow else []), source],
                             stderr=subprocess.PIPE)
        texts = open(source).read().split("\n")
        for message in run.stderr.decode().splitlines():
            found = re.match(r"[^:]*:(\d+):\d+: error: (.*)", message)
            if found:
                bad.append("%s\n    %s" % (found[2], texts[int(found[1]) - 1]))
    return len(lines)


def named(truth):
    return [t for t in truth.own if t["kind"] in KINDS and t.get("name", "(anon)") != "(anon)"]


def check_modules(program, image, kernel, listed, bad):
    """Every module: the names that it adds, and each definition."""
    folder = os.path.dirname(kernel.path)
    modules = sorted(set(os.listdir(folder)) - {os.path.basename(kernel.path)})
    have = collections.defaultdict(list)
    types = members = names = 0
    for d in listed:
        have[d["module"]].append((d["name"], d["kind"]))
    for module in modules:
        truth = Truth(os.path.join(folder, module), kernel)
        want = sorted((t["name"], KINDS[t["kind"]]) for t in named(truth))
        if want != sorted(have.pop(module, [])):
            bad.append("%s: not the names that it should have" % module)
        words = ["%s:%s" % (module, name) for name in sorted({name for name, _ in want})]
        got = definitions(program, image, words)
        bad += ["%s: %s is of %s" % (module, d["name"], d["module"]) for d in got
                if d["module"] != module]
        counts = compare(truth, got, bad)
        types, members, names = types + counts[0], members + counts[1], names + len(want)
    if have:
        bad.append("modules that there should not be: %s" % sorted(have))
    print("%d modules: %d names, %d definitions with %d members" %
          (len(modules), names, types, members))


def main():
    program, image, btf = sys.argv[1:]
    for tool in ("bpftool", "gcc"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
            print("%s is not installed" % tool)
            return 77
    os.environ["PATH"] += ":/usr/sbin"
    truth, bad = Truth(btf), []
    names = sorted({t["name"] for t in named(truth)})
    got = [d for d in definitions(program, image, names) if not d["module"]]
    run = subprocess.run([program, "types", image, "--json"], stdout=subprocess.PIPE, check=True)
    listed = [json.loads(line) for line in run.stdout.splitlines()]
    want = sorted((t["name"], KINDS[t["kind"]]) for t in named(truth))
    have = sorted((d["name"], d["kind"]) for d in listed if not d["module"])
    if want != have:
        bad.append("names: %s" % sorted(set(want) ^ set(have))[:20])
    types, members = compare(truth, got, bad)
    check_modules(program, image, truth, [d for d in listed if d["module"]], bad)
    checks = compile_check(btf, got, truth.pointer == 4, bad)
    for line in bad[:40]:
        print(line)
    print("%d names, %d definitions with %d members, %d assertions compiled, %d differences" %
          (len(want), types, members, checks, len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
