# SPDX-License-Identifier: Apache-2.0
"""The trees that are measured with: installed, generated, counted and compared."""
import dataclasses
import os
import stat

from lib.system import BenchError, GIB, MIB, clean_environment, note, run_group

NPM_FLAGS = ["--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]
READ_BYTES = MIB


@dataclasses.dataclass
class Count:
    """What a tree holds; disk_bytes is an estimate with blocks of 4 KiB."""
    files: int = 0
    dirs: int = 0
    symlinks: int = 0
    bytes: int = 0
    disk_bytes: int = 0

    @property
    def entries(self):
        return self.files + self.dirs + self.symlinks


def count(root):
    total = Count()
    pending = [root]
    while pending:
        total.dirs += 1
        total.disk_bytes += 4096
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    total.symlinks += 1
                elif entry.is_dir():
                    pending.append(entry.path)
                else:
                    size = entry.stat(follow_symlinks=False).st_size
                    total.files += 1
                    total.bytes += size
                    total.disk_bytes += -(-size // 4096) * 4096
    return total


def install(folder):
    """bench/node_modules, installed from the lock file unless it is there; returns its path."""
    modules = folder / "node_modules"
    if (modules / ".package-lock.json").exists():
        return modules
    note("installing bench/node_modules (once)")
    try:
        status = run_group(["npm", "ci", *NPM_FLAGS], cwd=folder, env=clean_environment())
    except FileNotFoundError as err:
        raise BenchError("npm is not installed: name a tree with --tree") from err
    if status != 0:
        raise BenchError("npm ci failed: name another tree with --tree")
    return modules


def same_content(a, b):
    with open(a, "rb", buffering=0) as left, open(b, "rb", buffering=0) as right:
        while True:
            one, two = left.read(READ_BYTES), right.read(READ_BYTES)
            if one != two:
                return False
            if not one:
                return True


def entry_difference(a, b, times=True):
    """What differs between two entries of one name, or None."""
    one, two = os.lstat(a), os.lstat(b)
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(two.st_mode):
        return "type"
    if stat.S_ISLNK(one.st_mode):
        return "target" if os.readlink(a) != os.readlink(b) else None
    if one.st_mode != two.st_mode:
        return "mode"
    if times and one.st_mtime_ns != two.st_mtime_ns:
        return "mtime"
    if stat.S_ISREG(one.st_mode) and (one.st_size != two.st_size or not same_content(a, b)):
        return "content"
    return None


def first_difference(a, b, times=True):
    """Compares names, types, modes, targets, contents and, if asked to, times to the nanosecond."""
    pending = [""]
    while pending:
        inside = pending.pop()
        one, two = os.path.join(a, inside), os.path.join(b, inside)
        what = entry_difference(one, two, times)
        if what:
            return f"{inside or '.'}: {what}"
        if not os.path.islink(one) and os.path.isdir(one):
            names = sorted(os.listdir(one))
            if names != sorted(os.listdir(two)):
                return f"{inside or '.'}: names"
            pending += [os.path.join(inside, name) for name in names]
    return None


def make_big_files(root, total_bytes=5 * GIB, files=5):
    """Half of every 64 KiB is random, half repeats."""
    os.mkdir(root)
    text = (b"every second half of a block says the same thing again. " * 600)[:32768]
    for i in range(files):
        with open(os.path.join(root, f"big-{i}.bin"), "wb", buffering=0) as out:
            for _ in range(total_bytes // files // MIB):
                random = os.urandom(MIB // 2)
                out.write(b"".join(random[at:at + 32768] + text
                                   for at in range(0, len(random), 32768)))


def make_many_files(root, total=1_000_000, folders=1000):
    os.mkdir(root)
    for i in range(folders):
        folder = os.path.join(root, f"folder-{i:04}")
        os.mkdir(folder)
        fd = os.open(folder, os.O_RDONLY)
        for j in range(total // folders):
            os.close(os.open(f"empty-{j:04}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd))
        os.close(fd)
