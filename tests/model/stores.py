# SPDX-License-Identifier: Apache-2.0
"""The stores that rounds run on, seen past the program: what lies in them."""
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
import s3  # noqa: E402


class Folder:
    TICK_SECONDS = 0.02  # of its clock, with some to spare

    def __init__(self, base, _dice):
        self.root = base / "store"
        self.url = f"file://{self.root}"
        self.variables = {}

    def names(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def read(self, name):
        return (self.root / name).read_bytes()

    def remove(self, name):
        (self.root / name).unlink()

    def clear(self):
        pass  # goes with the folder around it


class Bucket:
    """A folder of the bucket of the real server that tests/run starts."""
    TICK_SECONDS = 1.1

    def __init__(self, _base, dice):
        variable = {name: os.environ[f"XC_TEST_RADOSGW_{name}"] for name in ("URL", "KEY", "SECRET")}
        self.url = variable["URL"].replace("/?", f"/model-{dice.randbytes(8).hex()}?")
        self.variables = {"AWS_ACCESS_KEY_ID": variable["KEY"], "AWS_SECRET_ACCESS_KEY": variable["SECRET"]}
        self.client, self.bucket, self.prefix = s3.open_url(self.url, self.variables)

    def names(self):
        return sorted(row["Key"][len(self.prefix):] for row in self.client.list(self.bucket, self.prefix))

    def read(self, name):
        return self.client.get(self.bucket, self.prefix + name)

    def remove(self, name):
        self.client.remove(self.bucket, self.prefix + name)

    def clear(self):
        self.client.clear(self.bucket, self.prefix)


STORES = {"file": Folder, "radosgw": Bucket}


def packs(store):
    return {name for name in store.names() if "/packs/" in name}


def manifests(store):
    """The manifests by their names."""
    return {name: json.loads(store.read(name)) for name in store.names() if "/entries/" in name}


def pack_ids(manifest):
    return {layer["pack"] for layer in manifest["layers"]}
