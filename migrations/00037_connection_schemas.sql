-- +goose Up
-- What connections last told about the attributes of their accounts, so that mappings
-- can be checked while nobody waits for a system that is slow or away.
CREATE TABLE connection_schemas (
    connection text PRIMARY KEY,
    attributes jsonb NOT NULL DEFAULT '[]',
    read_at    timestamptz,
    tried_at   timestamptz NOT NULL DEFAULT now(),
    trouble    text NOT NULL DEFAULT '' CHECK (length(trouble) <= 1000)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON connection_schemas TO joinery_app;
