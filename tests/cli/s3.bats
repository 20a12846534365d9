#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Stores in S3 do all that a folder does, on servers that differ.

# shellcheck disable=SC2030,SC2031 # each test has a shell of its own
# shellcheck disable=SC2154 # set by ends
load helpers
load servers

KINDS="modes times links hard sparse names deep many big"

# everything SERVER [tls]: each command once, on a tree of all kinds.
everything() {
    local kind
    use_server "$@"
    mktree plain tree
    for kind in $KINDS; do mktree "$kind" "tree/$kind"; done
    ends 0 xc save --key linux-1 --path tree
    has "$output" "Saved linux-1"
    ends 0 xc save --key linux-1 --path tree
    has "$output" "already"
    ends 0 xc restore --lookup-only --key linux-1 --path tree
    mv tree ../original
    ends 0 xc restore --key linux-2 --restore-key linux- --path tree
    same_tree ../original tree
    # Into a tree that is there, and with one thread and one connection.
    rm -r tree/many
    ends 0 xc restore -j1 --connections 1 --key linux-1 --path tree
    same_tree ../original tree
    ends 3 xc restore --key other --path tree
    ends 0 xc inspect --key linux-1 --files
    has "$output" tree/many
    put tree/new
    ends 0 xc save --update --key linux-1 --path tree
    rm tree/new
    ends 0 xc restore --key linux-1 --path tree
    present tree/new
    ends 0 xc list --keys-only
    same "$output" linux-1
    ends 0 xc remove --key linux-1
    ends 3 xc lookup --key linux-1 --path tree
    no_open_uploads
    # As packs are valid archives, they need no xcache.
    s3 get "$(s3 list | sed -n 's/^[0-9]* \(.*\.tar\.zst\)$/\1/p' | head -1)" >pack.tar.zst
    zstd -dcq pack.tar.zst | tar -t >/dev/null
    s3 clear
}

@test "everything works over http with Ceph" {
    everything radosgw
}

@test "everything works over https with Ceph" {
    everything radosgw tls
}

@test "everything works with Swift" {
    everything swift
}

@test "a bucket in the host name is found" {
    use_server radosgw
    put tree/file
    local port=${XC_TEST_RADOSGW_ENDPOINT##*:}
    XCACHE_STORE="s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX?style=virtual&endpoint=http://s3.localhost:$port"
    # Names below localhost are in no file, and a name server need not know them.
    http_proxy=http://127.0.0.1:$port ends 0 xc save --key k --path tree
    rm -r tree
    http_proxy=http://127.0.0.1:$port ends 0 xc restore --key k --path tree
    present tree/file
}

@test "of several saves at the same time exactly one wins" {
    local i winners=0
    use_server radosgw
    for i in 1 2 3 4; do
        put "$i/tree/file" "$i"
        (cd "$i" && xc save --key k --path tree >../out.$i 2>&1) &
    done
    wait
    for i in 1 2 3 4; do
        ! grep -q "^Saved k" out.$i || winners=$((winners + 1))
    done
    same "$winners" 1
    ends 0 xc restore --key k --path tree
    grep -q "^Saved k" "out.$(cat tree/file)"
    # The packs of the others are gone.
    same "$(s3 list | grep -c /packs/)" 1
    no_open_uploads
}

@test "encryption is requested" {
    use_server radosgw
    put tree/file
    XCACHE_STORE+="&sse=aws:kms&kms-key=test-1"
    ends 0 xc save --key k --path tree
    rm -r tree
    ends 0 xc restore --key k --path tree
    present tree/file
    has "$(s3 head "$(s3 list | sed -n 's/^[0-9]* \(.*\.tar\.zst\)$/\1/p')")" "aws:kms"
}
