# SPDX-License-Identifier: MIT
"""From what a guest recorded of itself to linux.truth.json.

Text is decoded as UTF-8 with surrogates for other bytes, so that nothing is lost in JSON. Numbers
of /proc stay numbers; addresses are "0x..." strings, as vmi-dump prints them.
"""
import functools
import hashlib
import itertools
import os
import re
import struct
import tarfile

PAGE = 4096
# guest/guest.h: where known pages lie, and how many; the mark is every resident's.
KNOWN = ((0x50000000, 1), (0x60000000, 8), (0x70000000, 128), (0x80000000, 516), (0x90000000, 64))
VARIED = 0x90000000
# Kept as they are, for whoever wants to compare them.
RAW = r"proc/(net/|iomem|swaps|meminfo|filesystems|sysvipc|stat$)|sys/(block|kernel/vmcore)"
OCTAL = re.compile(r"\\([0-7]{3})")


def decoded(data):
    return data.decode("utf-8", "surrogateescape")


def address(value):
    return hex(value)


def plain(text):
    """Without the octal escapes of /proc/PID/mountinfo."""
    raw = text.encode("utf-8", "surrogateescape").decode("latin1")
    return decoded(OCTAL.sub(lambda m: chr(int(m[1], 8)), raw).encode("latin1"))


# ---- the guest's fill() and fill_varied() ----

def noise(pid, index):
    x = ((pid << 12) + index + 1) & 0xffffffff
    while True:
        x ^= x << 13 & 0xffffffff
        x ^= x >> 17
        x ^= x << 5 & 0xffffffff
        yield x


def varied(kind, i, page, now):
    if kind == 0:
        return 0 if now % 97 else now >> 8
    if kind == 1:
        return ord("x") if i * 2 % 257 == 0 or i % 97 == 0 else 0
    if kind == 2:
        return now if i % 48 < 4 else i // 48 if i % 48 < 8 else ord("r") if i % 48 < 20 else 0
    if kind == 3:
        return ord("a") + now // 7 % 4 if now % 7 else ord(" ")
    if kind == 4:
        return now if i < PAGE // 2 else 0
    if kind == 5:
        return now if i < 3000 else page[i - 3000]
    if kind == 6:
        return ord("y") if now >> 16 & 1 else ord("n")
    return now if i // 64 % 3 != 2 else page[i - 100]


