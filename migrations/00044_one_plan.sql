-- +goose Up
-- A newer event merges into the run of its joiner that still waits: the run reads
-- the worker again and goes over the steps that follow from what has changed.
-- round is how often it has, tidied the round whose leftovers are taken back.
ALTER TABLE runs ADD COLUMN round integer NOT NULL DEFAULT 0, ADD COLUMN tidied integer NOT NULL DEFAULT 0;
