#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What servers and networks do to requests: a save or a restore goes on as if nothing had
# been, or fails with one line, and then nothing of it is left. Only what is not there is a miss.

# shellcheck disable=SC2030,SC2031 # each test has a shell of its own
# shellcheck disable=SC2154 # set by run_split
load helpers
load servers
load proxy

SAVE_OPS="PutObject CreateMultipartUpload UploadPart CompleteMultipartUpload"

setup_file() {
    # Each test says by itself that there is no server.
    [ -n "${XC_TEST_RADOSGW_URL:-}" ] || return 0
    local base=/dev/shm
    [ -z "${TMPDIR:-}" ] && [ -w "$base" ] || base=${TMPDIR:-/tmp}
    B=$(mktemp -d "$base/xc-s3-faults-XXXXXX")
    export B
    # What does not compress, so that it is several parts and ranges; and a tree of one request.
    mkdir -p "$B/big/tree/deep" "$B/small/tree"
    head -c 45M /dev/urandom | (cd "$B/big/tree" && split -b 5M -d - file)
    head -c 1M /dev/urandom | (cd "$B/big/tree/deep" && split -b 4k -a 3 -d - f)
    seq 1 3000 >"$B/small/tree/numbers"
    ln -s numbers "$B/small/tree/link"
    scene
    for kind in big small; do
        (cd "$B/$kind" && XCACHE_STORE=$(url "$XC_TEST_RADOSGW_ENDPOINT" "made-${B##*-}") \
            "$XCACHE" save -q --key "$kind" --path tree)
    done
}

teardown_file() {
    [ -z "${B:-}" ] || rm -rf "$B"
}

# Variables of the test's surroundings.
scene() {
    unset "${!GITHUB_@}" "${!XCACHE_@}" "${!INPUT_@}" "${!AWS_@}" XDG_CACHE_HOME
    export AWS_ACCESS_KEY_ID=$XC_TEST_RADOSGW_KEY AWS_SECRET_ACCESS_KEY=$XC_TEST_RADOSGW_SECRET
    export AWS_EC2_METADATA_DISABLED=true XCACHE_STALL_MS=1500 XCACHE_BACKOFF_MS=20
    umask 022
}

setup() {
    needs radosgw
    scene
    T=$(mktemp -d "$B/t-XXXXXX")
    mkdir "$T/ws" "$T/home"
    export T HOME=$T/home
    cd "$T/ws" || return
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}"
    through "http://127.0.0.1:$FAULTS_PORT"
}

teardown() {
    cd / || return
    [ -n "${T:-}" ] || return 0
    stop_proxies
    rm -rf "$T"
}

# url ENDPOINT PREFIX [OPTION=VALUE]
url() {
    local endpoint=${1//:/%3A}
    echo "s3://$XC_TEST_RADOSGW_BUCKET/$2?region=us-east-1&endpoint=${endpoint//\//%2F}${3:+&$3}"
}

# From here on stores are reached there: MADE is the one with entries, the other one is empty.
through() {
    local empty=${T##*/}-${B##*-}
    export MADE DIRECT XCACHE_STORE
    MADE=$(url "$1" "made-${B##*-}")
    XCACHE_STORE=$(url "$1" "$empty")
    DIRECT=$(url "$XC_TEST_RADOSGW_ENDPOINT" "$empty")
    # For s3, which asks the server itself.
    export S3_URL=$DIRECT S3_OWNER=XC_TEST_RADOSGW
}

xc() {
    timeout 60 "$XCACHE" "$@"
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# Operations on a tree, big or small.

save() {
    rm -rf tree
    cp -a "$B/$1/tree" .
    xc save -q --key "${2:-$1}" --path tree
}

restore() {
    rm -rf tree
    xc restore -q --store "$MADE" --key "$1" --path tree
}

# What must be true afterwards.

saved_whole() {
    local kind=$1 key=${2:-$1}
    same "$(xc list --json --store "$DIRECT" | json '[e["key"] for e in d["entries"]]')" "[\"$key\"]"
    same "$(s3 uploads)" ""
    same "$(s3 list | wc -l)" 2
    rm -rf tree
    xc restore -q --key "$key" --path tree --store "$DIRECT"
    same_tree "$B/$kind/tree" tree
    s3 clear
}

nothing_saved() {
    same "$(xc list --json --store "$DIRECT" | json 'd["entries"]')" "[]"
    same "$(s3 uploads)" ""
    same "$(s3 list)" ""
    one_line
}

restored_whole() {
    same_tree "$B/$1/tree" tree
}

nothing_restored() {
    same "$(names_below .)" ""
    one_line
}

# A restore through faults that a client may put up with or not.
whole_or_nothing() {
    run_split restore "$1"
    case $status in
    0) restored_whole "$1" ;;
    1) nothing_restored ;;
    *) fail "exit code $status: $stderr" ;;
    esac
}

