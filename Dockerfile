# SPDX-License-Identifier: Apache-2.0
# The container of the root action: the program and the authorities that a server's certificate must
# come from, and nothing else. The program follows the processor that the image is built for; a
# builder that does not say which that is builds for x64.
ARG TARGETARCH

FROM scratch AS for-amd64
COPY dist/xcache-linux-x64 /xcache

FROM scratch AS for-arm64
COPY dist/xcache-linux-arm64 /xcache

FROM for-${TARGETARCH:-amd64}
COPY dist/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENTRYPOINT ["/xcache"]
CMD ["action", "root"]
