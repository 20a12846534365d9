# SPDX-License-Identifier: Apache-2.0
"""The tools that store only what is new, each with a repository in a folder.

A save runs beside a folder `tree`, always the same one, and a restore in an empty folder. Both get
a cache folder that is empty, as on a fresh runner.
"""
import dataclasses
import typing

from lib.contestants import quoted

BORG_WORDS = ("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes "
              "LC_ALL=C.UTF-8")


@dataclasses.dataclass
class Peer:
    """The commands take the repository, the cache folder and, but for `create`, the name of the
    save. beside: files of the repository, by how their names begin, that never leave its machine.
    """
    id: str
    label: str
    needs: tuple
    create: typing.Callable
    save: typing.Callable
    restore: typing.Callable
    beside: tuple = ()


def restic(repository, cache, words):
    return (f"RESTIC_PASSWORD=bench RESTIC_CACHE_DIR={quoted(cache)} "
            f"restic -q -r {quoted(repository)} {words}")


def borg(repository, cache, words, name="", rest=""):
    archive = quoted(f"{repository}::{name}" if name else repository)
    return f"{BORG_WORDS} BORG_BASE_DIR={quoted(cache)} borg {words} {archive} {rest}"


def casync(repository, words, name):
    return (f"casync {words} --store={quoted(repository / 'store.castr')} "
            f"{quoted(repository / (name + '.caidx'))} tree")


def deduplicating():
    return [
        Peer("restic", "restic", ("restic",),
             lambda repository, cache: restic(repository, cache, "init --repository-version 2"),
             lambda repository, cache, _: restic(repository, cache,
                                                 "backup --ignore-ctime --ignore-inode tree"),
             lambda repository, cache, _: restic(repository, cache, "restore latest --target .")),
        Peer("borg", "borg", ("borg",),
             lambda repository, cache: borg(repository, cache, "init -e none"),
             lambda repository, cache, name: borg(repository, cache, "create -C zstd,3", name,
                                                  "tree"),
             lambda repository, cache, name: borg(repository, cache, "extract", name),
             ("hints.", "index.", "integrity.")),
        Peer("casync", "casync", ("casync",),
             lambda repository, _: f"mkdir {quoted(repository)}",
             lambda repository, _, name: casync(repository, "make --compression=zstd", name),
             lambda repository, _, name: casync(repository, "extract", name)),
    ]


def tar(setting):
    """Sends everything each time."""
    return Peer("tar-zstd", f"tar | zstd -3 {setting.zstd_threads}", ("tar", "zstd"),
                lambda repository, _: f"mkdir {quoted(repository)}",
                lambda repository, _, name: f"tar -cf - tree | zstd -q -3 {setting.zstd_threads} "
                                            f"-o {quoted(repository / name)}",
                lambda repository, _, name: f"zstd -dc {quoted(repository / name)} | tar -xf -")
