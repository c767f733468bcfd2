-- +goose Up
-- Answers to requests that a program may send again, because it never saw what came of
-- the first time. A row is written in the transaction of what it answers.
CREATE TABLE api_repeats (
    actor   text NOT NULL,
    key     text NOT NULL,
    request text NOT NULL,
    answer  jsonb NOT NULL DEFAULT '{}',
    at      timestamptz NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX api_repeats_old ON api_repeats (at);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_repeats TO joinery_app;
