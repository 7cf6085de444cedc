# Builds Perch as one static binary and puts it on an empty image: no shell, no
# package manager, no root. Data is in /data; the configuration is read from
# /etc/perch/perch.yaml and the environment.
#
#   docker build -t perch .
#   docker run -p 8080:8080 -v perch-data:/data -v ./perch.yaml:/etc/perch/perch.yaml:ro perch

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/perch ./cmd/perch
RUN mkdir -p /out/data /out/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /out/ \
    && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/zoneinfo.zip

FROM scratch
LABEL org.opencontainers.image.title="Perch" \
      org.opencontainers.image.description="X (Twitter) from the chat where your team works" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/perch-chat/perch"
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/zoneinfo.zip /usr/share/zoneinfo.zip
COPY --from=build /out/perch /perch
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /src/LICENSE /LICENSE
ENV ZONEINFO=/usr/share/zoneinfo.zip \
    PERCH_DATA=/data \
    PERCH_LISTEN=0.0.0.0:8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/perch", "health"]
ENTRYPOINT ["/perch"]
CMD ["serve", "--config", "/etc/perch/perch.yaml"]
