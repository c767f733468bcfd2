-- +goose Up
-- Breaking the glass is for what people wrote: neither what came out of a conversation
-- with the model, nor what was made of it by hand since the function was last released,
-- goes live without another person's yes to exactly that content.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION release_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'function'
       AND EXISTS (SELECT 1 FROM author_revisions b WHERE b.hash = NEW.hash OR b.key = NEW.key AND b.revision <= NEW.revision
                   AND b.revision > coalesce((SELECT max(l.revision) FROM releases l WHERE l.kind = 'function' AND l.key = NEW.key AND l.revision < NEW.revision), 0))
       AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.kind = NEW.kind AND a.key = NEW.key AND a.hash = NEW.hash
                       AND NOT wrote(a.kind, a.key, a.revision, a.approver_id)) THEN
        RAISE EXCEPTION 'A release is refused: what the function author wrote goes live only after another person approved exactly that content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
