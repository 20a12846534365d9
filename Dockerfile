# SPDX-License-Identifier: Apache-2.0
# The container of the root action: the program, by a second name for the end of the job, and the
# authorities that a server's certificate must come from. The program follows the processor that the
# image is built for; a builder that does not say which that is builds for x64. Without a default
# here, BuildKit before 0.17 forgets the processor.
ARG TARGETARCH=${TARGETARCH:-amd64}

FROM scratch AS for-amd64
COPY dist/xcache-linux-x64 /xcache
COPY dist/xcache-linux-x64 /xcache-post

FROM scratch AS for-arm64
COPY dist/xcache-linux-arm64 /xcache
COPY dist/xcache-linux-arm64 /xcache-post

FROM for-${TARGETARCH:-amd64}
COPY dist/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENTRYPOINT ["/xcache"]
CMD ["action", "root"]
