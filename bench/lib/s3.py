# SPDX-License-Identifier: Apache-2.0
"""xcache with stores beyond a network: a real S3 server on loopback, and a relay that makes loopback
look like a wide network, where one connection is slow and many are not."""
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import urllib.parse

from lib import tree
from lib.contestants import Contestant, quoted
from lib.runner import Runner
from lib.server import serve
from lib.system import (BenchError, GIB, MIB, WarmMemory, clean_environment, find_tool, note,
                        run_tool)
from lib.workspace import Workspace

RADOSGW = pathlib.Path(__file__).parents[2] / "tests" / "servers" / "radosgw"
RATE = 40_000_000
DELAY_MS = 20
SERVER_TOOLS = ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin")
BIG_BYTES = GIB
BIG_FILES = 8
MANY = 128
LINK_CONNECTIONS = 32
ONE_BYTES = 128 * MIB
BUCKET = "store"


@dataclasses.dataclass
class Place:
    """One way to a store: how it is called, its URL without a prefix, options beside it."""
    id: str
    label: str
    url: str
    options: str = ""

    def store(self, prefix):
        base, _, query = self.url.partition("?")
        return f"{base.rstrip('/')}/{prefix}" + (f"?{query}" if query else "")


def priority(realtime):
    """argv before whatever is measured or serves, so that strangers do not get in between."""
    return [find_tool("chrt"), "-r", "10"] if realtime else []


def s3_place(name, label, bucket, endpoint, options=""):
    query = urllib.parse.urlencode({"region": "us-east-1", "endpoint": endpoint})
    return Place(name, label, f"s3://{bucket}?{query}", options)


