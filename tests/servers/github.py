#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A GitHub that answers requests for a commit.

    tests/servers/github.py PORT_FILE LOG KIND [MESSAGE]

KIND is "message": MESSAGE, to those who come with the token ghs_1; or one of what a hostile or
tired GitHub answers. Its port on loopback is written to PORT_FILE, a line for each request (path
and authorization) to LOG. Ends after ten requests, or 20 s without one.
"""
import http.server
import json
import sys

PORT_FILE, LOG, KIND = sys.argv[1:4]
ANSWERS = {
    "limit": (429, {"Retry-After": "3600"}, b"{}"),
    "busy": (503, {"Retry-After": "3600"}, b"{}"),
    "forbidden": (403, {"Retry-After": "3600"}, b'{"message": "[ci-clear-cache]"}'),
    "page": (200, {}, b"<html>\n::error::x"),
    "number": (200, {}, b'{"message": 5}'),
    "endless": (200, {}, b'{"message": "' + b"a" * (17 << 20) + b'[ci-clear-cache]"}'),
}


class GitHub(http.server.BaseHTTPRequestHandler):
    def answer(self):
        if KIND == "message":
            known = self.headers["Authorization"] == "Bearer ghs_1"
            body = json.dumps({"sha": "x", "message": sys.argv[4]}).encode()
            return 200 if known else 401, {}, body
        if KIND == "elsewhere":
            where = f"http://localhost:{self.server.server_port}/stolen"
            return 302, {"Location": where}, b""
        return ANSWERS[KIND]

    def do_GET(self):
        with open(LOG, "a", encoding="utf-8") as log:
            print(self.path, self.headers["Authorization"], file=log)
        status, headers, body = self.answer()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.HTTPServer):
    timeout = 20
    idle = False

    def handle_timeout(self):
        self.idle = True


def main():
    server = Server(("127.0.0.1", 0), GitHub)
    with open(PORT_FILE, "w", encoding="utf-8") as file:
        file.write(str(server.server_port))
    for _ in range(10):
        server.handle_request()
        if server.idle:
            break


main()
