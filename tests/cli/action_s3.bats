#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The actions with a bucket: how a store and its credentials are named, and the rows of outputs and
# messages against a real server.

# shellcheck disable=SC2154 # set by ends
load helpers
load servers
load action_helpers

POLICIES=$BATS_TEST_DIRNAME/../../docs/policies

# A step's inputs name the bucket and the keys; nothing else does.
with_bucket() {
    use_server radosgw
    in_workflow
    unset INPUT_STORE
    export INPUT_S3_BUCKET=$XC_TEST_RADOSGW_BUCKET INPUT_S3_PREFIX=$PREFIX
    export INPUT_S3_ENDPOINT=$XC_TEST_RADOSGW_ENDPOINT INPUT_S3_REGION=us-east-1
    export INPUT_AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID
    export INPUT_AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
    no_keys
}

@test "outputs and messages are the same with a bucket" {
    with_bucket
    act restore INPUT_KEY=k-1 INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    same "$status $(outputs)" "0 cache-primary-key=k-1"
    line "Cache not found for input keys: k-1, k-"
    put tree/file text
    act save INPUT_KEY=k-1 INPUT_PATH=tree
    line "Cache saved with key: k-1"
    act save INPUT_KEY=k-1 INPUT_PATH=tree
    has "$output" "Unable to reserve cache with key k-1, another job may be creating this cache. More details: Cache already exists. "
    rm -r tree
    act restore INPUT_KEY=k-1 INPUT_PATH=tree INPUT_LOOKUP_ONLY=true
    line "Cache found and can be restored from key: k-1"
    absent tree
    act restore INPUT_KEY=k-1 INPUT_PATH=tree
    same "$(outputs)" $'cache-hit=true\ncache-matched-key=k-1\ncache-primary-key=k-1'
    same "$(cat tree/file)" text
    has "$(values_of "$GITHUB_OUTPUT")" "cache-store=s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX"
    act restore GITHUB_REF=refs/heads/topic INPUT_KEY=k-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k-1\ncache-primary-key=k-2'
    act restore INPUT_KEY=none INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=true
    same "$status" 1
    s3 list | grep -q " owner%2Fname/refs%2Fheads%2Fmain/entries/"
}

@test "the clear tag reaches a bucket" {
    with_bucket
    put tree/file
    act save INPUT_KEY=k INPUT_PATH=tree
    event '{"head_commit": {"message": "[ci-clear-cache]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree
    has "$output" "removed 1 entry with key k"
    same "$(s3 list | grep -c /entries/)" 0
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
}

@test "access keys that a server refuses are a miss and a warning" {
    with_bucket
    put tree/file
    export INPUT_AWS_SECRET_ACCESS_KEY=wrong
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status $(outputs)" "0 cache-primary-key=k"
    has "$(commands)" "warning Failed to restore: "
    line "Cache not found for input keys: k"
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    has "$(commands)" "warning Failed to save: "
    export INPUT_AWS_ACCESS_KEY_ID='' INPUT_AWS_SECRET_ACCESS_KEY='' AWS_EC2_METADATA_DISABLED=true
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    has "$(commands)" "warning Failed to restore: "
}

# A server that takes requests and says nothing; its port is in $port.
start_silence() {
    python3 - "$T/port" "$T/asked" >/dev/null 2>&1 3>&- <<'PYTHON' &
import socket, sys

server = socket.create_server(("127.0.0.1", 0))
server.settimeout(20)
open(sys.argv[1], "w").write(str(server.getsockname()[1]))
connection = server.accept()[0]
connection.settimeout(20)
connection.recv(1)
open(sys.argv[2], "w").write("asked")
while connection.recv(4096):
    pass
PYTHON
    until [ -s "$T/port" ]; do sleep 0.05; done
    port=$(cat "$T/port")
}

@test "a cancelled step fails and reports no miss" {
    local entry
    in_workflow
    export AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret
    put tree/file
    for entry in restore main save; do
        rm -f "$T/port" "$T/asked"
        start_silence
        : >"$GITHUB_OUTPUT"
        INPUT_STORE="s3://bucket/p?region=r&endpoint=http://127.0.0.1:$port" INPUT_KEY=k \
            INPUT_PATH=tree "$XCACHE" action "$entry" >"$T/log" 2>&1 3>&- &
        step=$!
        until [ -s "$T/asked" ]; do sleep 0.05; done
        kill -TERM $step
        status=0
        wait $step || status=$?
        output=$(cat "$T/log")
        same "$status" 1
        [[ $(commands) == "error "*interrupted* ]]
        no_line_with "Cache not found"
        no_line_with "Cache saved"
        lacks "$(outputs)" cache-hit
    done
}

@test "debug logging prints requests and no secrets" {
    with_bucket
    act restore INPUT_KEY=k INPUT_PATH=tree
    no_line_with "::debug::"
    act restore INPUT_KEY=k INPUT_PATH=tree RUNNER_DEBUG=1
    grep -q '^::debug::.*GET' <<<"$output"
    same "$(grep -F "$INPUT_AWS_SECRET_ACCESS_KEY" <<<"$output" | sort -u)" \
        "::add-mask::$INPUT_AWS_SECRET_ACCESS_KEY"
}

