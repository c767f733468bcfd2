-- +goose Up
-- Asking an HRIS what has changed: how far each connection has been asked, and what
-- was seen of each worker then.
CREATE TABLE polls (
    connection  text PRIMARY KEY,
    -- Everything changed before the watermark has been seen; begun_at is where the
    -- first look began. Both by the database's clock.
    watermark   timestamptz NOT NULL,
    begun_at    timestamptz NOT NULL,
    -- A look under way: since when it asks, when it began, and its next page.
    pass_at     timestamptz,
    cursor      text NOT NULL DEFAULT '',
    due_at      timestamptz NOT NULL,
    asked_by    text NOT NULL DEFAULT '',
    lease_owner text NOT NULL DEFAULT '',
    lease_until timestamptz,
    ended_at    timestamptz,
    seen        integer NOT NULL DEFAULT 0,
    found       integer NOT NULL DEFAULT 0,
    recovered   bigint NOT NULL DEFAULT 0,
    failures    integer NOT NULL DEFAULT 0,
    error       text NOT NULL DEFAULT ''
);

CREATE TABLE readings (
    connection    text NOT NULL,
    worker        text NOT NULL,
    seen          jsonb NOT NULL DEFAULT '{}',
    number        bigint NOT NULL DEFAULT 0,
    read_at       timestamptz NOT NULL,
    -- Since when the HRIS has no record of the worker, and at how many looks it had none.
    missing_since timestamptz,
    missing       integer NOT NULL DEFAULT 0,
    -- A person has said that the record is gone for good.
    gone          boolean NOT NULL DEFAULT false,
    verified_at   timestamptz,
    PRIMARY KEY (connection, worker)
);

-- A start date with which the HRIS says "rescinded" and means "moved".
ALTER TABLE joiners ADD COLUMN moved_to text NOT NULL DEFAULT '';

GRANT SELECT, INSERT, UPDATE, DELETE ON polls, readings TO joinery_app;
