#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the doctor says of stores that work, and of those that do not.

load helpers
load servers

# The states of all findings: "put=good get=good ..."
findings() {
    xc doctor --json 2>/dev/null | json '" ".join(f["check"] + "=" + f["state"] for f in d["findings"])'
}

@test "a working folder is healthy, and nothing stays in it" {
    ends 0 xc doctor
    has "$output" "A save and a restore would work."
    lacks "$output" "bad "
    same "$(find "$T/store" -type f)" ""
    same "$(xc doctor --json 2>/dev/null | json 'str(d["ok"]) + str(d["trial_bytes"])')" True67108864
}

@test "a folder that cannot be written is reported" {
    echo x >"$T/store"
    ends 1 xc doctor
    has "$output" "bad      put"
    has "$output" "A save or a restore would fail."
    same "$(xc doctor --json 2>/dev/null | json 'd["ok"]')" false
}

@test "a working bucket is healthy, and nothing stays in it" {
    use_server radosgw
    ends 0 xc doctor
    has "$output" "an existing entry is not overwritten"
    lacks "$output" "bad "
    lacks "$output" "warning "
    lacks "$output$stderr" "$AWS_SECRET_ACCESS_KEY"
    same "$(s3 list)" ""
    no_open_uploads
}

@test "a server without conditions is healthy, and nothing stays in it" {
    use_server swift
    ends 0 xc doctor
    has "$output" "A save and a restore would work."
    same "$(s3 list)" ""
}

@test "doctor reports in one row what a server does with If-Match" {
    ends 0 xc doctor
    has "$output" "good     replace      an entry is replaced only if nobody else"
    use_server radosgw
    ends 0 xc doctor
    has "$output" "good     replace      an entry is replaced only if nobody else"
    use_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "unconditional"}]'
    ends 0 xc doctor --store "$FAULTS_URL"
    has "$output" "warning  replace      the store ignores If-Match"
    has "$output" "may lose one save"
    set_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "status", "code": "NotImplemented"}]'
    ends 0 xc doctor --store "$FAULTS_URL"
    has "$output" "note     replace      the store has no If-Match"
    set_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "status", "code": "AccessDenied"}]'
    ends 0 xc doctor --store "$FAULTS_URL"
    has "$output" "warning  replace      an entry cannot be replaced (save --update)"
    stop_proxies
    same "$(s3 list)" ""
}

@test "a wrong secret is reported and not printed" {
    use_server radosgw
    AWS_SECRET_ACCESS_KEY=wrong-secret ends 1 xc doctor
    has "$output" "a key is probably wrong"
    lacks "$output$stderr" wrong-secret
    use_server swift
    AWS_SECRET_ACCESS_KEY=wrong-secret ends 1 xc doctor
    has "$output" "is wrong, or a reverse proxy"
}

@test "a missing bucket is named" {
    use_server radosgw
    ends 1 xc doctor --store "s3://no-such-bucket?region=us-east-1&endpoint=$XC_TEST_RADOSGW_ENDPOINT"
    has "$output" "there is no bucket no-such-bucket"
}

@test "a bucket in another region is reported" {
    use_server radosgw
    load proxy
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}"
    set_faults '[{"action": "region", "region": "eu-west-9"}]'
    ends 0 xc doctor --store "s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX?endpoint=http://127.0.0.1:$FAULTS_PORT"
    stop_proxies
    has "$output" "the bucket is in eu-west-9, not in us-east-1: write region=eu-west-9"
    has "$output" "A save and a restore would work."
}

# A proxy that applies these rules stands before the bucket: use_faults RULES
use_faults() {
    use_server radosgw
    load proxy
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}"
    set_faults "$1"
    FAULTS_URL="s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX?region=us-east-1&endpoint=http://127.0.0.1:$FAULTS_PORT"
}

@test "a login page in place of the server is named, by doctor, save and restore" {
    use_faults '[{"action": "page"}]'
    mkdir src
    echo x >src/file
    ends 1 xc doctor --store "$FAULTS_URL"
    has "$output" "this does not look like S3"
    ends 1 xc save -q --store "$FAULTS_URL" --key k --path src
    has "$stderr" "this does not look like S3"
    ends 1 xc restore --store "$FAULTS_URL" --key k --path src
    has "$stderr" "this does not look like S3"
    lacks "$stderr" "xcache remove"
    stop_proxies
}

@test "a proxy's refusal is not blamed on the credentials" {
    use_faults '[{"action": "page", "status": 403}]'
    ends 1 xc doctor --store "$FAULTS_URL"
    has "$output" "not about your S3 credentials"
    lacks "$output" "a key is probably wrong"
    ends 1 xc restore --store "$FAULTS_URL" --key k --path src
    has "$stderr" "not about your S3 credentials"
    stop_proxies
}

@test "a limit on the size of requests is named, with the way around it" {
    use_faults '[{"op": "UploadPart", "action": "page", "status": 413}]'
    ends 1 xc doctor --store "$FAULTS_URL"
    has "$output" "bad      upload"
    has "$output" "set a smaller part-size"
    stop_proxies
    no_open_uploads
}

@test "an endpoint that ends in the bucket's name is pointed out" {
    use_server radosgw
    XCACHE_STORE="s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX?region=us-east-1&endpoint=$XC_TEST_RADOSGW_ENDPOINT/$XC_TEST_RADOSGW_BUCKET"
    ends 1 xc doctor
    has "$output" "leave the bucket out of the endpoint"
    ends 1 xc restore --key k --restore-key r --path src
    has "$stderr" "leave the bucket out of the endpoint"
    ends 1 xc doctor
    has "$output" "write endpoint=$XC_TEST_RADOSGW_ENDPOINT"
}

@test "each trial object that cannot be removed is named" {
    use_faults '[{"method": "DELETE", "path": "large$", "action": "status", "code": "AccessDenied", "status": 403}]'
    ends 0 xc doctor --store "$FAULTS_URL"
    stop_proxies
    has "$output" ".large stays in the store"
    s3 clear
}

@test "a missing permission is named" {
    use_server radosgw
    use_keys XC_TEST_RADOSGW_OTHER_KEY XC_TEST_RADOSGW_OTHER_SECRET
    ends 1 xc doctor
    has "$output" s3:PutObject
    has "$output" s3:GetObject
    has "$output" s3:ListBucket
    has "$(findings)" "put=bad get=bad miss=bad list=bad"
}

@test "a dead endpoint is named" {
    export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
    # Nothing listens on port 1 of loopback.
    ends 1 xc doctor --store 's3://bucket?region=us-east-1&endpoint=http://127.0.0.1:1'
    has "$output" "cannot connect to 127.0.0.1:1: Connection refused"
    has "$(XCACHE_STORE='s3://bucket?region=r&endpoint=http://127.0.0.1:1' findings)" "bucket=bad"
}

@test "missing credentials are asked for" {
    export AWS_EC2_METADATA_DISABLED=true
    ends 1 xc doctor --store 's3://bucket?region=us-east-1&endpoint=http://127.0.0.1:1'
    has "$output" "bad      credentials"
    has "$output" AWS_ACCESS_KEY_ID
}
