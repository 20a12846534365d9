#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the other tests take for granted of the test servers: that they refuse
what a real one refuses. Run by tests/run, which starts the servers.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import uuid

sys.dont_write_bytecode = True
import keeper  # noqa: E402
import oidc  # noqa: E402
import s3  # noqa: E402

SCRIPT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import keeper
def set_up(run):
    run.spawn("one", ["sleep", "1000"])
    run.spawn("two", ["sleep", "1000"])
    run.write_env({"PIDS": " ".join(str(daemon.pid) for _, daemon in run.daemons)})
keeper.main(set_up)
"""


def variable(name):
    value = os.environ.get("XC_TEST_" + name)
    if value is None:
        raise unittest.SkipTest(f"XC_TEST_{name} is not set")
    return value


def store(server, user="", url="URL"):
    """Client and bucket of a server, as the owner or as the other user."""
    keys = {"AWS_ACCESS_KEY_ID": variable(f"{server}_{user}KEY"),
            "AWS_SECRET_ACCESS_KEY": variable(f"{server}_{user}SECRET"),
            "AWS_CA_BUNDLE": os.environ.get("XC_TEST_CA")}
    client, bucket, _ = s3.open_url(variable(f"{server}_{url}"), keys)
    return client, bucket


def gone(pid, seconds=5):
    end = time.monotonic() + seconds
    while keeper.process_start(pid) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class KeeperTest(unittest.TestCase):
    """A daemon that outlives its test run would hold memory and ports for good."""

    def setUp(self):
        self.owner = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(self.owner.wait)
        self.addCleanup(self.owner.kill)
        self.parent = tempfile.TemporaryDirectory()
        self.addCleanup(self.parent.cleanup)
        self.folder = os.path.join(self.parent.name, "run")

    def call(self, *words):
        here = os.path.dirname(os.path.abspath(__file__))
        return subprocess.run([sys.executable, "-B", "-c", SCRIPT, here, *words], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).returncode

    def start(self):
        self.assertEqual(self.call("start", self.folder, str(self.owner.pid)), 0)
        with open(os.path.join(self.folder, "env"), encoding="ascii") as file:
            pids = file.read().partition("=")[2].strip("'\n").split()
        self.assertEqual(len(pids), 2)
        for pid in pids:
            self.assertIsNotNone(keeper.process_start(pid))
        return pids

    def test_stop_ends_all_and_removes_the_folder(self):
        pids = self.start()
        self.assertEqual(self.call("stop", self.folder), 0)
        for pid in pids:
            self.assertTrue(gone(pid, 0.1))
        self.assertFalse(os.path.exists(self.folder))
        self.assertEqual(self.call("stop", self.folder), 0)

    def test_end_of_the_owner_ends_all(self):
        pids = self.start()
        self.owner.kill()  # and not waited for: a zombie counts as gone
        for pid in pids:
            self.assertTrue(gone(pid))

    def test_death_of_the_keeper_ends_all(self):
        pids = self.start()
        with open(os.path.join(self.folder, "pid"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        for pid in pids:
            self.assertTrue(gone(pid))

    def test_folder_with_something_in_it_is_refused(self):
        os.mkdir(self.folder)
        keeper.write_file(os.path.join(self.folder, "precious"), "")
        self.assertNotEqual(self.call("start", self.folder, str(self.owner.pid)), 0)
        self.assertEqual(os.listdir(self.folder), ["precious"])


class StoreTest:
    """For each server."""

    def setUp(self):
        self.client, self.bucket = store(self.server)
        self.prefix = f"selftest-{uuid.uuid4()}/"
        self.addCleanup(self.client.clear, self.bucket, self.prefix)

    def refused(self, status, call, *arguments):
        with self.assertRaises(s3.S3Error) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.status, status, caught.exception)

    def test_objects_come_back(self):
        name = self.prefix + "a b*+%ü/~x"
        self.client.put(self.bucket, name, b"data")
        self.assertEqual(self.client.get(self.bucket, name), b"data")
        rows = list(self.client.list(self.bucket, self.prefix))
        self.assertEqual([(row["Key"], row["Size"]) for row in rows], [(name, "4")])
        self.client.remove(self.bucket, name)
        self.refused(404, self.client.get, self.bucket, name)

    def test_wrong_secret_is_refused(self):
        stranger, _ = store(self.server)
        stranger.secret += "x"
        self.refused(403, stranger.put, self.bucket, self.prefix + "x", b"")

    def test_other_user_is_refused(self):
        other, _ = store(self.server, "OTHER_")
        self.refused(403, other.put, self.bucket, self.prefix + "x", b"")
        self.refused(403, lambda: list(other.list(self.bucket)))

    def test_abandoned_upload_is_seen(self):
        name = self.prefix + "large"
        path = f"/{self.bucket}/{name}"
        self.client.request("POST", path, {"uploads": ""})
        self.assertEqual([row[0] for row in self.client.uploads(self.bucket, self.prefix)], [name])
        self.client.clear(self.bucket, self.prefix)
        self.assertEqual(list(self.client.uploads(self.bucket, self.prefix)), [])


class RadosgwTest(StoreTest, unittest.TestCase):
    server = "RADOSGW"

    def test_conditional_put(self):
        name, condition = self.prefix + "x", {"if-none-match": "*"}
        self.client.put(self.bucket, name, b"1", condition)
        self.refused(412, self.client.put, self.bucket, name, b"2", condition)
        self.assertEqual(self.client.get(self.bucket, name), b"1")

    def test_https_with_the_authority_of_the_run(self):
        client, bucket = store(self.server, url="TLS_URL")
        client.put(bucket, self.prefix + "x", b"tls")
        self.assertEqual(self.client.get(bucket, self.prefix + "x"), b"tls")
        client.ca = None
        with self.assertRaises(OSError):
            client.get(bucket, self.prefix + "x")

    def test_policy_lets_the_other_user_read(self):
        other, _ = store(self.server, "OTHER_")
        self.client.put(self.bucket, self.prefix + "x", b"shared")
        self.client.put_policy(self.bucket, json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": [variable("RADOSGW_OTHER_ARN")]},
            "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{self.bucket}/*"]}]}))
        self.addCleanup(self.client.remove_policy, self.bucket)
        self.assertEqual(other.get(self.bucket, self.prefix + "x"), b"shared")
        self.refused(403, other.put, self.bucket, self.prefix + "x", b"")

    def test_lifecycle_runs_within_seconds(self):
        self.client.put(self.bucket, self.prefix + "x", b"old")
        self.client.put_lifecycle(self.bucket, (
            "<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status>"
            f"<Filter><Prefix>{self.prefix}</Prefix></Filter>"
            "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"))
        self.addCleanup(self.client.request, "DELETE", f"/{self.bucket}", {"lifecycle": ""})
        end = time.monotonic() + 20
        while list(self.client.list(self.bucket, self.prefix)):
            self.assertLess(time.monotonic(), end, "the object did not expire")
            time.sleep(0.2)


class SwiftTest(StoreTest, unittest.TestCase):
    server = "SWIFT"

    def test_conditional_put_is_not_implemented(self):
        try:
            self.client.put(self.bucket, self.prefix + "x", b"", {"if-none-match": "*"})
        except s3.S3Error as error:
            self.assertEqual(error.status, 501, error)
        else:
            self.skipTest("Swift from 2.36 on knows it")


class OidcTest(unittest.TestCase):
    def token(self, more="", bearer=None):
        return oidc.fetch_token(variable("OIDC_URL") + more, bearer or variable("OIDC_TOKEN"))

    def make_role(self, subject, resource):
        """A role for the tokens of one subject that may do all below one folder."""
        client, bucket = store("RADOSGW")
        host = variable("STS_HOST")
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Principal": {"Federated": [variable("STS_PROVIDER")]},
            "Condition": {"StringEquals": {f"{host}:aud": "sts.amazonaws.com",
                                           f"{host}:sub": subject}}}]}
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/{resource}"]}]}
        name = f"role-{uuid.uuid4()}"
        return client, bucket, client.make_role(name, json.dumps(trust), json.dumps(policy))

    def refused(self, status, call, *arguments):
        with self.assertRaises(s3.S3Error) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.status, status, caught.exception)

    def test_bearer_is_checked(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.token(bearer="wrong")
        self.assertEqual(caught.exception.code, 401)

    def test_role_reaches_its_own_folder_only(self):
        variable("STS_URL")
        folder = f"role-{uuid.uuid4()}"
        client, bucket, role = self.make_role("repo:octo-org/octo-repo:ref:refs/heads/main",
                                              folder + "/*")
        assumed = client.assume(role, self.token())
        self.assertTrue(assumed.token)
        assumed.put(bucket, folder + "/x", b"by role")
        self.addCleanup(client.clear, bucket, folder + "/")
        self.assertEqual(assumed.get(bucket, folder + "/x"), b"by role")
        self.refused(403, assumed.put, bucket, "elsewhere-" + folder, b"")
        assumed.token = None
        self.refused(403, assumed.get, bucket, folder + "/x")

    def test_role_knows_a_subject_with_ids(self):
        variable("STS_URL")
        subject = "repo:octo-org@65/octo-repo@{}:ref:refs/heads/main"
        client, _, role = self.make_role(subject.format(74), "*")
        client.assume(role, self.token("&sub=" + subject.format(74)))
        self.refused(403, client.assume, role, self.token("&sub=" + subject.format(75)))
        self.refused(403, client.assume, role, self.token())

    def test_role_is_not_for_other_refs_audiences_or_keys(self):
        variable("STS_URL")
        client, _, role = self.make_role("repo:octo-org/octo-repo:ref:refs/heads/main", "*")
        good = self.token()
        client.assume(role, good)
        self.refused(403, client.assume, role, self.token("&ref=refs/heads/topic"))
        self.refused(403, client.assume, role, self.token("&aud=somebody.else"))
        head, body, signature = good.split(".")
        forged = ".".join([head, body, signature[:-8] + "AAAAAAAA"])
        self.refused(403, client.assume, role, forged)


if __name__ == "__main__":
    unittest.main()
