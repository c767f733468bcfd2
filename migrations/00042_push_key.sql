-- +goose Up
-- Names the write of the newest decision to push, whatever else changes meanwhile.
ALTER TABLE exceptions ADD COLUMN push_key text NOT NULL DEFAULT '';
