#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect issuer for tests that behaves as GitHub's does.

    tests/servers/oidc.py start DIR [PID]
    tests/servers/oidc.py stop DIR
    tests/servers/oidc.py token        # prints one as a job would get it, for STS

DIR/env has the variables for tests; it ends with process PID, see keeper.py.

    XC_TEST_OIDC_URL       for ACTIONS_ID_TOKEN_REQUEST_URL. Parameters added to it are claims
                           of the token: "$XC_TEST_OIDC_URL&ref=refs/heads/topic". The subject
                           follows from them, without IDs, unless "sub" is one.
    XC_TEST_OIDC_TOKEN     for ACTIONS_ID_TOKEN_REQUEST_TOKEN
    XC_TEST_OIDC_ISSUER

If a radosgw runs (XC_TEST_RADOSGW_...) and this may listen on port 80, which
radosgw demands of an issuer, radosgw is told to trust it, and there are also

    XC_TEST_STS_URL        the endpoint for AssumeRoleWithWebIdentity
    XC_TEST_STS_PROVIDER   the issuer's ARN, for a role's policy of trust
    XC_TEST_STS_HOST       what the names of conditions begin with: HOST:sub, HOST:aud
"""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from urllib.parse import parse_qsl, urlsplit

sys.dont_write_bytecode = True
import keeper  # noqa: E402
import s3  # noqa: E402

KEY_ID = "test-key"
DEFAULT_CLAIMS = {
    "ref": "refs/heads/main", "ref_type": "branch", "repository": "octo-org/octo-repo",
    "repository_owner": "octo-org", "event_name": "push", "actor": "octocat",
    "workflow": "CI", "runner_environment": "github-hosted",
}


def base64_url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def subject(claims):
    """https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims

    The form of repositories that were made before July 2026; for the other one, see
    https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
    """
    if "environment" in claims:
        what = "environment:" + claims["environment"]
    elif claims["event_name"] == "pull_request":
        what = "pull_request"
    else:
        what = "ref:" + claims["ref"]
    return f"repo:{claims['repository']}:{what}"


def make_token(directory, issuer, audience, extra):
    now = int(time.time())
    claims = {**DEFAULT_CLAIMS, **extra}
    claims = {"sub": subject(claims), "iss": issuer, "aud": audience, "iat": now, "nbf": now - 60,
              "exp": now + 300, "jti": secrets.token_hex(16), **claims}
    header = {"typ": "JWT", "alg": "RS256", "kid": KEY_ID}
    signed = ".".join(base64_url(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign",
                                os.path.join(directory, "jwt.key")],
                               input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
    return f"{signed}.{base64_url(signature)}"


def certificate_der(directory):
    with open(os.path.join(directory, "jwt.pem"), encoding="ascii") as file:
        return base64.b64decode("".join(file.read().splitlines()[1:-1]))


def key_set(directory):
    modulus = keeper.run(["openssl", "x509", "-in", os.path.join(directory, "jwt.pem"),
                          "-noout", "-modulus"]).strip().partition("=")[2]
    return {"keys": [{
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, "e": "AQAB",
        "n": base64_url(bytes.fromhex(modulus)),
        "x5c": [base64.b64encode(certificate_der(directory)).decode()],
    }]}


def make_handler(directory, issuer):
    documents = {
        "/.well-known/openid-configuration": {
            "issuer": issuer, "jwks_uri": issuer + "/jwks", "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"]},
        "/jwks": key_set(directory),
    }
    with open(os.path.join(directory, "bearer"), encoding="ascii") as file:
        bearer = "Bearer " + file.read()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path in documents:
                self.answer(200, documents[parts.path])
            elif parts.path != "/token":
                self.answer(404, {"message": "no such document"})
            elif not hmac.compare_digest(self.headers.get("Authorization", ""), bearer):
                self.answer(401, {"message": "the bearer token is not valid"})
            else:
                claims = dict(parse_qsl(parts.query))
                claims.pop("api-version", None)
                # Without an audience GitHub's has the owner's URL.
                audience = claims.pop("audience", "https://github.com/octo-org")
                token = make_token(directory, issuer, audience, claims)
                self.answer(200, {"count": len(token), "value": token})

        def answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def serve(directory, issuer, *addresses):
    handler = make_handler(directory, issuer)
    for address in addresses:
        host, _, port = address.partition(":")
        server = http.server.ThreadingHTTPServer((host, int(port)), handler)
        threading.Thread(target=server.serve_forever).start()


def fetch_token(url, bearer):
    request = urllib.request.Request(url + "&audience=sts.amazonaws.com",
                                     headers={"Authorization": "Bearer " + bearer})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as response:
        return json.load(response)["value"]


def issuer_address():
    """An address of this run's own with port 80, the only one that radosgw asks; None if refused."""
    for _ in range(20):
        host = f"127.77.{random.randrange(256)}.{random.randrange(1, 255)}"
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, 80))
            return host
    return None


def register(issuer, thumbprint):
    """Have radosgw trust the issuer; what tests need to know of that."""
    endpoint = os.environ["XC_TEST_RADOSGW_ENDPOINT"]
    client = s3.Client(endpoint, os.environ["XC_TEST_RADOSGW_KEY"],
                       os.environ["XC_TEST_RADOSGW_SECRET"])
    return {"XC_TEST_STS_URL": endpoint,
            "XC_TEST_STS_PROVIDER": client.make_provider(issuer, thumbprint),
            "XC_TEST_STS_HOST": issuer.rpartition("/")[2]}


def set_up(run):
    os.makedirs(run.path("log"))
    keeper.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", "/CN=xcache test issuer", "-keyout", run.path("jwt.key"),
                "-out", run.path("jwt.pem")])
    bearer = secrets.token_hex(20)
    keeper.write_file(run.path("bearer"), bearer)
    port, host = keeper.free_port(), issuer_address()
    token_address = f"127.0.0.1:{port}"
    issuer = "http://" + (host or token_address)
    run.spawn("oidc", [sys.executable, os.path.abspath(__file__), "serve", run.directory, issuer,
                       token_address, *([host + ":80"] if host else [])])
    run.wait_port(port)
    variables = {"XC_TEST_OIDC_URL": f"http://{token_address}/token?api-version=2.0",
                 "XC_TEST_OIDC_TOKEN": bearer, "XC_TEST_OIDC_ISSUER": issuer}
    if host and "XC_TEST_RADOSGW_ENDPOINT" in os.environ:
        run.wait_port(80, host)
        variables.update(register(issuer, hashlib.sha1(certificate_der(run.directory)).hexdigest()))
    run.write_env(variables)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    elif sys.argv[1:] == ["token"]:
        print(fetch_token(os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"],
                          os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]))
    else:
        keeper.main(set_up)