one_line() {
    same "$(grep -c '^xcache' <<<"$stderr")" 1
    lacks "$stderr" defect
    lacks "$stderr$output" "$XC_TEST_RADOSGW_SECRET"
}

# once FIELDS OP...: a rule for the first request of each kind.
once() {
    local fields=$1 op rules=
    shift
    for op in "$@"; do
        rules+=${rules:+,}"{\"op\": \"$op\", \"count\": 1, $fields}"
    done
    set_faults "[$rules]"
}

applied() {
    [ "$(faults_applied)" -ge "$1" ] || fail "only $(faults_applied) faults: $(request_log | tail -20)"
}

@test "a few SlowDowns do not fail a save or a restore" {
    set_faults '[{"op": "GetObject|PutObject|UploadPart|CreateMultipartUpload|CompleteMultipartUpload",
        "nth": [1, 2, 5, 6, 7], "action": "status", "code": "SlowDown"}]'
    ends 0 save big
    applied 5
    saved_whole big
    set_faults '[{"method": "GET", "nth": [1, 2, 4, 5, 6], "action": "status", "code": "SlowDown"}]'
    ends 0 restore big
    applied 5
    restored_whole big
}

@test "a server that only says SlowDown is given up, as an error and not a miss" {
    set_faults '[{"method": "GET", "action": "status", "code": "SlowDown"}]'
    ends 1 restore small
    has "$stderr" SlowDown
    nothing_restored
    [ "$(requests 1 | wc -l)" -le 20 ]
    set_faults '[{"method": "PUT", "action": "status", "code": "SlowDown"}]'
    ends 1 save small
    has "$stderr" SlowDown
    nothing_saved
}

@test "an InternalError of any operation is retried" {
    # shellcheck disable=SC2086 # several words
    once '"action": "status", "code": "InternalError"' $SAVE_OPS
    ends 0 save big
    applied 4
    saved_whole big
    set_faults '[{"nth": [1, 3, 5], "action": "status", "code": "InternalError"}]'
    ends 0 restore big
    applied 3
    restored_whole big
}

@test "an error within a 200 is retried and never counts as success" {
    once '"action": "error-in-200"' CompleteMultipartUpload
    ends 0 save big
    applied 1
    saved_whole big
    once '"action": "error-in-200", "forward": true' CompleteMultipartUpload
    ends 0 save big
    applied 1
    saved_whole big
    set_faults '[{"op": "CompleteMultipartUpload", "action": "error-in-200"}]'
    ends 1 save big
    nothing_saved
}

@test "a connection that is reset at any stage does not end a save" {
    for stage in request-head request-body before-answer answer-head answer-body; do
        # shellcheck disable=SC2086
        once "\"action\": \"reset\", \"stage\": \"$stage\"" $SAVE_OPS
        ends 0 save big
        applied 4
        saved_whole big
    done
    set_faults '[{"stage": "accept", "nth": [1, 3], "action": "reset"}]'
    ends 0 save big
    applied 1
    saved_whole big
}

