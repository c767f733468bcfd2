-- +goose Up
-- The moment that a step tells its function, from before the first try until the step
-- is over: whoever goes on after a crash or a wait tells the same.
CREATE TABLE function_moments (
    run_id text NOT NULL,
    node   text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (run_id, node)
);
GRANT SELECT, INSERT, DELETE ON function_moments TO joinery_app;
