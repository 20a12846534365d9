#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A pack is an archive of its own that other programs can read, and the same
# tree gives the same pack.

# shellcheck disable=SC2154 # set by run
load helpers

# Save tree/, then unpack the pack by tar into ../by-tar.
unpack_by_tar() {
    xc save --key k --path tree -q
    mkdir ../by-tar
    zstd -dcq "$(packs)" |
        tar -xp -C ../by-tar --same-owner --xattrs --xattrs-include='user.*' --delay-directory-restore
}

compare_with_tar() {
    mktree "$1" tree
    unpack_by_tar
    same_tree --seconds "${@:2}" tree ../by-tar/tree
}

@test "tar unpacks a plain tree" {
    compare_with_tar plain
}

@test "tar keeps modes" {
    is_root || skip "tar would drop the set-id bits"
    compare_with_tar modes
}

@test "tar keeps owners" {
    need_root
    compare_with_tar owners
}

@test "tar keeps times" {
    compare_with_tar times
}

@test "tar keeps links" {
    mktree plain tree
    mktree links tree/links
    mktree hard tree/hard
    unpack_by_tar
    same_tree --seconds tree ../by-tar/tree
}

@test "tar keeps sparse files" {
    compare_with_tar sparse
}

@test "tar keeps extended attributes" {
    is_root || skip "tar fails at those of read-only files"
    compare_with_tar xattrs
}

@test "tar keeps names" {
    compare_with_tar names
}

@test "tar keeps a file of several segments" {
    compare_with_tar big
}

@test "tar keeps a file exactly as long as a segment" {
    compare_with_tar edges
}

@test "tar warns of nothing" {
    mktree plain tree
    for kind in modes times links hard sparse deep big; do mktree "$kind" "tree/$kind"; done
    xc save --key k --path tree -q
    zstd -dcq "$(packs)" >../whole.tar
    ends 0 tar -tf ../whole.tar
    same "$stderr" ""
    has "$output" "./tree/sub/c.txt"
}

@test "bsdtar and zstd find no fault in a pack" {
    mktree plain tree
    for kind in modes times links hard sparse names deep big; do mktree "$kind" "tree/$kind"; done
    xc save --key k --path tree -q
    zstd -tq "$(packs)"
    bsdtar -tf "$(packs)" >../listing
    grep -qx './tree/sub/c.txt' ../listing
    same "$(grep -c . <(xc inspect --key k --files))" "$(bsdtar -tf "$(packs)" | grep -c ^./tree)"
}

@test "the seek table describes the frames" {
    mktree big tree
    xc save --key k --path tree -q
    run "$BATS_TEST_DIRNAME/../tools/seekable.py" "$(packs)"
    echo "$output"
    [ "$status" -eq 0 ]
    # 20 MB in segments of 4 or 8 MiB, and the archive's end.
    [ "${output% *}" -ge 4 ]
    [ "${output#* }" -ge 1 ]
}

@test "other programs can read a pack from its middle" {
    mktree big tree
    xc save --key k --path tree -q
    offset=$(python3 -c '
import struct, sys
pack = open(sys.argv[1], "rb").read()
count = struct.unpack("<I", pack[-9:-5])[0]
print(struct.unpack("<II", pack[len(pack) - 9 - 8 * count:][:8])[0])' "$(packs)")
    dd if="$(packs)" bs=1M iflag=skip_bytes skip="$offset" status=none | zstd -dcq >../rest
    [ "$(stat -c %s ../rest)" -gt 10000000 ]
}

@test "the pack is the same with any number of threads" {
    mktree plain tree
    for kind in modes links hard sparse names many big; do mktree "$kind" "tree/$kind"; done
    for jobs in 1 2 7; do
        XCACHE_STORE=file://$T/store-$jobs xc save --key k --path tree -q -j "$jobs"
        find "$T/store-$jobs" -name '*.tar.zst' -exec mv {} "$T/pack-$jobs" \;
    done
    cmp ../pack-1 ../pack-2
    cmp ../pack-1 ../pack-7
}

@test "a copy of a tree gives the same pack" {
    mktree plain tree
    mktree names tree/names
    mkdir -p "$T/other"
    cp -a tree "$T/other/tree"
    xc save --key k --path tree -q
    cp "$(packs)" ../one
    rm -r ../store
    xc save --key k --path tree -q --workspace "$T/other"
    cmp "$(packs)" ../one
}

@test "a higher level compresses better" {
    mkdir tree
    seq 1 300000 >tree/numbers
    XCACHE_STORE=file://$T/fast xc save --key k --path tree -q --level 1
    XCACHE_STORE=file://$T/small xc save --key k --path tree -q --level 9
    [ "$(du -s ../small | cut -f1)" -lt "$(du -s ../fast | cut -f1)" ]
    mv tree ../original
    XCACHE_STORE=file://$T/small xc restore --key k --path tree -q
    same_tree ../original tree
}