@test "a lost answer fails no save, and is not taken for another save's" {
    # shellcheck disable=SC2086
    once '"action": "lost"' $SAVE_OPS
    ends 0 save big
    applied 4
    saved_whole big
    # The pack, and then the manifest, which is put only if there is none.
    for nth in 1 2; do
        set_faults "[{\"op\": \"PutObject\", \"nth\": $nth, \"action\": \"lost\"}]"
        rm -rf tree
        cp -a "$B/small/tree" .
        ends 0 xc save --json --key small --path tree
        same "$(json 'd["saved"]' <<<"$output")" true
        applied 1
        saved_whole small
    done
}

@test "a connection that is reset at any stage does not end a restore" {
    for stage in request-head before-answer answer-head answer-body; do
        # The manifest, and two requests for parts of the pack.
        set_faults "[{\"op\": \"GetObject\", \"nth\": [1, 3, 5], \"action\": \"reset\",
            \"stage\": \"$stage\"}]"
        ends 0 restore big
        applied 3
        restored_whole big
    done
    set_faults '[{"stage": "accept", "nth": [1, 3], "action": "reset"}]'
    ends 0 restore big
    applied 1
    restored_whole big
    set_faults '[{"op": "GetObject", "range": ".", "action": "reset", "stage": "answer-body"}]'
    ends 1 restore small
    nothing_restored
}

@test "a truncated body is fetched again" {
    set_faults '[{"op": "GetObject", "nth": [1, 3, 5], "action": "truncate"}]'
    ends 0 restore big
    applied 3
    restored_whole big
    set_faults '[{"op": "GetObject", "range": ".", "action": "truncate"}]'
    ends 1 restore small
    nothing_restored
    set_faults '[{"op": "GetObject", "nth": [1, 3], "action": "length", "delta": 5}]'
    ends 0 restore big
    applied 2
    restored_whole big
    set_faults '[{"op": "ListObjectsV2", "nth": 1, "action": "truncate"}]'
    ends 0 xc list --json --store "$MADE"
    applied 1
    same "$(json 'sorted(e["key"] for e in d["entries"])' <<<"$output")" '["big", "small"]'
}

# The stalls are far longer than xc may take.
@test "a body that stalls is sent for again" {
    for stage in answer-body before-answer; do
        set_faults "[{\"op\": \"GetObject\", \"nth\": [1, 4], \"action\": \"stall\",
            \"seconds\": 600, \"stage\": \"$stage\"}]"
        ends 0 restore big
        applied 2
        restored_whole big
    done
    # A server may think for half a minute about what it was sent, but not while it is sent.
    set_faults '[{"op": "UploadPart", "nth": 2, "action": "stall", "seconds": 600,
        "stage": "request-body"}]'
    ends 0 save big
    applied 1
    saved_whole big
}

@test "wrong bytes in a range are not restored" {
    set_faults '[{"op": "GetObject", "range": ".", "nth": [1, 2, 3], "action": "flip"}]'
    ends 0 restore big
    applied 3
    restored_whole big
    set_faults '[{"op": "GetObject", "range": ".", "action": "flip"}]'
    ends 1 restore big
    nothing_restored
}

@test "another range than was asked for is refused" {
    set_faults '[{"op": "GetObject", "range": ".", "nth": [1, 3], "action": "content-range"}]'
    whole_or_nothing big
    applied 1
    set_faults '[{"op": "GetObject", "range": ".", "action": "content-range",
        "value": "bytes 0-9/10"}]'
    ends 1 restore big
    nothing_restored
}

