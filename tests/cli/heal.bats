#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Entries that are there and cannot be used: what still works beside them, and what replaces them.

load helpers
load servers
load action_helpers
load proxy

later_teardown() {
    stop_proxies
    [ -z "${page:-}" ] || kill "$page" 2>/dev/null || true
}

teardown() {
    later_teardown
    cd / || return
    is_root || chmod -R u+rwX "$T"
    rm -rf "$T"
}

save_text() {
    put tree/file "$2"
    xc save -q --key "$1" --path tree "${@:3}"
    tick
}

# How an entry may be broken, of the only one that the store holds.
break_entry() {
    case $1 in
    "no pack") rm "$(packs)" ;;
    "a pack that was cut short") truncate -s -1 "$(packs)" ;;
    "an empty manifest") : >"$(manifests)" ;;
    "a page for a manifest") echo '<html>' >"$(manifests)" ;;
    "a manifest without an end") truncate -s 100 "$(manifests)" ;;
    esac
}

BREAKAGES=("no pack" "a pack that was cut short" "an empty manifest" "a page for a manifest"
    "a manifest without an end")

@test "a save replaces the broken entry of its key" {
    for how in "${BREAKAGES[@]}"; do
        rm -rf "$T/store"
        save_text k old
        break_entry "$how"
        put tree/file new
        ends 0 xc save --key k --path tree
        has "$stderr" "warning: replaced the broken entry of this key: "
        rm -r tree
        xc restore -q --key k --path tree
        same "$(cat tree/file)" new
        # Now it is sound, and stays.
        put tree/file third
        ends 0 xc save --key k --path tree
        lacks "$stderr" broken
        xc restore -q --key k --path tree
        same "$(cat tree/file)" new
    done
}

@test "a tombstone names the packs of a broken entry that was replaced" {
    save_text k old
    truncate -s -1 "$(packs)"
    local pack
    pack=$(basename "$(packs)" .tar.zst)
    put tree/file new
    xc save -q --key k --path tree
    has "$(cat $(tombstones))" "$pack"
}

@test "a good entry and one of another format are kept" {
    save_text k old
    sed -i 's/"xcache":1/"xcache":3/; s/"xcache": 1/"xcache": 3/' "$(manifests)"
    local before
    before=$(store_digest)
    put tree/file new
    ends 0 xc save --key k --path tree
    same "$(store_digest)" "$before"
}

@test "a broken entry of another scope is not replaced" {
    save_text k old --scope base
    break_entry "an empty manifest"
    put tree/file new
    xc save -q --key k --path tree --scope own
    same "$(count manifests)" 2
    same "$(find "$T/store" -path '*entries*' -empty -type f | wc -l)" 1
}

@test "a broken entry gives way to the next good one: restore keys, older ones, other scopes" {
    for how in "${BREAKAGES[@]}" spoilt; do
        rm -rf "$T/store"
        save_text k-1 good
        mv "$T/store" "$T/aside"
        save_text k-2 bad
        if [ "$how" = spoilt ]; then
            printf x | dd of="$(packs)" bs=1 seek=40 conv=notrunc status=none
        else
            break_entry "$how"
        fi
        cp -a "$T/aside/." "$T/store/"
        rm -r "$T/aside" tree
        for args in "--key k-2 --restore-key k-1" "--key k-2 --restore-key k-" "--key k-"; do
            rm -rf tree
            # shellcheck disable=SC2086 # several options
            ends 0 xc restore $args --path tree
            has "$stderr" "warning: a broken entry in scope default was skipped: "
            same "$(cat tree/file)" good
        done
        rm -rf tree
        # Alone it is an error, which says how to be rid of it.
        ends 1 xc restore --key k-2 --path tree
        has "$stderr" 'hint: "xcache remove --key k-2 --scope default" removes it'
        absent tree
        put tree/file good
        xc save -q --key k-2 --path tree --scope base
        rm -r tree
        ends 0 xc restore --key k-2 --path tree --scope default --scope base
        same "$(cat tree/file)" good
    done
}

@test "a lookup passes over entries whose pack is gone or cut short" {
    for how in "no pack" "a pack that was cut short"; do
        rm -rf "$T/store"
        save_text k-1 bad
        break_entry "$how"
        ends 1 xc lookup --key k-1 --path tree
        ends 1 xc restore --lookup-only --key k-1 --path tree
        save_text k-2 good
        ends 0 xc lookup --key k-1 --restore-key k- --path tree --json
        same "$(json 'd["key"]' <<<"$output")" k-2
        has "$stderr" "warning: a broken entry"
    done
}

@test "the hint names the entry that was found, not the key that was asked for" {
    save_text npm-old bad
    : >"$(manifests)"
    ends 1 xc restore --key npm-new --restore-key npm- --path tree
    has "$stderr" 'hint: "xcache remove --key npm-old --scope default"'
    lacks "$stderr" npm-new
    ends 0 xc remove --key npm-old --scope default
}

