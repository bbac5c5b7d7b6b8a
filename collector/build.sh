#!/usr/bin/env bash
# Builds the collector from published modules into a cache outside the tree and prints where it is.
#
#   collector/build.sh [slim|full]           build it unless that was done before
#   collector/build.sh --where [slim|full]   only say where it is, or would be
#
# Slim is for the tests; full is for operation. What is built is found by the hash of what it is built from.
set -euo pipefail
cd "$(dirname "$0")"

only_where=
if [ "${1:-}" = --where ]; then only_where=1; shift; fi
case "${1:-slim}" in
    slim) manifest=builder.slim.yaml ;;
    full) manifest=builder.yaml ;;
    *) echo "collector/build.sh: slim or full, not '$1'" >&2; exit 2 ;;
esac

version=$(sed -n 's/^  version: //p' "$manifest")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stagelight/otelcol
hash=$(cat "$manifest" unlisted.sum | sha256sum | cut -c 1-16)
program=$cache/$hash/otelcol-stagelight
if [ -n "$only_where" ] || [ -x "$program" ]; then echo "$program"; exit; fi

if ! command -v go >/dev/null; then
    echo 'collector/build.sh: Go 1.26 or newer is needed to build the collector: https://go.dev/dl' >&2
    exit 1
fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/_build" # as the manifests name it
cp "$manifest" "$work/manifest.yaml"

# The checksum database of Go does not know the service graph's module. With its hash in go.sum beforehand Go does not
# ask, and refuses any other content; GONOSUMDB would accept whatever comes.
cp unlisted.sum "$work/_build/go.sum"

builder=$cache/builder-$version
cores=$(nproc 2>/dev/null || echo 2)
export GOFLAGS="${GOFLAGS:-} -p=$cores"
{
    if [ ! -x "$builder" ]; then
        GOBIN=$work/bin go install "go.opentelemetry.io/collector/cmd/builder@v$version"
        mv "$work/bin/builder" "$builder"
    fi
    cd "$work"
    "$builder" --config manifest.yaml
} >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; exit 1; }

mkdir -p "$(dirname "$program")"
mv "$work/_build/otelcol-stagelight" "$program" # in one step: who looks meanwhile sees all of it or nothing
cp "$work/_build/go.mod" "$work/_build/go.sum" "$(dirname "$program")"
echo "$program"
