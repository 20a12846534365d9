#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The policies of docs/policies/ allow what xcache needs and nothing else, on a
# server that enforces them.

# shellcheck disable=SC2154 # set by ends
load helpers
load servers

POLICIES=$BATS_TEST_DIRNAME/../../docs/policies
MAIN='octo-org%2Focto-repo/refs%2Fheads%2Fmain'
PULL='octo-org%2Focto-repo/refs%2Fpull%2F7%2Fmerge'
STRANGER='octo-org%2Fother/refs%2Fheads%2Fmain'

# A role from two of them, and an object of its own in each folder.
role_of() {
    local folder
    needs sts
    use_server radosgw
    for folder in "$MAIN" "$PULL" "$STRANGER"; do
        put here "$folder"
        s3 put "$folder/there" here
    done
    make_role "$POLICIES/$1.json" "$POLICIES/$2.json"
}

reads() {
    same "$(s3_with_keys get "$1/there")" "$1"
}

writes() {
    s3_with_keys put "$1/new" here && s3_with_keys remove "$1/new"
}

denied() {
    ends 1 "$@"
    has "$stderr" "HTTP 403"
}

lists() {
    S3_URL=${XCACHE_STORE/"$PREFIX?"/$PREFIX/octo-org%252Focto-repo?} s3_with_keys list
}

@test "default-branch.json lets main write its own folder only" {
    role_of trust-default-branch default-branch
    assume "$ROLE"
    reads "$MAIN"
    reads "$PULL"
    writes "$MAIN"
    has "$(lists)" "refs%2Fheads%2Fmain/there"
    denied writes "$PULL"
    denied writes "$STRANGER"
    denied reads "$STRANGER"
    denied s3_with_keys list
}

@test "pull-requests.json keeps pull requests from writing what main restores" {
    role_of trust-pull-requests pull-requests
    assume "$ROLE" ref=refs/pull/7/merge event_name=pull_request
    reads "$MAIN"
    writes "$PULL"
    denied writes "$MAIN"
    denied s3_with_keys remove "$MAIN/there"
}

@test "read-only.json lets no job write" {
    role_of trust-default-branch read-only
    assume "$ROLE"
    reads "$MAIN"
    denied writes "$MAIN"
    denied s3_with_keys remove "$MAIN/there"
}

@test "all-refs.json does not reach another repository" {
    role_of trust-default-branch all-refs
    assume "$ROLE"
    writes "$MAIN"
    writes "$PULL"
    denied writes "$STRANGER"
    denied reads "$STRANGER"
}

@test "all-refs.json allows gc in all scopes, and default-branch.json does not" {
    local scope repository=octo-org/octo-repo
    role_of trust-default-branch all-refs
    for scope in refs/heads/main refs/pull/7/merge; do
        put file "$scope"
        xc save -q --repository "$repository" --scope "$scope" --key k --path file
        xc remove -q --repository "$repository" --scope "$scope" --key k
    done
    XCACHE_STORE+="&sts-endpoint=${XC_TEST_RADOSGW_ENDPOINT//:/%3A}"
    sleep 2
    all=$ROLE
    make_role "$POLICIES/trust-default-branch.json" "$POLICIES/default-branch.json"
    assume "$ROLE"
    ends 1 xc gc --repository "$repository" --grace 0 --force
    has "$stderr" 403
    assume "$all"
    ends 0 xc gc --repository "$repository" --grace 0 --force
    same "$(s3 list | grep -c /packs/ || true)" 0
    ends 0 xc stats --repository "$repository"
}

@test "trust policies accept a repository with and without its IDs" {
    role_of trust-default-branch read-only
    (assume "$ROLE" && reads "$MAIN")
    (assume "$ROLE" "$(with_ids ref:refs/heads/main)" && reads "$MAIN")
    # Who takes the name of a repository that is gone has other IDs.
    denied assume "$ROLE" "$(with_ids ref:refs/heads/main 65 75)"
    denied assume "$ROLE" "$(with_ids ref:refs/heads/main 66 74)"
    denied assume "$ROLE" "$(with_ids ref:refs/heads/topic)"
    denied assume "$ROLE" "$(with_ids pull_request)"
    denied assume "$ROLE" environment=production
    make_role "$POLICIES/trust-pull-requests.json" "$POLICIES/read-only.json"
    (assume "$ROLE" event_name=pull_request && reads "$MAIN")
    (assume "$ROLE" "$(with_ids pull_request)" && reads "$MAIN")
    denied assume "$ROLE" "$(with_ids ref:refs/heads/main)"
}

@test "trust policies give the role to no other job" {
    role_of trust-default-branch read-only
    denied assume "$ROLE" ref=refs/heads/topic
    denied assume "$ROLE" event_name=pull_request
    denied assume "$ROLE" repository=octo-org/other
    make_role "$POLICIES/trust-pull-requests.json" "$POLICIES/read-only.json"
    denied assume "$ROLE"
}

@test "trust-merge-queue.json lets the queue of main read, and no other job" {
    local queue=refs/heads/gh-readonly-queue/main/pr-7-0123456789abcdef0123456789abcdef01234567
    role_of trust-merge-queue read-only
    (assume "$ROLE" ref=$queue event_name=merge_group && reads "$MAIN")
    (assume "$ROLE" "$(with_ids ref:$queue)" && reads "$MAIN" && denied writes "$MAIN")
    denied assume "$ROLE"
    denied assume "$ROLE" event_name=pull_request
    denied assume "$ROLE" ref=refs/heads/gh-readonly-queue/other/pr-7
    denied assume "$ROLE" ref=$queue repository=octo-org/other
    # The queue is not the default branch.
    make_role "$POLICIES/trust-default-branch.json" "$POLICIES/read-only.json"
    denied assume "$ROLE" ref=$queue event_name=merge_group
}
