# SPDX-License-Identifier: Apache-2.0
"""What is measured against what: the commands, each as one line of sh.

Every save runs beside a folder `tree` and writes one archive; every restore runs in an empty
folder and leaves `tree` there.
"""
import dataclasses
import pathlib
import shlex
import typing
import urllib.parse

from lib.system import is_root

HIGHLIGHT = "xcache"
BASE_SAVE = "tar-zstd"
BASE_RESTORE = "curl-zstd-tar"
FLOOR = "floor"


@dataclasses.dataclass
class Contestant:
    """needs: the tools without which it is left out. archive: which save's archive it restores.
    own_clock: it prints its own times, as JSON."""
    id: str
    label: str
    needs: tuple
    script: typing.Callable[[pathlib.Path], str]
    archive: str = ""
    own_clock: bool = False


@dataclasses.dataclass
class Setting:
    """What the commands depend on besides their archive."""
    threads: int
    cores: int
    xcache: str
    floor: str
    source: pathlib.Path
    url: str = ""

    @property
    def zstd_threads(self):
        return "-T0" if self.threads == self.cores else f"-T{self.threads}"



def quoted(value):
    return shlex.quote(str(value))


def xcache_command(setting, verb, store):
    url = "file://" + urllib.parse.quote(str(store))
    return (f"{quoted(setting.xcache)} {verb} --store {quoted(url)} --key bench --path tree "
            f"-q -j {setting.threads}")


def save_contestants(s):
    return [
        Contestant("xcache", "xcache save", (s.xcache,),
                   lambda out: xcache_command(s, "save", out)),
        Contestant("tar-zstd", f"tar | zstd -3 {s.zstd_threads}", ("tar", "zstd"),
                   lambda out: f"tar -cf - tree | zstd -q -3 {s.zstd_threads} -o {quoted(out)}"),
        Contestant("tar-lz4", "tar | lz4", ("tar", "lz4"),
                   lambda out: f"tar -cf - tree | lz4 -q -c > {quoted(out)}"),
        Contestant("zip", "zip", ("zip",), lambda out: f"zip -qry {quoted(out)} tree"),
        Contestant("squashfs", "mksquashfs (zstd 3)", ("mksquashfs",),
                   lambda out: f"mksquashfs tree {quoted(out)} -comp zstd -Xcompression-level 3 "
                               f"-processors {s.threads} -no-progress -quiet"),
    ]


def as_ordinary_user(s):
    """Root's tar sets the owner and mode of every file, as xcache does where they differ. An
    ordinary user's does not, and is quicker by that."""
    if not is_root():
        return []
    return [Contestant("curl-zstd-tar-user", "curl | zstd -d | tar x, as an ordinary user",
                       ("nginx", "curl", "zstd", "tar"),
                       lambda a: f"curl -sf {quoted(s.url)}/{a.name} | zstd -dc | "
                                 "tar --no-same-owner --no-same-permissions -xf -", "tar-zstd")]


def restore_contestants(s):
    def floor(threads):
        return f"{quoted(s.floor)} {quoted(s.source / 'tree')} tree {threads}"

    return [
        Contestant("xcache", "xcache restore", (s.xcache,),
                   lambda store: xcache_command(s, "restore", store), "xcache"),
        Contestant("curl-zstd-tar", "curl | zstd -d | tar x", ("nginx", "curl", "zstd", "tar"),
                   lambda a: f"curl -sf {quoted(s.url)}/{a.name} | zstd -dc | tar -xf -",
                   "tar-zstd"),
        *as_ordinary_user(s),
        Contestant("lz4-tar", "lz4 -d | tar x", ("lz4", "tar"),
                   lambda a: f"lz4 -dc {quoted(a)} | tar -xf -", "tar-lz4"),
        Contestant("unzip", "unzip", ("unzip",), lambda a: f"unzip -q {quoted(a)}", "zip"),
        Contestant("unsquashfs", "unsquashfs", ("unsquashfs",),
                   lambda a: f"unsquashfs -n -q -processors {s.threads} -d tree {quoted(a)}",
                   "squashfs"),
        Contestant(FLOOR, f"floor: creating the files from memory, {s.threads} threads", (s.floor,),
                   lambda _: floor(s.threads), own_clock=True),
        Contestant("floor-1", "floor: creating the files from memory, 1 thread", (s.floor,),
                   lambda _: floor(1), own_clock=True),
    ]
