#!/usr/bin/env bash
# Validates every configuration and starts it for a moment; fails on an error, and on any word of deprecation.
#
#   collector/check.sh PROGRAM                  each configuration here, in the combinations that are meant
#   collector/check.sh PROGRAM FILE [FILE…]     these files together
#
# `validate` alone is not enough: what is deprecated is only said at the start.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$1
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Any free port, and secrets for this run.
export STAGELIGHT_COLLECTOR_GRPC=127.0.0.1:0 STAGELIGHT_COLLECTOR_HTTP=127.0.0.1:0
export STAGELIGHT_COLLECTOR_HEALTH=127.0.0.1:0 STAGELIGHT_COLLECTOR_SCRAPE=127.0.0.1:0 STAGELIGHT_COLLECTOR_METRICS_PORT=0
export STAGELIGHT_CA_FILE=$work/tls.crt STAGELIGHT_CERT_FILE=$work/tls.crt STAGELIGHT_KEY_FILE=$work/tls.key
export STAGELIGHT_INGEST_TOKEN_FILE=$work/token STAGELIGHT_GATEWAY_HOST=localhost
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
echo check >"$work/token"

check() {
    local names=() configs=() file log=$work/log pid tries=0
    for file in "$@"; do
        names+=("$(basename "$file")")
        configs+=(--config "$file")
    done
    export STAGELIGHT_COLLECTOR_QUEUE_DIR=$work/queue
    rm -rf "$work/queue"
    "$program" validate "${configs[@]}" >"$log" 2>&1 || { echo "${names[*]}: not valid"; cat "$log"; return 1; }
    "$program" "${configs[@]}" >>"$log" 2>&1 &
    pid=$!
    until grep -q 'Everything is ready' "$log" || ! kill -0 "$pid" 2>/dev/null || [ $((tries += 1)) -gt 300 ]; do
        sleep 0.05
    done
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true # in its first moment it does not listen to signals yet, and ends by them
    if ! grep -q 'Everything is ready' "$log"; then
        echo "${names[*]}: does not start"
        grep -v '	info	' "$log" || cat "$log"
        return 1
    fi
    if grep -i deprecat "$log"; then
        echo "${names[*]}: says something is deprecated"
        return 1
    fi
    echo "${names[*]}: valid, starts, nothing deprecated"
}

if [ $# -gt 0 ]; then
    check "$@"
    exit
fi
cd "$here"
check collector.yaml
check collector.yaml prometheus2.yaml
check collector.yaml secure.yaml
check agent.yaml
check agent.yaml secure.yaml
check gateway.yaml
check gateway.yaml prometheus2.yaml
