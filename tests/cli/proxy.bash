# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The proxies that stand between a test and its server. Each ends with the test
# at the latest.

PROXIES=$(cd "${BASH_SOURCE[0]%/*}/../servers" && pwd)

# The ports that a program of ours tells on its first lines: await FILE WORD
await_port() {
    local tries=0
    until grep -q "^$2 " "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 500 ] || { cat "$1" >&2; return 1; }
        sleep 0.01
    done
    sed -n "s/^$2 //p" "$1"
}

# start_faults HOST:PORT [option of faults.py]...: sets $FAULTS_PORT.
start_faults() {
    FAULTS_OUT=$(mktemp)
    "$PROXIES/faults.py" --to "$@" >"$FAULTS_OUT" 2>&1 3>&- </dev/null &
    FAULTS_PID=$!
    FAULTS_PORT=$(await_port "$FAULTS_OUT" port) || return
    FAULTS_CONTROL=$(await_port "$FAULTS_OUT" control)
    export FAULTS_PORT
}

# start_slow HOST:PORT [option of slowproxy]...: sets $SLOW_PORT.
start_slow() {
    SLOW_OUT=$(mktemp)
    "$TOOLS/slowproxy" --to "$@" >"$SLOW_OUT" 2>&1 3>&- </dev/null &
    SLOW_PID=$!
    SLOW_PORT=$(await_port "$SLOW_OUT" port) || return
    export SLOW_PORT
}

stop_proxies() {
    local pid
    for pid in ${FAULTS_PID:-} ${SLOW_PID:-}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -f "${FAULTS_OUT:-}" "${SLOW_OUT:-}"
    unset FAULTS_PID SLOW_PID FAULTS_OUT SLOW_OUT
}

# One request to the proxy's second port: control METHOD PATH [BODY]. Prints the answer's body.
control() {
    local answer LC_ALL=C # lengths are in bytes
    exec 8<>"/dev/tcp/127.0.0.1/$FAULTS_CONTROL" || return
    printf '%s %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "${3-}" >&8
    answer=$(cat <&8 && echo .)
    exec 8<&-
    [[ $answer == HTTP/1.?' 200 '* ]] || { echo "$answer" >&2; return 1; }
    answer=${answer#*$'\r\n\r\n'}
    printf '%s' "${answer%.}"
}

# Other rules from here on, and an empty log: set_faults '[{"op": "GetObject", "action": ...}]'
set_faults() {
    control PUT /rules "$1" && control DELETE /log
}

# One JSON line a request, in the order in which they came.
request_log() {
    control GET /log
}

# What the log says by an expression of each request `r`, a line for each: requests 'r["op"]'
# A second expression chooses.
requests() {
    request_log | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if eval(sys.argv[2]):
        print(eval(sys.argv[1]))' "$1" "${2-True}"
}

# The round trips that the client waited for, one after the other: the most requests of which none
# came before the answer of another had gone.
rounds() {
    request_log | python3 -c '
import json, sys
count, until = 0, -1
for r in sorted(map(json.loads, sys.stdin), key=lambda r: r["ms"]):
    if r["from_ms"] >= until:
        count, until = count + 1, r["ms"]
print(count)'
}

# How often all rules applied so far.
faults_applied() {
    control GET /rules | python3 -c '
import json, sys
print(sum(rule["applied"] for rule in json.load(sys.stdin)))'
}
