-- +goose Up
-- Joiners, the events that announce them, and the runs that bring them in.

CREATE TABLE joiners (
    id         text PRIMARY KEY,
    connection text NOT NULL,
    worker     text NOT NULL CHECK (length(worker) BETWEEN 1 AND 200),
    label      text NOT NULL DEFAULT '',
    attributes jsonb NOT NULL DEFAULT '{}',
    version    text NOT NULL DEFAULT '',
    read_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (connection, worker)
);
CREATE INDEX joiners_newest ON joiners (created_at DESC, id DESC);

-- Everything that came in at /hooks: accepted events, and dead letters with the
-- body they came with, to be looked at and replayed.
CREATE TABLE events (
    id          text PRIMARY KEY,
    connection  text NOT NULL,
    key         text NOT NULL DEFAULT '',
    type        text NOT NULL DEFAULT '',
    worker      text NOT NULL DEFAULT '',
    changed     text[] NOT NULL DEFAULT '{}',
    at          timestamptz,
    received_at timestamptz NOT NULL DEFAULT now(),
    state       text NOT NULL CHECK (state IN ('accepted', 'dead', 'replayed')),
    reason      text NOT NULL DEFAULT '',
    signer      text NOT NULL DEFAULT '',
    joiner_id   text REFERENCES joiners (id),
    runs        text[] NOT NULL DEFAULT '{}',
    repeats     integer NOT NULL DEFAULT 0,
    body        bytea,
    replay_of   text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX events_once ON events (connection, key) WHERE state = 'accepted';
CREATE INDEX events_joiner ON events (joiner_id, id DESC);
CREATE INDEX events_state ON events (state, id DESC);

CREATE TABLE runs (
    id           text PRIMARY KEY,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    flow         text NOT NULL,
    release_id   text NOT NULL REFERENCES releases (id),
    revision     integer NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('live', 'simulate')),
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'parked', 'succeeded', 'failed', 'canceled', 'compensated')),
    reason       text NOT NULL DEFAULT '',
    waiting_for  text NOT NULL DEFAULT '',
    joiner_id    text NOT NULL REFERENCES joiners (id),
    event_id     text NOT NULL DEFAULT '',
    started_by   text NOT NULL DEFAULT '',
    worker       jsonb,
    -- When the run is due (the engine's clock); null while it waits for a person.
    wake_at      timestamptz,
    wake_reason  text NOT NULL DEFAULT '',
    -- A newer event came while the run was under way.
    nudged       boolean NOT NULL DEFAULT false,
    cancel_asked text NOT NULL DEFAULT '',
    undoing      boolean NOT NULL DEFAULT false,
    -- Who carries it, until when (the database's clock), and the fencing number.
    lease_owner  text NOT NULL DEFAULT '',
    lease_until  timestamptz,
    epoch        bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    ended_at     timestamptz,
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX runs_due ON runs (wake_at) WHERE state IN ('queued', 'waiting');
CREATE INDEX runs_leased ON runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_order ON runs (flow, joiner_id, seq) WHERE state IN ('queued', 'running', 'waiting', 'parked');
CREATE INDEX runs_list ON runs (id DESC);
CREATE INDEX runs_flow ON runs (flow, id DESC);
CREATE INDEX runs_state ON runs (state, id DESC);
CREATE INDEX runs_joiner ON runs (joiner_id, id DESC);
CREATE INDEX runs_rate ON runs (flow, created_at) WHERE mode = 'live';

CREATE TABLE steps (
    run_id     text NOT NULL REFERENCES runs (id),
    node       text NOT NULL,
    type       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'canceled', 'undone')),
    port       text NOT NULL DEFAULT '',
    input      jsonb,
    output     jsonb,
    changes    jsonb NOT NULL DEFAULT '[]',
    error      text NOT NULL DEFAULT '',
    error_kind text NOT NULL DEFAULT '',
    attempts   integer NOT NULL DEFAULT 0,
    -- When the step is due again; null while it waits for a person.
    wake_at    timestamptz,
    wait_for   text NOT NULL DEFAULT '',
    note       text NOT NULL DEFAULT '',
    started_at timestamptz,
    ended_at   timestamptz,
    PRIMARY KEY (run_id, node)
);

CREATE TABLE attempts (
    run_id     text NOT NULL,
    node       text NOT NULL,
    number     integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    outcome    text NOT NULL,
    error      text NOT NULL DEFAULT '',
    log        text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, node, number)
);

-- What a run is about to do outside, written before it is done; the receipt
-- after. A retry that finds an intent knows that the effect may be its own.
CREATE TABLE intents (
    key        text PRIMARY KEY,
    run_id     text NOT NULL,
    node       text NOT NULL,
    flow       text NOT NULL,
    connection text NOT NULL,
    operation  text NOT NULL,
    target     text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    receipt    jsonb,
    receipt_at timestamptz,
    undone_at  timestamptz
);
CREATE INDEX intents_run ON intents (run_id, at);
CREATE INDEX intents_flow_rate ON intents (flow, operation, at);
CREATE INDEX intents_connection_rate ON intents (connection, operation, at);

CREATE TABLE signoffs (
    id         text PRIMARY KEY,
    run_id     text NOT NULL REFERENCES runs (id),
    node       text NOT NULL,
    title      text NOT NULL,
    question   text NOT NULL DEFAULT '',
    role       text NOT NULL DEFAULT '',
    person     text NOT NULL DEFAULT '',
    deadline   timestamptz,
    fields     jsonb NOT NULL DEFAULT '[]',
    state      text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'canceled')),
    decided_by text NOT NULL DEFAULT '',
    decided_name text NOT NULL DEFAULT '',
    comment    text NOT NULL DEFAULT '',
    form       jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
CREATE UNIQUE INDEX signoffs_one_open ON signoffs (run_id, node) WHERE state = 'open';
CREATE INDEX signoffs_state ON signoffs (state, id DESC);

CREATE TABLE joiner_accounts (
    joiner_id  text NOT NULL REFERENCES joiners (id),
    connection text NOT NULL,
    account_id text NOT NULL,
    name       text NOT NULL DEFAULT '',
    enabled    boolean NOT NULL DEFAULT false,
    created    boolean NOT NULL DEFAULT false,
    groups     text[] NOT NULL DEFAULT '{}',
    run_id     text NOT NULL,
    first_at   timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (joiner_id, connection, account_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON joiners, events, runs, steps, attempts, intents, signoffs, joiner_accounts TO joinery_app;