@test "an object that is replaced between two ranges is not mixed" {
    cp -a "$B/big/tree" .
    xc save -q --key big --path tree --store "$DIRECT"
    pack=$(s3 list | sed -n 's/^[0-9]* \(.*\.tar\.zst\)$/\1/p')
    [ -n "$pack" ]
    head -c 47M /dev/urandom >../other
    # Whoever comes after the third waits until it is another object.
    set_faults "[{\"op\": \"GetObject\", \"range\": \".\", \"nth\": 3, \"action\": \"run\",
        \"command\": \"$SERVERS/s3.py put '$DIRECT' '$pack' $T/other\"},
        {\"op\": \"GetObject\", \"range\": \".\", \"skip\": 2, \"count\": 20,
        \"action\": \"delay\", \"seconds\": 1}]"
    rm -r tree
    ends 1 xc restore -q --key big --path tree
    applied 1
    nothing_restored
    s3 clear
    set_faults '[{"op": "GetObject", "range": ".", "nth": 3, "action": "etag"}]'
    whole_or_nothing big
}

@test "an unknown host name is an error, not a miss" {
    through http://no-such-host.invalid
    ends 1 restore small
    has "$stderr" no-such-host.invalid
    nothing_restored
    ends 1 save small
    has "$stderr" no-such-host.invalid
    one_line
}

@test "a closed port is an error, not a miss" {
    through http://127.0.0.1:1
    ends 1 restore small
    has "$stderr" 127.0.0.1:1
    nothing_restored
}

# certificate NAME DAYS SUBJECT_ALT_NAME: signed by the server's authority.
certificate() {
    local folder
    folder=$(dirname "$XC_TEST_CA")
    echo "subjectAltName=$3" >"$T/extension"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server \
        -keyout "$T/$1.key" -out "$T/request.pem" 2>/dev/null
    openssl x509 -req -in "$T/request.pem" -CA "$XC_TEST_CA" -CAkey "$folder/ca.key" \
        -set_serial 7 -days "$2" -extfile "$T/extension" -out "$T/$1.pem" 2>/dev/null
    stop_proxies
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}" --cert "$T/$1.pem" --key "$T/$1.key"
    through "https://127.0.0.1:$FAULTS_PORT"
}

@test "a wrong certificate is refused at once" {
    export AWS_CA_BUNDLE=$XC_TEST_CA
    certificate good 2 IP:127.0.0.1
    ends 0 restore small
    restored_whole small
    rm -r tree
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=other \
        -days 2 -keyout "$T/other.key" -out "$T/other.pem" 2>/dev/null
    AWS_CA_BUNDLE=$T/other.pem ends 1 restore small
    has "$stderr" certificate
    nothing_restored
    started=$(milliseconds)
    certificate expired -1 IP:127.0.0.1
    ends 1 restore small
    has "$stderr" certificate
    nothing_restored
    certificate name 2 DNS:elsewhere.example
    ends 1 restore small
    has "$stderr" certificate
    nothing_restored
    [ $(($(milliseconds) - started)) -lt 8000 ]
}

@test "a bucket in another region is found" {
    set_faults '[{"action": "region", "region": "eu-west-9"}]'
    ends 0 restore big
    restored_whole big
    applied 1
    # Where it is is learnt once.
    same "$(requests 1 'r["status"] == 301' | wc -l)" 1
    set_faults '[{"action": "region", "region": "eu-west-9"}]'
    ends 0 save big
    saved_whole big
}

@test "a clock that is a quarter of an hour off is corrected" {
    for seconds in 840 -840; do
        set_faults "[{\"action\": \"skew\", \"seconds\": $seconds}]"
        ends 0 restore big
        restored_whole big
        set_faults "[{\"action\": \"skew\", \"seconds\": $seconds}]"
        ends 0 save small
        applied 2
        saved_whole small
    done
}

# Keys by a program that notes each call.
use_process() {
    cat >"$T/keys" <<SCRIPT
#!/bin/sh
echo called >>"$T/calls"
printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s", "Expiration": "%s"}' \\
    $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)"
SCRIPT
    chmod +x "$T/keys"
    mkdir -p "$HOME/.aws"
    printf '[default]\ncredential_process = %s\n' "$T/keys" >"$HOME/.aws/config"
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

@test "keys that expire in the middle of the work are renewed" {
    use_process
    set_faults '[{"op": "GetObject", "nth": 4, "action": "status", "code": "ExpiredToken"}]'
    ends 0 restore big
    restored_whole big
    applied 1
    same "$(wc -l <"$T/calls")" 2
    rm "$T/calls"
    set_faults '[{"op": "UploadPart", "nth": 2, "action": "status", "code": "ExpiredToken"}]'
    ends 0 save big
    applied 1
    same "$(wc -l <"$T/calls")" 2
    saved_whole big
}