@test "a store in which everything is broken is given up soon" {
    for i in $(seq 20); do xc save -q --key "k-$i" --path "$(put tree/file "$i" && echo tree)"; done
    while read -r manifest; do : >"$manifest"; done < <(manifests)
    ends 1 xc restore --key k- --path tree
    same "$(grep -c hint: <<<"$stderr")" 9
}

@test "a broken pack that a restore step met is replaced by the save step of the same job" {
    in_workflow
    export RUNNER_TEMP=$T/temp
    mkdir "$RUNNER_TEMP"
    put tree/file text
    act save INPUT_KEY=k INPUT_PATH=tree
    spoil_pack
    act restore INPUT_KEY=k INPUT_PATH=tree
    one_warning "Failed to restore: cannot restore key k: "
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
    has "$output" "Replaced the broken entry of this key: "
    rm -r tree
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
    same "$(cat tree/file)" text
    # Nothing is left of it in the folder but the time of the build.
    same "$(find "$RUNNER_TEMP" -name 'xcache-broken-*')" ""
}

@test "a false note that an entry is broken does not replace it" {
    in_workflow
    export RUNNER_TEMP=$T/temp
    mkdir "$RUNNER_TEMP"
    put tree/file text
    act save INPUT_KEY=k INPUT_PATH=tree
    cp "$(packs)" ../sound
    spoil_pack
    act restore INPUT_KEY=k INPUT_PATH=tree
    present "$RUNNER_TEMP"/xcache-broken-*
    cp ../sound "$(packs)"
    local before
    before=$(store_digest)
    act save INPUT_KEY=k INPUT_PATH=tree
    has "$output" "Cache already exists. "
    same "$(store_digest)" "$before"
}

@test "a broken entry beside a good older one is a hit with a warning" {
    in_workflow
    put tree/file old
    act save INPUT_KEY=k-1 INPUT_PATH=tree
    tick
    mv "$T/store" "$T/aside"
    put tree/file new
    act save INPUT_KEY=k-2 INPUT_PATH=tree
    : >"$(manifests)"
    cp -a "$T/aside/." "$T/store/"
    rm -r tree
    act restore INPUT_KEY=k-2 INPUT_RESTORE_KEYS=k- INPUT_PATH=tree
    line "Cache restored from key: k-1"
    one_warning "A broken cache entry in scope refs/heads/main was skipped: "
    same "$(cat tree/file)" old
}

# A server that says the same to everything: page BODY
start_page() {
    python3 - "$T/port" "$1" >/dev/null 2>&1 3>&- <<'PY' &
import http.server, os, socketserver, sys
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(sys.argv[2])))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sys.argv[2].encode())
    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 0), Page)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
PY
    page=$!
    until [ -s "$T/port" ]; do sleep 0.05; done
}

@test "a save to a page that answers 200 to everything fails" {
    start_page '<html>Sign in</html>'
    export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
    export XCACHE_STORE="s3://b/p?region=us-east-1&endpoint=http://127.0.0.1:$(cat "$T/port")"
    put tree/file text
    for update in "" --update; do
        # shellcheck disable=SC2086 # none or one
        ends 1 xc save -q $update --key k --path tree
        has "$stderr" "this does not look like S3"
    done
}

@test "concurrent updates of a key leave no pack that nothing names" {
    for round in $(seq 8); do
        rm -rf "$T/store"
        local pids=() pid
        for i in 1 2 3 4; do
            put "$i/tree/file" "$round $i"
            "$XCACHE" save -q --update --key k --path tree --workspace "$PWD/$i" 3>&- &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid"; done
        # Whoever comes too late leaves nothing.
        same "$(count packs)" "$(($(count tombstones) + 1))"
        while read -r pack; do
            grep -qr "$(basename "$pack" .tar.zst)" "$T/store" --exclude-dir=packs || fail "nothing names $pack"
        done < <(packs)
    done
}

@test "concurrent updates and removals of a key leave no pack that nothing names" {
    for round in $(seq 8); do
        rm -rf "$T/store"
        local pids=() pid
        put tree/file "$round"
        xc save -q --key k --path tree
        for i in 1 2 3; do
            put "$i/tree/file" "$round $i"
            "$XCACHE" save -q --update --key k --path tree --workspace "$PWD/$i" 3>&- &
            pids+=($!)
            "$XCACHE" remove -q --key k >/dev/null 2>&1 3>&- &
        done
        wait "${pids[@]}"
        wait
        while read -r pack; do
            grep -qr "$(basename "$pack" .tar.zst)" "$T/store" --exclude-dir=packs ||
                fail "nothing names $pack"
        done < <(packs)
    done
}

@test "a bucket heals as a folder does, even without conditions" {
    for server in radosgw swift; do
        needs "$server"
        use_server "$server"
        put tree/file old
        xc save -q --key k --path tree
        s3 put "$(s3 list | sed -n 's|^[0-9]* \(.*/entries/.*\)$|\1|p')" /dev/null
        put tree/file new
        xc save -q --key k --path tree
        rm -r tree
        xc restore -q --key k --path tree
        same "$(cat tree/file)" new
        put tree/file newer
        xc save -q --update --key k --path tree
        xc restore -q --key k --path tree
        same "$(cat tree/file)" newer
        s3 clear
    done
}
