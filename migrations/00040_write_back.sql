-- +goose Up
-- What Joinery wrote into an HRIS, one row for each field of each write: what was
-- there before, whether it was read back, until when an event of it is our own
-- echo, and when it is looked at again. Values are needed to compare and to restore.
CREATE TABLE write_backs (
    id          text PRIMARY KEY,
    intent      text NOT NULL,
    joiner_id   text NOT NULL,
    connection  text NOT NULL,
    worker      text NOT NULL,
    field       text NOT NULL,
    flow        text NOT NULL DEFAULT '',
    run_id      text NOT NULL DEFAULT '',
    node        text NOT NULL DEFAULT '',
    policy      text NOT NULL DEFAULT '',
    value       jsonb,
    hash        text NOT NULL,
    before      jsonb,
    state       text NOT NULL CHECK (state IN ('intended', 'written', 'verified', 'not_verified', 'drifted', 'replaced', 'released', 'undone')),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    written_at  timestamptz,
    verified_at timestamptz,
    echo_until  timestamptz NOT NULL,
    -- The key of the event that told of this write.
    echo_key    text NOT NULL DEFAULT '',
    check_at    timestamptz,
    checked_at  timestamptz,
    UNIQUE (intent, field)
);
CREATE INDEX write_backs_joiner ON write_backs (joiner_id, connection, field, at DESC);
CREATE INDEX write_backs_check ON write_backs (check_at) WHERE check_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON write_backs TO joinery_app;

-- Until when an event of this joiner may be our own echo: intake reads it with the
-- row that it locks anyway, and asks further only where it is not over.
ALTER TABLE joiners ADD COLUMN echo_until timestamptz;
-- The write that an event only tells of.
ALTER TABLE events ADD COLUMN echo_of text NOT NULL DEFAULT '';

-- One process at a time has a duty, by the database's clock.
CREATE TABLE duties (
    name  text PRIMARY KEY,
    owner text NOT NULL,
    until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON duties TO joinery_app;
