#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The proxies themselves: a fault that does not happen makes other tests worthless.

# shellcheck disable=SC2154 # set by run_split
load helpers
load proxy

setup_file() {
    FILES=$(mktemp -d)
    export FILES
    head -c 3000000 /dev/urandom >"$FILES/three"
    printf 'hello\n' >"$FILES/small"
    python3 - "$FILES" 3>&- >"$FILES.port" 2>/dev/null <<'PY' &
import functools, http.server, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        body = f"{size} for {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print("port", server.server_port, flush=True)
server.serve_forever()
PY
    export TARGET_PID=$!
    load proxy
    TARGET=127.0.0.1:$(await_port "$FILES.port" port)
    export TARGET
}

teardown_file() {
    kill "$TARGET_PID"
    rm -rf "$FILES" "$FILES.port"
}

teardown() {
    stop_proxies
    rm -rf "$T"
}

# get NAME [PORT]: the body into ./got, or the kind of failure as the status.
get() {
    python3 -IS - "http://127.0.0.1:${2:-$FAULTS_PORT}/$1" <<'PY'
import http.client, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        body = answer.read()
except urllib.error.HTTPError as error:
    sys.exit(f"HTTP {error.code} {error.read().decode()}")
except http.client.IncompleteRead as error:
    sys.exit(f"cut after {len(error.partial)}")
except (ConnectionResetError, urllib.error.URLError) as error:
    sys.exit(f"lost: {error}")
with open("got", "wb") as file:
    file.write(body)
PY
}

@test "requests without a rule pass unchanged" {
    start_faults "$TARGET"
    get three
    cmp got "$FILES/three"
    same "$(requests 'r["op"], r["status"], r["received"], r["fault"]')" \
        "('GetBucket', 200, 3000000, None)"
}

@test "the server sees the Host that the client sent" {
    start_faults "$TARGET"
    same "$(python3 -c '
import sys, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/x"
print(urllib.request.urlopen(urllib.request.Request(url, bytes(700000), method="PUT")).read().decode())
' "$FAULTS_PORT")" "700000 for 127.0.0.1:$FAULTS_PORT"
}

@test "a rule for the second request applies to that one only" {
    start_faults "$TARGET"
    set_faults '[{"path": "small", "nth": 2, "action": "status", "code": "SlowDown"}]'
    ends 0 get small
    ends 1 get small
    has "$stderr" "HTTP 503"
    has "$stderr" "<Code>SlowDown</Code>"
    ends 0 get small
    same "$(requests 'r["status"]' | tr '\n' ' ')" "200 503 200 "
    same "$(faults_applied)" 1
    set_faults '[{"path": "small", "skip": 1, "count": 2, "action": "status", "code": "NoSuchKey"}]'
    for expected in 0 1 1 0; do ends "$expected" get small; done
    same "$(requests 'r["n"]' | wc -l)" 4
}

@test "faults of connections and bodies happen" {
    start_faults "$TARGET"
    while IFS='|' read -r rule expected; do
        set_faults "[$rule]"
        ends 1 get three
        has "$stderr" "$expected"
    done <<'ROWS'
{"action": "truncate", "after": 1000000}|cut after 1000000
{"action": "length", "delta": 7}|cut after 3000000
{"action": "reset", "stage": "accept"}|lost
{"action": "reset", "stage": "request-head"}|lost
{"action": "reset", "stage": "before-answer"}|lost
{"action": "reset", "stage": "answer-head"}|lost
{"action": "reset", "stage": "answer-body"}|lost
{"action": "lost"}|lost
{"action": "down", "seconds": 0}|lost
{"action": "skew", "seconds": 900}|RequestTimeTooSkewed
{"action": "region", "region": "eu-west-9"}|HTTP 301
ROWS
}

@test "bytes are changed, headers replaced, and bodies stalled" {
    start_faults "$TARGET"
    set_faults '[{"action": "flip", "at": 2000000}]'
    get three
    same "$(cmp -l got "$FILES/three" | awk '{ print $1 }')" 2000001
    set_faults '[{"action": "stall", "after": 2000000, "seconds": 0.3}]'
    start=$(date +%s%N)
    get three
    cmp got "$FILES/three"
    [ $(($(date +%s%N) - start)) -gt 300000000 ]
    set_faults '[{"action": "error-in-200"}]'
    get three
    has "$(cat got)" "<Code>InternalError</Code>"
    set_faults '[{"action": "run", "command": "echo other >'"$FILES"'/made"}]'
    get made
    same "$(cat got)" other
}

@test "the same seed gives the same faults" {
    start_faults "$TARGET"
    for i in 1 2; do
        set_faults '{"seed": 7, "rules": [{"probability": 0.4, "action": "status"}]}'
        for _ in $(seq 10); do get small 2>/dev/null || true; done
        requests 'r["status"]' >"../seen$i"
    done
    cmp ../seen1 ../seen2
    same "$(sort -u ../seen1 | tr '\n' ' ')" "200 500 "
}

@test "the proxy ends with the shell that started it" {
    bash -c '. "$1"; start_faults "$2"; echo "$FAULTS_PID"' sh \
        "${BATS_TEST_DIRNAME}/proxy.bash" "$TARGET" >pid
    bash -c '. "$1"; start_slow "$2"; echo "$SLOW_PID"' sh \
        "${BATS_TEST_DIRNAME}/proxy.bash" "$TARGET" >>pid
    sleep 0.3
    for pid in $(cat pid); do
        # Nobody may have fetched its status.
        [ ! -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"
    done
}

@test "a slow connection is slow and changes no byte" {
    start_slow "$TARGET" --rate 10000000 --delay 20
    start=$(date +%s%N)
    get three "$SLOW_PORT"
    took=$((($(date +%s%N) - start) / 1000000))
    cmp got "$FILES/three"
    # 300 ms for the bytes, two round trips of 40 ms, and a busy machine.
    [ "$took" -ge 330 ] || fail "$took ms"
    [ "$took" -le 2000 ] || fail "$took ms"
}
