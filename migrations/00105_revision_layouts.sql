-- +goose Up
-- Where the boxes of a flow stood while a revision was the newest. The row of a
-- revision is written over until there is a next one; a revision without one has the
-- places of the one before it. It is no part of the content and of no hash.
CREATE TABLE revision_layouts (
    kind     text NOT NULL,
    key      text NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    layout   text NOT NULL,
    PRIMARY KEY (kind, key, revision)
);
INSERT INTO revision_layouts SELECT kind, key, head, layout FROM artifacts WHERE kind = 'flow' AND head > 0 AND layout <> '' AND layout <> '{}';
GRANT SELECT, INSERT, UPDATE ON revision_layouts TO joinery_app;
