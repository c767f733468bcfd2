-- +goose Up
-- A keyed mark on each release, made by the program when it makes the release live. Its
-- key is not in the database: what somebody with all rights on it makes live, be it as
-- consistent as can be, has none and does not run.
CREATE TABLE release_seals (
    release_id text PRIMARY KEY REFERENCES releases (id),
    mark       bytea NOT NULL
);
-- When the releases of the time before were sealed, as they stood: once.
CREATE TABLE release_sealing (
    once boolean PRIMARY KEY DEFAULT true CHECK (once),
    at   timestamptz NOT NULL DEFAULT now()
);
INSERT INTO release_sealing (once) SELECT true WHERE NOT EXISTS (SELECT 1 FROM releases);
GRANT SELECT, INSERT, UPDATE ON release_seals TO joinery_app;
GRANT SELECT, INSERT ON release_sealing TO joinery_app;
