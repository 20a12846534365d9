# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # $status is read by those who use this
# Steps of a workflow, run by hand: the program with the variables that a runner sets.

RUNNER=$BATS_TEST_DIRNAME/../runner

# A branch of a repository, as after a push to it; rows change what they are about.
in_workflow() {
    unset "${!INPUT_@}" "${!STATE_@}" "${!ACTIONS_@}" "${!RUNNER_@}"
    export GITHUB_REPOSITORY=owner/name GITHUB_WORKSPACE=$T/ws GITHUB_EVENT_NAME=push
    export GITHUB_REF=refs/heads/main GITHUB_EVENT_PATH=$T/event.json
    export GITHUB_OUTPUT=$T/output GITHUB_STATE=$T/state GITHUB_STEP_SUMMARY=$T/summary
    export INPUT_STORE=file://$T/store
    if [[ $BATS_TEST_FILENAME == */action_radosgw.bats ]]; then
        use_server radosgw
        INPUT_STORE=$S3_URL
    fi
    unset XCACHE_STORE
    event '{"head_commit": {"message": "work"}}'
}

# What the store holds, whichever it is.

in_folder() {
    [[ $INPUT_STORE == file:* ]]
}

# The keys of a scope's entries, one a line, sorted.
keys_in() {
    "$XCACHE" list --store "$INPUT_STORE" --scope "$1" --keys-only | LC_ALL=C sort
}

# Of the only pack.
pack_name() {
    s3 list | sed -n 's|^[0-9]* \(.*/packs/.*\)$|\1|p'
}

pack_bytes() {
    if in_folder; then
        stat -c %s "$(packs)"
    else
        s3 list | sed -n 's|^\([0-9]*\) .*/packs/.*$|\1|p'
    fi
}

# One byte of the only pack is another.
spoil_pack() {
    local pack=$T/pack
    if in_folder; then pack=$(packs); else s3 get "$(pack_name)" >"$pack"; fi
    printf x | dd of="$pack" bs=1 seek=40 conv=notrunc status=none
    in_folder || s3 put "$(pack_name)" "$pack"
}

# put_object NAME FILE
put_object() {
    if in_folder; then
        mkdir -p "$T/store" && cp "$2" "$T/store/$1"
    else
        s3 put "$1" "$2"
    fi
}

# From here on there is no folder, or no bucket.
break_store() {
    if in_folder; then
        rm -rf "$T/store" && : >"$T/store"
    else
        INPUT_STORE=${INPUT_STORE/$XC_TEST_RADOSGW_BUCKET/no-such-bucket}
    fi
}

# The event, with the repository's part added.
event() {
    python3 -c '
import json, sys
repository = {"full_name": "owner/name", "default_branch": "main"}
json.dump({"repository": repository} | json.loads(sys.argv[1]), open(sys.argv[2], "w"))
' "$1" "$GITHUB_EVENT_PATH"
}

# Run one entry point: act restore NAME=VALUE... Its log is in $output.
act() {
    local entry=$1
    shift
    : >"$GITHUB_OUTPUT"
    : >"$GITHUB_STATE"
    : >"$GITHUB_STEP_SUMMARY"
    status=0
    output=$(env "$@" "$XCACHE" action "$entry" 2>&1) || status=$?
}

# What the step left in a file, one NAME=VALUE a line, sorted.
values_of() {
    PYTHONPATH=$RUNNER python3 -c '
import sys
from files import read_values
for name, value in sorted(read_values(open(sys.argv[1], newline="").read()).items()):
    print(f"{name}={value}")' "$1"
}

# The outputs that actions/cache has, and the other ones.
outputs() {
    values_of "$GITHUB_OUTPUT" | grep -E '^cache-(hit|primary-key|matched-key)=' || true
}

# The states that actions/cache has.
states() {
    values_of "$GITHUB_STATE" | grep '^CACHE_' || true
}

# The names in a file of values, in one line, each as often as it stands there.
names_set() {
    sed -n 's/<<xcache_[0-9a-f]*$//p' "$1" | LC_ALL=C sort | paste -sd ' '
}

# Whether the log has exactly this line.
line() {
    grep -qxF -e "$1" <<<"$output" || fail "there is no line '$1' in: $output"
}

no_line_with() {
    lacks "$output" "$1"
}

# What a runner would obey: "name data", one a line, but for the hiding of the store's own keys.
commands() {
    PYTHONPATH=$RUNNER python3 -c '
import os, sys
from files import read_log
for name, data in read_log(sys.stdin.read())[0]:
    if data == os.environ.get("AWS_SECRET_ACCESS_KEY"):
        continue
    if name not in ("group", "endgroup", "debug"):
        print(name, data.replace("\n", "\\n"))' <<<"$output"
}

# Whether all that a runner would obey is one warning that begins so.
one_warning() {
    [[ $(commands) == "warning $1"* ]] || fail "no warning '$1': $(commands)"
    same "$(commands | wc -l)" 1
}

# The run is about a pull request whose head is this commit, of this repository: pull_request SHA [FULL-NAME]
pull_request() {
    export GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main
    event "{\"pull_request\": {\"head\": {\"sha\": \"$1\", \"repo\": {\"full_name\": \"${2:-owner/name}\"}}}}"
}

# See tests/servers/github.py: start_github KIND [MESSAGE]. The API is $GITHUB_API_URL, the process
# $github, and what it was asked is in $T/requests.
start_github() {
    rm -f "$T/port" "$T/requests"
    "$BATS_TEST_DIRNAME/../servers/github.py" "$T/port" "$T/requests" "$@" >/dev/null 2>&1 3>&- &
    github=$!
    until [ -s "$T/port" ]; do sleep 0.05; done
    GITHUB_API_URL=http://127.0.0.1:$(cat "$T/port")
    export GITHUB_API_URL
}
