-- +goose Up
-- One person may have several records in HR systems: joiners of one person share
-- its id and the mark on its accounts. '' means a person of one record.
ALTER TABLE joiners ADD COLUMN person text NOT NULL DEFAULT '', ADD COLUMN stamp text NOT NULL DEFAULT '';
CREATE INDEX joiners_person ON joiners (person) WHERE person <> '';

-- What people are recognised by: for each set of attributes a keyed mark of their
-- values, from which nobody learns the values. '' where an attribute is missing.
CREATE TABLE match_marks (
    joiner_id text NOT NULL,
    fields    text NOT NULL,
    mark      text NOT NULL,
    PRIMARY KEY (joiner_id, fields)
);
CREATE INDEX match_marks_found ON match_marks (fields, mark) WHERE mark <> '';

-- Up to which joiner each set of attributes is marked.
CREATE TABLE match_sets (
    fields text PRIMARY KEY,
    marked text NOT NULL DEFAULT ''
);

-- Two records that a person has said are two people.
CREATE TABLE match_apart (
    joiner_id text NOT NULL,
    other_id  text NOT NULL,
    by_name   text NOT NULL DEFAULT '',
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (joiner_id, other_id)
);

-- What a sign-off shows side by side.
ALTER TABLE signoffs ADD COLUMN compare jsonb NOT NULL DEFAULT '{}';

GRANT SELECT, INSERT, UPDATE, DELETE ON match_marks, match_sets, match_apart TO joinery_app;
