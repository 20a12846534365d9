#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of an S3 server that does to requests what networks and servers do.

    faults.py --to HOST:PORT [--rules FILE] [--log FILE] [--cert PEM --key PEM]

Prints "port N", where clients connect, by https if there is a certificate, and
"control N". Both listen on 127.0.0.1. Requests go to the server byte for byte,
with the Host that the client sent, so that signatures hold. Ends with its
parent, or when its standard input, a pipe, is closed.

Control, over HTTP: PUT /rules takes a JSON list of rules, or {"seed": N,
"rules": [...]}, and starts counting anew; GET /rules tells how often each
applied; GET /log waits for what is under way and gives one JSON line a
request; DELETE /log empties it.

A rule is an object. What it is for, all optional:
  op            GetObject, UploadPart, ListObjectsV2 ...: a regular expression for all of it
  method        the same
  path, query, range    regular expressions for a part, as they stand in the request
  header        {name: regular expression}
  nth           number or list: only these of the requests that fit, from 1
  skip, count   not the first so many; at most so many
  probability   0 to 1
What happens, by "action":
  status        an error: "code" SlowDown ..., or "status" and "code"; "headers": {}
  page          a web page with "status", by default 200, as login pages and proxies answer
  error-in-200  200 with an <Error>; "forward": true does what was asked for, too
  reset         at "stage": accept, request-head, request-body, before-answer,
                answer-head, answer-body
  lost          the server does it all, and its answer is lost
  truncate      the connection is closed within the answer's body
  stall         nothing moves for "seconds" at "stage": request-body, before-answer, answer-body
  trickle       the answer's body at "rate" bytes a second
  flip          a bit of the answer's body is another one
  content-range "value", or shifted by one byte
  length        Content-Length is off by "delta"
  etag          the answer's ETag is "value"
  whole         the whole object instead of a range (keys from AWS_ACCESS_KEY_ID ...)
  unconditional a PUT is done whatever its conditions say (keys as for whole)
  delay         "seconds" before it goes to the server
  run           "command" is run by the shell before it goes to the server
  down          all connections are reset and new ones refused for "seconds"
  skew          the server's clock is "seconds" ahead
  region        the bucket is in "region": others are sent there
  random        one of "of", a list of rules; by default a mix of what can be repeated
