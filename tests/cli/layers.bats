#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Entries of several layers, crafted from entries of one.

# shellcheck disable=SC2154 # set by run
load helpers

# Save tree/ as it is now, under a key.
layer() {
    xc save -q --key "$1" --path tree
}

manifest() {
    manifests | grep "/$1\$"
}

# An entry "both" of the layers "old" and "new".
combine() {
    cp "$(manifest old)" "$T/both"
    sed -i 's/"key": *"old"/"key":"both"/' "$T/both"
    cp "$T/both" "$(dirname "$(manifest old)")/both"
    XCACHE=$XCACHE "$BATS_TEST_DIRNAME/../tools/layers.py" "$(manifest both)" \
        "$(manifest old)" "$(manifest new)" "$@"
}

@test "a newer layer overrides an older one, and members of only the older one stay" {
    put tree/same one
    put tree/changed one
    put tree/sub/old-only one
    put tree/sub/changed one
    layer old
    rm -r tree
    put tree/changed two
    put tree/sub/changed two
    put tree/sub/deeper/new-only two
    ln -s same tree/link
    layer new
    # tree, changed, sub and sub/changed.
    same "$(combine)" "4 0"
    put tree/same one
    put tree/sub/old-only one
    # As tar would, the newer layer's directories have its times.
    mv tree ../expected
    xc restore -q --key both --path tree
    same_tree --no-times ../expected tree
    same "$(xc inspect --key both --json | json '[l["dead"] for l in d["layers"]]')" "[4, 0]"
    same "$(xc inspect --key both --files | grep -c changed)" 2
}

@test "directories of an older layer keep what a newer one adds" {
    mktree plain tree
    mktree times tree/times
    layer old
    printf two >tree/a.txt
    printf two >tree/sub/new
    layer new
    combine --keep-dirs
    cp -a tree ../expected
    rm -r tree
    xc restore -q --key both --path tree
    same_tree --no-dir-times ../expected tree
}

@test "a directory takes the mode and the time of the newer layer" {
    mkdir -p tree/sub/inner
    put tree/sub/inner/old one
    put tree/sub/old one
    chmod 700 tree tree/sub
    chmod 500 tree/sub/inner
    layer old
    chmod 700 tree/sub/inner
    rm -r tree
    put tree/sub/inner/new two
    chmod 755 tree tree/sub tree/sub/inner
    touch -d 2001-02-03T04:05:06.789 tree tree/sub tree/sub/inner
    layer new
    combine
    for i in 1 2 3 4 5; do
        rm -r tree
        xc restore -q --key both --path tree -j "$i"
        same "$(stat -c '%a %y' tree tree/sub tree/sub/inner | cut -c1-27 | sort -u)" \
            "755 2001-02-03 04:05:06.789"
        present tree/sub/old
        present tree/sub/inner/old
    done
}

@test "an older layer's large files, links and attributes are restored" {
    mktree plain tree
    for kind in hard links sparse big names; do mktree "$kind" "tree/$kind"; done
    layer old
    mv tree ../expected
    mkdir tree
    put tree/new two
    layer new
    rm -r tree
    put ../expected/new two
    combine
    xc restore -q --key both --path tree
    same_tree --no-times ../expected tree
}

@test "a layer without live members is ignored" {
    mktree plain tree
    layer old
    layer new
    same "$(combine)" "8 0"
    mv tree ../original
    xc restore -q --key both --path tree
    same_tree ../original tree
}

@test "a directory replaces an older layer's file" {
    put tree/thing file
    layer old
    rm tree/thing
    put tree/thing/inside two
    layer new
    combine
    mv tree ../expected
    xc restore -q --key both --path tree
    same_tree ../expected tree
}

@test "a member that is alive in two layers is refused" {
    put tree/a one
    layer old
    printf two >tree/a
    layer new
    combine
    python3 - "$(manifest both)" <<'END'
import json, sys
manifest = json.load(open(sys.argv[1]))
del manifest["layers"][0]["dead"]
manifest["totals"].update(files=2, directories=2, bytes=6)
json.dump(manifest, open(sys.argv[1], "w"))
END
    rm -r tree
    ends 1 xc restore --key both --path tree
    has "$stderr" "twice"
    same "$(ls -A)" ""
}

@test "an invalid list of dead members is refused" {
    put tree/a one
    layer old
    for dead in AA== AQA= AAM= /w== gA== '!' AAEAAQ== AQEA; do
        python3 - "$(manifest old)" "$dead" <<'END'
import json, sys
manifest = json.load(open(sys.argv[1]))
manifest["layers"][0]["dead"] = sys.argv[2]
json.dump(manifest, open(sys.argv[1], "w"))
END
        ends 1 xc restore --key old --path tree
        has "$stderr" '"dead"'
    done
}
