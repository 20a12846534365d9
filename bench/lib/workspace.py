# SPDX-License-Identifier: Apache-2.0
"""Where trees are created: by default a journaled ext4 in memory, what a CI runner has on disk."""
import contextlib
import os
import pathlib
import shutil
import tempfile
import time

from lib.system import (BenchError, GIB, find_tool, is_root, memory_available, note, run_tool)

INODE_BYTES = 256


class Workspace:
    """trees: the file system that is measured. archives: where archives and stores lie.

    Everything is gone after close(), mounts and loop devices too.
    """

    def __init__(self, choice, disk_bytes, entries, memory_bytes):
        """disk_bytes, entries: of one tree; there is room for three. memory_bytes: what a
        workspace in memory may take before `auto` turns to the disk."""
        self.stack = contextlib.ExitStack()
        self.image_bytes = 3 * disk_bytes + 4 * entries * INODE_BYTES + GIB
        self.inodes = 4 * entries + 100_000
        self.memory_bytes = memory_bytes
        self.trees = self.archives = None
        self.description = ""
        self.trims = self.defers = False
        try:
            self._open(choice)
            self.archives.mkdir()
            self.trees.mkdir(exist_ok=True)
        except BaseException:
            self.close()
            raise

    def _open(self, choice):
        fits = memory_available() > self.memory_bytes
        if choice == "ext4" or (choice == "auto" and is_root() and fits and find_tool("mkfs.ext4")):
            try:
                self._open_ext4()
                return
            except BenchError as err:
                if choice == "ext4":
                    raise
                note(f"warning: no ext4 in memory here ({err})")
                self.close()
        if choice == "tmpfs" or (choice == "auto" and fits):
            folder = memory_folder(self.memory_bytes)
            if folder:
                self._open_folder(folder, "tmpfs")
                return
            if choice == "tmpfs":
                raise BenchError("no tmpfs with enough room")
        folder = pathlib.Path.cwd() if choice == "auto" else pathlib.Path(choice)
        if choice == "auto":
            note(f"warning: no room in memory, measuring the disk under {folder}")
        self._open_folder(folder, file_system_type(folder))
        self.defers = True

    def _temporary(self, folder):
        path = pathlib.Path(tempfile.mkdtemp(prefix="xcache-bench-", dir=folder))
        self.stack.callback(lambda: run_tool("rm", "-rf", "--", path))
        return path

    def _mount(self, *argv):
        run_tool("mount", *argv)
        self.stack.callback(unmount, argv[-1])

    def _open_ext4(self):
        if not is_root():
            raise BenchError("mounting needs root")
        base = self._temporary(None)
        memory, mounted = base / "memory", base / "ext4"
        memory.mkdir()
        mounted.mkdir()
        # Side by side: were one mounted inside the other, each would keep the other alive when
        # the mount namespace of a killed run goes, as the image is open on the outer one.
        self._mount("-t", "tmpfs", "-o", "size=95%,mode=0755", "xcache-bench", memory)
        image = memory / "image"
        with open(image, "wb") as out:
            out.truncate(self.image_bytes)
        # Tables are written now: left for later, a kernel thread would do it while we measure.
        run_tool("mkfs.ext4", "-q", "-F", "-O", "has_journal", "-m", "0", "-N", self.inodes,
                 "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image)
        self._mount("-t", "ext4", "-o", "loop", image, mounted)
        self.trees, self.archives = mounted / "trees", memory / "archives"
        self.description = "ext4 with a journal, in memory; archives and stores on tmpfs"
        self.trims = find_tool("fstrim") is not None

    def _open_folder(self, folder, kind):
        base = self._temporary(folder)
        self.trees, self.archives = base / "trees", base / "archives"
        self.description = f"{kind}, archives and stores beside the trees"
        if kind == "ext4" and not has_journal(base):
            note("warning: this ext4 has no journal: it is slow to reuse what was just deleted")
            self.description = "ext4 WITHOUT a journal, archives and stores beside the trees"

    def settle(self):
        """Until nothing that was written before is still on its way."""
        run_tool("sync", "-f", self.trees)
        run_tool("sync", "-f", self.archives)

    def discard(self, path, needed_bytes=0):
        """Deletes what is no longer needed, on a disk only when room runs out: see README.md."""
        if self.defers and shutil.disk_usage(self.trees).free > 2 * needed_bytes + GIB:
            return
        run_tool("rm", "-rf", "--", path)
        if self.trims:
            run_tool("fstrim", self.trees)

    def close(self):
        self.stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unmount(path):
    for _ in range(20):
        try:
            run_tool("umount", path)
            return
        except BenchError as err:
            failure = err
            time.sleep(0.2)
    run_tool("umount", "--lazy", path)
    note(f"warning: {failure}")


def memory_folder(needed_bytes):
    for name in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR")):
        if name and os.access(name, os.W_OK) and file_system_type(name) == "tmpfs":
            if shutil.disk_usage(name).free > needed_bytes:
                return pathlib.Path(name)
    return None


def mount_of(path):
    """Device number, type and source of the mount that path lies in."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for line in lines:
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return wanted, rest.split()[0], rest.split()[1]
    return wanted, "unknown", ""


def file_system_type(path):
    return mount_of(path)[1]


def has_journal(path):
    name = os.path.basename(os.path.realpath(mount_of(path)[2]))
    return any(each.startswith(name + "-") for each in os.listdir("/proc/fs/jbd2")) \
        if os.path.isdir("/proc/fs/jbd2") else False