@contextlib.contextmanager
def radosgw(first):
    """Yields the variables that name it; see tests/servers/radosgw."""
    with tempfile.TemporaryDirectory(prefix="xcache-bench-radosgw-", dir="/tmp") as parent:
        folder = os.path.join(parent, "run")
        done = subprocess.run([*first, RADOSGW, "start", folder, str(os.getpid())], check=False,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise BenchError(f"no radosgw: {done.stdout.strip()[-300:]}")
        try:
            with open(os.path.join(folder, "env"), encoding="utf-8") as lines:
                yield dict(line.split("=", 1) for line in shlex.split(lines.read()))
        finally:
            subprocess.run([RADOSGW, "stop", folder], check=False, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def relay(binary, endpoint, first):
    """Yields the endpoint of the slow way to an endpoint; see tests/tools/slowproxy.c."""
    argv = [*first, binary, "--to", urllib.parse.urlsplit(endpoint).netloc, "--rate", str(RATE),
            "--delay", str(DELAY_MS)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as process:
        try:
            words = process.stdout.readline().split()
            if words[:1] != ["port"]:
                raise BenchError("the relay does not start")
            yield f"http://127.0.0.1:{words[1]}"
        finally:
            process.terminate()


class S3Bench:
    """What is measured with both trees: `tree`, the one of all other parts, and `big`."""

    def __init__(self, setting, space, runs, realtime):
        self.setting = setting
        self.space = space
        self.first = priority(realtime)
        self.runner = Runner(space, runs)
        self.runner.environment = {"AWS_EC2_METADATA_DISABLED": "true",
                                   "AWS_CONFIG_FILE": "/dev/null",
                                   "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        self.places = {}
        self.sources = {}
        self.rows = {}

    def open_places(self, stack, relay_binary):
        folder = self.space.archives / BUCKET
        folder.mkdir()
        endpoint = stack.enter_context(serve(self.space.archives, self.first))
        places = [Place("file", "file://", "file://" + urllib.parse.quote(str(folder)))]
        anonymous = "--no-sign-request"
        ways = [("nginx", BUCKET, endpoint, anonymous)]
        missing = [tool for tool in SERVER_TOOLS if not find_tool(tool)]
        if missing:
            self.runner.remark(f"radosgw: left out, {', '.join(missing)} missing")
        else:
            names = stack.enter_context(radosgw(self.first))
            self.runner.environment.update(
                AWS_ACCESS_KEY_ID=names["XC_TEST_RADOSGW_KEY"],
                AWS_SECRET_ACCESS_KEY=names["XC_TEST_RADOSGW_SECRET"])
            ways.append(("radosgw", names["XC_TEST_RADOSGW_BUCKET"],
                         names["XC_TEST_RADOSGW_ENDPOINT"], ""))
        for name, bucket, to, options in ways:
            far = stack.enter_context(relay(relay_binary, to, self.first))
            places += [s3_place(name, name, bucket, to, options),
                       s3_place(f"{name}-far", f"{name} behind the relay", bucket, far, options)]
        self.places = {each.id: each for each in places}

    def command(self, verb, place, prefix, options=""):
        return " ".join([*map(quoted, self.first), quoted(self.setting.xcache), verb, "--store",
                         quoted(place.store(prefix)), "--key bench --path tree -j",
                         str(self.setting.threads), place.options, options])

    def contestant(self, prefix, name, options=""):
        place = self.places[name]
        label = f"{place.label}, {options.lstrip('-')}" if options else place.label
        return Contestant(f"{prefix}-{name}{options.replace(' ', '')}", label, (),
                          lambda _: self.command("restore", place, prefix, f"-q {options}"))

    def curl(self, name, prefix, connections, total):
        """The same bytes with nothing made of them."""
        place = self.places[name]
        endpoint = urllib.parse.parse_qs(place.url.partition("?")[2])["endpoint"][0]
        folder = self.space.archives / BUCKET / prefix
        pack = max(folder.rglob("*.tar.zst"), key=lambda path: path.stat().st_size)
        url = f"{endpoint}/{urllib.parse.quote(str(pack.relative_to(self.space.archives)))}"
        step = total // connections
        parts = " --next ".join(f"-sf -o /dev/null -r {i * step}-{(i + 1) * step - 1} {quoted(url)}"
                                for i in range(connections))
        script = " ".join([*map(quoted, self.first), "curl --no-progress-meter --parallel "
                           f"--parallel-immediate --parallel-max {connections}", parts])
        words = "1 connection" if connections == 1 else f"{connections} connections"
        return Contestant(f"curl-{connections}", f"curl, {words}, {place.label}", ("curl",),
                          lambda _: script)

    def save_everywhere(self, prefix, titles):
        """One save each; the first time is as good as any, the archives are needed once."""
        rows = []
        for name, options in titles:
            script = self.command("save", self.places[name], prefix, f"-q {options}")
            self.space.settle()
            run = self.runner.execute(script, self.sources[prefix])
            label = f"save {prefix}, {self.places[name].label} {options.lstrip('-')}".strip()
            note(f"s3: {label} {run['wall_s']:.2f} s")
            rows.append({"label": label, **run})
        return rows

    def restore(self, prefix, candidates, expected):
        def once(each, check):
            folder = self.runner.fresh(self.space.trees, each.id)
            folder.mkdir()
            try:
                run = self.runner.execute(each.script(None), folder)
                if check and not each.id.startswith("curl"):
                    difference = tree.first_difference(self.sources[prefix] / "tree",
                                                       folder / "tree")
                    if difference:
                        raise BenchError(f"the restored tree is not the saved one: {difference}")
            finally:
                self.space.discard(folder, expected)
            return run

        return self.runner.compete(f"s3 {prefix}", self.runner.available(candidates), once)

    def trace(self, verb, place, prefix):
        """The requests of one run: (method, path, status)."""
        folder = self.runner.fresh(self.space.trees, "trace")
        folder.mkdir()
        if verb == "save":
            folder = self.sources["tree"]
        environment = {**clean_environment(), **self.runner.environment}
        done = subprocess.run(["sh", "-c", self.command(verb, place, prefix, "--trace")],
                              check=False, cwd=folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise BenchError(f"{verb} with --trace: {done.stdout.strip()[-300:]}")
        if verb == "restore":
            self.space.discard(folder, 0)
        return re.findall(r"^\S*\s*\b(GET|PUT|POST|HEAD|DELETE) (\S+): status (\d+)", done.stdout,
                          re.MULTILINE)

    def count_requests(self):
        place = self.places.get("radosgw")
        if not place:
            return {}
        saved = self.trace("save", place, "counted")
        restored = self.trace("restore", place, "counted")
        return {
            "save": len(saved),
            "save_beside_pack": sum("/packs/" not in path for _, path, _ in saved),
            "restore": len(restored),
            "restore_beside_ranges": sum(status != "206" for _, _, status in restored),
        }


def walls(rows):
    return {row["id"]: row["wall_s"] for row in rows}


def ratios(result):
    """What the goals are about."""
    tree_s, big_s = walls(result["tree"]), walls(result["big"])
    found = {}
    if "tree-radosgw" in tree_s and "tree-file" in tree_s:
        found["radosgw_of_file"] = tree_s["tree-radosgw"] / tree_s["tree-file"]
    if "curl-1" not in big_s or f"curl-{LINK_CONNECTIONS}" not in big_s:
        return found
    one_rate = ONE_BYTES / big_s["curl-1"]
    link_rate = result["big_bytes"] / big_s[f"curl-{LINK_CONNECTIONS}"]
    result["one_bytes_s"], result["link_bytes_s"] = one_rate, link_rate
    for name in ("nginx", "radosgw"):
        if f"big-{name}-far" in big_s:
            found[f"{name}_of_one"] = result["big_bytes"] / big_s[f"big-{name}-far"] / one_rate
        if f"tree-{name}-far" in tree_s and "tree-file" in tree_s:
            bound_s = max(tree_s["tree-file"], result["tree_bytes"] / link_rate)
            found[f"{name}_of_bound"] = tree_s[f"tree-{name}-far"] / bound_s
    return found


def measure_s3(bench, expected, relay_binary):
    """The results of the part: rows for both trees, saves, requests, ratios."""
    with contextlib.ExitStack() as stack:
        bench.open_places(stack, relay_binary)
        has_radosgw = "radosgw" in bench.places
        saves = [("file", "")] + [("radosgw", "")] * has_radosgw
        many = f"--connections {MANY}"
        result = {"saves": bench.save_everywhere("tree", saves)}
        result["saves"] += bench.save_everywhere(
            "big", [("file", "")] + [("radosgw", many)] * has_radosgw)
        for name in ("tree", "big"):
            result[f"{name}_bytes"] = tree.count(bench.space.archives / BUCKET / name).bytes
        far = [name for name in ("nginx-far", "radosgw-far") if name in bench.places]
        near = [name for name in ("file", "radosgw") if name in bench.places]
        result["tree"] = bench.restore("tree", [bench.contestant("tree", name)
                                                for name in near + far], expected.disk_bytes)
        result["big"] = bench.restore("big", [
            *(bench.contestant("big", name) for name in near[:1] + far),
            *(bench.contestant("big", name, many) for name in far),
            bench.curl("nginx-far", "big", 1, ONE_BYTES),
            bench.curl("nginx-far", "big", LINK_CONNECTIONS, result["big_bytes"]),
        ], BIG_BYTES)
        result["requests"] = bench.count_requests()
    result["one_bytes"] = ONE_BYTES
    result["ratios"] = ratios(result)
    result["peak_bytes"] = max(
        row["peak_bytes"] for row in result["saves"] + result["tree"] + result["big"]
        if "curl" not in row["label"])
    return result


def build_relay(root, out, compile_with):
    """The path of the relay; BenchError where no compiler is."""
    binary = out / "slowproxy"
    source = root / "tests" / "tools" / "slowproxy.c"
    run_tool(*compile_with, "-I", root / "src", "-include", "base/banned.h", source, "-o", binary)
    return str(binary)


def make_big(folder):
    """Content that does not compress, so that a restore is bound by its transfer."""
    os.makedirs(folder)
    for i in range(BIG_FILES):
        with open(os.path.join(folder, f"big-{i}.bin"), "wb", buffering=0) as out:
            for _ in range(BIG_BYTES // BIG_FILES // MIB):
                out.write(os.urandom(MIB))


def run_part(options, setting, source, relay_binary):
    """Everything of the part in a workspace of its own."""
    if not find_tool("nginx"):
        raise BenchError("nginx is missing")
    total = tree.count(source)
    disk_bytes = total.disk_bytes + BIG_BYTES
    with Workspace(options.fs, disk_bytes, total.entries, 3 * disk_bytes + GIB) as space, \
            contextlib.closing(WarmMemory(2 * disk_bytes)):
        bench = S3Bench(setting, space, max(3, options.runs) if not options.quick else 1,
                        options.realtime)
        for name in ("tree", "big"):
            bench.sources[name] = space.trees / f"source-{name}"
            bench.sources[name].mkdir()
        run_tool("cp", "-a", "--", source, bench.sources["tree"] / "tree")
        make_big(bench.sources["big"] / "tree")
        note(f"s3: {total.files} files, and {BIG_BYTES / GIB:g} GiB in {BIG_FILES}; "
             f"{space.description}")
        result = measure_s3(bench, total, relay_binary)
        result["notes"] = bench.runner.notes
        return result
