#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Wrong usage: said clearly, with exit code 2, and without any effect.

load helpers

@test "the program starts" {
    ends 0 xc version
    [[ $output =~ ^xcache\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    same "$stderr" ""
    version=$output
    ends 0 xc --version
    same "$output" "$version"
    same "$(xc version --json | json 'd["name"] + " " + d["version"]')" "$version"
    same "$(xc version --json | json 'd["format"]')" 2
    # Not even without a home.
    ends 0 env -i "$XCACHE" version
}

@test "the program needs no libraries of the machine" {
    [ -n "${STATIC-set}" ] || skip "built with shared libraries"
    case $(ldd "$XCACHE" 2>/dev/null) in
    *libasan* | *libtsan*) skip "built with sanitizers" ;;
    esac
    ends 1 ldd "$XCACHE"
}

@test "a missing command is explained" {
    ends 2 xc
    has "$stderr" "Usage: xcache COMMAND"
    same "$output" ""
    ends 0 xc --help
    has "$output" "Usage: xcache COMMAND"
    ends 0 xc help
    ends 0 xc -h
}

@test "a mistyped command gets a suggestion" {
    ends 2 xc svae --key k --path p
    has "$stderr" "did you mean save?"
    ends 2 xc frobnicate
    has "$stderr" "there is no command frobnicate"
    lacks "$stderr" "did you mean"
    ends 2 xc --key k save
    has "$stderr" "the command comes first"
}

@test "a command's help succeeds and lists its options" {
    local command option
    declare -A options=(
        [save]="key path update level" [restore]="key restore-key path lookup-only legacy-layout"
        [lookup]="key restore-key path legacy-layout" [list]="key-prefix path keys-only"
        [inspect]="key path files" [remove]="key key-prefix all path"
        [stats]="fast" [verify]="key path all" [gc]="grace max-age max-size dry-run force" [doctor]="" [lifecycle]="days xml"
    )
    for command in "${!options[@]}"; do
        ends 0 xc "$command" --help
        same "$stderr" ""
        for option in ${options[$command]} store repository scope workspace jobs connections profile role-arn no-sign-request trace quiet verbose json help; do
            has "$output" "--$option"
        done
        has "$output" "Exit status:"
        help=$output
        ends 0 xc help "$command"
        same "$output" "$help"
        ends 0 xc "$command" -h
        same "$output" "$help"
        [ -z "$(awk 'length > 80' <<<"$help")" ] || fail "lines longer than 80 columns: $help"
    done
    ends 0 xc version --help
    ends 2 xc help frobnicate
}

@test "a missing path is reported" {
    for command in save restore lookup; do
        ends 2 xc "$command" --key k
        has "$stderr" "At least one directory or file path is required"
        ends 2 xc "$command" --key k --path $' \n'
        has "$stderr" "At least one directory or file path is required"
    done
    absent ../store
}

@test "a mistyped option is refused with a suggestion" {
    ends 2 xc save --kee k --path p
    has "$stderr" "unknown option --kee; did you mean --key?"
    ends 2 xc restore --key k --path p --lookup
    has "$stderr" "did you mean --lookup-only?"
    ends 2 xc save --key k --path p -Z
    has "$stderr" "unknown option -Z"
    ends 2 xc save --key k --path p --restore-key r
    has "$stderr" "unknown option --restore-key"
    ends 2 xc list --level 3
    has "$stderr" "unknown option --level"
    ends 2 xc save --key k --path p --update=yes
    has "$stderr" "--update takes no value"
}

@test "a word without an option is refused" {
    put p
    ends 2 xc save --key k p
    has "$stderr" "unexpected argument p"
    has "$stderr" "--path p"
    ends 2 xc save --key k --path p -- q
    has "$stderr" "unexpected argument q"
    ends 2 xc list some
    has "$stderr" "unexpected argument some"
    absent ../store
}

@test "an option without its value does not take the next option for it" {
    ends 2 xc save --path p --key
    has "$stderr" "--key needs a value"
    ends 2 xc save --key --path p
    has "$stderr" "--key needs a value, but the option --path follows"
    ends 2 xc save --key= --path p
    has "$stderr" "the value of --key is empty"
}

@test "numbers out of range, and what is no number, are refused" {
    put p
    for level in 0 20 -1 3x '' 99999999999999999999; do
        ends 2 xc save --key k --path p --level="$level"
        has "$stderr" "--level takes a number from 1 to 19"
    done
    for jobs in 0 257 -1 x ''; do
        ends 2 xc save --key k --path p --jobs="$jobs"
        has "$stderr" "--jobs takes a number from 1 to 256"
    done
    ends 2 xc save --key k --path p -j 0
    ends 2 xc save --key k --path p -j0
    absent ../store
    ends 0 xc save --key k --path p -j256 --level 19
}

@test "letters of options can be joined, and values can follow at once" {
    put p
    ends 0 xc save --key k --path p -qj2
    same "$output$stderr" ""
    ends 0 xc lookup --key=k --path=p -vq -j 2
    same "$output$stderr" ""
}

@test "an invalid store is explained" {
    put p
    for url in nonsense 'http://x/y' '' 'file://host/path' 'file:relative' 'file:///%zz' 'file:///a#b' \
        'file:///a?x=1' 's4://bucket'; do
        ends 2 xc save --key k --path p --store "$url"
        [ -n "$stderr" ] || fail "no message for $url"
    done
    ends 2 xc save --key k --path p --store "$T/store"
    has "$stderr" "file://$T/store"
    absent ../store
    ends 2 env -u XCACHE_STORE -u HOME "$XCACHE" save --key k --path p
    has "$stderr" "give --store"
}

@test "a store that is a file is refused" {
    put p
    put ../store file
    ends 1 xc lookup --key k --path p
    has "$stderr" "$T/store"
    ends 1 xc save --key k --path p
    has "$stderr" "$T/store"
}

@test "special characters in the store's URL are decoded" {
    put p
    xc save -q --key k --path p --store "file://$T/with%20space%2Fand%25"
    present "../with space/and%/local/default/entries"
    xc lookup -q --key k --path p --store "file://$T/with space/and%25"
}

@test "an empty XCACHE_STORE is an error, like an empty --store" {
    put p
    local value
    for value in '' ' ' $'\n'; do
        ends 2 env XCACHE_STORE="$value" "$XCACHE" save --key k --path p
        has "$stderr" "XCACHE_STORE is set but empty"
    done
    absent "$HOME/.cache"
    ends 2 env XCACHE_STORE="file://$T/store"$'\n' "$XCACHE" save --key k --path p
    has "$stderr" "white space"
}

@test "without XCACHE_STORE the store is a folder of the user's" {
    put p
    unset XCACHE_STORE
    xc save -q --key k --path p
    present "$HOME/.cache/xcache/local"
    export XDG_CACHE_HOME="$T/x d g"
    ends 3 xc lookup --key k --path p
    xc save -q --key k --path p
    present "$T/x d g/xcache/local"
    XDG_CACHE_HOME=relative ends 0 xc lookup --key k --path p
    absent relative
}

@test "paths that match nothing are an error" {
    ends 1 xc save --key k --path missing
    has "$stderr" "Path Validation Error: Path(s) specified in the action for caching do(es) not exist"
    ends 1 xc save --key k --path 'missing/**' --path '!x'
    put a
    ends 1 xc save --key k --path a --path '!a'
    same "$(count manifests)$(count packs)" 00
}

@test "a file that cannot be read fails the save" {
    admit_user
    put tree/open
    put tree/closed
    chmod 0 tree/closed
    chown -R 65534:65534 . 2>/dev/null || true
    ends 1 as_user "$XCACHE" save --key k --path tree
    has "$stderr" "tree/closed"
    has "$stderr" "Permission denied"
    same "$(count manifests)$(count packs)" 00
    same "$(find "$T/store" -type f 2>/dev/null)" ""
}

@test "a directory that cannot be read fails the save" {
    admit_user
    put tree/sub/file
    chmod 0 tree/sub
    chown -R 65534:65534 . 2>/dev/null || true
    ends 1 as_user "$XCACHE" save --key k --path tree
    has "$stderr" "tree/sub"
    has "$stderr" "Permission denied"
    same "$(count manifests)$(count packs)" 00
    chmod 755 tree/sub
}

@test "errors with --json are JSON" {
    local kind
    check() {
        kind=$1
        shift
        run_split "$@" --json
        [ "$status" -ne 0 ]
        same "$(json 'd["ok"], d["error"]["kind"]' <<<"$output")" "[false, \"$kind\"]"
        [ -n "$(json 'd["error"]["message"]' <<<"$output")" ]
        [ -n "$stderr" ]
    }
    check usage xc save --key k
    check usage xc save --key a,b --path p
    check usage xc save --kee x
    check usage xc restore --key k --path p extra
    check usage xc list --store nonsense
    check usage xc remove
    check no-match xc save --key k --path missing
    check not-found xc restore --key k --path missing
    check not-found xc lookup --key k --path missing
    check not-found xc inspect --key k
    check not-found xc remove --key k
    put ../file
    check io xc list --store "file://$T/file"
    check usage xc save --key $'\xff,' --path p
}
