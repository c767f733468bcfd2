-- +goose Up
-- Ids that a joiner's account had before: an entry of a directory is named by its
-- common name, and steps and receipts from before still name it so.
ALTER TABLE joiner_accounts ADD COLUMN former text[] NOT NULL DEFAULT '{}';
