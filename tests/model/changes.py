# SPDX-License-Identifier: Apache-2.0
"""What jobs do to trees, and what nobody would do but must not be overlooked."""
import mmap
import os
import shutil
import stat

import trees

MIB = 1 << 20
# Of a tree; past these it only shrinks.
PATHS_MAX = 250
BYTES_MAX = 64 * MIB
PATH_BYTES_MAX = 3000

ODD_NAMES = [b"two words", b"-rf", b"new\nline", b"tab\t", b"\xff\xfe not UTF-8", b"*?[a]", b"back\\slash",
             b"quote\"'", "Gr\u00fc\u00dfe \u65e5\u672c".encode(), b"~", b"#hash", b"!bang", b"...", b"%2F",
             b"\x01\x7f", b" lead and trail ", b"n" * 255]
# In seconds; the first is what unpackers set, then before 1970, and beyond 32 bits.
TIMES = [499162500, 0, -1, -1234567, 4294967296 + 7, 2 ** 33]


class Changes:
    """Random changes of the trees below `tops`; each says what it did."""

    def __init__(self, dice, workspace, tops):
        self.dice, self.workspace, self.tops = dice, workspace, tops
        self.is_root = os.geteuid() == 0

    # What is there

    def full(self, path):
        return os.path.join(self.workspace, path)

    def find(self):
        self.paths = list(trees.paths_below(self.workspace, self.tops))
        status = {path: os.lstat(self.full(path)) for path in self.paths}
        kinds = {path: trees.kind_of(s.st_mode) for path, s in status.items()}
        self.files = [p for p in self.paths if kinds[p] == "file"]
        self.dirs = [p for p in self.paths if kinds[p] == "directory"]
        self.links = [p for p in self.files if status[p].st_nlink > 1]
        self.inner = [p for p in self.paths if p not in self.tops]
        self.bytes = sum(status[p].st_size for p in self.files)

    def a_file(self):
        return self.dice.choice(self.files)

    def free_path(self, folder=None):
        folder = folder or self.dice.choice(self.dirs)
        while True:
            name = (self.dice.choice(ODD_NAMES) if self.dice.random() < 0.15 else
                    b"%c%d" % (self.dice.choice(b"abcdef"), self.dice.randrange(1000)))
            path = os.path.join(folder, name)
            if not os.path.lexists(self.full(path)):
                break
            folder = self.dice.choice(self.dirs)
        return path if len(path) < PATH_BYTES_MAX else self.free_path(self.tops[0])

    # Contents

    def some_bytes(self, count):
        if self.dice.random() < 0.5:
            return self.dice.randbytes(count)
        line = self.dice.randbytes(self.dice.randint(1, 200))
        return (line * (count // len(line) + 1))[:count]

    def some_size(self):
        chance = self.dice.random()
        if chance < 0.1:
            return 0
        if chance < 0.7:
            return self.dice.randint(1, 300)
        if chance < 0.985:
            return self.dice.randint(300, 50000)
        return self.dice.choice([8 * MIB, 8 * MIB + 1, self.dice.randint(5 * MIB, 20 * MIB)])

    def write_file(self, path):
        with open(self.full(path), "xb") as file:
            file.write(self.some_bytes(self.some_size()))
        if self.dice.random() < 0.3:
            self.set_mode(path)
        if self.dice.random() < 0.3:
            self.set_time(path)

    def write_sparse(self, path):
        with open(self.full(path), "xb") as file:
            for _ in range(self.dice.randint(0, 3)):
                file.seek(self.dice.randint(0, 3 * MIB))
                file.write(self.some_bytes(self.dice.randint(1, 9000)))
            file.truncate(self.dice.randint(0, 12 * MIB))

    # Attributes

    def set_mode(self, path):
        kind = trees.kind_of(os.lstat(self.full(path)).st_mode)
        if kind == "symlink":
            return
        mode = self.dice.choice([0o600, 0o644, 0o755, 0o444, 0o777, 0o711, 0o640])
        if self.is_root:
            mode = self.dice.choice([mode, 0, 0o4755, 0o2755, 0o1777])
        else:
            mode |= 0o700 if kind == "directory" else 0o600
        os.chmod(self.full(path), mode)

    def set_time(self, path):
        seconds = self.dice.choice([*TIMES, self.dice.randint(10 ** 9, 2 * 10 ** 9)])
        time = seconds * 10 ** 9 + self.dice.choice([0, 1, 999999999, self.dice.randrange(10 ** 9)])
        os.utime(self.full(path), ns=(time, time), follow_symlinks=False)

    def put_time_back(self, path, status):
        os.utime(self.full(path), ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)

    # Changes. Each returns the path that it is about.

    def new_file(self):
        path = self.free_path()
        self.write_file(path)
        return path

    def new_sparse(self):
        path = self.free_path()
        self.write_sparse(path)
        return path

    def new_symlink(self):
        path = self.free_path()
        target = self.dice.choice([b"nowhere", b"/etc", b"..", b"x" * 200, os.path.basename(self.a_file())])
        os.symlink(target, self.full(path))
        return path

    def new_directory(self):
        path = self.free_path()
        os.mkdir(self.full(path))
        for _ in range(self.dice.randint(0, 3)):
            self.write_file(self.free_path(path))
        return path

    def new_depth(self):
        path = self.free_path()
        deepest = os.path.join(path, *[b"d%d" % i for i in range(self.dice.randint(5, 40))])
        os.makedirs(self.full(deepest))
        self.write_file(os.path.join(deepest, b"bottom"))
        return path

    def new_link(self):
        path = self.free_path()
        os.link(self.full(self.a_file()), self.full(path))
        return path

    def copy_file(self):
        path = self.free_path()
        shutil.copy2(self.full(self.a_file()), self.full(path))
        return path

    def append(self):
        path = self.a_file()
        with open(self.full(path), "ab") as file:
            file.write(self.some_bytes(self.dice.randint(1, 200)))
        return path

    def truncate(self):
        path = self.a_file()
        os.truncate(self.full(path), self.dice.randint(0, os.lstat(self.full(path)).st_size))
        return path

    def rewrite(self):
        """Neither the size nor the time tell."""
        path = self.a_file()
        status = os.lstat(self.full(path))
        if status.st_size == 0:
            return self.append()
        with open(self.full(path), "r+b") as file:
            file.seek(self.dice.randrange(status.st_size))
            file.write(self.dice.randbytes(1))
        self.put_time_back(path, status)
        return path

    def rewrite_mapped(self):
        path = self.a_file()
        status = os.lstat(self.full(path))
        if status.st_size == 0:
            return self.append()
        with open(self.full(path), "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[self.dice.randrange(status.st_size)] = self.dice.randrange(256)
        self.put_time_back(path, status)
        return path

    def replace_alike(self):
        """Another file of the same name, size and time."""
        path = self.a_file()
        status = os.lstat(self.full(path))
        os.unlink(self.full(path))
        with open(self.full(path), "xb") as file:
            file.write(self.some_bytes(status.st_size))
        os.chmod(self.full(path), stat.S_IMODE(status.st_mode))
        self.put_time_back(path, status)
        return path

    def punch_hole(self):
        """A hole where zeros or text were, without another size."""
        path = self.a_file()
        size = os.lstat(self.full(path)).st_size
        if size <= 8192:
            return self.truncate()
        with open(self.full(path), "r+b") as file:
            kept = file.read(self.dice.randrange(size // 2))
            file.truncate(len(kept))
            file.truncate(size)
        return path

    def touch(self):
        for path in self.dice.sample(self.paths, min(len(self.paths), self.dice.randint(1, 30))):
            if self.dice.random() < 0.3:
                self.set_time(path)
            else:
                os.utime(self.full(path), follow_symlinks=False)
        return path

    def touch_all(self):
        for path in self.paths:
            os.utime(self.full(path), follow_symlinks=False)
        return self.tops[0]

    def chmod(self):
        path = self.dice.choice(self.paths)
        self.set_mode(path)
        return path

    def chown(self):
        path = self.dice.choice(self.paths)
        if self.is_root:
            os.lchown(self.full(path), self.dice.choice([0, 1000, 65534]), self.dice.choice([0, 1000]))
        return path

    def xattr(self):
        path = self.dice.choice(self.files + self.dirs)
        try:
            if self.dice.random() < 0.3 and os.listxattr(self.full(path)):
                os.removexattr(self.full(path), os.listxattr(self.full(path))[0])
            else:
                os.setxattr(self.full(path), f"user.{self.dice.choice('abc')}",
                            self.dice.randbytes(self.dice.randint(0, 50)))
        except OSError:
            pass  # not on every file system
        return path

    def rename(self):
        path = self.dice.choice(self.inner or self.files)
        if path in self.tops:
            return self.touch()
        folders = [d for d in self.dirs if not (d + b"/").startswith(path + b"/")]
        goal = self.free_path(self.dice.choice(folders))
        while (goal + b"/").startswith(path + b"/"):
            goal = self.free_path(self.tops[0])
        os.rename(self.full(path), self.full(goal))
        return path + b" -> " + goal

    def rename_over(self):
        """As editors and compilers write."""
        path, over = self.a_file(), self.a_file()
        if path in self.tops:
            return self.touch()
        os.rename(self.full(path), self.full(over))
        return path + b" -> " + over

    def exchange(self):
        """Two files change places, and nothing else about them."""
        one, two = self.a_file(), self.a_file()
        if one != two:
            spare = self.full(self.free_path())
            os.rename(self.full(one), spare)
            os.rename(self.full(two), self.full(one))
            os.rename(spare, self.full(two))
        return one + b" <-> " + two

    def break_link(self):
        path = self.dice.choice(self.links or self.files)
        spare = self.full(self.free_path())
        shutil.copy2(self.full(path), spare)
        os.rename(spare, self.full(path))
        return path

    def remove_path(self, path):
        if os.path.isdir(self.full(path)) and not os.path.islink(self.full(path)):
            shutil.rmtree(self.full(path))
        else:
            os.unlink(self.full(path))

    def remove(self):
        path = self.dice.choice(self.inner or self.files)
        if path == self.tops[0]:
            return self.touch()
        self.remove_path(path)
        return path

    def empty(self):
        folder = self.dice.choice(self.dirs)
        for name in os.listdir(self.full(folder)):
            self.remove_path(os.path.join(folder, name))
        return folder

    def other_kind(self):
        """A file instead of a directory, a directory instead of a file, links instead of both."""
        path = self.dice.choice(self.inner or self.files)
        if path == self.tops[0]:
            return self.touch()
        was_dir = path in self.dirs
        self.remove_path(path)
        if self.dice.random() < 0.2 and path not in self.tops:
            os.symlink(b"elsewhere", self.full(path))
        elif was_dir:
            self.write_file(path)
        else:
            os.mkdir(self.full(path))
            self.write_file(os.path.join(path, b"inside"))
        return path

    def other_top(self):
        """A second root path comes, goes, or becomes something else."""
        top = self.tops[-1]
        if top == self.tops[0]:
            return self.touch()
        if os.path.lexists(self.full(top)):
            self.remove_path(top)
        if self.dice.random() < 0.3:
            self.write_file(top)
        elif self.dice.random() < 0.7:
            os.mkdir(self.full(top))
            self.write_file(os.path.join(top, b"inside"))
        return top

    COMMON = ["new_file", "new_file", "new_file", "append", "append", "rewrite", "rewrite", "touch", "touch",
              "chmod", "remove", "rename", "rename_over", "replace_alike", "new_link", "break_link", "other_kind"]
    RARE = ["new_sparse", "new_symlink", "new_directory", "new_depth", "copy_file", "truncate", "rewrite_mapped",
            "punch_hole", "touch_all", "chown", "xattr", "exchange", "empty", "other_top"]
    # Of a cache that grows.
    SMALL = ["new_file", "append", "touch"]

    def grow(self):
        """A tree from nothing."""
        os.makedirs(self.full(self.tops[0]), exist_ok=True)
        for _ in range(self.dice.randint(5, 60)):
            self.one()

    def one(self, small=False):
        self.find()
        if not self.files:
            name = "new_file"
        elif len(self.paths) > PATHS_MAX or self.bytes > BYTES_MAX:
            name = self.dice.choice(["remove", "empty"])
        elif small:
            name = self.dice.choice(self.SMALL)
        else:
            name = self.dice.choice(self.COMMON if self.dice.random() < 0.7 else self.RARE)
        path = getattr(self, name)()
        return f"{name} {path!r}"
