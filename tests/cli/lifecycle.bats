#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rules that xcache prints for a bucket, on a server whose days last two seconds.

# shellcheck disable=SC2154 # set by ends
load helpers
load servers

# Until a command prints nothing, for at most 20 s.
soon_empty() {
    local tries=0
    until [ -z "$("$@")" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "still there: $("$@")"
        sleep 0.2
    done
}

@test "the rules remove old entries and abandoned parts, and nothing else" {
    use_server radosgw
    put tree/file
    ends 0 xc save --key old --path tree
    s3 put other tree/file
    local upload
    upload=$(s3 begin abandoned)
    [ -n "$upload" ]
    [ -n "$(s3 uploads)" ]
    # Beside the prefix nothing goes: "other" stands in another folder.
    ends 0 xc lifecycle --store "${XCACHE_STORE/"$PREFIX?"/$PREFIX/local?}" --days 1 --xml
    printf '%s' "$output" >rules.xml
    s3 lifecycle rules.xml
    soon_empty xc list --keys-only
    has "$(s3 list)" other
    ends 0 xc lifecycle --days 1 --xml
    printf '%s' "$output" >rules.xml
    s3 lifecycle rules.xml
    soon_empty s3 uploads
    soon_empty s3 list
    s3 no-lifecycle
}

@test "the rules are JSON, for the store's own folder" {
    ends 0 xc lifecycle --store 's3://bucket/a%20b/?region=x'
    same "$(json 'd["Rules"][0]["Filter"]["Prefix"]' <<<"$output")" "a b/"
    same "$(json 'd["Rules"][0]["Expiration"]["Days"]' <<<"$output")" 14
    ends 0 xc lifecycle --store s3://bucket --days 30
    same "$(json 'd["Rules"][0]["Filter"]["Prefix"]' <<<"$output")" ""
    same "$(json 'd["Rules"][0]["Expiration"]["Days"]' <<<"$output")" 30
    ends 2 xc lifecycle --store file:///tmp/x
    has "$stderr" "only buckets have lifecycle rules"
}
