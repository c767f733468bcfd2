-- +goose Up
-- Lists of workers that a program sent and that began on one person's word, for
-- counting what one person brings in within a day.
CREATE TABLE sent_lists (
    flow   text NOT NULL,
    people integer NOT NULL,
    by_id  text NOT NULL,
    at     timestamptz NOT NULL
);
CREATE INDEX sent_lists_recent ON sent_lists (flow, at);
GRANT SELECT, INSERT ON sent_lists TO joinery_app;
