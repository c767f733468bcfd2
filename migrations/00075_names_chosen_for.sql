-- +goose Up
-- What a name was chosen anew for: a run that lives long may see a second change of name.
ALTER TABLE reservations ADD COLUMN chosen_for text NOT NULL DEFAULT '';
