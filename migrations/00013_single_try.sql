-- +goose Up
-- A step that passed at its first try keeps that try in its own row: log is null
-- where the tries are in attempts.
ALTER TABLE steps ADD COLUMN log text[];

-- Nothing finds records by this index: the page's filter reads names as well.
DROP INDEX audit_events_actor;
