#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Which files the --path lines mean, and where they are restored.

# shellcheck disable=SC2030,SC2031,SC2154 # run sets stderr, and each test has its own HOME
load helpers

# Save with path lines, empty the workspace, restore with the same lines.
bring_back() {
    xc save -q --key k "$@"
    find . -mindepth 1 -delete
    xc restore -q --key k "$@"
}

@test "a pattern matches what it should and nothing else" {
    put a.txt
    put b.txt
    put c.log
    put sub/d.txt
    put .hidden.txt
    bring_back --path '*.txt'
    same "$(names_below .)" "./.hidden.txt
./a.txt
./b.txt"
}

@test "a pattern over directories matches what it should and nothing else" {
    for file in p/node_modules/x p/src/y q/deep/node_modules/z node_modules/w; do put "$file"; done
    bring_back --path '**/node_modules'
    same "$(find . -type f | LC_ALL=C sort)" "./node_modules/w
./p/node_modules/x
./q/deep/node_modules/z"
}

@test "question marks and brackets are wildcards" {
    for file in f1 f2 f3 f10 'f[1]'; do put "$file"; done
    bring_back --path 'f[12]' --path 'f??'
    same "$(names_below .)" "./f1
./f10
./f2"
}

@test "a backslash makes a bracket literal" {
    for file in f1 'f[1]'; do put "$file"; done
    bring_back --path 'f\[1]'
    same "$(names_below .)" "./f[1]"
}

@test "an exclusion below a matched directory works" {
    put a/b/dropped
    put a/c/kept
    bring_back --path a --path '!a/b'
    same "$(names_below .)" "./a
./a/c
./a/c/kept"
}

@test "an exclusion by pattern works" {
    put a/keep.o
    put a/x.tmp
    put a/deep/er/y.tmp
    bring_back --path a --path '!a/**/*.tmp'
    same "$(find . -type f)" "./a/keep.o"
    present a/deep/er
}

@test "a line after an exclusion can include again" {
    put a/b/dropped
    put a/b/c/kept
    bring_back --path a --path '!a/b' --path a/b/c
    same "$(find . -type f)" "./a/b/c/kept"
}

@test "a restore neither removes nor replaces what was excluded" {
    put a/b/private saved
    put a/c one
    xc save -q --key k --path a --path '!a/b'
    printf changed >a/b/private
    printf two >a/c
    xc restore -q --key k --path a --path '!a/b'
    same "$(cat a/b/private)" changed
    same "$(cat a/c)" one
}

@test "comments and empty lines are no paths" {
    put a
    put '#b'
    bring_back --path $'# a comment\n\n  a  \n#b\r\n'
    same "$(names_below .)" "./a"
}

@test "several lines in one value are the same as one line each" {
    put a
    put b
    xc save -q --key k --path $'a\nb'
    xc lookup --key k --path a --path b
    ends 3 xc lookup --key k --path b --path a
}

@test "a file can be a path of its own" {
    put sub/deep/file content
    bring_back --path sub/deep/file
    same "$(cat sub/deep/file)" content
}

@test "a path within another is saved once" {
    put a/b/c
    bring_back --path a --path a/b --path a/b/c
    same "$(xc inspect --key k --files | wc -l)" 3
}

@test "a missing path does not keep the others from being saved" {
    put a
    bring_back --path missing --path a
    same "$(names_below .)" "./a"
}

@test "relative paths start at the job's workspace" {
    put sub/here wrong
    mkdir "$T/job"
    put "$T/job/here" right
    export GITHUB_WORKSPACE=$T/job
    cd sub
    xc save -q --key k --path here
    printf x >"$T/job/here"
    cd /
    xc restore -q --key k --path here
    same "$(cat "$T/job/here")" right
    same "$(cat "$T/ws/sub/here")" wrong
}

@test "--workspace overrides the job's" {
    put "$T/other/file" content
    GITHUB_WORKSPACE=$T/ws xc save -q --key k --path file --workspace "$T/other"
    xc restore -q --key k --path file
    same "$(cat file)" content
}

@test "the tilde is the home of whoever restores" {
    put "$HOME/.npm/x" content
    # shellcheck disable=SC2088 # the program is to expand it
    line='~/.npm'
    xc save -q --key k --path "$line"
    HOME=$T/elsewhere
    mkdir "$HOME"
    xc restore -q --key k --path "$line"
    same "$(cat "$T/elsewhere/.npm/x")" content
}

@test "a cache of the workspace restores into another workspace" {
    put tree/x content
    xc save -q --key k --path tree
    mkdir "$T/ws2"
    cd "$T/ws2"
    xc restore -q --key k --path tree
    same "$(cat tree/x)" content
}

