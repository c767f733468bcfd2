-- +goose Up
-- What a person must reconcile. There is at most one that is not resolved about one
-- subject: who opens it again finds it.
CREATE TABLE exceptions (
    id            text PRIMARY KEY,
    kind          text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,39}$'),
    subject       text NOT NULL CHECK (length(subject) BETWEEN 1 AND 600),
    state         text NOT NULL CHECK (state IN ('open', 'asked', 'pushing', 'excepted', 'resolved')),
    title         text NOT NULL,
    reason        text NOT NULL DEFAULT '',
    connection    text NOT NULL DEFAULT '',
    worker        text NOT NULL DEFAULT '',
    joiner_id     text NOT NULL DEFAULT '',
    field         text NOT NULL DEFAULT '',
    policy        text NOT NULL DEFAULT '',
    flow          text NOT NULL DEFAULT '',
    run_id        text NOT NULL DEFAULT '',
    node          text NOT NULL DEFAULT '',
    ours          jsonb,
    theirs        jsonb,
    detail        jsonb NOT NULL DEFAULT '{}',
    owner_id      text NOT NULL DEFAULT '',
    owner_name    text NOT NULL DEFAULT '',
    until         timestamptz,
    resolution    text NOT NULL DEFAULT '' CHECK (resolution IN ('', 'accept_hr', 'push', 'close', 'agrees')),
    resolved_by   text NOT NULL DEFAULT '',
    resolved_name text NOT NULL DEFAULT '',
    resolved_at   timestamptz,
    comment       text NOT NULL DEFAULT '',
    seen          integer NOT NULL DEFAULT 1,
    opened_at     timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    -- Pushing again: when to go on, how often it was tried, and how far it is.
    push_at       timestamptz,
    push_tries    integer NOT NULL DEFAULT 0,
    push_phase    text NOT NULL DEFAULT '' CHECK (push_phase IN ('', 'sending', 'sent'))
);
CREATE UNIQUE INDEX exceptions_one ON exceptions (subject) WHERE state <> 'resolved';
CREATE INDEX exceptions_open ON exceptions (state, id DESC) WHERE state <> 'resolved';
CREATE INDEX exceptions_accepted ON exceptions (subject, resolved_at DESC) WHERE resolution = 'accept_hr';
CREATE INDEX exceptions_joiner ON exceptions (joiner_id, id DESC) WHERE joiner_id <> '';
CREATE INDEX exceptions_push ON exceptions (push_at) WHERE state = 'pushing';
CREATE INDEX exceptions_until ON exceptions (until) WHERE state = 'excepted';
GRANT SELECT, INSERT, UPDATE ON exceptions TO joinery_app;

-- Its story: who did what when, and why. Nothing in it is ever changed.
CREATE TABLE exception_acts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exception_id text NOT NULL,
    at           timestamptz NOT NULL,
    actor_id     text NOT NULL,
    actor_name   text NOT NULL,
    act          text NOT NULL,
    text         text NOT NULL DEFAULT ''
);
CREATE INDEX exception_acts_of ON exception_acts (exception_id, id);
CREATE TRIGGER exception_acts_append_only BEFORE UPDATE OR DELETE ON exception_acts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER exception_acts_no_truncate BEFORE TRUNCATE ON exception_acts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON exception_acts TO joinery_app;
