-- +goose Up
-- When an effect of unknown outcome was last tried again: a second creation waits
-- until what the first one may have made must be visible.
ALTER TABLE intents ADD COLUMN tried_at timestamptz;
