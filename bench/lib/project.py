# SPDX-License-Identifier: Apache-2.0
"""A C project that is edited, checked out afresh and built with ccache, as a CI does it.

The changes are as small as real ones: three files get a line, and in each third round a header too,
which changes whatever includes it.
"""
import os
import pathlib
import re
import shlex
import subprocess

from lib.system import BenchError, clean_environment, find_tool, note, run_tool

EDITS = 3
HEADER_EVERY = 3
OWN_PARTS = ("Makefile", "scripts", "src")
GIT_ARGUMENTS = ("objects NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_OPENSSL=1 NO_PERL=1 NO_PYTHON=1 "
                 "NO_TCLTK=1")
APT_CONF = """\
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/parts";
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
"""
# What would steer make, ccache or a compiler.
STEERING = re.compile(r"(CCACHE|XC)_|MAKE|MFLAGS|CURL_DIR$|CC$|CI$|\w*FLAGS$|BUILD$|SANITIZE$")


def git_source(out):
    """git's source package, from where the machine takes its packages; fetched once."""
    folder = out / "git"
    if not folder.exists():
        note("fetching the source of git (once)")
        work = out / "git-apt"
        run_tool("rm", "-rf", "--", work)
        for part in ("parts", "lists/partial", "cache/archives/partial"):
            (work / part).mkdir(parents=True)
        lists = run_tool("apt-get", "indextargets", "Created-By: Packages", "Component: main",
                         "--format", "deb-src $(REPO_URI) $(RELEASE) main")
        (work / "parts" / "sources.list").write_text(
            "".join(sorted(set(lists.splitlines(keepends=True)))))
        (work / "conf").write_text(APT_CONF.format(folder=work))
        run_tool("apt-get", "-c", work / "conf", "-q", "update")
        run_tool("apt-get", "-c", work / "conf", "-q", "--only-source", "source", "git", cwd=work)
        next(work.glob("git-*/")).rename(folder)
        run_tool("rm", "-rf", "--", work)
    return folder


class Project:
    """pristine: the sources with the edits so far. work: where each round builds; always the same
    path, as on a runner, since it is part of what ccache hashes."""

    def __init__(self, folder, random, jobs):
        self.pristine, self.work = folder / "pristine", folder / "work"
        self.random = random
        self.arguments = [f"-j{jobs}", "CC=ccache cc"]
        self.sources, self.headers = [], []

    def take(self, source, arguments):
        """The project in `source`, which `make` builds with these arguments."""
        self.pristine.mkdir(parents=True)
        run_tool("cp", "-R", "--", f"{source}/.", self.pristine)
        self.arguments += shlex.split(arguments)

    def take_git(self, out):
        self.take(git_source(out), GIT_ARGUMENTS)

    def take_own(self, root):
        """xcache itself, whose libraries its build has found."""
        self.pristine.mkdir(parents=True)
        run_tool("cp", "-R", *(root / part for part in OWN_PARTS), self.pristine)
        curl = pathlib.Path(os.environ.get("CURL_DIR", root / "build" / "curl")).resolve()
        self.arguments += [f"CURL_DIR={curl}", "CURL=", "build/libxcache.a"]

    def build(self, cache):
        """Fresh checkout, full build."""
        run_tool("rm", "-rf", "--", self.work)
        run_tool("cp", "-R", "--", self.pristine, self.work)
        environment = {name: value for name, value in clean_environment().items()
                       if not STEERING.match(name)}
        environment["CCACHE_DIR"] = str(cache)
        for argv in (["ccache", "-z"], ["make", "-s", *self.arguments]):
            done = subprocess.run([find_tool(argv[0]), *argv[1:]], cwd=self.work, text=True,
                                  env=environment, check=False, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise BenchError(f"{argv[0]} failed: {done.stdout.strip()[-500:]}")
        if not self.sources:
            self.look_at_build()

    def look_at_build(self):
        """Which files can be edited so that it shows: sources with an object, and what they
        include."""
        objects = {path.stem for path in self.work.rglob("*.o")}
        self.sources = sorted(path.relative_to(self.work) for path in self.work.rglob("*.c")
                              if path.stem in objects)
        included = set()
        for name in self.sources:
            text = (self.work / name).read_text(errors="replace")
            included.update(re.findall(r'^\s*#\s*include\s+"(?:[^"]*/)?([^"/]+)"', text, re.M))
        self.headers = sorted(path.relative_to(self.pristine)
                              for path in self.pristine.rglob("*.h") if path.name in included)
        if len(self.sources) < EDITS or not self.headers:
            raise BenchError("the project's build left too few objects to go by")

    def edit(self, number):
        for i, name in enumerate(self.random.sample(self.sources, EDITS)):
            function = f"int bench_{number}_{i}(int n)"
            self.append(name, f"{function}; {function} {{ return n * {number} + {i}; }}")
        if number % HEADER_EVERY == 0:
            self.append(self.random.choice(self.headers), f"struct bench_{number};")

    def append(self, name, line):
        with open(self.pristine / name, "a", encoding="utf-8") as out:
            out.write(f"\n{line}\n")
