#!/bin/sh
# Makes the two roles and the database at the first start of the PostgreSQL container.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/joinery_password)" --username postgres <<'SQL'
CREATE ROLE joinery_app;
CREATE ROLE joinery LOGIN PASSWORD :'password';
GRANT joinery_app TO joinery;
CREATE DATABASE joinery OWNER joinery;
SQL
