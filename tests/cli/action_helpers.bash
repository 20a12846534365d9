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

# For tests that look into the store by themselves.
only_in_a_folder() {
    [[ $INPUT_STORE == file:* ]] || skip "this is about a store in a folder"
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