@test "expired keys are an error, and are not tried for ever" {
    set_faults '[{"action": "status", "code": "ExpiredToken"}]'
    ends 1 restore small
    has "$stderr" xpired
    nothing_restored
    use_process
    ends 1 restore small
    nothing_restored
    [ "$(wc -l <"$T/calls")" -le 5 ]
}

@test "a forbidden request is an error, not a miss" {
    set_faults '[{"action": "status", "code": "AccessDenied"}]'
    ends 1 restore small
    has "$stderr" AccessDenied
    nothing_restored
    ends 1 xc lookup --store "$MADE" --key none --restore-key s --path tree
    ends 1 save small
    nothing_saved
    export AWS_SECRET_ACCESS_KEY=wrong
    set_faults '[]'
    ends 1 restore small
    nothing_restored
}

@test "a missing bucket is an error, not a miss" {
    set_faults '[{"action": "status", "code": "NoSuchBucket"}]'
    ends 1 restore small
    has "$stderr" "there is no bucket"
    nothing_restored
}

@test "an entry whose pack is gone is an error or a miss, and nothing is restored" {
    save small
    pack=$(s3 list | sed -n 's/^[0-9]* \(.*\.tar\.zst\)$/\1/p')
    s3 remove "$pack"
    rm -r tree
    run_split xc restore -q --key small --path tree
    [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || fail "exit code $status"
    nothing_restored
    s3 clear
}

@test "a server without ranges restores the right bytes or nothing" {
    set_faults '[{"op": "GetObject", "range": ".", "action": "whole"}]'
    whole_or_nothing small
    set_faults '[{"op": "GetObject", "range": ".", "nth": [1, 3], "action": "whole"}]'
    whole_or_nothing big
    applied 1
}

@test "a server without conditional writes can be saved to" {
    set_faults '[{"method": "PUT", "header": {"if-none-match": "."}, "action": "status",
        "code": "NotImplemented"}]'
    ends 0 save small
    applied 1
    saved_whole small
    ends 0 save small
    set_faults '[{"method": "PUT", "header": {"if-none-match": "."}, "action": "status",
        "code": "NotImplemented"}]'
    ends 0 xc save --json --key small --path tree
    same "$(json 'd["saved"]' <<<"$output")" false
    saved_whole small
}

@test "a listing of several pages with odd keys is complete" {
    save small small
    python3 - "$SERVERS" "$DIRECT" <<'PY'
import concurrent.futures, json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import s3
client, bucket, prefix = s3.open_url(sys.argv[2], os.environ)
found = next(row["Key"] for row in client.list(bucket, prefix) if row["Key"].endswith("/small"))
manifest = json.loads(client.get(bucket, found))
keys = [f"odd % &amp; +<ü>\"'{i:04}" for i in range(1500)]

def put(key):
    name = found[:-len("small")] + key.replace("%", "%25")
    client.put(bucket, name, json.dumps({**manifest, "key": key}).encode())

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(put, keys))
PY
    set_faults '[{"op": "ListObjectsV2", "nth": 2, "action": "reset", "stage": "answer-body"}]'
    ends 0 xc list --json
    applied 1
    same "$(json 'len(set(e["key"] for e in d["entries"]))' <<<"$output")" 1501
    same "$(json 'sum(e["key"].startswith("odd % &amp; +<ü>\"'"'"'") for e in d["entries"])' \
        <<<"$output")" 1500
    has "$(requests 'r["query"]' 'r["op"] == "ListObjectsV2"')" continuation-token
    s3 clear
}

@test "a server that is away for a second ends no save and no restore" {
    # The pauses between requests must add up to more than that.
    unset XCACHE_BACKOFF_MS
    set_faults '[{"op": "UploadPart", "nth": 2, "action": "down", "seconds": 1}]'
    ends 0 save big
    applied 1
    saved_whole big
    set_faults '[{"op": "GetObject", "nth": 4, "action": "down", "seconds": 1}]'
    ends 0 restore big
    applied 1
    restored_whole big
}

