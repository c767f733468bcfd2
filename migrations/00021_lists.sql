-- +goose Up
-- Lists stay fast with millions of runs: people are found by the beginnings of the
-- words of their name and department, and what is rare has an index of its own.
CREATE INDEX joiners_worker ON joiners (worker text_pattern_ops);
CREATE INDEX joiners_words ON joiners USING gin (to_tsvector('simple', label || ' ' || coalesce(attributes->>'department', '')));
CREATE INDEX runs_simulated ON runs (id DESC) WHERE mode = 'simulate';
CREATE INDEX runs_ended ON runs USING brin (ended_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX events_newest ON events (id DESC) WHERE state <> 'accepted';
