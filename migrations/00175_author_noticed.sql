-- +goose Up
-- How many small changes the tests of a draft notice stays with it: whether that is
-- enough is for the setting of the day, and not for that of the day when it was saved.
-- What is unknown of drafts from before follows from their gap, where they had one.
ALTER TABLE author_revisions ADD COLUMN noticed integer CHECK (noticed BETWEEN 0 AND 100);
ALTER TABLE author_revisions DISABLE TRIGGER author_revisions_append_only;
UPDATE author_revisions SET noticed = substring(gaps::jsonb -> 0 ->> 'says' FROM 'notice (\d{1,3}) of 100')::integer
WHERE jsonb_array_length(gaps::jsonb) = 1 AND gaps::jsonb -> 0 ->> 'gate' = 'mutation';
ALTER TABLE author_revisions ENABLE TRIGGER author_revisions_append_only;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION review_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    setting jsonb := (SELECT value::jsonb FROM settings WHERE key = 'author');
BEGIN
    IF NEW.kind <> 'function' OR NOT EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM author_revisions b, jsonb_array_elements(b.gaps::jsonb) g
               WHERE b.hash = NEW.hash AND (b.noticed IS NULL OR g ->> 'gate' <> 'mutation')) THEN
        RAISE EXCEPTION 'A review is refused: this content misses a gate of the function author' USING ERRCODE = 'JN001';
    END IF;
    IF EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash AND noticed < coalesce((setting ->> 'mutation')::integer, 80)) THEN
        RAISE EXCEPTION 'A review is refused: the tests of this content notice too few small changes' USING ERRCODE = 'JN001';
    END IF;
    IF coalesce(setting ->> 'policy', 'off') <> 'on' THEN
        RAISE EXCEPTION 'A review is refused: what the function author writes is for drafts only here' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
