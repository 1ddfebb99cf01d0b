# tolkien with the programs that its tools run, or without them (--target engine).
#
#   docker build -t tolkien .                     # or: podman build, buildah bud, buildctl
#   docker build -t tolkien:engine --target engine .
#
# For amd64 and arm64, on a machine of either: the engine is cross-compiled; only the last steps of the whole, which run its
# programs, need a machine or an emulation of what they are for. With one --timestamp (buildah) two builds of the engine are one:
# `TWICE=1 image/check` asks. image/check builds it without a daemon and from package registries alone, and tries it.

# Mirrors and base images are arguments; the defaults are public. Both images are of one release of Debian, as the engine is linked
# with the C library of the first.
ARG RUST=docker.io/library/rust:1.95-trixie
ARG BASE=docker.io/library/debian:trixie-slim

### The engine

FROM --platform=$BUILDPLATFORM ${RUST} AS build
ARG TARGETARCH
# The address of a sparse index that stands for crates.io.
ARG CARGO_MIRROR=""
ARG APT_MIRROR=""
WORKDIR /src
COPY . .
RUN if [ -n "$CARGO_MIRROR" ]; then \
      mkdir -p .cargo \
      && printf '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+%s"\n' "$CARGO_MIRROR" > .cargo/config.toml; \
    fi \
    && if [ -n "$APT_MIRROR" ]; then find /etc/apt -name '*.list' -o -name '*.sources' | xargs sed -i "s|http://deb.debian.org|$APT_MIRROR|g"; fi \
    && image/compile "${TARGETARCH:-$(dpkg --print-architecture)}" /out

# Certificates and downloads come from a stage of their own, as the slim base has neither.
FROM --platform=$BUILDPLATFORM ${BASE} AS debian
ARG APT_MIRROR=""
RUN if [ -n "$APT_MIRROR" ]; then find /etc/apt -name '*.list' -o -name '*.sources' | xargs sed -i "s|http://deb.debian.org|$APT_MIRROR|g"; fi \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates

FROM scratch AS engine
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tolkien" \
      org.opencontainers.image.description="An infrastructure agent that a team can review in a pull request" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.source="https://gitea.jpnadas.xyz/jpnadas/tolkien" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=debian /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /tmp
ENV TOLKIEN_CONFIG_DIR=/etc/tolkien TOLKIEN_SERVER__STATE_DIR=/var/lib/tolkien
EXPOSE 7331
ENTRYPOINT ["/usr/local/bin/tolkien"]
CMD ["serve"]

### The programs of the tools

# From their makers' sites, by the checksums in image/programs; with PROGRAMS=given from the folder image/given instead, so
# that nothing but package registries is asked (tests/peers/install builds them).
FROM debian AS programs
ARG PROGRAMS=vendor
ARG TARGETARCH
ARG NPM_MIRROR=https://registry.npmjs.org
ARG KUBERNETES_MIRROR=https://dl.k8s.io
ARG GITHUB_MIRROR=https://github.com
ARG HASHICORP_MIRROR=https://releases.hashicorp.com
ARG GITEA_MIRROR=https://gitea.com
COPY image/ /image/
RUN if [ "$PROGRAMS" = vendor ]; then \
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl unzip; \
    fi \
    && /image/programs "$PROGRAMS" "${TARGETARCH:-$(dpkg --print-architecture)}" /out/usr/local/bin

### The whole

FROM ${BASE} AS full
ARG APT_MIRROR=""
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tolkien" \
      org.opencontainers.image.description="An infrastructure agent that a team can review in a pull request" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.source="https://gitea.jpnadas.xyz/jpnadas/tolkien" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# git, rg and diff are Debian's. Nothing stays that could raise rights, nor what the packages left behind.
RUN if [ -n "$APT_MIRROR" ]; then find /etc/apt -name '*.list' -o -name '*.sources' | xargs sed -i.public "s|http://deb.debian.org|$APT_MIRROR|g"; fi \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates git ripgrep diffutils \
    && find /etc/apt -name '*.public' | while read -r file; do mv "$file" "${file%.public}"; done \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man /usr/share/info \
    && find /root -mindepth 1 -delete \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
COPY --from=build /out/etc/passwd /out/etc/group /etc/
COPY --from=build --chown=65532:65532 /out/var/lib/tolkien/ /var/lib/tolkien/
COPY --from=programs /out/ /
COPY --from=build /out/usr/local/bin/tolkien /usr/local/bin/tolkien
USER 65532:65532
WORKDIR /tmp
ENV TOLKIEN_CONFIG_DIR=/etc/tolkien TOLKIEN_SERVER__STATE_DIR=/var/lib/tolkien
# Each program starts, as the user that runs it.
RUN export HOME=/tmp/home \
    && mkdir "$HOME" && tolkien --version && kubectl version --client && argocd version --client --short && vault version \
    && tea --version && claude --version && git --version && rg --version && diff --version \
    && rm -rf "$HOME"
EXPOSE 7331
# For engines that look at it; Kubernetes uses the chart's probes.
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7331 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/tolkien"]
CMD ["serve"]