@test "a server that is gone for good ends a restore and leaves nothing" {
    set_faults '[{"op": "GetObject", "nth": 4, "action": "down", "seconds": 100}]'
    ends 1 restore big
    applied 1
    nothing_restored
    set_faults '[{"op": "UploadPart", "nth": 2, "action": "down", "seconds": 100}]'
    ends 1 save big
    applied 1
    same "$(xc list --json --store "$DIRECT" | json 'd["entries"]')" "[]"
    one_line
    s3 clear
}

# The process that serves, by its parent, which is the keeper of that folder.
serving_process() {
    local keeper pid
    keeper=$(cat "$1/pid")
    tr ' ' '\n' <"/proc/$keeper/task/$keeper/children" | while read -r pid; do
        [ "$(cat "/proc/$pid/comm")" != radosgw ] || echo "$pid"
    done
}

@test "a server that is killed and started again ends no save and no restore" {
    "$SERVERS/radosgw" start "$T/rgw" $$
    # shellcheck source=/dev/null
    . "$T/rgw/env"
    scene
    stop_proxies
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}"
    through "http://127.0.0.1:$FAULTS_PORT"
    cp -a "$B/big/tree" .
    xc save -q --key big --path tree --store "$MADE"
    cat >"$T/again" <<SCRIPT
#!/bin/sh
kill -9 \$1
radosgw --conf $T/rgw/ceph.conf -f -n client.rgw.a >$T/again.out 2>&1 &
echo \$! >>$T/again.pid
SCRIPT
    chmod +x "$T/again"
    set_faults "[{\"op\": \"GetObject\", \"nth\": 4, \"action\": \"run\",
        \"command\": \"$T/again $(serving_process "$T/rgw")\"}]"
    status=0
    ends 0 restore big || status=1
    set_faults "[{\"op\": \"UploadPart\", \"nth\": 2, \"action\": \"run\",
        \"command\": \"$T/again $(cat "$T/again.pid")\"}]"
    [ "$status" -ne 0 ] || { restored_whole big && ends 0 save big && saved_whole big; } || status=1
    # shellcheck disable=SC2046 # one word a process
    kill -9 $(cat "$T/again.pid") || true
    "$SERVERS/radosgw" stop "$T/rgw"
    [ "$status" -eq 0 ]
}

@test "an interrupted save leaves no parts in the store" {
    cp -a "$B/big/tree" .
    set_faults '[{"op": "UploadPart", "nth": 2, "action": "delay", "seconds": 3}]'
    "$XCACHE" save -q --key big --path tree 2>../err &
    pid=$!
    for _ in $(seq 100); do
        [ "$(faults_applied)" -eq 0 ] || break
        sleep 0.05
    done
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -ne 0 ]
    same "$(s3 uploads)" ""
    same "$(s3 list)" ""
}

@test "many saves and restores with random faults are all correct" {
    set_faults '{"seed": 11, "rules": [{"probability": 0.02, "action": "random"}]}'
    for i in $(seq 100); do
        printf '%s' "$i" >"$T/content"
        rm -rf tree
        cp -a "$B/small/tree" .
        cp "$T/content" tree/number
        ends 0 xc save -q --key "k$i" --path tree
        rm -r tree
        ends 0 xc restore -q --key "k$i" --path tree
        same "$(cat tree/number)" "$i"
        cmp tree/numbers "$B/small/tree/numbers"
    done
    applied 3
    set_faults '[]'
    same "$(xc list --json | json 'len(d["entries"])')" 100
    same "$(s3 uploads)" ""
    s3 clear
}

