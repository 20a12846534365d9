#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""seekable.py PACK: check a file against zstd's seekable format 0.1.0.

The published layout is read byte by byte: the footer, the table's skippable
frame, the sums of its entries; then every frame is cut out and decoded by
itself, and all of them together must be what `zstd -dc PACK` gives. Prints
how many frames hold data and how many do not.
"""
import hashlib
import struct
import subprocess
import sys

TABLE_MAGIC = 0x184D2A5E
FOOTER_MAGIC = 0x8F92EAB1
ZSTD_MAGIC = 0xFD2FB528


def check(condition, message):
    if not condition:
        sys.exit(f"seekable.py: {message}")


def decode(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def read_table(pack):
    """The entries (compressed size, decompressed size) and where the table starts."""
    check(len(pack) > 17, "the file is too short for a table")
    count, descriptor, magic = struct.unpack("<IBI", pack[-9:])
    check(magic == FOOTER_MAGIC, f"the footer's magic number is {magic:#x}")
    check(descriptor & 0x7C == 0, f"reserved bits are set in the descriptor {descriptor:#x}")
    entry_bytes = 12 if descriptor & 0x80 else 8
    size = count * entry_bytes + 9
    start = len(pack) - size - 8
    check(start >= 0, "the table is larger than the file")
    check(struct.unpack("<II", pack[start:start + 8]) == (TABLE_MAGIC, size),
          "the table's frame header is wrong")
    entries = [struct.unpack("<II", pack[start + 8 + i * entry_bytes:][:8]) for i in range(count)]
    return entries, start


def check_frame(number, frame, raw_bytes, whole):
    magic, = struct.unpack("<I", frame[:4])
    if raw_bytes == 0:
        check(magic & 0xFFFFFFF0 == 0x184D2A50, f"frame {number} holds nothing, but is no skippable one")
        check(struct.unpack("<I", frame[4:8])[0] == len(frame) - 8,
              f"frame {number} is not as long as it says")
        return
    check(magic == ZSTD_MAGIC, f"frame {number} does not start where the table says")
    raw = decode(frame)
    check(len(raw) == raw_bytes, f"frame {number} decodes to {len(raw)} bytes instead of {raw_bytes}")
    whole.update(raw)


def main():
    with open(sys.argv[1], "rb") as file:
        pack = file.read()
    entries, start = read_table(pack)
    check(sum(entry[0] for entry in entries) == start, "the frames do not fill what precedes the table")
    whole = hashlib.sha256()
    at = 0
    for number, (stored_bytes, raw_bytes) in enumerate(entries):
        check_frame(number, pack[at:at + stored_bytes], raw_bytes, whole)
        at += stored_bytes
    check(whole.digest() == hashlib.sha256(decode(pack)).digest(),
          "the frames together are not the whole")
    holding = sum(1 for entry in entries if entry[1])
    print(holding, len(entries) - holding)


main()
