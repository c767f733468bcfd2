-- +goose Up
-- Lists of people that were uploaded to a flow, how they are read, what a forecast
-- says of them, and how far their start has come. Rows keep the file's values only
-- until the list is started or thrown away.
CREATE TABLE bulk_lists (
    id          text PRIMARY KEY,
    flow        text NOT NULL,
    release_id  text NOT NULL DEFAULT '',
    connection  text NOT NULL,
    file        text NOT NULL DEFAULT '',
    format      text NOT NULL,
    columns     text[] NOT NULL,
    mapping     jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL CHECK (state IN ('draft', 'mapped', 'checking', 'checked', 'started', 'done', 'discarded')),
    -- How many are started at each stage; the last stage is everybody who is left.
    plan        integer[] NOT NULL DEFAULT '{}',
    stage       integer NOT NULL DEFAULT 0,
    onward      boolean NOT NULL DEFAULT false,
    stopped     text NOT NULL DEFAULT '',
    rows        integer NOT NULL DEFAULT 0,
    bad         integer NOT NULL DEFAULT 0,
    -- The forecast: how far it is, under whose hands, and what it says.
    looked      integer NOT NULL DEFAULT 0,
    live        boolean NOT NULL DEFAULT false,
    beat_at     timestamptz,
    report      jsonb,
    report_of   text NOT NULL DEFAULT '',
    checked_at  timestamptz,
    reason      text NOT NULL DEFAULT '',
    by_id       text NOT NULL,
    by_name     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bulk_lists_newest ON bulk_lists (created_at DESC, id DESC);
CREATE INDEX bulk_lists_onward ON bulk_lists (id) WHERE state = 'started';

CREATE TABLE bulk_rows (
    list_id    text NOT NULL REFERENCES bulk_lists (id),
    n          integer NOT NULL,
    line       integer NOT NULL,
    cells      text[],
    worker     text NOT NULL DEFAULT '',
    attributes jsonb NOT NULL DEFAULT '{}',
    problem    text NOT NULL DEFAULT '',
    -- What the forecast says: succeeded, failed, waiting; and why.
    foreseen   text NOT NULL DEFAULT '',
    foreseen_why text NOT NULL DEFAULT '',
    stage      integer NOT NULL DEFAULT 0,
    run_id     text NOT NULL DEFAULT '',
    PRIMARY KEY (list_id, n)
);
CREATE INDEX bulk_rows_run ON bulk_rows (run_id) WHERE run_id <> '';

-- The workers of connections whose HRIS is a file: the newest row of each person.
CREATE TABLE file_workers (
    connection text NOT NULL,
    worker     text NOT NULL,
    attributes jsonb NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now(),
    list_id    text NOT NULL DEFAULT '',
    PRIMARY KEY (connection, worker)
);
CREATE INDEX file_workers_changed ON file_workers (connection, changed_at, worker);

GRANT SELECT, INSERT, UPDATE, DELETE ON bulk_lists, bulk_rows, file_workers TO joinery_app;
