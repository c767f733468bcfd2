-- +goose Up
-- Each call of a function in a step, with all that it was given: what a replay
-- needs. As text, because jsonb cannot hold all that JSON can.
CREATE TABLE function_calls (
    run_id   text NOT NULL,
    node     text NOT NULL,
    number   int  NOT NULL,
    function text NOT NULL,
    revision int  NOT NULL,
    hash     text NOT NULL,
    at       timestamptz NOT NULL,
    tape     text NOT NULL,
    PRIMARY KEY (run_id, node, number)
);
GRANT SELECT, INSERT, UPDATE ON function_calls TO joinery_app;