# Where direct connections are blocked: nobody listens at the endpoint, whatever its name means.
behind_proxy() {
    with_bucket
    export INPUT_S3_ENDPOINT=$1://s3.localhost:1 "${1}_proxy=$2"
    put tree/file text
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
    rm -r tree
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$(outputs | head -n 1)" "cache-hit=true"
    same "$(cat tree/file)" text
    act restore INPUT_KEY=k INPUT_PATH=tree "${1}_proxy=" XCACHE_BACKOFF_MS=20
    has "$(commands)" "warning Failed to restore: "
}

@test "the job's proxy is used" {
    needs radosgw
    # The server takes requests to a proxy as well.
    behind_proxy http "$XC_TEST_RADOSGW_ENDPOINT"
}

# A proxy that leads all tunnels to one server; its port is in $port.
start_tunnels() {
    python3 - "${1#*//}" "$T/port" >/dev/null 2>&1 3>&- <<'PYTHON' &
import socket, socketserver, sys, threading

class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        if not self.rfile.readline().startswith(b"CONNECT s3.localhost:1 "):
            return
        while self.rfile.readline().strip():
            pass
        server = socket.create_connection(sys.argv[1].split(":"))
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(server, self.connection), daemon=True).start()
        pump(self.connection, server)

def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass

class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

server = Proxy(("127.0.0.1", 0), Tunnel)
threading.Timer(30, server.shutdown).start()
open(sys.argv[2], "w").write(str(server.server_address[1]))
server.serve_forever()
PYTHON
    proxy=$!
    until [ -s "$T/port" ]; do sleep 0.05; done
    port=$(cat "$T/port")
}

@test "the job's proxy is used for https, by a tunnel" {
    needs radosgw
    start_tunnels "$XC_TEST_RADOSGW_TLS_ENDPOINT"
    export AWS_CA_BUNDLE=$XC_TEST_CA
    behind_proxy https "http://127.0.0.1:$port"
    kill $proxy
}

# A step of a composite action, as a runner makes it, that has nothing but the job's identity.
identity_job() {
    mkdir -p "$T/tree/dist"
    cp -r "$BATS_TEST_DIRNAME"/../../{action.yml,restore,save} "$T/tree"
    cp "$XCACHE" "$T/tree/dist/xcache-linux-x64"
    result=$("$RUNNER/run" --tree "$T/tree" --workspace "$T/ws" --temp "$T/temp" --shell dash)
}

@test "a workflow without any access key has a cache" {
    needs sts
    use_server radosgw
    make_role "$POLICIES/trust-default-branch.json" "$POLICIES/default-branch.json"
    no_keys
    as_job
    identity_job <<YAML
ref: refs/heads/main
repository: octo-org/octo-repo
env:
  XCACHE_STORE: "$S3_URL"
  AWS_ENDPOINT_URL_STS: "$XC_TEST_RADOSGW_ENDPOINT"
  AWS_EC2_METADATA_DISABLED: true
  ACTIONS_ID_TOKEN_REQUEST_URL: "$ACTIONS_ID_TOKEN_REQUEST_URL"
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "$ACTIONS_ID_TOKEN_REQUEST_TOKEN"
steps:
  - run: mkdir tree && echo text >tree/file
  - id: save
    uses: org/xcache/save@v1
    with: {path: tree, key: k, role-to-assume: "$ROLE"}
  - run: rm -r tree
  - id: cache
    uses: org/xcache/restore@v1
    with: {path: tree, key: k, role-to-assume: "$ROLE"}
  - run: cat tree/file
YAML
    same "$(json 'd["success"]' <<<"$result")" true
    same "$(json 'd["steps"]["cache"]["outputs"].get("cache-hit", "")' <<<"$result")" true
    # What was obtained on the way is masked before anything could show it.
    same "$(json '[n for n, t in d["steps"]["cache"]["commands"]].count("add-mask") >= 3' <<<"$result")" true
}

@test "a pull request that may not write passes with a warning" {
    needs sts
    use_server radosgw
    make_role "$POLICIES/trust-pull-requests.json" "$POLICIES/pull-requests.json"
    no_keys
    in_workflow
    as_job ref=refs/pull/7/merge event_name=pull_request
    export INPUT_STORE=$S3_URL INPUT_ROLE_TO_ASSUME=$ROLE AWS_EC2_METADATA_DISABLED=true
    export AWS_ENDPOINT_URL_STS=$XC_TEST_RADOSGW_ENDPOINT GITHUB_REPOSITORY=octo-org/octo-repo
    put tree/file
    act save GITHUB_REF=refs/heads/main INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    [[ $(commands) == *"warning Failed to save: "*s3:PutObject* ]]
    act save GITHUB_REF=refs/pull/7/merge GITHUB_EVENT_NAME=pull_request INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
}
