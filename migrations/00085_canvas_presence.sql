-- +goose Up
-- Who has a flow open on the canvas right now. It is forgotten within a minute, so
-- it need not survive a crash.
CREATE UNLOGGED TABLE canvas_presence (
    kind    text NOT NULL,
    key     text NOT NULL,
    tab     text NOT NULL CHECK (tab ~ '^[a-z0-9-]{8,64}$'),
    user_id text NOT NULL,
    name    text NOT NULL,
    node    text NOT NULL DEFAULT '',
    edits   boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key, tab)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON canvas_presence TO joinery_app;

