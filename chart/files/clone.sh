# Keeps a shallow clone of one branch fresh, whatever happened to it. When the server does not answer, the last state stays.
trap 'exit 0' TERM INT
delay=1 head=none
while :; do
  if [ -s /run/secrets/git/token ]; then
    # Read again each time, and in no argument: what a rotation brings is used at once.
    login=$(printf 'tolkien:%s' "$(cat /run/secrets/git/token)" | base64 -w0)
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.extraHeader" GIT_CONFIG_VALUE_0="Authorization: Basic $login"
  fi
  if git -c init.defaultBranch=main init -q --template= \
    && git -c gc.autoDetach=false -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 fetch -q --depth=1 --no-tags --no-recurse-submodules -- "$CLONE_URL" "refs/heads/$CLONE_BRANCH" \
    && git -c core.hooksPath=/dev/null -c core.fsmonitor=false reset -q --hard FETCH_HEAD \
    && git -c core.fsmonitor=false clean -ffdxq; then
    now=$(git rev-parse --short HEAD)
    [ "$now" = "$head" ] || echo "$CLONE_URL: now at $now"
    head=$now delay=$CLONE_INTERVAL
  else
    delay=$((delay * 2 < CLONE_INTERVAL ? delay * 2 : CLONE_INTERVAL))
    echo "$CLONE_URL: not refreshed, still at $head; again in $delay s" >&2
  fi
  sleep "$delay" &
  wait $!
done
