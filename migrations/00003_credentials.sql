-- +goose Up
-- Sealed credentials of connections: one row per value. A rotation adds a row;
-- the one before stays accepted until its overlap ends.
CREATE TABLE credentials (
    id            text PRIMARY KEY,
    connection    text NOT NULL CHECK (connection ~ '^[a-z][a-z0-9-]{0,62}$'),
    name          text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    version       integer NOT NULL,
    sealed        bytea NOT NULL,
    owner_id      text NOT NULL REFERENCES users (id),
    deputy_id     text REFERENCES users (id),
    purpose       text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text NOT NULL,
    expires_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    overlap_until timestamptz,
    superseded    boolean NOT NULL DEFAULT false,
    revoked_at    timestamptz,
    revoked_by    text NOT NULL DEFAULT '',
    revoked_why   text NOT NULL DEFAULT '',
    UNIQUE (connection, name, version)
);
CREATE UNIQUE INDEX credentials_one_current ON credentials (connection, name) WHERE NOT superseded;
GRANT SELECT, INSERT, UPDATE ON credentials TO joinery_app;
