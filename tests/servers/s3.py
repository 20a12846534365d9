#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small S3, IAM and STS client for the tests, independent of xcache.

Needs nothing but Python. Buckets are addressed in the path. As a program it
takes a store's URL as xcache does, s3://BUCKET/PREFIX?endpoint=...&region=...,
and keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import os
import ssl
import sys
import xml.etree.ElementTree as ElementTree
from urllib.parse import parse_qs, quote, unquote, urlsplit

IAM = {"Version": "2010-05-08"}
STS = {"Version": "2011-06-15"}


class S3Error(Exception):
    def __init__(self, status, body):
        self.status = status
        self.body = body
        self.code = first_text(body, "Code")
        super().__init__(f"HTTP {status} {self.code}: {body[:400].decode(errors='replace')}")


def first_text(body, name):
    """The text of the first element of that name in any namespace, or ""."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return ""
    return next((e.text or "" for e in root.iter() if local_name(e) == name), "")


def local_name(element):
    return element.tag.rpartition("}")[2]


def rows_of(body, row_name):
    """Every element of that name, as a dict of its children."""
    return [{local_name(child): child.text or "" for child in element}
            for element in ElementTree.fromstring(body).iter() if local_name(element) == row_name]


def encode(text, safe="-_.~"):
    return quote(text, safe=safe)


def encode_query(query):
    pairs = sorted((encode(name), encode(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


class Client:
    def __init__(self, endpoint, key, secret, token=None, region="us-east-1", ca=None):
        parts = urlsplit(endpoint)
        self.host, self.is_https, self.ca = parts.netloc, parts.scheme == "https", ca
        self.key, self.secret, self.token, self.region = key, secret, token, region

    def connect(self):
        if not self.is_https:
            return http.client.HTTPConnection(self.host, timeout=60)
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection(self.host, timeout=60, context=context)

    def sign(self, method, path, query, headers, service):
        """Signature version 4; https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers["x-amz-date"] = now
        if self.token:
            headers["x-amz-security-token"] = self.token
        names = sorted(headers)
        canonical = "\n".join([method, path, query,
                               *(f"{name}:{headers[name].strip()}" for name in names), "",
                               ";".join(names), headers["x-amz-content-sha256"]])
        scope = f"{now[:8]}/{self.region}/{service}/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                             hashlib.sha256(canonical.encode()).hexdigest()])
        secret = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        signature = hmac.digest(secret, to_sign.encode(), "sha256").hex()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope},"
                                    f"SignedHeaders={';'.join(names)},Signature={signature}")

    def request(self, method, path, query=None, body=b"", headers=None, service="s3"):
        """The response (with .headers) and its body; S3Error unless the status is 2xx."""
        path = encode(path, safe="-_.~/")
        query = encode_query(query or {})
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        headers["host"] = self.host
        headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        if self.key:
            self.sign(method, path, query, headers, service)
        connection = self.connect()
        try:
            connection.request(method, path + ("?" + query if query else ""), body, headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if response.status // 100 != 2:
            raise S3Error(response.status, data)
        return response, data

    # Buckets and objects

    def make_bucket(self, bucket):
        self.request("PUT", f"/{bucket}")

    def put(self, bucket, name, data, headers=None):
        self.request("PUT", f"/{bucket}/{name}", body=data, headers=headers)

    def get(self, bucket, name):
        return self.request("GET", f"/{bucket}/{name}")[1]

    def head(self, bucket, name):
        return self.request("HEAD", f"/{bucket}/{name}")[0].headers

    def remove(self, bucket, name):
        self.request("DELETE", f"/{bucket}/{name}")

    def list(self, bucket, prefix=""):
        """All objects as dicts (Key, Size, LastModified, ETag ...), in the order of keys."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            _, body = self.request("GET", f"/{bucket}", query)
            for row in rows_of(body, "Contents"):
                yield {**row, "Key": unquote(row["Key"])}
            query["continuation-token"] = first_text(body, "NextContinuationToken")
            if first_text(body, "IsTruncated") != "true":
                return

    def uploads(self, bucket, prefix=""):
        """Multipart uploads that were neither completed nor aborted: (key, upload's id)."""
        query = {"uploads": "", "prefix": prefix}
        while True:
            _, body = self.request("GET", f"/{bucket}", query)
            for row in rows_of(body, "Upload"):
                yield row["Key"], row["UploadId"]
            if first_text(body, "IsTruncated") != "true":
                return
            query["key-marker"] = first_text(body, "NextKeyMarker")
            query["upload-id-marker"] = first_text(body, "NextUploadIdMarker")

    def begin(self, bucket, name):
        """Begin a multipart upload; returns its id."""
        return first_text(self.request("POST", f"/{bucket}/{name}", {"uploads": ""})[1], "UploadId")

    def abort(self, bucket, name, upload):
        self.request("DELETE", f"/{bucket}/{name}", {"uploadId": upload})

    def clear(self, bucket, prefix=""):
        for row in list(self.list(bucket, prefix)):
            self.remove(bucket, row["Key"])
        for name, upload in list(self.uploads(bucket, prefix)):
            self.abort(bucket, name, upload)

    def put_policy(self, bucket, policy):
        self.request("PUT", f"/{bucket}", {"policy": ""}, policy.encode())

    def remove_policy(self, bucket):
        self.request("DELETE", f"/{bucket}", {"policy": ""})

    def remove_lifecycle(self, bucket):
        self.request("DELETE", f"/{bucket}", {"lifecycle": ""})

    def put_lifecycle(self, bucket, xml):
        digest = base64.b64encode(hashlib.md5(xml.encode()).digest()).decode()
        self.request("PUT", f"/{bucket}", {"lifecycle": ""}, xml.encode(), {"content-md5": digest})

    # IAM: for keys that may administrate

    def form(self, parameters, service):
        body = encode_query(parameters).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/", None, body, headers, service)[1]

    def make_provider(self, issuer, thumbprint, client_id="sts.amazonaws.com"):
        """Trust the tokens of an OpenID Connect issuer; returns the provider's ARN."""
        body = self.form({**IAM, "Action": "CreateOpenIDConnectProvider", "Url": issuer,
                          "ThumbprintList.member.1": thumbprint,
                          "ClientIDList.member.1": client_id}, "iam")
        return first_text(body, "OpenIDConnectProviderArn")

    def make_role(self, name, trust, policy):
        """A role from two policy documents (who may be it, what it may do); returns its ARN."""
        body = self.form({**IAM, "Action": "CreateRole", "RoleName": name, "Path": "/",
                          "AssumeRolePolicyDocument": trust}, "iam")
        self.form({**IAM, "Action": "PutRolePolicy", "RoleName": name, "PolicyName": "policy",
                   "PolicyDocument": policy}, "iam")
        return first_text(body, "Arn")

    def assume(self, role, token, seconds=3600):
        """A client with the temporary keys that STS gives for an issuer's token."""
        anonymous = Client(self.url(), None, None, None, self.region, self.ca)
        body = anonymous.form({**STS, "Action": "AssumeRoleWithWebIdentity", "RoleArn": role,
                               "RoleSessionName": "test", "DurationSeconds": str(seconds),
                               "WebIdentityToken": token}, "sts")
        keys = [first_text(body, name) for name in
                ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        return Client(self.url(), *keys, self.region, self.ca)

    def url(self):
        return ("https://" if self.is_https else "http://") + self.host


def store_url(bucket, endpoint, region):
    return f"s3://{bucket}/?region={region}&endpoint={encode(endpoint)}"


def open_url(url, variables):
    """The client, bucket and prefix that a store's URL and the usual variables stand for."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    client = Client(query["endpoint"], variables.get("AWS_ACCESS_KEY_ID"),
                    variables.get("AWS_SECRET_ACCESS_KEY"), variables.get("AWS_SESSION_TOKEN"),
                    query.get("region", "us-east-1"), variables.get("AWS_CA_BUNDLE"))
    prefix = unquote(parts.path).strip("/")
    return client, parts.netloc, prefix + "/" if prefix else ""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def show(text):
    """Names may be any bytes that the server gave."""
    sys.stdout.buffer.write((text + "\n").encode())


def show_keys(client):
    show(f"AWS_ACCESS_KEY_ID={client.key}\nAWS_SECRET_ACCESS_KEY={client.secret}\n"
         f"AWS_SESSION_TOKEN={client.token}")


COMMANDS = {
    # name: (arguments after the URL, what to do, help)
    "make-bucket": ([], lambda c, b, p: c.make_bucket(b), "create the bucket"),
    "put": (["name", "file"], lambda c, b, p, name, file: c.put(b, p + name, read(file)),
            "write an object"),
    "get": (["name"], lambda c, b, p, name: sys.stdout.buffer.write(c.get(b, p + name)),
            "print an object"),
    "head": (["name"], lambda c, b, p, name: show(str(c.head(b, p + name)).strip()),
             "print an object's headers"),
    "list": ([], lambda c, b, p: [show(f"{row['Size']} {row['Key'][len(p):]}")
                                  for row in c.list(b, p)],
             "size and name of each object, without the prefix"),
    "uploads": ([], lambda c, b, p: [show(f"{name[len(p):]} {upload}")
                                     for name, upload in c.uploads(b, p)],
                "multipart uploads that are still open"),
    "begin": (["name"], lambda c, b, p, name: show(c.begin(b, p + name)),
              "begin a multipart upload; prints its id"),
    "remove": (["name"], lambda c, b, p, name: c.remove(b, p + name), "remove an object"),
    "clear": ([], lambda c, b, p: c.clear(b, p), "remove all objects and open uploads"),
    "no-lifecycle": ([], lambda c, b, p: c.remove_lifecycle(b), "remove the bucket's lifecycle"),
    "policy": (["file"], lambda c, b, p, file: c.put_policy(b, read(file).decode()),
               "set the bucket's policy (JSON)"),
    "no-policy": ([], lambda c, b, p: c.remove_policy(b), "remove the bucket's policy"),
    "lifecycle": (["file"], lambda c, b, p, file: c.put_lifecycle(b, read(file).decode()),
                  "set the bucket's lifecycle (XML)"),
    "provider": (["issuer", "thumbprint"],
                 lambda c, b, p, issuer, thumbprint: show(c.make_provider(issuer, thumbprint)),
                 "trust an OpenID Connect issuer; prints the ARN"),
    "role": (["name", "trust", "policy"],
             lambda c, b, p, name, trust, policy: show(
                 c.make_role(name, read(trust).decode(), read(policy).decode())),
             "create a role from two files of JSON; prints the ARN"),
    "assume": (["role", "token"], lambda c, b, p, role, token: show_keys(c.assume(role, token)),
               "temporary keys of a role for an OpenID Connect token; prints assignments"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (arguments, _, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        for argument in ["url", *arguments]:
            command.add_argument(argument)
    options = vars(parser.parse_args())
    call = COMMANDS[options.pop("command")][1]
    try:
        call(*open_url(options.pop("url"), os.environ), **options)
    except (S3Error, OSError) as error:
        sys.exit(f"s3.py: {error}")


if __name__ == "__main__":
    main()