"after" says how many bytes of a body go through before, by default half of them.
"""
import argparse
import contextlib
import ctypes
import email.utils
import http.server
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from calendar import timegm

sys.dont_write_bytecode = True
from rules import Rules, operation  # noqa: E402
from wire import Broken, Request, Response, Stream, encode_end, encode_piece  # noqa: E402

ERRORS = {
    "SlowDown": 503, "ServiceUnavailable": 503, "InternalError": 500, "RequestTimeout": 400,
    "RequestTimeTooSkewed": 403, "AccessDenied": 403, "ExpiredToken": 400, "NotImplemented": 501,
    "PermanentRedirect": 301, "NoSuchKey": 404, "NoSuchBucket": 404, "NoSuchUpload": 404,
    "PreconditionFailed": 412, "ConditionalRequestConflict": 409,
}
SKEW_ALLOWED_S = 60


class Done(Exception):
    """The connection has ended as it was meant to."""


class Exchange:
    """One request and its answer."""

    def __init__(self, connection, request, fault):
        self.proxy, self.connection = connection.proxy, connection
        self.client, self.server = connection.client, None
        self.request, self.fault = request, fault
        self.response = None
        self.unread = request.framing()
        self.record = {
            "op": operation(request.method, request.path, request.query),
            "method": request.method, "path": request.path, "query": request.query,
            "range": request.get("Range"), "if_none_match": request.get("If-None-Match"),
            "status": None, "sent": 0, "received": 0, "fault": fault and fault["action"],
        }

    def after(self, length):
        return self.fault.get("after", length // 2 if isinstance(length, int) else 0)

    # The request

    def request_pieces(self):
        framing, self.unread = self.unread, 0
        for piece in self.client.pieces(framing):
            self.record["sent"] += len(piece)
            yield piece

    def drain(self, most=None):
        for _ in self.request_pieces():
            if most is not None and self.record["sent"] >= most:
                return

    def forward(self, most=None, pause=None):
        """Send the request on, or `most` bytes of its body; `pause` is called on the way."""
        framing = self.request.framing()
        server = self.server = self.connection.server_stream()
        server.send(self.request.encoded())
        for piece in self.request_pieces():
            try:
                server.send(encode_piece(framing, piece))
            except Broken:
                # A server may answer before it has read it all.
                self.drain()
                return
            if pause and self.record["sent"] >= self.after(framing):
                pause, _ = None, pause()
            if most is not None and self.record["sent"] >= most:
                return
        server.send(encode_end(framing))

    # The answer

    def read_answer(self):
        while True:
            head = self.server.read_until(b"\r\n\r\n")
            if head is None:
                raise Broken("the server closed the connection")
            self.response = Response(head)
            if self.response.status >= 200:
                break
        self.record["status"] = self.response.status
        if self.proxy.skew:
            self.response.set("Date", self.date())
        return self.response.framing(self.request.method)

    def date(self):
        return email.utils.formatdate(time.time() + self.proxy.skew, usegmt=True)

    def swallow_answer(self):
        for _ in self.server.pieces(self.read_answer()):
            pass

    def send_head(self):
        self.client.send(self.response.encoded())

    def send_body(self, framing, change=None):
        """Relay the body; `change` gets each piece and its offset, and returns what to send."""
        self.framing = framing
        for piece in self.server.pieces(framing):
            self.emit(change(piece, self.record["received"]) if change else piece)
            self.record["received"] += len(piece)
        self.client.send(encode_end(framing))
        if framing is None:
            self.close()

    def emit(self, piece):
        if len(piece):
            self.client.send(encode_piece(self.framing, piece))

    def relay(self, change=None, change_head=None):
        self.forward()
        framing = self.read_answer()
        if change_head:
            change_head(self.response)
        self.send_head()
        self.send_body(framing, change)

    def relay_until(self, after, then):
        """Relay, and call `then` once so many bytes of the answer's body are through."""
        def change(piece, offset):
            nonlocal then
            if then is None or offset + len(piece) < after:
                return piece
            self.emit(piece[:after - offset])
            then, _ = None, then()
            return piece[after - offset:]
        self.relay(change)

    def answer(self, status, body, headers=None):
        self.drain()
        self.record["status"] = status
        lines = {"Content-Type": "application/xml", "Date": self.date(), **(headers or {}),
                 "Content-Length": len(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.client.send(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1") +
                         (b"" if self.request.method == "HEAD" else body))

    def answer_error(self, code, status=None, headers=None):
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n'
                f"<Error><Code>{code}</Code><Message>said by the test's proxy</Message></Error>")
        self.answer(status or ERRORS[code], body.encode(), headers)

    def reset(self):
        self.connection.reset()
        raise Done

    def close(self):
        self.connection.close()
        raise Done

    def sleep(self):
        time.sleep(self.fault.get("seconds", 1))


def do_status(ex):
    ex.answer_error(ex.fault.get("code", "InternalError"), ex.fault.get("status"),
                    ex.fault.get("headers"))


def do_error_in_200(ex):
    if ex.fault.get("forward"):
        ex.forward()
        ex.swallow_answer()
    ex.answer_error(ex.fault.get("code", "InternalError"), 200)


def do_reset(ex):
    stage = ex.fault.get("stage", "before-answer")
    if stage == "request-body" and ex.unread:
        ex.forward(most=ex.after(ex.request.framing()))
    elif stage == "before-answer":
        ex.drain()
    elif stage in ("answer-head", "answer-body"):
        ex.forward()
        framing = ex.read_answer()
        if stage == "answer-body" and framing:
            ex.send_head()
            send_some(ex, framing)
        else:
            head = ex.response.encoded()
            ex.client.send(head[:len(head) // 2])
    # Else the kernel would throw away what was sent but not read yet.
    if ex.response:
        time.sleep(0.02)
    ex.reset()


def send_some(ex, framing):
    after = ex.after(framing)
    for piece in ex.server.pieces(framing):
        ex.client.send(piece[:after - ex.record["received"]])
        ex.record["received"] += len(piece)
        if ex.record["received"] >= after:
            return


def do_lost(ex):
    ex.forward()
    ex.swallow_answer()
    ex.reset()


def do_truncate(ex):
    ex.forward()
    framing = ex.read_answer()
    ex.send_head()
    if framing:
        send_some(ex, framing)
    ex.close()


def do_stall(ex):
    stage = ex.fault.get("stage", "answer-body")
    if stage == "request-body":
        ex.forward(pause=ex.sleep)
    elif stage == "before-answer":
        ex.forward()
        ex.sleep()
    else:
        length = range_length(ex.request)
        ex.relay_until(ex.fault.get("after", length // 2), ex.sleep)
        return
    framing = ex.read_answer()
    ex.send_head()
    ex.send_body(framing)


def range_length(request):
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.get("Range", ""))
    return int(found[2]) - int(found[1]) + 1 if found else 2


def do_trickle(ex):
    rate = ex.fault.get("rate", 1000)

    def slowly(piece, _):
        step = max(1, rate // 20)
        for at in range(0, len(piece), step):
            ex.emit(piece[at:at + step])
            time.sleep(step / rate)
        return b""
    ex.relay(slowly)


def do_flip(ex):
    at = ex.fault.get("at", range_length(ex.request) // 2)

    def flip(piece, offset):
        if not offset <= at < offset + len(piece):
            return piece
        changed = bytearray(piece)
        changed[at - offset] ^= 1
        return bytes(changed)
    ex.relay(flip)


def do_content_range(ex):
    def change(response):
        value = response.get("Content-Range")
        if value is not None:
            shifted = re.sub(r"\d+", lambda number: str(int(number[0]) + 1), value, count=2)
            response.set("Content-Range", ex.fault.get("value", shifted))
    ex.relay(change_head=change)


def do_length(ex):
    ex.forward()
    framing = ex.read_answer()
    if not isinstance(framing, int):
        raise Broken("there is no length")
    ex.response.set("Content-Length", framing + ex.fault.get("delta", 10))
    ex.send_head()
    ex.send_body(framing)
    ex.close()


def do_etag(ex):
    ex.relay(change_head=lambda response: response.set("ETag", ex.fault.get("value", '"other"')))


def do_whole(ex):
    import s3
    if not ex.request.get("Range"):
        return ex.relay()
    client = s3.Client(f"http://{ex.proxy.target[0]}:{ex.proxy.target[1]}",
                       os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    bucket, _, key = s3.unquote(ex.request.path[1:]).partition("/")
    try:
        ex.answer(200, client.get(bucket, key), {"Content-Type": "application/octet-stream"})
    except s3.S3Error as error:
        ex.answer(error.status, error.body)


def do_unconditional(ex):
    import s3
    client = s3.Client(f"http://{ex.proxy.target[0]}:{ex.proxy.target[1]}",
                       os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    bucket, _, key = s3.unquote(ex.request.path[1:]).partition("/")
    client.put(bucket, key, b"".join(ex.request_pieces()))
    ex.answer(200, b"")


def do_delay(ex):
    ex.sleep()
    ex.relay()


def do_run(ex):
    subprocess.run(ex.fault["command"], shell=True, check=False, stdin=subprocess.DEVNULL,
                   stdout=sys.stderr)
    ex.relay()


def do_down(ex):
    ex.proxy.go_down(ex.fault.get("seconds", 1))
    ex.reset()


def do_skew(ex):
    ex.proxy.skew = ex.fault["seconds"]
    try:
        signed = timegm(time.strptime(ex.request.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ"))
    except ValueError:
        signed = 0
    if abs(signed - time.time() - ex.proxy.skew) > SKEW_ALLOWED_S:
        ex.answer_error("RequestTimeTooSkewed")
    else:
        ex.relay()


def do_region(ex):
    region = ex.fault["region"]
    if f"/{region}/s3/" in ex.request.get("Authorization", ""):
        ex.relay()
    else:
        ex.answer_error("PermanentRedirect", headers={"x-amz-bucket-region": region})


def do_page(ex):
    ex.answer(ex.fault.get("status", 200), b"<html><body>Sign in</body></html>",
              {"Content-Type": "text/html"})


ACTIONS = {
    "page": do_page, "status": do_status, "error-in-200": do_error_in_200, "reset": do_reset, "lost": do_lost,
    "truncate": do_truncate, "stall": do_stall, "trickle": do_trickle, "flip": do_flip,
    "content-range": do_content_range, "length": do_length, "etag": do_etag, "whole": do_whole,
    "delay": do_delay, "run": do_run, "down": do_down, "skew": do_skew, "region": do_region,
    "unconditional": do_unconditional,
}


class Connection:
    """A client's connection and the server's that belongs to it."""

    def __init__(self, proxy, sock):
        self.proxy, self.client, self.server = proxy, Stream(sock), None

    def server_stream(self):
        if self.server and self.server.at_end():
            self.server.close()
            self.server = None
        if not self.server:
            try:
                sock = socket.create_connection(self.proxy.target)
            except OSError as error:
                raise Broken(f"connect: {error}") from None
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server = Stream(sock)
        return self.server

    def reset(self):
        self.client.reset()
        self.close()

    def close(self):
        self.client.close()
        if self.server:
            self.server.close()

    def serve(self):
        while (head := self.client.read_until(b"\r\n\r\n")) is not None:
            request = Request(head)
            if request.get("Expect"):
                self.client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.remove("Expect")
            self.exchange(request)
            if request.closes():
                return

    def exchange(self, request):
        fault = self.proxy.rules.choose(request)
        act = ACTIONS[fault["action"]] if fault else Exchange.relay
        with self.proxy.recorded(Exchange(self, request, fault)) as exchange:
            act(exchange)
            if exchange.unread:
                exchange.drain()


class Proxy:
    def __init__(self, target, rules, log_file, context):
        self.target, self.rules, self.log_file, self.context = target, rules, log_file, context
        self.changed = threading.Condition()
        self.log, self.started, self.under_way = [], 0, 0
        self.born = time.monotonic()
        self.open, self.down_until = set(), 0
        self.skew = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def milliseconds(self):
        return round((time.monotonic() - self.born) * 1000)

    @contextlib.contextmanager
    def recorded(self, exchange):
        with self.changed:
            self.started += 1
            self.under_way += 1
            exchange.record = {"n": self.started, "from_ms": self.milliseconds(), **exchange.record}
        try:
            yield exchange
        except Broken as error:
            exchange.record["error"] = str(error)
            raise
        finally:
            exchange.record["ms"] = self.milliseconds()
            with self.changed:
                self.under_way -= 1
                self.log.append(exchange.record)
                if self.log_file:
                    print(json.dumps(exchange.record), file=self.log_file, flush=True)
                self.changed.notify_all()

    def set_rules(self, document):
        self.rules = Rules(document)
        self.skew = self.down_until = 0

    def go_down(self, seconds):
        with self.changed:
            self.down_until = time.monotonic() + seconds
            sockets = list(self.open)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait_idle(self, seconds):
        with self.changed:
            self.changed.wait_for(lambda: self.under_way == 0, seconds)
            return sorted(self.log, key=lambda record: record["n"])

    def empty_log(self):
        with self.changed:
            self.log.clear()

    def serve_one(self, sock):
        connection = Connection(self, sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if time.monotonic() < self.down_until or self.rules.choose(None):
                return connection.reset()
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
                connection.client = Stream(sock)
            with self.changed:
                self.open.add(sock)
            connection.serve()
            connection.close()
        except (Done, OSError, ValueError):
            connection.close()
        except Broken:
            connection.reset()
        finally:
            with self.changed:
                self.open.discard(sock)

    def serve(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve_one, args=(sock,), daemon=True).start()


def control_handler(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path == "/rules":
                return self.reply(200, json.dumps(proxy.rules.counts()).encode())
            lines = [json.dumps(record) + "\n" for record in proxy.wait_idle(5)]
            return self.reply(200, "".join(lines).encode())

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                proxy.set_rules(json.loads(body))
            except (ValueError, TypeError, AttributeError, KeyError, re.error) as error:
                return self.reply(400, f"{error}\n".encode())
            return self.reply(200)

        def do_DELETE(self):
            proxy.empty_log()
            self.reply(200)

        def log_message(self, *_):
            pass
    return Handler


def end_with_parent():
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        def watch():
            while os.read(0, 4096):
                pass
            os._exit(0)
        threading.Thread(target=watch, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--to", required=True)
    parser.add_argument("--rules")
    parser.add_argument("--log")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    args = parser.parse_args()
    end_with_parent()
    host, _, port = args.to.rpartition(":")
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
    document = []
    if args.rules:
        with open(args.rules, encoding="utf-8") as file:
            document = json.load(file)
    log_file = open(args.log, "a", encoding="utf-8") if args.log else None
    proxy = Proxy((host, int(port)), Rules(document), log_file, context)
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), control_handler(proxy))
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(f"port {proxy.listener.getsockname()[1]}", flush=True)
    print(f"control {control.server_port}", flush=True)
    proxy.serve()


main()