@test "the whole workspace and the whole home can be paths" {
    put a/b
    put "$HOME/.c"
    xc save -q --key k --path . --path '~'
    find . "$HOME" -mindepth 1 -delete
    inode=$(stat -c %i .)
    xc restore -q --key k --path . --path '~'
    present a/b
    present "$HOME/.c"
    same "$(stat -c %i .)" "$inode"
}

@test "an absolute path outside of workspace and home is restored there" {
    put "$T/outside/dir/x" content
    xc save -q --key k --path "$T/outside/dir"
    rm -r "$T/outside"
    xc restore -q --key k --path "$T/outside/dir"
    same "$(cat "$T/outside/dir/x")" content
}

@test "an absolute path into the workspace or the home is restored where it was" {
    put a content
    put "$HOME/.c/x" home
    before=$HOME
    xc save -q --key k --path "$PWD/a" --path "$HOME/.c"
    has "$(xc inspect --key k --files)" " $PWD/a"
    rm -r a "$HOME/.c"
    mkdir "$T/elsewhere" "$T/other"
    HOME=$T/other xc restore -q --key k --path "$PWD/a" --path "$HOME/.c" \
        --workspace "$T/elsewhere"
    same "$(cat a)" content
    same "$(cat "$before/.c/x")" home
}

@test "a path below the home stays there, even if the workspace is there too" {
    put "$HOME/work/repo/x" content
    xc save -q --key k --path '~/work/repo/x' --workspace "$HOME/work/repo"
    rm -r "$HOME/work"
    mkdir "$T/elsewhere"
    xc restore -q --key k --path '~/work/repo/x' --workspace "$T/elsewhere"
    same "$(cat "$HOME/work/repo/x")" content
}

@test "a symlink as a path is saved as a symlink" {
    put real/x content
    ln -s real link
    bring_back --path link
    same "$(readlink link)" real
    absent real
}

@test "a path through the user's own symlink can be used" {
    put "$T/elsewhere/cache/x" content
    ln -s "$T/elsewhere" link
    xc save -q --key k --path link/cache
    rm -r "$T/elsewhere/cache"
    xc restore -q --key k --path link/cache
    same "$(cat "$T/elsewhere/cache/x")" content
    [ -L link ]
}

@test "two dots cannot lead out of the workspace" {
    put "$T/other/x"
    ends 2 xc save --key k --path ../other
    has "$stderr" "../other"
    same "$(count manifests)" 0
}

@test "a path of unusual bytes can be given" {
    name=$'a b\t"c"\xff'
    put "$name" content
    bring_back --path "$name"
    same "$(cat "$name")" content
}

@test "names that tar takes for options or escapes are saved" {
    local names=(-x --checkpoint-action=exec=false 'back\nslash\' $'line\nbreak' cache.tzst manifest.txt '@list')
    for name in "${names[@]}"; do put "$name" && put "tree/$name"; done
    before=$(names_below .)
    bring_back --path '*' --path='-x' --path 'back\\nslash\\'
    same "$(names_below .)" "$before"
    for name in "${names[@]}"; do same "$(cat -- "$name" "tree/$name")" "${name}tree/$name"; done
}

@test "a store within the path does not break saving or restoring" {
    put tree/x content
    export XCACHE_STORE=file://$T/ws/tree/store
    xc save -q --key k --path tree
    xc save -q --key k2 --path tree
    xc restore -q --key k2 --path tree
    same "$(cat tree/x)" content
}

@test "path lines that match nothing are reported" {
    put a content
    ends 0 xc save --key k --path a --path '$HOME/.gradle' --path '"~/.m2"' --path typo
    has "$stderr" "the path line \$HOME/.gradle matches nothing: nothing expands \$VARIABLE"
    has "$stderr" "matches nothing: quotes are part of the name"
    has "$stderr" "the path line typo matches nothing"
    has "$(xc save -q --key j --path a --path typo --json)" '"unmatched":["typo"]'
}

@test "a path that is a symlink is reported" {
    put "$T/disk/x" content
    ln -s "$T/disk" link
    ends 0 xc save --key k --path link
    has "$stderr" "/link is a symlink: only the link is saved"
    has "$stderr" "has no files"
}

@test "a save leaves out what no restore would follow" {
    put a/dist/f 1
    put "$HOME/out/pkg/dist/g" 2
    ln -s "$HOME/out" bazel-out
    ends 0 xc save --key k --path '**/dist'
    has "$stderr" "/bazel-out was not followed"
    rm -r a
    xc restore -q --key k --path '**/dist'
    same "$(cat a/dist/f)" 1
}