@test "odd keys are kept apart" {
    local keys i server
    keys=("two words" " lead and trail " "1+1=2" "100%" "%2F/%2f" "a/b//c" "quote\"s'" 'back\slash'
        "ключ-ü-日本-😀" $'tab\tnewline\ncontrol\x01' "?query&amp;#<x>" "~*()!$&;:@=" "../up" "."
        "$(printf 'x%.0s' {1..512})" "$(printf 'ü%.0s' {1..512})")
    for server in radosgw ${XC_TEST_SWIFT_URL:+swift}; do
        use_server "$server"
        mkdir -p tree
        for i in "${!keys[@]}"; do
            printf '%s' "$i" >tree/number
            ends 0 xc save -q --key "${keys[i]}" --path tree
        done
        for i in "${!keys[@]}"; do
            ends 0 xc restore --json --key "${keys[i]}" --path tree
            same "$(cat tree/number)" "$i"
            same "$(json 'd["exact"]' <<<"$output")" true
            # A prefix that ends within the key.
            [[ ! ${keys[i]} =~ ^[a-zA-Z0-9%]{2} ]] ||
                ends 0 xc lookup -q --key none --restore-key "${keys[i]:0:2}" --path tree
        done
        xc list --json | json '"\0".join(sorted(e["key"] for e in d["entries"]))' >../listed
        python3 -c 'import sys; sys.stdout.write("\0".join(sorted(sys.argv[1:])) + "\n")' \
            "${keys[@]}" >../expected
        cmp ../listed ../expected
        s3 clear
    done
}

@test "a hit, a save and a miss take no more requests than they need" {
    ends 0 restore big
    same "$(requests 'r["op"], "/entries/" in r["path"], r["range"] is None' | head -1)" \
        "('GetObject', True, True)"
    same "$(requests 1 'r["op"] != "GetObject" or ("/entries/" in r["path"]) != (r["range"] is None)')" ""
    same "$(requests 1 'r["range"] is None' | wc -l)" 1
    set_faults '[]'
    ends 0 save small
    request_log
    [ "$(requests 1 | wc -l)" -le 3 ]
    saved_whole small
    set_faults '[]'
    ends 0 save big
    request_log
    parts=$(requests 1 'r["op"] == "UploadPart"' | wc -l)
    [ "$parts" -ge 2 ]
    [ "$(requests 1 | wc -l)" -le $((parts + 4)) ]
    saved_whole big
    set_faults '[]'
    ends 3 xc restore --store "$MADE" --key none --restore-key x --restore-key y --restore-key z \
        --path tree
    request_log
    [ "$(requests 1 | wc -l)" -le 8 ]
}

# Each answer takes its time, so that what is asked for at once overlaps.
SLOW='[{"action": "delay", "seconds": 0.4}]'

@test "a small restore waits for two round trips, one of a restore key for four" {
    set_faults "$SLOW"
    ends 0 restore small
    request_log
    same "$(rounds)" 2 # manifest, pack
    set_faults "$SLOW"
    ends 0 xc restore -q --store "$MADE" --key none --restore-key small --path tree
    request_log
    same "$(rounds)" 4 # no manifest, listing, manifest, pack
}

@test "a restore of more than one read waits for three round trips" {
    mkdir tree
    head -c 10M /dev/urandom >tree/file
    ends 0 xc save -q --key more --path tree
    rm -r tree
    set_faults "$SLOW"
    ends 0 xc restore -q --connections 32 --key more --path tree
    request_log
    same "$(rounds)" 3 # manifest, index and beginning, the others
    present tree/file
    s3 clear
}

# manifest KEY: its name in the store.
manifest() {
    s3 list | sed -n "s|^[0-9]* \(.*/entries/.*/$1\)\$|\1|p"
}

@test "layers add no round trip" {
    mkdir -p tree
    head -c 3M /dev/urandom >tree/old
    ends 0 xc save -q --key old --path tree
    mv tree/old tree/new
    head -c 3M /dev/urandom >tree/new
    ends 0 xc save -q --key new --path tree
    s3 get "$(manifest old)" >older
    s3 get "$(manifest new)" >newer
    sed 's/"key": *"old"/"key":"both"/' older >both
    "$BATS_TEST_DIRNAME/../tools/layers.py" both older newer
    s3 put "$(manifest old | sed 's|old$|both|')" both
    set_faults "$SLOW"
    ends 0 xc restore -q --key both --path tree
    request_log
    same "$(rounds)" 3
    present tree/old tree/new
    s3 clear
}
