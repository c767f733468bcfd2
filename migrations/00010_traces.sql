-- +goose Up
-- Where a run came from, as the W3C traceparent of the request that brought it;
-- empty unless traces are on.
ALTER TABLE runs ADD COLUMN traceparent text NOT NULL DEFAULT '' CHECK (length(traceparent) <= 60);
