#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Without any key of its own a job of GitHub Actions gets a role by its
# identity: token endpoint, STS and S3, all of it by xcache itself.

# shellcheck disable=SC2154 # set by ends
load helpers
load servers

POLICIES=$BATS_TEST_DIRNAME/../../docs/policies

# A role that two of the policies make, and no other credentials: job TRUST POLICY [CLAIM...]
job() {
    needs sts
    use_server radosgw
    make_role "$POLICIES/$1.json" "$POLICIES/$2.json"
    no_keys
    as_job "${@:3}"
    export AWS_ENDPOINT_URL_STS=$XC_TEST_RADOSGW_ENDPOINT AWS_EC2_METADATA_DISABLED=true
    export GITHUB_REPOSITORY=octo-org/octo-repo
}

@test "a job saves and restores with only its identity" {
    job trust-default-branch default-branch
    export GITHUB_REF=refs/heads/main
    put a/one
    put a/two/three
    ends 0 xc save --trace --role-arn "$ROLE" --key k --path a
    lacks "$output$stderr" "$ACTIONS_ID_TOKEN_REQUEST_TOKEN"
    mv a b
    ends 0 xc restore --role-arn "$ROLE" --key k --path a
    same_tree b a
    ends 0 xc doctor --role-arn "$ROLE"
    has "$output" "by GitHub's OIDC token"
    has "$output" "A save and a restore would work."
}

@test "a pull request uses main's caches and cannot change them" {
    job trust-default-branch default-branch
    local main_role=$ROLE
    put a/one
    put a/two/three
    GITHUB_REF=refs/heads/main ends 0 xc save --role-arn "$main_role" --key k --path a
    use_keys "${S3_OWNER}_KEY" "${S3_OWNER}_SECRET"
    make_role "$POLICIES/trust-pull-requests.json" "$POLICIES/pull-requests.json"
    no_keys
    as_job ref=refs/pull/7/merge event_name=pull_request
    export GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main
    mv a b
    ends 0 xc restore --role-arn "$ROLE" --key k --path a
    same_tree b a
    # Its own folder is its own.
    ends 0 xc save --role-arn "$ROLE" --key k --path a
    # Main's is not.
    ends 1 xc save --role-arn "$ROLE" --scope refs/heads/main --key other --path a
    has "$stderr" s3:PutObject
    ends 1 xc remove --role-arn "$ROLE" --scope refs/heads/main --key k
    ends 0 xc lookup --role-arn "$ROLE" --scope refs/heads/main --key k --path a
    # Nor does the role of main come to a pull request.
    ends 1 xc lookup --role-arn "$main_role" --key k --path a
    has "$stderr" "$main_role"
}

@test "a job of a repository whose identity has IDs saves and restores" {
    job trust-default-branch default-branch "$(with_ids ref:refs/heads/main)"
    export GITHUB_REF=refs/heads/main
    put a/one
    ends 0 xc save --role-arn "$ROLE" --key k --path a
    mv a b
    ends 0 xc restore --role-arn "$ROLE" --key k --path a
    same_tree b a
}

@test "a job without permission for tokens gets an error that names it" {
    job trust-default-branch default-branch
    unset ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN
    ends 1 xc lookup --role-arn "$ROLE" --key k --path a
    has "$stderr" "id-token: write"
}
