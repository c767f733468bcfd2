-- +goose Up
-- Managers who have no account yet: which steps wait for which worker's account.
CREATE TABLE awaited_accounts (
    run_id    text NOT NULL REFERENCES runs (id),
    node      text NOT NULL,
    hris      text NOT NULL,
    worker    text NOT NULL,
    directory text NOT NULL,
    other     text NOT NULL DEFAULT '',
    since     timestamptz NOT NULL,
    deadline  timestamptz NOT NULL,
    PRIMARY KEY (run_id, node)
);
CREATE INDEX awaited_accounts_worker ON awaited_accounts (hris, worker);
GRANT SELECT, INSERT, UPDATE, DELETE ON awaited_accounts TO joinery_app;
