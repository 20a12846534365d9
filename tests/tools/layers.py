#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""layers.py INTO OLDER NEWER [--keep-dirs]: craft an entry of two layers.

Makes the manifest INTO one of the layers of the manifests OLDER and NEWER,
which must be of one store and scope. The members of the older pack that the
newer one has as well are dead in the layer of the older; with --keep-dirs
directories that both have are dead in the newer one instead. The lists of
members are what `xcache inspect --files --json` says, $XCACHE being xcache.
Prints how many members are dead in each.
"""
import base64
import json
import os
import subprocess
import sys

COUNTS = {"file": "files", "directory": "directories", "symlink": "symlinks",
          "hardlink": "hardlinks"}


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def runs(positions):
    """The ascending positions as (first, count)."""
    found = []
    for position in positions:
        if found and sum(found[-1]) == position:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((position, 1))
    return found


def encode_dead(positions):
    out, end = b"", 0
    for first, count in runs(positions):
        out += varint(first - end) + varint(count)
        end = first + count
    return base64.b64encode(out).decode()


def members(manifest):
    """Path, type and size by position: the listing of an entry of one layer."""
    with open(manifest, encoding="utf-8") as file:
        key = json.load(file)["key"]
    listing = subprocess.run([os.environ["XCACHE"], "inspect", "--files", "--json", "--key", key],
                             stdout=subprocess.PIPE, check=True)
    return [(json.dumps(m["path"]), m["type"], m["size"]) for m in json.loads(listing.stdout)["members"]]


def main():
    into, older, newer = sys.argv[1:4]
    keep_dirs = "--keep-dirs" in sys.argv
    old, new = members(older), members(newer)
    both = {member[0] for member in old} & {member[0] for member in new}
    dirs = {member[0] for member in set(old) & set(new) if member[1] == "directory"}
    kept = dirs if keep_dirs else set()
    dead = [[i for i, (path, _, _) in enumerate(old) if path in both - kept],
            [i for i, (path, _, _) in enumerate(new) if path in kept]]
    with open(into, encoding="utf-8") as file:
        manifest = json.load(file)
    manifest["layers"] = []
    for path, positions in zip((older, newer), dead):
        with open(path, encoding="utf-8") as file:
            layer = json.load(file)["layers"][0]
        if positions:
            layer["dead"] = encode_dead(positions)
        manifest["layers"].append(layer)
    for name in COUNTS.values():
        manifest["totals"][name] = 0
    manifest["totals"]["bytes"] = 0
    for table, positions in zip((old, new), dead):
        for i, (_, kind, size) in enumerate(table):
            if i not in positions:
                manifest["totals"][COUNTS[kind]] += 1
                manifest["totals"]["bytes"] += size if kind == "file" else 0
    with open(into, "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    print(len(dead[0]), len(dead[1]))


main()
