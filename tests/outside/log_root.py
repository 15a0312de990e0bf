"""Checks the files of a log, as `lianshi log export` writes them, with pymerkle and hashlib.

usage: log_root.py DIR ORIGIN SIZE

The root over the entries of all bundles must be the checkpoint's, every hash of every tile that of
its subtree, every tile as wide as the size says, and no other file may be there. Prints the root.
"""

import base64
import hashlib
import struct
import sys
from pathlib import Path

import pymerkle


def fail(what):
    sys.exit(f"log_root.py: {what}")


def path(kind, number, width):
    groups = []
    while True:
        number, group = divmod(number, 1000)
        groups.append(f"x{group:03}" if groups else f"{group:03}")
        if number == 0:
            break
    partial = "" if width == 256 else f".p/{width}"
    return f"tile/{kind}/{'/'.join(reversed(groups))}{partial}"


def tiles(kind, count):
    for number in range((count + 255) // 256):
        width = min(256, count - number * 256)
        yield path(kind, number, width), width


def read_entries(folder, size, seen):
    entries = []
    for name, width in tiles("entries", size):
        data = (folder / name).read_bytes()
        seen.add(name)
        at, inside = 0, 0
        while at < len(data):
            (length,) = struct.unpack_from(">H", data, at)
            entries.append(data[at + 2 : at + 2 + length])
            at += 2 + length
            inside += 1
        if at != len(data) or inside != width:
            fail(f"{name} holds {inside} entries, not {width}")
    return entries


def check_tiles(folder, entries, seen):
    level, row = 0, [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    while row:
        for name, width in tiles(level, len(row)):
            first = int(name.split("/", 2)[2].split(".p/")[0].replace("x", "").replace("/", "")) * 256
            if (folder / name).read_bytes() != b"".join(row[first : first + width]):
                fail(f"{name} differs from the tree")
            seen.add(name)
        for _ in range(8):
            pairs = zip(row[0::2], row[1::2])
            row = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
        level += 1


def main():
    folder, origin, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    lines = (folder / "checkpoint").read_text(encoding="utf-8").split("\n")
    if lines[:2] != [origin, str(size)] or lines[3] != "":
        fail(f"the checkpoint begins with {lines[:4]}")
    seen = {"checkpoint"}
    entries = read_entries(folder, size, seen)
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    root = tree.get_root() if hasattr(tree, "get_root") else tree.get_state()
    if root != base64.b64decode(lines[2], validate=True):
        fail(f"pymerkle computes the root {root.hex()}")
    check_tiles(folder, entries, seen)
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    if files != seen:
        fail(f"missing or too many: {sorted(files ^ seen)}")
    print(base64.b64encode(root).decode())


main()