@functools.lru_cache(maxsize=1024)
def page(pid, at, index):
    """What process `pid` wrote to the page of that index behind `at`."""
    if at == VARIED:
        data = bytearray()
        for i, now in zip(range(PAGE), noise(pid, index)):
            data.append(varied(index % 8, i, data, now) & 0xff)
        return bytes(data)
    kind = index % 4
    if kind == 0:
        line = b"process %d page %d\n" % (pid, index)
        return (line * (PAGE // len(line) + 1))[:PAGE]
    if kind == 1:
        return struct.pack("<1024I", *itertools.islice(noise(pid, index), PAGE // 4))
    return b"Z" * PAGE if kind == 2 else bytes(PAGE)


# ---- the record ----

def members(path):
    """{name: bytes}; of the guest's attempts at what moves, the last."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name == "again":
                found = {n: d for n, d in found.items() if not re.match(r"proc/\d", n)}
            found[member.name] = archive.extractfile(member).read()
    return found


def symbols(data):
    """[address, type, name, module or null] each."""
    rows = []
    for line in data.decode().splitlines():
        va, kind, name = line.split(" ", 2)
        name, _, module = name.partition("\t")
        rows.append([address(int(va, 16)), kind, name, module.strip("[]") or None])
    return rows


def modules(found):
    rows = []
    for line in decoded(found["proc/modules"]).splitlines():
        name, size, users, by, state, base = line.split()[:6]
        row = {"name": name, "size": int(size), "references": int(users), "state": state,
               "used_by": [u for u in by.split(",") if u not in ("", "-")],
               "base": address(int(base, 16)), "parameters": {}}
        prefix = "sys/module/%s/" % name
        for key, data in found.items():
            if key.startswith(prefix + "parameters/"):
                row["parameters"][key[len(prefix) + 11:]] = decoded(data).rstrip("\n")
        text = found.get(prefix + "sections/.text")
        if text:
            row["text"] = address(int(text, 16))
        rows.append(row)
    return rows


def log(data):
    """/dev/kmsg, Linux: Documentation/ABI/testing/dev-kmsg."""
    records = []
    for line in data.split(b"\n"):
        if line.startswith(b" "):
            key, _, value = unescaped(line[1:]).partition("=")
            records[-1]["fields"][key] = value
        elif line:
            head, _, text = line.partition(b";")
            number, sequence, time_us = (int(x) for x in head.split(b",")[:3])
            records.append({"level": number & 7, "facility": number >> 3, "sequence": sequence,
                            "time_us": time_us, "text": unescaped(text), "fields": {}})
    return records


def unescaped(data):
    return decoded(re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), data))


def status(data):
    return dict(line.split(":", 1) for line in decoded(data).splitlines() if ":" in line)


def task(found, prefix):
    """What a process and a thread have in common: /proc/PID/stat and status, proc(5)."""
    stat = decoded(found[prefix + "stat"])
    fields = stat[stat.rindex(")") + 2:].split()
    said = status(found[prefix + "status"])
    flags = int(fields[6])
    return {"pid": int(stat.split(" ", 1)[0]), "state": fields[0], "ppid": int(fields[1]),
            "pgid": int(fields[2]), "sid": int(fields[3]), "tty": int(fields[4]), "flags": flags,
            "kernel_thread": bool(flags & 0x200000),
            "priority": int(fields[15]), "nice": int(fields[16]), "start_ticks": int(fields[19]),
            "policy": int(fields[38]), "comm": decoded(found[prefix + "comm"][:-1]),
            "tgid": int(said["Tgid"]), "tracer": int(said["TracerPid"]),
            "uids": [int(x) for x in said["Uid"].split()],
            "gids": [int(x) for x in said["Gid"].split()],
            "groups": [int(x) for x in said["Groups"].split()],
            "ns_pids": [int(x) for x in said.get("NSpid", "0").split()]}


def regions(data):
    rows = []
    for line in decoded(data).split("\n"):
        if not line:
            continue
        span, access, offset, device, inode, path = (line.split(" ", 5) + [""])[:6]
        start, end = span.split("-")
        rows.append({"start": address(int(start, 16)), "end": address(int(end, 16)),
                     "access": access, "offset": address(int(offset, 16)), "device": device,
                     "inode": int(inode), "path": path.lstrip(" ").replace("\\012", "\n")})
    return rows


def mounts(data):
    """/proc/PID/mountinfo, proc(5)."""
    rows = []
    for line in decoded(data).splitlines():
        head, _, tail = line.partition(" - ")
        number, parent, device, root, target, options = head.split(" ")[:6]
        kind, source, super_options = (tail.split(" ") + ["", ""])[:3]
        rows.append({"id": int(number), "parent": int(parent), "device": device,
                     "root": plain(root), "target": plain(target), "options": options,
                     "type": plain(kind), "source": plain(source),
                     "super_options": plain(super_options)})
    return rows


def files(found, prefix):
    rows = []
    for name in found:
        match = re.fullmatch(re.escape(prefix) + r"fd/(\d+)", name)
        if not match:
            continue
        said = status(found.get(prefix + "fdinfo/" + match[1], b""))
        row = {"fd": int(match[1]), "path": decoded(found[name])}
        if "pos" in said:
            row.update(offset=int(said["pos"]), flags=int(said["flags"], 8))
        rows.append(row)
    return sorted(rows, key=lambda row: row["fd"])


def link(found, name):
    return decoded(found[name]) if name in found else None


def process(found, pid):
    prefix = "proc/%d/" % pid
    row = task(found, prefix)
    words = found.get(prefix + "cmdline", b"")
    row["arguments"] = [decoded(w) for w in words.removesuffix(b"\0").split(b"\0")] if words else []
    for name in ("exe", "cwd", "root"):
        row[name] = link(found, prefix + name)
    row["regions"] = regions(found.get(prefix + "maps", b""))
    row["files"] = files(found, prefix)
    row["mounts"] = mounts(found.get(prefix + "mountinfo", b""))
    row["cgroup"] = decoded(found.get(prefix + "cgroup", b"")).strip()
    row["namespaces"] = {n[len(prefix) + 3:]: decoded(d) for n, d in found.items()
                         if n.startswith(prefix + "ns/")}
    tids = {int(n.split("/")[3]) for n in found if n.startswith(prefix + "task/")}
    row["threads"] = [task(found, "%stask/%d/" % (prefix, tid)) for tid in sorted(tids)
                      if "%stask/%d/stat" % (prefix, tid) in found]
    return row


def writer(owner, by_pid):
    """Who wrote its pages: these children have their parent's memory, or a copy of it."""
    parent = by_pid.get(owner["ppid"], owner)
    is_child = owner["comm"] == parent["comm"] and owner["comm"] in ("vforked", "swapped-out")
    return parent if is_child else owner


def memory(found, processes):
    """Pages whose contents are known, with what the kernel says of each (Linux,
    Documentation/admin-guide/mm/pagemap.rst)."""
    by_pid = {p["pid"]: p for p in processes}
    rows = []
    for owner in processes:
        for at, count in KNOWN:
            if not any(int(r["start"], 16) <= at < int(r["end"], 16) for r in owner["regions"]):
                continue
            pid = writer(owner, by_pid)["pid"]
            data = b"".join(page(pid, at, i) for i in range(count))
            raw = found.get("proc/%d/pagemap/%x" % (owner["pid"], at), b"")
            rows.append({"pid": owner["pid"], "writer": pid, "va": address(at),
                         "length": len(data),
                         "sha256": hashlib.sha256(data).hexdigest(),
                         "pages": [where(e) for e, in struct.iter_unpack("<Q", raw[:8 * count])]})
    return rows


def where(entry):
    if entry >> 62 & 1:
        return {"swap": entry & 31, "slot": entry >> 5 & (1 << 50) - 1}
    return {"gfn": address(entry & (1 << 55) - 1)} if entry >> 63 else {}


def system(found):
    def text(name):
        return decoded(found[name]).rstrip("\n")

    def count(pattern, name):
        return int(re.search(pattern, text(name), re.M)[1])
    names = {name: text("uname/" + name) for name in ("release", "version", "machine")}
    return {**names, "hostname": text("uname/nodename"),
            "domain": text("proc/sys/kernel/domainname"), "command_line": text("proc/cmdline"),
            "banner": text("proc/version"), "load": text("proc/loadavg"),
            "cpus": len(re.findall(r"^processor", text("proc/cpuinfo"), re.M)),
            "taints": int(text("proc/sys/kernel/tainted")),
            "boot_time_s": count(r"^btime (\d+)", "proc/stat"),
            "memory_kib": count(r"^MemTotal: *(\d+)", "proc/meminfo"),
            "uptime_s": float(text("proc/uptime").split()[0])}


def keep_btf(found, folder):
    """{module or "vmlinux": file}, in the kernel's own format."""
    kept = {}
    for name, data in found.items():
        if name.startswith("sys/kernel/btf/"):
            short = os.path.basename(name)
            os.makedirs(os.path.join(folder, "btf"), exist_ok=True)
            with open(os.path.join(folder, "btf", short), "wb") as file:
                file.write(data)
            kept[short] = "btf/" + short
    return kept


def build(guest, registers, record, folder):
    found = members(record)
    pids = sorted({int(n.split("/")[1]) for n in found if re.match(r"proc/\d+/stat$", n)})
    processes = [process(found, pid) for pid in pids]
    raw = {name: decoded(data) for name, data in found.items() if re.match(RAW, name)}
    spinner = [p["pid"] for p in processes if p["comm"] == "spin-cpu1"]
    for vcpu, running in enumerate([1] + spinner):
        registers[vcpu]["current"] = running
    return {"guest": guest, "busy": "guest.busy" in guest["append"], "vcpus": registers,
            "system": system(found), "modules": modules(found), "log": log(found["dev/kmsg"]),
            "processes": processes, "memory": memory(found, processes),
            "btf": keep_btf(found, folder), "raw": raw, "symbols": symbols(found["proc/kallsyms"])}
