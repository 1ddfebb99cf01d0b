# shellcheck shell=bash
# What chart/check, terraform/vault/check, image/check and .ci/actions/check share, which source it: counting what holds, starting
# servers and ending them, and a Kubernetes API server. Sets $cache (programs), $work (a folder that goes away) and $HOME.

export HELM=3.19.0
export KUBERNETES=1.36.3           # as tests/peers/install builds it

# prepare CACHE PROGRAM...: brings what is missing from package registries.
prepare() {
  local program
  cache=${1:-${TOLKIEN_PEERS:-${TMPDIR:-/tmp}/tolkien-peers}}
  shift
  mkdir -p "$cache/bin"
  cache=$(realpath "$cache")
  for program; do
    case $program in
      helm) [ -x "$cache/bin/helm" ] || GOBIN=$cache/bin go install "helm.sh/helm/v3/cmd/helm@v$HELM" ;;
      terraform) [ -x "$cache/bin/terraform" ] || GOBIN=$cache/bin go install github.com/hashicorp/terraform@v1.5.7 ;;
      actionlint) [ -x "$cache/bin/actionlint" ] || GOBIN=$cache/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 ;;
      # (5.9.0, whose module says nothing of its major version)
      terraform-provider-vault) [ -x "$cache/bin/$program" ] || GOBIN=$cache/bin go install "github.com/hashicorp/$program@v1.9.1-0.20260422134934-5e9fcd457a99" ;;
      vault-plugin-auth-kubernetes) [ -x "$cache/bin/$program" ] || GOBIN=$cache/bin go install "github.com/hashicorp/$program/cmd/$program@v0.23.1" ;;
      kubectl | etcd | kube-apiserver | vault | gitea) [ -x "$cache/bin/$program" ] || TOLKIEN_PEERS=$cache tests/peers/install "$program" ;;
      *) command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 2; } ;;
    esac
  done
  export PATH=$cache/bin:$PATH
  work=$(mktemp -d)
  trap leave EXIT
  export HOME=$work/home TMPDIR=$work
  mkdir "$HOME"
}

# The program under test: $TOLKIEN, by default the release build.
find_tolkien() {
  # shellcheck disable=SC2034 # for who sources this
  tolkien=$(realpath --canonicalize-existing "${TOLKIEN:-target/release/tolkien}" 2>/dev/null) || { echo "there is no program: cargo build --release" >&2; exit 2; }
}

started=()
leave() {
  local i pid
  # The last first, each to its end: an API server without its etcd waits for ever.
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    pid=${started[i]}
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}

passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() {
  failed=$((failed + 1))
  printf 'FAILED  %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/        /' >&2
}
same() { if [ "$2" = "$3" ]; then good; else bad "$1" "expected: $2"$'\n'"found:    $3"; fi; }
holds() { if grep -qF -- "$2" <<<"$3"; then good; else bad "$1: lacks \`$2\`" "$3"; fi; }
lacks() { if grep -qF -- "$2" <<<"$3"; then bad "$1: has \`$2\`" "$3"; else good; fi; }
# does WHAT COMMAND...: it succeeds. fails WHAT COMMAND...: it does not.
does() { local text what=$1; shift; if text=$("$@" 2>&1); then good; else bad "$what" "$text"; fi; }
fails() { local text what=$1; shift; if text=$("$@" 2>&1); then bad "$what" "$text"; else good; fi; }
until_true() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; return 1; }
free_port() { local port; while :; do port=$((20000 + RANDOM % 12000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break; done; echo "$port"; }
conclude() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

# An API server with RBAC, without controllers. Afterwards `root` is kubectl as its administrator, `as TOKEN` as another.
start_cluster() {
  local client peer
  api=$(free_port) client=$(free_port) peer=$(free_port) admin=$(openssl rand -hex 16)
  pushd "$work" >/dev/null || exit 1
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.crt 2>/dev/null
  echo "$admin,admin,1,\"system:masters\"" >tokens.csv
  etcd --data-dir=etcd "--listen-client-urls=http://127.0.0.1:$client" "--advertise-client-urls=http://127.0.0.1:$client" \
    "--listen-peer-urls=http://127.0.0.1:$peer" "--initial-advertise-peer-urls=http://127.0.0.1:$peer" \
    "--initial-cluster=default=http://127.0.0.1:$peer" >etcd.log 2>&1 &
  started+=($!)
  kube-apiserver "--etcd-servers=http://127.0.0.1:$client" "--secure-port=$api" --bind-address=127.0.0.1 --tls-cert-file=tls.crt \
    --tls-private-key-file=tls.key --cert-dir=certs --token-auth-file=tokens.csv --authorization-mode=RBAC \
    --service-account-issuer=https://127.0.0.1 --service-account-key-file=tls.crt --service-account-signing-key-file=tls.key \
    --service-cluster-ip-range=10.96.0.0/16 >apiserver.log 2>&1 &
  started+=($!)
  popd >/dev/null || exit 1
  until_true root get --raw /readyz || { tail -n 20 "$work/apiserver.log" >&2; exit 1; }
  root create namespace tolkien >/dev/null
}
as() { local token=$1; shift; kubectl "--server=https://127.0.0.1:$api" "--certificate-authority=$work/tls.crt" "--token=$token" "$@"; }
root() { as "$admin" "$@"; }
