# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests against the servers that tests/run starts; to be loaded after
# helpers, whose functions it uses.

SERVERS=$BATS_TEST_DIRNAME/../servers

# Skip the test unless a server is there: needs radosgw, swift, oidc, or sts
# (roles of radosgw for tokens of oidc).
needs() {
    local url=XC_TEST_${1^^}_URL
    [ -n "${!url:-}" ] || skip "no server: $1"
}

# use_server radosgw|swift [tls]: a folder of its own in the bucket as XCACHE_STORE, and the
# owner's keys in the environment.
use_server() {
    needs "$1"
    local url=XC_TEST_${1^^}_${2:+TLS_}URL
    S3_OWNER=XC_TEST_${1^^}
    # Not only numbers of this run: the server may be an earlier run's as well.
    PREFIX=test-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    S3_URL=${!url/\/\?//$PREFIX?}
    export XCACHE_STORE=$S3_URL
    [ -z "${2:-}" ] || export AWS_CA_BUNDLE=$XC_TEST_CA
    use_keys "${S3_OWNER}_KEY" "${S3_OWNER}_SECRET"
}

# The keys that two variables hold: use_keys XC_TEST_RADOSGW_OTHER_KEY XC_TEST_RADOSGW_OTHER_SECRET
use_keys() {
    export AWS_ACCESS_KEY_ID=${!1} AWS_SECRET_ACCESS_KEY=${!2}
    unset AWS_SESSION_TOKEN
}

no_keys() {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
}

# What the server holds, by a client that is not xcache: s3 list, s3 get NAME, s3 put NAME FILE,
# s3 remove NAME, s3 uploads, s3 clear, s3 policy FILE; see s3.py --help. Names are relative to
# the test's folder. It asks the server itself with the owner's keys, whatever XCACHE_STORE and the
# environment say by now.
s3() {
    local command=$1
    shift
    (
        use_keys "${S3_OWNER}_KEY" "${S3_OWNER}_SECRET"
        export AWS_CA_BUNDLE=${XC_TEST_CA:-}
        "$SERVERS/s3.py" "$command" "$S3_URL" "$@"
    )
}

# The same with the keys of the environment.
s3_with_keys() {
    local command=$1
    shift
    "$SERVERS/s3.py" "$command" "$S3_URL" "$@"
}

# No multipart upload was left behind, which nobody would see and the owner would pay for.
no_open_uploads() {
    same "$(s3 uploads)" ""
}

# As in a job of GitHub Actions that may write id-tokens. Arguments are claims: as_job ref=refs/heads/x
as_job() {
    needs oidc
    local url=$XC_TEST_OIDC_URL claim
    for claim in "$@"; do url+="&$claim"; done
    export GITHUB_ACTIONS=true ACTIONS_ID_TOKEN_REQUEST_URL=$url
    export ACTIONS_ID_TOKEN_REQUEST_TOKEN=$XC_TEST_OIDC_TOKEN
}

# The claim of a repository whose identity has IDs: with_ids WHAT [OWNER_ID REPO_ID]
with_ids() {
    echo "sub=repo:octo-org@${2:-65}/octo-repo@${3:-74}:$1"
}

# make_role TRUST POLICY: a role of radosgw from two files of JSON with the placeholders of
# docs/policies/; its ARN is in ROLE.
make_role() {
    local file
    needs sts
    for file in "$1" "$2"; do
        sed -e "s|arn:[a-z:]*:ACCOUNT:oidc-provider/[a-z.]*|$XC_TEST_STS_PROVIDER|" \
            -e "s|token.actions.githubusercontent.com|$XC_TEST_STS_HOST|" \
            -e "s|OWNER_ID|65|g; s|REPO_ID|74|g; s|ORG|octo-org|g; s|REPO|octo-repo|g" \
            -e "s|BUCKET|$XC_TEST_RADOSGW_BUCKET|g; s|PREFIX|$PREFIX|g" "$file" \
            >"$T/${file##*/}.filled"
    done
    # shellcheck disable=SC2034 # for the caller
    ROLE=$(s3 role "role-$PREFIX-$RANDOM" "$T/${1##*/}.filled" "$T/${2##*/}.filled")
}

# assume ROLE [CLAIM...]: the keys of the environment are a role's, for a job with these claims.
assume() {
    local keys
    as_job "${@:2}"
    keys=$(s3 assume "$1" "$("$SERVERS/oidc.py" token)") || return
    eval "export $(tr '\n' ' ' <<<"$keys")"
}
